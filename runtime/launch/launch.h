// SPDX-License-Identifier: Apache-2.0
// The parent's side of a container's life: create and run, start, exec, delete. Each undoes what it did when
// it fails.
#ifndef NOOK_RUNTIME_LAUNCH_LAUNCH_H
#define NOOK_RUNTIME_LAUNCH_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/init/trace.h"
#include "runtime/plan/plan.h"
#include "runtime/process/foreground.h"
#include "state/state.h"

struct launch_request {
    struct plan_request plan;
    const char *root;           // state root
    const char *cgroup_manager; // for the state: "cgroupfs", "disabled"
    const char *config_text;    // config.json as read, copied to the state directory
    size_t config_size;
    const char
        *report; // JSON of what the isolation does not enforce, kept in the state directory; NULL: nothing
    int image;   // of selfexe_protect: closed by the launch
    bool foreground;   // run without --detach: wait for the program and delete the container
    bool keep;         // run --keep: do not delete it
    const char *trace; // --trace FILE, or NULL
};

// create, and the first half of run: makes the container and leaves init waiting for `start`
// (plan.wait_start), or executes the program. With foreground: waits for its end. Returns the exit code (0
// unless foreground), or -1 with *err; then nothing is left of the container.
int launch_container(const struct launch_request *request, const struct plan *plan, struct arena *a,
                     struct error *err);

// start: releases init, waits until it has executed the program, runs the poststart hooks. `dir` and `state`
// are loaded. A failing startContainer or poststart hook destroys the container. 0, or -1 with *err.
int launch_start(struct state_dir *dir, const struct state *state, struct arena *a, struct error *err);

struct exec_request {
    const struct state_dir *dir;
    const struct state *state;
    const struct spec *spec;            // of the container, for its seccomp profile
    const struct spec_process *process; // what to run
    const struct cgroup_sub *cgroups;
    size_t n_cgroups;
    const char *pid_file, *console_socket;
    unsigned preserve_fds;
    int image; // of selfexe_protect: closed by the launch
    bool detach;
    const char *trace;
};

// exec: runs one more process in the container. The exit code (0 when detached), or -1 with *err.
int launch_exec(const struct exec_request *request, struct arena *a, struct error *err);

// The config as it was at create, from the state directory's copy. NULL with *err.
struct spec *launch_saved_spec(const struct state_dir *dir, struct arena *a, struct error *err);

// The same, only when it can hold hooks of that kind ("poststart"): the copy is searched before it is parsed.
// NULL with an empty err->code when there are none.
struct spec *launch_spec_with_hooks(const struct state_dir *dir, const char *kind, struct arena *a,
                                    struct error *err);

// The recorded cgroups as the cgroup room wants them.
struct cgroup_place *launch_cgroup_places(const struct state *state, struct arena *a, size_t *n);

// Those of them in which every process is the container's: what create made; all of them when nothing else
// says who belongs to it (no PID namespace of its own, or an init that is not known).
struct cgroup_place *launch_own_places(const struct state *state, struct arena *a, size_t *n);

// kill --all: the signal for every process of the container. With neither a cgroup nor a PID namespace of its
// own nobody knows them: that is the caller's to refuse. None left: 0.
int launch_signal_all(const struct state *state, int sig, struct arena *a, struct error *err);

// What is frozen cannot die. 0, or -1 with *err.
int launch_thaw(const struct cgroup_place *places, size_t n, struct error *err);

// Unmounts the root of a container without a mount namespace of its own, if it is mounted. 0, or -1 with
// *err.
int launch_unmount_root(const struct state *state, struct error *err);

// delete: removes what is left of a stopped container: cgroups, mounts, state; runs the poststop hooks (their
// failure is a warning). spec: when the caller has it, else NULL. Closes dir. 0, or -1 with *err.
int launch_delete(struct state_dir *dir, const struct state *state, const struct spec *spec, struct arena *a,
                  struct error *err);

// delete --force, before launch_delete; dir is open, or NULL: nobody can be asked. Kills init and every
// process of the container, whatever its state, and waits (10 s at most) for their end. 0, or -1 with *err.
int launch_kill_all(const struct state_dir *dir, const struct state *state, struct arena *a,
                    struct error *err);

// Do processes of a supervised container live although its supervisor is gone? Then it is not `stopped`.
bool launch_has_leftovers(const struct state_dir *dir, const struct state *state);

// For a verb that needs a supervisor, or a payload: if it is so, the error gets a hint that says it. -1.
int launch_hint_leftovers(const struct state_dir *dir, const struct state *state, struct error *err);

#endif
