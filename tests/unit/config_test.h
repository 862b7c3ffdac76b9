// SPDX-License-Identifier: Apache-2.0
// What the unit tests of config share: configurations written with ' for ", and the warnings they cause.
#ifndef NOOK_TESTS_UNIT_CONFIG_TEST_H
#define NOOK_TESTS_UNIT_CONFIG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "lib/log.h"
#include "runtime/config/parse.h"

#define CONFIG(more)   "{'ociVersion':'1.3.0','root':{'path':'rootfs'}" more "}"
#define PROCESS(more)  CONFIG(",'process':{'cwd':'/','args':['sh']" more "}")
#define LINUX(members) CONFIG(",'linux':{" members "}")
#define ID_MAP         "{'containerID':0,'hostID':1000,'size':10}"
#define RES(members)   LINUX("'resources':{" members "}")
#define MOUNT(members) CONFIG(",'mounts':[{" members "}]")

static struct arena arena;
static struct error error;
static char warnings[4096]; // of the last parse, a line each

// The linker puts it in place of log_message.
void __wrap_log_message(enum log_level level, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void __wrap_log_message(enum log_level level, const char *fmt, ...) {
    size_t n = strlen(warnings);
    va_list ap;
    if (level != LOG_LEVEL_WARNING || sizeof(warnings) - n < 3)
        return;
    va_start(ap, fmt);
    vsnprintf(warnings + n, sizeof(warnings) - n - 2, fmt, ap);
    va_end(ap);
    strcat(warnings, "\n");
}

static inline const char *with_quotes(const char *text) {
    char *copy = arena_strdup(&arena, text);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

// Parses a configuration that may be good or bad; quotes are ' in it.
static inline struct spec *parse(const char *text) {
    const char *json = with_quotes(text);
    warnings[0] = '\0';
    error = (struct error){ 0 };
    return config_parse(json, strlen(json), &arena, &error);
}

static inline struct spec *parse_good(const char *text) {
    struct spec *spec = parse(text);
    if (!spec)
        fail_msg("refused: %s\n%s (%s)", text, error.msg, error.origin);
    return spec;
}

static int free_arena(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

// A configuration to be refused, and the pointer and words of its error.
struct bad {
    const char *json, *origin, *text;
};

static inline void check_all(const struct bad *rows, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++) {
        const char *text = with_quotes(rows[i].text);
        if (parse(rows[i].json))
            fail_msg("row %zu is accepted: %s", i, rows[i].json);
        if (strcmp(error.code, code) != 0 || strcmp(error.origin, rows[i].origin) != 0 ||
            !strstr(error.msg, text))
            fail_msg("row %zu: %s\n  is     %s at \"%s\": %s\n  wanted %s at \"%s\": ...%s...", i,
                     rows[i].json, error.code, error.origin, error.msg, code, rows[i].origin, text);
        if (strncmp(error.msg, "config.json: ", 13) != 0 || strchr(error.msg, '\n'))
            fail_msg("row %zu: %s", i, error.msg);
    }
}
#define CHECK_ALL(rows, code) check_all(rows, sizeof(rows) / sizeof((rows)[0]), code)

#endif
