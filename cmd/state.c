// SPDX-License-Identifier: Apache-2.0
// nook state: the state of a container as the runtime specification has it (runtime.md, "State").
#include "config.h"

#include <fcntl.h>

#include "cmd/command.h"
#include "lib/fd.h"
#include "lib/json.h"

// What create said of a weaker isolation; NULL for oci.
static const char *saved_report(const struct command *c, const struct state_dir *dir) {
    cleanup_fd int fd = openat(dir->fd, STATE_REPORT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? NULL : fd_read_all(fd, c->arena, 4 << 20, NULL);
}

static int cmd_state(struct command *c, struct error *err) {
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;
    struct json j;

    if (command_open_container(c, &dir, &s, err) < 0)
        return -1;
    enum state_status status = command_status(c, &dir, &s);
    const char *report = saved_report(c, &dir);
    state_close(&dir);
    json_init(&j, c->arena, true);
    command_state_json(&j, &s, status, "", report);
    return command_print(arena_printf(c->arena, "%s\n", j.text), err);
}

const struct verb verb_state = {
    .name = "state",
    .args = "CONTAINER",
    .summary = "Show the state of a container as JSON",
    .min_args = 1,
    .max_args = 1,
    .run = cmd_state,
};
