// SPDX-License-Identifier: Apache-2.0
// The processes below this one.
#include "config.h"

#include "runtime/supervisor/set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"

enum {
    PID_LIMIT = 4 * 1024 * 1024, // PID_MAX_LIMIT of the kernel
    NEIGHBOURS = 4096,
    DEEPEST = 4096, // steps up to us; the chain may change while it is walked
};

// ---------------------------------------------------------------- procfs

// In a procfs of another PID namespace the numbers are other processes'.
static bool is_ours(int proc, pid_t self) {
    struct statfs fs;
    char text[16];
    uint64_t pid;
    if (fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return false;
    ssize_t n = readlinkat(proc, "self", text, sizeof(text) - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return str_to_u64(text, PID_LIMIT, &pid) && (pid_t)pid == self;
}

void set_open(struct set *s) {
    char path[64];
    *s = (struct set){ .self = getpid(), .proc = -1, .children = -1 };
    cleanup_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || !is_ours(proc, s->self))
        return;
    s->proc = fd_steal(&proc);
    snprintf(path, sizeof(path), "%d/task/%d/children", (int)s->self, (int)s->self);
    s->children = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
}

typedef void (*each_fn)(const struct set *s, pid_t pid, void *arg);

// Every number that is a process in /proc. False when it cannot be read.
static bool each_process(const struct set *s, each_fn fn, void *arg) {
    static char buf[4096] __attribute__((aligned(8)));
    // Of its own: the position is the open file's.
    cleanup_fd int dir = s->proc < 0 ? -1 : openat(s->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return false;
    long n;
    while ((n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n;) {
            const struct dirent64 *d = (const struct dirent64 *)(buf + at);
            uint64_t pid;
            at += d->d_reclen;
            if (str_to_u64(d->d_name, PID_LIMIT, &pid) && (pid_t)pid != s->self)
                fn(s, (pid_t)pid, arg);
        }
    return n == 0;
}

// Every number in the list of children, proc(5). It may miss some while it changes, and a number that is cut
// in two by a change is not one of ours: the caller looks again, and fn checks.
static bool each_listed(const struct set *s, each_fn fn, void *arg) {
    static char buf[4096];
    off_t at = 0;
    pid_t pid = 0;
    ssize_t n;
    while ((n = pread(s->children, buf, sizeof(buf), at)) > 0) {
        at += n;
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] >= '0' && buf[i] <= '9' && pid < PID_LIMIT)
                pid = pid * 10 + (buf[i] - '0');
            else {
                if (pid)
                    fn(s, pid, arg);
                pid = 0;
            }
        }
    }
    if (pid)
        fn(s, pid, arg);
    return n == 0;
}

// ---------------------------------------------------------------- children

struct killed {
    size_t n;
    pid_t some, low, high;
};

static void kill_child(const struct set *s, pid_t pid, void *arg) {
    struct killed *k = arg;
    siginfo_t info = { 0 };
    (void)s;
    // Is it our child, and does it live? The answer holds until we reap it.
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || info.si_pid != 0)
        return;
    (void)kill(pid, SIGKILL);
    k->n++;
    k->some = pid;
    k->low = k->low && k->low < pid ? k->low : pid;
    k->high = k->high > pid ? k->high : pid;
}

// Without any procfs. It takes the better part of a second to ask for each number, so that is done once; then
// the neighbourhood of those that were found is asked until it is empty, because that is where their children
// are.
static void kill_by_number(struct set *s, struct killed *k) {
    for (pid_t pid = s->low; s->low && pid <= s->high + NEIGHBOURS && pid < PID_LIMIT; pid++)
        kill_child(s, pid, k);
    bool all = k->n == 0;
    for (pid_t pid = 2; all && pid < PID_LIMIT; pid++)
        kill_child(s, pid, k);
    s->low = k->low;
    s->high = k->high;
}

size_t set_kill(struct set *s, pid_t *some) {
    struct killed k = { 0 };
    if ((s->children < 0 || !each_listed(s, kill_child, &k)) && !each_process(s, kill_child, &k))
        kill_by_number(s, &k);
    *some = k.some;
    return k.n;
}

// ---------------------------------------------------------------- descendants

static pid_t parent_of(const struct set *s, pid_t pid) {
    char path[32], text[512];
    snprintf(path, sizeof(path), "%d/stat", (int)pid);
    if (fd_read_small(s->proc, path, text, sizeof(text)) < 0)
        return 0;
    // proc(5): pid (comm) state ppid ...; comm may hold anything.
    const char *p = strrchr(text, ')');
    uint64_t parent = 0;
    if (!p || p[1] != ' ' || !p[2] || p[3] != ' ')
        return 0;
    char *number = text + (p - text) + 4;
    number[strcspn(number, " ")] = '\0';
    return str_to_u64(number, PID_LIMIT, &parent) ? (pid_t)parent : 0;
}

static bool is_below(const struct set *s, pid_t pid) {
    for (int i = 0; i < DEEPEST && pid > 1; i++) {
        pid = parent_of(s, pid);
        if (pid == s->self)
            return true;
    }
    return false;
}

struct signalled {
    int sig, err;
};

static void signal_below(const struct set *s, pid_t pid, void *arg) {
    struct signalled *x = arg;
    if (!is_below(s, pid))
        return;
    // The pidfd is of whoever has the number now; if that one is below us, so is the one that it means, or it
    // is gone.
    cleanup_fd int fd = sys_pidfd_open(pid, 0);
    if (!is_below(s, pid))
        return;
    int rc = fd >= 0 ? sys_pidfd_send_signal(fd, x->sig) : -1;
    if (rc < 0 && (fd < 0 || errno == ENOSYS || errno == EPERM))
        rc = kill(pid, x->sig);
    if (rc < 0 && errno != ESRCH && !x->err)
        x->err = errno;
}

int set_signal(const struct set *s, int sig) {
    struct signalled x = { .sig = sig };
    return each_process(s, signal_below, &x) ? x.err : ENOTSUP;
}
