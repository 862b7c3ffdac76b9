// SPDX-License-Identifier: Apache-2.0
// Landlock, for what it alone can do: keep signals inside. landlock(7), "Scope flags".
#ifndef NOOK_RUNTIME_PROCESS_LANDLOCK_H
#define NOOK_RUNTIME_PROCESS_LANDLOCK_H

#include "lib/error.h"

// From here on this process and its descendants can signal each other, and nobody else. Needs no_new_privs or
// CAP_SYS_ADMIN. For the child: system calls only. 0; 1 when this kernel has no such thing (before ABI 6, or
// Landlock is off); -1 with *err.
int landlock_scope_signals(struct error *err);

#endif
