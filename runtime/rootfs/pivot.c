// SPDX-License-Identifier: Apache-2.0
// Into the container's root: pivot_root(2), or without it.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"
#include "runtime/rootfs/mount.h"

// Which of the causes of EINVAL is it? pivot_root(2), ERRORS.
static int explain_einval(struct rootfs *r, struct error *err) {
    struct mountinfo mi;
    struct mountinfo_line line;
    bool root_seen = false;
    bool initramfs = false;
    bool shared = false;
    if (mountinfo_open(&mi, r) < 0)
        return -1;
    while (mountinfo_next(&mi, &line)) {
        if (!str_eq(line.point, "/"))
            continue;
        root_seen = true;
        initramfs = initramfs || str_eq(line.type, "rootfs") || line.id == line.parent;
        shared = shared || strstr(line.optional, "shared:") != NULL;
    }
    mountinfo_close(&mi);
    if (!root_seen)
        return error_hint(err, "\"/\" is not the root of a mount here (a chroot): use --no-pivot");
    if (initramfs)
        return error_hint(err,
                          "the host runs from its initramfs, which cannot be pivoted away: use --no-pivot");
    if (shared)
        return error_hint(err, "\"/\" is still a shared mount");
    return error_hint(err, "the root or its parent mount is shared, or the root is not a mount of its own");
}

int rootfs_pivot(struct rootfs *r, struct error *err) {
    cleanup_fd int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0 || fchdir(r->root_fd) < 0)
        return error_set(err, "root.pivot", errno, "cannot change into the root");
    // The old root comes to lie on top of the new one, so no place is needed for it: pivot_root(2), NOTES.
    if (sys_pivot_root(".", ".") < 0) {
        int errnum = errno;
        error_set(err, "root.pivot", errnum, "cannot pivot_root into the container's root");
        if (errnum == EINVAL)
            return explain_einval(r, err);
        if (errnum == EPERM)
            return error_hint(
                err, "CAP_SYS_ADMIN is missing, or a seccomp filter or LSM forbids it: try --no-pivot");
        return -1;
    }
    // A slave, so that taking it away is not felt by the host.
    if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return error_set(err, "root.pivot", errno, "cannot make the host's root a slave");
    if (umount2(".", MNT_DETACH) < 0)
        return error_set(err, "root.pivot", errno, "cannot unmount the host's root");
    if (chdir("/") < 0)
        return error_set(err, "root.pivot", errno, "cannot change to the container's \"/\"");
    return 0;
}

// Would a new user namespace inside see this as a full procfs or sysfs, which lets it mount a fresh one?
static bool is_full_kernel_fs(const struct mountinfo_line *line) {
    return (str_eq(line->type, "proc") || str_eq(line->type, "sysfs")) && str_eq(line->root, "/");
}

static bool is_below(const char *path, const char *dir) {
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

#define MAX_COVERED 64

// The next mount of the host that has to go. False when there is none.
static bool next_to_hide(const struct rootfs *r, const char *root, const unsigned long *done, size_t n_done,
                         unsigned long *id, char point[PATH_MAX]) {
    struct mountinfo mi;
    struct mountinfo_line line;
    bool found = false;
    if (mountinfo_open(&mi, r) < 0)
        return false;
    while (!found && mountinfo_next(&mi, &line)) {
        if (!is_full_kernel_fs(&line) || is_below(line.point, root))
            continue;
        found = true;
        for (size_t i = 0; i < n_done; i++)
            found = found && done[i] != line.id;
        *id = line.id;
        str_copy(point, PATH_MAX, line.point);
    }
    mountinfo_close(&mi);
    return found;
}

// What cannot be unmounted (locked by an outer user namespace) is covered: copies of it are locked together
// then.
static int hide_kernel_fs(struct rootfs *r, const char *root, struct error *err) {
    unsigned long done[MAX_COVERED];
    size_t n = 0;
    char point[PATH_MAX];
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    while (n < MAX_COVERED && next_to_hide(r, root, done, n, &done[n], point)) {
        n++;
        if (umount2(point, MNT_DETACH) == 0)
            continue;
        if (mount("tmpfs", point, "tmpfs", flags, "nr_inodes=2,size=4k") < 0)
            return error_set(err, "root.no_pivot", errno, "cannot hide the host's %s", point);
    }
    if (n == MAX_COVERED)
        return error_set(err, "root.no_pivot", 0,
                         "the host has too many procfs and sysfs mounts to hide them");
    return 0;
}

int rootfs_no_pivot(struct rootfs *r, struct error *err) {
    char name[32];
    char root[PATH_MAX];
    snprintf(name, sizeof(name), "self/fd/%d", r->root_fd);
    ssize_t length = readlinkat(r->proc_fd, name, root, sizeof(root) - 1);
    if (length < 0)
        return error_set(err, "root.no_pivot", errno, "cannot find out where the root is mounted");
    root[length] = '\0';
    if (length == 1)
        return error_set(err, "root.no_pivot", 0, "--no-pivot cannot be used with \"/\" as the root");
    if (hide_kernel_fs(r, root, err) < 0)
        return -1;
    if (fchdir(r->root_fd) < 0)
        return error_set(err, "root.no_pivot", errno, "cannot change into the root");
    if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
        return error_set(err, "root.no_pivot", errno, "cannot move the root over \"/\"");
    if (chroot(".") < 0 || chdir("/") < 0)
        return error_set(err, "root.no_pivot", errno, "cannot chroot into the container's root");
    return 0;
}

// mount(2) where move_mount(2) is missing.
static int move_tree(const struct rootfs *r, int tree, int place) {
    char from[FD_PATH_SIZE], to[FD_PATH_SIZE];
    if (!(r->missing & ROOTFS_NO_MOUNT_API) && tree_attach(tree, place) == 0)
        return 0;
    return fchdir(r->proc_fd) < 0 ? -1 : mount(fd_path(from, tree), fd_path(to, place), NULL, MS_MOVE, NULL);
}

int rootfs_lift(struct rootfs *r, struct error *err) {
    const struct rootfs_mount cover = { .kind = ROOTFS_MOUNT_NEW,
                                        .type = "tmpfs",
                                        .data = "nr_blocks=1,nr_inodes=4,mode=755",
                                        .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC };
    const struct mount_change seal = { .set = MOUNT_ATTR_RDONLY };
    struct stat below, above;
    cleanup_fd int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0 || fstat(old, &below) < 0)
        return error_set(err, "root.lift", errno, "cannot open \"/\"");
    if (newfs_mount(r, &cover, old, "/", err) < 0)
        return -1;
    // Our root stays below what covers it; ".." of the root is what is on top.
    cleanup_fd int top = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || fstat(top, &above) < 0 || above.st_dev == below.st_dev)
        return error_set(err, "root.lift", top < 0 ? errno : 0, "cannot open what covers \"/\"");
    cleanup_fd int place =
        mkdirat(top, "root", 0755) < 0 ? -1 : openat(top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place < 0 || move_tree(r, r->root_fd, place) < 0 || mount_change_apply(r, top, true, &seal) < 0)
        return error_set(err, "root.lift", errno, "cannot move the root away from the host's files");
    return 0;
}

int rootfs_chroot(struct rootfs *r, struct error *err) {
    if (fchdir(r->root_fd) < 0)
        return error_set(err, "root.chroot", errno, "cannot change into the root");
    if (chroot(".") < 0) {
        int errnum = errno;
        error_set(err, "root.chroot", errnum, "cannot chroot into the container's root");
        return errnum == EPERM ? error_hint(err, "CAP_SYS_CHROOT is missing") : -1;
    }
    if (chdir("/") < 0)
        return error_set(err, "root.chroot", errno, "cannot change to the container's \"/\"");
    return 0;
}
