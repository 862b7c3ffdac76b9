// SPDX-License-Identifier: Apache-2.0
// init's steps that build the container's root, by the hands of rootfs/.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "runtime/init/steps.h"
#include "runtime/rootfs/mask.h"
#include "runtime/rootfs/resolve.h"

static int step_propagation(struct init *in, const struct step *s, struct error *err) {
    return rootfs_set_propagation(&in->rootfs, s->flags, err);
}

static int step_bindable(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rootfs_make_bindable(&in->rootfs, err);
}

// An optional source that the parent did not find; one that it found and left to us has no descriptor either.
static bool is_missing(const struct step *s) {
    return s->optional && s->mount->from.fd < 0 && s->mount->from.ino == 0;
}

static int32_t number_of(const struct plan *p, const struct rootfs_source *wanted) {
    const char *ignored;
    const struct rootfs_source *s;
    for (size_t i = 0; (s = plan_source(p, i, &ignored)); i++)
        if (s == wanted)
            return (int32_t)i;
    return -1;
}

// A user namespace takes the right away to pass through directories of users that it does not map.
static int ask_for_source(struct init *in, struct rootfs_source *s, struct error *err) {
    struct message m;
    int fd = -1;
    cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || message_send(in->sock, MESSAGE_SOURCE, number_of(in->plan, s), root) < 0 ||
        message_receive(in->sock, &m, &fd, -1) != 1 || m.type != MESSAGE_GO || fd < 0)
        return error_set(err, "parent.gone", 0, "the runtime ended during create");
    return rootfs_source_take(&in->rootfs, s, fd, err);
}

static int reopen(struct init *in, struct rootfs_source *s, struct error *err) {
    if (rootfs_source_reopen(&in->rootfs, s, err) == 0)
        return 0;
    return err->err == EACCES ? ask_for_source(in, s, err) : -1;
}

// Also opens again what the parent could not open for another mount namespace: all sources, before any
// target.
static int step_attach_root(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    const struct steps *steps = &in->plan->child;
    struct rootfs_source *root = (struct rootfs_source *)&in->plan->root;
    if (reopen(in, root, err) < 0)
        return -1;
    for (size_t i = 0; i < steps->n; i++) {
        const struct step *m = &steps->list[i];
        if (m->op == STEP_MOUNT && m->mount->from.path && !is_missing(m) &&
            reopen(in, &m->mount->from, err) < 0)
            return error_where(err, step_name(m->op), m->origin);
        for (size_t k = 0; m->op == STEP_DEVICES && k < m->devices->n; k++)
            if (m->devices->list[k].from.path && reopen(in, &m->devices->list[k].from, err) < 0)
                return error_where(err, step_name(m->op), m->devices->origins[k]);
    }
    return rootfs_attach_root(&in->rootfs, root, err);
}

static int step_hold_root(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rootfs_hold_root(&in->rootfs, (struct rootfs_source *)&in->plan->root, err);
}

static int step_readonly_tree(struct init *in, const struct step *s, struct error *err) {
    return rootfs_readonly_tree(&in->rootfs, s->tree.path, s->tree.flags, err);
}

static int step_mount(struct init *in, const struct step *s, struct error *err) {
    if (s->mount->kind == ROOTFS_MOUNT_BIND && is_missing(s))
        return 0;
    return rootfs_mount(&in->rootfs, s->mount, err);
}

static int step_readonly_mount(struct init *in, const struct step *s, struct error *err) {
    return rootfs_readonly_mount(&in->rootfs, s->text, err);
}

static int step_devices(struct init *in, const struct step *s, struct error *err) {
    size_t failed = 0;
    if (rootfs_devices(&in->rootfs, s->devices->list, s->devices->n, &failed, err) == 0)
        return 0;
    return error_where(err, NULL, failed < s->devices->n ? s->devices->origins[failed] : NULL);
}

static int step_link(struct init *in, const struct step *s, struct error *err) {
    return rootfs_symlink(&in->rootfs, s->link.text, s->link.path, s->link.replace, err);
}

static int step_create_container_hooks(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return init_run_hooks(in, &in->create_container, err);
}

static int step_wait_hooks(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return init_ask(in, MESSAGE_HOOKS, err);
}

static int step_pivot_root(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    // The clone of our binary's mount goes the way of the host's mounts: as a detached one it would make the
    // last close of it wait for RCU. Where that fails it just does.
    if (in->image >= 0)
        (void)sys_move_mount(in->image, "", AT_FDCWD, "/dev/null", MOVE_MOUNT_F_EMPTY_PATH);
    return rootfs_pivot(&in->rootfs, err);
}

static int step_move_root(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rootfs_no_pivot(&in->rootfs, err);
}

static int step_chroot(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rootfs_chroot(&in->rootfs, err);
}

static int step_lift_root(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rootfs_lift(&in->rootfs, err);
}

static int step_sysctl(struct init *in, const struct step *s, struct error *err) {
    return rootfs_sysctl(&in->rootfs, s->key_value.key, s->key_value.value, err);
}

static int step_mask(struct init *in, const struct step *s, struct error *err) {
    return rootfs_mask(&in->rootfs, s->text, err);
}

static int step_readonly_path(struct init *in, const struct step *s, struct error *err) {
    return rootfs_readonly_path(&in->rootfs, s->text, err);
}

static int step_root_propagation(struct init *in, const struct step *s, struct error *err) {
    return rootfs_set_root_propagation(&in->rootfs, s->flags, err);
}

static int step_readonly_root(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    return rootfs_readonly_root(&in->rootfs, err);
}

const init_step init_root_steps[N_STEP_OPS] = {
    [STEP_PROPAGATION] = step_propagation,
    [STEP_BINDABLE] = step_bindable,
    [STEP_ATTACH_ROOT] = step_attach_root,
    [STEP_HOLD_ROOT] = step_hold_root,
    [STEP_MOUNT] = step_mount,
    [STEP_READONLY_TREE] = step_readonly_tree,
    [STEP_READONLY_MOUNT] = step_readonly_mount,
    [STEP_DEVICES] = step_devices,
    [STEP_LINK] = step_link,
    [STEP_WAIT_HOOKS] = step_wait_hooks,
    [STEP_CREATE_CONTAINER_HOOKS] = step_create_container_hooks,
    [STEP_PIVOT_ROOT] = step_pivot_root,
    [STEP_MOVE_ROOT] = step_move_root,
    [STEP_CHROOT] = step_chroot,
    [STEP_LIFT_ROOT] = step_lift_root,
    [STEP_SYSCTL] = step_sysctl,
    [STEP_MASK] = step_mask,
    [STEP_READONLY_PATH] = step_readonly_path,
    [STEP_ROOT_PROPAGATION] = step_root_propagation,
    [STEP_READONLY_ROOT] = step_readonly_root,
};
