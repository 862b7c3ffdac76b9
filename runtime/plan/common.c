// SPDX-License-Identifier: Apache-2.0
// What the planners share: lists of steps, the environment, and the last steps of every process.
#include "config.h"

#include <linux/capability.h>
#include <string.h>

#include "lib/str.h"
#include "runtime/plan/planner.h"

struct step *plan_add(struct steps *steps, struct arena *a, enum step_op op, const char *origin) {
    struct step *s = ARENA_PUSH(a, steps->list, steps->n);
    s->op = op;
    s->origin = origin;
    return s;
}

struct rootfs_source *plan_source(const struct plan *p, size_t i, const char **origin) {
    for (size_t k = 0; k < p->parent.n; k++) {
        const struct step *s = &p->parent.list[k];
        if ((s->op == STEP_OPEN_ROOT || s->op == STEP_OPEN_SOURCE) && i-- == 0) {
            *origin = s->origin;
            return s->source;
        }
        if (s->op != STEP_OPEN_DEVICES)
            continue;
        if (i < s->devices->n) {
            *origin = s->devices->origins[i];
            return &s->devices->list[i].from;
        }
        i -= s->devices->n;
    }
    return NULL;
}

static bool has_variable(const struct spec_process *process, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < process->n_env; i++)
        if (strncmp(process->env[i], name, length) == 0 && process->env[i][length] == '=')
            return true;
    return false;
}

void plan_environment(struct plan *p, unsigned listen_fds, bool notify, struct arena *a) {
    const struct spec_process *process = p->process;
    p->env = arena_calloc(a, process->n_env + 5, sizeof(*p->env));
    for (size_t i = 0; i < process->n_env; i++) {
        const char *entry = process->env[i];
        // An empty HOME counts as none.
        if (str_eq(entry, "HOME=") || (notify && str_starts(entry, "NOTIFY_SOCKET=")))
            continue;
        p->env_has_home = p->env_has_home || str_starts(entry, "HOME=");
        p->env[p->n_env++] = (char *)entry;
    }
    if (listen_fds && !has_variable(process, "LISTEN_FDS"))
        p->env[p->n_env++] = arena_printf(a, "LISTEN_FDS=%u", listen_fds);
    if (listen_fds && !has_variable(process, "LISTEN_PID"))
        p->env[p->n_env++] = arena_strdup(a, "LISTEN_PID=1");
    if (notify)
        p->env[p->n_env++] = arena_strdup(a, "NOTIFY_SOCKET=/run/notify/notify.sock");
}

struct spec_capabilities *plan_without_chroot(const struct spec_capabilities *given, bool *lost,
                                              struct arena *a) {
    uint64_t chroot = 1ULL << CAP_SYS_CHROOT;
    *lost = !given ||
            ((given->effective | given->bounding | given->inheritable | given->permitted | given->ambient) &
             chroot);
    if (!given)
        return NULL;
    struct spec_capabilities *caps = arena_alloc(a, sizeof(*caps));
    *caps = *given;
    caps->effective &= ~chroot;
    caps->bounding &= ~chroot;
    caps->inheritable &= ~chroot;
    caps->permitted &= ~chroot;
    caps->ambient &= ~chroot;
    return caps;
}

void plan_last_steps(struct plan *p, bool seccomp, struct arena *a) {
    const struct spec_process *process = p->process;
    plan_add(&p->final, a, STEP_STDIO, "default:stdio");
    if (process->apparmor_profile || process->selinux_label)
        plan_add(&p->final, a, STEP_LABEL,
                 process->apparmor_profile ? "/process/apparmorProfile" : "/process/selinuxLabel");
    if (process->n_rlimits)
        plan_add(&p->final, a, STEP_RLIMITS, "/process/rlimits");
    // A filter needs no_new_privs or CAP_SYS_ADMIN. Where the capabilities are not ours to keep, a change of
    // user takes them away: then the filter comes first.
    bool early = seccomp && !process->capabilities && !process->no_new_privileges;
    if (early)
        plan_add(&p->final, a, STEP_SECCOMP, "/linux/seccomp");
    // Who has no_new_privs may restrict itself, and so may who still has CAP_SYS_ADMIN.
    if (p->scope_signals && !process->no_new_privileges)
        plan_add(&p->final, a, STEP_SIGNAL_SCOPE, "default:supervisor");
    plan_add(&p->final, a, STEP_USER, "/process/user");
    if (p->scope_signals && process->no_new_privileges)
        plan_add(&p->final, a, STEP_SIGNAL_SCOPE, "default:supervisor");
    // A change of ids takes it back, so it comes after the last one: PR_SET_PDEATHSIG(2const).
    if (p->supervised)
        plan_add(&p->final, a, STEP_DIE_WITH_PARENT, "default:supervisor");
    if (seccomp && !early)
        plan_add(&p->final, a, STEP_SECCOMP, "/linux/seccomp");
    plan_add(&p->final, a, STEP_EXECVE, "/process/args");
}
