// SPDX-License-Identifier: Apache-2.0
// The tables of config.json 1.3 for Linux: config.md, config-linux.md, in the specification's order.
#include "config.h"

#include "runtime/config/shapes.h"

#include "lib/capname.h"
#include "runtime/config/parse.h"
#include "runtime/config/words.h"

// Ids end below 2^32-1, which means "leave as it is" to setresuid(2) and its kin.
#define ID_MAX (UINT32_MAX - 1)

// NOLINTBEGIN(bugprone-macro-parentheses): the arguments are member names and initializers.
#define FIELD(json, kind_, st, member, ...)                                                         \
    {                                                                                               \
        .name = json, .name_size = sizeof(json) - 1, .kind = kind_, .offset = offsetof(st, member), \
        __VA_ARGS__                                                                                 \
    }
// A list called `member` with its length in n_`member`.
#define LIST(json, kind_, st, member, ...) \
    FIELD(json, kind_, st, member, .count = offsetof(st, n_##member), __VA_ARGS__)
#define NUMBER(json, kind_, st, member, low, high, ...) \
    FIELD(json, kind_, st, member, .min = low, .max = high, __VA_ARGS__)
#define HAS(st, member) .has = 1 + offsetof(st, member)
#define SHAPE(text, st, table) \
    { .what = text, .size = sizeof(st), .fields = table, .n_fields = sizeof(table) / sizeof(table[0]) }
// NOLINTEND(bugprone-macro-parentheses)

// ---------------------------------------------------------------- shared

static const struct field id_mapping_fields[] = {
    NUMBER("containerID", FIELD_U32, struct spec_id_mapping, container_id, 0, ID_MAX,
           .flags = FIELD_REQUIRED),
    NUMBER("hostID", FIELD_U32, struct spec_id_mapping, host_id, 0, ID_MAX, .flags = FIELD_REQUIRED),
    NUMBER("size", FIELD_U32, struct spec_id_mapping, size, 1, UINT32_MAX, .flags = FIELD_REQUIRED),
};
static const struct shape id_mapping_shape =
    SHAPE("an id mapping", struct spec_id_mapping, id_mapping_fields);

// ---------------------------------------------------------------- process

static const struct field console_size_fields[] = {
    NUMBER("height", FIELD_U32, struct spec_process, console_height, 0, UINT32_MAX, .flags = FIELD_REQUIRED),
    NUMBER("width", FIELD_U32, struct spec_process, console_width, 0, UINT32_MAX, .flags = FIELD_REQUIRED),
};
static const struct shape console_size_shape = SHAPE("consoleSize", struct spec_process, console_size_fields);

static const struct field user_fields[] = {
    NUMBER("uid", FIELD_U32, struct spec_user, uid, 0, ID_MAX, .flags = FIELD_REQUIRED),
    NUMBER("gid", FIELD_U32, struct spec_user, gid, 0, ID_MAX, .flags = FIELD_REQUIRED),
    NUMBER("umask", FIELD_U32, struct spec_user, umask, 0, 0777, HAS(struct spec_user, has_umask)),
    LIST("additionalGids", FIELD_U32S, struct spec_user, additional_gids, .max = ID_MAX),
};
static const struct shape user_shape = SHAPE("user", struct spec_user, user_fields);

#define CAPABILITY_SET(name) FIELD(#name, FIELD_BITS, struct spec_capabilities, name, .bit = capname_number)
static const struct field capabilities_fields[] = {
    CAPABILITY_SET(effective), CAPABILITY_SET(bounding), CAPABILITY_SET(inheritable),
    CAPABILITY_SET(permitted), CAPABILITY_SET(ambient),
};
static const struct shape capabilities_shape =
    SHAPE("capabilities", struct spec_capabilities, capabilities_fields);

static const struct field rlimit_fields[] = {
    FIELD("type", FIELD_STRING, struct spec_rlimit, type, .flags = FIELD_REQUIRED,
          .words = config_rlimit_types),
    NUMBER("soft", FIELD_U64, struct spec_rlimit, soft, 0, UINT64_MAX, .flags = FIELD_REQUIRED),
    NUMBER("hard", FIELD_U64, struct spec_rlimit, hard, 0, UINT64_MAX, .flags = FIELD_REQUIRED),
};
static const struct shape rlimit_shape = SHAPE("an rlimit", struct spec_rlimit, rlimit_fields);

static const struct field scheduler_fields[] = {
    FIELD("policy", FIELD_STRING, struct spec_scheduler, policy, .flags = FIELD_REQUIRED,
          .words = config_scheduler_policies),
    NUMBER("nice", FIELD_I32, struct spec_scheduler, nice, -20, 19),
    NUMBER("priority", FIELD_I32, struct spec_scheduler, priority, 0, 99),
    LIST("flags", FIELD_STRINGS, struct spec_scheduler, flags, .words = config_scheduler_flags),
    NUMBER("runtime", FIELD_U64, struct spec_scheduler, runtime, 0, UINT64_MAX),
    NUMBER("deadline", FIELD_U64, struct spec_scheduler, deadline, 0, UINT64_MAX),
    NUMBER("period", FIELD_U64, struct spec_scheduler, period, 0, UINT64_MAX),
};
static const struct shape scheduler_shape = SHAPE("scheduler", struct spec_scheduler, scheduler_fields);

static const struct field io_priority_fields[] = {
    FIELD("class", FIELD_STRING, struct spec_io_priority, class_, .flags = FIELD_REQUIRED,
          .words = config_io_priority_classes),
    NUMBER("priority", FIELD_I32, struct spec_io_priority, priority, 0, 7, .flags = FIELD_REQUIRED),
};
static const struct shape io_priority_shape =
    SHAPE("ioPriority", struct spec_io_priority, io_priority_fields);

static const struct field cpu_affinity_fields[] = {
    FIELD("initial", FIELD_STRING, struct spec_cpu_affinity, initial, .flags = FIELD_EMPTY_NONE),
    FIELD("final", FIELD_STRING, struct spec_cpu_affinity, final, .flags = FIELD_EMPTY_NONE),
};
static const struct shape cpu_affinity_shape =
    SHAPE("execCPUAffinity", struct spec_cpu_affinity, cpu_affinity_fields);

static const struct field process_fields[] = {
    FIELD("terminal", FIELD_BOOL, struct spec_process, terminal),
    // Its members go into the process itself.
    { .name = "consoleSize",
      .name_size = 11,
      .kind = FIELD_OBJECT,
      .offset = 0,
      .shape = &console_size_shape,
      HAS(struct spec_process, has_console_size) },
    FIELD("cwd", FIELD_STRING, struct spec_process, cwd,
          .flags = FIELD_REQUIRED | FIELD_NONEMPTY | FIELD_ABSOLUTE | FIELD_PATH),
    LIST("env", FIELD_STRINGS, struct spec_process, env),
    LIST("args", FIELD_STRINGS, struct spec_process, args),
    LIST("rlimits", FIELD_OBJECTS, struct spec_process, rlimits, .shape = &rlimit_shape),
    FIELD("apparmorProfile", FIELD_STRING, struct spec_process, apparmor_profile, .flags = FIELD_EMPTY_NONE),
    FIELD("capabilities", FIELD_POINTER, struct spec_process, capabilities, .shape = &capabilities_shape),
    FIELD("noNewPrivileges", FIELD_BOOL, struct spec_process, no_new_privileges),
    NUMBER("oomScoreAdj", FIELD_I32, struct spec_process, oom_score_adj, -1000, 1000,
           HAS(struct spec_process, has_oom_score_adj)),
    FIELD("scheduler", FIELD_POINTER, struct spec_process, scheduler, .shape = &scheduler_shape),
    FIELD("selinuxLabel", FIELD_STRING, struct spec_process, selinux_label, .flags = FIELD_EMPTY_NONE),
    FIELD("ioPriority", FIELD_POINTER, struct spec_process, io_priority, .shape = &io_priority_shape),
    FIELD("execCPUAffinity", FIELD_POINTER, struct spec_process, exec_cpu_affinity,
          .shape = &cpu_affinity_shape),
    FIELD("user", FIELD_OBJECT, struct spec_process, user, .shape = &user_shape),
};
const struct shape config_process_shape = SHAPE("process", struct spec_process, process_fields);

// ---------------------------------------------------------------- root, mounts, hooks

static const struct field root_fields[] = {
    FIELD("path", FIELD_STRING, struct spec_root, path,
          .flags = FIELD_REQUIRED | FIELD_NONEMPTY | FIELD_PATH),
    FIELD("readonly", FIELD_BOOL, struct spec_root, readonly),
};
static const struct shape root_shape = SHAPE("root", struct spec_root, root_fields);

static const struct field mount_fields[] = {
    FIELD("destination", FIELD_STRING, struct spec_mount, destination,
          .flags = FIELD_REQUIRED | FIELD_NONEMPTY | FIELD_PATH),
    FIELD("source", FIELD_STRING, struct spec_mount, source, .flags = FIELD_EMPTY_NONE | FIELD_PATH),
    LIST("options", FIELD_STRINGS, struct spec_mount, options),
    FIELD("type", FIELD_STRING, struct spec_mount, type, .flags = FIELD_EMPTY_NONE | FIELD_PATH),
    LIST("uidMappings", FIELD_OBJECTS, struct spec_mount, uid_mappings, .shape = &id_mapping_shape),
    LIST("gidMappings", FIELD_OBJECTS, struct spec_mount, gid_mappings, .shape = &id_mapping_shape),
};
static const struct shape mount_shape = SHAPE("a mount", struct spec_mount, mount_fields);

static const struct field hook_fields[] = {
    FIELD("path", FIELD_STRING, struct spec_hook, path,
          .flags = FIELD_REQUIRED | FIELD_NONEMPTY | FIELD_ABSOLUTE | FIELD_PATH),
    LIST("args", FIELD_STRINGS, struct spec_hook, args),
    LIST("env", FIELD_STRINGS, struct spec_hook, env, HAS(struct spec_hook, has_env)),
    NUMBER("timeout", FIELD_I32, struct spec_hook, timeout, 1, INT32_MAX),
};
static const struct shape hook_shape = SHAPE("a hook", struct spec_hook, hook_fields);

#define HOOKS(json, hook_kind)                                      \
    FIELD(json, FIELD_OBJECTS, struct spec, hooks[hook_kind].hooks, \
          .count = offsetof(struct spec, hooks[hook_kind].n_hooks), .shape = &hook_shape)
static const struct field hooks_fields[] = {
    HOOKS("prestart", HOOK_PRESTART),
    HOOKS("createRuntime", HOOK_CREATE_RUNTIME),
    HOOKS("createContainer", HOOK_CREATE_CONTAINER),
    HOOKS("startContainer", HOOK_START_CONTAINER),
    HOOKS("poststart", HOOK_POSTSTART),
    HOOKS("poststop", HOOK_POSTSTOP),
};
static const struct shape hooks_shape = SHAPE("hooks", struct spec, hooks_fields);

// ---------------------------------------------------------------- linux.resources

#define DEVICE_NUMBER(json, st, member, ...) NUMBER(json, FIELD_I64, st, member, 0, UINT32_MAX, __VA_ARGS__)

static const struct field device_cgroup_fields[] = {
    FIELD("allow", FIELD_BOOL, struct spec_device_cgroup, allow, .flags = FIELD_REQUIRED),
    FIELD("type", FIELD_CHAR, struct spec_device_cgroup, type, .letters = "abc", .flags = FIELD_EMPTY_NONE),
    NUMBER("major", FIELD_I64, struct spec_device_cgroup, major, -1, UINT32_MAX,
           HAS(struct spec_device_cgroup, has_major)),
    NUMBER("minor", FIELD_I64, struct spec_device_cgroup, minor, -1, UINT32_MAX,
           HAS(struct spec_device_cgroup, has_minor)),
    FIELD("access", FIELD_STRING, struct spec_device_cgroup, access, .flags = FIELD_EMPTY_NONE),
};
static const struct shape device_cgroup_shape =
    SHAPE("a device rule", struct spec_device_cgroup, device_cgroup_fields);

static const struct field memory_fields[] = {
    NUMBER("limit", FIELD_I64, struct spec_memory, limit, -1, INT64_MAX, HAS(struct spec_memory, has_limit)),
    NUMBER("reservation", FIELD_I64, struct spec_memory, reservation, -1, INT64_MAX,
           HAS(struct spec_memory, has_reservation)),
    NUMBER("swap", FIELD_I64, struct spec_memory, swap, -1, INT64_MAX, HAS(struct spec_memory, has_swap)),
    NUMBER("kernel", FIELD_I64, struct spec_memory, kernel, -1, INT64_MAX,
           HAS(struct spec_memory, has_kernel)),
    NUMBER("kernelTCP", FIELD_I64, struct spec_memory, kernel_tcp, -1, INT64_MAX,
           HAS(struct spec_memory, has_kernel_tcp)),
    NUMBER("swappiness", FIELD_U64, struct spec_memory, swappiness, 0, 100,
           HAS(struct spec_memory, has_swappiness)),
    FIELD("disableOOMKiller", FIELD_BOOL, struct spec_memory, disable_oom_killer),
    FIELD("useHierarchy", FIELD_BOOL, struct spec_memory, use_hierarchy),
    FIELD("checkBeforeUpdate", FIELD_BOOL, struct spec_memory, check_before_update),
};
static const struct shape memory_shape = SHAPE("memory", struct spec_memory, memory_fields);

static const struct field cpu_fields[] = {
    NUMBER("shares", FIELD_U64, struct spec_cpu, shares, 0, UINT64_MAX, HAS(struct spec_cpu, has_shares)),
    NUMBER("quota", FIELD_I64, struct spec_cpu, quota, -1, INT64_MAX, HAS(struct spec_cpu, has_quota)),
    NUMBER("burst", FIELD_U64, struct spec_cpu, burst, 0, UINT64_MAX, HAS(struct spec_cpu, has_burst)),
    NUMBER("period", FIELD_U64, struct spec_cpu, period, 0, UINT64_MAX, HAS(struct spec_cpu, has_period)),
    NUMBER("realtimeRuntime", FIELD_I64, struct spec_cpu, realtime_runtime, -1, INT64_MAX,
           HAS(struct spec_cpu, has_realtime_runtime)),
    NUMBER("realtimePeriod", FIELD_U64, struct spec_cpu, realtime_period, 0, UINT64_MAX,
           HAS(struct spec_cpu, has_realtime_period)),
    FIELD("cpus", FIELD_STRING, struct spec_cpu, cpus, .flags = FIELD_EMPTY_NONE),
    FIELD("mems", FIELD_STRING, struct spec_cpu, mems, .flags = FIELD_EMPTY_NONE),
    NUMBER("idle", FIELD_I64, struct spec_cpu, idle, 0, 1, HAS(struct spec_cpu, has_idle)),
};
static const struct shape cpu_shape = SHAPE("cpu", struct spec_cpu, cpu_fields);

static const struct field weight_device_fields[] = {
    DEVICE_NUMBER("major", struct spec_weight_device, major, .flags = FIELD_REQUIRED),
    DEVICE_NUMBER("minor", struct spec_weight_device, minor, .flags = FIELD_REQUIRED),
    NUMBER("weight", FIELD_U32, struct spec_weight_device, weight, 0, UINT16_MAX,
           HAS(struct spec_weight_device, has_weight)),
    NUMBER("leafWeight", FIELD_U32, struct spec_weight_device, leaf_weight, 0, UINT16_MAX,
           HAS(struct spec_weight_device, has_leaf_weight)),
};
static const struct shape weight_device_shape =
    SHAPE("a weightDevice", struct spec_weight_device, weight_device_fields);

static const struct field throttle_device_fields[] = {
    DEVICE_NUMBER("major", struct spec_throttle_device, major, .flags = FIELD_REQUIRED),
    DEVICE_NUMBER("minor", struct spec_throttle_device, minor, .flags = FIELD_REQUIRED),
    NUMBER("rate", FIELD_U64, struct spec_throttle_device, rate, 0, UINT64_MAX, .flags = FIELD_REQUIRED),
};
static const struct shape throttle_device_shape =
    SHAPE("a throttle device", struct spec_throttle_device, throttle_device_fields);

static const struct field block_io_fields[] = {
    NUMBER("weight", FIELD_U32, struct spec_block_io, weight, 0, UINT16_MAX,
           HAS(struct spec_block_io, has_weight)),
    NUMBER("leafWeight", FIELD_U32, struct spec_block_io, leaf_weight, 0, UINT16_MAX,
           HAS(struct spec_block_io, has_leaf_weight)),
    LIST("weightDevice", FIELD_OBJECTS, struct spec_block_io, weight_device, .shape = &weight_device_shape),
    LIST("throttleReadBpsDevice", FIELD_OBJECTS, struct spec_block_io, throttle_read_bps_device,
         .shape = &throttle_device_shape),
    LIST("throttleWriteBpsDevice", FIELD_OBJECTS, struct spec_block_io, throttle_write_bps_device,
         .shape = &throttle_device_shape),
    LIST("throttleReadIOPSDevice", FIELD_OBJECTS, struct spec_block_io, throttle_read_iops_device,
         .shape = &throttle_device_shape),
    LIST("throttleWriteIOPSDevice", FIELD_OBJECTS, struct spec_block_io, throttle_write_iops_device,
         .shape = &throttle_device_shape),
};
static const struct shape block_io_shape = SHAPE("blockIO", struct spec_block_io, block_io_fields);

static const struct field hugepage_limit_fields[] = {
    FIELD("pageSize", FIELD_STRING, struct spec_hugepage_limit, page_size, .flags = FIELD_REQUIRED),
    NUMBER("limit", FIELD_U64, struct spec_hugepage_limit, limit, 0, UINT64_MAX, .flags = FIELD_REQUIRED),
};
static const struct shape hugepage_limit_shape =
    SHAPE("a hugepage limit", struct spec_hugepage_limit, hugepage_limit_fields);

static const struct field interface_priority_fields[] = {
    FIELD("name", FIELD_STRING, struct spec_interface_priority, name,
          .flags = FIELD_REQUIRED | FIELD_NONEMPTY),
    NUMBER("priority", FIELD_U32, struct spec_interface_priority, priority, 0, UINT32_MAX,
           .flags = FIELD_REQUIRED),
};
static const struct shape interface_priority_shape =
    SHAPE("a network priority", struct spec_interface_priority, interface_priority_fields);

static const struct field network_fields[] = {
    NUMBER("classID", FIELD_U32, struct spec_network, class_id, 0, UINT32_MAX,
           HAS(struct spec_network, has_class_id)),
    LIST("priorities", FIELD_OBJECTS, struct spec_network, priorities, .shape = &interface_priority_shape),
};
static const struct shape network_shape = SHAPE("network", struct spec_network, network_fields);

static const struct field pids_fields[] = {
    NUMBER("limit", FIELD_I64, struct spec_resources, pids_limit, -1, INT64_MAX,
           HAS(struct spec_resources, has_pids_limit)),
};
static const struct shape pids_shape = SHAPE("pids", struct spec_resources, pids_fields);

static const struct field rdma_fields[] = {
    NUMBER("hcaHandles", FIELD_U32, struct spec_rdma, hca_handles, 0, UINT32_MAX,
           HAS(struct spec_rdma, has_hca_handles)),
    NUMBER("hcaObjects", FIELD_U32, struct spec_rdma, hca_objects, 0, UINT32_MAX,
           HAS(struct spec_rdma, has_hca_objects)),
};
static const struct shape rdma_shape = SHAPE("an rdma limit", struct spec_rdma, rdma_fields);

static const struct field resources_fields[] = {
    LIST("devices", FIELD_OBJECTS, struct spec_resources, devices, .shape = &device_cgroup_shape),
    FIELD("memory", FIELD_POINTER, struct spec_resources, memory, .shape = &memory_shape),
    FIELD("cpu", FIELD_POINTER, struct spec_resources, cpu, .shape = &cpu_shape),
    // Its one member goes into the resources themselves.
    { .name = "pids", .name_size = 4, .kind = FIELD_OBJECT, .offset = 0, .shape = &pids_shape },
    FIELD("blockIO", FIELD_POINTER, struct spec_resources, block_io, .shape = &block_io_shape),
    LIST("hugepageLimits", FIELD_OBJECTS, struct spec_resources, hugepage_limits,
         .shape = &hugepage_limit_shape),
    FIELD("network", FIELD_POINTER, struct spec_resources, network, .shape = &network_shape),
    LIST("rdma", FIELD_OBJECT_MAP, struct spec_resources, rdma, .shape = &rdma_shape),
    LIST("unified", FIELD_STRING_MAP, struct spec_resources, unified),
};
static const struct shape resources_shape = SHAPE("resources", struct spec_resources, resources_fields);

// ---------------------------------------------------------------- linux.seccomp

static const struct field seccomp_arg_fields[] = {
    NUMBER("index", FIELD_U32, struct spec_seccomp_arg, index, 0, 5, .flags = FIELD_REQUIRED),
    NUMBER("value", FIELD_U64, struct spec_seccomp_arg, value, 0, UINT64_MAX, .flags = FIELD_REQUIRED),
    NUMBER("valueTwo", FIELD_U64, struct spec_seccomp_arg, value_two, 0, UINT64_MAX),
    FIELD("op", FIELD_STRING, struct spec_seccomp_arg, op, .flags = FIELD_REQUIRED,
          .words = config_seccomp_operators),
};
static const struct shape seccomp_arg_shape =
    SHAPE("a seccomp argument rule", struct spec_seccomp_arg, seccomp_arg_fields);

static const struct field syscall_fields[] = {
    LIST("names", FIELD_STRINGS, struct spec_syscall, names, .flags = FIELD_REQUIRED | FIELD_NONEMPTY),
    FIELD("action", FIELD_STRING, struct spec_syscall, action, .flags = FIELD_REQUIRED,
          .words = config_seccomp_actions),
    NUMBER("errnoRet", FIELD_U32, struct spec_syscall, errno_ret, 0, UINT32_MAX,
           HAS(struct spec_syscall, has_errno_ret)),
    LIST("args", FIELD_OBJECTS, struct spec_syscall, args, .shape = &seccomp_arg_shape),
};
static const struct shape syscall_shape = SHAPE("a seccomp rule", struct spec_syscall, syscall_fields);

static const struct field seccomp_fields[] = {
    FIELD("defaultAction", FIELD_STRING, struct spec_seccomp, default_action, .flags = FIELD_REQUIRED,
          .words = config_seccomp_actions),
    NUMBER("defaultErrnoRet", FIELD_U32, struct spec_seccomp, default_errno_ret, 0, UINT32_MAX,
           HAS(struct spec_seccomp, has_default_errno_ret)),
    LIST("architectures", FIELD_STRINGS, struct spec_seccomp, architectures,
         .words = config_seccomp_architectures),
    LIST("flags", FIELD_STRINGS, struct spec_seccomp, flags, .words = config_seccomp_flags),
    FIELD("listenerPath", FIELD_STRING, struct spec_seccomp, listener_path,
          .flags = FIELD_EMPTY_NONE | FIELD_PATH),
    FIELD("listenerMetadata", FIELD_STRING, struct spec_seccomp, listener_metadata,
          .flags = FIELD_EMPTY_NONE),
    LIST("syscalls", FIELD_OBJECTS, struct spec_seccomp, syscalls, .shape = &syscall_shape),
};
static const struct shape seccomp_shape = SHAPE("seccomp", struct spec_seccomp, seccomp_fields);

// ---------------------------------------------------------------- linux

static const struct field namespace_fields[] = {
    FIELD("type", FIELD_STRING, struct raw_namespace, type, .flags = FIELD_REQUIRED,
          .words = config_namespace_types),
    FIELD("path", FIELD_STRING, struct raw_namespace, path,
          .flags = FIELD_EMPTY_NONE | FIELD_ABSOLUTE | FIELD_PATH),
};
static const struct shape namespace_shape = SHAPE("a namespace", struct raw_namespace, namespace_fields);

static const struct field time_offset_fields[] = {
    NUMBER("secs", FIELD_I64, struct raw_time_offset, secs, INT64_MIN, INT64_MAX),
    NUMBER("nanosecs", FIELD_U32, struct raw_time_offset, nanosecs, 0, 999999999),
};
static const struct shape time_offset_shape =
    SHAPE("a time offset", struct raw_time_offset, time_offset_fields);

static const struct field device_fields[] = {
    FIELD("type", FIELD_CHAR, struct spec_device, type, .letters = "cbup", .flags = FIELD_REQUIRED),
    FIELD("path", FIELD_STRING, struct spec_device, path,
          .flags = FIELD_REQUIRED | FIELD_NONEMPTY | FIELD_ABSOLUTE | FIELD_PATH),
    DEVICE_NUMBER("major", struct spec_device, major, HAS(struct spec_device, has_major)),
    DEVICE_NUMBER("minor", struct spec_device, minor, HAS(struct spec_device, has_minor)),
    NUMBER("fileMode", FIELD_U32, struct spec_device, file_mode, 0, UINT32_MAX,
           HAS(struct spec_device, has_file_mode)),
    NUMBER("uid", FIELD_U32, struct spec_device, uid, 0, ID_MAX),
    NUMBER("gid", FIELD_U32, struct spec_device, gid, 0, ID_MAX),
};
static const struct shape device_shape = SHAPE("a device", struct spec_device, device_fields);

static const struct field net_device_fields[] = {
    FIELD("name", FIELD_STRING, struct spec_net_device, name, .flags = FIELD_EMPTY_NONE),
};
static const struct shape net_device_shape =
    SHAPE("a network device", struct spec_net_device, net_device_fields);

static const struct field intel_rdt_fields[] = {
    FIELD("closID", FIELD_STRING, struct spec_intel_rdt, clos_id, .flags = FIELD_EMPTY_NONE | FIELD_PATH),
    LIST("schemata", FIELD_STRINGS, struct spec_intel_rdt, schemata),
    FIELD("l3CacheSchema", FIELD_STRING, struct spec_intel_rdt, l3_cache_schema, .flags = FIELD_EMPTY_NONE),
    FIELD("memBwSchema", FIELD_STRING, struct spec_intel_rdt, mem_bw_schema, .flags = FIELD_EMPTY_NONE),
    FIELD("enableMonitoring", FIELD_BOOL, struct spec_intel_rdt, enable_monitoring),
};
static const struct shape intel_rdt_shape = SHAPE("intelRdt", struct spec_intel_rdt, intel_rdt_fields);

static const struct field memory_policy_fields[] = {
    FIELD("mode", FIELD_STRING, struct spec_memory_policy, mode, .flags = FIELD_REQUIRED,
          .words = config_memory_policy_modes),
    FIELD("nodes", FIELD_STRING, struct spec_memory_policy, nodes, .flags = FIELD_EMPTY_NONE),
    LIST("flags", FIELD_STRINGS, struct spec_memory_policy, flags, .words = config_memory_policy_flags),
};
static const struct shape memory_policy_shape =
    SHAPE("memoryPolicy", struct spec_memory_policy, memory_policy_fields);

static const struct field personality_fields[] = {
    FIELD("domain", FIELD_STRING, struct spec_personality, domain, .flags = FIELD_REQUIRED,
          .words = config_personality_domains),
    LIST("flags", FIELD_STRINGS, struct spec_personality, flags),
};
static const struct shape personality_shape =
    SHAPE("personality", struct spec_personality, personality_fields);

#define IN_LINUX(json, kind_, member, ...) \
    FIELD(json, kind_, struct raw_config, spec.linux_.member, __VA_ARGS__)
#define LINUX_LIST(json, kind_, member, ...) \
    IN_LINUX(json, kind_, member, .count = offsetof(struct raw_config, spec.linux_.n_##member), __VA_ARGS__)
static const struct field linux_fields[] = {
    LIST("namespaces", FIELD_OBJECTS, struct raw_config, namespaces, .shape = &namespace_shape),
    LINUX_LIST("uidMappings", FIELD_OBJECTS, uid_mappings, .shape = &id_mapping_shape),
    LINUX_LIST("gidMappings", FIELD_OBJECTS, gid_mappings, .shape = &id_mapping_shape),
    LIST("timeOffsets", FIELD_OBJECT_MAP, struct raw_config, time_offsets, .shape = &time_offset_shape),
    LINUX_LIST("devices", FIELD_OBJECTS, devices, .shape = &device_shape),
    LINUX_LIST("netDevices", FIELD_OBJECT_MAP, net_devices, .shape = &net_device_shape),
    IN_LINUX("cgroupsPath", FIELD_STRING, cgroups_path, .flags = FIELD_EMPTY_NONE | FIELD_PATH),
    IN_LINUX("resources", FIELD_POINTER, resources, .shape = &resources_shape),
    IN_LINUX("intelRdt", FIELD_POINTER, intel_rdt, .shape = &intel_rdt_shape),
    IN_LINUX("memoryPolicy", FIELD_POINTER, memory_policy, .shape = &memory_policy_shape),
    LINUX_LIST("sysctl", FIELD_STRING_MAP, sysctl),
    IN_LINUX("seccomp", FIELD_POINTER, seccomp, .shape = &seccomp_shape),
    FIELD("rootfsPropagation", FIELD_STRING, struct raw_config, rootfs_propagation, .flags = FIELD_EMPTY_NONE,
          .words = config_rootfs_propagations),
    LINUX_LIST("maskedPaths", FIELD_STRINGS, masked_paths,
               .flags = FIELD_NONEMPTY | FIELD_ABSOLUTE | FIELD_PATH),
    LINUX_LIST("readonlyPaths", FIELD_STRINGS, readonly_paths,
               .flags = FIELD_NONEMPTY | FIELD_ABSOLUTE | FIELD_PATH),
    IN_LINUX("mountLabel", FIELD_STRING, mount_label, .flags = FIELD_EMPTY_NONE),
    IN_LINUX("personality", FIELD_POINTER, personality, .shape = &personality_shape),
};
// Its members go into the whole, for some must be translated first.
static const struct shape linux_shape = SHAPE("linux", struct raw_config, linux_fields);

// ---------------------------------------------------------------- the whole

static const struct field config_fields[] = {
    FIELD("ociVersion", FIELD_STRING, struct raw_config, spec.oci_version, .flags = FIELD_REQUIRED),
    FIELD("root", FIELD_OBJECT, struct raw_config, spec.root, .shape = &root_shape,
          HAS(struct raw_config, has_root)),
    FIELD("mounts", FIELD_OBJECTS, struct raw_config, spec.mounts,
          .count = offsetof(struct raw_config, spec.n_mounts), .shape = &mount_shape),
    FIELD("process", FIELD_POINTER, struct raw_config, spec.process, .shape = &config_process_shape),
    FIELD("hostname", FIELD_STRING, struct raw_config, spec.hostname, .flags = FIELD_EMPTY_NONE),
    FIELD("domainname", FIELD_STRING, struct raw_config, spec.domainname, .flags = FIELD_EMPTY_NONE),
    FIELD("hooks", FIELD_OBJECT, struct raw_config, spec, .shape = &hooks_shape),
    FIELD("annotations", FIELD_STRING_MAP, struct raw_config, spec.annotations,
          .count = offsetof(struct raw_config, spec.n_annotations)),
    { .name = "linux", .name_size = 5, .kind = FIELD_OBJECT, .offset = 0, .shape = &linux_shape },
};
const struct shape config_shape = SHAPE("the configuration", struct raw_config, config_fields);
