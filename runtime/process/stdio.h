// SPDX-License-Identifier: Apache-2.0
// Descriptors 0, 1 and 2 of the container's process. Child side.
#ifndef NOOK_RUNTIME_PROCESS_STDIO_H
#define NOOK_RUNTIME_PROCESS_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

// Gives pipes, sockets and terminals at 0, 1, 2 to the container's user, so that it can reopen /dev/stderr.
// Other files (regular ones, /dev/null, other devices) belong to the host and are left alone. What the kernel
// refuses (EINVAL: id not mapped, EROFS, EPERM) is no error. Call it before the change of user. 0, or -1 with
// *err.
int stdio_fix_owner(uint32_t uid, uint32_t gid, struct error *err);

// Replaces each of 0, 1, 2 that is a /dev/null by the container's own. After pivot_root. A /dev/null of the
// container that is not the device 1:3 is refused, or, when it may be `foreign`, taken for none; a missing
// one leaves things as they are. 0, or -1 with *err.
int stdio_reopen_null(bool foreign, struct error *err);

#endif
