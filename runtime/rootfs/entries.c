// SPDX-License-Identifier: Apache-2.0
// Symbolic links in the root.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

static bool has_text(int dir, const char *name, const char *text) {
    char now[PATH_MAX];
    ssize_t n = readlinkat(dir, name, now, sizeof(now));
    return n >= 0 && (size_t)n == strlen(text) && memcmp(now, text, (size_t)n) == 0;
}

int rootfs_symlink(struct rootfs *r, const char *text, const char *path, bool replace, struct error *err) {
    const char *name;
    cleanup_fd int dir = rootfs_resolve_parent(r, path, &name);
    if (dir < 0)
        return error_set(err, "rootfs.symlink", errno, "cannot open the directory of %s in the container",
                         path);
    for (int tries = 0; tries < 8; tries++) {
        if (symlinkat(text, dir, name) == 0)
            return 0;
        if (errno != EEXIST)
            break;
        if (!replace || has_text(dir, name, text))
            return 0;
        if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
            break;
    }
    return error_set(err, "rootfs.symlink", errno, "cannot make symbolic link %s -> %s in the container",
                     path, text);
}
