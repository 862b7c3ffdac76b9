// SPDX-License-Identifier: Apache-2.0
// Paths in the container's root: resolution as if chrooted there (an absolute link and ".." stay inside),
// without magic links, by openat2(2) or by a walker of the same semantics.
#ifndef NOOK_RUNTIME_ROOTFS_RESOLVE_H
#define NOOK_RUNTIME_ROOTFS_RESOLVE_H

#include "runtime/rootfs/rootfs.h"

enum {
    ROOTFS_NOFOLLOW = 1 << 0,  // do not follow the last component: the descriptor may be of a symlink
    ROOTFS_NO_LINKS = 1 << 1,  // ELOOP when any component is a symlink
    ROOTFS_MAKE_DIR = 1 << 2,  // make missing components, the last one too: directories, root's, mode 0755
    ROOTFS_MAKE_FILE = 1 << 3, // the same, but the last one an empty regular file, mode 0644
    ROOTFS_MAKE_PARENTS =
        1 << 4, // make missing directories above the last component only (with ENOENT for it)
};

// Resolves `path` (relative means from "/") and returns an O_PATH|O_CLOEXEC descriptor, or -1 with errno:
// ENOENT, ENOTDIR, ELOOP (too many links, a magic link, a link where none may be), EACCES, ENAMETOOLONG,
// EAGAIN (renames that never end). A dangling link is followed to where it points inside the root, and made
// there. What appears meanwhile is never followed out: each component is made by mkdirat or mknodat in the
// descriptor of its parent.
int rootfs_resolve(struct rootfs *r, const char *path, unsigned flags);

// The directory that holds the last component, made when it is missing, and that component's name, in *name
// (points into path). EINVAL when the path ends in "." or ".." or is "/".
int rootfs_resolve_parent(struct rootfs *r, const char *path, const char **name);

// Makes a symlink with that text, and the directories above it. An existing link with the same text is fine;
// other things there are left alone and that is fine too, unless `replace`: then what is there and is no
// directory goes.
int rootfs_symlink(struct rootfs *r, const char *text, const char *path, bool replace, struct error *err);

#endif
