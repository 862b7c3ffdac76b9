// SPDX-License-Identifier: Apache-2.0
// What full isolation needs of the place for a config, line by line: held against the probe, it tells whether
// `oci` can run it, and why not. Pure.
#ifndef NOOK_RUNTIME_PLAN_NEEDS_H
#define NOOK_RUNTIME_PLAN_NEEDS_H

#include "runtime/host/place.h"
#include "runtime/plan/plan.h"

// Something that the config needs and the place refuses.
struct plan_unmet {
    const char *field; // JSON pointer
    enum place_ability ability;
    const struct place_answer *answer;
};

// Those of `oci`, in the order of the config; none: it can run. They live in the arena.
void plan_unmet_needs(const struct spec *spec, const struct plan_request *request, const struct host *host,
                      struct arena *a, struct plan_unmet **list, size_t *n);

// Will init live in a new user namespace: for which world has the place to be probed?
bool plan_wants_userns(const struct spec *spec);

#endif
