// SPDX-License-Identifier: Apache-2.0
// Tests of what exec makes in a container without a PID namespace: the mirror and the exec supervisor.
#include "config.h"

#include "tests/unit/supervisor_test.h"

#include <sys/stat.h>

struct exec {
    pid_t mirror;
    struct tree t; // of the exec'ed process: alive and report only
};

static void become_exec(payload_fn fn, struct supervisor *s, int alive, int report) {
    struct error err = { 0 };
    if (supervisor_split(s, &err) == 0) {
        s->payload = fork_payload(fn, alive, report);
        supervisor_exec(s, &err);
    }
    dprintf(2, "no exec supervisor: %s\n", err.msg);
    _exit(97);
}

static struct exec exec_start(const struct tree *container, payload_fn fn) {
    struct exec x = { .t = { .dir = -1 } };
    int alive[2], report[2], ready[2];
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    struct supervisor s = { .label = "c1",
                            .image = open_image(),
                            .listen = -1,
                            .link = supervisor_join(container->dir, LIMIT_MS, &error),
                            .channel = -1,
                            .dir = -1,
                            .ready = ready[1] };
    if (s.link < 0)
        fail_msg("join: %s", error.msg);
    x.mirror = fork();
    if (x.mirror == 0)
        become_exec(fn, &s, alive[1], report[1]);
    close(s.image);
    close(s.link);
    close(alive[1]);
    close(report[1]);
    close(ready[1]);
    check_rc(supervisor_await_ready(ready[0], 2, 10000, &error), 0);
    close(ready[0]);
    x.t.alive = alive[0];
    x.t.report = report[0];
    return x;
}

static void exec_close(struct exec *x) {
    close(x->t.alive);
    close(x->t.report);
}

// The one child of a process.
static pid_t child_of(pid_t pid) {
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    assert_true(fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0);
    return (pid_t)strtol(text, NULL, 10);
}

static struct tree container(void) {
    struct tree t = tree_start(plain);
    tree_hear(&t);
    return t;
}

static void end(struct tree *t) {
    check_rc(supervisor_ask_kill(t->dir, LIMIT_MS, &error), 0);
    assert_true(tree_is_gone(t, 0));
    assert_killed(await(t->supervisor), SIGKILL);
    tree_close(t);
}

// ---------------------------------------------------------------- the mirror

static int planned;

static int end_as_planned(int report) {
    (void)report;
    if (planned >= 0)
        return planned;
    signal(-planned, SIG_DFL);
    kill(getpid(), -planned);
    return sleep_on();
}

static void mirrored(void **state) {
    (void)state;
    const int plans[] = { 0, 1, 42, 255, -SIGTERM, -SIGKILL, -SIGSEGV, -SIGUSR1 };
    struct tree t = container();
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        planned = plans[i];
        struct exec x = exec_start(&t, end_as_planned);
        int status = await(x.mirror);
        if (planned < 0)
            assert_killed(status, -planned);
        else
            assert_exited(status, planned);
        assert_true(tree_is_gone(&x.t, LIMIT_MS));
        // The exec supervisor comes to us, and has nothing more to do.
        assert_exited(await(-1), 0);
        exec_close(&x);
    }
    end(&t);
}

static volatile sig_atomic_t got;
static void take(int sig) {
    got = sig;
}

static int tell_signal(int report) {
    sigset_t mask;
    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    signal(SIGTERM, take);
    signal(SIGUSR1, take);
    say(report, 'r');
    sigemptyset(&mask);
    while (!got)
        sigsuspend(&mask);
    return got;
}

static int deaf(int report) {
    signal(SIGUSR1, SIG_IGN);
    return plain(report);
}

static void passed_on(void **state) {
    (void)state;
    struct tree t = tree_start(deaf);
    tree_hear(&t);
    struct exec x = exec_start(&t, tell_signal);
    assert_int_equal(tree_hear(&x.t), 'r');
    assert_int_equal(kill(x.mirror, SIGTERM), 0);
    assert_exited(await(x.mirror), SIGTERM);
    exec_close(&x);
    x = exec_start(&t, tell_signal);
    assert_int_equal(tree_hear(&x.t), 'r');
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGUSR1, LIMIT_MS, &error), 0);
    assert_exited(await(x.mirror), SIGUSR1);
    exec_close(&x);
    end(&t);
}

// conmon kills the pid that it was told.
static void mirror_is_killed(void **state) {
    (void)state;
    struct tree t = container();
    struct exec x = exec_start(&t, plain);
    tree_hear(&x.t);
    assert_int_equal(kill(x.mirror, SIGKILL), 0);
    assert_killed(await(x.mirror), SIGKILL);
    assert_true(tree_is_gone(&x.t, LIMIT_MS));
    assert_exited(await(-1), 0);
    exec_close(&x);
    end(&t);
}

// ---------------------------------------------------------------- the set

static int leave_daemon(int report) {
    daemonize(report);
    poll(NULL, 0, 20);
    return 5;
}

static void daemons_live_on(void **state) {
    (void)state;
    struct tree t = container();
    struct exec x = exec_start(&t, leave_daemon);
    assert_int_equal(tree_hear(&x.t), 'd');
    // Who waits for the exec does not wait for them.
    assert_exited(await(x.mirror), 5);
    assert_false(tree_is_gone(&x.t, 100));
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_true(tree_is_gone(&x.t, 0));
    assert_true(tree_is_gone(&t, 0));
    exec_close(&x);
    assert_killed(await(t.supervisor), SIGKILL);
    assert_exited(await(-1), 0);
    tree_close(&t);
}

static void many_execs(void **state) {
    (void)state;
    enum { MANY = 40 };
    struct exec x[MANY];
    struct tree t = container();
    for (int i = 0; i < MANY; i++) {
        x[i] = exec_start(&t, i % 2 ? leave_daemon : with_daemon);
        assert_int_equal(tree_hear(&x[i].t), 'd');
    }
    end(&t);
    for (int i = 0; i < MANY; i++) {
        assert_true(tree_is_gone(&x[i].t, 0));
        exec_close(&x[i]);
    }
}

// The end of a container is the end of all that runs in it.
static int end_when_told(int report) {
    signal(SIGUSR1, take);
    say(report, 'r');
    while (!got)
        poll(NULL, 0, 1);
    return 9;
}

static void payload_ends(void **state) {
    (void)state;
    struct tree t = tree_start(end_when_told);
    tree_hear(&t);
    struct exec x = exec_start(&t, with_daemon);
    assert_int_equal(tree_hear(&x.t), 'd');
    assert_int_equal(kill(t.supervisor, SIGUSR1), 0);
    assert_exited(await(t.supervisor), 9);
    // It waited for that.
    assert_true(tree_is_gone(&x.t, 0));
    assert_killed(await(x.mirror), SIGKILL);
    assert_false(supervisor_was_lost(t.dir));
    exec_close(&x);
    tree_close(&t);
}

static void container_supervisor_is_killed(void **state) {
    (void)state;
    struct tree t = container();
    struct exec x = exec_start(&t, leave_daemon), y = exec_start(&t, plain);
    assert_int_equal(tree_hear(&x.t), 'd');
    assert_exited(await(x.mirror), 5);
    assert_int_equal(kill(t.supervisor, SIGKILL), 0);
    assert_killed(await(t.supervisor), SIGKILL);
    assert_true(tree_is_gone(&x.t, LIMIT_MS));
    assert_true(tree_is_gone(&y.t, LIMIT_MS));
    assert_true(tree_is_gone(&t, LIMIT_MS));
    assert_killed(await(y.mirror), SIGKILL);
    exec_close(&x);
    exec_close(&y);
    check_rc(supervisor_join(t.dir, LIMIT_MS, &error), -1);
    assert_string_equal(error.code, "exec.stopped");
    tree_close(&t);
}

static void exec_supervisor_is_killed(void **state) {
    (void)state;
    struct tree t = container();
    struct exec x = exec_start(&t, plain);
    tree_hear(&x.t);
    assert_int_equal(kill(child_of(x.mirror), SIGKILL), 0);
    assert_killed(await(x.mirror), SIGKILL);
    assert_true(tree_is_gone(&x.t, LIMIT_MS));
    exec_close(&x);
    // The container does not mind.
    assert_int_equal(waitpid(t.supervisor, NULL, WNOHANG), 0);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_true(supervisor_was_lost(t.dir)); // but it cannot know what that one has left
    await(t.supervisor);
    tree_close(&t);
}

// By a payload that may signal them.
static void stopped_supervisors(void **state) {
    (void)state;
    struct tree t = container();
    struct exec x = exec_start(&t, with_daemon);
    assert_int_equal(tree_hear(&x.t), 'd');
    assert_int_equal(kill(child_of(x.mirror), SIGSTOP), 0);
    assert_int_equal(kill(t.supervisor, SIGSTOP), 0);
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGUSR1, 300, &error), -1);
    assert_string_equal(error.code, "supervisor.timeout");
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_true(tree_is_gone(&x.t, 0));
    assert_true(tree_is_gone(&t, 0));
    await(t.supervisor);
    exec_close(&x);
    tree_close(&t);
}

// ---------------------------------------------------------------- what they show

static void nothing_of_the_caller(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip(); // may not look, which not_traceable shows
    char path[64], text[64];
    setenv("SECRET", "of-the-caller", 1);
    struct tree t = container();
    struct exec x = exec_start(&t, plain);
    const pid_t pids[] = { x.mirror, child_of(x.mirror) };
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/proc/%d/environ", (int)pids[i]);
        assert_int_equal(fd_read_small(AT_FDCWD, path, text, sizeof(text)), 0);
        assert_int_equal(getsid(pids[i]), pids[i]);
        // Not dumpable: what /proc has of it is root's, whoever made it.
        struct stat st;
        snprintf(path, sizeof(path), "/proc/%d/mem", (int)pids[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, 0);
    }
    exec_close(&x);
    end(&t);
}

#define clean_test(f) cmocka_unit_test_teardown(f, clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        clean_test(mirrored),
        clean_test(passed_on),
        clean_test(mirror_is_killed),
        clean_test(daemons_live_on),
        clean_test(many_execs),
        clean_test(payload_ends),
        clean_test(container_supervisor_is_killed),
        clean_test(exec_supervisor_is_killed),
        clean_test(stopped_supervisors),
        clean_test(nothing_of_the_caller),
    };
    return cmocka_run_group_tests(tests, adopt, NULL);
}
