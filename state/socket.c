// SPDX-License-Identifier: Apache-2.0
// Sockets in the state directory. start.sock: while somebody listens there, init has not executed the user's
// program.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "state/state.h"

// By descriptor, because sun_path holds 107 bytes and roots may be longer. unix(7)
static struct sockaddr_un address_of(int dirfd, const char *name) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
    return address;
}

// Mostly there is none, and that is cheaper to see than to be told.
static int connect_to(int dirfd, const char *name, int flags) {
    if (!fd_exists_at(dirfd, name))
        return -1;
    struct sockaddr_un address = address_of(dirfd, name);
    cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return fd_steal(&fd);
}

bool state_probe_start_socket(int dirfd) {
    // Not blocking: the queue of an init that is stopped or frozen may be full (EAGAIN). It still listens.
    cleanup_fd int fd = connect_to(dirfd, STATE_START_SOCKET, SOCK_NONBLOCK);
    return fd >= 0 || errno == EAGAIN;
}

int state_connect_socket(int dirfd, const char *name) {
    cleanup_fd int fd = connect_to(dirfd, name, SOCK_NONBLOCK);
    if (fd < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return -1;
    return fd_steal(&fd);
}

int state_listen_socket(int dirfd, const char *name) {
    struct sockaddr_un address = address_of(dirfd, name);
    cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    // The mode of the socket file is that of the socket's own inode less the umask: unix(7) leaves it to
    // fchmod before bind, so that no moment is left in which others may connect.
    if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 16) < 0)
        return -1;
    return fd_steal(&fd);
}
