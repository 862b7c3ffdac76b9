// SPDX-License-Identifier: Apache-2.0
// A session keyring of the container's own: keyrings(7), session-keyring(7). Child side.
#ifndef NOOK_RUNTIME_PROCESS_KEYRING_H
#define NOOK_RUNTIME_PROCESS_KEYRING_H

#include <stddef.h>

#include "lib/error.h"

// Joins a new session keyring with that name (process.selinuxLabel is set by labels_set_keyring before).
// 0: done, or the kernel has no keyrings or does not let us use them (ENOSYS, EPERM: nested containers); 1:
// the key quota is used up, the process goes on without a new keyring and `warning` says so; -1 with *err.
int keyring_join(const char *name, char *warning, size_t size, struct error *err);

#endif
