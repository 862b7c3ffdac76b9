// SPDX-License-Identifier: Apache-2.0
// Device rules: deny all, the config's in their order, then the defaults. For v1 they become lines of
// devices.deny and devices.allow, for v2 a program (device_bpf.c).
//
// v1 is weaker than the config's language. The kernel keeps one default (allow or deny) and a list of
// exceptions to it; a rule that goes against the default is added, one that goes with it takes off the
// exception of exactly the same device. So "allow c 1:*, then deny c 1:3" cannot be said. We follow the
// kernel's state and refuse what it would not do. See the kernel's admin-guide/cgroup-v1/devices.rst.
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "lib/str.h"
#include "runtime/cgroup/translate.h"

#define DEFAULT_ORIGIN "default:devices"
#define MKNOD          BPF_DEVCG_ACC_MKNOD

// Any node may be made (it is then of no use without a rule), and these may be used.
static const struct device_rule defaults[] = {
    { DEFAULT_ORIGIN, -1, -1, MKNOD, 'c', true },
    { DEFAULT_ORIGIN, -1, -1, MKNOD, 'b', true },
    { DEFAULT_ORIGIN, 1, 3, DEVICE_ACCESS_ALL, 'c', true },    // null
    { DEFAULT_ORIGIN, 1, 5, DEVICE_ACCESS_ALL, 'c', true },    // zero
    { DEFAULT_ORIGIN, 1, 7, DEVICE_ACCESS_ALL, 'c', true },    // full
    { DEFAULT_ORIGIN, 1, 8, DEVICE_ACCESS_ALL, 'c', true },    // random
    { DEFAULT_ORIGIN, 1, 9, DEVICE_ACCESS_ALL, 'c', true },    // urandom
    { DEFAULT_ORIGIN, 5, 0, DEVICE_ACCESS_ALL, 'c', true },    // tty
    { DEFAULT_ORIGIN, 5, 1, DEVICE_ACCESS_ALL, 'c', true },    // console
    { DEFAULT_ORIGIN, 5, 2, DEVICE_ACCESS_ALL, 'c', true },    // ptmx
    { DEFAULT_ORIGIN, 136, -1, DEVICE_ACCESS_ALL, 'c', true }, // pts/*
};
#define N_DEFAULTS (sizeof(defaults) / sizeof(*defaults))

struct rules {
    struct device_rule *list;
    size_t n;
};

static unsigned access_bits(const char *access) {
    unsigned bits = 0;
    for (; access && *access; access++)
        bits |= *access == 'r' ? BPF_DEVCG_ACC_READ : *access == 'w' ? BPF_DEVCG_ACC_WRITE : MKNOD;
    return bits ? bits : DEVICE_ACCESS_ALL;
}

static bool is_everything(const struct device_rule *r) {
    return r->type == 'a' && r->major < 0 && r->minor < 0 && r->access == DEVICE_ACCESS_ALL;
}

// The rules that have an effect: what comes before the last rule on everything has none.
static struct rules collect(struct translation *t) {
    const struct spec_resources *r = t->spec->linux_.resources;
    size_t n = r ? r->n_devices : 0, first = 0;
    struct rules out = { .list = arena_calloc(t->arena, n + N_DEFAULTS + 1, sizeof(*out.list)) };
    struct device_rule *config = arena_calloc(t->arena, n + 1, sizeof(*config));
    for (size_t i = 0; i < n; i++) {
        const struct spec_device_cgroup *d = &r->devices[i];
        config[i] = (struct device_rule){
            .allow = d->allow,
            .type = d->type ? d->type : 'a',
            .major = d->major,
            .minor = d->minor,
            .access = access_bits(d->access),
            .origin = arena_printf(t->arena, "/linux/resources/devices/%zu", i),
        };
        if (is_everything(&config[i]))
            first = i;
    }
    if (n == 0 || !is_everything(&config[first]))
        out.list[out.n++] = (struct device_rule){ DEFAULT_ORIGIN, -1, -1, DEVICE_ACCESS_ALL, 'a', false };
    for (size_t i = first; i < n; i++)
        out.list[out.n++] = config[i];
    if (out.n == 1 && out.list[0].allow)
        return out; // everything is allowed: the defaults add nothing
    memcpy(out.list + out.n, defaults, sizeof(defaults));
    out.n += N_DEFAULTS;
    return out;
}

// ---------------------------------------------------------------- v1

struct v1_state {
    bool allows; // the default
    struct device_rule *exceptions;
    size_t n;
};

static bool same_number(int64_t a, int64_t b) {
    return a < 0 ? b < 0 : a == b;
}

static bool same_device(const struct device_rule *a, const struct device_rule *b) {
    return a->type == b->type && same_number(a->major, b->major) && same_number(a->minor, b->minor);
}

static bool overlap(const struct device_rule *a, const struct device_rule *b) {
    return a->type == b->type && (a->major < 0 || b->major < 0 || a->major == b->major) &&
           (a->minor < 0 || b->minor < 0 || a->minor == b->minor) && (a->access & b->access);
}

static bool covers(const struct device_rule *wide, const struct device_rule *r) {
    return wide->type == r->type && (wide->major < 0 || wide->major == r->major) &&
           (wide->minor < 0 || wide->minor == r->minor) && !(r->access & ~wide->access);
}

// Would the kernel do nothing for this default, because it holds already?
static bool is_redundant(const struct v1_state *s, const struct device_rule *r) {
    for (size_t i = 0; i < s->n; i++)
        if (s->allows ? overlap(&s->exceptions[i], r) : covers(&s->exceptions[i], r))
            return !s->allows;
    return s->allows;
}

// Does what the kernel does with a rule on one kind of device. False when it cannot do what the rule says.
static bool v1_apply(struct translation *t, struct v1_state *s, const struct device_rule *r) {
    struct device_rule *same = NULL;
    for (size_t i = 0; i < s->n; i++)
        if (same_device(&s->exceptions[i], r))
            same = &s->exceptions[i];
    if (r->allow != s->allows) {
        if (same)
            same->access |= r->access;
        else
            *ARENA_PUSH(t->arena, s->exceptions, s->n) = *r;
        return true;
    }
    if (same)
        same->access &= ~r->access;
    for (size_t i = 0; i < s->n; i++)
        if (overlap(&s->exceptions[i], r))
            return false;
    return true;
}

static const char *number(struct translation *t, int64_t n) {
    return n < 0 ? "*" : arena_printf(t->arena, "%" PRId64, n);
}

static void v1_write(struct translation *t, size_t dir, const struct device_rule *r) {
    const char *file = r->allow ? "devices.allow" : "devices.deny";
    // A default that our own cgroup lacks cannot be given on; but what the config asks for must hold.
    bool is_default = str_eq(r->origin, DEFAULT_ORIGIN);
    bool lenient = t->host->below_own || (is_default && (r->allow || !t->plan->dirs[dir].required));
    unsigned flags = lenient ? WRITE_LENIENT : 0;
    if (is_everything(r)) {
        translation_write(t, dir, r->origin, flags, file, "a");
        return;
    }
    translation_write(t, dir, r->origin, flags, file, "%c %s:%s %s%s%s", r->type, number(t, r->major),
                      number(t, r->minor), r->access & BPF_DEVCG_ACC_READ ? "r" : "",
                      r->access & BPF_DEVCG_ACC_WRITE ? "w" : "", r->access & MKNOD ? "m" : "");
}

static int v1_rule(struct translation *t, size_t dir, struct v1_state *s, const struct device_rule *r) {
    bool is_default = str_eq(r->origin, DEFAULT_ORIGIN);
    if (is_everything(r)) {
        *s = (struct v1_state){ .allows = r->allow };
        v1_write(t, dir, r);
        return 0;
    }
    // The kernel takes "a" for everything, whatever stands beside it: say it twice.
    const char *types = r->type == 'a' ? "bc" : r->type == 'b' ? "b" : "c";
    for (; *types; types++) {
        struct device_rule one = *r;
        one.type = *types;
        if (is_default && is_redundant(s, &one))
            continue;
        if (!v1_apply(t, s, &one)) {
            if (is_default)
                continue;
            return error_set_at(t->err, "config.invalid", 0, r->origin,
                                "cgroup v1 cannot %s a part of what an earlier device rule %s",
                                r->allow ? "allow" : "deny", r->allow ? "denies" : "allows");
        }
        v1_write(t, dir, &one);
    }
    return 0;
}

static int translate_v1(struct translation *t, size_t dir, const struct rules *rules) {
    struct v1_state state = { 0 };
    for (size_t i = 0; i < rules->n; i++)
        if (v1_rule(t, dir, &state, &rules->list[i]) < 0)
            return -1;
    return 0;
}

// ---------------------------------------------------------------- both

// No hierarchy can take device rules. An error only where it could be otherwise: the config has rules, we
// have the power to use devices, and there are cgroups.
static int no_devices(struct translation *t, bool asked) {
    if (!asked)
        return 0;
    if (t->host->layout == HOST_CGROUP_NONE || t->host->below_own) {
        translation_warn(
            t, "the device rules of /linux/resources/devices are not applied: no devices cgroup here");
        return 0;
    }
    return translation_need(t, "devices", "/linux/resources/devices") < 0 ? -1 : 0;
}

int translate_devices(struct translation *t) {
    const struct spec_resources *r = t->spec->linux_.resources;
    bool asked = r && r->n_devices > 0;
    const struct host_hierarchy *h = host_cgroups_find(t->host, "devices");
    if (!h)
        h = host_cgroups_v2(t->host); // where every cgroup takes device programs
    if (!h)
        return no_devices(t, asked);

    size_t dir = (size_t)(h - t->host->hierarchies);
    // Without root a node that somebody makes is of no use (user namespace), and no rule could be set.
    if (asked && !t->host->below_own) {
        t->plan->dirs[dir].required = true;
        t->plan->required = true;
    }
    struct rules rules = collect(t);
    if (!h->v2)
        return translate_v1(t, dir, &rules);
    if (rules.n == 1 && rules.list[0].allow)
        return 0;
    struct bpf_insn *program;
    device_program(rules.list, rules.n, t->arena, &program, &t->plan->n_device_program);
    t->plan->device_program = program;
    t->plan->device_dir = dir;
    t->plan->device_lenient = t->host->below_own || !asked;
    return 0;
}
