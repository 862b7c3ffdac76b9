// SPDX-License-Identifier: Apache-2.0
// Descriptors and small files.
#include "config.h"

#include "lib/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/str.h"
#include "lib/sys.h"

void fd_close(int *fd) {
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_write_all(int fd, const void *data, size_t size) {
    const char *p = data;
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

char *fd_read_all(int fd, struct arena *a, size_t max, size_t *size) {
    size_t used = 0, room = 8192;
    char *buf = arena_alloc(a, room + 1);
    for (;;) {
        ssize_t n = read(fd, buf + used, room - used);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return NULL;
        }
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > max) {
            errno = EFBIG;
            return NULL;
        }
        if (used == room) {
            char *bigger = arena_alloc(a, room * 4 + 1);
            memcpy(bigger, buf, used);
            buf = bigger;
            room *= 4;
        }
    }
    buf[used] = '\0';
    if (size)
        *size = used;
    return buf;
}

ssize_t fd_read_small(int dirfd, const char *path, char *buf, size_t size) {
    cleanup_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t n = read(fd, buf + used, size - 1 - used);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    buf[used] = '\0';
    return (ssize_t)used;
}

bool fd_exists_at(int dirfd, const char *name) {
    struct stat st;
    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int fd_create(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

int fd_write_file(int dirfd, const char *path, const void *data, size_t size) {
    cleanup_fd int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    ssize_t n;
    do
        n = write(fd, data, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

static int walk_from(int first, bool cloexec, int proc_fd) {
    cleanup_fd int dir_fd =
        openat(proc_fd < 0 ? AT_FDCWD : proc_fd, proc_fd < 0 ? "/proc/self/fd" : "self/fd",
               O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return -1;
    char buf[4096] __attribute__((aligned(8)));
    long n;
    while ((n = syscall(SYS_getdents64, dir_fd, buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            struct dirent64 *d = (struct dirent64 *)(buf + at);
            at += d->d_reclen;
            uint64_t fd;
            if (!str_to_u64(d->d_name, INT_MAX, &fd) || (int)fd < first || (int)fd == dir_fd)
                continue;
            if (cloexec)
                fcntl((int)fd, F_SETFD, FD_CLOEXEC);
            else
                close((int)fd);
        }
    }
    return n < 0 ? -1 : 0;
}

int fd_close_from(int first, bool cloexec, int proc_fd) {
    if (sys_close_range((unsigned)first, ~0U, cloexec ? CLOSE_RANGE_CLOEXEC : 0) == 0)
        return 0;
    return walk_from(first, cloexec, proc_fd);
}

int fd_close_other(int first, const int *keep, size_t n, int proc_fd) {
    int sorted[8];
    size_t k = 0;
    for (size_t i = 0; i < n && k < 8; i++) {
        if (keep[i] < first)
            continue;
        size_t at = k++;
        for (; at > 0 && sorted[at - 1] > keep[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = keep[i];
    }
    // From the top down, so that the fallback's walk needs proc_fd no more when it is its turn.
    int end = -1;
    for (size_t i = k + 1; i > 0; i--) {
        int from = i > 1 ? sorted[i - 2] + 1 : first;
        unsigned last = end < 0 ? ~0U : (unsigned)end - 1;
        if ((end < 0 || from < end) && sys_close_range((unsigned)from, last, 0) < 0) {
            if (errno != ENOSYS && errno != EPERM)
                return -1;
            return fd_close_from(first, true, proc_fd);
        }
        end = i > 1 ? sorted[i - 2] : end;
    }
    return 0;
}

int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds) {
    struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int) * 8)];
    } control;
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (n_fds > 8) {
        errno = EINVAL;
        return -1;
    }
    if (n_fds) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        // Not CMSG_FIRSTHDR: it may be NULL for all that gcc's analyzer knows.
        struct cmsghdr *c = &control.align;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    ssize_t n;
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}
