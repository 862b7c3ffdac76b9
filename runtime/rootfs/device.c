// SPDX-License-Identifier: Apache-2.0
// Device nodes: made by mknodat(2) in the descriptor of their directory, or bound from the host.
#include "config.h"

#include "runtime/rootfs/device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

static mode_t type_of(const struct rootfs_device *d) {
    return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_device(const struct rootfs_device *d, mode_t mode, dev_t rdev) {
    if ((mode & S_IFMT) != type_of(d))
        return false;
    return d->type == 'p' || rdev == makedev(d->major, d->minor);
}

int rootfs_device_open(struct rootfs *r, struct rootfs_device *d, struct error *err) {
    if (!d->from.path)
        return 0;
    d->from.recursive = false;
    if (rootfs_source_open(r, &d->from, err) < 0) {
        if (err->err != ENOENT)
            return -1;
        error_set(err, "device.failed", ENOENT, "cannot make device %s, and the host has none to bind",
                  d->path);
        return error_hint(err, "a device that may not be made here must exist outside, by the same name");
    }
    if (!is_device(d, d->from.mode, d->from.rdev)) {
        rootfs_source_close(&d->from);
        return error_set(err, "device.failed", 0, "the host's %s is not device %c %u:%u", d->from.path,
                         d->type, d->major, d->minor);
    }
    return 0;
}

// Opens what is at dir/name, which must be that device; owner and mode are set by descriptor. mknodat gave
// the mode already, unless a default ACL of the directory took its place.
static int settle(const struct rootfs *r, int dir, const char *name, const struct rootfs_device *d) {
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (is_device(d, st.st_mode, st.st_rdev) && st.st_uid == d->uid && st.st_gid == d->gid &&
        (st.st_mode & 07777) == d->mode)
        return 0;
    cleanup_fd int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (!is_device(d, st.st_mode, st.st_rdev)) { // swapped meanwhile
        errno = EEXIST;
        return -1;
    }
    if (fchownat(fd, "", d->uid, d->gid, AT_EMPTY_PATH) < 0)
        return -1;
    char path[FD_PATH_SIZE];
    snprintf(path, sizeof(path), "self/fd/%d", fd); // chmod knows no AT_EMPTY_PATH before 6.6
    return fchmodat(r->proc_fd, path, d->mode, 0);
}

static int exists(int dir, const char *name, const struct rootfs_device *d, struct error *err) {
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, "device.failed", errno, "cannot look at %s in the container", d->path);
    if (is_device(d, st.st_mode, st.st_rdev))
        return 0;
    return error_set(err, "device.exists", 0, "cannot make device %s: something else is there already",
                     d->path);
}

// Binds the host's node over an empty file, which is made unless there is one.
static int bind_device(struct rootfs *r, int dir, const char *name, struct rootfs_device *d,
                       struct error *err) {
    struct mount_change c = { .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };
    int failed;
    if (d->from.fd < 0 && !fd_exists_at(dir, name))
        return error_set(err, "device.failed", EPERM, "cannot make device %s", d->path);
    if (mknodat(dir, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
        return error_set(err, "device.failed", errno, "cannot make a place for device %s", d->path);
    cleanup_fd int target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (target < 0 || fstat(target, &st) < 0)
        return error_set(err, "device.failed", errno, "cannot open the place of device %s", d->path);
    if (is_device(d, st.st_mode, st.st_rdev))
        return 0;
    if (!S_ISREG(st.st_mode))
        return error_set(err, "device.exists", 0, "cannot make device %s: something else is there already",
                         d->path);
    if (d->from.fd < 0)
        return error_set(err, "device.failed", EPERM, "cannot make device %s", d->path);
    int n = tree_bind(r, d->from.fd, d->from.detached, false, target, d->path, &c, 1, &failed);
    if (n < 0)
        error_set(err, "device.failed", errno, "cannot bind the host's %s at %s", d->from.path, d->path);
    rootfs_source_close(&d->from);
    return n;
}

static int make_device(struct rootfs *r, int dir, const char *name, struct rootfs_device *d,
                       struct error *err) {
    if (!(r->missing & ROOTFS_NO_MKNOD) || d->type == 'p') {
        dev_t number = d->type == 'p' ? 0 : makedev(d->major, d->minor);
        if (mknodat(dir, name, type_of(d) | d->mode, number) == 0) {
            if (settle(r, dir, name, d) < 0)
                return error_set(err, "device.failed", errno, "cannot set owner and mode of device %s",
                                 d->path);
            return 0;
        }
        if (errno == EEXIST)
            return exists(dir, name, d, err);
        if (errno != EPERM || d->type == 'p')
            return error_set(err, "device.failed", errno, "cannot make device %s", d->path);
        r->missing |= ROOTFS_NO_MKNOD;
    }
    if (bind_device(r, dir, name, d, err) == 0)
        return 0;
    if (err->err == EPERM)
        error_hint(err, "mknod(2) needs CAP_MKNOD in the initial user namespace");
    return -1;
}

// The length of the path's directory part, with its last slash.
static size_t directory_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

int rootfs_devices(struct rootfs *r, struct rootfs_device *list, size_t n, size_t *failed,
                   struct error *err) {
    cleanup_fd int dir = -1;
    const char *opened = NULL;
    for (size_t i = 0; i < n; i++) {
        struct rootfs_device *d = &list[i];
        const char *name = d->path + directory_length(d->path);
        size_t length = directory_length(d->path);
        if (failed)
            *failed = i;
        if (!opened || directory_length(opened) != length || strncmp(opened, d->path, length) != 0) {
            fd_close(&dir);
            dir = rootfs_resolve_parent(r, d->path, &name);
            if (dir < 0)
                return error_set(err, "device.failed", errno, "cannot open the directory of device %s",
                                 d->path);
            opened = d->path;
        }
        if (*name == '\0' || str_eq(name, ".") || str_eq(name, ".."))
            return error_set(err, "device.failed", EINVAL, "cannot make device %s", d->path);
        if (make_device(r, dir, name, d, err) < 0)
            return -1;
    }
    return 0;
}
