// SPDX-License-Identifier: Apache-2.0
// nook list: the containers below the root.
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "lib/json.h"
#include "lib/str.h"

struct list_options {
    const char *format;
    bool quiet;
};

struct row {
    const char *columns[6];
};

struct listing {
    const struct command *c;
    struct row *rows;
    size_t n_rows;
    struct json json;
};

// No name service is asked: a static program has none, and it can take seconds.
static const char *owner_name(struct arena *a, uint64_t uid) {
    return uid == 0 ? "root" : arena_printf(a, "#%llu", (unsigned long long)uid);
}

static int add(const struct state_dir *dir, const struct state *s, bool loaded, void *arg,
               struct error *err) {
    struct listing *l = arg;
    struct arena *a = l->c->arena;
    (void)err;
    // A half-made or damaged entry is shown too: its id is in use until it is deleted.
    enum state_status status = loaded ? command_status(l->c, dir, s) : STATE_CREATING;
    const char *owner = owner_name(a, s->owner_uid);

    command_state_json(&l->json, s, status, owner, NULL);
    *ARENA_PUSH(a, l->rows, l->n_rows) = (struct row){ {
        s->id,
        arena_printf(a, "%d", status == STATE_STOPPED ? 0 : (int)s->init.pid),
        state_status_names[status],
        s->bundle ? s->bundle : "",
        s->created ? s->created : "",
        owner,
    } };
    return 0;
}

static const char *table(struct arena *a, const struct listing *l) {
    static const struct row header = { { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" } };
    enum { N = sizeof(header.columns) / sizeof(header.columns[0]) };
    size_t width[N], size = 1;

    for (size_t i = 0; i < N; i++) {
        width[i] = strlen(header.columns[i]);
        for (size_t r = 0; r < l->n_rows; r++)
            if (strlen(l->rows[r].columns[i]) > width[i])
                width[i] = strlen(l->rows[r].columns[i]);
        width[i] = width[i] < 8 ? 8 : width[i];
        size += (width[i] + 4) * (l->n_rows + 1);
    }
    char *text = arena_alloc(a, size), *p = text;
    for (size_t r = 0; r <= l->n_rows; r++) {
        const struct row *row = r == 0 ? &header : &l->rows[r - 1];
        for (size_t i = 0; i < N - 1; i++)
            p += snprintf(p, size - (size_t)(p - text), "%-*s    ", (int)width[i], row->columns[i]);
        p += snprintf(p, size - (size_t)(p - text), "%s\n", row->columns[N - 1]);
    }
    return text;
}

static int print_ids(const struct listing *l, struct error *err) {
    for (size_t i = 0; i < l->n_rows; i++)
        if (command_print(arena_printf(l->c->arena, "%s\n", l->rows[i].columns[0]), err) < 0)
            return -1;
    return 0;
}

static int cmd_list(struct command *c, struct error *err) {
    const struct list_options *o = c->options;
    struct listing l = { .c = c };

    json_init(&l.json, c->arena, false);
    json_array(&l.json, NULL);
    // No default root yet just means no containers; a root that was asked for should be there.
    if (state_list(c->arena, c->root, add, &l, err) < 0 && (err->err != ENOENT || c->root_given))
        return -1;
    json_array_end(&l.json);
    *err = (struct error){ 0 };

    if (o->quiet)
        return print_ids(&l, err);
    if (o->format && str_eq(o->format, "json"))
        return command_print(arena_printf(c->arena, "%s\n", l.json.text), err);
    return command_print(table(c->arena, &l), err);
}

static const struct option_choice formats[] = { { "table" }, { "json" }, { NULL } };
static const struct option options[] = {
    { .name = "format",
      .short_name = 'f',
      .kind = OPTION_STRING,
      .offset = offsetof(struct list_options, format),
      .arg = "FORMAT",
      .choices = formats,
      .help = "table (the default) or json" },
    { .name = "quiet",
      .short_name = 'q',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct list_options, quiet),
      .help = "only the ids" },
    { .name = NULL },
};

const struct verb verb_list = {
    .name = "list",
    .args = "",
    .summary = "List the containers",
    .options = options,
    .values_size = sizeof(struct list_options),
    .run = cmd_list,
};
