// SPDX-License-Identifier: Apache-2.0
// Sources of binds, opened before anything of the container exists: what they are cannot change afterwards.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/fd.h"
#include "runtime/rootfs/internal.h"

static int source_failed(const struct rootfs_source *s, int errnum, struct error *err) {
    error_set(err, "mount.source", errnum, "cannot open mount source %s", s->path);
    if (errnum == EINVAL && !s->recursive)
        return error_hint(err, "there are mounts below it that may not be left out here: use rbind");
    if (errnum == ENOENT)
        return error_hint(err, "a bind's source must exist");
    if (errnum == ELOOP && s->nofollow)
        return error_hint(err, "it is a symbolic link, and src-nofollow was asked for");
    return -1;
}

static int open_source(const struct rootfs_source *s) {
    return open(s->path, O_PATH | O_CLOEXEC | (s->nofollow ? O_NOFOLLOW : 0));
}

static int look(struct rootfs_source *s, int fd, struct error *err) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return source_failed(s, errno, err);
    if (S_ISLNK(st.st_mode)) // with nofollow, O_PATH and open_tree(2) open the link itself
        return source_failed(s, ELOOP, err);
    s->is_dir = S_ISDIR(st.st_mode);
    s->mode = st.st_mode;
    s->rdev = st.st_rdev;
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    struct statfs fs;
    s->is_procfs = s->is_dir && st.st_ino == 1 && fstatfs(fd, &fs) == 0 && fs.f_type == ROOTFS_PROC_MAGIC;
    return 0;
}

int rootfs_source_open(struct rootfs *r, struct rootfs_source *s, struct error *err) {
    s->fd = -1;
    s->detached = false;
    cleanup_fd int fd = s->late ? -1 : tree_clone_path(r, s->path, s->recursive, s->nofollow);
    if (fd >= 0) {
        if (look(s, fd, err) < 0)
            return -1;
        s->fd = fd_steal(&fd);
        s->detached = true;
        return 0;
    }
    // EPERM: no privilege over this mount namespace; the child has it over its own.
    if (!s->late && errno != ENOSYS && errno != EPERM)
        return source_failed(s, errno, err);
    fd = open_source(s);
    if (fd < 0)
        return source_failed(s, errno, err);
    return look(s, fd, err);
}

int rootfs_source_open_below(int root, const struct rootfs_source *s, struct error *err) {
    struct rootfs theirs = ROOTFS_INIT;
    theirs.root_fd = root;
    int fd = rootfs_resolve(&theirs, s->path, s->nofollow ? ROOTFS_NOFOLLOW : 0);
    return fd < 0 ? source_failed(s, errno, err) : fd;
}

int rootfs_source_reopen(struct rootfs *r, struct rootfs_source *s, struct error *err) {
    if (s->fd >= 0 || !s->path)
        return 0;
    int fd = open_source(s);
    return fd < 0 ? source_failed(s, errno, err) : rootfs_source_take(r, s, fd, err);
}

int rootfs_source_take(struct rootfs *r, struct rootfs_source *s, int given, struct error *err) {
    struct rootfs_source seen = *s;
    cleanup_fd int fd = given;
    if (look(s, fd, err) < 0)
        return -1;
    if (s->dev != seen.dev || s->ino != seen.ino)
        return error_set(err, "mount.source", 0, "mount source %s changed while the container was made",
                         s->path);
    int tree = s->late ? -1 : tree_clone(r, fd, s->recursive);
    if (tree < 0 && !s->late && errno != ENOSYS)
        return source_failed(s, errno, err);
    s->detached = tree >= 0;
    s->fd = tree >= 0 ? tree : fd_steal(&fd);
    return 0;
}

void rootfs_source_close(struct rootfs_source *s) {
    fd_close(&s->fd);
}
