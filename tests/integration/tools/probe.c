// SPDX-License-Identifier: Apache-2.0
// probe: what the tests run inside a container when busybox cannot do it: raw system calls, open descriptors,
// received signals, terminal tricks. Static, so that it runs in any rootfs. Prints plain words for Python to
// parse.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
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
