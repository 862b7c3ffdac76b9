// SPDX-License-Identifier: Apache-2.0
// Adaptations: namespaces that cannot be had or are always had, the ids of the process, and what hangs on
// namespaces.
#include "config.h"

#include <linux/capability.h>

#include "lib/str.h"
#include "runtime/config/parse.h"
#include "runtime/config/reader.h"
#include "runtime/plan/adapt.h"

static const struct {
    enum plan_loss shared;
    enum place_ability ability;
} kinds[N_NAMESPACES] = {
    [NS_PID] = { LOSS_PID_SHARED, PLACE_PID_NS },
    [NS_NETWORK] = { LOSS_NETWORK_SHARED, PLACE_NETWORK_NS },
    [NS_MOUNT] = { LOSS_MOUNT_NS_SHARED, PLACE_MOUNT_NS },
    [NS_IPC] = { LOSS_IPC_SHARED, PLACE_IPC_NS },
    [NS_UTS] = { LOSS_UTS_SHARED, PLACE_UTS_NS },
    [NS_USER] = { LOSS_USER_SHARED, PLACE_USER_NS },
    [NS_CGROUP] = { LOSS_CGROUP_NS_SHARED, PLACE_CGROUP_NS },
    [NS_TIME] = { LOSS_TIME_SHARED, PLACE_TIME_NS },
};

static struct spec_namespace *of(struct adaptation *ad, enum spec_namespace_kind kind) {
    return &ad->spec->linux_.namespaces[kind];
}

static const char *field_of(struct adaptation *ad, enum spec_namespace_kind kind) {
    return planner_origin(ad->pl, "linux/namespaces", of(ad, kind)->index);
}

// A namespace that is to be made and cannot be is shared; one that is to be joined is tried, but never by
// chroot(2) alone, and never the mount namespace: a new one is always made.
static void settle(struct adaptation *ad, enum spec_namespace_kind kind) {
    struct spec_namespace *n = of(ad, kind);
    if (!n->present)
        return;
    if (n->path && (ad->bare || kind == NS_MOUNT)) {
        adapt_find(ad, LOSS_NOT_JOINED, field_of(ad, kind), "isolation");
        n->path = NULL;
        n->present = kind == NS_MOUNT && !ad->bare;
    } else if (!n->path && !adapt_can(ad, kinds[kind].ability)) {
        adapt_refused(ad, kinds[kind].shared, field_of(ad, kind), kinds[kind].ability);
        n->present = false;
        ad->pids_lost = ad->pids_lost || kind == NS_PID;
    }
}

static void always(struct adaptation *ad, enum spec_namespace_kind kind, enum plan_loss added) {
    struct spec_namespace *n = of(ad, kind);
    if (n->present || !adapt_can(ad, kinds[kind].ability))
        return;
    adapt_find(ad, added, "/linux/namespaces", "isolation");
    n->present = true;
}

// ---------------------------------------------------------------- the user namespace

static bool exists(const struct place_range *ranges, size_t n, const struct spec_id_mapping *m) {
    for (size_t i = 0; i < n; i++)
        if (m->host_id >= ranges[i].first &&
            (uint64_t)m->host_id + m->size <= (uint64_t)ranges[i].first + ranges[i].count)
            return true;
    return n == 0;
}

static bool all_exist(const struct place_range *ranges, size_t n, const struct spec_id_mapping *maps,
                      size_t n_maps) {
    for (size_t i = 0; i < n_maps; i++)
        if (!exists(ranges, n, &maps[i]))
            return false;
    return true;
}

// Every id that exists here stays what it is; without the privilege to say so, our own id becomes the
// container's.
static void identity(struct adaptation *ad, bool privileged, const struct place_range *ranges, size_t n,
                     uint32_t own, uint32_t inside, struct spec_id_mapping **maps, size_t *n_maps) {
    *maps = NULL;
    *n_maps = 0;
    if (!privileged || n == 0) {
        *ARENA_PUSH(ad->pl->a, *maps, *n_maps) = (struct spec_id_mapping){ inside, own, 1 };
        return;
    }
    for (size_t i = 0; i < n; i++)
        *ARENA_PUSH(ad->pl->a, *maps, *n_maps) =
            (struct spec_id_mapping){ ranges[i].first, ranges[i].first, ranges[i].count };
}

static void identity_of_both(struct adaptation *ad, bool uids, bool gids) {
    static const struct host_place nothing;
    const struct host_place *place = ad->place ? ad->place : &nothing;
    const struct host *host = ad->pl->host;
    struct spec_linux *l = &ad->spec->linux_;
    uint64_t both = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID;
    bool privileged = (host->permitted & both) == both && adapt_can(ad, PLACE_ID_MAPS);
    if (uids)
        identity(ad, privileged, place->uids, place->n_uids, host->euid,
                 ad->process ? ad->process->user.uid : 0, &l->uid_mappings, &l->n_uid_mappings);
    if (gids)
        identity(ad, privileged, place->gids, place->n_gids, host->egid,
                 ad->process ? ad->process->user.gid : 0, &l->gid_mappings, &l->n_gid_mappings);
}

// Its mappings: a half that is missing is the identity; ids that do not exist here cannot be mapped.
static void settle_mappings(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    if (!planner_is_new(ad->pl, NS_USER))
        return;
    identity_of_both(ad, l->n_uid_mappings == 0, l->n_gid_mappings == 0);
    if (!ad->place)
        return;
    bool uids = all_exist(ad->place->uids, ad->place->n_uids, l->uid_mappings, l->n_uid_mappings);
    bool gids = all_exist(ad->place->gids, ad->place->n_gids, l->gid_mappings, l->n_gid_mappings);
    if (!uids)
        adapt_find(ad, LOSS_ID_MAPS, "/linux/uidMappings", "ids-do-not-exist");
    if (!gids)
        adapt_find(ad, LOSS_ID_MAPS, "/linux/gidMappings", "ids-do-not-exist");
    identity_of_both(ad, !uids, !gids);
}

// One that is to be made and cannot be: ids stay what they are outside.
static void lose_user_namespace(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    const char *field = of(ad, NS_USER)->present ? field_of(ad, NS_USER)
                        : l->n_uid_mappings      ? "/linux/uidMappings"
                                                 : "/linux/gidMappings";
    adapt_refused(ad, LOSS_USER_SHARED, field, PLACE_USER_NS);
    of(ad, NS_USER)->present = false;
    l->n_uid_mappings = l->n_gid_mappings = 0;
}

static void settle_user_namespace(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    struct spec_namespace *user = of(ad, NS_USER);
    bool wanted = user->present || l->n_uid_mappings || l->n_gid_mappings;
    bool admin = ad->pl->host->permitted & (1ULL << CAP_SYS_ADMIN);
    if (user->path && ad->bare)
        settle(ad, NS_USER);
    else if (wanted && !user->path && !adapt_can(ad, PLACE_USER_NS))
        lose_user_namespace(ad);
    else if (wanted)
        user->present = true;
    else if (!admin && !ad->bare) {
        adapt_find(ad, LOSS_USER_ADDED, "/linux/namespaces", "no-capability");
        user->present = true;
    }
    if (ad->bare)
        l->n_uid_mappings = l->n_gid_mappings = 0;
    settle_mappings(ad);
}

// ---------------------------------------------------------------- ids of the process

// Who the process would be where its id does not exist: the first one that does.
static uint32_t first_of(const struct spec_id_mapping *maps, size_t n, const struct place_range *ranges,
                         size_t n_ranges) {
    return n ? maps[0].container_id : n_ranges ? ranges[0].first : 0;
}

bool adapt_id_exists(const struct adaptation *ad, bool group, uint32_t id) {
    const struct spec_linux *l = &ad->spec->linux_;
    const struct spec_id_mapping *maps = group ? l->gid_mappings : l->uid_mappings;
    size_t n = group ? l->n_gid_mappings : l->n_uid_mappings;
    if (planner_is_new(ad->pl, NS_USER))
        return planner_is_mapped(maps, n, id);
    if (!ad->place || l->namespaces[NS_USER].present)
        return true;
    struct spec_id_mapping one = { 0, id, 1 };
    return group ? exists(ad->place->gids, ad->place->n_gids, &one)
                 : exists(ad->place->uids, ad->place->n_uids, &one);
}

// Without privilege the own group alone can be mapped, and that only after setgroups(2) is given up:
// user_namespaces(7). The rest was tried (from within a new user namespace, when there is to be one).
static bool groups_are_denied(const struct adaptation *ad) {
    const struct spec_linux *l = &ad->spec->linux_;
    const struct host *host = ad->pl->host;
    bool privileged = host->permitted & (1ULL << CAP_SETGID);
    if (planner_is_new(ad->pl, NS_USER) && !privileged && l->n_gid_mappings == 1 &&
        l->gid_mappings[0].size == 1 && l->gid_mappings[0].host_id == host->egid)
        return true;
    if (ad->place && ad->place->probed)
        return ad->place->can[PLACE_SETGROUPS].errnum != 0;
    return planner_is_new(ad->pl, NS_USER) && !privileged;
}

static void settle_groups(struct adaptation *ad) {
    struct spec_user *user = &ad->process->user;
    uint32_t *kept = NULL;
    size_t n = 0;
    bool denied = groups_are_denied(ad);
    for (size_t i = 0; i < user->n_additional_gids; i++)
        if (!denied && adapt_id_exists(ad, true, user->additional_gids[i]))
            *ARENA_PUSH(ad->pl->a, kept, n) = user->additional_gids[i];
    if (n < user->n_additional_gids)
        adapt_find(ad, LOSS_GROUPS, "/process/user/additionalGids",
                   denied ? "setgroups-denied" : "ids-do-not-exist");
    if (denied && ad->place && ad->place->n_groups)
        adapt_find(ad, LOSS_GROUPS_KEPT, "/process/user", "setgroups-denied");
    user->additional_gids = kept;
    user->n_additional_gids = n;
}

static void settle_ids(struct adaptation *ad) {
    const struct spec_linux *l = &ad->spec->linux_;
    struct spec_user *user = &ad->process->user;
    static const struct host_place nothing;
    const struct host_place *place = ad->place ? ad->place : &nothing;
    if (!adapt_id_exists(ad, false, user->uid)) {
        adapt_find(ad, LOSS_USER_UNMAPPED, "/process/user/uid", "ids-do-not-exist");
        user->uid = first_of(l->uid_mappings, l->n_uid_mappings, place->uids, place->n_uids);
    }
    if (!adapt_id_exists(ad, true, user->gid)) {
        adapt_find(ad, LOSS_USER_UNMAPPED, "/process/user/gid", "ids-do-not-exist");
        user->gid = first_of(l->gid_mappings, l->n_gid_mappings, place->gids, place->n_gids);
    }
    settle_groups(ad);
}

// ---------------------------------------------------------------- what hangs on them

static void settle_sysctls(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    struct spec_key_value *kept = NULL;
    const char **paths = NULL;
    size_t n = 0, n_paths = 0;
    for (size_t i = 0; i < l->n_sysctl; i++) {
        const char *path = l->sysctl_paths[i];
        bool has_namespace = of(ad, (enum spec_namespace_kind)config_sysctl_namespace(path))->present;
        if (has_namespace && adapt_can(ad, PLACE_SYSCTL)) {
            *ARENA_PUSH(ad->pl->a, kept, n) = l->sysctl[i];
            *ARENA_PUSH(ad->pl->a, paths, n_paths) = path;
            continue;
        }
        const char *key = config_pointer_escape(ad->pl->a, l->sysctl[i].key);
        const char *field = arena_printf(ad->pl->a, "/linux/sysctl/%s", key);
        if (has_namespace)
            adapt_refused(ad, LOSS_SYSCTL, field, PLACE_SYSCTL);
        else
            adapt_find(ad, LOSS_SYSCTL, field, "namespace-shared");
    }
    l->sysctl = kept;
    l->sysctl_paths = paths;
    l->n_sysctl = n;
}

static void settle_names(struct adaptation *ad) {
    if (of(ad, NS_UTS)->present)
        return;
    if (ad->spec->hostname)
        adapt_find(ad, LOSS_HOSTNAME, "/hostname", "namespace-shared");
    if (ad->spec->domainname)
        adapt_find(ad, LOSS_DOMAINNAME, "/domainname", "namespace-shared");
    ad->spec->hostname = ad->spec->domainname = NULL;
}

void adapt_namespaces(struct adaptation *ad) {
    static const enum spec_namespace_kind order[] = { NS_PID, NS_NETWORK, NS_MOUNT, NS_IPC,
                                                      NS_UTS, NS_CGROUP,  NS_TIME };
    settle_user_namespace(ad);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        settle(ad, order[i]);
    always(ad, NS_MOUNT, LOSS_MOUNT_NS_ADDED);
    always(ad, NS_UTS, LOSS_UTS_ADDED);
    if (!of(ad, NS_TIME)->present)
        ad->spec->linux_.monotonic.present = ad->spec->linux_.boottime.present = false;
    settle_names(ad);
    if (ad->pl->request->keyring && ad->place && ad->place->probed && ad->place->can[PLACE_KEYRING].errnum)
        adapt_refused(ad, LOSS_KEYRING, "default:keyring", PLACE_KEYRING);
    settle_sysctls(ad);
    if (ad->process)
        settle_ids(ad);
}
