// SPDX-License-Identifier: Apache-2.0
// nook state: the state of a container as the runtime specification has it (runtime.md, "State").
#include "config.h"

#include "cmd/command.h"
#include "lib/json.h"

// Engines decode this over structures of their own: no other keys (engine-contract, 1.6).
static const char *state_json(struct arena *a, const struct state *s, enum state_status status) {
    struct json j;

    json_init(&j, a, true);
    json_object(&j, NULL);
    json_string(&j, "ociVersion", s->oci_version ? s->oci_version : "1.3.0");
    json_string(&j, "id", s->id);
    json_int(&j, "pid", status == STATE_STOPPED ? 0 : s->init.pid);
    json_string(&j, "status", state_status_names[status]);
    json_string(&j, "bundle", s->bundle ? s->bundle : "");
    json_string(&j, "rootfs", s->rootfs ? s->rootfs : "");
    json_string(&j, "created", s->created ? s->created : "");
    if (s->n_annotations > 0) {
        json_object(&j, "annotations");
        for (size_t i = 0; i < s->n_annotations; i++)
            json_string(&j, s->annotations[i].key, s->annotations[i].value);
        json_object_end(&j);
    }
    json_string(&j, "owner", "");
    json_object_end(&j);
    return arena_printf(a, "%s\n", j.text);
}

static int cmd_state(struct command *c, struct error *err) {
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;

    if (command_open_container(c, &dir, &s, err) < 0)
        return -1;
    enum state_status status = command_status(c, &dir, &s);
    state_close(&dir);
    return command_print(state_json(c->arena, &s, status), err);
}

const struct verb verb_state = {
    .name = "state",
    .args = "CONTAINER",
    .summary = "Show the state of a container as JSON",
    .min_args = 1,
    .max_args = 1,
    .run = cmd_state,
};
