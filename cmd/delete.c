// SPDX-License-Identifier: Apache-2.0
// nook delete: removes a stopped container; with --force any, whatever is left of it.
#include "config.h"

#include <stddef.h>

#include "cmd/command.h"
#include "lib/log.h"
#include "lib/str.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/recover.h"

struct delete_options {
    bool force;
};

// 1: *dir is open and *s says what is known; 0: there is nothing to delete, which is what was asked for.
static int find_whatever_is_left(struct command *c, struct state_dir *dir, struct state *s,
                                 struct error *err) {
    if (state_open(c->arena, c->root, c->args[0], dir, err) < 0)
        // A creator may have died between mkdir and its first file; or somebody has emptied the directory.
        return str_eq(err->code, "state.not-found")
                   ? launch_recover_empty(c->root, c->args[0], dir, s, c->arena, err)
                   : -1;
    struct error load_error;
    if (state_load(dir, c->arena, s, &load_error) == 0)
        return 1;
    log_warning("%s: deleting what can be found", load_error.msg);
    if (launch_recover(dir, s, c->arena, err) == 0)
        return 1;
    state_close(dir);
    return -1;
}

static int delete_force(struct command *c, struct error *err) {
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;
    int rc = find_whatever_is_left(c, &dir, &s, err);
    if (rc <= 0)
        return rc;
    rc = launch_kill_all(&dir, &s, c->arena, err);
    if (rc == 0)
        rc = launch_delete(&dir, &s, NULL, c->arena, err);
    state_close(&dir);
    return rc;
}

static int cmd_delete(struct command *c, struct error *err) {
    const struct delete_options *o = c->options;
    if (o->force)
        return delete_force(c, err);
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;
    if (command_open_container(c, &dir, &s, err) < 0)
        return -1;
    enum state_status status = command_status(c, &dir, &s);
    int rc = 0;
    if (status != STATE_STOPPED) {
        rc = error_set(err, "delete.not-stopped", 0, "cannot delete container %s that is not stopped: %s",
                       s.id, state_status_names[status]);
        error_hint(err, "delete --force kills it first");
    }
    // Processes that outlived init in a shared PID namespace end with their container.
    if (rc == 0 && s.shared_pid_namespace)
        rc = launch_kill_all(&dir, &s, c->arena, err);
    if (rc == 0)
        rc = launch_delete(&dir, &s, NULL, c->arena, err);
    state_close(&dir);
    return rc;
}

static const struct option delete_option_table[] = {
    { .name = "force",
      .short_name = 'f',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct delete_options, force),
      .help = "kill it first if it runs; no error if it does not exist" },
    { .name = NULL },
};

const struct verb verb_delete = {
    .name = "delete",
    .args = "CONTAINER",
    .summary = "Remove a container that has stopped",
    .options = delete_option_table,
    .values_size = sizeof(struct delete_options),
    .min_args = 1,
    .max_args = 1,
    .run = cmd_delete,
};
