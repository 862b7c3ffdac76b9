// SPDX-License-Identifier: Apache-2.0
// The probe of a place in places that the tests make themselves: dropped capabilities, seccomp filters,
// limits of namespaces, masks over /proc, read-only cgroups, chroot, Landlock, few ids. They need root;
// without it they are skipped.
#include "config.h"

#include <grp.h>
#include <linux/landlock.h>
#include <sys/stat.h>

#include "tests/unit/place_fixture.h"

// ---------------------------------------------------------------- the open host

static bool host_is_open(void) {
    return geteuid() == 0 && host.in_initial_userns && (host.permitted & (UINT64_C(1) << CAP_SYS_ADMIN));
}

static void open_host(void) {
    for (int userns = 0; userns < 2; userns++) {
        probe(userns);
        CHECK(place.new_userns == userns);
        CHECK(place.n_uids > 0 && place.n_gids > 0);
        for (int i = 0; i < PLACE_CGROUP; i++)
            if (i != PLACE_MKNOD && i != PLACE_LANDLOCK_SIGNALS)
                CHECK_CAN((enum place_ability)i);
        if (userns)
            CHECK_NOT(PLACE_MKNOD, EPERM, "no-capability", "initial user namespace");
        else
            CHECK_CAN(PLACE_MKNOD);
        CHECK(place.landlock_abi < 6 || place.can[PLACE_LANDLOCK_SIGNALS].errnum == 0);
        CHECK(place.n_cgroups == host.cgroups.n_hierarchies);
        CHECK_CAN(PLACE_SYSCTL);
    }
}

static void test_open_host(void **state) {
    (void)state;
    assert_int_equal(host_probe(&host, "", &arena, &err), 0);
    if (!host_is_open())
        skip();
    in_process(open_host);
}

static void test_cheap(void **state) {
    (void)state;
    struct host_place p;
    assert_int_equal(place_probe_cheap(&p, &arena, &err), 0);
    assert_false(p.probed);
    assert_int_equal(p.no_new_privs, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    assert_int_equal(p.seccomp_mode, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    assert_true(p.n_uids > 0 && p.uids[0].count > 0);
    assert_true(p.n_gids > 0 && p.gids[0].count > 0);
    for (int i = 0; i < N_PLACE_ABILITIES; i++) // nothing was tried, so nothing is refused
        assert_int_equal(p.can[i].errnum, 0);
}

// ---------------------------------------------------------------- capabilities

static void without_sys_admin(void) {
    CHECK_OK(host_probe(&host, "", &arena, &err));
    drop_capability(CAP_SYS_ADMIN);
    probe(false);
    for (int i = PLACE_MOUNT_NS; i <= PLACE_PIVOT_ROOT; i++)
        CHECK_NOT((enum place_ability)i, EPERM, "no-capability", "CAP_SYS_ADMIN or a user namespace");
    CHECK_CAN(PLACE_USER_NS);
    CHECK_CAN(PLACE_ID_MAPS);
    CHECK_CAN(PLACE_CHROOT);
    CHECK_CAN(PLACE_SETGROUPS);
    CHECK_CAN(PLACE_SECCOMP);
    probe(true);
    CHECK(place.new_userns);
    for (int i = 0; i <= PLACE_CHROOT; i++)
        CHECK_CAN((enum place_ability)i);
}

static void without_chroot(void) {
    CHECK_OK(host_probe(&host, "", &arena, &err));
    drop_capability(CAP_SYS_CHROOT);
    probe(false);
    CHECK_NOT(PLACE_CHROOT, EPERM, "no-capability", "CAP_SYS_CHROOT or a user namespace");
    CHECK_CAN(PLACE_PIVOT_ROOT);
}

// Id 0 cannot be mapped then (Linux 5.12), and the child takes another one.
static void without_setfcap(void) {
    CHECK_OK(host_probe(&host, "", &arena, &err));
    drop_capability(CAP_SETFCAP);
    probe(true);
    for (int i = 0; i <= PLACE_CHROOT; i++)
        CHECK_CAN((enum place_ability)i);
    CHECK_CAN(PLACE_SETGROUPS);
}

static void test_capabilities(void **state) {
    (void)state;
    in_process(without_sys_admin);
    in_process(without_chroot);
    in_process(without_setfcap);
}

// ---------------------------------------------------------------- seccomp

static void docker_like_filter(void) {
    FILTER(REFUSE(ENOSYS), SYS_clone3);
    FILTER(REFUSE(EPERM), SYS_mount, SYS_umount2, SYS_pivot_root, SYS_unshare, SYS_setns, SYS_keyctl,
           SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_move_mount, SYS_open_tree, SYS_mount_setattr);
    probe(true);
    CHECK(!place.new_userns);
    CHECK(place.seccomp_mode == 2);
    CHECK_NOT(PLACE_USER_NS, EPERM, "seccomp", "allows unshare");
    for (int i = 0; i <= PLACE_PIVOT_ROOT; i++)
        CHECK_NOT((enum place_ability)i, EPERM, "seccomp", "seccomp=unconfined");
    CHECK_NOT(PLACE_KEYRING, EPERM, "seccomp", "allows keyctl");
    CHECK_CAN(PLACE_CHROOT);
    CHECK_CAN(PLACE_SECCOMP);
}

// The same where the capability is not held, either: that comes first, and both are named.
static void docker_like_unprivileged(void) {
    CHECK_OK(host_probe(&host, "", &arena, &err));
    FILTER(REFUSE(EPERM), SYS_mount, SYS_unshare);
    drop_capability(CAP_SYS_ADMIN);
    probe(false);
    CHECK_NOT(PLACE_MOUNT_NS, EPERM, "no-capability",
              "CAP_SYS_ADMIN, and a seccomp profile that allows unshare");
    CHECK_NOT(PLACE_USER_NS, EPERM, "seccomp", "allows unshare");
}

static void clone_filter(void) { // unshare passes, but containers are cloned
    const long call = SYS_clone;
    FILTER(REFUSE(ENOSYS), SYS_clone3);
    filter_calls(&call, 1, CLONE_NEWUTS | CLONE_NEWNET, REFUSE(EPERM));
    probe(false);
    CHECK_NOT(PLACE_UTS_NS, EPERM, "seccomp", "allows clone");
    CHECK_NOT(PLACE_NETWORK_NS, EPERM, "seccomp", "allows clone");
    CHECK_CAN(PLACE_IPC_NS);
    CHECK_CAN(PLACE_PID_NS);
}

static void unshare_flag_filter(void) {
    const long call = SYS_unshare;
    filter_calls(&call, 1, CLONE_NEWUSER, REFUSE(EACCES));
    probe(false);
    CHECK_NOT(PLACE_USER_NS, EACCES, "seccomp", "allows unshare");
    CHECK_CAN(PLACE_MOUNT_NS);
}

static void new_mount_api_filter(void) {
    FILTER(REFUSE(ENOSYS), SYS_open_tree, SYS_mount_setattr, SYS_fsopen, SYS_move_mount);
    probe(false);
    CHECK_NOT(PLACE_OPEN_TREE, ENOSYS, "seccomp", "allows open_tree");
    CHECK_NOT(PLACE_MOUNT_SETATTR, ENOSYS, "seccomp", "allows mount_setattr");
    CHECK_CAN(PLACE_TMPFS);
    CHECK_CAN(PLACE_PROCFS);
    CHECK_CAN(PLACE_PIVOT_ROOT);
}

static void old_mount_filter(void) { // the new API goes round it, but not with binds
    FILTER(REFUSE(EPERM), SYS_mount);
    probe(false);
    CHECK_NOT(PLACE_MOUNT_NS, EPERM, "seccomp", "allows mount"); // propagation cannot be cut
}

static void keyctl_and_mknod_filter(void) {
    FILTER(REFUSE(EPERM), SYS_mknodat, SYS_mknod, SYS_setgroups, SYS_chroot, SYS_landlock_create_ruleset,
           SYS_seccomp);
    probe(false);
    CHECK_NOT(PLACE_MKNOD, EPERM, "seccomp", "allows mknodat");
    CHECK_NOT(PLACE_SETGROUPS, EPERM, "seccomp", "allows setgroups");
    CHECK_NOT(PLACE_CHROOT, EPERM, "seccomp", "allows chroot");
    CHECK_NOT(PLACE_SECCOMP, EPERM, "seccomp", "allows seccomp");
    CHECK_NOT(PLACE_LANDLOCK_SIGNALS, EPERM, "seccomp", "allows landlock_create_ruleset");
    CHECK(place.landlock_abi == 0);
}

static void killing_filter(void) {
    FILTER(SECCOMP_RET_KILL_PROCESS, SYS_keyctl, SYS_pivot_root);
    probe(false);
    CHECK_NOT(PLACE_KEYRING, EPERM, "seccomp", "seccomp=unconfined");
    CHECK_NOT(PLACE_PIVOT_ROOT, EPERM, "seccomp", "seccomp=unconfined");
    CHECK_CAN(PLACE_PROCFS);
    CHECK_CAN(PLACE_CHROOT);
    CHECK_CAN(PLACE_SECCOMP);
}

static void killing_unshare_filter(void) {
    FILTER(SECCOMP_RET_KILL_PROCESS, SYS_unshare);
    probe(true);
    CHECK(!place.new_userns);
    for (int i = 0; i <= PLACE_PIVOT_ROOT; i++)
        CHECK_NOT((enum place_ability)i, EPERM, "seccomp", "seccomp=unconfined");
    CHECK_CAN(PLACE_CHROOT);
}

static void test_seccomp(void **state) {
    (void)state;
    in_process(docker_like_filter);
    in_process(docker_like_unprivileged);
    in_process(clone_filter);
    in_process(unshare_flag_filter);
    in_process(new_mount_api_filter);
    in_process(old_mount_filter);
    in_process(keyctl_and_mknod_filter);
    in_process(killing_filter);
    in_process(killing_unshare_filter);
}

// ---------------------------------------------------------------- limits

static void network_limit(void) {
    own_users("0 0 65536\n");
    write_text("/proc/sys/user/max_net_namespaces", "0");
    for (int userns = 0; userns < 2; userns++) {
        probe(userns);
        CHECK_NOT(PLACE_NETWORK_NS, ENOSPC, "sysctl-limit", "raise user.max_net_namespaces");
        CHECK_CAN(PLACE_IPC_NS);
        CHECK_CAN(PLACE_PROCFS);
        CHECK_NOT(PLACE_SYSFS, ENOSPC, "sysctl-limit", "raise user.max_net_namespaces");
    }
}

static void users_limit(void) {
    own_users("0 0 65536\n");
    write_text("/proc/sys/user/max_user_namespaces", "0");
    probe(true);
    CHECK(!place.new_userns);
    CHECK_NOT(PLACE_USER_NS, ENOSPC, "sysctl-limit", "raise user.max_user_namespaces");
    CHECK_NOT(PLACE_ID_MAPS, ENOSPC, "sysctl-limit", "raise user.max_user_namespaces");
    CHECK_CAN(PLACE_MOUNT_NS); // tried without, as root of ours
    CHECK_CAN(PLACE_TMPFS);
}

static void mounts_limit(void) {
    own_users("0 0 65536\n");
    write_text("/proc/sys/user/max_mnt_namespaces", "0");
    probe(true);
    CHECK(place.new_userns);
    CHECK_NOT(PLACE_MOUNT_NS, ENOSPC, "sysctl-limit", "raise user.max_mnt_namespaces");
    CHECK_NOT(PLACE_PIVOT_ROOT, ENOSPC, "sysctl-limit", "raise user.max_mnt_namespaces");
    CHECK_CAN(PLACE_NETWORK_NS);
}

static void test_limits(void **state) {
    (void)state;
    in_process(network_limit);
    in_process(users_limit);
    in_process(mounts_limit);
}

// ---------------------------------------------------------------- masks

// Of procfs and sysfs only those that the tests cover: with another one somewhere (who builds an image mounts
// such), everything could be seen, and the kernel would allow a fresh one.
static void one_proc_and_sys(void) {
    char line[4096], point[4096], kind[64], hidden[8][sizeof(point)];
    size_t n = 0;
    own_mounts();
    FILE *mounts = fopen("/proc/self/mounts", "re");
    CHECK(mounts);
    while (n < 8 && fgets(line, sizeof(line), mounts))
        if (sscanf(line, "%*s %4095s %63s", point, kind) == 2 && strncmp(point, "/proc", 5) != 0 &&
            strncmp(point, "/sys", 4) != 0 && (strcmp(kind, "proc") == 0 || strcmp(kind, "sysfs") == 0))
            snprintf(hidden[n++], sizeof(hidden[0]), "%s", point);
    fclose(mounts);
    while (n > 0)
        CHECK_OK(umount2(hidden[--n], MNT_DETACH));
}

// As an outer container has it: /proc and /sys are masked, then comes the user namespace.
static void mask(void) {
    one_proc_and_sys();
    CHECK_OK(mount("/dev/null", "/proc/uptime", NULL, MS_BIND, NULL));
    CHECK_OK(mount("mask", "/sys/firmware", "tmpfs", MS_RDONLY, "size=0"));
    CHECK_OK(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL));
    CHECK_OK(mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
}

static void check_masked(void) {
    for (int userns = 0; userns < 2; userns++) {
        probe(userns);
        CHECK_NOT(PLACE_PROCFS, EPERM, "proc-too-revealing", "unmask /proc (");
        CHECK_NOT(PLACE_PROCFS, EPERM, "proc-too-revealing", "/proc/uptime");
        CHECK_NOT(PLACE_SYSFS, EPERM, "sysfs-too-revealing", "unmask /sys (/sys/firmware)");
        CHECK_NOT(PLACE_SYSCTL, EROFS, "read-only", "procMount: Unmasked");
        CHECK_CAN(PLACE_PID_NS);
        CHECK_CAN(PLACE_NETWORK_NS);
        CHECK_CAN(PLACE_TMPFS);
        CHECK_CAN(PLACE_DEVPTS);
        CHECK_CAN(PLACE_MQUEUE);
        CHECK_CAN(PLACE_PIVOT_ROOT);
    }
}

static void masked(void) {
    mask();
    own_users("0 0 65536\n");
    CHECK_OK(unshare(CLONE_NEWNS));
    check_masked();
}

static void masked_unprivileged(void) { // the masks are the only mount namespace's; ours comes with the probe
    mask();
    CHECK_OK(setgroups(0, NULL));
    CHECK_OK(setresgid(1000, 1000, 1000));
    CHECK_OK(setresuid(1000, 1000, 1000));
    CHECK_OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    probe(true);
    CHECK(place.new_userns && place.no_new_privs);
    CHECK_NOT(PLACE_PROCFS, EPERM, "proc-too-revealing", "/proc/uptime");
    CHECK_CAN(PLACE_TMPFS);
    CHECK_CAN(PLACE_PIVOT_ROOT);
}

static void masked_without_new_api(void) { // no log to read: mountinfo tells
    mask();
    own_users("0 0 65536\n");
    CHECK_OK(unshare(CLONE_NEWNS));
    FILTER(REFUSE(ENOSYS), SYS_fsopen, SYS_fsconfig, SYS_fsmount);
    check_masked();
}

static void masked_without_mount(void) { // and here the new API alone tells
    mask();
    own_users("0 0 65536\n");
    CHECK_OK(unshare(CLONE_NEWNS));
    FILTER(REFUSE(EPERM), SYS_fsconfig);
    probe(false);
    CHECK_NOT(PLACE_PROCFS, EPERM, "proc-too-revealing", "/proc/uptime");
}

// Nothing covers a part of it, but it is read-only and a fresh one would not be: only the kernel's word
// tells. And nobody can write id maps.
static void read_only_proc(void) {
    one_proc_and_sys();
    writable_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(writable_proc >= 0);
    CHECK_OK(mount("/proc", "/proc", NULL, MS_BIND, NULL));
    CHECK_OK(mount(NULL, "/proc", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
    own_users("0 0 65536\n");
    CHECK_OK(unshare(CLONE_NEWNS));
    for (int userns = 0; userns < 2; userns++) {
        probe(userns);
        CHECK(!place.new_userns);
        CHECK_NOT(PLACE_PROCFS, EPERM, "proc-too-revealing", "unmask /proc in the outer container");
        CHECK_NOT(PLACE_USER_NS, EROFS, "read-only", "a writable procfs");
        CHECK_NOT(PLACE_ID_MAPS, EROFS, "read-only", "a writable procfs");
        CHECK_CAN(PLACE_TMPFS);
        CHECK_CAN(PLACE_PIVOT_ROOT);
    }
}

// /proc/PID of another PID namespace is somebody else: no map is written there.
static void foreign_proc(void) {
    CHECK_OK(unshare(CLONE_NEWPID));
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        probe(true);
        CHECK(!place.new_userns);
        CHECK_NOT(PLACE_USER_NS, ESRCH, "not-mounted", "procfs of our own PID namespace");
        CHECK_CAN(PLACE_PID_NS);
        CHECK_CAN(PLACE_PROCFS);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void masks_of_root(void) { // in the initial user namespace the kernel does not mind them
    mask();
    probe(false);
    CHECK_CAN(PLACE_PROCFS);
    CHECK_CAN(PLACE_SYSFS);
}

static void test_masks(void **state) {
    (void)state;
    in_process(masked);
    in_process(masked_unprivileged);
    in_process(masked_without_new_api);
    in_process(masked_without_mount);
    in_process(read_only_proc);
    in_process(foreign_proc);
    in_process(masks_of_root);
}

// ---------------------------------------------------------------- cgroups, chroot, LSM

static void read_only_cgroups(void) {
    own_mounts();
    CHECK_OK(host_probe(&host, "", &arena, &err));
    for (size_t i = 0; i < host.cgroups.n_hierarchies; i++) {
        const char *point = host.cgroups.hierarchies[i].mount_point;
        CHECK_OK(mount(point, point, NULL, MS_BIND, NULL));
        CHECK_OK(mount(NULL, point, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
    }
    probe(false);
    if (place.n_cgroups == 0) {
        CHECK_NOT(PLACE_CGROUP, ENOENT, "not-mounted", "cgroup2");
        return;
    }
    CHECK_NOT(PLACE_CGROUP, EROFS, "read-only", host.cgroups.hierarchies[0].mount_point);
    for (size_t i = 0; i < place.n_cgroups; i++)
        CHECK(place.cgroups[i].errnum == EROFS && str_eq(place.cgroups[i].cause, "read-only"));
    if (host_cgroups_v2(&host.cgroups))
        CHECK_NOT(PLACE_CGROUP_KILL, EROFS, "read-only", host_cgroups_v2(&host.cgroups)->mount_point);
    else
        CHECK_NOT(PLACE_CGROUP_KILL, ENOENT, "not-mounted", "cgroup2");
}

static void cgroups_of_others(void) {
    CHECK_OK(setresgid(1000, 1000, 1000));
    CHECK_OK(setresuid(1000, 1000, 1000));
    probe(false);
    for (size_t i = 0; i < place.n_cgroups; i++)
        CHECK(place.cgroups[i].errnum == EACCES && str_eq(place.cgroups[i].cause, "not-delegated"));
}

static void test_cgroups(void **state) {
    (void)state;
    in_process(read_only_cgroups);
    in_process(cgroups_of_others);
}

static void after_chroot(void) {
    own_mounts();
    CHECK_OK(mount("jail", "/mnt", "tmpfs", 0, NULL));
    CHECK_OK(mkdir("/mnt/root", 0755));
    CHECK_OK(mkdir("/mnt/root/proc", 0755));
    CHECK_OK(mount("/proc", "/mnt/root/proc", NULL, MS_BIND | MS_REC, NULL));
    CHECK_OK(chroot("/mnt/root"));
    CHECK_OK(chdir("/"));
    probe(false);
    CHECK_NOT(PLACE_USER_NS, EPERM, "not-root-mount", "pivot_root(2)");
    CHECK_NOT(PLACE_PIVOT_ROOT, EINVAL, "not-root-mount", "mount point");
    CHECK_CAN(PLACE_MOUNT_NS);
    CHECK_CAN(PLACE_PROCFS);
    CHECK_CAN(PLACE_CHROOT);
    CHECK_CAN(PLACE_BIND);
}

static void test_chroot(void **state) {
    (void)state;
    in_process(after_chroot);
}

// A Landlock domain that has a say in file systems forbids mounts to all in it, root included.
static void in_landlock(void) {
    uint64_t attr[1] = { LANDLOCK_ACCESS_FS_MAKE_BLOCK };
    int rules = (int)syscall(SYS_landlock_create_ruleset, attr, sizeof(attr), 0);
    if (rules < 0)
        _exit(77);
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_OK((int)syscall(SYS_landlock_restrict_self, rules, 0));
    probe(false);
    CHECK_NOT(PLACE_MOUNT_NS, EPERM, "lsm", "has to allow mount");
    CHECK_NOT(PLACE_TMPFS, EPERM, "lsm", "has to allow mount");
    CHECK_CAN(PLACE_UTS_NS);
}

static void test_lsm(void **state) {
    (void)state;
    struct host_place p;
    assert_int_equal(place_probe_cheap(&p, &arena, &err), 0);
    if (p.landlock_abi == 0)
        skip();
    in_process(in_landlock);
}

// ---------------------------------------------------------------- ids

static void one_id(void) {
    own_users("0 0 1\n");
    for (int userns = 0; userns < 2; userns++) {
        probe(userns);
        CHECK_CAN(PLACE_USER_NS);
        CHECK_NOT(PLACE_ID_MAPS, EPERM, "no-subids", "more than one id");
        CHECK_CAN(PLACE_TMPFS);
    }
}

// A user of whom the host's files may or may not speak.
enum { ORDINARY = 54321 };
static void become_ordinary(const char *subids) {
    own_mounts();
    CHECK_OK(mount("files", "/mnt", "tmpfs", 0, "mode=755"));
    write_text("/mnt/passwd", "ordinary:x:54321:54321::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n");
    write_text("/mnt/sub", subids);
    CHECK_OK(mount("/mnt/passwd", "/etc/passwd", NULL, MS_BIND, NULL));
    CHECK_OK(mount("/mnt/sub", "/etc/subuid", NULL, MS_BIND, NULL));
    CHECK_OK(mount("/mnt/sub", "/etc/subgid", NULL, MS_BIND, NULL));
    CHECK_OK(setgroups(0, NULL));
    CHECK_OK(setresgid(ORDINARY, ORDINARY, ORDINARY));
    CHECK_OK(setresuid(ORDINARY, ORDINARY, ORDINARY));
    CHECK_OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static void without_subids(void) {
    become_ordinary("root:100000:65536\n");
    probe(true);
    CHECK_CAN(PLACE_USER_NS);
    CHECK_NOT(PLACE_ID_MAPS, EPERM, "no-subids", "/etc/subuid");
    CHECK_NOT(PLACE_SETGROUPS, EPERM, "no-subids", "/etc/subuid");
    CHECK_CAN(PLACE_TMPFS);
    CHECK_CAN(PLACE_PIVOT_ROOT);
    CHECK_CAN(PLACE_SYSCTL); // net.*, of its own network namespace
}

static void with_subids(void) {
    become_ordinary("root:1:1\nordinary:100000:65536\n54321:300000:10\n");
    for (int userns = 0; userns < 2; userns++) {
        probe(userns);
        CHECK_CAN(PLACE_USER_NS);
        CHECK_CAN(PLACE_ID_MAPS);
    }
    CHECK_CAN(PLACE_SETGROUPS);
    CHECK_CAN(PLACE_PROCFS);
}

static void with_subids_but_no_new_privs(void) {
    become_ordinary("ordinary:100000:65536\n");
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    probe(true);
    CHECK(place.no_new_privs);
    CHECK_CAN(PLACE_USER_NS);
    CHECK_NOT(PLACE_ID_MAPS, EPERM, "no-new-privs", "allowPrivilegeEscalation: true");
    CHECK_NOT(PLACE_SETGROUPS, EPERM, "no-new-privs", "allowPrivilegeEscalation: true");
}

static void with_subids_but_bounded(void) { // newuidmap(1) runs, and has not what it needs
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (cap == CAP_SETUID || cap == CAP_SETGID || cap == CAP_SYS_ADMIN)
            CHECK_OK(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
    become_ordinary("ordinary:100000:65536\n");
    probe(true);
    CHECK_NOT(PLACE_ID_MAPS, EPERM, "no-capability", "bounding set");
    CHECK_CAN(PLACE_TMPFS);
}

static void test_ids(void **state) {
    (void)state;
    in_process(one_id);
    struct stat st;
    if (stat("/etc/subuid", &st) < 0 || stat("/etc/subgid", &st) < 0)
        skip();
    in_process(without_subids);
    if (access("/usr/bin/newuidmap", X_OK) < 0)
        skip();
    in_process(with_subids);
    in_process(with_subids_but_no_new_privs);
    in_process(with_subids_but_bounded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cheap),   cmocka_unit_test(test_open_host), cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_seccomp), cmocka_unit_test(test_limits),    cmocka_unit_test(test_masks),
        cmocka_unit_test(test_cgroups), cmocka_unit_test(test_chroot),    cmocka_unit_test(test_lsm),
        cmocka_unit_test(test_ids),

    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
