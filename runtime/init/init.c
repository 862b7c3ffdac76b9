// SPDX-License-Identifier: Apache-2.0
// The child's side: runs the plan's steps, says when it is ready, waits for `start`, runs the last steps.
#include "config.h"

#include "runtime/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/environment.h"
#include "lib/fd.h"
#include "lib/prefault.h"
#include "lib/str.h"
#include "runtime/init/steps.h"
#include "runtime/process/attributes.h"

enum { INIT_STACK = 20 * 1024 }; // what the usual steps take
enum { EXIT_FAILED = 1, EXIT_AFTER_START = 255 };

void init_warn(struct init *in, const char *text) {
    struct error warning;
    error_set(&warning, "warning", 0, "%s", text);
    message_send_error(in->sock, MESSAGE_WARNING, &warning);
}

int init_ask(struct init *in, enum message_type what, struct error *err) {
    struct message m;
    if (message_send(in->sock, what, 0, -1) < 0)
        return error_set(err, "parent.gone", errno, "the runtime ended during create");
    int n = message_receive(in->sock, &m, NULL, -1);
    if (n != 1 || m.type != MESSAGE_GO)
        return error_set(err, "parent.gone", n < 0 ? errno : 0, "the runtime ended during create");
    return 0;
}

int init_run_hooks(struct init *in, const struct init_hooks *hooks, struct error *err) {
    snprintf(in->hook_state, in->hook_state_size, "%s%d%s", in->hook_state_head, (int)syscall(SYS_getpid),
             in->hook_state_tail);
    for (size_t i = 0; i < hooks->n; i++)
        if (hook_run(&hooks->calls[i], in->hook_state, in->bundle_fd, err) < 0)
            return -1;
    return 0;
}

static init_step step_function(enum step_op op) {
    if (init_root_steps[op])
        return init_root_steps[op];
    return init_namespace_steps[op] ? init_namespace_steps[op] : init_process_steps[op];
}

static int run_steps(struct init *in, const struct steps *steps, size_t from, struct error *err) {
    for (size_t i = from; i < steps->n; i++) {
        const struct step *s = &steps->list[i];
        init_step run = step_function(s->op);
        uint64_t begin = in->trace ? trace_now() : 0;
        if (s->op == STEP_EXECVE)
            trace_add(in->trace, 2, step_name(s->op), s->origin, begin);
        // Engines match on the end of what the look-up says: nothing is put behind it (engine-contract 2.1).
        bool exact = s->op == STEP_FIND_EXECUTABLE || s->op == STEP_CWD;
        int rc = run(in, s, err);
        if (rc < 0 && s->best_effort && (!s->tolerates || err->err == s->tolerates)) {
            init_warn(in, err->msg);
            rc = 0;
        }
        if (rc < 0)
            return error_where(err, step_name(s->op), exact ? NULL : s->origin);
        trace_add(in->trace, 2, step_name(s->op), s->origin, begin);
    }
    return 0;
}

// ---------------------------------------------------------------- waiting for start

// READY is out; the parent answers when the state is saved, or is dead, and then so are we.
static int await_commit(struct init *in, struct error *err) {
    struct message m;
    if (message_receive(in->sock, &m, NULL, -1) == 1 && m.type == MESSAGE_GO)
        return 0;
    return error_set(err, "parent.gone", 0, "the runtime ended during create");
}

// Somebody connects: `start` says GO, everybody else (a look whether we still wait) ends without a word.
// Returns the connection, which execve closes, and so says that it has happened.
static int await_start(struct init *in, struct error *err) {
    for (;;) {
        int connection = accept4(in->start_sock, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0) {
            if (errno == EMFILE || errno == ENFILE)
                usleep(10 * 1000); // the host's table of files is full: it will have room again
            if (errno == EINTR || errno == ECONNABORTED || errno == EMFILE || errno == ENFILE)
                continue;
            return error_set(err, "start.failed", errno, "wait for start");
        }
        struct message m;
        // Answered, so that another `start` that comes too late cannot take our execve for its own success.
        if (message_receive(connection, &m, NULL, -1) == 1 && m.type == MESSAGE_GO &&
            message_send(connection, MESSAGE_READY, 0, -1) == 0)
            return connection;
        close(connection);
    }
}

// ---------------------------------------------------------------- reporting

static void tell_stderr(const struct error *err) {
    char line[sizeof(err->msg) + sizeof(err->hint) + sizeof(err->origin) + 80];
    error_format(err, line, sizeof(line) - 1);
    size_t n = strlen(line);
    line[n++] = '\n';
    fd_write_all(STDERR_FILENO, line, n);
}

static int fail(int sock, enum message_type type, struct error *err) {
    message_send_error(sock, type, err);
    return EXIT_FAILED;
}

// ---------------------------------------------------------------- main

// No descriptor of the host stays open while we wait, our own or leaked by the caller: who may trace us could
// walk through /proc/PID/fd. Kept are the sockets, and our procfs when a label is still to be written.
static int close_all(struct init *in, struct error *err) {
    bool label = false;
    for (size_t i = 0; i < in->plan->final.n; i++)
        label = label || in->plan->final.list[i].op == STEP_LABEL;
    int keep[] = { in->sock, in->start_sock, label ? in->rootfs.proc_fd : -1 };
    if (fd_close_other(3 + (int)in->preserve_fds, keep, 3, in->rootfs.proc_fd) < 0)
        return error_set(err, "fd.failed", errno, "close the descriptors of the host");
    if (!label)
        in->rootfs.proc_fd = -1;
    in->rootfs.root_fd = in->rootfs.null_fd = in->rootfs.mask_fd = in->bundle_fd = in->console_sock =
        in->image = -1;
    return 0;
}

static int set_up(struct init *in, struct error *err) {
    signals_unignore(in->plan->process && in->plan->process->capabilities ? in->limits.ignored_signals
                                                                          : UINT64_MAX);
    prctl(PR_SET_NAME, "nook-init");
    // The maps of a process that is not dumpable are root's to write; step_wait_maps does it then.
    if (!in->plan->uid_map && prctl(PR_SET_DUMPABLE, 0) < 0)
        return error_set(err, "init.failed", errno, "become non-dumpable");
    rootfs_begin(&in->rootfs);
    if (run_steps(in, &in->plan->child, 0, err) < 0)
        return -1;
    return close_all(in, err);
}

// From here on there is nobody but `start` and the container's stderr to talk to.
static int last_steps(struct init *in, int connection, struct error *err) {
    const struct steps *final = &in->plan->final;
    size_t from = final->n && final->list[0].op == STEP_WAIT_START ? 1 : 0;
    if (run_steps(in, final, from, err) == 0)
        return 0;
    if (connection < 0)
        return fail(in->sock, MESSAGE_FAILED, err);
    message_send_error(connection, MESSAGE_EXEC_FAILED, err);
    tell_stderr(err);
    return EXIT_AFTER_START;
}

int init_main(void *arg) {
    struct init *in = arg;
    struct error err;
    // Before READY: later it may have died, and our parent be somebody who adopted us.
    if (in->plan->supervised)
        in->supervisor = getppid();
    for (size_t i = 0; i < sizeof(in->close_first) / sizeof(in->close_first[0]); i++)
        fd_close(&in->close_first[i]);
    if (in->joins && in->cgroup && in->cgroup->v2 >= 0 && *in->in_cgroup)
        close(in->cgroup->v2);
    prefault_stack(INIT_STACK);
    fd_close(&in->parent_sock);
    environment_forget(); // nothing of the caller's may be seen in there
    if (set_up(in, &err) < 0)
        return fail(in->sock, MESSAGE_FAILED, &err);
    if (message_send(in->sock, MESSAGE_READY, 0, -1) < 0)
        return EXIT_FAILED;
    if (in->commit && await_commit(in, &err) < 0)
        return EXIT_FAILED;
    int connection = -1;
    if (in->start_sock >= 0) {
        fd_close(&in->sock);
        connection = await_start(in, &err);
        if (connection < 0) {
            tell_stderr(&err);
            return EXIT_AFTER_START;
        }
    }
    return last_steps(in, connection, &err);
}
