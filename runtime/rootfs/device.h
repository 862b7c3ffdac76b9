// SPDX-License-Identifier: Apache-2.0
// Device nodes and terminals in the container's root.
#ifndef NOOK_RUNTIME_ROOTFS_DEVICE_H
#define NOOK_RUNTIME_ROOTFS_DEVICE_H

#include "runtime/rootfs/root.h"
#include "runtime/rootfs/rootfs.h"

struct rootfs_device {
    const char *path; // in the container
    // The host's node, for a bind where mknod is not possible; path NULL: none. As for every source, the
    // child calls rootfs_source_reopen.
    struct rootfs_source from;
    unsigned major, minor;
    mode_t mode; // permission bits, exact
    uid_t uid;
    gid_t gid;
    char type; // 'c', 'b' or 'p'
};

// Parent, in advance, when mknod will not be possible: opens the host's node and checks that it is that
// device.
int rootfs_device_open(struct rootfs *r, struct rootfs_device *d, struct error *err);

// Makes the nodes in order; consecutive ones in one directory share its descriptor. An existing node of the
// same type and number is left as it is, mode and owner too; anything else there is an error
// (config-linux.md, devices), code device.exists. *failed (may be NULL) is the index of the one that failed.
// Where the kernel refuses mknod, `from` is bound (nosuid, noexec) over an empty file.
int rootfs_devices(struct rootfs *r, struct rootfs_device *list, size_t n, size_t *failed, struct error *err);

// Binds the terminal `slave_fd` (from TIOCGPTPEER of the above) over /dev/console, which is made if it is
// missing; a link or directory there is an error.
int rootfs_console(struct rootfs *r, int slave_fd, struct error *err);

#endif
