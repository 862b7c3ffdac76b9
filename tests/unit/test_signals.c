// SPDX-License-Identifier: Apache-2.0
// cmd/signals: every spelling of a signal.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>

#include "cmd/command.h"

static void spellings(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int number;
    } cases[] = {
        { "KILL", SIGKILL },  { "SIGKILL", SIGKILL }, { "kill", SIGKILL }, { "SigKill", SIGKILL },
        { "9", SIGKILL },     { "term", SIGTERM },    { "0", 0 },          { "1", SIGHUP },
        { "64", 64 },         { "CLD", SIGCHLD },     { "iot", SIGABRT },  { "poll", SIGIO },
        { "SIGPWR", SIGPWR }, { "winch", SIGWINCH },
    };
    struct error err;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(signal_parse(cases[i].text, &err), cases[i].number);
}

static void realtime_signals(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(signal_parse("RTMIN", &err), SIGRTMIN);
    assert_int_equal(signal_parse("sigrtmin+3", &err), SIGRTMIN + 3);
    assert_int_equal(signal_parse("RTMAX", &err), SIGRTMAX);
    assert_int_equal(signal_parse("SIGRTMAX-1", &err), SIGRTMAX - 1);
}

static void nonsense(void **state) {
    (void)state;
    static const char *const bad[] = { "",       "-1",       "65",         "SIG",     "NONSENSE", "KILLX",
                                       "9 ",     " 9",       "RTMIN-1",    "RTMAX+1", "RTMIN+31", "RTMIN+",
                                       "RTMIN3", "RTMAX-65", "SIGSIGKILL", NULL };
    struct error err;
    for (const char *const *text = bad; *text; text++) {
        char message[64];
        assert_int_equal(signal_parse(*text, &err), -1);
        snprintf(message, sizeof(message), "unknown signal \"%s\"", *text);
        assert_string_equal(err.msg, message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(realtime_signals),
        cmocka_unit_test(nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
