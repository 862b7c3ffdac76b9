// SPDX-License-Identifier: Apache-2.0
// What the place that we live in lets us do: an unprivileged container or a CI pod forbids by capabilities,
// seccomp, locked mounts, read-only cgroups, LSMs, each with errors of its own. Nothing is believed here:
// each ability is tried, in a throw-away child, and a refusal is traced to its cause while the cause can
// still be seen.
#ifndef NOOK_RUNTIME_HOST_PLACE_H
#define NOOK_RUNTIME_HOST_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/error.h"

enum place_ability {
    PLACE_USER_NS,
    PLACE_ID_MAPS, // of a new user namespace: more than the caller's own id (by privilege or by newuidmap)
    PLACE_MOUNT_NS,
    PLACE_PID_NS,
    PLACE_NETWORK_NS,
    PLACE_IPC_NS,
    PLACE_UTS_NS,
    PLACE_CGROUP_NS,
    PLACE_TIME_NS,
    PLACE_TMPFS, // a real mount: an LSM may let unshare pass and forbid this
    PLACE_PROCFS,
    PLACE_SYSFS,
    PLACE_DEVPTS,
    PLACE_MQUEUE,
    PLACE_OVERLAY,
    PLACE_BIND,
    PLACE_OPEN_TREE,
    PLACE_MOUNT_SETATTR,
    PLACE_PIVOT_ROOT,
    PLACE_CHROOT,
    PLACE_MKNOD, // of a device that can then be opened, in a tmpfs of its own
    PLACE_SETGROUPS,
    PLACE_KEYRING,
    PLACE_SECCOMP,
    PLACE_LANDLOCK_SIGNALS, // Landlock's signal scoping (ABI 6)
    PLACE_CGROUP,           // a cgroup can be made where the container's would be
    PLACE_CGROUP_KILL,      // ... and has cgroup.kill (v2)
    PLACE_SYSCTL,           // /proc/sys can be written
    N_PLACE_ABILITIES
};

// Why something does not work; the words are stable and go into reports.
struct place_answer {
    int errnum;        // 0: it works
    const char *cause; // "proc-too-revealing", "sysfs-too-revealing", "no-capability", "seccomp", "lsm",
                       // "sysctl-limit", "not-in-kernel", "not-mounted", "not-delegated", "read-only",
                       // "not-root-mount", "no-new-privs", "no-subids", "device-cgroup", "unknown"; NULL when
                       // it works
    const char *unlock; // the exact thing that would change it, a phrase for people; NULL: nothing known
};

struct place_range {
    uint32_t first, count; // ids that exist in our user namespace
};

struct host_place {
    bool probed;     // false: nothing was tried; every ability counts as there
    bool new_userns; // tried from within a new user namespace; false when that was refused, and the rest
                     // tried without
    struct place_answer can[N_PLACE_ABILITIES];
    struct place_range *uids, *gids; // of our own user namespace, from /proc/self/{uid,gid}_map
    size_t n_uids, n_gids;
    unsigned n_groups; // additional groups that we have ourselves
    bool no_new_privs;
    int seccomp_mode;
    int landlock_abi; // 0: none
    struct place_answer
        *cgroups; // of each of host_cgroups.hierarchies; can[PLACE_CGROUP] is the first refusal of these
    size_t n_cgroups;
};

// The stable name of an ability ("procfs", "network-namespace"), for reports.
const char *place_ability_name(enum place_ability ability);

// The lines of /proc/PID/{uid_map,gid_map}: what exists inside. False when it is no such text.
bool place_parse_id_map(const char *text, struct arena *a, struct place_range **list, size_t *n);

// The facts that cost next to nothing: ids, no_new_privs, seccomp mode, Landlock. No child is made.
int place_probe_cheap(struct host_place *p, struct arena *a, struct error *err);

// Tries everything in a throw-away child; new_userns: from within a new user namespace, as a container with
// one would. Nothing is left behind, whatever happens to the caller. 0, or -1 with *err when the probe itself
// failed.
struct host_cgroups;
int place_probe(struct host_place *p, bool new_userns, const struct host_cgroups *cgroups, struct arena *a,
                struct error *err);

#endif
