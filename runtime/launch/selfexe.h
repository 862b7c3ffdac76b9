// SPDX-License-Identifier: Apache-2.0
// Keeps the installed binary out of a container's reach (CVE-2019-5736): what runs in a container's
// namespaces must not be able to reopen /proc/PID/exe for writing.
#ifndef NOOK_RUNTIME_LAUNCH_SELFEXE_H
#define NOOK_RUNTIME_LAUNCH_SELFEXE_H

#include "lib/error.h"

// Returns 0 when this process already runs from an image that nobody can write: a file on a read-only mount,
// or a sealed memfd. Else executes itself anew, with the same arguments and environment, from a detached
// read-only clone of the binary's mount (open_tree(2), mount_setattr(2)), or, where that is not possible,
// from a sealed copy in memory (memfd_create(2)); then it does not return. -1 with *err set when neither can
// be had. Call it before anything else is done: descriptors without CLOEXEC survive.
int selfexe_protect(char **argv, struct error *err);

#endif
