// SPDX-License-Identifier: Apache-2.0
// Real cgroups below /nook-unit-PID in every hierarchy of this host. Skipped without root or where none can
// be made.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/unit/cgroup_fixture.h"

static struct host host;
static char top[64]; // "/nook-unit-PID"

static const char *dir_of(const char *controller, const char *below) {
    const struct host_hierarchy *h =
        *controller ? host_cgroups_find(&host.cgroups, controller) : host_cgroups_v2(&host.cgroups);
    return h ? arena_printf(&arena, "%s%s%s", h->mount_point, top, below) : NULL;
}

static int group_setup(void **state) {
    (void)state;
    if (geteuid() != 0 || host_probe(&host, "memory,pids,cpu,cpuset", &arena, &err) < 0 ||
        host.cgroups.n_hierarchies == 0)
        return 0;
    snprintf(top, sizeof(top), "/nook-unit-%d", getpid());
    for (size_t i = 0; i < host.cgroups.n_hierarchies; i++) {
        const char *dir = arena_printf(&arena, "%s%s", host.cgroups.hierarchies[i].mount_point, top);
        if (mkdir(dir, 0755) < 0 || rmdir(dir) < 0)
            top[0] = '\0';
    }
    return 0;
}

#define NEED_CGROUPS()                                                        \
    do {                                                                      \
        if (!*top) {                                                          \
            print_message("skipped: no root, or no writable cgroups here\n"); \
            skip();                                                           \
        }                                                                     \
    } while (0)
#define NEED(controller)                                              \
    do {                                                              \
        NEED_CGROUPS();                                               \
        if (!host_cgroups_find(&host.cgroups, controller)) {          \
            print_message("skipped: no controller " controller "\n"); \
            skip();                                                   \
        }                                                             \
    } while (0)

static struct cgroup_plan plan_at(const char *below, struct spec_resources *r) {
    struct spec spec = { .linux_ = { .cgroups_path = arena_printf(&arena, "%s%s", top, below),
                                     .resources = r } };
    return translate(&spec, &host.cgroups);
}

static void must(int rc) {
    if (rc != 0)
        fail_msg("%s: %s (%s)", err.msg, strerror(err.err), err.hint);
}

static bool anything_left(void) {
    for (size_t i = 0; i < host.cgroups.n_hierarchies; i++) {
        const char *dir = arena_printf(&arena, "%s%s", host.cgroups.hierarchies[i].mount_point, top);
        if (access(dir, F_OK) == 0) {
            print_error("%s is left\n", dir);
            return true;
        }
    }
    return false;
}

// A child that enters the cgroups and sleeps (or runs f). Returns when it is in.
static pid_t spawn_in(const struct cgroup_join *join, void (*f)(void)) {
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    struct clone_args args = { .flags = join->v2 >= 0 ? CLONE_INTO_CGROUP : 0,
                               .exit_signal = SIGCHLD,
                               .cgroup = (uint64_t)join->v2 };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *failed;
        if (cgroup_attach_self(join, false, &failed) < 0)
            _exit(70);
        if (f)
            f();
        (void)!write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return pid;
}

static void reap(pid_t pid, int sig) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

static const char *read_value(const char *dir, const char *file) {
    char buf[256] = "";
    ssize_t n = fd_read_small(AT_FDCWD, arena_printf(&arena, "%s/%s", dir, file), buf, sizeof(buf));
    if (n > 0 && buf[n - 1] == '\n')
        buf[n - 1] = '\0';
    return arena_strdup(&arena, buf);
}

// ---------------------------------------------------------------- a life

static void test_life(void **state) {
    (void)state;
    NEED("memory");
    NEED("pids");
    struct spec_memory m = { .has_limit = true, .limit = 64 << 20, .has_swap = true, .swap = 96 << 20 };
    struct spec_cpu c = {
        .has_shares = true, .shares = 512, .has_quota = true, .quota = 50000, .cpus = "0", .mems = "0"
    };
    struct spec_resources r = { .memory = &m, .cpu = &c, .has_pids_limit = true, .pids_limit = 50 };
    struct cgroup_plan plan = plan_at("/pod/c", &r);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    assert_int_equal(live.n_places, host.cgroups.n_hierarchies);
    for (size_t i = 0; i < live.n_places; i++)
        assert_int_equal(live.places[i].made, 3);
    must(cgroup_write_limits(&plan, &live, false, &err));
    bool v2 = host.cgroups.layout == HOST_CGROUP_V2;
    assert_string_equal(read_value(dir_of("memory", "/pod/c"), v2 ? "memory.max" : "memory.limit_in_bytes"),
                        "67108864");
    assert_string_equal(read_value(dir_of("pids", "/pod/c"), "pids.max"), "50");

    pid_t pid = spawn_in(&live.join, NULL);
    must(cgroup_write_limits(&plan, &live, true, &err));
    cgroup_join_close(&live.join);
    const char *text = read_value(arena_printf(&arena, "/proc/%d", pid), "cgroup");
    size_t in = 0;
    const char *path = arena_printf(&arena, ":%s/pod/c", top);
    for (const char *p = text; (p = strstr(p, path)); p++)
        in++;
    assert_true(in >= 1); // the text is cut at 256 bytes
    pid_t *pids;
    size_t n;
    must(cgroup_list(live.places, live.n_places, &arena, &pids, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(pids[0], pid);
    assert_int_equal(cgroup_oom_kills(live.places, live.n_places), 0);
    assert_false(cgroup_is_frozen(live.places, live.n_places));
    assert_false(cgroup_wait_empty(live.places, live.n_places, 5));

    must(cgroup_kill(live.places, live.n_places, &err));
    reap(pid, SIGKILL);
    assert_true(cgroup_wait_empty(live.places, live.n_places, 2000));
    must(cgroup_remove(live.places, live.n_places, &err));
    must(cgroup_remove(live.places, live.n_places, &err)); // twice is fine
    assert_false(anything_left());
    must(cgroup_list(live.places, live.n_places, &arena, &pids, &n, &err));
    assert_int_equal(n, 0);
}

static void test_undo(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    assert_int_equal(access(live.places[0].dir, F_OK), 0);
    cgroup_undo(&live);
    assert_false(anything_left());
}

static void test_failed_limit(void **state) {
    (void)state;
    NEED("cpuset");
    struct spec_cpu c = { .cpus = "4095" };
    struct spec_resources r = { .cpu = &c };
    struct cgroup_plan plan = plan_at("", &r);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    assert_int_equal(cgroup_write_limits(&plan, &live, false, &err), -1);
    assert_string_equal(err.code, "cgroup.write-failed");
    assert_string_equal(err.origin, "/linux/resources/cpu/cpus");
    assert_non_null(strstr(err.hint, "parent cgroup has"));
    cgroup_undo(&live);
    assert_false(anything_left());
}

static bool memory_says(const char *file, const char *text) {
    char have[128];
    cleanup_fd int fd = open(arena_printf(&arena, "%s/%s", dir_of("memory", ""), file), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, have, sizeof(have) - 1);
    have[n < 0 ? 0 : n] = '\0';
    return str_starts(have, text);
}

static void test_memory_settings(void **state) {
    (void)state;
    NEED("memory");
    if (host_cgroups_find(&host.cgroups, "memory")->v2)
        skip();
    struct spec_memory m = { .kernel = -1,
                             .has_swappiness = true,
                             .swappiness = 7,
                             .disable_oom_killer = true,
                             .use_hierarchy = true };
    struct spec_resources r = { .memory = &m };
    struct cgroup_plan plan = plan_at("", &r);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    must(cgroup_write_limits(&plan, &live, false, &err));
    assert_true(memory_says("memory.swappiness", "7\n"));
    assert_true(memory_says("memory.oom_control", "oom_kill_disable 0\n"));
    must(cgroup_write_limits(&plan, &live, true, &err));
    assert_true(memory_says("memory.oom_control", "oom_kill_disable 1\n"));
    assert_true(memory_says("memory.use_hierarchy", "1\n"));
    // A limit of kernel memory holds, or the kernel's ignoring it is an error.
    m = (struct spec_memory){ .kernel = 1 << 20 };
    plan = plan_at("", &r);
    if (cgroup_write_limits(&plan, &live, false, &err) < 0) {
        assert_string_equal(err.origin, "/linux/resources/memory/kernel");
        assert_true(str_eq(err.code, "cgroup.write-ignored") || str_eq(err.code, "cgroup.write-failed"));
        assert_non_null(strstr(err.msg, "1048576"));
    } else {
        assert_true(memory_says("memory.kmem.limit_in_bytes", "1048576\n"));
    }
    cgroup_undo(&live);
    assert_false(anything_left());
}

// ---------------------------------------------------------------- what was there before

static void test_premade_survives(void **state) {
    (void)state;
    NEED_CGROUPS();
    const char *first = arena_printf(&arena, "%s%s", host.cgroups.hierarchies[0].mount_point, top);
    assert_int_equal(mkdir(first, 0755), 0);
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    assert_int_equal(live.places[0].made, 0);
    cgroup_undo(&live);
    assert_int_equal(access(first, F_OK), 0);
    assert_int_equal(rmdir(first), 0);
    assert_false(anything_left());
}

static void test_predict(void **state) {
    (void)state;
    NEED_CGROUPS();
    const char *first = arena_printf(&arena, "%s%s", host.cgroups.hierarchies[0].mount_point, top);
    assert_int_equal(mkdir(first, 0755), 0);
    struct cgroup_plan plan = plan_at("/a/b", NULL);
    struct cgroup_live live;
    struct cgroup_place *places;
    size_t n;
    cgroup_predict(&plan, &arena, &places, &n);
    must(cgroup_make(&plan, &arena, &live, &err));
    assert_int_equal(n, live.n_places);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(places[i].made, i ? 3 : 2);
        assert_int_equal(places[i].made, live.places[i].made);
        assert_string_equal(places[i].dir, live.places[i].dir);
    }
    cgroup_join_close(&live.join);
    must(cgroup_remove(places, n, &err));
    assert_int_equal(rmdir(first), 0);
    assert_false(anything_left());
}

// What a killed create left under the name that only we use is taken over, and removed.
static void test_default_name_is_ours(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct spec spec = { 0 };
    struct cgroup_plan plan;
    struct cgroup_live live;
    must(cgroup_translate(&spec, arena_printf(&arena, "unit-%d", getpid()), &host.cgroups, &arena, &plan,
                          &err));
    assert_int_equal(mkdir(plan.dirs[0].dir, 0755), 0);
    must(cgroup_make(&plan, &arena, &live, &err));
    assert_int_equal(live.places[0].made, 1);
    cgroup_undo(&live);
    assert_false(anything_left());
}

static void test_parent_shared(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan a = plan_at("/a", NULL), b = plan_at("/b", NULL);
    struct cgroup_live live_a, live_b;
    must(cgroup_make(&a, &arena, &live_a, &err));
    must(cgroup_make(&b, &arena, &live_b, &err));
    assert_int_equal(live_a.places[0].made, 2);
    assert_int_equal(live_b.places[0].made, 1);
    cgroup_undo(&live_b);
    cgroup_undo(&live_a);
    assert_false(anything_left());
}

static void check_in_use(const struct cgroup_plan *plan, const char *text) {
    struct cgroup_live live;
    assert_int_equal(cgroup_make(plan, &arena, &live, &err), -1);
    assert_string_equal(err.code, "cgroup.in-use");
    assert_string_equal(err.origin, "/linux/cgroupsPath");
    assert_non_null(strstr(err.msg, text));
}

static void test_refuses_used(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan plan = plan_at("", NULL), child = plan_at("/sub", NULL);
    struct cgroup_live live, below;
    must(cgroup_make(&plan, &arena, &live, &err));
    pid_t pid = spawn_in(&live.join, NULL);
    check_in_use(&plan, "already holds processes");
    assert_non_null(strstr(err.hint, arena_printf(&arena, "%d (", (int)pid)));
    kill(pid, SIGKILL);
    reap(pid, SIGKILL);
    // Its own list is empty now, but somebody is in a cgroup below it.
    must(cgroup_make(&child, &arena, &below, &err));
    pid = spawn_in(&below.join, NULL);
    check_in_use(&plan, "already holds processes");
    kill(pid, SIGKILL);
    reap(pid, SIGKILL);
    cgroup_undo(&below);
    cgroup_undo(&live);
    assert_false(anything_left());
}

static void test_refuses_frozen(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan parent = plan_at("", NULL), child = plan_at("/c", NULL);
    struct cgroup_live live, second;
    must(cgroup_make(&parent, &arena, &live, &err));
    must(cgroup_set_frozen(live.places, live.n_places, true, &err));
    assert_true(cgroup_is_frozen(live.places, live.n_places));
    assert_int_equal(cgroup_make(&child, &arena, &second, &err), -1);
    assert_string_equal(err.code, "cgroup.frozen");
    assert_int_equal(cgroup_make(&parent, &arena, &second, &err), -1);
    assert_string_equal(err.code, "cgroup.frozen");
    must(cgroup_set_frozen(live.places, live.n_places, false, &err));
    assert_false(cgroup_is_frozen(live.places, live.n_places));
    must(cgroup_make(&child, &arena, &second, &err));
    cgroup_undo(&second);
    cgroup_undo(&live);
    assert_false(anything_left());
}

// ---------------------------------------------------------------- hostile payloads

static void fork_children(void) {
    for (int i = 0; i < 20; i++)
        if (fork() == 0)
            for (;;)
                pause();
}

static void test_kill_frozen(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    pid_t *pids;
    size_t n;
    must(cgroup_make(&plan, &arena, &live, &err));
    pid_t pid = spawn_in(&live.join, fork_children);
    must(cgroup_list(live.places, live.n_places, &arena, &pids, &n, &err));
    assert_int_equal(n, 21);
    must(cgroup_set_frozen(live.places, live.n_places, true, &err));
    must(cgroup_kill(live.places, live.n_places, &err));
    reap(pid, SIGKILL);
    assert_true(cgroup_wait_empty(live.places, live.n_places, 2000));
    assert_false(cgroup_is_frozen(live.places, live.n_places) && host.cgroups.layout != HOST_CGROUP_V2);
    cgroup_undo(&live);
    assert_false(anything_left());
}

// Without cgroup.kill: the same places without v2.
static void test_kill_v1_only(void **state) {
    (void)state;
    NEED("freezer");
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    size_t n_v1 = 0;
    struct cgroup_place v1[16];
    for (size_t i = 0; i < live.n_places && n_v1 < 16; i++)
        if (*live.places[i].controllers)
            v1[n_v1++] = live.places[i];
    pid_t pid = spawn_in(&live.join, fork_children);
    // A sub-cgroup that the payload froze holds one of its processes.
    const char *sub = dir_of("freezer", "/frozen");
    assert_int_equal(mkdir(sub, 0755), 0);
    pid_t *pids;
    size_t n;
    must(cgroup_list(v1, n_v1, &arena, &pids, &n, &err));
    assert_int_equal(n, 21);
    const char *text = arena_printf(&arena, "%d", pids[20]);
    assert_int_equal(
        fd_write_file(AT_FDCWD, arena_printf(&arena, "%s/cgroup.procs", sub), text, strlen(text)), 0);
    assert_int_equal(fd_write_file(AT_FDCWD, arena_printf(&arena, "%s/freezer.state", sub), "FROZEN", 6), 0);
    must(cgroup_kill(v1, n_v1, &err));
    reap(pid, SIGKILL);
    assert_true(cgroup_wait_empty(v1, n_v1, 2000));
    cgroup_undo(&live);
    assert_false(anything_left());
}

static void test_removes_what_the_payload_made(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    for (size_t i = 0; i < live.n_places; i++) {
        char *dir = arena_strdup(&arena, live.places[i].dir);
        for (int depth = 0; depth < 40; depth++) {
            dir = arena_printf(&arena, "%s/d", dir);
            assert_int_equal(mkdir(dir, 0755), 0);
            mkdir(arena_printf(&arena, "%s2", dir), 0755);
        }
    }
    must(cgroup_remove(live.places, live.n_places, &err));
    assert_false(anything_left());
    cgroup_join_close(&live.join);
}

static void test_remove_busy(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    pid_t pid = spawn_in(&live.join, NULL);
    assert_int_equal(cgroup_remove(live.places, 1, &err), -1);
    assert_string_equal(err.code, "cgroup.remove-failed");
    assert_non_null(strstr(err.hint, arena_printf(&arena, "%d", pid)));
    kill(pid, SIGKILL);
    must(cgroup_remove(live.places, live.n_places, &err)); // while it dies
    reap(pid, SIGKILL);
    cgroup_join_close(&live.join);
    assert_false(anything_left());
}

// ---------------------------------------------------------------- exec

static void test_exec_joins(void **state) {
    (void)state;
    NEED_CGROUPS();
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    const struct cgroup_place *place = &live.places[0];
    assert_int_equal(mkdir(arena_printf(&arena, "%s/sub", place->dir), 0755), 0);
    struct cgroup_join join;
    must(cgroup_join_open(live.places, live.n_places, NULL, 0, &arena, &join, &err));
    assert_int_equal(join.n_tasks + (join.v2 >= 0), live.n_places);
    cgroup_join_close(&join);

    struct cgroup_sub sub = { .controllers = *place->controllers ? place->controllers : NULL,
                              .path = "/sub" };
    must(cgroup_join_open(place, 1, &sub, 1, &arena, &join, &err));
    pid_t pid = spawn_in(&join, NULL);
    pid_t *pids;
    size_t n;
    struct cgroup_place below = { place->controllers, arena_printf(&arena, "%s/sub", place->dir), 0 };
    must(cgroup_list(&below, 1, &arena, &pids, &n, &err));
    assert_int_equal(n, 1);
    cgroup_join_close(&join);

    static const char *const bad[] = { "../..", "sub/../../..", "/..", "nowhere" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        sub.path = bad[i];
        assert_int_equal(cgroup_join_open(live.places, live.n_places, &sub, 1, &arena, &join, &err), -1);
        assert_string_equal(err.code, i < 3 ? "config.invalid" : "cgroup.join-failed");
    }
    sub = (struct cgroup_sub){ .controllers = "nothing", .path = "sub" };
    assert_int_equal(cgroup_join_open(live.places, live.n_places, &sub, 1, &arena, &join, &err), -1);
    assert_string_equal(err.code, "config.invalid");
    kill(pid, SIGKILL);
    reap(pid, SIGKILL);
    cgroup_undo(&live);
    assert_false(anything_left());
}

static void test_follows_init(void **state) {
    (void)state;
    NEED_CGROUPS();
    if (!host_cgroups_v2(&host.cgroups))
        skip();
    struct cgroup_plan plan = plan_at("", NULL);
    struct cgroup_live live;
    must(cgroup_make(&plan, &arena, &live, &err));
    pid_t pid = spawn_in(&live.join, NULL);
    const char *moved = dir_of("", "/init.scope"), *text = arena_printf(&arena, "%d", pid);
    assert_int_equal(mkdir(moved, 0755), 0);
    assert_int_equal(
        fd_write_file(AT_FDCWD, arena_printf(&arena, "%s/cgroup.procs", moved), text, strlen(text)), 0);
    struct cgroup_join join;
    must(cgroup_join_open(live.places, live.n_places, NULL, 0, &arena, &join, &err));
    must(cgroup_join_of_process(live.places, live.n_places, pid, &arena, &join, &err));
    assert_string_equal(join.v2_dir, moved);
    pid_t second = spawn_in(&join, NULL);
    assert_int_equal(cgroup_join_of_process(live.places, live.n_places, getpid(), &arena, &join, &err), -1);
    cgroup_join_close(&join);
    must(cgroup_kill(live.places, live.n_places, &err));
    reap(pid, SIGKILL);
    reap(second, SIGKILL);
    cgroup_undo(&live);
    assert_false(anything_left());
}

// ---------------------------------------------------------------- devices

// 0 when the node 1:MINOR can be opened, else errno.
static int open_mem_device(unsigned minor) {
    char path[64];
    snprintf(path, sizeof(path), "/tmp/nook-unit-%d-%u", getpid(), minor);
    unlink(path);
    if (mknod(path, S_IFCHR | 0600, makedev(1, minor)) < 0)
        return errno;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int saved = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    unlink(path);
    return saved;
}

static void check_devices(const struct cgroup_plan *plan) {
    struct cgroup_live live;
    must(cgroup_make(plan, &arena, &live, &err));
    must(cgroup_write_limits(plan, &live, false, &err));
    struct clone_args args = { .flags = live.join.v2 >= 0 ? CLONE_INTO_CGROUP : 0,
                               .exit_signal = SIGCHLD,
                               .cgroup = (uint64_t)live.join.v2 };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        const char *failed;
        if (cgroup_attach_self(&live.join, false, &failed) < 0)
            _exit(1);
        _exit(open_mem_device(3) != 0 ? 2 : open_mem_device(11) != EPERM ? 3 : 0); // null, kmsg
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    cgroup_undo(&live);
    assert_int_equal(status, 0);
    assert_false(anything_left());
}

static void test_devices(void **state) {
    (void)state;
    NEED_CGROUPS();
    if (open_mem_device(3) != 0 || open_mem_device(11) != 0)
        skip(); // we may not make or use devices ourselves
    struct spec_device_cgroup rules[] = {
        { .allow = false, .type = 'a', .major = -1, .minor = -1, .access = "rwm" }
    };
    struct spec_resources r = { .devices = rules, .n_devices = 1 };
    struct cgroup_plan plan = plan_at("", &r);
    check_devices(&plan);
    // The v2 program, which a hybrid host takes too.
    const struct host_hierarchy *v2 = host_cgroups_v2(&host.cgroups);
    if (!v2 || host.cgroups.layout == HOST_CGROUP_V2)
        return;
    struct host_cgroups only = host.cgroups;
    only.hierarchies = (struct host_hierarchy *)v2;
    only.n_hierarchies = 1;
    only.layout = HOST_CGROUP_V2;
    struct spec spec = { .linux_ = { .cgroups_path = top, .resources = &r } };
    plan = translate(&spec, &only);
    assert_non_null(plan.device_program);
    check_devices(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_undo),
        cmocka_unit_test(test_memory_settings),
        cmocka_unit_test(test_failed_limit),
        cmocka_unit_test(test_premade_survives),
        cmocka_unit_test(test_predict),
        cmocka_unit_test(test_default_name_is_ours),
        cmocka_unit_test(test_parent_shared),
        cmocka_unit_test(test_refuses_used),
        cmocka_unit_test(test_refuses_frozen),
        cmocka_unit_test(test_kill_frozen),
        cmocka_unit_test(test_kill_v1_only),
        cmocka_unit_test(test_removes_what_the_payload_made),
        cmocka_unit_test(test_remove_busy),
        cmocka_unit_test(test_exec_joins),
        cmocka_unit_test(test_follows_init),
        cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, group_setup, fixture_teardown);
}
