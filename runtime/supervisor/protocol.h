// SPDX-License-Identifier: Apache-2.0
// What goes over the supervisor's sockets: SOCK_SEQPACKET records of fixed size, in the machine's own layout,
// for all ends are the same binary.
#ifndef NOOK_RUNTIME_SUPERVISOR_PROTOCOL_H
#define NOOK_RUNTIME_SUPERVISOR_PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_MAGIC 0x6b6f6f31u // another number for another layout

// Over a link the exec supervisor sends answers unasked: who it is, and what it could not kill.

enum request_type {
    REQUEST_KILL = 1,       // answered when the set is empty, or when KILL_LIMIT_MS have passed
    REQUEST_SIGNAL_PAYLOAD, // value: the signal
    REQUEST_SIGNAL_ALL,
    REQUEST_JOIN, // an exec supervisor: the connection stays, SIGNAL_ALL comes back over it, and at last its
                  // end
};

struct request {
    uint32_t magic;
    uint32_t type;
    int32_t value;
};

struct answer {
    uint32_t magic;
    int32_t err;  // 0, or an errno. KILL: EBUSY when some are left
    int32_t left; // KILL: how many
    int32_t pid;  // KILL: one of those, 0: none known. From an exec supervisor over its link: its own
};

enum {
    KILL_LIMIT_MS = 10 * 1000,
    REQUEST_LIMIT_MS = 2000, // a connection that says nothing for that long is closed
    STOPPED_MS = 100,        // who does not answer for that long may have been stopped
};

#endif
