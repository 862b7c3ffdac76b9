// SPDX-License-Identifier: Apache-2.0
// Ids, groups, HOME, standard descriptors and the session keyring.
#include "config.h"

#include "tests/unit/process_test.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/process/keyring.h"
#include "runtime/process/labels.h"
#include "runtime/process/stdio.h"
#include "runtime/process/user.h"

static struct error err;
static char home[256];

static const char *home_of(uint32_t uid) {
    cleanup_fd int root = open(test_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    user_home(root, uid, home, sizeof(home));
    return home;
}

static int make_etc(void **state) {
    return make_test_dir(state) || mkdir(in_dir("etc"), 0755);
}

static void test_home(void **state) {
    (void)state;
    assert_string_equal(home_of(0), "/"); // no file
    make_text("etc/passwd",
              "root:x:0:0:root:/root:/bin/sh\n"
              "1000:x:0:0::/wrong:/bin/sh\n" // a name made of digits is no id
              "a:x:+1000:1:::\n"
              "b:x: 1000:1::/wrong:\n"
              "c:x:01x:1::/wrong:\n"
              "d:x:1001\n"
              ":x:1001:0::/wrong:/bin/sh\n"
              "d:x:1001:0::relative:/bin/sh\n"
              "d:x:1001:0::/home/d:/bin/sh\n"
              "d:x:1001:0::/second:/bin/sh\n"
              "\n"
              "e:x:4294967294:0:a,b,c:/home/e\n"
              "f:x:1002:0::/last:/bin/sh",
              0644);
    assert_string_equal(home_of(0), "/root");
    assert_string_equal(home_of(1000), "/");
    assert_string_equal(home_of(1001), "/home/d");
    assert_string_equal(home_of(1), "/");
    assert_string_equal(home_of(4294967294U), "/home/e");
    assert_string_equal(home_of(1002), "/last");
}

static void test_home_hostile(void **state) {
    (void)state;
    // A line longer than the reader's window, then a good one.
    size_t n = 20000;
    static char text[20100];
    memset(text, 'x', n);
    str_copy(text + n, 100, ":x:7:7::/wrong:/bin/sh\nok:x:7:7::/seven:/bin/sh\n");
    make_text("etc/passwd", text, 0644);
    assert_string_equal(home_of(7), "/seven");
    // A home longer than the buffer, and one with a NUL.
    snprintf(text, 100, "a:x:8:8::/");
    memset(text + 10, 'y', 300);
    str_copy(text + 310, 100, ":/bin/sh\n");
    make_text("etc/passwd", text, 0644);
    assert_string_equal(home_of(8), "/");
    make_file("etc/passwd", "a:x:8:8::/a\0b:/bin/sh\n", 22, 0644);
    assert_string_equal(home_of(8), "/");
    // Nothing that is not a small regular file in the root.
    assert_int_equal(truncate(in_dir("etc/passwd"), 2 << 20), 0);
    assert_string_equal(home_of(8), "/");
    unlink(in_dir("etc/passwd"));
    assert_int_equal(mkfifo(in_dir("etc/passwd"), 0644), 0);
    assert_string_equal(home_of(8), "/"); // and does not hang
    unlink(in_dir("etc/passwd"));
    assert_int_equal(symlink("/etc/passwd", in_dir("etc/passwd")), 0);
    assert_string_equal(home_of(0), "/");
    unlink(in_dir("etc/passwd"));
}

static int become(void *arg) {
    (void)arg;
    uint32_t groups[] = { 5, 27, 1 };
    struct spec_user user = { .uid = 1000, .gid = 1001, .additional_gids = groups, .n_additional_gids = 3 };
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    gid_t now[8];
    CHECK(user_set_groups(&user, proc, &err) == 0);
    CHECK(getgroups(8, now) == 3);
    user.n_additional_gids = 0;
    CHECK(user_set_groups(&user, proc, &err) == 0);
    CHECK(getgroups(8, now) == 0);
    user_set_umask(&user);
    CHECK(umask(0) == 0022);
    user.has_umask = true;
    user.umask = 077;
    user_set_umask(&user);
    CHECK(umask(0) == 077);
    CHECK(user_become(&user, false, &err) == 0);
    uid_t r;
    uid_t e;
    uid_t s;
    CHECK(getresuid(&r, &e, &s) == 0 && r == 1000 && e == 1000 && s == 1000);
    CHECK(getresgid(&r, &e, &s) == 0 && r == 1001 && e == 1001 && s == 1001);
    // Without the right: the very list that we have is no error, any other is.
    CHECK(user_set_groups(&user, proc, &err) == 0);
    user.n_additional_gids = 2;
    CHECK(user_set_groups(&user, proc, &err) == -1 && err.err == EPERM);
    user.uid = 0;
    CHECK(user_become(&user, false, &err) == -1);
    CHECK(strcmp(err.origin, "/process/user/uid") == 0);
    return 0;
}

static int leftover_groups(void *arg) {
    (void)arg;
    gid_t some[] = { 4, 20, 27 };
    struct spec_user user = { .uid = 1000, .gid = 1000 };
    CHECK(setgroups(3, some) == 0);
    CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
    CHECK(user_set_groups(&user, -1, &err) == -1 && err.err == EPERM); // not in silence
    return 0;
}

// In a user namespace that denies setgroups the groups stay: an empty list is no error then, a longer one is.
static int denied_groups(void *arg) {
    (void)arg;
    uint32_t more[] = { 0, 0 };
    gid_t some[] = { 4, 20, 27 };
    struct spec_user user = { .uid = 0, .gid = 0 };
    CHECK(setgroups(3, some) == 0);
    CHECK(unshare(CLONE_NEWUSER) == 0);
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd_write_file(proc, "self/setgroups", "deny", 4) == 0);
    CHECK(fd_write_file(proc, "self/uid_map", "0 0 1", 5) == 0);
    CHECK(fd_write_file(proc, "self/gid_map", "0 0 1", 5) == 0);
    CHECK(user_set_groups(&user, proc, &err) == 0);
    CHECK(user_set_groups(&user, -1, &err) == 0); // as it is after `start`
    user.additional_gids = more;
    user.n_additional_gids = 2;
    CHECK(user_set_groups(&user, -1, &err) == -1 && err.err == EPERM && err.hint[0]);
    return 0;
}

static void test_become(void **state) {
    (void)state;
    struct spec_user nobody = { .uid = UINT32_MAX, .gid = 0 };
    assert_int_equal(user_become(&nobody, false, &err), -1);
    nobody = (struct spec_user){ .uid = 0, .gid = UINT32_MAX };
    assert_int_equal(user_become(&nobody, false, &err), -1);
    if (geteuid() != 0)
        skip();
    in_child(become, NULL);
    in_child(leftover_groups, NULL);
    in_child(denied_groups, NULL);
}

// ---------------------------------------------------------------- standard descriptors

static int give_away(void *arg) {
    (void)arg;
    int pair[2];
    int pipes[2];
    struct stat st;
    CHECK(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    int file = open(in_dir("file"), O_RDWR | O_CREAT, 0600);
    CHECK(dup2(pipes[0], 0) == 0 && dup2(pair[0], 1) == 1 && dup2(file, 2) == 2);
    CHECK(stdio_fix_owner(1000, 1001, &err) == 0);
    CHECK(fstat(0, &st) == 0 && st.st_uid == 1000 && st.st_gid == 1001);
    CHECK(fstat(1, &st) == 0 && st.st_uid == 1000);
    CHECK(fstat(2, &st) == 0 && st.st_uid == 0); // a regular file stays the host's
    int null_fd = open("/dev/null", O_RDWR);
    CHECK(dup2(null_fd, 0) == 0);
    CHECK(stdio_fix_owner(1000, 1001, &err) == 0);
    CHECK(stat("/dev/null", &st) == 0 && st.st_uid == 0);
    close(1);
    CHECK(stdio_fix_owner(1000, 1001, &err) == 0);
    return 0;
}

// CVE-2026-88265: /dev/null of the container is a link to a file of the host.
static int null_is_a_link(void *arg) {
    (void)arg;
    int pipes[2];
    struct stat before;
    struct stat after;
    int null_fd = open("/dev/null", O_RDWR);
    CHECK(pipe(pipes) == 0);
    CHECK(mkdir(in_dir("r"), 0755) == 0 && mkdir(in_dir("r/dev"), 0755) == 0);
    make_text("r/precious", "x", 0600);
    CHECK(symlink("/precious", in_dir("r/dev/null")) == 0);
    CHECK(chroot(in_dir("r")) == 0 && chdir("/") == 0);
    CHECK(dup2(pipes[0], 0) == 0 && dup2(pipes[1], 1) == 1);
    CHECK(fstat(0, &before) == 0);
    CHECK(stdio_reopen_null(false, &err) == 0); // 0 and 1 are pipes, 2 is whatever the test has
    CHECK(fstat(0, &after) == 0 && before.st_ino == after.st_ino);
    CHECK(dup2(null_fd, 2) == 2);
    CHECK(stdio_reopen_null(false, &err) == -1);
    CHECK(fstat(2, &before) == 0 && stdio_reopen_null(true, &err) == 0);
    CHECK(fstat(2, &after) == 0 && before.st_ino == after.st_ino); // left alone
    CHECK(unlink("/dev/null") == 0 && mknod("/dev/null", S_IFREG | 0666, 0) == 0);
    CHECK(stdio_reopen_null(false, &err) == -1);
    CHECK(unlink("/dev/null") == 0 && mkfifo("/dev/null", 0666) == 0);
    CHECK(stdio_reopen_null(false, &err) == -1);
    CHECK(unlink("/dev/null") == 0);
    CHECK(stdio_reopen_null(false, &err) == 0); // there is none
    CHECK(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) == 0);
    CHECK(stdio_reopen_null(false, &err) == 0);
    CHECK(fstat(2, &after) == 0 && stat("/dev/null", &before) == 0 && after.st_ino == before.st_ino);
    CHECK(after.st_dev == before.st_dev);
    return 0;
}

static void test_stdio(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    in_child(give_away, NULL);
    in_child(null_is_a_link, NULL);
}

// ---------------------------------------------------------------- keyring, labels

static int join_keyring(void *arg) {
    (void)arg;
    char warning[512] = "";
    int result = keyring_join("nook-unit-test", warning, sizeof(warning), &err);
    CHECK(result == 0 || (result == 1 && strstr(warning, "kernel.keys.maxkeys")));
    return 0;
}

static void test_keyring(void **state) {
    (void)state;
    in_child(join_keyring, NULL);
}

static void test_labels(void **state) {
    (void)state;
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(labels_check(NULL, NULL, &err), 0);
    assert_int_equal(labels_check("unconfined", NULL, &err), 0);
    assert_int_equal(labels_check_mounts(NULL, &err), 0);
    if (!labels_apparmor_enabled()) {
        assert_int_equal(labels_check("docker-default", NULL, &err), -1);
        assert_string_equal(err.code, "lsm.unavailable");
        assert_int_equal(labels_set_apparmor(proc, "unconfined", false, &err), 0);
        assert_int_equal(labels_set_apparmor(proc, "docker-default", false, &err), -1);
        assert_non_null(strstr(err.msg, "write `/proc/"));
        // Only that very word.
        assert_int_equal(labels_check("unconfined_x", NULL, &err), -1);
    }
    if (!labels_selinux_enabled()) {
        assert_int_equal(labels_check(NULL, "system_u:system_r:container_t:s0", &err), -1);
        assert_string_equal(err.origin, "/process/selinuxLabel");
        assert_int_equal(labels_check_mounts("system_u:object_r:container_file_t:s0", &err), 0);
    } else {
        assert_int_equal(labels_check_mounts("system_u:object_r:container_file_t:s0", &err), -1);
        assert_string_equal(err.code, "config.unsupported");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_home),  cmocka_unit_test(test_home_hostile), cmocka_unit_test(test_become),
        cmocka_unit_test(test_stdio), cmocka_unit_test(test_keyring),      cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests_name("user", tests, make_etc, remove_test_dir);
}
