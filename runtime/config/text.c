// SPDX-License-Identifier: Apache-2.0
// Checks of a JSON text that yajl does not make.
#include "config.h"

#include "runtime/config/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

void config_position(const char *text, size_t size, size_t offset, size_t *line, size_t *column) {
    if (offset > size)
        offset = size;
    *line = 1;
    const char *start = text, *end = text + offset;
    for (const char *p; (p = memchr(start, '\n', (size_t)(end - start))); start = p + 1)
        ++*line;
    *column = (size_t)(end - start) + 1;
}

static int bad_text(const char *text, size_t size, size_t offset, struct error *err, const char *what) {
    size_t line, column;
    config_position(text, size, offset, &line, &column);
    return error_set(err, "config.invalid", 0, "not valid JSON: line %zu, column %zu: %s", line, column,
                     what);
}

// Length of the UTF-8 sequence at p (RFC 3629, section 4: no overlong form, no surrogate, nothing above
// U+10FFFF), or 0.
static size_t utf8_length(const unsigned char *p, size_t left) {
    unsigned char low = 0x80, high = 0xbf;
    size_t n;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 2;
    else if ((p[0] & 0xf0) == 0xe0)
        n = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (n > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

// Offset of the first byte that is no UTF-8, or size.
static size_t first_bad_byte(const char *text, size_t size) {
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0;
    while (i < size) {
        uint64_t eight;
        if (size - i >= sizeof(eight)) {
            memcpy(&eight, p + i, sizeof(eight));
            if (!(eight & 0x8080808080808080ULL)) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t n = utf8_length(p + i, size - i);
        if (n == 0)
            return i;
        i += n;
    }
    return size;
}

// The value of four hexadecimal digits, or -1.
static int hex4(const char *p, const char *end) {
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

// Offset of the first \u escape that is half of a surrogate pair, or size. A backslash outside of a string,
// or a malformed escape, is left for yajl to report.
static size_t first_lone_surrogate(const char *text, size_t size) {
    const char *end = text + size, *p = text;
    while ((p = memchr(p, '\\', (size_t)(end - p)))) {
        if (end - p < 2)
            break;
        if (p[1] != 'u') {
            p += 2;
            continue;
        }
        int unit = hex4(p + 2, end);
        if (unit < 0) {
            p += 2;
            continue;
        }
        if (unit >= 0xd800 && unit <= 0xdfff) {
            int next = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
            if (unit >= 0xdc00 || next < 0xdc00 || next > 0xdfff)
                return (size_t)(p - text);
            p += 6;
        }
        p += 6;
    }
    return size;
}

int config_check_text(const char *text, size_t size, struct error *err) {
    if (size > CONFIG_MAX_SIZE)
        return error_set(err, "config.invalid", 0, "too large: %zu bytes, at most %d are read", size,
                         CONFIG_MAX_SIZE);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return bad_text(text, size, 0, err, "the text begins with a byte order mark; JSON has none");
    size_t at = first_bad_byte(text, size);
    if (at < size)
        return bad_text(text, size, at, err, "this byte is not UTF-8");
    at = first_lone_surrogate(text, size);
    if (at < size)
        return bad_text(text, size, at, err, "this \\u escape is half of a surrogate pair");
    return 0;
}

// yajl's words for what is wrong, where ours are plainer.
static const struct {
    const char *yajl, *plain;
} syntax_words[] = {
    { "premature EOF", "the text ends too early" },
    { "trailing garbage", "there is more text after the end of the object" },
    { "after key and value, inside map, I expect ',' or '}'", "expected ',' or '}' after a member" },
    { "after array element, I expect ',' or ']'", "expected ',' or ']' after an element" },
    { "object key and value must be separated by a colon (':')",
      "expected ':' between a member's name and its value" },
    { "invalid object key (must be a string)", "expected a member's name in double quotes" },
    { "invalid char in json text.", "unexpected character" },
    { "invalid string in json text.", "unexpected word; only true, false and null are known" },
    { "invalid character inside string.",
      "control character inside a string; write it as \\n, \\t or \\u00XX" },
    { "probable comment found in input text, comments are not enabled.", "JSON has no comments" },
    { "unallowed token at this point in JSON text", "expected a value" },
};

const char *config_syntax_words(const char *yajl) {
    for (size_t i = 0; i < sizeof(syntax_words) / sizeof(syntax_words[0]); i++)
        if (strcmp(syntax_words[i].yajl, yajl) == 0)
            return syntax_words[i].plain;
    return yajl;
}
