// SPDX-License-Identifier: Apache-2.0
// A JSON writer into a growing arena buffer.
#include "config.h"

#include "lib/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void json_init(struct json *j, struct arena *a, bool pretty) {
    *j = (struct json){ .arena = a, .pretty = pretty, .room = 1024 };
    j->text = arena_alloc(a, j->room);
}

static void put(struct json *j, const char *s, size_t n) {
    if (j->size + n + 1 > j->room) {
        size_t room = j->room;
        while (j->size + n + 1 > room)
            room *= 2;
        char *bigger = arena_alloc(j->arena, room);
        memcpy(bigger, j->text, j->size);
        j->text = bigger;
        j->room = room;
    }
    memcpy(j->text + j->size, s, n);
    j->size += n;
    j->text[j->size] = '\0';
}

static void put_text(struct json *j, const char *s) {
    put(j, s, strlen(s));
}

static void put_line(struct json *j) {
    put(j, "\n", 1);
    for (unsigned i = 0; i < j->depth; i++)
        put(j, "  ", 2);
}

// The number of bytes of the well-formed UTF-8 sequence at s, 0 when there is none (RFC 3629: shortest form,
// no surrogates, up to U+10FFFF). s ends with a NUL, which is no continuation byte, so nothing is read behind
// it.
static size_t utf8_length(const unsigned char *s) {
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        n = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        n = 3;
        low = s[0] == 0xe0 ? 0xa0 : low;
        high = s[0] == 0xed ? 0x9f : high;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        n = 4;
        low = s[0] == 0xf0 ? 0x90 : low;
        high = s[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static void put_escaped(struct json *j, unsigned char c) {
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; // pairs: the byte, its letter
    char text[8];

    for (const char *p = shorts; *p; p += 2) {
        if ((unsigned char)p[0] == c) {
            text[0] = '\\';
            text[1] = p[1];
            put(j, text, 2);
            return;
        }
    }
    snprintf(text, sizeof(text), "\\u%04x", c);
    put_text(j, text);
}

static void put_quoted(struct json *j, const char *value) {
    const unsigned char *s = (const unsigned char *)value;
    const unsigned char *plain = s; // start of the bytes that need no escape and are not written yet

    put(j, "\"", 1);
    while (*s) {
        size_t n = utf8_length(s);
        if (n > 0 && *s >= 0x20 && *s != '"' && *s != '\\' && *s != 0x7f) {
            s += n;
            continue;
        }
        put(j, (const char *)plain, (size_t)(s - plain));
        if (n == 0)
            put(j, "\xef\xbf\xbd", 3);
        else
            put_escaped(j, *s);
        plain = ++s;
    }
    put(j, (const char *)plain, (size_t)(s - plain));
    put(j, "\"", 1);
}

// What stands before a value: comma, line break, name.
static void begin(struct json *j, const char *name) {
    if (j->comma)
        put(j, ",", 1);
    if (j->pretty && j->depth > 0)
        put_line(j);
    if (name) {
        put_quoted(j, name);
        put_text(j, j->pretty ? ": " : ":");
    }
    j->comma = true;
}

static void open_group(struct json *j, const char *name, const char *bracket) {
    begin(j, name);
    put(j, bracket, 1);
    j->depth++;
    j->comma = false;
}

static void close_group(struct json *j, const char *bracket) {
    bool empty = !j->comma;
    j->depth--;
    if (j->pretty && !empty)
        put_line(j);
    put(j, bracket, 1);
    j->comma = true;
}

void json_object(struct json *j, const char *name) {
    open_group(j, name, "{");
}

void json_object_end(struct json *j) {
    close_group(j, "}");
}

void json_array(struct json *j, const char *name) {
    open_group(j, name, "[");
}

void json_array_end(struct json *j) {
    close_group(j, "]");
}

void json_string(struct json *j, const char *name, const char *value) {
    begin(j, name);
    if (value)
        put_quoted(j, value);
    else
        put_text(j, "null");
}

void json_int(struct json *j, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    json_raw(j, name, text);
}

void json_uint(struct json *j, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    json_raw(j, name, text);
}

void json_bool(struct json *j, const char *name, bool value) {
    json_raw(j, name, value ? "true" : "false");
}

void json_raw(struct json *j, const char *name, const char *json) {
    begin(j, name);
    put_text(j, json);
}
