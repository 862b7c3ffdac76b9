// SPDX-License-Identifier: Apache-2.0
// What the parent prepares for the process that create, run and exec make.
#ifndef NOOK_RUNTIME_LAUNCH_PROCESS_H
#define NOOK_RUNTIME_LAUNCH_PROCESS_H

#include "runtime/init/init.h"
#include "runtime/launch/launch.h"

// An init with no descriptor open.
void process_init(struct init *in, const struct plan *plan);

// Checks the labels against the LSMs of this host, finds the capabilities that can be granted (warns of the
// others). fresh_userns: the process will hold every capability of a user namespace.
int process_prepare(struct init *in, bool fresh_userns, struct error *err);

// process.oomScoreAdj, when there is one: the caller takes it for as long as it clones, for who lives in a
// user namespace or is not dumpable cannot set its own. 0, or -1 with *err.
int process_lend_oom_score(struct init *in, struct error *err);
// And takes its own back.
void process_take_back_oom_score(const struct init *in);

#endif
