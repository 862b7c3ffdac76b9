// SPDX-License-Identifier: Apache-2.0
// For both planners of a container: its namespaces, id maps, and how init comes to live in them.
#include "config.h"

#include <sched.h>
#include <stdio.h>

#include "lib/str.h"
#include "runtime/plan/planner.h"

const struct spec_namespace *planner_ns(struct planner *pl, enum spec_namespace_kind kind) {
    return &pl->spec->linux_.namespaces[kind];
}

bool planner_is_new(struct planner *pl, enum spec_namespace_kind kind) {
    return planner_ns(pl, kind)->present && !planner_ns(pl, kind)->path;
}

static const uint64_t clone_flag_of[N_NAMESPACES] = {
    [NS_PID] = CLONE_NEWPID, [NS_NETWORK] = CLONE_NEWNET, [NS_MOUNT] = CLONE_NEWNS,
    [NS_IPC] = CLONE_NEWIPC, [NS_UTS] = CLONE_NEWUTS,     [NS_USER] = CLONE_NEWUSER,
};

void planner_namespaces(struct planner *pl) {
    pl->userns = planner_ns(pl, NS_USER)->present;
    pl->own_mounts = planner_is_new(pl, NS_MOUNT);
    pl->p->root.late = pl->own_mounts && pl->userns;
    pl->p->mounts_on_host = !planner_ns(pl, NS_MOUNT)->present;
    for (int kind = 0; kind < N_NAMESPACES; kind++) {
        const struct spec_namespace *n = planner_ns(pl, (enum spec_namespace_kind)kind);
        if (n->present && n->path) {
            struct step *s =
                planner_parent(pl, STEP_JOIN, arena_printf(pl->a, "/linux/namespaces/%zu/path", n->index));
            s->join.kind = (enum spec_namespace_kind)kind;
            s->join.path = n->path;
        } else if (n->present) {
            pl->p->clone_flags |= clone_flag_of[kind];
        }
    }
    // A time namespace with offsets is entered only after they are written; without them it is as good as the
    // others.
    bool offsets = pl->spec->linux_.monotonic.present || pl->spec->linux_.boottime.present;
    if (planner_is_new(pl, NS_TIME) && !offsets)
        pl->p->clone_flags |= CLONE_NEWTIME;
}

static const char *map_text(struct planner *pl, const struct spec_id_mapping *maps, size_t n) {
    char *text = arena_alloc(pl->a, n * 36 + 1), *at = text;
    for (size_t i = 0; i < n; i++)
        at += snprintf(at, 36, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);
    return text;
}

bool planner_is_mapped(const struct spec_id_mapping *maps, size_t n, uint32_t id) {
    for (size_t i = 0; i < n; i++)
        if (id >= maps[i].container_id && id - maps[i].container_id < maps[i].size)
            return true;
    return false;
}

// Mappings beside the path of a namespace (podman --userns=container:X) must be those that it has: init
// compares them.
static int check_mappings(struct planner *pl) {
    const struct spec_linux *l = &pl->spec->linux_;
    if ((l->n_uid_mappings || l->n_gid_mappings) && !planner_ns(pl, NS_USER)->present) {
        error_set_at(pl->err, "config.invalid", 0,
                     l->n_uid_mappings ? "/linux/uidMappings" : "/linux/gidMappings",
                     "id mappings, but no user namespace to map ids for");
        return error_hint(pl->err, "add {\"type\": \"user\"} to /linux/namespaces");
    }
    if (planner_is_new(pl, NS_USER) && (!l->n_uid_mappings || !l->n_gid_mappings))
        return error_set_at(pl->err, "config.invalid", 0,
                            l->n_uid_mappings ? "/linux/gidMappings" : "/linux/uidMappings",
                            "the new user namespace needs \"uidMappings\" and \"gidMappings\"");
    return 0;
}

int planner_id_maps(struct planner *pl) {
    const struct spec_linux *l = &pl->spec->linux_;
    const struct spec_process *process = pl->spec->process;
    if (check_mappings(pl) < 0)
        return -1;
    if (!planner_is_new(pl, NS_USER)) {
        if (l->n_uid_mappings)
            pl->p->expected_uid_map = map_text(pl, l->uid_mappings, l->n_uid_mappings);
        if (l->n_gid_mappings)
            pl->p->expected_gid_map = map_text(pl, l->gid_mappings, l->n_gid_mappings);
        return 0;
    }
    pl->p->uid_map = map_text(pl, l->uid_mappings, l->n_uid_mappings);
    pl->p->gid_map = map_text(pl, l->gid_mappings, l->n_gid_mappings);
    if (process && !planner_is_mapped(l->uid_mappings, l->n_uid_mappings, process->user.uid))
        return error_set_at(pl->err, "config.invalid", 0, "/process/user/uid",
                            "uid %u is not mapped by linux.uidMappings", process->user.uid);
    if (process && !planner_is_mapped(l->gid_mappings, l->n_gid_mappings, process->user.gid))
        return error_set_at(pl->err, "config.invalid", 0, "/process/user/gid",
                            "gid %u is not mapped by linux.gidMappings", process->user.gid);
    // Set-up is root's work; a map without root leaves it to the container's user.
    if (!planner_is_mapped(l->uid_mappings, l->n_uid_mappings, 0))
        pl->p->setup_uid = process ? process->user.uid : l->uid_mappings[0].container_id;
    if (!planner_is_mapped(l->gid_mappings, l->n_gid_mappings, 0))
        pl->p->setup_gid = process ? process->user.gid : l->gid_mappings[0].container_id;
    return 0;
}

static void name_step(struct planner *pl, enum step_op op, const char *origin, const char *text) {
    struct step *s = planner_child(pl, op, origin);
    s->text = text;
    s->best_effort = pl->best_effort;
}

void planner_enter_namespaces(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (pl->p->cgroup && pl->p->cgroup->n_dirs)
        planner_child(pl, STEP_CGROUP_ATTACH, "/linux/cgroupsPath");
    // Who lives in it cannot be born in a cgroup outside of it (nsdelegate in cgroups(7)), so init joins it
    // itself; but not from a new user namespace, which has no power over it.
    if (planner_ns(pl, NS_CGROUP)->path && !planner_is_new(pl, NS_USER))
        planner_child(pl, STEP_JOIN_CGROUP_NAMESPACE,
                      planner_origin(pl, "linux/namespaces", planner_ns(pl, NS_CGROUP)->index));
    if (planner_ns(pl, NS_MOUNT)->path)
        planner_child(pl, STEP_JOIN_MOUNT_NAMESPACE,
                      planner_origin(pl, "linux/namespaces", planner_ns(pl, NS_MOUNT)->index));
    if (pl->p->supervised)
        planner_child(pl, STEP_DIE_WITH_PARENT, "default:supervisor");
    if (pl->userns)
        planner_child(pl, STEP_WAIT_MAPS, "/linux/uidMappings");
    if (planner_is_new(pl, NS_CGROUP))
        planner_child(pl, STEP_UNSHARE,
                      planner_origin(pl, "linux/namespaces", planner_ns(pl, NS_CGROUP)->index))
            ->flags = CLONE_NEWCGROUP;
    if (planner_is_new(pl, NS_TIME) && !(pl->p->clone_flags & CLONE_NEWTIME))
        planner_child(pl, STEP_TIME_OFFSETS, "/linux/timeOffsets");
    if (planner_is_new(pl, NS_NETWORK))
        planner_child(pl, STEP_LOOPBACK,
                      planner_origin(pl, "linux/namespaces", planner_ns(pl, NS_NETWORK)->index));
    planner_child(pl, STEP_NEW_SESSION, "default:session");
    if (pl->request->keyring)
        name_step(pl, STEP_KEYRING, "default:keyring", pl->request->keyring);
    if (spec->hostname)
        name_step(pl, STEP_HOSTNAME, "/hostname", spec->hostname);
    if (spec->domainname)
        name_step(pl, STEP_DOMAINNAME, "/domainname", spec->domainname);
}
