// SPDX-License-Identifier: Apache-2.0
// Rules of the mounts (config.md, "Mounts").
#include "config.h"

#include <limits.h>
#include <string.h>

#include "runtime/config/check.h"

static int check_mappings(struct check *c, const char *origin, const struct spec *spec,
                          const struct spec_mount *m) {
    if (m->n_uid_mappings && !m->n_gid_mappings)
        return INVALID(c, AT(c, "%s/uidMappings", origin), "\"uidMappings\" needs \"gidMappings\" beside it");
    if (m->n_gid_mappings && !m->n_uid_mappings)
        return INVALID(c, AT(c, "%s/gidMappings", origin), "\"gidMappings\" needs \"uidMappings\" beside it");
    if (m->idmap && !m->n_uid_mappings && !spec->linux_.namespaces[NS_USER].present)
        return INVALID(c, AT(c, "%s/options", origin),
                       "the option \"%s\" has no mapping to apply: the mount has no \"uidMappings\" and "
                       "\"gidMappings\", and the container no user namespace",
                       m->idmap_recursive ? "ridmap" : "idmap");
    if (check_id_mappings(c, AT(c, "%s/uidMappings", origin), m->uid_mappings, m->n_uid_mappings) < 0)
        return -1;
    return check_id_mappings(c, AT(c, "%s/gidMappings", origin), m->gid_mappings, m->n_gid_mappings);
}

static int check_mount(struct check *c, const char *origin, const struct spec *spec, struct spec_mount *m) {
    if (m->destination[0] != '/') {
        if (strlen(m->destination) >= PATH_MAX - 1)
            return INVALID(c, AT(c, "%s/destination", origin),
                           "\"destination\" is longer than a path may be");
        // Deprecated, but allowed: relative to "/".
        m->destination = AT(c, "/%s", m->destination);
    }
    if (config_mount_options(c, origin, m) < 0)
        return -1;
    if (m->kind == MOUNT_BIND && !m->source)
        return INVALID(c, AT(c, "%s/source", origin), "the bind mount on %s has no \"source\"",
                       check_quote(c, m->destination));
    if (m->kind == MOUNT_NEW && !m->type) {
        INVALID(c, AT(c, "%s/type", origin), "the mount on %s has no \"type\"",
                check_quote(c, m->destination));
        return error_hint(c->err,
                          "a filesystem such as \"tmpfs\", or the option \"bind\" to show a directory");
    }
    return check_mappings(c, origin, spec, m);
}

int check_mounts(struct check *c, struct spec *spec) {
    for (size_t i = 0; i < spec->n_mounts; i++)
        if (check_mount(c, AT(c, "/mounts/%zu", i), spec, &spec->mounts[i]) < 0)
            return -1;
    return 0;
}
