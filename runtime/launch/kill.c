// SPDX-License-Identifier: Apache-2.0
// Whom a signal to "all of the container" may reach. A cgroup that create made is the container's alone. One
// that was there before was empty when the container got it, but other processes may have come since: there
// only those of the container's PID namespace are its own.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/proc.h"
#include "lib/sys.h"
#include "runtime/launch/launch.h"

enum { MAX_PID_NAMESPACES = 32 }; // pid_namespaces(7)

// Without a PID namespace, or when its init is not known, there is only the cgroup to go by.
static bool cgroup_decides(const struct state *state) {
    return state->shared_pid_namespace || state->init.pid == 0;
}

struct cgroup_place *launch_own_places(const struct state *state, struct arena *a, size_t *n) {
    size_t all;
    struct cgroup_place *places = launch_cgroup_places(state, a, &all);
    *n = 0;
    for (size_t i = 0; i < all; i++)
        if (places[i].made || cgroup_decides(state))
            places[(*n)++] = places[i];
    return places;
}

static int open_pid_namespace(pid_t pid, struct stat *st) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, st) < 0)
        fd_close(&fd);
    return fd;
}

// Is it in that namespace, or in one below it?
static bool is_inside(pid_t pid, const struct stat *ns) {
    struct stat st;
    cleanup_fd int fd = open_pid_namespace(pid, &st);
    for (int i = 0; fd >= 0 && i < MAX_PID_NAMESPACES; i++) {
        if (st.st_ino == ns->st_ino && st.st_dev == ns->st_dev)
            return true;
        int parent = ioctl(fd, NS_GET_PARENT);
        fd_close(&fd);
        fd = parent;
        if (fd >= 0 && fstat(fd, &st) < 0)
            return false;
    }
    return false;
}

static int signal_members(const struct cgroup_place *places, size_t n, const struct stat *ns, int sig,
                          struct arena *a, struct error *err) {
    pid_t *pids;
    size_t n_pids;
    if (cgroup_list(places, n, a, &pids, &n_pids, err) < 0)
        return -1;
    for (size_t i = 0; i < n_pids; i++) {
        // Opened first: if who has the number then is inside, it is whom the pidfd means, or that one is
        // gone.
        cleanup_fd int fd = sys_pidfd_open(pids[i], 0);
        if (is_inside(pids[i], ns) && proc_signal_number(fd, pids[i], sig) < 0 && errno != ESRCH)
            return error_set(err, "kill.failed", errno,
                             "cannot send signal %d to process %d of the container", sig, (int)pids[i]);
    }
    return 0;
}

int launch_signal_all(const struct state *state, int sig, struct arena *a, struct error *err) {
    size_t n_own, n;
    struct cgroup_place *own = launch_own_places(state, a, &n_own);
    struct cgroup_place *places = launch_cgroup_places(state, a, &n);
    if (n_own)
        return sig == SIGKILL ? cgroup_kill(own, n_own, err) : cgroup_signal(own, n_own, sig, err);
    struct stat ns;
    cleanup_proc struct proc_handle init;
    if (proc_hold(&state->init, &init) < 0)
        return 0; // and so is its PID namespace
    if (sig == SIGKILL || n == 0) {
        if (proc_signal(&init, sig) < 0 && errno != ESRCH)
            return error_set(err, "kill.failed", errno, "send signal %d to container %s", sig, state->id);
        return sig == SIGKILL ? launch_thaw(places, n, err) : 0;
    }
    cleanup_fd int fd = open_pid_namespace(state->init.pid, &ns);
    return fd < 0 ? 0 : signal_members(places, n, &ns, sig, a, err);
}

int launch_thaw(const struct cgroup_place *places, size_t n, struct error *err) {
    if (n == 0 || !cgroup_is_frozen(places, n))
        return 0;
    return cgroup_set_frozen(places, n, false, err);
}
