// SPDX-License-Identifier: Apache-2.0
// For the unit tests of the planners of restricted places: places that do not exist, and what a plan has
// lost.
#ifndef NOOK_TESTS_UNIT_PLACE_TEST_H
#define NOOK_TESTS_UNIT_PLACE_TEST_H

#include <errno.h>
#include <linux/capability.h>

#include "runtime/host/place.h"
#include "tests/unit/plan_test.h"

#define CAP(name) (1ULL << (name))

static struct host_place place;
static struct place_range all_ids[] = { { 0, UINT32_MAX } };

static inline void use_ids(struct place_range *ranges, size_t n) {
    place.uids = place.gids = ranges;
    place.n_uids = place.n_gids = n;
}

// A place that was probed and allows everything.
static inline void use_place(void) {
    place = (struct host_place){ .probed = true };
    use_ids(all_ids, 1);
    host.place = &place;
}

static inline void refuse(enum place_ability ability, const char *cause) {
    place.can[ability] = (struct place_answer){ EPERM, cause, "the way out" };
}

static inline int fresh_chroot(void **state) {
    fresh(state);
    planner = plan_chroot;
    use_place();
    return 0;
}

static inline int fresh_bare(void **state) {
    fresh_chroot(state);
    planner = plan_bare;
    return 0;
}

// ---------------------------------------------------------------- findings

// One line a finding, "code field reason"; a "!" in front of those that `strict` refuses.
static inline const char *losses(const struct plan *p) {
    const char *text = "";
    for (size_t i = 0; i < p->n_findings; i++) {
        const struct plan_finding *f = &p->findings[i];
        const struct plan_loss_kind *kind = &plan_loss_kinds[f->loss];
        text = arena_printf(&arena, "%s%s%s %s %s\n", text, kind->refused ? "!" : "", kind->code, f->field,
                            f->reason);
    }
    return text;
}

// These and no others, in this order.
static inline void check_losses(const struct plan *p, const char *lines) {
    const char *have = losses(p);
    if (!str_eq(have, lines))
        fail_msg("want\n%sbut have\n%s", lines, have);
}

static inline void check_loses(const struct plan *p, const char *line) {
    const char *want = arena_printf(&arena, "\n%s\n", line);
    if (!strstr(arena_printf(&arena, "\n%s", losses(p)), want))
        fail_msg("want \"%s\" among\n%s", line, losses(p));
}

static inline void check_keeps(const struct plan *p, const char *code) {
    if (strstr(losses(p), code))
        fail_msg("\"%s\" is among\n%s", code, losses(p));
}

#endif
