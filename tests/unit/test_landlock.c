// SPDX-License-Identifier: Apache-2.0
// Tests of the signal scope: who is in it reaches its own, and nobody else.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/process/landlock.h"

static long abi(void) {
    return syscall(444, NULL, 0, 1);
}

static int scoped(void) {
    struct error err;
    pid_t outside = getppid();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return 1;
    int rc = landlock_scope_signals(&err);
    if (rc != (abi() < 6))
        return 2;
    if (rc == 1)
        return kill(outside, 0) == 0 ? 0 : 3;
    if (kill(outside, 0) == 0 || errno != EPERM)
        return 4;
    // Even with every capability. Its own descendants it reaches.
    pid_t child = fork();
    if (child == 0) {
        if (kill(outside, 0) == 0 || kill(getppid(), 0) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    int status;
    if (kill(child, SIGUSR2) < 0 || waitpid(child, &status, 0) != child)
        return 5;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2 ? 0 : 6;
}

static void scope(void **state) {
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(scoped());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int without_privileges(void) {
    struct error err = { 0 };
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 1;
    if (abi() < 6)
        return landlock_scope_signals(&err) == 1 ? 0 : 2;
    return landlock_scope_signals(&err) == -1 && err.err == EPERM ? 0 : 3;
}

static void needs_no_new_privs(void **state) {
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(without_privileges());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope),
        cmocka_unit_test(needs_no_new_privs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
