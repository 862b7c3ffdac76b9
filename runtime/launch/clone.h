// SPDX-License-Identifier: Apache-2.0
// Making the process: one clone3(2) with all new namespaces, around which the namespaces that are joined by
// path are borrowed (setns(2) there and back), and its id maps.
#ifndef NOOK_RUNTIME_LAUNCH_CLONE_H
#define NOOK_RUNTIME_LAUNCH_CLONE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"
#include "runtime/config/spec.h"
#include "runtime/supervisor/supervisor.h"

// The CLONE_NEW* flag of each kind of namespace, and its name in /proc/PID/ns.
extern const uint64_t namespace_flags[N_NAMESPACES];
extern const char *const namespace_files[N_NAMESPACES];

struct clone_request {
    uint64_t flags;         // CLONE_NEW* of the new namespaces
    int cgroup_fd;          // v2 directory for CLONE_INTO_CGROUP, or -1
    int join[N_NAMESPACES]; // open namespace files to be borrowed around the clone, else -1; NS_MOUNT and
                            // NS_USER are not borrowed: the child joins those itself
    int join_user; // a user namespace that init is to be born in, or -1: an intermediate process joins
                   // it and clones init with CLONE_PARENT
    const char *join_user_origin; // for errors
    int join_user_flags; // what the intermediate joins by that descriptor: CLONE_NEWUSER, with a pidfd also
                         // others
    int (*entry)(
        void *arg); // runs in the child; never returns to the caller's code: its value is the exit code
    void *arg;
    const struct supervisor
        *supervisor; // who is to live between us and init; NULL: nobody. Its payload is filled in
};

struct clone_result {
    pid_t pid; // of our child, in our pid namespace: init, or its supervisor (exec: the mirror)
    int pidfd;
    pid_t init;     // of init
    int init_pidfd; // -1 when init is our child
    bool in_cgroup; // CLONE_INTO_CGROUP was done; else the child has to enter v2 by itself
};

#define CLONE_RESULT_NONE ((struct clone_result){ -1, -1, -1, -1, false })

// Opens a namespace file and checks that it is of that kind (ioctl_ns(2)). The descriptor (O_CLOEXEC), or -1
// with *err ("namespace.wrong-kind", "namespace.unavailable").
int namespace_open(const char *path, enum spec_namespace_kind kind, const char *origin, struct error *err);

// Will the clone put the child into request->cgroup_fd, as far as this kernel is known? Decided by the first
// clone3: the child learns the truth through *in_cgroup, which it may read (it is set before the child runs).
// With a supervisor: *out tells of both; when init cannot be made the supervisor ends by itself.
int clone_process(const struct clone_request *request, bool *in_cgroup, struct clone_result *out,
                  struct error *err);

// Writes /proc/PID/uid_map and gid_map: directly where we may, else by newuidmap(1) and newgidmap(1).
// setgroups is denied where the kernel demands it (one-id map made without privilege). The texts are lines
// "inside outside count\n".
int clone_write_id_maps(pid_t pid, const char *uid_map, const char *gid_map, struct error *err);

// Writes linux.timeOffsets to /proc/PID/timens_offsets of a process that has just unshared CLONE_NEWTIME. 0,
// or -1 with *err.
int clone_write_time_offsets(pid_t pid, const struct spec_linux *linux_, struct error *err);

#endif
