// SPDX-License-Identifier: Apache-2.0
// sd_notify(3) between a container and the unit that runs it.
#include "config.h"

#include "runtime/launch/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"

const char *notify_host_socket(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    return path && *path ? path : NULL;
}

int notify_make_directory(int state_fd, struct error *err) {
    if (mkdirat(state_fd, NOTIFY_DIRECTORY, 0755) < 0 || fchmodat(state_fd, NOTIFY_DIRECTORY, 0755, 0) < 0)
        return error_set(err, "notify.failed", errno, "make the directory of the notify socket");
    return 0;
}

bool notify_has_directory(int state_fd) {
    return fd_exists_at(state_fd, NOTIFY_DIRECTORY);
}

int notify_listen(int state_fd, struct error *err) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    // The container can write there: the directory is ours, what lies in it is not trusted.
    cleanup_fd int dir = openat(state_fd, NOTIFY_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return error_set(err, "notify.failed", errno, "open the directory of the notify socket");
    unlinkat(dir, "notify.sock", 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify.sock", dir);
    cleanup_fd int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sock < 0 || fchmod(sock, 0777) < 0)
        return error_set(err, "notify.failed", errno, "make the notify socket");
    mode_t old = umask(0);
    int rc = bind(sock, (struct sockaddr *)&address, sizeof(address));
    int saved = errno;
    umask(old);
    return rc < 0 ? error_set(err, "notify.failed", saved, "bind the notify socket") : fd_steal(&sock);
}

// "@name" is an abstract socket.
static int tell_host(const char *path, const char *text) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(path);
    if (length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    cleanup_fd int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '@' ? 0 : 1));
    if (sock < 0 || sendto(sock, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        return -1;
    return 0;
}

static bool says_ready(int sock) {
    char text[4096];
    ssize_t n = recv(sock, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (str_eq(line, "READY=1"))
            return true;
    return false;
}

static void pass_signal(int signal_fd, const struct proc_handle *program) {
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD)
        proc_signal(program, (int)info.ssi_signo);
}

int notify_wait_ready(int sock, const struct proc_handle *program, int signal_fd, struct error *err) {
    const char *host = notify_host_socket();
    if (!host)
        return 0;
    for (;;) {
        struct pollfd fds[] = { { .fd = sock, .events = POLLIN },
                                { .fd = program->pidfd, .events = POLLIN },
                                { .fd = signal_fd, .events = POLLIN } };
        if (poll(fds, 3, proc_poll_timeout(program)) < 0) {
            if (errno == EINTR)
                continue;
            return error_set(err, "notify.failed", errno, "wait for READY=1");
        }
        if (fds[2].revents)
            pass_signal(signal_fd, program);
        if (fds[0].revents && says_ready(sock))
            break;
        if (proc_wait(program, 0))
            return 0;
    }
    char text[64];
    snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", (int)program->id.pid);
    if (tell_host(host, text) < 0)
        return error_set(err, "notify.failed", errno, "tell %s that the container is ready", host);
    return 0;
}
