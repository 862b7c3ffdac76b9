// SPDX-License-Identifier: Apache-2.0
// Rules of /linux (config-linux.md) but for resources, sysctl and seccomp.
#include "config.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "lib/str.h"
#include "runtime/config/check.h"
#include "runtime/config/parse.h"
#include "runtime/config/words.h"

enum {
    MAX_ID_MAPPINGS = 340, // UID_GID_MAP_MAX_EXTENTS of linux/user_namespace.h
    MAX_INTERFACE_NAME = 15,
    MAX_MAJOR = 4095,    // 12 bits, MINORBITS of linux/kdev_t.h
    MAX_MINOR = 1048575, // 20 bits
};

// ---------------------------------------------------------------- namespaces and mappings

static bool overlap(uint64_t a, uint64_t n_a, uint64_t b, uint64_t n_b) {
    return a < b + n_b && b < a + n_a;
}

int check_id_mappings(struct check *c, const char *origin, const struct spec_id_mapping *maps, size_t n) {
    if (n > MAX_ID_MAPPINGS)
        return INVALID(c, origin, "%zu id mappings, the kernel takes at most %d", n, MAX_ID_MAPPINGS);
    for (size_t i = 0; i < n; i++) {
        const struct spec_id_mapping *m = &maps[i];
        // The last id, 2^32-1, cannot be mapped.
        if ((uint64_t)m->container_id + m->size > UINT32_MAX || (uint64_t)m->host_id + m->size > UINT32_MAX)
            return INVALID(c, AT(c, "%s/%zu/size", origin, i),
                           "the %u ids from %u (host: %u) on go beyond the last id, %u", m->size,
                           m->container_id, m->host_id, UINT32_MAX - 1);
        for (size_t k = 0; k < i; k++) {
            if (overlap(m->container_id, m->size, maps[k].container_id, maps[k].size))
                return INVALID(c, AT(c, "%s/%zu/containerID", origin, i),
                               "the container's ids overlap with those of entry %zu", k);
            if (overlap(m->host_id, m->size, maps[k].host_id, maps[k].size))
                return INVALID(c, AT(c, "%s/%zu/hostID", origin, i),
                               "the host's ids overlap with those of entry %zu", k);
        }
    }
    return 0;
}

static int collect_namespaces(struct check *c, struct raw_config *raw) {
    struct spec_namespace *namespaces = raw->spec.linux_.namespaces;
    for (size_t i = 0; i < raw->n_namespaces; i++) {
        const struct raw_namespace *from = &raw->namespaces[i];
        int kind = 0;
        while (!str_eq(config_namespace_names[kind], from->type))
            kind++;
        if (namespaces[kind].present)
            return INVALID(c, AT(c, "/linux/namespaces/%zu/type", i), "the %s namespace is there twice",
                           from->type);
        namespaces[kind] = (struct spec_namespace){ .present = true, .path = from->path, .index = i };
    }
    return 0;
}

// Which mappings a namespace needs is the isolation's business: the planners say.
static int check_mappings_of_ids(struct check *c, const struct spec_linux *linux_) {
    if (check_id_mappings(c, "/linux/uidMappings", linux_->uid_mappings, linux_->n_uid_mappings) < 0)
        return -1;
    return check_id_mappings(c, "/linux/gidMappings", linux_->gid_mappings, linux_->n_gid_mappings);
}

static int check_time_offsets(struct check *c, struct raw_config *raw) {
    const struct spec_namespace *ns = &raw->spec.linux_.namespaces[NS_TIME];
    for (size_t i = 0; i < raw->n_time_offsets; i++) {
        const struct raw_time_offset *from = &raw->time_offsets[i];
        struct spec_time_offset offset = { .present = true, .secs = from->secs, .nanosecs = from->nanosecs };
        if (str_eq(from->clock, "monotonic"))
            raw->spec.linux_.monotonic = offset;
        else if (str_eq(from->clock, "boottime"))
            raw->spec.linux_.boottime = offset;
        else
            return INVALID(c, AT(c, "/linux/timeOffsets/%s", config_pointer_escape(c->arena, from->clock)),
                           "the clock must be one of %s, but is %s",
                           config_list_words(c->arena, config_clock_names), check_quote(c, from->clock));
    }
    if (raw->n_time_offsets && !ns->present) {
        INVALID(c, "/linux/timeOffsets", "\"timeOffsets\" needs a time namespace to set the clocks of");
        return error_hint(c->err, "add {\"type\": \"time\"} to /linux/namespaces");
    }
    if (raw->n_time_offsets && ns->path)
        return INVALID(c, "/linux/timeOffsets",
                       "\"timeOffsets\" cannot change the time namespace %s, which exists already",
                       check_quote(c, ns->path));
    return 0;
}

int check_namespaces(struct check *c, struct raw_config *raw) {
    if (collect_namespaces(c, raw) < 0 || check_mappings_of_ids(c, &raw->spec.linux_) < 0 ||
        check_time_offsets(c, raw) < 0)
        return -1;
    if (raw->rootfs_propagation)
        raw->spec.linux_.rootfs_propagation =
            (unsigned long)str_lookup(config_propagation_flags, raw->rootfs_propagation)->value;
    return 0;
}

// ---------------------------------------------------------------- devices

static int check_file_mode(struct check *c, const char *origin, struct spec_device *d, char asked_type) {
    // Some engines send st_mode as it is.
    unsigned type = asked_type == 'b' ? S_IFBLK : asked_type == 'p' ? S_IFIFO : S_IFCHR;
    if ((d->file_mode & S_IFMT) == type)
        d->file_mode &= ~(uint32_t)S_IFMT;
    if (d->file_mode > 07777)
        return INVALID(c, AT(c, "%s/fileMode", origin),
                       "\"fileMode\" must be at most 4095 (07777), but is %u; note that it is decimal",
                       d->file_mode);
    return 0;
}

static int check_device(struct check *c, const char *origin, struct spec_device *d) {
    char asked_type = d->type;
    if (check_has_dotdot(d->path) || d->path[strspn(d->path, "/.")] == '\0')
        return INVALID(c, AT(c, "%s/path", origin),
                       "a device's path must name a file, without \"..\", but is %s",
                       check_quote(c, d->path));
    if (d->type == 'u')
        d->type = 'c'; // unbuffered: Linux knows no difference
    if (d->type == 'p') {
        d->major = d->minor = 0;
    } else if (!d->has_major || !d->has_minor) {
        return INVALID(c, origin, "the device %s must have the members \"major\" and \"minor\"",
                       check_quote(c, d->path));
    }
    if (d->major > MAX_MAJOR)
        return INVALID(c, AT(c, "%s/major", origin), "\"major\" must be at most %d, but is %lld", MAX_MAJOR,
                       (long long)d->major);
    if (d->minor > MAX_MINOR)
        return INVALID(c, AT(c, "%s/minor", origin), "\"minor\" must be at most %d, but is %lld", MAX_MINOR,
                       (long long)d->minor);
    return d->has_file_mode ? check_file_mode(c, origin, d, asked_type) : 0;
}

static int check_devices(struct check *c, struct spec_linux *linux_) {
    for (size_t i = 0; i < linux_->n_devices; i++) {
        struct spec_device *d = &linux_->devices[i];
        if (check_device(c, AT(c, "/linux/devices/%zu", i), d) < 0)
            return -1;
        for (size_t k = 0; k < i && d->type != 'p'; k++) {
            const struct spec_device *e = &linux_->devices[k];
            if (e->type == d->type && e->major == d->major && e->minor == d->minor)
                log_info("/linux/devices/%zu: the same device as /linux/devices/%zu", i, k);
        }
    }
    return 0;
}

static int check_net_devices(struct check *c, const struct spec_linux *linux_) {
    for (size_t i = 0; i < linux_->n_net_devices; i++) {
        const struct spec_net_device *d = &linux_->net_devices[i];
        const char *names[] = { d->host_name, d->name ? d->name : d->host_name };
        for (size_t k = 0; k < 2; k++)
            if (names[k][0] == '\0' || strlen(names[k]) > MAX_INTERFACE_NAME ||
                strpbrk(names[k], "/ \t\n:") || str_eq(names[k], ".") || str_eq(names[k], ".."))
                return INVALID(c,
                               AT(c, "/linux/netDevices/%s", config_pointer_escape(c->arena, d->host_name)),
                               "%s is no name of a network device", check_quote(c, names[k]));
    }
    return 0;
}

// ---------------------------------------------------------------- the rest

static int check_cgroups_path(struct check *c, const char *path) {
    if (!path)
        return 0;
    if (check_has_dotdot(path))
        return INVALID(c, "/linux/cgroupsPath", "\"cgroupsPath\" must not have \"..\" in it, but is %s",
                       check_quote(c, path));
    if (path[strspn(path, "/.")] == '\0')
        return INVALID(c, "/linux/cgroupsPath",
                       "\"cgroupsPath\" must name a cgroup below the root, but is %s", check_quote(c, path));
    if (strpbrk(path, "\n\\"))
        return INVALID(c, "/linux/cgroupsPath",
                       "\"cgroupsPath\" must not have newlines or backslashes in it, but is %s",
                       check_quote(c, path));
    return 0;
}

static int check_intel_rdt(struct check *c, const struct spec_intel_rdt *r) {
    if (!r)
        return 0;
    if (r->clos_id && !str_eq(r->clos_id, "/") &&
        (strchr(r->clos_id, '/') || str_eq(r->clos_id, ".") || str_eq(r->clos_id, "..")))
        return INVALID(c, "/linux/intelRdt/closID",
                       "\"closID\" must be the name of one directory, or \"/\", but is %s",
                       check_quote(c, r->clos_id));
    if (r->l3_cache_schema && strchr(r->l3_cache_schema, '\n'))
        return INVALID(c, "/linux/intelRdt/l3CacheSchema", "\"l3CacheSchema\" must be one line, but is %s",
                       check_quote(c, r->l3_cache_schema));
    if (r->mem_bw_schema && (strchr(r->mem_bw_schema, '\n') || !str_starts(r->mem_bw_schema, "MB:")))
        return INVALID(c, "/linux/intelRdt/memBwSchema",
                       "\"memBwSchema\" must be one line that begins with \"MB:\", but is %s",
                       check_quote(c, r->mem_bw_schema));
    for (size_t i = 0; i < r->n_schemata; i++)
        if (strchr(r->schemata[i], '\n'))
            return INVALID(c, AT(c, "/linux/intelRdt/schemata/%zu", i),
                           "a schema must be one line, but is %s", check_quote(c, r->schemata[i]));
    return 0;
}

static int check_memory_policy(struct check *c, const struct spec_memory_policy *p) {
    if (!p)
        return 0;
    bool none = str_eq(p->mode, "MPOL_DEFAULT") || str_eq(p->mode, "MPOL_LOCAL");
    if (p->nodes && !check_is_cpu_list(p->nodes))
        return INVALID(c, "/linux/memoryPolicy/nodes",
                       "\"nodes\" must be a list of memory nodes such as \"0-1,3\", but is %s",
                       check_quote(c, p->nodes));
    if (p->nodes && none)
        return INVALID(c, "/linux/memoryPolicy/nodes", "%s takes no nodes", p->mode);
    if (!p->nodes && !none && !str_eq(p->mode, "MPOL_PREFERRED"))
        return INVALID(c, "/linux/memoryPolicy/nodes", "%s needs at least one node", p->mode);
    return 0;
}

int check_linux(struct check *c, struct spec *spec) {
    struct spec_linux *linux_ = &spec->linux_;
    if (check_devices(c, linux_) < 0 || check_net_devices(c, linux_) < 0 ||
        check_cgroups_path(c, linux_->cgroups_path) < 0)
        return -1;
    if (linux_->personality && linux_->personality->n_flags)
        return INVALID(c, "/linux/personality/flags/0", "no personality flag is supported, but %s is asked",
                       check_quote(c, linux_->personality->flags[0]));
    if (check_intel_rdt(c, linux_->intel_rdt) < 0 || check_memory_policy(c, linux_->memory_policy) < 0 ||
        check_sysctl(c, linux_) < 0)
        return -1;
    if (linux_->resources && check_resources(c, linux_->resources) < 0)
        return -1;
    return linux_->seccomp ? check_seccomp(c, linux_->seccomp) : 0;
}
