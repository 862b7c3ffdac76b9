// SPDX-License-Identifier: Apache-2.0
// Who talks to a supervisor: those that ask, and the exec supervisors that are linked to it. Nothing here
// blocks.
#ifndef NOOK_RUNTIME_SUPERVISOR_CLIENTS_H
#define NOOK_RUNTIME_SUPERVISOR_CLIENTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/supervisor/protocol.h"

enum {
    CLIENTS = 512,
    LINKS = CLIENTS - 32, // so that there is always room for who asks
};

enum client_state {
    CLIENT_FREE,
    CLIENT_NEW,   // has not said anything
    CLIENT_ASKER, // waits for the answer to KILL
    CLIENT_LINK,  // an exec supervisor
};

struct client {
    int32_t fd;
    int32_t pidfd; // of a linked supervisor that has said who it is, else -1
    enum client_state state;
    int64_t since; // ms
    bool done;     // a linked supervisor has said that nothing of its own is left
};

struct clients {
    int listen;           // -1: none, or closed
    int64_t paused_until; // no descriptors left: accept(2) again later
    size_t used, links;   // list[used...] are free
    size_t left_below;    // processes that linked supervisors could not end
    bool lost;            // one of those has ended without a word: it was killed
    struct client list[CLIENTS];
};

// Decides on a request: fills in the answer and returns what becomes of the connection. CLIENT_FREE: answered
// and closed; CLIENT_ASKER: answered later; CLIENT_LINK: answered, and kept.
typedef enum client_state (*clients_fn)(void *arg, const struct request *r, struct answer *a);

// Borrows a listening socket, or none (-1).
void clients_init(struct clients *c, int listen_fd);

// Fills in what to wait for, CLIENTS + 1 at most, and how many; *timeout (ms, -1: for ever) becomes shorter
// when a silent connection is to be closed earlier.
size_t clients_poll(const struct clients *c, int64_t now, struct pollfd *out, int *timeout);

// Takes what has come.
void clients_serve(struct clients *c, int64_t now, const struct pollfd *p, clients_fn fn, void *arg);

// Sends a request to each exec supervisor.
void clients_tell_links(struct clients *c, enum request_type type, int value);

// Tells each of them to kill what it has and to end, which they do by closing the link. One that was stopped
// is continued.
void clients_end_links(struct clients *c);

// Kills those that have not ended. What they had loses its supervisor, as ours does when we are killed.
void clients_kill_links(const struct clients *c);

// Answers everybody who waits for the end.
void clients_answer(struct clients *c, const struct answer *a);

// Takes what has been asked up to now, then nobody can ask any more.
void clients_close(struct clients *c, int64_t now, clients_fn fn, void *arg);

#endif
