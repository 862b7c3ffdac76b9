// SPDX-License-Identifier: Apache-2.0
// Listening to init while it sets up, and finding out what it died of.
#ifndef NOOK_RUNTIME_LAUNCH_MONITOR_H
#define NOOK_RUNTIME_LAUNCH_MONITOR_H

#include <sys/types.h>

#include "lib/error.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/init/message.h"

struct monitor {
    int sock, pidfd;
    pid_t pid;                          // a child of ours
    const struct cgroup_place *cgroups; // to tell an OOM kill
    size_t n_cgroups;
    // Answers what init asks for (MESSAGE_MAPS, HOOKS, TERMINAL); owns fd. 0, or -1 with *err.
    int (*answer)(void *arg, const struct message *m, int fd, struct error *err);
    void *arg;
};

// Serves init's messages until one of type `until` comes, or, with 0, until init closes the socket by execve.
// Warnings are logged. A failure of init is handed on as it is; a death without a word is explained, and the
// process is reaped. Waits ten minutes at most. 0, or -1 with *err.
int monitor_until(const struct monitor *m, enum message_type until, struct error *err);

#endif
