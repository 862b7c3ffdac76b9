// SPDX-License-Identifier: Apache-2.0
// A whole tree of mounts made read-only, and the proof that it is.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"
#include "runtime/rootfs/mount.h"

static bool is_within(const char *path, const char *dir) {
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool has_word(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

// The name under which mountinfo lists the place.
static int place_of(const struct rootfs *r, int fd, char place[PATH_MAX]) {
    char name[FD_PATH_SIZE];
    ssize_t n = readlinkat(r->proc_fd, fd_path(name, fd), place, PATH_MAX - 1);
    if (n < 0)
        return -1;
    place[n] = '\0';
    return 0;
}

// One remount for each mount of the tree: by name, which nobody else can change in our own mount namespace.
// What is covered by another mount cannot be reached, nor can who is in there reach it.
static int remount_each(struct rootfs *r, const char *place, unsigned long flags) {
    struct mountinfo mi;
    struct mountinfo_line line;
    struct mount_change c = { 0 };
    int rc = 0;
    mount_change_from_flags(&c, flags, 0);
    if (mountinfo_open(&mi, r) < 0)
        return -1;
    while (rc == 0 && mountinfo_next(&mi, &line)) {
        if (!is_within(line.point, place))
            continue;
        cleanup_fd int fd = open(line.point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || mount_change_apply(r, fd, true, &c) < 0)
            rc = -1;
    }
    mountinfo_close(&mi);
    return rc;
}

static int prove(struct rootfs *r, const char *path, const char *place, unsigned long flags,
                 struct error *err) {
    static const struct {
        unsigned long flag;
        const char *word;
    } words[] = {
        { MS_RDONLY, "ro" }, { MS_NOSUID, "nosuid" }, { MS_NODEV, "nodev" }, { MS_NOEXEC, "noexec" }
    };
    struct mountinfo mi;
    struct mountinfo_line line;
    bool seen = false;
    int rc = 0;
    if (mountinfo_open(&mi, r) < 0)
        return error_set(err, "readonly.failed", errno, "cannot read mountinfo");
    while (rc == 0 && mountinfo_next(&mi, &line)) {
        if (!is_within(line.point, place))
            continue;
        seen = true;
        for (size_t i = 0; rc == 0 && i < sizeof(words) / sizeof(words[0]); i++)
            if ((flags & words[i].flag) && !has_word(line.flags, words[i].word))
                rc = error_set(err, "readonly.failed", 0,
                               "the mount at %s%s is not %s, although it was made so", path,
                               line.point + strlen(place), words[i].word);
    }
    mountinfo_close(&mi);
    return rc < 0 || seen ? rc : error_set(err, "readonly.failed", 0, "mountinfo has no mount at %s", path);
}

int rootfs_readonly_tree(struct rootfs *r, const char *path, unsigned long flags, struct error *err) {
    char place[PATH_MAX];
    struct mount_change c = { .recursive = true };
    mount_change_from_flags(&c, flags, 0);
    cleanup_fd int fd = rootfs_resolve(r, path, ROOTFS_NO_LINKS);
    if (fd < 0 || place_of(r, fd, place) < 0)
        return error_set(err, "readonly.failed", errno, "cannot open the mount at %s", path);
    if (mount_change_apply(r, fd, true, &c) < 0 && (errno != ENOSYS || remount_each(r, place, flags) < 0))
        return error_set(err, "readonly.failed", errno, "cannot make %s and the mounts below it read-only",
                         path);
    return prove(r, path, place, flags, err);
}
