// SPDX-License-Identifier: Apache-2.0
// The probe of a place, the parent's side: the child that tries, its id maps, its end, and what only we can
// see.
#include "config.h"

#include "runtime/host/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/proc.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/host/place_try.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define LANDLOCK_VERSION 1U // LANDLOCK_CREATE_RULESET_VERSION

enum {
    LIMIT_MS = 5000,
    STATUS_MAX = 1 << 16,
    MAP_MAX = 1 << 16,
    MOUNTINFO_MAX = 1 << 26,
};
#define INITIAL_USERNS_INODE 0xEFFFFFFDU // PROC_USER_INIT_INO

// ---------------------------------------------------------------- cheap facts

void place_parse_status(const char *text, struct host_place *p) {
    static const char nnp[] = "\nNoNewPrivs:\t", seccomp[] = "\nSeccomp:\t";
    const char *at = strstr(text, nnp);
    p->no_new_privs = at && at[sizeof(nnp) - 1] == '1';
    at = strstr(text, seccomp);
    char digit = at ? at[sizeof(seccomp) - 1] : '0';
    p->seccomp_mode = digit >= '0' && digit <= '9' ? digit - '0' : 0;
}

static char *read_proc(const char *path, size_t max, struct arena *a, struct error *err) {
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : fd_read_all(fd, a, max, NULL);
    if (!text)
        error_set(err, "host.proc", errno, "cannot read %s (is /proc mounted?)", path);
    return text;
}

static int read_id_map(const char *path, struct place_range **list, size_t *n, struct arena *a,
                       struct error *err) {
    const char *text = read_proc(path, MAP_MAX, a, err);
    if (!text)
        return -1;
    if (!place_parse_id_map(text, a, list, n))
        return error_set(err, "host.proc", 0, "%s is no id map", path);
    return 0;
}

int place_probe_cheap(struct host_place *p, struct arena *a, struct error *err) {
    *p = (struct host_place){ 0 };
    const char *status = read_proc("/proc/self/status", STATUS_MAX, a, err);
    if (!status || read_id_map("/proc/self/uid_map", &p->uids, &p->n_uids, a, err) < 0 ||
        read_id_map("/proc/self/gid_map", &p->gids, &p->n_gids, a, err) < 0)
        return -1;
    place_parse_status(status, p);
    int groups = getgroups(0, NULL);
    p->n_groups = groups > 0 ? (unsigned)groups : 0;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
    p->landlock_abi = abi > 0 ? (int)abi : 0;
    return 0;
}

// ---------------------------------------------------------------- the child

struct probe {
    struct host_place *place;
    struct place_page *page; // shared with the child
    struct place_maps maps;
    bool mapped;
    uint64_t caps; // our own effective ones
    int64_t deadline;
    struct arena *arena;
    struct error *err;
};

int64_t place_now_ms(void) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left_ms(const struct probe *b) {
    int64_t left = b->deadline - place_now_ms();
    return left > 0 ? (int)left : 0;
}

static int too_long(const struct probe *b) {
    return error_set(b->err, "place.timeout", 0, "the probe of this place hangs: it tried %s for %d seconds",
                     place_ability_name((enum place_ability)b->page->trying), LIMIT_MS / 1000);
}

// Answers the child's one question, until the last process of the probe has closed its end. 1 when there is
// no good answer.
static int talk(struct probe *b, int sock) {
    for (;;) {
        struct pollfd p = { .fd = sock, .events = POLLIN };
        int n = poll(&p, 1, left_ms(b));
        if (n == 0)
            return too_long(b);
        char byte;
        if (n < 0 || (n = (int)recv(sock, &byte, 1, MSG_DONTWAIT)) < 0) {
            if (errno == EINTR || errno == EAGAIN)
                continue;
            return errno == ECONNRESET
                       ? 0
                       : error_set(b->err, "place.failed", errno, "hear from the probe's child");
        }
        if (n == 0)
            return 0;
        place_write_maps(b->place, b->page, b->caps, b->deadline, b->arena, &b->maps);
        b->mapped = b->maps.own_errnum == 0;
        if (!b->mapped)
            return 1;
        if (send(sock, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE)
            return error_set(b->err, "place.failed", errno, "answer the probe's child");
    }
}

// Waits for the child, killed when it is not to go on. Its own child follows it (PR_SET_PDEATHSIG). *status
// as of wait(2).
static int reap(struct probe *b, pid_t pid, bool stop, int *status) {
    cleanup_fd int pidfd = sys_pidfd_open(pid, 0);
    struct proc_handle p = proc_child(pid, pidfd);
    if (stop)
        kill(pid, SIGKILL);
    if (!proc_wait(&p, LIMIT_MS)) {
        kill(pid, SIGKILL);
        if (!proc_wait(&p, 1000))
            return stop ? -1 : error_set(b->err, "place.timeout", 0, "the probe's child does not end");
    }
    *status = 0;
    waitpid(pid, status, WNOHANG); // ECHILD when SIGCHLD is ignored
    return 0;
}

pid_t place_fork_quietly(pid_t *tid) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = place_fork(tid);
    int errnum = errno;
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    errno = errnum;
    return pid;
}

static int run_child(struct probe *b, int *status) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(b->err, "place.failed", errno, "socketpair");
    cleanup_fd int ours = pair[0];
    cleanup_fd int theirs = pair[1];
    pid_t pid = place_fork_quietly(&b->page->worker);
    if (pid == 0) {
        close(ours);
        place_child(b->page, theirs);
    }
    if (pid < 0)
        return error_set(b->err, "place.failed", errno, "fork for the probe of this place");
    fd_close(&theirs);
    int rc = talk(b, ours);
    return reap(b, pid, rc != 0, status) < 0 ? -1 : rc;
}

static int killed_by(const struct probe *b, int status) {
    return WIFSIGNALED(status)                   ? WTERMSIG(status)
           : WIFSIGNALED(b->page->worker_status) ? WTERMSIG(b->page->worker_status)
                                                 : 0;
}

static int ended_early(const struct probe *b, int signal, int status) {
    return error_set(b->err, "place.failed", 0, "the probe's child ended early (%s %d) while it tried %s",
                     signal ? "signal" : "status", signal ? signal : status,
                     place_ability_name((enum place_ability)b->page->trying));
}

// One child, or its successor when it cannot go on: a filter may kill instead of refusing, and a user
// namespace without ids is none. What was tried then has its answer, and all else is tried anew.
static int run_children(struct probe *b) {
    struct place_try given[N_PLACE_ABILITIES] = { { 0 } };
    for (;;) {
        int status = 0;
        memcpy(b->page->tries, given, sizeof(given));
        b->page->become_uid = b->page->become_gid = -1;
        b->page->worker_status = 0;
        int rc = run_child(b, &status);
        if (rc < 0 || b->page->finished)
            return rc < 0 ? -1 : 0;
        if (rc > 0) {
            given[PLACE_USER_NS] = (struct place_try){
                .call = "a write to uid_map", .errnum = b->maps.own_errnum, .tried = true, .given = true
            };
            continue;
        }
        int signal = killed_by(b, status);
        struct place_try *t = &given[b->page->trying];
        if (signal != SIGSYS || t->given) // each answer is given once, so this ends
            return ended_early(b, signal, status);
        *t = (struct place_try){ .errnum = EPERM, .killed = true, .given = true };
    }
}

// ---------------------------------------------------------------- facts for the causes

static uint64_t own_capabilities(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    return syscall(SYS_capget, &header, data) < 0 ? 0 : data[0].effective | (uint64_t)data[1].effective << 32;
}

static char read_digit(const char *path, char otherwise) {
    char text[8];
    return fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0 ? text[0] : otherwise;
}

// The label that an LSM has given us, unless it lets us do everything.
static const char *lsm_label(struct arena *a) {
    static const char *const files[] = { "/proc/self/attr/apparmor/current", "/proc/self/attr/current" };
    char text[256];
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (fd_read_small(AT_FDCWD, files[i], text, sizeof(text)) <= 0)
            continue;
        text[strcspn(text, "\n")] = '\0';
        if (*text && !str_eq(text, "unconfined") && !str_eq(text, "kernel"))
            return arena_strdup(a, text);
    }
    return NULL;
}

static bool in_initial_userns(void) {
    struct stat st;
    return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USERNS_INODE;
}

static int gather(const struct probe *b, struct place_facts *f) {
    struct utsname name;
    struct arena *a = b->arena;
    const char *mountinfo = read_proc("/proc/self/mountinfo", MOUNTINFO_MAX, a, b->err);
    if (!mountinfo)
        return -1;
    *f = (struct place_facts){
        .new_userns = b->place->new_userns,
        .initial_userns = !b->place->new_userns && in_initial_userns(),
        .caps = b->page->caps,
        .outer_caps = b->caps,
        .seccomp_mode = b->place->seccomp_mode,
        .kernel = uname(&name) == 0 ? place_kernel_version(name.release) : 0,
        .userns_clone_off = read_digit("/proc/sys/kernel/unprivileged_userns_clone", '1') == '0',
        .apparmor_restricts =
            read_digit("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '0') == '1',
        .setgroups_denied = read_digit("/proc/self/setgroups", 'a') == 'd',
        .root_is_mount = place_root_is_mount(mountinfo),
        .lsm = lsm_label(a),
        .proc_covers = place_covers(mountinfo, "/proc", a),
        .sys_covers = place_covers(mountinfo, "/sys", a),
        .maps = b->mapped ? &b->maps : NULL,
    };
    return 0;
}

// ---------------------------------------------------------------- cgroups

// The directory that a container's cgroup would be made in; as base_path() of runtime/cgroup/translate.c.
static const char *cgroup_parent(const struct host_cgroups *c, const struct host_hierarchy *h,
                                 struct arena *a) {
    if (!c->below_own || str_eq(h->own_path, "/"))
        return h->mount_point;
    const char *slash = h->v2 ? strrchr(h->own_path, '/') : NULL;
    size_t n = slash ? (size_t)(slash - h->own_path) : strlen(h->own_path);
    return arena_printf(a, "%s%.*s", h->mount_point, (int)n, h->own_path);
}

static struct place_answer writable(const char *dir, struct arena *a) {
    if (faccessat(AT_FDCWD, dir, W_OK, 0) == 0)
        return (struct place_answer){ 0, NULL, NULL };
    int errnum = errno;
    if (errnum == EROFS)
        return (struct place_answer){ errnum, "read-only",
                                      arena_printf(a,
                                                   "a writable %s (docker, podman: --privileged; Kubernetes: "
                                                   "privileged: true)",
                                                   dir) };
    if (errnum == EACCES || errnum == EPERM)
        return (struct place_answer){
            errnum, "not-delegated",
            arena_printf(a, "%s has to be delegated to this user (Delegate=yes of user@.service)", dir)
        };
    return (struct place_answer){ errnum, "unknown", NULL };
}

// The root cgroup has no such file, so where it is the only one that we see, the kernel's version decides.
static bool has_cgroup_kill(const struct host_hierarchy *v2, unsigned kernel, struct arena *a) {
    const char *own =
        arena_printf(a, "%s%s/cgroup.kill", v2->mount_point, str_eq(v2->own_path, "/") ? "" : v2->own_path);
    return faccessat(AT_FDCWD, own, F_OK, 0) == 0 || kernel >= 0x050e;
}

static void look_at_cgroups(struct host_place *p, const struct host_cgroups *c, unsigned kernel,
                            struct arena *a) {
    static const struct place_answer none = { ENOENT, "not-mounted", "mount cgroup2 at /sys/fs/cgroup" };
    const struct host_hierarchy *v2 = host_cgroups_v2(c);
    p->cgroups = arena_calloc(a, c->n_hierarchies + 1, sizeof(*p->cgroups));
    p->n_cgroups = c->n_hierarchies;
    p->can[PLACE_CGROUP] = c->n_hierarchies ? (struct place_answer){ 0, NULL, NULL } : none;
    p->can[PLACE_CGROUP_KILL] = none;
    for (size_t i = 0; i < c->n_hierarchies; i++) {
        const struct host_hierarchy *h = &c->hierarchies[i];
        p->cgroups[i] = writable(cgroup_parent(c, h, a), a);
        if (p->cgroups[i].errnum != 0 && p->can[PLACE_CGROUP].errnum == 0)
            p->can[PLACE_CGROUP] = p->cgroups[i];
        if (h == v2)
            p->can[PLACE_CGROUP_KILL] = p->cgroups[i];
    }
    if (v2 && p->can[PLACE_CGROUP_KILL].errnum == 0 && !has_cgroup_kill(v2, kernel, a))
        p->can[PLACE_CGROUP_KILL] = (struct place_answer){ ENOENT, "not-in-kernel", "Linux 5.14 or newer" };
}

// ---------------------------------------------------------------- all of it

static int probe_with(struct probe *b, bool new_userns, const struct host_cgroups *cgroups) {
    struct place_facts facts;
    b->page->new_userns = new_userns;
    b->page->filter = b->place->seccomp_mode == 2;
    if (run_children(b) < 0)
        return -1;
    b->place->new_userns = new_userns && b->page->tries[PLACE_USER_NS].errnum == 0;
    if (gather(b, &facts) < 0)
        return -1;
    place_explain(b->page->tries, &facts, b->arena, b->place);
    look_at_cgroups(b->place, cgroups, facts.kernel, b->arena);
    b->place->probed = true;
    return 0;
}

int place_probe(struct host_place *p, bool new_userns, const struct host_cgroups *cgroups, struct arena *a,
                struct error *err) {
    if (place_probe_cheap(p, a, err) < 0)
        return -1;
    struct place_page *page =
        mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return error_set(err, "place.failed", errno, "map a page for the probe of this place");
    struct probe b = { .place = p,
                       .page = page,
                       .caps = own_capabilities(),
                       .deadline = place_now_ms() + LIMIT_MS,
                       .arena = a,
                       .err = err };
    int rc = probe_with(&b, new_userns, cgroups);
    munmap(page, sizeof(*page));
    return rc;
}
