// SPDX-License-Identifier: Apache-2.0
// probe: what the tests run inside a container when busybox cannot do it: raw system calls, open descriptors,
// received signals, terminal tricks. Static, so that it runs in any rootfs. Prints plain words for Python to
// parse.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long number(const char *s) {
    return (long)strtoull(s, NULL, 0);
}

// sys NR [A0..A5]: prints "RET ERRNO".
static int cmd_sys(int argc, char **argv) {
    long a[6] = { 0 };
    for (int i = 3; i < argc && i < 9; i++)
        a[i - 3] = number(argv[i]);
    errno = 0;
    long ret = syscall(number(argv[2]), a[0], a[1], a[2], a[3], a[4], a[5]);
    printf("%ld %d\n", ret, errno);
    return 0;
}

// i386 NR [A0 A1 A2]: the same by int 0x80, the 32-bit system call table.
static int cmd_i386(int argc, char **argv) {
    long a[3] = { 0 };
    for (int i = 3; i < argc && i < 6; i++)
        a[i - 3] = number(argv[i]);
    long ret;
    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"(number(argv[2])), "b"(a[0]), "c"(a[1]), "d"(a[2])
                     : "memory", "r8", "r9", "r10", "r11");
    printf("%d %d\n", (int)ret < 0 ? -1 : (int)ret, (int)ret < 0 ? -(int)ret : 0);
    return 0;
}

// fds: the open descriptors, found without /proc.
static int cmd_fds(void) {
    for (int fd = 0; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    puts("");
    return 0;
}

// signals [STOP]: prints "ready", then each received signal's number; ends with STOP (default SIGTERM).
static int cmd_signals(int argc, char **argv) {
    int stop = argc > 2 ? atoi(argv[2]) : SIGTERM;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    for (;;) {
        siginfo_t info;
        int sig = sigwaitinfo(&all, &info);
        if (sig < 0)
            continue;
        printf("signal %d\n", sig);
        if (sig == stop)
            return 0;
    }
}

// tiocsti: tries to type into fd 0's terminal.
static int cmd_tiocsti(void) {
    errno = 0;
    int ret = ioctl(0, TIOCSTI, "x");
    printf("%d %d\n", ret, errno);
    return 0;
}

// open FLAGS PATH: errno of open(2); FLAGS r, w, rw.
static int cmd_open(char **argv) {
    int flags = !strcmp(argv[2], "r") ? O_RDONLY : !strcmp(argv[2], "w") ? O_WRONLY : O_RDWR;
    int fd = open(argv[3], flags | O_NONBLOCK | O_NOCTTY);
    printf("%d\n", fd < 0 ? errno : 0);
    return 0;
}

// session-keyring: the serial of the session keyring.
static int cmd_keyring(void) {
    printf("%ld %d\n", syscall(SYS_keyctl, 0, -3, 0), errno);
    return 0;
}

// ids: real, effective, saved, fs ids by the calls themselves.
static int cmd_ids(void) {
    uid_t r, e, s;
    gid_t rg, eg, sg;
    getresuid(&r, &e, &s);
    getresgid(&rg, &eg, &sg);
    printf("%u %u %u %u %u %u\n", r, e, s, rg, eg, sg);
    gid_t groups[1024];
    int n = getgroups(1024, groups);
    for (int i = 0; i < n; i++)
        printf("%u ", groups[i]);
    puts("");
    return 0;
}

// daemon: leaves a process of its own session behind (it sleeps for ever), then exits.
static int cmd_daemon(void) {
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    return 0;
}

// sleep: for ever.
static _Noreturn void cmd_sleep(void) {
    for (;;)
        pause();
}

// writefd FD TEXT
static int cmd_writefd(char **argv) {
    errno = 0;
    ssize_t n = write(atoi(argv[2]), argv[3], strlen(argv[3]));
    printf("%zd %d\n", n, errno);
    return 0;
}

// magic PATH: file system magic in hex.
static int cmd_magic(char **argv) {
    struct statfs s;
    if (statfs(argv[2], &s) < 0)
        return printf("errno %d\n", errno), 1;
    printf("%lx\n", (unsigned long)s.f_type);
    return 0;
}

// bomb: every process forks again and again, whatever the answer.
static void cmd_bomb(void) {
    signal(SIGTERM, SIG_IGN);
    for (;;) {
        (void)!fork();
        usleep(500);
    }
}

// dgram PATH TEXT: sends one datagram (sd_notify).
static int cmd_dgram(char **argv) {
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    strncpy(to.sun_path, argv[2], sizeof(to.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ssize_t n = sendto(fd, argv[3], strlen(argv[3]), 0, (struct sockaddr *)&to, sizeof(to));
    printf("%zd %d\n", n, n < 0 ? errno : 0);
    return 0;
}

// dumpable: PR_GET_DUMPABLE; pdeathsig: PR_GET_PDEATHSIG
static int cmd_prctl(int what) {
    int sig = -1;
    if (what == PR_GET_PDEATHSIG)
        prctl(what, &sig);
    else
        sig = prctl(what, 0, 0, 0, 0);
    printf("%d\n", sig);
    return 0;
}

// ---------------------------------------------------------------- shape

// shape WORD...: what programs do to get out of the way of who wants to end them. Makes what each word says;
// a number that follows says how many times. Then prints "up" and sleeps. `exit N` and `signal N` end it;
// `quiet` says no "up".
static int made[2];

static void here(void) {
    (void)!write(made[1], "", 1);
}

static _Noreturn void stay(void) {
    here();
    cmd_sleep();
}

static bool forked(void) {
    pid_t pid = fork();
    if (pid < 0)
        exit(3);
    return pid == 0;
}

static void leave_session(void) {
    if (setsid() < 0)
        _exit(3);
}

// As daemon(7) wants it: a session of its own, which it does not lead; the parent is gone.
static bool daemonized(void) {
    if (!forked())
        return false;
    leave_session();
    if (!forked())
        _exit(0);
    return true;
}

static void shape_setsid(void) {
    if (!forked())
        return;
    leave_session();
    stay();
}

static void shape_double(void) {
    if (forked()) {
        if (!forked())
            _exit(0);
        stay();
    }
}

static void shape_daemon(void) {
    if (daemonized())
        stay();
}

// A new process at every moment. Not for ever: if a test fails there may be nobody who can end it.
static void shape_chain(void) {
    if (!daemonized())
        return;
    time_t end = time(NULL) + 60;
    for (bool first = true; time(NULL) < end; first = false) {
        pid_t pid = fork();
        if (pid > 0 || (pid < 0 && errno != EAGAIN))
            _exit(0);
        if (first)
            here();
        setsid();
    }
    _exit(0);
}

// Comes back when it is killed, as long as its keeper is there.
static void shape_respawned(void) {
    if (!daemonized())
        return;
    for (bool first = true;; first = false) {
        if (forked()) {
            if (first)
                here();
            cmd_sleep();
        }
        wait(NULL);
    }
}

static void shape_stopped(void) {
    if (!daemonized())
        return;
    here();
    raise(SIGSTOP);
    cmd_sleep();
}

static void shape_deaf(void) {
    if (!daemonized())
        return;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_IGN);
    stay();
}

static void fork_more(int sig) {
    (void)sig;
    if (fork() == 0)
        setsid();
}

// Whatever it is sent makes one more of it.
static void shape_hydra(void) {
    if (!daemonized())
        return;
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, fork_more);
    stay();
}

static void shape_deep(void) {
    for (int i = 0; i < 50; i++)
        if (!forked()) {
            if (i > 0)
                cmd_sleep();
            return;
        }
    stay();
}

// Orphans come to it, not to who is above.
static void shape_subreaper(void) {
    if (!forked())
        return;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 3; i++)
        if (daemonized())
            cmd_sleep();
    stay();
}

static void become_user(void) {
    if (setgroups(0, NULL) < 0 || setgid(1000) < 0 || setuid(1000) < 0)
        _exit(3);
}

static void shape_user(void) {
    if (!daemonized())
        return;
    become_user();
    stay();
}

static void unshared(int flags) {
    if (!daemonized())
        return;
    if (unshare(flags) < 0)
        _exit(3);
    if ((flags & CLONE_NEWPID) && !forked())
        cmd_sleep();
    stay();
}

static void shape_mounts(void) {
    unshared(CLONE_NEWNS);
}

static void shape_uts(void) {
    unshared(CLONE_NEWUTS);
}

static void shape_mounts_uts(void) {
    unshared(CLONE_NEWNS | CLONE_NEWUTS);
}

static void shape_pids(void) {
    unshared(CLONE_NEWPID);
}

static void shape_nested(void) {
    unshared(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWIPC);
}

static void *outlive(void *arg) {
    (void)arg;
    stay();
}

// The first thread has ended, and is a zombie; the process lives.
static void shape_leaderless(void) {
    pthread_t thread;
    if (!daemonized())
        return;
    if (pthread_create(&thread, NULL, outlive, NULL) != 0)
        _exit(3);
    syscall(SYS_exit, 0);
}

// Nothing of the caller's is open.
static void shape_closed(void) {
    if (!daemonized())
        return;
    here();
    close_range(0, ~0U, 0);
    cmd_sleep();
}

// The other name of the program, in the hope that nobody looks behind it.
static void shape_renamed(void) {
    if (!daemonized())
        return;
    prctl(PR_SET_NAME, "nook-supervisor");
    stay();
}

static const struct {
    const char *name;
    void (*make)(void);
} shapes[] = {
    { "setsid", shape_setsid },
    { "double", shape_double },
    { "daemon", shape_daemon },
    { "chain", shape_chain },
    { "respawned", shape_respawned },
    { "stopped", shape_stopped },
    { "deaf", shape_deaf },
    { "hydra", shape_hydra },
    { "deep", shape_deep },
    { "subreaper", shape_subreaper },
    { "user", shape_user },
    { "mounts", shape_mounts },
    { "uts", shape_uts },
    { "mounts-uts", shape_mounts_uts },
    { "pids", shape_pids },
    { "nested", shape_nested },
    { "leaderless", shape_leaderless },
    { "closed", shape_closed },
    { "renamed", shape_renamed },
};

// Each shape says that it is there; if one cannot be made, its processes end and there is nobody who could.
static int make_shape(const char *word, int times) {
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strcmp(word, shapes[i].name) != 0)
            continue;
        for (int k = 0; k < times; k++) {
            char byte;
            if (pipe2(made, O_CLOEXEC) < 0)
                return -1;
            shapes[i].make();
            close(made[1]);
            ssize_t n = read(made[0], &byte, 1);
            close(made[0]);
            if (n != 1)
                return -1;
        }
        return 0;
    }
    return -1;
}

// For itself, not for a child.
static bool change_self(const char *word, const char *number_) {
    if (!strcmp(word, "exit"))
        exit(atoi(number_));
    if (!strcmp(word, "signal")) {
        signal(atoi(number_), SIG_DFL);
        raise(atoi(number_));
    }
    if (!strcmp(word, "close-all")) {
        close_range(0, ~0U, 0);
        cmd_sleep();
    }
    if (!strcmp(word, "as-user"))
        return become_user(), true;
    return !strcmp(word, "no-pdeathsig") && prctl(PR_SET_PDEATHSIG, 0) == 0;
}

static int cmd_shape(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        int times = *next >= '0' && *next <= '9' ? atoi(next) : 0;
        if (!change_self(argv[i], next) && make_shape(argv[i], times ? times : 1) < 0)
            return fprintf(stderr, "probe: no %s\n", argv[i]), 3;
        i += times > 0;
    }
    (void)!write(1, "up\n", 3);
    cmd_sleep();
}

int main(int argc, char **argv) {
    const char *cmd = argc > 1 ? argv[1] : "";
    if (!strcmp(cmd, "sys") && argc > 2)
        return cmd_sys(argc, argv);
    if (!strcmp(cmd, "i386") && argc > 2)
        return cmd_i386(argc, argv);
    if (!strcmp(cmd, "fds"))
        return cmd_fds();
    if (!strcmp(cmd, "signals"))
        return cmd_signals(argc, argv);
    if (!strcmp(cmd, "tiocsti"))
        return cmd_tiocsti();
    if (!strcmp(cmd, "open") && argc > 3)
        return cmd_open(argv);
    if (!strcmp(cmd, "session-keyring"))
        return cmd_keyring();
    if (!strcmp(cmd, "ids"))
        return cmd_ids();
    if (!strcmp(cmd, "daemon"))
        return cmd_daemon();
    if (!strcmp(cmd, "sleep"))
        cmd_sleep();
    if (!strcmp(cmd, "shape"))
        return cmd_shape(argc, argv);
    if (!strcmp(cmd, "bomb"))
        cmd_bomb();
    if (!strcmp(cmd, "writefd") && argc > 3)
        return cmd_writefd(argv);
    if (!strcmp(cmd, "magic") && argc > 2)
        return cmd_magic(argv);
    if (!strcmp(cmd, "dgram") && argc > 3)
        return cmd_dgram(argv);
    if (!strcmp(cmd, "pdeathsig"))
        return cmd_prctl(PR_GET_PDEATHSIG);
    fprintf(stderr, "probe: what is \"%s\"?\n", cmd);
    return 2;
}
