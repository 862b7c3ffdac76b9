// SPDX-License-Identifier: Apache-2.0
// A live container by the cgroups that its state records: who is in it, signals, freezing, removal. Nothing
// here waits without a limit, and what has gone meanwhile is never an error.
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/tree.h"

enum {
    KILL_ROUNDS = 100,
    SIGNAL_BATCH = 64, // descriptors
    FREEZE_MAX_US = 2000000,
    PROCS_MAX = 1 << 24, // bytes of a cgroup.procs that are read
};

// ---------------------------------------------------------------- the tree

static const struct cgroup_place *place_with(const struct cgroup_place *places, size_t n,
                                             const char *controller) {
    for (size_t i = 0; i < n; i++)
        if (*controller ? host_word_in(places[i].controllers, ",", controller) : !*places[i].controllers)
            return &places[i];
    return NULL;
}

struct dir_list {
    char **paths;
    size_t n;
};

static int add_subdirs(struct dir_list *list, size_t of, struct arena *a) {
    DIR *dir = opendir(list->paths[of]);
    if (!dir)
        return errno == ENOENT ? 0 : -1;
    const struct dirent *d;
    int rc = 0;
    while ((d = readdir(dir))) {
        if (d->d_type != DT_DIR || str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
            continue;
        if (strlen(list->paths[of]) + strlen(d->d_name) + 32 > PATH_MAX) {
            errno = ENAMETOOLONG;
            rc = -1;
            break;
        }
        const char *path = arena_printf(a, "%s/%s", list->paths[of], d->d_name);
        *ARENA_PUSH(a, list->paths, list->n) = (char *)path;
    }
    int saved = errno;
    closedir(dir);
    errno = saved;
    return rc;
}

// A cgroup and all below it, parents first. -1 with errno when a part cannot be reached.
static int list_tree(const char *top, struct arena *a, struct dir_list *out) {
    *out = (struct dir_list){ 0 };
    *ARENA_PUSH(a, out->paths, out->n) = arena_strdup(a, top);
    for (size_t i = 0; i < out->n; i++)
        if (add_subdirs(out, i, a) < 0)
            return -1;
    return 0;
}

// ---------------------------------------------------------------- who is in it

static int add_pids(const char *dir, struct arena *a, pid_t **pids, size_t *n) {
    char path[PATH_MAX];
    cleanup_fd int fd = open(tree_path(path, dir, "cgroup.procs"), O_RDONLY | O_CLOEXEC);
    const char *text = fd < 0 ? NULL : fd_read_all(fd, a, PROCS_MAX, NULL);
    if (!text) // gone; or threaded, when its processes are listed in the cgroup above that is not
        return errno == ENOENT || errno == ENODEV || errno == EOPNOTSUPP ? 0 : -1;
    for (char *end; *text; text = *end ? end + 1 : end) {
        long pid = strtol(text, &end, 10);
        if (end == text)
            break;
        if (pid > 0) // 0: a process of a pid namespace that we cannot see
            *ARENA_PUSH(a, *pids, *n) = (pid_t)pid;
    }
    return 0;
}

// The place that is asked for the processes: the first that still exists, in the order of who is least likely
// to have been left by them.
static const struct cgroup_place *listing_place(const struct cgroup_place *places, size_t n) {
    static const char *const order[] = { "", "freezer", "pids", "memory", "devices", "name=systemd" };
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        const struct cgroup_place *place = place_with(places, n, order[i]);
        if (place && access(place->dir, F_OK) == 0)
            return place;
    }
    for (size_t i = 0; i < n; i++)
        if (access(places[i].dir, F_OK) == 0)
            return &places[i];
    return NULL;
}

int cgroup_list(const struct cgroup_place *places, size_t n, struct arena *a, pid_t **pids, size_t *n_pids,
                struct error *err) {
    struct dir_list dirs;
    *pids = NULL;
    *n_pids = 0;
    const struct cgroup_place *place = listing_place(places, n);
    if (!place)
        return 0;
    if (list_tree(place->dir, a, &dirs) < 0)
        return error_set(err, "cgroup.failed", errno, "cannot list the cgroups below %s", place->dir);
    for (size_t i = 0; i < dirs.n; i++)
        if (add_pids(dirs.paths[i], a, pids, n_pids) < 0)
            return error_set(err, "cgroup.failed", errno, "cannot list the processes of the cgroup %s",
                             dirs.paths[i]);
    return 0;
}

static bool is_known(const pid_t *pids, size_t n, pid_t pid) {
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

// By the time a listed number is used it may be somebody else's. Who still is listed after its pidfd was
// opened is meant by that, or is gone.
static int signal_batch(const struct cgroup_place *places, size_t n, const pid_t *pids, size_t n_pids,
                        int sig, struct arena *a, struct error *err) {
    int fds[SIGNAL_BATCH];
    pid_t *now;
    size_t n_now;
    for (size_t i = 0; i < n_pids; i++)
        fds[i] = sys_pidfd_open(pids[i], 0);
    int rc = cgroup_list(places, n, a, &now, &n_now, err);
    for (size_t i = 0; i < n_pids; i++) {
        if (rc == 0 && is_known(now, n_now, pids[i]) && proc_signal_number(fds[i], pids[i], sig) < 0 &&
            errno != ESRCH)
            rc = error_set(err, "kill.failed", errno, "cannot send signal %d to process %d of the container",
                           sig, (int)pids[i]);
        fd_close(&fds[i]);
    }
    return rc;
}

static int signal_listed(const struct cgroup_place *places, size_t n, const pid_t *pids, size_t n_pids,
                         int sig, struct arena *a, struct error *err) {
    for (size_t i = 0; i < n_pids; i += SIGNAL_BATCH) {
        size_t some = n_pids - i < SIGNAL_BATCH ? n_pids - i : SIGNAL_BATCH;
        if (signal_batch(places, n, pids + i, some, sig, a, err) < 0)
            return -1;
    }
    return 0;
}

int cgroup_signal(const struct cgroup_place *places, size_t n, int sig, struct error *err) {
    struct arena a = { 0 };
    pid_t *pids;
    size_t n_pids;
    int rc = cgroup_list(places, n, &a, &pids, &n_pids, err);
    if (rc == 0)
        rc = signal_listed(places, n, pids, n_pids, sig, &a, err);
    arena_free(&a);
    return rc;
}

// ---------------------------------------------------------------- freezing

static bool v1_is_frozen(const char *dir) {
    char state[16];
    return tree_read(dir, "freezer.state", state, sizeof(state)) > 0 && !str_eq(state, "THAWED");
}

bool cgroup_is_frozen(const struct cgroup_place *places, size_t n) {
    const struct cgroup_place *v1 = place_with(places, n, "freezer"), *v2 = place_with(places, n, "");
    return (v1 && v1_is_frozen(v1->dir)) || (v2 && tree_keyed(v2->dir, "cgroup.events", "frozen") == 1);
}

static int write_frozen(const char *dir, bool v2, bool frozen) {
    if (v2)
        return tree_write(dir, "cgroup.freeze", frozen ? "1" : "0");
    return tree_write(dir, "freezer.state", frozen ? "FROZEN" : "THAWED");
}

static bool has_settled(const char *dir, bool v2) {
    char state[16];
    if (v2)
        return tree_keyed(dir, "cgroup.events", "frozen") != 0;
    return tree_read(dir, "freezer.state", state, sizeof(state)) < 0 || str_eq(state, "FROZEN");
}

// Waits until all have stopped. v1 may need to be told more than once, when processes fork meanwhile.
static int freeze(const char *dir, bool v2, struct error *err) {
    unsigned slept = 0, round = 0;
    for (;;) {
        if ((!v2 || round == 0) && write_frozen(dir, v2, true) < 0)
            return error_set(err, "cgroup.freeze-failed", errno, "cannot freeze the cgroup %s", dir);
        if (has_settled(dir, v2))
            return 0;
        if (slept > FREEZE_MAX_US) {
            (void)write_frozen(dir, v2, false);
            return error_set(err, "cgroup.freeze-failed", ETIMEDOUT,
                             "the processes in %s did not stop within %d s", dir, FREEZE_MAX_US / 1000000);
        }
        slept += tree_nap(&round);
    }
}

// The cgroup and all below it, which the payload may have frozen itself.
static int thaw(const char *top, bool v2, struct error *err) {
    struct arena a = { 0 };
    struct dir_list dirs;
    int rc = 0;
    if (list_tree(top, &a, &dirs) < 0)
        dirs.n = dirs.n ? 1 : 0;
    for (size_t i = 0; i < dirs.n; i++)
        if (write_frozen(dirs.paths[i], v2, false) < 0 && errno != ENOENT && errno != ENODEV)
            rc = error_set(err, "cgroup.freeze-failed", errno, "cannot thaw the cgroup %s", dirs.paths[i]);
    arena_free(&a);
    return rc;
}

int cgroup_set_frozen(const struct cgroup_place *places, size_t n, bool frozen, struct error *err) {
    const struct cgroup_place *v1 = place_with(places, n, "freezer"), *v2 = place_with(places, n, "");
    if (!v1 && !v2)
        return error_set(err, "cgroup.freeze-failed", 0,
                         "the container has no cgroup that could be frozen: neither v1 freezer nor v2");
    if (frozen)
        return freeze(v1 ? v1->dir : v2->dir, !v1, err);
    int rc = 0;
    if (v1)
        rc = thaw(v1->dir, false, err);
    if (v2 && tree_keyed(v2->dir, "cgroup.events", "frozen") == 1)
        rc = thaw(v2->dir, true, err) < 0 ? -1 : rc;
    return rc;
}

// ---------------------------------------------------------------- killing

// One round: SIGKILL to all that are listed. *fresh: was there one that no round before had seen?
static int kill_round(const struct cgroup_place *places, size_t n, struct arena *a, pid_t **seen,
                      size_t *n_seen, bool *fresh, struct error *err) {
    pid_t *pids;
    size_t n_pids;
    *fresh = false;
    if (cgroup_list(places, n, a, &pids, &n_pids, err) < 0)
        return -1;
    if (signal_listed(places, n, pids, n_pids, SIGKILL, a, err) < 0)
        return -1;
    for (size_t i = 0; i < n_pids; i++) {
        if (is_known(*seen, *n_seen, pids[i]))
            continue;
        *fresh = true;
        *ARENA_PUSH(a, *seen, *n_seen) = pids[i];
    }
    return 0;
}

// Without cgroup.kill: again and again until a round finds nobody new. Frozen processes cannot fork
// meanwhile.
static int kill_by_list(const struct cgroup_place *places, size_t n, const struct cgroup_place *v1,
                        struct error *err) {
    struct arena a = { 0 };
    pid_t *seen = NULL;
    size_t n_seen = 0;
    bool fresh = true;
    unsigned round = 0;
    int rc = 0;
    struct error ignored;
    for (int i = 0; rc == 0 && fresh && i < KILL_ROUNDS; i++) {
        if (i > 0 && v1 && i < 4) // the simple case needs none
            (void)freeze(v1->dir, false, &ignored);
        rc = kill_round(places, n, &a, &seen, &n_seen, &fresh, err);
        if (v1)
            (void)thaw(v1->dir, false, &ignored);
        if (fresh && i > 0)
            tree_nap(&round);
    }
    arena_free(&a);
    if (rc == 0 && fresh)
        return error_set(err, "kill.failed", 0,
                         "the container's processes fork faster than they can be killed");
    return rc;
}

int cgroup_kill(const struct cgroup_place *places, size_t n, struct error *err) {
    const struct cgroup_place *v1 = place_with(places, n, "freezer"), *v2 = place_with(places, n, "");
    if (v1 && access(v1->dir, F_OK) < 0)
        v1 = NULL;
    bool killed = v2 && tree_write(v2->dir, "cgroup.kill", "1") == 0;
    if (!killed)
        return kill_by_list(places, n, v1, err);
    if (!v1)
        return 0;
    // SIGKILL does not wake what the v1 freezer holds; a sub-cgroup may be frozen while the top is not.
    struct error ignored;
    return thaw(v1->dir, false, &ignored) < 0 && v1_is_frozen(v1->dir)
               ? error_set(err, ignored.code, ignored.err, "%s", ignored.msg)
               : 0;
}

static bool is_empty(const struct cgroup_place *places, size_t n) {
    const struct cgroup_place *place = listing_place(places, n);
    if (!place)
        return true;
    if (!*place->controllers) {
        long long populated = tree_keyed(place->dir, "cgroup.events", "populated");
        return populated != 1;
    }
    struct arena a = { 0 };
    struct error ignored;
    pid_t *pids;
    size_t n_pids = 0;
    bool empty = cgroup_list(places, n, &a, &pids, &n_pids, &ignored) == 0 && n_pids == 0;
    arena_free(&a);
    return empty;
}

bool cgroup_wait_empty(const struct cgroup_place *places, size_t n, int timeout_ms) {
    long left_us = timeout_ms * 1000L;
    unsigned round = 0;
    while (!is_empty(places, n)) {
        if (left_us <= 0)
            return false;
        left_us -= (long)tree_nap(&round);
    }
    return true;
}

// ---------------------------------------------------------------- removing

// Our parents go too, when nobody else is in them.
static void remove_parents(const char *dir, unsigned made) {
    char path[PATH_MAX];
    str_copy(path, sizeof(path), dir);
    while (made-- > 1) {
        char *slash = strrchr(path, '/');
        if (!slash)
            return;
        *slash = '\0';
        if (rmdir(path) < 0 && errno != ENOENT)
            return;
    }
}

static int remove_failed(const struct cgroup_place *place, int errnum, struct error *err) {
    struct arena a = { 0 };
    struct error ignored;
    pid_t *pids;
    size_t n;
    error_set(err, "cgroup.remove-failed", errnum, "cannot remove the cgroup %s", place->dir);
    if (cgroup_list(place, 1, &a, &pids, &n, &ignored) == 0 && n > 0)
        error_hint(err, "%zu processes are still in it, one is %d", n, pids[0]);
    arena_free(&a);
    return -1;
}

int cgroup_remove(const struct cgroup_place *places, size_t n, struct error *err) {
    int rc = 0;
    for (size_t i = n; i > 0; i--) {
        const struct cgroup_place *place = &places[i - 1];
        if (place->made == 0)
            continue;
        if (tree_remove(place->dir) == 0)
            remove_parents(place->dir, place->made);
        else
            rc = remove_failed(place, errno, err);
    }
    return rc;
}

int64_t cgroup_oom_kills(const struct cgroup_place *places, size_t n) {
    const struct cgroup_place *v1 = place_with(places, n, "memory"), *v2 = place_with(places, n, "");
    if (v1)
        return tree_keyed(v1->dir, "memory.oom_control", "oom_kill");
    return v2 ? tree_keyed(v2->dir, "memory.events", "oom_kill") : -1;
}
