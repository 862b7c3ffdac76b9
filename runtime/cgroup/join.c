// SPDX-License-Identifier: Apache-2.0
// Getting a process into the cgroups of a container: init by itself, and later the processes of exec.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/tree.h"

int cgroup_attach_self(const struct cgroup_join *join, bool v2_too, const char **failed) {
    for (size_t i = 0; i < join->n_tasks; i++) {
        *failed = join->dirs[i];
        if (write(join->tasks[i], "0", 1) < 0)
            return -1;
    }
    *failed = NULL;
    if (!v2_too || join->v2 < 0)
        return 0;
    *failed = join->v2_dir;
    int fd = openat(join->v2, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, "0", 1);
    fd_close(&fd);
    return n < 0 ? -1 : 0;
}

const char *cgroup_join_hint(int errnum) {
    switch (errnum) {
    case ENOSPC:
        return "the cpuset there has no CPUs or no memory nodes";
    case EBUSY:
        return "its controllers are enabled for cgroups below it: cgroup v2 then takes processes only into "
               "those";
    case EACCES:
    case EPERM:
        return "moving a process needs write access to cgroup.procs of the cgroup above both; try "
               "systemd-run --user --scope";
    case EOPNOTSUPP:
        return "the cgroup is threaded, or its parent is";
    default:
        return NULL;
    }
}

// ---------------------------------------------------------------- exec

// Has `sub` anything to say about this place?
static bool concerns(const struct cgroup_sub *sub, const struct cgroup_place *place) {
    if (!sub->controllers)
        return true;
    char names[256], *save = NULL;
    str_copy(names, sizeof(names), sub->controllers);
    for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save))
        if (host_word_in(place->controllers, ",", name))
            return true;
    return false;
}

static int check_subs(const struct cgroup_place *places, size_t n, const struct cgroup_sub *subs,
                      size_t n_subs, struct error *err) {
    for (size_t i = 0; i < n_subs; i++) {
        bool known = n == 0 && !subs[i].controllers;
        for (size_t k = 0; k < n; k++)
            known = known || concerns(&subs[i], &places[k]);
        if (!known)
            return error_set(err, "config.invalid", 0,
                             "--cgroup %s:%s: the container has no cgroup of that controller",
                             subs[i].controllers ? subs[i].controllers : "", subs[i].path);
    }
    return 0;
}

// The directory of a place, or of the sub-cgroup that was asked for: never outside it, whatever the path
// says.
static int open_place(const struct cgroup_place *place, const struct cgroup_sub *sub, struct error *err) {
    cleanup_fd int top = open(place->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 && errno == ENOENT)
        return -2;
    if (top < 0)
        return error_set(err, "cgroup.join-failed", errno, "cannot open the container's cgroup %s",
                         place->dir);
    if (!sub)
        return fd_steal(&top);
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    const char *path = sub->path + strspn(sub->path, "/");
    int fd = sys_openat2(top, *path ? path : ".", &how, sizeof(how));
    if (fd >= 0)
        return fd;
    if (errno == EXDEV || errno == ELOOP)
        return error_set(err, "config.invalid", 0, "--cgroup %s leads out of the container's cgroup",
                         sub->path);
    return error_set(err, "cgroup.join-failed", errno, "--cgroup %s: cannot open it below %s", sub->path,
                     place->dir);
}

static const char *sub_dir(struct arena *a, const struct cgroup_place *place, const struct cgroup_sub *sub) {
    return sub ? arena_printf(a, "%s/%s", place->dir, sub->path + strspn(sub->path, "/")) : place->dir;
}

static int join_add(const struct cgroup_place *place, const struct cgroup_sub *sub, struct arena *a,
                    struct cgroup_join *out, struct error *err) {
    bool v2 = !*place->controllers;
    char path[PATH_MAX];
    int tasks;
    if (!sub && !v2) { // the usual case, in one call
        tasks = open(tree_path(path, place->dir, "tasks"), O_WRONLY | O_CLOEXEC);
        if (tasks < 0 && errno == ENOENT)
            return 0;
    } else {
        cleanup_fd int dir = open_place(place, sub, err);
        if (dir < 0)
            return dir == -2 ? 0 : -1;
        if (v2) {
            out->v2 = fd_steal(&dir);
            out->v2_dir = sub_dir(a, place, sub);
            return 0;
        }
        tasks = openat(dir, "tasks", O_WRONLY | O_CLOEXEC);
    }
    if (tasks < 0)
        return error_set(err, "cgroup.join-failed", errno, "cannot open %s/tasks", sub_dir(a, place, sub));
    out->dirs[out->n_tasks] = sub_dir(a, place, sub);
    out->tasks[out->n_tasks++] = tasks;
    return 0;
}

int cgroup_join_open(const struct cgroup_place *places, size_t n, const struct cgroup_sub *subs,
                     size_t n_subs, struct arena *a, struct cgroup_join *out, struct error *err) {
    *out = (struct cgroup_join){
        .tasks = arena_calloc(a, n + 1, sizeof(int)),
        .dirs = arena_calloc(a, n + 1, sizeof(char *)),
        .v2 = -1,
    };
    if (check_subs(places, n, subs, n_subs, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct cgroup_sub *sub = NULL;
        for (size_t k = 0; k < n_subs; k++) // the last one counts
            if (concerns(&subs[k], &places[i]))
                sub = &subs[k];
        if (join_add(&places[i], sub, a, out, err) < 0) {
            cgroup_join_close(out);
            return -1;
        }
    }
    return 0;
}

// The part of `now` (a path as in /proc/PID/cgroup, relative to the mount's root) below the recorded
// directory, whose end is the same path; NULL when it is not below.
static const char *below_place(const char *dir, const char *now) {
    for (const char *tail = strchr(dir + 1, '/'); tail; tail = strchr(tail + 1, '/')) {
        size_t n = strlen(tail);
        if (strncmp(now, tail, n) == 0 && (now[n] == '/' || now[n] == '\0'))
            return now + n + strspn(now + n, "/");
    }
    return NULL;
}

int cgroup_join_of_process(const struct cgroup_place *places, size_t n, pid_t pid, struct arena *a,
                           struct cgroup_join *join, struct error *err) {
    const struct cgroup_place *v2 = NULL;
    for (size_t i = 0; i < n; i++)
        if (!*places[i].controllers)
            v2 = &places[i];
    char proc[64];
    snprintf(proc, sizeof(proc), "/proc/%d/cgroup", pid);
    cleanup_fd int fd = open(proc, O_RDONLY | O_CLOEXEC);
    const char *text = fd < 0 ? NULL : fd_read_all(fd, a, 1 << 16, NULL);
    if (!v2 || !text)
        return error_set(err, "cgroup.join-failed", v2 ? errno : EINVAL,
                         "cannot read the cgroup of process %d", pid);
    struct host_hierarchy *list;
    size_t n_list;
    host_parse_proc_cgroup(text, a, &list, &n_list);
    const char *rest = n_list && list[n_list - 1].v2 ? below_place(v2->dir, list[n_list - 1].own_path) : NULL;
    if (!rest)
        return error_set(err, "cgroup.join-failed", EBUSY,
                         "process %d is not below the container's cgroup %s", pid, v2->dir);
    struct cgroup_sub sub = { .path = rest };
    int dir = open_place(v2, *rest ? &sub : NULL, err);
    if (dir < 0)
        return dir == -2 ? error_set(err, "cgroup.join-failed", ENOENT, "the cgroup %s has gone", v2->dir)
                         : -1;
    fd_close(&join->v2);
    join->v2 = dir;
    join->v2_dir = sub_dir(a, v2, &sub);
    return 0;
}
