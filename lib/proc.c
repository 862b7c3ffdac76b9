// SPDX-License-Identifier: Apache-2.0
// Who a process is: pid + start time + boot id.
#include "config.h"

#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"

enum { LONGEST_NAP = 16 }; // ms

// Fields 3 (state), 20 (number of threads) and 22 (start time) of /proc/PID/stat, proc(5). The state is the
// first thread's: it can be a zombie while others live. 0, or -1 with errno.
static int read_stat(pid_t pid, bool *dead, uint64_t *start_time) {
    char path[32], text[1024];
    uint64_t threads = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
        return -1;
    // The command name may contain spaces and parentheses: what counts is behind the last ')'.
    char *p = strrchr(text, ')');
    if (!p || p[1] != ' ' || !p[2]) {
        errno = EINVAL;
        return -1;
    }
    char state = p[2];
    char *rest = p + 2, *word = NULL, *next = NULL;
    word = strtok_r(rest, " ", &next);
    for (int field = 3; word && field < 22; field++) {
        if (field == 20 && !str_to_u64(word, UINT64_MAX, &threads))
            break;
        word = strtok_r(NULL, " ", &next);
    }
    if (!word || !str_to_u64(word, UINT64_MAX, start_time)) {
        errno = EINVAL;
        return -1;
    }
    *dead = state == 'X' || state == 'x' || (state == 'Z' && threads <= 1);
    return 0;
}

const char *proc_boot_id(void) {
    static char boot_id[40];
    if (!boot_id[0]) {
        if (fd_read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id)) < 0)
            boot_id[0] = '\0';
        boot_id[strcspn(boot_id, "\n")] = '\0';
    }
    return boot_id;
}

int proc_identify(pid_t pid, struct proc_id *out) {
    bool dead;
    *out = (struct proc_id){ .pid = pid };
    if (read_stat(pid, &dead, &out->start_time) < 0) {
        if (errno == ENOENT)
            errno = ESRCH;
        return -1;
    }
    str_copy(out->boot_id, sizeof(out->boot_id), proc_boot_id());
    return 0;
}

// What follows from a stat file that could not be read. Only a kernel that knows no such process proves it
// gone: /proc may be absent, or hide other users' processes (hidepid).
static enum proc_status status_without_stat(pid_t pid) {
    return kill(pid, 0) < 0 && errno == ESRCH ? PROC_GONE : PROC_ALIVE;
}

enum proc_status proc_check(const struct proc_id *id) {
    bool dead;
    uint64_t start_time;

    if (id->pid <= 0 || !str_eq(id->boot_id, proc_boot_id()))
        return PROC_GONE;
    if (read_stat(id->pid, &dead, &start_time) < 0)
        return status_without_stat(id->pid);
    if (start_time != id->start_time)
        return PROC_GONE;
    return dead ? PROC_ZOMBIE : PROC_ALIVE;
}

// Does that pid still belong to the process with that identity (which may be a zombie)?
static int verify(const struct proc_id *id) {
    bool dead;
    uint64_t start_time;

    if (read_stat(id->pid, &dead, &start_time) < 0) {
        if (errno == ENOENT)
            errno = ESRCH;
        return -1;
    }
    if (start_time != id->start_time) {
        errno = ESRCH;
        return -1;
    }
    return 0;
}

int proc_hold(const struct proc_id *id, struct proc_handle *out) {
    *out = PROC_HANDLE_NONE;
    if (id->pid <= 0 || !str_eq(id->boot_id, proc_boot_id())) {
        errno = ESRCH;
        return -1;
    }
    cleanup_fd int fd = sys_pidfd_open(id->pid, 0);
    if (fd < 0 && errno == ESRCH)
        return -1;
    // The pidfd holds on to whoever has the pid now; if that one has our start time, it is ours.
    if (verify(id) < 0)
        return -1;
    *out = (struct proc_handle){ .pidfd = fd_steal(&fd), .id = *id };
    return 0;
}

struct proc_handle proc_child(pid_t pid, int pidfd) {
    return (struct proc_handle){ .pidfd = pidfd, .id = { .pid = pid }, .child = true };
}

void proc_release(struct proc_handle *p) {
    if (!p->child)
        fd_close(&p->pidfd);
}

// 0, -1 with errno, or 1: there is no pidfd, or the kernel or a filter knows none. EPERM may be the filter's
// word or the kernel's own; then kill(2) says the same.
static int signal_by_pidfd(int pidfd, int sig) {
    if (pidfd < 0)
        return 1;
    if (sys_pidfd_send_signal(pidfd, sig) == 0)
        return 0;
    return errno == ENOSYS || errno == EPERM ? 1 : -1;
}

int proc_signal_number(int pidfd, pid_t pid, int sig) {
    int rc = signal_by_pidfd(pidfd, sig);
    return rc > 0 ? kill(pid, sig) : rc;
}

int proc_signal(const struct proc_handle *p, int sig) {
    int rc = signal_by_pidfd(p->pidfd, sig);
    if (rc <= 0)
        return rc;
    if (p->id.pid <= 0) {
        errno = ESRCH;
        return -1;
    }
    return !p->child && verify(&p->id) < 0 ? -1 : kill(p->id.pid, sig);
}

static int64_t now_ms(void) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_by_pidfd(int pidfd, int timeout_ms) {
    int64_t end = now_ms() + timeout_ms;
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
        if (timeout_ms >= 0 && left < 0)
            left = 0;
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            return (p.revents & POLLIN) != 0;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static bool has_ended(const struct proc_handle *p) {
    if (!p->child)
        return proc_check(&p->id) != PROC_ALIVE;
    siginfo_t info = { 0 };
    if (waitid(P_PID, (id_t)p->id.pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
        return errno == ECHILD;
    return info.si_pid != 0;
}

static bool wait_by_looking(const struct proc_handle *p, int timeout_ms) {
    int64_t end = now_ms() + timeout_ms;
    int64_t nap = 1;
    while (!has_ended(p)) {
        int64_t left = timeout_ms < 0 ? nap : end - now_ms();
        if (left <= 0)
            return false;
        poll(NULL, 0, (int)(nap < left ? nap : left));
        nap = nap < LONGEST_NAP ? nap * 2 : nap;
    }
    return true;
}

bool proc_wait(const struct proc_handle *p, int timeout_ms) {
    return p->pidfd >= 0 ? wait_by_pidfd(p->pidfd, timeout_ms) : wait_by_looking(p, timeout_ms);
}

int proc_poll_timeout(const struct proc_handle *p) {
    return p->pidfd >= 0 ? -1 : LONGEST_NAP;
}
