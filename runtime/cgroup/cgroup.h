// SPDX-License-Identifier: Apache-2.0
// cgroups by cgroupfs: v1, hybrid, v2. First the pure translation of config.json's resources to a list of
// file writes, then the hands that make, fill, join, kill and remove the cgroups. See cgroups(7), the
// kernel's admin-guide/cgroup-v1 and cgroup-v2, config-linux.md "Control groups".
#ifndef NOOK_RUNTIME_CGROUP_CGROUP_H
#define NOOK_RUNTIME_CGROUP_CGROUP_H

#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/config/spec.h"
#include "runtime/host/host.h"

// ---------------------------------------------------------------- the plan (pure)

// The container's cgroup in one hierarchy.
struct cgroup_dir {
    const char *controllers; // "memory", "cpu,cpuacct", "name=systemd"; "" for v2
    const char *mount_point; // "/sys/fs/cgroup/memory"
    const char *path;        // below the mount point, "/nook-c1", on a pure v2 host "/nook/c1"
    const char *dir;         // both together, absolute
    const char
        *enable; // v2: controllers that cgroup.subtree_control of each parent should get ("cpu memory")
    const char *must_enable; // those of them without which a limit could not be set
    bool v2;
    bool required; // a limit goes here: without this cgroup create fails
};

struct cgroup_write {
    size_t dir;         // index into dirs
    const char *file;   // "memory.limit_in_bytes"
    const char *value;  // "67108864"
    const char *origin; // JSON pointer, or "default:devices"
    bool optional;      // ENOENT is no error (the kernel has no such file): a warning
    bool lenient;  // nor is EPERM or EACCES (default device rules that our own cgroup does not have): a debug
                   // message
    bool late;     // to be written when init is in the cgroup and set up (pids.max 0 on v2 would stop clone3)
    bool verified; // a number of bytes that the kernel may take and then ignore: read back, and if it does
                   // not hold, an error
};

struct cgroup_plan {
    struct cgroup_dir *dirs;
    size_t n_dirs;
    struct cgroup_write *writes; // in the order in which they must be made
    size_t n_writes;
    const struct bpf_insn *device_program; // v2: attached to dirs[device_dir]; NULL: none
    size_t n_device_program, device_dir;
    bool device_lenient;    // no right to attach it is no error
    bool from_config;       // the place comes from cgroupsPath
    unsigned default_depth; // if not: how many of the last components are nook's own
    bool required; // a limit is asked for: cgroups that cannot be made are an error. Else the container goes
                   // on without
    bool delegate; // v2: the directory and its delegatable files are given to delegate_uid (host's number)
    uid_t delegate_uid;
    const char *none;      // why there are no dirs at all (text for the log), or NULL
    const char **warnings; // texts for the log
    size_t n_warnings;
};

// The controllers that the config's limits need, separated by commas: for host_probe().
const char *cgroup_needed(const struct spec *spec, struct arena *a);

// Where the cgroups of the container go and what is written there. No side effect.
// cgroupsPath absolute: below the mount point. Relative: also below the mount point (or, when
// host->below_own, below our own cgroup), so that the same value always means the same place. None:
// "nook-<id>", in the same base. A limit, shares, quota, period or swap of 0 counts as absent, as it does for
// engines and other runtimes; pids 0 does not. Errors: "cgroup.controller-missing", "cgroup.v1-only" (a
// setting that v2 has not), "config.invalid" (".." in the path, swap below limit, unknown page size, device
// rules that v1 cannot express).
int cgroup_translate(const struct spec *spec, const char *id, const struct host_cgroups *host,
                     struct arena *a, struct cgroup_plan *out, struct error *err);

// ---------------------------------------------------------------- making

// A cgroup of the container as the state directory records it.
struct cgroup_place {
    const char *controllers; // as in cgroup_dir
    const char *dir;         // absolute
    unsigned made; // how many of its last path components we created: 0 = it was there before us, and stays
};

// What a process needs to get into the cgroups. Holds descriptors, all O_CLOEXEC.
struct cgroup_join {
    int *tasks;        // v1: `tasks` of each hierarchy, O_WRONLY
    const char **dirs; // the directory of each, for messages
    size_t n_tasks;
    int v2;             // the v2 directory (O_PATH), for CLONE_INTO_CGROUP; -1: none
    const char *v2_dir; // its name, for messages
};

struct cgroup_live {
    struct cgroup_place *places; // those that exist now: parallel to plan->dirs unless some were left out
    size_t n_places;
    size_t *dir_of; // place i is plan->dirs[dir_of[i]]
    struct cgroup_join join;
    const char **warnings; // what was left out and why, for the log
    size_t n_warnings;
};

// The places that cgroup_make would record, were it to succeed, without making anything: what the state
// directory can hold before the first mkdir, so that a create killed half-way can be cleaned up with
// cgroup_remove. A place called "nook-<id>" is always ours. Costs at most an access(2) per path component.
void cgroup_predict(const struct cgroup_plan *plan, struct arena *a, struct cgroup_place **places, size_t *n);

// Makes the directories (mkdir -p), enables v2 controllers, fills v1 cpusets, checks that the target is
// neither frozen nor in use, and opens what is needed to join. On failure nothing stays behind. Not required
// and not permitted (EACCES, EPERM, EROFS): those cgroups are left out with a warning, 0 is returned.
int cgroup_make(const struct cgroup_plan *plan, struct arena *a, struct cgroup_live *out, struct error *err);

// Writes the limits (late == false: before a process is in; true: after) and attaches the device program
// (early). Writes of cgroups that were left out are skipped. A failure names file, value, origin and, where
// it is known, the cause.
int cgroup_write_limits(const struct cgroup_plan *plan, const struct cgroup_live *live, bool late,
                        struct error *err);

// Closes the descriptors of a join.
void cgroup_join_close(struct cgroup_join *join);

// Removes what cgroup_make made, closes. For roll-back: processes inside should be dead. Never fails loudly.
void cgroup_undo(struct cgroup_live *live);

// ---------------------------------------------------------------- joining

// The calling thread enters: "0" to each v1 `tasks`; with `v2_too` also to cgroup.procs of v2 (when clone3
// did not do it). Async-signal-safe, no allocation: for the child. 0, or -1 with errno and the name of the
// directory in *failed.
int cgroup_attach_self(const struct cgroup_join *join, bool v2_too, const char **failed);

// Why a cgroup may refuse a process with this errno, and what helps; NULL: not known.
const char *cgroup_join_hint(int errnum);

// `exec --cgroup [CONTROLLERS:]PATH`: controllers NULL = every hierarchy; path relative to the container's
// cgroup.
struct cgroup_sub {
    const char *controllers;
    const char *path;
};

// Opens the recorded cgroups of a live container. Sub-cgroups are resolved with RESOLVE_BENEATH. A hierarchy
// whose directory has gone is skipped. Errors: "cgroup.join-failed" and "config.invalid" for a sub that leads
// out or names an unknown controller.
int cgroup_join_open(const struct cgroup_place *places, size_t n, const struct cgroup_sub *subs,
                     size_t n_subs, struct arena *a, struct cgroup_join *out, struct error *err);

// When v2 refuses processes in the recorded cgroup (EBUSY from clone3: the payload enabled controllers
// there): replaces join->v2 by the cgroup that `pid` (init) is in now, if it lies below the recorded one.
int cgroup_join_of_process(const struct cgroup_place *places, size_t n, pid_t pid, struct arena *a,
                           struct cgroup_join *join, struct error *err);

// ---------------------------------------------------------------- a live container, by its recorded places

// One hierarchy is enough for these: v2 if it is there, else freezer, pids, memory, devices, name=systemd,
// any. All processes of the container's cgroup and those below it. 0, or -1; no cgroup left: no pids, 0.
int cgroup_list(const struct cgroup_place *places, size_t n, struct arena *a, pid_t **pids, size_t *n_pids,
                struct error *err);

// Sends a signal to each process once: to nobody who has got its number meanwhile. Who is gone is no error.
int cgroup_signal(const struct cgroup_place *places, size_t n, int sig, struct error *err);

// SIGKILL to all, also to the frozen and to those that fork meanwhile: cgroup.kill, or freeze, kill, thaw,
// again. Does not wait for their end. Error when after a bounded number of rounds there are still new ones.
int cgroup_kill(const struct cgroup_place *places, size_t n, struct error *err);

// Waits until the cgroup has no process (zombies do not count). False after timeout_ms.
bool cgroup_wait_empty(const struct cgroup_place *places, size_t n, int timeout_ms);

// Is the container's cgroup frozen, by itself or from above?
bool cgroup_is_frozen(const struct cgroup_place *places, size_t n);
// Freezes or thaws its own cgroup; thawing goes down to sub-cgroups. Waits, bounded, until it is done.
int cgroup_set_frozen(const struct cgroup_place *places, size_t n, bool frozen, struct error *err);

// Removes the directories that we made, with everything the payload made below them, then our parents when
// empty. EBUSY is retried for a short time. What is not there any more is no error. The error names what is
// left.
int cgroup_remove(const struct cgroup_place *places, size_t n, struct error *err);

// How many processes the OOM killer has killed in this container: memory.events or memory.oom_control; -1:
// unknown.
int64_t cgroup_oom_kills(const struct cgroup_place *places, size_t n);

#endif
