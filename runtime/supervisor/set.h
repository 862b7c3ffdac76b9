// SPDX-License-Identifier: Apache-2.0
// The processes below this one, which is single-threaded, a subreaper, and the only one that reaps them.
#ifndef NOOK_RUNTIME_SUPERVISOR_SET_H
#define NOOK_RUNTIME_SUPERVISOR_SET_H

#include <stddef.h>
#include <sys/types.h>

struct set {
    pid_t self;
    int proc;        // /proc, if it is a procfs of our own PID namespace; else -1
    int children;    // its self/task/TID/children, or -1 (CONFIG_PROC_CHILDREN)
    pid_t low, high; // without a procfs: where children were found last, 0: nowhere
};

// Opens what is there to be opened. Never fails: without a procfs children are found by asking for each
// number.
void set_open(struct set *s);

// Sends SIGKILL to each child that lives. How many there were, with the pid of one in *some (0: none).
// A child of ours keeps its number until we reap it: no pidfd is needed.
size_t set_kill(struct set *s, pid_t *some);

// Sends a signal to every descendant. 0, or the errno of the first that could not be signalled; ENOTSUP:
// there is no procfs to find them in.
int set_signal(const struct set *s, int sig);

#endif
