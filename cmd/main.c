// SPDX-License-Identifier: Apache-2.0
// nook: finds the verb, reads the options, prints the one error line.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/help.h"
#include "lib/log.h"
#include "lib/str.h"
#include "runtime/supervisor/supervisor.h"

const struct verb *const verbs[] = {
    &verb_create, &verb_start, &verb_run,      &verb_exec,    &verb_kill,  &verb_delete, &verb_state,
    &verb_list,   &verb_spec,  &verb_features, &verb_explain, &verb_check, NULL,
};

// Verbs of runc and crun that are not in this version. Each is refused before its options are read, --help
// too: engines take a --help that works for the verb itself (podman probes checkpoint and restore).
static const char *const unsupported_verbs[] = {
    "pause", "resume", "update", "ps", "events", "checkpoint", "restore", "mounts", NULL,
};

static const struct option_choice log_formats[] = { { "text" }, { "json" }, { NULL } };
static const struct option_choice managers[] = { { "cgroupfs" }, { "systemd" }, { "disabled" }, { NULL } };
static const struct option_choice policies[] = { { "strict" }, { "warn" }, { NULL } };
static const struct option_choice dev_kinds[] = { { "nook" }, { "host" }, { NULL } };
static const struct option_choice isolations[] = {
    { "oci" }, { "chroot" }, { "bare" }, { "auto" }, { NULL }
};

#define GLOBAL(member) offsetof(struct command, global.member)
const struct option global_options[] = {
    { .name = "root",
      .kind = OPTION_STRING,
      .offset = GLOBAL(root),
      .arg = "DIR",
      .help = "where containers' states are kept (default /run/nook, rootless $XDG_RUNTIME_DIR/nook)" },
    { .name = "log",
      .kind = OPTION_STRING,
      .offset = GLOBAL(log),
      .arg = "FILE",
      .help = "also log to FILE, file:FILE, syslog:IDENT or journald:IDENT" },
    { .name = "log-format",
      .kind = OPTION_STRING,
      .offset = GLOBAL(log_format),
      .arg = "FORMAT",
      .choices = log_formats,
      .help = "text (the default) or json" },
    { .name = "log-level",
      .kind = OPTION_STRING,
      .offset = GLOBAL(log_level),
      .arg = "LEVEL",
      .help = "error (the default), warning, info or debug" },
    { .name = "debug",
      .kind = OPTION_FLAG,
      .offset = GLOBAL(debug),
      .help = "the same as --log-level debug" },
    { .name = "cgroup-manager",
      .kind = OPTION_STRING,
      .offset = GLOBAL(cgroup_manager),
      .arg = "NAME",
      .choices = managers,
      .help = "cgroupfs (the default) or disabled" },
    { .name = "systemd-cgroup",
      .kind = OPTION_FLAG,
      .offset = GLOBAL(systemd_cgroup),
      .help = "the same as --cgroup-manager systemd, which this version refuses" },
    { .name = "isolation",
      .kind = OPTION_STRING,
      .offset = GLOBAL(isolation),
      .arg = "NAME",
      .choices = isolations,
      .help = "oci (the default), chroot, bare or auto; also $NOOK_ISOLATION; see docs/isolation.md" },
    { .name = "chroot-policy",
      .kind = OPTION_STRING,
      .offset = GLOBAL(chroot_policy),
      .arg = "NAME",
      .choices = policies,
      .help = "strict (the default): refuse what the isolation cannot enforce; warn: go on without" },
    { .name = "chroot-dev",
      .kind = OPTION_STRING,
      .offset = GLOBAL(chroot_dev),
      .arg = "NAME",
      .choices = dev_kinds,
      .help = "in chroot isolation: nook (the default), a /dev of its own, or host, the whole outer one" },
    { .name = "trace",
      .kind = OPTION_STRING,
      .offset = GLOBAL(trace),
      .arg = "FILE",
      .help = "write how long each step took, for chrome://tracing or ui.perfetto.dev" },
    { .name = "rootless",
      .kind = OPTION_STRING,
      .offset = GLOBAL(rootless),
      .arg = "BOOL",
      .help = "accepted for runc's sake, without effect" },
    { .name = "version",
      .short_name = 'v',
      .kind = OPTION_FLAG,
      .offset = GLOBAL(version),
      .help = "show the version" },
    { .name = "V", .short_name = 'V', .kind = OPTION_FLAG, .offset = GLOBAL(version) },
    { .name = NULL },
};

// Standard streams that the caller left closed would be taken by the first files we open: a container's log
// would go into state.json. See also open(2), "lowest-numbered".
static int open_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
            return -1;
    return 0;
}

static int open_log(const struct command *c, struct error *err) {
    enum log_level level = LOG_LEVEL_ERROR;
    bool json = c->global.log_format && str_eq(c->global.log_format, "json");
    int rc = 0;

    if (c->global.log_level && !log_level_parse(c->global.log_level, &level))
        rc = error_set(err, "usage", 0, "invalid value \"%s\" for flag --log-level", c->global.log_level);
    if (c->global.debug)
        level = LOG_LEVEL_DEBUG;
    // The log is opened even so: the error belongs into it.
    struct error log_err;
    if (log_open(c->global.log, json, level, rc < 0 ? &log_err : err) < 0)
        rc = -1;
    return rc;
}

static int settle_globals(struct command *c, struct error *err) {
    const char *isolation = c->global.isolation ? c->global.isolation : getenv("NOOK_ISOLATION");
    c->isolation = isolation && *isolation ? arena_strdup(c->arena, isolation) : "oci";
    c->chroot_warn = c->global.chroot_policy && str_eq(c->global.chroot_policy, "warn");
    c->debug = c->global.debug;
    c->trace = c->global.trace;
    if (c->global.cgroup_manager && str_eq(c->global.cgroup_manager, "disabled"))
        c->cgroup_manager = CGROUP_MANAGER_DISABLED;
    if (c->global.systemd_cgroup || (c->global.cgroup_manager && str_eq(c->global.cgroup_manager, "systemd")))
        c->cgroup_manager = CGROUP_MANAGER_SYSTEMD;

    c->root_given = c->global.root && *c->global.root;
    c->root = c->root_given ? c->global.root : state_default_root(c->arena);
    if (c->root[0] != '/') {
        char *cwd = getcwd(NULL, 0);
        if (!cwd)
            return error_set(err, "usage", errno, "--root %s: the current directory", c->root);
        c->root = arena_printf(c->arena, "%s/%s", cwd, c->root);
        free(cwd);
    }
    return 0;
}

static int find_verb(struct command *c, const char *name, struct error *err) {
    for (const struct verb *const *v = verbs; *v; v++) {
        if (str_eq((*v)->name, name)) {
            c->verb = *v;
            return 0;
        }
    }
    for (const char *const *v = unsupported_verbs; *v; v++)
        if (str_eq(*v, name))
            return error_set(err, "unsupported", 0, "\"%s\" is not supported by this version", name);
    error_set(err, "usage", 0, "unknown command \"%s\"", name);
    return error_hint(err, "nook --help lists them");
}

static int check_args(const struct command *c, struct error *err) {
    const struct verb *v = c->verb;
    bool missing = c->n_args < (size_t)v->min_args;
    if (!missing && (v->max_args < 0 || c->n_args <= (size_t)v->max_args))
        return 0;
    error_set(err, "usage", 0, "%s: %s", v->name, missing ? "missing argument" : "too many arguments");
    return error_hint(err, "usage: nook %s [OPTIONS]%s%s", v->name, v->args[0] ? " " : "", v->args);
}

// A global option behind the command is a mistake that is easily made.
static void explain_unknown_flag(struct error *err) {
    static const char unknown[] = "unknown flag --";
    if (!str_starts(err->msg, unknown))
        return;
    for (const struct option *o = global_options; o->name; o++)
        if (str_eq(err->msg + strlen(unknown), o->name))
            error_hint(err, "it is a global option: write it before the command");
}

// Runs the verb in args[0]. The exit code, or -1 with *err.
static int run_verb(struct command *c, const char *const *args, size_t n, struct error *err) {
    struct option_result result;

    if (find_verb(c, args[0], err) < 0)
        return -1;
    c->options = arena_alloc(c->arena, c->verb->values_size + 1);
    if (options_parse(c->verb->options, args + 1, n - 1, c->verb->options_first, c->arena, c->options,
                      &result, err) < 0) {
        explain_unknown_flag(err);
        error_prefix(err, "%s", c->verb->name);
        return -1;
    }
    if (result.help) {
        help_print_verb(c->verb);
        return 0;
    }
    c->args = result.positional;
    c->n_args = result.n_positional;
    if (check_args(c, err) < 0)
        return -1;
    return c->verb->run(c, err);
}

static int run_command(struct command *c, const char *const *args, size_t n, struct error *err) {
    size_t used = 0;
    bool help = false;
    int parsed = options_parse_leading(global_options, args, n, c->arena, c, &used, &help, err);
    struct error log_err;
    // A log that was named before the mistake gets to know of it.
    if (open_log(c, parsed < 0 ? &log_err : err) < 0 || parsed < 0)
        return -1;
    if (settle_globals(c, err) < 0)
        return -1;
    if (c->global.version) {
        help_print_version();
        return 0;
    }
    if (help || used == n || (str_eq(args[used], "help") && used + 1 == n)) {
        help_print();
        return 0;
    }
    if (str_eq(args[used], "help")) {
        if (find_verb(c, args[used + 1], err) < 0)
            return -1;
        help_print_verb(c->verb);
        return 0;
    }
    return run_verb(c, args + used, n - used, err);
}

int main(int argc, char **argv) {
    // Executed by ourselves, for a container without a PID namespace.
    if (argc > 0 && str_eq(argv[0], SUPERVISOR_NAME))
        return supervisor_main(argc, argv);
    struct arena arena = { 0 };
    struct command c = { .arena = &arena, .argv = argv };
    struct error err = { 0 };

    // Who starts us with SIGCHLD ignored would have the kernel reap what we wait for.
    signal(SIGCHLD, SIG_DFL);
    if (open_standard_streams() < 0)
        return 1;
    int rc = run_command(&c, (const char *const *)argv + 1, argc > 0 ? (size_t)argc - 1 : 0, &err);
    if (rc >= 0 && fflush(stdout) != 0)
        rc = error_set(&err, "output.failed", errno, "write to standard output");
    if (rc < 0) {
        log_error(&err);
        rc = c.verb && c.verb->failure ? c.verb->failure : 1;
    }
    arena_free(&arena);
    return rc;
}
