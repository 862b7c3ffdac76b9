// SPDX-License-Identifier: Apache-2.0
// The end of a container: killing what lives, removing what create made.
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/log.h"
#include "lib/proc.h"
#include "runtime/launch/hooks.h"
#include "runtime/launch/launch.h"

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

// The end of a PID namespace's init is the end of all in it, and shows only when they are gone: see
// pid_namespaces(7). Usually nobody is left in the cgroups then, and they need not be gone through.
static bool ends_with_init(const struct state *state, const struct proc_handle *init, bool lives,
                           const struct cgroup_place *places, size_t n) {
    if (state->shared_pid_namespace || (lives && cgroup_is_frozen(places, n)))
        return false;
    return (!lives || proc_wait(init, ALONE_LIMIT_MS)) && cgroup_wait_empty(places, n, 0);
}

int launch_kill_all(const struct state *state, struct arena *a, struct error *err) {
    size_t n;
    struct cgroup_place *places = launch_cgroup_places(state, a, &n);
    cleanup_proc struct proc_handle init;
    bool lives = proc_hold(&state->init, &init) == 0;
    if (lives && proc_signal(&init, SIGKILL) < 0 && errno != ESRCH)
        return error_set(err, "kill.failed", errno, "kill init (pid %d) of container %s",
                         (int)state->init.pid, state->id);
    if (ends_with_init(state, &init, lives, places, n))
        return 0;
    if (n && cgroup_kill(places, n, err) < 0)
        return -1;
    if (lives && !proc_wait(&init, KILL_LIMIT_MS)) {
        error_set(err, "kill.timeout", 0,
                  "container init still running: pid %d of container %s did not end within %d s of SIGKILL",
                  (int)state->init.pid, state->id, KILL_LIMIT_MS / 1000);
        return error_hint(err, "it may be in uninterruptible sleep: see /proc/%d/stack",
                          (int)state->init.pid);
    }
    if (n && !cgroup_wait_empty(places, n, KILL_LIMIT_MS))
        return error_set(err, "kill.timeout", 0, "processes of container %s still run %d s after SIGKILL",
                         state->id, KILL_LIMIT_MS / 1000);
    return 0;
}

int launch_delete(struct state_dir *dir, const struct state *state, const struct spec *spec, struct arena *a,
                  struct error *err) {
    size_t n;
    struct cgroup_place *places = launch_cgroup_places(state, a, &n);
    if (n && cgroup_remove(places, n, err) < 0)
        return -1;
    // Without a mount namespace of its own its mounts are the host's: the root's tree hangs where it was
    // attached.
    if (state->rootfs && !(state->namespaces & CLONE_NEWNS))
        umount2(state->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW);
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
