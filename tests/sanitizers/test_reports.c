// SPDX-License-Identifier: Apache-2.0
// A report is seen though the process is in another root and has neither stderr nor any other descriptor.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sanitizers/reports.h"

enum { SIZE = 64 << 10 };

static char file[] = "/tmp/nook-reports-XXXXXX";
static struct sanitizer_reports *seen;

static void leave(void) {
    if (chroot("/dev") < 0 && errno != EPERM)
        _exit(3);
    for (int fd = 0; fd < 64; fd++)
        close(fd);
}

static void use_freed_memory(void) {
    volatile char *volatile p = malloc(8), *volatile same = p;
    free((void *)p);
    *same = 1; // NOLINT(clang-analyzer-unix.Malloc): that is the point
}

static void overflow_a_number(void) {
    volatile int n = INT_MAX;
    n = n + 1;
}

static void dereference_nothing(void) {
    volatile intptr_t address = 64;
    *(volatile char *)address = 1;
}

static void do_nothing(void) {
}

static const struct fault {
    const char *name, *report;
    void (*commit)(void);
} faults[] = {
    { "memory", "AddressSanitizer: heap-use-after-free", use_freed_memory },
    { "number", "runtime error: Signed integer overflow", overflow_a_number },
    { "pointer", "AddressSanitizer: SEGV", dereference_nothing },
    { "none", NULL, do_nothing },
};

static int make_file(void **state) {
    (void)state;
    int fd = mkostemp(file, O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, SIZE) < 0)
        return -1;
    seen = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return seen == MAP_FAILED ? -1 : setenv("NOOK_SANITIZER_REPORTS", file, 1);
}

static int drop_file(void **state) {
    (void)state;
    munmap(seen, SIZE);
    return unlink(file);
}

static int run(const char *name) {
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/proc/self/exe", "test_reports", name, (char *)NULL);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void every_report_is_seen(void **state) {
    (void)state;
    for (const struct fault *f = faults; f < faults + sizeof(faults) / sizeof(*faults); f++) {
        memset(seen, 0, SIZE);
        int status = run(f->name);
        assert_int_equal(seen->processes, 1);
        if (f->report) {
            assert_int_not_equal(status, 0);
            assert_int_equal(seen->used, strlen(seen->text));
            assert_non_null(strstr(seen->text, f->report));
        } else {
            assert_int_equal(status, 0);
            assert_int_equal(seen->used, 0);
        }
    }
}

static void what_has_no_room_is_cut_off(void **state) {
    (void)state;
    memset(seen, 0, SIZE);
    seen->used = SIZE - sizeof(*seen) - 20;
    run("memory");
    assert_true(seen->used > SIZE);
    assert_memory_equal(seen->text + SIZE - sizeof(*seen) - 20, "\nprocess ", 9);
}

static void nothing_happens_without_the_file(void **state) {
    (void)state;
    assert_int_equal(setenv("NOOK_SANITIZER_REPORTS", "/nonexistent", 1), 0);
    assert_int_equal(run("none"), 0);
    assert_int_not_equal(run("memory"), 0);
    assert_int_equal(setenv("NOOK_SANITIZER_REPORTS", file, 1), 0);
}

int main(int argc, char **argv) {
    for (const struct fault *f = faults; argc > 1 && f < faults + sizeof(faults) / sizeof(*faults); f++)
        if (strcmp(argv[1], f->name) == 0) {
            leave();
            f->commit();
            _exit(0);
        }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_report_is_seen),
        cmocka_unit_test(what_has_no_room_is_cut_off),
        cmocka_unit_test(nothing_happens_without_the_file),
    };
    return cmocka_run_group_tests(tests, make_file, drop_file);
}
