// SPDX-License-Identifier: Apache-2.0
// The tries themselves, in a child that is thrown away: system calls only, results in a shared page. All
// namespaces are unshared one by one, so that one refusal does not hide another; what is mounted is mounted
// in a private mount namespace, over the /proc there, and goes with the child.
#include "config.h"

#include "runtime/host/place_try.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self  446
#endif
#ifdef SYS_setresuid32 // 32-bit architectures have them twice; the newer ones take 32-bit ids
#define ID_CALL(name) SYS_##name##32
#else
#define ID_CALL(name) SYS_##name
#endif

enum {
    SCOPE_SIGNAL = 1 << 1,    // LANDLOCK_SCOPE_SIGNAL, which old headers lack
    INVALID_UNSHARE = 0x2000, // CLONE_PTRACE: no flag of unshare(2)
};

struct worker {
    struct place_page *page;
    int sock;
    bool own_mounts; // what we mount stays with us
};

// ---------------------------------------------------------------- who refused?

enum call_id {
    CALL_UNSHARE,
    CALL_CLONE,
    CALL_MOUNT,
    CALL_FSOPEN,
    CALL_FSCONFIG,
    CALL_FSMOUNT,
    CALL_MOVE_MOUNT,
    CALL_OPEN_TREE,
    CALL_MOUNT_SETATTR,
    CALL_PIVOT_ROOT,
    CALL_UMOUNT,
    CALL_CHROOT,
    CALL_MKNOD,
    CALL_OPEN,
    CALL_ACCESS,
    CALL_SETGROUPS,
    CALL_KEYCTL,
    CALL_SECCOMP,
    CALL_LANDLOCK_CREATE,
    CALL_LANDLOCK_RESTRICT,
};

#define BAD_FD  ((unsigned long)-1)
#define NO_FLAG ((unsigned long)~0U)

// Each call with arguments at which the kernel stumbles before it asks who is calling (fsopen, fsmount,
// move_mount and pivot_root: right after the capability, which is held when they are tried), with the errno
// that it gives then. Another one comes from a seccomp filter, which sees the numbers only. setgroups has no
// such form.
static const struct harmless {
    const char *name;
    long nr;
    unsigned long arg[5];
    int says; // 0: has no harmless form
} calls[] = {
    [CALL_UNSHARE] = { "unshare", SYS_unshare, { INVALID_UNSHARE }, EINVAL },
    // CLONE_SIGHAND without CLONE_VM
    [CALL_CLONE] = { "clone", SYS_clone, { CLONE_SIGHAND }, EINVAL },
    [CALL_MOUNT] = { "mount", SYS_mount, { 0 }, EFAULT },
    [CALL_FSOPEN] = { "fsopen", SYS_fsopen, { 0, NO_FLAG }, EINVAL },
    [CALL_FSCONFIG] = { "fsconfig", SYS_fsconfig, { BAD_FD, NO_FLAG }, EINVAL },
    [CALL_FSMOUNT] = { "fsmount", SYS_fsmount, { BAD_FD, NO_FLAG }, EINVAL },
    [CALL_MOVE_MOUNT] = { "move_mount", SYS_move_mount, { BAD_FD, 0, BAD_FD, 0, NO_FLAG }, EINVAL },
    [CALL_OPEN_TREE] = { "open_tree", SYS_open_tree, { BAD_FD, 0, NO_FLAG }, EINVAL },
    [CALL_MOUNT_SETATTR] = { "mount_setattr", SYS_mount_setattr, { BAD_FD }, EINVAL },
    [CALL_PIVOT_ROOT] = { "pivot_root", SYS_pivot_root, { 0 }, EFAULT },
    [CALL_UMOUNT] = { "umount2", SYS_umount2, { 0, NO_FLAG }, EINVAL },
    [CALL_CHROOT] = { "chroot", SYS_chroot, { 0 }, EFAULT },
    [CALL_MKNOD] = { "mknodat", SYS_mknodat, { (unsigned long)AT_FDCWD, 0, S_IFCHR | 0600, 0x103 }, EFAULT },
    [CALL_OPEN] = { "open", 0, { 0 }, 0 },
    [CALL_ACCESS] = { "access", 0, { 0 }, 0 },
    [CALL_SETGROUPS] = { "setgroups", 0, { 0 }, 0 },
    [CALL_KEYCTL] = { "keyctl", SYS_keyctl, { NO_FLAG }, EOPNOTSUPP },
    [CALL_SECCOMP] = { "seccomp", SYS_seccomp, { NO_FLAG }, EINVAL },
    [CALL_LANDLOCK_CREATE] = { "landlock_create_ruleset",
                               SYS_landlock_create_ruleset,
                               { 0, 0, NO_FLAG },
                               EINVAL },
    [CALL_LANDLOCK_RESTRICT] = { "landlock_restrict_self",
                                 SYS_landlock_restrict_self,
                                 { BAD_FD, NO_FLAG },
                                 EINVAL },
};

// flag: goes into the first argument, which filters look at in unshare and clone.
static bool is_filtered(enum call_id id, unsigned long flag, int errnum) {
    const struct harmless *c = &calls[id];
    if (c->says == 0)
        return false;
    long rc = syscall(c->nr, c->arg[0] | flag, c->arg[1], c->arg[2], c->arg[3], c->arg[4]);
    return rc < 0 && errno == errnum && errnum != c->says;
}

static bool begin(struct worker *w, enum place_ability ability) {
    w->page->trying = ability;
    if (w->page->tries[ability].given)
        return false;
    w->page->tries[ability].tried = true;
    return true;
}

// Takes down a refusal. True when rc is one.
static bool refused_with(struct worker *w, enum place_ability ability, enum call_id id, unsigned long flag,
                         long rc) {
    if (rc >= 0)
        return false;
    int errnum = errno;
    struct place_try *t = &w->page->tries[ability];
    t->errnum = errnum;
    t->call = calls[id].name;
    t->filtered = w->page->filter && is_filtered(id, flag, errnum);
    errno = errnum;
    return true;
}

static bool refused(struct worker *w, enum place_ability ability, enum call_id id, long rc) {
    return refused_with(w, ability, id, 0, rc);
}

// ---------------------------------------------------------------- namespaces

// Containers are born by clone3(2), or by clone(2) where that is blocked, so a filter of clone counts, too.
// Both fail here in any case: CLONE_SIGHAND needs CLONE_VM.
static long clone_allowed(unsigned long flag) {
    struct clone_args args = { .flags = flag | CLONE_SIGHAND, .exit_signal = SIGCHLD };
    if (syscall(SYS_clone3, &args, sizeof(args)) < 0 && errno == EINVAL)
        return 0;
    if (flag == CLONE_NEWTIME) // is not for clone(2)
        return 0;
    return syscall(SYS_clone, flag | CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EINVAL ? 0 : -1;
}

static bool try_unshare(struct worker *w, enum place_ability ability, unsigned long flag) {
    if (!begin(w, ability) || refused_with(w, ability, CALL_UNSHARE, flag, unshare((int)flag)))
        return false;
    return !w->page->filter || !refused_with(w, ability, CALL_CLONE, flag, clone_allowed(flag));
}

// Nothing that is mounted in here may be seen outside. "/" is no mount point after chroot(2) into a
// directory; then /proc alone is made private, the only place that anything is mounted on.
static bool make_private(void) {
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ||
           (errno == EINVAL && mount(NULL, "/proc", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

static void read_capabilities(struct place_page *page) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) == 0)
        page->caps = data[0].effective | (uint64_t)data[1].effective << 32;
}

// Asks the parent for id maps and takes the ids that it names. False when the parent is gone.
static bool get_maps(struct worker *w) {
    char byte = 'm';
    ssize_t n;
    if (send(w->sock, &byte, 1, MSG_NOSIGNAL) != 1)
        return false;
    do
        n = recv(w->sock, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        return false;
    if (w->page->become_gid >= 0)
        syscall(ID_CALL(setresgid), w->page->become_gid, w->page->become_gid, w->page->become_gid);
    if (w->page->become_uid >= 0)
        syscall(ID_CALL(setresuid), w->page->become_uid, w->page->become_uid, w->page->become_uid);
    return true;
}

static bool parent_lives(int sock) {
    struct pollfd p = { .fd = sock };
    return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

// A change of ids clears the signal, so it is asked for anew after each: prctl(2).
static void die_with_parent(int sock) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (!parent_lives(sock))
        _exit(1);
}

static void try_user_namespace(struct worker *w) {
    if (!try_unshare(w, PLACE_USER_NS, CLONE_NEWUSER))
        return;
    w->page->tries[PLACE_ID_MAPS].tried = true;
    if (!get_maps(w))
        _exit(1);
    die_with_parent(w->sock);
    if (w->page->new_userns)
        read_capabilities(w->page);
}

static void try_namespaces(struct worker *w) {
    static const struct {
        enum place_ability ability;
        unsigned long flag;
    } others[] = {
        { PLACE_IPC_NS, CLONE_NEWIPC },       { PLACE_UTS_NS, CLONE_NEWUTS },
        { PLACE_CGROUP_NS, CLONE_NEWCGROUP }, { PLACE_TIME_NS, CLONE_NEWTIME },
        { PLACE_NETWORK_NS, CLONE_NEWNET },
    };
    if (try_unshare(w, PLACE_MOUNT_NS, CLONE_NEWNS))
        w->own_mounts = !refused(w, PLACE_MOUNT_NS, CALL_MOUNT, make_private() ? 0 : -1);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        try_unshare(w, others[i].ability, others[i].flag);
}

// ---------------------------------------------------------------- file systems

struct new_fs {
    const char *type, *target;
    const char *data;              // for mount(2)
    const char *key[3], *value[3]; // the same for fsconfig(2)
    unsigned long flags;           // MS_*
    unsigned attr;                 // MOUNT_ATTR_*, the same
    enum place_ability ability;
    bool may_reveal; // the kernel gives none that shows more than the one that is there
};

#define LOCKED_DOWN_MS   (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define LOCKED_DOWN_ATTR (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const struct new_fs ground = {
    .ability = PLACE_TMPFS,
    .type = "tmpfs",
    .target = "/proc",
    .data = "mode=700,size=64k",
    .key = { "mode", "size" },
    .value = { "700", "64k" },
};

// As the default config has them.
static const struct new_fs file_systems[] = {
    {
        .ability = PLACE_PROCFS,
        .type = "proc",
        .target = "a",
        .flags = LOCKED_DOWN_MS,
        .attr = LOCKED_DOWN_ATTR,
        .may_reveal = true,
    },
    {
        .ability = PLACE_SYSFS,
        .type = "sysfs",
        .target = "a",
        .flags = LOCKED_DOWN_MS | MS_RDONLY,
        .attr = LOCKED_DOWN_ATTR | MOUNT_ATTR_RDONLY,
        .may_reveal = true,
    },
    {
        .ability = PLACE_DEVPTS,
        .type = "devpts",
        .target = "a",
        .data = "newinstance,ptmxmode=0666,mode=0620",
        .key = { "newinstance", "ptmxmode", "mode" },
        .value = { NULL, "0666", "0620" },
        .flags = MS_NOSUID | MS_NOEXEC,
        .attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
    },
    {
        .ability = PLACE_MQUEUE,
        .type = "mqueue",
        .target = "a",
        .flags = LOCKED_DOWN_MS,
        .attr = LOCKED_DOWN_ATTR,
    },
    {
        // Two lower layers and none to write to: what the upper one's file system can do is another question,
        // and its answer would go to the kernel's log.
        .ability = PLACE_OVERLAY,
        .type = "overlay",
        .target = "a",
        .data = "lowerdir=b:c",
        .key = { "lowerdir" },
        .value = { "b:c" },
    },
};

// Reads what the kernel has to say about a file system context: fsopen(2).
static bool log_has(int fs, const char *words) {
    char text[256];
    ssize_t n;
    while ((n = read(fs, text, sizeof(text) - 1)) > 0) {
        text[n] = '\0';
        if (strstr(text, words))
            return true;
    }
    return false;
}

static int configure(int fs, const struct new_fs *m) {
    if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", m->type, 0) < 0)
        return -1;
    for (size_t i = 0; i < 3 && m->key[i]; i++) {
        unsigned command = m->value[i] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
        if (sys_fsconfig(fs, command, m->key[i], m->value[i], 0) < 0)
            return -1;
    }
    return sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

// By the new API, which tells why. The detached mount, or -1.
static int context_mount(struct worker *w, const struct new_fs *m) {
    cleanup_fd int fs = sys_fsopen(m->type, FSOPEN_CLOEXEC);
    if (refused(w, m->ability, CALL_FSOPEN, fs) || refused(w, m->ability, CALL_FSCONFIG, configure(fs, m)))
        return -1;
    int tree = sys_fsmount(fs, FSMOUNT_CLOEXEC, m->attr);
    if (refused(w, m->ability, CALL_FSMOUNT, tree)) {
        // Only fsmount looks at what can be seen already. Older kernels say so in their own log alone, but
        // have no other reason for EPERM there.
        struct place_try *t = &w->page->tries[m->ability];
        t->revealing = m->may_reveal && (log_has(fs, "revealing") || (t->errnum == EPERM && !t->filtered));
    }
    return tree;
}

static bool plain_mount(struct worker *w, const struct new_fs *m) {
    return !refused(w, m->ability, CALL_MOUNT, mount(m->type, m->target, m->type, m->flags, m->data));
}

// As the executor does: mount(2), and the new API for those who may not.
static bool try_mount(struct worker *w, const struct new_fs *m) {
    struct place_try *t = &w->page->tries[m->ability];
    if (!begin(w, m->ability))
        return false;
    if (plain_mount(w, m))
        return true;
    struct place_try first = *t;
    if (!first.filtered && !(m->may_reveal && first.errnum == EPERM))
        return false;
    *t = (struct place_try){ .tried = true };
    cleanup_fd int tree = context_mount(w, m);
    if (first.filtered && tree >= 0)
        return !refused(w, m->ability, CALL_MOVE_MOUNT,
                        sys_move_mount(tree, "", AT_FDCWD, m->target, MOVE_MOUNT_F_EMPTY_PATH));
    if (!t->revealing) // nothing new was learned
        *t = first;
    return false;
}

static bool lay_ground(struct worker *w) {
    if (!try_mount(w, &ground))
        return false;
    return chdir(ground.target) == 0 && mkdirat(AT_FDCWD, "a", 0700) == 0 &&
           mkdirat(AT_FDCWD, "b", 0700) == 0 && mkdirat(AT_FDCWD, "c", 0700) == 0;
}

// ---------------------------------------------------------------- mounts, moved and changed

static void try_bind(struct worker *w) {
    if (begin(w, PLACE_BIND))
        refused(w, PLACE_BIND, CALL_MOUNT, mount("b", "b", NULL, MS_BIND | MS_REC, NULL));
}

static void try_open_tree(struct worker *w) {
    if (!begin(w, PLACE_OPEN_TREE))
        return;
    cleanup_fd int tree = sys_open_tree(AT_FDCWD, "c", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (refused(w, PLACE_OPEN_TREE, CALL_OPEN_TREE, tree))
        return;
    refused(w, PLACE_OPEN_TREE, CALL_MOVE_MOUNT,
            sys_move_mount(tree, "", AT_FDCWD, "c", MOVE_MOUNT_F_EMPTY_PATH));
}

// The tmpfs itself is changed, for it is a mount whatever else works; and changed back.
static void try_mount_setattr(struct worker *w) {
    struct mount_attr on = { .attr_set = MOUNT_ATTR_NOEXEC }, off = { .attr_clr = MOUNT_ATTR_NOEXEC };
    if (!begin(w, PLACE_MOUNT_SETATTR))
        return;
    long rc = sys_mount_setattr(AT_FDCWD, ".", AT_RECURSIVE, &on, sizeof(on));
    if (!refused(w, PLACE_MOUNT_SETATTR, CALL_MOUNT_SETATTR, rc))
        sys_mount_setattr(AT_FDCWD, ".", AT_RECURSIVE, &off, sizeof(off));
}

static void try_mknod(struct worker *w) {
    if (!begin(w, PLACE_MKNOD) ||
        refused(w, PLACE_MKNOD, CALL_MKNOD, mknodat(AT_FDCWD, "null", S_IFCHR | 0600, makedev(1, 3))))
        return;
    cleanup_fd int fd = open("null", O_RDONLY | O_CLOEXEC);
    refused(w, PLACE_MKNOD, CALL_OPEN, fd);
}

static void try_pivot_root(struct worker *w) {
    if (!begin(w, PLACE_PIVOT_ROOT) ||
        refused(w, PLACE_PIVOT_ROOT, CALL_PIVOT_ROOT, sys_pivot_root(".", ".")))
        return;
    refused(w, PLACE_PIVOT_ROOT, CALL_UMOUNT, umount2(".", MNT_DETACH));
}

static void try_mounts(struct worker *w) {
    if (!w->own_mounts || !lay_ground(w))
        return;
    for (size_t i = 0; i < sizeof(file_systems) / sizeof(*file_systems); i++)
        if (try_mount(w, &file_systems[i]))
            umount2(file_systems[i].target, MNT_DETACH);
    try_bind(w);
    try_open_tree(w);
    try_mount_setattr(w);
    try_mknod(w);
    try_pivot_root(w);
}

// ---------------------------------------------------------------- the process's own

// Into the root that we have already: changes nothing, and asks for all that chroot(2) asks for.
static void try_chroot(struct worker *w) {
    if (begin(w, PLACE_CHROOT))
        refused(w, PLACE_CHROOT, CALL_CHROOT, chroot("/"));
}

static void try_setgroups(struct worker *w) {
    if (begin(w, PLACE_SETGROUPS))
        refused(w, PLACE_SETGROUPS, CALL_SETGROUPS, syscall(ID_CALL(setgroups), 0, NULL));
}

static void try_keyring(struct worker *w) {
    if (begin(w, PLACE_KEYRING))
        refused(w, PLACE_KEYRING, CALL_KEYCTL,
                syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0));
}

// net.* belongs to the network namespace that we have just made, if we could; kernel.domainname to nobody but
// root.
static void try_sysctl(struct worker *w) {
    const struct place_try *net = &w->page->tries[PLACE_NETWORK_NS];
    const char *file =
        net->tried && net->errnum == 0 ? "/proc/sys/net/core/somaxconn" : "/proc/sys/kernel/domainname";
    if (begin(w, PLACE_SYSCTL))
        refused(w, PLACE_SYSCTL, CALL_ACCESS, syscall(SYS_faccessat, AT_FDCWD, file, W_OK));
}

static void try_landlock(struct worker *w) {
    uint64_t attr[3] = { 0, 0, SCOPE_SIGNAL }; // struct landlock_ruleset_attr: fs, net, scoped
    if (!begin(w, PLACE_LANDLOCK_SIGNALS))
        return;
    cleanup_fd int rules = (int)syscall(SYS_landlock_create_ruleset, attr, sizeof(attr), 0);
    if (!refused(w, PLACE_LANDLOCK_SIGNALS, CALL_LANDLOCK_CREATE, rules))
        refused(w, PLACE_LANDLOCK_SIGNALS, CALL_LANDLOCK_RESTRICT,
                syscall(SYS_landlock_restrict_self, rules, 0));
}

static void try_seccomp(struct worker *w) {
    struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog program = { .len = 1, .filter = allow };
    if (begin(w, PLACE_SECCOMP))
        refused(w, PLACE_SECCOMP, CALL_SECCOMP, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

__attribute__((noreturn)) static void work(struct worker *w) {
    try_sysctl(w); // before /proc is covered
    try_keyring(w);
    try_setgroups(w);
    try_chroot(w);
    try_mounts(w);
    if (!w->page->new_userns)
        try_user_namespace(w); // after all that is to be tried without one
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    try_landlock(w);
    try_seccomp(w);
    w->page->finished = true;
    _exit(0);
}

// ---------------------------------------------------------------- processes

pid_t place_fork(pid_t *tid) {
#ifdef __s390x__
    return (pid_t)syscall(SYS_clone, NULL, CLONE_PARENT_SETTID | SIGCHLD, tid, NULL, NULL);
#else
    return (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, NULL, tid, NULL, NULL);
#endif
}

void place_child(struct place_page *page, int sock) {
    struct worker w = { .page = page, .sock = sock };
    die_with_parent(sock);
    read_capabilities(page);
    if (page->new_userns)
        try_user_namespace(&w);
    try_namespaces(&w);
    if (!try_unshare(&w, PLACE_PID_NS, CLONE_NEWPID))
        work(&w);
    // Only a child is in the new PID namespace, and a procfs is of the namespace of who mounts it.
    pid_t pid = place_fork(&page->worker);
    if (pid == 0) {
        die_with_parent(sock);
        work(&w);
    }
    if (refused(&w, PLACE_PID_NS, CALL_CLONE, pid))
        work(&w);
    while (waitpid(pid, &page->worker_status, 0) < 0 && errno == EINTR)
        ;
    _exit(0);
}
