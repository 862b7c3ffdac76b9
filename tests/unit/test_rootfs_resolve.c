// SPDX-License-Identifier: Apache-2.0
// Paths in a hostile root: openat2 and the walker agree, and nothing is made outside.
#include "config.h"

#include "tests/unit/rootfs_fixture.h"

#include "runtime/rootfs/internal.h"

static uint32_t seed;
static uint32_t roll(uint32_t n) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % n;
}

// A path of a few words that lead about in a small tree.
static void random_path(char *out, size_t size, bool may_be_absolute) {
    static const char *const words[] = { "a", "b", "c", "d", "a", "b", ".", "..", "..", "x" };
    size_t n = 0;
    uint32_t count = 1 + roll(5);
    out[0] = '\0';
    if (may_be_absolute && roll(3) == 0)
        n += (size_t)snprintf(out, size, "/");
    for (uint32_t i = 0; i < count; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s%s", i ? "/" : "", i && roll(8) == 0 ? "/" : "",
                              words[roll(sizeof(words) / sizeof(*words))]);
    if (roll(6) == 0)
        snprintf(out + n, size - n, "/");
}

static void random_tree(int dir, int depth) {
    static const char *const names[] = { "a", "b", "c", "d" };
    for (size_t i = 0; i < 4; i++) {
        char text[256];
        switch (roll(depth > 0 ? 5 : 4)) {
        case 0:
            close(openat(dir, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
            break;
        case 1:
        case 2:
            random_path(text, sizeof(text), true);
            (void)!symlinkat(text, dir, names[i]);
            break;
        case 4: {
            (void)!mkdirat(dir, names[i], 0755);
            int sub = openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            random_tree(sub, depth - 1);
            close(sub);
            break;
        }
        default:
            break;
        }
    }
}

// Both ways, one flag set: the same file, or the same errno; and the real path leads there without links.
static void compare(struct box *b, const char *path, unsigned flags) {
    char real[PATH_MAX] = "";
    struct stat one = { 0 };
    struct stat two = { 0 };
    b->r.missing = 0;
    int first = rootfs_resolve(&b->r, path, flags);
    int first_errno = first < 0 ? errno : 0;
    int second = rootfs_walk(&b->r, path, flags, real);
    int second_errno = second < 0 ? errno : 0;
    if (first_errno != second_errno)
        fprintf(stderr, "%s flags %u: openat2 %s, walker %s\n", path, flags, strerrorname_np(first_errno),
                strerrorname_np(second_errno));
    CHECK(first_errno == second_errno);
    if (first >= 0) {
        CHECK_OK(fstat(first, &one));
        CHECK_OK(fstat(second, &two));
        CHECK(one.st_dev == two.st_dev && one.st_ino == two.st_ino);
        char other[PATH_MAX];
        int third = rootfs_resolve_real(&b->r, path, flags, other);
        CHECK(third >= 0 && strcmp(other, real) == 0);
        close(third);
    }
    close(first);
    close(second);
}

static void agree(struct box *b) {
    make_link(b, "../out", "root/up");
    box_attach(b, 0);
    for (uint32_t tree = 0; tree < 150; tree++) {
        char name[32];
        seed = tree * 7919 + 1;
        snprintf(name, sizeof(name), "t%u", tree);
        CHECK_OK(mkdirat(b->r.root_fd, name, 0755));
        int host = b->r.root_fd;
        b->r.root_fd = openat(host, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        random_tree(b->r.root_fd, 3);
        for (int i = 0; i < 60; i++) {
            static const unsigned flags[] = { 0, ROOTFS_NOFOLLOW, ROOTFS_NO_LINKS };
            char path[256];
            random_path(path, sizeof(path), true);
            compare(b, path, flags[roll(3)]);
        }
        close(b->r.root_fd);
        b->r.root_fd = host;
    }
    CHECK(rootfs_resolve(&b->r, "up/MARK", 0) < 0 && errno == ENOENT);
}

static void strange(struct box *b) {
    char text[PATH_MAX + 64];
    make_dir(b, "root/d");
    make_link(b, "loop", "root/loop");
    box_attach(b, 0);
    for (int i = 0; i < 2; i++) {
        b->r.missing = i ? ROOTFS_NO_OPENAT2 : 0;
        CHECK(rootfs_resolve(&b->r, "", 0) < 0 && errno == ENOENT);
        CHECK(rootfs_resolve(&b->r, "loop", 0) < 0 && errno == ELOOP);
        CHECK(rootfs_resolve(&b->r, "loop/x", ROOTFS_MAKE_DIR) < 0 && errno == ELOOP);
        memset(text, 'n', 300);
        text[300] = '\0';
        CHECK(rootfs_resolve(&b->r, text, 0) < 0 && errno == ENAMETOOLONG);
        CHECK(rootfs_resolve(&b->r, text, ROOTFS_MAKE_DIR) < 0 && errno == ENAMETOOLONG);
        memset(text, '/', sizeof(text));
        text[PATH_MAX + 20] = '\0';
        CHECK(rootfs_resolve(&b->r, text, ROOTFS_MAKE_DIR) < 0 && errno == ENAMETOOLONG);
        text[100] = '\0';
        int fd = rootfs_resolve(&b->r, text, 0);
        CHECK(fd >= 0);
        close(fd);
    }
}

// Magic links of procfs are no links to follow; the others are.
static void magic(struct box *b) {
    static const char *const magic_links[] = { "proc/self/exe",           "proc/self/cwd/x",
                                               "proc/self/root/tmp",      "proc/self/fd/0",
                                               "proc/thread-self/ns/mnt", "up/self/root" };
    static const char *const plain[] = { "proc/self", "proc/self/status", "proc/mounts", "proc/net",
                                         "up/self/fd" };
    make_dir(b, "root/proc");
    make_link(b, "/proc/../proc", "root/up");
    CHECK_OK(mount("proc", in(b, "root/proc"), "proc", 0, NULL));
    box_attach(b, 0);
    for (size_t i = 0; i < sizeof(magic_links) / sizeof(*magic_links); i++) {
        compare(b, magic_links[i], 0);
        CHECK(rootfs_resolve(&b->r, magic_links[i], 0) < 0 && errno == ELOOP);
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        int fd = rootfs_resolve(&b->r, plain[i], 0);
        CHECK(fd >= 0);
        close(fd);
        compare(b, plain[i], 0);
    }
    compare(b, "proc/self/exe", ROOTFS_NOFOLLOW);
}

// Missing components: made inside, whatever links say (CVE-2024-45310).
static void make(struct box *b) {
    char absolute[PATH_MAX];
    char real[PATH_MAX];
    snprintf(absolute, sizeof(absolute), "%s", in(b, "out"));
    make_link(b, absolute, "root/esc");
    make_link(b, "../../../../../../out", "root/rel");
    make_link(b, "/in/side", "root/dangling");
    make_link(b, "in2/side/", "root/dangling2");
    make_file(b, "root/file", "");
    box_attach(b, 0);
    int fd = rootfs_resolve_real(&b->r, "/esc/d/e", ROOTFS_MAKE_DIR, real);
    CHECK(fd >= 0 && strcmp(real + strlen(real) - 8, "/out/d/e") == 0);
    close(fd);
    CHECK(rootfs_resolve(&b->r, "/rel/f", ROOTFS_MAKE_FILE) >= 0);
    CHECK(out_is_clean(b) && !there(b, "out/d") && !there(b, "out/f"));
    CHECK(there(b, "root/out/f"));
    CHECK(rootfs_resolve(&b->r, "/dangling", ROOTFS_MAKE_FILE) >= 0 && there(b, "root/in/side"));
    CHECK(rootfs_resolve(&b->r, "/dangling2/x", ROOTFS_MAKE_DIR) >= 0 && there(b, "root/in2/side/x"));
    CHECK(rootfs_resolve(&b->r, "/new/../new2", ROOTFS_MAKE_DIR) < 0 && errno == EINVAL);
    CHECK(rootfs_resolve(&b->r, "/file/x", ROOTFS_MAKE_DIR) < 0 && errno == ENOTDIR);
    CHECK(rootfs_resolve(&b->r, "/n/m", ROOTFS_MAKE_PARENTS) < 0 && errno == ENOENT && there(b, "root/n"));
    CHECK(rootfs_resolve(&b->r, "/dangling3/", ROOTFS_MAKE_FILE) < 0 && errno == EISDIR);
    CHECK(rootfs_resolve(&b->r, "/esc/q", ROOTFS_MAKE_DIR | ROOTFS_NO_LINKS) < 0 && errno == ELOOP);
    CHECK(out_is_clean(b));
}

static void entries(struct box *b) {
    const char *name;
    make_dir(b, "root/dev");
    make_link(b, "/elsewhere", "root/dev/other");
    make_file(b, "root/dev/file", "x");
    make_dir(b, "root/dev/dir");
    box_attach(b, 0);
    CHECK(rootfs_resolve(&b->r, "/w/x/y", ROOTFS_MAKE_DIR) >= 0);
    struct stat st;
    CHECK(stat(in(b, "root/w/x/y"), &st) == 0 && (st.st_mode & 07777) == 0755 && st.st_uid == 0);
    CHECK_OK(rootfs_symlink(&b->r, "pts/ptmx", "/dev/ptmx", true, &b->err));
    CHECK_OK(rootfs_symlink(&b->r, "pts/ptmx", "/dev/ptmx", true, &b->err)); // a second time
    CHECK_OK(rootfs_symlink(&b->r, "/proc/self/fd", "/dev/other", false, &b->err));
    char text[64];
    ssize_t n = readlink(in(b, "root/dev/other"), text, sizeof(text));
    CHECK(n == 10 && memcmp(text, "/elsewhere", 10) == 0); // left alone
    CHECK_OK(rootfs_symlink(&b->r, "pts/ptmx", "/dev/file", true, &b->err));
    n = readlink(in(b, "root/dev/file"), text, sizeof(text));
    CHECK(n == 8 && memcmp(text, "pts/ptmx", 8) == 0);
    CHECK(rootfs_symlink(&b->r, "x", "/dev/dir", true, &b->err) < 0); // a directory is not taken away
    CHECK_OK(rootfs_symlink(&b->r, "/t", "deep/er/link", false, &b->err));
    CHECK(there(b, "root/deep/er/link"));
    CHECK(rootfs_resolve_parent(&b->r, "/", &name) < 0 && errno == EINVAL);
    CHECK(rootfs_resolve_parent(&b->r, "/x/..", &name) < 0 && errno == EINVAL);
}

static void test_agree(void **state) {
    (void)state;
    in_box(0, agree);
}
static void test_strange(void **state) {
    (void)state;
    in_box(0, strange);
}
static void test_magic(void **state) {
    (void)state;
    in_box(0, magic);
}
static void test_make(void **state) {
    (void)state;
    in_box(0, make);
    in_box(ROOTFS_NO_OPENAT2, make);
}
static void test_entries(void **state) {
    (void)state;
    in_box(0, entries);
    in_box(ROOTFS_NO_OPENAT2, entries);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agree), cmocka_unit_test(test_strange), cmocka_unit_test(test_magic),
        cmocka_unit_test(test_make),  cmocka_unit_test(test_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
