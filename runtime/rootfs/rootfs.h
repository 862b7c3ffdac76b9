// SPDX-License-Identifier: Apache-2.0
// The one place that resolves a path in a container's root. Whatever lies in that root is hostile: a path is
// resolved once, inside the root, and from then on only the descriptor is used (design.md section 3, rule 1).
//
// Everything here runs in the child after clone3 unless its comment says "parent": no malloc, no stdio, one
// thread; the current directory is moved about freely until rootfs_pivot sets it to "/". Functions return 0,
// or -1 with *err set (step and origin are left to the caller). The other headers of the room: resolve.h,
// root.h, mount.h, device.h, mask.h.
#ifndef NOOK_RUNTIME_ROOTFS_ROOTFS_H
#define NOOK_RUNTIME_ROOTFS_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

// Calls that this kernel (or the seccomp filter around us) does not have. Set at the first ENOSYS or EPERM
// that proves it, in the parent or in the child; tests set them by hand. The fallback is used from then on.
enum {
    ROOTFS_NO_OPENAT2 = 1 << 0, // openat2: the userspace walker
    ROOTFS_NO_MOUNT_API =
        1 << 1, // open_tree, move_mount, fsopen, fsconfig, fsmount: mount(2) on /proc/self/fd/N
    ROOTFS_NO_SETATTR = 1 << 2, // mount_setattr: remounts, one for each mount of a tree
    ROOTFS_NO_MKNOD = 1 << 3,   // mknod of devices (user namespace, no CAP_MKNOD): binds of the host's nodes
};

struct rootfs {
    int root_fd;      // the container's root, O_PATH; -1 until rootfs_attach_root
    int proc_fd;      // the host's procfs, O_PATH, checked; -1 until rootfs_open_proc
    int null_fd;      // the host's /dev/null, O_PATH, checked to be char 1:3; -1 until rootfs_open_null
    int mask_fd;      // the empty read-only tmpfs that all directory masks share; -1 until the first of them
    unsigned missing; // ROOTFS_NO_*
    unsigned long propagation; // what rootfs_set_propagation set for the whole mount namespace
};

#define ROOTFS_INIT \
    { .root_fd = -1, .proc_fd = -1, .null_fd = -1, .mask_fd = -1 }

// Parent. Opens /proc and proves that it is a procfs (magic number, inode 1) in which we are visible.
// O_CLOEXEC.
int rootfs_open_proc(struct rootfs *r, struct error *err);

// Child, before the first mask of a file: opens the /dev/null of the mount namespace (still the host's view,
// before any pivot) and checks that it is char 1:3. Called by the mask functions when needed.
int rootfs_open_null(struct rootfs *r, struct error *err);

// Child, first of all: sets the umask to 0, so that every mode given below is exact. Returns the old umask.
mode_t rootfs_begin(struct rootfs *r);

// Closes what it holds (root_fd, proc_fd, ...). errno survives.
void rootfs_close(struct rootfs *r);

// Writes /proc/sys/<path> ("net/ipv4/ip_forward"). Where the outer /proc/sys is covered (nested containers),
// the container's own procfs is used, if it is mounted at /proc and really is one.
int rootfs_sysctl(struct rootfs *r, const char *path, const char *value, struct error *err);

#endif
