// SPDX-License-Identifier: Apache-2.0
// For both planners of a container: all that does not depend on the isolation.
#include "config.h"

#include <sys/mount.h>

#include "runtime/config/reader.h"
#include "runtime/plan/planner.h"

struct step *planner_parent(struct planner *pl, enum step_op op, const char *origin) {
    return plan_add(&pl->p->parent, pl->a, op, origin);
}

struct step *planner_child(struct planner *pl, enum step_op op, const char *origin) {
    return plan_add(&pl->p->child, pl->a, op, origin);
}

const char *planner_origin(struct planner *pl, const char *list, size_t i) {
    return arena_printf(pl->a, "/%s/%zu", list, i);
}

const char *planner_below_bundle(struct planner *pl, const char *path) {
    return path[0] == '/' ? path : arena_printf(pl->a, "%s/%s", pl->request->bundle, path);
}

struct plan *planner_begin(struct planner *pl, const char *isolation) {
    struct plan *p = arena_alloc(pl->a, sizeof(*p));
    pl->p = p;
    p->isolation = isolation;
    p->spec = pl->spec;
    p->process = pl->spec->process;
    p->rootfs = planner_below_bundle(pl, pl->spec->root.path);
    p->root = (struct rootfs_source)ROOTFS_SOURCE_NONE;
    p->root.path = p->rootfs;
    p->root.recursive = true;
    return p;
}

void planner_cgroups(struct planner *pl) {
    const struct cgroup_plan *cg = pl->p->cgroup;
    if (!cg || cg->n_dirs == 0)
        return;
    planner_parent(pl, STEP_CGROUP_MAKE, "/linux/cgroupsPath");
    for (size_t i = 0; i < cg->n_writes; i++)
        planner_parent(pl, STEP_CGROUP_WRITE, cg->writes[i].origin)->write = &cg->writes[i];
    if (cg->device_program)
        planner_parent(pl, STEP_CGROUP_DEVICES, "/linux/resources/devices");
}

int planner_translate_cgroups(struct planner *pl) {
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

void planner_after_mounts(struct planner *pl) {
    const struct spec *spec = pl->spec;
    const struct spec_linux *l = &spec->linux_;
    if (spec->process && spec->process->terminal)
        planner_child(pl, STEP_TERMINAL, "/process/terminal")->flags =
            pl->outer_terminal ? PLAN_OUTER_TERMINAL : 0;
    planner_readonly_dev(pl);
    if (spec->hooks[HOOK_PRESTART].n_hooks || spec->hooks[HOOK_CREATE_RUNTIME].n_hooks)
        planner_child(pl, STEP_WAIT_HOOKS, "/hooks");
    if (spec->hooks[HOOK_CREATE_CONTAINER].n_hooks)
        planner_child(pl, STEP_CREATE_CONTAINER_HOOKS, "/hooks/createContainer");
    for (size_t i = 0; i < l->n_sysctl; i++) {
        const char *key = config_pointer_escape(pl->a, l->sysctl[i].key);
        struct step *s = planner_child(pl, STEP_SYSCTL, arena_printf(pl->a, "/linux/sysctl/%s", key));
        s->key_value = (struct spec_key_value){ l->sysctl_paths[i], l->sysctl[i].value };
    }
    for (size_t i = 0; i < l->n_readonly_paths; i++)
        if (l->readonly_paths[i])
            planner_child(pl, STEP_READONLY_PATH, planner_origin(pl, "linux/readonlyPaths", i))->text =
                l->readonly_paths[i];
    for (size_t i = 0; i < l->n_masked_paths; i++)
        planner_child(pl, STEP_MASK, planner_origin(pl, "linux/maskedPaths", i))->text = l->masked_paths[i];
    if (pl->weak_root && pl->own_mounts)
        planner_child(pl, STEP_LIFT_ROOT, "/root/path")->best_effort = true;
    planner_child(pl, pl->enter, "/root/path");
    if (pl->weak_root)
        planner_child(pl, STEP_DROP_CHROOT, "/process/capabilities");
    if (spec->process)
        planner_child(pl, STEP_CWD, "/process/cwd");
    if (l->rootfs_propagation && pl->own_mounts)
        planner_child(pl, STEP_ROOT_PROPAGATION, "/linux/rootfsPropagation")->flags = l->rootfs_propagation;
    if (spec->root.readonly)
        planner_child(pl, STEP_READONLY_ROOT, "/root/readonly");
    if (spec->process)
        planner_child(pl, STEP_FIND_EXECUTABLE, "/process/args/0");
}

void planner_clone(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (spec->linux_.seccomp)
        planner_parent(pl, STEP_SECCOMP_PROGRAM, "/linux/seccomp");
    if (spec->process && spec->process->terminal && pl->request->console_socket)
        planner_parent(pl, STEP_CONSOLE_SOCKET, "option:console-socket")->text = pl->request->console_socket;
    if (spec->process && spec->process->has_oom_score_adj)
        planner_parent(pl, STEP_OOM_SCORE, "/process/oomScoreAdj");
    if (pl->p->supervised)
        planner_parent(pl, STEP_SUPERVISE, "default:supervisor");
    planner_parent(pl, STEP_CLONE, "/linux/namespaces")->flags = pl->p->clone_flags;
    planner_parent(pl, STEP_SAVE_STATE, NULL);
    if (pl->p->uid_map)
        planner_parent(pl, STEP_ID_MAPS, "/linux/uidMappings");
    if (spec->hooks[HOOK_PRESTART].n_hooks || spec->hooks[HOOK_CREATE_RUNTIME].n_hooks)
        planner_parent(pl, STEP_RUNTIME_HOOKS, "/hooks");
    if (pl->request->pid_file)
        planner_parent(pl, STEP_PID_FILE, "option:pid-file")->text = pl->request->pid_file;
}

int planner_check_terminal(struct planner *pl) {
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

void planner_final(struct planner *pl) {
    const struct spec *spec = pl->spec;
    if (pl->request->wait_start)
        plan_add(&pl->p->final, pl->a, STEP_WAIT_START, "default:start");
    if (!spec->process)
        return;
    if (spec->hooks[HOOK_START_CONTAINER].n_hooks)
        plan_add(&pl->p->final, pl->a, STEP_START_CONTAINER_HOOKS, "/hooks/startContainer");
    plan_environment(pl->p, pl->request->listen_fds, pl->request->notify_directory != NULL, pl->a);
    plan_last_steps(pl->p, spec->linux_.seccomp != NULL, pl->a);
}
