// SPDX-License-Identifier: Apache-2.0
// Pieces of messages: quoted strings, lists of words, members' names in JSON pointers.
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "runtime/config/reader.h"

const char *config_quote(struct arena *a, const char *s, size_t n) {
    enum { CUT = 60 };
    char *out = arena_alloc(a, CUT * 4 + 8), *o = out;
    size_t used = n <= CUT ? n : CUT;
    // Not in the middle of a UTF-8 sequence.
    while (used < n && used > 0 && ((unsigned char)s[used] & 0xc0) == 0x80)
        used--;
    *o++ = '"';
    for (size_t i = 0; i < used; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\') {
            *o++ = '\\';
            *o++ = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            o += snprintf(o, 5, "\\x%02x", c);
        } else {
            *o++ = (char)c;
        }
    }
    memcpy(o, used < n ? "...\"" : "\"", used < n ? 5 : 2);
    return out;
}

const char *config_pointer_escape(struct arena *a, const char *name) {
    char *out = arena_alloc(a, strlen(name) * 4 + 1), *o = out;
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (c == '~' || c == '/') {
            *o++ = '~';
            *o++ = c == '~' ? '0' : '1';
        } else if (c < 0x20 || c == 0x7f) {
            o += snprintf(o, 5, "\\x%02x", c);
        } else {
            *o++ = *name;
        }
    }
    return out;
}

const char *config_list_words(struct arena *a, const char *const *words) {
    const char *text = "";
    for (size_t i = 0; words[i]; i++)
        text = arena_printf(a, "%s%s%s", text, i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    return text;
}
