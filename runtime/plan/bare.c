// SPDX-License-Identifier: Apache-2.0
// The planner of `bare`: chroot(2) and nothing else, for places where nothing can be mounted. No security
// boundary: what a config asks for beyond that becomes a finding. docs/isolation.md has the table of
// behaviours.
#include "config.h"

#include <sys/mount.h>

#include "lib/str.h"
#include "runtime/plan/adapt.h"

static bool is_kernels(const char *type) {
    static const char *const kernels[] = { "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue" };
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
        if (str_eq(type, kernels[i]))
            return true;
    return false;
}

// What is missing because nothing can be mounted. /dev and /dev/shm as tmpfs only hold what the kernel puts
// there.
static void lose_mounts(struct adaptation *ad) {
    for (size_t i = 0; i < ad->spec->n_mounts; i++) {
        const struct spec_mount *m = &ad->spec->mounts[i];
        bool of_dev = planner_is_dev(ad->pl, m) || planner_is_place(ad->pl, m->destination, "/dev/shm");
        bool harmless = m->kind == MOUNT_NEW && (is_kernels(m->type) || (of_dev && str_eq(m->type, "tmpfs")));
        adapt_find(ad, harmless ? LOSS_MOUNT_SKIPPED : LOSS_MOUNT_MISSING,
                   planner_origin(ad->pl, "mounts", i), "isolation");
    }
    ad->spec->n_mounts = 0;
}

// In a /proc and a /sys that are not mounted there is nothing to hide.
static void lose_paths(struct adaptation *ad, const char **paths, size_t *n, const char *list,
                       enum plan_loss loss) {
    for (size_t i = 0; i < *n; i++)
        if (!str_starts(paths[i], "/proc/") && !str_starts(paths[i], "/sys/"))
            adapt_find(ad, loss, planner_origin(ad->pl, list, i), "isolation");
    *n = 0;
}

static void lose_root(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    if (ad->spec->root.readonly)
        adapt_find(ad, LOSS_ROOT_WRITABLE, "/root/readonly", "isolation");
    ad->spec->root.readonly = false;
    if (l->rootfs_propagation & (MS_SHARED | MS_UNBINDABLE))
        adapt_find(ad, LOSS_ROOT_PROPAGATION, "/linux/rootfsPropagation", "isolation");
    l->rootfs_propagation = 0;
    for (size_t i = 0; i < l->n_devices; i++)
        adapt_find(ad, LOSS_DEVICE_MISSING, planner_origin(ad->pl, "linux/devices", i), "isolation");
    l->n_devices = 0;
    lose_paths(ad, l->masked_paths, &l->n_masked_paths, "linux/maskedPaths", LOSS_MASK_MISSING);
    lose_paths(ad, l->readonly_paths, &l->n_readonly_paths, "linux/readonlyPaths",
               LOSS_READONLY_PATH_MISSING);
    adapt_find(ad, LOSS_ROOT_CHROOT, "/root/path", "isolation")->mitigation = "--isolation=chroot";
}

struct plan *plan_bare(const struct spec *spec, const struct plan_request *given, const struct host *host,
                       struct arena *a, struct error *err) {
    struct plan_request *request = arena_alloc(a, sizeof(*request));
    *request = *given;
    request->notify_directory = NULL;
    struct planner pl = { .spec = spec,
                          .request = request,
                          .host = host,
                          .a = a,
                          .err = err,
                          .best_effort = true,
                          .outer_terminal = true,
                          .weak_root = true,
                          .enter = STEP_CHROOT };
    struct adaptation ad;
    struct plan *p = planner_begin(&pl, "bare");
    p->root.late = true;
    p->image_dev = true;
    adapt_begin(&ad, &pl, true);
    adapt_find(&ad, LOSS_MOUNT_NS_SHARED, "/linux/namespaces", "isolation");
    adapt_namespaces(&ad);
    bool cgroup = adapt_cgroups(&ad);
    lose_mounts(&ad);
    lose_root(&ad);
    if (given->notify_directory)
        adapt_find(&ad, LOSS_NOTIFY, "environment:NOTIFY_SOCKET", "isolation");
    if (ad.process && ad.process->terminal)
        adapt_find(&ad, LOSS_CONSOLE_MISSING, "/process/terminal", "isolation");
    adapt_kill(&pl, cgroup);
    adapt_process(&ad);
    p->spec = ad.spec;
    if (planner_check_terminal(&pl) < 0 || (cgroup && planner_translate_cgroups(&pl) < 0))
        return NULL;

    planner_parent(&pl, STEP_CLAIM_ID, "option:id");
    planner_parent(&pl, STEP_OPEN_ROOT, "/root/path")->source = &p->root;
    planner_cgroups(&pl);
    planner_enter_namespaces(&pl);
    planner_child(&pl, STEP_HOLD_ROOT, "/root/path");
    return adapt_finish(&ad);
}
