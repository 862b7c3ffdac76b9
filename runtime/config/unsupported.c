// SPDX-License-Identifier: Apache-2.0
// What config.json may ask and this version of nook does not apply: refused by name, after it was checked
// like everything else. To make a thing supported, take its row out.
#include "config.h"

#include "lib/str.h"
#include "runtime/config/check.h"

// ---------------------------------------------------------------- process

static bool scheduler(const struct spec_process *p) {
    return p->scheduler != NULL;
}
static bool io_priority(const struct spec_process *p) {
    return p->io_priority != NULL;
}
static bool exec_cpu_affinity(const struct spec_process *p) {
    return p->exec_cpu_affinity && (p->exec_cpu_affinity->initial || p->exec_cpu_affinity->final);
}

static const struct {
    const char *member;
    bool (*asked)(const struct spec_process *);
} process_rows[] = {
    { "scheduler", scheduler },
    { "ioPriority", io_priority },
    { "execCPUAffinity", exec_cpu_affinity },
};

// ---------------------------------------------------------------- mounts

static bool idmap(const struct spec_mount *m) {
    return m->idmap && !m->idmap_recursive;
}
static bool ridmap(const struct spec_mount *m) {
    return m->idmap && m->idmap_recursive;
}
static bool mount_mappings(const struct spec_mount *m) {
    return m->n_uid_mappings || m->n_gid_mappings;
}

static const struct {
    const char *member, *what;
    bool (*asked)(const struct spec_mount *);
} mount_rows[] = {
    { "options", "the mount option idmap", idmap },
    { "options", "the mount option ridmap", ridmap },
    { "uidMappings", "an id mapping of a mount", mount_mappings },
};

// ---------------------------------------------------------------- linux

static bool net_devices(const struct spec_linux *l) {
    return l->n_net_devices > 0;
}
static bool intel_rdt(const struct spec_linux *l) {
    return l->intel_rdt != NULL;
}
static bool memory_policy(const struct spec_linux *l) {
    return l->memory_policy != NULL;
}
static bool personality(const struct spec_linux *l) {
    return l->personality && !str_eq(l->personality->domain, "LINUX");
}
static bool seccomp_notify(const struct spec_linux *l) {
    // listenerPath means nothing without that action.
    if (!l->seccomp)
        return false;
    bool found = str_eq(l->seccomp->default_action, "SCMP_ACT_NOTIFY");
    for (size_t i = 0; i < l->seccomp->n_syscalls && !found; i++)
        found = str_eq(l->seccomp->syscalls[i].action, "SCMP_ACT_NOTIFY");
    return found;
}

static const struct {
    const char *member, *what;
    bool (*asked)(const struct spec_linux *);
} linux_rows[] = {
    { "netDevices", NULL, net_devices },
    { "intelRdt", NULL, intel_rdt },
    { "memoryPolicy", NULL, memory_policy },
    { "personality", "linux.personality LINUX32", personality },
    { "seccomp/listenerPath", "the seccomp action SCMP_ACT_NOTIFY", seccomp_notify },
};

// ---------------------------------------------------------------- resources
// Engines send zeroes, empty objects and empty lists for "nothing".

static bool block_io(const struct spec_resources *r) {
    const struct spec_block_io *b = r->block_io;
    return b && (b->weight || b->leaf_weight || b->n_weight_device || b->n_throttle_read_bps_device ||
                 b->n_throttle_write_bps_device || b->n_throttle_read_iops_device ||
                 b->n_throttle_write_iops_device);
}
static bool network(const struct spec_resources *r) {
    return r->network && (r->network->class_id || r->network->n_priorities);
}
static bool rdma(const struct spec_resources *r) {
    return r->n_rdma > 0;
}
static bool unified(const struct spec_resources *r) {
    return r->n_unified > 0;
}
static bool realtime_runtime(const struct spec_resources *r) {
    return r->cpu && r->cpu->realtime_runtime != 0;
}
static bool realtime_period(const struct spec_resources *r) {
    return r->cpu && r->cpu->realtime_period != 0;
}

static const struct {
    const char *object, *member;
    bool (*asked)(const struct spec_resources *);
} resource_rows[] = {
    { NULL, "blockIO", block_io },
    { NULL, "network", network },
    { NULL, "rdma", rdma },
    { NULL, "unified", unified },
    { "cpu", "realtimeRuntime", realtime_runtime },
    { "cpu", "realtimePeriod", realtime_period },
};

// ---------------------------------------------------------------- the walk

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int refuse(struct check *c, const char *origin, const char *what) {
    return error_set_at(c->err, "config.unsupported", 0, origin,
                        "%s is not supported by this version of nook", what);
}

int check_supported_process(struct check *c, const struct spec_process *p) {
    for (size_t i = 0; i < ROWS(process_rows); i++)
        if (process_rows[i].asked(p))
            return refuse(c, AT(c, "%s/%s", c->process, process_rows[i].member),
                          AT(c, "process.%s", process_rows[i].member));
    return 0;
}

static int check_supported_resources(struct check *c, const struct spec_resources *r) {
    for (size_t i = 0; i < ROWS(resource_rows); i++) {
        const char *object = resource_rows[i].object, *member = resource_rows[i].member;
        if (!resource_rows[i].asked(r))
            continue;
        if (object)
            return refuse(c, AT(c, "/linux/resources/%s/%s", object, member),
                          AT(c, "linux.resources.%s.%s", object, member));
        return refuse(c, AT(c, "/linux/resources/%s", member), AT(c, "linux.resources.%s", member));
    }
    return 0;
}

int check_supported(struct check *c, const struct spec *spec) {
    for (size_t m = 0; m < spec->n_mounts; m++)
        for (size_t i = 0; i < ROWS(mount_rows); i++)
            if (mount_rows[i].asked(&spec->mounts[m]))
                return refuse(c, AT(c, "/mounts/%zu/%s", m, mount_rows[i].member), mount_rows[i].what);
    if (spec->process && check_supported_process(c, spec->process) < 0)
        return -1;
    for (size_t i = 0; i < ROWS(linux_rows); i++)
        if (linux_rows[i].asked(&spec->linux_))
            return refuse(c, AT(c, "/linux/%s", linux_rows[i].member),
                          linux_rows[i].what ? linux_rows[i].what : AT(c, "linux.%s", linux_rows[i].member));
    return spec->linux_.resources ? check_supported_resources(c, spec->linux_.resources) : 0;
}
