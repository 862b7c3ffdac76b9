// SPDX-License-Identifier: Apache-2.0
/*
 * floor: the lower bound for `run /bin/true` of the bench's bundle (`spec`'s default one) on this host.
 *
 * It knows the bundle by heart: nothing is parsed, checked, remembered or reported, nothing is undone after a
 * failure (it then just says which line failed). What is left is what the kernel itself charges for such a
 * container: the namespaces, the cgroups with their device rules, the loopback interface, the mounts, devices
 * and masks, pivot_root, the credentials, one execve, one wait, and taking the cgroups away. A runtime cannot
 * be faster without doing less.
 *
 * usage: floor ROOTFS NAME [PROGRAM]      (root; NAME is the cgroup's)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROOT      "/sys/fs/cgroup"
#define MAX_CGROUPS 16
#define MUST(expr)                \
    do {                          \
        if ((expr) < 0)           \
            die(__LINE__, #expr); \
    } while (0)

struct cgroup {
    char path[128]; // /sys/fs/cgroup/<hierarchy>/<name>
    char name[32];  // the hierarchy's directory, "" for plain v2
    int tasks;      // v1: open for writing, the child writes "0" into it; v2: -1
    int unified;
};

static struct cgroup cgroups[MAX_CGROUPS];
static int n_cgroups;
static int unified_fd = -1; // directory of the v2 cgroup, for CLONE_INTO_CGROUP

static void die(int line, const char *what) {
    char buf[256];
    int n = snprintf(buf, sizeof(buf), "floor:%d: %s: %s\n", line, what, strerror(errno));
    if (write(2, buf, (size_t)n) < 0)
        _exit(3);
    _exit(2);
}

static void write_file(int dir, const char *name, const char *value) {
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
    MUST(fd);
    MUST(write(fd, value, strlen(value)));
    close(fd);
}

/* cpuset on v1: a new group is empty and takes no process until both files are filled. */
static void copy_up(int dir, const char *name, const char *parent) {
    char value[256];
    int fd = openat(dir, parent, O_RDONLY | O_CLOEXEC);
    MUST(fd);
    ssize_t n = read(fd, value, sizeof(value) - 1);
    MUST(n);
    close(fd);
    value[n] = 0;
    write_file(dir, name, value);
}

/* The allow list that every container has, as the v1 driver spells it. The bundle itself only denies. */
static const char *const device_rules[] = { "c *:* m",   "b *:* m",     "c 1:3 rwm", "c 1:8 rwm",
                                            "c 1:7 rwm", "c 5:0 rwm",   "c 1:5 rwm", "c 1:9 rwm",
                                            "c 5:1 rwm", "c 136:* rwm", "c 5:2 rwm" };

static void devices_v1(int dir) {
    int allow = openat(dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    MUST(allow);
    write_file(dir, "devices.deny", "a");
    for (size_t i = 0; i < sizeof(device_rules) / sizeof(*device_rules); i++)
        MUST(write(allow, device_rules[i], strlen(device_rules[i])));
    close(allow);
}

static void add_cgroup(const char *hierarchy, const char *name) {
    struct cgroup *cg = &cgroups[n_cgroups++];
    cg->tasks = -1;
    snprintf(cg->name, sizeof(cg->name), "%s", hierarchy);
    snprintf(cg->path, sizeof(cg->path), CGROOT "%s%s/%s", *hierarchy ? "/" : "", hierarchy, name);
    cg->unified = !*hierarchy || strcmp(hierarchy, "unified") == 0;
}

/* Which hierarchies are there: one line of /proc/self/cgroup each, in one read. */
static void find_cgroups(const char *name) {
    char buf[4096];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    MUST(fd);
    ssize_t n = read(fd, buf, sizeof(buf) - 1);
    MUST(n);
    close(fd);
    buf[n] = 0;
    if (access(CGROOT "/cgroup.procs", F_OK) == 0) {
        add_cgroup("", name);
        return;
    }
    for (char *line = strtok(buf, "\n"); line && n_cgroups < MAX_CGROUPS; line = strtok(NULL, "\n")) {
        char *first = strchr(line, ':');
        char *second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
            continue;
        char *controllers = first + 1;
        *second = 0;
        if (strncmp(controllers, "name=", 5) == 0)
            controllers += 5;
        if (*controllers)
            add_cgroup(controllers, name);
        else if (access(CGROOT "/unified/cgroup.procs", F_OK) == 0)
            add_cgroup("unified", name);
    }
}

/* v2: the same rules as a BPF_PROG_TYPE_CGROUP_DEVICE program. */
static void devices_v2(int dir) {
    static const struct {
        int type, major, minor, mknod_only;
    } rules[] = {
        { BPF_DEVCG_DEV_CHAR, -1, -1, 1 }, { BPF_DEVCG_DEV_BLOCK, -1, -1, 1 },
        { BPF_DEVCG_DEV_CHAR, 1, 3, 0 },   { BPF_DEVCG_DEV_CHAR, 1, 8, 0 },
        { BPF_DEVCG_DEV_CHAR, 1, 7, 0 },   { BPF_DEVCG_DEV_CHAR, 5, 0, 0 },
        { BPF_DEVCG_DEV_CHAR, 1, 5, 0 },   { BPF_DEVCG_DEV_CHAR, 1, 9, 0 },
        { BPF_DEVCG_DEV_CHAR, 5, 1, 0 },   { BPF_DEVCG_DEV_CHAR, 136, -1, 0 },
        { BPF_DEVCG_DEV_CHAR, 5, 2, 0 },
    };
    struct bpf_insn p[128];
    int n = 0;
#define INSN(c, d, s, o, i) \
    p[n++] = (struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
    INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0); // r2 = access << 16 | type
    INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0);
    INSN(BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, 0xffff); // r2 = type
    INSN(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 16);     // r3 = access
    INSN(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0);        // r4 = major
    INSN(BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0);        // r5 = minor
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        int tests = 1 + (rules[i].major >= 0) + (rules[i].minor >= 0) + rules[i].mknod_only;
        int left = tests + 1;
        INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, left--, rules[i].type);
        if (rules[i].mknod_only)
            INSN(BPF_JMP | BPF_JNE | BPF_K, 3, 0, left--, BPF_DEVCG_ACC_MKNOD);
        if (rules[i].major >= 0)
            INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, left--, rules[i].major);
        if (rules[i].minor >= 0)
            INSN(BPF_JMP | BPF_JNE | BPF_K, 5, 0, left--, rules[i].minor);
        INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
        INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
    INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
    INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
#undef INSN
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)p;
    attr.insn_cnt = (uint32_t)n;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    int prog = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    MUST(prog);
    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)dir;
    attr.attach_bpf_fd = (uint32_t)prog;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    MUST(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)));
    close(prog);
}

static void make_cgroups(void) {
    for (int i = 0; i < n_cgroups; i++) {
        struct cgroup *cg = &cgroups[i];
        MUST(mkdir(cg->path, 0755));
        int dir = open(cg->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        MUST(dir);
        if (cg->unified) {
            unified_fd = open(cg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            MUST(unified_fd);
            if (n_cgroups == 1)
                devices_v2(unified_fd);
        } else {
            if (strcmp(cg->name, "cpuset") == 0) {
                copy_up(dir, "cpuset.cpus", "../cpuset.cpus");
                copy_up(dir, "cpuset.mems", "../cpuset.mems");
            } else if (strcmp(cg->name, "devices") == 0) {
                devices_v1(dir);
            }
            cg->tasks = openat(dir, "tasks", O_WRONLY | O_CLOEXEC);
            MUST(cg->tasks);
        }
        close(dir);
    }
}

/* Called in the new root's /sys/fs/cgroup's place, in the new cgroup namespace: its root is the container's
 * cgroup. */
static void mount_cgroups(void) {
    unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RELATIME;
    char path[64];

    if (n_cgroups == 1 && cgroups[0].unified) {
        MUST(mount("cgroup", "sys/fs/cgroup", "cgroup2", flags | MS_RDONLY, NULL));
        return;
    }
    MUST(mount("cgroup", "sys/fs/cgroup", "tmpfs", flags, "mode=755"));
    for (int i = 0; i < n_cgroups; i++) {
        const struct cgroup *cg = &cgroups[i];
        char options[64];
        int named = strcmp(cg->name, "systemd") == 0;
        snprintf(path, sizeof(path), "sys/fs/cgroup/%s", cg->name);
        snprintf(options, sizeof(options), "%s%s", named ? "none,name=" : "", cg->name);
        MUST(mkdir(path, 0755));
        if (cg->unified)
            MUST(mount("cgroup", path, "cgroup2", flags | MS_RDONLY, NULL));
        else
            MUST(mount("cgroup", path, "cgroup", flags | MS_RDONLY, options));
    }
    MUST(mount(NULL, "sys/fs/cgroup", NULL, flags | MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
}

static void make_dev(void) {
    static const struct {
        const char *name;
        int major, minor;
    } nodes[] = {
        { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },    { "dev/full", 1, 7 },
        { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
    };
    static const char *const links[][2] = {
        { "/proc/self/fd", "dev/fd" },       { "/proc/self/fd/0", "dev/stdin" },
        { "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
        { "pts/ptmx", "dev/ptmx" },
    };
    unsigned long flags = MS_NOSUID | MS_NOEXEC | MS_NODEV;

    MUST(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
    MUST(mkdir("dev/pts", 0755));
    MUST(mkdir("dev/shm", 0755));
    MUST(mkdir("dev/mqueue", 0755));
    MUST(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
               "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    MUST(mount("shm", "dev/shm", "tmpfs", flags, "mode=1777,size=65536k"));
    MUST(mount("mqueue", "dev/mqueue", "mqueue", flags, NULL));
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
        MUST(mknod(nodes[i].name, S_IFCHR | 0666,
                   makedev((unsigned)nodes[i].major, (unsigned)nodes[i].minor)));
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
        MUST(symlink(links[i][0], links[i][1]));
}

/* Paths that are not there are skipped, as every runtime does. */
static void mask(void) {
    static const char *const masked[] = { "proc/acpi",        "proc/asound",        "proc/kcore",
                                          "proc/keys",        "proc/latency_stats", "proc/timer_list",
                                          "proc/timer_stats", "proc/sched_debug",   "sys/firmware",
                                          "proc/scsi" };
    static const char *const readonly[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                            "proc/sysrq-trigger" };

    for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
        if (mount("dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
            continue;
        MUST(errno == ENOTDIR ? mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL) : -1);
    }
    for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++) {
        if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0 && errno == ENOENT)
            continue;
        MUST(mount(NULL, readonly[i], NULL,
                   MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, NULL));
    }
}

static void confine(void) {
    static const uint64_t keep = 1ULL << CAP_AUDIT_WRITE | 1ULL << CAP_KILL | 1ULL << CAP_NET_BIND_SERVICE;
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { (uint32_t)keep, (uint32_t)keep, 0 } };
    struct rlimit nofile = { 1024, 1024 };

    MUST(setrlimit(RLIMIT_NOFILE, &nofile));
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (!(keep & 1ULL << cap))
            MUST(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
    MUST(setgroups(0, NULL));
    MUST(setresgid(0, 0, 0));
    MUST(setresuid(0, 0, 0));
    MUST(syscall(SYS_capset, &header, data));
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* A new network namespace's lo is down; every runtime brings it up. */
static void loopback(void) {
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    MUST(fd);
    MUST(ioctl(fd, SIOCSIFFLAGS, &lo));
    close(fd);
}

static void child(const char *rootfs, const char *program) {
    char *const argv[] = { (char *)program, NULL };
    char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
                          NULL };

    for (int i = 0; i < n_cgroups; i++)
        if (cgroups[i].tasks >= 0)
            MUST(write(cgroups[i].tasks, "0", 1));
    MUST(unshare(CLONE_NEWCGROUP));
    MUST(setsid());
    MUST(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != EDQUOT ? -1 : 0);
    MUST(sethostname("floor", 5));
    loopback();

    MUST(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL));
    MUST(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
    MUST(chdir(rootfs));
    MUST(mount("proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL));
    make_dev();
    MUST(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL));
    mount_cgroups();
    MUST(syscall(SYS_pivot_root, ".", "."));
    MUST(umount2(".", MNT_DETACH));
    MUST(chdir("/"));
    mask();
    MUST(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    confine();
    MUST(syscall(SYS_close_range, 3, ~0U, 0));
    umask(022);
    execve(program, argv, env);
    die(__LINE__, "execve");
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: floor ROOTFS NAME [PROGRAM]\n");
        return 2;
    }
    const char *program = argc > 3 ? argv[3] : "/bin/true";
    find_cgroups(argv[2]);
    make_cgroups();

    struct clone_args args = { .flags =
                                   CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
                               .exit_signal = SIGCHLD };
    if (unified_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)unified_fd;
    }
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    MUST(pid);
    if (pid == 0)
        child(argv[1], program);

    int status;
    MUST(waitpid((pid_t)pid, &status, 0));
    for (int i = n_cgroups; i-- > 0;)
        MUST(rmdir(cgroups[i].path));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
