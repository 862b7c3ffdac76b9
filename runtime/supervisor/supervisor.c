// SPDX-License-Identifier: Apache-2.0
// What a supervisor does: it waits, passes signals on, reaps, kills what is left, and ends as the payload
// did.
#include "config.h"

#include "runtime/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/supervisor/arguments.h"
#include "runtime/supervisor/clients.h"
#include "runtime/supervisor/protocol.h"
#include "runtime/supervisor/set.h"

enum {
    FAILED = 125,     // exit code when it could not begin
    SHORTEST_NAP = 1, // ms between two looks at the children while they are killed: who comes back to us does
    LONGEST_NAP = 32, // so without a signal
    HOPELESS_NAP = 1000 // once the limit has passed
};

struct supervision {
    enum supervisor_role role;
    pid_t payload; // a child of ours, until `ended`
    bool ended;
    int status; // wait(2)'s
    bool empty; // no children at all

    bool killing; // from now on nothing may live; never taken back
    int64_t deadline;
    int nap;
    struct answer result;

    int signal_fd;
    int dir;     // CONTAINER: where its socket is, or -1
    int link;    // EXEC: to the container's supervisor
    bool alone;  // EXEC: that one has ended, or wants us to end
    int channel; // EXEC, MIRROR: to the other one, or -1
    struct set set;
    struct clients clients;
    struct pollfd poll[3 + CLIENTS + 1];
};

static int64_t now_ms(void) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---------------------------------------------------------------- signals

// All of them, glibc's own two as well: none may end us but SIGKILL. By the system call, for glibc leaves
// those out.
static void block(int how, const sigset_t *set) {
    (void)syscall(SYS_rt_sigprocmask, how, set, NULL, _NSIG / 8);
}

static int take_signals(void) {
    sigset_t all;
    memset(&all, 0xff, sizeof(all));
    block(SIG_SETMASK, &all);
    (void)signal(SIGCHLD, SIG_DFL); // ignored, it would take the status away
    return (int)syscall(SYS_signalfd4, -1, &all, _NSIG / 8, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void pass_signals_on(struct supervision *v) {
    struct signalfd_siginfo info;
    while (read(v->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        // What the kernel sends is about us (SIGCHLD, SIGTTOU, SIGXCPU), as is the SIGPIPE of our own
        // writing.
        bool ours = info.ssi_signo == SIGCHLD || info.ssi_code > 0 || (pid_t)info.ssi_pid == getpid();
        if (!ours && !v->ended && !v->killing)
            (void)kill(v->payload, (int)info.ssi_signo);
    }
}

// Ends this process as another one did.
static void end_like(int status) __attribute__((noreturn));
static void end_like(int status) {
    if (!WIFSIGNALED(status))
        _exit(WEXITSTATUS(status));
    int sig = WTERMSIG(status);
    // All others stay blocked. Not by sigdelset(3) and signal(3), which know nothing of glibc's own two
    // (make(1) has them ignored). Zero is a struct sigaction of the kernel's with SIG_DFL.
    const unsigned long nothing[8] = { 0 };
    sigset_t others;
    unsigned long *words = (unsigned long *)&others;
    memset(&others, 0xff, sizeof(others));
    words[(sig - 1) / (int)(8 * sizeof(long))] &= ~(1UL << ((sig - 1) % (int)(8 * sizeof(long))));
    (void)syscall(SYS_rt_sigaction, sig, nothing, NULL, _NSIG / 8);
    (void)kill(getpid(), sig);
    block(SIG_SETMASK, &others);
    _exit(128 + sig); // PID 1 does not die of signals
}

// ---------------------------------------------------------------- the end

static void begin_kill(struct supervision *v) {
    if (v->killing)
        return;
    v->killing = true;
    v->deadline = now_ms() + KILL_LIMIT_MS;
    v->nap = SHORTEST_NAP;
    clients_end_links(&v->clients);
    // Those that fork as fast as they can are to be outrun. Best effort: CAP_SYS_NICE.
    (void)setpriority(PRIO_PROCESS, 0, -20);
}

// EXEC: to the container's supervisor.
static void tell_link(const struct supervision *v, const struct answer *a) {
    if (v->link >= 0)
        (void)send(v->link, a, sizeof(*a), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static enum client_state decide(void *arg, const struct request *r, struct answer *a);

static void finish(struct supervision *v) __attribute__((noreturn));
static void finish(struct supervision *v) {
    if (v->result.left == 0 && v->clients.left_below > 0) {
        v->result.left = (int32_t)v->clients.left_below;
        v->result.err = EBUSY;
    }
    if (v->dir >= 0 && v->result.left == 0 && !v->clients.lost)
        (void)unlinkat(v->dir, SUPERVISOR_SOCKET, 0);
    clients_close(&v->clients, now_ms(), decide, v);
    clients_answer(&v->clients, &v->result);
    tell_link(v, &v->result);
    if (v->role == SUPERVISOR_EXEC)
        _exit(0);
    end_like(v->status);
}

// The limit has passed. Who asked gets to know of it. A payload that cannot die keeps us here, for our end
// would say that it has ended; else what is left is none that anybody waits for.
static void give_up(struct supervision *v) {
    v->result.err = EBUSY;
    tell_link(v, &v->result);
    clients_kill_links(&v->clients);
    if (v->ended)
        finish(v);
    clients_answer(&v->clients, &v->result);
    v->deadline = now_ms() + KILL_LIMIT_MS;
    v->nap = HOPELESS_NAP;
}

static void reap(struct supervision *v) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
        if (v->nap < HOPELESS_NAP)
            v->nap = SHORTEST_NAP;
        if (pid != v->payload || v->ended)
            continue;
        v->ended = true;
        v->status = status;
        if (v->channel >= 0)
            (void)send(v->channel, &status, sizeof(status), MSG_DONTWAIT | MSG_NOSIGNAL);
        fd_close(&v->channel);
    }
    v->empty = pid < 0 && errno == ECHILD;
    if (v->empty && !v->ended) {
        // Not our child: nothing to wait for.
        v->ended = true;
        v->status = FAILED << 8;
    }
}

// After each reaping: on to the next phase, and kill whoever has come to us. Does not return at the end.
static void go_on(struct supervision *v) {
    if (v->role == SUPERVISOR_CONTAINER && v->ended)
        begin_kill(v);
    if (v->role == SUPERVISOR_EXEC && v->alone)
        begin_kill(v);
    if (v->empty && v->clients.links == 0 && (v->killing || v->role == SUPERVISOR_EXEC)) {
        v->result.err = v->result.left = v->result.pid = 0;
        finish(v);
    }
    if (!v->killing)
        return;
    pid_t some;
    size_t left = set_kill(&v->set, &some) + v->clients.links;
    v->result.left = left < INT32_MAX ? (int32_t)left : INT32_MAX;
    v->result.pid = some;
    if (now_ms() >= v->deadline)
        give_up(v);
}

// ---------------------------------------------------------------- requests

static int signal_payload(struct supervision *v, int sig) {
    if (v->ended)
        return ESRCH;
    return kill(v->payload, sig) < 0 ? errno : 0;
}

static enum client_state decide(void *arg, const struct request *r, struct answer *a) {
    struct supervision *v = arg;
    bool signal_ok = r->value >= 0 && r->value < _NSIG;
    switch (r->type) {
    case REQUEST_KILL:
        begin_kill(v);
        v->deadline = now_ms() + KILL_LIMIT_MS;
        v->nap = SHORTEST_NAP;
        return CLIENT_ASKER;
    case REQUEST_SIGNAL_PAYLOAD:
        a->err = signal_ok ? signal_payload(v, r->value) : EINVAL;
        return CLIENT_FREE;
    case REQUEST_SIGNAL_ALL:
        a->err = signal_ok ? set_signal(&v->set, r->value) : EINVAL;
        if (signal_ok)
            clients_tell_links(&v->clients, REQUEST_SIGNAL_ALL, r->value);
        return CLIENT_FREE;
    case REQUEST_JOIN:
        if (!v->killing)
            return CLIENT_LINK;
        a->err = ESRCH;
        return CLIENT_FREE;
    default:
        a->err = EINVAL;
        return CLIENT_FREE;
    }
}

// EXEC: what the container's supervisor asks for. Its end of file is the order to kill, because that always
// comes through, and also when it dies. The link stays open: its closing tells that we are done.
static void take_from_link(struct supervision *v) {
    struct request r;
    ssize_t n = recv(v->link, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != (ssize_t)sizeof(r) || r.magic != PROTOCOL_MAGIC)
        v->alone = true;
    else if (r.type == REQUEST_SIGNAL_ALL)
        (void)set_signal(&v->set, r.value);
}

// EXEC: all that the mirror says is that it is gone. Somebody has killed the recorded pid, and means the
// process.
static void take_from_channel(struct supervision *v) {
    char byte;
    ssize_t n = recv(v->channel, &byte, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    fd_close(&v->channel);
    (void)signal_payload(v, SIGKILL);
}

// ---------------------------------------------------------------- the loops

static void wait_and_serve(struct supervision *v) {
    int timeout = v->killing ? v->nap : -1;
    v->poll[0] = (struct pollfd){ .fd = v->signal_fd, .events = POLLIN };
    v->poll[1] = (struct pollfd){ .fd = v->alone ? -1 : v->link, .events = POLLIN };
    v->poll[2] = (struct pollfd){ .fd = v->channel, .events = POLLIN };
    size_t n = clients_poll(&v->clients, now_ms(), v->poll + 3, &timeout);
    if (poll(v->poll, 3 + n, timeout) < 0)
        return;
    if (v->nap < LONGEST_NAP)
        v->nap *= 2;
    if (v->poll[0].revents)
        pass_signals_on(v);
    if (v->poll[1].revents)
        take_from_link(v);
    if (v->poll[2].revents)
        take_from_channel(v);
    clients_serve(&v->clients, now_ms(), v->poll + 3, decide, v);
}

static void supervise(struct supervision *v) __attribute__((noreturn));
static void supervise(struct supervision *v) {
    for (;;) {
        reap(v);
        go_on(v);
        wait_and_serve(v);
    }
}

// MIRROR: its child, the exec supervisor, says how the process ended and then may go on living.
static void mirror(struct supervision *v) __attribute__((noreturn));
static void mirror(struct supervision *v) {
    for (;;) {
        struct pollfd p[2] = { { .fd = v->signal_fd, .events = POLLIN },
                               { .fd = v->channel, .events = POLLIN } };
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[0].revents)
            pass_signals_on(v);
        if (!p[1].revents)
            continue;
        int status = SIGKILL; // of which its child died with it
        ssize_t n = recv(v->channel, &status, sizeof(status), MSG_DONTWAIT);
        if (n >= 0 || (errno != EAGAIN && errno != EINTR))
            end_like(n == (ssize_t)sizeof(status) ? status : SIGKILL);
    }
}

// ---------------------------------------------------------------- set-up

// Nothing is ever read or written there; the numbers are to be taken, though.
static int take_stdio(void) {
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0)
        fd = open("/", O_PATH | O_DIRECTORY);
    while (fd >= 0 && fd < STDERR_FILENO)
        fd = dup(fd);
    return fd;
}

static int set_up(struct supervision *v, const struct supervisor *s) {
    const struct rlimit no_core = { 0, 0 };
    if (take_stdio() < 0 || chdir("/") < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
        return -1;
    if (s->role != SUPERVISOR_MIRROR && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return -1;
    umask(0077);
    v->role = s->role;
    v->payload = s->payload;
    v->link = s->link;
    v->alone = s->link < 0;
    v->channel = s->channel;
    v->dir = s->dir;
    v->nap = SHORTEST_NAP;
    v->result.magic = PROTOCOL_MAGIC;
    v->signal_fd = take_signals();
    if (v->signal_fd < 0)
        return -1;
    set_open(&v->set);
    clients_init(&v->clients, s->listen);
    const struct answer hello = { .magic = PROTOCOL_MAGIC, .pid = getpid() };
    tell_link(v, &hello);
    if (s->ready >= 0) {
        (void)!write(s->ready, "", 1);
        close(s->ready);
    }
    return 0;
}

int supervisor_main(int argc, char **argv) {
    // First of all: who shares our user id must not be able to trace us, or to read what /proc says of us.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return FAILED;
    (void)prctl(PR_SET_NAME, SUPERVISOR_NAME, 0, 0, 0);
    // Zero, but not touched: pages that nobody needs are not made.
    static struct supervision v;
    struct supervisor s;
    if (arguments_parse(argc, argv, &s) < 0 || set_up(&v, &s) < 0)
        return FAILED;
    if (s.role == SUPERVISOR_MIRROR)
        mirror(&v);
    supervise(&v);
}
