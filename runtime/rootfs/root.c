// SPDX-License-Identifier: Apache-2.0
// The root's mount: attached, its propagation, read-only.
#include "config.h"

#include "runtime/rootfs/root.h"

#include <errno.h>
#include <fcntl.h>

#include "lib/fd.h"
#include "runtime/rootfs/internal.h"

// linux.rootfsPropagation -> what keeps our mounts from the host meanwhile.
static unsigned long quiet(unsigned long propagation) {
    return propagation & (MS_PRIVATE | MS_UNBINDABLE) ? MS_PRIVATE : MS_SLAVE;
}

int rootfs_set_propagation(struct rootfs *r, unsigned long propagation, struct error *err) {
    r->propagation = propagation & ~(unsigned long)MS_REC;
    if ((r->propagation & MS_SHARED) && (r->missing & ROOTFS_NO_MOUNT_API))
        return error_set(
            err, "mount.unsupported", 0,
            "rootfsPropagation shared needs open_tree(2) (Linux 5.2), which is missing or blocked here");
    if (mount(NULL, "/", NULL, MS_REC | quiet(r->propagation), NULL) < 0) {
        error_set(err, "mount.propagation", errno, "cannot take the mounts out of the host's propagation");
        if (errno == EINVAL)
            return error_hint(err, "\"/\" is not the root of a mount here (a chroot)");
        return -1;
    }
    return 0;
}

// At its own path; where that cannot be reached, over "/", which the pivot leaves just the same.
static int attach_tree(int tree, const char *path) {
    if (sys_move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) == 0)
        return 0;
    if (errno != EACCES)
        return -1;
    return sys_move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
}

static int attach_by_bind(struct rootfs *r, const struct rootfs_source *s, const struct mount_change *c) {
    char from[FD_PATH_SIZE];
    if (fchdir(r->proc_fd) < 0 || mount(fd_path(from, s->fd), s->path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return -1;
    cleanup_fd int fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || mount_change_apply(r, fd, true, c) < 0)
        return -1;
    r->root_fd = fd_steal(&fd);
    return 0;
}

// A late one.
static int clone_source(struct rootfs *r, struct rootfs_source *s) {
    int tree = tree_clone(r, s->fd, s->recursive);
    if (tree < 0)
        return -1;
    fd_close(&s->fd);
    s->fd = tree;
    s->detached = true;
    return 0;
}

int rootfs_attach_root(struct rootfs *r, struct rootfs_source *s, struct error *err) {
    struct mount_change c = { .set = s->nodev ? MOUNT_ATTR_NODEV : 0,
                              .propagation = quiet(r->propagation),
                              .recursive = true };
    if (!s->is_dir)
        return error_set(err, "root.invalid", 0, "root %s is not a directory", s->path);
    if (!s->detached && clone_source(r, s) < 0) {
        if (errno != ENOSYS || attach_by_bind(r, s, &c) < 0)
            return error_set(err, "root.mount", errno, "cannot bind root %s over itself", s->path);
        rootfs_source_close(s);
        return 0;
    }
    int early = mount_change_apply(r, s->fd, false, &c);
    if (early < 0 && errno != ENOSYS)
        return error_set(err, "root.mount", errno, "cannot set the propagation and options of root %s",
                         s->path);
    if (attach_tree(s->fd, s->path) < 0)
        return error_set(err, "root.mount", errno, "cannot attach root %s", s->path);
    if (early < 0 && mount_change_apply(r, s->fd, true, &c) < 0)
        return error_set(err, "root.mount", errno, "cannot set the propagation and options of root %s",
                         s->path);
    fd_close(&r->root_fd);
    r->root_fd = fd_steal(&s->fd);
    return 0;
}

int rootfs_hold_root(struct rootfs *r, struct rootfs_source *s, struct error *err) {
    if (rootfs_source_reopen(r, s, err) < 0)
        return -1;
    fd_close(&r->root_fd);
    r->root_fd = fd_steal(&s->fd);
    return 0;
}

int rootfs_set_root_propagation(struct rootfs *r, unsigned long propagation, struct error *err) {
    struct mount_change c = { .propagation = propagation & ~(unsigned long)MS_REC,
                              .recursive = (propagation & MS_REC) != 0 };
    if (c.propagation && mount_change_apply(r, r->root_fd, true, &c) < 0)
        return error_set(err, "root.propagation", errno, "cannot set rootfsPropagation");
    return 0;
}

int rootfs_readonly_root(struct rootfs *r, struct error *err) {
    struct mount_change c = { .set = MOUNT_ATTR_RDONLY };
    if (mount_change_apply(r, r->root_fd, true, &c) < 0)
        return error_set(err, "root.readonly", errno, "cannot make the root read-only");
    return 0;
}
