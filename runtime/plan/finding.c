// SPDX-License-Identifier: Apache-2.0
// The kinds of loss: one row each.
#include "config.h"

#include "runtime/plan/finding.h"

#define OCI "a place where --isolation=oci works"

const struct plan_loss_kind plan_loss_kinds[N_PLAN_LOSSES] = {
    // Namespaces.
    [LOSS_PID_SHARED] = { "ns.pid.shared", false,
                          "processes outside are visible and may be signalled and traced as far as their ids "
                          "and capabilities allow",
                          "let PID namespaces be made" },
    [LOSS_NETWORK_SHARED] = { "ns.network.shared", true,
                              "the network is the outer one: its addresses, ports and abstract sockets",
                              "let network namespaces be made, or take the network namespace out of the "
                              "config" },
    [LOSS_IPC_SHARED] = { "ns.ipc.shared", false, "System V IPC and message queues are the outer ones",
                          "let IPC namespaces be made" },
    [LOSS_UTS_SHARED] = { "ns.uts.shared", false, "the host name is the outer one",
                          "let UTS namespaces be made" },
    [LOSS_CGROUP_NS_SHARED] = { "ns.cgroup.shared", false, "the names of the outer cgroups are visible",
                                "let cgroup namespaces be made" },
    [LOSS_TIME_SHARED] = { "ns.time.shared", false, "the clocks are the outer ones, without offsets",
                           "let time namespaces be made" },
    [LOSS_MOUNT_NS_SHARED] = { "ns.mount.shared", false,
                               "the mounts are the outer ones; nothing is mounted in the root",
                               "a place that allows mount(2): use --isolation=chroot there" },
    [LOSS_USER_SHARED] = { "ns.user.shared", true,
                           "ids are not mapped: root in there is root outside, without a new user namespace",
                           "let user namespaces be made" },
    [LOSS_NOT_JOINED] = { "ns.not-joined", true, "the namespace that the path names is not joined",
                          "take the path out of the config" },
    [LOSS_MOUNT_NS_ADDED] = { "ns.mount.added", false,
                              "a mount namespace is made although the config has none", NULL },
    [LOSS_UTS_ADDED] = { "ns.uts.added", false, "a UTS namespace is made although the config has none",
                         NULL },
    [LOSS_USER_ADDED] = { "ns.user.added", false,
                          "a user namespace is made although the config has none: capabilities hold in there "
                          "only",
                          "CAP_SYS_ADMIN" },
    [LOSS_ID_MAPS] = { "id-maps.changed", true,
                       "the config's id mappings are replaced by the ids that exist here",
                       "a range of subordinate ids (/etc/subuid, /etc/subgid), or mappings of ids that exist "
                       "here" },
    [LOSS_USER_UNMAPPED] = { "user.unmapped", true, "the process runs under another id than the config's",
                             "map the id" },
    [LOSS_GROUPS] = { "user.groups.not-set", false,
                      "additional groups are left out: setgroups is denied or the group is not mapped",
                      "a user namespace whose gid map was written with privilege" },
    [LOSS_GROUPS_KEPT] = { "user.groups.kept", false,
                           "the additional groups of who makes the container stay: what belongs to them "
                           "outside can be used",
                           "a user namespace whose gid map was written with privilege" },
    // What the root shows of the outside.
    [LOSS_PROC_OUTER] = { "proc.outer", false,
                          "/proc is the outer one, read-only: outer processes are visible, pids are the "
                          "outer ones; those of the same user with no more capabilities are in reach, unless "
                          "Landlock keeps them apart",
                          "a user namespace with other ids keeps them out of reach" },
    [LOSS_PROC_PTRACE] = { "proc.outer.ptrace", false,
                           "CAP_SYS_PTRACE reaches the files, memory and environment of outer processes "
                           "through the outer /proc",
                           "take CAP_SYS_PTRACE out of the config, or add a user namespace" },
    [LOSS_SYS_OUTER] = { "sys.outer", false, "/sys is the outer one, read-only", OCI },
    [LOSS_CGROUP_MOUNT] = { "cgroup.mount.skipped", false,
                            "there is no cgroup mount of its own; what /sys has of the outer ones is "
                            "read-only",
                            OCI },
    [LOSS_DEV_OUTER_NODES] = { "dev.outer-nodes", false,
                               "device nodes are the outer ones, bound: their owners and modes cannot be set",
                               OCI },
    [LOSS_DEV_ADDED] = { "dev.added", false,
                         "/dev is a tmpfs of its own although the config has no mount there", NULL },
    [LOSS_DEV_HOST] = { "dev.host", false,
                        "/dev is the whole outer one, read-only: every device there can be used",
                        "--chroot-dev=nook" },
    [LOSS_DEVPTS_GID] = { "devpts.gid", false, "terminals belong to the group of who opens them",
                          "map the group" },
    [LOSS_MQUEUE_OUTER] = { "mqueue.outer", false, "POSIX message queues are the outer ones",
                            "an IPC namespace of its own" },
    [LOSS_MOUNT_TYPE] = { "mount.type.skipped", true,
                          "the mount is left out: this isolation makes bind, tmpfs, overlay, proc, sysfs, "
                          "devpts and mqueue mounts only",
                          OCI },
    [LOSS_MOUNT_RECURSIVE] = { "mount.recursive", false,
                               "the bind takes the mounts below its source along, as nosuid, nodev and "
                               "noexec as itself",
                               "rbind in the config says the same" },
    [LOSS_MOUNT_READONLY] = { "mount.readonly.recursive", false,
                              "the mounts below the read-only source are read-only, too",
                              "rro in the config says the same" },
    [LOSS_MOUNT_PRIVATE] = { "mount.private", false,
                             "what is mounted later below the source does not appear in the container",
                             "a word of the config's about propagation: rprivate says the same, rslave lets "
                             "it appear" },
    [LOSS_MOUNT_SHARED] = { "mount.propagation.private", true,
                            "the mount is private: mounts made on one side do not appear on the other", OCI },
    [LOSS_MOUNT_SKIPPED] = { "mount.skipped", false,
                             "the kernel's file system is not mounted: what the image has there is seen",
                             "--isolation=chroot" },
    [LOSS_MOUNT_MISSING] = { "mount.missing", true,
                             "the mount is left out: what the image has there is seen, and may be written",
                             "--isolation=chroot" },
    [LOSS_DEVICE_MISSING] = { "device.missing", true, "the device node is not made", "--isolation=chroot" },
    [LOSS_CONSOLE_MISSING] = { "console.missing", false,
                               "there is no /dev/console; the terminal has no name in there",
                               "--isolation=chroot" },
    [LOSS_ROOT_WRITABLE] = { "root.writable", true, "the root file system is not read-only",
                             "--isolation=chroot" },
    [LOSS_ROOT_PROPAGATION] = { "root.propagation", true, "the root's propagation is private", OCI },
    [LOSS_ROOT_CHROOT] = { "root.chroot", false,
                           "the root is entered by chroot(2): outer files stay in the mount namespace, out "
                           "of reach without CAP_SYS_CHROOT",
                           "a place where pivot_root(2) works" },
    [LOSS_MASK_MISSING] = { "mask.missing", true, "the path is not masked", "--isolation=chroot" },
    [LOSS_READONLY_PATH_MISSING] = { "readonly-path.missing", true, "the path is not read-only",
                                     "--isolation=chroot" },
    // Limits and the kernel's settings.
    [LOSS_RESOURCE] = { "resources.not-applied", true, "the limit is not enforced",
                        "a writable (delegated) cgroup" },
    [LOSS_DEVICE_RULES] = { "resources.devices.not-applied", true,
                            "who has CAP_MKNOD in there can make and use any device; in bare, the "
                            "image's can be used",
                            "a writable cgroup, a user namespace, or no CAP_MKNOD" },
    [LOSS_DEVICE_RULES_MOOT] = { "resources.devices.moot", false,
                                 "the device rules are not enforced by a cgroup; no node can be made in "
                                 "there and none of the image's used, so what is usable is what is bound",
                                 "a writable cgroup" },
    [LOSS_CGROUPS_PATH] = { "cgroups-path.not-applied", true,
                            "the container stays in the cgroup of who makes it",
                            "a writable (delegated) cgroup" },
    [LOSS_SYSCTL] = { "sysctl.not-applied", true, "the sysctl keeps the outer value",
                      "a namespace of its own and a writable /proc/sys" },
    [LOSS_HOSTNAME] = { "hostname.not-set", false, "the host name stays the outer one", "a UTS namespace" },
    [LOSS_DOMAINNAME] = { "domainname.not-set", false, "the domain name stays the outer one",
                          "a UTS namespace" },
    [LOSS_KEYRING] = { "keyring.shared", false, "the session keyring is the caller's",
                       "let keyctl(2) through the outer seccomp filter" },
    [LOSS_NOTIFY] = { "notify.not-passed", false, "NOTIFY_SOCKET is not passed on", "--isolation=chroot" },
    // Processes.
    [LOSS_NO_NEW_PRIVS_ADDED] = { "no-new-privileges.added", false,
                                  "no_new_privs is set although the config does not ask: set-user-ID "
                                  "programs gain nothing",
                                  "CAP_SYS_ADMIN" },
    [LOSS_CAPABILITY_CHROOT] = { "capabilities.no-chroot", false,
                                 "CAP_SYS_CHROOT is left out of every set: it would lead out of the root",
                                 "a place where pivot_root(2) works" },
    [LOSS_SUPERVISOR_EXPOSED] = { "supervisor.exposed", false,
                                  "a process of the container with the supervisor's ids can signal it and "
                                  "processes outside",
                                  "noNewPrivileges (for Landlock), a PID namespace, or a user namespace with "
                                  "other ids" },
};

const char *plan_finding_mitigation(const struct plan_finding *f) {
    return f->mitigation ? f->mitigation : plan_loss_kinds[f->loss].mitigation;
}

void plan_finding_json(const struct plan_finding *f, struct json *j) {
    const struct plan_loss_kind *kind = &plan_loss_kinds[f->loss];
    const char *mitigation = plan_finding_mitigation(f);
    json_object(j, NULL);
    json_string(j, "code", kind->code);
    json_string(j, "field", f->field);
    json_string(j, "reason", f->reason);
    json_string(j, "effect", kind->effect);
    if (mitigation)
        json_string(j, "mitigation", mitigation);
    json_bool(j, "refused", kind->refused);
    json_object_end(j);
}
