// SPDX-License-Identifier: Apache-2.0
// Page faults in bulk. A fault of its own for each page costs up to ten times what madvise(2) takes for it
// when many are asked for at once (13 us against 1 to 2 in a virtual machine); a command of nook has about a
// hundred. All of it is a hint: kernels before 5.14 refuse, and nothing is lost.
#ifndef NOOK_LIB_PREFAULT_H
#define NOOK_LIB_PREFAULT_H

#include <stddef.h>

// Makes whole pages present. `begin` is the first byte of one.
void prefault(void *begin, size_t size);

// Makes the next `size` bytes of the stack, below the caller's frame, present and, after a fork, our own.
void prefault_stack(size_t size);

#endif
