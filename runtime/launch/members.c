// SPDX-License-Identifier: Apache-2.0
// K3: finding a container's processes by what they have in common.
#include "config.h"

#include "runtime/launch/members.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/process/rawid.h"
#include "runtime/supervisor/supervisor.h"

#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(NSIO, 0x5, uint64_t)
#endif
#ifndef NS_GET_ID
#define NS_GET_ID _IOR(NSIO, 13, uint64_t)
#endif

enum {
    ANCESTORS = 256,      // of ours
    GENERATIONS = 4096,   // of anybody's
    USER_NAMESPACES = 33, // nesting, user_namespaces(7)
    LONGEST_NAP = 32,     // ms
    LOOK_AGAIN_MS = 50,
    NEWEST = 64,      // processes
    NEWEST_LOOKS = 3, // that find nobody
    CHASE = 1000,     // looks, after which the others have their turn
    EMPTY_PASSES = 3, // in a row, once somebody was found
};

static const char *const files[N_MEMBER_NAMESPACES] = {
    [MEMBER_MOUNT] = "mnt",
    [MEMBER_UTS] = "uts",
    [MEMBER_USER] = "user",
};

static int64_t now_ms(void) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---------------------------------------------------------------- one process, in /proc

static int namespace_of(int proc, pid_t pid, int kind, struct file_id *out) {
    char name[16];
    snprintf(name, sizeof(name), "ns/%s", files[kind]);
    return procfs_file(proc, pid, name, out);
}

static int open_namespace(int proc, pid_t pid, int kind) {
    char path[48];
    snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, files[kind]);
    return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

static uint64_t unique_of(int fd, int kind) {
    uint64_t id = 0;
    if (fd >= 0 && ioctl(fd, NS_GET_ID, &id) == 0)
        return id;
    return fd >= 0 && kind == MEMBER_MOUNT && ioctl(fd, NS_GET_MNTNS_ID, &id) == 0 ? id : 0;
}

// ---------------------------------------------------------------- identity

static int no_identity(struct error *err) {
    return error_set(
        err, "members.no-identity", 0,
        "nothing tells the container's processes from others: it has neither namespaces nor a root "
        "of its own");
}

static int identify_namespace(int proc, int kind, int fd, struct member_identity *out, struct error *err) {
    struct file_id ours;
    struct stat st;
    if (fstat(fd, &st) < 0 || namespace_of(proc, getpid(), kind, &ours) < 0)
        return error_set(err, "members.failed", errno, "look at the %s namespace", files[kind]);
    struct file_id theirs = { st.st_dev, st.st_ino };
    if (!file_id_equal(theirs, ours))
        out->namespaces[kind] = (struct namespace_id){ theirs, unique_of(fd, kind) };
    return 0;
}

static bool has_namespaces(const struct member_identity *id) {
    bool any = false;
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++)
        any = any || id->namespaces[i].file.ino;
    return any;
}

int members_identify(pid_t payload, const struct member_marks *marks, struct member_identity *out,
                     struct error *err) {
    struct file_id own_root;
    *out = (struct member_identity){ .root = marks->root };
    cleanup_fd int proc = procfs_open(err);
    if (proc < 0)
        return -1;
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++)
        if (marks->namespaces[i] >= 0 && identify_namespace(proc, i, marks->namespaces[i], out, err) < 0)
            return -1;
    if (procfs_file(proc, getpid(), "root", &own_root) < 0 ||
        (marks->dev >= 0 && procfs_tmpfs(marks->dev, &out->dev) < 0))
        return error_set(err, "members.failed", errno, "look at the root");
    if (!has_namespaces(out) && file_id_equal(out->root, own_root))
        return no_identity(err);
    if (proc_identify(payload, &out->payload) < 0)
        return error_set(err, "members.failed", errno, "look at pid %d", (int)payload);
    return 0;
}

// ---------------------------------------------------------------- one pass

struct pass {
    const struct member_identity *id;
    struct namespace_id namespaces[N_MEMBER_NAMESPACES]; // of the identity, those that are not our own
    bool bare;                                           // nothing but the root
    int proc;
    struct file_id own_user;  // our own user namespace
    struct file_id own_mount; // and our mount namespace
    pid_t spared[ANCESTORS];  // we and our ancestors
    size_t n_spared;
    unsigned proved; // bits of the namespaces that are the container's beyond doubt
    bool kill;
    struct members found;
};

enum verdict {
    OTHER,
    BLIND,    // may not be looked at
    DOUBTFUL, // a namespace's number is right
    MEMBER,
};

struct evidence {
    unsigned numbers; // bits of the namespaces with the right number
    bool unique;      // what is right is used once only
    bool root;
    bool elsewhere; // bare: the root is right, but bare makes no mount namespaces, and it is in another one
                    // than we
};

// The number is right: is the namespace?
static void note(struct evidence *e, const struct namespace_id *want, int kind, int fd) {
    uint64_t unique = want->unique ? unique_of(fd, kind) : 0;
    if (unique && unique != want->unique)
        return; // the number is in use again
    e->unique |= unique != 0;
    e->numbers |= 1U << kind;
}

// A user namespace made by the container's own is as good as that one.
static void look_at_user(const struct pass *p, pid_t pid, struct file_id user, struct evidence *e) {
    const struct namespace_id *want = &p->namespaces[MEMBER_USER];
    if (file_id_equal(user, p->own_user))
        return;
    int fd = open_namespace(p->proc, pid, MEMBER_USER);
    for (int i = 0; fd >= 0 && i < USER_NAMESPACES; i++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && file_id_equal((struct file_id){ st.st_dev, st.st_ino }, want->file)) {
            note(e, want, MEMBER_USER, fd);
            break;
        }
        int parent = ioctl(fd, NS_GET_PARENT);
        close(fd);
        fd = parent;
    }
    fd_close(&fd);
}

// False with errno when it may not be looked at, or is gone.
static bool gather(const struct pass *p, pid_t pid, struct evidence *e) {
    *e = (struct evidence){ 0 };
    struct file_id is;
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++) {
        const struct namespace_id *want = &p->namespaces[i];
        if (!want->file.ino)
            continue;
        if (namespace_of(p->proc, pid, i, &is) < 0)
            return false;
        if (i == MEMBER_USER)
            look_at_user(p, pid, is, e);
        else if (file_id_equal(is, want->file)) {
            cleanup_fd int fd = want->unique ? open_namespace(p->proc, pid, i) : -1;
            note(e, want, i, fd);
        }
        // Enough, and who forks and exits as fast as it can will not be there for long.
        if (e->unique)
            return true;
    }
    if (!p->bare && !e->numbers && !p->id->dev.id)
        return true;
    if (procfs_file(p->proc, pid, "root", &is) < 0)
        return false;
    e->root = file_id_equal(is, p->id->root);
    if (p->bare && e->root && namespace_of(p->proc, pid, MEMBER_MOUNT, &is) < 0)
        return false;
    e->elsewhere = p->bare && e->root && !file_id_equal(is, p->own_mount);
    // Who has unshared all of its namespaces still has the container's mounts in them.
    struct tmpfs_id dev;
    if (e->root && p->id->dev.id && procfs_dev_tmpfs(p->proc, pid, p->id->dev.dev, &dev) == 0)
        e->unique = dev.id == p->id->dev.id;
    return true;
}

// Without CAP_SYS_PTRACE one may look at processes of one's own ids only (ptrace(2), PTRACE_MODE_FSCREDS),
// but with CAP_SETUID and CAP_SETGID the file system ids can be theirs for a moment. Going away from 0 takes
// capabilities for file access away, coming back gives them back.
static bool gather_as_they(const struct pass *p, pid_t pid, struct evidence *e) {
    uid_t uid;
    gid_t gid;
    if (gather(p, pid, e))
        return true;
    if ((errno != EACCES && errno != EPERM) || !procfs_ids(p->proc, pid, &uid, &gid))
        return false;
    gid_t old_gid = (gid_t)raw_setfsgid(gid);
    uid_t old_uid = (uid_t)raw_setfsuid(uid);
    bool seen = gather(p, pid, e);
    int saved = errno;
    raw_setfsuid(old_uid);
    raw_setfsgid(old_gid);
    errno = saved;
    return seen;
}

// Is there a supervisor above it? One that is in the container's root is a process that calls itself so.
static bool has_supervisor(const struct pass *p, pid_t pid) {
    struct procfs_stat line;
    for (int i = 0; i < GENERATIONS && pid > 1 && procfs_stat(p->proc, pid, &line); i++) {
        struct file_id root;
        if (str_eq(line.name, SUPERVISOR_NAME) &&
            (procfs_file(p->proc, pid, "root", &root) < 0 || !file_id_equal(root, p->id->root)))
            return true;
        pid = line.parent;
    }
    return false;
}

static bool is_spared(const struct pass *p, pid_t pid) {
    for (size_t i = 0; i < p->n_spared; i++)
        if (p->spared[i] == pid)
            return true;
    return false;
}

// May be one for its age and its owner; the kernel's own threads (2 is their parent) are not.
static bool could_be(const struct pass *p, pid_t pid, bool seen) {
    struct procfs_stat line;
    uid_t uid;
    gid_t gid;
    if (!procfs_stat(p->proc, pid, &line) || procfs_is_dead(&line) ||
        line.start_time < p->id->payload.start_time || pid == 2 || line.parent == 2)
        return false;
    // Who is not root made it with its own id, or in a user namespace of its own, which it may look into.
    return seen || geteuid() == 0 || (procfs_ids(p->proc, pid, &uid, &gid) && uid == getuid());
}

static enum verdict judge(struct pass *p, pid_t pid) {
    struct evidence e;
    if (is_spared(p, pid))
        return OTHER;
    bool seen = gather_as_they(p, pid, &e);
    if (!seen && (errno == ENOENT || errno == ESRCH)) {
        pid_t other = procfs_other_thread(p->proc, pid);
        seen = other && gather_as_they(p, other, &e);
    }
    if (!seen && errno != EACCES && errno != EPERM)
        return OTHER; // gone
    if (seen && e.unique)
        return MEMBER;
    if (seen && !e.numbers && !(p->bare && e.root))
        return OTHER;
    if (!could_be(p, pid, seen) || has_supervisor(p, pid))
        return OTHER;
    if (!seen)
        return BLIND;
    // A container that was made later, of another isolation, in a root with the number of one that is gone?
    if (e.elsewhere)
        return DOUBTFUL;
    if (e.root)
        p->proved |= e.numbers;
    return e.root || (e.numbers & p->proved) ? MEMBER : DOUBTFUL;
}

static void end_member(struct pass *p, pid_t pid) {
    // The pidfd is of whoever has the number now; if that one is a member, so is the one that it means, or it
    // is gone.
    cleanup_fd int fd = sys_pidfd_open(pid, 0);
    if (judge(p, pid) == MEMBER)
        (void)proc_signal_number(fd, pid, SIGKILL);
}

static void consider(struct pass *p, pid_t pid) {
    switch (judge(p, pid)) {
    case OTHER:
        return;
    case BLIND:
    case DOUBTFUL:
        if (p->found.unsure < MEMBERS_DOUBTFUL)
            p->found.doubtful[p->found.unsure] = pid;
        p->found.unsure++;
        return;
    case MEMBER:
        p->found.n++;
        p->found.some = pid;
        if (p->kill)
            end_member(p, pid);
    }
}

static int walk(struct pass *p, struct error *err) {
    static const char what[] = "read /proc";
    // For two at a time: what is read has to be looked at at once. A chain that forks and exits gets new
    // numbers all the time, so the end of the walk runs after it until it has it.
    enum { TWO = 64 };
    char buf[TWO + sizeof(struct dirent64)] __attribute__((aligned(8)));
    cleanup_fd int dir = openat(p->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return error_set(err, "members.failed", errno, "%s", what);
    long n;
    p->found = (struct members){ 0 };
    while ((n = syscall(SYS_getdents64, dir, buf, TWO)) > 0)
        for (long at = 0; at < n;) {
            const struct dirent64 *d = (const struct dirent64 *)(buf + at);
            uint64_t pid;
            at += d->d_reclen;
            if (str_to_u64(d->d_name, INT32_MAX, &pid) && pid > 1)
                consider(p, (pid_t)pid);
        }
    return n < 0 ? error_set(err, "members.failed", errno, "%s", what) : 0;
}

// Who forks and exits all the time is among the newest, wherever the walk is; one that got its number before
// the walk came by, and was there only after it, would be missed.
static bool one_of_newest(struct pass *p) {
    size_t before = p->found.n;
    pid_t last = procfs_last_pid(p->proc);
    for (pid_t pid = last; pid > 1 && pid > last - NEWEST && p->found.n == before; pid--)
        if (kill(pid, 0) == 0 || errno != ESRCH)
            consider(p, pid);
    return p->found.n > before;
}

static void look_at_newest(struct pass *p) {
    struct members walked = p->found;
    int none = 0;
    for (int i = 0; i < CHASE && none < NEWEST_LOOKS && (p->kill || p->found.n == 0); i++)
        none = one_of_newest(p) ? 0 : none + 1;
    // They have been counted.
    p->found.unsure = walked.unsure;
    if (walked.n)
        p->found.n = walked.n;
}

// What is proved by a process that the walk finds late counts for those before it, too.
static int look(struct pass *p, struct error *err) {
    p->proved = 0;
    if (walk(p, err) < 0 || (p->proved && p->found.unsure && walk(p, err) < 0))
        return -1;
    look_at_newest(p);
    return 0;
}

// True: there is something to look for.
static bool begin(struct pass *p, const struct member_identity *id) {
    struct file_id own;
    p->id = id;
    p->bare = true;
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++) {
        bool have = namespace_of(p->proc, getpid(), i, &own) == 0;
        if (have && i == MEMBER_USER)
            p->own_user = own;
        if (have && i == MEMBER_MOUNT)
            p->own_mount = own;
        // The number of a namespace that is gone may be that of ours by now.
        if (have && !file_id_equal(own, id->namespaces[i].file))
            p->namespaces[i] = id->namespaces[i];
        if (id->namespaces[i].file.ino)
            p->bare = false;
    }
    struct procfs_stat line;
    for (pid_t pid = getpid(); pid > 0 && p->n_spared < ANCESTORS; pid = line.parent) {
        p->spared[p->n_spared++] = pid;
        if (!procfs_stat(p->proc, pid, &line))
            break;
    }
    return !p->bare || (id->root.ino && procfs_file(p->proc, getpid(), "root", &own) == 0 &&
                        !file_id_equal(own, id->root));
}

static int run(const struct member_identity *id, int timeout_ms, bool kill_, struct members *out,
               struct error *err) {
    int64_t end = now_ms() + timeout_ms;
    struct pass p = { .kill = kill_ };
    *out = (struct members){ 0 };
    // Whatever it was: it did not live through a reboot.
    if (!str_eq(id->payload.boot_id, proc_boot_id()))
        return 0;
    cleanup_fd int proc = procfs_open(err);
    if (proc < 0)
        return -1;
    p.proc = proc;
    if (!begin(&p, id))
        return no_identity(err);
    int empty = EMPTY_PASSES - 1;
    for (int nap = 1;; nap = nap < LONGEST_NAP ? nap * 2 : nap) {
        if (look(&p, err) < 0)
            return -1;
        *out = p.found;
        empty = p.found.n ? 0 : empty + 1;
        if (!kill_ || empty >= EMPTY_PASSES)
            return 0;
        if (now_ms() >= end && p.found.n)
            break;
        if (p.found.n)
            poll(NULL, 0, nap);
    }
    error_set(err, "kill.timeout", 0, "%zu processes of the container still run %d s after SIGKILL", out->n,
              timeout_ms / 1000);
    return error_hint(err, "they may be in uninterruptible sleep: see /proc/%d/stack", (int)out->some);
}

int members_find(const struct member_identity *id, struct members *out, struct error *err) {
    return run(id, 0, false, out, err);
}

int members_kill(const struct member_identity *id, int timeout_ms, struct members *out, struct error *err) {
    return run(id, timeout_ms, true, out, err);
}

static bool is_doubtful(const struct members *m, pid_t pid) {
    for (size_t i = 0; i < m->unsure && i < MEMBERS_DOUBTFUL; i++)
        if (m->doubtful[i] == pid)
            return true;
    return false;
}

void members_look_again(const struct member_identity *id, struct members *out) {
    struct members now;
    struct error ignored;
    size_t kept = 0;
    if (out->unsure == 0 || out->unsure > MEMBERS_DOUBTFUL)
        return;
    poll(NULL, 0, LOOK_AGAIN_MS);
    if (members_find(id, &now, &ignored) < 0)
        return;
    for (size_t i = 0; i < out->unsure; i++)
        if (is_doubtful(&now, out->doubtful[i]))
            out->doubtful[kept++] = out->doubtful[i];
    out->unsure = kept;
}

// ---------------------------------------------------------------- as text

const char *members_text(const struct member_identity *id, struct arena *a) {
    const char *text = arena_printf(a, "%llx:%llx %llx:%llx", (unsigned long long)id->root.dev,
                                    (unsigned long long)id->root.ino, (unsigned long long)id->dev.dev,
                                    (unsigned long long)id->dev.id);
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++) {
        const struct namespace_id *n = &id->namespaces[i];
        text = arena_printf(a, "%s %llx:%llx:%llx", text, (unsigned long long)n->file.dev,
                            (unsigned long long)n->file.ino, (unsigned long long)n->unique);
    }
    return text;
}

static bool read_number(const char **at, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(*at, &end, 16);
    bool read = end != *at && errno == 0;
    *at = *end ? end + 1 : end;
    return read;
}

bool members_read(const char *text, struct member_identity *out) {
    *out = (struct member_identity){ 0 };
    bool read = text && read_number(&text, &out->root.dev) && read_number(&text, &out->root.ino) &&
                read_number(&text, &out->dev.dev) && read_number(&text, &out->dev.id);
    for (int i = 0; i < N_MEMBER_NAMESPACES && read; i++) {
        struct namespace_id *n = &out->namespaces[i];
        read = read_number(&text, &n->file.dev) && read_number(&text, &n->file.ino) &&
               read_number(&text, &n->unique);
    }
    return read;
}
