// SPDX-License-Identifier: Apache-2.0
// Unit tests of the trace: the events that parent and child share, and the file that trace viewers read.
#include "config.h"

#include "tests/unit/process_test.h"

#include <errno.h>

#include <yajl/yajl_tree.h>

#include "lib/arena.h"
#include "lib/fd.h"
#include "runtime/init/trace.h"

static struct arena arena;
static struct error error;

static yajl_val at(yajl_val v, const char *name) {
    const char *path[] = { name, NULL };
    return yajl_tree_get(v, path, yajl_t_any);
}

static struct trace *new_trace(void) {
    struct trace *t = trace_new(in_dir("trace.json"), &error);
    assert_non_null(t);
    return t;
}

// Writes the trace and reads it back; *events is its list.
static yajl_val write_and_read(const struct trace *t, yajl_val *events) {
    const char *path = in_dir("trace.json");
    if (trace_write(t, path, &error) < 0)
        fail_msg("%s", error.msg);
    cleanup_fd int fd = open(path, O_RDONLY);
    yajl_val root = yajl_tree_parse(fd_read_all(fd, &arena, 1 << 24, NULL), NULL, 0);
    assert_non_null(root);
    *events = at(root, "traceEvents");
    assert_true(YAJL_IS_ARRAY(*events));
    return root;
}

static void no_trace_no_work(void **state) {
    (void)state;
    trace_add(NULL, 1, "mount", NULL, 0);
}

static void empty(void **state) {
    (void)state;
    yajl_val events, root = write_and_read(new_trace(), &events);
    assert_int_equal(events->u.array.len, 0);
    yajl_tree_free(root);
}

static void events_of_both(void **state) {
    (void)state;
    struct trace *t = new_trace();
    uint64_t before = trace_now();
    trace_add(t, 1, "clone", "/linux/namespaces", before);
    pid_t child = fork(); // the memory is shared
    if (child == 0) {
        trace_add(t, 2, "mount\"\n", NULL, trace_now());
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    uint64_t after = trace_now();

    yajl_val events, root = write_and_read(t, &events);
    assert_int_equal(events->u.array.len, 2);
    yajl_val clone = events->u.array.values[0], mount = events->u.array.values[1];
    assert_string_equal(YAJL_GET_STRING(at(clone, "name")), "clone");
    assert_string_equal(YAJL_GET_STRING(at(clone, "ph")), "X"); // a complete event: begin and duration
    assert_string_equal(YAJL_GET_STRING(at(clone, "cat")), "parent");
    assert_string_equal(YAJL_GET_STRING(at(at(clone, "args"), "origin")), "/linux/namespaces");
    assert_int_equal(YAJL_GET_INTEGER(at(clone, "tid")), 1);
    assert_true(YAJL_IS_NUMBER(at(clone, "pid")));
    // In microseconds.
    double ts = YAJL_GET_DOUBLE(at(clone, "ts")), took = YAJL_GET_DOUBLE(at(clone, "dur"));
    assert_true(ts >= (double)before / 1000 - 1 && took >= 0 && ts + took <= (double)after / 1000 + 1);
    assert_string_equal(YAJL_GET_STRING(at(mount, "name")), "mount\"\n");
    assert_string_equal(YAJL_GET_STRING(at(mount, "cat")), "init");
    assert_int_equal(YAJL_GET_INTEGER(at(mount, "tid")), 2);
    assert_null(at(at(mount, "args"), "origin"));
    assert_true(YAJL_GET_DOUBLE(at(mount, "ts")) >= ts);
    yajl_tree_free(root);
}

static void times_keep_their_zeros(void **state) {
    (void)state;
    struct trace *t = new_trace();
    t->n = 1;
    t->events[0] = (struct trace_event){ .name = "x", .begin = 5000007, .end = 5001010, .thread = 1 };
    yajl_val events, root = write_and_read(t, &events);
    assert_string_equal(YAJL_GET_NUMBER(at(events->u.array.values[0], "ts")), "5000.007");
    assert_string_equal(YAJL_GET_NUMBER(at(events->u.array.values[0], "dur")), "1.003");
    yajl_tree_free(root);
}

static void a_full_trace_drops_the_rest(void **state) {
    (void)state;
    struct trace *t = new_trace();
    char name[2 * TRACE_NAME];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < TRACE_EVENTS + 10; i++)
        trace_add(t, 1, name, name, trace_now());
    yajl_val events, root = write_and_read(t, &events);
    assert_int_equal(events->u.array.len, TRACE_EVENTS);
    name[TRACE_NAME - 1] = '\0';
    assert_string_equal(YAJL_GET_STRING(at(events->u.array.values[0], "name")), name);
    yajl_tree_free(root);
}

static void where_it_cannot_be_written(void **state) {
    (void)state;
    assert_null(trace_new("/nonexistent/trace.json", &error));
    assert_string_equal(error.code, "trace.failed");
    assert_string_equal(error.origin, "option:trace");
    assert_int_equal(error.err, ENOENT);
    assert_int_equal(trace_write(new_trace(), "/nonexistent/trace.json", &error), -1);
    assert_string_equal(error.code, "trace.failed");
    assert_int_equal(trace_write(new_trace(), "/dev/full", &error), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_trace_no_work),
        cmocka_unit_test(empty),
        cmocka_unit_test(events_of_both),
        cmocka_unit_test(times_keep_their_zeros),
        cmocka_unit_test(a_full_trace_drops_the_rest),
        cmocka_unit_test(where_it_cannot_be_written),
    };
    int rc = cmocka_run_group_tests(tests, make_test_dir, remove_test_dir);
    arena_free(&arena);
    return rc;
}
