// SPDX-License-Identifier: Apache-2.0
// Config x probe.
#include "config.h"

#include "runtime/plan/needs.h"

#include "lib/str.h"
#include "runtime/config/reader.h"

struct needs {
    const struct spec *spec;
    const struct host_place *place;
    struct arena *a;
    struct plan_unmet *list;
    size_t n;
};

static void need(struct needs *needs, enum place_ability ability, const char *field) {
    const struct place_answer *answer = &needs->place->can[ability];
    if (answer->errnum != 0)
        *ARENA_PUSH(needs->a, needs->list, needs->n) = (struct plan_unmet){ field, ability, answer };
}

bool plan_wants_userns(const struct spec *spec) {
    const struct spec_namespace *user = &spec->linux_.namespaces[NS_USER];
    bool mappings = spec->linux_.n_uid_mappings || spec->linux_.n_gid_mappings;
    return user->present ? !user->path : mappings;
}

static const enum place_ability namespace_abilities[N_NAMESPACES] = {
    [NS_PID] = PLACE_PID_NS,       [NS_NETWORK] = PLACE_NETWORK_NS, [NS_MOUNT] = PLACE_MOUNT_NS,
    [NS_IPC] = PLACE_IPC_NS,       [NS_UTS] = PLACE_UTS_NS,         [NS_USER] = PLACE_USER_NS,
    [NS_CGROUP] = PLACE_CGROUP_NS, [NS_TIME] = PLACE_TIME_NS,
};

static void need_namespaces(struct needs *needs) {
    const struct spec_linux *l = &needs->spec->linux_;
    for (int kind = 0; kind < N_NAMESPACES; kind++) {
        const struct spec_namespace *n = &l->namespaces[kind];
        if (n->present && !n->path)
            need(needs, namespace_abilities[kind], arena_printf(needs->a, "/linux/namespaces/%zu", n->index));
    }
    bool many = l->n_uid_mappings > 1 || (l->n_uid_mappings == 1 && l->uid_mappings[0].size > 1);
    if (many)
        need(needs, PLACE_ID_MAPS, "/linux/uidMappings");
}

static const struct {
    const char *type;
    enum place_ability ability;
} file_systems[] = {
    { "proc", PLACE_PROCFS },   { "sysfs", PLACE_SYSFS },   { "tmpfs", PLACE_TMPFS },
    { "devpts", PLACE_DEVPTS }, { "mqueue", PLACE_MQUEUE }, { "overlay", PLACE_OVERLAY },
};

static void need_mounts(struct needs *needs) {
    for (size_t i = 0; i < needs->spec->n_mounts; i++) {
        const struct spec_mount *m = &needs->spec->mounts[i];
        const char *field = arena_printf(needs->a, "/mounts/%zu", i);
        if (m->kind == MOUNT_BIND)
            need(needs, PLACE_BIND, field);
        for (size_t t = 0; m->kind == MOUNT_NEW && t < sizeof(file_systems) / sizeof(file_systems[0]); t++)
            if (str_eq(m->type, file_systems[t].type))
                need(needs, file_systems[t].ability, field);
    }
}

static void need_limits(struct needs *needs) {
    const struct spec_resources *r = needs->spec->linux_.resources;
    if (r && (r->memory || r->cpu || r->has_pids_limit || r->n_hugepage_limits))
        need(needs, PLACE_CGROUP, "/linux/resources");
    for (size_t i = 0; i < needs->spec->linux_.n_sysctl; i++)
        need(needs, PLACE_SYSCTL,
             arena_printf(needs->a, "/linux/sysctl/%s",
                          config_pointer_escape(needs->a, needs->spec->linux_.sysctl[i].key)));
}

void plan_unmet_needs(const struct spec *spec, const struct plan_request *request, const struct host *host,
                      struct arena *a, struct plan_unmet **list, size_t *n) {
    struct needs needs = { .spec = spec, .place = host->place, .a = a };
    const struct spec_namespace *mount = &spec->linux_.namespaces[NS_MOUNT];
    if (!needs.place || !needs.place->probed) {
        *n = 0;
        return;
    }
    need_namespaces(&needs);
    if (mount->present && !request->no_pivot)
        need(&needs, PLACE_PIVOT_ROOT, "/root/path");
    if (!mount->present)
        need(&needs, PLACE_CHROOT, "/root/path");
    need_mounts(&needs);
    need_limits(&needs);
    if (spec->process && spec->process->user.n_additional_gids)
        need(&needs, PLACE_SETGROUPS, "/process/user/additionalGids");
    if (spec->linux_.seccomp)
        need(&needs, PLACE_SECCOMP, "/linux/seccomp");
    *list = needs.list;
    *n = needs.n;
}
