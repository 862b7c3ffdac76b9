// SPDX-License-Identifier: Apache-2.0
// Tests of the supervisor of a container without a PID namespace, seen from outside.
#include "config.h"

#include "tests/unit/supervisor_test.h"

#include <dirent.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/supervisor/protocol.h"

struct held {
    int nulls, sockets, procs, signals, dirs, others;
};

static struct held look_at_descriptors(pid_t pid) {
    struct held h = { 0 };
    char path[64], target[256];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
        if (n < 0)
            continue;
        target[n] = '\0';
        if (strcmp(target, "/dev/null") == 0)
            h.nulls++;
        else if (strncmp(target, "socket:", 7) == 0)
            h.sockets++;
        else if (strncmp(target, "/proc", 5) == 0)
            h.procs++;
        else if (strcmp(target, "anon_inode:[signalfd]") == 0)
            h.signals++;
        else if (strncmp(target, "/tmp/nook-unit-supervisor.", 26) == 0)
            h.dirs++;
        else
            h.others++;
    }
    closedir(d);
    return h;
}

static void check_descriptors(pid_t pid) {
    struct held h = look_at_descriptors(pid);
    // The pipe that it says it is ready to, and the connection of who has its answer, are closed a moment
    // later.
    for (int64_t end = now_ms() + LIMIT_MS; h.others + h.sockets > 1 && now_ms() < end;)
        h = look_at_descriptors(pid);
    assert_int_equal(h.nulls, 3);
    assert_int_equal(h.sockets, 1);
    assert_int_equal(h.procs, 2);
    assert_int_equal(h.signals, 1);
    assert_int_equal(h.dirs, 1);
    assert_int_equal(h.others, 0);
}

// ---------------------------------------------------------------- the end is mirrored

static int planned; // what the next payload does: an exit code, or minus a signal

static int end_as_planned(int report) {
    (void)report;
    if (planned >= 0)
        return planned;
    // By the system call: make(1) lets glibc's own signals be ignored, and signal(3) does not know them.
    const unsigned long nothing[8] = { 0 };
    syscall(SYS_rt_sigaction, -planned, nothing, NULL, _NSIG / 8);
    kill(getpid(), -planned);
    return sleep_on();
}

static void exit_codes(void **state) {
    (void)state;
    const int codes[] = { 0, 1, 42, 127, 255 };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        planned = codes[i];
        struct tree t = tree_start(end_as_planned);
        assert_exited(await(t.supervisor), codes[i]);
        tree_close(&t);
    }
}

// Its socket stays behind it only when it could not do its work.
static void socket_tells_how_it_ended(void **state) {
    (void)state;
    planned = 0;
    struct tree t = tree_start(end_as_planned);
    assert_exited(await(t.supervisor), 0);
    assert_false(supervisor_was_lost(t.dir));
    tree_close(&t);
    t = tree_start(plain);
    tree_hear(&t);
    assert_true(supervisor_was_lost(t.dir)); // as long as it lives
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_false(supervisor_was_lost(t.dir));
    await(t.supervisor);
    tree_close(&t);
    t = tree_start(plain);
    tree_hear(&t);
    kill(t.supervisor, SIGKILL);
    await(t.supervisor);
    assert_true(supervisor_was_lost(t.dir));
    tree_close(&t);
}

static void deaths(void **state) {
    (void)state;
    const int signals[] = {
        SIGTERM, SIGKILL, SIGSEGV, SIGABRT, SIGUSR1, SIGPIPE, SIGHUP, SIGRTMIN + 3, 33
    }; // one of glibc's own
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        planned = -signals[i];
        struct tree t = tree_start(end_as_planned);
        int status = await(t.supervisor);
        assert_killed(status, signals[i]);
        assert_false(WCOREDUMP(status));
        tree_close(&t);
    }
}

// ---------------------------------------------------------------- signals are passed on

static const int passed[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
                              SIGALRM, SIGURG, SIGIO,  SIGTSTP, SIGPIPE, SIGSEGV, SIGTTIN };

static int tell_signals(int report) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    say(report, 'r');
    for (int sig; sigwait(&all, &sig) == 0;)
        say(report, (char)sig);
    return 1;
}

static void signals(void **state) {
    (void)state;
    struct tree t = tree_start(tell_signals);
    assert_int_equal(tree_hear(&t), 'r');
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        assert_int_equal(kill(t.supervisor, passed[i]), 0);
        assert_int_equal(tree_hear(&t), passed[i]);
    }
    assert_int_equal(kill(t.supervisor, SIGRTMIN + 1), 0);
    assert_int_equal(tree_hear(&t), SIGRTMIN + 1);
    // Its children's deaths are its own business.
    assert_int_equal(kill(t.supervisor, SIGCHLD), 0);
    assert_int_equal(kill(t.supervisor, SIGUSR2), 0);
    assert_int_equal(tree_hear(&t), SIGUSR2);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_killed(await(t.supervisor), SIGKILL);
    tree_close(&t);
}

static volatile sig_atomic_t got;
static void take(int sig) {
    got = sig;
}

static int two_that_tell(int report) {
    pid_t child = fork();
    if (child == 0)
        setsid();
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    sigprocmask(SIG_SETMASK, &one, NULL);
    signal(SIGUSR1, take);
    say(report, 'r');
    sigemptyset(&one);
    while (!got)
        sigsuspend(&one);
    say(report, child == 0 ? 'c' : 'p');
    return sleep_on();
}

static void asked_signals(void **state) {
    (void)state;
    struct tree t = tree_start(two_that_tell);
    assert_int_equal(tree_hear(&t), 'r');
    assert_int_equal(tree_hear(&t), 'r');
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_PAYLOAD, SIGUSR1, LIMIT_MS, &error), 0);
    assert_int_equal(tree_hear(&t), 'p');
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGUSR1, LIMIT_MS, &error), 0);
    assert_int_equal(tree_hear(&t), 'c');
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, 9999, LIMIT_MS, &error), -1);
    assert_int_equal(error.err, EINVAL);
    // A stopped payload does not stop its supervisor.
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGSTOP, LIMIT_MS, &error), 0);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_true(tree_is_gone(&t, LIMIT_MS));
    assert_killed(await(t.supervisor), SIGKILL);
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGUSR1, LIMIT_MS, &error), 1);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 1);
    tree_close(&t);
}

// ---------------------------------------------------------------- the kill set

static int deaf(int report) {
    signal(SIGTERM, SIG_IGN);
    say(report, 'd');
    return sleep_on();
}

static void chain(int report, bool first) {
    for (;;) {
        pid_t pid = fork();
        if (pid > 0 || (pid < 0 && errno != EAGAIN))
            _exit(0);
        if (first)
            say(report, 'd');
        first = false;
        setsid();
    }
}

static int with_chain(int report) {
    if (fork() == 0)
        chain(report, true);
    return sleep_on();
}

static int with_chains(int report) {
    for (int i = 0; i < 8; i++)
        if (fork() == 0)
            chain(i == 7 ? report : -1, true);
    return sleep_on();
}

// A subreaper between us and the daemons, as an init system or a shell of a build tool is one.
static int with_subreaper(int report) {
    if (fork() == 0) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (int i = 0; i < 3; i++)
            daemonize(-1);
        daemonize(report);
        sleep_on();
    }
    return sleep_on();
}

static int with_many(int report) {
    for (int i = 0; i < 60; i++)
        if (fork() == 0) {
            setsid();
            for (int k = 0; k < 4; k++)
                if (fork() == 0)
                    break;
            sleep_on();
        }
    daemonize(report);
    return sleep_on();
}

#ifdef NOOK_SANITIZERS
enum { GENERATIONS = 20 }; // each of which takes its time to die
#else
enum { GENERATIONS = 100 };
#endif

static int deep(int report) {
    for (int i = 0; i < GENERATIONS; i++)
        if (fork() > 0)
            sleep_on();
    say(report, 'd');
    return sleep_on();
}

static const struct shape {
    const char *name;
    payload_fn fn;
} shapes[] = {
    { "a payload that ignores SIGTERM", deaf },
    { "a daemon", with_daemon },
    { "a chain that forks and exits", with_chain },
    { "8 chains at once", with_chains },
    { "a subreaper with daemons", with_subreaper },
    { "300 processes", with_many },
    { "many generations", deep },
};
enum { N_SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

static int64_t kill_shape(const struct shape *shape) {
    struct tree t = tree_start(shape->fn);
    tree_hear(&t);
    int64_t begin = now_ms();
    if (supervisor_ask_kill(t.dir, LIMIT_MS, &error) != 0)
        fail_msg("%s: %s", shape->name, error.msg);
    // When it is answered, nothing is left.
    if (!tree_is_gone(&t, 0))
        fail_msg("%s: something lives on", shape->name);
    int64_t took = now_ms() - begin;
    assert_killed(await(t.supervisor), SIGKILL);
    tree_close(&t);
    return took;
}

static void kill_set(void **state) {
    (void)state;
    for (int i = 0; i < N_SHAPES; i++)
        kill_shape(&shapes[i]);
}

static void kill_set_100_times(void **state) {
    (void)state;
    int64_t longest[N_SHAPES] = { 0 };
    for (int i = 0; i < 100; i++) {
        int64_t took = kill_shape(&shapes[i % N_SHAPES]);
        if (took > longest[i % N_SHAPES])
            longest[i % N_SHAPES] = took;
    }
    for (int i = 0; i < N_SHAPES; i++) {
        printf("%s: killed within %lld ms\n", shapes[i].name, (long long)longest[i]);
        assert_true(longest[i] < LIMIT_MS);
    }
}

static int ends_above_all(int report) {
    (void)report;
    daemonize(-1);
    if (fork() == 0)
        chain(-1, false);
    poll(NULL, 0, 20);
    return 7;
}

static void payload_ends(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct tree t = tree_start(ends_above_all);
        assert_exited(await(t.supervisor), 7);
        assert_true(tree_is_gone(&t, 0));
        tree_close(&t);
    }
}

// ---------------------------------------------------------------- without a useful /proc

static void without_proc(void) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/proc", "tmpfs", 0, NULL) < 0)
        _exit(96);
}

// As a kernel without CONFIG_PROC_CHILDREN.
static void without_children(void) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)getpid());
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", path, "tmpfs", 0, NULL) < 0)
        _exit(96);
}

// As an old kernel, or one behind an old filter.
static void without_new_calls(void) {
    static const int calls[] = { SYS_pidfd_open, SYS_pidfd_send_signal, SYS_close_range, SYS_execveat };
    enum { N = sizeof(calls) / sizeof(calls[0]) };
    struct sock_filter code[2 * N + 2] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                    offsetof(struct seccomp_data, nr)) };
    struct sock_fprog program = { .len = 2 * N + 2, .filter = code };
    for (int i = 0; i < N; i++) {
        code[2 * i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        code[2 * i + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    code[2 * N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(96);
}

static void old_kernel(void **state) {
    (void)state;
    struct tree t = tree_start_after(two_that_tell, without_new_calls);
    assert_int_equal(tree_hear(&t), 'r');
    assert_int_equal(tree_hear(&t), 'r');
    check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGUSR1, LIMIT_MS, &error), 0);
    assert_int_equal(tree_hear(&t) + tree_hear(&t), 'c' + 'p');
    if (geteuid() == 0)
        check_descriptors(t.supervisor);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_true(tree_is_gone(&t, 0));
    assert_killed(await(t.supervisor), SIGKILL);
    tree_close(&t);
}

static void bad_proc(void **state) {
    (void)state;
    const before_fn before[] = { without_proc, without_children };
    if (geteuid() != 0)
        skip();
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < N_SHAPES; k++) {
            // Asking for each number takes its time: a chain is faster.
            if (i == 0 && (shapes[k].fn == with_chain || shapes[k].fn == with_chains))
                continue;
            struct tree t = tree_start_after(shapes[k].fn, before[i]);
            tree_hear(&t);
            if (i == 0) {
                check_rc(supervisor_ask_signal(t.dir, SUPERVISOR_ALL, SIGUSR1, LIMIT_MS, &error), -1);
                assert_non_null(strstr(error.msg, "no /proc"));
            }
            check_rc(supervisor_ask_kill(t.dir, KILL_LIMIT_MS, &error), 0);
            assert_true(tree_is_gone(&t, 0));
            assert_killed(await(t.supervisor), SIGKILL);
            tree_close(&t);
        }
}

// ---------------------------------------------------------------- what cannot be killed

static bool drop_to(uid_t id) {
    return setgroups(0, NULL) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0;
}

static void drop(void) {
    if (geteuid() == 0 && !drop_to(65534))
        _exit(96);
}

static int hold[2];
static void leave_one_of_roots(void) {
    if (fork() == 0) {
        char c;
        close(hold[1]); // ends with the test
        _exit(read(hold[0], &c, 1) == 1);
    }
    drop();
}

// The supervisor has no right to signal it: the same as one that sleeps uninterruptibly.
static void leftovers(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    struct tree t = tree_start_after(with_daemon, leave_one_of_roots);
    tree_hear(&t);
    int64_t begin = now_ms();
    check_rc(supervisor_ask_kill(t.dir, KILL_LIMIT_MS + LIMIT_MS, &error), -1);
    assert_string_equal(error.code, "kill.timeout");
    assert_non_null(strstr(error.msg, "1 processes of the container still run"));
    int64_t took = now_ms() - begin;
    assert_true(took >= KILL_LIMIT_MS - 100 && took < KILL_LIMIT_MS + 1000);
    // It ends as its payload did all the same: engines wait for it.
    assert_killed(await(t.supervisor), SIGKILL);
    close(hold[0]);
    close(hold[1]);
    tree_close(&t);
}

// ---------------------------------------------------------------- what it shows and holds

static int read_proc(pid_t pid, const char *name, char *buf, size_t size) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return (int)fd_read_small(AT_FDCWD, path, buf, size);
}

static void nothing_of_the_caller(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip(); // may not look, which not_traceable shows
    char buf[4096];
    setenv("SECRET", "of-the-caller", 1);
    struct tree t = tree_start(plain);
    tree_hear(&t);
    assert_int_equal(read_proc(t.supervisor, "environ", buf, sizeof(buf)), 0);
    assert_true(read_proc(t.supervisor, "comm", buf, sizeof(buf)) > 0);
    assert_string_equal(buf, "nook-supervisor\n");
    assert_true(read_proc(t.supervisor, "cmdline", buf, sizeof(buf)) > 0);
    assert_string_equal(buf, "nook-supervisor");
    assert_string_equal(buf + strlen(buf) + 1, "c1");
    assert_true(getsid(t.supervisor) == t.supervisor);
    assert_true(read_proc(t.supervisor, "limits", buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "Max core file size        0                    0"));
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)t.supervisor);
    assert_int_equal(readlink(path, buf, sizeof(buf)), 1);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

static void descriptors(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    struct tree t = tree_start(plain);
    tree_hear(&t);
    check_descriptors(t.supervisor);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

// Engines read create's stdout to its end.
static int forget_stdio(int report) {
    close(1);
    close(2);
    return plain(report);
}

static void stdio_is_let_go(void **state) {
    (void)state;
    int pair[2], saved[2] = { dup(1), dup(2) };
    char c;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    dup2(pair[1], 1);
    dup2(pair[1], 2);
    close(pair[1]);
    struct tree t = tree_start(forget_stdio);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    tree_hear(&t);
    struct pollfd p = { .fd = pair[0], .events = POLLIN };
    assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
    assert_int_equal(read(pair[0], &c, 1), 0);
    close(pair[0]);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

static long number_after(const char *text, const char *name) {
    const char *p = strstr(text, name);
    return p ? strtol(p + strlen(name), NULL, 10) : -1;
}

static void small(void **state) {
    (void)state;
#ifndef NOOK_STATIC
    skip(); // a dynamic nook brings its libraries along
#endif
    static char buf[16384];
    if (geteuid() != 0)
        skip();
    struct tree t = tree_start(plain);
    tree_hear(&t);
    // Not Private_Dirty, to which pages of a file that is still to be written back belong.
    assert_true(read_proc(t.supervisor, "status", buf, sizeof(buf)) > 0);
    long own = number_after(buf, "RssAnon:");
    printf("supervisor: VmSize %ld kB, VmRSS %ld kB, of it its own %ld kB\n", number_after(buf, "VmSize:"),
           number_after(buf, "VmRSS:"), own);
    assert_true(own >= 0 && own < 500);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

// In a process with the supervisor's user id and without privileges: the payload's, in the worst case.
static int tries_to_get_at(pid_t pid) {
    char path[64], buf[64];
    if (geteuid() == 0 && !drop_to(65534))
        return 2;
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 || errno != EPERM)
        return 3;
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    if (open(path, O_RDONLY) >= 0)
        return 4;
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    if (open(path, O_RDONLY) >= 0)
        return 5;
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    if (readlink(path, buf, sizeof(buf)) >= 0)
        return 6;
    snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
    return open(path, O_PATH) >= 0 ? 7 : 0;
}

static void not_traceable(void **state) {
    (void)state;
    struct tree t = tree_start_after(plain, drop);
    tree_hear(&t);
    pid_t tracer = fork();
    if (tracer == 0)
        _exit(tries_to_get_at(t.supervisor));
    assert_exited(await(tracer), 0);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

// ---------------------------------------------------------------- clients

static void stuck_clients(void **state) {
    (void)state;
    enum { MANY = 600 };
    static int fds[MANY];
    struct tree t = tree_start(with_daemon);
    tree_hear(&t);
    for (int i = 0; i < MANY; i++) {
        int64_t end = now_ms() + 5000;
        do
            fds[i] = state_connect_socket(t.dir, SUPERVISOR_SOCKET);
        while (fds[i] < 0 && errno == EAGAIN && now_ms() < end);
        assert_true(fds[i] >= 0);
        // Half a request, noise, or nothing.
        if (i % 3)
            (void)!send(fds[i], "noise", (size_t)(i % 5), MSG_NOSIGNAL);
    }
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_true(tree_is_gone(&t, 0));
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    assert_killed(await(t.supervisor), SIGKILL);
    tree_close(&t);
}

static void silent_client_is_closed(void **state) {
    (void)state;
    struct tree t = tree_start(plain);
    tree_hear(&t);
    int fd = state_connect_socket(t.dir, SUPERVISOR_SOCKET);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    assert_true(fd >= 0);
    assert_int_equal(poll(&p, 1, REQUEST_LIMIT_MS * 2), 1);
    assert_true(p.revents & POLLHUP);
    close(fd);
    // Nothing came of it.
    assert_int_equal(waitpid(t.supervisor, NULL, WNOHANG), 0);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

static int stranger_asks(const struct tree *t) {
    struct request r = { .magic = PROTOCOL_MAGIC, .type = REQUEST_KILL };
    struct answer a;
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", t->path, SUPERVISOR_SOCKET);
    if (chmod(t->path, 0711) < 0 || chmod(path, 0666) < 0 || !drop_to(65533))
        return 2;
    int fd = state_connect_socket(t->dir, SUPERVISOR_SOCKET);
    if (fd < 0)
        return 3;
    (void)!send(fd, &r, sizeof(r), MSG_NOSIGNAL);
    return recv(fd, &a, sizeof(a), 0) <= 0 ? 0 : 4;
}

static void stranger_is_refused(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    struct tree t = tree_start(plain);
    tree_hear(&t);
    char path[128];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", t.path, SUPERVISOR_SOCKET);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    pid_t child = fork();
    if (child == 0)
        _exit(stranger_asks(&t));
    assert_exited(await(child), 0);
    assert_false(tree_is_gone(&t, 100));
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    tree_close(&t);
}

static void two_ask_at_once(void **state) {
    (void)state;
    struct tree t = tree_start(with_many);
    tree_hear(&t);
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            int rc = supervisor_ask_kill(t.dir, LIMIT_MS, &error);
            // Nobody there: the others were faster.
            _exit(rc < 0 || !tree_is_gone(&t, 0));
        }
    }
    for (int i = 0; i < 4; i++)
        assert_exited(await(children[i]), 0);
    assert_killed(await(t.supervisor), SIGKILL);
    tree_close(&t);
}

#define clean_test(f) cmocka_unit_test_teardown(f, clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        clean_test(exit_codes),
        clean_test(deaths),
        clean_test(socket_tells_how_it_ended),
        clean_test(signals),
        clean_test(asked_signals),
        clean_test(kill_set),
        clean_test(kill_set_100_times),
        clean_test(payload_ends),
        clean_test(bad_proc),
        clean_test(old_kernel),
        clean_test(leftovers),
        clean_test(nothing_of_the_caller),
        clean_test(descriptors),
        clean_test(stdio_is_let_go),
        clean_test(small),
        clean_test(not_traceable),
        clean_test(stuck_clients),
        clean_test(silent_client_is_closed),
        clean_test(stranger_is_refused),
        clean_test(two_ask_at_once),
    };
    return cmocka_run_group_tests(tests, adopt, NULL);
}
