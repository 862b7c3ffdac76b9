// SPDX-License-Identifier: Apache-2.0
// For both planners of a container: mounts, as the config lists them.
#include "config.h"

#include <string.h>
#include <sys/mount.h>

#include "lib/str.h"
#include "runtime/plan/planner.h"

void planner_open_source(struct planner *pl, struct rootfs_source *source, const char *path, bool recursive,
                         const char *where, bool optional) {
    *source = (struct rootfs_source)ROOTFS_SOURCE_NONE;
    source->path = path;
    source->recursive = recursive;
    // What is to stay shared with the host has to be cloned before init's mounts become slaves of the host's;
    // but those of a user namespace always are, and what it clones keeps the host's locks.
    bool shared = pl->spec->linux_.rootfs_propagation & MS_SHARED;
    source->late = pl->own_mounts && (pl->userns || !shared);
    struct step *s = planner_parent(pl, STEP_OPEN_SOURCE, where);
    s->source = source;
    s->optional = optional;
}

struct rootfs_mount *planner_add_mount(struct planner *pl, const struct spec_mount *m, const char *where) {
    struct rootfs_mount *r = arena_alloc(pl->a, sizeof(*r));
    *r = (struct rootfs_mount){
        .kind = ROOTFS_MOUNT_NEW,
        .destination = m->destination,
        .type = m->type,
        .source = m->source,
        .data = m->data,
        .copy_up = m->tmpcopyup,
        .from = ROOTFS_SOURCE_NONE,
        .flags = m->flags,
        .cleared = m->cleared,
        .rec_attr_set = m->rec_attr_set,
        .rec_attr_clr = m->rec_attr_clr,
        .propagation = m->propagation,
        .n_propagation = m->n_propagation,
    };
    planner_child(pl, STEP_MOUNT, where)->mount = r;
    return r;
}

struct rootfs_mount *planner_mount(struct planner *pl, const struct spec_mount *m, const char *where) {
    struct rootfs_mount *r = planner_add_mount(pl, m, where);
    if (m->kind == MOUNT_BIND) {
        r->kind = ROOTFS_MOUNT_BIND;
        r->data = NULL;
        planner_open_source(pl, &r->from, planner_below_bundle(pl, m->source), m->recursive, where, false);
        r->from.nofollow = m->source_nofollow;
    } else if (m->kind == MOUNT_REMOUNT) {
        r->kind = ROOTFS_MOUNT_REMOUNT;
        r->remount_bind = m->remount_bind;
    }
    return r;
}

const char *planner_clean(struct planner *pl, const char *path) {
    char *clean = arena_alloc(pl->a, strlen(path) + 2);
    size_t n = 0;
    for (const char *p = path; *p;) {
        size_t length = strcspn(p, "/");
        if (length == 2 && memcmp(p, "..", 2) == 0) {
            while (n > 0 && clean[--n] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *p == '.')) {
            clean[n++] = '/';
            memcpy(clean + n, p, length);
            n += length;
        }
        p += length + (p[length] == '/');
    }
    clean[n] = '\0';
    return clean;
}

bool planner_is_place(struct planner *pl, const char *path, const char *plain) {
    return str_eq(planner_clean(pl, path), plain);
}

bool planner_is_dev(struct planner *pl, const struct spec_mount *m) {
    return planner_is_place(pl, m->destination, "/dev");
}

void planner_survey_mounts(struct planner *pl) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        if (planner_is_dev(pl, m) && m->kind == MOUNT_BIND)
            pl->dev_is_bind = true;
        if (planner_is_place(pl, m->destination, "/proc"))
            pl->has_proc = true;
    }
}

void planner_readonly_dev(struct planner *pl) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        if (planner_is_dev(pl, m) && m->kind == MOUNT_NEW && (m->flags & MS_RDONLY))
            planner_child(pl, STEP_READONLY_MOUNT, planner_origin(pl, "mounts", i))->text = m->destination;
    }
}

void planner_notify(struct planner *pl) {
    static const struct spec_mount mount = { .destination = "/run/notify",
                                             .type = "bind",
                                             .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC };
    struct rootfs_mount *r = planner_add_mount(pl, &mount, "environment:NOTIFY_SOCKET");
    r->kind = ROOTFS_MOUNT_BIND;
    planner_open_source(pl, &r->from, pl->request->notify_directory, false, "environment:NOTIFY_SOCKET",
                        false);
}
