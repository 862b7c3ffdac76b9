// SPDX-License-Identifier: Apache-2.0
// Flags of mounts: mount_setattr(2), and remounts where it is missing.
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/statfs.h>

#include "lib/str.h"
#include "runtime/rootfs/internal.h"

// What a mount has of its own, beside its superblock. Times of access are a field of values, not bits.
static const struct {
    unsigned long ms;
    uint64_t attr;
    unsigned long st; // statfs(2) f_flags
    const char *name;
} mount_bits[] = {
    { MS_RDONLY, MOUNT_ATTR_RDONLY, 0x1, "ro" },
    { MS_NOSUID, MOUNT_ATTR_NOSUID, 0x2, "nosuid" },
    { MS_NODEV, MOUNT_ATTR_NODEV, 0x4, "nodev" },
    { MS_NOEXEC, MOUNT_ATTR_NOEXEC, 0x8, "noexec" },
    { MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, 0x800, "nodiratime" },
    { MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, 0x2000, "nosymfollow" },
};
#define N_BITS       (sizeof(mount_bits) / sizeof(*mount_bits))
#define ST_NOATIME_  0x400
#define ST_RELATIME_ 0x1000
#define MS_ATIMES    (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

void mount_change_from_flags(struct mount_change *c, unsigned long flags, unsigned long cleared) {
    for (size_t i = 0; i < N_BITS; i++) {
        if (flags & mount_bits[i].ms)
            c->set |= mount_bits[i].attr;
        else if (cleared & mount_bits[i].ms)
            c->clr |= mount_bits[i].attr;
    }
    if (flags & MS_ATIMES) {
        c->clr |= MOUNT_ATTR__ATIME;
        c->set |= flags & MS_NOATIME       ? MOUNT_ATTR_NOATIME
                  : flags & MS_STRICTATIME ? MOUNT_ATTR_STRICTATIME
                                           : 0;
    } else if (cleared & (MS_NOATIME | MS_STRICTATIME)) {
        c->clr |= MOUNT_ATTR__ATIME; // and none set: relatime
    }
}

int mount_flags(int fd, unsigned long *flags) {
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return -1;
    unsigned long st = (unsigned long)fs.f_flags;
    *flags = st & ST_NOATIME_ ? MS_NOATIME : st & ST_RELATIME_ ? MS_RELATIME : MS_STRICTATIME;
    for (size_t i = 0; i < N_BITS; i++)
        if (st & mount_bits[i].st)
            *flags |= mount_bits[i].ms;
    return 0;
}

void mount_flag_words(unsigned long flags, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_BITS; i++) {
        if (!(flags & mount_bits[i].ms))
            continue;
        n += str_copy(out + n, size - n, n ? "," : "");
        n += str_copy(out + n, size - n, mount_bits[i].name);
    }
}

void mount_change_locked(int fd, uint64_t clr, char *out, size_t size) {
    unsigned long flags = 0;
    size_t n = 0;
    out[0] = '\0';
    if (mount_flags(fd, &flags) < 0)
        return;
    for (size_t i = 0; i < N_BITS; i++) {
        if (!(clr & mount_bits[i].attr) || !(flags & mount_bits[i].ms))
            continue;
        n += str_copy(out + n, size - n, n ? "," : "");
        n += str_copy(out + n, size - n, mount_bits[i].name);
    }
    if ((clr & MOUNT_ATTR__ATIME) && n == 0)
        str_copy(out, size,
                 flags & MS_NOATIME    ? "noatime"
                 : flags & MS_RELATIME ? "relatime"
                                       : "strictatime");
}

// The mount's present flags with the change made to them, for a remount, which sets all of them anew.
static unsigned long changed_flags(unsigned long flags, const struct mount_change *c) {
    for (size_t i = 0; i < N_BITS; i++) {
        if (c->clr & mount_bits[i].attr)
            flags &= ~mount_bits[i].ms;
        if (c->set & mount_bits[i].attr)
            flags |= mount_bits[i].ms;
    }
    if (c->clr & MOUNT_ATTR__ATIME) {
        flags &= ~(unsigned long)MS_ATIMES;
        flags |= c->set & MOUNT_ATTR_NOATIME       ? MS_NOATIME
                 : c->set & MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME
                                                   : MS_RELATIME;
    }
    return flags;
}

static int change_by_remount(struct rootfs *r, int fd, const struct mount_change *c) {
    char buf[FD_PATH_SIZE];
    const char *path = ".";
    if (fchdir(fd) < 0) { // not a directory
        path = fd_path(buf, fd);
        if (fchdir(r->proc_fd) < 0)
            return -1;
    }
    if ((c->set || c->clr) && c->recursive) {
        if (tree_change_each(r, fd, c) < 0)
            return -1;
        if (fchdir(fd) < 0 && fchdir(r->proc_fd) < 0)
            return -1;
    } else if (c->set || c->clr) {
        unsigned long before;
        unsigned long after;
        if (mount_flags(fd, &before) < 0)
            return -1;
        unsigned long wanted = changed_flags(before, c);
        if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | wanted, NULL) < 0)
            return -1;
        if (mount_flags(fd, &after) < 0)
            return -1;
        if ((wanted & ~after & ~(unsigned long)MS_ATIMES) != 0) { // what was asked for did not stick
            errno = EPERM;
            return -1;
        }
    }
    unsigned long rec = c->recursive ? MS_REC : 0;
    return c->propagation ? mount(NULL, path, NULL, (unsigned long)c->propagation | rec, NULL) : 0;
}

// A seccomp filter answers EPERM before the kernel looks at the arguments; the kernel itself says EINVAL to
// these.
static bool setattr_is_missing(int errnum) {
    if (errnum == ENOSYS)
        return true;
    return errnum == EPERM && sys_mount_setattr(-1, "", 0, NULL, 0) < 0 && call_is_missing(errno);
}

int mount_change_apply(struct rootfs *r, int fd, bool attached, const struct mount_change *c) {
    if (!(r->missing & ROOTFS_NO_SETATTR)) {
        struct mount_attr attr = { .attr_set = c->set, .attr_clr = c->clr, .propagation = c->propagation };
        unsigned flags = AT_EMPTY_PATH | (c->recursive ? AT_RECURSIVE : 0);
        if (sys_mount_setattr(fd, "", flags, &attr, sizeof(attr)) == 0)
            return 0;
        int errnum = errno;
        if (!setattr_is_missing(errnum)) {
            errno = errnum;
            return -1;
        }
        r->missing |= ROOTFS_NO_SETATTR;
    }
    if (!attached) {
        errno = ENOSYS;
        return -1;
    }
    return change_by_remount(r, fd, c);
}
