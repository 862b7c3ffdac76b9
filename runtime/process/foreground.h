// SPDX-License-Identifier: Apache-2.0
// `run` and `exec` without --detach: wait for the container's process, hand signals on to it, copy its
// terminal. Parent side.
//
//   struct foreground f;
//   foreground_begin(&f, err);                   // before clone3, so that no signal gets lost
//   ... clone3; the child calls signals_reset() ...
//   int code = foreground_wait(&f, pidfd, pid, master, err);
//   foreground_end(&f);                          // on every way out
#ifndef NOOK_RUNTIME_PROCESS_FOREGROUND_H
#define NOOK_RUNTIME_PROCESS_FOREGROUND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "lib/error.h"

struct foreground {
    int signal_fd;
    sigset_t old_mask;
    bool raw;             // tty was switched to raw mode and must be restored
    int tty;              // fd 0 when it is a terminal, else -1
    struct termios saved; // of tty
};

// Blocks all signals that can be blocked (not those of own faults) and opens a signalfd for them. 0, or -1
// with *err.
int foreground_begin(struct foreground *f, struct error *err);

// Waits until the child `pid` (a child of the caller, with its pidfd or -1) has ended, and reaps it. Signals
// that arrive go to it, but SIGCHLD and those of terminal stops when there is a terminal; SIGWINCH resizes.
// With master >= 0 (taken over, closed at the end) fd 0 is put into raw mode and the terminal is copied; what
// the container wrote last is not lost. Returns the exit code: 0..255, or 128 + signal; -1 with *err.
int foreground_wait(struct foreground *f, int pidfd, pid_t pid, int master, struct error *err);

// Restores terminal mode and signal mask. Harmless when called twice or after a failed begin.
void foreground_end(struct foreground *f);

#endif
