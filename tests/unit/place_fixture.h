// SPDX-License-Identifier: Apache-2.0
// A place that a test makes itself, in a process of its own, and the probe in it. Bodies use CHECK, not
// cmocka's assertions, for they run in that process.
#ifndef NOOK_TESTS_UNIT_PLACE_FIXTURE_H
#define NOOK_TESTS_UNIT_PLACE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/host/host.h"
#include "runtime/host/place.h"

static struct arena arena;
static struct host host;
static struct host_place place;
static struct error err;

#define CHECK(condition)                                                                             \
    do {                                                                                             \
        if (!(condition)) {                                                                          \
            fprintf(stderr, "%s:%d: %s: errno %s; last error: %s\n", __FILE__, __LINE__, #condition, \
                    strerrorname_np(errno), err.msg);                                                \
            _exit(1);                                                                                \
        }                                                                                            \
    } while (0)
#define CHECK_OK(call)                          CHECK((call) == 0)
#define CHECK_CAN(ability)                      check_can(__LINE__, ability, 0, NULL, NULL)
#define CHECK_NOT(ability, errnum, why, unlock) check_can(__LINE__, ability, errnum, why, unlock)

static inline int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static inline void check_can(int line, enum place_ability ability, int errnum, const char *why,
                             const char *unlock) {
    const struct place_answer *it = &place.can[ability];
    bool same_why = why ? it->cause && str_eq(it->cause, why) : !it->cause;
    if (it->errnum == errnum && same_why && (!unlock || (it->unlock && strstr(it->unlock, unlock))))
        return;
    fprintf(stderr, "%s:%d: %s: %d %s (%s), not %d %s (%s)\n", __FILE__, line, place_ability_name(ability),
            it->errnum, it->cause ? it->cause : "works", it->unlock ? it->unlock : "", errnum,
            why ? why : "works", unlock ? unlock : "");
    _exit(1);
}

static inline void probe(bool new_userns) {
    CHECK_OK(host_probe(&host, "", &arena, &err));
    CHECK_OK(place_probe(&place, new_userns, &host.cgroups, &arena, &err));
    CHECK(place.probed);
}

static inline void in_process(void (*body)(void)) {
    if (geteuid() != 0)
        skip();
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        arena_free(&arena);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("the body ended with status %d", status);
}

static inline void own_mounts(void) {
    CHECK_OK(unshare(CLONE_NEWNS));
    CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static inline void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

// A procfs that can be written when the one at /proc cannot, or -1.
static int writable_proc = -1;

static inline void write_proc(pid_t pid, const char *file, const char *text) {
    char path[64];
    if (writable_proc < 0)
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    else
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%d/%s", writable_proc, (int)pid, file);
    write_text(path, text);
}

// Goes on in a new user namespace with that map (of users and groups), written by a helper that stays
// outside.
static inline void own_users(const char *map) {
    int ready[2], done[2];
    char byte = 0;
    CHECK_OK(pipe2(ready, O_CLOEXEC));
    CHECK_OK(pipe2(done, O_CLOEXEC));
    pid_t self = getpid(), helper = fork();
    CHECK(helper >= 0);
    if (helper == 0) {
        close(ready[1]);
        CHECK(read(ready[0], &byte, 1) == 1);
        write_proc(self, "uid_map", map);
        write_proc(self, "gid_map", map);
        CHECK(write(done[1], &byte, 1) == 1);
        _exit(0);
    }
    CHECK_OK(unshare(CLONE_NEWUSER));
    CHECK(write(ready[1], &byte, 1) == 1);
    close(done[1]);
    CHECK(read(done[0], &byte, 1) == 1);
    CHECK(waitpid(helper, NULL, 0) == helper);
    CHECK_OK(setresgid(0, 0, 0));
    CHECK_OK(setresuid(0, 0, 0));
    CHECK_OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static inline void set_capabilities(uint64_t set) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = (uint32_t)(set >> (32 * i));
    CHECK_OK((int)syscall(SYS_capset, &header, data));
}

static inline void drop_capability(int cap) {
    set_capabilities(host.permitted & ~(UINT64_C(1) << cap));
}

// Those calls get `action`; the others pass. mask: only when one of its bits is in the first argument.
static inline void filter_calls(const long *calls, size_t n, uint32_t mask, uint32_t action) {
    struct sock_filter code[64];
    size_t at = 0;
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < n; i++) {
        code[at++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, mask ? 4 : 1);
        if (mask) {
            code[at++] =
                (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
            code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 1, 0);
            code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        }
        code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { .len = (unsigned short)at, .filter = code };
    CHECK_OK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}
#define FILTER(action, ...)                                                                              \
    filter_calls((const long[]){ __VA_ARGS__ }, sizeof((const long[]){ __VA_ARGS__ }) / sizeof(long), 0, \
                 action)
#define REFUSE(errnum) (SECCOMP_RET_ERRNO | (errnum))

#endif
