// SPDX-License-Identifier: Apache-2.0
// Masked and read-only paths.
#include "config.h"

#include "runtime/rootfs/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "runtime/rootfs/internal.h"
#include "runtime/rootfs/mount.h"

// Absent is as good as masked. (ELOOP is a magic link like /proc/self/exe, which is no path to mask.)
static bool is_absent(int errnum) {
    return errnum == ENOENT || errnum == ENOTDIR;
}

static int mask_failed(const char *path, int errnum, struct error *err) {
    return error_set(err, "mask.failed", errnum, "cannot mask %s", path);
}

static int mask_file(struct rootfs *r, int target, const char *path, const struct stat *st,
                     struct error *err) {
    int failed;
    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3))
        return 0;
    if (rootfs_open_null(r, err) < 0)
        return -1;
    if (tree_bind(r, r->null_fd, false, false, target, path, NULL, 0, &failed) < 0)
        return mask_failed(path, errno, err);
    return 0;
}

// The first masked directory gets a tmpfs that holds nothing and can hold nothing; the others are binds of
// that.
static int mask_first_directory(struct rootfs *r, int target, const char *path, struct error *err) {
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_NEW,
                              .type = "tmpfs",
                              .data = "nr_blocks=1,nr_inodes=1,mode=755",
                              .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC };
    if (newfs_mount(r, &m, target, path, err) < 0) {
        m.data = "nr_blocks=1,nr_inodes=2,mode=755"; // Ubuntu's 5.4 wants two
        if (err->err != EINVAL || newfs_mount(r, &m, target, path, err) < 0)
            return -1;
    }
    cleanup_fd int fd = rootfs_resolve(r, path, 0);
    struct stat below;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || fstat(target, &below) < 0)
        return mask_failed(path, errno, err);
    if (st.st_dev == below.st_dev) // not the tmpfs: the path was swapped meanwhile
        return mask_failed(path, EAGAIN, err);
    r->mask_fd = fd_steal(&fd);
    return 0;
}

// What an outer runtime has masked stays as it is: a tmpfs, read-only, in which nothing is.
static bool is_mask(int target, const struct stat *st) {
    struct statfs fs;
    return fstatfs(target, &fs) == 0 && fs.f_type == TMPFS_MAGIC && (fs.f_flags & ST_RDONLY) &&
           st->st_nlink == 2 && st->st_size <= 40; // "." and ".."
}

static int mask_directory(struct rootfs *r, int target, const char *path, const struct stat *st,
                          struct error *err) {
    int failed;
    struct stat mask;
    if (is_mask(target, st))
        return 0;
    if (r->mask_fd < 0)
        return mask_first_directory(r, target, path, err);
    if (fstat(r->mask_fd, &mask) == 0 && mask.st_dev == st->st_dev)
        return 0; // listed twice
    if (tree_bind(r, r->mask_fd, false, false, target, path, NULL, 0, &failed) < 0)
        return mask_failed(path, errno, err);
    return 0;
}

int rootfs_mask(struct rootfs *r, const char *path, struct error *err) {
    struct stat st;
    cleanup_fd int target = rootfs_resolve(r, path, 0);
    if (target < 0)
        return is_absent(errno) ? 0 : mask_failed(path, errno, err);
    if (fstat(target, &st) < 0)
        return mask_failed(path, errno, err);
    return S_ISDIR(st.st_mode) ? mask_directory(r, target, path, &st, err)
                               : mask_file(r, target, path, &st, err);
}

int rootfs_readonly_path(struct rootfs *r, const char *path, struct error *err) {
    int failed;
    struct mount_change c = { .set = MOUNT_ATTR_RDONLY, .recursive = true };
    cleanup_fd int target = rootfs_resolve(r, path, 0);
    if (target < 0)
        return is_absent(errno) ? 0
                                : error_set(err, "readonly.failed", errno, "cannot make %s read-only", path);
    if (tree_bind(r, target, false, true, target, path, &c, 1, &failed) == 0)
        return 0;
    return error_set(err, "readonly.failed", errno, "cannot make %s read-only", path);
}
