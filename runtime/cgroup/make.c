// SPDX-License-Identifier: Apache-2.0
// Making a container's cgroups: directories, v2 controllers, v1 cpusets; and the way back. Directories of
// cgroupfs cannot be symbolic links, and the path has no "..", so plain paths are safe here.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/tree.h"

enum {
    MKDIR_TRIES = 16,
    CPUSET_MAX = 4096, // a list of CPUs or memory nodes
};

struct maker {
    const struct cgroup_plan *plan;
    struct arena *arena;
    struct cgroup_live *live;
    const char *left_out; // controllers, for the warning
    int left_out_errno;
    struct error *err;
};

static int fail(struct maker *m, int errnum, const char *what, const char *object) {
    return error_set(m->err, "cgroup.failed", errnum, "cannot %s %s", what, object);
}

// ---------------------------------------------------------------- directories

static unsigned components(const char *path) {
    unsigned n = 0;
    for (; *path; path++)
        n += path[0] == '/' && path[1] != '\0';
    return n;
}

// mkdir -p of the last `depth` components. *made: how many of the last ones were not there. Somebody may
// remove a parent (the last container in it is being deleted) between two of our calls: then again.
static int make_path(char *dir, unsigned depth, unsigned *made) {
    for (int i = 0; i < MKDIR_TRIES; i++) {
        if (mkdir(dir, 0755) == 0) {
            ++*made;
            return 0;
        }
        *made = 0;
        if (errno == EEXIST)
            return 0;
        if (errno != ENOENT || depth <= 1)
            return -1;
        char *slash = strrchr(dir, '/');
        *slash = '\0';
        int rc = make_path(dir, depth - 1, made);
        *slash = '/';
        if (rc < 0)
            return -1;
    }
    errno = ENOENT;
    return -1;
}

// How many of the last components are not there?
static unsigned missing_components(struct arena *a, const struct cgroup_dir *dir) {
    unsigned depth = components(dir->path), missing = 0;
    char *path = arena_strdup(a, dir->dir);
    while (missing < depth && access(path, F_OK) < 0 && errno == ENOENT) {
        missing++;
        *strrchr(path, '/') = '\0';
    }
    return missing;
}

void cgroup_predict(const struct cgroup_plan *plan, struct arena *a, struct cgroup_place **places,
                    size_t *n) {
    *places = arena_calloc(a, plan->n_dirs + 1, sizeof(**places));
    *n = plan->n_dirs;
    for (size_t i = 0; i < plan->n_dirs; i++) {
        const struct cgroup_dir *dir = &plan->dirs[i];
        unsigned made = plan->from_config ? missing_components(a, dir) : plan->default_depth;
        (*places)[i] =
            (struct cgroup_place){ .controllers = dir->controllers, .dir = dir->dir, .made = made };
    }
}

// ---------------------------------------------------------------- v1 cpuset

// A new cpuset is empty and takes no process until it has CPUs and memory nodes: those of its parent, which
// somebody else may have left empty too. The top has them all.
static int inherit(char *dir, unsigned depth, const char *file, char value[CPUSET_MAX]) {
    if (tree_read(dir, file, value, CPUSET_MAX) < 0)
        return -1;
    if (*value || depth == 0)
        return 0;
    char *slash = strrchr(dir, '/');
    *slash = '\0';
    int rc = inherit(dir, depth - 1, file, value);
    *slash = '/';
    return rc < 0 ? -1 : tree_write(dir, file, value);
}

static int fill_cpuset(struct maker *m, const struct cgroup_dir *dir, bool fresh) {
    static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
    char value[CPUSET_MAX], *path = arena_strdup(m->arena, dir->dir), *slash = strrchr(path, '/');
    unsigned depth = components(dir->path);
    for (size_t i = 0; i < 2; i++) {
        int rc;
        if (fresh) { // empty for sure
            *slash = '\0';
            rc = inherit(path, depth - 1, files[i], value);
            *slash = '/';
            rc = rc < 0 ? -1 : tree_write(path, files[i], value);
        } else {
            rc = inherit(path, depth, files[i], value);
        }
        if (rc < 0)
            return fail(m, errno, arena_printf(m->arena, "give %s of the parent to", files[i]), dir->dir);
    }
    return 0;
}

// ---------------------------------------------------------------- v2 controllers

// The words of `wanted` that are not in `have`, as "+a +b"; only those in `only`, if that is given.
static const char *plus_words(struct arena *a, const char *wanted, const char *have, const char *only) {
    const char *out = "";
    char *copy = arena_strdup(a, wanted), *save = NULL;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        if (!host_word_in(have, " ", w) && (!only || host_word_in(only, " ", w)))
            out = arena_printf(a, "%s%s+%s", out, *out ? " " : "", w);
    return out;
}

static int cannot_enable(struct maker *m, const char *parent, const char *words, int errnum) {
    char available[512] = "", procs[256] = "";
    tree_read(parent, "cgroup.controllers", available, sizeof(available));
    tree_read(parent, "cgroup.procs", procs, sizeof(procs));
    error_set(m->err, "cgroup.controller-missing", errnum, "cannot enable %s in %s/cgroup.subtree_control",
              words, parent);
    if (errnum == ENOENT)
        error_hint(m->err, "%s/cgroup.controllers has %s; its own parent does not hand on more", parent,
                   *available ? available : "none");
    else if (errnum == EBUSY && *procs)
        error_hint(m->err,
                   "%s holds processes itself (%.*s, ...); cgroup v2 hands controllers on only when they "
                   "have moved to a leaf, as DelegateSubgroup= of a systemd service does",
                   parent, (int)strcspn(procs, "\n"), procs);
    else if (errnum == EBUSY || errnum == EINVAL)
        error_hint(
            m->err,
            "the controller may be in use by cgroup v1, or a real-time process in the cgroup forbids cpu");
    else if (errnum == EACCES || errnum == EPERM)
        error_hint(m->err,
                   "the cgroup is not delegated to this user: see Delegate= in systemd.resource-control(5)");
    return -1;
}

// cpu, cpuset and pids are given to a parent with processes all the same, and make it threaded: nobody could
// enter the container's cgroup then. Only the top of all, which has no type, may hold both.
static bool holds_processes(const char *parent) {
    char text[64];
    return tree_read(parent, "cgroup.type", text, sizeof(text)) > 0 &&
           tree_read(parent, "cgroup.procs", text, sizeof(text)) > 0;
}

static int enable_in(struct maker *m, const struct cgroup_dir *dir, const char *parent) {
    char have[512];
    if (tree_read(parent, "cgroup.subtree_control", have, sizeof(have)) < 0)
        have[0] = '\0';
    const char *all = plus_words(m->arena, dir->enable, have, NULL);
    if (*all && holds_processes(parent)) {
        const char *must = plus_words(m->arena, dir->must_enable ? dir->must_enable : "", have, NULL);
        return *must ? cannot_enable(m, parent, must, EBUSY) : 0;
    }
    if (!*all || tree_write(parent, "cgroup.subtree_control", all) == 0)
        return 0;
    char *copy = arena_strdup(m->arena, all), *save = NULL; // one by one: some may be refused
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        if (tree_write(parent, "cgroup.subtree_control", w) < 0 && dir->must_enable &&
            host_word_in(dir->must_enable, " ", w + 1))
            return cannot_enable(m, parent, w + 1, errno);
    return 0;
}

// From the mount point down to the parent.
static int enable_controllers(struct maker *m, const struct cgroup_dir *dir) {
    char *path = arena_strdup(m->arena, dir->dir);
    for (char *p = path + strlen(dir->mount_point); *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (enable_in(m, dir, path) < 0)
            return -1;
        *p = '/';
    }
    return 0;
}

// ---------------------------------------------------------------- checks (config-linux.md: the cgroup must
// be fit)

// Limits, device rules, freezing and killing would meet whoever else is in it, also in the cgroups below.
static int check_unused(struct maker *m, const struct cgroup_dir *dir, const struct cgroup_place *place) {
    char text[64] = "", name[64], comm[32] = "?";
    pid_t *pids = NULL;
    size_t n = 0;
    if (dir->v2 && tree_keyed(dir->dir, "cgroup.events", "populated") == 0)
        return 0;
    bool used = tree_read(dir->dir, "cgroup.procs", text, sizeof(text)) > 0;
    if (cgroup_list(place, 1, m->arena, &pids, &n, m->err) < 0)
        return -1;
    if (!used && n == 0)
        return 0;
    error_set_at(m->err, "cgroup.in-use", 0, m->plan->from_config ? "/linux/cgroupsPath" : "",
                 "the cgroup %s already holds processes", dir->dir);
    int first = n ? pids[0] : 0; // 0: of a PID namespace that is not to be seen from here
    snprintf(name, sizeof(name), "%d/comm", first);
    tree_read("/proc", name, comm, sizeof(comm));
    return error_hint(m->err, "%d (%s) is in it%s", first, comm,
                      m->plan->from_config
                          ? "; no two containers can share a cgroupsPath, and none can have that of a parent "
                            "(buildah passes --cgroup-parent as it is: give each build another one)"
                          : "");
}

// A process that enters a frozen cgroup stops, and with it who waits for it.
static int check_thawed(struct maker *m, const struct cgroup_place *place) {
    if (!cgroup_is_frozen(place, 1))
        return 0;
    return error_set_at(m->err, "cgroup.frozen", 0, m->plan->from_config ? "/linux/cgroupsPath" : "",
                        "the cgroup %s is frozen (itself or from above): no process could run in it",
                        place->dir);
}

static int check_fit(struct maker *m, const struct cgroup_dir *dir, const struct cgroup_place *place) {
    if (place->made == 0 && check_unused(m, dir, place) < 0)
        return -1;
    bool can_freeze = dir->v2 || host_word_in(dir->controllers, ",", "freezer");
    if (can_freeze && place->made < components(dir->path))
        return check_thawed(m, place);
    return 0;
}

// ---------------------------------------------------------------- delegation

// Only the directory and the files that the kernel names; never on v1.
static int delegate(struct maker *m, const struct cgroup_dir *dir) {
    char names[1024], path[PATH_MAX], *save = NULL;
    if (fd_read_small(AT_FDCWD, "/sys/kernel/cgroup/delegate", names, sizeof(names)) <= 0)
        str_copy(names, sizeof(names), "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n");
    if (chown(dir->dir, m->plan->delegate_uid, (gid_t)-1) < 0)
        return fail(m, errno, "give to the container's user the cgroup", dir->dir);
    for (char *name = strtok_r(names, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
        if (chown(tree_path(path, dir->dir, name), m->plan->delegate_uid, (gid_t)-1) < 0 && errno != ENOENT)
            return fail(m, errno, "give to the container's user the cgroup file", path);
    return 0;
}

// ---------------------------------------------------------------- one hierarchy

static bool is_no_permission(int errnum) {
    return errnum == EACCES || errnum == EPERM || errnum == EROFS;
}

static int leave_out_or_fail(struct maker *m, const struct cgroup_dir *dir, const char *what) {
    int errnum = errno;
    if (dir->required || !is_no_permission(errnum)) {
        fail(m, errnum, what, dir->dir);
        if (errnum == EROFS)
            error_hint(m->err,
                       "the cgroup file system is read-only; without limits and device rules, or with "
                       "--cgroup-manager=disabled, the container could go on");
        else if (is_no_permission(errnum))
            error_hint(
                m->err,
                "a limit is asked for, and this user may not make cgroups there; of a systemd service, "
                "Delegate=yes allows it, with a DelegateSubgroup= for who calls (new cgroups go beside "
                "the caller's)");
        return -1;
    }
    m->left_out = arena_printf(m->arena, "%s%s%s", m->left_out, *m->left_out ? ", " : "",
                               dir->v2 ? "v2" : dir->controllers);
    m->left_out_errno = errnum;
    return 0;
}

static int open_join(struct maker *m, const struct cgroup_dir *dir) {
    struct cgroup_join *join = &m->live->join;
    char path[PATH_MAX];
    int fd = dir->v2 ? open(dir->dir, O_PATH | O_DIRECTORY | O_CLOEXEC)
                     : open(tree_path(path, dir->dir, "tasks"), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (dir->v2) {
        join->v2 = fd;
        join->v2_dir = dir->dir;
    } else {
        join->dirs[join->n_tasks] = dir->dir;
        join->tasks[join->n_tasks++] = fd;
    }
    return 0;
}

static int make_one(struct maker *m, size_t index) {
    const struct cgroup_dir *dir = &m->plan->dirs[index];
    struct cgroup_live *live = m->live;
    struct cgroup_place *place = &live->places[live->n_places];
    *place = (struct cgroup_place){ .controllers = dir->controllers, .dir = dir->dir };
    char *path = arena_strdup(m->arena, dir->dir);
    if (make_path(path, components(dir->path), &place->made) < 0)
        return leave_out_or_fail(m, dir, "make the cgroup");
    live->dir_of[live->n_places++] = index;
    bool fresh = place->made > 0;

    if (place->made < components(dir->path) && check_fit(m, dir, place) < 0)
        return -1;
    if (!m->plan->from_config) // also of a create that was killed: ours to remove
        place->made = m->plan->default_depth;
    if (dir->v2 && dir->enable && enable_controllers(m, dir) < 0)
        return -1;
    if (!dir->v2 && host_word_in(dir->controllers, ",", "cpuset") && fill_cpuset(m, dir, fresh) < 0)
        return -1;
    if (dir->v2 && m->plan->delegate && delegate(m, dir) < 0)
        return -1;
    if (open_join(m, dir) < 0) {
        int saved = errno;
        cgroup_remove(place, 1, m->err);
        live->n_places--;
        errno = saved;
        return leave_out_or_fail(m, dir, "enter the cgroup");
    }
    return 0;
}

int cgroup_make(const struct cgroup_plan *plan, struct arena *a, struct cgroup_live *out, struct error *err) {
    struct maker m = { .plan = plan, .arena = a, .live = out, .left_out = "", .err = err };
    *out = (struct cgroup_live){
        .places = arena_calloc(a, plan->n_dirs + 1, sizeof(*out->places)),
        .dir_of = arena_calloc(a, plan->n_dirs + 1, sizeof(*out->dir_of)),
        .join = { .tasks = arena_calloc(a, plan->n_dirs + 1, sizeof(int)),
                  .dirs = arena_calloc(a, plan->n_dirs + 1, sizeof(char *)),
                  .v2 = -1 },
    };
    for (size_t i = 0; i < plan->n_dirs; i++) {
        if (make_one(&m, i) < 0) {
            cgroup_undo(out);
            return -1;
        }
    }
    if (*m.left_out)
        *ARENA_PUSH(a, out->warnings, out->n_warnings) = arena_printf(
            a, "the container gets no cgroup of its own in %s: %s", m.left_out, error_text(m.left_out_errno));
    return 0;
}

void cgroup_join_close(struct cgroup_join *join) {
    for (size_t i = 0; i < join->n_tasks; i++)
        fd_close(&join->tasks[i]);
    join->n_tasks = 0;
    fd_close(&join->v2);
}

void cgroup_undo(struct cgroup_live *live) {
    struct error ignored;
    cgroup_join_close(&live->join);
    cgroup_remove(live->places, live->n_places, &ignored);
    live->n_places = 0;
}
