// SPDX-License-Identifier: Apache-2.0
// An open-addressing hash set of (object, member name).
#include "config.h"

#include "runtime/config/member_set.h"

#include <string.h>

struct member_entry {
    const char *name; // NULL: free
    uint32_t serial, hash;
};

// FNV-1a.
static uint32_t hash_of(uint32_t serial, const char *name, size_t size) {
    uint32_t h = 2166136261U ^ (serial * 2654435761U);
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619U;
    return h ^ (h >> 15);
}

static struct member_entry *find(const struct member_set *set, const struct member_entry *wanted) {
    size_t i = wanted->hash & (set->room - 1);
    for (;; i = (i + 1) & (set->room - 1)) {
        struct member_entry *e = &set->entries[i];
        if (!e->name)
            return e;
        if (e->hash == wanted->hash && e->serial == wanted->serial && strcmp(e->name, wanted->name) == 0)
            return e;
    }
}

bool member_set_add(struct member_set *set, struct arena *a, uint32_t serial, const char *name, size_t size) {
    if (set->n * 2 >= set->room) {
        struct member_set bigger = { .room = set->room ? set->room * 2 : 32, .n = set->n };
        bigger.entries = arena_calloc(a, bigger.room, sizeof(*bigger.entries));
        for (size_t i = 0; i < set->room; i++)
            if (set->entries[i].name)
                *find(&bigger, &set->entries[i]) = set->entries[i];
        *set = bigger;
    }
    struct member_entry wanted = { .name = name, .serial = serial, .hash = hash_of(serial, name, size) };
    struct member_entry *e = find(set, &wanted);
    if (e->name)
        return false;
    *e = wanted;
    set->n++;
    return true;
}
