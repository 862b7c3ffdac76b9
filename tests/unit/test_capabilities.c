// SPDX-License-Identifier: Apache-2.0
// Capability sets, resource limits and small attributes of a process.
#include "config.h"

#include "tests/unit/process_test.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lib/fd.h"
#include "runtime/process/attributes.h"
#include "runtime/process/capabilities.h"
#include "runtime/process/rlimits.h"
#include "runtime/process/user.h"

#define CAP(n) (UINT64_C(1) << CAP_##n)

static struct error err;

static void test_names(void **state) {
    (void)state;
    char buf[64];
    assert_string_equal(capabilities_names(CAP(KILL) | CAP(SYSLOG), buf, sizeof(buf)),
                        "CAP_KILL, CAP_SYSLOG");
    assert_string_equal(capabilities_names(0, buf, sizeof(buf)), "");
    assert_string_equal(capabilities_names(UINT64_C(1) << 62, buf, sizeof(buf)), "62");
    capabilities_names(UINT64_MAX, buf, sizeof(buf)); // cut off, not beyond
    assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

static void test_grantable(void **state) {
    (void)state;
    struct capability_limits limits = { .bounding = CAP(KILL) | CAP(CHOWN),
                                        .permitted = CAP(KILL) | CAP(CHOWN),
                                        .known = CAP(KILL) | CAP(CHOWN) };
    struct spec_capabilities want = {
        .bounding = CAP(KILL) | CAP(SYS_ADMIN),
        .permitted = CAP(KILL) | CAP(SYS_ADMIN),
        .effective = CAP(KILL) | CAP(SYS_ADMIN),
        .inheritable = CAP(KILL),
        .ambient = CAP(KILL) | CAP(SYS_ADMIN),
    };
    struct spec_capabilities got;
    assert_int_equal(capabilities_grantable(&want, &limits, &got), CAP(SYS_ADMIN));
    assert_int_equal(got.bounding, CAP(KILL));
    assert_int_equal(got.permitted, CAP(KILL));
    assert_int_equal(got.effective, CAP(KILL));
    assert_int_equal(got.inheritable, CAP(KILL));
    assert_int_equal(got.ambient, CAP(KILL));
    // Ambient needs permitted and inheritable; effective needs permitted.
    want =
        (struct spec_capabilities){ .ambient = CAP(KILL), .effective = CAP(CHOWN), .permitted = CAP(KILL) };
    assert_int_equal(capabilities_grantable(&want, &limits, &got), CAP(KILL) | CAP(CHOWN));
    assert_int_equal(got.ambient, 0);
    assert_int_equal(got.effective, 0);
    // In a new user namespace everything that the kernel knows.
    struct capability_limits inside;
    limits.known = CAP(KILL) | CAP(SYS_ADMIN);
    capabilities_limits_of_new_userns(&limits, &inside);
    want = (struct spec_capabilities){ .bounding = CAP(SYS_ADMIN), .permitted = CAP(SYS_ADMIN) };
    assert_int_equal(capabilities_grantable(&want, &inside, &got), 0);
    assert_int_equal(got.permitted, CAP(SYS_ADMIN));
}

static int read_limits(void *arg) {
    (void)arg;
    struct capability_limits l;
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct capability_limits m;
    CHECK(capabilities_read_limits(AT_FDCWD, &l, &err) == 0);
    CHECK(capabilities_read_limits(proc, &m, &err) == 0);
    CHECK(l.bounding == m.bounding && l.permitted == m.permitted && l.known == m.known);
    CHECK(l.known & CAP(CHOWN));
    CHECK(!(l.permitted & ~l.known));
    return 0;
}

static void test_read_limits(void **state) {
    (void)state;
    in_child(read_limits, NULL);
}

struct apply {
    struct spec_capabilities want;
    uint32_t uid;
    uint64_t keep;
};

static uint64_t field(const char *name) {
    char status[8192];
    if (fd_read_small(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
        return 0xbad;
    const char *at = strstr(status, name);
    return at ? strtoull(at + strlen(name), NULL, 16) : 0xbad;
}

static int apply(void *arg) {
    const struct apply *a = arg;
    struct capability_limits now;
    struct spec_user user = { .uid = a->uid, .gid = a->uid };
    CHECK(capabilities_read_limits(AT_FDCWD, &now, &err) == 0);
    CHECK(capabilities_bound(&a->want, &now, &err) == 0);
    CHECK(user_become(&user, true, &err) == 0);
    CHECK(capabilities_apply(&a->want, a->keep, &err) == 0);
    CHECK(field("CapEff:\t") == (a->want.effective | a->keep));
    CHECK(capabilities_finish(&a->want, &err) == 0);
    CHECK(field("CapEff:\t") == a->want.effective);
    CHECK(field("CapPrm:\t") == a->want.permitted);
    CHECK(field("CapInh:\t") == a->want.inheritable);
    CHECK(field("CapBnd:\t") == a->want.bounding);
    CHECK(field("CapAmb:\t") == a->want.ambient);
    CHECK(getuid() == a->uid && geteuid() == a->uid);
    return 0;
}

static void test_apply(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    static const struct apply table[] = {
        { { 0 }, 1000, 0 },
        { { 0 }, 0, 0 },
        { { 0 }, 1000, CAP(SYS_ADMIN) },
        { { .bounding = CAP(KILL) | CAP(CHOWN), .permitted = CAP(KILL), .effective = CAP(KILL) }, 1000, 0 },
        { { .bounding = CAP(KILL),
            .permitted = CAP(KILL),
            .effective = CAP(KILL),
            .inheritable = CAP(KILL),
            .ambient = CAP(KILL) },
          1000,
          CAP(SYS_ADMIN) },
        { { .bounding = CAP(KILL), .permitted = CAP(KILL) | CAP(CHOWN), .effective = CAP(CHOWN) }, 0, 0 },
        { { .bounding = 0, .permitted = CAP(KILL), .inheritable = CAP(KILL), .ambient = CAP(KILL) },
          1000,
          0 },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct apply a = table[i];
        in_child(apply, &a);
    }
}

static int apply_without_right(void *arg) {
    (void)arg;
    struct spec_capabilities none = { 0 };
    struct spec_capabilities want = { .permitted = CAP(SYS_ADMIN), .effective = CAP(SYS_ADMIN) };
    CHECK(capabilities_apply(&none, 0, &err) == 0);
    CHECK(capabilities_apply(&want, 0, &err) == -1);
    CHECK(err.err == EPERM && strcmp(err.origin, "/process/capabilities") == 0);
    return 0;
}

static void test_apply_without_right(void **state) {
    (void)state;
    in_child(apply_without_right, NULL);
}

// ---------------------------------------------------------------- resource limits

static int set_limits(void *arg) {
    (void)arg;
    static const struct spec_rlimit limits[] = {
        { .resource = RLIMIT_NOFILE, .type = "RLIMIT_NOFILE", .soft = 100, .hard = 200 },
        { .resource = RLIMIT_CORE, .type = "RLIMIT_CORE", .soft = 0, .hard = 0 },
    };
    struct rlimit now;
    CHECK(rlimits_apply(limits, 2, &err) == 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 100 && now.rlim_max == 200);
    CHECK(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 0 && now.rlim_max == 0);
    return 0;
}

static int raise_limit(void *arg) {
    (void)arg;
    struct spec_rlimit limits[] = {
        { .resource = RLIMIT_NOFILE, .type = "RLIMIT_NOFILE", .soft = 100, .hard = 200 },
        { .resource = RLIMIT_NOFILE, .type = "RLIMIT_NOFILE", .soft = 100, .hard = UINT64_MAX },
    };
    struct spec_capabilities none = { 0 };
    CHECK(rlimits_apply(limits, 1, &err) == 0);
    CHECK(capabilities_apply(&none, 0, &err) == 0);
    CHECK(rlimits_apply(limits, 2, &err) == -1);
    CHECK(strcmp(error_line(&err),
                 "RLIMIT_NOFILE: raising the hard limit from 200 to unlimited: Operation not "
                 "permitted (/process/rlimits/1; needs CAP_SYS_RESOURCE in the host's user "
                 "namespace)") == 0);
    return 0;
}

static void test_rlimits(void **state) {
    (void)state;
    in_child(set_limits, NULL);
    in_child(raise_limit, NULL);
}

// ---------------------------------------------------------------- attributes

static int attributes(void *arg) {
    (void)arg;
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char text[16];
    sigset_t all;
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signals_reset();
    CHECK(field("SigIgn:\t") == 0);
    CHECK(field("SigCgt:\t") == 0);
    CHECK(field("SigBlk:\t") == 0);
    CHECK(no_new_privs_set(&err) == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(oom_score_adj_set(proc, 0, 321, &err) == 0);
    CHECK(fd_read_small(proc, "self/oom_score_adj", text, sizeof(text)) > 0 && strcmp(text, "321\n") == 0);
    CHECK(oom_score_adj_set(proc, getpid(), 322, &err) == 0);
    CHECK(oom_score_adj_set(proc, 0, 5000, &err) == -1 && err.err == EINVAL);
    CHECK(parent_death_signal(SIGKILL, getppid(), &err) == 0);
    int sig = 0;
    CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL);
    CHECK(parent_death_signal(SIGKILL, getpid(), &err) == -1);
    return 0;
}

static void test_attributes(void **state) {
    (void)state;
    in_child(attributes, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_grantable),
        cmocka_unit_test(test_read_limits),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_apply_without_right),
        cmocka_unit_test(test_rlimits),
        cmocka_unit_test(test_attributes),
    };
    return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}
