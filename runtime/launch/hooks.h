// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the runtime's own namespaces, and the state JSON that every hook gets on stdin.
#ifndef NOOK_RUNTIME_LAUNCH_HOOKS_H
#define NOOK_RUNTIME_LAUNCH_HOOKS_H

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/config/spec.h"

struct hook_subject {
    const struct spec *spec;
    const char *id, *bundle, *rootfs;
};

// The state of runtime.md plus `root`; pid 0 leaves it out (poststop).
const char *hooks_state_json(const struct hook_subject *s, const char *status, pid_t pid, struct arena *a);

// The same around a pid that is not known yet: head + decimal pid + tail.
void hooks_state_parts(const struct hook_subject *s, const char *status, struct arena *a, const char **head,
                       const char **tail);

// Runs the hooks of one kind in order. Stops at the first failure with -1 and *err, unless failures are only
// to be warned of (poststop): then all run, and the result is 0.
int hooks_run(const struct hook_subject *s, enum spec_hook_kind kind, const char *status, pid_t pid,
              struct arena *a, struct error *err);

#endif
