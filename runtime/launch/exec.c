// SPDX-License-Identifier: Apache-2.0
// exec: one more process in a container. No mounts, nothing compiled when warm, one setns.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/pidfile.h"
#include "lib/proc.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/host/host.h"
#include "runtime/host/place.h"
#include "runtime/init/message.h"
#include "runtime/launch/clone.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/members.h"
#include "runtime/launch/monitor.h"
#include "runtime/launch/process.h"
#include "runtime/process/attributes.h"
#include "runtime/process/terminal.h"

enum {
    SUPERVISOR_LIMIT_MS = 10 * 1000,
    QUIET_MS = 100,       // for an end without a word; who takes longer is listened to
    ID_MAP_MAX = 1 << 16, // bytes: 340 lines, user_namespaces(7)
};

struct execution {
    const struct exec_request *request;
    uint64_t permitted; // our own capabilities
    struct plan *plan;
    struct proc_handle container; // its init
    struct nsset namespaces;
    struct spec_process process;
    bool set_oom_score;
    struct arena *arena;
    struct init init;
    struct cgroup_join cgroup;
    struct cgroup_place *places;
    size_t n_places;
    struct supervisor supervisor;
    int supervisor_ready; // where it and the mirror say that they are up, or -1
    struct clone_request clone;
    struct clone_result child;
    bool in_cgroup;
    int sock, terminal;
    int image; // of selfexe_protect, until the child has closed its copy
    struct foreground foreground;
};

// In a root that was entered by chroot(2), joining the mount namespace leads to the outer root.
static bool pivoted(const struct exec_request *r) {
    return !r->state->root_entry || !str_eq(r->state->root_entry, "chroot");
}

// Who has no power over our own user namespace can only enter the PID namespace from within the one that owns
// it.
static bool through_user_namespace(const struct execution *x) {
    return (x->request->state->namespaces & CLONE_NEWUSER) && !(x->permitted & (1ULL << CAP_SYS_ADMIN));
}

// Who shares the container's PID namespace is seen by its processes, and those with CAP_SYS_PTRACE over us
// could go through /proc/PID/root and cwd (CVE-2016-9962): so we are in its mount namespace before the child
// is born. With a user namespace in between they have no such power, and joining that one would cost us our
// own.
// A supervisor stays outside, and its container has no PID namespace in which to be seen.
static bool parent_joins(const struct exec_request *r) {
    return !(r->state->namespaces & CLONE_NEWUSER) && (r->state->namespaces & CLONE_NEWNS) &&
           !state_is_supervised(r->state);
}

// Set by the parent, for the child must not hold a procfs of the host; not at all when it is so already.
static void settle_oom_score(struct execution *x) {
    char text[16];
    int64_t now;
    if (!x->process.has_oom_score_adj)
        return;
    ssize_t n = fd_read_small(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text));
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    bool same = n > 0 && str_to_i64(text, -1000, 1000, &now) && now == x->process.oom_score_adj;
    x->set_oom_score = !same;
    x->process.has_oom_score_adj = false;
}

// A user namespace that an unprivileged process made: create left the groups out, too.
static bool denies_groups(const struct state *state) {
    char path[64], text[16];
    snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)state_payload(state).pid);
    ssize_t n = fd_read_small(AT_FDCWD, path, text, sizeof(text));
    return n > 0 && str_starts(text, "deny");
}

// `id` if it exists in the container's user namespace, else the first that does: what create chose.
static uint32_t existing_id(const struct execution *x, const char *map, uint32_t id) {
    char path[64];
    struct place_range *list;
    size_t n, size;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)state_payload(x->request->state).pid, map);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *text = fd < 0 ? NULL : fd_read_all(fd, x->arena, ID_MAP_MAX, &size);
    if (!text || !place_parse_id_map(text, x->arena, &list, &n) || n == 0)
        return id;
    for (size_t i = 0; i < n; i++)
        if (id >= list[i].first && id - list[i].first < list[i].count)
            return id;
    return list[0].first;
}

// The config's user may not exist there (user.unmapped, which create has told): then the container's other
// processes run as somebody else, too. Another user that is asked for is refused by the kernel.
static void settle_user(struct execution *x) {
    const struct exec_request *r = x->request;
    struct spec_user *user = &x->process.user;
    const struct spec_user *own = r->spec->process ? &r->spec->process->user : user;
    uint32_t uid = user->uid, gid = user->gid;
    if (uid == own->uid)
        user->uid = existing_id(x, "uid_map", uid);
    if (gid == own->gid)
        user->gid = existing_id(x, "gid_map", gid);
    if (user->uid != uid || user->gid != gid)
        log_warning("the process runs as %u:%u: %u:%u does not exist here", user->uid, user->gid, uid, gid);
    if (denies_groups(r->state))
        user->n_additional_gids = 0;
}

static int make_plan(struct execution *x, struct error *err) {
    const struct exec_request *r = x->request;
    if (host_probe_permitted(&x->permitted, err) < 0)
        return -1;
    // What the parent has joined already is not joined by the child. The cgroup namespace is the child's:
    // nobody in it could make a process in the container's cgroup, where we are not (nsdelegate in
    // cgroups(7)).
    uint64_t joined =
        r->state->namespaces & (parent_joins(r) ? (uint64_t)CLONE_NEWCGROUP : ~(uint64_t)CLONE_NEWPID);
    if (through_user_namespace(x))
        joined &= ~(uint64_t)CLONE_NEWUSER;
    x->process = *r->process;
    settle_oom_score(x);
    // Full isolation without a mount namespace is what its config asks for.
    bool is_weaker = r->state->isolation && !str_eq(r->state->isolation, "oci");
    if (is_weaker)
        settle_user(x);
    struct plan_exec_request request = {
        .process = &x->process,
        .namespaces = joined,
        .in_cgroup = r->state->n_cgroups > 0,
        .keyring = r->state->keyring,
        .seccomp = r->spec->linux_.seccomp != NULL,
        .supervised = state_is_supervised(r->state),
        .chrooted = is_weaker && !pivoted(r),
        .image_dev = r->state->isolation && str_eq(r->state->isolation, "bare"),
        .admin =
            !is_weaker || (r->state->namespaces & CLONE_NEWUSER) || (x->permitted & (1ULL << CAP_SYS_ADMIN)),
        .console_socket = r->console_socket,
        .pid_file = r->pid_file,
    };
    x->plan = plan_exec(&request, x->arena, err);
    return x->plan ? 0 : -1;
}

static int no_root(const struct state *state, struct error *err) {
    return error_set(err, "exec.failed", errno, "open the root of container %s", state->id);
}

// Without namespaces the root is where it was when the container was made, unless something else is there
// now.
static int open_root_by_path(const struct state *state, struct error *err) {
    struct member_identity made;
    struct stat st;
    cleanup_fd int fd = open(state->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return no_root(state, err);
    if (members_read(state->members, &made) && (made.root.dev != st.st_dev || made.root.ino != st.st_ino))
        return error_set(err, "exec.failed", 0, "%s is not the root of container %s any more", state->rootfs,
                         state->id);
    return fd_steal(&fd);
}

// /proc/PID/root is not for everybody to look through.
static int open_root(const struct execution *x, pid_t payload, struct error *err) {
    const struct state *state = x->request->state;
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/root", (int)payload);
    cleanup_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && state->namespaces == 0 && state->rootfs)
        return open_root_by_path(state, err);
    bool gone = fd >= 0 && proc_wait(&x->container, 0); // only now is it certain whose root it is
    if (gone)
        errno = ESRCH;
    return fd < 0 || gone ? no_root(state, err) : fd_steal(&fd);
}

static int open_container(struct execution *x, struct error *err) {
    const struct exec_request *r = x->request;
    struct proc_id payload = state_payload(r->state);
    if (proc_hold(&payload, &x->container) < 0 ||
        nsset_open(&x->container, r->state->namespaces, &x->namespaces) < 0) {
        error_set(err, "exec.stopped", errno == ESRCH ? 0 : errno, "cannot exec in a stopped container");
        return launch_hint_leftovers(r->dir, r->state, err);
    }
    x->init.container = &x->namespaces;
    if (!pivoted(r)) {
        x->init.container_root = open_root(x, payload.pid, err);
        if (x->init.container_root < 0)
            return -1;
    }
    if (through_user_namespace(x)) {
        // A pidfd stands for all of them, a file for one.
        bool all = x->namespaces.pidfd >= 0;
        x->clone.join_user = nsset_fd(&x->namespaces, CLONE_NEWUSER);
        x->clone.join_user_flags = CLONE_NEWUSER | (all ? (int)(r->state->namespaces & CLONE_NEWPID) : 0);
        if (!all && (r->state->namespaces & CLONE_NEWPID))
            x->clone.join[NS_PID] = nsset_fd(&x->namespaces, CLONE_NEWPID);
    } else if (!parent_joins(r) && (r->state->namespaces & CLONE_NEWPID)) {
        x->clone.join[NS_PID] = nsset_fd(&x->namespaces, CLONE_NEWPID);
    }
    return 0;
}

static int open_cgroups(struct execution *x, struct error *err) {
    const struct exec_request *r = x->request;
    x->places = launch_cgroup_places(r->state, x->arena, &x->n_places);
    if (x->n_places == 0)
        return r->n_cgroups
                   ? error_set(err, "cgroup.join-failed", 0, "container %s has no cgroup", r->state->id)
                   : 0;
    if (cgroup_join_open(x->places, x->n_places, r->cgroups, r->n_cgroups, x->arena, &x->cgroup, err) < 0)
        return -1;
    x->init.cgroup = &x->cgroup;
    x->clone.cgroup_fd = x->cgroup.v2;
    return 0;
}

// The process gets a supervisor of its own, tied to the container's, and a mirror that ends with it, for who
// waits.
static int prepare_supervisor(struct execution *x, struct error *err) {
    const struct exec_request *r = x->request;
    if (!state_is_supervised(r->state))
        return 0;
    x->clone.supervisor = &x->supervisor;
    if (supervisor_prepare(&x->supervisor, SUPERVISOR_EXEC, r->state->id, &x->supervisor_ready, err) < 0)
        return -1;
    x->supervisor.link = supervisor_join(r->dir->fd, SUPERVISOR_LIMIT_MS, err);
    if (x->supervisor.link < 0)
        return str_eq(err->code, "exec.stopped") ? launch_hint_leftovers(r->dir, r->state, err) : -1;
    return 0;
}

static int get_seccomp(struct execution *x, struct error *err) {
    const struct exec_request *r = x->request;
    if (!r->spec->linux_.seccomp)
        return 0;
    const char *key = r->state->seccomp_key;
    if (key && seccomp_get_by_key(r->dir->root_fd, key, x->arena, &x->init.seccomp) == 0)
        return 0;
    return seccomp_get(r->dir->root_fd, r->spec->linux_.seccomp, x->arena, &x->init.seccomp, err);
}

static int prepare(struct execution *x, struct error *err) {
    const struct exec_request *r = x->request;
    if (make_plan(x, err) < 0)
        return -1;
    process_init(&x->init, x->plan);
    x->init.preserve_fds = r->preserve_fds;
    x->init.joins = true;
    x->init.commit = x->set_oom_score || state_is_supervised(r->state);
    if (r->trace && !(x->init.trace = trace_new(r->trace, err)))
        return -1;
    if (process_prepare(&x->init, r->state->namespaces & CLONE_NEWUSER, err) < 0 ||
        open_container(x, err) < 0 || open_cgroups(x, err) < 0 || get_seccomp(x, err) < 0 ||
        prepare_supervisor(x, err) < 0)
        return -1;
    if (r->console_socket) {
        x->init.console_sock = terminal_connect_console_socket(r->console_socket, err);
        if (x->init.console_sock < 0)
            return -1;
    }
    return 0;
}

static int enter(struct execution *x, int *own_mounts, struct error *err) {
    *own_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (*own_mounts < 0)
        return error_set(err, "namespace.unavailable", errno, "open /proc/self/ns/mnt");
    if (nsset_join(&x->namespaces, x->request->state->namespaces & ~(uint64_t)CLONE_NEWCGROUP) < 0)
        return error_set(err, "namespace.join-failed", errno, "join the container's namespaces");
    struct rootfs root = ROOTFS_INIT; // borrows the descriptor
    root.root_fd = x->init.container_root;
    if (root.root_fd >= 0 && rootfs_chroot(&root, err) < 0)
        return -1;
    return 0;
}

// The payload may have enabled controllers in its own cgroup: then v2 lets nobody in there, but where init
// is.
static int clone_child(struct execution *x, int own_mounts, struct error *err) {
    int rc = clone_process(&x->clone, &x->in_cgroup, &x->child, err);
    if (rc == 0 || err->err != EBUSY || x->clone.cgroup_fd < 0)
        return rc;
    // Its name is to be found in the host's files.
    if (own_mounts >= 0 && setns(own_mounts, CLONE_NEWNS) < 0)
        return error_set(err, "namespace.join-failed", errno, "go back to the runtime's own mount namespace");
    if (cgroup_join_of_process(x->places, x->n_places, x->request->state->init.pid, x->arena, &x->cgroup,
                               err) < 0)
        return -1;
    x->clone.cgroup_fd = x->cgroup.v2;
    if (own_mounts >= 0 && nsset_join(&x->namespaces, CLONE_NEWNS) < 0)
        return error_set(err, "namespace.join-failed", errno, "join the container's mount namespace");
    return clone_process(&x->clone, &x->in_cgroup, &x->child, err);
}

static int spawn(struct execution *x, struct error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, "exec.failed", errno, "socketpair");
    x->sock = x->init.parent_sock = pair[0];
    x->init.sock = pair[1];
    x->init.in_cgroup = &x->in_cgroup;
    x->clone.entry = init_main;
    x->clone.arg = &x->init;
    // The child is born where the container's processes can see it.
    if (geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
        return error_set(err, "exec.failed", errno, "become non-dumpable");
    // Not taken back: our procfs is out of reach then, and all that is left to do is to wait.
    if (process_lend_oom_score(&x->init, err) < 0)
        return -1;
    if (!x->process.selinux_label && !x->process.apparmor_profile)
        fd_close(&x->init.rootfs.proc_fd);
    cleanup_fd int own_mounts = -1;
    if (parent_joins(x->request) && enter(x, &own_mounts, err) < 0)
        return -1;
    int close_first[] = { own_mounts, x->request->dir->fd, x->request->dir->root_fd, x->image };
    memcpy(x->init.close_first, close_first, sizeof(close_first));
    int rc = clone_child(x, own_mounts, err);
    fd_close(&x->init.sock);
    supervisor_close(&x->supervisor);
    // Back to our own files: a pid file is still to be written.
    if (own_mounts >= 0 && setns(own_mounts, CLONE_NEWNS) < 0 && rc == 0)
        rc = error_set(err, "namespace.join-failed", errno, "go back to the runtime's own mount namespace");
    return rc;
}

static int answer(void *arg, const struct message *m, int fd, struct error *err) {
    struct execution *x = arg;
    if (m->type == MESSAGE_TERMINAL) {
        x->terminal = fd;
        return 0;
    }
    fd_close(&fd);
    return error_set(err, "init.protocol", 0, "the process sent an unexpected message (%u)", m->type);
}

static int make(struct execution *x, struct error *err) {
    if (spawn(x, err) < 0)
        return -1;
    struct monitor m = {
        .sock = x->sock,
        .pidfd = x->child.pidfd,
        .pid = x->child.pid,
        .cgroups = x->places,
        .n_cgroups = x->n_places,
        .answer = answer,
        .arg = x,
    };
    // Nothing is asked: the end tells that the program runs, and while it begins, the kernel takes our
    // image's mount down, for which we have to wait.
    if (!x->init.commit)
        message_await_end(x->sock, QUIET_MS);
    if (monitor_until(&m, MESSAGE_READY, err) < 0)
        return -1;
    fd_close(&x->image);
    if (x->clone.supervisor && supervisor_await_ready(x->supervisor_ready, 2, SUPERVISOR_LIMIT_MS, err) < 0)
        return -1;
    if (x->set_oom_score) {
        cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (oom_score_adj_set(proc, x->child.init, x->process.oom_score_adj, err) < 0)
            return error_where(err, NULL, "/process/oomScoreAdj");
    }
    if (x->init.commit && message_send(x->sock, MESSAGE_GO, 0, -1) < 0)
        return error_set(err, "init.died", errno, "the process ended while the runtime worked for it");
    if (monitor_until(&m, 0, err) < 0)
        return -1;
    const char *pid_file = x->request->pid_file;
    return pid_file ? pidfile_write(pid_file, x->child.pid, err) : 0;
}

// What the process needed to be made.
static void close_finished(struct execution *x) {
    fd_close(&x->sock);
    fd_close(&x->image);
    fd_close(&x->child.init_pidfd);
    fd_close(&x->supervisor_ready);
    supervisor_close(&x->supervisor);
    nsset_close(&x->namespaces);
    proc_release(&x->container);
    fd_close(&x->init.container_root);
    fd_close(&x->init.console_sock);
    if (x->n_places)
        cgroup_join_close(&x->cgroup);
    x->n_places = 0;
    rootfs_close(&x->init.rootfs);
}

static void close_execution(struct execution *x) {
    close_finished(x);
    foreground_end(&x->foreground);
    fd_close(&x->terminal);
    fd_close(&x->child.pidfd);
}

int launch_exec(const struct exec_request *request, struct arena *a, struct error *err) {
    struct execution x = {
        .request = request,
        .arena = a,
        .sock = -1,
        .terminal = -1,
        .image = request->image,
        .child = CLONE_RESULT_NONE,
        .supervisor = SUPERVISOR_NONE,
        .supervisor_ready = -1,
        .container = PROC_HANDLE_NONE,
        .namespaces = NSSET_NONE,
        .cgroup = { .v2 = -1 },
        .clone = { .cgroup_fd = -1, .join_user = -1 },
        .foreground = { .signal_fd = -1, .tty = -1 },
    };
    for (int i = 0; i < N_NAMESPACES; i++)
        x.clone.join[i] = -1;
    int rc = prepare(&x, err);
    if (rc == 0 && !request->detach)
        rc = foreground_begin(&x.foreground, err);
    if (rc == 0)
        rc = make(&x, err);
    if (rc < 0 && x.child.init_pidfd >= 0)
        proc_signal(&(struct proc_handle){ .pidfd = x.child.init_pidfd }, SIGKILL);
    if (rc < 0 && x.child.pid > 0) {
        struct proc_handle child = proc_child(x.child.pid, x.child.pidfd);
        proc_signal(&child, SIGKILL);
        proc_wait(&child, 10000);
        waitpid(x.child.pid, NULL, WNOHANG);
    } else if (rc == 0 && !request->detach) {
        close_finished(&x);
        rc = foreground_wait(&x.foreground, x.child.pidfd, x.child.pid, fd_steal(&x.terminal), err);
    }
    struct error trace_error;
    if (x.init.trace && trace_write(x.init.trace, request->trace, &trace_error) < 0)
        log_warning("%s", trace_error.msg);
    close_execution(&x);
    return rc;
}
