// SPDX-License-Identifier: Apache-2.0
// The namespaces of a process, held ready to be joined.
#include "config.h"

#include "lib/nsset.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

// In the order of joining; user comes where it has to.
static const struct {
    uint64_t flag;
    const char *file;
} kinds[NSSET_KINDS] = {
    { CLONE_NEWUSER, "user" }, { CLONE_NEWPID, "pid" }, { CLONE_NEWNET, "net" },
    { CLONE_NEWIPC, "ipc" },   { CLONE_NEWUTS, "uts" }, { CLONE_NEWCGROUP, "cgroup" },
    { CLONE_NEWTIME, "time" }, { CLONE_NEWNS, "mnt" },
};
enum { USER_KIND = 0 };

// Linux 5.3 has pidfds, but setns(2) takes them since 5.8. Our own UTS namespace is always there to be tried;
// without the right to join it EPERM comes, but an unknown kind of descriptor is EINVAL before that.
static bool setns_takes_pidfds(void) {
    cleanup_fd int self = sys_pidfd_open(getpid(), 0);
    return self >= 0 && (setns(self, CLONE_NEWUTS) == 0 || errno == EPERM);
}

static int open_files(pid_t pid, uint64_t flags, struct nsset *out) {
    for (int i = 0; i < NSSET_KINDS; i++) {
        char path[64];
        if (!(flags & kinds[i].flag))
            continue;
        snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kinds[i].file);
        out->fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (out->fds[i] < 0)
            return -1;
    }
    return 0;
}

int nsset_open(const struct proc_handle *p, uint64_t flags, struct nsset *out) {
    *out = NSSET_NONE;
    if (p->pidfd >= 0 && setns_takes_pidfds()) {
        out->pidfd = p->pidfd;
        return 0;
    }
    int rc = open_files(p->id.pid, flags, out);
    int saved = errno;
    // Only now is it certain whose they are.
    if (proc_wait(p, 0)) {
        rc = -1;
        saved = ESRCH;
    }
    if (rc < 0)
        nsset_close(out);
    errno = saved;
    return rc;
}

int nsset_join(const struct nsset *set, uint64_t flags) {
    if (set->pidfd >= 0)
        return setns(set->pidfd, (int)flags);
    bool user = flags & CLONE_NEWUSER;
    for (int i = USER_KIND + 1; i < NSSET_KINDS; i++) {
        if (!(flags & kinds[i].flag) || setns(set->fds[i], (int)kinds[i].flag) == 0)
            continue;
        if (errno != EPERM || !user || setns(set->fds[USER_KIND], CLONE_NEWUSER) < 0)
            return -1;
        user = false;
        if (setns(set->fds[i], (int)kinds[i].flag) < 0)
            return -1;
    }
    return user ? setns(set->fds[USER_KIND], CLONE_NEWUSER) : 0;
}

int nsset_fd(const struct nsset *set, uint64_t flag) {
    for (int i = 0; i < NSSET_KINDS && set->pidfd < 0; i++)
        if (kinds[i].flag == flag)
            return set->fds[i];
    return set->pidfd;
}

void nsset_close(struct nsset *set) {
    for (int i = 0; i < NSSET_KINDS; i++)
        fd_close(&set->fds[i]);
    set->pidfd = -1;
}
