// SPDX-License-Identifier: Apache-2.0
// create and run: carries out the parent's steps of the plan, in order, and undoes them when one fails.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/pidfile.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/config/parse.h"
#include "runtime/init/init.h"
#include "runtime/init/message.h"
#include "runtime/launch/clone.h"
#include "runtime/launch/hooks.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/members.h"
#include "runtime/launch/monitor.h"
#include "runtime/launch/notify.h"
#include "runtime/launch/process.h"
#include "runtime/process/labels.h"
#include "runtime/process/terminal.h"

enum { SUPERVISOR_LIMIT_MS = 10 * 1000 };

// Everything that one create or run has in hand; what is set is undone on failure.
struct launch {
    const struct launch_request *request;
    const struct plan *plan;
    struct arena *arena;
    struct hook_subject subject;

    struct state_dir dir;
    struct state state;
    struct cgroup_live cgroup;
    bool cgroup_made;
    struct supervisor supervisor;
    int supervisor_ready; // where it says that it is up, or -1
    int cgroup_lock;      // held while we are at work in a cgroup that others may name too, or -1
    struct clone_request clone;
    struct clone_result child;
    bool in_cgroup;
    int sock;           // to init
    int notify;         // run: what the program says to sd_notify, or -1
    int terminal;       // master for the foreground, or -1
    int marks[N_MARKS]; // from init, or -1
    struct init init;
    bool pid_file_written;
    struct foreground foreground;
};

// ---------------------------------------------------------------- steps

// Hooks of create that ran, or may have run, are answered by poststop (runtime.md, lifecycle).
static bool has_create_hooks(const struct spec *spec) {
    return spec->hooks[HOOK_PRESTART].n_hooks || spec->hooks[HOOK_CREATE_RUNTIME].n_hooks ||
           spec->hooks[HOOK_CREATE_CONTAINER].n_hooks || spec->hooks[HOOK_START_CONTAINER].n_hooks ||
           spec->hooks[HOOK_POSTSTART].n_hooks;
}

// What a dead entry left. Its cgroups go, too: a cgroup that was told to kill also kills who is cloned into
// it later.
static void clear_remains(const struct state *old, void *arg) {
    struct error err;
    size_t n;
    struct cgroup_place *places = launch_cgroup_places(old, arg, &n);
    if (launch_kill_all(NULL, old, arg, &err) < 0 || cgroup_remove(places, n, &err) < 0 ||
        launch_unmount_root(old, &err) < 0)
        log_warning("%s", err.msg);
}

static void record_cgroups(struct launch *l, const struct cgroup_place *places, size_t n) {
    l->state.cgroups = NULL;
    l->state.n_cgroups = 0;
    for (size_t i = 0; i < n; i++) {
        struct state_cgroup *c = ARENA_PUSH(l->arena, l->state.cgroups, l->state.n_cgroups);
        *c = (struct state_cgroup){ places[i].controllers, places[i].dir, places[i].made };
    }
}

static int step_claim(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    const struct plan_request *r = &l->request->plan;
    if (state_claim(l->arena, l->request->root, r->id, clear_remains, l->arena, &l->dir, err) < 0)
        return -1;
    const struct spec *spec = l->plan->spec;
    l->state = (struct state){
        .id = r->id,
        .oci_version = spec->oci_version,
        .bundle = r->bundle,
        .rootfs = l->plan->rootfs,
        .cgroup_manager = l->request->cgroup_manager,
        .isolation = l->plan->isolation,
        .root_entry = l->plan->root_entry,
        .kill = l->plan->kill,
        .keyring = r->keyring,
        .no_process = !spec->process,
        .shared_pid_namespace = !(l->plan->clone_flags & CLONE_NEWPID),
    };
    for (int i = 0; i < N_NAMESPACES; i++)
        if (spec->linux_.namespaces[i].present)
            l->state.namespaces |= namespace_flags[i];
    for (size_t i = 0; i < spec->n_annotations; i++) {
        struct state_pair *pair = ARENA_PUSH(l->arena, l->state.annotations, l->state.n_annotations);
        *pair = (struct state_pair){ spec->annotations[i].key, spec->annotations[i].value };
    }
    // Where the cgroups will be is written down before they are made, so that a death in between leaves no
    // secret.
    if (l->plan->cgroup) {
        struct cgroup_place *places;
        size_t n;
        cgroup_predict(l->plan->cgroup, l->arena, &places, &n);
        record_cgroups(l, places, n);
    }
    if (state_save(&l->dir, l->arena, &l->state, err) < 0)
        return -1;
    if (r->notify_directory && notify_make_directory(l->dir.fd, err) < 0)
        return -1;
    if (!l->plan->process && !r->wait_start)
        return error_set_at(err, "config.invalid", 0, "/process", "there is no process to run");
    return 0;
}

static int step_seccomp(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    if (seccomp_get(l->dir.root_fd, l->plan->spec->linux_.seccomp, l->arena, &l->init.seccomp, err) < 0)
        return -1;
    for (size_t i = 0; i < l->init.seccomp.n_unknown; i++)
        log_debug("seccomp: system call %s is not known here and skipped", l->init.seccomp.unknown[i]);
    l->state.seccomp_key = l->init.seccomp.key;
    return 0;
}

// Which mount init is going to attach on the host is written down before there is an init.
static int remember_root(struct launch *l, const struct rootfs_source *root, struct error *err) {
    struct rootfs_attached attached;
    if (rootfs_attached_expect(&l->init.rootfs, root, &attached, err) < 0)
        return -1;
    l->state.root_mount = attached.mount;
    l->state.root_below = attached.below;
    return state_save(&l->dir, l->arena, &l->state, err);
}

static int step_open_root(struct launch *l, const struct step *s, struct error *err) {
    if (rootfs_source_open(&l->init.rootfs, s->source, err) < 0) {
        if (err->err != ENOENT)
            return -1;
        error_set(err, "root.invalid", ENOENT, "cannot open the root %s", s->source->path);
        return error_hint(err, "a relative root.path starts at the bundle");
    }
    if (!s->source->is_dir)
        return error_set(err, "config.invalid", ENOTDIR, "the root %s", s->source->path);
    return l->plan->mounts_on_host ? remember_root(l, s->source, err) : 0;
}

static int step_open_source(struct launch *l, const struct step *s, struct error *err) {
    int rc = rootfs_source_open(&l->init.rootfs, s->source, err);
    return rc < 0 && s->optional && err->err == ENOENT ? 0 : rc;
}

static int step_open_devices(struct launch *l, const struct step *s, struct error *err) {
    for (size_t i = 0; i < s->devices->n; i++)
        if (s->devices->list[i].from.path &&
            rootfs_device_open(&l->init.rootfs, &s->devices->list[i], err) < 0)
            return error_where(err, NULL, s->devices->origins[i]);
    return 0;
}

// Between cgroup_make's look whether a cgroup is empty and init's entering it no other create may look.
static int lock_cgroup(struct launch *l, struct error *err) {
    const struct cgroup_plan *cg = l->plan->cgroup;
    if (!cg->from_config || cg->n_dirs == 0)
        return 0;
    l->cgroup_lock = state_lock_name(&l->dir, cg->dirs[0].dir);
    if (l->cgroup_lock >= 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return error_set(err, "state.failed", errno, "lock the name of the cgroup %s", cg->dirs[0].dir);
    error_set(err, "cgroup.in-use", 0, "the cgroup %s is just being taken by another container",
              cg->dirs[0].dir);
    return error_hint(err, "no two containers can share a cgroupsPath");
}

static int step_cgroup_make(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    if (lock_cgroup(l, err) < 0)
        return -1;
    if (cgroup_make(l->plan->cgroup, l->arena, &l->cgroup, err) < 0)
        return -1;
    l->cgroup_made = true;
    for (size_t i = 0; i < l->cgroup.n_warnings; i++)
        log_warning("%s", l->cgroup.warnings[i]);
    record_cgroups(l, l->cgroup.places, l->cgroup.n_places);
    l->init.cgroup = &l->cgroup.join;
    l->clone.cgroup_fd = l->cgroup.join.v2;
    return 0;
}

// The writes are single steps to be shown, but are made together.
static int step_cgroup_write(struct launch *l, const struct step *s, struct error *err) {
    bool first = s->write == &l->plan->cgroup->writes[0];
    return first ? cgroup_write_limits(l->plan->cgroup, &l->cgroup, false, err) : 0;
}

static int step_cgroup_devices(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    // The program is attached with the writes; without any write there is nobody else to do it.
    return l->plan->cgroup->n_writes == 0 ? cgroup_write_limits(l->plan->cgroup, &l->cgroup, false, err) : 0;
}

static int step_console_socket(struct launch *l, const struct step *s, struct error *err) {
    l->init.console_sock = terminal_connect_console_socket(s->text, err);
    return l->init.console_sock < 0 ? -1 : 0;
}

// A namespace joined by path may be our own one: its sysctls are the host's (security.md 1e).
static int check_sysctls(struct launch *l, const struct step *s, int fd, struct error *err) {
    const struct spec_linux *linux_ = &l->plan->spec->linux_;
    char path[64];
    struct stat joined, own;
    snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_files[s->join.kind]);
    if (linux_->n_sysctl == 0 || fstat(fd, &joined) < 0 || stat(path, &own) < 0 ||
        joined.st_ino != own.st_ino || joined.st_dev != own.st_dev)
        return 0;
    for (size_t i = 0; i < linux_->n_sysctl; i++)
        if (config_sysctl_namespace(linux_->sysctl_paths[i]) == (int)s->join.kind)
            return error_set_at(err, "config.invalid", 0, "/linux/sysctl",
                                "sysctl %s would change the host: the %s namespace %s is the runtime's own",
                                linux_->sysctl[i].key, namespace_files[s->join.kind], s->join.path);
    return 0;
}

static int step_join(struct launch *l, const struct step *s, struct error *err) {
    cleanup_fd int opened = namespace_open(s->join.path, s->join.kind, s->origin, err);
    if (opened < 0 || check_sysctls(l, s, opened, err) < 0)
        return -1;
    int fd = fd_steal(&opened);
    if (s->join.kind == NS_USER) {
        l->clone.join_user = fd;
        l->clone.join_user_origin = s->origin;
    } else if (s->join.kind == NS_MOUNT) {
        l->init.join_mount = fd;
    } else if (s->join.kind == NS_CGROUP && !(l->plan->clone_flags & CLONE_NEWUSER)) {
        l->init.join_cgroup = fd;
    } else {
        l->clone.join[s->join.kind] = fd;
    }
    return 0;
}

static void close_sources(const struct plan *p) {
    const char *ignored;
    struct rootfs_source *s;
    for (size_t i = 0; (s = plan_source(p, i, &ignored)); i++)
        rootfs_source_close(s);
}

static int step_supervise(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    l->clone.supervisor = &l->supervisor;
    if (supervisor_prepare(&l->supervisor, SUPERVISOR_CONTAINER, l->request->plan.id, &l->supervisor_ready,
                           err) < 0)
        return -1;
    l->supervisor.listen = state_listen_socket(l->dir.fd, SUPERVISOR_SOCKET);
    l->supervisor.dir = openat(l->dir.fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (l->supervisor.listen < 0 || l->supervisor.dir < 0)
        return error_set(err, "supervisor.failed", errno, "make the supervisor's socket of container %s",
                         l->request->plan.id);
    return 0;
}

// By what all of the container's processes will be known, should the supervisor die: init has shown it.
static int identify_members(struct launch *l, struct error *err) {
    struct member_identity identity;
    struct member_marks marks = { .namespaces = { [MEMBER_MOUNT] = l->marks[MARK_MOUNT],
                                                  [MEMBER_UTS] = l->marks[MARK_UTS],
                                                  [MEMBER_USER] = l->marks[MARK_USER] },
                                  .dev = l->marks[MARK_DEV],
                                  .root = { l->plan->root.dev, l->plan->root.ino } };
    if (members_identify(l->child.init, &marks, &identity, err) < 0)
        return -1;
    l->state.members = members_text(&identity, l->arena);
    return 0;
}

// From here on it can be asked; and it is not dumpable any more, which the program may not see.
static int await_supervisor(struct launch *l, struct error *err) {
    if (!l->clone.supervisor)
        return 0;
    if (supervisor_await_ready(l->supervisor_ready, 1, SUPERVISOR_LIMIT_MS, err) < 0)
        return -1;
    return identify_members(l, err);
}

static int step_clone(struct launch *l, const struct step *s, struct error *err) {
    // create leaves listening to `start`, which then has somebody to tell.
    if (l->request->plan.notify_directory && !l->request->plan.wait_start) {
        l->notify = notify_listen(l->dir.fd, err);
        if (l->notify < 0)
            return -1;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, "clone.failed", errno, "socketpair");
    l->sock = l->init.parent_sock = pair[0];
    l->init.sock = pair[1];
    if (l->request->plan.wait_start) {
        l->init.start_sock = state_listen_start_socket(l->dir.fd);
        if (l->init.start_sock < 0)
            return error_set(err, "state.failed", errno, "make the start socket of %s", l->request->plan.id);
    }
    l->init.in_cgroup = &l->in_cgroup;
    l->clone.flags = s->flags;
    l->clone.entry = init_main;
    l->clone.arg = &l->init;
    int rc = clone_process(&l->clone, &l->in_cgroup, &l->child, err);
    // Who is root in there, and has as many capabilities as we have, must not trace us. (Of another user the
    // files in /proc/self would not be ours any more.) Init still can be looked at.
    if (rc == 0 && geteuid() == 0)
        prctl(PR_SET_DUMPABLE, 0);
    process_take_back_oom_score(&l->init);
    fd_close(&l->init.sock);
    fd_close(&l->init.start_sock);
    supervisor_close(&l->supervisor);
    fd_close(&l->init.image);
    close_sources(l->plan);
    return rc;
}

static int step_oom_score(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    return process_lend_oom_score(&l->init, err);
}

static int write_new(int dir, const char *name, const char *text, size_t size) {
    cleanup_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : fd_write_all(fd, text, size);
}

// Init is at work meanwhile.
static int step_save_state(struct launch *l, const struct step *s, struct error *err) {
    (void)s;
    const struct launch_request *r = l->request;
    if (write_new(l->dir.fd, STATE_CONFIG_FILE, r->config_text, r->config_size) < 0)
        return error_set(err, "state.failed", errno, "copy config.json to the state directory of %s",
                         r->plan.id);
    if (r->report && write_new(l->dir.fd, STATE_REPORT_FILE, r->report, strlen(r->report)) < 0)
        return error_set(err, "state.failed", errno, "write %s of container %s", STATE_REPORT_FILE,
                         r->plan.id);
    bool supervised = l->clone.supervisor != NULL;
    // A supervisor may have reaped init already; why it ended is still to be read.
    if (proc_identify(l->child.pid, &l->state.init) < 0 ||
        (supervised && proc_identify(l->child.init, &l->state.payload) < 0 && errno != ESRCH))
        return error_set(err, "init.died", errno, "init ended at once");
    // What run makes without hooks runs at once, so this is all there is to say. create without hooks needs
    // no word of init's pid yet: init ends by itself if nobody commits.
    bool hooks = has_create_hooks(l->plan->spec);
    l->state.complete = !l->request->plan.wait_start && !hooks && !supervised;
    if (l->request->plan.wait_start && !hooks && l->state.n_cgroups)
        return 0;
    return state_save(&l->dir, l->arena, &l->state, err);
}

typedef int (*parent_step)(struct launch *, const struct step *, struct error *);
static const parent_step parent_steps[N_STEP_OPS] = {
    [STEP_CLAIM_ID] = step_claim,
    [STEP_SECCOMP_PROGRAM] = step_seccomp,
    [STEP_OPEN_ROOT] = step_open_root,
    [STEP_OPEN_SOURCE] = step_open_source,
    [STEP_OPEN_DEVICES] = step_open_devices,
    [STEP_CGROUP_MAKE] = step_cgroup_make,
    [STEP_CGROUP_WRITE] = step_cgroup_write,
    [STEP_CGROUP_DEVICES] = step_cgroup_devices,
    [STEP_CONSOLE_SOCKET] = step_console_socket,
    [STEP_JOIN] = step_join,
    [STEP_OOM_SCORE] = step_oom_score,
    [STEP_SUPERVISE] = step_supervise,
    [STEP_CLONE] = step_clone,
    [STEP_SAVE_STATE] = step_save_state,
};

// ---------------------------------------------------------------- what init asks for

static int give_maps(struct launch *l, struct error *err) {
    const struct plan *p = l->plan;
    return p->uid_map ? clone_write_id_maps(l->child.init, p->uid_map, p->gid_map, err) : 0;
}

static int run_runtime_hooks(struct launch *l, struct error *err) {
    if (hooks_run(&l->subject, HOOK_PRESTART, "created", l->child.init, l->arena, err) < 0)
        return -1;
    return hooks_run(&l->subject, HOOK_CREATE_RUNTIME, "created", l->child.init, l->arena, err);
}

// A source that init's user namespace may not reach: opened with our eyes in init's mount namespace.
static int give_source(struct launch *l, int32_t number, int their_root, struct error *err) {
    const char *origin = NULL;
    cleanup_fd int root = their_root;
    const struct rootfs_source *s = number < 0 ? NULL : plan_source(l->plan, (size_t)number, &origin);
    if (!s || root < 0)
        return error_set(err, "init.protocol", 0, "init asked for a source that is not in the plan");
    cleanup_fd int fd = rootfs_source_open_below(root, s, err);
    if (fd < 0)
        return error_where(err, NULL, origin);
    if (message_send(l->sock, MESSAGE_GO, 0, fd) < 0)
        return error_set(err, "init.died", errno, "init ended while the runtime worked for it");
    return 0;
}

static int keep_mark(struct launch *l, int32_t mark, int their_fd, struct error *err) {
    cleanup_fd int fd = their_fd;
    if (mark < 0 || mark >= N_MARKS || l->marks[mark] >= 0 || fd < 0)
        return error_set(err, "init.protocol", 0, "init sent an unexpected mark (%d)", (int)mark);
    l->marks[mark] = fd_steal(&fd);
    return 0;
}

static int answer(void *arg, const struct message *m, int fd, struct error *err) {
    struct launch *l = arg;
    int rc = 0;
    switch (m->type) {
    case MESSAGE_MAPS:
        rc = give_maps(l, err);
        break;
    case MESSAGE_TIME_OFFSETS:
        rc = clone_write_time_offsets(l->child.init, &l->plan->spec->linux_, err);
        break;
    case MESSAGE_HOOKS:
        rc = run_runtime_hooks(l, err);
        break;
    case MESSAGE_SOURCE:
        return give_source(l, m->value, fd, err);
    case MESSAGE_TERMINAL:
        l->terminal = fd;
        return 0;
    case MESSAGE_MARK:
        return keep_mark(l, m->value, fd, err);
    default:
        fd_close(&fd);
        return error_set(err, "init.protocol", 0, "init sent an unexpected message (%u)", m->type);
    }
    if (rc == 0 && message_send(l->sock, MESSAGE_GO, 0, -1) < 0)
        return error_set(err, "init.died", errno, "init ended while the runtime worked for it");
    return rc;
}

static struct monitor monitor_of(struct launch *l) {
    return (struct monitor){
        .sock = l->sock,
        .pidfd = l->child.pidfd,
        .pid = l->child.pid,
        .answer = answer,
        .arg = l,
        .cgroups = l->cgroup.places,
        .n_cgroups = l->cgroup.n_places,
    };
}

// ---------------------------------------------------------------- order and roll-back

static void roll_back(struct launch *l) {
    struct error ignored;
    if (l->child.init_pidfd >= 0) { // no child of ours, but of the supervisor, which ends with it
        struct proc_handle payload = { .pidfd = l->child.init_pidfd };
        proc_signal(&payload, SIGKILL);
        proc_wait(&payload, 10000);
    }
    if (l->child.pid > 0) {
        struct proc_handle init = proc_child(l->child.pid, l->child.pidfd);
        proc_signal(&init, SIGKILL);
        struct state state = l->state;
        state.init.pid = l->child.pid; // may not be written down yet
        size_t n;
        struct cgroup_place *places = launch_own_places(&state, l->arena, &n);
        if (l->cgroup_made && n)
            cgroup_kill(places, n, &ignored);
        proc_wait(&init, 10000);
        waitpid(l->child.pid, NULL, WNOHANG);
    }
    if (l->child.pid > 0 && has_create_hooks(l->plan->spec))
        hooks_run(&l->subject, HOOK_POSTSTOP, "stopped", 0, l->arena, &ignored);
    if (l->plan->mounts_on_host && l->child.pid > 0)
        launch_unmount_root(&l->state, &ignored);
    if (l->cgroup_made)
        cgroup_undo(&l->cgroup);
    if (l->pid_file_written)
        pidfile_remove(l->request->plan.pid_file);
    if (l->dir.fd >= 0)
        state_remove(&l->dir, &ignored);
}

static void close_all(struct launch *l) {
    fd_close(&l->sock);
    fd_close(&l->notify);
    fd_close(&l->cgroup_lock);
    fd_close(&l->init.console_sock);
    fd_close(&l->init.bundle_fd);
    fd_close(&l->init.join_cgroup);
    fd_close(&l->init.join_mount);
    fd_close(&l->clone.join_user);
    for (int i = 0; i < N_NAMESPACES; i++)
        fd_close(&l->clone.join[i]);
    fd_close(&l->child.pidfd);
    fd_close(&l->child.init_pidfd);
    fd_close(&l->supervisor_ready);
    for (int i = 0; i < N_MARKS; i++)
        fd_close(&l->marks[i]);
    supervisor_close(&l->supervisor);
    fd_close(&l->terminal);
    fd_close(&l->init.image);
    if (l->cgroup_made)
        cgroup_join_close(&l->cgroup.join);
    close_sources(l->plan);
    rootfs_close(&l->init.rootfs);
    state_close(&l->dir);
}

// Steps before the clone are undone by roll_back; those after it are carried out while init is at work
// already.
static int run_parent_steps(struct launch *l, struct error *err) {
    for (size_t i = 0; i < l->plan->parent.n; i++) {
        const struct step *s = &l->plan->parent.list[i];
        if (!parent_steps[s->op])
            continue; // done when init asks for it, or at the end
        uint64_t begin = l->init.trace ? trace_now() : 0;
        if (parent_steps[s->op](l, s, err) < 0)
            return error_where(err, step_name(s->op), s->origin);
        trace_add(l->init.trace, 1, step_name(s->op), s->origin, begin);
    }
    return 0;
}

static int await_ready(struct launch *l, struct error *err) {
    struct monitor m = monitor_of(l);
    uint64_t begin = l->init.trace ? trace_now() : 0;
    if (monitor_until(&m, MESSAGE_READY, err) < 0)
        return -1;
    trace_add(l->init.trace, 1, "wait-ready", NULL, begin);
    return 0;
}

// From READY to the end of create: what makes the container official.
static int commit(struct launch *l, struct error *err) {
    if (await_supervisor(l, err) < 0)
        return -1;
    fd_close(&l->cgroup_lock); // whoever looks now finds init
    if (l->cgroup_made && cgroup_write_limits(l->plan->cgroup, &l->cgroup, true, err) < 0)
        return -1;
    if (!l->state.complete) {
        l->state.complete = true;
        if (state_save(&l->dir, l->arena, &l->state, err) < 0)
            return -1;
    }
    const char *pid_file = l->request->plan.pid_file;
    if (pid_file && pidfile_write(pid_file, l->child.pid, err) < 0)
        return error_where(err, step_name(STEP_PID_FILE), "option:pid-file");
    l->pid_file_written = pid_file != NULL;
    if (l->init.commit && message_send(l->sock, MESSAGE_GO, 0, -1) < 0)
        return error_set(err, "init.died", errno, "init ended before create was over");
    return 0;
}

// run: init goes on to execve by itself; the end of the socket says that it has done it.
static int await_exec(struct launch *l, struct error *err) {
    struct monitor m = monitor_of(l);
    if (monitor_until(&m, 0, err) < 0)
        return -1;
    struct proc_handle program = proc_child(l->child.pid, l->child.pidfd);
    if (l->notify >= 0 && notify_wait_ready(l->notify, &program, l->foreground.signal_fd, err) < 0)
        return -1;
    return hooks_run(&l->subject, HOOK_POSTSTART, "running", l->child.init, l->arena, err);
}

static int make(struct launch *l, struct error *err) {
    if (run_parent_steps(l, err) < 0 || await_ready(l, err) < 0 || commit(l, err) < 0)
        return -1;
    return l->request->plan.wait_start ? 0 : await_exec(l, err);
}

static int await_end(struct launch *l, struct error *err) {
    int code = foreground_wait(&l->foreground, l->child.pidfd, l->child.pid, fd_steal(&l->terminal), err);
    foreground_end(&l->foreground);
    if (code < 0 || l->request->keep)
        return code;
    if (l->state.shared_pid_namespace && launch_kill_all(&l->dir, &l->state, l->arena, err) < 0)
        return -1;
    struct state_dir dir = l->dir;
    l->dir = STATE_DIR_NONE;
    return launch_delete(&dir, &l->state, l->plan->spec, l->arena, err) < 0 ? -1 : code;
}

static char *const *copy_environment(struct arena *a) {
    size_t n = 0;
    while (environ[n])
        n++;
    char **copy = arena_calloc(a, n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_strdup(a, environ[i]);
    return copy;
}

static void prepare_hooks(struct launch *l, enum spec_hook_kind kind, char *const *env,
                          struct init_hooks *out) {
    const struct spec_hook_list *list = &l->plan->spec->hooks[kind];
    out->calls = arena_calloc(l->arena, list->n_hooks + 1, sizeof(*out->calls));
    out->n = list->n_hooks;
    for (size_t i = 0; i < list->n_hooks; i++)
        hook_prepare(&list->hooks[i], kind, i, env, l->arena, &out->calls[i]);
}

// Hooks that init runs get their texts from here: it forgets our environment before anything else.
static void prepare_init_hooks(struct launch *l) {
    const struct spec *spec = l->plan->spec;
    struct init *in = &l->init;
    if (spec->hooks[HOOK_CREATE_CONTAINER].n_hooks + spec->hooks[HOOK_START_CONTAINER].n_hooks == 0)
        return;
    prepare_hooks(l, HOOK_CREATE_CONTAINER, copy_environment(l->arena), &in->create_container);
    prepare_hooks(l, HOOK_START_CONTAINER, l->plan->env, &in->start_container);
    hooks_state_parts(&l->subject, "created", l->arena, &in->hook_state_head, &in->hook_state_tail);
    in->hook_state_size = strlen(in->hook_state_head) + strlen(in->hook_state_tail) + 16;
    in->hook_state = arena_alloc(l->arena, in->hook_state_size);
    in->bundle_fd = open(l->request->plan.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

// Limits that are set when init is in: then it has to wait for them.
static bool has_late_writes(const struct cgroup_plan *cg) {
    for (size_t i = 0; cg && i < cg->n_writes; i++)
        if (cg->writes[i].late)
            return true;
    return false;
}

static int prepare(struct launch *l, struct error *err) {
    const struct launch_request *r = l->request;
    for (int i = 0; i < N_NAMESPACES; i++)
        l->clone.join[i] = -1;
    for (int i = 0; i < N_MARKS; i++)
        l->marks[i] = -1;
    l->clone.join_user = l->clone.cgroup_fd = l->sock = l->terminal = l->notify = -1;
    l->cgroup_lock = -1;
    l->clone.join_user_flags = CLONE_NEWUSER;
    l->child = CLONE_RESULT_NONE;
    l->supervisor = SUPERVISOR_NONE;
    l->supervisor_ready = -1;
    l->dir = STATE_DIR_NONE;
    process_init(&l->init, l->plan);
    l->init.image = r->image;
    l->init.preserve_fds = r->plan.preserve_fds;
    l->init.commit = r->plan.wait_start || has_late_writes(l->plan->cgroup) || l->plan->supervised;
    if (r->trace && !(l->init.trace = trace_new(r->trace, err)))
        return -1;
    prepare_init_hooks(l);
    if (labels_check_mounts(l->plan->spec->linux_.mount_label, err) < 0)
        return -1;
    return process_prepare(&l->init, l->plan->spec->linux_.namespaces[NS_USER].present, err);
}

int launch_container(const struct launch_request *request, const struct plan *plan, struct arena *a,
                     struct error *err) {
    struct launch l = {
        .request = request,
        .plan = plan,
        .arena = a,
        .subject = { plan->spec, request->plan.id, request->plan.bundle, plan->rootfs },
        .foreground = { .signal_fd = -1, .tty = -1 },
    };
    for (size_t i = 0; i < plan->n_warnings; i++)
        log_warning("%s", plan->warnings[i]);
    int rc = prepare(&l, err);
    if (rc == 0 && request->foreground)
        rc = foreground_begin(&l.foreground, err);
    if (rc == 0) {
        rc = make(&l, err);
        if (rc < 0)
            roll_back(&l);
        else if (request->foreground)
            rc = await_end(&l, err);
    }
    foreground_end(&l.foreground);
    struct error trace_error;
    if (l.init.trace && trace_write(l.init.trace, request->trace, &trace_error) < 0)
        log_warning("%s", trace_error.msg);
    close_all(&l);
    return rc;
}
