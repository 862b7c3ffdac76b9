// SPDX-License-Identifier: Apache-2.0
// Messages between the parent, init and `start`.
#include "config.h"

#include "runtime/init/message.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"

static const size_t head_size = offsetof(struct message, error);

static bool carries_error(uint32_t type) {
    return type == MESSAGE_FAILED || type == MESSAGE_WARNING || type == MESSAGE_EXEC_FAILED;
}

int message_send(int sock, enum message_type type, int32_t value, int fd) {
    struct message m = { .type = type, .value = value };
    return fd_send(sock, &m, head_size, &fd, fd >= 0 ? 1 : 0);
}

int message_send_error(int sock, enum message_type type, const struct error *error) {
    struct message m = { .type = type, .error = *error };
    return fd_send(sock, &m, sizeof(m), NULL, 0);
}

// The one descriptor that came, -1 when none did; -2 when there were more, which are closed.
static int take_descriptor(struct msghdr *msg) {
    int first = -1;
    size_t n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + at, sizeof(int));
            if (n++ == 0)
                first = fd;
            else
                fd_close(&fd);
        }
    }
    if (n <= 1)
        return first;
    fd_close(&first);
    return -2;
}

// POLLHUP, which poll() always tells, ends the wait as well.
static int await(int sock, short events, int timeout_ms) {
    struct pollfd p = { .fd = sock, .events = events };
    int n;
    do
        n = poll(&p, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n == 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    return n < 0 ? -1 : 0;
}

bool message_await_end(int sock, int timeout_ms) {
    return await(sock, 0, timeout_ms) == 0;
}

int message_receive(int sock, struct message *out, int *fd, int timeout_ms) {
    if (fd)
        *fd = -1;
    if (timeout_ms >= 0 && await(sock, POLLIN, timeout_ms) < 0)
        return -1;
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = out, .iov_len = sizeof(*out) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control)
    };
    ssize_t n;
    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -1;
    if (n == 0)
        return 0;
    int received = take_descriptor(&msg);
    bool whole = (size_t)n >= head_size && (size_t)n == (carries_error(out->type) ? sizeof(*out) : head_size);
    if (!whole || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || (received >= 0 && !fd) || received < -1) {
        fd_close(&received);
        errno = EPROTO;
        return -1;
    }
    if (fd)
        *fd = received;
    return 1;
}
