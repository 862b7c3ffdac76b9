// SPDX-License-Identifier: Apache-2.0
// Resource limits of the container's process: setrlimit(2), config.md "process.rlimits". Child side.
#ifndef NOOK_RUNTIME_PROCESS_RLIMITS_H
#define NOOK_RUNTIME_PROCESS_RLIMITS_H

#include <stddef.h>

#include "lib/error.h"
#include "runtime/config/spec.h"

// Applies them in order. Raising a hard limit needs CAP_SYS_RESOURCE in the initial user namespace, so call
// it before privileges go. 0, or -1 with *err (origin /process/rlimits/N).
int rlimits_apply(const struct spec_rlimit *rlimits, size_t n, struct error *err);

#endif
