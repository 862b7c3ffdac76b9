// SPDX-License-Identifier: Apache-2.0
// Unit tests of clone: namespace files of the right and of the wrong kind; a plain child; and, with root, new
// and borrowed namespaces and id maps.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "runtime/launch/clone.h"

static struct error error;

// ---------------------------------------------------------------- namespace files

static void right_kinds(void **state) {
    (void)state;
    for (int kind = 0; kind < N_NAMESPACES; kind++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_files[kind]);
        if (access(path, F_OK) < 0)
            continue; // this kernel does not have it
        cleanup_fd int fd =
            namespace_open(path, (enum spec_namespace_kind)kind, "/linux/namespaces/0/path", &error);
        if (fd < 0)
            fail_msg("%s: %s", path, error.msg);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    }
}

static void check_refused(const char *path, enum spec_namespace_kind kind, const char *code,
                          const char *text) {
    error = (struct error){ 0 };
    assert_int_equal(namespace_open(path, kind, "/linux/namespaces/4/path", &error), -1);
    assert_string_equal(error.code, code);
    assert_string_equal(error.origin, "/linux/namespaces/4/path");
    if (!strstr(error.msg, text))
        fail_msg("want \"%s\" in \"%s\"", text, error.msg);
}

static void wrong_kinds(void **state) {
    (void)state;
    check_refused("/proc/self/ns/net", NS_UTS, "namespace.wrong-kind",
                  "/proc/self/ns/net is a namespace of kind net, not uts");
    check_refused("/proc/self/ns/mnt", NS_PID, "namespace.wrong-kind", "of kind mnt, not pid");
    check_refused("/proc/self/ns/user", NS_CGROUP, "namespace.wrong-kind", "of kind user, not cgroup");
}

static void no_namespaces(void **state) {
    (void)state;
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "/tmp/nook-unit-fifo.%d", (int)getpid());
    check_refused("/dev/null", NS_NETWORK, "namespace.wrong-kind", "/dev/null is not a namespace");
    check_refused("/proc/self/status", NS_NETWORK, "namespace.wrong-kind", "is not a namespace");
    check_refused("/tmp", NS_NETWORK, "namespace.wrong-kind", "is not a namespace");
    // Opening one must not wait for a writer.
    assert_int_equal(mkfifo(fifo, 0600), 0);
    check_refused(fifo, NS_NETWORK, "namespace.wrong-kind", "is not a namespace");
    unlink(fifo);
}

static void missing_files(void **state) {
    (void)state;
    check_refused("/nonexistent/ns", NS_IPC, "namespace.unavailable", "/nonexistent/ns");
    assert_int_equal(error.err, ENOENT);
    assert_true(error.hint[0]);
}

// ---------------------------------------------------------------- children

static struct clone_request fresh_request(int (*entry)(void *), void *arg) {
    struct clone_request r = {
        .cgroup_fd = -1, .join_user = -1, .join_user_flags = CLONE_NEWUSER, .entry = entry, .arg = arg
    };
    for (int i = 0; i < N_NAMESPACES; i++)
        r.join[i] = -1;
    return r;
}

// Clones, waits for the child, returns its exit code.
static int clone_and_wait(const struct clone_request *r) {
    struct clone_result out;
    bool in_cgroup = true;
    int status;
    if (clone_process(r, &in_cgroup, &out, &error) < 0)
        return -1;
    assert_false(in_cgroup);
    assert_false(out.in_cgroup);
    assert_true(out.pidfd >= 0);
    assert_int_equal(fcntl(out.pidfd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(waitpid(out.pid, &status, 0), out.pid);
    fd_close(&out.pidfd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

static ino_t inode(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static int return_number(void *arg) {
    return *(int *)arg;
}

static void plain_child(void **state) {
    (void)state;
    int number = 42;
    struct clone_request r = fresh_request(return_number, &number);
    assert_int_equal(clone_and_wait(&r), 42);
}

static void need_root(void) {
    if (geteuid() != 0)
        skip();
}

struct seen {
    const char *file;
    ino_t before;
};
static int differs(void *arg) {
    const struct seen *s = arg;
    return inode(s->file) != s->before;
}

static void new_namespace(void **state) {
    (void)state;
    need_root();
    struct seen s = { "/proc/self/ns/uts", inode("/proc/self/ns/uts") };
    struct clone_request r = fresh_request(differs, &s);
    assert_int_equal(clone_and_wait(&r), 0);
    r.flags = CLONE_NEWUTS;
    assert_int_equal(clone_and_wait(&r), 1);
}

// A process that stays in namespaces of its own until it is killed.
static int sleeper(void *arg) {
    (void)arg;
    pause();
    return 0;
}

static struct clone_result start_sleeper(uint64_t flags) {
    struct clone_result out;
    bool in_cgroup;
    struct clone_request r = fresh_request(sleeper, NULL);
    r.flags = flags;
    if (clone_process(&r, &in_cgroup, &out, &error) < 0)
        fail_msg("%s", error.msg);
    return out;
}

static void stop_sleeper(struct clone_result *c) {
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    fd_close(&c->pidfd);
}

static void borrowed_namespaces_are_given_back(void **state) {
    (void)state;
    need_root();
    struct clone_result other = start_sleeper(CLONE_NEWUTS | CLONE_NEWIPC);
    ino_t uts = inode("/proc/self/ns/uts"), ipc = inode("/proc/self/ns/ipc");
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)other.pid);
    struct seen s = { "/proc/self/ns/uts", inode(path) };
    struct clone_request r = fresh_request(differs, &s);
    r.join[NS_UTS] = namespace_open(path, NS_UTS, "", &error);
    assert_int_equal(clone_and_wait(&r), 0); // the child is in it
    assert_int_equal(inode("/proc/self/ns/uts"), uts);
    // Also when the second one cannot be had.
    cleanup_fd int null = open("/dev/null", O_RDONLY);
    r.join[NS_IPC] = r.join[NS_UTS]; // of another kind: setns(2) says EINVAL
    r.join[NS_UTS] = -1;
    r.join[NS_NETWORK] = null;
    assert_int_equal(clone_and_wait(&r), -1);
    assert_string_equal(error.code, "namespace.join-failed");
    assert_int_equal(inode("/proc/self/ns/uts"), uts);
    assert_int_equal(inode("/proc/self/ns/ipc"), ipc);
    fd_close(&r.join[NS_IPC]);
    stop_sleeper(&other);
}

static int am_root_inside(void *arg) {
    const struct seen *s = arg;
    return inode(s->file) == s->before && setresuid(0, 0, 0) == 0 && getuid() == 0;
}

static void id_maps_and_joined_user_namespace(void **state) {
    (void)state;
    need_root();
    struct clone_result owner = start_sleeper(CLONE_NEWUSER);
    if (clone_write_id_maps(owner.pid, "0 100000 10\n", "0 200000 10\n", &error) < 0)
        fail_msg("%s", error.msg);
    char path[64], text[128];
    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)owner.pid);
    assert_true(fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0);
    unsigned inside, outside, size;
    assert_int_equal(sscanf(text, "%u %u %u", &inside, &outside, &size), 3);
    assert_int_equal(outside, 100000);
    // A second time they cannot be written.
    assert_int_equal(clone_write_id_maps(owner.pid, "0 100000 10\n", "0 200000 10\n", &error), -1);
    assert_string_equal(error.code, "idmap.failed");

    // Whose intermediate parent is gone is a child of ours.
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)owner.pid);
    struct seen s = { "/proc/self/ns/user", inode(path) };
    struct clone_request r = fresh_request(am_root_inside, &s);
    r.join_user = namespace_open(path, NS_USER, "", &error);
    r.flags = CLONE_NEWUTS;
    assert_int_equal(clone_and_wait(&r), 1);
    fd_close(&r.join_user);

    // What the intermediate could not do is told.
    cleanup_fd int null = open("/dev/null", O_RDONLY);
    r.join_user = null;
    assert_int_equal(clone_and_wait(&r), -1);
    assert_string_equal(error.code, "namespace.join-failed");
    assert_true(waitpid(-1, NULL, WNOHANG) == 0); // nobody but the owner is left
    stop_sleeper(&owner);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_kinds),
        cmocka_unit_test(wrong_kinds),
        cmocka_unit_test(no_namespaces),
        cmocka_unit_test(missing_files),
        cmocka_unit_test(plain_child),
        cmocka_unit_test(new_namespace),
        cmocka_unit_test(borrowed_namespaces_are_given_back),
        cmocka_unit_test(id_maps_and_joined_user_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
