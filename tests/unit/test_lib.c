// SPDX-License-Identifier: Apache-2.0
// lib/: arena, environment, error, str, clock, log.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "lib/arena.h"
#include "lib/capname.h"
#include "lib/clock.h"
#include "lib/environment.h"
#include "lib/error.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"
#include "lib/sys.h"

static void arena_gives_zeroed_aligned_memory(void **state) {
    (void)state;
    struct arena a = { 0 };
    for (size_t n = 1; n < 100000; n = n * 3 + 1) {
        char *p = arena_alloc(&a, n);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    arena_free(&a);
    assert_string_equal(arena_strdup(&a, "again"), "again");
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    arena_free(&a);
}

static void arena_push_grows(void **state) {
    (void)state;
    struct arena a = { 0 };
    int *list = NULL;
    size_t n = 0;
    for (int i = 0; i < 1000; i++)
        *ARENA_PUSH(&a, list, n) = i;
    assert_int_equal(n, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(list[i], i);
    arena_free(&a);
}

static void error_line_has_cause_origin_and_hint(void **state) {
    (void)state;
    struct error err;
    char line[512];
    assert_int_equal(error_set(&err, "mount.failed", ENOENT, "mount %s", "/x"), -1);
    error_format(&err, line, sizeof(line));
    assert_string_equal(line, "mount /x: No such file or directory");
    error_where(&err, "mount", "/mounts/3");
    error_where(&err, "other", "/mounts/4");
    error_hint(&err, "make it");
    error_prefix(&err, "create failed");
    error_format(&err, line, sizeof(line));
    assert_string_equal(line, "create failed: mount /x: No such file or directory (/mounts/3; make it)");
    error_format(&err, line, 12);
    assert_string_equal(line, "create fail");
}

static void numbers_are_strict(void **state) {
    (void)state;
    uint64_t n;
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x1", "1a", "18446744073709551616", NULL
    };
    for (const char *const *p = bad; *p; p++)
        assert_false(str_to_u64(*p, UINT64_MAX, &n));
    assert_true(str_to_u64("18446744073709551615", UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_true(str_to_u64("10", 10, &n));
    assert_false(str_to_u64("11", 10, &n));
    int64_t i;
    assert_true(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MIN);
    assert_false(str_to_i64("-", INT64_MIN, INT64_MAX, &i));
    assert_false(str_to_i64("-11", -10, 10, &i));
}

static void clock_writes_rfc3339(void **state) {
    (void)state;
    char now[CLOCK_TEXT_SIZE];
    clock_now_text(now);
    assert_int_equal(strlen(now), 30);
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
    for (size_t i = 0; i < 30; i++)
        assert_true(shape[i] == 'd' ? now[i] >= '0' && now[i] <= '9' : now[i] == shape[i]);
}

// ---------------------------------------------------------------- log

struct log_file {
    char path[64];
    struct arena a;
};

static int make_log_file(void **state) {
    struct log_file *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    strcpy(l->path, "/tmp/nook-test-log.XXXXXX");
    int fd = mkstemp(l->path);
    assert_true(fd >= 0);
    close(fd);
    *state = l;
    return 0;
}

static int drop_log_file(void **state) {
    struct log_file *l = *state;
    struct error err;
    log_open(NULL, false, LOG_LEVEL_ERROR, &err);
    unlink(l->path);
    arena_free(&l->a);
    free(l);
    return 0;
}

static const char *content(struct log_file *l) {
    cleanup_fd int fd = open(l->path, O_RDONLY | O_CLOEXEC);
    const char *text = fd_read_all(fd, &l->a, 1 << 20, NULL);
    assert_non_null(text);
    return text;
}

static const char *string_of(yajl_val root, const char *key) {
    const char *path[] = { key, NULL };
    yajl_val v = yajl_tree_get(root, path, yajl_t_string);
    return v ? YAJL_GET_STRING(v) : NULL;
}

// Runs log_error with stderr caught in `line`.
static void error_with_stderr(const struct error *err, char *line, size_t size) {
    int pipe_fds[2];
    int saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], STDERR_FILENO);
    log_error(err);
    dup2(saved, STDERR_FILENO);
    ssize_t n = read(pipe_fds[0], line, size - 1);
    line[n > 0 ? n : 0] = '\0';
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(saved);
}

static void one_json_record_and_one_line(void **state) {
    struct log_file *l = *state;
    struct error err;
    char line[1024];
    assert_int_equal(log_open(l->path, true, LOG_LEVEL_ERROR, &err), 0);
    log_warning("not shown");
    error_set_at(&err, "config.invalid", 0, "/mounts/3", "bad \"type\"\nof mount \x1b[31m");
    error_with_stderr(&err, line, sizeof(line));
    assert_string_equal(line, "nook: bad \"type\"\\nof mount \\x1b[31m (/mounts/3)\n");
    yajl_val root = yajl_tree_parse(content(l), NULL, 0);
    assert_non_null(root);
    assert_string_equal(string_of(root, "level"), "error");
    assert_string_equal(string_of(root, "msg"), "bad \"type\"\nof mount \x1b[31m (/mounts/3)");
    assert_string_equal(string_of(root, "code"), "config.invalid");
    assert_string_equal(string_of(root, "origin"), "/mounts/3");
    assert_int_equal(strlen(string_of(root, "time")), 30);
    assert_null(string_of(root, "hint"));
    yajl_tree_free(root);
}

static void log_appends_and_obeys_the_level(void **state) {
    struct log_file *l = *state;
    struct error err;
    char target[80];
    snprintf(target, sizeof(target), "file:%s", l->path);
    assert_int_equal(log_open(target, false, LOG_LEVEL_WARNING, &err), 0);
    log_warning("first %d", 1);
    log_info("never");
    assert_int_equal(log_open(target, false, LOG_LEVEL_DEBUG, &err), 0);
    log_debug("second");
    const char *text = content(l);
    assert_non_null(strstr(text, " level=warning msg=\"first 1\"\n"));
    assert_non_null(strstr(text, " level=debug msg=\"second\"\n"));
    assert_null(strstr(text, "never"));
}

static void log_that_cannot_be_opened(void **state) {
    struct log_file *l = *state;
    struct error err;
    assert_int_equal(log_open("/nonexistent/dir/log", true, LOG_LEVEL_ERROR, &err), -1);
    assert_int_equal(err.err, ENOENT);
    // A FIFO without a reader does not hang.
    unlink(l->path);
    assert_int_equal(mkfifo(l->path, 0600), 0);
    assert_int_equal(log_open(l->path, true, LOG_LEVEL_ERROR, &err), -1);
    assert_int_equal(err.err, ENXIO);
}

static void levels_by_name(void **state) {
    (void)state;
    enum log_level level = LOG_LEVEL_ERROR;
    assert_true(log_level_parse("warn", &level));
    assert_int_equal(level, LOG_LEVEL_WARNING);
    assert_false(log_level_parse("loud", &level));
}

static void capabilities_by_name_and_number(void **state) {
    (void)state;
    assert_int_equal(capname_number("CAP_CHOWN"), 0);
    assert_int_equal(capname_number("chown"), 0);
    assert_int_equal(capname_number("cap_sys_admin"), 21);
    assert_int_equal(capname_number("CAP_"), -1);
    assert_int_equal(capname_number(""), -1);
    assert_int_equal(capname_number("CAP_KILLX"), -1);
    for (int i = 0; i <= 40; i++)
        assert_int_equal(capname_number(capname_of((unsigned)i)), i);
    assert_null(capname_of(41));
}

// How much of our environment others can see.
static size_t shown_environment(void) {
    char buf[4096];
    size_t shown = 0;
    ssize_t n;
    int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (ssize_t i = 0; i < n; i++)
            shown += buf[i] != '\0';
    close(fd);
    return shown;
}

static void environment_is_hidden_then_forgotten(void **state) {
    (void)state;
    const char *given = getenv("PATH");
    char *path = strdup(given ? given : "");
    size_t n = 0, after = 0;
    for (char **e = environ; *e; e++)
        n++;
    assert_true(shown_environment() > 0);
    assert_int_equal(environment_hide(), 0);
    char **hidden = environ;
    assert_int_equal(shown_environment(), 0);
    for (char **e = environ; *e; e++)
        after++;
    assert_int_equal(after, n);
    assert_string_equal(getenv("PATH"), path);
    environment_forget();
    assert_null(getenv("PATH"));
    assert_int_equal(environment_hide(), 0);
    assert_int_equal(setenv("PATH", path, 1), 0);
    assert_ptr_not_equal(environ, hidden);
    free(hidden);
    free(path);
}

static void names_exist_even_as_dangling_links(void **state) {
    (void)state;
    char dir[] = "/tmp/nook-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    cleanup_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_false(fd_has(fd, "link"));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(symlinkat("nowhere", fd, "link"), 0);
    assert_true(fd_has(fd, "link"));
    assert_int_equal(unlinkat(fd, "link", 0), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_push_grows),
        cmocka_unit_test(error_line_has_cause_origin_and_hint),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(clock_writes_rfc3339),
        cmocka_unit_test_setup_teardown(one_json_record_and_one_line, make_log_file, drop_log_file),
        cmocka_unit_test_setup_teardown(log_appends_and_obeys_the_level, make_log_file, drop_log_file),
        cmocka_unit_test_setup_teardown(log_that_cannot_be_opened, make_log_file, drop_log_file),
        cmocka_unit_test(levels_by_name),
        cmocka_unit_test(names_exist_even_as_dangling_links),
        cmocka_unit_test(capabilities_by_name_and_number),
        cmocka_unit_test(environment_is_hidden_then_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
