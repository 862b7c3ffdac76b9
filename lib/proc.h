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

// Does that very process still exist? Another boot, another start time: PROC_GONE. State Z or X, and no
// other thread of it is left: PROC_ZOMBIE.
enum proc_status proc_check(const struct proc_id *id);

// A process that is held on to: by a pidfd where the kernel gives one, else (no pidfd_open(2), or a seccomp
// filter around us) by its identity, which is looked at anew before each use.
struct proc_handle {
    int pidfd; // -1: none to be had
    struct proc_id id;
    bool child; // of ours and not reaped yet: nobody else can get its pid, and id's start time is not needed
};
#define PROC_HANDLE_NONE ((struct proc_handle){ .pidfd = -1 })

// Takes hold of that very process, checked after opening so that a reused pid cannot slip in. 0, or -1 with
// errno (ESRCH: it is gone); a kernel without pidfds is no error.
int proc_hold(const struct proc_id *id, struct proc_handle *out);

// A handle of a child of ours that is not reaped yet, with its pidfd or -1. The pidfd stays the caller's.
struct proc_handle proc_child(pid_t pid, int pidfd);

// Lets go. Safe on PROC_HANDLE_NONE, and when called twice. Not for a handle of proc_child().
void proc_release(struct proc_handle *p);
#define cleanup_proc __attribute__((cleanup(proc_release)))

// pidfd_send_signal(2), or kill(2) right after a look at who has the pid. 0, or -1 with errno (ESRCH: it is
// gone).
int proc_signal(const struct proc_handle *p, int sig);

// To who is meant by a pidfd; where that is -1, or the kernel or a filter knows no pidfds, to who has the
// number. For a caller that has seen itself whose number it is. As proc_signal().
int proc_signal_number(int pidfd, pid_t pid, int sig);

// Waits until the process has ended, at most timeout_ms (-1: for ever; 0: only looks). True when it has. A
// child is not reaped. Without a pidfd it looks again and again, with short naps.
bool proc_wait(const struct proc_handle *p, int timeout_ms);

// How long a poll(2) that has p->pidfd among others may sleep: for ever, or without a pidfd until the next
// look with proc_wait(p, 0). In ms.
int proc_poll_timeout(const struct proc_handle *p);

// This boot's id, read once; "" when unreadable.
const char *proc_boot_id(void);

#endif
