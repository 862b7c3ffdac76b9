// SPDX-License-Identifier: Apache-2.0
// What runs before libseccomp's filter: ENOSYS for system calls that are newer than the profile. A profile
// that refuses by default answers EPERM to a call that its author did not know; programs take that as a
// refusal, but would fall back after ENOSYS.
#ifndef NOOK_RUNTIME_PROCESS_SECCOMP_PRELUDE_H
#define NOOK_RUNTIME_PROCESS_SECCOMP_PRELUDE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#define PRELUDE_X32_BIT     0x40000000 // __X32_SYSCALL_BIT
#define PRELUDE_ARM_PRIVATE 0x0f0000   // __ARM_NR_BASE: set_tls, cacheflush, ...
#define PRELUDE_MAX_ARCHES  24
#define PRELUDE_MAX_LEN     (1 + PRELUDE_MAX_ARCHES * 9)

struct prelude_arch {
    uint32_t audit_arch; // AUDIT_ARCH_*
    int64_t newest;      // the highest number that counts as known; -1: leave this architecture to the filter
    int64_t newest_x32;  // for AUDIT_ARCH_X86_64, without the x32 bit; -1: leave x32 calls to the filter
};

// Writes the program into out[PRELUDE_MAX_LEN] and returns its length; 0 when there is nothing to do. Calls
// that it does not answer go on at the instruction behind it.
size_t seccomp_prelude(const struct prelude_arch *arches, size_t n, struct sock_filter *out);

#endif
