// SPDX-License-Identifier: Apache-2.0
// Devices, the console, masks and read-only paths in a hostile root.
#include "config.h"

#include "tests/unit/rootfs_fixture.h"

#include <sys/ioctl.h>

static bool is_node(struct box *b, const char *path, char type, unsigned major, unsigned minor) {
    struct stat st;
    CHECK_OK(lstat(in(b, path), &st));
    return (type == 'c' ? S_ISCHR(st.st_mode) : S_ISBLK(st.st_mode)) && st.st_rdev == makedev(major, minor);
}

static int one(struct box *b, const char *path, char type, unsigned major, unsigned minor) {
    struct rootfs_device d = { .path = path, .type = type, .major = major, .minor = minor, .mode = 0666 };
    d.from.fd = -1;
    return rootfs_devices(&b->r, &d, 1, NULL, &b->err);
}

static void nodes(struct box *b) {
    struct rootfs_device list[] = {
        { .path = "/dev/null",
          .type = 'c',
          .major = 1,
          .minor = 3,
          .mode = 0666,
          .from = ROOTFS_SOURCE_NONE },
        { .path = "/dev/zero",
          .type = 'c',
          .major = 1,
          .minor = 5,
          .mode = 0604,
          .uid = 5,
          .gid = 6,
          .from = ROOTFS_SOURCE_NONE },
        { .path = "/foo/bar/dev0",
          .type = 'b',
          .major = 7,
          .minor = 0,
          .mode = 01660,
          .from = ROOTFS_SOURCE_NONE },
        { .path = "/dev/fifo",
          .type = 'p',
          .major = 9,
          .minor = 9,
          .mode = 0600,
          .from = ROOTFS_SOURCE_NONE },
    };
    struct stat st;
    size_t failed;
    box_attach(b, 0);
    CHECK_OK(rootfs_devices(&b->r, list, 4, &failed, &b->err));
    CHECK(is_node(b, "root/dev/null", 'c', 1, 3) && is_node(b, "root/foo/bar/dev0", 'b', 7, 0));
    CHECK(stat(in(b, "root/dev/zero"), &st) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
          (st.st_mode & 07777) == 0604);
    CHECK(stat(in(b, "root/foo/bar/dev0"), &st) == 0 && (st.st_mode & 07777) == 01660);
    CHECK(stat(in(b, "root/dev/fifo"), &st) == 0 && S_ISFIFO(st.st_mode));
    // what is there and fits is left as it is; what does not fit is an error
    CHECK_OK(chmod(in(b, "root/dev/null"), 0600));
    CHECK_OK(rootfs_devices(&b->r, list, 4, &failed, &b->err));
    CHECK(stat(in(b, "root/dev/null"), &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(one(b, "/dev/null", 'c', 1, 5) < 0 && strcmp(b->err.code, "device.exists") == 0);
    make_file(b, "root/dev/regular", "x");
    list[2].path = "/dev/regular";
    CHECK(rootfs_devices(&b->r, list, 4, &failed, &b->err) < 0 && failed == 2);
    make_link(b, "/foo/new", "root/dev/link");
    CHECK(one(b, "/dev/link", 'c', 1, 3) < 0 && strcmp(b->err.code, "device.exists") == 0 &&
          !there(b, "root/foo/new"));
    CHECK(one(b, "/dev/..", 'c', 1, 3) < 0 && one(b, "/dev/", 'c', 1, 3) < 0);
}

// An image whose /dev is the host's (CVE-2026-41579, CVE-2026-88264).
static void hostile_dev(struct box *b) {
    static const char *const ways[] = { NULL, "../out", "../../../../out" };
    box_attach(b, 0);
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        char text[PATH_MAX];
        snprintf(text, sizeof(text), "%s", ways[i] ? ways[i] : in(b, "out"));
        make_link(b, text, "root/dev");
        CHECK_OK(one(b, "/dev/null", 'c', 1, 3));
        CHECK_OK(rootfs_symlink(&b->r, "pts/ptmx", "/dev/ptmx", true, &b->err));
        CHECK_OK(rootfs_symlink(&b->r, "/proc/self/fd", "/dev/fd", false, &b->err));
        CHECK(out_is_clean(b));
        CHECK_OK(unlink(in(b, "root/dev")));
    }
    CHECK(is_node(b, "root/out/null", 'c', 1, 3));
}

static void bound(struct box *b) {
    struct rootfs_device d = { .path = "/dev/null",
                               .type = 'c',
                               .major = 1,
                               .minor = 3,
                               .mode = 0600,
                               .from = { .path = "/dev/null", .fd = -1 } };
    struct stat before;
    struct stat after;
    b->r.missing |= ROOTFS_NO_MKNOD;
    CHECK_OK(stat("/dev/null", &before));
    CHECK_OK(rootfs_device_open(&b->r, &d, &b->err));
    CHECK_OK(rootfs_source_reopen(&b->r, &d.from, &b->err));
    box_attach(b, 0);
    CHECK_OK(rootfs_devices(&b->r, &d, 1, NULL, &b->err));
    CHECK(is_node(b, "root/dev/null", 'c', 1, 3) && (flags_of(b, "root/dev/null") & 0xa) == 0xa);
    CHECK_OK(stat("/dev/null", &after));
    CHECK(before.st_mode == after.st_mode && before.st_uid == after.st_uid); // the host's node is untouched
    CHECK_OK(rootfs_devices(&b->r, &d, 1, NULL, &b->err));                   // it is there now
    make_link(b, "/foo", "root/dev/zero");
    d = (struct rootfs_device){
        .path = "/dev/zero", .type = 'c', .major = 1, .minor = 5, .from = { .path = "/dev/zero", .fd = -1 }
    };
    CHECK_OK(rootfs_device_open(&b->r, &d, &b->err));
    CHECK_OK(rootfs_source_reopen(&b->r, &d.from, &b->err));
    CHECK(rootfs_devices(&b->r, &d, 1, NULL, &b->err) < 0 && strcmp(b->err.code, "device.exists") == 0);
    CHECK(!there(b, "root/foo"));
    d.minor = 7; // another device than it says
    CHECK(rootfs_device_open(&b->r, &d, &b->err) < 0);
    CHECK(one(b, "/dev/full", 'c', 1, 7) < 0 && b->err.err == EPERM && b->err.hint[0]);
}

static void terminal(struct box *b) {
    make_dir(b, "root/dev");
    make_dir(b, "root/dev/pts");
    make_link(b, in(b, "out/made"), "root/dev/console");
    make_file(b, "root/dev/pts/file", "x");
    box_attach(b, 0);
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_NEW,
                              .type = "devpts",
                              .destination = "/dev/pts",
                              .data = "newinstance,ptmxmode=0666,mode=0620",
                              .from = ROOTFS_SOURCE_NONE };
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    int master = open(in(b, "root/dev/pts/ptmx"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(master >= 0);
    int zero = 0;
    CHECK_OK(ioctl(master, TIOCSPTLCK, &zero));
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(slave >= 0);
    CHECK(rootfs_console(&b->r, slave, &b->err) < 0 && strstr(b->err.msg, "symbolic link"));
    CHECK(out_is_clean(b));
    CHECK_OK(unlink(in(b, "root/dev/console")));
    CHECK_OK(rootfs_console(&b->r, slave, &b->err));
    struct stat st;
    CHECK(stat(in(b, "root/dev/console"), &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 136);
}

static void masks(struct box *b) {
    static const char *const dirs[] = { "/proc", "/sys/firmware", "/link", "/proc" };
    struct stat first;
    struct stat st;
    make_dir(b, "root/proc");
    make_dir(b, "root/sys");
    make_dir(b, "root/sys/firmware");
    make_dir(b, "root/third");
    make_dir(b, "root/dev");
    make_link(b, "/secret2", "root/dev/null"); // CVE-2025-31133: never used
    make_link(b, "third", "root/link");
    make_link(b, in(b, "out/MARK"), "root/out");
    make_file(b, "root/secret", "secret");
    make_file(b, "root/secret2", "secret");
    make_file(b, "root/sys/firmware/f", "secret");
    box_attach(b, 0);
    CHECK_OK(rootfs_mask(&b->r, "/secret", &b->err));
    CHECK(is_node(b, "root/secret", 'c', 1, 3));
    CHECK_OK(rootfs_mask(&b->r, "/secret", &b->err)); // listed twice: mounted once
    CHECK_OK(umount2(in(b, "root/secret"), MNT_DETACH));
    CHECK(strcmp(text_of(in(b, "root/secret")), "secret") == 0);
    for (size_t i = 0; i < 4; i++)
        CHECK_OK(rootfs_mask(&b->r, dirs[i], &b->err));
    CHECK_OK(stat(in(b, "root/proc"), &first));
    CHECK(stat(in(b, "root/sys/firmware"), &st) == 0 && st.st_dev == first.st_dev); // one superblock
    CHECK(stat(in(b, "root/third"), &st) == 0 && st.st_dev == first.st_dev && st.st_nlink == 2);
    CHECK(!there(b, "root/sys/firmware/f"));
    CHECK(mkdir(in(b, "root/third/x"), 0755) < 0 && errno == EROFS);
    CHECK((flags_of(b, "root/third") & 0xf) == 0xf);
    CHECK_OK(umount2(in(b, "root/proc"), MNT_DETACH));
    CHECK(stat(in(b, "root/proc"), &st) == 0 && st.st_dev != first.st_dev); // listed twice: mounted once
    CHECK_OK(rootfs_mask(&b->r, "/absent/x", &b->err));
    CHECK_OK(rootfs_mask(&b->r, "/secret/x", &b->err));
    CHECK_OK(rootfs_mask(&b->r, "/out", &b->err)); // dangles inside the root
    CHECK(out_is_clean(b));
}

static void readonly_paths(struct box *b) {
    make_dir(b, "root/a");
    make_dir(b, "root/a/sub");
    make_file(b, "root/f", "x");
    make_link(b, "a", "root/link");
    CHECK_OK(mount("s", in(b, "root/a/sub"), "tmpfs", 0, NULL));
    box_attach(b, 0);
    CHECK_OK(rootfs_readonly_path(&b->r, "/link", &b->err));
    CHECK_OK(rootfs_readonly_path(&b->r, "/f", &b->err));
    CHECK_OK(rootfs_readonly_path(&b->r, "/absent", &b->err));
    CHECK(mkdir(in(b, "root/a/x"), 0755) < 0 && errno == EROFS);
    CHECK(mkdir(in(b, "root/a/sub/x"), 0755) < 0 && errno == EROFS);
    CHECK(open(in(b, "root/f"), O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
    make_dir(b, "root/still");
}

#define IN_EACH_BOX(name)                   \
    static void test_##name(void **state) { \
        (void)state;                        \
        in_each_box(name);                  \
    }
IN_EACH_BOX(nodes)
IN_EACH_BOX(hostile_dev)
IN_EACH_BOX(bound)
IN_EACH_BOX(terminal)
IN_EACH_BOX(masks)
IN_EACH_BOX(readonly_paths)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes), cmocka_unit_test(test_hostile_dev),
        cmocka_unit_test(test_bound), cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_masks), cmocka_unit_test(test_readonly_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
