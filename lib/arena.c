// SPDX-License-Identifier: Apache-2.0
// Memory that lives as long as one command.
#include "config.h"

#include "lib/arena.h"
#include "lib/prefault.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct arena_block {
    struct arena_block *previous;
    size_t used, size;
    size_t present; // so much of it will not fault
    max_align_t data[];
};

enum {
    BLOCK_SIZE = 64 * 1024 - sizeof(struct arena_block),
    STRIDE = 16 * 1024, // so much is made present at once
};

static void out_of_memory(void) {
    static const char text[] = "nook: out of memory\n";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(1);
    _exit(1);
}

// Whole pages from the kernel, zeroed.
static struct arena_block *map_block(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        out_of_memory();
    prefault(p, STRIDE < size ? STRIDE : size);
    return p;
}

// A fault for each page would cost several times as much; many that nobody uses cost, too.
static void make_present(struct arena_block *b, size_t until) {
    size_t whole = sizeof(*b) + b->size;
    size_t end = (sizeof(*b) + until + STRIDE - 1) & ~(size_t)(STRIDE - 1);
    end = end < whole ? end : whole;
    prefault((char *)b + b->present, end - b->present);
    b->present = end;
}

void *arena_alloc(struct arena *a, size_t n) {
    size_t need = (n + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (need < n)
        out_of_memory();
    struct arena_block *b = a->last;
    if (!b || b->size - b->used < need) {
        size_t size = need > BLOCK_SIZE / 4 ? need : BLOCK_SIZE;
        if (size > SIZE_MAX - sizeof(*b))
            out_of_memory();
        struct arena_block *fresh = map_block(sizeof(*fresh) + size);
        fresh->size = size;
        fresh->present = STRIDE;
        // A block made for one large object goes behind the one in use, whose rest stays useful.
        if (b && size == need) {
            fresh->previous = b->previous;
            b->previous = fresh;
        } else {
            fresh->previous = b;
            a->last = fresh;
        }
        b = fresh;
    }
    void *p = (char *)b->data + b->used;
    b->used += need;
    if (sizeof(*b) + b->used > b->present)
        make_present(b, b->used);
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        out_of_memory();
    return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    char *copy = arena_alloc(a, n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *s = arena_alloc(a, n < 0 ? 1 : (size_t)n + 1);
    if (n > 0)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

void *arena_grow(struct arena *a, void *array, size_t n, size_t size) {
    // The capacity follows from n: 0, 4, 8, 16, ... so it needs no field of its own.
    int full = n == 0 || (n >= 4 && (n & (n - 1)) == 0);
    if (!full)
        return array;
    void *bigger = arena_calloc(a, n == 0 ? 4 : n * 2, size);
    if (n)
        memcpy(bigger, array, n * size);
    return bigger;
}

void arena_free(struct arena *a) {
    while (a->last) {
        struct arena_block *b = a->last;
        a->last = b->previous;
        munmap(b, sizeof(*b) + b->size);
    }
}
