// SPDX-License-Identifier: Apache-2.0
// Runs one hook: config.md "POSIX-platform Hooks", engine-contract 4. Used by the parent and, for
// createContainer and startContainer, by the child: hook_prepare allocates, hook_run does not.
#ifndef NOOK_RUNTIME_PROCESS_HOOK_H
#define NOOK_RUNTIME_PROCESS_HOOK_H

#include <stddef.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/config/spec.h"

struct hook_call {
    const char *kind; // "createRuntime"
    size_t index;     // its place in /hooks/<kind>
    const char *path;
    char *const *argv; // NULL-terminated
    char *const *envp; // NULL-terminated
    int timeout_ms;    // 0 = wait for as long as it takes
};

// default_env: what a hook without `env` gets (NULL-terminated; the runtime's own environment, for
// startContainer the container's). The call points into hook and default_env.
void hook_prepare(const struct spec_hook *hook, enum spec_hook_kind kind, size_t index,
                  char *const *default_env, struct arena *a, struct hook_call *out);

// Runs it and waits: state_json on stdin, then end of file; stdout and stderr are captured, the last 1 KiB of
// each goes into the error; nothing else is inherited; cwd_fd (a descriptor of the bundle; -1: stay) is its
// cwd; it leads its own session, all of which is killed when the time is over. A process that it leaves
// behind with its pipes does not keep us waiting. 0, or -1 with *err: `error running KIND hook #N: exit
// status 3, stdout: ..., stderr: ...`.
int hook_run(const struct hook_call *call, const char *state_json, int cwd_fd, struct error *err);

#endif
