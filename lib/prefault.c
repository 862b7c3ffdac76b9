// SPDX-License-Identifier: Apache-2.0
// Page faults in bulk.
#include "config.h"

#include "lib/prefault.h"

#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096 };

void prefault(void *begin, size_t size) {
    madvise(begin, size, MADV_POPULATE_WRITE);
}

void prefault_stack(size_t size) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE - 1);
    size &= ~(size_t)(PAGE - 1);
    prefault((void *)(here - size), size + PAGE);
}
