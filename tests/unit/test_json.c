// SPDX-License-Identifier: Apache-2.0
// lib/json: what is written is valid JSON, whatever goes in.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <yajl/yajl_tree.h>

#include "lib/json.h"

static const char *quoted(struct arena *a, const char *value) {
    struct json j;
    json_init(&j, a, false);
    json_string(&j, NULL, value);
    return j.text;
}

static void compact(void **state) {
    (void)state;
    struct arena a = { 0 };
    struct json j;
    json_init(&j, &a, false);
    json_object(&j, NULL);
    json_string(&j, "s", "x");
    json_int(&j, "i", INT64_MIN);
    json_uint(&j, "u", UINT64_MAX);
    json_array(&j, "a");
    json_bool(&j, NULL, true);
    json_string(&j, NULL, NULL);
    json_object(&j, NULL);
    json_object_end(&j);
    json_array(&j, NULL);
    json_array_end(&j);
    json_array_end(&j);
    json_string(&j, "n", NULL);
    json_raw(&j, "r", "[1]");
    json_object_end(&j);
    assert_string_equal(j.text, "{\"s\":\"x\",\"i\":-9223372036854775808,\"u\":18446744073709551615,"
                                "\"a\":[true,null,{},[]],\"n\":null,\"r\":[1]}");
    assert_int_equal(j.size, strlen(j.text));
    arena_free(&a);
}

static void pretty(void **state) {
    (void)state;
    struct arena a = { 0 };
    struct json j;
    json_init(&j, &a, true);
    json_object(&j, NULL);
    json_array(&j, "list");
    json_int(&j, NULL, 1);
    json_int(&j, NULL, 2);
    json_array_end(&j);
    json_object(&j, "empty");
    json_object_end(&j);
    json_object_end(&j);
    assert_string_equal(j.text, "{\n  \"list\": [\n    1,\n    2\n  ],\n  \"empty\": {}\n}");
    arena_free(&a);
}

static void escapes(void **state) {
    (void)state;
    struct arena a = { 0 };
    assert_string_equal(quoted(&a, "a\"b\\c/d\b\f\n\r\t\x01\x7f"),
                        "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u007f\"");
    assert_string_equal(quoted(&a, ""), "\"\"");
    arena_free(&a);
}

#define BAD "\xef\xbf\xbd"

static void bad_utf8_is_replaced(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "\xc3\xa9", "\"\xc3\xa9\"" },                 // é
        { "\xe2\x82\xac", "\"\xe2\x82\xac\"" },         // €
        { "\xf0\x9f\x90\xb3", "\"\xf0\x9f\x90\xb3\"" }, // beyond the BMP
        { "\xff", "\"" BAD "\"" },
        { "a\xc3", "\"a" BAD "\"" },                       // cut off
        { "\xe2\x82", "\"" BAD BAD "\"" },                 // cut off
        { "\xc0\xaf", "\"" BAD BAD "\"" },                 // overlong
        { "\xe0\x80\xaf", "\"" BAD BAD BAD "\"" },         // overlong
        { "\xed\xa0\x80", "\"" BAD BAD BAD "\"" },         // surrogate
        { "\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"" }, // above U+10FFFF
        { "\x80x", "\"" BAD "x\"" },
    };
    struct arena a = { 0 };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(quoted(&a, cases[i].in), cases[i].out);
    arena_free(&a);
}

// Every pair of bytes gives something that a strict parser takes.
static void always_parses(void **state) {
    (void)state;
    for (int x = 1; x < 256; x++) {
        struct arena a = { 0 };
        for (int y = 1; y < 256; y++) {
            char in[4] = { (char)x, (char)y, 'z', '\0' };
            struct json j;
            json_init(&j, &a, false);
            json_array(&j, NULL);
            json_string(&j, NULL, in);
            json_array_end(&j);
            yajl_val v = yajl_tree_parse(j.text, NULL, 0);
            assert_non_null(v);
            yajl_tree_free(v);
        }
        arena_free(&a);
    }
}

static void grows(void **state) {
    (void)state;
    struct arena a = { 0 };
    struct json j;
    json_init(&j, &a, false);
    json_array(&j, NULL);
    for (int i = 0; i < 5000; i++)
        json_string(&j, NULL, "0123456789");
    json_array_end(&j);
    assert_int_equal(j.size, 5000 * 13 + 1);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact),       cmocka_unit_test(pretty),
        cmocka_unit_test(escapes),       cmocka_unit_test(bad_utf8_is_replaced),
        cmocka_unit_test(always_parses), cmocka_unit_test(grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
