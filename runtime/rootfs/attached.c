// SPDX-License-Identifier: Apache-2.0
// A root that is attached where the host sees it: which mount there is ours, and taking that one away.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

// Ids that are unique for ever begin above all that mountinfo can show: statx(2), STATX_MNT_ID_UNIQUE.
static bool is_unique(uint64_t id) {
    return id > INT32_MAX;
}

// statx(2) may be missing, blocked, or older than mount ids (Linux 5.8): fdinfo has them since 3.15.
static uint64_t id_by_fdinfo(const struct rootfs *r, int fd) {
    char name[48], text[256];
    uint64_t id = 0;
    snprintf(name, sizeof(name), "self/fdinfo/%d", fd);
    if (fd_read_small(r->proc_fd, name, text, sizeof(text)) < 0)
        return 0;
    char *value = strstr(text, "mnt_id:\t");
    if (!value)
        return 0;
    value += strlen("mnt_id:\t");
    value[strcspn(value, "\n")] = '\0';
    return str_to_u64(value, INT32_MAX, &id) ? id : 0;
}

// Of the mount that fd is in; 0: cannot be known.
static uint64_t mount_id(const struct rootfs *r, int fd, bool unique) {
    unsigned mask = unique ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID;
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, mask, &st) == 0 && (st.stx_mask & mask))
        return st.stx_mnt_id;
    return unique ? 0 : id_by_fdinfo(r, fd);
}

static uint64_t best_id(const struct rootfs *r, int fd) {
    uint64_t id = mount_id(r, fd, true);
    return id ? id : mount_id(r, fd, false);
}

int rootfs_attached_expect(struct rootfs *r, const struct rootfs_source *root, struct rootfs_attached *out,
                           struct error *err) {
    *out = (struct rootfs_attached){ 0 };
    cleanup_fd int place = root->detached ? -1 : open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->detached)
        out->mount = best_id(r, root->fd); // attaching it will not change its id
    else if (place >= 0)
        out->below = mount_id(r, place, false);
    if (out->mount || out->below)
        return 0;
    error_set(err, "root.mount", 0, "cannot find out which mount the root %s is in", root->path);
    return error_hint(err, "without a mount namespace of its own the container's root could not be unmounted "
                           "safely afterwards");
}

// ---------------------------------------------------------------- what is there now?

struct found_mount {
    unsigned long parent;
    char dev[24], root[PATH_MAX], point[PATH_MAX];
};

static bool find_mount(const struct rootfs *r, unsigned long id, struct found_mount *out) {
    struct mountinfo mi;
    struct mountinfo_line line;
    bool found = false;
    if (mountinfo_open(&mi, r) < 0)
        return false;
    while (!found && mountinfo_next(&mi, &line)) {
        if (line.id != id)
            continue;
        found = true;
        out->parent = line.parent;
        str_copy(out->dev, sizeof(out->dev), line.dev);
        str_copy(out->root, sizeof(out->root), line.root);
        str_copy(out->point, sizeof(out->point), line.point);
    }
    mountinfo_close(&mi);
    return found;
}

// "/" in front of something is that something: both kinds of path then end without a slash.
static const char *bare(const char *path) {
    return str_eq(path, "/") ? "" : path;
}

// Does `top` show just what it covers?
static bool is_bind_of_itself(const struct found_mount *top, const struct found_mount *below) {
    size_t n = strlen(bare(below->point));
    if (!str_eq(top->dev, below->dev) || strncmp(top->point, bare(below->point), n) != 0)
        return false;
    size_t root = strlen(bare(below->root));
    return strncmp(top->root, bare(below->root), root) == 0 &&
           str_eq(bare(top->root + root), bare(top->point + n));
}

int rootfs_attached_guess(struct rootfs *r, const char *path, struct rootfs_attached *out,
                          struct error *err) {
    struct found_mount top, below;
    *out = (struct rootfs_attached){ 0 };
    if (r->proc_fd < 0 && rootfs_open_proc(r, err) < 0)
        return -1;
    cleanup_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && find_mount(r, (unsigned long)mount_id(r, fd, false), &top) &&
        find_mount(r, top.parent, &below) && is_bind_of_itself(&top, &below))
        out->mount = best_id(r, fd);
    return 0;
}

static bool is_ours(const struct rootfs *r, int fd, const struct rootfs_attached *a) {
    struct found_mount top;
    if (a->mount)
        return mount_id(r, fd, is_unique(a->mount)) == a->mount;
    return find_mount(r, (unsigned long)mount_id(r, fd, false), &top) && top.parent == a->below;
}

// statmount(2), which came with the unique ids. Only whether there is such a mount is asked for.
static bool exists(uint64_t id) {
    struct {
        uint32_t size, spare;
        uint64_t mnt_id, param;
    } request = { sizeof(request), 0, id, 0 };
    char answer[512];
    return is_unique(id) && syscall(SYS_statmount, &request, answer, sizeof(answer), 0) == 0;
}

// ---------------------------------------------------------------- taking it away

// umount2(2) knows paths only: "." cannot be swapped as a long one could.
static int unmount_fd(int fd) {
    cleanup_fd int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fchdir(fd) < 0)
        return -1;
    int rc = umount2(".", MNT_DETACH);
    int errnum = errno;
    if (cwd < 0 || fchdir(cwd) < 0)
        (void)!chdir("/");
    errno = errnum;
    return rc;
}

int rootfs_attached_remove(struct rootfs *r, const char *path, const struct rootfs_attached *a,
                           struct error *err) {
    if (!a->mount && !a->below)
        return 0;
    if (r->proc_fd < 0 && rootfs_open_proc(r, err) < 0)
        return -1;
    cleanup_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && is_ours(r, fd, a)) {
        // EINVAL: the root of no mount, so there is none of ours.
        if (unmount_fd(fd) == 0 || errno == EINVAL)
            return 0;
        return error_set(err, "root.unmount", errno, "cannot unmount the container's root %s", path);
    }
    if (!exists(a->mount))
        return 0;
    error_set(err, "root.unmount", 0, "the container's root is still mounted, but not to be seen at %s",
              path);
    return error_hint(err, "something is mounted over it, or it was moved: undo that first");
}
