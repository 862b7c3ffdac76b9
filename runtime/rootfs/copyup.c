// SPDX-License-Identifier: Apache-2.0
// The mount option tmpcopyup: a new tmpfs begins with a copy of what the directory below it holds.
//
// The tree may be changed by others while it is copied. Every entry is opened once, O_PATH and O_NOFOLLOW, in
// the descriptor of its directory; it is what that descriptor says it is, and is read through it only. A link
// is copied, never followed.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"
#include "runtime/rootfs/mount.h"

#define MAX_DEPTH   128 // three descriptors and a buffer each
#define DATA_BUFFER 65536
#define OVERFLOW_ID 65534 // what stat(2) says of an id without a mapping: user_namespaces(7)

struct copy {
    const struct rootfs *r;
    const struct rootfs_mount *m;
    struct error *err;
    int tmpfs;           // its root
    size_t length;       // of path
    char path[PATH_MAX]; // what is being copied, as the container names it; for errors: cut, and made
                         // printable
};

// One directory on both sides.
struct level {
    int from, to;
    int depth;
    unsigned long flags; // MS_* of the mount that `from` is in
};

// ---------------------------------------------------------------- errors

// Appends "/name".
static void path_push(struct copy *c, const char *name) {
    if (c->length + 2 >= sizeof(c->path))
        return;
    if (c->length == 0 || c->path[c->length - 1] != '/')
        c->path[c->length++] = '/';
    for (; *name && c->length + 1 < sizeof(c->path); name++)
        c->path[c->length++] = (unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name;
    c->path[c->length] = '\0';
}

static void path_pop(struct copy *c, size_t length) {
    c->length = length;
    c->path[length] = '\0';
}

// The word "key=value" among mount data, "" when it is not there; the last one counts.
static const char *data_option(const char *data, const char *key, char *out, size_t size) {
    out[0] = '\0';
    while (data && *data) {
        size_t n = strcspn(data, ",");
        if (str_starts(data, key))
            str_copy(out, n < size ? n + 1 : size, data);
        data += n + (data[n] == ',');
    }
    return out;
}

static int no_space(const struct copy *c) {
    struct statfs fs;
    char limit[64];
    const char *data = c->m->data;
    if (fstatfs(c->tmpfs, &fs) == 0 && fs.f_files && fs.f_ffree == 0) {
        data_option(data, "nr_inodes=", limit, sizeof(limit));
        return error_hint(
            c->err, "the option tmpcopyup copies what is there, and the tmpfs has room for %llu files%s%s",
            (unsigned long long)fs.f_files,
            limit[0] ? ": raise its option " : ": give it more with nr_inodes=", limit);
    }
    if (!data_option(data, "size=", limit, sizeof(limit))[0])
        data_option(data, "nr_blocks=", limit, sizeof(limit));
    if (limit[0])
        return error_hint(
            c->err,
            "the option tmpcopyup copies what is there, and that does not fit: raise the mount's option %s",
            limit);
    return error_hint(
        c->err,
        "the option tmpcopyup copies what is there, and a tmpfs has room for half of the memory: give it "
        "more with size=");
}

static int failed(const struct copy *c, int errnum) {
    error_set(c->err, "mount.copyup", errnum, "cannot copy %s into the new tmpfs", c->path);
    if (errnum == ENOSPC)
        return no_space(c);
    if (errnum == EACCES)
        return error_hint(c->err,
                          "the container's root may not read it; its owner has no id in the user namespace");
    return error_hint(c->err, "asked for by the option tmpcopyup");
}

// ---------------------------------------------------------------- one entry

// An id that is not mapped in our user namespace cannot be given: what was copied stays root's.
static bool id_is_foreign(int errnum) {
    return errnum == EPERM || errnum == EINVAL || errnum == EOVERFLOW;
}

// Owner, mode and times, in this order: a change of owner takes set-id bits away. They are kept only with the
// owner that they are about, and where the mount that they come from honours them.
static int copy_attributes(struct copy *c, const struct level *l, int fd, const struct stat *st) {
    const struct timespec times[] = { st->st_atim, st->st_mtim };
    mode_t mode = st->st_mode & 07777;
    bool foreign = fchown(fd, st->st_uid, st->st_gid) < 0;
    if (foreign && !id_is_foreign(errno))
        return failed(c, errno);
    // It may have a mapping as well, and the chown have worked: still nobody's to run as.
    foreign = foreign || st->st_uid == OVERFLOW_ID || st->st_gid == OVERFLOW_ID;
    if (S_ISREG(st->st_mode) && (foreign || (l->flags & MS_NOSUID)))
        mode &= ~(mode_t)(S_ISUID | S_ISGID);
    if (fchmod(fd, mode) < 0)
        return failed(c, errno);
    (void)futimens(fd, times); // worth a try only
    return 0;
}

static int copy_range(int from, int to, off_t at, off_t end) {
    char buf[DATA_BUFFER];
    while (at < end) {
        size_t left = (size_t)(end - at);
        ssize_t n = pread(from, buf, left < sizeof(buf) ? left : sizeof(buf), at);
        if (n <= 0)
            return n < 0 ? -1 : 0; // somebody made it shorter
        for (ssize_t done = 0; done < n;) {
            ssize_t w = pwrite(to, buf + done, (size_t)(n - done), at + done);
            if (w < 0)
                return -1;
            done += w;
        }
        at += n;
    }
    return 0;
}

// As much as the file had when we looked at it. Holes stay holes, so that a sparse file fits.
static int copy_data(int from, int to, const struct stat *st) {
    bool holes = st->st_blocks * 512 < st->st_size;
    for (off_t at = 0, end; at < st->st_size; at = end) {
        end = st->st_size;
        off_t data = holes ? lseek(from, at, SEEK_DATA) : at;
        if (data < 0 && errno == ENXIO)
            break; // nothing but a hole up to the end
        off_t hole = data >= 0 && holes ? lseek(from, data, SEEK_HOLE) : -1;
        if (hole > data && hole < end)
            end = hole;
        if (copy_range(from, to, data < 0 ? at : data, end) < 0)
            return -1;
    }
    return holes ? ftruncate(to, st->st_size) : 0;
}

static int copy_file(struct copy *c, const struct level *l, int entry, const struct stat *st,
                     const char *name) {
    char buf[FD_PATH_SIZE];
    cleanup_fd int from = openat(c->r->proc_fd, fd_path(buf, entry), O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return failed(c, errno);
    cleanup_fd int to = openat(l->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return failed(c, errno);
    if (copy_data(from, to, st) < 0)
        return failed(c, errno);
    return copy_attributes(c, l, to, st);
}

static int copy_link(struct copy *c, const struct level *l, int entry, const struct stat *st,
                     const char *name) {
    const struct timespec times[] = { st->st_atim, st->st_mtim };
    char text[PATH_MAX];
    ssize_t n = readlinkat(entry, "", text, sizeof(text) - 1);
    if (n < 0)
        return failed(c, errno);
    text[n] = '\0';
    if (symlinkat(text, l->to, name) < 0)
        return failed(c, errno);
    if (fchownat(l->to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && !id_is_foreign(errno))
        return failed(c, errno);
    (void)utimensat(l->to, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

// A device or fifo. A device works on the tmpfs only if it did where it comes from; what may not be made is
// left out, as a user namespace has to.
static int copy_node(struct copy *c, const struct level *l, const struct stat *st, const char *name) {
    const struct timespec times[] = { st->st_atim, st->st_mtim };
    bool device = !S_ISFIFO(st->st_mode);
    if (device && (l->flags & MS_NODEV))
        return 0;
    if (mknodat(l->to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
        return device && errno == EPERM ? 0 : failed(c, errno);
    // The name is ours alone: nobody else can see the new tmpfs, and mknodat follows no link.
    if (fchownat(l->to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && !id_is_foreign(errno))
        return failed(c, errno);
    if (fchmodat(l->to, name, st->st_mode & 0777, 0) < 0)
        return failed(c, errno);
    (void)utimensat(l->to, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static int copy_directory(struct copy *c, const struct level *l);

// The kernel's own file systems hold no data, and to read them may have no end.
static bool is_kernels(const struct statfs *fs) {
    static const unsigned long types[] = {
        PROC_SUPER_MAGIC,
        SYSFS_MAGIC,
        CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC,
        DEVPTS_SUPER_MAGIC,
        DEBUGFS_MAGIC,
        TRACEFS_MAGIC,
        SECURITYFS_MAGIC,
        SELINUX_MAGIC,
        BPF_FS_MAGIC,
        BINFMTFS_MAGIC,
        PSTOREFS_MAGIC,
        EFIVARFS_MAGIC,
        0x19800202 /* mqueue */,
        0x62656570 /* configfs */,
        0x65735543 /* fusectl */,
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if ((unsigned long)fs->f_type == types[i])
            return true;
    return false;
}

// What is in `entry`, an O_PATH descriptor of a directory, into the directory `to`.
static int copy_contents(struct copy *c, int entry, int to, int depth) {
    struct statfs fs;
    struct level l = { .to = to, .depth = depth };
    if (fstatfs(entry, &fs) < 0 || mount_flags(entry, &l.flags) < 0)
        return failed(c, errno);
    if (is_kernels(&fs))
        return 0;
    cleanup_fd int from = openat(entry, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0)
        return failed(c, errno);
    l.from = from;
    return copy_directory(c, &l);
}

static int copy_subdirectory(struct copy *c, const struct level *l, int entry, const struct stat *st,
                             const char *name) {
    if (l->depth == MAX_DEPTH) {
        error_set(c->err, "mount.copyup", 0,
                  "cannot copy %s into the new tmpfs: more than %d directories deep", c->path, MAX_DEPTH);
        return error_hint(c->err, "asked for by the option tmpcopyup");
    }
    if (mkdirat(l->to, name, 0700) < 0)
        return failed(c, errno);
    cleanup_fd int to = openat(l->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return failed(c, errno);
    if (copy_contents(c, entry, to, l->depth + 1) < 0)
        return -1;
    return copy_attributes(c, l, to, st);
}

static int copy_entry(struct copy *c, const struct level *l, const char *name) {
    struct stat st;
    cleanup_fd int entry = openat(l->from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (entry < 0 && errno == ENOENT) // it went meanwhile
        return 0;
    if (entry < 0 || fstat(entry, &st) < 0)
        return failed(c, errno);
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
        return copy_subdirectory(c, l, entry, &st, name);
    case S_IFREG:
        return copy_file(c, l, entry, &st, name);
    case S_IFLNK:
        return copy_link(c, l, entry, &st, name);
    case S_IFSOCK:
        return 0; // nobody would listen on it
    default:
        return copy_node(c, l, &st, name);
    }
}

// ---------------------------------------------------------------- directories

struct entry { // getdents64(2)
    uint64_t ino;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

static int copy_directory(struct copy *c, const struct level *l) {
    _Alignas(struct entry) char buf[2048];
    size_t length = c->length;
    long n;
    while ((n = syscall(SYS_getdents64, l->from, buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *e = (const void *)(buf + at);
            at += e->size;
            if (str_eq(e->name, ".") || str_eq(e->name, ".."))
                continue;
            path_push(c, e->name);
            if (copy_entry(c, l, e->name) < 0)
                return -1;
            path_pop(c, length);
        }
    }
    return n < 0 ? failed(c, errno) : 0;
}

// The root of the tmpfs is the directory's copy too, but for what the mount's own options say of it.
static int copy_root(struct copy *c, int from) {
    static const char *const keys[] = { "uid=", "gid=", "mode=" };
    char word[3][16];
    struct stat st;
    struct stat now;
    if (fstat(from, &st) < 0 || fstat(c->tmpfs, &now) < 0)
        return failed(c, errno);
    for (size_t i = 0; i < 3; i++)
        data_option(c->m->data, keys[i], word[i], sizeof(word[i]));
    if (word[0][0])
        st.st_uid = now.st_uid;
    if (word[1][0])
        st.st_gid = now.st_gid;
    if (word[2][0])
        st.st_mode = now.st_mode;
    cleanup_fd int fd = openat(c->tmpfs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(c, errno);
    return copy_attributes(c, &(struct level){ .from = from, .to = fd }, fd, &st);
}

int copy_up(struct rootfs *r, const struct rootfs_mount *m, int from, int tmpfs, const char *where,
            struct error *err) {
    struct copy c = { .r = r, .m = m, .err = err, .tmpfs = tmpfs };
    c.length = str_copy(c.path, sizeof(c.path), where);
    return copy_contents(&c, from, tmpfs, 0) < 0 || copy_root(&c, from) < 0 ? -1 : 0;
}
