// SPDX-License-Identifier: Apache-2.0
// Strings and numbers: bounded copies, strict number parsing.
#ifndef NOOK_LIB_STR_H
#define NOOK_LIB_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Copies src into dst[size], cut off when too long, always terminated (size > 0). Returns the number of
// bytes written without the final NUL, so that calls can be chained.
size_t str_copy(char *dst, size_t size, const char *src);

static inline bool str_eq(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}
static inline bool str_starts(const char *s, const char *prefix) {
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

// Strict decimal numbers: digits only (a leading '-' for str_to_i64), no space, sign, or trailing junk, no
// wrap-around. True on success.
bool str_to_u64(const char *s, uint64_t max, uint64_t *out);
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out);

// A table that maps names to numbers, ended by a NULL name.
struct str_value {
    const char *name;
    uint64_t value;
};
// The entry with that name, or NULL.
const struct str_value *str_lookup(const struct str_value *table, const char *name);
// The name for a value, or NULL.
const char *str_name_of(const struct str_value *table, uint64_t value);

#endif
