// SPDX-License-Identifier: Apache-2.0
// A container's root on a tmpfs in a mount namespace of its own, in a process of its own: what a test does
// there is gone when it ends. Bodies use CHECK, not cmocka's assertions, for they run in that process.
#ifndef NOOK_TESTS_UNIT_ROOTFS_FIXTURE_H
#define NOOK_TESTS_UNIT_ROOTFS_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sys.h"
#include "runtime/rootfs/device.h"
#include "runtime/rootfs/mask.h"
#include "runtime/rootfs/mount.h"
#include "runtime/rootfs/resolve.h"
#include "runtime/rootfs/root.h"
#include "runtime/rootfs/rootfs.h"

struct box {
    struct rootfs r;
    char dir[64];  // a tmpfs: root/ is the container's root, out/ is the host, where nothing may change
    char root[80]; // dir/root
    struct error err;
};

#define CHECK(condition)                                                                                  \
    do {                                                                                                  \
        if (!(condition)) {                                                                               \
            fprintf(stderr, "%s:%d: %s: errno %s; last error: %s (%s)\n", __FILE__, __LINE__, #condition, \
                    strerrorname_np(errno) ? strerrorname_np(errno) : "0", b->err.msg, b->err.hint);      \
            _exit(1);                                                                                     \
        }                                                                                                 \
    } while (0)
#define CHECK_OK(call) CHECK((call) == 0)

// A path below the box: "root/etc".
static inline const char *in(const struct box *b, const char *path) {
    static char buf[4][sizeof(b->dir) + PATH_MAX];
    static int next;
    char *out = buf[next++ % 4];
    snprintf(out, sizeof(buf[0]), "%s/%s", b->dir, path);
    return out;
}

static inline void make_dir(struct box *b, const char *path) {
    CHECK_OK(mkdir(in(b, path), 0755));
}
static inline void make_link(struct box *b, const char *text, const char *path) {
    CHECK_OK(symlink(text, in(b, path)));
}
static inline void make_file(struct box *b, const char *path, const char *text) {
    int fd = open(in(b, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}
// "" when it cannot be read.
static inline const char *text_of(const char *path) {
    static char buf[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
    close(fd);
    buf[n < 0 ? 0 : n] = '\0';
    return buf;
}
static inline bool there(const struct box *b, const char *path) {
    struct stat st;
    return lstat(in(b, path), &st) == 0;
}
static inline unsigned long flags_of(struct box *b, const char *path) {
    struct statfs fs;
    CHECK_OK(statfs(in(b, path), &fs));
    return (unsigned long)fs.f_flags;
}
// The line of /proc/self/mountinfo that ends where "path" is mounted last, or "".
static inline const char *mountinfo_of(const struct box *b, const char *path) {
    static char found[4096];
    char line[4096];
    char point[sizeof(b->dir) + PATH_MAX + 2];
    snprintf(point, sizeof(point), " %s ", in(b, path));
    found[0] = '\0';
    FILE *f = fopen("/proc/self/mountinfo", "re");
    while (f && fgets(line, sizeof(line), f))
        if (strstr(line, point))
            snprintf(found, sizeof(found), "%s", line);
    if (f)
        fclose(f);
    return found;
}
static inline bool out_is_clean(const struct box *b) {
    struct stat st;
    return stat(in(b, "out"), &st) == 0 && st.st_nlink == 2 &&
           strcmp(text_of(in(b, "out/MARK")), "host") == 0;
}

// Opens and attaches dir/root.
static inline void box_attach(struct box *b, unsigned long propagation) {
    struct rootfs_source root = { .path = b->root, .fd = -1, .recursive = true };
    CHECK_OK(rootfs_source_open(&b->r, &root, &b->err));
    CHECK_OK(rootfs_set_propagation(&b->r, propagation, &b->err));
    CHECK_OK(rootfs_source_reopen(&b->r, &root, &b->err));
    CHECK_OK(rootfs_attach_root(&b->r, &root, &b->err));
}

static inline struct rootfs_source box_source(struct box *b, const char *path, bool recursive) {
    struct rootfs_source s = { .path = path, .fd = -1, .recursive = recursive };
    CHECK_OK(rootfs_source_open(&b->r, &s, &b->err));
    CHECK_OK(rootfs_source_reopen(&b->r, &s, &b->err));
    return s;
}

// The calls of newer kernels answer with this errno, as from an outer seccomp filter that does not know them.
static inline void block_new_calls(struct box *b, unsigned errnum) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_open_tree, 0,
                 3), // 428 and up, but for close_range and faccessat2
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_faccessat2, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };
    CHECK_OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static inline void box_child(struct box *b, unsigned missing, unsigned blocked, void (*body)(struct box *)) {
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_OK(mount("box", b->dir, "tmpfs", 0, "mode=755"));
    make_dir(b, "root");
    make_dir(b, "out");
    make_file(b, "out/MARK", "host");
    b->r.missing = missing;
    if (blocked)
        block_new_calls(b, blocked);
    CHECK_OK(rootfs_open_proc(&b->r, &b->err));
    rootfs_begin(&b->r);
    body(b);
    _exit(0);
}

// Runs the body in a box of its own. Skips when that is not possible.
static inline void run_box(unsigned missing, unsigned blocked, void (*body)(struct box *)) {
    struct box b = { .r = ROOTFS_INIT };
    if (geteuid() != 0)
        skip();
    snprintf(b.dir, sizeof(b.dir), "/tmp/nook-rootfs-XXXXXX");
    assert_non_null(mkdtemp(b.dir));
    snprintf(b.root, sizeof(b.root), "%s/root", b.dir);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        box_child(&b, missing, blocked, body);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rmdir(b.dir);
    if (status != 0)
        fail_msg("the body failed with ROOTFS_NO_* = %u, errno %u (status %d)", missing, blocked, status);
}

static inline void in_box(unsigned missing, void (*body)(struct box *)) {
    run_box(missing, 0, body);
}

// The same with each set of calls that may be missing, said beforehand or found out.
static inline void in_each_box(void (*body)(struct box *)) {
    static const unsigned sets[] = { 0, ROOTFS_NO_OPENAT2, ROOTFS_NO_SETATTR,
                                     ROOTFS_NO_MOUNT_API | ROOTFS_NO_SETATTR,
                                     ROOTFS_NO_OPENAT2 | ROOTFS_NO_MOUNT_API | ROOTFS_NO_SETATTR };
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
        in_box(sets[i], body);
    run_box(0, ENOSYS, body);
    run_box(0, EPERM, body);
}

#endif
