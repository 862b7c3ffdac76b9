// SPDX-License-Identifier: Apache-2.0
// The tables of config.json's objects, and the struct they fill: struct spec and what becomes a part of it
// only after the rules were checked.
#ifndef NOOK_RUNTIME_CONFIG_SHAPES_H
#define NOOK_RUNTIME_CONFIG_SHAPES_H

#include "runtime/config/reader.h"
#include "runtime/config/spec.h"

struct raw_namespace {
    const char *type, *path;
};

struct raw_time_offset {
    const char *clock;
    int64_t secs;
    uint32_t nanosecs;
};

struct raw_config {
    struct spec spec;
    bool has_root;
    struct raw_namespace *namespaces;
    size_t n_namespaces;
    struct raw_time_offset *time_offsets;
    size_t n_time_offsets;
    const char *rootfs_propagation;
};

extern const struct shape config_shape;         // of struct raw_config
extern const struct shape config_process_shape; // of struct spec_process

#endif
