// SPDX-License-Identifier: Apache-2.0
// What the files of the pure translation share; nobody outside runtime/cgroup/ needs it.
#ifndef NOOK_RUNTIME_CGROUP_TRANSLATE_H
#define NOOK_RUNTIME_CGROUP_TRANSLATE_H

#include "runtime/cgroup/cgroup.h"

struct translation {
    const struct spec *spec;
    const struct host_cgroups *host;
    struct arena *arena;
    struct cgroup_plan *plan;
    struct error *err;
};

enum write_flags {
    WRITE_OPTIONAL = 1,
    WRITE_LATE = 2,
    WRITE_LENIENT = 4,
    WRITE_VERIFIED = 8,
};

// Appends a write to plan->dirs[dir].
void translation_write(struct translation *t, size_t dir, const char *origin, unsigned flags,
                       const char *file, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void translation_warn(struct translation *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// The index of the directory that has the controller, now marked as required; or -1 with
// "cgroup.controller-missing".
ssize_t translation_need(struct translation *t, const char *controller, const char *origin);

// Each translates one part of /linux/resources, 0 or -1 with the error set.
int translate_resources(struct translation *t); // resources.c: memory, cpu, cpuset, pids, hugetlb
int translate_devices(struct translation *t);   // devices.c: the v1 list or the v2 program

// One device rule. access is a set of the bits of bpf_cgroup_dev_ctx.
struct device_rule {
    const char *origin;
    int64_t major, minor; // -1 = any
    unsigned access;      // BPF_DEVCG_ACC_*
    char type;            // 'a', 'b', 'c'
    bool allow;
};
#define DEVICE_ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

// device_bpf.c: a program of type BPF_PROG_TYPE_CGROUP_DEVICE that gives, for each access asked, what the
// last rule that speaks of it says; nobody speaks of it: denied. Pure.
void device_program(const struct device_rule *rules, size_t n, struct arena *a, struct bpf_insn **out,
                    size_t *n_out);

#endif
