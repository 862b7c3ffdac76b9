// SPDX-License-Identifier: Apache-2.0
// The pure parts of the place's probe: texts, and from an errno to its cause.
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/str.h"
#include "runtime/host/place_try.h"

#define ALL_CAPS    (~UINT64_C(0))
#define NO_SYSADMIN (ALL_CAPS & ~(UINT64_C(1) << CAP_SYS_ADMIN))

static struct arena arena;

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_names(void **state) {
    (void)state;
    for (int i = 0; i < N_PLACE_ABILITIES; i++) {
        const char *name = place_ability_name((enum place_ability)i);
        assert_non_null(name);
        assert_true(*name != '\0');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, place_ability_name((enum place_ability)k));
    }
    assert_string_equal(place_ability_name(PLACE_PROCFS), "procfs");
    assert_string_equal(place_ability_name(PLACE_NETWORK_NS), "network-namespace");
    assert_string_equal(place_ability_name(N_PLACE_ABILITIES), "unknown");
}

static void test_id_map(void **state) {
    (void)state;
    struct place_range *list;
    size_t n;
    assert_true(place_parse_id_map("         0          0 4294967295\n", &arena, &list, &n));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].first, 0);
    assert_int_equal(list[0].count, UINT32_MAX);
    assert_true(place_parse_id_map("0 1000 1\n1 100000 65536\n", &arena, &list, &n));
    assert_int_equal(n, 2);
    assert_int_equal(list[1].first, 1);
    assert_int_equal(list[1].count, 65536);
    assert_true(place_parse_id_map("", &arena, &list, &n));
    assert_int_equal(n, 0);
    assert_false(place_parse_id_map("0 0\n", &arena, &list, &n));
    assert_false(place_parse_id_map("0 0 1 1\n", &arena, &list, &n));
    assert_false(place_parse_id_map("0 0 4294967296\n", &arena, &list, &n));
    assert_false(place_parse_id_map("a b c\n", &arena, &list, &n));
}

static void test_identity_map(void **state) {
    (void)state;
    struct place_range list[] = { { 0, 1 }, { 1, 65536 } };
    assert_string_equal(place_identity_map(list, 2, false, &arena), "0 0 1\n1 1 65536\n");
    assert_string_equal(place_identity_map(list, 2, true, &arena), "1 1 65536\n");
    assert_string_equal(place_identity_map(list, 1, true, &arena), "");
    struct place_range whole = { 0, UINT32_MAX };
    assert_string_equal(place_identity_map(&whole, 1, true, &arena), "1 1 4294967294\n");
}

static void test_subids(void **state) {
    (void)state;
    static const char text[] = "other:1:5\nme:100000:65536\n# me:7:7\n1000:500000:10\nme:x:1\nme:5\nme:9:0\n"
                               "me:4294967290:6\n";
    struct place_range *list;
    size_t n;
    place_parse_subids(text, "me", 1000, &arena, &list, &n);
    assert_int_equal(n, 2);
    assert_int_equal(list[0].first, 100000);
    assert_int_equal(list[0].count, 65536);
    assert_int_equal(list[1].first, 500000);
    place_parse_subids(text, NULL, 1000, &arena, &list, &n);
    assert_int_equal(n, 1);
    place_parse_subids(text, "nobody", 65534, &arena, &list, &n);
    assert_int_equal(n, 0);
    place_parse_subids("me:4294967290:5\n", "me", 1, &arena, &list, &n);
    assert_int_equal(n, 1);
}

static void test_user(void **state) {
    (void)state;
    static const char text[] =
        "root:x:0:0:root:/root:/bin/sh\nbad:x:1000\nme:x:1000:1000::/home/me:/bin/sh\n";
    assert_string_equal(place_parse_user(text, 0, &arena), "root");
    assert_string_equal(place_parse_user(text, 1000, &arena), "me");
    assert_null(place_parse_user(text, 1001, &arena));
}

static void test_status(void **state) {
    (void)state;
    struct host_place p = { 0 };
    place_parse_status("Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n", &p);
    assert_true(p.no_new_privs);
    assert_int_equal(p.seccomp_mode, 2);
    place_parse_status("Name:\tx\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t3\n", &p);
    assert_false(p.no_new_privs);
    assert_int_equal(p.seccomp_mode, 0);
    place_parse_status("Name:\tx\n", &p); // a kernel without seccomp
    assert_false(p.no_new_privs);
    assert_int_equal(p.seccomp_mode, 0);
}

static void test_covers(void **state) {
    (void)state;
    static const char text[] = "1 0 0:1 / / rw - ext4 a rw\n"
                               "2 1 0:2 / /proc rw shared:1 - proc proc rw\n"
                               "3 2 0:3 / /proc/acpi ro - tmpfs tmpfs ro\n"
                               "4 2 0:4 /null /proc/kcore rw - devtmpfs udev rw\n"
                               "5 2 0:5 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw\n"
                               "6 2 0:6 / /procfoo rw - tmpfs none rw\n"
                               "7 1 0:7 / /sys ro - sysfs sysfs ro\n"
                               "8 7 0:8 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
                               "9 7 0:9 / /sys/fs/cgroup/cpu ro - cgroup cgroup ro,cpu\n";
    assert_string_equal(place_covers(text, "/proc", &arena), "/proc/acpi, /proc/kcore");
    assert_string_equal(place_covers(text, "/sys", &arena), "");
    static const char many[] = "1 0 0:1 / /proc/a rw - tmpfs a rw\n1 0 0:1 / /proc/b rw - tmpfs a rw\n"
                               "1 0 0:1 / /proc/c rw - tmpfs a rw\n1 0 0:1 / /proc/d rw - tmpfs a rw\n"
                               "1 0 0:1 / /proc/e rw - tmpfs a rw\n";
    assert_string_equal(place_covers(many, "/proc", &arena), "/proc/a, /proc/b, /proc/c, /proc/d, ...");
    assert_string_equal(place_covers("junk\n\n1 2 3\n", "/proc", &arena), "");
}

static void test_root_is_mount(void **state) {
    (void)state;
    assert_true(place_root_is_mount("1 0 0:1 /x / rw - ext4 a rw\n"));
    assert_true(place_root_is_mount("2 1 0:2 / /proc rw - proc proc rw\n1 0 0:1 /x / rw - ext4 a rw"));
    assert_false(place_root_is_mount("2 1 0:2 / /proc rw - proc proc rw\n"));
    assert_false(place_root_is_mount(""));
    assert_false(place_root_is_mount("/ \n"));
}

static void test_kernel_version(void **state) {
    (void)state;
    assert_int_equal(place_kernel_version("6.18.44-fc"), 0x0612);
    assert_int_equal(place_kernel_version("4.18.0-553.el8"), 0x0412);
    assert_int_equal(place_kernel_version("5.4"), 0x0504);
    assert_int_equal(place_kernel_version("5"), 0);
    assert_int_equal(place_kernel_version("x.1"), 0);
    assert_int_equal(place_kernel_version("3.999999999999"), 0x03ff);
    assert_true(place_kernel_version("5.14") > place_kernel_version("5.4"));
}

// ---------------------------------------------------------------- causes

// A place where all works, and its facts.
static void good(struct place_try tries[N_PLACE_ABILITIES], struct place_facts *f) {
    static const struct place_maps maps;
    for (int i = 0; i < N_PLACE_ABILITIES; i++)
        tries[i] = (struct place_try){ .tried = true };
    *f = (struct place_facts){ .initial_userns = true,
                               .caps = ALL_CAPS,
                               .outer_caps = ALL_CAPS,
                               .kernel = 0x0612,
                               .root_is_mount = true,
                               .proc_covers = "",
                               .sys_covers = "",
                               .maps = &maps };
}

static void check(const struct host_place *p, enum place_ability ability, int errnum, const char *cause,
                  const char *unlock) {
    const struct place_answer *it = &p->can[ability];
    if (it->errnum != errnum || !it->cause || !str_eq(it->cause, cause) ||
        (unlock ? !it->unlock || !strstr(it->unlock, unlock) : it->unlock != NULL))
        fail_msg("%s: %d %s (%s), not %d %s (%s)", place_ability_name(ability), it->errnum,
                 it->cause ? it->cause : "NULL", it->unlock ? it->unlock : "NULL", errnum, cause,
                 unlock ? unlock : "NULL");
}

static void check_works(const struct host_place *p, enum place_ability ability) {
    assert_int_equal(p->can[ability].errnum, 0);
    assert_null(p->can[ability].cause);
    assert_null(p->can[ability].unlock);
}

static void test_all_works(void **state) {
    (void)state;
    struct place_try tries[N_PLACE_ABILITIES];
    struct place_facts f;
    struct host_place p = { 0 };
    good(tries, &f);
    place_explain(tries, &f, &arena, &p);
    for (int i = 0; i < N_PLACE_ABILITIES; i++)
        check_works(&p, (enum place_ability)i);
}

// One refusal in a place that has nothing else against it.
static void test_single_causes(void **state) {
    (void)state;
    enum { FILTER = 1, KILLED = 2, REVEALING = 4 }; // of the try
    enum {
        IN_USERNS = 1,
        NO_ADMIN = 2,
        SECCOMP = 4,
        CHROOTED = 8,
        CLONE_OFF = 16,
        APPARMOR = 32,
        LABEL = 64,
        COVERED = 128,
        OLD_KERNEL = 256,
        DENY = 512
    }; // of the facts
    static const struct {
        enum place_ability ability;
        int errnum;
        unsigned how, facts;
        const char *cause, *unlock;
    } cases[] = {
        { PLACE_NETWORK_NS, EPERM, 0, NO_ADMIN, "no-capability", "CAP_SYS_ADMIN or a user namespace" },
        { PLACE_NETWORK_NS, EPERM, FILTER, NO_ADMIN | SECCOMP, "no-capability", "and a seccomp profile" },
        { PLACE_NETWORK_NS, EPERM, FILTER, SECCOMP, "seccomp", "allows unshare" },
        { PLACE_NETWORK_NS, EPERM, 0, 0, "lsm", "AppArmor, SELinux, Landlock" },
        { PLACE_NETWORK_NS, EPERM, 0, LABEL, "lsm", "\"docker-default (enforce)\"" },
        { PLACE_NETWORK_NS, EPERM, 0, IN_USERNS | APPARMOR, "lsm", "AppArmor" },
        { PLACE_NETWORK_NS, ENOSPC, 0, 0, "sysctl-limit", "user.max_net_namespaces" },
        { PLACE_NETWORK_NS, EUSERS, 0, 0, "sysctl-limit", "user.max_net_namespaces" },
        { PLACE_NETWORK_NS, EINVAL, 0, 0, "not-in-kernel", "CONFIG_NET_NS" },
        { PLACE_TIME_NS, EINVAL, 0, OLD_KERNEL, "not-in-kernel", "Linux 5.6" },
        { PLACE_NETWORK_NS, 0, KILLED, SECCOMP, "seccomp", "seccomp=unconfined" },
        { PLACE_USER_NS, EPERM, 0, CLONE_OFF | NO_ADMIN, "sysctl-limit", "kernel.unprivileged_userns_clone" },
        { PLACE_USER_NS, EPERM, 0, CLONE_OFF, "lsm", "AppArmor" }, // the sysctl does not bind the privileged
        { PLACE_USER_NS, EPERM, 0, CHROOTED, "not-root-mount", "pivot_root" },
        { PLACE_USER_NS, EACCES, 0, APPARMOR | NO_ADMIN, "lsm", "apparmor_restrict_unprivileged_userns=0" },
        { PLACE_USER_NS, EPERM, FILTER, SECCOMP, "seccomp", "unshare" },
        { PLACE_USER_NS, ENOSPC, 0, 0, "sysctl-limit", "user.max_user_namespaces" },
        { PLACE_USER_NS, EINVAL, 0, 0, "not-in-kernel", "CONFIG_USER_NS" },
        { PLACE_USER_NS, ESRCH, 0, 0, "not-mounted", "PID namespace" },
        { PLACE_PID_NS, EAGAIN, 0, 0, "unknown", "pids.max" },
        { PLACE_MOUNT_NS, EINVAL, 0, CHROOTED, "not-root-mount", "pivot_root" },
        { PLACE_TMPFS, EACCES, 0, LABEL, "lsm", "docker-default" },
        { PLACE_PROCFS, EPERM, REVEALING, IN_USERNS | COVERED, "proc-too-revealing",
          "unmask /proc (/proc/kcore) in the outer container (Kubernetes: procMount: Unmasked; docker: "
          "--security-opt systempaths=unconfined)" },
        { PLACE_PROCFS, EPERM, 0, IN_USERNS | COVERED, "proc-too-revealing", "/proc/kcore" },
        { PLACE_PROCFS, EPERM, 0, COVERED, "lsm", "AppArmor" }, // covers do not matter to the initial one
        { PLACE_SYSFS, EPERM, REVEALING, IN_USERNS, "sysfs-too-revealing", "unmask /sys in the outer" },
        { PLACE_SYSFS, EPERM, FILTER, IN_USERNS | COVERED | SECCOMP, "seccomp", "mount" },
        { PLACE_OVERLAY, ENODEV, 0, 0, "not-in-kernel", "CONFIG_OVERLAY_FS" },
        { PLACE_OPEN_TREE, ENOSYS, FILTER, SECCOMP, "seccomp", "seccomp=unconfined" },
        { PLACE_OPEN_TREE, ENOSYS, FILTER, SECCOMP | OLD_KERNEL, "not-in-kernel", "Linux 5.2 or newer" },
        { PLACE_MOUNT_SETATTR, ENOSYS, 0, OLD_KERNEL, "not-in-kernel", "Linux 5.12 or newer" },
        { PLACE_MOUNT_SETATTR, EPERM, FILTER, SECCOMP, "seccomp", "seccomp=unconfined" },
        { PLACE_PIVOT_ROOT, EINVAL, 0, 0, "not-root-mount", "initramfs" },
        { PLACE_PIVOT_ROOT, EPERM, FILTER, SECCOMP, "seccomp", "seccomp=unconfined" },
        { PLACE_MKNOD, EPERM, 0, IN_USERNS, "no-capability", "initial user namespace" },
        { PLACE_MKNOD, EPERM, 0, 0, "device-cgroup", "device cgroup" },
        { PLACE_SETGROUPS, EPERM, 0, DENY, "no-subids", "gid map" },
        { PLACE_SETGROUPS, EPERM, 0, SECCOMP, "seccomp", "seccomp=unconfined" },
        { PLACE_KEYRING, EPERM, FILTER, SECCOMP, "seccomp", "seccomp=unconfined" },
        { PLACE_KEYRING, EDQUOT, 0, 0, "sysctl-limit", "kernel.keys.maxkeys" },
        { PLACE_KEYRING, ENOSYS, 0, 0, "not-in-kernel", "CONFIG_KEYS" },
        { PLACE_LANDLOCK_SIGNALS, E2BIG, 0, OLD_KERNEL, "not-in-kernel", "Linux 6.12" },
        { PLACE_LANDLOCK_SIGNALS, EOPNOTSUPP, 0, 0, "not-in-kernel", "lsm=" },
        { PLACE_SYSCTL, EROFS, 0, 0, "read-only", "procMount: Unmasked" },
        { PLACE_SYSCTL, EACCES, 0, IN_USERNS, "no-capability", "net.*" },
        { PLACE_CHROOT, EIO, 0, 0, "unknown", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct place_try tries[N_PLACE_ABILITIES];
        struct place_facts f;
        struct host_place p = { 0 };
        unsigned how = cases[i].how, facts = cases[i].facts;
        good(tries, &f);
        tries[cases[i].ability] = (struct place_try){
            .tried = true,
            .errnum = how & KILLED ? EPERM : cases[i].errnum,
            .call = cases[i].ability <= PLACE_TIME_NS ? "unshare" : "mount",
            .filtered = how & FILTER,
            .killed = how & KILLED,
            .revealing = how & REVEALING,
        };
        f.new_userns = facts & IN_USERNS;
        f.initial_userns = !f.new_userns;
        f.caps = facts & NO_ADMIN ? NO_SYSADMIN : ALL_CAPS;
        f.outer_caps = f.caps;
        f.seccomp_mode = facts & SECCOMP ? 2 : 0;
        f.root_is_mount = !(facts & CHROOTED);
        f.userns_clone_off = facts & CLONE_OFF;
        f.apparmor_restricts = facts & APPARMOR;
        f.setgroups_denied = facts & DENY;
        f.lsm = facts & LABEL ? "docker-default (enforce)" : NULL;
        f.proc_covers = facts & COVERED ? "/proc/kcore" : "";
        f.kernel = facts & OLD_KERNEL ? 0x0500 : 0x0612;
        place_explain(tries, &f, &arena, &p);
        check(&p, cases[i].ability, how & KILLED ? EPERM : cases[i].errnum, cases[i].cause, cases[i].unlock);
    }
}

// What was not tried has the answer of what it is built on.
static void test_inherited(void **state) {
    (void)state;
    struct place_try tries[N_PLACE_ABILITIES];
    struct place_facts f;
    struct host_place p = { 0 };
    good(tries, &f);
    tries[PLACE_MOUNT_NS] = (struct place_try){ .tried = true, .errnum = ENOSPC };
    for (int i = PLACE_TMPFS; i <= PLACE_PIVOT_ROOT; i++)
        tries[i].tried = false;
    tries[PLACE_MKNOD].tried = false;
    place_explain(tries, &f, &arena, &p);
    for (int i = PLACE_TMPFS; i <= PLACE_PIVOT_ROOT; i++)
        check(&p, (enum place_ability)i, ENOSPC, "sysctl-limit", "user.max_mnt_namespaces");
    check(&p, PLACE_MKNOD, ENOSPC, "sysctl-limit", "user.max_mnt_namespaces");
    check_works(&p, PLACE_CHROOT);
    check_works(&p, PLACE_PID_NS);
}

// A sysfs without an own network namespace is refused for that reason, masks or not.
static void test_consequences(void **state) {
    (void)state;
    struct place_try tries[N_PLACE_ABILITIES];
    struct place_facts f;
    struct host_place p = { 0 };
    good(tries, &f);
    f.initial_userns = false;
    f.sys_covers = "/sys/firmware";
    tries[PLACE_NETWORK_NS] = (struct place_try){ .tried = true, .errnum = ENOSPC };
    tries[PLACE_SYSFS] = (struct place_try){ .tried = true, .errnum = EPERM };
    tries[PLACE_IPC_NS] = (struct place_try){ .tried = true, .errnum = EINVAL };
    tries[PLACE_MQUEUE] = (struct place_try){ .tried = true, .errnum = EPERM };
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_SYSFS, ENOSPC, "sysctl-limit", "user.max_net_namespaces");
    check(&p, PLACE_MQUEUE, EINVAL, "not-in-kernel", "CONFIG_IPC_NS");
}

static void test_maps(void **state) {
    (void)state;
    struct place_try tries[N_PLACE_ABILITIES];
    struct place_facts f;
    struct host_place p = { 0 };
    struct place_maps maps = { .errnum = EPERM, .cause = "no-subids", .unlock = "a range" };
    good(tries, &f);
    f.new_userns = true;
    f.initial_userns = false;
    f.maps = &maps;
    tries[PLACE_SETGROUPS].errnum = EPERM;
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_ID_MAPS, EPERM, "no-subids", "a range");
    check(&p, PLACE_SETGROUPS, EPERM, "no-subids", "a range");

    maps = (struct place_maps){ .errnum = EPERM }; // refused to who has the privilege
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_ID_MAPS, EPERM, "lsm", "uid_map");
    maps = (struct place_maps){ .errnum = EIO };
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_ID_MAPS, EIO, "unknown", NULL);

    f.maps = NULL; // no user namespace, no maps
    tries[PLACE_USER_NS] = (struct place_try){ .tried = true, .errnum = ENOSPC };
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_ID_MAPS, ENOSPC, "sysctl-limit", "user.max_user_namespaces");
}

// AppArmor lets unshare(2) pass and takes the capabilities: Ubuntu since 23.10.
static void test_stripped(void **state) {
    (void)state;
    struct place_try tries[N_PLACE_ABILITIES];
    struct place_facts f;
    struct host_place p = { 0 };
    good(tries, &f);
    f.new_userns = f.apparmor_restricts = true;
    f.initial_userns = false;
    f.outer_caps = 0;
    f.lsm = "unprivileged_userns (enforce)";
    tries[PLACE_TMPFS] = (struct place_try){ .tried = true, .errnum = EACCES, .call = "mount" };
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_TMPFS, EACCES, "lsm", "kernel.apparmor_restrict_unprivileged_userns=0");
    check_works(&p, PLACE_USER_NS);
    // Without a user namespace that works, a capability's lack has but one remedy.
    f.new_userns = false;
    f.caps = 0;
    tries[PLACE_USER_NS] = (struct place_try){ .tried = true, .errnum = EACCES, .call = "unshare" };
    tries[PLACE_UTS_NS] = (struct place_try){ .tried = true, .errnum = EPERM, .call = "unshare" };
    place_explain(tries, &f, &arena, &p);
    check(&p, PLACE_UTS_NS, EPERM, "no-capability", "CAP_SYS_ADMIN");
    assert_string_equal(p.can[PLACE_UTS_NS].unlock, "CAP_SYS_ADMIN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_id_map),
        cmocka_unit_test(test_identity_map),   cmocka_unit_test(test_subids),
        cmocka_unit_test(test_user),           cmocka_unit_test(test_status),
        cmocka_unit_test(test_covers),         cmocka_unit_test(test_root_is_mount),
        cmocka_unit_test(test_kernel_version), cmocka_unit_test(test_all_works),
        cmocka_unit_test(test_single_causes),  cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_consequences),   cmocka_unit_test(test_maps),
        cmocka_unit_test(test_stripped),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
