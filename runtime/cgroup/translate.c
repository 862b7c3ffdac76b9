// SPDX-License-Identifier: Apache-2.0
// Where a container's cgroups go, and which hierarchy has what a limit needs. Pure: everything is decided
// from the config and the host's facts.
#include "config.h"

#include "runtime/cgroup/translate.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/str.h"

void translation_write(struct translation *t, size_t dir, const char *origin, unsigned flags,
                       const char *file, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    *ARENA_PUSH(t->arena, t->plan->writes, t->plan->n_writes) = (struct cgroup_write){
        .dir = dir,
        .file = file,
        .value = arena_vprintf(t->arena, fmt, ap),
        .origin = origin,
        .optional = flags & WRITE_OPTIONAL,
        .lenient = flags & WRITE_LENIENT,
        .late = flags & WRITE_LATE,
        .verified = flags & WRITE_VERIFIED,
    };
    va_end(ap);
}

void translation_warn(struct translation *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    *ARENA_PUSH(t->arena, t->plan->warnings, t->plan->n_warnings) = arena_vprintf(t->arena, fmt, ap);
    va_end(ap);
}

// ---------------------------------------------------------------- controllers

static const char *add_word(struct arena *a, const char *list, const char *separator, const char *word) {
    if (!list || !*list)
        return arena_strdup(a, word);
    return host_word_in(list, separator, word) ? list : arena_printf(a, "%s%s%s", list, separator, word);
}

const char *cgroup_needed(const struct spec *spec, struct arena *a) {
    const struct spec_resources *r = spec->linux_.resources;
    const char *list = "";
    if (!r)
        return list;
    if (r->memory)
        list = add_word(a, list, ",", "memory");
    if (r->cpu && (r->cpu->has_shares || r->cpu->has_quota || r->cpu->has_period || r->cpu->has_burst ||
                   r->cpu->has_idle))
        list = add_word(a, list, ",", "cpu");
    if (r->cpu && ((r->cpu->cpus && *r->cpu->cpus) || (r->cpu->mems && *r->cpu->mems)))
        list = add_word(a, list, ",", "cpuset");
    if (r->has_pids_limit)
        list = add_word(a, list, ",", "pids");
    if (r->n_hugepage_limits)
        list = add_word(a, list, ",", "hugetlb");
    return list;
}

// The one of the hierarchies that are not mounted which has it, or NULL.
static const char *unmounted_with(struct translation *t, const char *controller) {
    char *copy = arena_strdup(t->arena, t->host->unmounted), *save = NULL;
    for (char *one = strtok_r(copy, " ", &save); one; one = strtok_r(NULL, " ", &save))
        if (host_word_in(one, ",", controller))
            return one;
    return NULL;
}

static int controller_missing(struct translation *t, const char *controller, const char *origin) {
    const struct host_hierarchy *v2 = host_cgroups_v2(t->host);
    const char *v1 = "";
    for (size_t i = 0; i < t->host->n_hierarchies; i++)
        if (!t->host->hierarchies[i].v2)
            v1 = add_word(t->arena, v1, ", ", t->host->hierarchies[i].controllers);
    const char *where = t->host->layout == HOST_CGROUP_NONE ? "no cgroup file system is mounted here" : "";
    if (*v1)
        where = arena_printf(t->arena, "v1 has %s", v1);
    if (v2)
        where = arena_printf(t->arena, "%s%s%s/cgroup.controllers has %s", where, *where ? "; " : "",
                             v2->mount_point, *v2->available ? v2->available : "none");
    error_set_at(t->err, "cgroup.controller-missing", 0, origin,
                 "the cgroup controller %s is not available: %s", controller, where);
    const char *unmounted = unmounted_with(t, controller);
    if (unmounted)
        error_hint(t->err,
                   "the kernel has it in a v1 hierarchy that is not mounted: "
                   "mkdir /sys/fs/cgroup/%s && mount -t cgroup -o %s cgroup /sys/fs/cgroup/%s",
                   unmounted, unmounted, unmounted);
    else if (t->host->below_own && v2)
        error_hint(t->err, "without root, limits need a delegated cgroup: Delegate=%s of the user@.service",
                   controller);
    return -1;
}

ssize_t translation_need(struct translation *t, const char *controller, const char *origin) {
    const struct host_hierarchy *h = host_cgroups_find(t->host, controller);
    if (!h)
        return controller_missing(t, controller, origin);
    size_t i = (size_t)(h - t->host->hierarchies);
    struct cgroup_dir *dir = &t->plan->dirs[i];
    dir->required = true;
    t->plan->required = true;
    if (dir->v2) {
        dir->must_enable = add_word(t->arena, dir->must_enable, " ", controller);
        dir->enable = add_word(t->arena, dir->enable, " ", controller);
    }
    return (ssize_t)i;
}

// ---------------------------------------------------------------- paths

// One component of cgroupsPath may be anything that the kernel takes as a directory's name, but not "..".
static int check_component(struct translation *t, const char *name, size_t len) {
    const char *path = t->spec->linux_.cgroups_path;
    if (len == 2 && memcmp(name, "..", 2) == 0)
        return error_set_at(t->err, "config.invalid", 0, "/linux/cgroupsPath",
                            "cgroupsPath \"%s\" must not contain \"..\"", path);
    if (len > NAME_MAX)
        return error_set_at(t->err, "config.invalid", 0, "/linux/cgroupsPath",
                            "cgroupsPath has a component of %zu bytes; the most is %d", len, NAME_MAX);
    for (size_t i = 0; i < len; i++)
        if (iscntrl((unsigned char)name[i]))
            return error_set_at(t->err, "config.invalid", 0, "/linux/cgroupsPath",
                                "cgroupsPath contains a control character (0x%02x)", (unsigned char)name[i]);
    return 0;
}

// cgroupsPath without "//", "." and a trailing "/": "" or "/a/b". NULL with the error set.
static const char *clean_path(struct translation *t, const char *path) {
    char *out = arena_alloc(t->arena, strlen(path) + 2), *to = out;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n > 0 && !(n == 1 && *p == '.')) {
            if (check_component(t, p, n) < 0)
                return NULL;
            *to++ = '/';
            memcpy(to, p, n);
            to += n;
        }
        p += n;
        p += *p == '/';
    }
    *to = '\0';
    if (out[0] == '\0') {
        error_set_at(t->err, "config.invalid", 0, "/linux/cgroupsPath",
                     "cgroupsPath \"%s\" is the top of the cgroup tree, which cannot be a container's", path);
        return NULL;
    }
    if (strlen(out) > PATH_MAX / 2) {
        error_set_at(t->err, "config.invalid", 0, "/linux/cgroupsPath", "cgroupsPath is longer than %d bytes",
                     PATH_MAX / 2);
        return NULL;
    }
    return out;
}

// The directory that relative paths start from, "" or "/a/b". With v2 a cgroup that holds processes (such as
// our own) cannot hand controllers to children, so there the new cgroup goes beside ours.
static const char *base_path(const struct translation *t, const struct host_hierarchy *h) {
    if (!t->host->below_own || str_eq(h->own_path, "/"))
        return "";
    if (!h->v2)
        return h->own_path;
    const char *slash = strrchr(h->own_path, '/');
    return arena_strndup(t->arena, h->own_path, (size_t)(slash - h->own_path));
}

static int place_dirs(struct translation *t, const char *id) {
    const char *path = t->spec->linux_.cgroups_path;
    bool absolute = path && *path == '/';
    t->plan->from_config = path && *path;
    // On v2 in a cgroup of ours that hands the controllers on. Where systemd manages the tree, it takes those
    // that it has no use for from the top; only from cgroups whose own children have them the kernel does not
    // take them.
    bool pure = t->host->layout == HOST_CGROUP_V2;
    t->plan->default_depth = pure ? 2 : 1;
    path = path && *path ? clean_path(t, path) : arena_printf(t->arena, pure ? "/nook/%s" : "/nook-%s", id);
    if (!path)
        return -1;
    t->plan->n_dirs = t->host->n_hierarchies;
    t->plan->dirs = arena_calloc(t->arena, t->plan->n_dirs + 1, sizeof(*t->plan->dirs));
    for (size_t i = 0; i < t->plan->n_dirs; i++) {
        const struct host_hierarchy *h = &t->host->hierarchies[i];
        struct cgroup_dir *dir = &t->plan->dirs[i];
        dir->controllers = h->controllers;
        dir->mount_point = h->mount_point;
        dir->v2 = h->v2;
        dir->path = absolute ? path : arena_printf(t->arena, "%s%s", base_path(t, h), path);
        dir->dir =
            arena_printf(t->arena, "%s%s", str_eq(h->mount_point, "/") ? "" : h->mount_point, dir->path);
    }
    return 0;
}

// On a v2 host every controller that there is goes to the container, for engines read its statistics; in a
// hybrid only what a limit needs (translation_need adds that).
static void enable_wanted(struct translation *t) {
    static const char *const wanted[] = {
        "cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"
    };
    if (t->host->layout != HOST_CGROUP_V2)
        return;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        if (host_word_in(t->host->hierarchies[0].available, " ", wanted[i]))
            t->plan->dirs[0].enable = add_word(t->arena, t->plan->dirs[0].enable, " ", wanted[i]);
}

// ---------------------------------------------------------------- delegation (config-linux.md, "Cgroup
// ownership")

static bool host_uid(const struct spec *spec, uint32_t uid, uid_t *out) {
    const struct spec_linux *l = &spec->linux_;
    if (!l->namespaces[NS_USER].present) {
        *out = uid;
        return true;
    }
    for (size_t i = 0; i < l->n_uid_mappings; i++) {
        const struct spec_id_mapping *m = &l->uid_mappings[i];
        if (uid >= m->container_id && uid - m->container_id < m->size) {
            *out = m->host_id + (uid - m->container_id);
            return true;
        }
    }
    return false;
}

static bool mounts_writable_cgroup(const struct spec *spec) {
    bool writable = false;
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct spec_mount *m = &spec->mounts[i];
        if (m->destination && str_eq(m->destination, "/sys/fs/cgroup"))
            writable = m->source && str_eq(m->source, "cgroup") && !(m->flags & MS_RDONLY);
    }
    return writable;
}

static void translate_delegation(struct translation *t) {
    const struct spec_namespace *ns = &t->spec->linux_.namespaces[NS_CGROUP];
    if (t->host->layout != HOST_CGROUP_V2 || !t->spec->process || !ns->present || ns->path ||
        !mounts_writable_cgroup(t->spec))
        return;
    t->plan->delegate = host_uid(t->spec, t->spec->process->user.uid, &t->plan->delegate_uid);
}

int cgroup_translate(const struct spec *spec, const char *id, const struct host_cgroups *host,
                     struct arena *a, struct cgroup_plan *out, struct error *err) {
    struct translation t = { .spec = spec, .host = host, .arena = a, .plan = out, .err = err };
    *out = (struct cgroup_plan){ 0 };
    if (place_dirs(&t, id) < 0)
        return -1;
    enable_wanted(&t);
    if (translate_resources(&t) < 0 || translate_devices(&t) < 0)
        return -1;
    translate_delegation(&t);
    if (out->n_dirs == 0)
        out->none = "no cgroup file system is mounted here; the container gets no cgroup of its own";
    return 0;
}
