// SPDX-License-Identifier: Apache-2.0
// init's steps that make the process what the config says, and the last one, which executes the program.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/init/steps.h"
#include "runtime/process/attributes.h"
#include "runtime/process/execve_explain.h"
#include "runtime/process/labels.h"
#include "runtime/process/landlock.h"
#include "runtime/process/lookup.h"
#include "runtime/process/rlimits.h"
#include "runtime/process/stdio.h"
#include "runtime/process/terminal.h"
#include "runtime/process/user.h"

// The master goes to who asked for it, the slave stays open until the stdio is exchanged.
static int step_terminal(struct init *in, const struct step *s, struct error *err) {
    bool outer = in->joins || (s->flags & PLAN_OUTER_TERMINAL);
    int root = outer ? AT_FDCWD : in->rootfs.root_fd;
    int caller = in->console_sock < 0 ? STDIN_FILENO : -1; // in the foreground
    if (terminal_open(root, caller, in->plan->process, &in->terminal_master, &in->terminal_slave, err) < 0)
        return -1;
    if (!outer && rootfs_console(&in->rootfs, in->terminal_slave, err) < 0)
        return -1;
    if (in->console_sock >= 0) {
        if (terminal_send(in->console_sock, in->terminal_master, err) < 0)
            return -1;
    } else if (message_send(in->sock, MESSAGE_TERMINAL, 0, in->terminal_master) < 0) {
        return error_set(err, "terminal.failed", errno, "hand the terminal to the runtime");
    }
    fd_close(&in->terminal_master);
    fd_close(&in->console_sock);
    return terminal_attach(fd_steal(&in->terminal_slave), err);
}

static int step_cwd(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return lookup_chdir(in->plan->process->cwd, &in->plan->process->user, !in->joins, err);
}

static int step_find_executable(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    struct plan *p = (struct plan *)in->plan;
    if (!p->env_has_home) {
        size_t n = str_copy(in->home, sizeof(in->home), "HOME=");
        user_home(AT_FDCWD, p->process->user.uid, in->home + n, sizeof(in->home) - n);
        p->env[p->n_env] = in->home;
    }
    return lookup_executable(p->process, in->executable, sizeof(in->executable), err);
}

static int step_start_container_hooks(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return init_run_hooks(in, &in->start_container, err);
}

static int step_rlimits(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rlimits_apply(in->plan->process->rlimits, in->plan->process->n_rlimits, err);
}

static int step_stdio(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    const struct spec_user *user = &in->plan->process->user;
    if (stdio_reopen_null(in->plan->image_dev, err) < 0)
        return -1;
    return stdio_fix_owner(user->uid, user->gid, err);
}

static int step_label(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    const struct spec_process *p = in->plan->process;
    if (p->apparmor_profile &&
        labels_set_apparmor(in->rootfs.proc_fd, p->apparmor_profile, p->no_new_privileges, err) < 0)
        return -1;
    return p->selinux_label ? labels_set_selinux(in->rootfs.proc_fd, p->selinux_label, err) : 0;
}

// A root that was entered by chroot(2) holds in whoever cannot do that again: the program, but hooks as well.
static int step_drop_chroot(struct init *in, const struct step *s, struct error *err) {
    (void)in, (void)s;
    return capabilities_give_up(CAP_SYS_CHROOT, err);
}

static bool has_seccomp(const struct init *in) {
    return in->seccomp.len > 0;
}

// Without no_new_privs a filter needs CAP_SYS_ADMIN: it is kept for that one call.
static uint64_t kept(const struct init *in) {
    bool keep = has_seccomp(in) && !in->plan->process->no_new_privileges;
    return keep ? 1ULL << CAP_SYS_ADMIN : 0;
}

static int step_user(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    const struct spec_process *p = in->plan->process;
    user_set_umask(&p->user);
    if (user_set_groups(&p->user, in->rootfs.proc_fd, err) < 0)
        return -1;
    bool caps = p->capabilities != NULL;
    if (caps && capabilities_bound(&in->capabilities, &in->limits, err) < 0)
        return -1;
    if (user_become(&p->user, caps, err) < 0)
        return -1;
    if (caps && capabilities_apply(&in->capabilities, kept(in), err) < 0)
        return -1;
    return p->no_new_privileges ? no_new_privs_set(err) : 0;
}

static int step_signal_scope(struct init *in, const struct step *s, struct error *err) {
    (void)in, (void)s;
    return landlock_scope_signals(err) < 0 ? -1 : 0;
}

// The supervisor is our parent.
static int step_die_with_parent(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return parent_death_signal(SIGKILL, in->supervisor, err);
}

static int step_seccomp(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    if (seccomp_install(&in->seccomp, err) < 0)
        return -1;
    return in->plan->process->capabilities && kept(in) ? capabilities_finish(&in->capabilities, err) : 0;
}

static int step_execve(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    struct plan *p = (struct plan *)in->plan;
    execve(in->executable, (char *const *)p->process->args, p->env);
    return execve_explain(in->executable, errno, err);
}

const init_step init_process_steps[N_STEP_OPS] = {
    [STEP_TERMINAL] = step_terminal,
    [STEP_CWD] = step_cwd,
    [STEP_FIND_EXECUTABLE] = step_find_executable,
    [STEP_START_CONTAINER_HOOKS] = step_start_container_hooks,
    [STEP_DROP_CHROOT] = step_drop_chroot,
    [STEP_RLIMITS] = step_rlimits,
    [STEP_STDIO] = step_stdio,
    [STEP_LABEL] = step_label,
    [STEP_SIGNAL_SCOPE] = step_signal_scope,
    [STEP_USER] = step_user,
    [STEP_DIE_WITH_PARENT] = step_die_with_parent,
    [STEP_SECCOMP] = step_seccomp,
    [STEP_EXECVE] = step_execve,
};
