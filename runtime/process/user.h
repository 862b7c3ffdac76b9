// SPDX-License-Identifier: Apache-2.0
// The identity of the container's process: groups, ids, umask, HOME. Child side, async-signal-safe.
#ifndef NOOK_RUNTIME_PROCESS_USER_H
#define NOOK_RUNTIME_PROCESS_USER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "runtime/config/spec.h"

// setgroups(2) to exactly the additional groups, an empty list included. Where the user namespace denies
// setgroups (user_namespaces(7)), or the caller may not call it and has that very list, an empty list is
// skipped. proc_fd: a descriptor of the own procfs, or -1. 0, or -1 with *err.
int user_set_groups(const struct spec_user *user, int proc_fd, struct error *err);

// setresgid(2), then setresuid(2) of all three ids (and with them the fs ids). With keep_caps the permitted
// set survives (PR_SET_KEEPCAPS; effective must be raised again by capabilities_apply). Refuses the id
// 4294967295, which setresuid takes as "leave alone". 0, or -1 with *err.
int user_become(const struct spec_user *user, bool keep_caps, struct error *err);

// The container's umask: process.user.umask, else 0022 (as runc and crun).
void user_set_umask(const struct spec_user *user);

// Writes the home directory of uid by etc/passwd below root_fd (a descriptor of the container's root, or
// AT_FDCWD for
// "/" after pivot_root) into home[size]: own parser, no NSS, no symlink at the end, regular files up to 1 MiB
// only.
// "/" when there is no entry or it is not to be trusted. Never fails.
void user_home(int root_fd, uint32_t uid, char *home, size_t size);

#endif
