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

enum { KILL_LIMIT_MS = 10 * 1000 };

struct cgroup_place *launch_cgroup_places(const struct state *state, struct arena *a, size_t *n) {
    struct cgroup_place *places = arena_calloc(a, state->n_cgroups + 1, sizeof(*places));
    for (size_t i = 0; i < state->n_cgroups; i++)
        places[i] = (struct cgroup_place){ state->cgroups[i].controllers, state->cgroups[i].dir,
                                           state->cgroups[i].made };
    *n = state->n_cgroups;
    return places;
}

int launch_kill_all(const struct state *state, struct arena *a, struct error *err) {
    size_t n, n_all;
    struct cgroup_place *places = launch_own_places(state, a, &n);
    struct cgroup_place *all = launch_cgroup_places(state, a, &n_all);
    cleanup_proc struct proc_handle init;
    bool lives = proc_hold(&state->init, &init) == 0;
    if (lives && proc_signal(&init, SIGKILL) < 0 && errno != ESRCH)
        return error_set(err, "kill.failed", errno, "kill init (pid %d) of container %s",
                         (int)state->init.pid, state->id);
    if (n && cgroup_kill(places, n, err) < 0)
        return -1;
    if (lives && n < n_all && launch_thaw(all, n_all, err) < 0)
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
