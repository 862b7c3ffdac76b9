// SPDX-License-Identifier: Apache-2.0
// What the files of the place's probe share, and their pure parts, for tests; nobody else needs it.
#ifndef NOOK_RUNTIME_HOST_PLACE_TRY_H
#define NOOK_RUNTIME_HOST_PLACE_TRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/host/host.h"
#include "runtime/host/place.h"

// ---------------------------------------------------------------- place_try.c: the throw-away child

// How one try ended.
struct place_try {
    const char *call; // the system call that was refused
    int errnum;
    bool tried;
    bool filtered; // that call is refused in the same way with arguments that the kernel itself never gets to
                   // judge
    bool given;    // the answer is known beforehand: the try is left out
    bool killed;   // the child was killed by SIGSYS for it
    bool revealing; // the kernel's own word: "Mount too revealing"
};

// The page that the child and its parent share. The child has no other way to answer, and needs none.
struct place_page {
    bool new_userns, filter; // what to do; is there a seccomp filter on us?
    pid_t worker;            // who makes the tries, as the parent sees it
    int trying;              // an enum place_ability
    bool finished;
    int worker_status;              // of wait(2), when the worker is the child's child
    int64_t become_uid, become_gid; // ids to take once the maps are written; -1: stay
    uint64_t caps;                  // effective capabilities where the tries are made
    struct place_try tries[N_PLACE_ABILITIES];
};

// The child's whole life: it makes system calls only. sock: a byte asks the parent for id maps, a byte says
// that they are written, its end says that the other side is gone. Tries whose answer is given are left out.
__attribute__((noreturn)) void place_child(struct place_page *page, int sock);

// clone(2) without glibc's bookkeeping; *tid is the child's pid as the caller sees it, stored before the
// child runs.
pid_t place_fork(pid_t *tid);

// ---------------------------------------------------------------- place_maps.c: id maps of its namespace

struct place_maps {
    int own_errnum;    // why not even our own id can be mapped; 0: it is
    int errnum;        // why there is no more than the own id; 0: there is
    const char *cause; // a word of struct place_answer, or NULL: it follows from errnum
    const char *unlock;
};

// Writes /proc/PID/{uid_map,gid_map}: all ids that we have, by privilege, or our subordinate ids by
// newuidmap(1), else our own id alone. page->become_* say which ids the child is to take. deadline:
// CLOCK_MONOTONIC in ms.
void place_write_maps(const struct host_place *p, struct place_page *page, uint64_t caps, int64_t deadline,
                      struct arena *a, struct place_maps *out);

// CLOCK_MONOTONIC in ms.
int64_t place_now_ms(void);

// place_fork() with all signals blocked in the child, so that no handler of the caller's runs there.
pid_t place_fork_quietly(pid_t *tid);

// The lines "name:first:count" of subuid(5) that belong to the user, by name (may be NULL) or number.
void place_parse_subids(const char *text, const char *user, uint32_t uid, struct arena *a,
                        struct place_range **list, size_t *n);

// The name of a user in the text of passwd(5), or NULL.
const char *place_parse_user(const char *text, uint32_t uid, struct arena *a);

// An identity map of those ids as the text for uid_map; without id 0 on demand. "" when nothing is left.
const char *place_identity_map(const struct place_range *list, size_t n, bool without_root, struct arena *a);

// "NoNewPrivs:" and "Seccomp:" of the text of /proc/PID/status.
void place_parse_status(const char *text, struct host_place *p);

// ---------------------------------------------------------------- place_cause.c: from an errno to its cause

// What is known of the place when a cause is looked for.
struct place_facts {
    bool new_userns;     // the tries were made in a new user namespace
    bool initial_userns; // ... in the initial one
    uint64_t caps;       // effective capabilities there
    uint64_t outer_caps; // ... and of the caller
    int seccomp_mode;
    unsigned kernel;                           // 6.18 is 0x0612
    bool userns_clone_off, apparmor_restricts; // the two sysctls against user namespaces of the unprivileged
    bool setgroups_denied;                     // in the user namespace that we live in
    bool root_is_mount;                        // "/" is a mount of this namespace
    const char *lsm; // the label of the LSM that confines us ("docker-default (enforce)"), or NULL
    const char *proc_covers,
        *sys_covers;               // what is mounted over parts of them: "/proc/kcore, ..."; "" nothing
    const struct place_maps *maps; // or NULL
};

// Fills p->can from the tries.
void place_explain(const struct place_try tries[N_PLACE_ABILITIES], const struct place_facts *f,
                   struct arena *a, struct host_place *p);

// The mount points below `dir` ("/proc") in the text of /proc/self/mountinfo, which hide parts of it: at most
// four, with ", ..." when there are more. "" when there is none.
const char *place_covers(const char *mountinfo, const char *dir, struct arena *a);

// Is "/" a mount point in the text of /proc/self/mountinfo? Not after chroot(2) into a mere directory.
bool place_root_is_mount(const char *mountinfo);

// "6.18.44-x" -> 0x0612. 0 when it is no version.
unsigned place_kernel_version(const char *release);

#endif
