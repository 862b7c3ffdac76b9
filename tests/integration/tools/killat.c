// SPDX-License-Identifier: Apache-2.0
// killat REPORT WHO N COMMAND...: runs COMMAND under ptrace and kills its WHO-th process (0 is COMMAND
// itself, 1 its first child, ...) at the entry of that process's N-th system call (before the call does
// anything). N = 0 kills nobody. When COMMAND is gone, one line goes to REPORT: "COMMAND'S WAIT STATUS, then
// the number of system calls of each process". The counting is exact and per process, which strace's
// inject=...:when= (a counter per system call) cannot do.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h> // after sys/ptrace.h: its macros would take away that one's names

#define MAX_TRACEES 64

static struct tracee {
    pid_t pid;
    long calls;
} tracees[MAX_TRACEES];
static int n_tracees;

static struct tracee *find(pid_t pid) {
    for (int i = 0; i < n_tracees; i++)
        if (tracees[i].pid == pid)
            return &tracees[i];
    if (n_tracees == MAX_TRACEES)
        exit(3);
    tracees[n_tracees].pid = pid;
    return &tracees[n_tracees++];
}

static pid_t spawn(char **argv) {
    int gate[2];
    if (pipe(gate) < 0)
        exit(3);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(gate[1]);
        if (read(gate[0], &c, 1) < 0)
            _exit(3);
        close(gate[0]);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(gate[0]);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
        exit(3);
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    close(gate[1]);
    return pid;
}

// Handles one ptrace stop; returns the signal to deliver.
static int stopped(struct tracee *t, int status, int who, long at, int *begun) {
    int sig = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_EXEC && t == &tracees[0])
        *begun = 1; // what comes before is our own
    if (event == PTRACE_EVENT_STOP)
        return 0;
    if (sig == SIGTRAP && event)
        return 0;
    if (sig != (SIGTRAP | 0x80))
        return sig;
    struct ptrace_syscall_info info;
    if (*begun && ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) > 0 &&
        info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        t->calls++;
        if (at && t - tracees == who && t->calls == at)
            kill(t->pid, SIGKILL);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return 2;
    int who = atoi(argv[2]), begun = 0, result = 0;
    long at = atol(argv[3]);
    pid_t root = spawn(argv + 4);
    find(root);
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            break;
        struct tracee *t = find(pid);
        if (WIFSTOPPED(status)) {
            int sig = stopped(t, status, who, at, &begun);
            ptrace(PTRACE_SYSCALL, pid, 0, sig);
        } else if (pid == root) {
            result = status;
            break;
        }
    }
    FILE *report = fopen(argv[1], "we");
    if (!report)
        return 3;
    fprintf(report, "%d", result);
    for (int i = 0; i < n_tracees; i++)
        fprintf(report, " %ld", tracees[i].calls);
    fputs("\n", report);
    fclose(report);
    return 0;
}
