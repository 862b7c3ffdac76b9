// SPDX-License-Identifier: Apache-2.0
// What --help and --version print, from the verbs' own tables.
#ifndef NOOK_CMD_HELP_H
#define NOOK_CMD_HELP_H

#include "cmd/command.h"

// All verbs, ended by NULL.
extern const struct verb *const verbs[];
// The global options; offsets are into struct command.
extern const struct option global_options[];

void help_print(void);
void help_print_verb(const struct verb *v);
void help_print_version(void);

#endif
