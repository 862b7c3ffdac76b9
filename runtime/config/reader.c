// SPDX-License-Identifier: Apache-2.0
// JSON -> C structs, driven by tables: yajl's callbacks over a stack of frames, one for each open object or
// list. The JSON pointer is put together only when there is something to complain about.
#include "config.h"

#include "runtime/config/reader.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "lib/log.h"
#include "lib/str.h"
#include "runtime/config/member_set.h"
#include "runtime/config/spec.h"
#include "runtime/config/text.h"

enum {
    MAX_DEPTH = 64,
    MAX_STRING = 1 << 20, // bytes
};

enum frame_kind {
    FRAME_OBJECT, // an object with a table
    FRAME_MAP,    // an object with free names
    FRAME_LIST,
    FRAME_SKIPPED_OBJECT,
    FRAME_SKIPPED_LIST,
};

struct frame {
    enum frame_kind kind;
    const struct shape *shape; // FRAME_OBJECT
    const struct field
        *field; // FRAME_OBJECT: the member being read (NULL: unknown); MAP, LIST: the field that holds it
    char *base; // the struct that is filled; MAP, LIST: the one that holds the list
    uint64_t seen, given; // FRAME_OBJECT: members met; members with a value other than null
    uint32_t serial;      // tells this object's names from others' in the member set
    const char *key;      // the member being read, or NULL
    size_t n;             // FRAME_LIST: elements so far
};

struct reader {
    struct arena *arena;
    struct error *err;
    struct frame frames[MAX_DEPTH];
    size_t depth;
    const struct shape *shape; // of the whole text
    void *out;
    struct member_set members;
    uint32_t serial;
};

// What the next value is for.
struct place {
    const struct field *field; // NULL: to be skipped
    bool element;              // of the list or map that the field is, not the member itself
    char *base;                // of the struct that has the field
};

// ---------------------------------------------------------------- messages

static const char *pointer(struct reader *r) {
    const char *text = "";
    for (size_t i = 0; i < r->depth; i++) {
        const struct frame *f = &r->frames[i];
        if (f->kind == FRAME_LIST || f->kind == FRAME_SKIPPED_LIST) {
            if (f->n)
                text = arena_printf(r->arena, "%s/%zu", text, f->n - 1);
        } else if (f->key) {
            text = arena_printf(r->arena, "%s/%s", text, config_pointer_escape(r->arena, f->key));
        }
    }
    return text;
}

// What the message is about: the member's name, or the list's with the element's place.
static const char *subject(struct reader *r) {
    if (r->depth == 0)
        return "the text";
    const struct frame *f = &r->frames[r->depth - 1];
    if (f->kind == FRAME_LIST)
        return arena_printf(r->arena, "element %zu of \"%s\"", f->n - 1, f->field->name);
    return config_quote(r->arena, f->key ? f->key : "", f->key ? strlen(f->key) : 0);
}

// Ends the parse. Returns 0, which stops yajl.
__attribute__((format(printf, 2, 3))) static int fail(struct reader *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *msg = arena_vprintf(r->arena, fmt, ap);
    va_end(ap);
    error_set_at(r->err, "config.invalid", 0, pointer(r), "%s", msg);
    return 0;
}

static const char *allowed(struct reader *r, const struct place *p) {
    const struct field *f = p->field;
    if (!f)
        return "an object";
    switch ((enum field_kind)f->kind) {
    case FIELD_STRINGS:
        if (!p->element)
            return "a list of strings";
        break;
    case FIELD_STRING_MAP:
        if (!p->element)
            return "an object of strings";
        break;
    case FIELD_BITS:
        return p->element ? "a string" : "a list of strings";
    case FIELD_U32S:
        if (!p->element)
            return "a list of numbers";
        break;
    case FIELD_OBJECTS:
        return p->element ? "an object" : "a list of objects";
    case FIELD_OBJECT_MAP:
        return p->element ? "an object" : "an object of objects";
    case FIELD_OBJECT:
    case FIELD_POINTER:
        return "an object";
    case FIELD_BOOL:
        return "true or false";
    case FIELD_CHAR:
        return arena_printf(r->arena, "a string of one letter out of \"%s\"", f->letters);
    case FIELD_STRING:
    case FIELD_I32:
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_U64:
        break;
    }
    if (f->kind == FIELD_I32 || f->kind == FIELD_I64 || f->kind == FIELD_U32 || f->kind == FIELD_U64 ||
        f->kind == FIELD_U32S)
        return arena_printf(r->arena, "a whole number from %lld to %llu", (long long)f->min,
                            (unsigned long long)f->max);
    if (f->words)
        return arena_printf(r->arena, "one of %s", config_list_words(r->arena, f->words));
    if (f->flags & FIELD_ABSOLUTE)
        return "an absolute path";
    return f->flags & FIELD_NONEMPTY ? "a string that is not empty" : "a string";
}

static int wrong(struct reader *r, const struct place *p, const char *found) {
    return fail(r, "%s must be %s, but is %s", subject(r), allowed(r, p), found);
}

static int wrong_string(struct reader *r, const struct place *p, const char *s, size_t n) {
    bool string = p->field && p->field->kind == (p->element ? FIELD_STRINGS : FIELD_STRING);
    return fail(r, "%s must be %s, but is %s%s", subject(r), allowed(r, p), string ? "" : "the string ",
                config_quote(r->arena, s, n));
}

// ---------------------------------------------------------------- frames

// Called for every value: finds what it is for and counts the elements of lists.
static struct place next_place(struct reader *r) {
    if (r->depth == 0)
        return (struct place){ 0 };
    struct frame *f = &r->frames[r->depth - 1];
    switch (f->kind) {
    case FRAME_OBJECT:
        return (struct place){ .field = f->field, .base = f->base };
    case FRAME_LIST:
        f->n++;
        return (struct place){ .field = f->field, .base = f->base, .element = true };
    case FRAME_MAP:
        return (struct place){ .field = f->field, .base = f->base, .element = true };
    case FRAME_SKIPPED_LIST:
        f->n++;
        break;
    case FRAME_SKIPPED_OBJECT:
        break;
    }
    return (struct place){ 0 };
}

// Notes that the member being read has a value.
static void mark_given(struct reader *r, const struct place *p) {
    if (p->element)
        return;
    struct frame *f = &r->frames[r->depth - 1];
    f->given |= 1ULL << (f->field - f->shape->fields);
    if (p->field->has)
        *(bool *)(p->base + p->field->has - 1) = true;
}

static int push(struct reader *r, const struct frame *f) {
    if (r->depth == MAX_DEPTH)
        return fail(r, "nested too deeply: more than %d objects and lists in one another", MAX_DEPTH);
    r->frames[r->depth++] = *f;
    return 1;
}

// Makes room for one more element of the list `p` and returns it, zeroed. One more zeroed element stays
// behind it: process.args is handed to execve(2) as it is.
static void *append(struct reader *r, const struct place *p, size_t size) {
    void *list;
    size_t n;
    memcpy(&list, p->base + p->field->offset, sizeof(list));
    memcpy(&n, p->base + p->field->count, sizeof(n));
    list = arena_grow(r->arena, list, n ? n + 1 : 0, size);
    memcpy(p->base + p->field->offset, &list, sizeof(list));
    n++;
    memcpy(p->base + p->field->count, &n, sizeof(n));
    return (char *)list + (n - 1) * size;
}

static int open_object(void *ctx) {
    struct reader *r = ctx;
    bool root = r->depth == 0;
    struct place p = next_place(r);
    struct frame f = { .kind = FRAME_SKIPPED_OBJECT, .serial = ++r->serial };
    void *object = NULL;

    if (root) {
        f.kind = FRAME_OBJECT;
        f.shape = r->shape;
        f.base = r->out;
        return push(r, &f);
    }
    if (!p.field)
        return push(r, &f);
    switch (p.field->kind) {
    case FIELD_OBJECT:
        object = p.base + p.field->offset;
        break;
    case FIELD_POINTER:
        object = arena_alloc(r->arena, p.field->shape->size);
        memcpy(p.base + p.field->offset, &object, sizeof(object));
        break;
    case FIELD_OBJECTS:
    case FIELD_OBJECT_MAP:
        if (p.element)
            object = append(r, &p, p.field->shape->size);
        break;
    default:
        break;
    }
    if (object) {
        if (p.field->kind == FIELD_OBJECT_MAP)
            memcpy(object, &r->frames[r->depth - 1].key, sizeof(const char *));
        f.kind = FRAME_OBJECT;
        f.shape = p.field->shape;
        f.base = object;
    } else if (!p.element && (p.field->kind == FIELD_STRING_MAP || p.field->kind == FIELD_OBJECT_MAP)) {
        f.kind = FRAME_MAP;
        f.field = p.field;
        f.base = p.base;
    } else {
        return wrong(r, &p, "an object");
    }
    mark_given(r, &p);
    return push(r, &f);
}

static int open_list(void *ctx) {
    struct reader *r = ctx;
    bool root = r->depth == 0;
    struct place p = next_place(r);
    struct frame f = { .kind = FRAME_SKIPPED_LIST };

    if (root)
        return wrong(r, &p, "a list");
    if (p.field) {
        bool list = p.field->kind == FIELD_STRINGS || p.field->kind == FIELD_U32S ||
                    p.field->kind == FIELD_BITS || p.field->kind == FIELD_OBJECTS;
        if (p.element || !list)
            return wrong(r, &p, "a list");
        f.kind = FRAME_LIST;
        f.field = p.field;
        f.base = p.base;
        mark_given(r, &p);
    }
    return push(r, &f);
}

static int close_list(void *ctx) {
    struct reader *r = ctx;
    r->depth--;
    return 1;
}

static int close_object(void *ctx) {
    struct reader *r = ctx;
    struct frame *f = &r->frames[r->depth - 1];
    f->key = NULL;
    if (f->kind == FRAME_OBJECT)
        for (size_t i = 0; i < f->shape->n_fields; i++)
            if (f->shape->fields[i].flags & FIELD_REQUIRED && !(f->given >> i & 1))
                return fail(r, "%s must have the member \"%s\"", f->shape->what, f->shape->fields[i].name);
    r->depth--;
    return 1;
}

// ---------------------------------------------------------------- members

static int member(void *ctx, const unsigned char *key, size_t size) {
    struct reader *r = ctx;
    struct frame *f = &r->frames[r->depth - 1];

    if (f->kind == FRAME_OBJECT) {
        for (size_t i = 0; i < f->shape->n_fields; i++) {
            const struct field *field = &f->shape->fields[i];
            if (field->name_size != size || memcmp(field->name, key, size) != 0)
                continue;
            f->field = field;
            f->key = field->name;
            if (f->seen >> i & 1)
                return fail(r, "\"%s\" is there twice in the same object", field->name);
            f->seen |= 1ULL << i;
            return 1;
        }
        f->field = NULL;
    }
    f->key = NULL;
    if (size > MAX_STRING)
        return fail(r, "a member's name is longer than %d bytes", MAX_STRING);
    if (memchr(key, '\0', size))
        return fail(r, "a member's name has a NUL character in it: %s",
                    config_quote(r->arena, (const char *)key, size));
    f->key = arena_strndup(r->arena, (const char *)key, size);
    if (!member_set_add(&r->members, r->arena, f->serial, f->key, size))
        return fail(r, "%s is there twice in the same object", config_quote(r->arena, f->key, size));
    return 1;
}

// ---------------------------------------------------------------- values

static bool known_word(const struct field *f, const char *s, size_t n) {
    if (!f->words)
        return true;
    for (const char *const *word = f->words; *word; word++)
        if (strlen(*word) == n && memcmp(*word, s, n) == 0)
            return true;
    return false;
}

// Checks a string against its field's rules and copies it. NULL after fail().
static const char *take_string(struct reader *r, const struct place *p, const char *s, size_t n) {
    const struct field *f = p->field;
    if ((n == 0 && f->flags & FIELD_NONEMPTY) || (n && f->flags & FIELD_ABSOLUTE && s[0] != '/') ||
        !known_word(f, s, n)) {
        wrong_string(r, p, s, n);
        return NULL;
    }
    if (f->flags & FIELD_PATH && n >= PATH_MAX) {
        fail(r, "%s is longer than a path may be: %zu bytes, at most %d", subject(r), n, PATH_MAX - 1);
        return NULL;
    }
    return arena_strndup(r->arena, s, n);
}

static int take_bit(struct reader *r, const struct place *p, const char *s, size_t n) {
    const char *name = arena_strndup(r->arena, s, n);
    int bit = p->field->bit(name);
    uint64_t set;
    if (bit < 0) {
        log_warning("%s: %s is unknown here and is left out", pointer(r), config_quote(r->arena, s, n));
        return 1;
    }
    memcpy(&set, p->base + p->field->offset, sizeof(set));
    set |= 1ULL << bit;
    memcpy(p->base + p->field->offset, &set, sizeof(set));
    return 1;
}

static int string_value(void *ctx, const unsigned char *text, size_t n) {
    struct reader *r = ctx;
    const char *s = (const char *)text, *copy;
    bool root = r->depth == 0;
    struct place p = next_place(r);
    const struct field *f = p.field;

    if (n > MAX_STRING)
        return fail(r, "a string is longer than %d bytes", MAX_STRING);
    if (memchr(s, '\0', n))
        return fail(r, "a string has a NUL character in it: %s", config_quote(r->arena, s, n));
    if (root)
        return wrong_string(r, &p, s, n);
    if (!f)
        return 1;
    if (n == 0 && f->flags & FIELD_EMPTY_NONE)
        return 1;
    if (f->kind == FIELD_STRING) {
        if (!(copy = take_string(r, &p, s, n)))
            return 0;
        memcpy(p.base + f->offset, &copy, sizeof(copy));
    } else if (f->kind == FIELD_CHAR && n == 1 && strchr(f->letters, *s)) {
        p.base[f->offset] = *s;
    } else if (f->kind == FIELD_STRINGS && p.element) {
        if (!(copy = take_string(r, &p, s, n)))
            return 0;
        memcpy(append(r, &p, sizeof(copy)), &copy, sizeof(copy));
    } else if (f->kind == FIELD_STRING_MAP && p.element) {
        struct spec_key_value *kv = append(r, &p, sizeof(*kv));
        kv->key = r->frames[r->depth - 1].key;
        kv->value = arena_strndup(r->arena, s, n);
    } else if (f->kind == FIELD_BITS && p.element) {
        return take_bit(r, &p, s, n);
    } else {
        return wrong_string(r, &p, s, n);
    }
    mark_given(r, &p);
    return 1;
}

// A whole number in the field's range. An unsigned one above INT64_MAX comes out as the same 64 bits.
static bool in_range(const struct field *f, const char *text, uint64_t *out) {
    int64_t negative;
    if (*text != '-')
        return str_to_u64(text, f->max, out) && (f->min <= 0 || *out >= (uint64_t)f->min);
    if (!str_to_i64(text, f->min, 0, &negative))
        return false;
    *out = (uint64_t)negative;
    return true;
}

static int number_value(void *ctx, const char *text, size_t n) {
    struct reader *r = ctx;
    bool root = r->depth == 0;
    struct place p = next_place(r);
    const struct field *f = p.field;
    char digits[40];
    const char *found = n < sizeof(digits) ? arena_strndup(r->arena, text, n) : "a number of many digits";
    uint64_t value;

    if (root)
        return wrong(r, &p, arena_printf(r->arena, "the number %s", found));
    if (!f)
        return 1;
    bool number =
        f->kind == FIELD_I32 || f->kind == FIELD_I64 || f->kind == FIELD_U32 || f->kind == FIELD_U64;
    if (!(p.element ? f->kind == FIELD_U32S : number))
        return wrong(r, &p, arena_printf(r->arena, "the number %s", found));
    if (n >= sizeof(digits) || !in_range(f, found, &value))
        return wrong(r, &p, found);
    uint32_t small = (uint32_t)value;
    if (p.element)
        memcpy(append(r, &p, sizeof(small)), &small, sizeof(small));
    else if (f->kind == FIELD_I32 || f->kind == FIELD_U32)
        memcpy(p.base + f->offset, &small, sizeof(small));
    else
        memcpy(p.base + f->offset, &value, sizeof(value));
    mark_given(r, &p);
    return 1;
}

static int bool_value(void *ctx, int value) {
    struct reader *r = ctx;
    bool root = r->depth == 0;
    struct place p = next_place(r);
    if (!root && !p.field)
        return 1;
    if (root || p.element || p.field->kind != FIELD_BOOL)
        return wrong(r, &p, value ? "true" : "false");
    *(bool *)(p.base + p.field->offset) = value != 0;
    mark_given(r, &p);
    return 1;
}

static int null_value(void *ctx) {
    struct reader *r = ctx;
    bool root = r->depth == 0;
    struct place p = next_place(r);
    if (root || (p.field && p.element))
        return wrong(r, &p, "null");
    return 1;
}

// ---------------------------------------------------------------- the whole

static int syntax_error(struct reader *r, yajl_handle yajl, const char *text, size_t size, bool at_end) {
    size_t line, column;
    unsigned char *words = yajl_get_error(yajl, 0, (const unsigned char *)text, size);
    const char *what = words ? (const char *)words : "";
    const char *colon = strstr(what, "error: ");
    if (colon)
        what = colon + strlen("error: ");
    what = arena_strndup(r->arena, what, strcspn(what, "\n"));
    if (words)
        yajl_free_error(yajl, words);
    what = config_syntax_words(what);
    config_position(text, size, at_end ? size : yajl_get_bytes_consumed(yajl), &line, &column);
    return error_set_at(r->err, "config.invalid", 0, pointer(r), "not valid JSON: line %zu, column %zu: %s",
                        line, column, what);
}

int config_read(const char *text, size_t size, const struct shape *shape, void *out, struct arena *a,
                struct error *err) {
    static const yajl_callbacks callbacks = {
        .yajl_null = null_value,
        .yajl_boolean = bool_value,
        .yajl_number = number_value,
        .yajl_string = string_value,
        .yajl_start_map = open_object,
        .yajl_map_key = member,
        .yajl_end_map = close_object,
        .yajl_start_array = open_list,
        .yajl_end_array = close_list,
    };
    if (size == 0)
        text = "";
    if (config_check_text(text, size, err) < 0)
        return -1;
    struct reader r = { .arena = a, .err = err, .shape = shape, .out = out };
    yajl_handle yajl = yajl_alloc(&callbacks, NULL, &r);
    if (!yajl)
        return error_set(err, "memory", 0, "out of memory");
    // config_check_text was stricter already.
    yajl_config(yajl, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(yajl, (const unsigned char *)text, size);
    bool at_end = status == yajl_status_ok;
    if (at_end)
        status = yajl_complete_parse(yajl);
    int result = 0;
    if (status == yajl_status_client_canceled)
        result = -1;
    else if (status != yajl_status_ok)
        result = syntax_error(&r, yajl, text, size, at_end);
    yajl_free(yajl);
    return result;
}
