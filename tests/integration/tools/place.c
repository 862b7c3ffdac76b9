// SPDX-License-Identifier: Apache-2.0
// What place.py needs inside a restricted place. Whoever enters a place from outside (nsenter) has other
// privileges than its processes, so a resident process of the place starts the commands.
//
//   place serve LISTEN CONTROL        the resident process: two descriptors, a listening socket and one end
//   of a socketpair.
//                                     It says "ready" on the latter, and ends, killing all its children, when
//                                     that hangs up. Orphans of its commands become its children, as they
//                                     would be conmon's or a shim's.
//   place call SOCKET COMMAND...      outside: has COMMAND run in there, with our arguments, environment,
//   working directory
//                                     (by path) and descriptors. Passes signals on, and ends as COMMAND ends.
//                                     When it is killed, COMMAND is killed.
//   place await SOCKET PID            outside: prints the wait status of an orphan (a pid of the place), once
//   it has ended. place idmap IN:OUT:N COMMAND...   COMMAND as root of a new user namespace with these ids.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FDS     64
#define FD_NUMBERS  512
#define MAX_MESSAGE (192 * 1024)
#define MAX_CALLS   32
#define MAX_WAITS   4096

// The first message of a connection; the strings follow: working directory, arguments, environment.
struct request {
    int32_t await; // a pid, or 0: run a command
    int32_t n_args, n_env, n_fds;
    int32_t fds[MAX_FDS]; // the numbers that they have in the caller
};

static union {
    struct request head;
    char bytes[MAX_MESSAGE];
} message;
static size_t message_length;

_Noreturn static void die(const char *what) {
    fprintf(stderr, "place: %s: %s\n", what, strerror(errno));
    exit(125);
}

// ------------------------------------------------------------------------------------------------ outside

static int connect_to(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path))
        errno = ENAMETOOLONG, die(path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die(path);
    return fd;
}

static void add_string(const char *s) {
    size_t n = strlen(s) + 1;
    if (message_length + n > sizeof(message))
        errno = E2BIG, die("command");
    memcpy(message.bytes + message_length, s, n);
    message_length += n;
}

static void send_request(int sock) {
    struct request *r = &message.head;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
    } control = { 0 };
    struct iovec iov = { message.bytes, message_length };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (r->n_fds > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)r->n_fds);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)r->n_fds);
        memcpy(CMSG_DATA(&control.head), r->fds, sizeof(int) * (size_t)r->n_fds);
    }
    if (sendmsg(sock, &m, MSG_NOSIGNAL) < 0)
        die("sendmsg");
}

// As a shell would: the command's exit code, or its death.
_Noreturn static void end_like(int status) {
    if (!WIFSIGNALED(status))
        exit(WEXITSTATUS(status));
    struct rlimit no_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &no_core);
    signal(WTERMSIG(status), SIG_DFL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    raise(WTERMSIG(status));
    exit(128 + WTERMSIG(status));
}

static int call(const char *socket_path, char **args) {
    struct request *r = &message.head;
    message_length = sizeof(*r);
    for (int fd = 0; fd < FD_NUMBERS && r->n_fds < MAX_FDS; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            r->fds[r->n_fds++] = fd;
    int sock = connect_to(socket_path);
    char *cwd = getcwd(NULL, 0);
    if (!cwd)
        die("getcwd");
    add_string(cwd);
    for (; args[r->n_args]; r->n_args++)
        add_string(args[r->n_args]);
    for (; environ[r->n_env]; r->n_env++)
        add_string(environ[r->n_env]);
    // Before the command can be known to run: a signal is for it from then on.
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    send_request(sock);
    // What belongs to us must not stay open here when the command closes it: a reader waits for the end of
    // the file.
    for (int i = 0; i < r->n_fds; i++)
        if (r->fds[i] != 2)
            close(r->fds[i]);
    struct pollfd polled[2] = { { sock, POLLIN, 0 }, { signalfd(-1, &all, SFD_CLOEXEC), POLLIN, 0 } };
    for (;;) {
        if (poll(polled, 2, -1) < 0)
            die("poll");
        struct signalfd_siginfo info;
        if (polled[1].revents && read(polled[1].fd, &info, sizeof(info)) == sizeof(info)) {
            int32_t sig = (int32_t)info.ssi_signo;
            send(sock, &sig, sizeof(sig), MSG_NOSIGNAL);
        }
        int32_t status;
        if (polled[0].revents && recv(sock, &status, sizeof(status), 0) == sizeof(status))
            end_like(status);
        else if (polled[0].revents)
            return fprintf(stderr, "place: the place is gone\n"), 125;
    }
}

static int await(const char *socket_path, int pid) {
    message.head.await = pid;
    message_length = sizeof(message.head);
    int sock = connect_to(socket_path);
    send_request(sock);
    int32_t status;
    if (recv(sock, &status, sizeof(status), 0) != sizeof(status))
        return fprintf(stderr, "place: %d is no child of the place\n", pid), 1;
    printf("%d\n", status);
    return 0;
}

// ------------------------------------------------------------------------------------------------ inside

static struct call {
    int sock; // -1: free
    pid_t pid;
    int awaits;
} calls[MAX_CALLS];
static struct {
    pid_t pid;
    int status;
} ended[MAX_WAITS]; // orphans, oldest first
static int n_ended;

static int receive(int sock, int *fds) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
    } control;
    struct iovec iov = { message.bytes, sizeof(message) };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    if (n < (ssize_t)sizeof(struct request) || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return -1;
    message_length = (size_t)n;
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    size_t length = head && head->cmsg_type == SCM_RIGHTS ? head->cmsg_len - CMSG_LEN(0) : 0;
    if (length != sizeof(int) * (size_t)message.head.n_fds)
        return -1;
    if (head)
        memcpy(fds, CMSG_DATA(head), length);
    return 0;
}

// In the child: the caller's descriptors at the caller's numbers, nothing else.
static void take_fds(const int *fds) {
    const struct request *r = &message.head;
    int moved[MAX_FDS] = { 0 };
    for (int i = 0; i < r->n_fds; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_NUMBERS); // out of the way
        if (moved[i] < 0)
            _exit(125);
    }
    for (int i = 0; i < 3; i++)
        close(i);
    for (int i = 0; i < r->n_fds; i++)
        if (dup2(moved[i], r->fds[i]) < 0)
            _exit(125);
}

_Noreturn static void become_command(const int *fds) {
    const struct request *r = &message.head;
    char *strings[1 + r->n_args + 1 + r->n_env + 1], **at = strings;
    char *s = message.bytes + sizeof(*r);
    for (int i = 0; i < 1 + r->n_args + r->n_env; i++) {
        if (i == 1 + r->n_args)
            *at++ = NULL;
        *at++ = s;
        s += strlen(s) + 1;
    }
    if (r->n_env == 0)
        *at++ = NULL;
    *at = NULL;
    take_fds(fds);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (chdir(strings[0]) < 0 && chdir("/") < 0)
        _exit(125);
    execvpe(strings[1], strings + 1, strings + 1 + r->n_args + 1);
    fprintf(stderr, "place: %s: %s\n", strings[1], strerror(errno));
    _exit(127);
}

static void hang_up(struct call *c) {
    if (c->pid)
        kill(c->pid, SIGKILL);
    close(c->sock);
    *c = (struct call){ .sock = -1 };
}

static void answer(struct call *c, int status) {
    int32_t value = status;
    send(c->sock, &value, sizeof(value), MSG_NOSIGNAL);
    c->pid = 0;
    hang_up(c);
}

static void begin(struct call *c) {
    int fds[MAX_FDS] = { 0 };
    if (receive(c->sock, fds) < 0) {
        hang_up(c);
        return;
    }
    if (message.head.await) {
        c->awaits = message.head.await;
        for (int i = n_ended - 1; i >= 0; i--)
            if (ended[i].pid == c->awaits) {
                answer(c, ended[i].status);
                return;
            }
        siginfo_t info;
        if (waitid(P_PID, (id_t)c->awaits, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
            hang_up(c); // no child of ours
        return;
    }
    c->pid = fork();
    if (c->pid == 0)
        become_command(fds);
    for (int i = 0; i < message.head.n_fds; i++)
        close(fds[i]);
    if (c->pid < 0)
        answer(c, 125 << 8);
}

static void serve_call(struct call *c) {
    int32_t sig;
    if (!c->pid && !c->awaits)
        begin(c);
    else if (c->pid && recv(c->sock, &sig, sizeof(sig), 0) == sizeof(sig))
        kill(c->pid, sig);
    else
        hang_up(c);
}

static void note_end(pid_t pid, int status) {
    for (int i = 0; i < MAX_CALLS; i++)
        if (calls[i].sock >= 0 && calls[i].pid == pid) {
            answer(&calls[i], status);
            return;
        }
    if (n_ended == MAX_WAITS)
        memmove(ended, ended + 1, sizeof(ended[0]) * (size_t)--n_ended);
    ended[n_ended].pid = pid;
    ended[n_ended++].status = status;
    for (int i = 0; i < MAX_CALLS; i++)
        if (calls[i].sock >= 0 && calls[i].awaits == pid)
            answer(&calls[i], status);
}

static void take_caller(int listener) {
    int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    for (int i = 0; i < MAX_CALLS && sock >= 0; i++)
        if (calls[i].sock < 0) {
            calls[i] = (struct call){ .sock = sock };
            return;
        }
    close(sock);
}

static int serve(int listener, int control) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    fcntl(listener, F_SETFD, FD_CLOEXEC);
    fcntl(control, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < MAX_CALLS; i++)
        calls[i].sock = -1;
    int children = signalfd(-1, &child, SFD_CLOEXEC);
    if (write(control, "ready", 5) != 5)
        die("control");
    for (;;) {
        struct pollfd polled[3 + MAX_CALLS] = { { children, POLLIN, 0 },
                                                { listener, POLLIN, 0 },
                                                { control, POLLIN, 0 } };
        for (int i = 0; i < MAX_CALLS; i++)
            polled[3 + i] = (struct pollfd){ calls[i].sock, POLLIN, 0 };
        if (poll(polled, 3 + MAX_CALLS, -1) < 0)
            die("poll");
        struct signalfd_siginfo info;
        if (polled[0].revents && read(children, &info, sizeof(info)) > 0) {
            int status;
            for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
                note_end(pid, status);
        }
        for (int i = 0; i < MAX_CALLS; i++)
            if (polled[3 + i].revents && calls[i].sock == polled[3 + i].fd)
                serve_call(&calls[i]);
        if (polled[1].revents)
            take_caller(listener);
        if (polled[2].revents)
            return 0; // as PID 1 of its namespace it takes all others with it
    }
}

// The maps are written by a child that stays in the outer user namespace.
static int idmap(const char *map, char **args) {
    unsigned int in, out, count;
    if (sscanf(map, "%u:%u:%u", &in, &out, &count) != 3)
        return fprintf(stderr, "place: not IN:OUT:N: %s\n", map), 2;
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) < 0)
        die("pipe");
    pid_t parent = getpid(), helper = fork();
    if (helper < 0)
        die("fork");
    if (helper == 0) {
        char path[64], text[64];
        close(gate[1]);
        if (read(gate[0], path, 1) != 1)
            _exit(1);
        int length = snprintf(text, sizeof(text), "%u %u %u", in, out, count);
        for (int i = 0; i < 2; i++) {
            snprintf(path, sizeof(path), "/proc/%d/%s_map", parent, i ? "gid" : "uid");
            int fd = open(path, O_WRONLY | O_CLOEXEC);
            if (fd < 0 || write(fd, text, (size_t)length) != length)
                _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    if (unshare(CLONE_NEWUSER) < 0 || write(gate[1], "", 1) != 1)
        die("unshare(CLONE_NEWUSER)");
    if (waitpid(helper, &status, 0) < 0 || status != 0)
        errno = EPERM, die("id maps");
    if (setgroups(0, NULL) < 0 || setresgid(in, in, in) < 0 || setresuid(in, in, in) < 0)
        die("root of the user namespace");
    execvp(args[0], args);
    die(args[0]);
}

int main(int argc, char **argv) {
    const char *verb = argc > 3 ? argv[1] : "";
    if (strcmp(verb, "serve") == 0)
        return serve(atoi(argv[2]), atoi(argv[3]));
    if (strcmp(verb, "call") == 0)
        return call(argv[2], argv + 3);
    if (strcmp(verb, "await") == 0)
        return await(argv[2], atoi(argv[3]));
    if (strcmp(verb, "idmap") == 0)
        return idmap(argv[2], argv + 3);
    return fprintf(stderr, "usage: see the head of tools/place.c\n"), 2;
}
