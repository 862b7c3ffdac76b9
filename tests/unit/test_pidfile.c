// SPDX-License-Identifier: Apache-2.0
// Unit tests of --pid-file: it appears whole or not at all (engine-contract: engines read it as soon as it is
// there).
#include "config.h"

#include "tests/unit/process_test.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>

#include "lib/fd.h"
#include "lib/pidfile.h"

static struct error error;

static void check_text(const char *path, const char *want) {
    char text[64];
    assert_true(fd_read_small(AT_FDCWD, path, text, sizeof(text)) >= 0);
    assert_string_equal(text, want);
}

static size_t entries(void) {
    size_t n = 0;
    DIR *d = opendir(test_dir);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void digits_alone(void **state) {
    (void)state;
    assert_int_equal(pidfile_write(in_dir("pid"), 4711, &error), 0);
    check_text(in_dir("pid"), "4711"); // no newline: atoi is not everybody's way
    assert_int_equal(entries(), 1);
    assert_int_equal(unlink(in_dir("pid")), 0);
}

static void an_old_one_is_replaced(void **state) {
    (void)state;
    const char *other = in_dir("other");
    assert_int_equal(pidfile_write(other, 1, &error), 0);
    // A link is replaced, not followed.
    const char *path = in_dir("pid");
    assert_int_equal(symlink("other", path), 0);
    assert_int_equal(pidfile_write(path, 77, &error), 0);
    check_text(path, "77");
    check_text(other, "1");
    assert_int_equal(pidfile_write(path, 8, &error), 0);
    check_text(path, "8");
    assert_int_equal(entries(), 2);
}

static void relative_names(void **state) {
    (void)state;
    assert_int_equal(chdir(test_dir), 0);
    assert_int_equal(pidfile_write("plain", 5, &error), 0);
    check_text(in_dir("plain"), "5");
    assert_int_equal(pidfile_write("./plain", 6, &error), 0);
    check_text(in_dir("plain"), "6");
    assert_int_equal(chdir("/"), 0);
}

static void check_failed(const char *path, int errnum) {
    error = (struct error){ 0 };
    size_t before = entries();
    assert_int_equal(pidfile_write(path, 1, &error), -1);
    assert_string_equal(error.code, "pidfile.failed");
    assert_int_equal(error.err, errnum);
    assert_int_equal(entries(), before); // nothing half-made stays
}

static void failures(void **state) {
    (void)state;
    check_failed("/nonexistent/dir/pid", ENOENT);
    check_failed("/dev/null/pid", ENOTDIR);
    assert_int_equal(mkdir(in_dir("directory"), 0755), 0);
    check_failed(in_dir("directory"), EISDIR);
    char longest[PATH_MAX + 64];
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    check_failed(longest, ENAMETOOLONG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_alone),
        cmocka_unit_test(an_old_one_is_replaced),
        cmocka_unit_test(relative_names),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, make_test_dir, remove_test_dir);
}
