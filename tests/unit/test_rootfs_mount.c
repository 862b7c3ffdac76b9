// SPDX-License-Identifier: Apache-2.0
// Mounts in a hostile root, with every fallback.
#include "config.h"

#include "tests/unit/rootfs_fixture.h"

static int bind_at(struct box *b, const char *source, const char *destination, unsigned long flags) {
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND,
                              .destination = destination,
                              .from = box_source(b, source, false),
                              .flags = flags };
    return rootfs_mount(&b->r, &m, &b->err);
}

static int new_at(struct box *b, const char *type, const char *destination, unsigned long flags,
                  const char *data) {
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_NEW,
                              .type = type,
                              .destination = destination,
                              .flags = flags,
                              .data = data,
                              .from = ROOTFS_SOURCE_NONE };
    return rootfs_mount(&b->r, &m, &b->err);
}

// Targets behind links of the image that lead to the host.
static void hostile_targets(struct box *b) {
    make_link(b, in(b, "out"), "root/esc");
    make_link(b, "../out", "root/rel");
    make_link(b, "../../out/x", "root/dangling");
    make_dir(b, "root/proc");
    make_file(b, "source", "source");
    box_attach(b, 0);
    CHECK_OK(new_at(b, "tmpfs", "/esc/d/e", 0, "mode=755"));
    CHECK_OK(bind_at(b, in(b, "source"), "/esc/f", MS_RDONLY));
    CHECK_OK(bind_at(b, in(b, "source"), "/rel/f", 0));
    CHECK_OK(bind_at(b, in(b, "source"), "/dangling", 0));
    CHECK(out_is_clean(b));
    CHECK(strcmp(text_of(in(b, "root/out/x")), "source") == 0);
    CHECK(strcmp(text_of(in(b, "root/out/f")), "source") == 0);
}

// proc and sysfs on a real directory only, and nothing over or in /proc.
static void kernel_places(struct box *b) {
    make_dir(b, "root/bad");
    make_link(b, "/bad", "root/proc");
    make_link(b, "/bad", "root/sys");
    make_dir(b, "source");
    make_file(b, "file", "lxcfs");
    box_attach(b, 0);
    CHECK(new_at(b, "proc", "/proc", 0, NULL) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(new_at(b, "sysfs", "/sys", 0, NULL) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(new_at(b, "cgroup2", "/sys/fs/cgroup", 0, NULL) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(mountinfo_of(b, "root/bad")[0] == '\0');
    CHECK_OK(unlink(in(b, "root/proc")));
    make_dir(b, "root/proc");
    make_link(b, "proc/sys", "root/foo");
    make_link(b, "/proc", "root/over");
    CHECK(bind_at(b, in(b, "source"), "/proc", 0) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(bind_at(b, in(b, "source"), "/over", 0) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(new_at(b, "tmpfs", "/proc/", 0, NULL) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK_OK(new_at(b, "proc", "proc", MS_NOSUID, NULL));
    CHECK(bind_at(b, in(b, "source"), "/foo", 0) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(bind_at(b, in(b, "file"), "/proc/self/attr/exec", 0) < 0);
    CHECK(bind_at(b, in(b, "file"), "/x/../proc/sysrq-trigger", 0) < 0);
    CHECK_OK(bind_at(b, in(b, "file"), "/proc/uptime", MS_RDONLY));
    CHECK_OK(bind_at(b, in(b, "file"), "/over/meminfo", 0));
    CHECK(bind_at(b, in(b, "file"), "/proc/net/dev", 0) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(strcmp(text_of(in(b, "root/proc/uptime")), "lxcfs") == 0);
    CHECK(new_at(b, "tmpfs", "/", 0, NULL) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    CHECK(bind_at(b, in(b, "source"), "/..", 0) < 0 && strcmp(b->err.code, "mount.refused") == 0);
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND,
                              .destination = "/proc",
                              .from = box_source(b, "/proc", true) };
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err)); // a procfs over /proc is fine
}

static void wrong_kind(struct box *b) {
    make_dir(b, "root/dir");
    make_dir(b, "source");
    make_file(b, "root/file", "x");
    box_attach(b, 0);
    CHECK(bind_at(b, in(b, "source"), "/file", 0) < 0);
    CHECK(strstr(b->err.msg, "the source is a directory, the destination a file"));
    CHECK(bind_at(b, in(b, "out/MARK"), "/dir", 0) < 0);
    CHECK(strstr(b->err.msg, "the source is a file, the destination a directory"));
    CHECK(bind_at(b, in(b, "source"), "/file/x", 0) < 0 && strcmp(b->err.code, "mount.type") == 0);
    CHECK(new_at(b, "nosuchfs", "/dir", 0, NULL) < 0 && b->err.err == ENODEV &&
          strstr(b->err.hint, "nosuchfs"));
    CHECK(new_at(b, "tmpfs", "/dir", 0, "size=64k,bogus=1") < 0 && b->err.err == EINVAL &&
          strstr(b->err.hint, "bogus"));
    struct rootfs_source s = { .path = in(b, "nowhere"), .fd = -1 };
    CHECK(rootfs_source_open(&b->r, &s, &b->err) < 0 && b->err.err == ENOENT);
}

static void options(struct box *b) {
    struct statfs fs;
    make_dir(b, "source");
    CHECK_OK(mount("s", in(b, "source"), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, NULL));
    make_file(b, "source/f", "x");
    box_attach(b, 0);
    CHECK_OK(new_at(b, "tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64k"));
    CHECK(strstr(mountinfo_of(b, "root/dev"), "size=64k") &&
          !strstr(mountinfo_of(b, "root/dev"), "relatime"));
    CHECK((flags_of(b, "root/dev") & 7) == 2);
    CHECK_OK(bind_at(b, in(b, "source"), "/a", MS_RDONLY | MS_NOEXEC)); // the source's flags stay
    CHECK((flags_of(b, "root/a") & 0xf) == (1 | 2 | 4 | 8) && (flags_of(b, "root/a") & 0x400));
    CHECK((flags_of(b, "source") & 0xf) == (2 | 4)); // and the host's mount is as it was
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND,
                              .destination = "/b",
                              .from = box_source(b, in(b, "source"), false),
                              .cleared = MS_NODEV | MS_RDONLY,
                              .flags = MS_RELATIME };
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK((flags_of(b, "root/b") & 0xf) == 2 && (flags_of(b, "root/b") & 0x1400) == 0x1000);
    struct rootfs_mount again = {
        .kind = ROOTFS_MOUNT_REMOUNT, .destination = "/b", .remount_bind = true, .flags = MS_RDONLY
    };
    CHECK_OK(rootfs_mount(&b->r, &again, &b->err));
    CHECK((flags_of(b, "root/b") & 0xf) == (1 | 2) && !(flags_of(b, "source") & 1));
    again = (struct rootfs_mount){ .kind = ROOTFS_MOUNT_REMOUNT, .destination = "/dev", .data = "size=128k" };
    CHECK_OK(rootfs_mount(&b->r, &again, &b->err));
    CHECK(strstr(mountinfo_of(b, "root/dev"), "size=128k") && (flags_of(b, "root/dev") & 2));
    again = (struct rootfs_mount){ .kind = ROOTFS_MOUNT_REMOUNT,
                                   .destination = "/dev/none",
                                   .remount_bind = true };
    CHECK(rootfs_mount(&b->r, &again, &b->err) < 0 && b->err.err == ENOENT);
    CHECK_OK(mkdir(in(b, "root/dev/pts"), 0755));
    CHECK_OK(rootfs_readonly_mount(&b->r, "/dev", &b->err));
    CHECK(mkdir(in(b, "root/dev/x"), 0755) < 0 && errno == EROFS);
    CHECK(statfs(in(b, "root/dev"), &fs) == 0);
}

static void recursive(struct box *b) {
    make_dir(b, "source");
    CHECK_OK(mount("s", in(b, "source"), "tmpfs", 0, NULL));
    make_dir(b, "source/sub");
    CHECK_OK(mount("s", in(b, "source/sub"), "tmpfs", 0, NULL));
    make_file(b, "source/sub/deep", "x");
    box_attach(b, 0);
    CHECK_OK(bind_at(b, in(b, "source"), "/flat", MS_RDONLY));
    CHECK(!there(b, "root/flat/sub/deep"));
    const unsigned long rprivate[] = { MS_PRIVATE | MS_REC };
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND,
                              .destination = "/tree",
                              .from = box_source(b, in(b, "source"), true),
                              .flags = MS_NODEV,
                              .rec_attr_set = MOUNT_ATTR_RDONLY,
                              .propagation = rprivate,
                              .n_propagation = 1 };
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK(there(b, "root/tree/sub/deep"));
    CHECK((flags_of(b, "root/tree") & 5) == 5);
    CHECK((flags_of(b, "root/tree/sub") & 5) == 1);
    CHECK((flags_of(b, "source") & 5) == 0 && (flags_of(b, "source/sub") & 5) == 0);
}

// Nothing that the container mounts reaches the host, unless a bind is shared in both.
static void propagation(struct box *b) {
    make_dir(b, "source");
    CHECK_OK(mount("s", in(b, "source"), "tmpfs", 0, NULL));
    CHECK_OK(mount(NULL, in(b, "source"), NULL, MS_SHARED, NULL));
    CHECK_OK(mount(NULL, b->dir, NULL, MS_SHARED, NULL));
    make_dir(b, "source/m");
    make_dir(b, "root/m");
    struct rootfs_source root = box_source(b, b->root, true);
    CHECK(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC) >= 0); // the host lives on
    CHECK_OK(unshare(CLONE_NEWNS)); // the container; the copies of the host's mounts are still their peers
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND, .destination = "/slave" };
    struct rootfs_mount n = { .kind = ROOTFS_MOUNT_BIND, .destination = "/both" };
    const unsigned long shared[] = { MS_SHARED };
    m.from = box_source(b, in(b, "source"), false);
    n.from = box_source(b, in(b, "source"), false);
    n.propagation = shared;
    n.n_propagation = 1;
    CHECK_OK(rootfs_set_propagation(&b->r, 0, &b->err));
    CHECK_OK(rootfs_attach_root(&b->r, &root, &b->err));
    CHECK_OK(new_at(b, "tmpfs", "/m", 0, NULL));
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK_OK(rootfs_mount(&b->r, &n, &b->err));
    CHECK(strstr(mountinfo_of(b, "root/slave"), " master:") &&
          !strstr(mountinfo_of(b, "root/slave"), " shared:"));
    CHECK(strstr(mountinfo_of(b, "root/both"), " master:") &&
          strstr(mountinfo_of(b, "root/both"), " shared:"));
    CHECK(!strstr(mountinfo_of(b, "root/m"), "shared:"));
    CHECK(strstr(mountinfo_of(b, "root"), " master:") && !strstr(mountinfo_of(b, "root"), "shared:"));
    CHECK_OK(rootfs_set_root_propagation(&b->r, MS_SHARED, &b->err));
    CHECK(strstr(mountinfo_of(b, "root"), " shared:"));
    CHECK_OK(rootfs_set_root_propagation(&b->r, MS_UNBINDABLE, &b->err));
    CHECK(strstr(mountinfo_of(b, "root"), " unbindable"));
}

// What hides something outside hides it in a recursive bind, too.
static void unbindable(struct box *b) {
    make_dir(b, "source");
    make_dir(b, "source/hidden");
    CHECK_OK(mount("s", in(b, "source/hidden"), "tmpfs", 0, NULL));
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount(NULL, in(b, "source/hidden"), NULL, MS_UNBINDABLE, NULL)); // Linux 6.18 copies none
    CHECK(strstr(mountinfo_of(b, "source/hidden"), " unbindable"));
    CHECK_OK(rootfs_make_bindable(&b->r, &b->err));
    CHECK(!strstr(mountinfo_of(b, "source/hidden"), " unbindable"));
    make_dir(b, "root/m");
    struct rootfs_source root = box_source(b, b->root, true);
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND, .destination = "/m" };
    m.from = box_source(b, in(b, "source"), true);
    CHECK_OK(rootfs_set_propagation(&b->r, 0, &b->err));
    CHECK_OK(rootfs_attach_root(&b->r, &root, &b->err));
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK(*mountinfo_of(b, "root/m/hidden"));
}

static void shared_bind(struct box *b) {
    make_dir(b, "source");
    CHECK_OK(mount("s", in(b, "source"), "tmpfs", 0, NULL));
    CHECK_OK(mount(NULL, in(b, "source"), NULL, MS_SHARED, NULL));
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND, .destination = "/s" };
    m.from = box_source(b, in(b, "source"), true);
    box_attach(b, MS_SHARED);
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK(strstr(mountinfo_of(b, "root/s"), " shared:") && !strstr(mountinfo_of(b, "root/s"), " master:"));
    make_dir(b, "root/s/x");
    m.from = box_source(b, in(b, "source"), true);
    b->r.propagation = MS_PRIVATE;
    m.destination = "/p";
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK(!strstr(mountinfo_of(b, "root/p"), "shared:") && !strstr(mountinfo_of(b, "root/p"), "master:"));
}

// In a user namespace the host's flags are locked: kept, and named when they were to be cleared.
static void locked(struct box *b) {
    make_dir(b, "source");
    CHECK_OK(mount("s", in(b, "source"), "tmpfs", MS_NOSUID | MS_NODEV, NULL));
    CHECK_OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    struct rootfs_mount m = { .kind = ROOTFS_MOUNT_BIND,
                              .destination = "/ok",
                              .flags = MS_RDONLY | MS_NOEXEC,
                              .from = box_source(b, in(b, "source"), false) };
    make_dir(b, "root/ok");
    make_dir(b, "root/no");
    box_attach(b, 0);
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
    CHECK((flags_of(b, "root/ok") & 0xf) == 0xf);
    m.from = box_source(b, in(b, "source"), false);
    m.destination = "/no";
    m.cleared = MS_NOSUID | MS_NODEV;
    CHECK(rootfs_mount(&b->r, &m, &b->err) < 0);
    CHECK(b->err.err == EPERM && strstr(b->err.hint, "nosuid,nodev may not be cleared"));
    // and a sysfs needs a network namespace of one's own: the outer one is bound
    struct rootfs_mount sys = { .kind = ROOTFS_MOUNT_NEW,
                                .type = "sysfs",
                                .destination = "/sys",
                                .from_readonly = !(b->r.missing & ROOTFS_NO_SETATTR),
                                .from = box_source(b, "/sys", true) };
    CHECK_OK(rootfs_mount(&b->r, &sys, &b->err));
    CHECK(there(b, "root/sys/kernel"));
    CHECK(!sys.from_readonly || (flags_of(b, "root/sys/fs/cgroup") & 1));
}

// The container's procfs, when the outer one is covered in parts.
static void too_revealing(struct box *b) {
    CHECK_OK(mount("cover", "/proc/sys", "tmpfs", MS_RDONLY, NULL));
    CHECK_OK(mount("/dev/null", "/proc/version", NULL, MS_BIND, NULL));
    CHECK_OK(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        make_dir(b, "root/proc");
        box_attach(b, 0);
        CHECK(new_at(b, "proc", "/proc", 0, NULL) < 0 && b->err.err == EPERM);
        CHECK(strstr(b->err.hint, "/proc/sys, /proc/version are covered outside"));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

#define IN_EACH_BOX(name)                   \
    static void test_##name(void **state) { \
        (void)state;                        \
        in_each_box(name);                  \
    }
#define IN_ONE_BOX(name)                    \
    static void test_##name(void **state) { \
        (void)state;                        \
        in_box(0, name);                    \
    }
IN_EACH_BOX(hostile_targets)
IN_EACH_BOX(kernel_places)
IN_EACH_BOX(wrong_kind)
IN_EACH_BOX(options)
IN_EACH_BOX(recursive)
IN_EACH_BOX(locked)
IN_EACH_BOX(too_revealing)
IN_ONE_BOX(propagation)
IN_ONE_BOX(unbindable)
IN_ONE_BOX(shared_bind)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_targets), cmocka_unit_test(test_kernel_places),
        cmocka_unit_test(test_wrong_kind),      cmocka_unit_test(test_options),
        cmocka_unit_test(test_recursive),       cmocka_unit_test(test_locked),
        cmocka_unit_test(test_too_revealing),   cmocka_unit_test(test_propagation),
        cmocka_unit_test(test_unbindable),      cmocka_unit_test(test_shared_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
