// SPDX-License-Identifier: Apache-2.0
// Tests of the LSM labels: what confines, and what is asked for where it cannot be.
#include "config.h"

#include "process_test.h"
#include "runtime/process/labels.h"

static void what_confines(void **state) {
    (void)state;
    static const char *const free[] = {
        "", "\n", "unconfined", "unconfined\n", "podman (unconfined)\n", "a//b (unconfined)"
    };
    static const char *const confined[] = { "unconfined_x",
                                            "unconfine",
                                            "unconfinedd (enforce)\n",
                                            "unconfined (enforce)",
                                            "docker-default (enforce)\n",
                                            "x (complain)\n",
                                            "a//&b (mixed)\n",
                                            "x (unconfined",
                                            "(unconfined)",
                                            "x" };
    for (size_t i = 0; i < sizeof(free) / sizeof(*free); i++)
        assert_false(labels_apparmor_confines(free[i]));
    for (size_t i = 0; i < sizeof(confined) / sizeof(*confined); i++)
        assert_true(labels_apparmor_confines(confined[i]));
}

static void unconfined_needs_no_apparmor(void **state) {
    (void)state;
    struct error err = { 0 };
    assert_int_equal(labels_check("unconfined", NULL, &err), 0);
    assert_int_equal(labels_check(NULL, NULL, &err), 0);
}

static void a_profile_that_cannot_be(void **state) {
    (void)state;
    // The kernel takes every beginning of "unconfined" for that.
    static const char *const names[] = { "nook-no-such-profile", "unconfined_x", "un", "unconfine" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct error err = { 0 };
        assert_int_equal(labels_check(names[i], NULL, &err), -1);
        assert_string_equal(err.code, labels_apparmor_enabled() ? "lsm.not-loaded" : "lsm.unavailable");
        assert_string_equal(err.origin, "/process/apparmorProfile");
        assert_non_null(strstr(err.msg, names[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_confines),
        cmocka_unit_test(unconfined_needs_no_apparmor),
        cmocka_unit_test(a_profile_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
