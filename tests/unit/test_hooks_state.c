// SPDX-License-Identifier: Apache-2.0
// Unit tests of the state that hooks get on stdin (runtime.md, "State").
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "runtime/launch/hooks.h"

static struct arena arena;

static int forget(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static yajl_val at(yajl_val v, const char *name) {
    const char *path[] = { name, NULL };
    return yajl_tree_get(v, path, yajl_t_any);
}

static yajl_val read_json(const char *text) {
    char why[256];
    yajl_val v = yajl_tree_parse(text, why, sizeof(why));
    if (!v)
        fail_msg("not JSON: %s\n%s", text, why);
    return v;
}

static struct spec_key_value annotations[] = { { "a.b/c", "x" }, { "quote\"d\n", "\"pid\":0," } };
static struct spec spec = { .oci_version = "1.3.0", .annotations = annotations, .n_annotations = 2 };
static const struct hook_subject subject = { &spec, "c1", "/b\"undle", "/b/rootfs" };

static void all_members(void **state) {
    (void)state;
    yajl_val v = read_json(hooks_state_json(&subject, "created", 4711, &arena));
    assert_string_equal(YAJL_GET_STRING(at(v, "ociVersion")), "1.3.0");
    assert_string_equal(YAJL_GET_STRING(at(v, "id")), "c1");
    assert_string_equal(YAJL_GET_STRING(at(v, "status")), "created");
    assert_int_equal(YAJL_GET_INTEGER(at(v, "pid")), 4711);
    assert_string_equal(YAJL_GET_STRING(at(v, "bundle")), "/b\"undle");
    assert_string_equal(YAJL_GET_STRING(at(v, "root")), "/b/rootfs");
    yajl_val notes = at(v, "annotations");
    assert_int_equal(notes->u.object.len, 2);
    assert_string_equal(YAJL_GET_STRING(at(notes, "a.b/c")), "x");
    assert_string_equal(YAJL_GET_STRING(at(notes, "quote\"d\n")), "\"pid\":0,");
    yajl_tree_free(v);
}

static void what_is_left_out(void **state) {
    (void)state;
    struct spec plain = { .oci_version = "1.0.2" };
    struct hook_subject s = { &plain, "c1", "/b", NULL };
    yajl_val v = read_json(hooks_state_json(&s, "stopped", 0, &arena));
    assert_null(at(v, "pid")); // there is no process any more
    assert_null(at(v, "annotations"));
    assert_null(at(v, "root"));
    assert_string_equal(YAJL_GET_STRING(at(v, "status")), "stopped");
    yajl_tree_free(v);
}

// Init puts its pid between the two parts, where nothing of the config can be mistaken for the place.
static void parts(void **state) {
    (void)state;
    static const char *const versions[] = { "1.3.0", "\"pid\":0,", "pid\":0,\\" };
    for (size_t i = 0; i < 3; i++) {
        struct spec other = spec;
        other.oci_version = versions[i];
        struct hook_subject s = { &other, "c1", "\"pid\":0,", "/r" };
        const char *head, *tail;
        hooks_state_parts(&s, "created", &arena, &head, &tail);
        char *joined = arena_printf(&arena, "%s%d%s", head, 4711, tail);
        assert_string_equal(joined, hooks_state_json(&s, "created", 4711, &arena));
        yajl_val v = read_json(joined);
        assert_int_equal(YAJL_GET_INTEGER(at(v, "pid")), 4711);
        assert_string_equal(YAJL_GET_STRING(at(v, "ociVersion")), versions[i]);
        yajl_tree_free(v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_members, forget),
        cmocka_unit_test_teardown(what_is_left_out, forget),
        cmocka_unit_test_teardown(parts, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
