// SPDX-License-Identifier: Apache-2.0
// Rules of /linux/resources (config-linux.md, "Control groups"). A 0 that engines send for "not set" becomes
// just that here: memory limits, cpu shares, quota and period.
#include "config.h"

#include <string.h>

#include "lib/str.h"
#include "runtime/config/check.h"

#define RESOURCES "/linux/resources"

enum {
    MIN_CPU_US = 1000,       // min_cfs_quota_period of kernel/sched/core.c
    MAX_CPU_PERIOD = 1000000 // max_cfs_quota_period
};

static int check_device_rule(struct check *c, size_t i, struct spec_device_cgroup *d) {
    if (!d->type)
        d->type = 'a';
    if (!d->has_major)
        d->major = -1;
    if (!d->has_minor)
        d->minor = -1;
    if (!d->access)
        d->access = "rwm"; // as for the others, unset means all
    if (d->access[strspn(d->access, "rwm")])
        return INVALID(c, AT(c, RESOURCES "/devices/%zu/access", i),
                       "\"access\" must be made of the letters r, w and m, but is %s",
                       check_quote(c, d->access));
    // cgroup v1 takes "a 10:229 rwm" for all devices whatsoever.
    if (d->type == 'a' && (d->major >= 0 || d->minor >= 0))
        return INVALID(c, AT(c, RESOURCES "/devices/%zu", i),
                       "a device rule with \"major\" or \"minor\" needs the type \"c\" or \"b\"");
    return 0;
}

static int check_memory(struct check *c, struct spec_memory *m) {
    m->has_limit = m->has_limit && m->limit != 0;
    m->has_reservation = m->has_reservation && m->reservation != 0;
    m->has_swap = m->has_swap && m->swap != 0;
    if (m->has_limit && m->has_swap && m->swap >= 0 && (m->limit < 0 || m->swap < m->limit))
        return INVALID(
            c, RESOURCES "/memory/swap",
            "\"swap\" is memory and swap together: it must be at least \"limit\", %lld, but is %lld",
            (long long)m->limit, (long long)m->swap);
    return 0;
}

static int check_cpu(struct check *c, struct spec_cpu *cpu) {
    cpu->has_shares = cpu->has_shares && cpu->shares != 0;
    cpu->has_quota = cpu->has_quota && cpu->quota != 0;
    cpu->has_period = cpu->has_period && cpu->period != 0;
    if (cpu->has_quota && cpu->quota > 0 && cpu->quota < MIN_CPU_US)
        return INVALID(c, RESOURCES "/cpu/quota", "\"quota\" must be at least %d microseconds, but is %lld",
                       MIN_CPU_US, (long long)cpu->quota);
    if (cpu->has_period && (cpu->period < MIN_CPU_US || cpu->period > MAX_CPU_PERIOD))
        return INVALID(c, RESOURCES "/cpu/period",
                       "\"period\" must be from %d to %d microseconds, but is %llu", MIN_CPU_US,
                       MAX_CPU_PERIOD, (unsigned long long)cpu->period);
    if (cpu->has_burst && cpu->has_quota && cpu->quota > 0 && cpu->burst > (uint64_t)cpu->quota)
        return INVALID(c, RESOURCES "/cpu/burst", "\"burst\" must be at most \"quota\", %lld, but is %llu",
                       (long long)cpu->quota, (unsigned long long)cpu->burst);
    if (cpu->cpus && !check_is_cpu_list(cpu->cpus))
        return INVALID(c, RESOURCES "/cpu/cpus",
                       "\"cpus\" must be a list of CPUs such as \"0-3,7\", but is %s",
                       check_quote(c, cpu->cpus));
    if (cpu->mems && !check_is_cpu_list(cpu->mems))
        return INVALID(c, RESOURCES "/cpu/mems",
                       "\"mems\" must be a list of memory nodes such as \"0-1,3\", but is %s",
                       check_quote(c, cpu->mems));
    return 0;
}

// ^[1-9][0-9]*[KMG]B$ : it becomes a part of a file name.
static bool is_page_size(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && digits < 10 && text[0] != '0' && text[digits] && strchr("KMG", text[digits]) &&
           str_eq(text + digits + 1, "B");
}

static int check_hugepages(struct check *c, const struct spec_resources *r) {
    for (size_t i = 0; i < r->n_hugepage_limits; i++)
        if (!is_page_size(r->hugepage_limits[i].page_size))
            return INVALID(c, AT(c, RESOURCES "/hugepageLimits/%zu/pageSize", i),
                           "\"pageSize\" must be a size such as \"64KB\", \"2MB\" or \"1GB\", but is %s",
                           check_quote(c, r->hugepage_limits[i].page_size));
    return 0;
}

static int check_block_io(struct check *c, const struct spec_block_io *b) {
    for (size_t i = 0; b && i < b->n_weight_device; i++)
        if (!b->weight_device[i].has_weight && !b->weight_device[i].has_leaf_weight)
            return INVALID(c, AT(c, RESOURCES "/blockIO/weightDevice/%zu", i),
                           "a weightDevice must have \"weight\" or \"leafWeight\"");
    return 0;
}

static int check_rdma(struct check *c, const struct spec_resources *r) {
    for (size_t i = 0; i < r->n_rdma; i++) {
        const struct spec_rdma *d = &r->rdma[i];
        const char *origin = AT(c, RESOURCES "/rdma/%s", config_pointer_escape(c->arena, d->device));
        if (d->device[0] == '\0' || strpbrk(d->device, " \n"))
            return INVALID(c, origin, "%s is no name of an rdma device", check_quote(c, d->device));
        if (!d->has_hca_handles && !d->has_hca_objects)
            return INVALID(c, origin, "an rdma limit must have \"hcaHandles\" or \"hcaObjects\"");
    }
    return 0;
}

static int check_unified(struct check *c, const struct spec_resources *r) {
    for (size_t i = 0; i < r->n_unified; i++) {
        const char *key = r->unified[i].key;
        // A file of the container's own cgroup, never a path.
        if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.' || strpbrk(key, " \n"))
            return INVALID(c, AT(c, RESOURCES "/unified/%s", config_pointer_escape(c->arena, key)),
                           "%s is no name of a cgroup file, such as \"memory.high\"", check_quote(c, key));
    }
    return 0;
}

int check_resources(struct check *c, struct spec_resources *r) {
    for (size_t i = 0; i < r->n_devices; i++)
        if (check_device_rule(c, i, &r->devices[i]) < 0)
            return -1;
    if ((r->memory && check_memory(c, r->memory) < 0) || (r->cpu && check_cpu(c, r->cpu) < 0))
        return -1;
    if (check_hugepages(c, r) < 0 || check_block_io(c, r->block_io) < 0 || check_rdma(c, r) < 0)
        return -1;
    return check_unified(c, r);
}
