// SPDX-License-Identifier: Apache-2.0
// Landlock: only to keep a container's processes from signalling those outside, where no PID namespace does.
#ifndef NOOK_RUNTIME_PROCESS_LANDLOCK_H
#define NOOK_RUNTIME_PROCESS_LANDLOCK_H

#include "lib/error.h"

// From now on this process and its descendants can signal each other only, whatever their rights; others can
// signal them as before. Also, as with any Landlock domain, they can only trace each other. landlock(7); it
// needs no_new_privs or CAP_SYS_ADMIN. System calls only: for the child, too. 0; 1: this kernel has no such
// thing (before Linux 6.12, or Landlock is not enabled); -1 with *err.
//
// For the payload, not for exec: each call makes a domain of its own, and an exec'ed `kill` that is in
// another one could not reach the payload.
int landlock_scope_signals(struct error *err);

#endif
