// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/landlock.h"
#include "config.h"
int landlock_scope_signals(struct error *err) {
    (void)err;
    return 1;
}
