// SPDX-License-Identifier: Apache-2.0
// state/: claims, files, verdicts on entries, removal.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "state/state.h"

struct fixture {
    struct arena a;
    char base[64];
    const char *root;
    struct error err;
    struct state_dir dir;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->base, "/tmp/nook-test-state.XXXXXX");
    assert_non_null(mkdtemp(f->base));
    f->root = arena_printf(&f->a, "%s/deep/root", f->base);
    f->dir = STATE_DIR_NONE;
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    state_close(&f->dir);
    char *command = arena_printf(&f->a, "rm -rf %s", f->base);
    assert_int_equal(system(command), 0);
    arena_free(&f->a);
    free(f);
    return 0;
}

static const char *path_of(struct fixture *f, const char *name) {
    return arena_printf(&f->a, "%s/%s", f->root, name);
}

static bool exists(struct fixture *f, const char *name) {
    struct stat st;
    return lstat(path_of(f, name), &st) == 0;
}

static void put_file(struct fixture *f, const char *name, const char *text) {
    cleanup_fd int fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static int claim(struct fixture *f, const char *id) {
    return state_claim(&f->a, f->root, id, NULL, NULL, &f->dir, &f->err);
}

// A complete entry whose init is this process.
static struct state make_entry(struct fixture *f, const char *id) {
    struct state s = { .id = id, .bundle = "/b", .complete = true };
    assert_int_equal(proc_identify(getpid(), &s.init), 0);
    assert_int_equal(claim(f, id), 0);
    assert_int_equal(state_save(&f->dir, &f->a, &s, &f->err), 0);
    state_close(&f->dir);
    return s;
}

static void save_and_load_keep_everything(void **state) {
    struct fixture *f = *state;
    struct state_cgroup cgroups[] = { { "memory", "/sys/fs/cgroup/memory/nook-c", 1 },
                                      { "", "/sys/fs/cgroup/unified/nook-c", 2 } };
    struct state_pair annotations[] = { { "org.a", "x\"y\n" }, { "id", "not the id" }, { "", "" } };
    struct state s = {
        .id = "c1",
        .oci_version = "1.3.0",
        .bundle = "/a b/\xc3\xa9",
        .rootfs = "/r",
        .init = { .pid = 4242, .start_time = UINT64_MAX - 1 },
        .cgroups = cgroups,
        .n_cgroups = 2,
        .cgroup_manager = "cgroupfs",
        .isolation = "oci",
        .annotations = annotations,
        .n_annotations = 3,
        .seccomp_key = "abc",
        .namespaces = 0x6c020000,
        .shared_pid_namespace = true,
        .no_process = true,
        .complete = true,
        .root_mount = 1ULL << 31,
        .root_below = 64,
    };
    struct state l;
    assert_int_equal(claim(f, "c1"), 0);
    assert_int_equal(state_save(&f->dir, &f->a, &s, &f->err), 0);
    assert_int_equal(strlen(s.created), 30);
    state_close(&f->dir);
    assert_int_equal(state_open(&f->a, f->root, "c1", &f->dir, &f->err), 0);
    assert_int_equal(state_load(&f->dir, &f->a, &l, &f->err), 0);
    assert_string_equal(l.id, "c1");
    assert_string_equal(l.oci_version, "1.3.0");
    assert_string_equal(l.bundle, "/a b/\xc3\xa9");
    assert_string_equal(l.rootfs, "/r");
    assert_true(l.root_mount == 1ULL << 31 && l.root_below == 64);
    assert_string_equal(l.created, s.created);
    assert_int_equal(l.init.pid, 4242);
    assert_true(l.init.start_time == UINT64_MAX - 1);
    assert_string_equal(l.init.boot_id, proc_boot_id());
    assert_int_equal(l.n_cgroups, 2);
    assert_string_equal(l.cgroups[0].controllers, "memory");
    assert_string_equal(l.cgroups[1].dir, "/sys/fs/cgroup/unified/nook-c");
    assert_int_equal(l.cgroups[1].made, 2);
    assert_int_equal(l.n_annotations, 3);
    assert_string_equal(l.annotations[0].value, "x\"y\n");
    assert_string_equal(l.annotations[1].key, "id");
    assert_string_equal(l.seccomp_key, "abc");
    assert_string_equal(l.cgroup_manager, "cgroupfs");
    assert_true(l.namespaces == 0x6c020000);
    assert_true(l.shared_pid_namespace && l.no_process && l.complete);
    assert_int_equal(l.owner_uid, geteuid());
    struct stat st;
    assert_int_equal(stat(path_of(f, "c1/state.json"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(exists(f, "c1/.state.json.new"));
}

static void ids_are_checked(void **state) {
    struct fixture *f = *state;
    char longest[257];
    memset(longest, 'a', sizeof(longest));
    longest[256] = '\0';
    const char *const bad[] = { "", ".", "..", ".x", "../x", "a/b", "a b", "a\n", "\xc3\xa9", longest, NULL };
    for (const char *const *id = bad; *id; id++) {
        assert_int_equal(claim(f, *id), -1);
        assert_string_equal(f->err.code, "state.bad-id");
        assert_int_equal(state_open(&f->a, f->root, *id, &f->dir, &f->err), -1);
    }
    assert_int_not_equal(access(f->root, F_OK), 0); // nothing was made
    longest[255] = '\0';
    const char *const good[] = { "a", "A.b_c+d-e", "-x", "+1", longest, NULL };
    for (const char *const *id = good; *id; id++)
        assert_int_equal(state_check_id(*id, &f->err), 0);
}

static void an_id_is_claimed_once(void **state) {
    struct fixture *f = *state;
    struct state_dir second;
    make_entry(f, "c");
    assert_int_equal(state_claim(&f->a, f->root, "c", NULL, NULL, &second, &f->err), -1);
    assert_string_equal(f->err.code, "state.exists");
    assert_string_equal(f->err.msg, "container with given ID already exists");
    assert_true(exists(f, "c/state.json"));
}

static void a_stopped_container_is_not_reclaimed(void **state) {
    struct fixture *f = *state;
    struct state s = { .id = "c", .complete = true };
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(proc_identify(pid, &s.init), 0);
    assert_int_equal(claim(f, "c"), 0);
    assert_int_equal(state_save(&f->dir, &f->a, &s, &f->err), 0);
    waitpid(pid, NULL, 0);
    assert_int_equal(state_status(&f->dir, &s), STATE_STOPPED);
    state_close(&f->dir);
    assert_int_equal(claim(f, "c"), -1);
    assert_string_equal(f->err.code, "state.exists");
}

static void note_reclaimed(const struct state *old, void *arg) {
    *(const char **)arg = old->id;
}

// Claims the id in a child that dies at once, having saved `s` if it is not NULL.
static void die_while_creating(struct fixture *f, const char *id, struct state *s) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (claim(f, id) < 0 || (s && state_save(&f->dir, &f->a, s, &f->err) < 0))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void the_entry_of_a_dead_creator_is_reclaimed(void **state) {
    struct fixture *f = *state;
    struct state s = { .id = "c" };
    for (int saved = 0; saved < 2; saved++) {
        const char *reclaimed = NULL;
        die_while_creating(f, "c", saved ? &s : NULL);
        assert_true(exists(f, "c/nook.lock"));
        put_file(f, "c/.state.json.new", "{");
        assert_int_equal(state_claim(&f->a, f->root, "c", note_reclaimed, &reclaimed, &f->dir, &f->err), 0);
        assert_string_equal(reclaimed, "c");
        assert_false(exists(f, "c/state.json"));
        assert_int_equal(state_remove(&f->dir, &f->err), 0);
        state_close(&f->dir);
        assert_false(exists(f, "c"));
    }
}

static void an_entry_whose_init_lives_is_not_reclaimed(void **state) {
    struct fixture *f = *state;
    struct state s = { .id = "c" };
    assert_int_equal(proc_identify(getpid(), &s.init), 0);
    die_while_creating(f, "c", &s);
    assert_int_equal(claim(f, "c"), -1);
    assert_string_equal(f->err.code, "state.exists");
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
    assert_false(state_is_dead(&f->dir, &s, true));
    assert_int_equal(state_status(&f->dir, &s), STATE_CREATING);
}

static void a_living_creator_keeps_its_entry(void **state) {
    struct fixture *f = *state;
    int ready[2];
    pid_t heir = -1;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (claim(f, "c") < 0)
            _exit(1);
        // A child of the creator, as init is, does not hold the lock.
        heir = fork();
        if (heir != 0)
            (void)!write(ready[1], &heir, sizeof(heir));
        close(ready[0]);
        close(ready[1]);
        pause();
    }
    assert_int_equal(read(ready[0], &heir, sizeof(heir)), sizeof(heir));
    assert_true(heir > 0);
    assert_int_equal(claim(f, "c"), -1);
    assert_string_equal(f->err.code, "state.exists");
    struct state_dir seen;
    assert_int_equal(state_open(&f->a, f->root, "c", &seen, &f->err), 0);
    assert_true(state_is_locked(&seen));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(state_is_locked(&seen));
    state_close(&seen);
    assert_int_equal(claim(f, "c"), 0);
    assert_int_equal(kill(heir, SIGKILL), 0);
    close(ready[0]);
    close(ready[1]);
}

static void an_entry_of_another_boot_is_reclaimed(void **state) {
    struct fixture *f = *state;
    struct state s = { .id = "c", .complete = true, .init = { .pid = getpid(), .start_time = 1 } };
    str_copy(s.init.boot_id, sizeof(s.init.boot_id), "00000000-0000-0000-0000-000000000000");
    assert_int_equal(claim(f, "c"), 0);
    assert_int_equal(state_save(&f->dir, &f->a, &s, &f->err), 0);
    assert_int_equal(state_status(&f->dir, &s), STATE_STOPPED);
    state_close(&f->dir);
    assert_int_equal(claim(f, "c"), 0);
}

static void an_empty_directory_is_taken(void **state) {
    struct fixture *f = *state;
    make_entry(f, "other");
    assert_int_equal(mkdir(path_of(f, "c"), 0700), 0);
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), -1);
    assert_string_equal(f->err.code, "state.not-found");
    assert_int_equal(claim(f, "c"), 0);
}

struct names {
    char text[64];
    size_t used;
};

static int count(const struct state_dir *dir, const struct state *s, bool loaded, void *arg,
                 struct error *err) {
    (void)dir, (void)err;
    struct names *names = arg;
    names->used += str_copy(names->text + names->used, sizeof(names->text) - names->used, s->id);
    names->used +=
        str_copy(names->text + names->used, sizeof(names->text) - names->used, loaded ? " " : "? ");
    return 0;
}

static void foreign_directories_are_left_alone(void **state) {
    struct fixture *f = *state;
    struct names names = { 0 };
    make_entry(f, "b");
    make_entry(f, "a");
    assert_int_equal(mkdir(path_of(f, "runc1"), 0711), 0);
    put_file(f, "runc1/state.json", "{\"id\":\"runc1\",\"init_process_pid\":1}");
    assert_int_equal(mkdir(path_of(f, "empty"), 0711), 0);
    assert_int_equal(mkdir(path_of(f, ".seccomp"), 0700), 0);
    assert_int_equal(symlink("a", path_of(f, "link")), 0);
    put_file(f, "file", "x");
    assert_int_equal(state_list(&f->a, f->root, count, &names, &f->err), 0);
    assert_string_equal(names.text, "a b ");
    static const char *const foreign[] = { "runc1", "file", "link", NULL };
    for (const char *const *id = foreign; *id; id++) {
        assert_int_equal(state_open(&f->a, f->root, *id, &f->dir, &f->err), -1);
        assert_string_equal(f->err.msg, "container does not exist");
        assert_int_equal(claim(f, *id), -1);
        assert_string_equal(f->err.code, "state.exists");
        assert_true(exists(f, *id));
    }
}

static void missing_roots(void **state) {
    struct fixture *f = *state;
    struct names names = { 0 };
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), -1);
    assert_string_equal(f->err.msg, "container does not exist");
    assert_int_equal(state_list(&f->a, f->root, count, &names, &f->err), -1);
    assert_int_equal(f->err.err, ENOENT);
}

static void damaged_files_give_what_they_can(void **state) {
    struct fixture *f = *state;
    struct state l;
    struct names names = { 0 };
    static const struct {
        const char *text;
        bool has_pid;
    } cases[] = {
        { "", false },
        { "{", false },
        { "[]", false },
        { "{\"id\":\"c\",\"pid\":5}", true }, // without our mark
        { "{\"nookState\":1,\"id\":\"c\",\"pid\":5,\"bundle\":\"/x", true },
        { "{\"nookState\":1,\"id\":\"c\",\"pid\":5} trailing", true },
        { "{\"nookState\":1,\"id\":\"d\",\"pid\":5}", true }, // another container's
        { "{\"nookState\":1,\"id\":\"c\",\"pid\":5,\"startTime\":-1}", true },
        { "{\"nookState\":1,\"id\":\"c\",\"pid\":5,\"cgroups\":[[]]}", true },
        { "{\"nookState\":1,\"id\":\"c\",\"pid\":5,\"annotations\":{\"a\":{}}}", true },
        { "{\"nookState\":1,\"id\":\"c\",\"pid\":5,\"bundle\":\"\xff\"}", true },
    };
    make_entry(f, "c");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_file(f, "c/state.json", cases[i].text);
        assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
        assert_int_equal(state_load(&f->dir, &f->a, &l, &f->err), -1);
        assert_string_equal(f->err.code, "state.corrupt");
        assert_string_equal(l.id, "c");
        assert_int_equal(l.init.pid, cases[i].has_pid ? 5 : 0);
        assert_false(state_is_dead(&f->dir, &l, false));
        state_close(&f->dir);
        assert_int_equal(claim(f, "c"), -1);
    }
    assert_int_equal(state_list(&f->a, f->root, count, &names, &f->err), 0);
    assert_string_equal(names.text, "c? ");
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
    assert_int_equal(state_remove(&f->dir, &f->err), 0);
    assert_false(exists(f, "c"));
}

static void unknown_members_are_skipped(void **state) {
    struct fixture *f = *state;
    struct state l;
    make_entry(f, "c");
    put_file(f, "c/state.json",
             "{\"new\":{\"pid\":7,\"l\":[{\"id\":\"x\"},-1.5,null]},\"m\":[1,[2]],\"neg\":-3,"
             "\"nookState\":1,\"id\":\"c\",\"pid\":5,\"z\":null}");
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
    assert_int_equal(state_load(&f->dir, &f->a, &l, &f->err), 0);
    assert_int_equal(l.init.pid, 5);
}

static void removal_follows_no_link(void **state) {
    struct fixture *f = *state;
    make_entry(f, "c");
    assert_int_equal(mkdir(path_of(f, "keep"), 0700), 0);
    put_file(f, "keep/file", "x");
    assert_int_equal(symlink("../keep", path_of(f, "c/link")), 0);
    assert_int_equal(symlink("../keep/file", path_of(f, "c/link2")), 0);
    assert_int_equal(mkdir(path_of(f, "c/notify"), 0700), 0);
    assert_int_equal(mkdir(path_of(f, "c/notify/sub"), 0700), 0);
    put_file(f, "c/notify/sub/file", "x");
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
    struct state_dir twin;
    assert_int_equal(state_open(&f->a, f->root, "c", &twin, &f->err), 0);
    assert_int_equal(state_remove(&f->dir, &f->err), 0);
    assert_false(exists(f, "c"));
    assert_true(exists(f, "keep/file"));
    // A delete that comes second finds nothing, and does not touch a container of the same name that came
    // between.
    assert_int_equal(state_remove(&twin, &f->err), 0);
    state_close(&f->dir);
    make_entry(f, "c");
    assert_int_equal(state_remove(&twin, &f->err), 0);
    assert_true(exists(f, "c/state.json"));
    state_close(&twin);
}

static void the_start_socket_tells_created_from_running(void **state) {
    struct fixture *f = *state;
    struct state s = make_entry(f, "c");
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
    assert_int_equal(state_status(&f->dir, &s), STATE_RUNNING);
    int fd = state_listen_start_socket(f->dir.fd);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(stat(path_of(f, "c/start.sock"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    // Also when nobody accepts for long: the queue may be full.
    for (int i = 0; i < 40; i++)
        assert_int_equal(state_status(&f->dir, &s), STATE_CREATED);
    close(fd);
    assert_int_equal(state_status(&f->dir, &s), STATE_RUNNING);
    assert_int_equal(state_connect_start_socket(f->dir.fd), -1);
    assert_int_equal(errno, ECONNREFUSED);
}

static void a_start_message_arrives(void **state) {
    struct fixture *f = *state;
    char text[8] = "";
    assert_int_equal(claim(f, "c"), 0);
    cleanup_fd int listener = state_listen_start_socket(f->dir.fd);
    assert_true(listener >= 0);
    cleanup_fd int client = state_connect_start_socket(f->dir.fd);
    assert_true(client >= 0);
    assert_int_equal(send(client, "go", 2, 0), 2);
    cleanup_fd int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(recv(server, text, sizeof(text), 0), 2);
    assert_string_equal(text, "go");
}

static void long_roots_work(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        f->root = arena_printf(&f->a, "%s/a-rather-long-name-of-a-directory", f->root);
    struct state s = make_entry(f, "c");
    assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
    cleanup_fd int listener = state_listen_start_socket(f->dir.fd);
    assert_true(listener >= 0);
    assert_int_equal(state_status(&f->dir, &s), STATE_CREATED);
}

static void the_default_root(void **state) {
    struct fixture *f = *state;
    const char *saved = getenv("XDG_RUNTIME_DIR");
    unsetenv("XDG_RUNTIME_DIR");
    assert_string_equal(state_default_root(&f->a), "/run/nook");
    setenv("XDG_RUNTIME_DIR", "", 1);
    assert_string_equal(state_default_root(&f->a), "/run/nook");
    setenv("XDG_RUNTIME_DIR", "/x/y", 1);
    const char *root = state_default_root(&f->a);
    assert_true(str_eq(root, geteuid() == 0 ? "/run/nook" : "/x/y/nook") || geteuid() == 0);
    if (saved)
        setenv("XDG_RUNTIME_DIR", saved, 1);
    else
        unsetenv("XDG_RUNTIME_DIR");
}

static void names_are_locked_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(claim(f, "c"), 0);
    int fd = state_lock_name(&f->dir, "/sys/fs/cgroup/a");
    assert_true(fd >= 0);
    assert_int_equal(state_lock_name(&f->dir, "/sys/fs/cgroup/a"), -1);
    assert_true(errno == EAGAIN || errno == EACCES);
    cleanup_fd int other = state_lock_name(&f->dir, "/sys/fs/cgroup/b");
    assert_true(other >= 0);
    // A child holds it, too.
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(gate[1]);
        _exit(read(gate[0], &c, 1) != 0);
    }
    close(fd);
    assert_int_equal(state_lock_name(&f->dir, "/sys/fs/cgroup/a"), -1);
    close(gate[0]);
    close(gate[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    cleanup_fd int again = state_lock_name(&f->dir, "/sys/fs/cgroup/a");
    assert_true(again >= 0);
}

// Many creators of one id at once: exactly one wins, however often some of them die.
static void claims_race(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        int winners = 0;
        pid_t pids[8];
        for (int i = 0; i < 8; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct state s = { .id = "c", .complete = true, .init = { .pid = getppid() } };
                if (proc_identify(getppid(), &s.init) < 0 || claim(f, "c") < 0)
                    _exit(str_eq(f->err.code, "state.exists") ? 0 : 2);
                _exit(state_save(&f->dir, &f->a, &s, &f->err) < 0 ? 2 : 1);
            }
        }
        for (int i = 0; i < 8; i++) {
            int status;
            waitpid(pids[i], &status, 0);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
            winners += WEXITSTATUS(status);
        }
        assert_int_equal(winners, 1);
        assert_int_equal(state_open(&f->a, f->root, "c", &f->dir, &f->err), 0);
        assert_int_equal(state_remove(&f->dir, &f->err), 0);
        state_close(&f->dir);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(save_and_load_keep_everything),
        TEST(ids_are_checked),
        TEST(an_id_is_claimed_once),
        TEST(a_stopped_container_is_not_reclaimed),
        TEST(the_entry_of_a_dead_creator_is_reclaimed),
        TEST(an_entry_whose_init_lives_is_not_reclaimed),
        TEST(a_living_creator_keeps_its_entry),
        TEST(an_entry_of_another_boot_is_reclaimed),
        TEST(an_empty_directory_is_taken),
        TEST(foreign_directories_are_left_alone),
        TEST(missing_roots),
        TEST(damaged_files_give_what_they_can),
        TEST(unknown_members_are_skipped),
        TEST(removal_follows_no_link),
        TEST(the_start_socket_tells_created_from_running),
        TEST(a_start_message_arrives),
        TEST(long_roots_work),
        TEST(the_default_root),
        TEST(names_are_locked_once),
        TEST(claims_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
