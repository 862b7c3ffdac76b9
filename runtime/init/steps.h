// SPDX-License-Identifier: Apache-2.0
// The steps that init can carry out, one function an opcode; for init.c alone.
#ifndef NOOK_RUNTIME_INIT_STEPS_H
#define NOOK_RUNTIME_INIT_STEPS_H

#include "lib/error.h"
#include "runtime/init/init.h"
#include "runtime/init/message.h"

typedef int (*init_step)(struct init *in, const struct step *s, struct error *err);

extern const init_step init_namespace_steps[N_STEP_OPS]; // namespaces.c
extern const init_step init_root_steps[N_STEP_OPS];      // root.c
extern const init_step init_process_steps[N_STEP_OPS];   // process.c

// Tells the parent something that is no failure; it logs it.
void init_warn(struct init *in, const char *text);
// Asks the parent for something and waits for its GO. 0, or -1 with *err when it is gone.
int init_ask(struct init *in, enum message_type what, struct error *err);
// Runs prepared hooks with the state `created` on stdin.
int init_run_hooks(struct init *in, const struct init_hooks *hooks, struct error *err);

#endif
