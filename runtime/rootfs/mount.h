// SPDX-License-Identifier: Apache-2.0
// One mount of the container.
#ifndef NOOK_RUNTIME_ROOTFS_MOUNT_H
#define NOOK_RUNTIME_ROOTFS_MOUNT_H

#include <stdint.h>

#include "runtime/rootfs/root.h"
#include "runtime/rootfs/rootfs.h"

enum rootfs_mount_kind {
    ROOTFS_MOUNT_NEW,     // a new file system of that type
    ROOTFS_MOUNT_BIND,    // a part of the host's
    ROOTFS_MOUNT_REMOUNT, // new flags for the mount that is at destination already (MS_REMOUNT)
};

struct rootfs_mount {
    enum rootfs_mount_kind kind;
    const char *destination; // in the container; relative means from "/"
    const char *type;        // NEW: "proc", "tmpfs", ...
    const char *source;      // NEW: mount(2) source, for mountinfo ("shm"); NULL: the type
    const char *data;        // NEW, REMOUNT: mount(2) data, or NULL
    struct rootfs_source
        from; // BIND: opened by the parent (rootfs_source_open). NEW: what to bind instead, with all the
              // mounts below it, when the kernel refuses the new file system (EPERM, EBUSY); from.path
              // NULL: nothing. That bind is read-only, nosuid, nodev, noexec throughout when
              // from_readonly, which sysfs and cgroup2 must be.
    bool from_readonly;
    // NEW, a tmpfs: it begins with a copy of what the destination, if it exists, holds: tmpcopyup. Files,
    // directories, links, fifos, and devices where they may be made (not from a nodev mount); no sockets, no
    // extended attributes, nothing of the kernel's file systems. Mode, owner and times are kept; where the
    // user namespace has no such owner the copy is root's, without set-id bits. The root of the tmpfs gets
    // the mode and owner of the destination, unless data has mode=, uid=, gid=. With MS_RDONLY it is filled
    // first.
    bool copy_up;
    bool real_place; // no link may lead to the destination: for trees of the outer kernel
    bool verify; // look at the flags afterwards, and fail when one that was asked for is not as it should be
    bool spare_kernels; // REMOUNT: refused where the kernel's own file systems are, which are the outside's,
                        // too
    bool remount_bind;  // REMOUNT: with "bind": the flags of this mount, not of its superblock
    unsigned long flags,
        cleared; // MS_* to set and to clear, without MS_BIND, MS_REC, MS_REMOUNT, propagation
    uint64_t rec_attr_set, rec_attr_clr; // MOUNT_ATTR_* for the whole tree (rro, rnosuid, ...)
    const unsigned long *propagation;    // MS_PRIVATE, MS_SHARED|MS_REC, ... in order
    size_t n_propagation;
};

// Carries it out. The destination is resolved inside the root and made when it is missing (a directory, or an
// empty file when a file is bound). proc, sysfs and cgroup go on a real directory only, never through a link.
// Over /proc only a procfs may be mounted, and in it only what lxcfs provides (cpuinfo, meminfo, stat, ...).
// A bind keeps locked flags (nodev, nosuid, noexec, ro, atime) that were not asked to be cleared; one that
// was and cannot be is named in the error. The source's descriptor is closed. Codes: mount.failed, mount.type
// (file on directory), mount.copyup, mount.refused (/proc, "/"), mount.flags.
int rootfs_mount(struct rootfs *r, struct rootfs_mount *m, struct error *err);

// The mount at `path` (which must be the root of a mount) becomes read-only; for a tmpfs with "ro" in which
// later steps had to make something.
int rootfs_readonly_mount(struct rootfs *r, const char *path, struct error *err);

// The mount at `path` and all that is mounted below it get these flags (MS_RDONLY, MS_NOSUID, MS_NODEV,
// MS_NOEXEC), and mountinfo must say so afterwards, but for what other mounts cover.
int rootfs_readonly_tree(struct rootfs *r, const char *path, unsigned long flags, struct error *err);

#endif
