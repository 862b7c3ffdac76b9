// SPDX-License-Identifier: Apache-2.0
// For both planners of a container: device nodes and the links of /dev.
#include "config.h"

#include <linux/capability.h>

#include "lib/str.h"
#include "runtime/plan/planner.h"

static const struct {
    const char *path;
    unsigned major, minor;
} default_devices[] = {
    { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
    { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

// The outer node to bind. Those that are everywhere need not have the config's name.
static const char *outer_node(const struct rootfs_device *d) {
    for (size_t i = 0; i < sizeof(default_devices) / sizeof(default_devices[0]); i++)
        if (d->type != 'b' && d->major == default_devices[i].major && d->minor == default_devices[i].minor)
            return default_devices[i].path;
    return d->path;
}

static struct rootfs_device *add_device(struct planner *pl, struct plan_devices *d, const char *where) {
    size_t n = d->n;
    *ARENA_PUSH(pl->a, d->origins, n) = where;
    struct rootfs_device *device = ARENA_PUSH(pl->a, d->list, d->n);
    device->from = (struct rootfs_source)ROOTFS_SOURCE_NONE;
    return device;
}

static bool in_config(struct planner *pl, const char *path) {
    for (size_t i = 0; i < pl->spec->linux_.n_devices; i++)
        if (planner_is_place(pl, pl->spec->linux_.devices[i].path, path))
            return true;
    return false;
}

void planner_devices(struct planner *pl) {
    struct plan_devices *d = arena_alloc(pl->a, sizeof(*d));
    for (size_t i = 0; !pl->dev_is_bind && i < sizeof(default_devices) / sizeof(default_devices[0]); i++) {
        if (in_config(pl, default_devices[i].path))
            continue;
        struct rootfs_device *device =
            add_device(pl, d, arena_printf(pl->a, "default:%s", default_devices[i].path));
        device->path = default_devices[i].path;
        device->type = 'c';
        device->major = default_devices[i].major;
        device->minor = default_devices[i].minor;
        device->mode = 0666;
    }
    for (size_t i = 0; i < pl->spec->linux_.n_devices; i++) {
        const struct spec_device *s = &pl->spec->linux_.devices[i];
        struct rootfs_device *device = add_device(pl, d, planner_origin(pl, "linux/devices", i));
        device->path = s->path;
        device->type = s->type;
        device->major = (unsigned)s->major;
        device->minor = (unsigned)s->minor;
        device->mode = s->has_file_mode ? s->file_mode & 07777 : 0666;
        device->uid = s->uid;
        device->gid = s->gid;
    }
    if (d->n == 0)
        return;
    bool may_mknod = !pl->borrow_devices && !pl->userns && pl->host->in_initial_userns &&
                     (pl->host->permitted & (1ULL << CAP_MKNOD));
    if (!may_mknod) {
        for (size_t i = 0; i < d->n; i++)
            if (d->list[i].type != 'p') {
                d->list[i].from.path = outer_node(&d->list[i]);
                d->list[i].from.late = pl->own_mounts && pl->userns;
            }
        planner_parent(pl, STEP_OPEN_DEVICES, "/linux/devices")->devices = d;
        pl->p->bind_devices = true;
    }
    planner_child(pl, STEP_DEVICES, NULL)->devices = d;
}

void planner_links(struct planner *pl) {
    static const struct {
        const char *text, *path;
        bool needs_proc;
    } links[] = {
        { "/proc/self/fd", "/dev/fd", true },       { "/proc/self/fd/0", "/dev/stdin", true },
        { "/proc/self/fd/1", "/dev/stdout", true }, { "/proc/self/fd/2", "/dev/stderr", true },
        { "pts/ptmx", "/dev/ptmx", false },
    };
    for (size_t i = 0; !pl->dev_is_bind && i < sizeof(links) / sizeof(links[0]); i++) {
        if (links[i].needs_proc && !pl->has_proc)
            continue;
        struct step *s = planner_child(pl, STEP_LINK, arena_printf(pl->a, "default:%s", links[i].path));
        s->link.text = links[i].text;
        s->link.replace =
            !links[i].needs_proc; // an image's own ptmx would lead out of the container's devpts
        s->link.path = links[i].path;
    }
}
