// SPDX-License-Identifier: Apache-2.0
// Strings and numbers: bounded copies, strict number parsing.
#include "config.h"

#include "lib/str.h"

size_t str_copy(char *dst, size_t size, const char *src) {
    if (size == 0)
        return 0;
    size_t n = strnlen(src, size - 1);
    memcpy(dst, src, n);
    dst[n] = '\0';
    return n;
}

bool str_to_u64(const char *s, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        uint64_t digit = (uint64_t)(*s - '0');
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, digit, &v) || v > max)
            return false;
    }
    *out = v;
    return true;
}

bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out) {
    bool negative = *s == '-';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0), v;
    if (!str_to_u64(s + (negative ? 1 : 0), limit, &v))
        return false;
    int64_t value = negative ? (int64_t)(0 - v) : (int64_t)v;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

const struct str_value *str_lookup(const struct str_value *table, const char *name) {
    for (; table->name; table++)
        if (str_eq(table->name, name))
            return table;
    return NULL;
}

const char *str_name_of(const struct str_value *table, uint64_t value) {
    for (; table->name; table++)
        if (table->value == value)
            return table->name;
    return NULL;
}
