// SPDX-License-Identifier: Apache-2.0
// nook run: create and start in one, and, in the foreground, wait and delete.
#include "config.h"

#include "cmd/container.h"

static int cmd_run(struct command *c, struct error *err) {
    struct launch_request request;
    struct plan *plan = container_plan(c, false, &request, err);
    return plan ? launch_container(&request, plan, c->arena, err) : -1;
}

static const struct option run_options[] = {
    CONTAINER_CREATE_OPTIONS,
    { .name = "detach",
      .short_name = 'd',
      .kind = OPTION_FLAG,
      .offset = CONTAINER_OPTION(detach),
      .help = "return when the program runs" },
    { .name = "keep",
      .kind = OPTION_FLAG,
      .offset = CONTAINER_OPTION(keep),
      .help = "do not delete the container when the program has ended" },
    { .name = NULL },
};

const struct verb verb_run = {
    .name = "run",
    .args = "CONTAINER",
    .summary = "Create a container and run its program",
    .details = "The exit code is the program's, or 128 + N when signal N ended it.",
    .options = run_options,
    .values_size = sizeof(struct container_options),
    .min_args = 1,
    .max_args = 1,
    .run = cmd_run,
};
