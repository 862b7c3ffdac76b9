// SPDX-License-Identifier: Apache-2.0
// delete --force where state.json is missing or damaged: what else tells what create made.
#ifndef NOOK_RUNTIME_LAUNCH_RECOVER_H
#define NOOK_RUNTIME_LAUNCH_RECOVER_H

#include "lib/arena.h"
#include "lib/error.h"
#include "state/state.h"

// Completes *state, of which state_load() may have read nothing but the id: the cgroups, from the saved
// config's cgroupsPath or, without one, by their default name; the root, where its mounts are the host's; so
// that launch_kill_all() and launch_delete() can do their work. What it goes by is logged as a warning. 0, or
// -1 with *err: the cgroups cannot be known, or hold ourselves ("recover.own-cgroup").
int launch_recover(const struct state_dir *dir, struct state *state, struct arena *a, struct error *err);

// The same for an entry of which the directory alone is left, <root>/<id>: claims the id, so that nobody
// makes a new container meanwhile. 1: *dir and *state are filled in; 0: there is no such entry; -1 with *err.
int launch_recover_empty(const char *root, const char *id, struct state_dir *dir, struct state *state,
                         struct arena *a, struct error *err);

#endif
