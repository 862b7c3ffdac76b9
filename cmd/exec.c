// SPDX-License-Identifier: Apache-2.0
// nook exec: runs one more process in a container.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "lib/capname.h"
#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/config/parse.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/selfexe.h"

enum { MAX_PROCESS = 16 << 20 };

struct exec_options {
    const char *process, *pid_file, *console_socket, *pidfd_socket, *cwd, *user, *process_label, *apparmor;
    struct option_list env, additional_gids, caps, cgroups;
    uint64_t preserve_fds;
    bool detach, tty, no_new_privs, ignore_paused;
};

// ---------------------------------------------------------------- from the command line

static int set_user(const char *text, struct spec_user *user, struct arena *a, struct error *err) {
    bool has_gid = false;
    uint32_t uid, gid = user->gid;
    (void)a;
    if (config_parse_user(text, &uid, &gid, &has_gid, err) < 0)
        return -1;
    user->uid = uid;
    user->gid = has_gid ? gid : 0;
    user->additional_gids = NULL;
    user->n_additional_gids = 0;
    return 0;
}

static int add_groups(const struct option_list *list, struct spec_user *user, struct arena *a,
                      struct error *err) {
    for (size_t i = 0; i < list->n; i++) {
        uint64_t gid;
        if (!str_to_u64(list->items[i], UINT32_MAX - 1, &gid))
            return error_set(err, "usage", 0, "invalid value \"%s\" for flag --additional-gids",
                             list->items[i]);
        *ARENA_PUSH(a, user->additional_gids, user->n_additional_gids) = (uint32_t)gid;
    }
    return 0;
}

// --cap adds to bounding, effective and permitted; to ambient only what is inheritable already
// (CVE-2022-29162).
static int add_caps(const struct option_list *list, struct spec_process *p, struct arena *a,
                    struct error *err) {
    if (list->n == 0)
        return 0;
    struct spec_capabilities *caps = arena_alloc(a, sizeof(*caps));
    if (p->capabilities)
        *caps = *p->capabilities;
    for (size_t i = 0; i < list->n; i++) {
        int number = capname_number(list->items[i]);
        if (number < 0)
            return error_set(err, "usage", 0, "unknown capability \"%s\"", list->items[i]);
        uint64_t bit = 1ULL << number;
        caps->bounding |= bit;
        caps->effective |= bit;
        caps->permitted |= bit;
        if (caps->inheritable & bit)
            caps->ambient |= bit;
    }
    p->capabilities = caps;
    return 0;
}

static int add_env(const struct option_list *list, struct spec_process *p, struct arena *a,
                   struct error *err) {
    const char **env = arena_calloc(a, p->n_env + list->n + 1, sizeof(*env));
    size_t n = 0;
    for (size_t i = 0; i < p->n_env; i++) {
        size_t name = strcspn(p->env[i], "=");
        bool replaced = false;
        for (size_t k = 0; k < list->n; k++)
            replaced = replaced ||
                       (strcspn(list->items[k], "=") == name && memcmp(list->items[k], p->env[i], name) == 0);
        if (!replaced)
            env[n++] = p->env[i];
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!strchr(list->items[i], '=') || list->items[i][0] == '=')
            return error_set(err, "usage", 0, "invalid value \"%s\" for flag --env: it must be NAME=VALUE",
                             list->items[i]);
        env[n++] = list->items[i];
    }
    p->env = env;
    p->n_env = n;
    return 0;
}

static int process_from_options(const struct command *c, const struct spec *spec, struct spec_process *p,
                                struct error *err) {
    const struct exec_options *o = c->options;
    if (c->n_args < 2)
        return error_set(err, "usage", 0, "process args cannot be empty");
    if (!spec->process)
        return error_set(err, "exec.no-process", 0,
                         "the container's config has no process to take defaults from: use --process");
    *p = *spec->process;
    p->args = c->args + 1;
    p->n_args = c->n_args - 1;
    p->terminal = o->tty;
    p->has_console_size = false;
    if (o->cwd && o->cwd[0] != '/')
        return error_set(err, "usage", 0, "invalid value \"%s\" for flag --cwd: it must be absolute", o->cwd);
    if (o->cwd)
        p->cwd = o->cwd;
    if (o->user && set_user(o->user, &p->user, c->arena, err) < 0)
        return -1;
    if (o->process_label)
        p->selinux_label = o->process_label;
    if (o->apparmor)
        p->apparmor_profile = o->apparmor;
    p->no_new_privileges = p->no_new_privileges || o->no_new_privs;
    if (add_groups(&o->additional_gids, &p->user, c->arena, err) < 0 ||
        add_caps(&o->caps, p, c->arena, err) < 0)
        return -1;
    return o->env.n ? add_env(&o->env, p, c->arena, err) : 0;
}

// What a process file leaves out is as the container has it: a missing list of capabilities must not mean all
// of them.
static int process_from_file(const struct command *c, const struct spec *spec, struct spec_process *p,
                             struct error *err) {
    const struct exec_options *o = c->options;
    cleanup_fd int fd = str_eq(o->process, "-") ? dup(STDIN_FILENO) : open(o->process, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    char *text = fd < 0 ? NULL : fd_read_all(fd, c->arena, MAX_PROCESS, &size);
    if (!text)
        return error_set(err, "config.missing", errno, "read the process file %s", o->process);
    struct spec_process *parsed = config_parse_process(text, size, c->arena, err);
    if (!parsed)
        return -1;
    *p = *parsed;
    const struct spec_process *own = spec->process;
    if (!own)
        return 0;
    if (!p->capabilities)
        p->capabilities = own->capabilities;
    if (!p->apparmor_profile)
        p->apparmor_profile = own->apparmor_profile;
    if (!p->selinux_label)
        p->selinux_label = own->selinux_label;
    if (p->n_rlimits == 0) {
        p->rlimits = own->rlimits;
        p->n_rlimits = own->n_rlimits;
    }
    if (!p->has_oom_score_adj) {
        p->has_oom_score_adj = own->has_oom_score_adj;
        p->oom_score_adj = own->oom_score_adj;
    }
    return 0;
}

static int parse_cgroups(const struct option_list *list, struct exec_request *r, struct arena *a,
                         struct error *err) {
    struct cgroup_sub *subs = arena_calloc(a, list->n + 1, sizeof(*subs));
    for (size_t i = 0; i < list->n; i++) {
        const char *colon = strchr(list->items[i], ':');
        subs[i].controllers =
            colon ? arena_strndup(a, list->items[i], (size_t)(colon - list->items[i])) : NULL;
        subs[i].path = colon ? colon + 1 : list->items[i];
        if (!*subs[i].path)
            return error_set(err, "usage", 0, "invalid value \"%s\" for flag --cgroup", list->items[i]);
    }
    r->cgroups = subs;
    r->n_cgroups = list->n;
    return 0;
}

// ---------------------------------------------------------------- the verb

static int check_status(enum state_status status, bool ignore_paused, struct error *err) {
    switch (status) {
    case STATE_STOPPED:
        return error_set(err, "exec.stopped", 0, "cannot exec in a stopped container");
    case STATE_CREATING:
        return error_set(err, "exec.creating", 0, "cannot exec in a container that is still being created");
    case STATE_PAUSED:
        return ignore_paused
                   ? 0
                   : error_set(err, "exec.paused", 0,
                               "cannot exec in a paused container (use --ignore-paused to override)");
    default:
        return 0;
    }
}

static int run_exec(struct command *c, struct state_dir *dir, const struct state *s, int image,
                    struct error *err) {
    const struct exec_options *o = c->options;
    if (check_status(command_status(c, dir, s), o->ignore_paused, err) < 0)
        return -1;
    struct spec *spec = launch_saved_spec(dir, c->arena, err);
    if (!spec)
        return -1;
    struct spec_process process = { 0 };
    if ((o->process ? process_from_file : process_from_options)(c, spec, &process, err) < 0)
        return -1;
    if (o->detach && process.terminal && !o->console_socket) {
        error_set(err, "terminal.no-socket", 0, "a detached process has nobody to hold its terminal");
        return error_hint(err, "leave out --tty or --detach, or pass --console-socket");
    }
    struct exec_request request = {
        .dir = dir,
        .state = s,
        .spec = spec,
        .process = &process,
        .pid_file = o->pid_file,
        .console_socket = o->console_socket,
        .preserve_fds = (unsigned)o->preserve_fds,
        .image = image,
        .detach = o->detach,
        .trace = c->trace,
    };
    if (parse_cgroups(&o->cgroups, &request, c->arena, err) < 0)
        return -1;
    return launch_exec(&request, c->arena, err);
}

static int cmd_exec(struct command *c, struct error *err) {
    const struct exec_options *o = c->options;
    if (o->pidfd_socket) {
        error_set(err, "unsupported", 0, "--pidfd-socket is not supported by this version");
        return error_prefix(err, "exec failed");
    }
    if (command_close_leaks((unsigned)o->preserve_fds, -1, err) < 0)
        return error_prefix(err, "exec failed");
    int image = -1;
    if (selfexe_protect(c->argv, &image, err) < 0)
        return -1;
    struct state_dir dir = STATE_DIR_NONE;
    struct state s;
    int rc = command_open_container(c, &dir, &s, err);
    if (rc == 0)
        rc = run_exec(c, &dir, &s, image, err);
    state_close(&dir);
    return rc < 0 ? error_prefix(err, "exec failed") : rc;
}

#define EXEC(member) offsetof(struct exec_options, member)
static const struct option exec_option_table[] = {
    { .name = "process",
      .short_name = 'p',
      .kind = OPTION_STRING,
      .offset = EXEC(process),
      .arg = "FILE",
      .help = "the process as JSON; the command line then does not count" },
    { .name = "detach",
      .short_name = 'd',
      .kind = OPTION_FLAG,
      .offset = EXEC(detach),
      .help = "return when the program runs" },
    { .name = "pid-file",
      .kind = OPTION_STRING,
      .offset = EXEC(pid_file),
      .arg = "FILE",
      .help = "write the process's pid to FILE" },
    { .name = "console-socket",
      .kind = OPTION_STRING,
      .offset = EXEC(console_socket),
      .arg = "PATH",
      .help = "AF_UNIX socket that gets the terminal's master" },
    { .name = "pidfd-socket",
      .kind = OPTION_STRING,
      .offset = EXEC(pidfd_socket),
      .arg = "PATH",
      .help = "AF_UNIX socket that gets a pidfd of the process" },
    { .name = "cwd",
      .kind = OPTION_STRING,
      .offset = EXEC(cwd),
      .arg = "DIR",
      .help = "its current directory" },
    { .name = "env",
      .short_name = 'e',
      .kind = OPTION_LIST,
      .offset = EXEC(env),
      .arg = "NAME=VALUE",
      .help = "set a variable" },
    { .name = "tty",
      .short_name = 't',
      .kind = OPTION_FLAG,
      .offset = EXEC(tty),
      .help = "give it a terminal" },
    { .name = "user",
      .short_name = 'u',
      .kind = OPTION_STRING,
      .offset = EXEC(user),
      .arg = "UID[:GID]",
      .help = "run as this user" },
    { .name = "additional-gids",
      .short_name = 'g',
      .kind = OPTION_LIST,
      .offset = EXEC(additional_gids),
      .arg = "GID",
      .help = "one more group" },
    { .name = "process-label",
      .kind = OPTION_STRING,
      .offset = EXEC(process_label),
      .arg = "LABEL",
      .help = "its SELinux label" },
    { .name = "apparmor",
      .kind = OPTION_STRING,
      .offset = EXEC(apparmor),
      .arg = "PROFILE",
      .help = "its AppArmor profile" },
    { .name = "no-new-privs", .kind = OPTION_FLAG, .offset = EXEC(no_new_privs), .help = "set no_new_privs" },
    { .name = "cap",
      .short_name = 'c',
      .kind = OPTION_LIST,
      .offset = EXEC(caps),
      .arg = "CAP",
      .help = "add a capability" },
    { .name = "preserve-fds",
      .kind = OPTION_UINT,
      .offset = EXEC(preserve_fds),
      .arg = "N",
      .max = 65536,
      .help = "pass N more descriptors, from 3 on" },
    { .name = "cgroup",
      .kind = OPTION_LIST,
      .offset = EXEC(cgroups),
      .arg = "[CONTROLLERS:]PATH",
      .help = "run in a cgroup below the container's" },
    { .name = "ignore-paused",
      .kind = OPTION_FLAG,
      .offset = EXEC(ignore_paused),
      .help = "also when the container is paused" },
    { .name = NULL },
};

const struct verb verb_exec = {
    .name = "exec",
    .args = "CONTAINER [COMMAND [ARG...]]",
    .summary = "Run one more process in a container",
    .details =
        "The exit code is the process's, 128 + N when signal N ended it, or 255 when it could not be run.",
    .options = exec_option_table,
    .values_size = sizeof(struct exec_options),
    .min_args = 1,
    .max_args = -1,
    .options_first = true,
    .failure = 255,
    .run = cmd_exec,
};
