// SPDX-License-Identifier: Apache-2.0
// K3: the processes of a container that has no PID namespace and no cgroup, whose supervisor is dead or does
// not answer. They are known by what they have in common and cannot put off: namespaces of the container's
// own, or, in bare isolation, its root.
//
// The numbers of namespaces are used again. Linux tells them apart by an id that is not (mount: 6.11, others:
// 6.18). Where it does not, a namespace counts as the container's only while a process in it also has the
// container's root, and nothing that lives below some other container's supervisor is touched; bare isolation
// has the latter as well.
//
// A process may unshare all of its namespaces, if it has CAP_SYS_ADMIN or makes a user namespace. It is known
// by its user namespace, which descends from the container's own, or by the tmpfs at /dev, which no copy of
// the mounts can take off. Who has neither, because the container has no user namespace and it has gone to a
// root of its own making, is not found once the supervisor is dead.
#ifndef NOOK_RUNTIME_LAUNCH_MEMBERS_H
#define NOOK_RUNTIME_LAUNCH_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "lib/proc.h"
#include "runtime/launch/procfs.h"

enum member_namespace { MEMBER_MOUNT, MEMBER_UTS, MEMBER_USER, N_MEMBER_NAMESPACES };

struct namespace_id {
    struct file_id file; // of /proc/PID/ns/NAME; ino 0: the runtime's own namespace, not the container's
    uint64_t unique;     // never used again; 0: the kernel does not tell
};

// Plain numbers, to be recorded at create.
struct member_identity {
    struct proc_id payload; // nobody who is older can be a member; numbers mean nothing after a reboot
    struct namespace_id namespaces[N_MEMBER_NAMESPACES];
    struct file_id root;
    struct tmpfs_id dev; // of its own /dev; id 0: none
};

// What a container has alone. A namespace that it has joined is no mark: others are in there as well.
struct member_marks {
    int namespaces[N_MEMBER_NAMESPACES]; // descriptors, or -1
    int dev;                             // the tmpfs at its /dev, which was made for it, or -1
    struct file_id root;
};

enum { MEMBERS_DOUBTFUL = 32 };

struct members {
    size_t n;      // members that live
    pid_t some;    // one of them, or 0
    size_t unsure; // processes that could be members for all we may know: they could not be looked at, or are
                   // in a namespace with the right number of which nothing proves that it is the container's
    pid_t doubtful[MEMBERS_DOUBTFUL]; // the first of those
};

// Makes the identity of a container. The caller is in the namespaces in which nook was called: what is not
// other than those tells nothing. 0, or -1 with *err; "members.no-identity": nothing does.
int members_identify(pid_t payload, const struct member_marks *marks, struct member_identity *out,
                     struct error *err);

// The identity, but for its payload, as text for state.json, and back; false when the text is none.
const char *members_text(const struct member_identity *id, struct arena *a);
bool members_read(const char *text, struct member_identity *out);

// Looks for members; we ourselves and our ancestors are none. 0, or -1 with *err ("members.no-proc": there is
// no procfs to look into; "members.no-identity").
int members_find(const struct member_identity *id, struct members *out, struct error *err);

// After members_find() or members_kill(): looks again for some moments, and keeps of the unsure only those
// that still are. Who has just changed its ids, say, cannot be looked at until it executes something.
void members_look_again(const struct member_identity *id, struct members *out);

// Sends SIGKILL to all members until none is found. The container's own supervisor must have been told to
// kill, or be dead. 0: none is left; out->unsure may not be 0 even so. -1 with *err: "kill.timeout" and what
// is left, or as members_find().
int members_kill(const struct member_identity *id, int timeout_ms, struct members *out, struct error *err);

#endif
