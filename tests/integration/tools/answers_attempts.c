// SPDX-License-Identifier: Apache-2.0
// answers: what the process may do, found out by trying.

#define _GNU_SOURCE
#include "answers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static long try_mount(void) {
    return mount("t", "/tmp", "tmpfs", 0, NULL);
}
static long try_remount_root(void) {
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}
static long try_umount_proc(void) {
    return umount2("/proc", MNT_DETACH);
}
static long try_userns(void) {
    return unshare(CLONE_NEWUSER);
}
static long try_mountns(void) {
    return unshare(CLONE_NEWNS);
}
static long try_mknod(void) {
    long ret = mknod("/tmp/answers-null", S_IFCHR | 0600, makedev(1, 3));
    int kept = errno;
    unlink("/tmp/answers-null");
    errno = kept;
    return ret;
}
// What the node may be used for is decided by the device cgroup (and nodev).
static long try_mknod_kmsg(void) {
    int fd = -1;
    if (mknod("/tmp/answers-kmsg", S_IFCHR | 0600, makedev(1, 11)) == 0)
        fd = open("/tmp/answers-kmsg", O_RDONLY | O_NONBLOCK);
    int kept = errno;
    unlink("/tmp/answers-kmsg");
    errno = kept;
    return fd;
}
static long try_chroot(void) {
    return chroot("/tmp");
}
// The classic way out of a chroot; the container's root must be where it ends.
static long try_chroot_escape(void) {
    struct stat root, end;
    if (stat("/", &root) < 0 || chroot("/tmp") < 0)
        return -1;
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            return -1;
    if (stat(".", &end) < 0)
        return -1;
    errno = ENOTUNIQ; // "out"
    return end.st_ino == root.st_ino && end.st_dev == root.st_dev ? 0 : -1;
}
static long try_sethostname(void) {
    struct utsname u;
    uname(&u);
    return sethostname(u.nodename, strlen(u.nodename));
}
static long try_setuid(void) {
    return syscall(SYS_setuid, 12345);
}
static long try_setgroups(void) {
    gid_t g = 12345;
    return syscall(SYS_setgroups, 1, &g);
}
static long try_chown(void) {
    int fd = open("/tmp/answers-chown", O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return -1;
    long ret = fchown(fd, 12, 12);
    unlink("/tmp/answers-chown");
    return ret;
}
static long try_raise_nofile(void) {
    struct rlimit r = { 15000, 15000 };
    return setrlimit(RLIMIT_NOFILE, &r);
}
static long try_ambient(void) {
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
}
static long try_bind_80(void) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(80),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&to, sizeof(to));
}
static long try_raw_socket(void) {
    return socket(AF_INET, SOCK_RAW, 1);
}
static long try_packet_socket(void) {
    return socket(AF_PACKET, SOCK_DGRAM, 0);
}
static long try_nice(void) {
    return setpriority(PRIO_PROCESS, 0, -1);
}
static long try_mlock(void) {
    static char page[4096];
    return mlock(page, sizeof(page));
}
static long try_ptrace_me(void) {
    return syscall(SYS_ptrace, 0, 0, 0, 0);
}
static pid_t parent;
static long try_signal_parent(void) {
    return kill(parent, 0);
}
static long try_fork_40(void) {
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return -1;
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            usleep(300000);
            _exit(0);
        }
    }
    return 0;
}
static long try_sysinfo(void) {
    char space[512];
    return syscall(SYS_sysinfo, space);
}
static long try_personality(void) {
    return personality(PER_LINUX32);
}
static long try_new_keyring(void) {
    return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}
static long try_posix_queue(void) {
    return syscall(SYS_mq_open, "answers", O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
}

static const struct {
    const char *name;
    long (*attempt)(void);
} attempts[] = {
    { "mount", try_mount },
    { "remount-root", try_remount_root },
    { "umount-proc", try_umount_proc },
    { "userns", try_userns },
    { "mountns", try_mountns },
    { "mknod", try_mknod },
    { "mknod-kmsg", try_mknod_kmsg },
    { "chroot", try_chroot },
    { "chroot-escape", try_chroot_escape },
    { "sethostname", try_sethostname },
    { "setuid", try_setuid },
    { "setgroups", try_setgroups },
    { "chown", try_chown },
    { "raise-nofile", try_raise_nofile },
    { "ambient", try_ambient },
    { "bind-80", try_bind_80 },
    { "raw-socket", try_raw_socket },
    { "packet-socket", try_packet_socket },
    { "nice", try_nice },
    { "mlock", try_mlock },
    { "ptrace-me", try_ptrace_me },
    { "sysinfo", try_sysinfo },
    { "personality", try_personality },
    { "new-keyring", try_new_keyring },
    { "posix-queue", try_posix_queue },
    { "signal-parent", try_signal_parent },
    { "fork-40", try_fork_40 },
};

// Each in a process of its own, in a mount namespace of its own where it may have one: nothing is left of it.
void tell_attempts(void) {
    parent = getppid();
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int status = 0;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            if (attempts[i].attempt != try_mountns && attempts[i].attempt != try_userns &&
                unshare(CLONE_NEWNS) == 0)
                mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
            say(key_of("try", attempts[i].name), "%s", outcome(attempts[i].attempt()));
            fflush(stdout);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        if (pid < 0 || status)
            say(key_of("try", attempts[i].name), "died %x", status);
    }
    syscall(SYS_mq_unlink, "answers");
}
