// SPDX-License-Identifier: Apache-2.0
// lib/proc and lib/nsset, with pidfds and where a filter denies them.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/nsset.h"
#include "lib/proc.h"
#include "lib/sys.h"

// ---------------------------------------------------------------- help

static pid_t sleeper(void) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    assert_true(pid > 0);
    return pid;
}

static void reap(pid_t pid) {
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void deny_pidfds(int errnum) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(99);
}

// Runs a test's body in a child, where a filter stays. It returns the number of the line that failed.
#define CHECK(condition)     \
    do {                     \
        if (!(condition))    \
            return __LINE__; \
    } while (0)

static void without_pidfds(int errnum, int (*body)(void)) {
    int pair[2], line = -1;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        deny_pidfds(errnum);
        line = body();
        _exit(write(pair[1], &line, sizeof(line)) != sizeof(line));
    }
    close(pair[1]);
    assert_int_equal(read(pair[0], &line, sizeof(line)), sizeof(line));
    close(pair[0]);
    reap(pid);
    if (line)
        fail_msg("line %d", line);
}

// ---------------------------------------------------------------- identity

static void identifies_itself(void **state) {
    (void)state;
    struct proc_id id;
    assert_int_equal(proc_identify(getpid(), &id), 0);
    assert_true(id.start_time > 0);
    assert_int_equal(strlen(id.boot_id), 36);
    assert_int_equal(proc_check(&id), PROC_ALIVE);
    cleanup_proc struct proc_handle p;
    assert_int_equal(proc_hold(&id, &p), 0);
    assert_true(p.pidfd >= 0);
    assert_int_equal(proc_poll_timeout(&p), -1);
    assert_false(proc_wait(&p, 10));
}

static void reused_pids_and_other_boots_are_gone(void **state) {
    (void)state;
    struct proc_id id, none = { 0 };
    struct proc_handle p;
    assert_int_equal(proc_identify(getpid(), &id), 0);
    struct proc_id other = id;
    other.start_time++;
    assert_int_equal(proc_check(&other), PROC_GONE);
    assert_int_equal(proc_hold(&other, &p), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(p.pidfd, -1);
    proc_release(&p);
    other = id;
    other.boot_id[0] = other.boot_id[0] == 'f' ? '0' : 'f';
    assert_int_equal(proc_check(&other), PROC_GONE);
    assert_int_equal(proc_hold(&other, &p), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(proc_check(&none), PROC_GONE);
    assert_int_equal(proc_hold(&none, &p), -1);
    assert_int_equal(errno, ESRCH);
}

static void zombies_are_told_from_the_living(void **state) {
    (void)state;
    struct proc_id id;
    cleanup_proc struct proc_handle p;
    pid_t pid = sleeper();
    assert_int_equal(proc_identify(pid, &id), 0);
    assert_int_equal(proc_check(&id), PROC_ALIVE);
    assert_int_equal(proc_hold(&id, &p), 0);
    assert_int_equal(proc_signal(&p, SIGKILL), 0);
    assert_true(proc_wait(&p, 5000));
    assert_int_equal(proc_check(&id), PROC_ZOMBIE);
    reap(pid);
    assert_int_equal(proc_check(&id), PROC_GONE);
    assert_int_equal(proc_signal(&p, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(proc_identify(pid, &id), -1);
    assert_int_equal(errno, ESRCH);
}

static void *live_on(void *arg) {
    for (;;)
        pause();
    return arg;
}

// Java does so, and so may a container's program.
static void a_process_without_its_first_thread_lives(void **state) {
    (void)state;
    struct proc_id id;
    cleanup_proc struct proc_handle p;
    char path[32], text[256] = "";
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pthread_create(&thread, NULL, live_on, NULL) == 0)
            syscall(SYS_exit, 0);
        _exit(1);
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 1000 && !strstr(text, ") Z "); i++) {
        poll(NULL, 0, 5);
        assert_true(fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0);
    }
    assert_non_null(strstr(text, ") Z "));
    assert_int_equal(proc_identify(pid, &id), 0);
    assert_int_equal(proc_check(&id), PROC_ALIVE);
    assert_int_equal(proc_hold(&id, &p), 0);
    assert_false(proc_wait(&p, 10));
    assert_int_equal(proc_signal(&p, SIGKILL), 0);
    assert_true(proc_wait(&p, 5000));
    assert_int_equal(proc_check(&id), PROC_ZOMBIE);
    reap(pid);
}

static void names_with_parentheses_are_read_right(void **state) {
    (void)state;
    struct proc_id before, after;
    char name[17] = "";
    cleanup_fd int fd = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, name, sizeof(name) - 1) > 0);
    assert_int_equal(proc_identify(getpid(), &before), 0);
    assert_int_equal(write(fd, "a) Z 1 (b", 9), 9);
    assert_int_equal(proc_identify(getpid(), &after), 0);
    assert_true(before.start_time == after.start_time);
    assert_int_equal(proc_check(&after), PROC_ALIVE);
    assert_true(write(fd, name, strcspn(name, "\n")) > 0);
}

// ---------------------------------------------------------------- where there are no pidfds

static int life_of_another(void) {
    struct proc_id id;
    struct proc_handle p;
    pid_t pid = sleeper();
    CHECK(proc_identify(pid, &id) == 0);
    CHECK(proc_hold(&id, &p) == 0 && p.pidfd == -1 && !p.child);
    CHECK(proc_poll_timeout(&p) > 0);
    CHECK(!proc_wait(&p, 0) && !proc_wait(&p, 20));
    CHECK(proc_signal(&p, 0) == 0);
    CHECK(proc_signal(&p, SIGKILL) == 0);
    CHECK(proc_wait(&p, 5000)); // a zombie has ended
    CHECK(proc_hold(&id, &p) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(proc_wait(&p, 0));
    CHECK(proc_signal(&p, 0) == -1 && errno == ESRCH);
    CHECK(proc_hold(&id, &p) == -1 && errno == ESRCH);
    return 0;
}

static int nobody_else_is_signalled(void) {
    struct proc_id id;
    struct proc_handle p;
    pid_t pid = sleeper();
    CHECK(proc_identify(pid, &id) == 0 && proc_hold(&id, &p) == 0);
    p.id.start_time--; // as if the pid had been given to somebody new
    CHECK(proc_signal(&p, SIGKILL) == -1 && errno == ESRCH);
    CHECK(proc_wait(&p, 0));
    id.start_time--;
    CHECK(proc_hold(&id, &p) == -1 && errno == ESRCH);
    CHECK(waitpid(pid, NULL, WNOHANG) == 0);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
    struct proc_handle none = PROC_HANDLE_NONE;
    CHECK(proc_signal(&none, SIGKILL) == -1 && errno == ESRCH); // and not kill(0): our whole group
    return 0;
}

static int life_of_a_child(void) {
    pid_t pid = sleeper();
    struct proc_handle p = proc_child(pid, -1);
    CHECK(!proc_wait(&p, 5));
    CHECK(proc_signal(&p, SIGTERM) == 0);
    CHECK(proc_wait(&p, -1));
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM); // it was not reaped
    CHECK(proc_wait(&p, 0));
    return 0;
}

// CLONE_PIDFD works where pidfd_send_signal(2) is blocked.
static int pidfd_that_cannot_signal(void) {
    int pidfd = -1;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid == 0)
        for (;;)
            pause();
    CHECK(pid > 0 && pidfd >= 0);
    struct proc_handle p = proc_child(pid, pidfd);
    CHECK(!proc_wait(&p, 5));
    CHECK(proc_signal(&p, SIGKILL) == 0);
    CHECK(proc_wait(&p, 5000));
    CHECK(waitpid(pid, NULL, 0) == pid);
    proc_release(&p);
    CHECK(fcntl(pidfd, F_GETFD) >= 0); // it is not the handle's
    return 0;
}

static void fallbacks(void **state) {
    (void)state;
    static const int codes[] = { ENOSYS, EPERM };
    for (size_t i = 0; i < 2; i++) {
        without_pidfds(codes[i], life_of_another);
        without_pidfds(codes[i], nobody_else_is_signalled);
        without_pidfds(codes[i], life_of_a_child);
        without_pidfds(codes[i], pidfd_that_cannot_signal);
    }
}

// ---------------------------------------------------------------- namespaces

enum { KINDS = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET };

static bool same_namespace(pid_t a, pid_t b, const char *kind) {
    char path[64];
    struct stat x, y;
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)a, kind);
    if (stat(path, &x) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)b, kind);
    return stat(path, &y) == 0 && x.st_ino == y.st_ino;
}

static int join_another(uint64_t flags, bool pidfds) {
    static const struct {
        uint64_t flag;
        const char *name;
    } kinds[] = { { CLONE_NEWUTS, "uts" },
                  { CLONE_NEWIPC, "ipc" },
                  { CLONE_NEWNS, "mnt" },
                  { CLONE_NEWNET, "net" },
                  { CLONE_NEWUSER, "user" } };
    struct proc_id id;
    struct proc_handle p;
    struct nsset set;
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!write(ready[1], unshare((int)flags) < 0 ? "n" : "y", 1);
        for (;;)
            pause();
    }
    char answer = 0;
    CHECK(read(ready[0], &answer, 1) == 1 && answer == 'y');
    CHECK(proc_identify(pid, &id) == 0 && proc_hold(&id, &p) == 0);
    CHECK(nsset_open(&p, flags, &set) == 0);
    CHECK((set.pidfd >= 0) == pidfds);
    CHECK(nsset_fd(&set, CLONE_NEWUTS) >= 0);
    CHECK((nsset_fd(&set, CLONE_NEWPID) >= 0) == pidfds); // not asked for
    CHECK(!same_namespace(getpid(), pid, "uts"));
    CHECK(nsset_join(&set, flags) == 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        CHECK(!(flags & kinds[i].flag) || same_namespace(getpid(), pid, kinds[i].name));
    nsset_close(&set);
    nsset_close(&set);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(nsset_open(&p, flags, &set) < 0 || pidfds);
    return 0;
}

static int join_by_files(void) {
    return join_another(KINDS, false);
}

static int join_with_user_namespace(void) {
    return join_another(CLONE_NEWUTS | CLONE_NEWUSER, false);
}

static int join_by_pidfd(void) {
    return join_another(KINDS, true);
}

static void namespaces_are_joined(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    without_pidfds(ENOSYS, join_by_files);
    without_pidfds(ENOSYS, join_with_user_namespace);
    pid_t pid = fork();
    if (pid == 0)
        _exit(join_by_pidfd() != 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int by_number(void) {
    pid_t pid = sleeper();
    int status;
    CHECK(proc_signal_number(sys_pidfd_open(pid, 0), pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
    return 0;
}

// Who has the number of somebody who is gone is not meant. Where there are no pidfds, the number has to do.
static void a_number_does_not_stand_for_a_pidfd(void **state) {
    (void)state;
    pid_t gone = sleeper(), other = sleeper();
    cleanup_fd int fd = sys_pidfd_open(gone, 0);
    assert_int_equal(kill(gone, SIGKILL), 0);
    reap(gone);
    assert_int_equal(proc_signal_number(fd, other, SIGKILL), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
    assert_int_equal(proc_signal_number(-1, other, SIGKILL), 0);
    reap(other);
    without_pidfds(ENOSYS, by_number);
    without_pidfds(EPERM, by_number);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifies_itself),
        cmocka_unit_test(reused_pids_and_other_boots_are_gone),
        cmocka_unit_test(zombies_are_told_from_the_living),
        cmocka_unit_test(a_process_without_its_first_thread_lives),
        cmocka_unit_test(names_with_parentheses_are_read_right),
        cmocka_unit_test(fallbacks),
        cmocka_unit_test(a_number_does_not_stand_for_a_pidfd),
        cmocka_unit_test(namespaces_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
