// SPDX-License-Identifier: Apache-2.0
// nook start: lets the program of a created container begin.
#include "config.h"

#include "cmd/command.h"
#include "runtime/launch/launch.h"

static int cmd_start(struct command *c, struct error *err) {
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;
    if (command_open_container(c, &dir, &s, err) < 0)
        return -1;
    int rc = launch_start(&dir, &s, c->arena, err);
    state_close(&dir);
    return rc;
}

const struct verb verb_start = {
    .name = "start",
    .args = "CONTAINER",
    .summary = "Run the program of a created container",
    .min_args = 1,
    .max_args = 1,
    .run = cmd_start,
};
