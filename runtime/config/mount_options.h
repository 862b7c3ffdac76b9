// SPDX-License-Identifier: Apache-2.0
// The mount options that this version applies, for `nook features`.
#ifndef NOOK_RUNTIME_CONFIG_MOUNT_OPTIONS_H
#define NOOK_RUNTIME_CONFIG_MOUNT_OPTIONS_H

#include <stddef.h>

// The n-th of them, or NULL after the last.
const char *config_mount_option_name(size_t n);

#endif
