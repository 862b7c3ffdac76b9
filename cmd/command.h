// SPDX-License-Identifier: Apache-2.0
// A command of nook: its verb, the global options, and what every verb is handed.
#ifndef NOOK_CMD_COMMAND_H
#define NOOK_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/options.h"
#include "lib/arena.h"
#include "lib/error.h"
#include "lib/json.h"
#include "state/state.h"

enum command_cgroup_manager { CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_SYSTEMD, CGROUP_MANAGER_DISABLED };

struct command {
    struct arena *arena;
    const struct verb *verb;
    char **argv; // of main: a verb that makes a process executes itself anew with it

    // Global options as they were given (NULL, false: not given).
    struct {
        const char *root, *log, *log_format, *log_level, *cgroup_manager, *isolation, *trace, *rootless,
            *chroot_policy, *chroot_dev;
        bool debug, systemd_cgroup, version;
    } global;

    // What follows from them.
    const char *root; // never NULL: --root, absolute, or the default
    bool root_given;
    const char *trace;     // --trace FILE: chrome trace-event JSON, or NULL
    const char *isolation; // "oci", "chroot", "bare", "auto"
    bool chroot_warn;      // --chroot-policy=warn
    bool debug;
    enum command_cgroup_manager cgroup_manager;

    void *options;     // the verb's values: zeroed memory of verb->values_size bytes, filled by the parser
    const char **args; // positional arguments, NULL-terminated
    size_t n_args;
};

// One verb; its file in cmd/ defines it as `const struct verb verb_NAME`.
struct verb {
    const char *name;
    const char *args;             // "CONTAINER [SIGNAL]", for help and errors; "" when it takes none
    const char *summary;          // one line
    const char *details;          // more for --help, or NULL
    const struct option *options; // ended by a NULL name; NULL: none but --help
    size_t values_size;           // of the struct that the options' offsets are of
    int min_args, max_args;       // max_args -1: any number
    bool options_first;           // no options behind the first positional (exec)
    int failure;                  // exit code of a failure; 0 means 1

    // Returns the exit code (0...255) of a command that did its work (run, exec: the program's), or -1 with
    // *err set: main prints the one line and exits with `failure`. Nothing in cmd/ but main prints errors.
    int (*run)(struct command *c, struct error *err);
};

extern const struct verb verb_create, verb_start, verb_run, verb_exec, verb_kill, verb_delete, verb_explain,
    verb_check;
extern const struct verb verb_state, verb_list, verb_spec, verb_features;

// For create, run, explain and check: what was asked globally and is not in this version (the systemd cgroup
// manager) or makes no sense is refused here, so that no other verb of such a container fails. 0, or -1 with
// *err.
int command_check_supported(const struct command *c, struct error *err);

// Opens the entry of container args[0] and loads its state: what most verbs begin with. -1 with *err.
int command_open_container(const struct command *c, struct state_dir *dir, struct state *s,
                           struct error *err);

// The status with `paused` in it: asks the cgroups, which state_status() does not know.
enum state_status command_status(const struct command *c, const struct state_dir *dir, const struct state *s);

// The object that `state` and `list` print. Engines decode it over structures of their own: no other keys
// (engine-contract 1.6), but "isolation" for a container that asked for another one than oci: `report`, JSON,
// or NULL. pid is 0 when stopped.
void command_state_json(struct json *j, const struct state *s, enum state_status status, const char *owner,
                        const char *report);

// Closes what the caller leaked to us, all descriptors but 0, 1, 2, `preserve` more, the log's and `also`
// (-1: none), before anything else is opened: none may ever be seen in a container. 0, or -1 with *err.
int command_close_leaks(unsigned preserve, int also, struct error *err);

// Writes text to stdout; a reader that has gone away is a failure. 0, or -1 with *err.
int command_print(const char *text, struct error *err);

// A signal's number from any spelling: "KILL", "sigkill", "9", "RTMIN+3", "SIGRTMAX-1"; "0" is the signal
// that only asks whether the process exists. -1 with *err and the text `unknown signal "X"`. cmd/signals.c
int signal_parse(const char *text, struct error *err);

#endif
