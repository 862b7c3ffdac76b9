// SPDX-License-Identifier: Apache-2.0
// What outlives a command: <root>/<id>/, mode 0711, one directory for each container.
//
//   nook.lock    made first, removed last: marks the directory as ours; write-locked (fcntl) by the creator
//                until create is finished. The kernel releases the lock when that process dies.
//   state.json   0600, struct state below; replaced as a whole, never changed
//   config.json  copy of the bundle's, start.sock: made by runtime/launch
//
// A directory is ours when it holds nook.lock, or when it is empty (a creator or a remover died at the one
// moment when that is so). Everything else in a root that is shared with other runtimes is left alone and not
// seen. Names that begin with a dot are no ids; nook keeps its own things of the root there (.seccomp/,
// .names.lock).
#ifndef NOOK_STATE_STATE_H
#define NOOK_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "lib/proc.h"

#define STATE_FILE         "state.json"
#define STATE_CONFIG_FILE  "config.json"
#define STATE_START_SOCKET "start.sock"
#define STATE_REPORT_FILE \
    "report.json" // what the isolation does not enforce, as `state` shows it; made by runtime/launch

enum state_status { STATE_CREATING, STATE_CREATED, STATE_RUNNING, STATE_PAUSED, STATE_STOPPED };

// "creating", "created", "running", "paused", "stopped".
extern const char *const state_status_names[];

struct state_pair {
    const char *key, *value;
};

// A cgroup of the container in one hierarchy: the members of runtime/cgroup's struct cgroup_place.
struct state_cgroup {
    const char *controllers; // as in /proc/self/cgroup: "memory", "cpu,cpuacct", "name=systemd"; "" = v2
    const char *dir;         // absolute: "/sys/fs/cgroup/memory/nook-x"
    unsigned made;           // how many of its last path components we made: 0 = it stays at delete
};

// Everything is plain data in an arena; a NULL text is not written. A new field is one line in state/file.c.
struct state {
    const char *id;
    const char *oci_version;     // of config.json
    const char *bundle, *rootfs; // absolute
    const char *created;         // RFC 3339 with nanoseconds and Z; state_save() fills it in when NULL
    struct proc_id init;         // pid 0: none (yet); boot_id is filled in by state_save() when empty
    struct state_cgroup *cgroups;
    size_t n_cgroups;
    const char *cgroup_manager; // "cgroupfs", "disabled"
    const char *isolation;      // "oci", "chroot", "bare"
    const char *root_entry;     // "pivot_root", "move", "chroot": how the root was entered
    const char *kill;           // how its processes are found: "pid-namespace", "cgroup", "supervisor"
    struct proc_id payload; // kill is "supervisor": `init` is that, and this is its child; pid 0: init itself
    const char *members; // supervised: what all of its processes have in common, see runtime/launch/members.h
    uint64_t root_mount; // ids of runtime/rootfs's struct rootfs_attached; both 0 with a mount namespace
    uint64_t root_below; // of its own
    struct state_pair *annotations;
    size_t n_annotations;
    uint64_t owner_uid;        // who created it
    const char *seccomp_key;   // <root>/.seccomp/<key>.bpf, NULL: no filter
    const char *keyring;       // name of its session keyring, NULL: the caller's was kept
    uint64_t namespaces;       // CLONE_NEW* bits of the namespaces that exec joins
    bool shared_pid_namespace; // init is not PID 1 of a namespace of its own: its death does not end the
                               // others
    bool no_process;           // config.json has no process: start fails
    bool complete;             // create has finished; until then the entry is `creating`, or abandoned
};

// An open entry. All zero is not valid: use STATE_DIR_NONE.
struct state_dir {
    int root_fd; // <root>
    int fd;      // <root>/<id>, O_RDONLY
    int lock_fd; // write-locked nook.lock while we create, else -1
    const char *id;
};
#define STATE_DIR_NONE ((struct state_dir){ -1, -1, -1, NULL })

// ---------------------------------------------------------------- the root

// /run/nook; for a rootless user $XDG_RUNTIME_DIR/nook (empty counts as unset). Root in the first user
// namespace ignores XDG_RUNTIME_DIR; root in another one honours it. engine-contract, rule 7.
const char *state_default_root(struct arena *a);

// Opens the root, made with its parents (0711) when `create`. The descriptor, or -1 with *err (err->err is
// ENOENT when it is missing and !create).
int state_open_root(const char *root, bool create, struct error *err);

// [A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,254}: 0, or -1 with "state.bad-id". Every function below checks it as well.
int state_check_id(const char *id, struct error *err);

// ---------------------------------------------------------------- create

// Is called with the remains of an entry that is proved dead, before its directory goes: the place to remove
// its cgroups. Best effort; `old` may lack any field but id.
typedef void (*state_reclaim_fn)(const struct state *old, void *arg);

// Claims the id: makes the directory and holds its lock. An entry that is proved dead (state_is_dead) is
// reclaimed, with a warning in the log. The root is made when it is missing. Save a first state (complete =
// false) at once, before anything else is put into the directory or made on the host: what an entry without
// state.json holds cannot be known. -1 with *err: "state.exists" and the text "container with given ID
// already exists"; nothing is left then.
int state_claim(struct arena *a, const char *root, const char *id, state_reclaim_fn reclaim, void *arg,
                struct state_dir *dir, struct error *err);

// Writes state.json (temporary file, rename). Fills in created, init.boot_id and owner_uid when unset.
int state_save(const struct state_dir *dir, struct arena *a, struct state *s, struct error *err);

// Locks a name of whatever kind among all that use this root: a descriptor that holds the lock until its last
// copy is closed (a child has one too), also by death. -1 with errno (EAGAIN, EACCES: somebody else has it).
// Never waits.
int state_lock_name(const struct state_dir *dir, const char *name);

// Closes everything; releases the lock if it is held. Safe on STATE_DIR_NONE.
void state_close(struct state_dir *dir);

// ---------------------------------------------------------------- the other commands

// Opens an existing entry. -1 with *err: "state.not-found" and the text "container does not exist" (a foreign
// directory does not exist for us), or what else went wrong.
int state_open(struct arena *a, const char *root, const char *id, struct state_dir *dir, struct error *err);

// Reads state.json. -1 with *err ("state.missing", "state.corrupt"); even then *s holds the id and all that
// could be read, for delete --force.
int state_load(const struct state_dir *dir, struct arena *a, struct state *s, struct error *err);

// CREATING: not complete. STOPPED: init is gone or a zombie. CREATED: init waits at start.sock. Else RUNNING.
// The caller turns CREATED and RUNNING into PAUSED when the cgroup is frozen.
enum state_status state_status(const struct state_dir *dir, const struct state *s);

// Does somebody listen at start.sock, i.e. has init not executed the user's program yet? See common design:
// a listening SOCK_SEQPACKET socket; an accepted connection that ends at once means nothing.
bool state_probe_start_socket(int dirfd);

// A connection to a socket in the state directory (SOCK_SEQPACKET), CLOEXEC and blocking. -1 with errno
// (ECONNREFUSED, ENOENT: nobody listens there; EAGAIN: its queue is full).
int state_connect_socket(int dirfd, const char *name);

// Is this a container whose processes a supervisor looks after?
bool state_is_supervised(const struct state *s);

// The process that runs, or will run, the container's program: init, or the supervisor's child.
struct proc_id state_payload(const struct state *s);

// A new socket in the state directory, bound and listening, mode 0600, CLOEXEC. -1 with errno.
int state_listen_socket(int dirfd, const char *name);

// start.sock: `start` connects, init listens.
static inline int state_connect_start_socket(int dirfd) {
    return state_connect_socket(dirfd, STATE_START_SOCKET);
}
static inline int state_listen_start_socket(int dirfd) {
    return state_listen_socket(dirfd, STATE_START_SOCKET);
}

// Is the creator at work (does it hold the lock)?
bool state_is_locked(const struct state_dir *dir);

// Is it proved that nothing lives behind this entry and that nothing ever will: it is from another boot, or
// its creator died before it was complete and init (if there was one) is gone. A container that has run and
// stopped is not dead: it is `stopped`, until delete. `loaded`: state_load() succeeded.
bool state_is_dead(const struct state_dir *dir, const struct state *s, bool loaded);

// Removes the entry: what is in the directory (no link is followed), then the directory. Already gone: 0.
int state_remove(struct state_dir *dir, struct error *err);

// Calls fn for each entry, sorted by id; `loaded` as above. Entries that vanish meanwhile and foreign ones
// are skipped in silence. fn returns 0 to go on, or -1 with *err to stop. A root that is missing is an error
// with err->err == ENOENT.
typedef int (*state_list_fn)(const struct state_dir *dir, const struct state *s, bool loaded, void *arg,
                             struct error *err);
int state_list(struct arena *a, const char *root, state_list_fn fn, void *arg, struct error *err);

#endif
