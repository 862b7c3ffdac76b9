// SPDX-License-Identifier: Apache-2.0
// Making the process: one clone3 with all new namespaces.
#include "config.h"

#include "runtime/launch/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/init/message.h"
#include "runtime/process/labels.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const uint64_t namespace_flags[N_NAMESPACES] = {
    [NS_PID] = CLONE_NEWPID,       [NS_NETWORK] = CLONE_NEWNET, [NS_MOUNT] = CLONE_NEWNS,
    [NS_IPC] = CLONE_NEWIPC,       [NS_UTS] = CLONE_NEWUTS,     [NS_USER] = CLONE_NEWUSER,
    [NS_CGROUP] = CLONE_NEWCGROUP, [NS_TIME] = CLONE_NEWTIME,
};
const char *const namespace_files[N_NAMESPACES] = {
    [NS_PID] = "pid", [NS_NETWORK] = "net", [NS_MOUNT] = "mnt",     [NS_IPC] = "ipc",
    [NS_UTS] = "uts", [NS_USER] = "user",   [NS_CGROUP] = "cgroup", [NS_TIME] = "time",
};

int namespace_open(const char *path, enum spec_namespace_kind kind, const char *origin, struct error *err) {
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        error_set_at(err, "namespace.unavailable", errno, origin, "open namespace file %s", path);
        if (errno == ENOENT)
            error_hint(err, "its owner is gone, or this kernel has no %s namespaces", namespace_files[kind]);
        return -1;
    }
    int type = ioctl(fd, NS_GET_NSTYPE);
    if (type < 0)
        return error_set_at(err, "namespace.wrong-kind", 0, origin, "%s is not a namespace", path);
    if ((uint64_t)(unsigned)type != namespace_flags[kind]) {
        const char *is = "unknown";
        for (int i = 0; i < N_NAMESPACES; i++)
            if (namespace_flags[i] == (uint64_t)(unsigned)type)
                is = namespace_files[i];
        return error_set_at(err, "namespace.wrong-kind", 0, origin, "%s is a namespace of kind %s, not %s",
                            path, is, namespace_files[kind]);
    }
    return fd_steal(&fd);
}

// ---------------------------------------------------------------- clone

// fork(2) with flags. Returns as fork does. *in_cgroup is set before the child can read it.
static pid_t raw_clone(uint64_t flags, int cgroup_fd, int *pidfd, bool *in_cgroup) {
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = (flags & CLONE_PARENT) ? 0 : SIGCHLD,
    };
    *in_cgroup = cgroup_fd >= 0;
    if (cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup_fd;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid >= 0 || (errno != ENOSYS && errno != EPERM && errno != E2BIG && errno != EINVAL))
        return pid;
    // An old kernel or an outer seccomp filter: clone(2) knows neither cgroups nor time namespaces.
    if (flags & CLONE_NEWTIME)
        return -1;
    int saved = errno;
    *in_cgroup = false;
    int exit_signal = (flags & CLONE_PARENT) ? 0 : SIGCHLD;
    pid = (pid_t)syscall(SYS_clone, (unsigned long)(flags | CLONE_PIDFD) | (unsigned long)exit_signal, NULL,
                         pidfd, NULL, NULL);
    if (pid < 0 && errno == ENOSYS)
        errno = saved;
    return pid;
}

static int clone_error(uint64_t flags, struct error *err) {
    int e = errno;
    char what[128] = "clone";
    size_t n = 5;
    for (int i = 0; i < N_NAMESPACES; i++)
        if (flags & namespace_flags[i]) {
            n += str_copy(what + n, sizeof(what) - n, n == 5 ? " with new namespaces " : ", ");
            n += str_copy(what + n, sizeof(what) - n, namespace_files[i]);
        }
    error_set(err, "clone.failed", e, "%s", what);
    char label[256];
    if (e == EACCES && labels_apparmor_own(label, sizeof(label))) // not the kernel's own word for it
        error_hint(err, "nook is confined by the AppArmor profile \"%s\", which does not allow it%s", label,
                   (flags & CLONE_NEWUSER) ? ": it would need a rule \"userns,\"" : "");
    else if (e == ENOSPC || e == EUSERS)
        error_hint(err, "a limit of namespaces is reached: see /proc/sys/user/max_*_namespaces");
    else if (e == EPERM && (flags & CLONE_NEWUSER))
        error_hint(err,
                   "creating user namespaces is not allowed here: see kernel.unprivileged_userns_clone, "
                   "kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces, and Seccomp in "
                   "/proc/self/status");
    else if (e == EPERM)
        error_hint(err,
                   "it needs CAP_SYS_ADMIN, or a user namespace in the config; --isolation=chroot adds one");
    else if (e == ENOENT) // CLONE_INTO_CGROUP
        error_hint(err,
                   "the container's cgroup is not below the root of the cgroup namespace that is joined");
    else if (e == EINVAL)
        error_hint(err, "this kernel may lack one of these kinds of namespace");
    else if (e == EBUSY || e == EOPNOTSUPP) // CLONE_INTO_CGROUP
        error_hint(err, "%s", cgroup_join_hint(e));
    return -1;
}

// The pid behind a pidfd, as our /proc sees it.
static pid_t pid_of_pidfd(int pidfd) {
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
        return -1;
    const char *line = strstr(text, "Pid:\t");
    uint64_t pid = 0;
    if (line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
    }
    return line && str_to_u64(line + 5, INT32_MAX, &pid) ? (pid_t)pid : -1;
}

// In the intermediate: enters the user namespace and makes init as its own sibling. Returns only in init (0),
// or with the exit code of the intermediate.
static int intermediate(const struct clone_request *request, int sock) {
    struct error err;
    if (setns(request->join_user, request->join_user_flags) < 0) {
        error_set(&err, "namespace.join-failed", errno, "join the user namespace");
        if (request->join_user_origin)
            error_where(&err, NULL, request->join_user_origin);
        if (err.err == EINVAL)
            error_hint(&err, "is it the one that nook lives in already?");
        message_send_error(sock, MESSAGE_FAILED, &err);
        return 1;
    }
    int pidfd = -1;
    bool ignored;
    pid_t pid = raw_clone(request->flags | CLONE_PARENT, -1, &pidfd, &ignored);
    if (pid < 0) {
        clone_error(request->flags, &err);
        message_send_error(sock, MESSAGE_FAILED, &err);
        return 1;
    }
    if (pid == 0)
        return -1;
    return message_send(sock, MESSAGE_CLONED, 0, pidfd) < 0;
}

static int clone_by_intermediate(const struct clone_request *request, bool *in_cgroup,
                                 struct clone_result *out, struct error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, "clone.failed", errno, "socketpair");
    cleanup_fd int ours = pair[0];
    cleanup_fd int theirs = pair[1];
    cleanup_fd int middle_fd = -1;
    pid_t middle = raw_clone(0, request->cgroup_fd, &middle_fd, in_cgroup);
    if (middle == 0) {
        int rc = intermediate(request, theirs);
        if (rc >= 0)
            _exit(rc);
        fd_close(&ours);
        fd_close(&theirs);
        _exit(request->entry(request->arg));
    }
    if (middle < 0)
        return clone_error(0, err);
    fd_close(&theirs);
    struct message m;
    int got = message_receive(ours, &m, &out->pidfd, 10000);
    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        ;
    if (got == 1 && m.type == MESSAGE_FAILED) {
        *err = m.error;
        return -1;
    }
    if (got != 1 || m.type != MESSAGE_CLONED || out->pidfd < 0)
        return error_set(err, "clone.failed", got < 0 ? errno : 0,
                         "the process that joins the user namespace ended without a word");
    out->pid = pid_of_pidfd(out->pidfd);
    out->in_cgroup = *in_cgroup;
    if (out->pid <= 0)
        return error_set(err, "clone.failed", 0, "init cannot be seen in /proc/self/fdinfo");
    return 0;
}

// ---------------------------------------------------------------- borrowed namespaces

static bool borrowed(int kind) {
    return kind != NS_MOUNT && kind != NS_USER;
}

// Goes back to our own namespaces. Failing here would leave the runtime in the container's: give up at once.
static int give_back(const int *own, struct error *err) {
    for (int i = N_NAMESPACES - 1; i >= 0; i--)
        if (own[i] >= 0 && setns(own[i], (int)namespace_flags[i]) < 0)
            return error_set(err, "namespace.join-failed", errno, "go back to the runtime's own %s namespace",
                             namespace_files[i]);
    return 0;
}

static int borrow(const int *join, int *own, struct error *err) {
    for (int i = 0; i < N_NAMESPACES; i++) {
        if (join[i] < 0 || !borrowed(i))
            continue;
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_files[i]);
        own[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (own[i] < 0)
            return error_set(err, "namespace.unavailable", errno, "open %s", path);
        if (setns(join[i], (int)namespace_flags[i]) < 0) {
            int e = errno;
            fd_close(&own[i]);
            error_set(err, "namespace.join-failed", e, "join the %s namespace", namespace_files[i]);
            return e == EPERM ? error_hint(err, "it belongs to another user namespace: join that one as well")
                              : -1;
        }
    }
    return 0;
}

// ---------------------------------------------------------------- a supervisor in between

// In the process that is to be the supervisor: makes init, says so, and becomes it. Returns on failure only.
static int supervise(const struct clone_request *request, int sock, bool *in_cgroup) {
    struct clone_request inner = *request;
    struct supervisor s = *request->supervisor;
    struct clone_result init = CLONE_RESULT_NONE;
    struct error err;
    inner.supervisor = NULL;
    int begun = s.role == SUPERVISOR_EXEC ? supervisor_split(&s, &err) : supervisor_begin(&err);
    if (begun == 0 && clone_process(&inner, in_cgroup, &init, &err) == 0) {
        s.payload = init.pid;
        if (message_send(sock, MESSAGE_CLONED, init.pid, init.pidfd) == 0)
            supervisor_exec(&s, &err);
    }
    message_send_error(sock, MESSAGE_FAILED, &err);
    if (init.pid > 0)
        kill(init.pid, SIGKILL);
    return 1;
}

static int clone_supervised(const struct clone_request *request, bool *in_cgroup, struct clone_result *out,
                            struct error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(err, "clone.failed", errno, "socketpair");
    cleanup_fd int ours = pair[0];
    cleanup_fd int theirs = pair[1];
    bool ignored;
    out->pid = raw_clone(0, -1, &out->pidfd, &ignored);
    if (out->pid == 0) {
        fd_close(&ours);
        _exit(supervise(request, theirs, in_cgroup));
    }
    if (out->pid < 0)
        return clone_error(0, err);
    fd_close(&theirs);
    struct message m;
    int got = message_receive(ours, &m, &out->init_pidfd, 10000);
    if (got == 1 && m.type == MESSAGE_FAILED) {
        *err = m.error;
        return -1;
    }
    if (got != 1 || m.type != MESSAGE_CLONED)
        return error_set(err, "clone.failed", got < 0 ? errno : 0, "the supervisor ended without a word");
    out->init = m.value;
    return 0;
}

// ---------------------------------------------------------------- the whole

int clone_process(const struct clone_request *request, bool *in_cgroup, struct clone_result *out,
                  struct error *err) {
    if (request->supervisor) {
        *out = CLONE_RESULT_NONE;
        return clone_supervised(request, in_cgroup, out, err);
    }
    int own[N_NAMESPACES];
    for (int i = 0; i < N_NAMESPACES; i++)
        own[i] = -1;
    *out = CLONE_RESULT_NONE;

    int rc = borrow(request->join, own, err);
    if (rc == 0) {
        if (request->join_user >= 0)
            rc = clone_by_intermediate(request, in_cgroup, out, err);
        else {
            out->pid = raw_clone(request->flags, request->cgroup_fd, &out->pidfd, in_cgroup);
            if (out->pid == 0)
                _exit(request->entry(request->arg));
            out->in_cgroup = *in_cgroup;
            rc = out->pid < 0 ? clone_error(request->flags, err) : 0;
        }
    }
    out->init = out->pid;
    struct error back;
    int returned = give_back(own, rc == 0 ? err : &back);
    for (int i = 0; i < N_NAMESPACES; i++)
        fd_close(&own[i]);
    return rc < 0 ? rc : returned;
}

// ---------------------------------------------------------------- id maps

static int write_map(pid_t pid, const char *file, const char *map) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return fd_write_file(AT_FDCWD, path, map, strlen(map));
}

// newuidmap(1): PID INSIDE OUTSIDE COUNT ... The map's numbers become its arguments.
static int run_map_tool(const char *tool, pid_t pid, const char *map, struct error *err) {
    enum { MAX_ARGS = 3 * 340 };
    static const char *const places[] = { "/usr/bin/", "/usr/sbin/", "/bin/", "/usr/local/bin/" };
    char numbers[16 * 1024], pid_text[16];
    const char *argv[MAX_ARGS + 3] = { tool, pid_text };
    size_t n = 2;
    snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
    str_copy(numbers, sizeof(numbers), map);
    for (char *rest = NULL, *word = strtok_r(numbers, " \n", &rest); word && n < MAX_ARGS + 2;
         word = strtok_r(NULL, " \n", &rest))
        argv[n++] = word;

    pid_t child = fork();
    if (child < 0)
        return error_set(err, "idmap.failed", errno, "fork for %s", tool);
    if (child == 0) {
        static char *const no_env[] = { NULL };
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            char path[64];
            snprintf(path, sizeof(path), "%s%s", places[i], tool);
            execve(path, (char *const *)argv, no_env);
        }
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
    error_set(err, "idmap.failed", 0, missing ? "%s is not installed" : "%s refused the id map", tool);
    return error_hint(err, missing ? "install the package uidmap" : "is the range in /etc/sub%s?",
                      str_eq(tool, "newuidmap") ? "uid" : "gid");
}

int clone_write_id_maps(pid_t pid, const char *uid_map, const char *gid_map, struct error *err) {
    if (write_map(pid, "uid_map", uid_map) < 0) {
        if (errno != EPERM)
            return error_set(err, "idmap.failed", errno, "write /proc/%d/uid_map", (int)pid);
        if (run_map_tool("newuidmap", pid, uid_map, err) < 0)
            return -1;
    }
    if (write_map(pid, "gid_map", gid_map) == 0)
        return 0;
    if (errno != EPERM)
        return error_set(err, "idmap.failed", errno, "write /proc/%d/gid_map", (int)pid);
    // One own id may be mapped without privilege, once setgroups is denied: user_namespaces(7).
    const char *first_line_end = strchr(gid_map, '\n');
    if (first_line_end && !first_line_end[1] && write_map(pid, "setgroups", "deny") == 0 &&
        write_map(pid, "gid_map", gid_map) == 0)
        return 0;
    return run_map_tool("newgidmap", pid, gid_map, err);
}

// ---------------------------------------------------------------- time offsets

int clone_write_time_offsets(pid_t pid, const struct spec_linux *linux_, struct error *err) {
    const struct spec_time_offset *offsets[] = { &linux_->monotonic, &linux_->boottime };
    static const char *const clocks[] = { "monotonic", "boottime" };
    char path[64], line[80];
    snprintf(path, sizeof(path), "/proc/%d/timens_offsets", (int)pid);
    for (int i = 0; i < 2; i++) {
        if (!offsets[i]->present)
            continue;
        snprintf(line, sizeof(line), "%s %lld %u\n", clocks[i], (long long)offsets[i]->secs,
                 offsets[i]->nanosecs);
        if (fd_write_file(AT_FDCWD, path, line, strlen(line)) < 0)
            return error_set_at(err, "namespace.failed", errno, "/linux/timeOffsets",
                                "set the offset of the %s clock", clocks[i]);
    }
    return 0;
}
