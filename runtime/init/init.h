// SPDX-License-Identifier: Apache-2.0
// The child's side: carries out the plan's steps in the new namespaces, waits for `start`, gives the last
// privileges away and executes the container's program. After clone3 nothing here allocates, and nothing is
// looked up by name outside of what the parent has opened.
#ifndef NOOK_RUNTIME_INIT_INIT_H
#define NOOK_RUNTIME_INIT_INIT_H

#include <limits.h>

#include "lib/error.h"
#include "lib/nsset.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/init/trace.h"
#include "runtime/plan/plan.h"
#include "runtime/process/capabilities.h"
#include "runtime/process/hook.h"
#include "runtime/process/seccomp.h"

// Hooks that init runs itself, prepared by the parent.
struct init_hooks {
    struct hook_call *calls;
    size_t n;
};

// What no process of the container can change, and nobody else has: namespaces of its own, the tmpfs at /dev.
enum init_mark { MARK_MOUNT, MARK_UTS, MARK_USER, MARK_DEV, N_MARKS };

// Everything init needs, made by the parent before the clone. Descriptors are inherited; all are O_CLOEXEC.
struct init {
    const struct plan *plan;
    int sock;         // to the parent
    int parent_sock;  // the parent's end, closed at once
    int start_sock;   // listens for `start`; -1 for run and exec
    int join_cgroup;  // cgroup namespace to join, or -1
    int join_mount;   // mount namespace to join, or -1
    int console_sock; // connected console socket, or -1: the master goes to the parent
    int bundle_fd;    // cwd of hooks; -1 when init runs none
    int image;        // of selfexe_protect, or -1
    const struct cgroup_join *cgroup;
    const bool *in_cgroup; // was CLONE_INTO_CGROUP done?
    struct rootfs rootfs;
    struct seccomp_program seccomp;
    struct spec_capabilities capabilities; // what can be granted of process.capabilities
    struct capability_limits limits;       // what init holds at the moment of its birth
    struct init_hooks create_container, start_container;
    const char *hook_state_head, *hook_state_tail; // state JSON around the pid: head + pid + tail
    char *hook_state;                              // room for the whole
    size_t hook_state_size;
    unsigned preserve_fds;
    bool commit;        // create: after READY wait for the parent's GO, which says that the state is saved
    bool joins;         // exec: the container is there already
    int close_first[4]; // descriptors of the host that nobody in the container may see for a moment; -1: none
    const struct nsset *container; // exec, STEP_JOIN_NAMESPACES: the container's namespaces
    int container_root; // exec into a container without a root of its own mount namespace: chroot there; else
                        // -1
    struct trace *trace; // shared with the parent, or NULL
    bool oom_score_lent; // the parent bears the container's score until init is born
    int own_oom_score;

    // Filled by init itself.
    int terminal_master, terminal_slave;
    pid_t supervisor; // our parent at the time of birth
    char executable[PATH_MAX];
    char home[PATH_MAX + 5];
};

// Runs in the child of clone3; returns the exit code when it fails, else not at all. The failure has been
// reported to the parent (or, after start, to `start` and on the container's stderr).
int init_main(void *arg);

#endif
