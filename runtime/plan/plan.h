// SPDX-License-Identifier: Apache-2.0
// The plan: all that will be done to make a container, or to join one, as plain data. A planner makes it from
// the spec and facts about the host, without side effects; launch/ and init/ carry it out; `nook explain`
// prints it. Every decision, allocation and string is finished here, so that the child only makes system
// calls.
#ifndef NOOK_RUNTIME_PLAN_PLAN_H
#define NOOK_RUNTIME_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "lib/json.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/config/spec.h"
#include "runtime/host/host.h"
#include "runtime/plan/finding.h"
#include "runtime/rootfs/device.h"
#include "runtime/rootfs/mount.h"
#include "runtime/rootfs/root.h"

enum step_op {
    // By the parent (launch/).
    STEP_JOIN, // open a namespace that init will live in; operand: join
    STEP_CLAIM_ID,
    STEP_OPEN_ROOT,    // operand: source
    STEP_OPEN_SOURCE,  // of a bind mount; operand: source
    STEP_OPEN_DEVICES, // the host's nodes, to be bound where mknod is not allowed; operand: devices
    STEP_CGROUP_MAKE,
    STEP_CGROUP_WRITE, // operand: write
    STEP_CGROUP_DEVICES,
    STEP_SECCOMP_PROGRAM, // look up in the cache or compile
    STEP_CONSOLE_SOCKET,  // connect to --console-socket; operand: text
    STEP_OOM_SCORE,       // lent to the parent itself, for the clone inherits it
    STEP_SUPERVISE,       // a process between us and init, which finds all of the container's processes
    STEP_CLONE,           // operand: flags
    STEP_SAVE_STATE,
    STEP_ID_MAPS,
    STEP_RUNTIME_HOOKS, // prestart, createRuntime
    STEP_PID_FILE,      // operand: text

    // By init, before the container is reported ready.
    STEP_CGROUP_ATTACH,
    STEP_JOIN_CGROUP_NAMESPACE,
    STEP_JOIN_MOUNT_NAMESPACE,
    STEP_WAIT_MAPS, // until the parent has written the id maps; then root in there
    STEP_UNSHARE,   // operand: flags
    STEP_TIME_OFFSETS,
    STEP_LOOPBACK,        // of a new network namespace
    STEP_JOIN_NAMESPACES, // exec: one setns(pidfd); operand: flags
    STEP_NEW_SESSION,
    STEP_KEYRING,
    STEP_HOSTNAME,    // operand: text
    STEP_DOMAINNAME,  // operand: text
    STEP_PROPAGATION, // of the whole mount namespace; operand: flags
    STEP_BINDABLE,    // the mounts that are unbindable become private
    STEP_ATTACH_ROOT,
    STEP_HOLD_ROOT,      // open it, nothing is mounted
    STEP_MOUNT,          // operand: mount
    STEP_READONLY_MOUNT, // operand: text
    STEP_READONLY_TREE,  // with all mounts below it, and proved; operand: tree
    STEP_DEVICES,        // operand: devices
    STEP_LINK,           // operand: link
    STEP_CWD,            // make process.cwd
    STEP_TERMINAL,       // operand: flags, PLAN_OUTER_TERMINAL
    STEP_WAIT_HOOKS,
    STEP_CREATE_CONTAINER_HOOKS,
    STEP_PIVOT_ROOT,
    STEP_MOVE_ROOT,   // --no-pivot
    STEP_CHROOT,      // no mount namespace of its own, or no way to pivot
    STEP_LIFT_ROOT,   // before chroot: nothing but an empty directory is above the root
    STEP_DROP_CHROOT, // after it: CAP_SYS_CHROOT goes for good
    STEP_SYSCTL,      // operand: key_value
    STEP_MASK,        // operand: text
    STEP_READONLY_PATH,
    STEP_ROOT_PROPAGATION, // operand: flags
    STEP_READONLY_ROOT,
    STEP_FIND_EXECUTABLE, // as the container's user, in its cwd
    STEP_SHOW_MARKS,      // what the container's processes will be known by; operand: flags, CLONE_NEW*

    // By init, after `start`.
    STEP_WAIT_START,
    STEP_START_CONTAINER_HOOKS,
    STEP_RLIMITS,
    STEP_STDIO,
    STEP_LABEL,
    STEP_SIGNAL_SCOPE,    // Landlock: signals stay inside
    STEP_USER,            // groups, ids, capabilities, no_new_privs
    STEP_DIE_WITH_PARENT, // the supervisor
    STEP_SECCOMP,
    STEP_EXECVE,
    N_STEP_OPS
};

struct plan_devices {
    struct rootfs_device *list;
    const char **origins;
    size_t n;
};

struct step {
    enum step_op op;
    const char *origin; // JSON pointer ("/mounts/3") or "default:..."
    bool optional;      // a source that is missing takes its mount with it
    bool best_effort;   // a failure is a warning
    int tolerates;      // best_effort: with this errno only; 0: with any
    union {
        struct rootfs_source *source;
        struct rootfs_mount *mount;
        struct plan_devices *devices;
        struct {
            const char *text, *path;
            bool replace; // what is there already, unless it is a directory
        } link;
        const struct cgroup_write *write;
        struct spec_key_value key_value;
        struct {
            enum spec_namespace_kind kind;
            const char *path;
        } join;
        struct {
            const char *path;
            unsigned long flags; // MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC
        } tree;
        unsigned long flags;
        const char *text;
    };
};

struct steps {
    struct step *list;
    size_t n;
};

// What the command line adds to the spec.
struct plan_request {
    const char *id;
    const char *bundle; // absolute
    const char *console_socket, *pid_file;
    unsigned preserve_fds;
    unsigned listen_fds;          // LISTEN_FDS of socket activation, 0: none
    const char *notify_directory; // host directory of the notify socket, bound at /run/notify; NULL: none
    const char *keyring;          // name of the new session keyring; NULL: the caller's is kept
    bool no_pivot;
    bool wait_start; // create: init waits for `start`; run: it goes on at once
    bool no_cgroup;  // --cgroup-manager=disabled
    bool detach;
    bool dry;             // explain, check: nobody has to hold a terminal
    bool chroot_dev_host; // chroot isolation: /dev is the outer one
};

struct plan {
    const char *isolation;  // "oci", "chroot", "bare"
    const char *root_entry; // "pivot_root", "move", "chroot"
    const char *kill;       // how all of its processes are found: "pid-namespace", "cgroup", "supervisor"
    bool supervised;        // STEP_SUPERVISE is there
    bool scope_signals;     // STEP_SIGNAL_SCOPE is there
    bool own_dev;           // chroot: at /dev is a tmpfs that is made for the container
    bool image_dev;         // bare: /dev is whatever the image has
    struct plan_finding *findings; // what the isolation does not give
    size_t n_findings;
    struct steps parent, child, final;

    const struct spec *spec;            // NULL for exec
    const struct spec_process *process; // NULL: none to run
    const char *rootfs;                 // absolute host path
    struct rootfs_source root;
    uint64_t clone_flags;                            // CLONE_NEW* of the one clone3
    bool bind_devices;                               // mknod will not be possible: the host's nodes are bound
    bool mounts_on_host;                             // no mount namespace of its own: delete has to unmount
    uint32_t setup_uid, setup_gid;                   // who init is in a new user namespace while it sets up
    struct cgroup_plan *cgroup;                      // NULL: none
    const char *uid_map, *gid_map;                   // texts for /proc/PID/{uid,gid}_map, NULL: none
    const char *expected_uid_map, *expected_gid_map; // what a joined user namespace must have, NULL: whatever
    char **env;                                      // execve's, NULL-terminated, with room for one more
    size_t n_env;
    bool env_has_home;
    const char **warnings; // for the log
    size_t n_warnings;
};

// The planner of a container in full isolation. NULL with *err set when the config cannot be satisfied on
// this host. Everything lives in the arena.
struct plan *plan_oci(const struct spec *spec, const struct plan_request *request, const struct host *host,
                      struct arena *a, struct error *err);

// The planners of places where that is impossible, see docs/isolation.md: chroot borrows the outer /proc,
// /sys and device nodes; bare does nothing but chroot(2). Both plan what is possible and list the rest in
// plan->findings: it is for the caller to refuse a plan with findings that are to be refused. host->place
// says what the place allows.
struct plan *plan_chroot(const struct spec *spec, const struct plan_request *request, const struct host *host,
                         struct arena *a, struct error *err);
struct plan *plan_bare(const struct spec *spec, const struct plan_request *given, const struct host *host,
                       struct arena *a, struct error *err);

enum { PLAN_OUTER_TERMINAL = 1 }; // the terminal is the outer devpts', not the container's

// The planner of a process that joins a container.
struct plan_exec_request {
    const struct spec_process *process;
    uint64_t namespaces; // CLONE_NEW* to be joined
    bool in_cgroup;      // there are cgroups to enter
    const char *keyring; // of the container, NULL: the caller's is kept
    bool seccomp;
    bool supervised; // it gets a supervisor of its own
    bool chrooted;   // the root was entered by chroot(2): CAP_SYS_CHROOT goes
    bool image_dev;  // as in struct plan
    bool admin;      // it has CAP_SYS_ADMIN while it is set up; without, a filter needs no_new_privs
    const char *console_socket, *pid_file;
};
struct plan *plan_exec(const struct plan_exec_request *request, struct arena *a, struct error *err);

// The number i among all that the parent opens for the child (the root, sources of binds, the host's
// devices), by which both name one, and the origin of its step. NULL when there are fewer.
struct rootfs_source *plan_source(const struct plan *p, size_t i, const char **origin);

// For the planners: appends a step.
struct step *plan_add(struct steps *steps, struct arena *a, enum step_op op, const char *origin);
// The environment of process, with LISTEN_FDS and NOTIFY_SOCKET when there are any.
void plan_environment(struct plan *p, unsigned listen_fds, bool notify, struct arena *a);
// The last steps, alike for init and for exec.
void plan_last_steps(struct plan *p, bool seccomp, struct arena *a);

// The step's name as shown to people ("mount", "pivot-root").
const char *step_name(enum step_op op);

// What the step does, in one line, in the arena.
const char *step_describe(const struct step *s, const struct plan *p, struct arena *a);

// The whole plan for people, or as a JSON object.
const char *plan_text(const struct plan *p, struct arena *a);
void plan_json(const struct plan *p, struct json *j);

#endif
