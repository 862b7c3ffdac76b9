// SPDX-License-Identifier: Apache-2.0
// How long each step took.
#include "config.h"

#include "runtime/init/trace.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "lib/fd.h"
#include "lib/json.h"
#include "lib/str.h"

static int failed(const char *path, struct error *err) {
    return error_set_at(err, "trace.failed", errno, "option:trace", "cannot write the trace to %s", path);
}

struct trace *trace_new(const char *path, struct error *err) {
    cleanup_fd int fd = fd_create(path);
    void *p =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, sizeof(struct trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED)
        return p;
    failed(path, err);
    return NULL;
}

uint64_t trace_now(void) {
    struct timespec t;
    // The other clocks show init's time namespace.
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

void trace_add(struct trace *t, uint32_t thread, const char *name, const char *origin, uint64_t begin) {
    if (!t)
        return;
    uint32_t i = atomic_fetch_add(&t->n, 1);
    if (i >= TRACE_EVENTS)
        return;
    struct trace_event *e = &t->events[i];
    str_copy(e->name, sizeof(e->name), name);
    str_copy(e->origin, sizeof(e->origin), origin ? origin : "");
    e->begin = begin;
    e->end = trace_now();
    e->thread = thread;
}

int trace_write(const struct trace *t, const char *path, struct error *err) {
    struct arena a = { 0 };
    struct json j;
    json_init(&j, &a, false);
    json_object(&j, NULL);
    json_string(&j, "displayTimeUnit", "ms");
    json_array(&j, "traceEvents");
    uint32_t n = t->n < TRACE_EVENTS ? t->n : TRACE_EVENTS;
    for (uint32_t i = 0; i < n; i++) {
        const struct trace_event *e = &t->events[i];
        json_object(&j, NULL);
        json_string(&j, "name", e->name);
        json_string(&j, "ph", "X");
        json_string(&j, "cat", e->thread == 1 ? "parent" : "init");
        json_raw(&j, "ts",
                 arena_printf(&a, "%llu.%03u", (unsigned long long)(e->begin / 1000),
                              (unsigned)(e->begin % 1000)));
        uint64_t took = e->end - e->begin;
        json_raw(&j, "dur",
                 arena_printf(&a, "%llu.%03u", (unsigned long long)(took / 1000), (unsigned)(took % 1000)));
        json_int(&j, "pid", 1);
        json_uint(&j, "tid", e->thread);
        json_object(&j, "args");
        if (e->origin[0])
            json_string(&j, "origin", e->origin);
        json_object_end(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    cleanup_fd int fd = fd_create(path);
    int rc = fd < 0 || fd_write_all(fd, j.text, j.size) < 0 ? failed(path, err) : 0;
    arena_free(&a);
    return rc;
}
