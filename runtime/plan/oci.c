// SPDX-License-Identifier: Apache-2.0
// The planner of a container in full isolation: namespaces, pivot_root, cgroups, everything the spec asks
// for.
#include "config.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/config/reader.h"
#include "runtime/plan/plan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

struct planner {
    struct plan *p;
    const struct spec *spec;
    const struct plan_request *request;
    const struct host *host;
    struct arena *a;
    struct error *err;
    bool userns;      // init lives in a user namespace that is new or joined by path
    bool own_mounts;  // it has a new mount namespace
    bool dev_is_bind; // /dev is bound from the host: nothing is made in it
    bool has_proc;
};

static struct step *parent(struct planner *pl, enum step_op op, const char *origin) {
    return plan_add(&pl->p->parent, pl->a, op, origin);
}
static struct step *child(struct planner *pl, enum step_op op, const char *origin) {
    return plan_add(&pl->p->child, pl->a, op, origin);
}
static const char *origin(struct planner *pl, const char *list, size_t i) {
    return arena_printf(pl->a, "/%s/%zu", list, i);
}
static const struct spec_namespace *ns(struct planner *pl, enum spec_namespace_kind kind) {
    return &pl->spec->linux_.namespaces[kind];
}
static bool is_new(struct planner *pl, enum spec_namespace_kind kind) {
    return ns(pl, kind)->present && !ns(pl, kind)->path;
}

static const char *below_bundle(struct planner *pl, const char *path) {
    return path[0] == '/' ? path : arena_printf(pl->a, "%s/%s", pl->request->bundle, path);
}

// ---------------------------------------------------------------- namespaces

static const uint64_t clone_flag_of[N_NAMESPACES] = {
    [NS_PID] = CLONE_NEWPID, [NS_NETWORK] = CLONE_NEWNET, [NS_MOUNT] = CLONE_NEWNS,
    [NS_IPC] = CLONE_NEWIPC, [NS_UTS] = CLONE_NEWUTS,     [NS_USER] = CLONE_NEWUSER,
};

static void plan_namespaces(struct planner *pl) {
    pl->userns = ns(pl, NS_USER)->present;
    pl->own_mounts = is_new(pl, NS_MOUNT);
    pl->p->mounts_on_host = !ns(pl, NS_MOUNT)->present;
    for (int kind = 0; kind < N_NAMESPACES; kind++) {
        const struct spec_namespace *n = ns(pl, (enum spec_namespace_kind)kind);
        if (n->present && n->path) {
            struct step *s =
                parent(pl, STEP_JOIN, arena_printf(pl->a, "/linux/namespaces/%zu/path", n->index));
            s->join.kind = (enum spec_namespace_kind)kind;
            s->join.path = n->path;
        } else if (n->present) {
            pl->p->clone_flags |= clone_flag_of[kind];
        }
    }
    // A time namespace with offsets is entered only after they are written; without them it is as good as the
    // others.
    bool offsets = pl->spec->linux_.monotonic.present || pl->spec->linux_.boottime.present;
    if (is_new(pl, NS_TIME) && !offsets)
        pl->p->clone_flags |= CLONE_NEWTIME;
}

static const char *map_text(struct planner *pl, const struct spec_id_mapping *maps, size_t n) {
    char *text = arena_alloc(pl->a, n * 36 + 1), *at = text;
    for (size_t i = 0; i < n; i++)
        at += snprintf(at, 36, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);
    return text;
}

static bool is_mapped(const struct spec_id_mapping *maps, size_t n, uint32_t id) {
    for (size_t i = 0; i < n; i++)
        if (id >= maps[i].container_id && id - maps[i].container_id < maps[i].size)
            return true;
    return false;
}

static int plan_id_maps(struct planner *pl) {
    const struct spec_linux *l = &pl->spec->linux_;
    const struct spec_process *process = pl->spec->process;
    if (!is_new(pl, NS_USER)) {
        if (l->n_uid_mappings)
            pl->p->expected_uid_map = map_text(pl, l->uid_mappings, l->n_uid_mappings);
        if (l->n_gid_mappings)
            pl->p->expected_gid_map = map_text(pl, l->gid_mappings, l->n_gid_mappings);
        return 0;
    }
    pl->p->uid_map = map_text(pl, l->uid_mappings, l->n_uid_mappings);
    pl->p->gid_map = map_text(pl, l->gid_mappings, l->n_gid_mappings);
    if (process && !is_mapped(l->uid_mappings, l->n_uid_mappings, process->user.uid))
        return error_set_at(pl->err, "config.invalid", 0, "/process/user/uid",
                            "uid %u is not mapped by linux.uidMappings", process->user.uid);
    if (process && !is_mapped(l->gid_mappings, l->n_gid_mappings, process->user.gid))
        return error_set_at(pl->err, "config.invalid", 0, "/process/user/gid",
                            "gid %u is not mapped by linux.gidMappings", process->user.gid);
    // Set-up is root's work; a map without root leaves it to the container's user.
    if (!is_mapped(l->uid_mappings, l->n_uid_mappings, 0))
        pl->p->setup_uid = process ? process->user.uid : l->uid_mappings[0].container_id;
    if (!is_mapped(l->gid_mappings, l->n_gid_mappings, 0))
        pl->p->setup_gid = process ? process->user.gid : l->gid_mappings[0].container_id;
    return 0;
}

// ---------------------------------------------------------------- mounts

static void open_source(struct planner *pl, struct rootfs_source *source, const char *path, bool recursive,
                        const char *where, bool optional) {
    *source = (struct rootfs_source)ROOTFS_SOURCE_NONE;
    source->path = path;
    source->recursive = recursive;
    // What is to stay shared with the host has to be cloned before init's mounts become slaves of the host's;
    // but those of a user namespace always are, and what it clones keeps the host's locks.
    bool shared = pl->spec->linux_.rootfs_propagation & MS_SHARED;
    source->late = pl->own_mounts && (pl->userns || !shared);
    struct step *s = parent(pl, STEP_OPEN_SOURCE, where);
    s->source = source;
    s->optional = optional;
}

static struct rootfs_mount *add_mount(struct planner *pl, const struct spec_mount *m, const char *where) {
    struct rootfs_mount *r = arena_alloc(pl->a, sizeof(*r));
    *r = (struct rootfs_mount){
        .kind = ROOTFS_MOUNT_NEW,
        .destination = m->destination,
        .type = m->type,
        .source = m->source,
        .data = m->data,
        .copy_up = m->tmpcopyup,
        .from = ROOTFS_SOURCE_NONE,
        .flags = m->flags,
        .cleared = m->cleared,
        .rec_attr_set = m->rec_attr_set,
        .rec_attr_clr = m->rec_attr_clr,
        .propagation = m->propagation,
        .n_propagation = m->n_propagation,
    };
    child(pl, STEP_MOUNT, where)->mount = r;
    return r;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// "cpu,cpuacct" gets the links cpu and cpuacct beside it.
static void link_controllers(struct planner *pl, const char *destination, const char *name,
                             const char *where) {
    if (!strchr(name, ','))
        return;
    char *rest = NULL;
    for (char *word = strtok_r(arena_strdup(pl->a, name), ",", &rest); word;
         word = strtok_r(NULL, ",", &rest)) {
        struct step *s = child(pl, STEP_LINK, where);
        s->link.text = name;
        s->link.path = arena_printf(pl->a, "%s/%s", destination, word);
    }
}

// type "cgroup": the container's own cgroups, one directory a hierarchy, in a small tmpfs. v2: the file
// system itself.
static void plan_cgroup_mount(struct planner *pl, const struct spec_mount *m, const char *where) {
    const struct host_cgroups *cg = &pl->host->cgroups;
    if (cg->layout == HOST_CGROUP_V2) {
        struct rootfs_mount *r = add_mount(pl, m, where);
        r->type = "cgroup2";
        r->source = "cgroup";
        r->data = NULL;
        return;
    }
    struct rootfs_mount *top = add_mount(pl, m, where);
    top->type = "tmpfs";
    top->source = "tmpfs";
    top->data = "mode=755";
    top->flags &= ~(unsigned long)MS_RDONLY;
    for (size_t i = 0; pl->p->cgroup && i < pl->p->cgroup->n_dirs; i++) {
        const struct cgroup_dir *dir = &pl->p->cgroup->dirs[i];
        const char *name = base_name(dir->mount_point);
        struct rootfs_mount *r = add_mount(pl, m, where);
        r->destination = arena_printf(pl->a, "%s/%s", m->destination, name);
        r->data = NULL;
        if (is_new(pl, NS_CGROUP)) {
            // The namespace's root is the container's own cgroup, so a new mount shows just that.
            r->type = dir->v2 ? "cgroup2" : "cgroup";
            r->source = "cgroup";
            r->data = dir->v2 ? NULL : dir->controllers;
        } else {
            pl->p->child.list[pl->p->child.n - 1].optional = true;
            r->kind = ROOTFS_MOUNT_BIND;
            open_source(pl, &r->from, dir->dir, false, where, true);
        }
        link_controllers(pl, m->destination, name, where);
    }
    if (m->flags & MS_RDONLY)
        child(pl, STEP_READONLY_MOUNT, where)->text = m->destination;
}

static void plan_one_mount(struct planner *pl, const struct spec_mount *m, const char *where) {
    struct rootfs_mount *r = add_mount(pl, m, where);
    if (m->kind == MOUNT_BIND) {
        r->kind = ROOTFS_MOUNT_BIND;
        r->data = NULL;
        open_source(pl, &r->from, below_bundle(pl, m->source), m->recursive, where, false);
    } else if (m->kind == MOUNT_REMOUNT) {
        r->kind = ROOTFS_MOUNT_REMOUNT;
        r->remount_bind = m->remount_bind;
    }
}

// Do both name the same place, however many "/", "." and ".." are in them? `plain` has none to spare.
static bool is_place(struct planner *pl, const char *path, const char *plain) {
    char *clean = arena_alloc(pl->a, strlen(path) + 2);
    size_t n = 0;
    for (const char *p = path; *p;) {
        size_t length = strcspn(p, "/");
        if (length == 2 && memcmp(p, "..", 2) == 0) {
            while (n > 0 && clean[--n] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *p == '.')) {
            clean[n++] = '/';
            memcpy(clean + n, p, length);
            n += length;
        }
        p += length + (p[length] == '/');
    }
    clean[n] = '\0';
    return str_eq(clean, plain);
}

static bool is_dev(struct planner *pl, const struct spec_mount *m) {
    return is_place(pl, m->destination, "/dev");
}

// What later steps have to know of the mounts.
static void survey_mounts(struct planner *pl) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        if (is_dev(pl, m) && m->kind == MOUNT_BIND)
            pl->dev_is_bind = true;
        if (is_place(pl, m->destination, "/proc"))
            pl->has_proc = true;
    }
}

static bool is_cgroup_mount(const struct spec_mount *m) {
    return m->kind == MOUNT_NEW && m->type && (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2"));
}

// A read-only /dev is filled first.
static void plan_mount_list(struct planner *pl) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        const char *where = origin(pl, "mounts", i);
        if (is_cgroup_mount(m)) {
            plan_cgroup_mount(pl, m, where);
            continue;
        }
        plan_one_mount(pl, m, where);
        if (is_dev(pl, m) && m->kind == MOUNT_NEW)
            pl->p->child.list[pl->p->child.n - 1].mount->flags &= ~(unsigned long)MS_RDONLY;
    }
}

static void plan_readonly_dev(struct planner *pl) {
    for (size_t i = 0; i < pl->spec->n_mounts; i++) {
        const struct spec_mount *m = &pl->spec->mounts[i];
        if (is_dev(pl, m) && m->kind == MOUNT_NEW && (m->flags & MS_RDONLY))
            child(pl, STEP_READONLY_MOUNT, origin(pl, "mounts", i))->text = m->destination;
    }
}

// ---------------------------------------------------------------- devices and links

static const struct {
    const char *path;
    unsigned major, minor;
} default_devices[] = {
    { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
    { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static struct rootfs_device *add_device(struct planner *pl, struct plan_devices *d, const char *where) {
    size_t n = d->n;
    *ARENA_PUSH(pl->a, d->origins, n) = where;
    struct rootfs_device *device = ARENA_PUSH(pl->a, d->list, d->n);
    device->from = (struct rootfs_source)ROOTFS_SOURCE_NONE;
    return device;
}

static bool in_config(struct planner *pl, const char *path) {
    for (size_t i = 0; i < pl->spec->linux_.n_devices; i++)
        if (is_place(pl, pl->spec->linux_.devices[i].path, path))
            return true;
    return false;
}

static void plan_devices(struct planner *pl) {
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
        struct rootfs_device *device = add_device(pl, d, origin(pl, "linux/devices", i));
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
    bool may_mknod =
        !pl->userns && pl->host->in_initial_userns && (pl->host->permitted & (1ULL << CAP_MKNOD));
    if (!may_mknod) {
        for (size_t i = 0; i < d->n; i++)
            if (d->list[i].type != 'p') {
                d->list[i].from.path = d->list[i].path;
                d->list[i].from.late = pl->own_mounts && pl->userns;
            }
        parent(pl, STEP_OPEN_DEVICES, "/linux/devices")->devices = d;
        pl->p->bind_devices = true;
    }
    child(pl, STEP_DEVICES, NULL)->devices = d;
}

static void plan_links(struct planner *pl) {
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
        struct step *s = child(pl, STEP_LINK, arena_printf(pl->a, "default:%s", links[i].path));
        s->link.text = links[i].text;
        s->link.replace =
            !links[i].needs_proc; // an image's own ptmx would lead out of the container's devpts
        s->link.path = links[i].path;
    }
}

// ---------------------------------------------------------------- the rest

static void plan_cgroups(struct planner *pl) {
    const struct cgroup_plan *cg = pl->p->cgroup;
    if (!cg || cg->n_dirs == 0)
        return;
    parent(pl, STEP_CGROUP_MAKE, "/linux/cgroupsPath");
    for (size_t i = 0; i < cg->n_writes; i++)
        parent(pl, STEP_CGROUP_WRITE, cg->writes[i].origin)->write = &cg->writes[i];
    if (cg->device_program)
        parent(pl, STEP_CGROUP_DEVICES, "/linux/resources/devices");
}

static int translate_cgroups(struct planner *pl) {
    if (pl->request->no_cgroup) {
        const struct spec_resources *r = pl->spec->linux_.resources;
        if (r && (r->memory || r->cpu || r->has_pids_limit || r->n_hugepage_limits))
            return error_set_at(pl->err, "cgroup.disabled", 0, "/linux/resources",
                                "limits cannot be set with the cgroup manager \"disabled\"");
        if (r && r->n_devices)
            *ARENA_PUSH(pl->a, pl->p->warnings, pl->p->n_warnings) =
                "linux.resources.devices is not enforced: the cgroup manager is \"disabled\"";
        return 0;
    }
    pl->p->cgroup = arena_alloc(pl->a, sizeof(*pl->p->cgroup));
    if (cgroup_translate(pl->spec, pl->request->id, &pl->host->cgroups, pl->a, pl->p->cgroup, pl->err) < 0)
        return -1;
    const struct cgroup_plan *cg = pl->p->cgroup;
    for (size_t i = 0; i < cg->n_warnings; i++)
        *ARENA_PUSH(pl->a, pl->p->warnings, pl->p->n_warnings) = cg->warnings[i];
    if (cg->none)
        *ARENA_PUSH(pl->a, pl->p->warnings, pl->p->n_warnings) = cg->none;
    return 0;
}

static void plan_enter_namespaces(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (pl->p->cgroup && pl->p->cgroup->n_dirs)
        child(pl, STEP_CGROUP_ATTACH, "/linux/cgroupsPath");
    if (ns(pl, NS_MOUNT)->path)
        child(pl, STEP_JOIN_MOUNT_NAMESPACE, origin(pl, "linux/namespaces", ns(pl, NS_MOUNT)->index));
    if (pl->userns)
        child(pl, STEP_WAIT_MAPS, "/linux/uidMappings");
    if (is_new(pl, NS_CGROUP))
        child(pl, STEP_UNSHARE, origin(pl, "linux/namespaces", ns(pl, NS_CGROUP)->index))->flags =
            CLONE_NEWCGROUP;
    if (is_new(pl, NS_TIME) && !(pl->p->clone_flags & CLONE_NEWTIME))
        child(pl, STEP_TIME_OFFSETS, "/linux/timeOffsets");
    if (is_new(pl, NS_NETWORK))
        child(pl, STEP_LOOPBACK, origin(pl, "linux/namespaces", ns(pl, NS_NETWORK)->index));
    child(pl, STEP_NEW_SESSION, "default:session");
    if (pl->request->keyring)
        child(pl, STEP_KEYRING, "default:keyring")->text = pl->request->keyring;
    if (spec->hostname)
        child(pl, STEP_HOSTNAME, "/hostname")->text = spec->hostname;
    if (spec->domainname)
        child(pl, STEP_DOMAINNAME, "/domainname")->text = spec->domainname;
}

static void plan_notify(struct planner *pl) {
    static const struct spec_mount mount = { .destination = "/run/notify",
                                             .type = "bind",
                                             .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC };
    struct rootfs_mount *r = add_mount(pl, &mount, "environment:NOTIFY_SOCKET");
    r->kind = ROOTFS_MOUNT_BIND;
    open_source(pl, &r->from, pl->request->notify_directory, false, "environment:NOTIFY_SOCKET", false);
}

static void plan_root(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (pl->own_mounts)
        child(pl, STEP_PROPAGATION, "/linux/rootfsPropagation")->flags = spec->linux_.rootfs_propagation;
    child(pl, STEP_ATTACH_ROOT, "/root/path");
    plan_mount_list(pl);
    if (pl->request->notify_directory)
        plan_notify(pl);
    plan_devices(pl);
    plan_links(pl);
}

static void plan_after_mounts(struct planner *pl) {
    const struct spec *spec = pl->spec;
    const struct spec_linux *l = &spec->linux_;
    if (spec->process && spec->process->terminal)
        child(pl, STEP_TERMINAL, "/process/terminal");
    plan_readonly_dev(pl);
    if (spec->hooks[HOOK_PRESTART].n_hooks || spec->hooks[HOOK_CREATE_RUNTIME].n_hooks)
        child(pl, STEP_WAIT_HOOKS, "/hooks");
    if (spec->hooks[HOOK_CREATE_CONTAINER].n_hooks)
        child(pl, STEP_CREATE_CONTAINER_HOOKS, "/hooks/createContainer");
    for (size_t i = 0; i < l->n_sysctl; i++) {
        const char *key = config_pointer_escape(pl->a, l->sysctl[i].key);
        struct step *s = child(pl, STEP_SYSCTL, arena_printf(pl->a, "/linux/sysctl/%s", key));
        s->key_value = (struct spec_key_value){ l->sysctl_paths[i], l->sysctl[i].value };
    }
    for (size_t i = 0; i < l->n_readonly_paths; i++)
        child(pl, STEP_READONLY_PATH, origin(pl, "linux/readonlyPaths", i))->text = l->readonly_paths[i];
    for (size_t i = 0; i < l->n_masked_paths; i++)
        child(pl, STEP_MASK, origin(pl, "linux/maskedPaths", i))->text = l->masked_paths[i];
    child(pl,
          !pl->own_mounts         ? STEP_CHROOT
          : pl->request->no_pivot ? STEP_MOVE_ROOT
                                  : STEP_PIVOT_ROOT,
          "/root/path");
    if (spec->process)
        child(pl, STEP_CWD, "/process/cwd");
    if (l->rootfs_propagation && pl->own_mounts)
        child(pl, STEP_ROOT_PROPAGATION, "/linux/rootfsPropagation")->flags = l->rootfs_propagation;
    if (spec->root.readonly)
        child(pl, STEP_READONLY_ROOT, "/root/readonly");
    if (spec->process)
        child(pl, STEP_FIND_EXECUTABLE, "/process/args/0");
}

static void plan_clone(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (spec->linux_.seccomp)
        parent(pl, STEP_SECCOMP_PROGRAM, "/linux/seccomp");
    if (spec->process && spec->process->terminal && pl->request->console_socket)
        parent(pl, STEP_CONSOLE_SOCKET, "option:console-socket")->text = pl->request->console_socket;
    if (spec->process && spec->process->has_oom_score_adj)
        parent(pl, STEP_OOM_SCORE, "/process/oomScoreAdj");
    parent(pl, STEP_CLONE, "/linux/namespaces")->flags = pl->p->clone_flags;
    parent(pl, STEP_SAVE_STATE, NULL);
    if (pl->p->uid_map)
        parent(pl, STEP_ID_MAPS, "/linux/uidMappings");
    if (spec->hooks[HOOK_PRESTART].n_hooks || spec->hooks[HOOK_CREATE_RUNTIME].n_hooks)
        parent(pl, STEP_RUNTIME_HOOKS, "/hooks");
    if (pl->request->pid_file)
        parent(pl, STEP_PID_FILE, "option:pid-file")->text = pl->request->pid_file;
}

static int check_terminal(struct planner *pl) {
    const struct spec_process *process = pl->spec->process;
    bool terminal = process && process->terminal;
    bool foreground = !pl->request->wait_start && !pl->request->detach;
    if (terminal && !pl->request->console_socket && !foreground && !pl->request->dry) {
        error_set_at(pl->err, "terminal.no-socket", 0, "/process/terminal",
                     "a detached container has nobody to hold its terminal");
        return error_hint(pl->err, "set process.terminal to false or pass --console-socket");
    }
    if (!terminal && pl->request->console_socket)
        return error_set_at(pl->err, "terminal.unused-socket", 0, "/process/terminal",
                            "--console-socket is given, but process.terminal is not true");
    return 0;
}

struct plan *plan_oci(const struct spec *spec, const struct plan_request *request, const struct host *host,
                      struct arena *a, struct error *err) {
    struct plan *p = arena_alloc(a, sizeof(*p));
    struct planner pl = { .p = p, .spec = spec, .request = request, .host = host, .a = a, .err = err };
    p->isolation = "oci";
    p->spec = spec;
    p->process = spec->process;
    p->rootfs = below_bundle(&pl, spec->root.path);
    p->root = (struct rootfs_source)ROOTFS_SOURCE_NONE;
    p->root.path = p->rootfs;
    p->root.recursive = true;

    plan_namespaces(&pl);
    p->root.late = pl.own_mounts && pl.userns;
    if (plan_id_maps(&pl) < 0 || check_terminal(&pl) < 0 || translate_cgroups(&pl) < 0)
        return NULL;
    survey_mounts(&pl);

    parent(&pl, STEP_CLAIM_ID, "option:id");
    parent(&pl, STEP_OPEN_ROOT, "/root/path")->source = &p->root;
    plan_cgroups(&pl);
    plan_enter_namespaces(&pl);
    plan_root(&pl); // also emits the parent's STEP_OPEN_SOURCE
    plan_after_mounts(&pl);
    plan_clone(&pl);

    if (request->wait_start)
        plan_add(&p->final, a, STEP_WAIT_START, "default:start");
    if (spec->process) {
        if (spec->hooks[HOOK_START_CONTAINER].n_hooks)
            plan_add(&p->final, a, STEP_START_CONTAINER_HOOKS, "/hooks/startContainer");
        plan_environment(p, request->listen_fds, request->notify_directory != NULL, a);
        plan_last_steps(p, spec->linux_.seccomp != NULL, a);
    }
    return p;
}
