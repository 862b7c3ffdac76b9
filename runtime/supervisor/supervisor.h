// SPDX-License-Identifier: Apache-2.0
// The kill set of a container that has neither a PID namespace nor a cgroup of its own: K2 of
// docs/isolation.md. A supervisor is the parent of the payload, a subreaper, and the recorded pid, which
// engines wait for. It passes signals on, reaps, and when the payload has ended it kills what is left of it
// before it ends in the same way (exit status or signal). Orphans come back to a subreaper, so killing its
// children until there are none reaches everything, however it daemonized.
//
// The only process that nook leaves running: our own image by descriptor (read-only or sealed, selfexe.h),
// not dumpable, with an empty environment, static memory, a session of its own, and no descriptor but those
// below. What it may open it opens when it starts; from then on it makes system calls only.
//
// create and run, with X the nook process and S the supervisor:
//
//  - X: supervisor_prepare(); state_listen_socket(dir, SUPERVISOR_SOCKET); fork
//  - S: supervisor_begin(), before the payload is made, whose orphans are to find S
//  - S: clone_process(): init becomes a child of S; tell X its pid
//  - S: supervisor_exec(): returns on failure only
//  - X: closes its copy of the listening socket (who holds one keeps askers waiting when S is dead);
//    supervisor_await_ready(ready, 1), and only then lets init go on; records S's pid as `init`
//    and in the pid file. Init sets its parent-death signal (D-4: getppid() is S).
//
// exec, where the recorded pid has to end with the exec'ed process, but its daemons may live on. M, the
// mirror, is the recorded pid; S2, the exec supervisor, is the subreaper above the process:
//
//  - X: supervisor_prepare(); link = supervisor_join(dir): from now on the container's end is the end of S2's
//    set, too; fork
//  - M: supervisor_split() returns 0 in S2 only, for M has become the mirror; -1 in M
//  - S2: clone_process(), s.payload = its pid, supervisor_exec()
//  - X: closes its copy of link (S waits for its end); supervisor_await_ready(ready, 2), lets the process
//    go on, writes M's pid to the pid file, waits for M.
//
// There is one socket to ask, whatever was exec'ed: S passes what it is asked on over the links. Should S be
// killed, the end of its link tells each S2 to kill its set, and the payload dies of its parent-death signal;
// what else S had is found by runtime/launch/members.h.
#ifndef NOOK_RUNTIME_SUPERVISOR_SUPERVISOR_H
#define NOOK_RUNTIME_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"

#define SUPERVISOR_NAME   "nook-supervisor" // argv[0]: what makes main() a supervisor
#define SUPERVISOR_SOCKET "supervisor.sock" // in the state directory

enum supervisor_role { SUPERVISOR_CONTAINER, SUPERVISOR_EXEC, SUPERVISOR_MIRROR };

// A supervisor to be. Descriptors: -1: none.
struct supervisor {
    enum supervisor_role role;
    const char *label; // the container's id, for who reads ps(1); NULL: none
    pid_t payload;     // a child of the calling process
    int image;         // of supervisor_prepare()
    int listen;        // CONTAINER: bound and listening SUPERVISOR_SOCKET
    int link;          // EXEC: supervisor_join()
    int dir;           // CONTAINER: the state directory, from which it takes its socket when nothing is left
    int channel;       // EXEC, MIRROR: between the two; supervisor_split() sets it
    int ready;         // a pipe or socket to which one byte is written once it is not dumpable any more
};

#define SUPERVISOR_NONE \
    ((struct supervisor){ .image = -1, .listen = -1, .link = -1, .dir = -1, .channel = -1, .ready = -1 })

// ---------------------------------------------------------------- becoming one

// Begins *s: its image, which is the one that this process runs from (call it after selfexe_protect(), which
// makes that one nobody can write), and its end of the pipe of which *ready gets the other; O_CLOEXEC.
// `label` is borrowed. 0, or -1 with *err; supervisor_close() is safe in either case.
int supervisor_prepare(struct supervisor *s, enum supervisor_role role, const char *label, int *ready,
                       struct error *err);

// Closes the descriptors of a supervisor that is another process by now, or will not be. Safe on
// SUPERVISOR_NONE, and when called twice.
void supervisor_close(struct supervisor *s);

// Right after the fork, before the payload is made: a session of its own, subreaper, SIGCHLD's default. 0, or
// -1 with *err.
int supervisor_begin(struct error *err);

// Replaces the calling process, whose child the payload is, by the image. All other descriptors are closed by
// the execve, stdio included: engines read create's stdout and stderr to their ends. Returns on failure only:
// -1 with *err; nothing is closed then, but everything is close-on-exec.
int supervisor_exec(const struct supervisor *s, struct error *err);

// Of a process forked for it, makes two: the mirror (the caller itself) and its child, the exec supervisor to
// be, which has begun already and needs only s->payload before it calls supervisor_exec(). s holds image,
// link, ready and label. 0: in the child. -1 with *err: in the caller, without a child. In the caller it does
// not return else.
int supervisor_split(struct supervisor *s, struct error *err);

// Waits until n supervisors have written to the other end of `ready`. 0, or -1 with *err: one has failed or
// did not come up in time.
int supervisor_await_ready(int ready, int n, int timeout_ms, struct error *err);

// What main() runs when argv[0] is SUPERVISOR_NAME, before anything else. The exit code; it may also die of
// the payload's signal.
int supervisor_main(int argc, char **argv);

// ---------------------------------------------------------------- asking one

// Kills everything in the container, exec'ed processes and their daemons included, and waits until it is
// gone, and the supervisor with it. 0: done. 1: nobody listens there. -1 with *err: "kill.timeout" (it names
// how many are left), or what else went wrong.
int supervisor_ask_kill(int state_dirfd, int timeout_ms, struct error *err);

// Of one that nobody listens to any more: did it end before its work was done? Then it has left its socket,
// and perhaps processes. One that was not killed has proved that there are none.
bool supervisor_was_lost(int state_dirfd);

enum supervisor_whom { SUPERVISOR_PAYLOAD, SUPERVISOR_ALL };

// Sends a signal to the payload, or to each process of the container. SIGSTOP and SIGKILL have to go this
// way: sent to the recorded pid they would hit the supervisor. 0, 1 and -1 as above; err->err is ESRCH when
// the payload has ended, EPERM when one of them may not be signalled.
int supervisor_ask_signal(int state_dirfd, enum supervisor_whom whom, int sig, int timeout_ms,
                          struct error *err);

// For an exec: a descriptor (O_CLOEXEC) that ties an exec supervisor to the container's. -1 with *err
// ("exec.stopped": nobody listens, or the container is being killed).
int supervisor_join(int state_dirfd, int timeout_ms, struct error *err);

#endif
