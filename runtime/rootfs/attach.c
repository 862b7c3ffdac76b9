// SPDX-License-Identifier: Apache-2.0
// Mount trees: cloned, changed, attached.
#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/fd.h"
#include "runtime/rootfs/internal.h"

// A seccomp filter answers EPERM before the kernel looks at the flags; the kernel itself says EINVAL to
// these.
static bool open_tree_is_missing(int errnum) {
    if (errnum == ENOSYS)
        return true;
    return errnum == EPERM && sys_open_tree(-1, "", ~0U) < 0 && call_is_missing(errno);
}

static int clone_at(struct rootfs *r, int dir, const char *path, unsigned flags) {
    if (r->missing & ROOTFS_NO_MOUNT_API) {
        errno = ENOSYS;
        return -1;
    }
    int tree = sys_open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
    if (tree >= 0)
        return tree;
    int errnum = errno;
    if (open_tree_is_missing(errnum)) {
        r->missing |= ROOTFS_NO_MOUNT_API;
        errnum = ENOSYS;
    }
    errno = errnum;
    return -1;
}

int tree_clone(struct rootfs *r, int fd, bool recursive) {
    return clone_at(r, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
}

int tree_clone_path(struct rootfs *r, const char *path, bool recursive, bool nofollow) {
    return clone_at(r, AT_FDCWD, path, (recursive ? AT_RECURSIVE : 0) | (nofollow ? AT_SYMLINK_NOFOLLOW : 0));
}

int tree_attach(int tree, int target) {
    return sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int bind_by_path(const struct rootfs *r, int source, bool recursive, int target) {
    char from[FD_PATH_SIZE];
    char to[FD_PATH_SIZE];
    unsigned long flags = MS_BIND | (recursive ? MS_REC : 0);
    if (fchdir(r->proc_fd) < 0)
        return -1;
    return mount(fd_path(from, source), fd_path(to, target), NULL, flags, NULL);
}

int tree_bind(struct rootfs *r, int source, bool detached, bool recursive, int target, const char *where,
              const struct mount_change *changes, size_t n, int *failed) {
    cleanup_fd int own = -1;
    size_t done = 0;
    *failed = -1;
    if (!detached)
        own = tree_clone(r, source, recursive);
    if (detached || own >= 0) {
        int tree = detached ? source : own;
        while (done < n && mount_change_apply(r, tree, false, &changes[done]) == 0)
            done++;
        if (done < n && errno != ENOSYS) {
            *failed = (int)done;
            return -1;
        }
        if (tree_attach(tree, target) < 0)
            return -1;
    } else {
        if (errno != ENOSYS || bind_by_path(r, source, recursive, target) < 0)
            return -1;
        own = n ? rootfs_resolve(r, where, 0) : -1; // what is on top now
        if (n && own < 0)
            return -1;
    }
    for (; done < n; done++) {
        if (mount_change_apply(r, own >= 0 ? own : source, true, &changes[done]) < 0) {
            *failed = (int)done;
            return -1;
        }
    }
    return 0;
}
