// SPDX-License-Identifier: Apache-2.0
// The planner of a container in full isolation: namespaces, pivot_root, cgroups, everything the spec asks
// for.
#include "config.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/str.h"
#include "runtime/plan/planner.h"

// ---------------------------------------------------------------- mounts

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// "cpu,cpuacct" gets the links cpu and cpuacct beside it.
static void link_controllers(struct planner *pl, const char *destination, const char *name,
                             const char *where) {
    if (!strchr(name, ','))
        return;
    char *rest = NULL;
    for (char *word = strtok_r(arena_strdup(pl->a, name), ",", &rest); word;
         word = strtok_r(NULL, ",", &rest)) {
        struct step *s = planner_child(pl, STEP_LINK, where);
        s->link.text = name;
        s->link.path = arena_printf(pl->a, "%s/%s", destination, word);
    }
}

// type "cgroup": the container's own cgroups, one directory a hierarchy, in a small tmpfs. v2: the file
// system itself.
static void plan_cgroup_mount(struct planner *pl, const struct spec_mount *m, const char *where) {
    const struct host_cgroups *cg = &pl->host->cgroups;
    if (cg->layout == HOST_CGROUP_V2) {
        struct rootfs_mount *r = planner_add_mount(pl, m, where);
        r->data = NULL;
        if (pl->userns && !planner_ns(pl, NS_CGROUP)->present) {
            // A user namespace mounts it only for a cgroup namespace of its own; what would be seen is the
            // same.
            r->kind = ROOTFS_MOUNT_BIND;
            planner_open_source(pl, &r->from, cg->hierarchies[0].mount_point, false, where, false);
        } else {
            r->type = "cgroup2";
            r->source = "cgroup";
        }
        return;
    }
    struct rootfs_mount *top = planner_add_mount(pl, m, where);
    top->type = "tmpfs";
    top->source = "tmpfs";
    top->data = "mode=755";
    top->flags &= ~(unsigned long)MS_RDONLY;
    for (size_t i = 0; pl->p->cgroup && i < pl->p->cgroup->n_dirs; i++) {
        const struct cgroup_dir *dir = &pl->p->cgroup->dirs[i];
        const char *name = base_name(dir->mount_point);
        struct rootfs_mount *r = planner_add_mount(pl, m, where);
        r->destination = arena_printf(pl->a, "%s/%s", m->destination, name);
        r->data = NULL;
        if (planner_is_new(pl, NS_CGROUP)) {
            // The namespace's root is the container's own cgroup, so a new mount shows just that.
            r->type = dir->v2 ? "cgroup2" : "cgroup";
            r->source = "cgroup";
            r->data = dir->v2 ? NULL : dir->controllers;
        } else {
            pl->p->child.list[pl->p->child.n - 1].optional = true;
            r->kind = ROOTFS_MOUNT_BIND;
            planner_open_source(pl, &r->from, dir->dir, false, where, true);
        }
        link_controllers(pl, m->destination, name, where);
    }
    if (m->flags & MS_RDONLY)
        planner_child(pl, STEP_READONLY_MOUNT, where)->text = m->destination;
}

static bool is_cgroup_mount(const struct spec_mount *m) {
    return m->kind == MOUNT_NEW && m->type && (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2"));
}

// A read-only /dev is filled first.
static void plan_mount_list(struct planner *pl) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        const char *where = planner_origin(pl, "mounts", i);
        if (is_cgroup_mount(m)) {
            plan_cgroup_mount(pl, m, where);
            continue;
        }
        planner_mount(pl, m, where);
        if (planner_is_dev(pl, m) && m->kind == MOUNT_NEW)
            pl->p->child.list[pl->p->child.n - 1].mount->flags &= ~(unsigned long)MS_RDONLY;
    }
}

static void plan_root(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (pl->own_mounts)
        planner_child(pl, STEP_PROPAGATION, "/linux/rootfsPropagation")->flags =
            spec->linux_.rootfs_propagation;
    planner_child(pl, STEP_ATTACH_ROOT, "/root/path");
    plan_mount_list(pl);
    if (pl->request->notify_directory)
        planner_notify(pl);
    planner_devices(pl);
    planner_links(pl);
}

struct plan *plan_oci(const struct spec *spec, const struct plan_request *request, const struct host *host,
                      struct arena *a, struct error *err) {
    struct planner pl = { .spec = spec, .request = request, .host = host, .a = a, .err = err };
    struct plan *p = planner_begin(&pl, "oci");
    planner_namespaces(&pl);
    pl.enter = !pl.own_mounts ? STEP_CHROOT : request->no_pivot ? STEP_MOVE_ROOT : STEP_PIVOT_ROOT;
    p->root_entry = !pl.own_mounts ? "chroot" : request->no_pivot ? "move" : "pivot_root";
    p->kill = p->clone_flags & CLONE_NEWPID ? "pid-namespace" : "cgroup";
    if (planner_id_maps(&pl) < 0 || planner_check_terminal(&pl) < 0 || planner_translate_cgroups(&pl) < 0)
        return NULL;
    planner_survey_mounts(&pl);

    planner_parent(&pl, STEP_CLAIM_ID, "option:id");
    planner_parent(&pl, STEP_OPEN_ROOT, "/root/path")->source = &p->root;
    planner_cgroups(&pl);
    planner_enter_namespaces(&pl);
    plan_root(&pl); // also emits the parent's STEP_OPEN_SOURCE
    planner_after_mounts(&pl);
    planner_clone(&pl);
    planner_final(&pl);
    return p;
}
