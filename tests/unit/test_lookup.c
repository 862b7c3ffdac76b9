// SPDX-License-Identifier: Apache-2.0
// Looking up the program, and the texts that engines match on (engine-contract 2.1).
#include "config.h"

#include "tests/unit/process_test.h"

#include <errno.h>
#include <limits.h>

#include "runtime/process/lookup.h"

static struct error err;
static char found[PATH_MAX];

static int look(const char *name, const char *path) {
    const char *args[] = { name };
    char env[1024];
    snprintf(env, sizeof(env), "PATH=%s", path ? path : "");
    const char *envs[] = { "A=1", env, "PATH=/second/does/not/count" };
    struct spec_process p = {
        .args = args,
        .n_args = 1,
        .env = envs,
        .n_env = path ? 3 : 1,
        .user = { .uid = geteuid(), .gid = getegid() },
    };
    return lookup_executable(&p, found, sizeof(found), &err);
}

static int make_tree(void **state) {
    if (make_test_dir(state) < 0)
        return -1;
    make_text("tool", "#!/bin/sh\n", 0755);
    make_text("plain", "data\n", 0644);
    return mkdir(in_dir("sub"), 0755) || mkdir(in_dir("sub/tool"), 0755) || mkdir(in_dir("empty"), 0755) ||
           symlink("tool", in_dir("link")) || symlink("nowhere", in_dir("broken")) || chdir(test_dir);
}

static void test_found(void **state) {
    (void)state;
    char list[700];
    assert_int_equal(look(in_dir("tool"), NULL), 0);
    assert_string_equal(found, in_dir("tool"));
    assert_int_equal(look(in_dir("link"), NULL), 0);
    assert_int_equal(look("./tool", NULL), 0);
    assert_string_equal(found, "./tool");
    // A directory of that name, a missing and an empty one are passed over.
    snprintf(list, sizeof(list), "/no/such:%s/sub:%s/empty:%s", test_dir, test_dir, test_dir);
    assert_int_equal(look("tool", list), 0);
    assert_string_equal(found, in_dir("tool"));
    // Relative elements and empty ones mean the cwd.
    assert_int_equal(look("tool", "empty:."), 0);
    assert_string_equal(found, "./tool");
    assert_int_equal(look("tool", "empty::sub"), 0);
    assert_string_equal(found, "./tool");
    assert_int_equal(look("tool", "sub/.."), 0);
    assert_string_equal(found, "sub/../tool");
    assert_int_equal(look("tool", ""), 0);
    assert_int_equal(look("sh", NULL), 0); // the default PATH
    assert_true(strstr(found, "/sh") != NULL);
}

static void refuse(const char *name, const char *path, const char *text) {
    assert_int_equal(look(name, path), -1);
    assert_string_equal(error_line(&err), text);
}

static void test_texts(void **state) {
    (void)state;
    char text[1200];
    refuse("foo", "/bin", "exec: \"foo\": executable file not found in $PATH: No such file or directory");
    refuse("", "/bin", "exec: \"\": executable file not found in $PATH: No such file or directory");
    refuse("broken", ".", "exec: \"broken\": executable file not found in $PATH: No such file or directory");
    refuse("/no/x", "/bin", "exec: \"/no/x\": stat /no/x: no such file or directory");
    refuse(
        "/etc", "/bin",
        "exec: \"/etc\": permission denied: the path `/etc` is not a regular file: Operation not permitted");
    snprintf(text, sizeof(text), "exec: \"%s/plain\": permission denied", test_dir);
    refuse(in_dir("plain"), "/bin", text);
    refuse("plain", ".", "exec: \"plain\": permission denied");
    refuse("./tool/x", ".", "exec: \"./tool/x\": stat ./tool/x: not a directory");
    static char name[10000];
    memset(name, 'x', sizeof(name) - 1);
    name[0] = '/';
    assert_int_equal(look(name, "/bin"), -1);
    assert_int_equal(err.err, 0);
}

static int as_other_user(void *arg) {
    (void)arg;
    const char *args[] = { "./private" };
    struct spec_process p = { .args = args, .n_args = 1, .user = { .uid = 1000, .gid = 1000 } };
    CHECK(lookup_executable(&p, found, sizeof(found), &err) == -1);
    CHECK(strcmp(error_line(&err), "exec: \"./private\": permission denied") == 0);
    p.user.uid = 0;
    CHECK(lookup_executable(&p, found, sizeof(found), &err) == 0);
    // Back to who we were.
    CHECK(open("private", O_RDONLY | O_CLOEXEC) >= 0);
    return 0;
}

static void test_as_user(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    make_text("private", "#!/bin/sh\n", 0700);
    in_child(as_other_user, NULL);
}

static int enter(void *arg) {
    (void)arg;
    struct spec_user user = { .uid = geteuid(), .gid = getegid() };
    char text[300];
    CHECK(lookup_chdir(in_dir("new/dir"), &user, 0, &err) == -1);
    snprintf(text, sizeof(text),
             "chdir to cwd (\"%s/new/dir\") set in config.json failed: no such file or directory", test_dir);
    CHECK(strcmp(error_line(&err), text) == 0);
    CHECK(lookup_chdir(in_dir("new/dir"), &user, 1, &err) == 0);
    char now[PATH_MAX];
    CHECK(getcwd(now, sizeof(now)) && strcmp(now, in_dir("new/dir")) == 0);
    CHECK(lookup_chdir(in_dir("plain"), &user, 1, &err) == -1);
    CHECK(strstr(err.msg, "not a directory"));
    CHECK(lookup_chdir("/", &user, 1, &err) == 0);
    return 0;
}

// A cwd outside of the root, as after a chroot with a descriptor left open (CVE-2024-21626).
static int enter_outside(void *arg) {
    (void)arg;
    struct spec_user user = { .uid = 0, .gid = 0 };
    int outside = open("/", O_RDONLY | O_DIRECTORY);
    char link[64];
    CHECK(outside >= 0);
    CHECK(mkdir(in_dir("root"), 0755) == 0);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", outside);
    CHECK(chroot(in_dir("root")) == 0);
    CHECK(fchdir(outside) == 0);
    CHECK(lookup_chdir(".", &user, 0, &err) == -1);
    CHECK(strstr(err.msg, "outside of the container's root"));
    return 0;
}

static void test_chdir(void **state) {
    (void)state;
    in_child(enter, NULL);
    if (geteuid() == 0)
        in_child(enter_outside, NULL);
}

static int leave(void **state) {
    return chdir("/") || remove_test_dir(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_as_user),
        cmocka_unit_test(test_chdir),
    };
    return cmocka_run_group_tests_name("lookup", tests, make_tree, leave);
}
