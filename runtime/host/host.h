// SPDX-License-Identifier: Apache-2.0
// What this host is like: read-only probes, made once per command, as cheap as they can be. Nothing here
// changes anything; the planners decide from these facts alone, so that tests can feed them hosts that do not
// exist.
#ifndef NOOK_RUNTIME_HOST_HOST_H
#define NOOK_RUNTIME_HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/error.h"

enum host_cgroup_layout {
    HOST_CGROUP_NONE,   // no cgroup file system that we can see
    HOST_CGROUP_V1,     // v1 hierarchies only
    HOST_CGROUP_HYBRID, // v1 hierarchies, and a cgroup2 mount beside them
    HOST_CGROUP_V2,     // one cgroup2 mount
};

struct host_hierarchy {
    const char *controllers; // as in /proc/self/cgroup: "memory", "cpu,cpuacct", "name=systemd"; "" for v2
    const char
        *available; // v2: its cgroup.controllers, separated by spaces; "" on v1 (or when it was not read)
    const char *mount_point; // "/sys/fs/cgroup/memory"
    const char *own_path;    // our own cgroup below the mount point: "/", "/user.slice/x"
    bool v2;
};

struct host_cgroups {
    enum host_cgroup_layout layout;
    struct host_hierarchy *hierarchies; // v1 in the order of /proc/self/cgroup, then v2
    size_t n_hierarchies;
    bool below_own; // the top of the tree is not ours (no root in the initial user namespace): new cgroups
                    // go below or beside our own one
    const char *
        *hugepage_sizes; // "2MB", "1GB": what hugetlb files are named after; filled when hugetlb is needed
    size_t n_hugepage_sizes;
    const char *unmounted; // v1 hierarchies that exist and are mounted nowhere: "pids cpu,cpuacct", or ""
};

struct host_place; // place.h

struct host {
    uid_t euid;
    gid_t egid;
    bool in_initial_userns; // by the namespace's inode; an identity map alone proves nothing
    uint64_t permitted;     // own permitted capabilities, bit n = capability n
    struct host_cgroups cgroups;
    const struct host_place *place; // NULL: not asked for, everything counts as possible
};

// Fills *h. `controllers` names those that the config needs, separated by commas (cgroup_needed() gives it;
// "" for none): only for them the dear places are searched (/proc/self/mountinfo when a hierarchy is not
// mounted where everybody mounts it; cgroup.controllers of a hybrid's v2). Strings live in the arena. 0, or
// -1 with the error set when /proc is unusable; a host without cgroups is no error.
int host_probe(struct host *h, const char *controllers, struct arena *a, struct error *err);

// Our own permitted capabilities alone, for who needs no more (exec).
int host_probe_permitted(uint64_t *permitted, struct error *err);

// The cgroup part alone; h->below_own must be set before. 0, or -1 with the error set.
int host_probe_cgroups(struct host_cgroups *h, const char *controllers, struct arena *a, struct error *err);

// The hierarchy that has this controller ("memory"; "name=systemd"; v2's when it is in cgroup.controllers),
// or NULL.
const struct host_hierarchy *host_cgroups_find(const struct host_cgroups *h, const char *controller);
// The v2 hierarchy, or NULL.
const struct host_hierarchy *host_cgroups_v2(const struct host_cgroups *h);
// Is `word` one of the words of `list`, which are separated by any of `separators`?
bool host_word_in(const char *list, const char *separators, const char *word);

// ---- The pure parts, for tests: text in, facts out.

// Reads the text of /proc/PID/cgroup: one hierarchy a line, mount_point NULL. v2 ("0::/x") last.
// Paths that lead out of the cgroup namespace ("/../x") become "/".
void host_parse_proc_cgroup(const char *text, struct arena *a, struct host_hierarchy **list, size_t *n);

// Looks for the hierarchies that have no mount_point in the text of /proc/self/mountinfo (proc(5)) and fills
// mount_point and own_path (the path of /proc/PID/cgroup minus the mount's root). A mount that shows our own
// cgroup is preferred to one that does not, which gives "/"; else the first one counts.
void host_parse_mountinfo(const char *text, struct arena *a, struct host_hierarchy *list, size_t n);

#endif
