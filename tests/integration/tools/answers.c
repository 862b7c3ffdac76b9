// SPDX-License-Identifier: Apache-2.0
// answers: says all that a process can find out about itself and the place it runs in, one "key=value" a
// line, so that two runs of the same bundle can be compared answer by answer. The paths that it shall look at
// are listed in /etc/questions ("path P", "content P"). A last argument "stay" makes it wait for a signal at
// the end. Static, and /proc is not needed.

#define _GNU_SOURCE
#include "answers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

// ---------------------------------------------------------------- how it is said

static void escaped(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\\' || s[i] < ' ' || s[i] > '~')
            printf("\\x%02x", (unsigned char)s[i]);
        else
            putchar(s[i]);
}

void say(const char *key, const char *format, ...) {
    char value[4096];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(value, sizeof(value), format, ap);
    va_end(ap);
    printf("%s=", key);
    escaped(value, (size_t)n < sizeof(value) ? (size_t)n : sizeof(value) - 1);
    putchar('\n');
}

const char *key_of(const char *a, const char *b) {
    static char key[2][5000];
    static int turn;
    turn = !turn;
    snprintf(key[turn], sizeof(key[turn]), "%s:%s", a, b);
    return key[turn];
}

static const char *numbered(const char *a, int n) {
    char number[16];
    snprintf(number, sizeof(number), "%d", n);
    return key_of(a, number);
}

const char *outcome(long ret) {
    return ret < 0 ? strerrorname_np(errno) : "ok";
}

// ---------------------------------------------------------------- the process

static void tell_process(int argc, char **argv) {
    char cwd[4096];
    for (int i = 0; i < argc; i++)
        say(numbered("argv", i), "%s", argv[i]);
    for (int i = 0; environ[i]; i++)
        say(numbered("env", i), "%s", environ[i]);
    say("cwd", "%s", getcwd(cwd, sizeof(cwd)) ? cwd : strerrorname_np(errno));
    mode_t mask = umask(0);
    umask(mask);
    say("umask", "%04o", mask);
    say("personality", "%x", personality(0xffffffff));
    say("sched", "%d nice %d", sched_getscheduler(0), getpriority(PRIO_PROCESS, 0));
    say("ioprio", "%ld", syscall(SYS_ioprio_get, 1, 0));
    cpu_set_t set;
    say("cpus", "%d", sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : -1);
}

static void tell_ids(void) {
    uid_t u[3];
    gid_t g[3], groups[1024];
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    say("uid", "%u %u %u %d", u[0], u[1], u[2], (int)syscall(SYS_setfsuid, -1));
    say("gid", "%u %u %u %d", g[0], g[1], g[2], (int)syscall(SYS_setfsgid, -1));
    int n = getgroups(1024, groups);
    printf("groups=");
    for (int i = 0; i < n; i++)
        printf("%u ", groups[i]);
    putchar('\n');
}

static void tell_capabilities(void) {
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct d[2] = { 0 };
    unsigned long long bounding = 0, ambient = 0;
    syscall(SYS_capget, &head, d);
    for (int i = 0; i < 64; i++) {
        bounding |= (unsigned long long)(prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) << i;
        ambient |= (unsigned long long)(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) << i;
    }
    say("cap:effective", "%08x%08x", d[1].effective, d[0].effective);
    say("cap:permitted", "%08x%08x", d[1].permitted, d[0].permitted);
    say("cap:inheritable", "%08x%08x", d[1].inheritable, d[0].inheritable);
    say("cap:bounding", "%016llx", bounding);
    say("cap:ambient", "%016llx", ambient);
}

static void tell_prctl(void) {
    static const struct {
        const char *name;
        int what;
    } asked[] = {
        { "nnp", PR_GET_NO_NEW_PRIVS },  { "seccomp", PR_GET_SECCOMP },   { "securebits", PR_GET_SECUREBITS },
        { "dumpable", PR_GET_DUMPABLE }, { "keepcaps", PR_GET_KEEPCAPS }, { "timerslack", PR_GET_TIMERSLACK },
        { "thp", PR_GET_THP_DISABLE },   { "iof", PR_GET_IO_FLUSHER },    { "mdwe", 66 /* PR_GET_MDWE */ },
    };
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        say(key_of("prctl", asked[i].name), "%d", prctl(asked[i].what, 0, 0, 0, 0));
    int value = -1;
    prctl(PR_GET_PDEATHSIG, &value);
    say("prctl:pdeathsig", "%d", value);
    value = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &value);
    say("prctl:subreaper", "%d", value);
}

static void tell_rlimits(void) {
    static const char *const names[] = { "CPU",      "FSIZE",  "DATA",    "STACK", "CORE",  "RSS",
                                         "NPROC",    "NOFILE", "MEMLOCK", "AS",    "LOCKS", "SIGPENDING",
                                         "MSGQUEUE", "NICE",   "RTPRIO",  "RTTIME" };
    for (int i = 0; i < 16; i++) {
        struct rlimit r = { 0 };
        syscall(SYS_prlimit64, 0, i, NULL, &r);
        say(key_of("rlimit", names[i]), "%llx %llx", (unsigned long long)r.rlim_cur,
            (unsigned long long)r.rlim_max);
    }
}

static void tell_signals(void) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    printf("signals:blocked=");
    for (int i = 1; i < 65; i++)
        if (sigismember(&blocked, i) == 1)
            printf("%d ", i);
    printf("\nsignals:ignored=");
    for (int i = 1; i < 65; i++) {
        struct sigaction a;
        if (sigaction(i, NULL, &a) == 0 && a.sa_handler == SIG_IGN)
            printf("%d ", i);
    }
    putchar('\n');
}

static void tell_session(void) {
    struct winsize w = { 0 };
    struct termios t;
    pid_t pid = getpid();
    say("session", "leader %d group %d", getsid(0) == pid, getpgrp() == pid);
    say("pid", "%s parent %s", pid == 1 ? "1" : "other", getppid() == 0 ? "0" : "other");
    say("tty", "%d %s foreground %d", isatty(0), isatty(0) && ttyname(0) ? ttyname(0) : "-",
        tcgetpgrp(0) == pid);
    if (ioctl(0, TIOCGWINSZ, &w) == 0)
        say("tty:size", "%d %d", w.ws_row, w.ws_col);
    if (tcgetattr(0, &t) == 0)
        say("tty:modes", "%x %x %x %x", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
    say("tty:controlling", "%s", outcome(fd));
    if (fd >= 0)
        close(fd);
}

const char *file_kind(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "dir";
    case S_IFCHR:
        return "char";
    case S_IFBLK:
        return "block";
    case S_IFIFO:
        return "fifo";
    case S_IFLNK:
        return "link";
    case S_IFSOCK:
        return "socket";
    default:
        return "other";
    }
}

static void tell_fds(void) {
    for (int fd = 0; fd < 20000; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0)
            continue;
        say(numbered("fd", fd), "%s %u:%u access %d cloexec %d", file_kind(st.st_mode), major(st.st_rdev),
            minor(st.st_rdev), fcntl(fd, F_GETFL) & (O_ACCMODE | O_PATH), fcntl(fd, F_GETFD));
    }
}

static void tell_names(void) {
    struct utsname u;
    uname(&u);
    say("uts:hostname", "%s", u.nodename);
    say("uts:domainname", "%s", u.domainname);
}

static void tell_keyring(void) {
    char text[256] = "";
    long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof(text) - 1);
    say("keyring", "%s", n < 0 ? strerrorname_np(errno) : text);
}

static void tell_network(void) {
    struct if_nameindex *list = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (int i = 0; list && list[i].if_name; i++) {
        struct ifreq r = { 0 };
        strncpy(r.ifr_name, list[i].if_name, IFNAMSIZ - 1);
        long ret = ioctl(fd, SIOCGIFFLAGS, &r);
        say(key_of("interface", r.ifr_name), "%s up %d", outcome(ret), !!(r.ifr_flags & IFF_UP));
    }
    close(fd);
}

// A segment that the test has made in its own IPC namespace.
static void tell_ipc(void) {
    say("ipc:outer-segment", "%s", outcome(shmget(0x6e6f6f6b, 0, 0)));
}

int main(int argc, char **argv) {
    tell_fds(); // before any is opened here
    tell_process(argc, argv);
    tell_ids();
    tell_capabilities();
    tell_prctl();
    tell_rlimits();
    tell_signals();
    tell_session();
    tell_names();
    tell_keyring();
    tell_network();
    tell_ipc();
    tell_proc();
    tell_devices("/dev");
    tell_questions("/etc/questions");
    tell_attempts();
    puts("end=end");
    fflush(stdout);
    while (strcmp(argv[argc - 1], "stay") == 0)
        pause();
    return 0;
}
