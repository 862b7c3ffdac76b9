// SPDX-License-Identifier: Apache-2.0
// The words that config.json may hold where it allows only some. Lists end with NULL.
#ifndef NOOK_RUNTIME_CONFIG_WORDS_H
#define NOOK_RUNTIME_CONFIG_WORDS_H

#include "lib/str.h"

extern const char *const config_rlimit_types[];
extern const char *const config_namespace_types[];
extern const char *const config_clock_names[];
extern const char *const config_rootfs_propagations[];
extern const char *const config_scheduler_policies[];
extern const char *const config_scheduler_flags[];
extern const char *const config_io_priority_classes[];
extern const char *const config_personality_domains[];
extern const char *const config_memory_policy_modes[];
extern const char *const config_memory_policy_flags[];
extern const char *const config_seccomp_actions[];
extern const char *const config_seccomp_architectures[];
extern const char *const config_seccomp_flags[];
extern const char *const config_seccomp_operators[];

// "RLIMIT_NOFILE" -> RLIMIT_NOFILE, "slave" -> MS_SLAVE.
extern const struct str_value config_rlimit_numbers[];
extern const struct str_value config_propagation_flags[];

#endif
