// SPDX-License-Identifier: Apache-2.0
// Tests of K3: members of a container are found by its namespaces or its root when its supervisor has been
// killed, and nobody else is.
#include "config.h"

#include "tests/unit/supervisor_test.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/launch/members.h"

// ---------------------------------------------------------------- payloads

static char root[] = "/tmp/nook-unit-members.XXXXXX";

static const char *const inside[] = { "tmp", "proc" }; // what is mounted on and gone into there
enum { N_INSIDE = sizeof(inside) / sizeof(inside[0]) };

static bool new_dev;

// As chroot isolation makes one. It is seen at the root that we have.
static int mount_dev(void) {
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -1 : mount("t", "/dev", "tmpfs", 0, NULL);
}

static void enter(int flags, bool new_root) {
    if (flags && unshare(flags) < 0)
        _exit(96);
    // Never over the host's: not in its mount namespace.
    if (new_dev && (!(flags & CLONE_NEWNS) || mount_dev() < 0))
        _exit(93);
    // Who is nobody makes no user namespaces.
    if ((flags & CLONE_NEWUSER) && (fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny", 4) < 0 ||
                                    fd_write_file(AT_FDCWD, "/proc/self/uid_map", "0 0 1", 5) < 0 ||
                                    fd_write_file(AT_FDCWD, "/proc/self/gid_map", "0 0 1", 5) < 0))
        _exit(94);
    if (new_root && (chroot(root) < 0 || chdir("/") < 0))
        _exit(96);
}

// Says 'r' when it can be identified, then makes what the test wants.
static payload_fn inner;
static int flags;
static bool new_root;

static int contained(int report) {
    enter(flags, new_root);
    say(report, 'r');
    return inner(report);
}

static void chain(int report) {
    if (fork() != 0)
        return;
    bool first = true;
    for (;;) {
        if (fork() != 0)
            _exit(0);
        if (first)
            say(report, 'd');
        first = false;
        setsid();
    }
}

static int chain_and_daemon(int report) {
    daemonize(-1);
    chain(report);
    return sleep_on();
}

// A container in the container, without any namespace of ours.
static int nested(int report) {
    if (fork() == 0) {
        setsid();
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS) == 0 &&
            mount("t", "/tmp", "tmpfs", 0, NULL) == 0 && chroot("/tmp") == 0)
            say(report, 'd');
        sleep_on();
    }
    return sleep_on();
}

static void *say_and_stay(void *report) {
    say(*(int *)report, 'd');
    sleep_on();
    return NULL;
}

// A daemon whose first thread has ended.
static int leaderless(int report) {
    static int to;
    pthread_t thread;
    to = report;
    if (fork() == 0) {
        setsid();
        if (pthread_create(&thread, NULL, say_and_stay, &to) == 0)
            syscall(SYS_exit, 0);
        _exit(95);
    }
    return sleep_on();
}

// In new namespaces of all kinds that we look at, but with the mounts of the old ones.
static int other_namespaces(int report) {
    if (fork() == 0) {
        setsid();
        if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0)
            _exit(95);
        say(report, 'd');
        sleep_on();
    }
    return sleep_on();
}

static int as_nobody(int report) {
    if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        _exit(95);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1); // as execve would have it
    return with_daemon(report);
}

// ---------------------------------------------------------------- helpers

static struct members found;

// The one child: the payload.
static pid_t payload_of(const struct tree *t) {
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)t->supervisor, (int)t->supervisor);
    assert_true(fd_read_small(AT_FDCWD, path, text, sizeof(text)) > 0);
    return (pid_t)strtol(text, NULL, 10);
}

static int open_of(pid_t pid, const char *name, int flag) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return open(path, flag | O_CLOEXEC);
}

// As init does it of itself.
static int identify(pid_t pid, struct member_identity *out) {
    struct stat st;
    struct member_marks marks = { .namespaces = { [MEMBER_MOUNT] = open_of(pid, "ns/mnt", O_RDONLY),
                                                  [MEMBER_UTS] = open_of(pid, "ns/uts", O_RDONLY),
                                                  [MEMBER_USER] = open_of(pid, "ns/user", O_RDONLY) },
                                  .dev = new_dev ? open_of(pid, "root/dev", O_PATH) : -1 };
    cleanup_fd int root_fd = open_of(pid, "root", O_PATH);
    assert_int_equal(fstat(root_fd, &st), 0);
    marks.root = (struct file_id){ st.st_dev, st.st_ino };
    int rc = members_identify(pid, &marks, out, &error);
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++)
        fd_close(&marks.namespaces[i]);
    fd_close(&marks.dev);
    return rc;
}

static struct tree make(payload_fn fn, int with_flags, bool with_root, struct member_identity *id) {
    inner = fn;
    flags = with_flags;
    new_root = with_root;
    struct tree t = tree_start(contained);
    assert_int_equal(tree_hear(&t), 'r');
    check_rc(identify(payload_of(&t), id), 0);
    assert_int_equal(tree_hear(&t), 'd');
    return t;
}

static void lose_supervisor(const struct tree *t) {
    assert_int_equal(kill(t->supervisor, SIGKILL), 0);
    assert_killed(await(t->supervisor), SIGKILL);
    // The payload dies of it, its daemons do not.
    assert_false(tree_is_gone(t, 10));
}

// That many, once those that are about to end have ended.
static void find(const struct member_identity *id, size_t n) {
    for (int64_t end = now_ms() + LIMIT_MS; now_ms() < end; poll(NULL, 0, 1)) {
        check_rc(members_find(id, &found, &error), 0);
        if (found.n == n)
            return;
    }
    assert_int_equal(found.n, n);
}

static void finish(struct tree *t) {
    assert_true(tree_is_gone(t, LIMIT_MS));
    // A chain leaves thousands of zombies to us: so many that no pid is left for anybody.
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    tree_close(t);
}

static pid_t bystander(void) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(sleep_on());
    return pid;
}

static void is_well(pid_t pid) {
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    await(pid);
}

// ---------------------------------------------------------------- found

static const struct place {
    const char *name;
    int flags;
    bool root;
} places[] = {
    { "mount and UTS namespaces", CLONE_NEWNS | CLONE_NEWUTS, true },
    { "user, mount and UTS namespaces", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS, true },
    { "a root only", 0, true },
    { "a UTS namespace and a root", CLONE_NEWUTS, true },
};
enum { N_PLACES = sizeof(places) / sizeof(places[0]) };

static void kill_all(payload_fn fn, const struct place *place) {
    struct member_identity id;
    struct tree t = make(fn, place->flags, place->root, &id);
    pid_t other = bystander();
    lose_supervisor(&t);
    if (fn != chain_and_daemon)
        find(&id, 1);
    int64_t begin = now_ms();
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    if (!tree_is_gone(&t, 200))
        fail_msg("%s: something lives on", place->name);
    assert_true(now_ms() - begin < LIMIT_MS);
    check_rc(members_find(&id, &found, &error), 0);
    assert_int_equal(found.n, 0);
    is_well(other);
    finish(&t);
}

static void daemons(void **state) {
    (void)state;
    for (int i = 0; i < N_PLACES; i++)
        kill_all(with_daemon, &places[i]);
}

static void chains(void **state) {
    (void)state;
    for (int i = 0; i < N_PLACES; i++)
        kill_all(chain_and_daemon, &places[i]);
}

static void hundred_times(void **state) {
    (void)state;
    int64_t begin = now_ms();
    for (int i = 0; i < 100; i++)
        kill_all(i % 2 ? with_daemon : chain_and_daemon, &places[i / 2 % N_PLACES]);
    printf("100 kills: %lld ms on average, all in all\n", (long long)(now_ms() - begin) / 100);
}

// Who is in a chroot makes no user namespaces, so the root is the one that all have.
static void nested_user_namespace(void **state) {
    (void)state;
    static const struct place place = { "nested", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS, false };
    struct member_identity id;
    struct tree t = make(with_daemon, place.flags, false, &id);
    bool told = id.namespaces[MEMBER_MOUNT].unique;
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    await(t.supervisor);
    finish(&t);
    if (told)
        kill_all(nested, &place);
}

static void without_first_thread(void **state) {
    (void)state;
    for (int i = 0; i < N_PLACES; i++)
        kill_all(leaderless, &places[i]);
}

static void unshared(void **state) {
    (void)state;
    static const struct place place = { "a tmpfs at /dev", CLONE_NEWNS | CLONE_NEWUTS, false };
    new_dev = true;
    kill_all(other_namespaces, &place);
    // Without the tmpfs, or another one with its number, it is anybody.
    struct member_identity id;
    struct tree t = make(other_namespaces, CLONE_NEWNS | CLONE_NEWUTS, false, &id);
    new_dev = false;
    assert_true(id.dev.id != 0);
    lose_supervisor(&t);
    struct member_identity other = id;
    other.dev.id ^= 1;
    check_rc(members_kill(&other, LIMIT_MS, &found, &error), 0);
    other.dev = (struct tmpfs_id){ 0 };
    check_rc(members_kill(&other, LIMIT_MS, &found, &error), 0);
    assert_false(tree_is_gone(&t, 10));
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    assert_int_equal(found.n, 0);
    finish(&t);
}

// A namespace that others are in, and a /dev that is not a tmpfs.
static void no_marks(void **state) {
    (void)state;
    struct member_marks marks = { .namespaces = { -1, open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC), -1 },
                                  .dev = open("/proc", O_PATH | O_CLOEXEC),
                                  .root = { 1, 1 } };
    struct member_identity id;
    check_rc(members_identify(getpid(), &marks, &id, &error), 0);
    assert_int_equal(id.namespaces[MEMBER_UTS].file.ino, 0);
    assert_int_equal(id.dev.id, 0);
    fd_close(&marks.namespaces[1]);
    fd_close(&marks.dev);
}

static void text(void **state) {
    (void)state;
    struct arena a = { 0 };
    struct member_identity back, id = { .root = { 1, 2 }, .dev = { 3, UINT64_MAX } };
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++)
        id.namespaces[i] = (struct namespace_id){ { 5, (uint64_t)i }, UINT64_MAX - (uint64_t)i };
    const char *text = members_text(&id, &a);
    assert_true(members_read(text, &back));
    assert_memory_equal(&back, &id, sizeof(id));
    assert_false(members_read("1:2 3:4 5", &back));
    assert_false(members_read(NULL, &back));
    arena_free(&a);
}

// The supervisor lives, and its set is there.
static void living_container(void **state) {
    (void)state;
    struct member_identity id;
    struct tree t = make(with_daemon, CLONE_NEWNS, false, &id);
    find(&id, id.namespaces[MEMBER_MOUNT].unique ? 2 : 0);
    check_rc(supervisor_ask_kill(t.dir, LIMIT_MS, &error), 0);
    assert_killed(await(t.supervisor), SIGKILL);
    check_rc(members_find(&id, &found, &error), 0);
    assert_int_equal(found.n, 0);
    finish(&t);
}

// ---------------------------------------------------------------- not taken for members

static void no_identity(void **state) {
    (void)state;
    struct member_identity id;
    pid_t pid = bystander();
    check_rc(identify(pid, &id), -1);
    assert_string_equal(error.code, "members.no-identity");
    is_well(pid);
    // An identity that says nothing, or that of ourselves, finds nobody.
    id = (struct member_identity){ 0 };
    assert_int_equal(proc_identify(getpid(), &id.payload), 0);
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), -1);
    assert_string_equal(error.code, "members.no-identity");
    struct stat st;
    assert_int_equal(stat("/", &st), 0);
    id.root = (struct file_id){ st.st_dev, st.st_ino };
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), -1);
    assert_string_equal(error.code, "members.no-identity");
    assert_int_equal(stat("/proc/self/ns/mnt", &st), 0);
    id.namespaces[MEMBER_MOUNT].file = (struct file_id){ st.st_dev, st.st_ino };
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    assert_int_equal(found.n, 0);
}

static void another_boot(void **state) {
    (void)state;
    struct member_identity id;
    struct tree t = make(with_daemon, CLONE_NEWNS, true, &id);
    lose_supervisor(&t);
    struct member_identity old = id;
    old.payload.boot_id[0] ^= 1;
    check_rc(members_kill(&old, LIMIT_MS, &found, &error), 0);
    assert_false(tree_is_gone(&t, 10));
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    finish(&t);
}

// Two of them in one root, which is all that bare isolation leaves to know them by.
static void same_root(void **state) {
    (void)state;
    struct member_identity id, other_id;
    struct tree other = make(with_daemon, 0, true, &other_id), t = make(with_daemon, 0, true, &id);
    lose_supervisor(&t);
    // The other one is older; and the other way round it is below its supervisor.
    id.payload.start_time = other_id.payload.start_time;
    find(&id, 1);
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    finish(&t);
    assert_false(tree_is_gone(&other, 10));
    lose_supervisor(&other);
    check_rc(members_kill(&other_id, LIMIT_MS, &found, &error), 0);
    finish(&other);
}

// A container of another isolation, in a root that has the number of ours: it is in a mount namespace of its
// own.
static void same_root_elsewhere(void **state) {
    (void)state;
    struct member_identity id, other_id;
    struct tree t = make(with_daemon, 0, true, &id), other = make(with_daemon, CLONE_NEWNS, true, &other_id);
    lose_supervisor(&other);
    find(&other_id, 1);
    lose_supervisor(&t);
    find(&id, 1);
    assert_true(found.unsure > 0);
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    finish(&t);
    assert_false(tree_is_gone(&other, 10));
    check_rc(members_kill(&other_id, LIMIT_MS, &found, &error), 0);
    finish(&other);
}

// Calls itself a supervisor to be spared.
static int pretender(int report) {
    prctl(PR_SET_NAME, SUPERVISOR_NAME);
    return with_daemon(report);
}

static void pretended_supervisor(void **state) {
    (void)state;
    kill_all(pretender, &places[2]);
}

// Kernels that do not tell namespaces apart beyond their numbers, which are used again.
static void numbers_only(void **state) {
    (void)state;
    struct member_identity id;
    struct tree t = make(with_daemon, CLONE_NEWNS | CLONE_NEWUTS, true, &id);
    bool told = id.namespaces[MEMBER_MOUNT].unique;
    lose_supervisor(&t);
    struct member_identity changed = id;
    if (told) {
        // Another namespace with the same number.
        for (int i = 0; i < N_MEMBER_NAMESPACES; i++)
            changed.namespaces[i].unique += changed.namespaces[i].unique != 0;
        changed.namespaces[MEMBER_UTS].file.ino = 0;
        check_rc(members_kill(&changed, LIMIT_MS, &found, &error), 0);
        assert_int_equal(found.unsure, 0);
        assert_false(tree_is_gone(&t, 10));
    }
    changed = id;
    for (int i = 0; i < N_MEMBER_NAMESPACES; i++)
        changed.namespaces[i].unique = 0;
    changed.root.ino++; // nobody in it has the container's root
    check_rc(members_kill(&changed, LIMIT_MS, &found, &error), 0);
    assert_int_equal(found.n, 0);
    assert_true(found.unsure > 0);
    assert_false(tree_is_gone(&t, 10));
    // Nobody older is one.
    changed.root = id.root;
    changed.payload.start_time += 1000 * 1000;
    check_rc(members_kill(&changed, LIMIT_MS, &found, &error), 0);
    assert_false(tree_is_gone(&t, 10));
    changed.payload = id.payload;
    check_rc(members_kill(&changed, LIMIT_MS, &found, &error), 0);
    finish(&t);
}

// One has the root, the other one has gone to another root: both are in the namespace, so both are members.
static int two_roots(int report) {
    daemonize(-1);
    if (fork() == 0) {
        setsid();
        if (chroot("/proc") < 0)
            _exit(95);
        say(report, 'd');
        sleep_on();
    }
    return sleep_on();
}

static void one_proves_the_other(void **state) {
    (void)state;
    struct member_identity id;
    struct tree t = make(two_roots, CLONE_NEWNS, true, &id);
    id.namespaces[MEMBER_MOUNT].unique = 0;
    lose_supervisor(&t);
    find(&id, 2);
    check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
    finish(&t);
}

// With numbers only, and a root that all have, nobody is told from others that get the number later.
static void the_root_of_all(void **state) {
    (void)state;
    struct member_identity id;
    struct tree t = make(with_daemon, CLONE_NEWNS, false, &id);
    struct member_identity numbers = id;
    numbers.namespaces[MEMBER_MOUNT].unique = 0;
    lose_supervisor(&t);
    check_rc(members_kill(&numbers, LIMIT_MS, &found, &error), 0);
    assert_int_equal(found.n, 0);
    assert_true(found.unsure > 0);
    assert_false(tree_is_gone(&t, 10));
    tree_close(&t); // the tear-down ends it
}

// Takes the number of a mount namespace as soon as it is free.
static pid_t taker(void) {
    pid_t pid = fork();
    while (pid == 0)
        if (unshare(CLONE_NEWNS) < 0)
            _exit(95);
    return pid;
}

// The number of a namespace that has just died may be somebody else's in no time.
static void held_numbers(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct member_identity id;
        struct tree t = make(with_daemon, CLONE_NEWNS, true, &id);
        id.namespaces[MEMBER_MOUNT].unique = 0;
        pid_t others[] = { taker(), taker() };
        lose_supervisor(&t);
        check_rc(members_kill(&id, LIMIT_MS, &found, &error), 0);
        is_well(others[0]);
        is_well(others[1]);
        finish(&t);
    }
}

// ---------------------------------------------------------------- with few rights

static void without(const cap_value_t *list, int n) {
    cap_t caps = cap_get_proc();
    if (!caps || cap_set_flag(caps, CAP_EFFECTIVE, n, list, CAP_CLEAR) < 0 ||
        cap_set_flag(caps, CAP_PERMITTED, n, list, CAP_CLEAR) < 0 || cap_set_proc(caps) < 0)
        _exit(90);
    cap_free(caps);
}

static int kill_without(const cap_value_t *list, int n, const struct member_identity *id) {
    without(list, n);
    uid_t uid = (uid_t)geteuid();
    if (members_kill(id, LIMIT_MS, &found, &error) < 0)
        return 91;
    // The ids are what they were.
    char text[1024];
    if (geteuid() != uid || fd_read_small(AT_FDCWD, "/proc/self/status", text, sizeof(text)) < 0 ||
        !strstr(text, "\nUid:\t0\t0\t0\t0\n") || !strstr(text, "\nGid:\t0\t0\t0\t0\n"))
        return 92;
    return (int)(found.n * 10 + (found.unsure > 0));
}

static int in_child(const cap_value_t *list, int n, const struct member_identity *id) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(kill_without(list, n, id));
    int status = await(pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void without_ptrace(void **state) {
    (void)state;
    const cap_value_t few[] = { CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID };
    struct member_identity id;
    struct tree t = make(as_nobody, CLONE_NEWNS, true, &id);
    pid_t payload = payload_of(&t);
    kill(t.supervisor, SIGKILL); // first, or it would kill what the payload leaves
    await(t.supervisor);
    kill(payload, SIGKILL);
    assert_false(tree_is_gone(&t, 10));
    // It cannot be looked at: counted, and left alone.
    assert_int_equal(in_child(few, 4, &id), 1);
    assert_false(tree_is_gone(&t, 10));
    // With its own ids it can.
    int code = in_child(few, 2, &id);
    assert_true(code == 0 || code == 1); // others of this machine may be out of sight
    finish(&t);
}

// ---------------------------------------------------------------- main

static int setup(void **state) {
    if (!mkdtemp(root))
        return -1;
    for (size_t i = 0; i < N_INSIDE; i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", root, inside[i]);
        if (mkdir(path, 0755) < 0)
            return -1;
    }
    return adopt(state);
}

static int teardown(void **state) {
    (void)state;
    for (size_t i = 0; i < N_INSIDE; i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", root, inside[i]);
        if (rmdir(path) < 0)
            return -1;
    }
    return rmdir(root);
}

// A test that failed left it as it was.
static int clean_up(void **state) {
    new_dev = false;
    return clean(state);
}

#define clean_test(f) cmocka_unit_test_teardown(f, clean_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        clean_test(daemons),
        clean_test(chains),
        clean_test(hundred_times),
        clean_test(nested_user_namespace),
        clean_test(without_first_thread),
        clean_test(unshared),
        clean_test(no_marks),
        clean_test(text),
        clean_test(living_container),
        clean_test(no_identity),
        clean_test(another_boot),
        clean_test(same_root),
        clean_test(same_root_elsewhere),
        clean_test(pretended_supervisor),
        clean_test(numbers_only),
        clean_test(one_proves_the_other),
        clean_test(the_root_of_all),
        clean_test(held_numbers),
        clean_test(without_ptrace),
    };
    if (geteuid() != 0) {
        printf("needs root: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
