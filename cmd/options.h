// SPDX-License-Identifier: Apache-2.0
// Command lines, from tables. What users of runc (Go's flags) and of crun (getopt) write is understood:
// --name VALUE, --name=VALUE, -name VALUE, -n VALUE, -nVALUE, -n=VALUE, --flag, --flag=false, -ab, -- .
#ifndef NOOK_CMD_OPTIONS_H
#define NOOK_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/error.h"

enum option_kind {
    OPTION_FLAG,   // bool; --name, --name=true|false|1|0|t|f
    OPTION_STRING, // const char *; the last one counts
    OPTION_UINT,   // uint64_t, at most `max` (0: INT32_MAX)
    OPTION_LIST,   // struct option_list; each use adds one
};

struct option_list {
    const char **items;
    size_t n;
};

// One option. A table of them ends with a NULL name.
struct option {
    const char *name; // long name, without dashes
    char short_name;  // or 0
    enum option_kind kind;
    size_t offset;    // offsetof the member in the verb's struct of values; OPTION_IGNORED: accepted, without
                      // effect
    const char *arg;  // name of the value for --help; NULL for flags
    const char *help; // one line; NULL: not shown in --help
    const struct option_choice *choices; // allowed words of OPTION_STRING and OPTION_LIST, or NULL
    uint64_t max;
};
#define OPTION_IGNORED ((size_t)-1)

// Allowed values, ended by a NULL name.
struct option_choice {
    const char *name;
};

// Parses args[0..n): options into `values` by `table`, the rest into *positional (pointing into args).
// options_first: the first positional ends the options (exec, kill's command lines are not ours to read).
// *help is set by --help and -h unless the table has its own meaning for them; parsing then stops.
// Returns 0, or -1 with *err ("usage") naming the flag.
struct option_result {
    const char **positional;
    size_t n_positional;
    bool help;
};
int options_parse(const struct option *table, const char *const *args, size_t n, bool options_first,
                  struct arena *a, void *values, struct option_result *result, struct error *err);

// Parses the leading options only and returns in *used how many of args they took: for the global options.
int options_parse_leading(const struct option *table, const char *const *args, size_t n, struct arena *a,
                          void *values, size_t *used, bool *help, struct error *err);

// The lines of --help, "  -b, --bundle DIR   what it is", on stdout.
void options_print_help(const struct option *table);

#endif
