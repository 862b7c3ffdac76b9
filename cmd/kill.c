// SPDX-License-Identifier: Apache-2.0
// nook kill: sends a signal to init, or to every process of the container.
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "cmd/command.h"
#include "lib/proc.h"
#include "runtime/launch/launch.h"
#include "runtime/supervisor/supervisor.h"

enum { SUPERVISOR_LIMIT_MS = 10 * 1000 };

struct kill_options {
    bool all;
};

static int not_running(struct error *err) {
    return error_set(err, "kill.not-running", 0, "container not running");
}

static int kill_init(const struct state *s, int sig, struct error *err) {
    cleanup_proc struct proc_handle init;
    if (proc_hold(&s->init, &init) < 0)
        return not_running(err);
    if (proc_signal(&init, sig) == 0)
        return 0;
    return errno == ESRCH
               ? not_running(err)
               : error_set(err, "kill.failed", errno, "send signal %d to container %s", sig, s->id);
}

static int kill_all(size_t n_places, const struct state *s, int sig, struct arena *a, struct error *err) {
    if (n_places == 0 && s->shared_pid_namespace)
        return error_set(
            err, "kill.no-cgroup", 0,
            "container %s has neither a cgroup nor a PID namespace: its processes cannot be found", s->id);
    return launch_signal_all(s, sig, a, err);
}

// Nobody listens any more. The payload dies with its supervisor, unless it has taken care not to.
static int kill_orphans(const struct state_dir *dir, const struct state *s, int sig, bool all,
                        struct error *err) {
    struct proc_id payload = state_payload(s);
    cleanup_proc struct proc_handle held = PROC_HANDLE_NONE;
    if (!all && proc_check(&payload) == PROC_ALIVE && proc_hold(&payload, &held) == 0 &&
        proc_signal(&held, sig) == 0)
        return 0;
    not_running(err);
    return launch_hint_leftovers(dir, s, err);
}

// A container whose processes a supervisor looks after. SIGKILL is for all of them: nothing else would end
// who has left init.
static int kill_supervised(struct command *c, const struct state_dir *dir, const struct state *s, int sig,
                           bool all, struct error *err) {
    enum state_status status = command_status(c, dir, s);
    if (status == STATE_STOPPED)
        return all ? 0 : not_running(err);
    if (sig == SIGKILL)
        return launch_kill_all(dir, s, c->arena, err);
    int rc = supervisor_ask_signal(dir->fd, all ? SUPERVISOR_ALL : SUPERVISOR_PAYLOAD, sig,
                                   SUPERVISOR_LIMIT_MS, err);
    if (rc > 0)
        return kill_orphans(dir, s, sig, all, err);
    return rc < 0 && err->err == ESRCH ? not_running(err) : rc;
}

static int cmd_kill(struct command *c, struct error *err) {
    const struct kill_options *o = c->options;
    int sig = signal_parse(c->n_args > 1 ? c->args[1] : "TERM", err);
    if (sig < 0)
        return -1;
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;
    if (command_open_container(c, &dir, &s, err) < 0)
        return -1;
    if (state_is_supervised(&s)) {
        int rc = kill_supervised(c, &dir, &s, sig, o->all, err);
        state_close(&dir);
        return rc;
    }
    enum state_status status = state_status(&dir, &s);
    state_close(&dir);
    size_t n;
    struct cgroup_place *places = launch_cgroup_places(&s, c->arena, &n);
    if (status == STATE_STOPPED && !o->all)
        return not_running(err);
    // Without a PID namespace of its own the death of init ends nobody else.
    bool whole = o->all || (sig == SIGKILL && s.shared_pid_namespace && n > 0);
    if (whole)
        return status == STATE_STOPPED && n == 0 ? 0 : kill_all(n, &s, sig, c->arena, err);
    if (kill_init(&s, sig, err) < 0)
        return -1;
    return sig == SIGKILL ? launch_thaw(places, n, err) : 0;
}

static const struct option kill_option_table[] = {
    { .name = "all",
      .short_name = 'a',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct kill_options, all),
      .help = "every process of the container, not init alone" },
    { .name = NULL },
};

const struct verb verb_kill = {
    .name = "kill",
    .args = "CONTAINER [SIGNAL]",
    .summary = "Send a signal (default TERM) to a container",
    .options = kill_option_table,
    .values_size = sizeof(struct kill_options),
    .min_args = 1,
    .max_args = 2,
    .run = cmd_kill,
};
