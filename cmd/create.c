// SPDX-License-Identifier: Apache-2.0
// nook create: makes a container and leaves it waiting for start.
#include "config.h"

#include "cmd/container.h"

static int cmd_create(struct command *c, struct error *err) {
    struct launch_request request;
    struct plan *plan = container_plan(c, true, &request, err);
    return plan ? launch_container(&request, plan, c->arena, err) : -1;
}

static const struct option create_options[] = { CONTAINER_CREATE_OPTIONS, { .name = NULL } };

const struct verb verb_create = {
    .name = "create",
    .args = "CONTAINER",
    .summary = "Create a container, which then waits for start",
    .options = create_options,
    .values_size = sizeof(struct container_options),
    .min_args = 1,
    .max_args = 1,
    .run = cmd_create,
};
