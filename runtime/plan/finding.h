// SPDX-License-Identifier: Apache-2.0
// What a weaker isolation does not give, one finding for each guarantee of the config that is lost or
// changed. Planners write them, `create --report`, `state` and `check` print them. The codes are stable:
// docs/isolation.md lists them.
#ifndef NOOK_RUNTIME_PLAN_FINDING_H
#define NOOK_RUNTIME_PLAN_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/json.h"

enum plan_loss {
    LOSS_PID_SHARED,
    LOSS_NETWORK_SHARED,
    LOSS_IPC_SHARED,
    LOSS_UTS_SHARED,
    LOSS_CGROUP_NS_SHARED,
    LOSS_TIME_SHARED,
    LOSS_MOUNT_NS_SHARED,
    LOSS_USER_SHARED,
    LOSS_NOT_JOINED,
    LOSS_MOUNT_NS_ADDED,
    LOSS_UTS_ADDED,
    LOSS_USER_ADDED,
    LOSS_ID_MAPS,
    LOSS_USER_UNMAPPED,
    LOSS_GROUPS,
    LOSS_GROUPS_KEPT,
    LOSS_PROC_OUTER,
    LOSS_PROC_PTRACE,
    LOSS_SYS_OUTER,
    LOSS_CGROUP_MOUNT,
    LOSS_DEV_OUTER_NODES,
    LOSS_DEV_ADDED,
    LOSS_DEV_HOST,
    LOSS_DEVPTS_GID,
    LOSS_MQUEUE_OUTER,
    LOSS_MOUNT_TYPE,
    LOSS_MOUNT_RECURSIVE,
    LOSS_MOUNT_READONLY,
    LOSS_MOUNT_PRIVATE,
    LOSS_MOUNT_SHARED,
    LOSS_MOUNT_SKIPPED,
    LOSS_MOUNT_MISSING,
    LOSS_DEVICE_MISSING,
    LOSS_CONSOLE_MISSING,
    LOSS_ROOT_WRITABLE,
    LOSS_ROOT_PROPAGATION,
    LOSS_ROOT_CHROOT,
    LOSS_MASK_MISSING,
    LOSS_READONLY_PATH_MISSING,
    LOSS_RESOURCE,
    LOSS_DEVICE_RULES,
    LOSS_DEVICE_RULES_MOOT,
    LOSS_CGROUPS_PATH,
    LOSS_SYSCTL,
    LOSS_HOSTNAME,
    LOSS_DOMAINNAME,
    LOSS_KEYRING,
    LOSS_NOTIFY,
    LOSS_NO_NEW_PRIVS_ADDED,
    LOSS_CAPABILITY_CHROOT,
    LOSS_SUPERVISOR_EXPOSED,
    N_PLAN_LOSSES
};

// What is always true of a loss.
struct plan_loss_kind {
    const char *code;       // "ns.pid.shared"
    bool refused;           // under the policy strict, create refuses the config; else it is adapted
    const char *effect;     // what it means for who is in there, or for those outside
    const char *mitigation; // what gives the guarantee back; a finding may know better
};
extern const struct plan_loss_kind plan_loss_kinds[N_PLAN_LOSSES];

struct plan_finding {
    enum plan_loss loss;
    const char *field;      // JSON pointer into config.json, or "default:..."
    const char *reason;     // why, a stable word: "isolation", "proc-too-revealing", "no-capability", ...
    const char *mitigation; // NULL: the kind's
};

const char *plan_finding_mitigation(const struct plan_finding *f);
// {"code", "field", "reason", "effect", "mitigation"}, as an element of an array.
void plan_finding_json(const struct plan_finding *f, struct json *j);

#endif
