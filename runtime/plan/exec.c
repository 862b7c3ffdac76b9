// SPDX-License-Identifier: Apache-2.0
// The planner of a process that joins a container: exec.
#include "config.h"

#include "runtime/plan/planner.h"

// The container's isolation holds for this process, too.
static const struct spec_process *adapt(const struct plan_exec_request *request, struct arena *a) {
    bool needs_no_new_privs = request->seccomp && !request->admin && !request->process->no_new_privileges;
    bool lost;
    if (!request->chrooted && !needs_no_new_privs)
        return request->process;
    struct spec_process *copy = arena_alloc(a, sizeof(*copy));
    *copy = *request->process;
    if (request->chrooted)
        copy->capabilities = plan_without_chroot(request->process->capabilities, &lost, a);
    if (needs_no_new_privs)
        copy->no_new_privileges = true;
    return copy;
}

struct plan *plan_exec(const struct plan_exec_request *request, struct arena *a, struct error *err) {
    const struct spec_process *process = adapt(request, a);
    if (!process->terminal && request->console_socket) {
        error_set(err, "terminal.unused-socket", 0,
                  "--console-socket is given, but the process has no terminal");
        return NULL;
    }
    struct plan *p = arena_alloc(a, sizeof(*p));
    p->isolation = "oci";
    p->process = process;
    p->supervised = request->supervised;
    p->image_dev = request->image_dev;
    p->root = (struct rootfs_source)ROOTFS_SOURCE_NONE;

    if (process->terminal && request->console_socket)
        plan_add(&p->parent, a, STEP_CONSOLE_SOCKET, "option:console-socket")->text = request->console_socket;
    if (process->has_oom_score_adj)
        plan_add(&p->parent, a, STEP_OOM_SCORE, "/process/oomScoreAdj");
    plan_add(&p->parent, a, STEP_CLONE, NULL);
    if (request->pid_file)
        plan_add(&p->parent, a, STEP_PID_FILE, "option:pid-file")->text = request->pid_file;

    if (request->in_cgroup)
        plan_add(&p->child, a, STEP_CGROUP_ATTACH, NULL);
    plan_add(&p->child, a, STEP_NEW_SESSION, "default:session");
    // The container's own devpts, unless it has none.
    if (process->terminal && p->image_dev)
        plan_add(&p->child, a, STEP_TERMINAL, "/process/terminal")->flags = PLAN_OUTER_TERMINAL;
    plan_add(&p->child, a, STEP_JOIN_NAMESPACES, NULL)->flags = request->namespaces;
    if (request->chrooted)
        plan_add(&p->child, a, STEP_DROP_CHROOT, "/process/capabilities");
    if (request->keyring)
        plan_add(&p->child, a, STEP_KEYRING, "default:keyring")->text = request->keyring;
    if (process->terminal && !p->image_dev)
        plan_add(&p->child, a, STEP_TERMINAL, "/process/terminal");
    plan_add(&p->child, a, STEP_CWD, "/process/cwd");
    plan_add(&p->child, a, STEP_FIND_EXECUTABLE, "/process/args/0");
    plan_environment(p, 0, false, a);
    plan_last_steps(p, request->seccomp, a);
    return p;
}
