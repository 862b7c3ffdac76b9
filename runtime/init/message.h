// SPDX-License-Identifier: Apache-2.0
// The few messages that the parent and init exchange over one SOCK_SEQPACKET pair, and that `start` and init
// exchange over the start socket. Fixed size, one record each, in the machine's own layout: both ends are the
// same binary.
#ifndef NOOK_RUNTIME_INIT_MESSAGE_H
#define NOOK_RUNTIME_INIT_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

enum message_type {
    // init -> parent
    MESSAGE_FAILED = 1, // error: this step failed, init is gone
    MESSAGE_WARNING,    // error: logged at warning, set-up goes on
    MESSAGE_HOOKS,      // namespaces stand, nothing is mounted yet: run prestart and createRuntime; waits for
                        // MESSAGE_GO
    MESSAGE_MAPS, // waits for its id maps (and all that needs the outer privileges): answered by MESSAGE_GO
    MESSAGE_TIME_OFFSETS, // has a new time namespace for its children: write its offsets; waits for
                          // MESSAGE_GO
    MESSAGE_SOURCE,   // may not reach a source: value = its number (plan_source), with a descriptor of its
                      // "/"; answered by MESSAGE_GO with the opened source
    MESSAGE_MARK,     // value = enum init_mark, with a descriptor
    MESSAGE_READY,    // everything but the last steps is done
    MESSAGE_TERMINAL, // carries the pty's master as SCM_RIGHTS
    MESSAGE_CLONED,   // from the intermediate that joined a user namespace: value = init's pid
    // parent or `start` -> init
    MESSAGE_GO,
    // init -> start
    MESSAGE_EXEC_FAILED, // error: execve failed; the container's stderr has it too
};

struct message {
    uint32_t type;
    int32_t value;
    struct error error; // only sent with FAILED, WARNING, EXEC_FAILED
};

// Sends a message without an error record, with one descriptor when fd >= 0. 0, or -1 with errno (EPIPE: the
// other end is gone). No SIGPIPE.
int message_send(int sock, enum message_type type, int32_t value, int fd);

// Sends an error record under the given type.
int message_send_error(int sock, enum message_type type, const struct error *error);

// Receives one message; *fd gets the descriptor that came with it (O_CLOEXEC) or -1; fd may be NULL when none
// is expected. timeout_ms -1 waits for ever. 1 = received, 0 = end of file, -1 with errno (EPROTO: not one of
// our records, ETIMEDOUT).
int message_receive(int sock, struct message *out, int *fd, int timeout_ms);

// Waits until the other end is closed (true), or for so long; what it says meanwhile is still to be received.
// For who has nothing to do at each message: a receiver that is woken takes the sender's CPU.
bool message_await_end(int sock, int timeout_ms);

#endif
