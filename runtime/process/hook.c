// SPDX-License-Identifier: Apache-2.0
// Runs one hook and says how it ended.
#include "config.h"

#include "runtime/process/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "runtime/process/attributes.h"

#define TAIL_SIZE   1024
#define POLL_TICK   20 // ms between looks at a child for which there is no pidfd
#define STATUS_FD   3
#define NOT_STARTED 127

static const char *const kind_names[N_HOOK_KINDS] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

static char *const *terminated(const char *const *list, size_t n, struct arena *a) {
    const char **copy = arena_calloc(a, n + 1, sizeof(*copy));
    if (n)
        memcpy(copy, list, n * sizeof(*copy));
    return (char *const *)copy;
}

void hook_prepare(const struct spec_hook *hook, enum spec_hook_kind kind, size_t index,
                  char *const *default_env, struct arena *a, struct hook_call *out) {
    *out = (struct hook_call){
        .kind = kind_names[kind],
        .index = index,
        .path = hook->path,
        .envp = default_env,
        .timeout_ms = hook->timeout > 0 && hook->timeout < 2000000 ? hook->timeout * 1000 : 0,
    };
    if (hook->n_args)
        out->argv = terminated(hook->args, hook->n_args, a);
    else
        out->argv = terminated(&hook->path, 1, a);
    if (hook->has_env || hook->n_env)
        out->envp = terminated(hook->env, hook->n_env, a);
}

// ---------------------------------------------------------------- the hook's side

struct pipes {
    int in[2], out[2], err[2], status[2]; // [0] is for reading
};

static void close_pair(int pair[2]) {
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

static void pipes_close(struct pipes *p) {
    close_pair(p->in);
    close_pair(p->out);
    close_pair(p->err);
    close_pair(p->status);
}

static int pipes_open(struct pipes *p) {
    *p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    if (pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0 && pipe2(p->err, O_CLOEXEC) == 0 &&
        pipe2(p->status, O_CLOEXEC) == 0 && fcntl(p->in[1], F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(p->out[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(p->err[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    pipes_close(p);
    return -1;
}

// A descriptor's copy above those that are about to be overwritten.
static int lift(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

// execve or the errno through the status pipe, which execve closes.
_Noreturn static void become_hook(const struct hook_call *call, const struct pipes *p, int cwd_fd) {
    int in = lift(p->in[0]);
    int out = lift(p->out[1]);
    int error = lift(p->err[1]);
    int status = lift(p->status[1]);
    setsid();
    signals_reset();
    umask(umask(0) | 022);
    bool ready = in >= 0 && out >= 0 && error >= 0 && status >= 0 && (cwd_fd < 0 || fchdir(cwd_fd) == 0) &&
                 dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(error, 2) == 2;
    if (ready && dup3(status, STATUS_FD, O_CLOEXEC) == STATUS_FD) {
        status = STATUS_FD;
        if (fd_close_from(STATUS_FD + 1, false, -1) == 0)
            execve(call->path, call->argv, call->envp);
    }
    int errnum = errno;
    (void)!write(status, &errnum, sizeof(errnum));
    _exit(NOT_STARTED);
}

// ---------------------------------------------------------------- our side

struct tail {
    char text[TAIL_SIZE];
    size_t used;
};

static void tail_append(struct tail *t, const char *data, size_t n) {
    if (n > TAIL_SIZE) {
        data += n - TAIL_SIZE;
        n = TAIL_SIZE;
    }
    if (t->used + n > TAIL_SIZE) {
        size_t drop = t->used + n - TAIL_SIZE;
        memmove(t->text, t->text + drop, t->used - drop);
        t->used -= drop;
    }
    memcpy(t->text + t->used, data, n);
    t->used += n;
}

// Takes what the pipe holds now; at its end closes it. At most `limit` bytes, for a hook may write without
// end.
static void drain(int *fd, struct tail *t, size_t limit) {
    char buf[1024];
    while (*fd >= 0 && limit) {
        ssize_t n = read(*fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fd_close(fd);
            return;
        }
        tail_append(t, buf, (size_t)n);
        limit -= limit < (size_t)n ? limit : (size_t)n;
    }
}

struct running {
    pid_t pid;
    int pidfd; // -1: the kernel has none
    struct pipes pipes;
    const char *state;
    size_t state_left;
    struct tail out, err;
    int status;       // as of wait(2), once it has ended
    bool timed_out;   // killed by us
    int64_t deadline; // ms, 0 = none
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Writes as much as the pipe takes. A hook that does not read (EPIPE) is its own business.
static void feed(struct running *r) {
    while (r->pipes.in[1] >= 0 && r->state_left) {
        ssize_t n = write(r->pipes.in[1], r->state, r->state_left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break;
        r->state += n;
        r->state_left -= (size_t)n;
    }
    fd_close(&r->pipes.in[1]);
}

static int start(struct running *r, const struct hook_call *call, int cwd_fd) {
    struct clone_args args = {
        .flags = CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&r->pidfd,
        .exit_signal = SIGCHLD,
    };
    r->pidfd = -1;
    r->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    bool with_pidfd = r->pid > 0;
    if (r->pid < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
        r->pid = fork();
    if (r->pid == 0)
        become_hook(call, &r->pipes, cwd_fd);
    if (r->pid < 0)
        return -1;
    if (!with_pidfd)
        r->pidfd = sys_pidfd_open(r->pid, 0);
    fd_close(&r->pipes.in[0]);
    fd_close(&r->pipes.out[1]);
    fd_close(&r->pipes.err[1]);
    fd_close(&r->pipes.status[1]);
    return 0;
}

static void kill_session(struct running *r) {
    kill(-r->pid, SIGKILL);
    if (r->pidfd < 0 || sys_pidfd_send_signal(r->pidfd, SIGKILL) < 0)
        kill(r->pid, SIGKILL);
}

// The time to sleep in poll: until the deadline, and not long when only looking tells that the child has
// ended.
static int poll_timeout(const struct running *r) {
    int64_t left = -1;
    if (r->deadline && !r->timed_out) {
        left = r->deadline - now_ms();
        if (left < 0)
            left = 0;
    }
    if (r->pidfd < 0 && (left < 0 || left > POLL_TICK))
        left = POLL_TICK;
    return (int)left;
}

// Waits for the hook itself, not for the end of its pipes, which a daemon may have inherited. 0, or -1 with
// errno.
static int wait_for(struct running *r) {
    for (;;) {
        struct pollfd p[4] = {
            { .fd = r->pidfd, .events = POLLIN },
            { .fd = r->pipes.out[0], .events = POLLIN },
            { .fd = r->pipes.err[0], .events = POLLIN },
            { .fd = r->pipes.in[1], .events = POLLOUT },
        };
        if (poll(p, 4, poll_timeout(r)) < 0 && errno != EINTR)
            return -1;
        feed(r);
        drain(&r->pipes.out[0], &r->out, 1 << 20);
        drain(&r->pipes.err[0], &r->err, 1 << 20);
        pid_t ended = waitpid(r->pid, &r->status, WNOHANG);
        if (ended < 0 && errno != EINTR)
            return -1;
        if (ended == r->pid)
            break;
        if (r->deadline && !r->timed_out && now_ms() >= r->deadline) {
            r->timed_out = true;
            kill_session(r);
        }
    }
    drain(&r->pipes.out[0], &r->out, 1 << 20);
    drain(&r->pipes.err[0], &r->err, 1 << 20);
    return 0;
}

// ---------------------------------------------------------------- how it ended

// The end of what was captured as text: no NULs, no white space at the end, at most max bytes.
static const char *tail_text(struct tail *t, size_t max, size_t *length) {
    while (t->used && strchr(" \t\r\n", t->text[t->used - 1]))
        t->used--;
    for (size_t i = 0; i < t->used; i++)
        if (t->text[i] == '\0')
            t->text[i] = '?';
    *length = t->used < max ? t->used : max;
    return t->text + t->used - *length;
}

static int report(const struct hook_call *call, struct running *r, const char *what, struct error *err) {
    char origin[64];
    size_t out_size;
    size_t err_size;
    const size_t room = sizeof(err->msg) - 160;
    const char *out = tail_text(&r->out, room / 3, &out_size);
    const char *error = tail_text(&r->err, room - out_size, &err_size);
    snprintf(origin, sizeof(origin), "/hooks/%s/%zu", call->kind, call->index);
    error_set_at(err, "hook.failed", 0, origin, "error running %s hook #%zu: %s, stdout: %.*s, stderr: %.*s",
                 call->kind, call->index, what, (int)out_size, out, (int)err_size, error);
    return error_hint(err, "the hook is %s", call->path);
}

// The words avoid "no such file" and "permission denied", from which engines make exit codes of the
// container.
static int report_not_started(const struct hook_call *call, int errnum, struct error *err) {
    char origin[64];
    snprintf(origin, sizeof(origin), "/hooks/%s/%zu", call->kind, call->index);
    error_set_at(err, "hook.failed", 0, origin, "error running %s hook #%zu: %s cannot be executed",
                 call->kind, call->index, call->path);
    if (errnum == ENOENT || errnum == ENOTDIR)
        return error_hint(err, "the file, or the interpreter that it names, is missing (ENOENT)");
    if (errnum == EACCES)
        return error_hint(err, "it is not executable for us, or on a noexec mount (EACCES)");
    return error_hint(err, "%s", error_text(errnum));
}

static int judge(const struct hook_call *call, struct running *r, struct error *err) {
    char what[96];
    int errnum;
    ssize_t n = fcntl(r->pipes.status[0], F_SETFL, O_NONBLOCK) == 0
                    ? read(r->pipes.status[0], &errnum, sizeof(errnum))
                    : 0;
    if (n == (ssize_t)sizeof(errnum))
        return report_not_started(call, errnum, err);
    if (r->timed_out)
        snprintf(what, sizeof(what), "hook ran past specified timeout of %d.%ds", call->timeout_ms / 1000,
                 call->timeout_ms % 1000 / 100);
    else if (WIFSIGNALED(r->status))
        snprintf(what, sizeof(what), "killed by signal SIG%s",
                 sigabbrev_np(WTERMSIG(r->status)) ? sigabbrev_np(WTERMSIG(r->status)) : "RT");
    else if (WEXITSTATUS(r->status) != 0)
        snprintf(what, sizeof(what), "exit status %d", WEXITSTATUS(r->status));
    else
        return 0;
    return report(call, r, what, err);
}

// Writing to a pipe that nobody reads raises SIGPIPE in us. Blocked meanwhile, and taken away before it is
// unblocked.
static void pipe_signal_block(sigset_t *old) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, old);
}

static void pipe_signal_restore(const sigset_t *old) {
    if (sigismember(old, SIGPIPE))
        return;
    const struct timespec none = { 0 };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    while (sigtimedwait(&set, NULL, &none) == SIGPIPE)
        ;
    sigprocmask(SIG_SETMASK, old, NULL);
}

int hook_run(const struct hook_call *call, const char *state_json, int cwd_fd, struct error *err) {
    struct running r;
    sigset_t old;
    memset(&r, 0, sizeof(r));
    r.pidfd = -1;
    r.state = state_json;
    r.state_left = strlen(state_json);
    if (pipes_open(&r.pipes) < 0)
        return error_set(err, "hook.failed", errno, "pipes for %s hook #%zu", call->kind, call->index);
    // A caller may have started us with SIGCHLD ignored: then there would be no exit status to wait for.
    (void)signal(SIGCHLD, SIG_DFL);
    pipe_signal_block(&old);
    // Most states fit into the pipe: then the hook finds all of it, and the end of file, when it starts.
    feed(&r);
    if (call->timeout_ms)
        r.deadline = now_ms() + call->timeout_ms;
    int result;
    if (start(&r, call, cwd_fd) < 0)
        result = error_set(err, "hook.failed", errno, "fork for %s hook #%zu", call->kind, call->index);
    else if (wait_for(&r) < 0)
        result = error_set(err, "hook.failed", errno, "waiting for %s hook #%zu", call->kind, call->index);
    else
        result = judge(call, &r, err);
    pipe_signal_restore(&old);
    pipes_close(&r.pipes);
    fd_close(&r.pidfd);
    return result;
}
