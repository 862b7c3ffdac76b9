// SPDX-License-Identifier: Apache-2.0
// What /proc says of other processes: proc(5). A "pid" may be that of a thread that is not the first one of
// its process; /proc does not list those, but shows them.
#ifndef NOOK_RUNTIME_LAUNCH_PROCFS_H
#define NOOK_RUNTIME_LAUNCH_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"

struct file_id {
    uint64_t dev, ino; // ino 0: none
};

bool file_id_equal(struct file_id a, struct file_id b);

// A descriptor of /proc, which is a procfs of our own PID namespace. -1 with *err: "members.no-proc".
int procfs_open(struct error *err);

// Which file is behind a magic link: "ns/mnt" and the like, "root". No file system is asked anything: one
// that a container's process serves need not answer. 0, or -1 with errno.
int procfs_file(int proc, pid_t pid, const char *name, struct file_id *out);

// A tmpfs. Its id is random; 0: it is none, or the kernel does not tell (before 5.13).
struct tmpfs_id {
    uint64_t dev, id;
};

// The one that a descriptor is on. 0, or -1 with errno.
int procfs_tmpfs(int fd, struct tmpfs_id *out);

// The one at /dev in a process's root, if it is on the device `dev`; else nothing is asked. 0, or -1 with
// errno.
int procfs_dev_tmpfs(int proc, pid_t pid, uint64_t dev, struct tmpfs_id *out);

struct procfs_stat {
    char name[64], state;
    pid_t parent;
    uint64_t threads;
    uint64_t start_time;
};

// False: it is gone.
bool procfs_stat(int proc, pid_t pid, struct procfs_stat *out);

// All its threads have ended. Without the first of them, which looks like a zombie, a process lives on.
bool procfs_is_dead(const struct procfs_stat *stat);

// A thread that lives of a process whose first one does not. 0: none.
pid_t procfs_other_thread(int proc, pid_t pid);

// The number that was given away last. 0: not known.
pid_t procfs_last_pid(int proc);

// The real ids. False: it is gone.
bool procfs_ids(int proc, pid_t pid, uid_t *uid, gid_t *gid);

#endif
