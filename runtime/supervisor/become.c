// SPDX-License-Identifier: Apache-2.0
// How a process of the runtime becomes a supervisor.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "runtime/supervisor/arguments.h"
#include "runtime/supervisor/supervisor.h"

static int failed(struct error *err, const char *what) {
    return error_set(err, "supervisor.failed", errno, "make the container's supervisor: %s", what);
}

int supervisor_prepare(struct supervisor *s, enum supervisor_role role, const char *label, int *ready,
                       struct error *err) {
    int pair[2];
    *s = SUPERVISOR_NONE;
    s->role = role;
    s->label = label;
    s->image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (s->image < 0)
        return failed(err, "open the running binary");
    if (pipe2(pair, O_CLOEXEC) < 0)
        return failed(err, "make a pipe");
    *ready = pair[0];
    s->ready = pair[1];
    return 0;
}

void supervisor_close(struct supervisor *s) {
    fd_close(&s->image);
    fd_close(&s->listen);
    fd_close(&s->link);
    fd_close(&s->dir);
    fd_close(&s->channel);
    fd_close(&s->ready);
}

int supervisor_begin(struct error *err) {
    // Detached from the caller's terminal: ^C is for who is in the foreground, and reaches us by being passed
    // on.
    if (setsid() < 0)
        return failed(err, "setsid");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return failed(err, "PR_SET_CHILD_SUBREAPER");
    (void)signal(SIGCHLD, SIG_DFL);
    return 0;
}

// A copy that survives the execve, out of the way of stdio. -1 stays -1.
static int keep(int fd, int *failures) {
    if (fd < 0)
        return -1;
    int copy = fcntl(fd, F_DUPFD, STDERR_FILENO + 1);
    *failures += copy < 0;
    return copy;
}

int supervisor_exec(const struct supervisor *s, struct error *err) {
    static char *const no_env[] = { NULL };
    struct supervisor after = *s;
    struct arguments args;
    sigset_t all, old;
    int failures = 0;
    // What comes while we change is for the new image to pass on.
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    if (fd_close_from(0, true, -1) == 0) {
        after.listen = keep(s->listen, &failures);
        after.link = keep(s->link, &failures);
        after.channel = keep(s->channel, &failures);
        after.ready = keep(s->ready, &failures);
        after.dir = keep(s->dir, &failures);
        arguments_format(&after, &args);
        if (failures == 0)
            fexecve(s->image, args.argv, no_env);
        int saved = errno;
        fd_close(&after.listen);
        fd_close(&after.link);
        fd_close(&after.channel);
        fd_close(&after.ready);
        fd_close(&after.dir);
        errno = saved;
    }
    failed(err, "execute the image");
    sigprocmask(SIG_SETMASK, &old, NULL);
    return -1;
}

// In the mirror to be. -1: with its child gone.
static int become_mirror(const struct supervisor *s, pid_t child, int channel, struct error *err) {
    struct supervisor mirror = *s;
    mirror.role = SUPERVISOR_MIRROR;
    mirror.payload = child;
    mirror.channel = channel;
    mirror.listen = mirror.link = mirror.dir = -1;
    supervisor_exec(&mirror, err);
    (void)kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

int supervisor_split(struct supervisor *s, struct error *err) {
    int pair[2];
    if (setsid() < 0)
        return failed(err, "setsid");
    (void)signal(SIGCHLD, SIG_DFL);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return failed(err, "socketpair");
    cleanup_fd int mirrors = pair[0];
    cleanup_fd int execs = pair[1];
    pid_t child = fork();
    if (child < 0)
        return failed(err, "fork");
    if (child > 0) {
        fd_close(&execs);
        return become_mirror(s, child, mirrors, err);
    }
    // Returning an error here would be one in the child.
    struct error ignored;
    if (supervisor_begin(&ignored) < 0)
        _exit(1);
    s->role = SUPERVISOR_EXEC;
    s->channel = fd_steal(&execs);
    s->listen = s->dir = -1;
    return 0;
}

static int64_t now_ms(void) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int supervisor_await_ready(int ready, int n, int timeout_ms, struct error *err) {
    int64_t end = now_ms() + timeout_ms;
    while (n > 0) {
        char bytes[4];
        int64_t left = end - now_ms();
        struct pollfd p = { .fd = ready, .events = POLLIN };
        int polled = poll(&p, 1, left > 0 ? (int)left : 0);
        if (polled < 0 && errno == EINTR)
            continue;
        if (polled == 0)
            return error_set(err, "supervisor.timeout", 0,
                             "the container's supervisor did not come up within %d s", timeout_ms / 1000);
        ssize_t got = read(ready, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, "supervisor.failed", got < 0 ? errno : 0,
                             "the container's supervisor ended before it was ready");
        n -= (int)got;
    }
    return 0;
}
