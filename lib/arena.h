// SPDX-License-Identifier: Apache-2.0
// Memory that lives as long as one command: the config, the plan, texts. Freed by exit (or by
// arena_free in tests). Nothing in it is ever freed singly.
#ifndef NOOK_LIB_ARENA_H
#define NOOK_LIB_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *last;
};

// Frees every block. The arena can be used again.
void arena_free(struct arena *a);

// Returns n zeroed bytes, aligned for any type. Never NULL: out of memory ends the process with a
// message on stderr and exit code 1, for nothing useful can be done then.
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2), returns_nonnull));

// n * size zeroed bytes; ends the process when the product overflows.
void *arena_calloc(struct arena *a, size_t n, size_t size)
    __attribute__((malloc, alloc_size(2, 3), returns_nonnull));

char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0), returns_nonnull));

// Makes room for one more element in an arena array of *n elements of `size` bytes whose capacity grows
// in powers of two. Returns the (possibly moved) array; the caller stores it and counts *n up itself.
void *arena_grow(struct arena *a, void *array, size_t n, size_t size) __attribute__((returns_nonnull));

// Appends one element: ARENA_PUSH(a, list, n_list) gives a pointer to the new, zeroed element.
#define ARENA_PUSH(a, list, n) ((list) = arena_grow((a), (list), (n), sizeof(*(list))), &(list)[(n)++])

#endif
