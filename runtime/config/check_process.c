// SPDX-License-Identifier: Apache-2.0
// Rules of the process object (config.md, "Process").
#include "config.h"

#include <limits.h>
#include <string.h>

#include "lib/str.h"
#include "runtime/config/check.h"
#include "runtime/config/words.h"

enum {
    MAX_GROUPS = 65536,   // NGROUPS_MAX of linux/limits.h
    MAX_TTY_SIZE = 65535, // unsigned short in struct winsize
};

static int check_args(struct check *c, const struct spec_process *p) {
    if (p->n_args == 0)
        return INVALID(c, AT(c, "%s/args", c->process),
                       "\"args\" must have at least one entry, the program to run");
    for (size_t i = 0; i < p->n_args; i++)
        if (strlen(p->args[i]) >= MAX_ARG_SIZE)
            return INVALID(c, AT(c, "%s/args/%zu", c->process, i),
                           "argument %zu is longer than the kernel takes (%d bytes)", i, MAX_ARG_SIZE - 1);
    return 0;
}

static int check_rlimits(struct check *c, struct spec_process *p) {
    unsigned seen = 0;
    for (size_t i = 0; i < p->n_rlimits; i++) {
        struct spec_rlimit *r = &p->rlimits[i];
        r->resource = (int)str_lookup(config_rlimit_numbers, r->type)->value;
        if (seen & 1U << r->resource)
            return INVALID(c, AT(c, "%s/rlimits/%zu/type", c->process, i), "%s is there twice", r->type);
        seen |= 1U << r->resource;
        if (r->soft > r->hard)
            return INVALID(c, AT(c, "%s/rlimits/%zu/soft", c->process, i),
                           "the soft limit of %s, %llu, is above its hard limit, %llu", r->type,
                           (unsigned long long)r->soft, (unsigned long long)r->hard);
    }
    return 0;
}

static int check_cpu_affinity(struct check *c, const struct spec_process *p) {
    const struct spec_cpu_affinity *a = p->exec_cpu_affinity;
    if (a && a->initial && !check_is_cpu_list(a->initial))
        return INVALID(c, AT(c, "%s/execCPUAffinity/initial", c->process),
                       "\"initial\" must be a list of CPUs such as \"0-3,7\", but is %s",
                       check_quote(c, a->initial));
    if (a && a->final && !check_is_cpu_list(a->final))
        return INVALID(c, AT(c, "%s/execCPUAffinity/final", c->process),
                       "\"final\" must be a list of CPUs such as \"0-3,7\", but is %s",
                       check_quote(c, a->final));
    return 0;
}

int check_process(struct check *c, struct spec_process *p) {
    // Without a terminal consoleSize must be ignored.
    if (!p->terminal)
        p->has_console_size = false;
    if (p->has_console_size && (p->console_height > MAX_TTY_SIZE || p->console_width > MAX_TTY_SIZE))
        return INVALID(c, AT(c, "%s/consoleSize", c->process), "a terminal has at most %d lines and columns",
                       MAX_TTY_SIZE);
    if (p->user.n_additional_gids > MAX_GROUPS)
        return INVALID(c, AT(c, "%s/user/additionalGids", c->process),
                       "%zu additional groups, a process can have %d", p->user.n_additional_gids, MAX_GROUPS);
    if (check_args(c, p) < 0 || check_env(c, AT(c, "%s/env", c->process), p->env, p->n_env) < 0)
        return -1;
    return check_rlimits(c, p) < 0 || check_cpu_affinity(c, p) < 0 ? -1 : 0;
}
