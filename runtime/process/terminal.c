// SPDX-License-Identifier: Apache-2.0
// The container's terminal: a pty of the container's own devpts.
#include "config.h"

#include "runtime/process/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define PTMX_INODE 2 // fs/devpts: the root is 1, ptmx 2

// ---------------------------------------------------------------- console socket

// A path that does not fit into sun_path is reached through a descriptor of the file itself.
static int long_path(const char *path, struct sockaddr_un *address, int *path_fd) {
    *path_fd = open(path, O_PATH | O_CLOEXEC);
    if (*path_fd < 0)
        return -1;
    snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d", *path_fd);
    return 0;
}

static int connect_error(const char *path, int errnum, struct error *err) {
    error_set(err, "terminal.failed", errnum, "connecting to the console socket %s", path);
    if (errnum == EPROTOTYPE)
        return error_hint(err, "it has to be a socket of type SOCK_STREAM");
    if (errnum == ECONNREFUSED)
        return error_hint(err, "nobody listens on it");
    return -1;
}

int terminal_connect_console_socket(const char *path, struct error *err) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    cleanup_fd int path_fd = -1;
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, "terminal.failed", errno, "making a socket for the console");
    if (strlen(path) < sizeof(address.sun_path))
        memcpy(address.sun_path, path, strlen(path) + 1);
    else if (long_path(path, &address, &path_fd) < 0)
        return connect_error(path, errno, err);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return connect_error(path, errno, err);
    return fd_steal(&fd);
}

int terminal_send(int console_socket, int master, struct error *err) {
    static const char name[] = "/dev/ptmx";
    if (fd_send(console_socket, name, sizeof(name) - 1, &master, 1) < 0)
        return error_set(err, "terminal.failed", errno, "sending the terminal over the console socket");
    return 0;
}

// ---------------------------------------------------------------- the pty

// dev/pts/ptmx below the root, as a handle that has no side effects. No link is followed.
static int open_ptmx_path(int root_fd) {
    if (root_fd != AT_FDCWD) {
        struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
        int fd = sys_openat2(root_fd, "dev/pts/ptmx", &how, sizeof(how));
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
    }
    cleanup_fd int dev =
        openat(root_fd, root_fd == AT_FDCWD ? "/dev" : "dev", O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    if (dev < 0)
        return -1;
    cleanup_fd int pts = openat(dev, "pts", O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    if (pts < 0)
        return -1;
    return openat(pts, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_ptmx(int fd) {
    struct statfs fs;
    struct stat st;
    return fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC && fstat(fd, &st) == 0 &&
           S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2) && st.st_ino == PTMX_INODE;
}

// Opens for real, by the name again, and checks that it is what was looked at: nothing but another devpts
// could be in its place, and that would be refused here.
static int open_master(int root_fd, struct error *err) {
    struct stat expected;
    struct stat got;
    cleanup_fd int path_fd = open_ptmx_path(root_fd);
    if (path_fd < 0) {
        error_set_at(err, "terminal.failed", errno, "/process/terminal",
                     "opening the container's /dev/pts/ptmx");
        return error_hint(err, "process.terminal needs a mount of type devpts on /dev/pts");
    }
    if (!is_ptmx(path_fd) || fstat(path_fd, &expected) < 0) {
        error_set_at(err, "terminal.failed", 0, "/process/terminal",
                     "the container's /dev/pts/ptmx is not that of a devpts");
        return error_hint(err, "process.terminal needs a mount of type devpts on /dev/pts");
    }
    const int flags = O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
    struct open_how how = { .flags = flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
    cleanup_fd int fd = root_fd == AT_FDCWD ? open("/dev/pts/ptmx", flags)
                                            : sys_openat2(root_fd, "dev/pts/ptmx", &how, sizeof(how));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = openat(root_fd, "dev/pts/ptmx", flags);
    if (fd < 0) {
        int saved = errno;
        error_set_at(err, "terminal.failed", saved, "/process/terminal",
                     "opening the container's /dev/pts/ptmx");
        if (saved == EACCES)
            error_hint(err, "mount the devpts with ptmxmode=0666");
        else if (saved == ENOSPC)
            error_hint(err, "all ptys are in use: sysctl kernel.pty.max, or the mount's max=");
        return -1;
    }
    if (fstat(fd, &got) < 0 || got.st_dev != expected.st_dev || got.st_ino != expected.st_ino)
        return error_set_at(err, "terminal.failed", 0, "/process/terminal",
                            "the container's /dev/pts/ptmx changed while it was opened");
    return fd_steal(&fd);
}

// Before the program can look: consoleSize, else the caller's.
static int set_size(int master, int caller, const struct spec_process *process, struct error *err) {
    struct winsize size = {
        .ws_row = (unsigned short)process->console_height,
        .ws_col = (unsigned short)process->console_width,
    };
    if (!process->has_console_size && (caller < 0 || ioctl(caller, TIOCGWINSZ, &size) < 0))
        return 0;
    if (ioctl(master, TIOCSWINSZ, &size) < 0)
        return error_set_at(err, "terminal.failed", errno, "/process/consoleSize", "TIOCSWINSZ");
    return 0;
}

static int set_up_pair(int master, int slave, int caller, const struct spec_process *process,
                       struct error *err) {
    if (set_size(master, caller, process, err) < 0)
        return -1;
    // The group stays the mount's (tty). An id that cannot be given is no reason to fail: root's terminal
    // still works.
    if (fchown(slave, process->user.uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EROFS &&
        errno != EPERM)
        return error_set_at(err, "terminal.failed", errno, "/process/terminal", "fchown of the terminal");
    return 0;
}

int terminal_open(int root_fd, int caller, const struct spec_process *process, int *master, int *slave,
                  struct error *err) {
    int unlocked = 0;
    cleanup_fd int m = open_master(root_fd, err);
    if (m < 0)
        return -1;
    if (ioctl(m, TIOCSPTLCK, &unlocked) < 0)
        return error_set_at(err, "terminal.failed", errno, "/process/terminal", "unlocking the terminal");
    // Not by the name /dev/pts/N, which an image may have made.
    cleanup_fd int s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s < 0)
        return error_set_at(err, "terminal.failed", errno, "/process/terminal",
                            "opening the terminal (TIOCGPTPEER)");
    if (set_up_pair(m, s, caller, process, err) < 0)
        return -1;
    *master = fd_steal(&m);
    *slave = fd_steal(&s);
    return 0;
}

int terminal_attach(int slave, struct error *err) {
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return error_set_at(err, "terminal.failed", errno, "/process/terminal",
                            "making the terminal the controlling one");
    for (int fd = 0; fd <= 2; fd++) {
        if (fd == slave) {
            (void)fcntl(fd, F_SETFD, 0);
            continue;
        }
        if (dup2(slave, fd) < 0)
            return error_set_at(err, "terminal.failed", errno, "/process/terminal",
                                "putting the terminal on fd %d", fd);
    }
    if (slave > 2)
        close(slave);
    return 0;
}
