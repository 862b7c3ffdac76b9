// SPDX-License-Identifier: Apache-2.0
// Who talks to a supervisor.
#include "config.h"

#include "runtime/supervisor/clients.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

enum { PAUSE_MS = 100, BACKLOG = 64 };

void clients_init(struct clients *c, int listen_fd) {
    c->listen = listen_fd;
    c->paused_until = 0;
    c->used = c->links = c->left_below = 0;
    c->lost = false;
    if (listen_fd < 0)
        return;
    (void)fcntl(listen_fd, F_SETFL, O_NONBLOCK);
    // It listens already. Once more, it tells those who connect our pid, and not our creator's (SO_PEERCRED).
    (void)listen(listen_fd, BACKLOG);
}

static void let_go(struct clients *c, struct client *x) {
    if (x->state == CLIENT_LINK) {
        c->links--;
        c->lost = c->lost || !x->done;
    }
    x->state = CLIENT_FREE;
    close(x->fd);
    fd_close(&x->pidfd);
    while (c->used && c->list[c->used - 1].state == CLIENT_FREE)
        c->used--;
}

size_t clients_poll(const struct clients *c, int64_t now, struct pollfd *out, int *timeout) {
    bool paused = now < c->paused_until;
    int64_t until = paused ? c->paused_until : INT64_MAX;
    out[0] = (struct pollfd){ .fd = paused ? -1 : c->listen, .events = POLLIN };
    for (size_t i = 0; i < c->used; i++) {
        const struct client *x = &c->list[i];
        out[i + 1] = (struct pollfd){ .fd = x->state == CLIENT_FREE ? -1 : x->fd, .events = POLLIN };
        if (x->state == CLIENT_NEW && x->since + REQUEST_LIMIT_MS < until)
            until = x->since + REQUEST_LIMIT_MS;
    }
    if (until != INT64_MAX) {
        int64_t left = until > now ? until - now : 0;
        if (*timeout < 0 || left < *timeout)
            *timeout = (int)left;
    }
    return c->used + 1;
}

// ---------------------------------------------------------------- requests

// A record that fits into the socket's buffer, or the other end is not worth more effort.
static void reply(const struct client *x, const struct answer *a) {
    (void)send(x->fd, a, sizeof(*a), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void take_request(struct clients *c, struct client *x, clients_fn fn, void *arg) {
    struct request r;
    struct answer a = { .magic = PROTOCOL_MAGIC };
    ssize_t n = recv(x->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    // A connection that ends without a word means nothing; neither does one that speaks another language.
    if (n != (ssize_t)sizeof(r) || r.magic != PROTOCOL_MAGIC) {
        let_go(c, x);
        return;
    }
    enum client_state next = fn(arg, &r, &a);
    if (next == CLIENT_LINK && c->links >= LINKS) {
        a.err = EAGAIN;
        next = CLIENT_FREE;
    }
    if (next != CLIENT_ASKER)
        reply(x, &a);
    if (next == CLIENT_FREE) {
        let_go(c, x);
        return;
    }
    x->state = next;
    if (next == CLIENT_LINK)
        c->links++;
}

// An exec supervisor says who it is, and at the end that it is done, or what it could not kill.
static void take_from_link(struct clients *c, struct client *x) {
    struct answer a;
    ssize_t n = recv(x->fd, &a, sizeof(a), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != (ssize_t)sizeof(a) || a.magic != PROTOCOL_MAGIC)
        let_go(c, x);
    else if (a.left > 0)
        c->left_below += (size_t)a.left;
    else if (a.pid == 0)
        x->done = true;
    else if (a.pid > 0 && x->pidfd < 0)
        x->pidfd = sys_pidfd_open(a.pid, 0);
}

// It has asked already, and waits: it can only go.
static void take_from_asker(struct clients *c, struct client *x) {
    char byte;
    if (recv(x->fd, &byte, 1, MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR))
        let_go(c, x);
}

// ---------------------------------------------------------------- connections

// SO_PEERCRED is translated into our user namespace: who is not in it is nobody, and the payload's root in a
// user namespace of its own is who it is outside.
static bool may_ask(int fd) {
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

// A free place, or that of the one who has been silent for longest.
static struct client *find_place(struct clients *c) {
    struct client *oldest = NULL;
    for (size_t i = 0; i < c->used; i++) {
        struct client *x = &c->list[i];
        if (x->state == CLIENT_FREE)
            return x;
        if (x->state == CLIENT_NEW && (!oldest || x->since < oldest->since))
            oldest = x;
    }
    if (c->used < CLIENTS)
        return &c->list[c->used++];
    if (oldest)
        close(oldest->fd);
    return oldest;
}

// True: there may be more.
static bool take_connection(struct clients *c, int64_t now) {
    int fd = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            c->paused_until = now + PAUSE_MS;
        return errno == ECONNABORTED;
    }
    struct client *x = may_ask(fd) ? find_place(c) : NULL;
    if (!x) {
        close(fd);
        return true;
    }
    *x = (struct client){ .fd = fd, .pidfd = -1, .state = CLIENT_NEW, .since = now };
    return true;
}

void clients_serve(struct clients *c, int64_t now, const struct pollfd *p, clients_fn fn, void *arg) {
    // From the end, because `used` shrinks.
    for (size_t i = c->used; i-- > 0;) {
        struct client *x = &c->list[i];
        if (x->state == CLIENT_NEW && !p[i + 1].revents && x->since + REQUEST_LIMIT_MS <= now)
            let_go(c, x);
        else if (x->state == CLIENT_NEW && p[i + 1].revents)
            take_request(c, x, fn, arg);
        else if (x->state == CLIENT_LINK && p[i + 1].revents)
            take_from_link(c, x);
        else if (x->state == CLIENT_ASKER && p[i + 1].revents)
            take_from_asker(c, x);
    }
    // As many as there are places: more come with the next turn.
    for (int i = 0; p[0].revents && i < CLIENTS && take_connection(c, now); i++)
        ;
}

void clients_tell_links(struct clients *c, enum request_type type, int value) {
    struct request r = { .magic = PROTOCOL_MAGIC, .type = type, .value = value };
    for (size_t i = 0; i < c->used; i++)
        if (c->list[i].state == CLIENT_LINK)
            (void)send(c->list[i].fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void clients_end_links(struct clients *c) {
    for (size_t i = 0; i < c->used; i++)
        if (c->list[i].state == CLIENT_LINK) {
            (void)shutdown(c->list[i].fd, SHUT_WR);
            if (c->list[i].pidfd >= 0)
                (void)sys_pidfd_send_signal(c->list[i].pidfd, SIGCONT);
        }
}

void clients_kill_links(const struct clients *c) {
    for (size_t i = 0; i < c->used; i++)
        if (c->list[i].state == CLIENT_LINK && c->list[i].pidfd >= 0)
            (void)sys_pidfd_send_signal(c->list[i].pidfd, SIGKILL);
}

void clients_answer(struct clients *c, const struct answer *a) {
    for (size_t i = c->used; i-- > 0;)
        if (c->list[i].state == CLIENT_ASKER) {
            reply(&c->list[i], a);
            let_go(c, &c->list[i]);
        }
}

void clients_close(struct clients *c, int64_t now, clients_fn fn, void *arg) {
    if (c->listen < 0)
        return;
    for (int i = 0; i < CLIENTS && take_connection(c, now); i++)
        ;
    fd_close(&c->listen);
    for (size_t i = c->used; i-- > 0;)
        if (c->list[i].state == CLIENT_NEW)
            take_request(c, &c->list[i], fn, arg);
}
