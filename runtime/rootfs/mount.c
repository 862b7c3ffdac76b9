// SPDX-License-Identifier: Apache-2.0
// One mount of the container: where it may go, and what kind it is.
#include "config.h"

#include "runtime/rootfs/mount.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

// What lxcfs and its like may cover in /proc: files that only inform. Anything else there could redirect our
// own writes, or what the container's programs take for the kernel's word (CVE-2019-16884, CVE-2025-52881).
// (Not net/dev: since Linux 5.9 the kernel drops such a mount at the next look-up.)
static const char *const proc_allowed[] = {
    "cpuinfo",
    "diskstats",
    "loadavg",
    "meminfo",
    "slabinfo",
    "stat",
    "swaps",
    "uptime",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
    NULL,
};

static bool must_be_real(const struct rootfs_mount *m) {
    const char *type = m->kind == ROOTFS_MOUNT_NEW ? m->type : "";
    return m->real_place || str_eq(type, "proc") || str_eq(type, "sysfs") || str_eq(type, "cgroup") ||
           str_eq(type, "cgroup2");
}

static bool allowed_in_proc(const char *name) {
    for (const char *const *p = proc_allowed; *p; p++)
        if (str_eq(name, *p))
            return true;
    return false;
}

// `real` is where the mount goes, without links.
static int check_place(const struct rootfs_mount *m, const char *real, struct error *err) {
    if (m->kind == ROOTFS_MOUNT_REMOUNT)
        return 0;
    if (str_eq(real, "/"))
        return error_set(err, "mount.refused", 0, "refused to mount over the container's \"/\" (%s)",
                         m->destination);
    bool procfs = m->kind == ROOTFS_MOUNT_NEW ? str_eq(m->type, "proc") : m->from.is_procfs;
    if (str_eq(real, "/proc") && !procfs)
        return error_set(err, "mount.refused", 0,
                         "refused to mount over /proc: only a procfs may be there (%s)", m->destination);
    if (str_starts(real, "/proc/") && !allowed_in_proc(real + strlen("/proc/"))) {
        error_set(err, "mount.refused", 0, "refused to mount inside /proc, at %s (%s)", real, m->destination);
        return error_hint(err, "only files like /proc/cpuinfo and /proc/meminfo may be covered there");
    }
    return 0;
}

static int target_failed(const struct rootfs_mount *m, int errnum, struct error *err) {
    if (errnum == ELOOP && must_be_real(m))
        return error_set(err, "mount.refused", 0, "refused to mount %s at %s: a symbolic link leads there",
                         m->kind == ROOTFS_MOUNT_NEW ? m->type : m->from.path, m->destination);
    if (errnum == ENOTDIR)
        return error_set(err, "mount.type", 0, "cannot mount at %s: a part of the path is not a directory",
                         m->destination);
    error_set(err, "mount.failed", errnum, "cannot %s mount destination %s",
              m->kind == ROOTFS_MOUNT_REMOUNT ? "find" : "find or make", m->destination);
    if (errnum == EROFS)
        return error_hint(err, "it does not exist, and the file system there is read-only");
    return -1;
}

// Opens the destination, makes it if it is missing, and sees that it is the right kind of thing.
static int open_target(struct rootfs *r, struct rootfs_mount *m, char real[PATH_MAX], struct error *err) {
    bool file = m->kind == ROOTFS_MOUNT_BIND && !m->from.is_dir;
    unsigned flags = m->kind == ROOTFS_MOUNT_REMOUNT ? 0 : file ? ROOTFS_MAKE_FILE : ROOTFS_MAKE_DIR;
    if (must_be_real(m))
        flags |= ROOTFS_NO_LINKS;
    cleanup_fd int fd = -1;
    if (m->copy_up) {
        fd = rootfs_resolve_real(r, m->destination, 0, real);
        m->copy_up = fd >= 0; // else there is nothing to be copied
    }
    if (fd < 0)
        fd = rootfs_resolve_real(r, m->destination, flags, real);
    if (fd < 0)
        return target_failed(m, errno, err);
    if (check_place(m, real, err) < 0)
        return -1;
    if (m->kind == ROOTFS_MOUNT_REMOUNT)
        return fd_steal(&fd);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return target_failed(m, errno, err);
    if (file != !S_ISDIR(st.st_mode))
        return error_set(err, "mount.type", ENOTDIR,
                         "cannot mount %s at %s: the source is a %s, the destination a %s",
                         m->kind == ROOTFS_MOUNT_NEW ? m->type : m->from.path, m->destination,
                         file ? "file" : "directory", file ? "directory" : "file");
    return fd_steal(&fd);
}

#define MAX_CHANGES 12

struct change_list {
    struct mount_change items[MAX_CHANGES];
    size_t n;
};

static bool is_empty_change(const struct mount_change *c) {
    return !c->set && !c->clr && !c->propagation;
}

static void push(struct change_list *list, struct mount_change c) {
    if (!is_empty_change(&c) && list->n < MAX_CHANGES)
        list->items[list->n++] = c;
}

// Propagation words; the first change in the list takes the first of them along when it reaches as far.
static void add_propagation(struct change_list *list, const struct rootfs_mount *m, bool tree) {
    for (size_t i = 0; i < m->n_propagation; i++) {
        bool recursive = tree && (m->propagation[i] & MS_REC);
        uint64_t type = m->propagation[i] & ~(unsigned long)MS_REC;
        struct mount_change *last = list->n ? &list->items[list->n - 1] : NULL;
        if (last && !last->propagation && last->recursive == recursive)
            last->propagation = type;
        else
            push(list, (struct mount_change){ .propagation = type, .recursive = recursive });
    }
}

// What is done to a bound tree. Its mounts are still peers of the host's: unless rootfsPropagation is shared
// they become slaves (or private), before anything else is asked of them.
static void list_bind_changes(const struct rootfs *r, const struct rootfs_mount *m,
                              struct change_list *list) {
    bool tree = m->from.recursive;
    unsigned long first = m->n_propagation ? m->propagation[0] : 0;
    bool cut = (first & (MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) && (!tree || (first & MS_REC));
    bool host_private = r->propagation & (MS_PRIVATE | MS_UNBINDABLE);
    struct mount_change own = { 0 };
    mount_change_from_flags(&own, m->flags, m->cleared);
    if (!cut && !(r->propagation & MS_SHARED))
        push(list,
             (struct mount_change){ .propagation = host_private ? MS_PRIVATE : MS_SLAVE, .recursive = tree });
    struct mount_change *base = list->n ? &list->items[0] : NULL;
    struct mount_change rec = { .set = m->rec_attr_set, .clr = m->rec_attr_clr, .recursive = tree };
    if (!tree) { // one mount: both are about the same, and the plain words count
        own.set |= rec.set & ~own.clr;
        // The field of access times is cleared as a whole, whatever of it is set.
        own.clr |= rec.clr & (~own.set | MOUNT_ATTR__ATIME);
        rec.set = rec.clr = 0;
    }
    if (base && (tree ? !is_empty_change(&rec) : !is_empty_change(&own))) {
        base->set = tree ? rec.set : own.set; // one call for both
        base->clr = tree ? rec.clr : own.clr;
        if (tree)
            push(list, own);
    } else {
        push(list, rec);
        push(list, own);
    }
    add_propagation(list, m, tree);
}

static int change_failed(struct rootfs *r, const struct rootfs_mount *m, int fd, const struct mount_change *c,
                         int errnum, struct error *err) {
    char locked[64] = "";
    error_set(err, "mount.flags", errnum, "cannot set the options of the mount at %s", m->destination);
    if (errnum == EPERM && fd >= 0)
        mount_change_locked(fd, c->clr, locked, sizeof(locked));
    if (locked[0])
        return error_hint(
            err, "%s may not be cleared: the source has it, and a user namespace may not take it away",
            locked);
    if (errnum == ENOSYS || (r->missing & ROOTFS_NO_SETATTR))
        return error_hint(err, "mount_setattr(2) (Linux 5.12) is missing or blocked here");
    return -1;
}

static int bind(struct rootfs *r, struct rootfs_mount *m, int target, const char *real, struct error *err) {
    struct change_list list = { .n = 0 };
    int failed;
    list_bind_changes(r, m, &list);
    int n = tree_bind(r, m->from.fd, m->from.detached, m->from.recursive, target, real, list.items, list.n,
                      &failed);
    int errnum = errno;
    if (n < 0 && failed >= 0)
        change_failed(r, m, m->from.fd, &list.items[failed], errnum, err);
    else if (n < 0)
        error_set(err, "mount.failed", errnum, "cannot bind %s at %s", m->from.path, m->destination);
    if (n < 0 && failed < 0 && errnum == EINVAL && !m->from.recursive)
        error_hint(err, "if there are mounts below it, a user namespace may not leave them out: use rbind");
    rootfs_source_close(&m->from);
    return n;
}

// The kernel refused a new one: the outer one, bound.
static int bind_instead(struct rootfs *r, const struct rootfs_mount *m, int target, const char *real,
                        struct error *err) {
    struct rootfs_mount b = *m;
    b.kind = ROOTFS_MOUNT_BIND;
    if (m->from_readonly)
        b.rec_attr_set |= MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    return bind(r, &b, target, real, err);
}

// A new mount below a root that is no peer of anything is private: only other propagation needs work.
static int change_new(struct rootfs *r, const struct rootfs_mount *m, const char *real, struct error *err) {
    struct change_list list = { .n = 0 };
    push(&list, (struct mount_change){ .set = m->rec_attr_set, .clr = m->rec_attr_clr });
    bool needed = list.n > 0;
    for (size_t i = 0; i < m->n_propagation; i++)
        needed = needed || (m->propagation[i] & (MS_SHARED | MS_UNBINDABLE));
    if (!needed)
        return 0;
    add_propagation(&list, m, false);
    cleanup_fd int fd = rootfs_resolve(r, real, ROOTFS_NO_LINKS);
    for (size_t i = 0; fd >= 0 && i < list.n; i++)
        if (mount_change_apply(r, fd, true, &list.items[i]) < 0)
            return change_failed(r, m, fd, &list.items[i], errno, err);
    return fd < 0 ? error_set(err, "mount.failed", errno, "cannot open the mount at %s", m->destination) : 0;
}

// Opens the tmpfs that was just mounted over `target`: found again by name, so it is proved that it is one,
// that it is not what was there before, and that nothing is in it.
static int open_new_tmpfs(struct rootfs *r, int target, const char *real) {
    struct statfs fs;
    struct stat before;
    struct stat now;
    cleanup_fd int fd = rootfs_resolve(r, real, ROOTFS_NO_LINKS);
    if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(target, &before) < 0 || fstat(fd, &now) < 0)
        return -1;
    if (fs.f_type == TMPFS_MAGIC && now.st_dev != before.st_dev && now.st_nlink == 2 &&
        now.st_size <= 40) // "." and ".."
        return fd_steal(&fd);
    errno = EAGAIN;
    return -1;
}

// tmpcopyup: filled where nobody can see it yet, read-only after that, attached. Without the new mount API it
// is filled in its place.
static int newfs_filled(struct rootfs *r, const struct rootfs_mount *m, int target, const char *real,
                        struct error *err) {
    struct rootfs_mount open = *m;
    struct mount_change c = { .set = MOUNT_ATTR_RDONLY };
    open.flags &= ~(unsigned long)MS_RDONLY;
    cleanup_fd int tmpfs = newfs_detached(r, &open);
    bool attached = tmpfs < 0;
    if (attached && newfs_mount(r, &open, target, real, err) < 0) // which says why, too
        return -1;
    if (attached)
        tmpfs = open_new_tmpfs(r, target, real);
    if (tmpfs < 0)
        return error_set(err, "mount.failed", errno, "cannot open the mount at %s", m->destination);
    if (copy_up(r, m, target, tmpfs, real, err) < 0)
        return -1;
    bool to_seal = m->flags & MS_RDONLY;
    if (to_seal && mount_change_apply(r, tmpfs, attached, &c) == 0)
        to_seal = false;
    if (!attached && tree_attach(tmpfs, target) < 0)
        return error_set(err, "mount.failed", errno, "cannot mount %s at %s", m->type, m->destination);
    if (to_seal && mount_change_apply(r, tmpfs, true, &c) < 0)
        return change_failed(r, m, tmpfs, &c, errno, err);
    return 0;
}

static int mount_new(struct rootfs *r, struct rootfs_mount *m, int target, const char *real,
                     struct error *err) {
    int n = m->copy_up ? newfs_filled(r, m, target, real, err) : newfs_mount(r, m, target, real, err);
    if (n == 0)
        n = change_new(r, m, real, err);
    else if ((err->err == EPERM || err->err == EBUSY) && m->from.path && m->from.fd >= 0)
        n = bind_instead(r, m, target, real, err);
    rootfs_source_close(&m->from);
    return n;
}

// MS_REMOUNT of a superblock sets its flags and the mount's anew: those that are not named stay as they are.
static int remount_superblock(const struct rootfs *r, const struct rootfs_mount *m, int fd,
                              struct error *err) {
    unsigned long now;
    char path[FD_PATH_SIZE];
    if (mount_flags(fd, &now) < 0)
        return error_set(err, "mount.failed", errno, "cannot look at the mount at %s", m->destination);
    if (m->flags & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME))
        now &= ~(unsigned long)(MS_NOATIME | MS_RELATIME | MS_STRICTATIME);
    unsigned long flags = MS_REMOUNT | (now & ~m->cleared) | m->flags;
    const char *at = fchdir(fd) == 0 ? "." : fchdir(r->proc_fd) == 0 ? fd_path(path, fd) : "";
    if (mount(NULL, at, NULL, flags, m->data) < 0) {
        int errnum = errno;
        error_set(err, "mount.failed", errnum, "cannot remount %s", m->destination);
        return errnum == EINVAL
                   ? error_hint(err, "it must be a mount, and the options ones that can be changed")
                   : -1;
    }
    return 0;
}

// What was borrowed: the kernel's own file systems, and what is mounted in them.
static bool is_kernels(int fd, const char *real) {
    struct statfs fs;
    if (str_starts(real, "/proc/") || str_starts(real, "/sys/") || fstatfs(fd, &fs) < 0)
        return true;
    return fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC ||
           fs.f_type == CGROUP2_SUPER_MAGIC;
}

static int remount(struct rootfs *r, const struct rootfs_mount *m, int fd, const char *real,
                   struct error *err) {
    if (m->spare_kernels && is_kernels(fd, real))
        return error_set(err, "mount.refused", 0, "refused to remount %s: it is the outer one", real);
    if (!m->remount_bind)
        return remount_superblock(r, m, fd, err);
    struct mount_change own = { 0 };
    struct change_list list = { .n = 0 };
    mount_change_from_flags(&own, m->flags, m->cleared);
    push(&list, (struct mount_change){ .set = m->rec_attr_set, .clr = m->rec_attr_clr, .recursive = true });
    push(&list, own);
    add_propagation(&list, m, true);
    for (size_t i = 0; i < list.n; i++) {
        if (mount_change_apply(r, fd, true, &list.items[i]) == 0)
            continue;
        if (errno == EINVAL)
            return error_set(err, "mount.failed", EINVAL, "cannot remount %s: it is not a mount",
                             m->destination);
        return change_failed(r, m, fd, &list.items[i], errno, err);
    }
    return 0;
}

// What was asked for by name must hold, whatever the kernel, an LSM or an outer mount made of it.
static int verify_flags(struct rootfs *r, const struct rootfs_mount *m, const char *real, struct error *err) {
    unsigned long important = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    unsigned long now;
    char asked[64];
    char got[64];
    cleanup_fd int fd = rootfs_resolve(r, real, ROOTFS_NO_LINKS);
    if (fd < 0 || mount_flags(fd, &now) < 0)
        return error_set(err, "mount.flags", errno, "cannot look at the mount at %s", m->destination);
    unsigned long set = m->flags & important;
    unsigned long cleared = m->cleared & important;
    if ((set & ~now) == 0 && (cleared & now) == 0)
        return 0;
    mount_flag_words(set, asked, sizeof(asked));
    mount_flag_words(now & important, got, sizeof(got));
    return error_set(err, "mount.flags", 0, "the mount at %s was asked to be \"%s\", but came to be \"%s\"",
                     m->destination, asked[0] ? asked : "rw,suid,dev,exec",
                     got[0] ? got : "rw,suid,dev,exec");
}

int rootfs_mount(struct rootfs *r, struct rootfs_mount *m, struct error *err) {
    char real[PATH_MAX];
    if (m->n_propagation > MAX_CHANGES - 4)
        return error_set(err, "mount.failed", E2BIG, "too many propagation options for %s", m->destination);
    cleanup_fd int target = open_target(r, m, real, err);
    if (target < 0)
        return -1;
    int n = m->kind == ROOTFS_MOUNT_BIND  ? bind(r, m, target, real, err)
            : m->kind == ROOTFS_MOUNT_NEW ? mount_new(r, m, target, real, err)
                                          : remount(r, m, target, real, err);
    return n == 0 && m->verify ? verify_flags(r, m, real, err) : n;
}

int rootfs_readonly_mount(struct rootfs *r, const char *path, struct error *err) {
    struct mount_change c = { .set = MOUNT_ATTR_RDONLY };
    cleanup_fd int fd = rootfs_resolve(r, path, 0);
    if (fd < 0 || mount_change_apply(r, fd, true, &c) < 0)
        return error_set(err, "mount.flags", errno, "cannot make the mount at %s read-only", path);
    return 0;
}
