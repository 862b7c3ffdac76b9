// SPDX-License-Identifier: Apache-2.0
// Why execve(2) failed, in words: no #! line, missing interpreter, CR LF, other machine, noexec mount. Child
// side.
#ifndef NOOK_RUNTIME_PROCESS_EXECVE_EXPLAIN_H
#define NOOK_RUNTIME_PROCESS_EXECVE_EXPLAIN_H

#include "lib/error.h"

// After execve(path) failed with errnum: reads the head of the file and fills *err with `exec: "path": what`
// plus a hint when the cause is known. code "exec.failed". Always returns -1.
int execve_explain(const char *path, int errnum, struct error *err);

#endif
