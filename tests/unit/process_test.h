// SPDX-License-Identifier: Apache-2.0
// What the tests of runtime/process/ share: a temporary directory, small files, and checks that run in a
// child because they change the process.
#ifndef NOOK_TESTS_UNIT_PROCESS_TEST_H
#define NOOK_TESTS_UNIT_PROCESS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"

static char test_dir[64];

static inline int make_test_dir(void **state) {
    (void)state;
    snprintf(test_dir, sizeof(test_dir), "/tmp/nook-unit.XXXXXX");
    return mkdtemp(test_dir) && chmod(test_dir, 0755) == 0 ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int remove_test_dir(void **state) {
    (void)state;
    return nftw(test_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// The path of a file in the test's directory; four of them can be in use at a time.
static inline const char *in_dir(const char *name) {
    static char path[4][512];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", test_dir, name);
    return p;
}

static inline const char *make_file(const char *name, const void *data, size_t size, mode_t mode) {
    const char *path = in_dir(name);
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static inline const char *make_text(const char *name, const char *text, mode_t mode) {
    return make_file(name, text, strlen(text), mode);
}

// Runs check(arg) in a child; it returns 0 when all is well, else the number of the line that is not.
static inline void in_child(int (*check)(void *arg), void *arg) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int line = check(arg);
        if (line)
            fprintf(stderr, "in the child: line %d is not true\n", line);
        _exit(line ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHECK(condition)     \
    do {                     \
        if (!(condition))    \
            return __LINE__; \
    } while (0)

static inline const char *error_line(const struct error *err) {
    static char text[2048];
    error_format(err, text, sizeof(text));
    return text;
}

#endif
