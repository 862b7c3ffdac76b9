// SPDX-License-Identifier: Apache-2.0
// escape: what a hostile program tries from within a container: ways out of its root, and into processes that
// are not its own. Static, so that it runs in any rootfs. Each way prints one line "NAME: WORD", where "out"
// or "ok" means that it worked and anything else is the errno's name. MARK is a file in the host's "/".

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *mark;
static pid_t other; // a process in a user namespace that the same user has made; 0: none

static void say(const char *name, const char *word) {
    printf("%s: %s\n", name, word);
}

static void say_errno(const char *name, long ret) {
    say(name, ret < 0 ? strerrorname_np(errno) : "ok");
}

// ---------------------------------------------------------------- out of the root

// From the working directory upwards as far as it goes: is the mark there?
static bool climbs_out(void) {
    struct stat st;
    for (int i = 0; i < 64 && chdir("..") == 0; i++)
        ;
    return stat(mark, &st) == 0;
}

// The classic: a directory that we hold stays outside when the root moves below it.
static const char *double_chroot(void) {
    int here = open(".", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/below", 0755);
    if (here < 0 || chroot("/tmp/below") < 0)
        return strerrorname_np(errno);
    return fchdir(here) == 0 && climbs_out() ? "out" : "in";
}

static const char *in_new_userns(void) {
    return unshare(CLONE_NEWUSER) < 0 ? strerrorname_np(errno) : double_chroot();
}

static const char *in_new_mount_namespace(void) {
    return unshare(CLONE_NEWNS) < 0 ? strerrorname_np(errno) : double_chroot();
}

// Who made the process's user namespace has all capabilities in there, without having any here.
static const char *in_userns_of_another(void) {
    if (other == 0)
        return "nobody";
    int fd = (int)syscall(SYS_pidfd_open, other, 0);
    if (fd < 0 || setns(fd, CLONE_NEWUSER) < 0)
        return strerrorname_np(errno);
    return double_chroot();
}

// Back into our mount namespace leads to its root, whatever ours is.
static const char *own_mount_namespace(void) {
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
        return strerrorname_np(errno);
    return climbs_out() ? "out" : "in";
}

static const char *pivot(void) {
    mkdir("/tmp/new", 0755);
    if (mount("/tmp/new", "/tmp/new", NULL, MS_BIND, NULL) < 0)
        return strerrorname_np(errno);
    if (syscall(SYS_pivot_root, "/tmp/new", "/tmp/new") < 0)
        return strerrorname_np(errno);
    return climbs_out() ? "out" : "in";
}

// Takes the root's mount away: what is below it?
static const char *unmount_root(void) {
    if (umount2("/", MNT_DETACH) < 0)
        return strerrorname_np(errno);
    return climbs_out() ? "out" : "in";
}

static const char *climb_from_root(void) {
    return chdir("/") == 0 && climbs_out() ? "out" : "in";
}

static const char *climb_from_cwd(void) {
    return climbs_out() ? "out" : "in";
}

static const char *climb_from_descriptors(void) {
    for (int fd = 0; fd < 1024; fd++)
        if (fchdir(fd) == 0 && climbs_out())
            return "out";
    return "in";
}

static bool has_mark(pid_t pid) {
    char path[4096];
    for (int i = -2; i < 256; i++) {
        if (i < 0)
            snprintf(path, sizeof(path), "/proc/%d/%s/%s", pid, i == -2 ? "root" : "cwd", mark);
        else
            snprintf(path, sizeof(path), "/proc/%d/fd/%d/%s", pid, i, mark);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static pid_t parent_of(pid_t pid) {
    char path[64], line[256];
    int parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f) && sscanf(line, "PPid: %d", &parent) != 1)
        ;
    if (f)
        fclose(f);
    return parent;
}

// By what /proc shows of our ancestors and of the other process. The numbers are those of that procfs.
static const char *by_proc(void) {
    char self[16] = "";
    if (other && has_mark(other))
        return "out by the other";
    if (readlink("/proc/self", self, sizeof(self) - 1) < 0)
        return strerrorname_np(errno);
    for (pid_t pid = parent_of(atoi(self)); pid > 0; pid = parent_of(pid))
        if (has_mark(pid))
            return "out by an ancestor";
    return "in";
}

static const struct {
    const char *name;
    const char *(*way)(void);
} ways[] = {
    { "double chroot", double_chroot },
    { "new user namespace", in_new_userns },
    { "new mount namespace", in_new_mount_namespace },
    { "another's user namespace", in_userns_of_another },
    { "own mount namespace", own_mount_namespace },
    { "from /", climb_from_root },
    { "from cwd", climb_from_cwd },
    { "from descriptors", climb_from_descriptors },
    { "by /proc", by_proc },
    { "pivot_root", pivot },
    { "unmount", unmount_root }, // the last one: nothing is left after it
};

// Each in a process of its own.
static int cmd_out(void) {
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            say(ways[i].name, ways[i].way());
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    return 0;
}

// ---------------------------------------------------------------- into a process

static long open_of(pid_t pid, const char *file, int flags) {
    char path[64], byte;
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    bool reads = (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_DIRECTORY | O_PATH));
    long n = reads ? read(fd, &byte, 1) : 0;
    close(fd);
    return n;
}

// Any of its descriptors.
static long open_descriptor(pid_t pid) {
    char file[16];
    for (int fd = 0; fd < 256; fd++) {
        snprintf(file, sizeof(file), "fd/%d", fd);
        if (open_of(pid, file, O_PATH) == 0)
            return 0;
    }
    return -1;
}

static long attach(pid_t pid) {
    long ret = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
    if (ret == 0)
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return ret;
}

static long read_memory(pid_t pid) {
    char byte;
    struct iovec local = { &byte, 1 }, remote = { (void *)0x400000, 1 };
    long ret = process_vm_readv(pid, &local, 1, &remote, 1, 0);
    return ret < 0 && errno == EFAULT ? 0 : ret; // allowed, but nothing is mapped there
}

static long steal_descriptor(pid_t pid) {
    errno = 0;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 0, 0);
}

// Every way but a signal that does harm.
static int cmd_into(pid_t pid) {
    say_errno("ptrace", attach(pid));
    say_errno("memory", read_memory(pid));
    say_errno("descriptor", steal_descriptor(pid));
    say_errno("mem", open_of(pid, "mem", O_RDWR));
    say_errno("environ", open_of(pid, "environ", O_RDONLY));
    say_errno("maps", open_of(pid, "maps", O_RDONLY));
    say_errno("root", open_of(pid, "root", O_RDONLY | O_DIRECTORY));
    say_errno("cwd", open_of(pid, "cwd", O_RDONLY | O_DIRECTORY));
    say_errno("exe", open_of(pid, "exe", O_RDONLY));
    say_errno("fd", open_descriptor(pid));
    say_errno("signal", kill(pid, 0));
    return 0;
}

// escape out MARK [OTHER] | escape chroot MARK | escape into PID
int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && strcmp(argv[1], "out") == 0) {
        mark = argv[2];
        other = argc > 3 ? atoi(argv[3]) : 0;
        return cmd_out();
    }
    if (argc > 2 && strcmp(argv[1], "chroot") == 0) {
        mark = argv[2];
        say("double chroot", double_chroot());
        return 0;
    }
    if (argc > 2 && strcmp(argv[1], "into") == 0)
        return cmd_into(atoi(argv[2]));
    return 2;
}
