// SPDX-License-Identifier: Apache-2.0
// The container's terminal: from its own devpts only, and /dev/console (CVE-2025-52565).
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "runtime/rootfs/device.h"
#include "runtime/rootfs/internal.h"

int rootfs_console(struct rootfs *r, int slave_fd, struct error *err) {
    const char *name;
    int failed;
    struct mount_change c = { .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };
    cleanup_fd int dir = rootfs_resolve_parent(r, "/dev/console", &name);
    if (dir < 0)
        return error_set(err, "terminal.failed", errno, "cannot open the container's /dev");
    if (mknodat(dir, name, S_IFREG | 0600, 0) < 0 && errno != EEXIST)
        return error_set(err, "terminal.failed", errno, "cannot make /dev/console in the container");
    cleanup_fd int target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (target < 0 || fstat(target, &st) < 0)
        return error_set(err, "terminal.failed", errno, "cannot open /dev/console in the container");
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        return error_set(err, "terminal.failed", 0,
                         "the container's /dev/console is a %s, refused to cover it",
                         S_ISLNK(st.st_mode) ? "symbolic link" : "special file");
    if (tree_bind(r, slave_fd, false, false, target, "/dev/console", &c, 1, &failed) < 0)
        return error_set(err, "terminal.failed", errno, "cannot bind the terminal at /dev/console");
    return 0;
}
