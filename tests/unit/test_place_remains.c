// SPDX-License-Identifier: Apache-2.0
// What is left of the probe of a place, seen from outside: nothing, whether it ended well, was killed or
// hung. They need root; without it they are skipped.
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>

#include "lib/fd.h"
#include "tests/unit/place_fixture.h"

static char *slurp(const char *path) {
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    char *text = fd_read_all(fd, &arena, 1 << 26, NULL);
    CHECK(text != NULL);
    return text;
}

// Everything of ours that a careless probe could change, as one text.
static char *what_we_have(void) {
    static const char *const links[] = { "ns/mnt",
                                         "ns/pid",
                                         "ns/net",
                                         "ns/ipc",
                                         "ns/uts",
                                         "ns/user",
                                         "ns/time",
                                         "ns/cgroup",
                                         "ns/pid_for_children",
                                         "ns/time_for_children",
                                         "cwd",
                                         "root" };
    char *text = arena_printf(&arena, "%s\n%s\n%s\n", slurp("/proc/self/mountinfo"),
                              slurp("/proc/self/cgroup"), slurp("/proc/self/limits"));
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
        char path[64], to[PATH_MAX] = "";
        snprintf(path, sizeof(path), "/proc/self/%s", links[i]);
        CHECK(readlink(path, to, sizeof(to) - 1) > 0);
        text = arena_printf(&arena, "%s%s\n", text, to);
    }
    const char *status = slurp("/proc/self/status");
    static const char *const lines[] = { "\nNoNewPrivs", "\nSeccomp", "\nCapEff",
                                         "\nSigBlk",     "\nUid",     "\nGroups" };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        const char *at = strstr(status, lines[i]);
        CHECK(at != NULL);
        text = arena_printf(&arena, "%s%.*s\n", text, (int)strcspn(at + 1, "\n"), at + 1);
    }
    return text;
}

static int count_fds(void) {
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir != NULL);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

// A test that failed shall not leave behind what it found.
static void end_children(void) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    for (char *save = NULL, *pid = strtok_r(slurp(path), " ", &save); pid; pid = strtok_r(NULL, " ", &save))
        kill((pid_t)atoi(pid), SIGKILL);
}

// Whoever descends from us comes to us when its parents die, so when there is none, there is nobody.
static void nobody_left(int within_ms) {
    for (int waited = 0;; waited++) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0) {
            CHECK(errno == ECHILD);
            return;
        }
        if (pid > 0)
            continue;
        if (waited >= within_ms) {
            end_children();
            fprintf(stderr, "a process is left after %d ms\n", within_ms);
            _exit(1);
        }
        usleep(1000);
    }
}

// Mounts of ours are shared: what leaks from the child's mount namespace shows here.
static void leaves_nothing(void) {
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    const char *before = what_we_have();
    int fds = count_fds();
    for (int i = 0; i < 4; i++) {
        probe(i % 2);
        nobody_left(0);
        CHECK(str_eq(what_we_have(), before));
        CHECK(count_fds() == fds);
    }
}

static void leaves_nothing_when_killed(void) {
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    const char *before = what_we_have();
    for (int i = 0; i < 60; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            for (;;)
                probe(i % 2);
        }
        struct timespec nap = { .tv_nsec = (i * 97 % 61) * 50000L };
        nanosleep(&nap, NULL);
        CHECK_OK(kill(pid, SIGKILL));
        nobody_left(2000);
        CHECK(str_eq(what_we_have(), before));
    }
}

static void handler(int signal) {
    (void)signal;
}

static void with_odd_signals(
    void) { // children that reap themselves, and a handler that must not run in the child
    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    probe(false);
    CHECK_CAN(PLACE_PIVOT_ROOT);
    probe(true);
    CHECK_CAN(PLACE_PIVOT_ROOT);
}

// pivot_root waits for an answer that nobody gives. The listener, which must stay open.
static int hang_in_pivot_root(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pivot_root, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = 4, .filter = code };
    int listener =
        (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    CHECK(listener >= 0);
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    return listener;
}

// The prober is killed while its child's child, init of a PID namespace, hangs.
static void dies_with_prober(void) {
    int listener = hang_in_pivot_root();
    for (int userns = 0; userns < 2; userns++) {
        struct seccomp_notif question = { 0 };
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            probe(userns);
            _exit(1);
        }
        CHECK_OK(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question)); // it hangs now
        CHECK_OK(kill(pid, SIGKILL));
        nobody_left(2000);
    }
}

static void hangs(void) {
    hang_in_pivot_root();
    CHECK_OK(host_probe(&host, "", &arena, &err));
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(place_probe(&place, false, &host.cgroups, &arena, &err) == -1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK(str_eq(err.code, "place.timeout"));
    CHECK(strstr(err.msg, "it tried pivot-root for 5 seconds"));
    CHECK(end.tv_sec - start.tv_sec < 8);
    nobody_left(1000);
}

static void test_leaves_nothing(void **state) {
    (void)state;
    in_process(leaves_nothing);
    in_process(leaves_nothing_when_killed);
    in_process(with_odd_signals);
}

static void test_hangs(void **state) {
    (void)state;
    in_process(hangs);
    in_process(dies_with_prober);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_nothing),
        cmocka_unit_test(test_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
