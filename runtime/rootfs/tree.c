// SPDX-License-Identifier: Apache-2.0
// Trees of mounts: which mounts are in one, a change made to each, and the proof that it was.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"
#include "runtime/rootfs/mount.h"

// ---------------------------------------------------------------- the mounts of a tree

enum { MAX_TREE = 2048 };

// Found by the ids of parents: a mount that lies under another one, as the host's do where the container's
// root was attached over "/", has the same name.
struct tree {
    int fd;               // of its top
    char place[PATH_MAX]; // where mountinfo lists the top
    unsigned ids[MAX_TREE];
    size_t n;
};

static bool is_within(const char *path, const char *dir) {
    size_t n = strlen(dir);
    return n == 1 || (strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

static bool has_id(const struct tree *t, unsigned long id) {
    for (size_t i = t->n; i > 0; i--)
        if (t->ids[i - 1] == id)
            return true;
    return false;
}

static int add_id(struct tree *t, unsigned long id) {
    if (t->n == MAX_TREE) {
        errno = E2BIG;
        return -1;
    }
    t->ids[t->n++] = (unsigned)id;
    return 0;
}

// The id of the mount that fd is in: proc_pid_fdinfo(5).
static int mount_id(const struct rootfs *r, int fd, unsigned long *id) {
    static const char word[] = "mnt_id:";
    char name[FD_PATH_SIZE];
    char text[512];
    snprintf(name, sizeof(name), "self/fdinfo/%d", fd);
    if (fd_read_small(r->proc_fd, name, text, sizeof(text)) < 0)
        return -1;
    const char *at = strstr(text, word);
    if (!at) {
        errno = ENOSYS; // Linux 3.15
        return -1;
    }
    *id = strtoul(at + sizeof(word) - 1, NULL, 10);
    return 0;
}

// One pass over mountinfo; *open: something that has the right name was not found to be in the tree.
static int collect(const struct rootfs *r, struct tree *t, bool *open) {
    struct mountinfo mi;
    struct mountinfo_line line;
    int rc = mountinfo_open(&mi, r);
    *open = false;
    if (rc < 0)
        return -1;
    while (rc == 0 && mountinfo_next(&mi, &line)) {
        if (!is_within(line.point, t->place) || has_id(t, line.id))
            continue;
        if (has_id(t, line.parent))
            rc = add_id(t, line.id);
        else
            *open = true;
    }
    mountinfo_close(&mi);
    return rc;
}

static int find_tree(const struct rootfs *r, int fd, struct tree *t) {
    char name[FD_PATH_SIZE];
    unsigned long top;
    size_t before;
    bool open;
    t->fd = fd;
    t->n = 0;
    ssize_t n = readlinkat(r->proc_fd, fd_path(name, fd), t->place, sizeof(t->place) - 1);
    if (n < 0 || mount_id(r, fd, &top) < 0 || add_id(t, top) < 0)
        return -1;
    t->place[n] = '\0';
    do { // once, unless a child is listed before its parent
        before = t->n;
        if (collect(r, t, &open) < 0)
            return -1;
    } while (open && t->n > before);
    return 0;
}

// Opens a mount of the tree by its name below the top. -1 with errno 0: another mount covers it, so that
// nobody in there can reach it either.
static int open_mount(const struct rootfs *r, const struct tree *t, const struct mountinfo_line *line) {
    size_t length = strlen(t->place);
    const char *below = line->point + (length == 1 ? 0 : length);
    unsigned long id;
    below += strspn(below, "/");
    cleanup_fd int fd =
        *below ? openat(t->fd, below, O_PATH | O_NOFOLLOW | O_CLOEXEC) : fcntl(t->fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && mount_id(r, fd, &id) < 0)
        return -1;
    if (fd < 0 ? errno == ENOENT || errno == ENOTDIR : id != line->id) {
        errno = 0;
        return -1;
    }
    return fd_steal(&fd);
}

// ---------------------------------------------------------------- changes

int tree_change_each(struct rootfs *r, int top, const struct mount_change *c) {
    struct tree t;
    struct mountinfo mi;
    struct mountinfo_line line;
    struct mount_change one = { .set = c->set, .clr = c->clr };
    int rc = 0;
    if (find_tree(r, top, &t) < 0 || mountinfo_open(&mi, r) < 0)
        return -1;
    while (rc == 0 && mountinfo_next(&mi, &line)) {
        if (!has_id(&t, line.id))
            continue;
        cleanup_fd int fd = open_mount(r, &t, &line);
        if (fd < 0 ? errno != 0 : mount_change_apply(r, fd, true, &one) < 0)
            rc = -1;
    }
    mountinfo_close(&mi);
    return rc;
}

static int make_private(struct rootfs *r, const struct mountinfo_line *line) {
    struct mount_change private = { .propagation = MS_PRIVATE };
    unsigned long id;
    cleanup_fd int fd = open(line->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || mount_id(r, fd, &id) < 0 || id != line->id)
        return 0; // out of sight, and so for everybody
    return mount_change_apply(r, fd, true, &private);
}

int rootfs_make_bindable(struct rootfs *r, struct error *err) {
    struct mountinfo mi;
    struct mountinfo_line line;
    int rc = 0;
    if (mountinfo_open(&mi, r) < 0)
        return error_set(err, "mount.propagation", errno, "cannot list the mounts");
    while (rc == 0 && mountinfo_next(&mi, &line))
        if (strstr(line.optional, "unbindable") && make_private(r, &line) < 0)
            rc =
                error_set(err, "mount.propagation", errno, "cannot make the mount at %s private", line.point);
    mountinfo_close(&mi);
    return rc;
}

// ---------------------------------------------------------------- the proof

static bool has_word(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

// The first of the flags that the line does not have, or NULL.
static const char *lacks(const struct mountinfo_line *line, unsigned long flags) {
    static const struct {
        unsigned long flag;
        const char *word;
    } words[] = {
        { MS_RDONLY, "ro" }, { MS_NOSUID, "nosuid" }, { MS_NODEV, "nodev" }, { MS_NOEXEC, "noexec" }
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if ((flags & words[i].flag) && !has_word(line->flags, words[i].word))
            return words[i].word;
    return NULL;
}

static bool is_covered(const struct rootfs *r, const struct tree *t, const struct mountinfo_line *line) {
    cleanup_fd int fd = open_mount(r, t, line);
    return fd < 0 && errno == 0;
}

static int prove(struct rootfs *r, int fd, const char *path, unsigned long flags, struct error *err) {
    struct tree t;
    struct mountinfo mi;
    struct mountinfo_line line;
    bool seen = false;
    int rc = 0;
    if (find_tree(r, fd, &t) < 0 || mountinfo_open(&mi, r) < 0)
        return error_set(err, "readonly.failed", errno, "cannot list the mounts at %s", path);
    while (rc == 0 && mountinfo_next(&mi, &line)) {
        if (!has_id(&t, line.id))
            continue;
        seen = true;
        const char *word = lacks(&line, flags);
        if (word && !is_covered(r, &t, &line))
            rc = error_set(err, "readonly.failed", 0, "the mount at %s%s is not %s, although it was made so",
                           path, line.point + strlen(t.place), word);
    }
    mountinfo_close(&mi);
    return rc < 0 || seen ? rc : error_set(err, "readonly.failed", 0, "mountinfo has no mount at %s", path);
}

int rootfs_readonly_tree(struct rootfs *r, const char *path, unsigned long flags, struct error *err) {
    struct mount_change c = { .recursive = true };
    mount_change_from_flags(&c, flags, 0);
    cleanup_fd int fd = rootfs_resolve(r, path, ROOTFS_NO_LINKS);
    if (fd < 0)
        return error_set(err, "readonly.failed", errno, "cannot open the mount at %s", path);
    if (mount_change_apply(r, fd, true, &c) < 0)
        return error_set(err, "readonly.failed", errno, "cannot make %s and the mounts below it read-only",
                         path);
    return prove(r, fd, path, flags, err);
}
