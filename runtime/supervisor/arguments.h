// SPDX-License-Identifier: Apache-2.0
// A supervisor's command line: what the process before the execve hands to the one after it.
#ifndef NOOK_RUNTIME_SUPERVISOR_ARGUMENTS_H
#define NOOK_RUNTIME_SUPERVISOR_ARGUMENTS_H

#include <stddef.h>

#include "runtime/supervisor/supervisor.h"

enum { ARGUMENTS = 9, ARGUMENT_SIZE = 12 };

struct arguments {
    char numbers[ARGUMENTS][ARGUMENT_SIZE];
    char *argv[ARGUMENTS + 1];
};

// argv for the execve, with the descriptors' numbers as they are in s.
void arguments_format(const struct supervisor *s, struct arguments *out);

// And back. 0, or -1: not one of ours. image is -1, label is not taken.
int arguments_parse(int argc, char **argv, struct supervisor *out);

#endif
