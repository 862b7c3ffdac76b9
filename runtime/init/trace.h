// SPDX-License-Identifier: Apache-2.0
// How long each step took: an array in memory that parent and init share, written out by the parent as Chrome
// trace events (--trace FILE).
#ifndef NOOK_RUNTIME_INIT_TRACE_H
#define NOOK_RUNTIME_INIT_TRACE_H

#include <stdint.h>

#include "lib/error.h"

enum { TRACE_EVENTS = 1024, TRACE_NAME = 96 };

struct trace_event {
    char name[TRACE_NAME];
    char origin[TRACE_NAME];
    uint64_t begin, end; // ns of CLOCK_REALTIME, which time namespaces leave alone
    uint32_t thread;     // 1: the parent, 2: init
};

struct trace {
    _Atomic uint32_t n;
    struct trace_event events[TRACE_EVENTS];
};

// Shared memory for one command's events. The file is made (or emptied) at once, so that one which cannot be
// written is known before anything is done. NULL with *err.
struct trace *trace_new(const char *path, struct error *err);

// Notes an event that began at `begin` and ends now. Either may be NULL/0; a full trace drops it.
uint64_t trace_now(void);
void trace_add(struct trace *t, uint32_t thread, const char *name, const char *origin, uint64_t begin);

// Writes the file: {"traceEvents":[...]}. 0, or -1 with *err.
int trace_write(const struct trace *t, const char *path, struct error *err);

#endif
