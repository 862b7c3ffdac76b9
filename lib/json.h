// SPDX-License-Identifier: Apache-2.0
// A JSON writer into a growing arena buffer. Strings are escaped, bytes that are not UTF-8 become U+FFFD, so
// that what comes out is always valid JSON.
#ifndef NOOK_LIB_JSON_H
#define NOOK_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"

struct json {
    struct arena *arena;
    char *text; // NUL-terminated
    size_t size, room;
    unsigned depth;
    bool comma;  // the next value needs a comma before it
    bool pretty; // two-space indent, one member a line
};

// Every function takes the member's name, or NULL for an element of an array and for the outermost value.
void json_init(struct json *j, struct arena *a, bool pretty);
void json_object(struct json *j, const char *name);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *name);
void json_array_end(struct json *j);
void json_string(struct json *j, const char *name, const char *value); // NULL gives null
void json_int(struct json *j, const char *name, int64_t value);
void json_uint(struct json *j, const char *name, uint64_t value);
void json_bool(struct json *j, const char *name, bool value);
// Text that is JSON already.
void json_raw(struct json *j, const char *name, const char *json);

#endif
