// SPDX-License-Identifier: Apache-2.0
// Into the root and never out again; writes into /proc.
#include "config.h"

#include "tests/unit/rootfs_fixture.h"

static void mount_proc(struct box *b) {
    struct rootfs_mount m = {
        .kind = ROOTFS_MOUNT_NEW, .type = "proc", .destination = "/proc", .from = ROOTFS_SOURCE_NONE
    };
    CHECK_OK(rootfs_mount(&b->r, &m, &b->err));
}

// An image that owns /proc/self/fd (CVE-2026-115521).
static void fake_fds(struct box *b) {
    make_dir(b, "root/other");
    make_dir(b, "root/proc");
    make_dir(b, "root/proc/self");
    make_dir(b, "root/proc/self/fd");
    for (int i = 3; i < 32; i++) {
        char path[64];
        snprintf(path, sizeof(path), "root/proc/self/fd/%d", i);
        make_link(b, "/other", path);
    }
}

static void pivot_readonly(struct box *b) {
    fake_fds(b);
    box_attach(b, 0);
    CHECK_OK(rootfs_pivot(&b->r, &b->err));
    CHECK_OK(rootfs_set_root_propagation(&b->r, MS_PRIVATE, &b->err));
    CHECK_OK(rootfs_readonly_root(&b->r, &b->err));
    CHECK(mkdir("/x", 0755) < 0 && errno == EROFS);
    CHECK(access("/other", F_OK) == 0 && access(b->dir, F_OK) < 0);
    char cwd[64];
    CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
}

static void pivot_leaves_nothing(struct box *b) {
    make_dir(b, "root/proc");
    box_attach(b, 0);
    mount_proc(b);
    CHECK_OK(rootfs_pivot(&b->r, &b->err));
    int lines = 0;
    for (const char *p = text_of("/proc/self/mountinfo"); (p = strchr(p, '\n')); p++)
        lines++;
    CHECK(lines == 2); // the root and its /proc
}

// May a user namespace in here mount a fresh procfs? Only one that sees a full one may.
static bool fresh_proc_is_possible(struct box *b) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_OK(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
        pid_t inner = fork();
        if (inner == 0)
            _exit(mount("proc", "/proc", "proc", 0, NULL) == 0 ? 0 : errno == EPERM ? 1 : 2);
        int status;
        waitpid(inner, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static void no_pivot(struct box *b) {
    make_dir(b, "root/proc");
    make_dir(b, "root/in");
    box_attach(b, 0);
    mount_proc(b);
    CHECK(fresh_proc_is_possible(b));
    CHECK_OK(rootfs_mask(&b->r, "/proc/version", &b->err)); // the container's own one shows no longer all
    CHECK_OK(rootfs_no_pivot(&b->r, &b->err));
    CHECK(access("/in", F_OK) == 0 && access(b->dir, F_OK) < 0);
    char cwd[64];
    CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
    // chroot breakers look for a full procfs in the host's tree below us
    CHECK(!fresh_proc_is_possible(b));
}

static void hold_root(struct box *b, const char *path) {
    b->r.root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(b->r.root_fd >= 0);
}

static void plain_chroot(struct box *b) {
    make_dir(b, "root/in");
    hold_root(b, b->root);
    CHECK_OK(rootfs_chroot(&b->r, &b->err));
    CHECK(access("/in", F_OK) == 0 && access(b->dir, F_OK) < 0);
    CHECK(rootfs_set_propagation(&b->r, 0, &b->err) < 0 && strstr(b->err.hint, "chroot"));
}

static void pivot_in_chroot(struct box *b) {
    make_dir(b, "sub");
    make_dir(b, "sub/root");
    make_dir(b, "sub/proc");
    CHECK_OK(mount("/proc", in(b, "sub/proc"), NULL, MS_BIND, NULL));
    CHECK_OK(chroot(in(b, "sub")));
    CHECK_OK(chdir("/"));
    CHECK_OK(mount("/root", "/root", NULL, MS_BIND, NULL));
    hold_root(b, "/root");
    CHECK(rootfs_pivot(&b->r, &b->err) < 0 && b->err.err == EINVAL && strstr(b->err.hint, "chroot"));
}

static void not_a_directory(struct box *b) {
    make_file(b, "root/f", "x");
    struct rootfs_source s = box_source(b, in(b, "root/f"), true);
    CHECK(rootfs_attach_root(&b->r, &s, &b->err) < 0 && strcmp(b->err.code, "root.invalid") == 0);
}

// A user namespace that may not reach the bundle's directory.
static void out_of_reach(struct box *b) {
    make_dir(b, "deep");
    make_dir(b, "deep/root");
    make_dir(b, "deep/root/in");
    CHECK_OK(chmod(in(b, "deep"), 0700));
    struct rootfs_source s = box_source(b, in(b, "deep/root"), true);
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(chown(in(b, "deep"), 1, 1)); // CAP_DAC_OVERRIDE does not reach beyond the namespace's ids
    CHECK_OK(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    CHECK_OK(rootfs_set_propagation(&b->r, 0, &b->err));
    CHECK_OK(rootfs_attach_root(&b->r, &s, &b->err));
    CHECK_OK(rootfs_pivot(&b->r, &b->err));
    CHECK(access("/in", F_OK) == 0);
}

static void sysctl(struct box *b) {
    CHECK_OK(unshare(CLONE_NEWNET | CLONE_NEWUTS));
    CHECK_OK(rootfs_sysctl(&b->r, "net/ipv4/ip_forward", "1", &b->err));
    CHECK(strcmp(text_of("/proc/sys/net/ipv4/ip_forward"), "1\n") == 0);
    CHECK_OK(rootfs_sysctl(&b->r, "kernel/domainname", "nook.test", &b->err));
    CHECK(strcmp(text_of("/proc/sys/kernel/domainname"), "nook.test\n") == 0);
    CHECK(rootfs_sysctl(&b->r, "net/no/such", "1", &b->err) < 0 && b->err.err == ENOENT && b->err.hint[0]);
    CHECK(rootfs_sysctl(&b->r, "net/../../sysrq-trigger", "h", &b->err) < 0);
}

// A bind over /proc/sys (CVE-2025-52881): refused, or the real one is set; the fake is never written.
static void fake_sysctl(struct box *b) {
    make_dir(b, "root/proc");
    make_dir(b, "fake");
    make_dir(b, "fake/net");
    make_dir(b, "fake/net/ipv4");
    make_file(b, "fake/net/ipv4/ip_forward", "fake");
    CHECK_OK(unshare(CLONE_NEWNET));
    CHECK_OK(mount(in(b, "fake"), "/proc/sys", NULL, MS_BIND, NULL));
    CHECK(rootfs_sysctl(&b->r, "net/ipv4/ip_forward", "1", &b->err) < 0 && b->err.err == EXDEV);
    CHECK(strcmp(text_of(in(b, "fake/net/ipv4/ip_forward")), "fake") == 0);
    box_attach(b, 0);
    CHECK(rootfs_sysctl(&b->r, "net/ipv4/ip_forward", "1", &b->err) < 0); // no procfs there
    mount_proc(b);
    CHECK_OK(rootfs_sysctl(&b->r, "net/ipv4/ip_forward", "1", &b->err));
    CHECK(strcmp(text_of(in(b, "root/proc/sys/net/ipv4/ip_forward")), "1\n") == 0);
    CHECK(strcmp(text_of(in(b, "fake/net/ipv4/ip_forward")), "fake") == 0);
}

static void no_procfs(struct box *b) {
    struct rootfs r = ROOTFS_INIT;
    CHECK_OK(mount("fake", "/proc", "tmpfs", 0, NULL));
    CHECK(rootfs_open_proc(&r, &b->err) < 0 && strcmp(b->err.code, "host.proc") == 0);
    CHECK_OK(mount("fake", "/dev", "tmpfs", 0, NULL));
    CHECK_OK(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 5)));
    CHECK(rootfs_open_null(&r, &b->err) < 0 && strcmp(b->err.code, "host.dev_null") == 0);
    rootfs_close(&r);
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
IN_EACH_BOX(pivot_readonly)
IN_EACH_BOX(pivot_leaves_nothing)
IN_EACH_BOX(no_pivot)
IN_EACH_BOX(sysctl)
IN_EACH_BOX(fake_sysctl)
IN_ONE_BOX(plain_chroot)
IN_ONE_BOX(pivot_in_chroot)
IN_ONE_BOX(not_a_directory)
IN_ONE_BOX(out_of_reach)
IN_ONE_BOX(no_procfs)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pivot_readonly),  cmocka_unit_test(test_pivot_leaves_nothing),
        cmocka_unit_test(test_no_pivot),        cmocka_unit_test(test_sysctl),
        cmocka_unit_test(test_fake_sysctl),     cmocka_unit_test(test_plain_chroot),
        cmocka_unit_test(test_pivot_in_chroot), cmocka_unit_test(test_not_a_directory),
        cmocka_unit_test(test_out_of_reach),    cmocka_unit_test(test_no_procfs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
