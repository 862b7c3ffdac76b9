// SPDX-License-Identifier: Apache-2.0
// Finds the program to execute, inside the container. Child side: after pivot_root and chdir to process.cwd.
#ifndef NOOK_RUNTIME_PROCESS_LOOKUP_H
#define NOOK_RUNTIME_PROCESS_LOOKUP_H

#include <stddef.h>

#include "lib/error.h"
#include "runtime/config/spec.h"

#define LOOKUP_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Looks args[0] up as execvp(3) does, with the PATH of process.env (LOOKUP_DEFAULT_PATH when it has none), as
// the container's user: fsuid and fsgid are changed for the time of the search. Supplementary groups are
// those that the caller has set. The path to give to execve(2) is written to path[size]; it may be relative
// to the cwd. 0, or -1 with *err: the texts of engine-contract 2.1, which engines match on.
int lookup_executable(const struct spec_process *process, char *path, size_t size, struct error *err);

// chdir to process.cwd, with the caller's rights, or where these do not suffice (network file systems) with
// those of the container's user. When `create`, a missing directory is made first (root:root, 0755), as runc
// and crun do. Checks afterwards that the cwd lies inside of the root (getcwd does not say "(unreachable)":
// CVE-2024-21626). 0, or -1 with *err: the text is engine-contract's.
int lookup_chdir(const char *cwd, const struct spec_user *user, int create, struct error *err);

#endif
