// SPDX-License-Identifier: Apache-2.0
// Adaptations: the copy of the spec, the list of findings, cgroups, and the process; and what the planners of
// the weaker isolations end with.
#include "config.h"

#include <linux/capability.h>

#include "lib/str.h"
#include "runtime/plan/adapt.h"

void adapt_begin(struct adaptation *ad, struct planner *pl, bool bare) {
    *ad = (struct adaptation){ .pl = pl, .place = pl->host->place, .bare = bare };
    ad->spec = arena_alloc(pl->a, sizeof(*ad->spec));
    *ad->spec = *pl->spec;
    if (pl->spec->process) {
        ad->process = arena_alloc(pl->a, sizeof(*ad->process));
        *ad->process = *pl->spec->process;
        ad->spec->process = ad->process;
    }
    pl->spec = ad->spec;
}

struct plan_finding *adapt_find(struct adaptation *ad, enum plan_loss loss, const char *field,
                                const char *reason) {
    struct plan *p = ad->pl->p;
    struct plan_finding *f = ARENA_PUSH(ad->pl->a, p->findings, p->n_findings);
    *f = (struct plan_finding){ .loss = loss, .field = field, .reason = reason };
    return f;
}

void adapt_refused(struct adaptation *ad, enum plan_loss loss, const char *field,
                   enum place_ability ability) {
    // bare makes no namespaces and mounts nothing, whatever the place would allow.
    bool never = ad->bare && ability != PLACE_CGROUP && ability != PLACE_KEYRING;
    bool asked = ad->place && ad->place->probed && !never;
    const struct place_answer *answer = asked ? &ad->place->can[ability] : NULL;
    bool told = answer && answer->errnum != 0;
    struct plan_finding *f = adapt_find(ad, loss, field, told && answer->cause ? answer->cause : "isolation");
    if (told)
        f->mitigation = answer->unlock;
    else if (never)
        f->mitigation = "--isolation=chroot";
}

bool adapt_can(const struct adaptation *ad, enum place_ability ability) {
    return !ad->bare && (!ad->place || !ad->place->probed || ad->place->can[ability].errnum == 0);
}

// ---------------------------------------------------------------- cgroups

// Can who is in there have device nodes? Not in a user namespace, and not without the capability to make
// them; but bare cannot keep from those that the image has.
static bool may_have_nodes(const struct adaptation *ad) {
    const struct spec_capabilities *caps = ad->process ? ad->process->capabilities : NULL;
    uint64_t mknod = 1ULL << CAP_MKNOD;
    if (ad->spec->linux_.namespaces[NS_USER].present || !ad->pl->host->in_initial_userns)
        return false;
    if (ad->bare)
        return true;
    if (!(ad->pl->host->permitted & mknod))
        return false;
    return !caps ||
           ((caps->effective | caps->permitted | caps->inheritable | caps->ambient | caps->bounding) & mknod);
}

static enum plan_loss lost_device_rules(const struct adaptation *ad) {
    return may_have_nodes(ad) ? LOSS_DEVICE_RULES : LOSS_DEVICE_RULES_MOOT;
}

static void lose_nodes(struct adaptation *ad, const struct spec_resources *r) {
    for (size_t i = 0; i < r->n_devices; i++)
        ad->pl->p->root.nodev = ad->pl->p->root.nodev || !r->devices[i].allow;
}

static bool has_memory(const struct spec_memory *m) {
    return m && (m->has_limit || m->has_reservation || m->has_swap || m->has_kernel || m->has_kernel_tcp ||
                 m->has_swappiness || m->disable_oom_killer);
}

static bool has_cpu(const struct spec_cpu *c) {
    return c && (c->has_shares || c->has_quota || c->has_burst || c->has_period || c->has_idle || c->cpus ||
                 c->mems);
}

static void lose_resources(struct adaptation *ad, const struct spec_resources *r) {
    struct arena *a = ad->pl->a;
    if (has_memory(r->memory))
        adapt_refused(ad, LOSS_RESOURCE, "/linux/resources/memory", PLACE_CGROUP);
    if (has_cpu(r->cpu))
        adapt_refused(ad, LOSS_RESOURCE, "/linux/resources/cpu", PLACE_CGROUP);
    if (r->has_pids_limit)
        adapt_refused(ad, LOSS_RESOURCE, "/linux/resources/pids", PLACE_CGROUP);
    for (size_t i = 0; i < r->n_hugepage_limits; i++)
        adapt_refused(ad, LOSS_RESOURCE, arena_printf(a, "/linux/resources/hugepageLimits/%zu", i),
                      PLACE_CGROUP);
    if (!r->n_devices)
        return;
    adapt_refused(ad, lost_device_rules(ad), "/linux/resources/devices", PLACE_CGROUP);
    lose_nodes(ad, r);
}

// Those of a cgroup are set by nobody but root in the initial user namespace, with this capability (v1:
// devcgroup_update_access; v2: BPF).
static void settle_device_rules(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    const struct host *host = ad->pl->host;
    if (!l->resources || !l->resources->n_devices ||
        (!host->cgroups.below_own && (host->permitted & (1ULL << CAP_SYS_ADMIN))))
        return;
    adapt_find(ad, lost_device_rules(ad), "/linux/resources/devices", "no-capability")->mitigation =
        "root with CAP_SYS_ADMIN, in no user namespace";
    lose_nodes(ad, l->resources);
    struct spec_resources *without = arena_alloc(ad->pl->a, sizeof(*without));
    *without = *l->resources;
    without->n_devices = 0;
    l->resources = without;
}

bool adapt_cgroups(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    bool bare_cgroup = ad->bare && ad->place && ad->place->probed && ad->place->can[PLACE_CGROUP].errnum == 0;
    if (!ad->pl->request->no_cgroup && (bare_cgroup || adapt_can(ad, PLACE_CGROUP)) &&
        ad->pl->host->cgroups.n_hierarchies) {
        settle_device_rules(ad);
        return true;
    }
    if (l->resources)
        lose_resources(ad, l->resources);
    if (l->cgroups_path && *l->cgroups_path)
        adapt_refused(ad, LOSS_CGROUPS_PATH, "/linux/cgroupsPath", PLACE_CGROUP);
    l->resources = NULL;
    l->cgroups_path = NULL;
    return false;
}

// ---------------------------------------------------------------- the process

static bool has_admin(const struct adaptation *ad) {
    return planner_is_new(ad->pl, NS_USER) || (ad->pl->host->permitted & (1ULL << CAP_SYS_ADMIN));
}

// Without a PID namespace the container's processes and its supervisor see each other. Signals are kept
// inside by Landlock, or by ids that are not the supervisor's.
static bool has_supervisor_ids(const struct adaptation *ad) {
    const struct spec_linux *l = &ad->spec->linux_;
    if (!planner_is_new(ad->pl, NS_USER))
        return true;
    for (size_t i = 0; i < l->n_uid_mappings; i++)
        if (ad->pl->host->euid - l->uid_mappings[i].host_id < l->uid_mappings[i].size)
            return true;
    return false;
}

// Who asked for a PID namespace does not mean to meet the processes outside: to signal them, be it by
// kill(-1), or to enter those that ptrace(2) allows by the outer /proc. A Landlock domain keeps from both. In
// a user namespace the ids and capabilities do.
static bool wants_no_others(struct adaptation *ad) {
    return ad->pids_lost || (planner_is_new(ad->pl, NS_PID) && !ad->spec->linux_.namespaces[NS_USER].present);
}

static void scope_signals(struct adaptation *ad) {
    bool landlock = ad->place && ad->place->landlock_abi >= 6;
    bool supervised = ad->pl->p->supervised;
    if (!supervised && !wants_no_others(ad))
        return;
    if (landlock && (ad->process->no_new_privileges || has_admin(ad)))
        ad->pl->p->scope_signals = true;
    else if (supervised && has_supervisor_ids(ad))
        adapt_find(ad, LOSS_SUPERVISOR_EXPOSED, "/process/noNewPrivileges",
                   landlock ? "no-new-privileges" : "no-landlock");
}

void adapt_process(struct adaptation *ad) {
    if (!ad->process)
        return;
    if (ad->spec->linux_.seccomp && !ad->process->no_new_privileges && !has_admin(ad)) {
        adapt_find(ad, LOSS_NO_NEW_PRIVS_ADDED, "/process/noNewPrivileges", "seccomp");
        ad->process->no_new_privileges = true;
    }
    bool lost = false;
    if (ad->pl->enter == STEP_CHROOT)
        ad->process->capabilities = plan_without_chroot(ad->process->capabilities, &lost, ad->pl->a);
    if (lost)
        adapt_find(ad, LOSS_CAPABILITY_CHROOT, "/process/capabilities", "chroot");
    scope_signals(ad);
}

// ---------------------------------------------------------------- the end of a plan

void adapt_kill(struct planner *pl, bool cgroup) {
    bool own_pids = planner_is_new(pl, NS_PID);
    pl->p->supervised = !own_pids && !cgroup;
    pl->p->kill = own_pids ? "pid-namespace" : cgroup ? "cgroup" : "supervisor";
}

struct plan *adapt_finish(struct adaptation *ad) {
    struct planner *pl = ad->pl;
    pl->p->process = ad->process;
    pl->p->root_entry = pl->enter == STEP_PIVOT_ROOT ? "pivot_root" : "chroot";
    planner_after_mounts(pl);
    if (pl->p->supervised) {
        planner_child(pl, STEP_SHOW_MARKS, "default:supervisor")->flags = pl->p->clone_flags;
        // Again: changes of ids on the way, as for the look-up of the program, have taken it back.
        planner_child(pl, STEP_DIE_WITH_PARENT, "default:supervisor");
    }
    planner_clone(pl);
    planner_final(pl);
    return pl->p;
}
