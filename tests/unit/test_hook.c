// SPDX-License-Identifier: Apache-2.0
// Running hooks: what they get, how their end is told, and that none of them keeps us waiting.
#include "config.h"

#include "tests/unit/process_test.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "lib/arena.h"
#include "runtime/process/hook.h"

static struct arena arena;
static struct error err;
static char own[] = "OWN=1";
static char own_path[] = "PATH=/usr/bin:/bin";
static char *const own_env[] = { own, own_path, NULL };

static int run_hook(const struct spec_hook *hook, const char *stdin_text, int cwd_fd) {
    struct hook_call call;
    hook_prepare(hook, HOOK_CREATE_RUNTIME, 2, own_env, &arena, &call);
    return hook_run(&call, stdin_text, cwd_fd, &err);
}

static int shell(const char *script, const char *stdin_text) {
    const char *args[] = { "sh", "-c", script };
    struct spec_hook hook = { .path = "/bin/sh", .args = args, .n_args = 3 };
    return run_hook(&hook, stdin_text, -1);
}

// The script with the path of `file` in place of each @.
static const char *script(const char *text, const char *file) {
    static char out[1024];
    size_t n = 0;
    for (; *text && n + 600 < sizeof(out); text++)
        n += (size_t)(*text == '@' ? sprintf(out + n, "%s", in_dir(file)) : sprintf(out + n, "%c", *text));
    out[n] = '\0';
    return out;
}

static const char *content(const char *name) {
    static char text[65536];
    int fd = open(in_dir(name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        close(fd);
    return text;
}

static int64_t ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_state_on_stdin(void **state) {
    (void)state;
    assert_int_equal(shell(script("cat > @; echo end >> @", "in"), "{\"id\":\"x\"}"), 0);
    assert_string_equal(content("in"), "{\"id\":\"x\"}end\n");
    // More than a pipe holds.
    static char big[(1 << 20) + 1];
    memset(big, 'b', sizeof(big) - 1);
    assert_int_equal(shell(script("wc -c > @", "count"), big), 0);
    assert_string_equal(content("count"), "1048576\n");
    // Not read at all: no error and no SIGPIPE, whatever the size.
    assert_int_equal(shell("exit 0", "{}"), 0);
    assert_int_equal(shell("exit 0", big), 0);
    assert_int_equal(shell("exec <&-; sleep 0.1", big), 0);
}

static void test_errors(void **state) {
    (void)state;
    assert_int_equal(shell("echo out; echo bad >&2; exit 3", "{}"), -1);
    assert_string_equal(err.msg,
                        "error running createRuntime hook #2: exit status 3, stdout: out, stderr: bad");
    assert_string_equal(err.code, "hook.failed");
    assert_string_equal(err.origin, "/hooks/createRuntime/2");
    assert_string_equal(err.hint, "the hook is /bin/sh");
    assert_int_equal(shell("kill -SEGV $$", "{}"), -1);
    assert_string_equal(err.msg,
                        "error running createRuntime hook #2: killed by signal SIGSEGV, stdout: , stderr: ");
    struct spec_hook hook = { .path = "/no/such/hook" };
    assert_int_equal(run_hook(&hook, "{}", -1), -1);
    assert_non_null(strstr(error_line(&err), "/no/such/hook cannot be executed"));
    // Engines would take these words for the container's command.
    assert_null(strstr(error_line(&err), "o such file or directory"));
    hook.path = make_text("data", "x", 0644);
    assert_int_equal(run_hook(&hook, "{}", -1), -1);
    assert_null(strstr(error_line(&err), "ermission denied"));
}

static void test_output_is_bounded(void **state) {
    (void)state;
    assert_int_equal(
        shell("yes first | head -c 3000000; echo LAST; yes e | head -c 100000 >&2; echo END >&2; exit 1",
              "{}"),
        -1);
    assert_non_null(strstr(err.msg, "LAST, stderr: "));
    assert_string_equal(err.msg + strlen(err.msg) - 3, "END");
    assert_int_equal(shell("printf 'a\\0b'; exit 1", "{}"), -1);
    assert_non_null(strstr(err.msg, "stdout: a?b, stderr: "));
}

static void test_surroundings(void **state) {
    (void)state;
    const char *args[] = { "name", "-c", "env; echo $0; pwd; ls /proc/self/fd | tr '\\n' ' '", NULL };
    char text[600];
    const char *env[] = { "A=b", "PATH=/usr/bin:/bin" };
    struct spec_hook hook = {
        .path = "/bin/sh", .args = args, .n_args = 3, .env = env, .n_env = 2, .has_env = true
    };
    snprintf(text, sizeof(text),
             "exec > %s; env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD; echo $0; pwd; "
             "ls /proc/self/fd | wc -l; umask; cut -d' ' -f6 /proc/$$/stat | grep -cx $$",
             in_dir("look"));
    args[2] = text;
    int leak = open("/", O_RDONLY | O_DIRECTORY); // without CLOEXEC
    int cwd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
    mode_t old = umask(0);
    assert_int_equal(run_hook(&hook, "{}", cwd), 0);
    umask(old);
    // 0, 1, 2 and the one that ls opens; a session of its own.
    assert_string_equal(content("look"), "A=b\nPATH=/usr/bin:/bin\nname\n/usr\n4\n0022\n1\n");
    close(leak);
    close(cwd);
    // No env: that of the runtime. An empty one stays empty. No args: the path.
    assert_int_equal(shell(script("echo $OWN > @", "own"), "{}"), 0);
    assert_string_equal(content("own"), "1\n");
    hook.n_env = 0;
    snprintf(text, sizeof(text), "echo \"<$OWN>\" > %s", in_dir("own"));
    assert_int_equal(run_hook(&hook, "{}", -1), 0);
    assert_string_equal(content("own"), "<>\n");
    snprintf(text, sizeof(text), "#!/bin/sh\necho $0 $# > %s\n", in_dir("own"));
    hook = (struct spec_hook){ .path = make_text("hook.sh", text, 0755) };
    assert_int_equal(run_hook(&hook, "{}", -1), 0);
    snprintf(text, sizeof(text), "%s 0\n", in_dir("hook.sh"));
    assert_string_equal(content("own"), text);
}

static void test_signals(void **state) {
    (void)state;
    sigset_t set;
    sigset_t old;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, &old);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGCHLD, SIG_IGN);
    assert_int_equal(shell(script("grep -e SigBlk -e SigIgn /proc/self/status > @", "sig"), "{}"), 0);
    (void)signal(SIGUSR1, SIG_DFL);
    sigset_t now;
    sigprocmask(SIG_SETMASK, &old, &now);
    assert_string_equal(content("sig"), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    assert_int_equal(sigismember(&now, SIGTERM), 1);
}

static void test_timeout(void **state) {
    (void)state;
    const char *args[] = { "sh", "-c", "echo begun; sleep 60 & sleep 61" };
    struct spec_hook hook = { .path = "/bin/sh", .args = args, .n_args = 3, .timeout = 1 };
    int64_t start = ms();
    assert_int_equal(run_hook(&hook, "{}", -1), -1);
    assert_in_range(ms() - start, 900, 10000);
    assert_string_equal(
        err.msg, "error running createRuntime hook #2: hook ran past specified timeout of 1.0s, stdout: "
                 "begun, stderr: ");
    args[2] = "exit 0";
    assert_int_equal(run_hook(&hook, "{}", -1), 0);
}

// What a hook leaves behind has its pipes, and must neither hold us nor be killed.
static void test_daemon(void **state) {
    (void)state;
    int64_t start = ms();
    assert_int_equal(shell(script("(sleep 3; echo x >> @) & echo said; exit 0", "daemon"), "{}"), 0);
    assert_int_equal(shell("sleep 2 & echo said; exit 4", "{}"), -1);
    assert_in_range(ms() - start, 0, 1900);
    assert_string_equal(err.msg,
                        "error running createRuntime hook #2: exit status 4, stdout: said, stderr: ");
}

static int without_stdio(void *arg) {
    (void)arg;
    close(0);
    close(1);
    close(2);
    return shell("cat; exit 5", "{}") == -1 && strstr(err.msg, "exit status 5, stdout: {}") ? 0 : 1;
}

static void test_without_stdio(void **state) {
    (void)state;
    in_child(without_stdio, NULL);
}

static int clean(void **state) {
    arena_free(&arena);
    return remove_test_dir(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_on_stdin),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_output_is_bounded),
        cmocka_unit_test(test_surroundings),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_daemon),
        cmocka_unit_test(test_without_stdio),
    };
    return cmocka_run_group_tests_name("hook", tests, make_test_dir, clean);
}
