// SPDX-License-Identifier: Apache-2.0
// What the files of this room share.
#ifndef NOOK_RUNTIME_ROOTFS_INTERNAL_H
#define NOOK_RUNTIME_ROOTFS_INTERNAL_H

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/sys.h"
#include "runtime/rootfs/resolve.h"
#include "runtime/rootfs/root.h"
#include "runtime/rootfs/rootfs.h"

#define ROOTFS_PROC_MAGIC 0x9fa0

// Names a descriptor for calls that take none: "self/fd/N", relative to our own procfs, to be used after
// fchdir(r->proc_fd). Never by "/proc", which may be the container's (CVE-2026-115521).
#define FD_PATH_SIZE 32
static inline const char *fd_path(char buf[FD_PATH_SIZE], int fd) {
    snprintf(buf, FD_PATH_SIZE, "self/fd/%d", fd);
    return buf;
}

// Is that errno how a missing or blocked call answers?
static inline bool call_is_missing(int errnum) {
    return errnum == ENOSYS || errnum == EPERM;
}

// ---- resolve.c
// Like rootfs_resolve, and says in real[PATH_MAX] where the descriptor lies, without links, "." and "..".
int rootfs_resolve_real(struct rootfs *r, const char *path, unsigned flags, char real[PATH_MAX]);
// The walker alone, whatever calls there are.
int rootfs_walk(struct rootfs *r, const char *path, unsigned flags, char real[PATH_MAX]);

// ---- attr.c
struct mount_change {
    uint64_t set, clr;    // MOUNT_ATTR_*
    uint64_t propagation; // one of MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE, or 0
    bool recursive;
};
// MS_* flags to set and to clear, as MOUNT_ATTR_*; what belongs to the superblock is left out.
void mount_change_from_flags(struct mount_change *c, unsigned long flags, unsigned long cleared);
// Changes the mount that fd is in (fd is of its root). 0, or -1 with errno. Without mount_setattr(2) by
// remounts, one for each mount of a tree; detached mounts cannot be changed so: ENOSYS.
int mount_change_apply(struct rootfs *r, int fd, bool attached, const struct mount_change *c);
// MS_* flags as words: "ro,nosuid".
void mount_flag_words(unsigned long flags, char *out, size_t size);
// The flags among `clr` that the mount has, as words ("nosuid,nodev"), for an error.
void mount_change_locked(int fd, uint64_t clr, char *out, size_t size);
// The MS_* flags (those that a mount has of its own) of the mount that fd is in. 0, or -1 with errno.
int mount_flags(int fd, unsigned long *flags);

// ---- tree.c
// Sets and clears attributes of the mount that `top` is in (of its root) and of each that is mounted below
// it, but for those that others cover. 0, or -1 with errno: some may be changed then.
int tree_change_each(struct rootfs *r, int top, const struct mount_change *c);

// ---- attach.c
// A detached clone of the mount that fd is in, from there on (the mount must be in our own namespace). -1
// with errno, ENOSYS when the new mount API is not there.
int tree_clone(struct rootfs *r, int fd, bool recursive);
// The same by path, following links: for the host's paths only.
int tree_clone_path(struct rootfs *r, const char *path, bool recursive, bool nofollow);
// Attaches a detached tree over `target`. 0, or -1 with errno.
int tree_attach(int tree, int target);
// Attaches `source` over `target`, which is at `where` in the root, with these changes, made before it can be
// seen wherever that is possible. A detached source is attached itself, of another a clone. 0, or -1 with
// errno and *failed: the change that could not be made, or -1.
int tree_bind(struct rootfs *r, int source, bool detached, bool recursive, int target, const char *where,
              const struct mount_change *changes, size_t n, int *failed);

// ---- newfs.c
struct rootfs_mount;
// Mounts the new file system on `target`. On failure -1 with *err set, and errno.
int newfs_mount(struct rootfs *r, const struct rootfs_mount *m, int target, const char *where,
                struct error *err);
// The same, not attached to any place: a descriptor of its root, or -1 with errno.
int newfs_detached(const struct rootfs *r, const struct rootfs_mount *m);

// ---- copyup.c
// Copies what is in the directory `from`, which is at `where` in the root, into the new file system with the
// root `tmpfs`; that root gets the directory's owner, mode and times too, but for those that m->data names.
// Both are descriptors that need not be readable (O_PATH).
int copy_up(struct rootfs *r, const struct rootfs_mount *m, int from, int tmpfs, const char *where,
            struct error *err);

// ---- mountinfo.c: /proc/self/mountinfo, line by line, without memory.
struct mountinfo_line {
    unsigned long id, parent;
    const char *dev, *root, *point, *flags, *type,
        *optional; // flags: "ro,nosuid"; octal escapes of point are decoded
};
struct mountinfo {
    int fd;
    size_t start, end;
    bool eof;
    char buf[8192];
};
int mountinfo_open(struct mountinfo *mi, const struct rootfs *r);
// The next line, false at the end; a line longer than the buffer is skipped.
bool mountinfo_next(struct mountinfo *mi, struct mountinfo_line *line);
void mountinfo_close(struct mountinfo *mi);

#endif
