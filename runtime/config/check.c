// SPDX-License-Identifier: Apache-2.0
// Rules of the whole configuration: version, root, host name, hooks, annotations; and what the other rules
// share.
#include "config.h"

#include "runtime/config/check.h"

#include <ctype.h>
#include <string.h>

#include "lib/str.h"
#include "runtime/config/parse.h"

enum {
    MAX_UTS_NAME = 64, // __NEW_UTS_LEN of linux/utsname.h
    SPEC_MINOR = 3,    // the newest 1.x this version of nook knows
};

const char *check_quote(struct check *c, const char *s) {
    return config_quote(c->arena, s, strlen(s));
}

bool check_has_dotdot(const char *path) {
    for (const char *p = path; (p = strstr(p, "..")); p++)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
            return true;
    return false;
}

bool check_is_cpu_list(const char *text) {
    const char *p = text;
    for (;;) {
        uint64_t ends[2] = { 0, 0 };
        int n = 0;
        p += strspn(p, " ");
        for (; n < 2; n++) {
            size_t digits = strspn(p, "0123456789");
            char number[12];
            if (digits == 0 || digits >= sizeof(number))
                return false;
            memcpy(number, p, digits);
            number[digits] = '\0';
            str_to_u64(number, UINT64_MAX, &ends[n]);
            p += digits;
            if (*p != '-' || n == 1)
                break;
            p++;
        }
        if (n == 1 && ends[1] < ends[0])
            return false;
        p += strspn(p, " ");
        if (*p == '\0')
            return true;
        if (*p++ != ',')
            return false;
    }
}

int check_env(struct check *c, const char *origin, const char *const *env, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (env[i][0] == '=')
            return INVALID(c, AT(c, "%s/%zu", origin, i),
                           "the environment entry %s has no name before the \"=\"", check_quote(c, env[i]));
        if (strlen(env[i]) >= MAX_ARG_SIZE)
            return INVALID(c, AT(c, "%s/%zu", origin, i),
                           "the environment entry %s is longer than the kernel takes (%d bytes)",
                           check_quote(c, env[i]), MAX_ARG_SIZE - 1);
    }
    return 0;
}

// One number of a SemVer core: no sign, no leading zero. Returns what follows, or NULL.
static const char *version_number(const char *p, uint64_t *out) {
    size_t n = strspn(p, "0123456789");
    char digits[12];
    if (n == 0 || n >= sizeof(digits) || (n > 1 && *p == '0'))
        return NULL;
    memcpy(digits, p, n);
    digits[n] = '\0';
    str_to_u64(digits, UINT64_MAX, out);
    return p + n;
}

// Dot-separated identifiers of a pre-release (numbers without leading zero) or of build metadata.
static const char *version_identifiers(const char *p, bool prerelease) {
    for (;;) {
        size_t n = 0, digits = 0;
        for (; isalnum((unsigned char)p[n]) || p[n] == '-'; n++)
            digits += isdigit((unsigned char)p[n]) != 0;
        if (n == 0 || (prerelease && digits == n && n > 1 && *p == '0'))
            return NULL;
        p += n;
        if (*p != '.')
            return p;
        p++;
    }
}

// SemVer 2.0.0: MAJOR.MINOR.PATCH[-prerelease][+build].
static bool parse_version(const char *text, uint64_t *major, uint64_t *minor) {
    uint64_t patch;
    const char *p = version_number(text, major);
    if (!p || *p++ != '.' || !(p = version_number(p, minor)) || *p++ != '.' ||
        !(p = version_number(p, &patch)))
        return false;
    if (*p == '-' && !(p = version_identifiers(p + 1, true)))
        return false;
    if (*p == '+' && !(p = version_identifiers(p + 1, false)))
        return false;
    return *p == '\0';
}

static int check_version(struct check *c, const char *version) {
    uint64_t major, minor;
    if (!parse_version(version, &major, &minor))
        return INVALID(c, "/ociVersion",
                       "\"ociVersion\" must be a version such as \"1.%d.0\" (SemVer 2.0.0), but is %s",
                       SPEC_MINOR, check_quote(c, version));
    if (major != 1 || minor > SPEC_MINOR)
        return INVALID(c, "/ociVersion",
                       "\"ociVersion\" %s is not known to this version of nook, which reads 1.0.0 to 1.%d.x",
                       check_quote(c, version), SPEC_MINOR);
    return 0;
}

static int check_uts_name(struct check *c, const struct spec *spec, const char *member, const char *name) {
    if (!name)
        return 0;
    const char *origin = AT(c, "/%s", member);
    if (strlen(name) > MAX_UTS_NAME)
        return INVALID(c, origin, "\"%s\" is %zu bytes long, the kernel takes at most %d", member,
                       strlen(name), MAX_UTS_NAME);
    if (!spec->linux_.namespaces[NS_UTS].present) {
        INVALID(c, origin, "\"%s\" would change the host's own, for the container has no uts namespace",
                member);
        return error_hint(c->err, "add {\"type\": \"uts\"} to /linux/namespaces");
    }
    return 0;
}

static int check_hooks(struct check *c, const struct spec *spec) {
    for (int kind = 0; kind < N_HOOK_KINDS; kind++) {
        const struct spec_hook_list *list = &spec->hooks[kind];
        for (size_t i = 0; i < list->n_hooks; i++)
            if (check_env(c, AT(c, "/hooks/%s/%zu/env", config_hook_names[kind], i), list->hooks[i].env,
                          list->hooks[i].n_env) < 0)
                return -1;
    }
    return 0;
}

static int check_annotations(struct check *c, const struct spec *spec) {
    for (size_t i = 0; i < spec->n_annotations; i++)
        if (spec->annotations[i].key[0] == '\0')
            return INVALID(c, "/annotations", "an annotation has an empty name (its value is %s)",
                           check_quote(c, spec->annotations[i].value));
    return 0;
}

int check_config(struct check *c, struct raw_config *raw) {
    struct spec *spec = &raw->spec;
    if (check_version(c, spec->oci_version) < 0)
        return -1;
    if (!raw->has_root)
        return INVALID(c, "/root", "\"root\" is missing: it must name the container's root filesystem");
    if (check_namespaces(c, raw) < 0 || check_uts_name(c, spec, "hostname", spec->hostname) < 0 ||
        check_uts_name(c, spec, "domainname", spec->domainname) < 0 || check_mounts(c, spec) < 0)
        return -1;
    if (spec->process && check_process(c, spec->process) < 0)
        return -1;
    if (check_hooks(c, spec) < 0 || check_annotations(c, spec) < 0 || check_linux(c, spec) < 0)
        return -1;
    return check_supported(c, spec);
}
