// SPDX-License-Identifier: Apache-2.0
// What a weaker isolation makes of a config: a copy of the spec with all taken out or changed that the
// isolation or the place cannot give, and a finding for each. For runtime/plan/ alone.
#ifndef NOOK_RUNTIME_PLAN_ADAPT_H
#define NOOK_RUNTIME_PLAN_ADAPT_H

#include "runtime/host/place.h"
#include "runtime/plan/finding.h"
#include "runtime/plan/planner.h"

struct adaptation {
    struct planner *pl;
    struct spec *spec;            // the copy
    struct spec_process *process; // its process, a copy too; NULL: none
    const struct host_place *place;
    bool bare;      // chroot(2) is all that there is
    bool pids_lost; // the config's PID namespace cannot be had
};

// Makes the copies; pl->spec is the copy from here on.
void adapt_begin(struct adaptation *ad, struct planner *pl, bool bare);

// Notes a loss. reason: a stable word.
struct plan_finding *adapt_find(struct adaptation *ad, enum plan_loss loss, const char *field,
                                const char *reason);
// The same, because the place refuses this ability.
void adapt_refused(struct adaptation *ad, enum plan_loss loss, const char *field, enum place_ability ability);
bool adapt_can(const struct adaptation *ad, enum place_ability ability);

// adapt_namespaces.c: namespaces, mappings, ids; what hangs on them: names, sysctls.
void adapt_namespaces(struct adaptation *ad);
// After that: does the user or group id exist for the container? True when it is not known.
bool adapt_id_exists(const struct adaptation *ad, bool group, uint32_t id);

// adapt.c: cgroups and resources. Sets pl->p->cgroup to NULL by leaving nothing to translate: true
// when cgroups can be made.
bool adapt_cgroups(struct adaptation *ad);
// What the process may keep, once it is settled how the root is entered (pl->enter).
void adapt_process(struct adaptation *ad);

// How all of the container's processes will be found when it ends: by its PID namespace, else its cgroup,
// else a supervisor.
void adapt_kill(struct planner *pl, bool cgroup);
// The steps from the container's mounts on. The plan.
struct plan *adapt_finish(struct adaptation *ad);

#endif
