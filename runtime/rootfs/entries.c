// SPDX-License-Identifier: Apache-2.0
// Directories and links in the root, and the proof that the working directory lies in it.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

int rootfs_mkdir(struct rootfs *r, const char *path, struct error *err) {
    cleanup_fd int fd = rootfs_resolve(r, path, ROOTFS_MAKE_DIR);
    if (fd < 0)
        return error_set(err, "rootfs.mkdir", errno, "cannot make directory %s in the container", path);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(err, "rootfs.mkdir", ENOTDIR, "cannot make directory %s in the container", path);
    return 0;
}

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

int rootfs_check_cwd(const char *cwd, struct error *err) {
    // The system call itself: glibc's getcwd walks ".." upwards when the kernel says "(unreachable)".
    char path[PATH_MAX];
    long n = syscall(SYS_getcwd, path, sizeof(path));
    if (n < 0)
        return error_set(err, "process.cwd", errno, "working directory %s is not in the container", cwd);
    if (path[0] != '/')
        return error_set(err, "process.cwd", 0, "working directory %s is not in the container's root", cwd);
    return 0;
}
