// SPDX-License-Identifier: Apache-2.0
// Descriptors 0, 1 and 2 of the container's process.
#include "config.h"

#include "runtime/process/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "lib/fd.h"

// The type matters: pipes and regular files have an rdev too, which is 0.
static bool is_null_device(const struct stat *st) {
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static bool is_terminal(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0;
}

int stdio_fix_owner(uint32_t uid, uint32_t gid, struct error *err) {
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0) {
            if (errno == EBADF)
                continue;
            return error_set(err, "stdio.failed", errno, "fstat of fd %d", fd);
        }
        bool stream = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
        bool terminal = S_ISCHR(st.st_mode) && !is_null_device(&st) && is_terminal(fd);
        if (!stream && !terminal)
            continue;
        // A terminal keeps its group (tty), which wall(1) and write(1) need.
        gid_t group = terminal ? (gid_t)-1 : gid;
        if (st.st_uid == uid && (terminal || st.st_gid == gid))
            continue;
        if (fchown(fd, uid, group) < 0 && errno != EINVAL && errno != EROFS && errno != EPERM &&
            errno != EACCES)
            return error_set(err, "stdio.failed", errno, "fchown of fd %d to the container's user %u", fd,
                             uid);
    }
    return 0;
}

// The container's /dev/null: looked at before it is opened, for opening a FIFO or a device can have side
// effects. -1 with *err, -2 when there is none.
static int open_container_null(bool foreign, struct error *err) {
    struct stat st;
    cleanup_fd int probe = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (probe < 0 && (errno == ENOENT || errno == ENOTDIR))
        return -2;
    if (probe < 0 || fstat(probe, &st) < 0)
        return error_set(err, "stdio.failed", errno, "opening the container's /dev/null");
    if (!is_null_device(&st))
        return foreign ? -2
                       : error_set(err, "stdio.failed", 0, "the container's /dev/null is not the device 1:3");
    cleanup_fd int fd = open("/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set(err, "stdio.failed", errno, "opening the container's /dev/null");
    if (!is_null_device(&st))
        return error_set(err, "stdio.failed", 0, "the container's /dev/null is not the device 1:3");
    (void)fcntl(fd, F_SETFL, 0);
    return fd_steal(&fd);
}

int stdio_reopen_null(bool foreign, struct error *err) {
    cleanup_fd int null_fd = -1;
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || !is_null_device(&st))
            continue;
        if (null_fd < 0) {
            null_fd = open_container_null(foreign, err);
            if (null_fd == -2)
                return 0;
            if (null_fd < 0)
                return -1;
        }
        if (dup2(null_fd, fd) < 0)
            return error_set(err, "stdio.failed", errno, "replacing fd %d by the container's /dev/null", fd);
    }
    return 0;
}
