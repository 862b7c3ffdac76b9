// SPDX-License-Identifier: Apache-2.0
// The handles that everything else in this room works with, and writes into our own procfs.
#include "config.h"

#include "runtime/rootfs/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

static bool is_procfs_root(int fd) {
    struct statfs fs;
    struct stat st;
    return fstatfs(fd, &fs) == 0 && fs.f_type == ROOTFS_PROC_MAGIC && fstat(fd, &st) == 0 && st.st_ino == 1;
}

int rootfs_open_proc(struct rootfs *r, struct error *err) {
    cleanup_fd int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, "host.proc", errno, "cannot open /proc");
    if (!is_procfs_root(fd)) {
        error_set(err, "host.proc", 0, "/proc is not a procfs");
        return error_hint(err, "mount one: mount -t proc proc /proc");
    }
    char pid[16];
    if (readlinkat(fd, "self", pid, sizeof(pid)) < 0) {
        error_set(err, "host.proc", errno, "/proc does not show this process");
        return error_hint(err, "/proc belongs to another PID namespace; mount a fresh procfs there");
    }
    fd_close(&r->proc_fd);
    r->proc_fd = fd_steal(&fd);
    return 0;
}

int rootfs_open_null(struct rootfs *r, struct error *err) {
    if (r->null_fd >= 0)
        return 0;
    cleanup_fd int fd = open("/dev/null", O_PATH | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, "host.dev_null", errno, "cannot open the host's /dev/null");
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return error_set(err, "host.dev_null", 0,
                         "the host's /dev/null is not the null device (character device 1:3)");
    r->null_fd = fd_steal(&fd);
    return 0;
}

mode_t rootfs_begin(struct rootfs *r) {
    (void)r;
    return umask(0);
}

void rootfs_close(struct rootfs *r) {
    fd_close(&r->root_fd);
    fd_close(&r->proc_fd);
    fd_close(&r->null_fd);
    fd_close(&r->mask_fd);
}

// One step of a walk that crosses neither link nor mount.
static int open_beneath_step(int dir, const char *name, int flags, dev_t dev) {
    cleanup_fd int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    if (S_ISLNK(st.st_mode)) {
        errno = ELOOP;
        return -1;
    }
    if (st.st_dev != dev) {
        errno = EXDEV;
        return -1;
    }
    return fd_steal(&fd);
}

// openat2(RESOLVE_BENEATH | RESOLVE_NO_XDEV | ...) for kernels without it. A bind of procfs over itself has
// the same device number and goes unseen here; only what another file system covers is.
static int open_beneath_walk(int base, const char *path, int flags) {
    struct stat st;
    if (fstat(base, &st) < 0)
        return -1;
    cleanup_fd int dir = fcntl(base, F_DUPFD_CLOEXEC, 3);
    while (dir >= 0) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(path, "/");
        if (n == 0 || n > NAME_MAX || str_eq(path, "..") || str_starts(path, "../")) {
            errno = EINVAL;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n;
        bool last = *path == '\0';
        path += !last;
        int next = open_beneath_step(dir, name, last ? flags : O_PATH | O_DIRECTORY, st.st_dev);
        if (last || next < 0)
            return next;
        fd_close(&dir);
        dir = next;
    }
    return -1;
}

static int open_beneath(struct rootfs *r, int base, const char *path, int flags) {
    if (!(r->missing & ROOTFS_NO_OPENAT2)) {
        struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC | O_NOFOLLOW,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
                                           RESOLVE_NO_SYMLINKS };
        for (int tries = 0; tries < 64; tries++) {
            int fd = sys_openat2(base, path, &how, sizeof(how));
            if (fd >= 0 || (errno != EAGAIN && errno != ENOSYS && errno != EPERM))
                return fd;
            if (errno != EAGAIN)
                break;
        }
        if (errno == ENOSYS)
            r->missing |= ROOTFS_NO_OPENAT2;
    }
    return open_beneath_walk(base, path, flags);
}

static int write_beneath(struct rootfs *r, int base, const char *path, const char *value) {
    cleanup_fd int fd = open_beneath(r, base, path, O_WRONLY);
    if (fd < 0)
        return -1;
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return -1;
    if (fs.f_type != ROOTFS_PROC_MAGIC) {
        errno = EXDEV;
        return -1;
    }
    size_t size = strlen(value);
    ssize_t n;
    do
        n = write(fd, value, size);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -1;
    if ((size_t)n != size) {
        errno = EIO;
        return -1;
    }
    return 0;
}

// The container's own procfs, mounted by an earlier step; -1 when there is none.
static int open_container_proc(struct rootfs *r) {
    if (r->root_fd < 0)
        return -1;
    cleanup_fd int fd = rootfs_resolve(r, "/proc", ROOTFS_NO_LINKS);
    return fd >= 0 && is_procfs_root(fd) ? fd_steal(&fd) : -1;
}

int rootfs_sysctl(struct rootfs *r, const char *path, const char *value, struct error *err) {
    char full[PATH_MAX];
    if ((size_t)snprintf(full, sizeof(full), "sys/%s", path) >= sizeof(full))
        return error_set(err, "sysctl.failed", ENAMETOOLONG, "sysctl %s", path);
    if (write_beneath(r, r->proc_fd, full, value) == 0)
        return 0;
    int errnum = errno;
    if (errnum == EXDEV || errnum == EROFS) { // an outer container covers its /proc/sys
        cleanup_fd int own = open_container_proc(r);
        if (own >= 0) {
            if (write_beneath(r, own, full, value) == 0)
                return 0;
            errnum = errno;
        }
    }
    error_set(err, "sysctl.failed", errnum, "cannot set sysctl %s to \"%s\"", path, value);
    if (errnum == ENOENT)
        return error_hint(err, "this kernel has no /proc/sys/%s, or not in the container's namespaces", path);
    if (errnum == EXDEV || errnum == EROFS)
        return error_hint(
            err, "/proc/sys is covered or read-only here, and the container has no procfs of its own");
    return -1;
}
