// SPDX-License-Identifier: Apache-2.0
// Who a process is: pid + start time + boot id. A bare pid identifies nothing once its owner is gone.
#ifndef NOOK_LIB_PROC_H
#define NOOK_LIB_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_id {
    pid_t pid;           // as seen in the caller's pid namespace; 0 = none
    uint64_t start_time; // field 22 of /proc/PID/stat, in clock ticks after boot
    char boot_id[40];    // /proc/sys/kernel/random/boot_id
};

enum proc_status { PROC_GONE, PROC_ZOMBIE, PROC_ALIVE };

// Reads the start time of a living or zombie process and the boot id. 0, or -1 with errno (ESRCH: no such
// process).
int proc_identify(pid_t pid, struct proc_id *out);

// Does that very process still exist? Another boot, another start time: PROC_GONE. State Z or X: PROC_ZOMBIE.
enum proc_status proc_check(const struct proc_id *id);

// A pidfd of that very process, checked after opening so that a reused pid cannot slip in; -1 with errno
// (ESRCH).
int proc_open(const struct proc_id *id);

// Waits until the process behind pidfd has ended, at most timeout_ms (-1: for ever). True when it has.
bool proc_wait_exit(int pidfd, int timeout_ms);

// This boot's id, read once; "" when unreadable.
const char *proc_boot_id(void);

#endif
