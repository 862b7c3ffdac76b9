// SPDX-License-Identifier: Apache-2.0
// Whom the signal for a listed number reaches. The "cgroup" is a directory whose cgroup.procs is a FIFO, so
// that each look into it finds what the test wants; the listed process is a child of ours.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/cgroup_fixture.h"

static char dir[] = "/tmp/nook-unit-signal.XXXXXX";
static char procs[sizeof(dir) + 16];
static struct cgroup_place place = { .controllers = "freezer", .dir = dir };
static pid_t listed;

static pid_t sleeper(void) {
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        for (;;)
            pause();
    }
    return pid;
}

static int setup(void **state) {
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/nook-unit-signal.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", dir);
    listed = sleeper();
    return mkfifo(procs, 0600);
}

static int teardown(void **state) {
    (void)state;
    kill(listed, SIGKILL);
    waitpid(listed, NULL, 0);
    unlink(procs);
    arena_free(&arena);
    return rmdir(dir);
}

// Who opens the FIFO next time reads `text`; who comes after that finds another one.
static void serve(const char *text) {
    cleanup_fd int fd = open(procs, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || unlink(procs) < 0 || mkfifo(procs, 0600) < 0 || fd_write_all(fd, text, strlen(text)) < 0)
        _exit(1);
}

// The signal is sent while the looks find these.
static void signal_with_looks(const char *first, const char *second) {
    pid_t server = fork();
    if (server == 0) {
        serve(first);
        serve(second);
        _exit(0);
    }
    assert_int_equal(cgroup_signal(&place, 1, SIGTERM, &err), 0);
    int status;
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_int_equal(status, 0);
}

static char *number(pid_t pid) {
    return arena_printf(&arena, "%d\n", (int)pid);
}

static void who_stays_is_reached(void **state) {
    (void)state;
    int status;
    signal_with_looks(number(listed), number(listed));
    assert_int_equal(waitpid(listed, &status, 0), listed);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    listed = sleeper();
}

// What has the number now is not in the cgroup.
static void who_has_got_the_number_is_spared(void **state) {
    (void)state;
    signal_with_looks(number(listed), "");
    poll(NULL, 0, 20);
    assert_int_equal(waitpid(listed, NULL, WNOHANG), 0);
}

// They are looked at in batches.
static void many(void **state) {
    (void)state;
    enum { MANY = 100 };
    pid_t pids[MANY];
    char *text = arena_printf(&arena, "%s", "");
    for (int i = 0; i < MANY; i++) {
        pids[i] = sleeper();
        text = arena_printf(&arena, "%s%d\n", text, (int)pids[i]);
    }
    pid_t server = fork();
    if (server == 0) {
        for (int i = 0; i < 3; i++) // one look, and one for each batch
            serve(text);
        _exit(0);
    }
    assert_int_equal(cgroup_signal(&place, 1, SIGTERM, &err), 0);
    for (int i = 0; i < MANY; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(WTERMSIG(status), SIGTERM);
    }
    assert_int_equal(waitpid(server, NULL, 0), server);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_stays_is_reached),
        TEST(who_has_got_the_number_is_spared),
        TEST(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
