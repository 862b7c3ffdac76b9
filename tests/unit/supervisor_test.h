// SPDX-License-Identifier: Apache-2.0
// What the tests of the supervisor share: a container's process tree without a container, below a real
// supervisor (the image is nook itself), and a way to see from outside that nothing of it is left: each
// process of the tree holds the other end of a pipe, so that its end of file is the death of the last one.
#ifndef NOOK_TESTS_UNIT_SUPERVISOR_TEST_H
#define NOOK_TESTS_UNIT_SUPERVISOR_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "runtime/supervisor/set.h"
#include "runtime/supervisor/supervisor.h"
#include "state/state.h"

enum { LIMIT_MS = 2000 }; // what the issue allows from the request to the last process's end

static struct error error;

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define check_rc(rc, want)                                               \
    do {                                                                 \
        int rc_ = (rc);                                                  \
        if (rc_ != (want))                                               \
            fail_msg("%s: %d, not %d: %s", #rc, rc_, (want), error.msg); \
    } while (0)

// The nook that is tested: $NOOK, or the one of the build directory.
static int open_image(void) {
    const char *path = getenv("NOOK");
    int fd = open(path ? path : "./nook", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("no nook to be executed: set NOOK");
    return fd;
}

struct tree {
    pid_t supervisor;
    char path[64];
    int dir;    // the state directory
    int alive;  // end of file: nothing of the tree lives
    int report; // what the payload says
};

// In the payload's process: what the test wants it to be. report is a pipe. It returns the exit code.
typedef int (*payload_fn)(int report);

// -1: to nobody.
static void say(int report, char what) {
    if (report >= 0 && write(report, &what, 1) != 1)
        _exit(99);
}

// Runs in the process that is to become the supervisor, before the payload is made.
typedef void (*before_fn)(void);

static pid_t fork_payload(payload_fn fn, int alive, int report) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(98);
    const int keep[] = { alive, report };
    fd_close_other(3, keep, 2, -1);
    _exit(fn(report));
}

static void become_supervisor(const struct tree *t, payload_fn fn, before_fn before, struct supervisor *s,
                              int alive, int report) {
    struct error err = { 0 };
    int rc = supervisor_begin(&err);
    if (before)
        before();
    if (rc == 0) {
        s->payload = fork_payload(fn, alive, report);
        supervisor_exec(s, &err);
    }
    dprintf(2, "no supervisor of %s: %s\n", t->path, err.msg);
    _exit(97);
}

static struct tree tree_start_after(payload_fn fn, before_fn before) {
    struct tree t;
    int alive[2], report[2], ready[2];
    snprintf(t.path, sizeof(t.path), "/tmp/nook-unit-supervisor.XXXXXX");
    assert_non_null(mkdtemp(t.path));
    t.dir = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    struct supervisor s = { .role = SUPERVISOR_CONTAINER,
                            .label = "c1",
                            .image = open_image(),
                            .listen = state_listen_socket(t.dir, SUPERVISOR_SOCKET),
                            .link = -1,
                            .channel = -1,
                            .dir = t.dir,
                            .ready = ready[1] };
    assert_true(s.listen >= 0);
    t.supervisor = fork();
    assert_true(t.supervisor >= 0);
    if (t.supervisor == 0)
        become_supervisor(&t, fn, before, &s, alive[1], report[1]);
    close(s.image);
    close(s.listen);
    close(alive[1]);
    close(report[1]);
    close(ready[1]);
    check_rc(supervisor_await_ready(ready[0], 1, 10000, &error), 0);
    close(ready[0]);
    t.alive = alive[0];
    t.report = report[0];
    return t;
}

static struct tree tree_start(payload_fn fn) {
    return tree_start_after(fn, NULL);
}

// One byte of the payload's.
static char tree_hear(const struct tree *t) {
    char what = 0;
    struct pollfd p = { .fd = t->report, .events = POLLIN };
    if (poll(&p, 1, 10000) != 1 || read(t->report, &what, 1) != 1)
        fail_msg("the payload says nothing");
    return what;
}

// Has the last process of the tree ended, within that time?
static bool tree_is_gone(const struct tree *t, int timeout_ms) {
    char c;
    struct pollfd p = { .fd = t->alive, .events = POLLIN };
    return poll(&p, 1, timeout_ms) == 1 && read(t->alive, &c, 1) == 0;
}

// Waits for a child; wait(2)'s status.
static int await(pid_t pid) {
    int status = -1;
    int64_t end = now_ms() + 15000;
    for (pid_t got = 0; got == 0;) {
        got = waitpid(pid, &status, WNOHANG);
        if (got < 0 || (got == 0 && now_ms() > end))
            fail_msg("%d does not end", (int)pid);
        if (got == 0)
            poll(NULL, 0, 1);
    }
    return status;
}

static void tree_close(struct tree *t) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", t->path, SUPERVISOR_SOCKET);
    unlink(path);
    rmdir(t->path);
    close(t->dir);
    close(t->alive);
    close(t->report);
}

static void assert_killed(int status, int sig) {
    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        fail_msg("status 0x%x, not death by signal %d", (unsigned)status, sig);
}

static __attribute__((unused)) void assert_exited(int status, int code) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        fail_msg("status 0x%x, not exit code %d", (unsigned)status, code);
}

// ---------------------------------------------------------------- what a test that failed leaves

// Group setup: whatever is orphaned comes to us.
static int adopt(void **state) {
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

// Teardown.
static int clean(void **state) {
    (void)state;
    struct set all;
    pid_t some;
    set_open(&all);
    for (int64_t end = now_ms() + 10000; now_ms() < end;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            break;
        if (pid == 0 && set_kill(&all, &some) > 0)
            poll(NULL, 0, 1);
    }
    close(all.proc);
    close(all.children);
    return 0;
}

// ---------------------------------------------------------------- payloads

static int sleep_on(void) {
    while (pause() < 0)
        ;
    return 0;
}

static __attribute__((unused)) int plain(int report) {
    say(report, 'r');
    return sleep_on();
}

// A daemon in a session of its own, forked twice; it says 'd'.
static void daemonize(int report) {
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, 0);
            say(report, 'd');
            sleep_on();
        }
        _exit(0);
    }
}

static __attribute__((unused)) int with_daemon(int report) {
    daemonize(report);
    return sleep_on();
}

#endif
