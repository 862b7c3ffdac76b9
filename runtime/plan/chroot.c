// SPDX-License-Identifier: Apache-2.0
// The planner of places where full isolation is impossible: the outer /proc, /sys and device nodes are
// borrowed, namespaces are made as far as the place lets us, and what cannot be enforced becomes a finding.
// docs/isolation.md has the table of behaviours (CH-*, CR-*).
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/plan/adapt.h"

static const unsigned long borrowed_flags = MS_NOSUID | MS_NOEXEC | MS_RDONLY;
static const unsigned long private_tree[] = { MS_PRIVATE | MS_REC };

static void make_private(struct rootfs_mount *r) {
    r->propagation = private_tree;
    r->n_propagation = 1;
}

static uint64_t attributes_of(unsigned long flags) {
    return (flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) | (flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
           (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) | (flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
}

// A tree of the outside, with all that is mounted in it (masks, above all), read-only throughout: before it
// can be seen in the root, and then proved.
static void borrow_tree(struct adaptation *ad, const char *outer, const char *destination,
                        unsigned long flags, const char *where) {
    struct spec_mount m = { .destination = destination, .type = "bind" };
    struct rootfs_mount *r = planner_add_mount(ad->pl, &m, where);
    r->kind = ROOTFS_MOUNT_BIND;
    r->real_place = true;
    r->rec_attr_set = attributes_of(flags);
    make_private(r);
    planner_open_source(ad->pl, &r->from, outer, true, where, false);
    struct step *s = planner_child(ad->pl, STEP_READONLY_TREE, where);
    s->tree.path = destination;
    s->tree.flags = flags;
}

// ---------------------------------------------------------------- /dev

static const struct spec_mount own_dev = { .destination = "/dev",
                                           .type = "tmpfs",
                                           .source = "tmpfs",
                                           .data = "mode=755,size=65536k",
                                           .flags = MS_NOSUID | MS_STRICTATIME };
static const struct spec_mount own_in_dev[] = {
    { .destination = "/dev/pts",
      .type = "devpts",
      .source = "devpts",
      .data = "newinstance,ptmxmode=0666,mode=0620",
      .flags = MS_NOSUID | MS_NOEXEC },
    { .destination = "/dev/shm",
      .type = "tmpfs",
      .source = "shm",
      .data = "mode=1777,size=65536k",
      .flags = MS_NOSUID | MS_NOEXEC | MS_NODEV },
    { .destination = "/dev/mqueue",
      .type = "mqueue",
      .source = "mqueue",
      .flags = MS_NOSUID | MS_NOEXEC | MS_NODEV },
};

// The mount at /dev, or NULL. (The last one: it covers the others.)
static const struct spec_mount *mount_at_dev(struct planner *pl) {
    const struct spec_mount *found = NULL;
    for (size_t i = 0; i < pl->spec->n_mounts; i++)
        if (planner_is_dev(pl, &pl->spec->mounts[i]) && pl->spec->mounts[i].kind != MOUNT_REMOUNT)
            found = &pl->spec->mounts[i];
    return found;
}

// devpts refuses a group that is not mapped.
static const char *without_unmapped_gid(struct adaptation *ad, const char *data, const char *where) {
    char *text = arena_strdup(ad->pl->a, data ? data : "");
    const char *kept = "";
    char *rest = NULL;
    for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        uint64_t gid = 0;
        bool names_gid = str_starts(word, "gid=") && str_to_u64(word + 4, UINT32_MAX, &gid);
        if (names_gid && !adapt_id_exists(ad, true, (uint32_t)gid)) {
            adapt_find(ad, LOSS_DEVPTS_GID, where, "ids-do-not-exist");
            continue;
        }
        kept = *kept ? arena_printf(ad->pl->a, "%s,%s", kept, word) : arena_strdup(ad->pl->a, word);
    }
    return *kept ? kept : NULL;
}

// ---------------------------------------------------------------- the list of mounts

enum treatment { BORROW_PROC, BORROW_SYS, SKIP_CGROUP, NEW_DEVPTS, NEW_MQUEUE, NEW_PLAIN };

static const struct {
    const char *type;
    enum treatment treatment;
} types[] = {
    { "proc", BORROW_PROC },  { "sysfs", BORROW_SYS },  { "cgroup", SKIP_CGROUP }, { "cgroup2", SKIP_CGROUP },
    { "devpts", NEW_DEVPTS }, { "mqueue", NEW_MQUEUE }, { "tmpfs", NEW_PLAIN },    { "overlay", NEW_PLAIN },
};

static bool host_dev(const struct adaptation *ad) {
    return ad->pl->request->chroot_dev_host;
}

static struct rootfs_mount *plan_new(struct adaptation *ad, const struct spec_mount *m, const char *where) {
    struct rootfs_mount *r = planner_add_mount(ad->pl, m, where);
    r->verify = true;
    // In the outer /dev, which is read-only, nothing can be made: what has no place there is left out. But
    // what has one and cannot be covered (the outer terminals) must not be seen.
    struct step *s = &ad->pl->p->child.list[ad->pl->p->child.n - 1];
    s->best_effort = host_dev(ad) && str_starts(planner_clean(ad->pl, m->destination), "/dev/");
    s->tolerates = EROFS;
    return r;
}

static void plan_new_mount(struct adaptation *ad, const struct spec_mount *m, const char *where);

static bool config_mounts(struct planner *pl, const char *place) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++)
        if (planner_is_place(pl, pl->spec->mounts[i].destination, place))
            return true;
    return false;
}

// The file systems of an own /dev that the config does not list: in the outer one its terminals and queues
// would be seen.
static void plan_own_in_dev(struct adaptation *ad) {
    for (size_t i = 0; i < sizeof(own_in_dev) / sizeof(own_in_dev[0]); i++)
        if (!config_mounts(ad->pl, own_in_dev[i].destination))
            plan_new_mount(ad, &own_in_dev[i],
                           arena_printf(ad->pl->a, "default:%s", own_in_dev[i].destination));
}

static void plan_dev(struct adaptation *ad, const struct spec_mount *m, const char *where) {
    if (host_dev(ad)) {
        adapt_find(ad, LOSS_DEV_HOST, where, "asked-for");
        borrow_tree(ad, "/dev", "/dev", borrowed_flags, where);
        plan_own_in_dev(ad);
        return;
    }
    struct rootfs_mount *r = plan_new(ad, m, where);
    r->real_place = true;
    r->flags &= ~(unsigned long)MS_RDONLY; // it is filled first
    ad->pl->p->own_dev = str_eq(m->type, "tmpfs");
}

static void plan_mqueue(struct adaptation *ad, const struct spec_mount *m, const char *where) {
    // The queues of an IPC namespace can be mounted by who is root in the user namespace that it belongs to:
    // for a shared one that is somewhere outside.
    bool is_root_there = ad->pl->host->in_initial_userns && !planner_is_new(ad->pl, NS_USER);
    if (planner_is_new(ad->pl, NS_IPC) || is_root_there) {
        plan_new(ad, m, where);
        return;
    }
    adapt_find(ad, LOSS_MQUEUE_OUTER, where, "namespace-shared");
    struct rootfs_mount *r = planner_add_mount(ad->pl, m, where);
    ad->pl->p->child.list[ad->pl->p->child.n - 1].optional = true;
    r->kind = ROOTFS_MOUNT_BIND;
    r->data = NULL;
    make_private(r);
    planner_open_source(ad->pl, &r->from, "/dev/mqueue", true, where, true);
}

static void plan_new_mount(struct adaptation *ad, const struct spec_mount *m, const char *where) {
    struct planner *pl = ad->pl;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!str_eq(m->type, types[i].type))
            continue;
        switch (types[i].treatment) {
        case BORROW_PROC:
            adapt_refused(ad, LOSS_PROC_OUTER, where, PLACE_PROCFS);
            borrow_tree(ad, "/proc", m->destination, borrowed_flags | MS_NODEV, where);
            return;
        case BORROW_SYS:
            adapt_refused(ad, LOSS_SYS_OUTER, where, PLACE_SYSFS);
            borrow_tree(ad, "/sys", m->destination, borrowed_flags | MS_NODEV, where);
            return;
        case SKIP_CGROUP:
            adapt_find(ad, LOSS_CGROUP_MOUNT, where, "isolation");
            return;
        case NEW_DEVPTS:
            plan_new(ad, m, where)->data = without_unmapped_gid(ad, m->data, where);
            return;
        case NEW_MQUEUE:
            plan_mqueue(ad, m, where);
            return;
        case NEW_PLAIN:
            if (planner_is_dev(pl, m))
                plan_dev(ad, m, where);
            else
                plan_new(ad, m, where);
            return;
        }
    }
    adapt_find(ad, LOSS_MOUNT_TYPE, where, "isolation");
}

// Recursive, whatever the config says: a part of a tree with locked mounts cannot be bound without them. What
// is read-only is so with all that is below. Private, unless the config has a word of its own.
static void plan_bind(struct adaptation *ad, const struct spec_mount *m, const char *where) {
    struct rootfs_mount *r = planner_mount(ad->pl, m, where);
    bool shared = false;
    r->verify = true;
    r->from.recursive = true;
    if (!m->recursive)
        adapt_find(ad, LOSS_MOUNT_RECURSIVE, where, "isolation");
    else if ((m->flags & MS_RDONLY) && !(m->rec_attr_set & MOUNT_ATTR_RDONLY))
        adapt_find(ad, LOSS_MOUNT_READONLY, where, "isolation");
    // What comes along without being asked for gets no more rights than the source.
    unsigned long recursive = MS_RDONLY | (m->recursive ? 0 : MS_NOSUID | MS_NODEV | MS_NOEXEC);
    r->rec_attr_set |= attributes_of(m->flags & recursive);
    for (size_t i = 0; i < m->n_propagation; i++)
        shared = shared || (m->propagation[i] & MS_SHARED);
    bool wordless = m->n_propagation == 0 && !ad->spec->linux_.rootfs_propagation;
    if (shared)
        adapt_find(ad, LOSS_MOUNT_SHARED, where, "isolation");
    else if (wordless)
        adapt_find(ad, LOSS_MOUNT_PRIVATE, where, "isolation");
    if (shared || wordless)
        make_private(r);
}

static void add_own_dev(struct adaptation *ad) {
    if (!host_dev(ad))
        adapt_find(ad, LOSS_DEV_ADDED, "default:/dev", "isolation");
    plan_dev(ad, &own_dev, "default:/dev");
    if (!host_dev(ad))
        plan_own_in_dev(ad);
}

static bool is_within(const char *path, const char *top) {
    size_t n = strlen(top);
    return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

// What a mount of the config becomes when it is borrowed, or left to a borrowed one; N_PLAN_LOSSES: neither.
static enum plan_loss borrowed_as(const struct spec_mount *m) {
    static const struct {
        const char *type;
        enum plan_loss loss;
    } kinds[] = { { "proc", LOSS_PROC_OUTER },
                  { "sysfs", LOSS_SYS_OUTER },
                  { "cgroup", LOSS_CGROUP_MOUNT },
                  { "cgroup2", LOSS_CGROUP_MOUNT } };
    for (size_t i = 0; m->kind == MOUNT_NEW && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (str_eq(m->type, kinds[i].type))
            return kinds[i].loss;
    return N_PLAN_LOSSES;
}

// The config's mount that a path lies in, by its plain name, or NULL.
static const struct spec_mount *mount_of(struct adaptation *ad, const char *path) {
    const char *clean = planner_clean(ad->pl, path);
    const struct spec_mount *found = NULL;
    for (size_t i = 0; i < ad->spec->n_mounts; i++) {
        const struct spec_mount *m = &ad->spec->mounts[i];
        if (m->kind != MOUNT_REMOUNT && is_within(clean, planner_clean(ad->pl, m->destination)))
            found = m;
    }
    return found;
}

// A borrowed file system is the outside's, too: neither its options nor its being read-only are the config's.
// (By another name it is not found here; rootfs_mount refuses it then.)
static void plan_remount(struct adaptation *ad, const struct spec_mount *m, const char *where) {
    const struct spec_mount *of = mount_of(ad, m->destination);
    enum plan_loss loss = of ? borrowed_as(of) : N_PLAN_LOSSES;
    if (host_dev(ad) && is_within(planner_clean(ad->pl, m->destination), "/dev") &&
        (!of || planner_is_dev(ad->pl, of)))
        loss = LOSS_DEV_HOST;
    if (loss != N_PLAN_LOSSES)
        adapt_find(ad, loss, where, loss == LOSS_DEV_HOST ? "asked-for" : "isolation");
    else
        planner_mount(ad->pl, m, where)->spare_kernels = true;
}

// ptrace(2), PTRACE_MODE_READ: /proc/PID/root leads out of any root.
static bool may_trace(const struct adaptation *ad) {
    const struct spec_capabilities *c = ad->process ? ad->process->capabilities : NULL;
    uint64_t all =
        c ? c->bounding | c->effective | c->permitted | c->inheritable | c->ambient : ad->pl->host->permitted;
    return ad->process && !planner_is_new(ad->pl, NS_USER) && (all & (1ULL << CAP_SYS_PTRACE));
}

static void plan_mounts(struct adaptation *ad) {
    struct planner *pl = ad->pl;
    bool proc = false;
    if (!mount_at_dev(pl))
        add_own_dev(ad);
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        const char *where = planner_origin(pl, "mounts", i);
        proc = proc || borrowed_as(m) == LOSS_PROC_OUTER;
        if (m->kind == MOUNT_BIND)
            plan_bind(ad, m, where);
        else if (m->kind == MOUNT_NEW)
            plan_new_mount(ad, m, where);
        else
            plan_remount(ad, m, where);
    }
    if (proc && may_trace(ad) && !ad->pl->p->scope_signals) // a Landlock domain holds tracers, too
        adapt_find(ad, LOSS_PROC_PTRACE, "/process/capabilities", "isolation");
}

// ---------------------------------------------------------------- /proc and /sys are read-only as a whole

// Is all that lies there borrowed?
static bool is_borrowed(struct adaptation *ad, const char *path) {
    const struct spec_mount *of = mount_of(ad, path);
    const char *clean = planner_clean(ad->pl, path);
    if (!of || borrowed_as(of) == N_PLAN_LOSSES)
        return false;
    for (size_t i = 0; i < ad->spec->n_mounts; i++) {
        const struct spec_mount *m = &ad->spec->mounts[i];
        if (borrowed_as(m) == N_PLAN_LOSSES && is_within(planner_clean(ad->pl, m->destination), clean))
            return false;
    }
    return true;
}

// What is read-only already stays as it is (CH-28): no second mount is stacked on it.
static void settle_readonly_paths(struct adaptation *ad) {
    struct spec_linux *l = &ad->spec->linux_;
    const char **kept = arena_calloc(ad->pl->a, l->n_readonly_paths + 1, sizeof(*kept));
    for (size_t i = 0; i < l->n_readonly_paths; i++)
        kept[i] = is_borrowed(ad, l->readonly_paths[i]) ? NULL : l->readonly_paths[i];
    l->readonly_paths = kept;
}

// ---------------------------------------------------------------- the whole

// Without a mount namespace of its own the mounts would be made, and the root be exchanged, for everybody
// outside.
static int check_possible(const struct adaptation *ad, struct error *err) {
    static const enum place_ability needed[] = { PLACE_MOUNT_NS, PLACE_BIND };
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (adapt_can(ad, needed[i]))
            continue;
        const struct place_answer *answer = &ad->place->can[needed[i]];
        error_set_at(err, "isolation.unavailable", answer->errnum, "/linux/namespaces",
                     "chroot isolation is not possible here: %s is refused (%s)",
                     place_ability_name(needed[i]), answer->cause ? answer->cause : "unknown");
        return error_hint(err, "%s%s--isolation=bare needs only chroot(2), but is no security boundary",
                          answer->unlock ? answer->unlock : "", answer->unlock ? "; " : "");
    }
    return 0;
}

static void settle_root(struct adaptation *ad) {
    struct planner *pl = ad->pl;
    struct spec_linux *l = &ad->spec->linux_;
    if (l->rootfs_propagation & (MS_SHARED | MS_UNBINDABLE)) {
        adapt_find(ad, LOSS_ROOT_PROPAGATION, "/linux/rootfsPropagation", "isolation");
        l->rootfs_propagation = MS_PRIVATE;
    }
    pl->enter = pl->request->no_pivot || !adapt_can(ad, PLACE_PIVOT_ROOT) ? STEP_CHROOT : STEP_PIVOT_ROOT;
    pl->weak_root = pl->enter == STEP_CHROOT;
    if (pl->request->no_pivot)
        adapt_find(ad, LOSS_ROOT_CHROOT, "/root/path", "asked-for");
    else if (pl->enter == STEP_CHROOT)
        adapt_refused(ad, LOSS_ROOT_CHROOT, "/root/path", PLACE_PIVOT_ROOT);
}

struct plan *plan_chroot(const struct spec *spec, const struct plan_request *request, const struct host *host,
                         struct arena *a, struct error *err) {
    struct planner pl = { .spec = spec,
                          .request = request,
                          .host = host,
                          .a = a,
                          .err = err,
                          .borrow_devices = true,
                          .best_effort = true };
    struct adaptation ad;
    struct plan *p = planner_begin(&pl, "chroot");
    adapt_begin(&ad, &pl, false);
    if (check_possible(&ad, err) < 0)
        return NULL;
    adapt_namespaces(&ad);
    bool cgroup = adapt_cgroups(&ad);
    settle_root(&ad);
    adapt_kill(&pl, cgroup);
    adapt_process(&ad);
    p->spec = ad.spec;
    planner_namespaces(&pl);
    if (planner_id_maps(&pl) < 0 || planner_check_terminal(&pl) < 0 ||
        (cgroup && planner_translate_cgroups(&pl) < 0))
        return NULL;
    planner_survey_mounts(&pl);
    pl.dev_is_bind = pl.dev_is_bind || host_dev(&ad);

    planner_parent(&pl, STEP_CLAIM_ID, "option:id");
    planner_parent(&pl, STEP_OPEN_ROOT, "/root/path")->source = &p->root;
    planner_cgroups(&pl);
    planner_enter_namespaces(&pl);
    planner_child(&pl, STEP_PROPAGATION, "/linux/rootfsPropagation")->flags =
        ad.spec->linux_.rootfs_propagation;
    planner_child(&pl, STEP_BINDABLE, "default:bindable");
    planner_child(&pl, STEP_ATTACH_ROOT, "/root/path");
    plan_mounts(&ad);
    settle_readonly_paths(&ad);
    if (request->notify_directory)
        planner_notify(&pl);
    if (!pl.dev_is_bind)
        adapt_find(&ad, LOSS_DEV_OUTER_NODES, "default:/dev", "isolation");
    planner_devices(&pl);
    planner_links(&pl);
    return adapt_finish(&ad);
}
