// SPDX-License-Identifier: Apache-2.0
// tmpcopyup: a tmpfs that begins with a copy of a directory of a hostile root.
#include "config.h"

#include "lib/str.h"
#include "tests/unit/rootfs_fixture.h"

static int tmpfs_at(struct box *b, const char *destination, unsigned long flags, const char *data) {
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_NEW,
                              .type = "tmpfs",
                              .destination = destination,
                              .flags = flags,
                              .data = data,
                              .copy_up = true,
                              .from = ROOTFS_SOURCE_NONE };
    return rootfs_mount(&b->r, &m, &b->err);
}

static struct stat stat_of(struct box *b, const char *path) {
    struct stat st;
    CHECK_OK(lstat(in(b, path), &st));
    return st;
}

static bool is(struct box *b, const char *path, mode_t mode, uid_t uid, gid_t gid) {
    struct stat st = stat_of(b, path);
    return st.st_mode == mode && st.st_uid == uid && st.st_gid == gid;
}

static bool is_link(const struct box *b, const char *path, const char *text) {
    char now[PATH_MAX];
    ssize_t n = readlink(in(b, path), now, sizeof(now) - 1);
    now[n < 0 ? 0 : n] = '\0';
    return n >= 0 && strcmp(now, text) == 0;
}

static bool is_tmpfs(struct box *b, const char *path) {
    return strstr(mountinfo_of(b, path), " - tmpfs ") != NULL;
}

// One of everything in root/data.
static void fill(struct box *b) {
    const struct timespec times[] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5 } };
    make_dir(b, "root/data");
    make_dir(b, "root/data/sub");
    make_dir(b, "root/data/sub/deep");
    make_file(b, "root/data/sub/deep/f", "deep");
    make_file(b, "root/data/f", "text");
    make_file(b, "root/data/empty", "");
    make_link(b, "f", "root/data/link");
    make_link(b, in(b, "out"), "root/data/absolute");
    make_link(b, "../../out/MARK", "root/data/up");
    make_link(b, "nowhere", "root/data/dangling");
    CHECK_OK(mknod(in(b, "root/data/fifo"), S_IFIFO | 0620, 0));
    CHECK_OK(mknod(in(b, "root/data/null"), S_IFCHR | 0666, makedev(1, 3)));
    CHECK_OK(mknod(in(b, "root/data/socket"), S_IFSOCK | 0666, 0));
    CHECK_OK(chown(in(b, "root/data/f"), 5, 6));
    CHECK_OK(chmod(in(b, "root/data/f"), 06751));
    CHECK_OK(chown(in(b, "root/data/sub"), 7, 8));
    CHECK_OK(chmod(in(b, "root/data/sub"), 03710));
    CHECK_OK(lchown(in(b, "root/data/dangling"), 9, 10));
    CHECK_OK(utimensat(AT_FDCWD, in(b, "root/data/f"), times, 0));
    CHECK_OK(utimensat(AT_FDCWD, in(b, "root/data/sub"), times, 0));
    CHECK_OK(chown(in(b, "root/data"), 11, 12));
    CHECK_OK(chmod(in(b, "root/data"), 02750));
}

static void everything(struct box *b) {
    fill(b);
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", MS_NOSUID, "size=1m"));
    CHECK(is_tmpfs(b, "root/data") && (flags_of(b, "root/data") & 3) == 2);
    CHECK(strcmp(text_of(in(b, "root/data/f")), "text") == 0);
    CHECK(strcmp(text_of(in(b, "root/data/sub/deep/f")), "deep") == 0);
    CHECK(is(b, "root/data", S_IFDIR | 02750, 11, 12));
    CHECK(is(b, "root/data/f", S_IFREG | 06751, 5, 6));
    CHECK(is(b, "root/data/empty", S_IFREG | 0644, 0, 0));
    CHECK(is(b, "root/data/sub", S_IFDIR | 03710, 7, 8));
    CHECK(is(b, "root/data/sub/deep", S_IFDIR | 0755, 0, 0));
    CHECK(is(b, "root/data/dangling", S_IFLNK | 0777, 9, 10));
    CHECK(is(b, "root/data/fifo", S_IFIFO | 0620, 0, 0));
    CHECK(is(b, "root/data/null", S_IFCHR | 0666, 0, 0));
    CHECK(stat_of(b, "root/data/null").st_rdev == makedev(1, 3));
    CHECK(!there(b, "root/data/socket"));
    CHECK(is_link(b, "root/data/link", "f") && is_link(b, "root/data/absolute", in(b, "out")));
    CHECK(is_link(b, "root/data/up", "../../out/MARK") && is_link(b, "root/data/dangling", "nowhere"));
    CHECK(stat_of(b, "root/data/f").st_mtim.tv_sec == 2000 && stat_of(b, "root/data/f").st_mtim.tv_nsec == 5);
    CHECK(stat_of(b, "root/data/sub").st_mtim.tv_sec == 2000);
    // It is a copy.
    make_file(b, "root/data/new", "x");
    CHECK_OK(unlink(in(b, "root/data/f")));
    CHECK_OK(umount2(in(b, "root/data"), MNT_DETACH));
    CHECK(!there(b, "root/data/new") && strcmp(text_of(in(b, "root/data/f")), "text") == 0);
    CHECK(is(b, "root/data", S_IFDIR | 02750, 11, 12) && out_is_clean(b));
}

static void read_only(struct box *b) {
    fill(b);
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", MS_RDONLY | MS_NODEV, NULL));
    CHECK((flags_of(b, "root/data") & 7) == (1 | 4));
    CHECK(strcmp(text_of(in(b, "root/data/sub/deep/f")), "deep") == 0);
    CHECK(mkdir(in(b, "root/data/x"), 0755) < 0 && errno == EROFS);
}

// What the mount's own options say of its root counts.
static void own_options(struct box *b) {
    fill(b);
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", 0, "mode=1777,size=1m"));
    CHECK(is(b, "root/data", S_IFDIR | 01777, 11, 12));
    CHECK_OK(umount2(in(b, "root/data"), MNT_DETACH));
    CHECK_OK(tmpfs_at(b, "/data", 0, "uid=3"));
    CHECK(is(b, "root/data", S_IFDIR | 02750, 3, 12));
    CHECK_OK(umount2(in(b, "root/data"), MNT_DETACH));
    CHECK_OK(tmpfs_at(b, "/data", 0, "mode=700,uid=3,gid=4"));
    CHECK(is(b, "root/data", S_IFDIR | 0700, 3, 4));
    CHECK(is(b, "root/data/f", S_IFREG | 06751, 5, 6) && is(b, "root/data/empty", S_IFREG | 0644, 0, 0));
}

static void nothing_to_copy(struct box *b) {
    make_dir(b, "root/empty");
    CHECK_OK(chmod(in(b, "root/empty"), 0711));
    make_link(b, in(b, "out/gone"), "root/dangling");
    make_file(b, "root/file", "x");
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/empty", 0, NULL));
    CHECK(is_tmpfs(b, "root/empty") && is(b, "root/empty", S_IFDIR | 0711, 0, 0));
    CHECK_OK(tmpfs_at(b, "/missing/too", 0, NULL)); // the kernel's own mode
    CHECK(is_tmpfs(b, "root/missing/too") && is(b, "root/missing/too", S_IFDIR | 01777, 0, 0));
    CHECK_OK(tmpfs_at(b, "/dangling", MS_RDONLY, NULL));
    CHECK(out_is_clean(b));
    CHECK(tmpfs_at(b, "/file", 0, NULL) < 0 && strcmp(b->err.code, "mount.type") == 0);
    CHECK(tmpfs_at(b, "/empty", 0, "bogus=1") < 0 && b->err.err == EINVAL);
}

// The destination is a link that leads to the host, had it not been resolved inside the root.
static void hostile_destination(struct box *b) {
    make_link(b, in(b, "out"), "root/absolute");
    make_link(b, "../../../../out", "root/up");
    make_dir(b, "root/out");
    make_file(b, "root/out/mine", "inside");
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/up", 0, NULL));
    CHECK(is_tmpfs(b, "root/out") && strcmp(text_of(in(b, "root/out/mine")), "inside") == 0);
    CHECK(!there(b, "root/out/MARK"));
    CHECK_OK(tmpfs_at(b, "/absolute", 0, NULL));
    CHECK(out_is_clean(b) && !is_tmpfs(b, "out"));
}

// Other mounts below the destination: their files are there to be seen, the kernel's are not copied; what
// works for nobody there does not begin to work.
static void mounts_below(struct box *b) {
    make_dir(b, "root/data");
    make_dir(b, "root/data/proc");
    make_dir(b, "root/data/other");
    CHECK_OK(mount("proc", in(b, "root/data/proc"), "proc", 0, NULL));
    CHECK_OK(mount("other", in(b, "root/data/other"), "tmpfs", MS_NODEV | MS_NOSUID, "mode=700"));
    make_file(b, "root/data/other/suid", "x");
    CHECK_OK(chmod(in(b, "root/data/other/suid"), 06755));
    CHECK_OK(mknod(in(b, "root/data/other/null"), S_IFCHR | 0666, makedev(1, 3)));
    CHECK_OK(mknod(in(b, "root/data/other/fifo"), S_IFIFO | 0666, 0));
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", 0, NULL));
    CHECK(is(b, "root/data/other/suid", S_IFREG | 0755, 0, 0));
    CHECK(there(b, "root/data/other/fifo") && !there(b, "root/data/other/null"));
    CHECK(there(b, "root/data/proc") && !there(b, "root/data/proc/version"));
}

static void big_and_sparse(struct box *b) {
    static char block[100 * 1000];
    make_dir(b, "root/data");
    int fd = open(in(b, "root/data/sparse"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    memset(block, 'x', sizeof(block));
    CHECK(pwrite(fd, block, sizeof(block), 8 << 20) == sizeof(block));
    CHECK_OK(ftruncate(fd, 1L << 40));
    close(fd);
    fd = open(in(b, "root/data/big"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (int i = 0; i < 30; i++) {
        memset(block, 'a' + i % 26, sizeof(block));
        CHECK(write(fd, block, sizeof(block)) == sizeof(block));
    }
    close(fd);
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", 0, "size=4m"));
    CHECK(stat_of(b, "root/data/sparse").st_size == 1L << 40);
    CHECK(stat_of(b, "root/data/sparse").st_blocks < 512);
    CHECK(stat_of(b, "root/data/big").st_size == 30L * (long)sizeof(block));
    fd = open(in(b, "root/data/sparse"), O_RDONLY | O_CLOEXEC);
    CHECK(pread(fd, block, sizeof(block), 8 << 20) == sizeof(block));
    CHECK(block[0] == 'x' && block[sizeof(block) - 1] == 'x');
    close(fd);
    fd = open(in(b, "root/data/big"), O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 30; i++) {
        CHECK(read(fd, block, sizeof(block)) == sizeof(block));
        CHECK(block[0] == 'a' + i % 26 && block[sizeof(block) - 1] == 'a' + i % 26);
    }
    close(fd);
}

static void many_names(struct box *b) {
    char name[64];
    make_dir(b, "root/data");
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "root/data/a-file-with-a-rather-long-name-%d", i);
        make_file(b, name, name);
    }
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", 0, NULL));
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "root/data/a-file-with-a-rather-long-name-%d", i);
        CHECK(strcmp(text_of(in(b, name)), name) == 0);
    }
}

static void no_room(struct box *b) {
    char text[20000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    make_dir(b, "root/data");
    make_dir(b, "root/data/sub");
    make_file(b, "root/data/sub/big\nfile", text);
    box_attach(b, 0);
    CHECK(tmpfs_at(b, "/data", 0, "mode=755,size=8k") < 0 && b->err.err == ENOSPC);
    CHECK(strcmp(b->err.code, "mount.copyup") == 0);
    CHECK(strstr(b->err.msg, "cannot copy /data/sub/big?file into") && strstr(b->err.hint, "size=8k"));
    if (is_tmpfs(b, "root/data"))
        CHECK_OK(umount2(in(b, "root/data"), MNT_DETACH));
    CHECK(tmpfs_at(b, "/data", 0, "nr_inodes=2") < 0 && b->err.err == ENOSPC);
    CHECK(strstr(b->err.hint, "nr_inodes=2"));
}

// Makes root/data/d/d/d/..., that many levels.
static void nest(struct box *b, int levels) {
    make_dir(b, "root/data");
    CHECK_OK(chdir(in(b, "root/data")));
    for (int i = 0; i < levels; i++)
        CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0);
    CHECK_OK(chdir("/"));
}
static void deep(struct box *b) {
    char path[PATH_MAX] = "root/data";
    size_t n = strlen(path);
    nest(b, 128);
    for (int i = 0; i < 128; i++)
        n += str_copy(path + n, sizeof(path) - n, "/d");
    box_attach(b, 0);
    CHECK_OK(tmpfs_at(b, "/data", 0, NULL));
    CHECK(there(b, path));
}
static void too_deep(struct box *b) {
    nest(b, 129);
    box_attach(b, 0);
    CHECK(tmpfs_at(b, "/data", 0, NULL) < 0 && strstr(b->err.msg, "more than 128 directories deep"));
}

// Somebody swaps a directory and a file for links to the host, again and again, while they are copied.
static void swapper(struct box *b) {
    int dir = open(in(b, "root/data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (;;) {
        (void)syscall(SYS_renameat2, dir, "sub", dir, "evil", 2 /* RENAME_EXCHANGE */);
        (void)syscall(SYS_renameat2, dir, "file", dir, "fevil", 2);
    }
}
static void swapped(struct box *b) {
    make_dir(b, "root/data");
    make_dir(b, "root/data/sub");
    make_file(b, "root/data/sub/mine", "inside");
    make_file(b, "root/data/file", "inside");
    make_link(b, in(b, "out"), "root/data/evil");
    make_link(b, in(b, "out/MARK"), "root/data/fevil");
    box_attach(b, 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        swapper(b);
    bool good = true;
    for (int i = 0; i < 200 && good; i++) {
        char host[64];
        good = tmpfs_at(b, "/data", 0, NULL) == 0;
        // A name may come twice or be a link by now: but whatever is a directory or file was inside.
        static const char *const names[] = { "file", "fevil", "sub/MARK", "evil/MARK" };
        for (size_t k = 0; good && k < 4; k++) {
            struct stat st;
            snprintf(host, sizeof(host), "root/data/%s", names[k]);
            int fd = open(in(b, host), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
            if (fd < 0)
                continue;
            good = fstat(fd, &st) == 0 &&
                   (k < 2 ? st.st_size == 6
                          : is_link(b, k == 2 ? "root/data/sub" : "root/data/evil", in(b, "out")));
            close(fd);
        }
        if (good)
            good = umount2(in(b, "root/data"), MNT_DETACH) == 0;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(good && out_is_clean(b));
}

static void test_everything(void **state) {
    (void)state;
    in_each_box(everything);
}
static void test_read_only(void **state) {
    (void)state;
    in_each_box(read_only);
}
static void test_own_options(void **state) {
    (void)state;
    in_each_box(own_options);
}
static void test_nothing_to_copy(void **state) {
    (void)state;
    in_each_box(nothing_to_copy);
}
static void test_hostile_destination(void **state) {
    (void)state;
    in_each_box(hostile_destination);
}
static void test_mounts_below(void **state) {
    (void)state;
    in_each_box(mounts_below);
}
static void test_big_and_sparse(void **state) {
    (void)state;
    in_box(0, big_and_sparse);
}
static void test_many_names(void **state) {
    (void)state;
    in_box(0, many_names);
}
static void test_no_room(void **state) {
    (void)state;
    in_each_box(no_room);
}
static void test_deep(void **state) {
    (void)state;
    in_box(0, deep);
    in_box(0, too_deep);
}
static void test_swapped(void **state) {
    (void)state;
    in_box(0, swapped);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_own_options),
        cmocka_unit_test(test_nothing_to_copy),
        cmocka_unit_test(test_hostile_destination),
        cmocka_unit_test(test_mounts_below),
        cmocka_unit_test(test_big_and_sparse),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_swapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
