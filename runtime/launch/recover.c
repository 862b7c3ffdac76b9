// SPDX-License-Identifier: Apache-2.0
// delete --force where state.json is missing or damaged: what else tells what create made.
#include "config.h"

#include "runtime/launch/recover.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/str.h"
#include "runtime/host/host.h"
#include "runtime/launch/launch.h"

// Is our own cgroup that one, or below it? Then killing all of it would kill us and whoever called us.
static bool holds_us(const struct cgroup_dir *dir, const struct host_hierarchy *h) {
    size_t n = strlen(dir->path);
    return strncmp(h->own_path, dir->path, n) == 0 && (h->own_path[n] == '\0' || h->own_path[n] == '/');
}

static bool is_recorded(const struct state *state, const char *dir) {
    for (size_t i = 0; i < state->n_cgroups; i++)
        if (str_eq(state->cgroups[i].dir, dir))
            return true;
    return false;
}

// A damaged file may have told some of them; the last one then may be half of an entry.
static void drop_half_entry(struct state *state) {
    const struct state_cgroup *last = state->n_cgroups ? &state->cgroups[state->n_cgroups - 1] : NULL;
    if (last && (!last->controllers || !last->dir || !last->made))
        state->n_cgroups--;
}

static int find_cgroups(const struct spec *spec, struct state *state, struct arena *a, struct error *err) {
    // Of the config the place alone counts: a limit that this host refuses now must not stand in the way.
    struct spec bare = { .linux_.cgroups_path = spec ? spec->linux_.cgroups_path : NULL };
    struct host host = { 0 };
    struct cgroup_plan plan;
    if (host_probe(&host, spec ? cgroup_needed(spec, a) : "", a, err) < 0 ||
        cgroup_translate(&bare, state->id, &host.cgroups, a, &plan, err) < 0)
        return -1;
    drop_half_entry(state);
    for (size_t i = 0; i < plan.n_dirs; i++) {
        const struct cgroup_dir *dir = &plan.dirs[i];
        if (is_recorded(state, dir->dir) || access(dir->dir, F_OK) < 0)
            continue;
        if (holds_us(dir, &host.cgroups.hierarchies[i]))
            return error_set(err, "recover.own-cgroup", 0,
                             "container %s: its state is lost, and its cgroup %s holds this very process",
                             state->id, dir->dir);
        log_warning("container %s: taking the cgroup %s, and all processes in it, for the container's",
                    state->id, dir->dir);
        // Who made its parents is not known any more.
        struct state_cgroup *c = ARENA_PUSH(a, state->cgroups, state->n_cgroups);
        *c = (struct state_cgroup){ dir->controllers, dir->dir, 1 };
    }
    return 0;
}

// Without a mount namespace of its own the container's processes were put into their root by chroot(2).
static const char *root_of_processes(const struct state *state, struct arena *a) {
    struct error ignored;
    size_t n;
    pid_t *pids;
    size_t n_pids;
    struct cgroup_place *places = launch_cgroup_places(state, a, &n);
    if (cgroup_list(places, n, a, &pids, &n_pids, &ignored) < 0)
        return NULL;
    for (size_t i = 0; i < n_pids; i++) {
        char path[64], target[PATH_MAX];
        snprintf(path, sizeof(path), "/proc/%d/root", (int)pids[i]);
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        if (length > 1)
            return arena_strndup(a, target, (size_t)length);
    }
    return NULL;
}

static void guess_root_mount(struct state *state) {
    struct rootfs r = ROOTFS_INIT;
    struct rootfs_attached attached;
    struct error ignored;
    bool known = state->root_mount || state->root_below;
    if (!known && rootfs_attached_guess(&r, state->rootfs, &attached, &ignored) == 0)
        state->root_mount = attached.mount;
    rootfs_close(&r);
}

static void find_root(const struct spec *spec, struct state *state, struct arena *a) {
    if (state->rootfs || !spec || spec->linux_.namespaces[NS_MOUNT].present)
        return;
    state->namespaces &= ~(uint64_t)CLONE_NEWNS;
    if (spec->root.path && *spec->root.path == '/')
        state->rootfs = spec->root.path;
    else
        state->rootfs = root_of_processes(state, a);
    if (!state->rootfs)
        return;
    log_warning("container %s: taking %s for its root", state->id, state->rootfs);
    guess_root_mount(state);
}

int launch_recover(const struct state_dir *dir, struct state *state, struct arena *a, struct error *err) {
    struct error config_error;
    const struct spec *spec = launch_saved_spec(dir, a, &config_error);
    if (!spec)
        log_warning("container %s: its saved config cannot be read either: %s", state->id, config_error.msg);
    if (!state->bundle)
        state->bundle = "";
    if (find_cgroups(spec, state, a, err) < 0)
        return -1;
    find_root(spec, state, a);
    return 0;
}

int launch_recover_empty(const char *root, const char *id, struct state_dir *dir, struct state *state,
                         struct arena *a, struct error *err) {
    struct stat st;
    *dir = STATE_DIR_NONE;
    if (state_check_id(id, err) < 0)
        return -1;
    if (lstat(arena_printf(a, "%s/%s", root, id), &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    // Somebody else's directory, or a creator that is at work just now: neither is a container that can be
    // deleted.
    if (state_claim(a, root, id, NULL, NULL, dir, err) < 0)
        return str_eq(err->code, "state.exists") ? 0 : -1;
    *state = (struct state){ .id = dir->id };
    log_warning("container %s: nothing is left of its state but the directory", id);
    if (launch_recover(dir, state, a, err) == 0)
        return 1;
    state_close(dir);
    return -1;
}
