// SPDX-License-Identifier: Apache-2.0
// The five capability sets of a process: capabilities(7), config.md "process.capabilities". The parent works
// out what can be granted; the child applies it with raw system calls.
//
// The child's order is: capabilities_bound() while it still has CAP_SETPCAP, user_become() with keep_caps,
// capabilities_apply(keep) and, when keep was not 0, capabilities_finish() once the privileged last steps are
// over (a seccomp filter without no_new_privs needs CAP_SYS_ADMIN).
#ifndef NOOK_RUNTIME_PROCESS_CAPABILITIES_H
#define NOOK_RUNTIME_PROCESS_CAPABILITIES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "runtime/config/spec.h"

// What a process holds, and so at most can hand on. Bit n = capability n.
struct capability_limits {
    uint64_t bounding, permitted, inheritable;
    uint64_t known;           // the capabilities that this kernel has
    uint64_t ignored_signals; // read on the way: bit n - 1 = signal n
};

// Reads the caller's own sets from self/status below proc_fd (a descriptor of /proc; AT_FDCWD means "/proc").
// The kernel's last capability is taken from sys/kernel/cap_last_cap, or probed. 0, or -1 with *err.
int capabilities_read_limits(int proc_fd, struct capability_limits *out, struct error *err);

// The limits of a process in a user namespace that was just created: everything the kernel knows.
void capabilities_limits_of_new_userns(const struct capability_limits *own, struct capability_limits *out);

// Pure. Cuts `want` down to what can be granted and consists with the kernel's rules (effective within
// permitted, ambient within permitted and inheritable). Returns the mask of capabilities that were dropped
// from any set, for one warning (CAP-2, CAP-3: never an error).
uint64_t capabilities_grantable(const struct spec_capabilities *want, const struct capability_limits *limits,
                                struct spec_capabilities *out);

// The names in a mask, separated by ", ", cut off when buf is full. Returns buf.
char *capabilities_names(uint64_t mask, char *buf, size_t size);

// Child. Takes one capability out of all five sets, for good. Needs CAP_SETPCAP, unless the bounding set
// lacks it already. 0, or -1 with *err.
int capabilities_give_up(unsigned number, struct error *err);

// Child. Drops each capability of `current->bounding` (what the process has now) that is not in
// want->bounding from the bounding set; sets inheritable capabilities outside of it first, for the kernel
// takes none later. Needs CAP_SETPCAP only if there is something to drop. 0, or -1 with *err.
int capabilities_bound(const struct spec_capabilities *want, const struct capability_limits *current,
                       struct error *err);

// Child, after the change of user. Sets permitted, effective, inheritable and ambient to `want`, with `keep`
// (a mask, may be 0) added to permitted and effective. 0, or -1 with *err.
int capabilities_apply(const struct spec_capabilities *want, uint64_t keep, struct error *err);

// Child. The last capset(2): takes `keep` away again. One system call, so that it works below a seccomp
// filter that allows capset. 0, or -1 with *err.
int capabilities_finish(const struct spec_capabilities *want, struct error *err);

#endif
