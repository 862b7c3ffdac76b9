// SPDX-License-Identifier: Apache-2.0
// What the planners of a container share; for runtime/plan/ alone. oci.c, chroot.c and bare.c decide which
// steps there are; what is alike in both is emitted here.
#ifndef NOOK_RUNTIME_PLAN_PLANNER_H
#define NOOK_RUNTIME_PLAN_PLANNER_H

#include "runtime/plan/plan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

struct planner {
    struct plan *p;
    const struct spec *spec; // what is planned: config.json's, or what a weaker isolation makes of it
    const struct plan_request *request;
    const struct host *host;
    struct arena *a;
    struct error *err;
    bool userns;         // init lives in a user namespace that is new or joined by path
    bool own_mounts;     // it has a new mount namespace
    bool dev_is_bind;    // /dev is bound from the host: nothing is made in it
    bool borrow_devices; // device nodes are always bound from the host, never made
    bool best_effort;    // names and the session keyring: a failure is a warning
    bool outer_terminal; // the terminal comes from the outer devpts
    bool has_proc;       // there will be a /proc
    bool weak_root;      // the root is entered by chroot(2), although a payload should not come out of it
    enum step_op enter;  // how the root is entered: STEP_PIVOT_ROOT, STEP_MOVE_ROOT, STEP_CHROOT
};

// ---- container.c
// The plan with what every container has: root, process, isolation's name.
struct plan *planner_begin(struct planner *pl, const char *isolation);
struct step *planner_parent(struct planner *pl, enum step_op op, const char *origin);
struct step *planner_child(struct planner *pl, enum step_op op, const char *origin);
// "/list/i"
const char *planner_origin(struct planner *pl, const char *list, size_t i);
const char *planner_below_bundle(struct planner *pl, const char *path);
int planner_check_terminal(struct planner *pl);
int planner_translate_cgroups(struct planner *pl);
void planner_cgroups(struct planner *pl); // the parent's steps of those
void planner_after_mounts(
    struct planner *pl);                // terminal, hooks, sysctls, masks, the way into the root, executable
void planner_clone(struct planner *pl); // the parent's steps from the clone on
void planner_final(struct planner *pl); // after `start`

// ---- namespaces.c
const struct spec_namespace *planner_ns(struct planner *pl, enum spec_namespace_kind kind);
bool planner_is_new(struct planner *pl, enum spec_namespace_kind kind);
// Is the id in one of the mappings?
bool planner_is_mapped(const struct spec_id_mapping *maps, size_t n, uint32_t id);
void planner_namespaces(struct planner *pl);
int planner_id_maps(struct planner *pl);
void planner_enter_namespaces(struct planner *pl);

// ---- mounts.c
// The path without "." and "..", and with no more slashes than it needs; "" for "/".
const char *planner_clean(struct planner *pl, const char *path);
// Do both name the same place, however many "/", "." and ".." are in them? `plain` has none to spare.
bool planner_is_place(struct planner *pl, const char *path, const char *plain);
bool planner_is_dev(struct planner *pl, const struct spec_mount *m);
// What later steps have to know of the mounts.
void planner_survey_mounts(struct planner *pl);
void planner_open_source(struct planner *pl, struct rootfs_source *source, const char *path, bool recursive,
                         const char *where, bool optional);
struct rootfs_mount *planner_add_mount(struct planner *pl, const struct spec_mount *m, const char *where);
struct rootfs_mount *planner_mount(struct planner *pl, const struct spec_mount *m, const char *where);
void planner_readonly_dev(struct planner *pl);
void planner_notify(struct planner *pl);

// ---- common.c
// process.capabilities without CAP_SYS_CHROOT, which would lead out of a root that was entered by chroot(2);
// NULL stays NULL. *lost: some set had it.
struct spec_capabilities *plan_without_chroot(const struct spec_capabilities *given, bool *lost,
                                              struct arena *a);

// ---- devices.c
void planner_devices(struct planner *pl);
void planner_links(struct planner *pl);

#endif
