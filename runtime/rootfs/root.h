// SPDX-License-Identifier: Apache-2.0
// The root itself: attached, entered, made read-only. Order: rootfs_source_open (parent), rootfs_begin,
// rootfs_set_propagation, rootfs_source_reopen for every source (of mounts and devices too),
// rootfs_attach_root, [mounts, devices, links, masks; createContainer hooks], rootfs_pivot or
// rootfs_no_pivot, rootfs_set_root_propagation, rootfs_readonly_root. Masks and binds come before the pivot:
// afterwards the host's mounts, which they clone, are gone.
#ifndef NOOK_RUNTIME_ROOTFS_ROOT_H
#define NOOK_RUNTIME_ROOTFS_ROOT_H

#include <stdint.h>

#include "runtime/rootfs/rootfs.h"

// A place of the host's file system, opened before anything of the container exists.
struct rootfs_source {
    const char *path; // absolute
    int fd;           // detached clone of the mount tree there; or an O_PATH descriptor; -1: not opened
    bool detached;    // fd is such a clone: it is attached by move_mount(2)
    bool is_dir;
    bool recursive; // with the mounts below it
    bool nodev;     // the root: no device node that lies in it can be used
    bool nofollow;  // must not be a symbolic link, whoever makes it one meanwhile
    // Cloned by the child, when it is its turn: mountinfo then lists mounts in the config's order. With a
    // user namespace it has to be so: in the child's mount namespace the kernel has locked what the host's
    // mounts forbid (ro, nosuid, ...) and hide, and who has CAP_SYS_ADMIN in there cannot undo it
    // (mount_namespaces(7), "Restrictions on mount namespaces").
    bool late;
    mode_t mode;    // of the file, st_mode
    dev_t rdev;     // when it is a device
    bool is_procfs; // it is the root of a procfs: such a bind may cover /proc
    dev_t dev;      // what the parent saw at path: the child proves that it opens the same
    ino_t ino;
};

#define ROOTFS_SOURCE_NONE \
    { .fd = -1 }

// Parent. Opens s->path with open_tree(2) (OPEN_TREE_CLONE, AT_RECURSIVE when s->recursive). Without the new
// mount API it only looks at the file, and rootfs_source_reopen opens it in the child.
int rootfs_source_open(struct rootfs *r, struct rootfs_source *s, struct error *err);

// Child: to be called for all sources, before the first target is touched, and after rootfs_set_propagation.
// Does nothing for what the parent could open; else opens O_PATH in the child's mount namespace and proves
// that it is the file that the parent saw. err->err is EACCES when a user namespace may not reach it: then
// the parent opens it in the child's mount namespace, whose root the child gives it, and the child takes it.
int rootfs_source_reopen(struct rootfs *r, struct rootfs_source *s, struct error *err);
int rootfs_source_open_below(int root, const struct rootfs_source *s, struct error *err); // a descriptor
int rootfs_source_take(struct rootfs *r, struct rootfs_source *s, int given, struct error *err); // keeps it
void rootfs_source_close(struct rootfs_source *s);

// The whole mount namespace is made MS_REC|MS_SLAVE (propagation 0, MS_SLAVE, MS_SHARED) or MS_REC|MS_PRIVATE
// (MS_PRIVATE, MS_UNBINDABLE), so that nothing that is mounted here reaches the host. `propagation` is
// linux.rootfsPropagation; with MS_SHARED the binds that the parent opened stay peers of the host's mounts
// (with a user namespace it opens none).
int rootfs_set_propagation(struct rootfs *r, unsigned long propagation, struct error *err);

// Child: makes private the mounts that are unbindable, as Linux 6.12 leaves them in a new mount namespace,
// also as slaves (6.18 does not). A recursive bind would leave them out, and show what they hide; in a user
// namespace, where they are locked, it would fail. Those that are covered stay as they are.
int rootfs_make_bindable(struct rootfs *r, struct error *err);

// Attaches the opened root (a recursive source) at its own path, or over "/" where that cannot be reached
// (EACCES in a user namespace), and makes it r->root_fd. `s` gives its descriptor away.
int rootfs_attach_root(struct rootfs *r, struct rootfs_source *s, struct error *err);

// The opened root by its descriptor alone, nothing is mounted; `s` was opened with s->late.
int rootfs_hold_root(struct rootfs *r, struct rootfs_source *s, struct error *err);

// Without a mount namespace of its own the container's root is a mount that the host sees, and that whoever
// deletes the container has to unmount: that one, and nothing else that may be mounted at its path by then.
// This is what the state remembers of it.
struct rootfs_attached {
    uint64_t mount; // id of our clone; unique for ever (Linux 6.8), else mountinfo's, which may come back
                    // when the mount is gone; 0: not known
    uint64_t
        below; // without open_tree(2): mountinfo's id of the mount that ours will be put on; 0: not known
};

// Parent, after rootfs_source_open(root) and before init is born: how to know again what init will attach.
int rootfs_attached_expect(struct rootfs *r, const struct rootfs_source *root, struct rootfs_attached *out,
                           struct error *err);

// Parent, when what the state remembered is lost: a mount at `path` counts as ours that shows just the
// directory which it covers.
int rootfs_attached_guess(struct rootfs *r, const char *path, struct rootfs_attached *out, struct error *err);

// Parent. Unmounts the root at `path`, with all below it, if what is on top there is ours; nothing known,
// nothing mounted there, or only somebody else's: 0. -1 with *err when ours is there but cannot be reached.
int rootfs_attached_remove(struct rootfs *r, const char *path, const struct rootfs_attached *a,
                           struct error *err);

// pivot_root(".", ".") into root_fd; the old root becomes a slave and is unmounted lazily. The cwd is "/"
// then. An EINVAL is explained: root on an initramfs, a chroot, or a shared parent mount.
int rootfs_pivot(struct rootfs *r, struct error *err);

// Without pivot_root: every full procfs and sysfs of the host is unmounted, or covered where that cannot be,
// root_fd is moved over "/" (MS_MOVE) and entered by chroot.
int rootfs_no_pivot(struct rootfs *r, struct error *err);

// Before rootfs_chroot, where mounting is allowed: covers "/" with a read-only tmpfs and moves root_fd's
// mount into it. Whoever gets out of the chroot upwards (by the capabilities of a user namespace that it may
// join) finds an empty directory, and the kernel still takes the process for one in a chroot.
int rootfs_lift(struct rootfs *r, struct error *err);

// chroot(2) into root_fd and chdir "/": for the chroot isolation.
int rootfs_chroot(struct rootfs *r, struct error *err);

// linux.rootfsPropagation of "/" (without MS_REC): after the pivot.
int rootfs_set_root_propagation(struct rootfs *r, unsigned long propagation, struct error *err);

// The root's mount alone becomes read-only, by descriptor: works before and after the pivot.
int rootfs_readonly_root(struct rootfs *r, struct error *err);

#endif
