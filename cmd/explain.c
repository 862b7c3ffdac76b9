// SPDX-License-Identifier: Apache-2.0
// nook explain: what create would do, in order, and why. Touches nothing.
#include "config.h"

#include "cmd/container.h"
#include "lib/json.h"
#include "lib/str.h"

static int cmd_explain(struct command *c, struct error *err) {
    const struct container_options *o = c->options;
    struct launch_request request;
    bool json = container_begin_dry(c);
    struct plan *plan = container_plan(c, !o->detach, &request, err);
    if (!plan)
        return -1;
    if (!json)
        return command_print(plan_text(plan, c->arena), err);
    struct json j;
    json_init(&j, c->arena, true);
    plan_json(plan, &j);
    return command_print(arena_printf(c->arena, "%s\n", j.text), err);
}

static const struct option explain_options[] = {
    CONTAINER_DRY_OPTIONS,
    { .name = NULL },
};

const struct verb verb_explain = {
    .name = "explain",
    .args = "[CONTAINER]",
    .summary = "Show what create would do, step by step; nothing is done",
    .options = explain_options,
    .values_size = sizeof(struct container_options),
    .min_args = 0,
    .max_args = 1,
    .run = cmd_explain,
};
