// SPDX-License-Identifier: Apache-2.0
// Text -> struct spec: one streaming pass of yajl into an arena, no DOM, and every rule of the specification
// that can be checked without touching the host.
#ifndef NOOK_RUNTIME_CONFIG_PARSE_H
#define NOOK_RUNTIME_CONFIG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/config/spec.h"

// Parses and validates a whole config.json. NULL with *err set (code "config.invalid" or
// "config.unsupported" and the JSON pointer as origin). Warnings (unknown capability, data on a bind mount)
// go to log_warning. `text` need not outlive the call.
struct spec *config_parse(const char *text, size_t size, struct arena *a, struct error *err);

// Parses and validates the process object alone, as `exec --process FILE` gets it. Pointers start with "/".
struct spec_process *config_parse_process(const char *text, size_t size, struct arena *a, struct error *err);

// "UID[:GID]", strictly decimal, each below 2^32-1 (security.md 1d); has_gid tells whether GID was given.
int config_parse_user(const char *text, uint32_t *uid, uint32_t *gid, bool *has_gid, struct error *err);

// A container's id: [A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,254} (names with a leading dot under the root are nook's
// own).
int config_check_id(const char *id, struct error *err);

// The namespace that a sysctl, as a path below /proc/sys, belongs to: an enum spec_namespace_kind, or -1.
int config_sysctl_namespace(const char *path);

// JSON names and JSON-pointer names, for messages and for `features`.
extern const char *const config_namespace_names[]; // by enum spec_namespace_kind: "pid", "network", ...
extern const char *const config_hook_names[];      // by enum spec_hook_kind: "prestart", ...

#endif
