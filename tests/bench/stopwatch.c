// SPDX-License-Identifier: Apache-2.0
/*
 * stopwatch: runs commands for bench.py and says what each cost.
 *
 * One request a line on stdin: the arguments, separated by tabs, of a program with an absolute path; a line
 * "-" reaps what earlier commands left behind, and waits until nothing that has already ended is left. One
 * answer a line on stdout: nanoseconds from before the spawn until after the wait, peak RSS in KiB of the
 * program and of what it waited for, exit status (128 + signal when killed). The program's stdin and stdout
 * are /dev/null, its stderr is ours.
 *
 * Static and tiny: the peak RSS that Linux reports starts with that of the image that spawned.
 * It is a subreaper, as conmon and the containerd shim are: a container's init becomes its child.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGS 64

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void reap(void) {
    int n = 0;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        n++;
    printf("%d 0 0\n", n);
}

static int run(char **argv, posix_spawn_file_actions_t *actions) {
    struct rusage usage;
    pid_t pid;
    int status;

    long long begin = now();
    int err = posix_spawn(&pid, argv[0], actions, NULL, argv, environ);
    if (err) {
        fprintf(stderr, "stopwatch: %s: %s\n", argv[0], strerror(err));
        return -1;
    }
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return -1;
    long long end = now();
    printf("%lld %ld %d\n", end - begin, usage.ru_maxrss,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

int main(void) {
    static char line[65536];
    char *argv[MAX_ARGS + 1];
    posix_spawn_file_actions_t actions;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);

    while (fgets(line, sizeof(line), stdin)) {
        int argc = 0;
        line[strcspn(line, "\n")] = 0;
        for (char *word = strtok(line, "\t"); word && argc < MAX_ARGS; word = strtok(NULL, "\t"))
            argv[argc++] = word;
        argv[argc] = NULL;
        if (argc == 0)
            continue;
        if (strcmp(argv[0], "-") == 0)
            reap();
        else if (run(argv, &actions) < 0)
            printf("-1 0 127\n");
        fflush(stdout);
    }
    return 0;
}
