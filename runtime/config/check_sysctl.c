// SPDX-License-Identifier: Apache-2.0
// Which sysctls a container may have: those that belong to one of its own namespaces, by a list, for any
// other would change the host (security.md 1e, CVE-2022-0811).
#include "config.h"

#include <string.h>

#include "lib/str.h"
#include "runtime/config/check.h"
#include "runtime/config/parse.h"

// Paths below /proc/sys; one with a slash at its end stands for all below it.
static const struct {
    const char *path;
    enum spec_namespace_kind ns;
} allowed[] = {
    { "kernel/msgmax", NS_IPC }, { "kernel/msgmnb", NS_IPC },          { "kernel/msgmni", NS_IPC },
    { "kernel/sem", NS_IPC },    { "kernel/shmall", NS_IPC },          { "kernel/shmmax", NS_IPC },
    { "kernel/shmmni", NS_IPC }, { "kernel/shm_rmid_forced", NS_IPC }, { "fs/mqueue/", NS_IPC },
    { "net/", NS_NETWORK },      { "kernel/domainname", NS_UTS },
};

// As sysctl(8) reads a name: the first separator, '.' or '/', separates; the other is then a part of a name
// and changes places with it. NULL when a part is empty, "." or "..", or holds what no sysctl does.
static const char *path_of(struct arena *a, const char *key) {
    char *path = arena_strdup(a, key);
    size_t first = strcspn(key, "./");
    bool swap = key[first] == '.';
    for (char *p = path; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\\')
            return NULL;
        if (swap && (*p == '.' || *p == '/'))
            *p = *p == '.' ? '/' : '.';
    }
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n <= 2 && strncmp(p, "..", n) == 0))
            return NULL;
        p += n;
        if (*p == '\0')
            return path;
    }
}

int config_sysctl_namespace(const char *path) {
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        size_t n = strlen(allowed[i].path);
        bool tree = allowed[i].path[n - 1] == '/';
        if (tree ? strncmp(path, allowed[i].path, n) == 0 : str_eq(path, allowed[i].path))
            return (int)allowed[i].ns;
    }
    return -1;
}

static int check_one(struct check *c, const struct spec_linux *linux_, const struct spec_key_value *kv,
                     const char *path) {
    const char *origin = AT(c, "/linux/sysctl/%s", config_pointer_escape(c->arena, kv->key));
    if (!path)
        return INVALID(c, origin, "%s is no name of a sysctl", check_quote(c, kv->key));
    if (kv->value[0] == '\0')
        return INVALID(c, origin, "the value of the sysctl %s is empty", check_quote(c, kv->key));
    if (strchr(kv->value, '\n'))
        return INVALID(c, origin, "the value of the sysctl %s must be one line, but is %s",
                       check_quote(c, kv->key), check_quote(c, kv->value));
    if (str_eq(path, "kernel/hostname")) {
        INVALID(c, origin, "the sysctl %s is not set this way", check_quote(c, kv->key));
        return error_hint(c->err, "use \"hostname\" of config.json");
    }
    int ns = config_sysctl_namespace(path);
    if (ns < 0)
        return INVALID(
            c, origin,
            "the sysctl %s belongs to no namespace that a container can have: it would change the host",
            check_quote(c, kv->key));
    if (!linux_->namespaces[ns].present) {
        INVALID(c, origin,
                "the sysctl %s belongs to the %s namespace, and the container has none of its own: it would "
                "change the host",
                check_quote(c, kv->key), config_namespace_names[ns]);
        return error_hint(c->err, "add {\"type\": \"%s\"} to /linux/namespaces", config_namespace_names[ns]);
    }
    return 0;
}

int check_sysctl(struct check *c, struct spec_linux *linux_) {
    if (linux_->n_sysctl == 0)
        return 0;
    linux_->sysctl_paths = arena_calloc(c->arena, linux_->n_sysctl, sizeof(*linux_->sysctl_paths));
    for (size_t i = 0; i < linux_->n_sysctl; i++) {
        linux_->sysctl_paths[i] = path_of(c->arena, linux_->sysctl[i].key);
        if (check_one(c, linux_, &linux_->sysctl[i], linux_->sysctl_paths[i]) < 0)
            return -1;
    }
    return 0;
}
