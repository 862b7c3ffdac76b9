// SPDX-License-Identifier: Apache-2.0
// sd_notify(3) for a unit of systemd that runs nook directly: the container gets a socket of its own at
// /run/notify/notify.sock; what it says there is passed on as the unit's READY=1 and MAINPID.
#ifndef NOOK_RUNTIME_LAUNCH_NOTIFY_H
#define NOOK_RUNTIME_LAUNCH_NOTIFY_H

#include <stdbool.h>

#include "lib/error.h"
#include "lib/proc.h"

#define NOTIFY_DIRECTORY "notify" // in the container's state directory

// $NOTIFY_SOCKET of the runtime, or NULL.
const char *notify_host_socket(void);

// Makes the directory in the state directory. 0, or -1 with *err.
int notify_make_directory(int state_fd, struct error *err);

// Does the container have that directory (was it created with NOTIFY_SOCKET set)?
bool notify_has_directory(int state_fd);

// Binds the socket in it, writable for everybody inside. The descriptor, or -1 with *err. Call it before the
// program runs.
int notify_listen(int state_fd, struct error *err);

// Waits until the program says READY=1, then tells the host's socket so, and MAINPID; or until it ends.
// Signals that arrive at signal_fd (a signalfd, or -1) are passed on to it meanwhile. 0, or -1 with *err.
int notify_wait_ready(int sock, const struct proc_handle *program, int signal_fd, struct error *err);

#endif
