// SPDX-License-Identifier: Apache-2.0
// The namespaces of a process, held ready to be joined: by its pidfd where setns(2) takes one (Linux 5.8),
// else by the files of /proc/PID/ns.
#ifndef NOOK_LIB_NSSET_H
#define NOOK_LIB_NSSET_H

#include <stdint.h>

#include "lib/proc.h"

#define NSSET_KINDS 8

struct nsset {
    int pidfd;            // the handle's, not ours; -1: it cannot be used
    int fds[NSSET_KINDS]; // one file for each kind, when there is no pidfd; -1: not asked for
};
#define NSSET_NONE ((struct nsset){ -1, { -1, -1, -1, -1, -1, -1, -1, -1 } })

// Makes the namespaces of the CLONE_NEW* flags ready. p must outlive the set. 0, or -1 with errno (ESRCH: the
// process is gone).
int nsset_open(const struct proc_handle *p, uint64_t flags, struct nsset *out);

// Joins those of the flags, at once or one by one; a user namespace as late as it can be, for it takes the
// rights over the others away, or early when it gives them. For the child, too. 0, or -1 with errno.
int nsset_join(const struct nsset *set, uint64_t flags);

// A descriptor for setns(2) with that one flag; stays the set's. -1: was not asked for.
int nsset_fd(const struct nsset *set, uint64_t flag);

// Safe on NSSET_NONE, and when called twice.
void nsset_close(struct nsset *set);

#endif
