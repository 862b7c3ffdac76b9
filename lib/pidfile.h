// SPDX-License-Identifier: Apache-2.0
// --pid-file.
#ifndef NOOK_LIB_PIDFILE_H
#define NOOK_LIB_PIDFILE_H

#include <sys/types.h>

#include "lib/error.h"

// Writes the pid, decimal, without newline (engine-contract, rule 3), by a temporary file and rename, so that
// who polls the file never reads a part of it. What was there is replaced. 0, or -1 with *err.
int pidfile_write(const char *path, pid_t pid, struct error *err);

// Takes back what pidfile_write wrote.
void pidfile_remove(const char *path);

#endif
