// SPDX-License-Identifier: Apache-2.0
// nook explain: what create would do, in order, and why. Touches nothing.
#include "config.h"

#include "cmd/container.h"
#include "lib/json.h"
#include "lib/str.h"

static int cmd_explain(struct command *c, struct error *err) {
    struct container_options *o = c->options;
    if (c->n_args == 0) {
        static const char *const example[] = { "example", NULL };
        c->args = (const char **)example;
        c->n_args = 1;
    }
    struct launch_request request;
    // A terminal is no reason to refuse: nobody has to hold it here.
    o->dry = true;
    struct plan *plan = container_plan(c, !o->detach, &request, err);
    if (!plan)
        return -1;
    if (!o->format || str_eq(o->format, "text"))
        return command_print(plan_text(plan, c->arena), err);
    struct json j;
    json_init(&j, c->arena, true);
    plan_json(plan, &j);
    return command_print(arena_printf(c->arena, "%s\n", j.text), err);
}

static const struct option_choice formats[] = { { "text" }, { "json" }, { NULL } };
static const struct option explain_options[] = {
    CONTAINER_CREATE_OPTIONS,
    { .name = "format",
      .kind = OPTION_STRING,
      .offset = CONTAINER_OPTION(format),
      .arg = "FORMAT",
      .choices = formats,
      .help = "text (the default) or json" },
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
