// SPDX-License-Identifier: Apache-2.0
// config.json of the OCI runtime specification 1.3 as C structs, with the spec's own names (config.md,
// config-linux.md). JSON camelCase becomes snake_case; a list is a pointer and a count n_<list>; an optional
// scalar whose absence means something has a has_<name> beside it; an optional object is a pointer, NULL when
// absent. Everything lives in the arena of the parse.
#ifndef NOOK_RUNTIME_CONFIG_SPEC_H
#define NOOK_RUNTIME_CONFIG_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spec_key_value {
    const char *key, *value;
};

struct spec_root {
    const char *path;
    bool readonly;
};

struct spec_id_mapping {
    uint32_t container_id, host_id, size;
};

// Mount options, translated by runtime/config/mount_options.c from the words of the list.
enum spec_mount_kind { MOUNT_NEW, MOUNT_BIND, MOUNT_REMOUNT };
struct spec_mount {
    const char *destination, *type, *source;
    const char **options;
    size_t n_options;
    struct spec_id_mapping *uid_mappings, *gid_mappings;
    size_t n_uid_mappings, n_gid_mappings;

    // Derived from options:
    enum spec_mount_kind kind;
    bool recursive;    // rbind
    bool remount_bind; // kind MOUNT_REMOUNT with bind: the flags of this mount alone, not of its superblock
    bool idmap, idmap_recursive; // idmap, ridmap
    bool tmpcopyup;
    bool source_nofollow;  // src-nofollow: a bind's source that is a symbolic link is refused
    unsigned long flags;   // MS_* that are asked to be set (only per-mount and superblock flags; no
                           // MS_BIND/MS_REC/MS_REMOUNT)
    unsigned long cleared; // MS_* that are asked to be cleared (rw, suid, dev, exec, ...); the last word wins
    uint64_t rec_attr_set,
        rec_attr_clr; // MOUNT_ATTR_* of the r* words (rro, rnosuid, ...), for mount_setattr(AT_RECURSIVE)
    unsigned long propagation[8]; // MS_PRIVATE, MS_SHARED|MS_REC, ... in the order given
    size_t n_propagation;
    const char
        *data; // the unknown words (not for a bind mount), joined by commas: mount(2) data. NULL when none
};

struct spec_capabilities {
    // Bit n = capability number n (linux/capability.h). A name that this kernel or build does not know is
    // logged at warning and dropped (design 4).
    uint64_t effective, bounding, inheritable, permitted, ambient;
};

struct spec_rlimit {
    int resource;        // RLIMIT_*
    const char *type;    // "RLIMIT_NOFILE"
    uint64_t soft, hard; // UINT64_MAX = RLIM_INFINITY
};

struct spec_user {
    uint32_t uid, gid;
    bool has_umask;
    uint32_t umask;
    uint32_t *additional_gids;
    size_t n_additional_gids;
};

struct spec_scheduler {
    const char *policy; // "SCHED_OTHER"
    int32_t nice, priority;
    const char **flags; // "SCHED_FLAG_RESET_ON_FORK"
    size_t n_flags;
    uint64_t runtime, deadline, period;
};

struct spec_io_priority {
    const char *class_; // "IOPRIO_CLASS_BE"
    int32_t priority;   // 0 (highest) to 7
};

struct spec_cpu_affinity {
    const char *initial, *final; // CPU lists; NULL when absent or empty
};

struct spec_process {
    bool terminal;
    bool has_console_size;
    uint32_t console_height, console_width;
    const char *cwd;
    const char **env; // "NAME=value"
    size_t n_env;
    const char **args;
    size_t n_args;
    struct spec_user user;
    struct spec_capabilities *capabilities; // NULL: leave the inherited sets alone
    struct spec_rlimit *rlimits;
    size_t n_rlimits;
    bool no_new_privileges;
    bool has_oom_score_adj;
    int oom_score_adj;
    const char *apparmor_profile, *selinux_label; // NULL when absent or empty
    struct spec_scheduler *scheduler;
    struct spec_io_priority *io_priority;
    struct spec_cpu_affinity *exec_cpu_affinity;
};

struct spec_hook {
    const char *path;
    const char **args; // with argv[0]; n_args == 0: argv is [path]
    size_t n_args;
    const char **env; // n_env == 0 and !has_env: the runtime's environment
    size_t n_env;
    bool has_env;
    int timeout; // seconds; 0 = none given
};

enum spec_hook_kind {
    HOOK_PRESTART,
    HOOK_CREATE_RUNTIME,
    HOOK_CREATE_CONTAINER,
    HOOK_START_CONTAINER,
    HOOK_POSTSTART,
    HOOK_POSTSTOP,
    N_HOOK_KINDS
};
struct spec_hook_list {
    struct spec_hook *hooks;
    size_t n_hooks;
};

enum spec_namespace_kind {
    NS_PID,
    NS_NETWORK,
    NS_MOUNT,
    NS_IPC,
    NS_UTS,
    NS_USER,
    NS_CGROUP,
    NS_TIME,
    N_NAMESPACES
};
struct spec_namespace {
    bool present;
    const char *path; // NULL: a new one
    size_t index;     // its place in /linux/namespaces
};

struct spec_device {
    char type; // 'c', 'b', 'p' ('u' is read as 'c')
    const char *path;
    bool has_major, has_minor; // always for 'c' and 'b'
    int64_t major, minor;      // 0 for 'p'
    bool has_file_mode;
    uint32_t file_mode;
    uint32_t uid, gid; // in the container's user namespace
};

struct spec_device_cgroup {
    bool allow;
    char type; // 'a', 'b', 'c'
    bool has_major, has_minor;
    int64_t major, minor; // -1 = any
    const char *access;   // "rwm" or a part of it, never NULL
};

struct spec_memory {
    bool has_limit, has_reservation, has_swap;
    int64_t limit, reservation,
        swap; // bytes, -1 = no limit; an explicit 0 counts as absent, as engines mean it
    bool has_kernel, has_kernel_tcp, has_swappiness;
    int64_t kernel, kernel_tcp; // bytes, -1 = no limit, 0 counts as absent; cgroup v1 only
    uint64_t swappiness;        // 0 to 100; cgroup v1 only
    bool disable_oom_killer;    // cgroup v1 only
    bool use_hierarchy;         // always so on cgroup v2 and since Linux 5.11
    bool check_before_update;   // about updates of a limit only
};

struct spec_cpu {
    bool has_shares, has_quota, has_burst, has_period, has_idle; // shares, quota, period 0 count as absent
    uint64_t shares, burst, period;
    int64_t quota, idle;
    const char *cpus, *mems; // NULL when absent or empty
    bool has_realtime_runtime, has_realtime_period;
    int64_t realtime_runtime;
    uint64_t realtime_period;
};

struct spec_weight_device {
    int64_t major, minor;
    bool has_weight, has_leaf_weight;
    uint32_t weight, leaf_weight;
};
struct spec_throttle_device {
    int64_t major, minor;
    uint64_t rate;
};
struct spec_block_io {
    bool has_weight, has_leaf_weight;
    uint32_t weight, leaf_weight;
    struct spec_weight_device *weight_device;
    size_t n_weight_device;
    struct spec_throttle_device *throttle_read_bps_device, *throttle_write_bps_device;
    size_t n_throttle_read_bps_device, n_throttle_write_bps_device;
    struct spec_throttle_device *throttle_read_iops_device, *throttle_write_iops_device;
    size_t n_throttle_read_iops_device, n_throttle_write_iops_device;
};

struct spec_interface_priority {
    const char *name;
    uint32_t priority;
};
struct spec_network {
    bool has_class_id;
    uint32_t class_id;
    struct spec_interface_priority *priorities;
    size_t n_priorities;
};

struct spec_rdma {
    const char *device; // the member's name
    bool has_hca_handles, has_hca_objects;
    uint32_t hca_handles, hca_objects;
};

struct spec_hugepage_limit {
    const char *page_size;
    uint64_t limit;
};

struct spec_resources {
    struct spec_device_cgroup *devices;
    size_t n_devices;
    struct spec_memory *memory;
    struct spec_cpu *cpu;
    bool has_pids_limit;
    int64_t pids_limit; // -1 = max, 0 is a real limit
    struct spec_hugepage_limit *hugepage_limits;
    size_t n_hugepage_limits;
    struct spec_block_io *block_io;
    struct spec_network *network;
    struct spec_rdma *rdma;
    size_t n_rdma;
    struct spec_key_value *unified; // cgroup v2 file name -> text
    size_t n_unified;
};

struct spec_seccomp_arg {
    uint32_t index;
    uint64_t value, value_two;
    const char *op; // "SCMP_CMP_EQ"
};
struct spec_syscall {
    const char **names;
    size_t n_names;
    const char *action; // "SCMP_ACT_ERRNO"
    bool has_errno_ret;
    uint32_t errno_ret;
    struct spec_seccomp_arg *args;
    size_t n_args;
};
struct spec_seccomp {
    const char *default_action;
    bool has_default_errno_ret;
    uint32_t default_errno_ret;
    const char **architectures; // "SCMP_ARCH_X86_64"
    size_t n_architectures;
    const char **flags; // "SECCOMP_FILTER_FLAG_LOG"
    size_t n_flags;
    struct spec_syscall *syscalls;
    size_t n_syscalls;
    const char *listener_path, *listener_metadata;
};

struct spec_time_offset {
    bool present;
    int64_t secs;
    uint32_t nanosecs;
};

struct spec_net_device {
    const char *host_name; // the member's name
    const char *name;      // in the container; NULL: the same
};

struct spec_intel_rdt {
    const char *clos_id, *l3_cache_schema, *mem_bw_schema;
    const char **schemata;
    size_t n_schemata;
    bool enable_monitoring;
};

struct spec_memory_policy {
    const char *mode, *nodes; // "MPOL_BIND", "0-1"
    const char **flags;       // "MPOL_F_STATIC_NODES"
    size_t n_flags;
};

struct spec_personality {
    const char *domain; // "LINUX" or "LINUX32"
    const char **flags;
    size_t n_flags;
};

struct spec_linux {
    struct spec_namespace namespaces[N_NAMESPACES];
    struct spec_id_mapping *uid_mappings, *gid_mappings;
    size_t n_uid_mappings, n_gid_mappings;
    struct spec_time_offset monotonic, boottime;
    struct spec_device *devices;
    size_t n_devices;
    const char *cgroups_path;
    struct spec_resources *resources;
    unsigned long
        rootfs_propagation; // MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE (without MS_REC); 0 = not given
    struct spec_seccomp *seccomp;
    struct spec_key_value *sysctl; // as config.json spells the keys
    const char **sysctl_paths;     // [n_sysctl] the same keys as paths below /proc/sys: "net/ipv4/ip_forward"
    size_t n_sysctl;
    const char **masked_paths, **readonly_paths;
    size_t n_masked_paths, n_readonly_paths;
    const char *mount_label; // NULL when absent or empty
    struct spec_net_device *net_devices;
    size_t n_net_devices;
    struct spec_intel_rdt *intel_rdt;
    struct spec_memory_policy *memory_policy;
    struct spec_personality *personality;
};

struct spec {
    const char *oci_version;
    struct spec_root root;
    struct spec_mount *mounts;
    size_t n_mounts;
    struct spec_process *process; // NULL: create succeeds, start then fails
    const char *hostname, *domainname;
    struct spec_hook_list hooks[N_HOOK_KINDS];
    struct spec_key_value *annotations;
    size_t n_annotations;
    struct spec_linux linux_; // never absent; empty when config.json has no /linux
};

#endif
