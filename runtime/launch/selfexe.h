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
//
// The environment is not to be seen in /proc/PID/environ any more.
//
// *image is -1, or the detached mount, to be closed at leisure: the last close of one takes as long as RCU
// does (some 70 us), so it is best done when the process that was cloned has closed its copy and is at work.
int selfexe_protect(char **argv, int *image, struct error *err);

#endif
