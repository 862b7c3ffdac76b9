// SPDX-License-Identifier: Apache-2.0
// Waits for the container's process in the foreground: signals, terminal, exit code.
#include "config.h"

#include "runtime/process/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/proc.h"

#define CHUNK      4096 // not more than PIPE_BUF: a pipe that polls writable takes that much without blocking
#define LAST_WORDS 200  // ms for which a dead process's terminal may stay silent while others hold it open

// ---------------------------------------------------------------- begin and end

// Faults of our own must kill us.
static const int not_blocked[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

int foreground_begin(struct foreground *f, struct error *err) {
    sigset_t set;
    memset(f, 0, sizeof(*f));
    f->signal_fd = -1;
    f->tty = -1;
    // Ignored by our caller, it would take the exit status away.
    (void)signal(SIGCHLD, SIG_DFL);
    sigfillset(&set);
    for (size_t i = 0; i < sizeof(not_blocked) / sizeof(not_blocked[0]); i++)
        sigdelset(&set, not_blocked[i]);
    if (sigprocmask(SIG_BLOCK, &set, &f->old_mask) < 0)
        return error_set(err, "foreground.failed", errno, "blocking signals");
    f->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (f->signal_fd < 0) {
        int saved = errno;
        sigprocmask(SIG_SETMASK, &f->old_mask, NULL);
        return error_set(err, "foreground.failed", saved, "signalfd");
    }
    return 0;
}

static void restore_terminal(struct foreground *f) {
    // TCSADRAIN would wait for a terminal that may be stopped by ^S.
    if (f->raw)
        (void)tcsetattr(f->tty, TCSANOW, &f->saved);
    f->raw = false;
}

void foreground_end(struct foreground *f) {
    restore_terminal(f);
    if (f->signal_fd < 0)
        return;
    fd_close(&f->signal_fd);
    // A hang-up or ^C that nobody took is not meant to kill us now, after the container has ended.
    const struct timespec none = { 0 };
    sigset_t all;
    sigfillset(&all);
    while (sigtimedwait(&all, NULL, &none) > 0)
        ;
    sigprocmask(SIG_SETMASK, &f->old_mask, NULL);
}

// ---------------------------------------------------------------- terminal

// One direction of the copy, with what was read and not yet written.
struct stream {
    int from, to; // from: -1 at the end of file
    char buf[CHUNK];
    size_t at, used;
};

struct session {
    struct foreground *f;
    struct proc_handle child;
    int master; // -1: no terminal
    // The other side, held open by us: programs (systemd) close their console and open it again later, and
    // meanwhile the master must not report its end.
    int keeper;
    struct stream in, out;
};

static void copy_size(int tty, int master) {
    struct winsize size;
    if (tty >= 0 && ioctl(tty, TIOCGWINSZ, &size) == 0 && (size.ws_row || size.ws_col))
        (void)ioctl(master, TIOCSWINSZ, &size);
}

static int terminal_begin(struct foreground *f, int master, struct error *err) {
    if (fcntl(master, F_SETFL, O_NONBLOCK) < 0)
        return error_set(err, "terminal.failed", errno, "making the terminal non-blocking");
    if (tcgetattr(0, &f->saved) < 0)
        return 0; // fd 0 is no terminal: only copied
    f->tty = 0;   // whose size the terminal has had since it was made
    struct termios raw = f->saved;
    cfmakeraw(&raw);
    // A background job that changes its terminal is stopped by SIGTTOU, which is blocked here.
    if (tcsetattr(0, TCSANOW, &raw) < 0)
        return error_set(err, "terminal.failed", errno, "switching the terminal to raw mode");
    f->raw = true;
    return 0;
}

// The end of our input becomes a ^D for a program that reads lines; one in raw mode would take it as a byte.
static void end_of_input(struct session *s) {
    struct termios t;
    s->in.from = -1;
    if (tcgetattr(s->master, &t) == 0 && (t.c_lflag & ICANON)) {
        s->in.buf[0] = (char)t.c_cc[VEOF];
        s->in.at = 0;
        s->in.used = 1;
    }
}

// False at the end of file (or of the terminal: EIO once nobody has the other side open).
static bool fill(struct stream *s) {
    ssize_t n = read(s->from, s->buf, sizeof(s->buf));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    s->at = 0;
    s->used = (size_t)n;
    return true;
}

// An output that is gone swallows the rest, so that the container does not block on it.
static void flush(struct stream *s) {
    ssize_t n = write(s->to, s->buf + s->at, s->used - s->at);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        s->at = s->used;
    else
        s->at += (size_t)n;
    if (s->at == s->used)
        s->at = s->used = 0;
}

// Nothing is pending: read. Something is: write. So memory is bounded and the slower side sets the pace.
static struct pollfd interest(const struct stream *s) {
    if (s->used)
        return (struct pollfd){ .fd = s->to, .events = POLLOUT };
    return (struct pollfd){ .fd = s->from, .events = POLLIN };
}

static void move(struct session *s, struct stream *stream, short events) {
    if (!events)
        return;
    if (stream->used)
        flush(stream);
    else if (stream->from >= 0 && !fill(stream)) {
        if (stream == &s->in)
            end_of_input(s);
        else
            stream->from = -1;
    }
}

// A signal that would have ended us, while nobody is left to hand it to.
static bool told_to_stop(int signal_fd) {
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP ||
            info.ssi_signo == SIGQUIT)
            return true;
    return false;
}

// The process is dead: what it wrote is still in the terminal. Ends at the end of file, which comes when all
// that had it open are gone, or when those that live on are silent. The reader of our output may take its
// time.
static void drain(struct session *s) {
    fd_close(&s->keeper);
    while (s->out.used || s->out.from >= 0) {
        struct pollfd p[2] = { interest(&s->out), { .fd = s->f->signal_fd, .events = POLLIN } };
        int n = poll(p, 2, s->out.used ? -1 : LAST_WORDS);
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        if (p[1].revents && told_to_stop(s->f->signal_fd))
            return;
        move(s, &s->out, p[0].revents);
    }
}

// ---------------------------------------------------------------- signals

static void forward_signals(struct session *s) {
    struct signalfd_siginfo info;
    while (read(s->f->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        int sig = (int)info.ssi_signo;
        switch (sig) {
        case SIGCHLD:
            continue;
        case SIGPIPE: // by our own writing, or meant for the container
            if ((pid_t)info.ssi_pid == getpid())
                continue;
            break;
        case SIGTTIN:
        case SIGTTOU: // by the kernel: we are a background job and touched our terminal
            if (info.ssi_code > 0)
                continue;
            break;
        case SIGWINCH:
            if (s->master < 0)
                break;
            copy_size(s->f->tty, s->master);
            continue;
        default:
            break;
        }
        (void)proc_signal(&s->child, sig);
    }
}

// ---------------------------------------------------------------- wait

static int exit_code(pid_t pid, struct error *err) {
    int status;
    pid_t got;
    do
        got = waitpid(pid, &status, __WALL);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set(err, "foreground.failed", errno, "waiting for the container's process %d", (int)pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Until the process has ended.
static int loop(struct session *s, struct error *err) {
    for (;;) {
        struct pollfd p[4] = {
            { .fd = s->child.pidfd, .events = POLLIN },
            { .fd = s->f->signal_fd, .events = POLLIN },
            { .fd = -1 },
            { .fd = -1 },
        };
        if (s->master >= 0) {
            p[2] = interest(&s->in);
            p[3] = interest(&s->out);
        }
        if (poll(p, 4, proc_poll_timeout(&s->child)) < 0 && errno != EINTR)
            return error_set(err, "foreground.failed", errno, "poll");
        if (p[1].revents)
            forward_signals(s);
        if (s->master >= 0) {
            move(s, &s->in, p[2].revents);
            move(s, &s->out, p[3].revents);
        }
        if (s->child.pidfd >= 0 ? p[0].revents != 0 : proc_wait(&s->child, 0))
            return 0;
    }
}

int foreground_wait(struct foreground *f, int pidfd, pid_t pid, int master, struct error *err) {
    struct session s = {
        .f = f,
        .child = proc_child(pid, pidfd),
        .master = master,
        .keeper = -1,
        .in = { .from = 0, .to = master },
        .out = { .from = master, .to = 1 },
    };
    cleanup_fd int owned = master;
    if (master >= 0) {
        if (terminal_begin(f, master, err) < 0)
            return -1;
        s.keeper = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    int result = loop(&s, err);
    if (master >= 0 && result == 0)
        drain(&s);
    fd_close(&s.keeper);
    restore_terminal(f);
    return result < 0 ? -1 : exit_code(pid, err);
}
