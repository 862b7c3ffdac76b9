// SPDX-License-Identifier: Apache-2.0
// /linux/resources as file writes: memory, cpu, cpuset, pids, hugetlb. Units differ between the config (v1's
// own), v1 and v2; the conversions are here. See the kernel's admin-guide/cgroup-v1/ and cgroup-v2.rst.
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "lib/str.h"
#include "runtime/cgroup/translate.h"

#define RESOURCES "/linux/resources"

static bool is_v2(const struct translation *t, ssize_t dir) {
    return t->plan->dirs[dir].v2;
}

// v2 says "max" where v1 and the config say -1.
static const char *amount(struct translation *t, bool v2, int64_t value) {
    return value < 0 ? v2 ? "max" : "-1" : arena_printf(t->arena, "%" PRId64, value);
}

// ---------------------------------------------------------------- memory

static int check_swap(struct translation *t, const struct spec_memory *m) {
    if (m->swap < 0)
        return 0;
    if (!m->has_limit || m->limit <= 0)
        return error_set_at(
            t->err, "config.invalid", 0, RESOURCES "/memory/swap",
            "memory.swap is memory and swap together, so it needs memory.limit (or -1 for no limit)");
    if (m->swap < m->limit)
        return error_set_at(t->err, "config.invalid", 0, RESOURCES "/memory/swap",
                            "memory.swap (%" PRId64
                            ") is memory and swap together, so it cannot be less than "
                            "memory.limit (%" PRId64 ")",
                            m->swap, m->limit);
    return 0;
}

static void translate_memory_limits(struct translation *t, size_t dir, const struct spec_memory *m) {
    bool limit = m->has_limit && m->limit != 0, swap = m->has_swap && m->swap != 0;
    bool reservation = m->has_reservation && m->reservation != 0;
    bool v2 = t->plan->dirs[dir].v2;
    // The limit before swap: v1 refuses a memsw below the memory limit, and starts with none.
    if (limit)
        translation_write(t, dir, RESOURCES "/memory/limit", 0, v2 ? "memory.max" : "memory.limit_in_bytes",
                          "%s", amount(t, v2, m->limit));
    if (swap && v2)
        translation_write(t, dir, RESOURCES "/memory/swap", WRITE_OPTIONAL, "memory.swap.max", "%s",
                          amount(t, v2, m->swap < 0 ? -1 : m->swap - m->limit));
    else if (swap)
        translation_write(t, dir, RESOURCES "/memory/swap", WRITE_OPTIONAL, "memory.memsw.limit_in_bytes",
                          "%s", amount(t, v2, m->swap));
    if (reservation)
        translation_write(t, dir, RESOURCES "/memory/reservation", 0,
                          v2 ? "memory.low" : "memory.soft_limit_in_bytes", "%s",
                          amount(t, v2, m->reservation));
}

// Kernel memory of its own, and of its TCP buffers: newer kernels take the first and do nothing, so both are
// read back.
static void translate_kernel_memory(struct translation *t, size_t dir, const struct spec_memory *m) {
    unsigned no_limit = WRITE_OPTIONAL; // as it is where the kernel has no such file
    if (m->kernel)
        translation_write(t, dir, RESOURCES "/memory/kernel", m->kernel < 0 ? no_limit : WRITE_VERIFIED,
                          "memory.kmem.limit_in_bytes", "%s", amount(t, false, m->kernel));
    if (m->kernel_tcp)
        translation_write(t, dir, RESOURCES "/memory/kernelTCP",
                          m->kernel_tcp < 0 ? no_limit : WRITE_VERIFIED, "memory.kmem.tcp.limit_in_bytes",
                          "%s", amount(t, false, m->kernel_tcp));
}

static void translate_memory_v1(struct translation *t, size_t dir, const struct spec_memory *m) {
    if (m->use_hierarchy) // before the limits, which it spreads; always so since Linux 5.11
        translation_write(t, dir, RESOURCES "/memory/useHierarchy", 0, "memory.use_hierarchy", "1");
    translate_memory_limits(t, dir, m);
    translate_kernel_memory(t, dir, m);
    if (m->has_swappiness)
        translation_write(t, dir, RESOURCES "/memory/swappiness", 0, "memory.swappiness", "%" PRIu64,
                          m->swappiness);
    // Late: a limit too small for init shall kill it, not make create wait.
    if (m->disable_oom_killer)
        translation_write(t, dir, RESOURCES "/memory/disableOOMKiller", WRITE_LATE, "memory.oom_control",
                          "1");
}

// cgroup v2 has no counterpart of these; "no limit" and useHierarchy hold there by themselves.
static int check_memory_v2(struct translation *t, const struct spec_memory *m) {
    const struct {
        bool asked;
        const char *origin, *member;
    } v1_only[] = {
        { m->kernel > 0, RESOURCES "/memory/kernel", "kernel" },
        { m->kernel_tcp > 0, RESOURCES "/memory/kernelTCP", "kernelTCP" },
        { m->has_swappiness, RESOURCES "/memory/swappiness", "swappiness" },
        { m->disable_oom_killer, RESOURCES "/memory/disableOOMKiller", "disableOOMKiller" },
    };
    for (size_t i = 0; i < sizeof(v1_only) / sizeof(*v1_only); i++)
        if (v1_only[i].asked)
            return error_set_at(t->err, "cgroup.v1-only", 0, v1_only[i].origin,
                                "memory.%s cannot be applied: the memory controller is on cgroup v2 here, "
                                "which has no such setting",
                                v1_only[i].member);
    return 0;
}

// checkBeforeUpdate is about later changes: the first limit meets no usage.
static bool asks_memory(const struct translation *t, const struct spec_memory *m) {
    if ((m->has_limit && m->limit != 0) || (m->has_swap && m->swap != 0) ||
        (m->has_reservation && m->reservation != 0) || m->kernel > 0 || m->kernel_tcp > 0 ||
        m->has_swappiness || m->disable_oom_killer)
        return true;
    // What holds by itself but for a cgroup v1 that was there before.
    const struct host_hierarchy *h = host_cgroups_find(t->host, "memory");
    return h && !h->v2 && (m->kernel || m->kernel_tcp || m->use_hierarchy);
}

static int translate_memory(struct translation *t, const struct spec_memory *m) {
    if (!asks_memory(t, m))
        return 0;
    if (m->has_swap && m->swap != 0 && check_swap(t, m) < 0)
        return -1;
    ssize_t at = translation_need(t, "memory", RESOURCES "/memory");
    if (at < 0)
        return -1;
    if (is_v2(t, at)) {
        if (check_memory_v2(t, m) < 0)
            return -1;
        translate_memory_limits(t, (size_t)at, m);
    } else {
        translate_memory_v1(t, (size_t)at, m);
    }
    return 0;
}

// ---------------------------------------------------------------- cpu

// log2 and 10^x without libm, good to a few units in the last place for the arguments that occur here.
static double log_2(double x) {
    int whole = 0;
    while (x >= 2) {
        x /= 2;
        whole++;
    }
    double t = (x - 1) / (x + 1), power = t, sum = 0; // ln x = 2 atanh((x - 1) / (x + 1))
    for (int i = 1; i < 40; i += 2, power *= t * t)
        sum += power / i;
    return whole + 2 * sum / 0.693147180559945309417;
}

static double ten_to(double x) {
    double y = x * 2.302585092994045684 / 16, term = 1, sum = 1;
    for (int i = 1; i < 30; i++)
        sum += term *= y / i;
    for (int i = 0; i < 4; i++)
        sum *= sum;
    return sum;
}

// v1's shares (2..262144, normal 1024) to v2's weight (1..10000, normal 100): the curve through those three
// points that systemd, Kubernetes, runc and crun agreed on.
static unsigned weight_of_shares(uint64_t shares) {
    if (shares <= 2)
        return 1;
    if (shares >= 262144)
        return 10000;
    double l = log_2((double)shares);
    double weight = ten_to((l * l + 125 * l) / 612 - 7.0 / 34);
    return (unsigned)(weight + (1 - 1e-7)); // rounded up
}

static void translate_bandwidth(struct translation *t, size_t dir, const struct spec_cpu *cpu) {
    bool quota = cpu->has_quota && cpu->quota != 0, period = cpu->has_period && cpu->period != 0;
    if (t->plan->dirs[dir].v2) {
        const char *origin = quota ? RESOURCES "/cpu/quota" : RESOURCES "/cpu/period";
        if (quota || period)
            translation_write(t, dir, origin, 0, "cpu.max", "%s %" PRIu64,
                              amount(t, true, quota ? cpu->quota : -1), period ? cpu->period : 100000);
    } else {
        if (period)
            translation_write(t, dir, RESOURCES "/cpu/period", 0, "cpu.cfs_period_us", "%" PRIu64,
                              cpu->period);
        if (quota)
            translation_write(t, dir, RESOURCES "/cpu/quota", 0, "cpu.cfs_quota_us", "%s",
                              amount(t, false, cpu->quota));
    }
    if (cpu->has_burst) // after the quota, which it must not exceed
        translation_write(t, dir, RESOURCES "/cpu/burst", 0,
                          t->plan->dirs[dir].v2 ? "cpu.max.burst" : "cpu.cfs_burst_us", "%" PRIu64,
                          cpu->burst);
}

static int translate_cpu(struct translation *t, const struct spec_cpu *cpu) {
    bool shares = cpu->has_shares && cpu->shares != 0;
    bool bandwidth =
        (cpu->has_quota && cpu->quota != 0) || (cpu->has_period && cpu->period != 0) || cpu->has_burst;
    if (!shares && !bandwidth && !cpu->has_idle)
        return 0;
    ssize_t at = translation_need(t, "cpu", RESOURCES "/cpu");
    if (at < 0)
        return -1;
    size_t dir = (size_t)at;
    // Shares before idle: a group that is idle takes no weight.
    if (shares && is_v2(t, at))
        translation_write(t, dir, RESOURCES "/cpu/shares", 0, "cpu.weight", "%u",
                          weight_of_shares(cpu->shares));
    else if (shares)
        translation_write(t, dir, RESOURCES "/cpu/shares", 0, "cpu.shares", "%" PRIu64, cpu->shares);
    translate_bandwidth(t, dir, cpu);
    if (cpu->has_idle)
        translation_write(t, dir, RESOURCES "/cpu/idle", 0, "cpu.idle", "%" PRId64, cpu->idle);
    return 0;
}

static int translate_cpuset(struct translation *t, const struct spec_cpu *cpu) {
    bool cpus = cpu->cpus && *cpu->cpus, mems = cpu->mems && *cpu->mems;
    if (!cpus && !mems)
        return 0;
    ssize_t at = translation_need(t, "cpuset", cpus ? RESOURCES "/cpu/cpus" : RESOURCES "/cpu/mems");
    if (at < 0)
        return -1;
    if (cpus)
        translation_write(t, (size_t)at, RESOURCES "/cpu/cpus", 0, "cpuset.cpus", "%s", cpu->cpus);
    if (mems)
        translation_write(t, (size_t)at, RESOURCES "/cpu/mems", 0, "cpuset.mems", "%s", cpu->mems);
    return 0;
}

// ---------------------------------------------------------------- pids, hugetlb

static int translate_pids(struct translation *t, int64_t limit) {
    ssize_t at = translation_need(t, "pids", RESOURCES "/pids/limit");
    if (at < 0)
        return -1;
    // v1 lets a process in over the limit; v2's clone3 into the cgroup is a fork and would be refused.
    unsigned flags = limit == 0 && is_v2(t, at) ? WRITE_LATE : 0;
    translation_write(t, (size_t)at, RESOURCES "/pids/limit", flags, "pids.max", "%s",
                      amount(t, true, limit));
    return 0;
}

static bool known_page_size(const struct host_cgroups *h, const char *size) {
    for (size_t i = 0; i < h->n_hugepage_sizes; i++)
        if (str_eq(h->hugepage_sizes[i], size))
            return true;
    return false;
}

static int unknown_page_size(struct translation *t, const char *size, const char *origin) {
    const char *list = "";
    for (size_t i = 0; i < t->host->n_hugepage_sizes; i++)
        list = arena_printf(t->arena, "%s%s%s", list, i ? ", " : "", t->host->hugepage_sizes[i]);
    return error_set_at(t->err, "config.invalid", 0, origin,
                        "there are no huge pages of size \"%s\" here; there are: %s", size,
                        *list ? list : "none");
}

static int translate_hugetlb(struct translation *t, const struct spec_hugepage_limit *limit, size_t index) {
    const char *origin = arena_printf(t->arena, RESOURCES "/hugepageLimits/%zu", index);
    ssize_t at = translation_need(t, "hugetlb", origin);
    if (at < 0)
        return -1;
    if (!known_page_size(t->host, limit->page_size))
        return unknown_page_size(t, limit->page_size, arena_printf(t->arena, "%s/pageSize", origin));
    bool v2 = is_v2(t, at);
    const char *unit = v2 ? "max" : "limit_in_bytes";
    const char *value = limit->limit > INT64_MAX ? amount(t, v2, -1) : amount(t, v2, (int64_t)limit->limit);
    // Both: the plain limit bites when a page is touched (SIGBUS), the reservation limit already in mmap.
    translation_write(t, (size_t)at, origin, WRITE_OPTIONAL,
                      arena_printf(t->arena, "hugetlb.%s.rsvd.%s", limit->page_size, unit), "%s", value);
    translation_write(t, (size_t)at, origin, 0,
                      arena_printf(t->arena, "hugetlb.%s.%s", limit->page_size, unit), "%s", value);
    return 0;
}

int translate_resources(struct translation *t) {
    const struct spec_resources *r = t->spec->linux_.resources;
    if (!r)
        return 0;
    if (r->memory && translate_memory(t, r->memory) < 0)
        return -1;
    if (r->cpu && (translate_cpu(t, r->cpu) < 0 || translate_cpuset(t, r->cpu) < 0))
        return -1;
    if (r->has_pids_limit && translate_pids(t, r->pids_limit) < 0)
        return -1;
    for (size_t i = 0; i < r->n_hugepage_limits; i++)
        if (translate_hugetlb(t, &r->hugepage_limits[i], i) < 0)
            return -1;
    return 0;
}
