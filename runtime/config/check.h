// SPDX-License-Identifier: Apache-2.0
// The rules of the specification that need more than one value at a time, checked after the text was read.
// Each function returns 0, or -1 with the error set, code "config.invalid" and the JSON pointer as origin.
// They also fill the derived members of struct spec.
#ifndef NOOK_RUNTIME_CONFIG_CHECK_H
#define NOOK_RUNTIME_CONFIG_CHECK_H

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/config/shapes.h"
#include "runtime/config/spec.h"

// MAX_ARG_STRLEN of linux/binfmts.h: an argument or environment entry with its NUL.
enum { MAX_ARG_SIZE = 128 * 1024 };

struct check {
    struct arena *arena;
    struct error *err;
    const char *process; // JSON pointer of the process object: "/process", or "" when the text is just that
};

// A JSON pointer, put together.
#define AT(c, ...) arena_printf((c)->arena, __VA_ARGS__)
// Sets the error and gives -1: INVALID(c, AT(c, "/mounts/%zu", i), "...").
#define INVALID(c, origin, ...) error_set_at((c)->err, "config.invalid", 0, (origin), __VA_ARGS__)

int check_config(struct check *c, struct raw_config *raw);
int check_process(struct check *c, struct spec_process *p);
int check_mounts(struct check *c, struct spec *spec);
int check_namespaces(struct check *c, struct raw_config *raw);
int check_linux(struct check *c, struct spec *spec);
int check_sysctl(struct check *c, struct spec_linux *linux_);
int check_resources(struct check *c, struct spec_resources *r);
int check_seccomp(struct check *c, const struct spec_seccomp *s);

// Id mappings of a user namespace or a mount: user_namespaces(7), "Defining user and group ID mappings".
int check_id_mappings(struct check *c, const char *origin, const struct spec_id_mapping *maps, size_t n);
// NAME=value entries of an environment.
int check_env(struct check *c, const char *origin, const char *const *env, size_t n);
// "0-3,7".
bool check_is_cpu_list(const char *text);
// Does the path have a component ".."?
bool check_has_dotdot(const char *path);
// A string for a message.
const char *check_quote(struct check *c, const char *s);

// Translates m->options (mount_options.c). `origin` is the mount's JSON pointer.
int config_mount_options(struct check *c, const char *origin, struct spec_mount *m);

// Refuses, by name, what is valid but not applied by this version (unsupported.c), code "config.unsupported".
int check_supported(struct check *c, const struct spec *spec);
int check_supported_process(struct check *c, const struct spec_process *p);

#endif
