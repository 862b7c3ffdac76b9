// SPDX-License-Identifier: Apache-2.0
// Asking a container's supervisor.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "runtime/supervisor/protocol.h"
#include "runtime/supervisor/supervisor.h"
#include "state/state.h"

enum { NAP_MS = 5 };
enum outcome { ANSWERED, NOBODY, NO_ANSWER };

static int64_t now_ms(void) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left_until(int64_t end) {
    int64_t left = end - now_ms();
    return left > 0 ? (int)left : 0;
}

// Its queue may be full for a moment (EAGAIN).
static int connect_until(int state_dirfd, int64_t end) {
    for (;;) {
        int fd = state_connect_socket(state_dirfd, SUPERVISOR_SOCKET);
        if (fd >= 0 || errno != EAGAIN || now_ms() >= end)
            return fd;
        poll(NULL, 0, NAP_MS);
    }
}

static bool readable_until(int fd, int64_t end) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n;
    do
        n = poll(&p, 1, left_until(end));
    while (n < 0 && errno == EINTR);
    return n > 0;
}

// Whoever may signal a supervisor may have stopped it. For KILL it is continued; not for others, because it
// passes SIGCONT on.
static bool answers_until(int fd, enum request_type type, int64_t end) {
    int64_t soon = now_ms() + STOPPED_MS;
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (readable_until(fd, soon < end ? soon : end))
        return true;
    if (type == REQUEST_KILL && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 1)
        (void)kill(peer.pid, SIGCONT);
    return readable_until(fd, end);
}

// One request, one answer, over a new connection, which is *out's when it is answered. NO_ANSWER: errno
// (ETIMEDOUT, EPROTO, or the system call's).
static enum outcome ask_once(int state_dirfd, enum request_type type, int value, int64_t end,
                             struct answer *a, int *out) {
    const struct request r = { .magic = PROTOCOL_MAGIC, .type = type, .value = value };
    cleanup_fd int fd = connect_until(state_dirfd, end);
    if (fd < 0)
        return errno == ECONNREFUSED || errno == ENOENT ? NOBODY : NO_ANSWER;
    // It may end at any moment without a word.
    if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) < 0)
        return errno == EPIPE || errno == ECONNRESET ? NOBODY : NO_ANSWER;
    if (!answers_until(fd, type, end)) {
        errno = ETIMEDOUT;
        return NO_ANSWER;
    }
    ssize_t n = recv(fd, a, sizeof(*a), MSG_TRUNC);
    if (n == 0)
        errno = ECONNRESET;
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return NOBODY;
    if (n == (ssize_t)sizeof(*a) && a->magic == PROTOCOL_MAGIC) {
        *out = fd_steal(&fd);
        return ANSWERED;
    }
    if (n >= 0)
        errno = EPROTO;
    return NO_ANSWER;
}

// A connection that it closed at its end may have come just too late: then the next one is refused.
static enum outcome ask(int state_dirfd, enum request_type type, int value, int64_t end, struct answer *a,
                        int *out) {
    for (;;) {
        enum outcome o = ask_once(state_dirfd, type, value, end, a, out);
        if (o != NOBODY || errno == ECONNREFUSED || errno == ENOENT)
            return o;
        if (now_ms() >= end) {
            errno = ETIMEDOUT;
            return NO_ANSWER;
        }
        poll(NULL, 0, NAP_MS);
    }
}

static int no_answer(struct error *err) {
    int e = errno;
    if (e == EPERM || e == EACCES)
        return error_set(err, "supervisor.refused", e, "connect to the container's supervisor");
    error_set(err, "supervisor.timeout", e == ETIMEDOUT ? 0 : e,
              "the container's supervisor does not answer");
    return error_hint(err, "it may be stopped or frozen: see its State in /proc/PID/status");
}

static int still_there(const struct answer *a, struct error *err) {
    error_set(err, "kill.timeout", 0, "%d processes of the container still run %d s after SIGKILL",
              (int)a->left, KILL_LIMIT_MS / 1000);
    return a->pid > 0
               ? error_hint(err, "they may be in uninterruptible sleep: see /proc/%d/stack", (int)a->pid)
               : -1;
}

int supervisor_ask_kill(int state_dirfd, int timeout_ms, struct error *err) {
    int64_t end = now_ms() + timeout_ms;
    struct answer a;
    cleanup_fd int fd = -1;
    enum outcome o = ask(state_dirfd, REQUEST_KILL, 0, end, &a, &fd);
    if (o == NOBODY)
        return 1;
    if (o == NO_ANSWER)
        return no_answer(err);
    if (a.err || a.left)
        return still_there(&a, err);
    // It answers and ends. Best effort: who needs to know waits for its pid.
    (void)readable_until(fd, end);
    return 0;
}

bool supervisor_was_lost(int state_dirfd) {
    return fd_exists_at(state_dirfd, SUPERVISOR_SOCKET);
}

int supervisor_ask_signal(int state_dirfd, enum supervisor_whom whom, int sig, int timeout_ms,
                          struct error *err) {
    static const enum request_type types[] = {
        [SUPERVISOR_PAYLOAD] = REQUEST_SIGNAL_PAYLOAD, [SUPERVISOR_ALL] = REQUEST_SIGNAL_ALL
    };
    if (whom == SUPERVISOR_ALL && sig == SIGKILL)
        return supervisor_ask_kill(state_dirfd, timeout_ms, err);
    struct answer a;
    cleanup_fd int fd = -1;
    enum outcome o = ask(state_dirfd, types[whom], sig, now_ms() + timeout_ms, &a, &fd);
    if (o == NOBODY)
        return 1;
    if (o == NO_ANSWER)
        return no_answer(err);
    if (a.err == ENOTSUP)
        return error_set(err, "kill.failed", 0,
                         "the container's processes cannot be listed: there is no /proc");
    return a.err ? error_set(err, "kill.failed", a.err, "send signal %d to the container", sig) : 0;
}

int supervisor_join(int state_dirfd, int timeout_ms, struct error *err) {
    struct answer a;
    cleanup_fd int fd = -1;
    enum outcome o = ask(state_dirfd, REQUEST_JOIN, 0, now_ms() + timeout_ms, &a, &fd);
    if (o == NO_ANSWER)
        return no_answer(err);
    if (o == NOBODY || a.err == ESRCH)
        return error_set(err, "exec.stopped", 0, "cannot exec in a stopped container");
    if (a.err == EAGAIN)
        return error_set(err, "exec.failed", 0,
                         "too many processes of earlier execs still run in the container");
    if (a.err)
        return error_set(err, "exec.failed", a.err, "join the container's supervisor");
    return fd_steal(&fd);
}
