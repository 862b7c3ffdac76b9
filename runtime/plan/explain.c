// SPDX-License-Identifier: Apache-2.0
// Plans for people and for programs: what each step is called and what it does.
#include "config.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/str.h"
#include "runtime/plan/plan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const char *const names[N_STEP_OPS] = {
    [STEP_JOIN] = "join-namespace",
    [STEP_CLAIM_ID] = "claim-id",
    [STEP_OPEN_ROOT] = "open-root",
    [STEP_OPEN_SOURCE] = "open-source",
    [STEP_OPEN_DEVICES] = "open-devices",
    [STEP_CGROUP_MAKE] = "cgroup-make",
    [STEP_CGROUP_WRITE] = "cgroup-write",
    [STEP_CGROUP_DEVICES] = "cgroup-devices",
    [STEP_SECCOMP_PROGRAM] = "seccomp-program",
    [STEP_CONSOLE_SOCKET] = "console-socket",
    [STEP_SUPERVISE] = "supervise",
    [STEP_CLONE] = "clone",
    [STEP_SAVE_STATE] = "save-state",
    [STEP_ID_MAPS] = "id-maps",
    [STEP_RUNTIME_HOOKS] = "runtime-hooks",
    [STEP_PID_FILE] = "pid-file",
    [STEP_CGROUP_ATTACH] = "cgroup-attach",
    [STEP_JOIN_CGROUP_NAMESPACE] = "join-cgroup-namespace",
    [STEP_JOIN_MOUNT_NAMESPACE] = "join-mount-namespace",
    [STEP_WAIT_MAPS] = "wait-id-maps",
    [STEP_UNSHARE] = "unshare",
    [STEP_TIME_OFFSETS] = "time-offsets",
    [STEP_LOOPBACK] = "loopback",
    [STEP_JOIN_NAMESPACES] = "join-namespaces",
    [STEP_NEW_SESSION] = "session",
    [STEP_KEYRING] = "keyring",
    [STEP_HOSTNAME] = "hostname",
    [STEP_DOMAINNAME] = "domainname",
    [STEP_PROPAGATION] = "propagation",
    [STEP_BINDABLE] = "bindable",
    [STEP_ATTACH_ROOT] = "attach-root",
    [STEP_HOLD_ROOT] = "hold-root",
    [STEP_MOUNT] = "mount",
    [STEP_READONLY_MOUNT] = "readonly-mount",
    [STEP_READONLY_TREE] = "readonly-tree",
    [STEP_DEVICES] = "devices",
    [STEP_LINK] = "link",
    [STEP_CWD] = "cwd",
    [STEP_TERMINAL] = "terminal",
    [STEP_WAIT_HOOKS] = "wait-hooks",
    [STEP_CREATE_CONTAINER_HOOKS] = "create-container-hooks",
    [STEP_PIVOT_ROOT] = "pivot-root",
    [STEP_MOVE_ROOT] = "move-root",
    [STEP_CHROOT] = "chroot",
    [STEP_LIFT_ROOT] = "lift-root",
    [STEP_DROP_CHROOT] = "drop-chroot",
    [STEP_SYSCTL] = "sysctl",
    [STEP_MASK] = "mask",
    [STEP_READONLY_PATH] = "readonly-path",
    [STEP_ROOT_PROPAGATION] = "root-propagation",
    [STEP_READONLY_ROOT] = "readonly-root",
    [STEP_FIND_EXECUTABLE] = "find-executable",
    [STEP_SHOW_MARKS] = "show-marks",
    [STEP_WAIT_START] = "wait-start",
    [STEP_START_CONTAINER_HOOKS] = "start-container-hooks",
    [STEP_OOM_SCORE] = "oom-score",
    [STEP_RLIMITS] = "rlimits",
    [STEP_STDIO] = "stdio",
    [STEP_LABEL] = "label",
    [STEP_SIGNAL_SCOPE] = "signal-scope",
    [STEP_USER] = "user",
    [STEP_DIE_WITH_PARENT] = "die-with-parent",
    [STEP_SECCOMP] = "seccomp",
    [STEP_EXECVE] = "execve",
};

const char *step_name(enum step_op op) {
    return names[op];
}

// ---------------------------------------------------------------- words

struct bit_name {
    unsigned long bit;
    const char *name;
};

static const struct bit_name mount_flags[] = {
    { MS_RDONLY, "ro" },         { MS_NOSUID, "nosuid" },
    { MS_NODEV, "nodev" },       { MS_NOEXEC, "noexec" },
    { MS_SYNCHRONOUS, "sync" },  { MS_DIRSYNC, "dirsync" },
    { MS_NOATIME, "noatime" },   { MS_NODIRATIME, "nodiratime" },
    { MS_RELATIME, "relatime" }, { MS_STRICTATIME, "strictatime" },
    { 1UL << 25, "lazytime" },   { 1UL << 8, "nosymfollow" },
};
static const struct bit_name propagation_words[] = {
    { MS_SHARED, "shared" },
    { MS_PRIVATE, "private" },
    { MS_SLAVE, "slave" },
    { MS_UNBINDABLE, "unbindable" },
};
static const struct bit_name namespace_words[] = {
    { CLONE_NEWPID, "pid" },       { CLONE_NEWNET, "network" }, { CLONE_NEWNS, "mount" },
    { CLONE_NEWIPC, "ipc" },       { CLONE_NEWUTS, "uts" },     { CLONE_NEWUSER, "user" },
    { CLONE_NEWCGROUP, "cgroup" }, { CLONE_NEWTIME, "time" },
};
#define WORDS(flags, table, a) words((flags), (table), sizeof(table) / sizeof((table)[0]), (a))

static const char *words(unsigned long flags, const struct bit_name *table, size_t n, struct arena *a) {
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        if (flags & table[i].bit)
            text = *text ? arena_printf(a, "%s, %s", text, table[i].name) : table[i].name;
    return text;
}

static const char *propagation_text(unsigned long flags, struct arena *a) {
    const char *word = WORDS(flags, propagation_words, a);
    return *word ? word : "slave";
}

static const char *describe_mount(const struct rootfs_mount *m, struct arena *a) {
    const char *flags = WORDS(m->flags, mount_flags, a);
    const char *what = m->kind == ROOTFS_MOUNT_BIND      ? arena_printf(a, "bind %s", m->from.path)
                       : m->kind == ROOTFS_MOUNT_REMOUNT ? "change the flags of what is"
                                                         : arena_printf(a, "mount a new %s", m->type);
    return arena_printf(a, "%s at %s%s%s%s%s%s%s%s", what, m->destination, *flags ? " (" : "", flags,
                        *flags ? ")" : "", m->data ? ", data " : "", m->data ? m->data : "",
                        m->rec_attr_set ? ", recursive flags" : "",
                        m->n_propagation ? ", with propagation" : "");
}

static const char *describe_devices(const struct plan_devices *d, const char *verb, struct arena *a) {
    const char *text = verb;
    for (size_t i = 0; i < d->n; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : " ", d->list[i].path);
    return text;
}

static const char *describe_clone(const struct step *s, struct arena *a) {
    const char *kinds = WORDS(s->flags, namespace_words, a);
    return *kinds ? arena_printf(a, "make the process, in new namespaces: %s", kinds) : "make the process";
}

static const char *describe_user(const struct spec_process *process, struct arena *a) {
    return arena_printf(a, "become uid %u, gid %u, %zu more groups%s%s", process->user.uid, process->user.gid,
                        process->user.n_additional_gids,
                        process->capabilities ? ", capabilities as listed" : "",
                        process->no_new_privileges ? ", no_new_privs" : "");
}

// Steps whose description needs no operand.
static const char *const fixed[N_STEP_OPS] = {
    [STEP_CLAIM_ID] = "take the id: make its state directory",
    [STEP_CGROUP_DEVICES] = "attach the device program to the cgroup",
    [STEP_SECCOMP_PROGRAM] = "get the seccomp filter's program, from the cache or by compiling the profile",
    [STEP_SUPERVISE] =
        "put a supervisor between this process and init: it will find all of the container's processes",
    [STEP_SAVE_STATE] = "write pid and start time to state.json, copy config.json",
    [STEP_ID_MAPS] = "write the process's uid and gid maps",
    [STEP_RUNTIME_HOOKS] = "run the prestart and createRuntime hooks when init asks",
    [STEP_CGROUP_ATTACH] = "enter the cgroups",
    [STEP_JOIN_CGROUP_NAMESPACE] = "join the cgroup namespace",
    [STEP_JOIN_MOUNT_NAMESPACE] = "join the mount namespace",
    [STEP_WAIT_MAPS] = "wait for the id maps, become root in the user namespace",
    [STEP_TIME_OFFSETS] = "make a time namespace, set its offsets, enter it",
    [STEP_LOOPBACK] = "bring the loopback interface up",
    [STEP_NEW_SESSION] = "become a session leader",
    [STEP_ATTACH_ROOT] = "attach the root's mount tree and open it",
    [STEP_HOLD_ROOT] = "open the root, nothing is mounted",
    [STEP_WAIT_HOOKS] = "wait while the parent runs prestart and createRuntime hooks",
    [STEP_CREATE_CONTAINER_HOOKS] = "run the createContainer hooks",
    [STEP_PIVOT_ROOT] = "pivot_root into the root, let go of the host's",
    [STEP_MOVE_ROOT] = "move the root over / and chroot into it (--no-pivot)",
    [STEP_CHROOT] = "chroot into the root",
    [STEP_LIFT_ROOT] = "move the root into an empty tmpfs over /",
    [STEP_DROP_CHROOT] = "give CAP_SYS_CHROOT up for good",
    [STEP_READONLY_ROOT] = "make the root read-only",
    [STEP_SHOW_MARKS] =
        "show the parent what the container's processes can be known by: its own namespaces and /dev",
    [STEP_WAIT_START] = "wait for `start`",
    [STEP_START_CONTAINER_HOOKS] = "run the startContainer hooks",
    [STEP_RLIMITS] = "set the resource limits of the process",
    [STEP_STDIO] = "give stdin, stdout and stderr to the container's user",
    [STEP_SIGNAL_SCOPE] = "keep signals inside, by Landlock",
    [STEP_DIE_WITH_PARENT] = "ask to be killed when the supervisor dies",
    [STEP_LABEL] = "set the security label for the program",
    [STEP_SECCOMP] = "install the seccomp filter",
};

const char *step_describe(const struct step *s, const struct plan *p, struct arena *a) {
    if (fixed[s->op])
        return fixed[s->op];
    switch (s->op) {
    case STEP_JOIN:
        return arena_printf(a, "open the namespace %s", s->join.path);
    case STEP_OPEN_ROOT:
    case STEP_OPEN_SOURCE:
        return arena_printf(a, "open %s%s", s->source->path,
                            s->source->recursive ? " and the mounts below it" : "");
    case STEP_OPEN_DEVICES:
        return describe_devices(s->devices, "open the host's", a);
    case STEP_CGROUP_MAKE: {
        const char *text = "make";
        for (size_t i = 0; i < p->cgroup->n_dirs; i++)
            text = arena_printf(a, "%s%s%s", text, i ? ", " : " ", p->cgroup->dirs[i].dir);
        return text;
    }
    case STEP_CGROUP_WRITE:
        return arena_printf(a, "write \"%s\" to %s/%s", s->write->value, p->cgroup->dirs[s->write->dir].dir,
                            s->write->file);
    case STEP_READONLY_TREE:
        return arena_printf(a, "make %s and all mounts below it %s", s->tree.path,
                            WORDS(s->tree.flags, mount_flags, a));
    case STEP_TERMINAL:
        return s->flags & PLAN_OUTER_TERMINAL
                   ? "open a terminal in the outer devpts"
                   : "open a terminal in the container's devpts, bind it to /dev/console";
    case STEP_CONSOLE_SOCKET:
        return arena_printf(a, "connect to the console socket %s", s->text);
    case STEP_CLONE:
        return describe_clone(s, a);
    case STEP_PID_FILE:
        return arena_printf(a, "write the pid to %s", s->text);
    case STEP_UNSHARE:
        return arena_printf(a, "make a new namespace: %s", WORDS(s->flags, namespace_words, a));
    case STEP_JOIN_NAMESPACES:
        return arena_printf(a, "join the container's namespaces: %s", WORDS(s->flags, namespace_words, a));
    case STEP_KEYRING:
        return "join a new session keyring"; // its name has the time in it
    case STEP_HOSTNAME:
        return arena_printf(a, "set the host name %s", s->text);
    case STEP_DOMAINNAME:
        return arena_printf(a, "set the domain name %s", s->text);
    case STEP_PROPAGATION:
        return arena_printf(a, "make all mounts of the namespace %s", propagation_text(s->flags, a));
    case STEP_BINDABLE:
        return "make private what is unbindable, so that a bind takes along what it hides";
    case STEP_MOUNT:
        return describe_mount(s->mount, a);
    case STEP_READONLY_MOUNT:
        return arena_printf(a, "make the mount at %s read-only, now that it is filled", s->text);
    case STEP_DEVICES:
        return describe_devices(s->devices, "make", a);
    case STEP_LINK:
        return arena_printf(a, "link %s -> %s", s->link.path, s->link.text);
    case STEP_CWD:
        return arena_printf(a, "go to %s", p->process->cwd);
    case STEP_SYSCTL:
        return arena_printf(a, "write \"%s\" to /proc/sys/%s", s->key_value.value, s->key_value.key);
    case STEP_MASK:
        return arena_printf(a, "hide %s", s->text);
    case STEP_READONLY_PATH:
        return arena_printf(a, "make %s read-only", s->text);
    case STEP_ROOT_PROPAGATION:
        return arena_printf(a, "make / %s", propagation_text(s->flags, a));
    case STEP_FIND_EXECUTABLE:
        return arena_printf(a, "look for %s as the container's user", p->process->args[0]);
    case STEP_OOM_SCORE:
        return arena_printf(a, "set oom_score_adj to %d until the process is born with it",
                            p->process->oom_score_adj);
    case STEP_USER:
        return describe_user(p->process, a);
    case STEP_EXECVE: {
        const char *text = "execute";
        for (size_t i = 0; i < p->process->n_args; i++)
            text = arena_printf(a, "%s %s", text, p->process->args[i]);
        return text;
    }
    default:
        return names[s->op];
    }
}

// ---------------------------------------------------------------- whole plans

static const struct {
    const char *name, *title;
    size_t offset;
} parts[] = {
    { "parent", "The parent, outside:", offsetof(struct plan, parent) },
    { "child", "Init, inside, until the container is created:", offsetof(struct plan, child) },
    { "final", "Init, from `start` to the program:", offsetof(struct plan, final) },
};

static const struct steps *part(const struct plan *p, size_t i) {
    return (const struct steps *)((const char *)p + parts[i].offset);
}

// What this isolation does not give, after the steps.
static const char *findings_text(const struct plan *p, struct arena *a) {
    const char *text = p->n_findings ? "\nNot as the config says\n" : "";
    for (size_t i = 0; i < p->n_findings; i++) {
        const struct plan_finding *f = &p->findings[i];
        const struct plan_loss_kind *kind = &plan_loss_kinds[f->loss];
        text = arena_printf(a, "%s      %-22s %s (%s)  [%s]\n", text, kind->code, kind->effect, f->reason,
                            f->field);
    }
    return text;
}

const char *plan_text(const struct plan *p, struct arena *a) {
    const char *text = "";
    for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
        const struct steps *list = part(p, k);
        text = arena_printf(a, "%s%s%s\n", text, k ? "\n" : "", parts[k].title);
        for (size_t i = 0; i < list->n; i++) {
            const struct step *s = &list->list[i];
            text = arena_printf(a, "%s%4zu  %-22s %s%s%s%s\n", text, i + 1, step_name(s->op),
                                step_describe(s, p, a), s->origin ? "  [" : "", s->origin ? s->origin : "",
                                s->origin ? "]" : "");
        }
    }
    return arena_printf(a, "%s%s", text, findings_text(p, a));
}

void plan_json(const struct plan *p, struct json *j) {
    struct arena a = { 0 };
    json_object(j, NULL);
    json_string(j, "isolation", p->isolation);
    for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
        const struct steps *list = part(p, k);
        json_array(j, parts[k].name);
        for (size_t i = 0; i < list->n; i++) {
            const struct step *s = &list->list[i];
            json_object(j, NULL);
            json_string(j, "step", step_name(s->op));
            json_string(j, "what", step_describe(s, p, &a));
            if (s->origin)
                json_string(j, "origin", s->origin);
            json_object_end(j);
        }
        json_array_end(j);
    }
    json_array(j, "lost");
    for (size_t i = 0; i < p->n_findings; i++)
        plan_finding_json(&p->findings[i], j);
    json_array_end(j);
    json_array(j, "warnings");
    for (size_t i = 0; i < p->n_warnings; i++)
        json_string(j, NULL, p->warnings[i]);
    json_array_end(j);
    json_object_end(j);
    arena_free(&a);
}
