// SPDX-License-Identifier: Apache-2.0
// Text -> struct spec, and the small texts of the command line that follow the same rules.
#include "config.h"

#include "runtime/config/parse.h"

#include <string.h>

#include "lib/str.h"
#include "runtime/config/check.h"

enum { MAX_ID = 255 }; // bytes of a container's id: NAME_MAX

struct spec *config_parse(const char *text, size_t size, struct arena *a, struct error *err) {
    struct raw_config *raw = arena_alloc(a, sizeof(*raw));
    struct check c = { .arena = a, .err = err, .process = "/process" };
    if (config_read(text, size, &config_shape, raw, a, err) < 0 || check_config(&c, raw) < 0) {
        error_prefix(err, "config.json");
        return NULL;
    }
    return &raw->spec;
}

struct spec_process *config_parse_process(const char *text, size_t size, struct arena *a, struct error *err) {
    struct spec_process *p = arena_alloc(a, sizeof(*p));
    struct check c = { .arena = a, .err = err, .process = "" };
    if (config_read(text, size, &config_process_shape, p, a, err) < 0 || check_process(&c, p) < 0 ||
        check_supported_process(&c, p) < 0) {
        error_prefix(err, "process file");
        return NULL;
    }
    return p;
}

static int bad_user(const char *text, struct error *err) {
    struct arena a = { 0 };
    error_set(err, "user.invalid", 0,
              "invalid user %s: it must be UID or UID:GID, decimal numbers from 0 to %u",
              config_quote(&a, text, strlen(text)), UINT32_MAX - 1);
    arena_free(&a);
    return -1;
}

int config_parse_user(const char *text, uint32_t *uid, uint32_t *gid, bool *has_gid, struct error *err) {
    char part[16];
    uint64_t id;
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n >= sizeof(part))
        return bad_user(text, err);
    memcpy(part, text, n);
    part[n] = '\0';
    if (!str_to_u64(part, UINT32_MAX - 1, &id))
        return bad_user(text, err);
    *uid = (uint32_t)id;
    *has_gid = colon != NULL;
    if (!colon)
        return 0;
    if (!str_to_u64(colon + 1, UINT32_MAX - 1, &id))
        return bad_user(text, err);
    *gid = (uint32_t)id;
    return 0;
}

int config_check_id(const char *id, struct error *err) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-";
    size_t n = strspn(id, letters);
    if (n > 0 && n <= MAX_ID && id[n] == '\0' && id[0] != '.')
        return 0;
    struct arena a = { 0 };
    error_set(
        err, "id.invalid", 0,
        "invalid container ID %s: it must be 1 to %d letters, digits, '_', '+', '-' or '.', the first no '.'",
        config_quote(&a, id, strlen(id)), MAX_ID);
    arena_free(&a);
    return -1;
}
