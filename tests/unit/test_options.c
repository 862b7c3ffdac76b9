// SPDX-License-Identifier: Apache-2.0
// cmd/options: what users of runc and of crun write.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cmd/options.h"
#include "lib/str.h"

struct values {
    const char *bundle, *format;
    bool detach, tty;
    uint64_t fds;
    struct option_list env;
};

static const struct option_choice formats[] = { { "table" }, { "json" }, { NULL } };
static const struct option table[] = {
    { .name = "bundle",
      .short_name = 'b',
      .kind = OPTION_STRING,
      .offset = offsetof(struct values, bundle),
      .arg = "DIR",
      .help = "x" },
    { .name = "format",
      .short_name = 'f',
      .kind = OPTION_STRING,
      .offset = offsetof(struct values, format),
      .choices = formats,
      .arg = "F",
      .help = "x" },
    { .name = "detach",
      .short_name = 'd',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct values, detach),
      .help = "x" },
    { .name = "tty",
      .short_name = 't',
      .kind = OPTION_FLAG,
      .offset = offsetof(struct values, tty),
      .help = "x" },
    { .name = "preserve-fds",
      .kind = OPTION_UINT,
      .offset = offsetof(struct values, fds),
      .max = 1000,
      .arg = "N",
      .help = "x" },
    { .name = "env",
      .short_name = 'e',
      .kind = OPTION_LIST,
      .offset = offsetof(struct values, env),
      .arg = "E",
      .help = "x" },
    { .name = "no-subreaper", .kind = OPTION_FLAG, .offset = OPTION_IGNORED },
    { .name = "rootless", .kind = OPTION_STRING, .offset = OPTION_IGNORED },
    { .name = NULL },
};

struct run {
    struct arena a;
    struct values v;
    struct option_result r;
    struct error err;
};

// Parses a command line whose words are separated by blanks.
static int parse(struct run *run, const char *line, bool options_first) {
    const char **args = NULL;
    size_t n = 0;
    char *next = NULL;
    memset(run, 0, sizeof(*run));
    for (char *word = strtok_r(arena_strdup(&run->a, line), " ", &next); word;
         word = strtok_r(NULL, " ", &next))
        *ARENA_PUSH(&run->a, args, n) = word;
    return options_parse(table, args, n, options_first, &run->a, &run->v, &run->r, &run->err);
}

static void every_spelling_of_a_value(void **state) {
    (void)state;
    static const char *const lines[] = { "--bundle /b c",
                                         "--bundle=/b c",
                                         "-b /b c",
                                         "-b=/b c",
                                         "-b/b c",
                                         "-bundle /b c",
                                         "-bundle=/b c",
                                         "c -b /b",
                                         "c --bundle=/b",
                                         "-db /b c",
                                         "--bundle /x --bundle /b c",
                                         "--bundle /b -- c",
                                         NULL };
    for (const char *const *line = lines; *line; line++) {
        struct run run;
        assert_int_equal(parse(&run, *line, false), 0);
        assert_string_equal(run.v.bundle, "/b");
        assert_int_equal(run.r.n_positional, 1);
        assert_string_equal(run.r.positional[0], "c");
        assert_null(run.r.positional[1]);
        arena_free(&run.a);
    }
}

static void flags(void **state) {
    (void)state;
    static const struct {
        const char *line;
        bool detach, tty;
    } cases[] = {
        { "", false, false },
        { "-d", true, false },
        { "-dt", true, true },
        { "--detach --tty", true, true },
        { "--tty=false", false, false },
        { "-t -t=false", false, false },
        { "--tty=1 -detach=T", true, true },
        { "-no-subreaper -d", true, false },
        { "-td=false", false, true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct run run;
        assert_int_equal(parse(&run, cases[i].line, false), 0);
        assert_int_equal(run.v.detach, cases[i].detach);
        assert_int_equal(run.v.tty, cases[i].tty);
        arena_free(&run.a);
    }
}

static void lists_and_numbers(void **state) {
    (void)state;
    struct run run;
    assert_int_equal(parse(&run, "-e A=1 --env B=2=3 c -e=C= --preserve-fds 3", false), 0);
    assert_int_equal(run.v.env.n, 3);
    assert_string_equal(run.v.env.items[0], "A=1");
    assert_string_equal(run.v.env.items[1], "B=2=3");
    assert_string_equal(run.v.env.items[2], "C=");
    assert_int_equal(run.v.fds, 3);
    arena_free(&run.a);
}

static void values_may_look_like_options(void **state) {
    (void)state;
    struct run run;
    assert_int_equal(parse(&run, "--bundle - c", false), 0);
    assert_string_equal(run.v.bundle, "-");
    arena_free(&run.a);
    assert_int_equal(parse(&run, "--bundle -d c", false), 0);
    assert_string_equal(run.v.bundle, "-d");
    assert_false(run.v.detach);
    arena_free(&run.a);
    assert_int_equal(parse(&run, "- -- -d --", false), 0);
    assert_int_equal(run.r.n_positional, 3);
    assert_string_equal(run.r.positional[1], "-d");
    assert_string_equal(run.r.positional[2], "--");
    arena_free(&run.a);
}

static void the_command_of_exec_is_not_read(void **state) {
    (void)state;
    struct run run;
    assert_int_equal(parse(&run, "-t c ls -d --format=xml --help", true), 0);
    assert_true(run.v.tty);
    assert_false(run.v.detach);
    assert_false(run.r.help);
    assert_int_equal(run.r.n_positional, 5);
    arena_free(&run.a);
}

static void help(void **state) {
    (void)state;
    static const char *const lines[] = { "--help", "-h", "-help", "c --help", "-dh --nonsense", NULL };
    for (const char *const *line = lines; *line; line++) {
        struct run run;
        assert_int_equal(parse(&run, *line, false), 0);
        assert_true(run.r.help);
        arena_free(&run.a);
    }
}

static void mistakes_name_the_flag(void **state) {
    (void)state;
    static const struct {
        const char *line, *text;
    } cases[] = {
        { "--nonsense", "unknown flag --nonsense" },
        { "--nonsense=3 c", "unknown flag --nonsense" },
        { "-x", "unknown flag -x" },
        { "-nonsense", "unknown flag -nonsense" },
        { "c --bundle", "flag needs an argument: --bundle" },
        { "c -b", "flag needs an argument: -b" },
        { "--format xml", "invalid value \"xml\" for flag --format: it must be one of table, json" },
        { "--tty=maybe", "invalid value \"maybe\" for flag --tty: it must be true or false" },
        { "--preserve-fds=-1",
          "invalid value \"-1\" for flag --preserve-fds: it must be a number from 0 to 1000" },
        { "--preserve-fds 1001",
          "invalid value \"1001\" for flag --preserve-fds: it must be a number from 0 to 1000" },
        { "--=x", "unknown flag --" },
        { "-=x", "unknown flag -=x" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct run run;
        assert_int_equal(parse(&run, cases[i].line, false), -1);
        assert_string_equal(run.err.code, "usage");
        assert_string_equal(run.err.msg, cases[i].text);
        arena_free(&run.a);
    }
}

static void leading_options_end_at_the_verb(void **state) {
    (void)state;
    static const char *const args[] = { "-d", "--bundle", "/b", "create", "--nonsense" };
    struct arena a = { 0 };
    struct values v = { 0 };
    struct error err;
    size_t used = 0;
    bool help = false;
    assert_int_equal(options_parse_leading(table, args, 5, &a, &v, &used, &help, &err), 0);
    assert_int_equal(used, 3);
    assert_string_equal(v.bundle, "/b");
    assert_false(help);
    assert_int_equal(options_parse_leading(table, args + 4, 1, &a, &v, &used, &help, &err), -1);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_a_value),
        cmocka_unit_test(flags),
        cmocka_unit_test(lists_and_numbers),
        cmocka_unit_test(values_may_look_like_options),
        cmocka_unit_test(the_command_of_exec_is_not_read),
        cmocka_unit_test(help),
        cmocka_unit_test(mistakes_name_the_flag),
        cmocka_unit_test(leading_options_end_at_the_verb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
