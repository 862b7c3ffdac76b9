// SPDX-License-Identifier: Apache-2.0
// What --help and --version print.
#include "config.h"

#include "cmd/help.h"

#include <stdio.h>

#include "nook-commit.h"

void help_print(void) {
    puts("Usage: nook [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n"
         "\n"
         "nook runs OCI containers: bundles of a config.json and a root filesystem.\n"
         "\n"
         "Commands:");
    for (const struct verb *const *v = verbs; *v; v++)
        printf("  %-10s  %s\n", (*v)->name, (*v)->summary);
    puts("\nGlobal options:");
    options_print_help(global_options);
    puts("\n\"nook COMMAND --help\" tells more about a command.");
}

void help_print_verb(const struct verb *v) {
    printf("Usage: nook %s [OPTIONS]%s%s\n\n%s\n", v->name, v->args[0] ? " " : "", v->args, v->summary);
    if (v->details)
        printf("\n%s\n", v->details);
    puts("\nOptions:");
    options_print_help(v->options);
}

// Engines take the name and version from the lines with the word "version" in them: only the first may have
// it.
void help_print_version(void) {
    printf("nook version %s\ncommit: %s\nspec: 1.3.0\n", PACKAGE_VERSION, NOOK_COMMIT);
#ifdef HAVE_SECCOMP
    fputs("+SECCOMP ", stdout);
#else
    fputs("-SECCOMP ", stdout);
#endif
#ifdef HAVE_APPARMOR
    fputs("+APPARMOR ", stdout);
#else
    fputs("-APPARMOR ", stdout);
#endif
    puts("+CAP -SYSTEMD +SELINUX -CRIU +YAJL");
}
