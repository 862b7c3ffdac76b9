// SPDX-License-Identifier: Apache-2.0
// The container's terminal: a pty of the container's own devpts. pty(7), devpts, unix(7);
// engine-contract 1.7.
#ifndef NOOK_RUNTIME_PROCESS_TERMINAL_H
#define NOOK_RUNTIME_PROCESS_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "runtime/config/spec.h"

// Parent. Connects to the --console-socket (AF_UNIX, SOCK_STREAM), also when the path is longer than
// sun_path. Returns the descriptor (CLOEXEC) or -1 with *err. To be called before the container is made.
int terminal_connect_console_socket(const char *path, struct error *err);

// Child. Opens a pty in the devpts mounted at dev/pts below root_fd (a descriptor of the container's root;
// AT_FDCWD: the own root, after pivot_root). Checks that it is a devpts and ptmx is the character device 5:2
// of it. Its size is process.consoleSize, else that of the terminal `caller` (-1, or no terminal: none). The
// slave belongs to the container's user (uid; gid stays the mount's). Both descriptors are CLOEXEC and belong
// to the caller. 0, or -1 with *err.
int terminal_open(int root_fd, int caller, const struct spec_process *process, int *master, int *slave,
                  struct error *err);

// Child. Makes the slave the controlling terminal and fd 0, 1, 2. The caller must be a session leader without
// a terminal (setsid before). The slave is closed unless it is one of 0, 1, 2. 0, or -1 with *err.
int terminal_attach(int slave, struct error *err);

// Either side. Sends the master over the connected console socket: one message, "/dev/ptmx", one descriptor.
// The caller keeps both. 0, or -1 with *err.
int terminal_send(int console_socket, int master, struct error *err);

#endif
