// SPDX-License-Identifier: Apache-2.0
// Small attributes of a process: signals, no_new_privs, oom_score_adj, parent-death signal. Child side.
#ifndef NOOK_RUNTIME_PROCESS_ATTRIBUTES_H
#define NOOK_RUNTIME_PROCESS_ATTRIBUTES_H

#include <sys/types.h>

#include <stdint.h>

#include "lib/error.h"

// Every signal gets its default disposition, the mask is emptied. Cannot fail.
void signals_reset(void);

// The same for a process that has installed no handler: only the signals of the mask (bit n - 1 = signal n),
// which its caller had it ignore.
void signals_unignore(uint64_t ignored);

// PR_SET_NO_NEW_PRIVS. 0, or -1 with *err.
int no_new_privs_set(struct error *err);

// Writes oom_score_adj of the process `pid` (0: self) below proc_fd. Must happen before PR_SET_DUMPABLE is 0
// when the caller is not root of the initial user namespace, for the file then belongs to root. 0, or -1 with
// *err.
int oom_score_adj_set(int proc_fd, pid_t pid, int value, struct error *err);

// The signal (SIGKILL) that comes when the parent dies; cleared by a change of credentials, so set it again
// after one. Returns -1 with *err when that failed, or when the parent is gone already.
int parent_death_signal(int signal, pid_t parent, struct error *err);

#endif
