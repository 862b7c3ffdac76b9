// SPDX-License-Identifier: Apache-2.0
// Small attributes of a process: signals, no_new_privs, oom_score_adj, parent-death signal.
#include "config.h"

#include "runtime/process/attributes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/fd.h"

#define KERNEL_SIGSET_SIZE 8 // _NSIG / 8; 16 on MIPS, where the calls below are told so
#ifdef __mips__
#undef KERNEL_SIGSET_SIZE
#define KERNEL_SIGSET_SIZE 16
#endif

void signals_reset(void) {
    signals_unignore(UINT64_MAX);
}

void signals_unignore(uint64_t ignored) {
    // glibc's sigaction refuses its two internal signals, which a caller may have ignored: ask the kernel.
    // Zeroes are SIG_DFL, no flags, an empty mask in the struct of every architecture. Signals 9 and 19 give
    // EINVAL.
    static const unsigned long action[16];
    for (int sig = 1; sig <= 64; sig++)
        if (ignored & (1ULL << (sig - 1)))
            syscall(SYS_rt_sigaction, sig, action, NULL, KERNEL_SIGSET_SIZE);
    static const unsigned long mask[16 / sizeof(unsigned long)];
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, KERNEL_SIGSET_SIZE);
}

int no_new_privs_set(struct error *err) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_at(err, "process.failed", errno, "/process/noNewPrivileges", "PR_SET_NO_NEW_PRIVS");
    return 0;
}

int oom_score_adj_set(int proc_fd, pid_t pid, int value, struct error *err) {
    char path[48] = "self/oom_score_adj";
    char text[16];
    if (pid)
        snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
    int n = snprintf(text, sizeof(text), "%d", value);
    if (fd_write_file(proc_fd, path, text, (size_t)n) == 0)
        return 0;
    int saved = errno;
    error_set_at(err, "process.failed", saved, "/process/oomScoreAdj", "writing %d to /proc/%s", value, path);
    if (saved == EACCES || saved == EPERM)
        error_hint(err, "a value below the present one needs CAP_SYS_RESOURCE in the host's user namespace");
    return -1;
}

int parent_death_signal(int signal, pid_t parent, struct error *err) {
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0, 0, 0) < 0)
        return error_set(err, "process.failed", errno, "PR_SET_PDEATHSIG");
    // If it was gone before, nobody will tell us.
    if (getppid() != parent)
        return error_set(err, "process.failed", 0, "the parent has died");
    return 0;
}
