// SPDX-License-Identifier: Apache-2.0
// The names of members met so far, to find one that is there twice in its object.
#ifndef NOOK_RUNTIME_CONFIG_MEMBER_SET_H
#define NOOK_RUNTIME_CONFIG_MEMBER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"

struct member_entry;

// Zeroed at first.
struct member_set {
    struct member_entry *entries;
    size_t n, room; // room is 0 or a power of two
};

// Adds the name (which must stay) in the object `serial`. False when it is there already.
bool member_set_add(struct member_set *set, struct arena *a, uint32_t serial, const char *name, size_t size);

#endif
