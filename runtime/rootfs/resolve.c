// SPDX-License-Identifier: Apache-2.0
// Resolution of paths inside the root: openat2(2), and a walker that does the same, makes what is missing and
// knows where it is.
#include "config.h"

#include "runtime/rootfs/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

#define MAX_LINKS  40 // as in the kernel (MAXSYMLINKS)
#define MAX_RACES  128
#define MAKE_FLAGS (ROOTFS_MAKE_DIR | ROOTFS_MAKE_FILE | ROOTFS_MAKE_PARENTS)

static int fail(int errnum) {
    errno = errnum;
    return -1;
}

struct walk {
    struct rootfs *r;
    unsigned flags;
    int dir; // the directory we are in, or the last component; -1: the root
    int links;
    bool made; // a component was made: ".." is refused from then on
    char name[NAME_MAX + 1];
    char rest[PATH_MAX]; // what is still to be walked
    char *real;          // [PATH_MAX] where dir is: "" or "/a/b"
};

static int walk_dir(const struct walk *w) {
    return w->dir < 0 ? w->r->root_fd : w->dir;
}

static void walk_to_root(struct walk *w) {
    fd_close(&w->dir);
    w->real[0] = '\0';
}

// Goes down to w->real again from the root. There were no links in it: one that is there now was put there
// meanwhile.
static int walk_again(struct walk *w) {
    cleanup_fd int dir = -1;
    const char *p = w->real;
    while (*p == '/') {
        char name[NAME_MAX + 1];
        size_t n = strcspn(++p, "/");
        memcpy(name, p, n); // each was a name before
        name[n] = '\0';
        p += n;
        int next = openat(dir < 0 ? w->r->root_fd : dir, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return fail(EAGAIN);
        fd_close(&dir);
        dir = next;
    }
    fd_close(&w->dir);
    w->dir = fd_steal(&dir);
    return 0;
}

static int walk_up(struct walk *w) {
    if (w->made)
        return fail(EINVAL);
    char *slash = strrchr(w->real, '/');
    if (!slash)
        return 0; // ".." of the root is the root
    *slash = '\0';
    return walk_again(w);
}

// The links of procfs whose text is not where they lead: all but those in its root ("self", "mounts", "net").
static bool is_magic_link(const struct walk *w, int link) {
    struct statfs fs;
    struct stat st;
    if (fstatfs(link, &fs) < 0 || fs.f_type != ROOTFS_PROC_MAGIC)
        return false;
    return fstat(walk_dir(w), &st) < 0 || st.st_ino != 1;
}

// Puts the link's text in front of what is still to be walked.
static int walk_link(struct walk *w, int link) {
    char text[PATH_MAX];
    if ((w->flags & ROOTFS_NO_LINKS) || ++w->links > MAX_LINKS || is_magic_link(w, link))
        return fail(ELOOP);
    ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);
    if (n < 0)
        return -1;
    if (n == 0)
        return fail(ENOENT);
    size_t rest = strlen(w->rest);
    if ((size_t)n + rest + 1 > sizeof(w->rest))
        return fail(ENAMETOOLONG);
    memmove(w->rest + n, w->rest, rest + 1);
    memcpy(w->rest, text, (size_t)n);
    if (text[0] == '/')
        walk_to_root(w);
    return 0;
}

// Makes a missing component.
static int walk_make(struct walk *w, bool last, bool slash) {
    if (!(w->flags & MAKE_FLAGS) || (last && !(w->flags & (ROOTFS_MAKE_DIR | ROOTFS_MAKE_FILE))))
        return fail(ENOENT);
    bool file = last && (w->flags & ROOTFS_MAKE_FILE);
    if (file && slash)
        return fail(EISDIR);
    int n = file ? mknodat(walk_dir(w), w->name, S_IFREG | 0644, 0) : mkdirat(walk_dir(w), w->name, 0755);
    if (n < 0 && errno != EEXIST) // what somebody else made meanwhile is looked at like all else
        return -1;
    w->made = true;
    return 0;
}

static int walk_enter(struct walk *w, int *fd) {
    size_t length = strlen(w->real);
    if (length + 1 + strlen(w->name) + 1 > PATH_MAX)
        return fail(ENAMETOOLONG);
    w->real[length] = '/';
    str_copy(w->real + length + 1, PATH_MAX - length - 1, w->name);
    fd_close(&w->dir);
    w->dir = fd_steal(fd);
    return 0;
}

// One component, w->name. `last`: nothing but slashes comes after it.
static int walk_component(struct walk *w, bool last, bool slash) {
    for (int tries = 0; tries < MAX_RACES; tries++) {
        cleanup_fd int fd = openat(walk_dir(w), w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            if (errno != ENOENT)
                return -1;
            if (walk_make(w, last, slash) < 0)
                return -1;
            continue;
        }
        struct stat st;
        if (fstat(fd, &st) < 0)
            return -1;
        if (S_ISLNK(st.st_mode) && !(last && !slash && (w->flags & ROOTFS_NOFOLLOW)))
            return walk_link(w, fd);
        if ((!last || slash) && !S_ISDIR(st.st_mode))
            return fail(ENOTDIR);
        return walk_enter(w, &fd);
    }
    return fail(EAGAIN);
}

// Takes the next name off w->rest. False at the end.
static bool walk_next(struct walk *w, bool *last, bool *slash, int *status) {
    char *p = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(p, "/");
    *status = 0;
    if (n == 0)
        return false;
    if (n > NAME_MAX) {
        *status = fail(ENAMETOOLONG);
        return false;
    }
    memcpy(w->name, p, n);
    w->name[n] = '\0';
    p += n;
    *slash = *p == '/';
    *last = p[strspn(p, "/")] == '\0';
    memmove(w->rest, p, strlen(p) + 1);
    return true;
}

int rootfs_walk(struct rootfs *r, const char *path, unsigned flags, char real[PATH_MAX]) {
    struct walk w = { .r = r, .flags = flags, .dir = -1, .real = real };
    real[0] = '\0';
    if (path[0] == '\0')
        return fail(ENOENT);
    if (str_copy(w.rest, sizeof(w.rest), path) != strlen(path))
        return fail(ENAMETOOLONG);
    bool last;
    bool slash;
    int status;
    while (walk_next(&w, &last, &slash, &status)) {
        if (str_eq(w.name, "."))
            continue;
        if ((str_eq(w.name, "..") ? walk_up(&w) : walk_component(&w, last, slash)) < 0) {
            fd_close(&w.dir);
            return -1;
        }
    }
    if (status < 0) {
        fd_close(&w.dir);
        return -1;
    }
    if (real[0] == '\0')
        str_copy(real, PATH_MAX, "/");
    return w.dir >= 0 ? w.dir : fcntl(r->root_fd, F_DUPFD_CLOEXEC, 3);
}

// -1 with ENOSYS when the walker must do it.
static int resolve_openat2(struct rootfs *r, const char *path, uint64_t extra, int open_flags) {
    if (r->missing & ROOTFS_NO_OPENAT2)
        return fail(ENOSYS);
    if (path[0] == '\0')
        return fail(ENOENT);
    struct open_how how = { .flags = O_PATH | O_CLOEXEC | (uint64_t)open_flags,
                            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra };
    for (int tries = 0; tries < MAX_RACES; tries++) {
        int fd = sys_openat2(r->root_fd, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        if (errno == EAGAIN ||
            errno == EINTR) // a rename or mount somewhere meanwhile: ".." could not be trusted
            continue;
        if (call_is_missing(errno)) {
            r->missing |= ROOTFS_NO_OPENAT2;
            errno = ENOSYS;
        }
        return -1;
    }
    return fail(ENOSYS);
}

// The common case of a missing target: only the last component is missing, and no link leads there. -1 for
// everything else, which is the walker's.
static int make_last(struct rootfs *r, const char *path, unsigned flags) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = slash ? (size_t)(slash - path) : 0;
    bool dots = name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
    if (!(flags & (ROOTFS_MAKE_DIR | ROOTFS_MAKE_FILE)) || name[0] == '\0' || dots ||
        length + 1 >= sizeof(parent))
        return -1;
    memcpy(parent, path, length);
    str_copy(parent + length, sizeof(parent) - length, length ? "" : "/");
    cleanup_fd int dir = resolve_openat2(r, parent, RESOLVE_NO_SYMLINKS, O_DIRECTORY);
    if (dir < 0)
        return -1;
    int made = flags & ROOTFS_MAKE_DIR ? mkdirat(dir, name, 0755) : mknodat(dir, name, S_IFREG | 0644, 0);
    return made < 0 ? -1
                    : openat(dir, name,
                             O_PATH | O_NOFOLLOW | O_CLOEXEC | (flags & ROOTFS_MAKE_DIR ? O_DIRECTORY : 0));
}

int rootfs_resolve(struct rootfs *r, const char *path, unsigned flags) {
    int fd = resolve_openat2(r, path, flags & ROOTFS_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0,
                             flags & ROOTFS_NOFOLLOW ? O_NOFOLLOW : 0);
    if (fd >= 0 || (errno != ENOSYS && !(errno == ENOENT && (flags & MAKE_FLAGS))))
        return fd;
    if (errno == ENOENT && (fd = make_last(r, path, flags)) >= 0)
        return fd;
    char real[PATH_MAX];
    return rootfs_walk(r, path, flags, real);
}

// Takes "//", "." and ".." out of a path that is known to have no links.
static int normalise(const char *path, char real[PATH_MAX]) {
    size_t length = 0;
    for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (length > 0 && real[--length] != '/') {}
        } else if (n != 1 || p[0] != '.') {
            if (length + 1 + n + 1 > PATH_MAX)
                return fail(ENAMETOOLONG);
            real[length++] = '/';
            memcpy(real + length, p, n);
            length += n;
        }
        p += n;
    }
    if (length == 0)
        real[length++] = '/';
    real[length] = '\0';
    return 0;
}

int rootfs_resolve_real(struct rootfs *r, const char *path, unsigned flags, char real[PATH_MAX]) {
    // Most paths have no link: then the path itself says where it leads.
    cleanup_fd int fd =
        resolve_openat2(r, path, RESOLVE_NO_SYMLINKS, flags & ROOTFS_NOFOLLOW ? O_NOFOLLOW : 0);
    if (fd >= 0)
        return normalise(path, real) < 0 ? -1 : fd_steal(&fd);
    if (errno != ENOSYS && !(errno == ELOOP && !(flags & ROOTFS_NO_LINKS)) &&
        !(errno == ENOENT && (flags & MAKE_FLAGS)))
        return -1;
    if (errno == ENOENT && (fd = make_last(r, path, flags)) >= 0)
        return normalise(path, real) < 0 ? -1 : fd_steal(&fd);
    return rootfs_walk(r, path, flags, real);
}

int rootfs_resolve_parent(struct rootfs *r, const char *path, const char **name) {
    char parent[PATH_MAX];
    size_t length = strlen(path);
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    if (*last == '\0' || str_eq(last, ".") || str_eq(last, "..") || strlen(last) > NAME_MAX)
        return fail(EINVAL);
    size_t n = length - strlen(last);
    if (n >= sizeof(parent))
        return fail(ENAMETOOLONG);
    memcpy(parent, path, n);
    parent[n] = '\0';
    *name = last;
    return rootfs_resolve(r, n ? parent : "/", ROOTFS_MAKE_DIR);
}
