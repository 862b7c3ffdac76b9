// SPDX-License-Identifier: Apache-2.0
// The end of a container: killing what lives, removing what create made.
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/proc.h"
#include "lib/str.h"
#include "runtime/launch/hooks.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/members.h"
#include "runtime/supervisor/supervisor.h"

enum {
    KILL_LIMIT_MS = 10 * 1000,
    ALONE_LIMIT_MS = 100, // so long init may take for its end before its cgroups are asked to help
};

struct cgroup_place *launch_cgroup_places(const struct state *state, struct arena *a, size_t *n) {
    struct cgroup_place *places = arena_calloc(a, state->n_cgroups + 1, sizeof(*places));
    for (size_t i = 0; i < state->n_cgroups; i++)
        places[i] = (struct cgroup_place){ state->cgroups[i].controllers, state->cgroups[i].dir,
                                           state->cgroups[i].made };
    *n = state->n_cgroups;
    return places;
}

// SIGKILL to one process. 1: it lives, *held is to be waited for; 0: it is gone; -1 with *err.
static int kill_one(const struct proc_id *id, const struct state *state, struct proc_handle *held,
                    struct error *err) {
    if (proc_hold(id, held) < 0)
        return 0;
    if (proc_signal(held, SIGKILL) < 0 && errno != ESRCH)
        return error_set(err, "kill.failed", errno, "kill init (pid %d) of container %s", (int)id->pid,
                         state->id);
    return 1;
}

static int await_end(const struct proc_handle *held, const struct proc_id *id, const struct state *state,
                     struct error *err) {
    if (proc_wait(held, KILL_LIMIT_MS))
        return 0;
    error_set(err, "kill.timeout", 0,
              "container init still running: pid %d of container %s did not end within %d s of SIGKILL",
              (int)id->pid, state->id, KILL_LIMIT_MS / 1000);
    return error_hint(err, "it may be in uninterruptible sleep: see /proc/%d/stack", (int)id->pid);
}

static int kill_and_wait(const struct proc_id *id, const struct state *state, struct error *err) {
    cleanup_proc struct proc_handle held = PROC_HANDLE_NONE;
    int rc = id->pid > 0 ? kill_one(id, state, &held, err) : 0;
    return rc > 0 ? await_end(&held, id, state, err) : rc;
}

// False: none was recorded, create did not come that far.
static bool identity_of(const struct state *state, struct member_identity *out) {
    bool known = state_is_supervised(state) && members_read(state->members, out);
    if (known)
        out->payload = state_payload(state);
    return known;
}

// Without a PID namespace and a cgroup: the supervisor is asked; if it is dead or does not answer, it and the
// payload are killed here. Either way a look at all processes proves that none of the container's is left.
static int kill_supervised(const struct state_dir *dir, const struct state *state, struct error *err) {
    struct error asked;
    struct proc_id payload = state_payload(state);
    if (dir && supervisor_ask_kill(dir->fd, KILL_LIMIT_MS, &asked) < 0)
        log_warning("%s", asked.msg);
    if (kill_and_wait(&payload, state, err) < 0 || kill_and_wait(&state->init, state, err) < 0)
        return -1;
    struct member_identity members;
    struct members left;
    if (!identity_of(state, &members))
        return 0;
    if (members_kill(&members, KILL_LIMIT_MS, &left, err) < 0)
        return -1;
    if (!dir || !supervisor_was_lost(dir->fd))
        return 0;
    members_look_again(&members, &left);
    if (left.unsure)
        log_notice(
            "container %s: its supervisor was killed, and %zu processes cannot be looked at here: if one "
            "is the container's, it is left (pid %d may be)",
            state->id, left.unsure, (int)left.doubtful[0]);
    return 0;
}

bool launch_has_leftovers(const struct state_dir *dir, const struct state *state) {
    struct member_identity members;
    struct members found;
    struct error ignored;
    return supervisor_was_lost(dir->fd) && identity_of(state, &members) &&
           members_find(&members, &found, &ignored) == 0 && found.n > 0;
}

int launch_hint_leftovers(const struct state_dir *dir, const struct state *state, struct error *err) {
    if (!launch_has_leftovers(dir, state))
        return -1;
    return error_hint(err, "its supervisor has died and has left processes behind: delete --force ends them");
}

// The end of a PID namespace's init is the end of all in it, and shows only when they are gone: see
// pid_namespaces(7). Usually nobody is left in the cgroups then, and they need not be gone through.
static bool ends_with_init(const struct state *state, const struct proc_handle *init, bool lives,
                           const struct cgroup_place *places, size_t n) {
    if (state->shared_pid_namespace || (lives && cgroup_is_frozen(places, n)))
        return false;
    return (!lives || proc_wait(init, ALONE_LIMIT_MS)) && cgroup_wait_empty(places, n, 0);
}

int launch_kill_all(const struct state_dir *dir, const struct state *state, struct arena *a,
                    struct error *err) {
    size_t n, n_all;
    struct cgroup_place *places = launch_own_places(state, a, &n);
    struct cgroup_place *all = launch_cgroup_places(state, a, &n_all);
    if (state_is_supervised(state))
        return kill_supervised(dir, state, err);
    cleanup_proc struct proc_handle init = PROC_HANDLE_NONE;
    int lives = kill_one(&state->init, state, &init, err);
    if (lives < 0)
        return -1;
    if (n == n_all && ends_with_init(state, &init, lives > 0, places, n))
        return 0;
    if (n && cgroup_kill(places, n, err) < 0)
        return -1;
    if (lives && n < n_all && launch_thaw(all, n_all, err) < 0)
        return -1;
    if (lives && await_end(&init, &state->init, state, err) < 0)
        return -1;
    if (n && !cgroup_wait_empty(places, n, KILL_LIMIT_MS))
        return error_set(err, "kill.timeout", 0, "processes of container %s still run %d s after SIGKILL",
                         state->id, KILL_LIMIT_MS / 1000);
    return 0;
}

// Without a mount namespace of its own the container's mounts are the host's: the root's tree hangs where
// init attached it, or, if init died before, was never attached.
int launch_unmount_root(const struct state *state, struct error *err) {
    struct rootfs r = ROOTFS_INIT;
    struct rootfs_attached attached = { state->root_mount, state->root_below };
    if (!state->rootfs || (state->namespaces & CLONE_NEWNS))
        return 0;
    // Mount ids are counted anew with each boot, and no mount outlives one.
    if (state->init.boot_id[0] && !str_eq(state->init.boot_id, proc_boot_id()))
        return 0;
    int rc = rootfs_attached_remove(&r, state->rootfs, &attached, err);
    rootfs_close(&r);
    return rc;
}

int launch_delete(struct state_dir *dir, const struct state *state, const struct spec *spec, struct arena *a,
                  struct error *err) {
    size_t n;
    struct cgroup_place *places = launch_cgroup_places(state, a, &n);
    if (n && cgroup_remove(places, n, err) < 0)
        return -1;
    if (launch_unmount_root(state, err) < 0)
        return -1;
    struct error hook_error = { 0 };
    if (!spec)
        spec = launch_spec_with_hooks(dir, "poststop", a, &hook_error);
    if (!spec && hook_error.code[0])
        log_warning("poststop hooks are not run: %s", hook_error.msg);
    if (state_remove(dir, err) < 0)
        return -1;
    state_close(dir);
    if (!spec)
        return 0;
    struct hook_subject subject = { spec, state->id, state->bundle, state->rootfs };
    return hooks_run(&subject, HOOK_POSTSTOP, "stopped", 0, a, err);
}
