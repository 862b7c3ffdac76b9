// SPDX-License-Identifier: Apache-2.0
// JSON -> C structs, driven by tables: one streaming pass of yajl, no DOM. A table describes an object of
// config.json: its members, what each may hold, and where it goes. The reader knows nothing of containers.
#ifndef NOOK_RUNTIME_CONFIG_READER_H
#define NOOK_RUNTIME_CONFIG_READER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/error.h"

enum field_kind {
    FIELD_STRING,     // const char *
    FIELD_CHAR,       // char: a string of one letter out of `letters`
    FIELD_BOOL,       // bool
    FIELD_I32,        // int32_t, min..max
    FIELD_I64,        // int64_t, min..max
    FIELD_U32,        // uint32_t, min..max
    FIELD_U64,        // uint64_t, min..max
    FIELD_STRINGS,    // const char **, with a count
    FIELD_U32S,       // uint32_t *, with a count
    FIELD_BITS,       // uint64_t: a list of names, each a bit (`bit`); an unknown one is logged and dropped
    FIELD_OBJECT,     // a struct inside
    FIELD_POINTER,    // a pointer to a struct
    FIELD_OBJECTS,    // an array of structs, with a count
    FIELD_STRING_MAP, // an array of struct spec_key_value, with a count: any member name -> string
    FIELD_OBJECT_MAP, // an array of structs whose first member is the name (const char *), with a count
};

enum field_flags {
    FIELD_REQUIRED = 1,
    FIELD_NONEMPTY = 2,   // no ""
    FIELD_EMPTY_NONE = 4, // "" is the same as an absent member
    FIELD_ABSOLUTE = 8,   // begins with '/'
    FIELD_PATH = 16,      // shorter than PATH_MAX
};

struct field {
    const char *name;
    uint8_t name_size, kind, flags;
    uint16_t offset;              // in the struct of the object
    uint16_t count;               // where a list's length goes
    uint16_t has;                 // 1 + the offset of a bool to set when the member is there; 0: none
    const struct shape *shape;    // of the object or the objects
    const char *const *words;     // the only strings allowed (NULL-terminated), or NULL for any
    const char *letters;          // FIELD_CHAR
    int (*bit)(const char *name); // FIELD_BITS: number of the name's bit, or -1
    int64_t min;
    uint64_t max;
};

// An object. At most 64 members.
struct shape {
    const char *what; // "the process object"
    size_t size;      // of its struct
    const struct field *fields;
    size_t n_fields;
};

// Reads text into `out`, a zeroed struct of that shape. Strings are copied into the arena. Members the table
// does not know are skipped, but they too must be well-formed. `null` counts as an absent member. 0, or -1
// with err set: code "config.invalid", the JSON pointer of what is wrong as origin.
int config_read(const char *text, size_t size, const struct shape *shape, void *out, struct arena *a,
                struct error *err);

// Puts s between double quotes for a message: control characters and quotes escaped, cut after about 60
// bytes.
const char *config_quote(struct arena *a, const char *s, size_t n);
// A member's name as a part of a JSON pointer (RFC 6901: ~ is ~0, / is ~1), its control characters as in
// config_quote: pointers end up in one-line messages.
const char *config_pointer_escape(struct arena *a, const char *name);
// "a, b or c" of a NULL-terminated list.
const char *config_list_words(struct arena *a, const char *const *words);

#endif
