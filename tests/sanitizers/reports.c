// SPDX-License-Identifier: Apache-2.0
// In sanitizer builds, and in no others, part of nook: hands every report of AddressSanitizer and UBSan to
// the tests. An init or a supervisor has another root, another network, the container's stderr or none, no
// environment and no descriptor of ours: neither stderr nor ASAN_OPTIONS' log_path would show what it
// reports. A shared mapping, made while the program starts, stays through all of that until the next execve.
// Without the file it does nothing.
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sanitizers/reports.h"

// <sanitizer/...> is not where every compiler finds it.
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
void __asan_set_error_report_callback(void (*callback)(const char *report));
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file,
                                     unsigned *line, unsigned *column, char **address);
void __ubsan_on_report(void);

static struct sanitizer_reports *reports;
static size_t room;

// A supervisor is executed without an environment. Arenas are left to exit: those are no leaks.
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1";
}

static void add(const char *text) {
    size_t length = strlen(text);
    uint64_t at = __atomic_fetch_add(&reports->used, length, __ATOMIC_SEQ_CST);
    if (at < room)
        memcpy(reports->text + at, text, length < room - at ? length : room - at);
}

static void add_report(const char *text) {
    char name[16] = "", head[64];
    if (!reports)
        return;
    prctl(PR_GET_NAME, name);
    snprintf(head, sizeof(head), "\nprocess %d (%s):\n", getpid(), name);
    add(head);
    add(text);
}

// Called for each of UBSan's.
void __ubsan_on_report(void) {
    const char *kind, *message, *file;
    unsigned line, column;
    char *address, text[512];
    __ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
    snprintf(text, sizeof(text), "%s:%u:%u: runtime error: %s (%s)\n", file, line, column, message, kind);
    add_report(text);
}

__attribute__((constructor)) static void map_reports(void) {
    struct stat st;
    const char *given = getenv("NOOK_SANITIZER_REPORTS");
    int fd = open(given ? given : SANITIZER_REPORTS, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && (size_t)st.st_size > sizeof(*reports)) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            reports = map;
            room = (size_t)st.st_size - sizeof(*reports);
            __atomic_fetch_add(&reports->processes, 1, __ATOMIC_SEQ_CST);
            __asan_set_error_report_callback(add_report);
        }
    }
    close(fd);
}
