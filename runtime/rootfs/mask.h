// SPDX-License-Identifier: Apache-2.0
// linux.maskedPaths and linux.readonlyPaths.
#ifndef NOOK_RUNTIME_ROOTFS_MASK_H
#define NOOK_RUNTIME_ROOTFS_MASK_H

#include "runtime/rootfs/rootfs.h"

// A file is covered with the host's /dev/null, a directory with an empty read-only tmpfs, one superblock for
// all of a container. A missing path is skipped, and so is one that is masked already.
int rootfs_mask(struct rootfs *r, const char *path, struct error *err);

// The path is bound over itself, read-only with all the mounts below it. A missing one is skipped.
int rootfs_readonly_path(struct rootfs *r, const char *path, struct error *err);

#endif
