// SPDX-License-Identifier: Apache-2.0
// What create, run, explain and check have in common: from a bundle on disk to a plan.
#ifndef NOOK_CMD_CONTAINER_H
#define NOOK_CMD_CONTAINER_H

#include "cmd/command.h"
#include "cmd/isolation.h"
#include "runtime/launch/launch.h"

struct container_options {
    const char *bundle, *config, *console_socket, *pid_file;
    uint64_t preserve_fds;
    bool no_pivot, no_new_keyring, detach, keep;
    const char *pidfd_socket;
    const char *report;
    const char *format; // explain, check
    bool dry;           // explain, check: a terminal is no reason to refuse, for nobody has to hold it
};

// The options of create; run's are these and detach, keep.
#define CONTAINER_OPTION(member) offsetof(struct container_options, member)
#define CONTAINER_BUNDLE_OPTIONS                                                                        \
    { .name = "bundle",                                                                                 \
      .short_name = 'b',                                                                                \
      .kind = OPTION_STRING,                                                                            \
      .offset = CONTAINER_OPTION(bundle),                                                               \
      .arg = "DIR",                                                                                     \
      .help = "the bundle (default: the current directory)" },                                          \
    {                                                                                                   \
        .name = "config", .short_name = 'f', .kind = OPTION_STRING, .offset = CONTAINER_OPTION(config), \
        .arg = "FILE", .help = "another file than config.json of the bundle"                            \
    }
#define CONTAINER_CREATE_OPTIONS                                                            \
    CONTAINER_BUNDLE_OPTIONS,                                                               \
        { .name = "console-socket",                                                         \
          .kind = OPTION_STRING,                                                            \
          .offset = CONTAINER_OPTION(console_socket),                                       \
          .arg = "PATH",                                                                    \
          .help = "AF_UNIX socket that gets the terminal's master" },                       \
        { .name = "pidfd-socket",                                                           \
          .kind = OPTION_STRING,                                                            \
          .offset = CONTAINER_OPTION(pidfd_socket),                                         \
          .arg = "PATH",                                                                    \
          .help = "AF_UNIX socket that gets a pidfd of init" },                             \
        { .name = "pid-file",                                                               \
          .kind = OPTION_STRING,                                                            \
          .offset = CONTAINER_OPTION(pid_file),                                             \
          .arg = "FILE",                                                                    \
          .help = "write the pid of init to FILE" },                                        \
        { .name = "preserve-fds",                                                           \
          .kind = OPTION_UINT,                                                              \
          .offset = CONTAINER_OPTION(preserve_fds),                                         \
          .arg = "N",                                                                       \
          .max = 65536,                                                                     \
          .help = "pass N more descriptors, from 3 on, to the program" },                   \
        { .name = "report",                                                                 \
          .kind = OPTION_STRING,                                                            \
          .offset = CONTAINER_OPTION(report),                                               \
          .arg = "FILE|fd:N",                                                               \
          .help = "write what the isolation does not enforce, as JSON" },                   \
        { .name = "no-pivot",                                                               \
          .kind = OPTION_FLAG,                                                              \
          .offset = CONTAINER_OPTION(no_pivot),                                             \
          .help = "do not pivot_root: for a root on an initramfs; weaker" },                \
        { .name = "no-new-keyring",                                                         \
          .kind = OPTION_FLAG,                                                              \
          .offset = CONTAINER_OPTION(no_new_keyring),                                       \
          .help = "keep the caller's session keyring" },                                    \
    {                                                                                       \
        .name = "no-subreaper", .kind = OPTION_FLAG, .offset = OPTION_IGNORED, .help = NULL \
    }

// The options of explain and check.
extern const struct option_choice container_formats[];
#define CONTAINER_DRY_OPTIONS                                                                         \
    CONTAINER_CREATE_OPTIONS, {                                                                       \
        .name = "format", .kind = OPTION_STRING, .offset = CONTAINER_OPTION(format), .arg = "FORMAT", \
        .choices = container_formats, .help = "text (the default) or json"                            \
    }

// For explain and check, which change nothing: the container may be left unnamed. True: JSON is asked for.
bool container_begin_dry(struct command *c);

// Notes what the isolation loses in *request, and writes it to where --report wants it. 0, or -1 with *err.
int container_report(const struct command *c, const struct isolation *isolation,
                     struct launch_request *request, struct error *err);

// Reads and validates config.json of the container args[0], looks at the host; fills *request and *host.
// Nothing is touched yet. The spec, or NULL with *err.
struct spec *container_read(struct command *c, bool wait_start, struct launch_request *request,
                            struct host *host, struct error *err);

// Reads, validates and plans the container args[0] of the bundle; fills *request. Nothing is touched yet. The
// plan, or NULL with *err.
struct plan *container_plan(struct command *c, bool wait_start, struct launch_request *request,
                            struct error *err);

#endif
