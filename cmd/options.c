// SPDX-License-Identifier: Apache-2.0
// Command lines, from tables.
#include "config.h"

#include "cmd/options.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

struct parser {
    const struct option *table;
    const char *const *args;
    size_t n, next; // args[next] is read next
    struct arena *arena;
    char *values;
    bool help;
    struct error *err;
};

static const struct option help_option = { .name = "help", .short_name = 'h', .help = "show this help" };

static bool is_help(const struct option *o) {
    return o == &help_option;
}

// The option with the long name name[0..length), or NULL.
static const struct option *find_long(const struct option *table, const char *name, size_t length) {
    for (const struct option *o = table; o && o->name; o++)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
            return o;
    return length == 4 && memcmp(name, "help", 4) == 0 ? &help_option : NULL;
}

static const struct option *find_short(const struct option *table, char letter) {
    for (const struct option *o = table; o && o->name; o++)
        if (o->short_name && o->short_name == letter)
            return o;
    return letter == 'h' ? &help_option : NULL;
}

static bool parse_bool(const char *text, bool *value) {
    static const struct str_value words[] = {
        { "true", 1 }, { "t", 1 }, { "1", 1 },     { "True", 1 },  { "TRUE", 1 }, { "T", 1 },  { "false", 0 },
        { "f", 0 },    { "0", 0 }, { "False", 0 }, { "FALSE", 0 }, { "F", 0 },    { NULL, 0 },
    };
    const struct str_value *found = str_lookup(words, text);
    if (found)
        *value = found->value != 0;
    return found != NULL;
}

static bool is_choice(const struct option *o, const char *value) {
    for (const struct option_choice *c = o->choices; c && c->name; c++)
        if (str_eq(c->name, value))
            return true;
    return !o->choices;
}

static int bad_choice(struct parser *p, const struct option *o, const char *value) {
    char list[256] = "";
    size_t n = 0;
    for (const struct option_choice *c = o->choices; c->name; c++) {
        n += str_copy(list + n, sizeof(list) - n, n ? ", " : "");
        n += str_copy(list + n, sizeof(list) - n, c->name);
    }
    return error_set(p->err, "usage", 0, "invalid value \"%s\" for flag --%s: it must be one of %s", value,
                     o->name, list);
}

// Stores a value, `spelled` as the user wrote the option. value is NULL for a flag without one.
static int store(struct parser *p, const struct option *o, const char *spelled, const char *value) {
    bool flag = true;
    uint64_t number = 0;

    if (o->kind == OPTION_FLAG && value && !parse_bool(value, &flag))
        return error_set(p->err, "usage", 0, "invalid value \"%s\" for flag %s: it must be true or false",
                         value, spelled);
    if (is_help(o)) {
        p->help = p->help || flag;
        return 0;
    }
    if (o->kind == OPTION_UINT && !str_to_u64(value, o->max ? o->max : INT32_MAX, &number))
        return error_set(p->err, "usage", 0,
                         "invalid value \"%s\" for flag %s: it must be a number from 0 to %llu", value,
                         spelled, o->max ? (unsigned long long)o->max : INT32_MAX);
    if (o->kind != OPTION_FLAG && !is_choice(o, value))
        return bad_choice(p, o, value);
    if (o->offset == OPTION_IGNORED)
        return 0;

    void *target = p->values + o->offset;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)target = flag;
        break;
    case OPTION_STRING:
        *(const char **)target = value;
        break;
    case OPTION_UINT:
        *(uint64_t *)target = number;
        break;
    case OPTION_LIST: {
        struct option_list *list = target;
        *ARENA_PUSH(p->arena, list->items, list->n) = value;
        break;
    }
    }
    return 0;
}

// The value of an option that needs one: what was attached with '=', else the next argument.
static int take_value(struct parser *p, const char *spelled, const char **value) {
    if (*value)
        return 0;
    if (p->next == p->n)
        return error_set(p->err, "usage", 0, "flag needs an argument: %s", spelled);
    *value = p->args[p->next++];
    return 0;
}

static int unknown(struct parser *p, const char *spelled) {
    return error_set(p->err, "usage", 0, "unknown flag %s", spelled);
}

// -x, -xVALUE, -x=VALUE, -xyz: one letter after the other.
static int parse_letters(struct parser *p, const char *arg) {
    for (const char *letter = arg + 1; *letter; letter++) {
        const struct option *o = find_short(p->table, *letter);
        char spelled[3] = { '-', *letter, '\0' };
        if (!o)
            return unknown(p, arg);
        const char *value = letter[1] == '=' ? letter + 2 : NULL;
        if (o->kind != OPTION_FLAG) {
            if (!value && letter[1])
                value = letter + 1;
            return take_value(p, spelled, &value) < 0 ? -1 : store(p, o, spelled, value);
        }
        if (store(p, o, spelled, value) < 0)
            return -1;
        if (value)
            return 0;
    }
    return 0;
}

// One argument that begins with '-' and is neither "-" nor "--".
static int parse_option(struct parser *p, const char *arg) {
    const char *name = arg[1] == '-' ? arg + 2 : arg + 1;
    size_t length = strcspn(name, "=");
    const struct option *o = find_long(p->table, name, length);
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const char *spelled = arena_strndup(p->arena, arg, (size_t)(name - arg) + length);

    // A single dash begins a long name (Go's flags) or letters (getopt); the longer name wins.
    if (!o || length < 2)
        return arg[1] == '-' ? unknown(p, spelled) : parse_letters(p, arg);
    if (o->kind != OPTION_FLAG && take_value(p, spelled, &value) < 0)
        return -1;
    return store(p, o, spelled, value);
}

// Reads options from args[next] on until the first positional argument. *ended: "--" was read.
static int parse_run(struct parser *p, bool *ended) {
    while (p->next < p->n && !p->help) {
        const char *arg = p->args[p->next];
        if (arg[0] != '-' || !arg[1])
            return 0;
        p->next++;
        if (str_eq(arg, "--")) {
            *ended = true;
            return 0;
        }
        if (parse_option(p, arg) < 0)
            return -1;
    }
    return 0;
}

int options_parse(const struct option *table, const char *const *args, size_t n, bool options_first,
                  struct arena *a, void *values, struct option_result *result, struct error *err) {
    struct parser p = { .table = table, .args = args, .n = n, .arena = a, .values = values, .err = err };
    bool ended = false;

    *result = (struct option_result){ .positional = arena_calloc(a, n + 1, sizeof(*result->positional)) };
    while (p.next < n && !p.help) {
        if (!ended && parse_run(&p, &ended) < 0)
            return -1;
        if (p.next == n || p.help)
            break;
        result->positional[result->n_positional++] = args[p.next++];
        ended = ended || options_first;
    }
    result->help = p.help;
    return 0;
}

int options_parse_leading(const struct option *table, const char *const *args, size_t n, struct arena *a,
                          void *values, size_t *used, bool *help, struct error *err) {
    struct parser p = { .table = table, .args = args, .n = n, .arena = a, .values = values, .err = err };
    bool ended = false;
    int rc = parse_run(&p, &ended);
    *used = p.next;
    *help = p.help;
    return rc;
}

static void print_one(const struct option *o) {
    char left[64];
    char letter[5] = "    ";
    if (o->short_name)
        snprintf(letter, sizeof(letter), "-%c, ", o->short_name);
    snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    // A long left column gets a line of its own.
    if (strlen(left) > 30)
        printf("  %s\n  %-30s  %s\n", left, "", o->help);
    else
        printf("  %-30s  %s\n", left, o->help);
}

void options_print_help(const struct option *table) {
    for (const struct option *o = table; o && o->name; o++)
        if (o->help)
            print_one(o);
    print_one(&help_option);
}
