// SPDX-License-Identifier: Apache-2.0
// Unit tests of the planner of the chroot isolation: namespaces, ids, limits, processes, by places that do
// not exist. test_plan_chroot_root.c: the root and what is mounted in it.
#include "config.h"

#include <sched.h>

#include "runtime/plan/planner.h"
#include "tests/unit/place_test.h"

// What is always so with this config: LINUX without mounts has no /dev of its own.
#define OWN_DEV "dev.added default:/dev isolation\ndev.outer-nodes default:/dev isolation\n"
#define NO_IPC                                                                              \
    "dev.added default:/dev isolation\nmqueue.outer default:/dev/mqueue namespace-shared\n" \
    "dev.outer-nodes default:/dev isolation\n"
#define ALL_NS (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)

// ---------------------------------------------------------------- namespaces

static void what_the_place_allows_is_made(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("") ",'hostname':'h'"));
    check_losses(p, OWN_DEV);
    assert_int_equal(p->clone_flags, ALL_NS);
    assert_string_equal(p->root_entry, "pivot_root");
    assert_string_equal(p->kill, "pid-namespace");
    assert_false(p->supervised);
    assert_false(p->mounts_on_host);
    assert_string_equal(only(&p->child, STEP_HOSTNAME)->text, "h");
    assert_true(only(&p->child, STEP_HOSTNAME)->best_effort); // CH-5
    check_order(&p->child, STEP_HOSTNAME, STEP_PROPAGATION);
    check_order(&p->child, STEP_PROPAGATION, STEP_BINDABLE);
    check_order(&p->child, STEP_BINDABLE, STEP_ATTACH_ROOT);
    check_order(&p->child, STEP_ATTACH_ROOT, STEP_MOUNT);
    check_order(&p->child, STEP_MOUNT, STEP_PIVOT_ROOT);
    // Without a probe everything counts as there.
    place.probed = false;
    check_losses(plan(CONFIG(PROCESS("") LINUX(""))), OWN_DEV);
    host.place = NULL;
    check_losses(plan(CONFIG(PROCESS("") LINUX(""))), OWN_DEV);
}

static void mount_and_uts_are_always_made(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("")));
    check_losses(p, "ns.mount.added /linux/namespaces isolation\n"
                    "ns.uts.added /linux/namespaces isolation\n" OWN_DEV);
    assert_int_equal(p->clone_flags, CLONE_NEWNS | CLONE_NEWUTS);
    // Unless it is not to be had.
    refuse(PLACE_UTS_NS, "seccomp");
    check_losses(plan(CONFIG(PROCESS(""))), "ns.mount.added /linux/namespaces isolation\n" OWN_DEV);
}

static void what_the_place_refuses_is_shared(void **state) {
    (void)state;
    static const struct {
        enum place_ability ability;
        const char *namespaces, *line;
    } rows[] = {
        { PLACE_PID_NS, "{'type':'mount'},{'type':'uts'},{'type':'pid'}",
          "ns.pid.shared /linux/namespaces/2 seccomp" },
        { PLACE_NETWORK_NS, "{'type':'mount'},{'type':'uts'},{'type':'network'}",
          "!ns.network.shared /linux/namespaces/2 seccomp" },
        { PLACE_IPC_NS, "{'type':'mount'},{'type':'uts'},{'type':'ipc'}",
          "ns.ipc.shared /linux/namespaces/2 seccomp" },
        { PLACE_CGROUP_NS, "{'type':'mount'},{'type':'uts'},{'type':'cgroup'}",
          "ns.cgroup.shared /linux/namespaces/2 seccomp" },
        { PLACE_TIME_NS, "{'type':'mount'},{'type':'uts'},{'type':'time'}",
          "ns.time.shared /linux/namespaces/2 seccomp" },
        { PLACE_UTS_NS, "{'type':'mount'},{'type':'uts'}", "ns.uts.shared /linux/namespaces/1 seccomp" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        use_place();
        refuse(rows[i].ability, "seccomp");
        struct plan *p = plan(
            arena_printf(&arena, CONFIG(PROCESS("") ",'linux':{'namespaces':[%s]}"), rows[i].namespaces));
        check_loses(p, rows[i].line);
        assert_string_equal(plan_finding_mitigation(&p->findings[0]), "the way out");
        bool uts = rows[i].ability != PLACE_UTS_NS;
        assert_int_equal(p->clone_flags, CLONE_NEWNS | (uts ? CLONE_NEWUTS : 0));
        assert_int_equal(count(&p->child, STEP_UNSHARE) + count(&p->child, STEP_LOOPBACK), 0);
    }
}

static void names_need_their_namespace(void **state) {
    (void)state;
    refuse(PLACE_UTS_NS, "seccomp");
    struct plan *p = plan(CONFIG(PROCESS("") ",'hostname':'h','domainname':'d'" LINUX("")));
    check_loses(p, "hostname.not-set /hostname namespace-shared");
    check_loses(p, "domainname.not-set /domainname namespace-shared");
    check_keeps(p, "ns.uts.added");
    assert_int_equal(count(&p->child, STEP_HOSTNAME) + count(&p->child, STEP_DOMAINNAME), 0);
}

static void time_offsets_go_with_their_namespace(void **state) {
    (void)state;
#define OFFSETS ",'linux':{'namespaces':[{'type':'time'}],'timeOffsets':{'boottime':{'secs':5}}}"
    only(&plan(CONFIG(PROCESS("") OFFSETS))->child, STEP_TIME_OFFSETS);
    refuse(PLACE_TIME_NS, "sysctl-limit");
    struct plan *p = plan(CONFIG(PROCESS("") OFFSETS));
    assert_int_equal(count(&p->child, STEP_TIME_OFFSETS), 0);
    assert_false(p->spec->linux_.boottime.present);
}

// Joining is tried, but a mount namespace is always a new one.
static void namespaces_by_path(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'network','path':'/run/netns/x'},"
                                "{'type':'mount','path':'/proc/1/ns/mnt'},{'type':'uts'}]}"));
    check_losses(p, "!ns.not-joined /linux/namespaces/1 isolation\n" OWN_DEV);
    assert_string_equal(only(&p->parent, STEP_JOIN)->join.path, "/run/netns/x");
    assert_int_equal(p->clone_flags, CLONE_NEWNS | CLONE_NEWUTS);
    assert_int_equal(count(&p->child, STEP_JOIN_MOUNT_NAMESPACE), 0);
}

// Its mounts would be everybody's, and so would its pivot_root.
static void no_mount_namespace_no_chroot_isolation(void **state) {
    (void)state;
    static const enum place_ability needed[] = { PLACE_MOUNT_NS, PLACE_BIND };
    for (size_t i = 0; i < 2; i++) {
        use_place();
        refuse(needed[i], "no-capability");
        check_refused(CONFIG(PROCESS("") LINUX("")), "isolation.unavailable", "/linux/namespaces");
        assert_int_equal(error.err, EPERM);
        assert_non_null(strstr(error.msg, "(no-capability)"));
        assert_non_null(strstr(error.hint, "the way out"));
        assert_non_null(strstr(error.hint, "--isolation=bare"));
    }
}

// ---------------------------------------------------------------- user namespaces

// Level A: root, but without CAP_SYS_ADMIN.
static void without_admin_a_user_namespace_is_added(void **state) {
    (void)state;
    host.permitted = ~CAP(CAP_SYS_ADMIN);
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    check_losses(p, "ns.user.added /linux/namespaces no-capability\n" OWN_DEV);
    assert_int_equal(p->clone_flags, ALL_NS | CLONE_NEWUSER);
    // Every id stays what it is.
    assert_string_equal(p->uid_map, "0 0 4294967295\n");
    assert_string_equal(p->gid_map, "0 0 4294967295\n");
    only(&p->parent, STEP_ID_MAPS);
    check_order(&p->child, STEP_WAIT_MAPS, STEP_PROPAGATION);
    // Nobody may map ids that he may not become: then the own one is the container's.
    host.euid = 1000;
    host.egid = 1001;
    host.permitted = 0;
    p = plan(CONFIG(PROCESS("") LINUX("")));
    check_losses(p, "ns.user.added /linux/namespaces no-capability\n" OWN_DEV);
    assert_string_equal(p->uid_map, "0 1000 1\n");
    assert_string_equal(p->gid_map, "0 1001 1\n");
    // One that is joined is enough.
    p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'user','path':'/proc/1/ns/user'}]}"));
    check_keeps(p, "ns.user.added");
}

static void mappings_ask_for_a_user_namespace(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS("") ",'linux':{'uidMappings':[{'containerID':0,'hostID':1000,"
                                "'size':10}],'gidMappings':[{'containerID':0,'hostID':2000,'size'"
                                ":10}]}"));
    assert_true(p->clone_flags & CLONE_NEWUSER);
    assert_string_equal(p->uid_map, "0 1000 10\n");
    assert_string_equal(p->gid_map, "0 2000 10\n");
    check_keeps(p, "ns.user");
    check_keeps(p, "id-maps");
}

// CH-3
static void a_missing_half_is_the_identity(void **state) {
    (void)state;
    static struct place_range ranges[] = { { 0, 1 }, { 100, 50 } };
    use_ids(ranges, 2);
#define UIDS "'uidMappings':[{'containerID':0,'hostID':100,'size':10}]"
    struct plan *p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'user'}]," UIDS "}"));
    assert_string_equal(p->uid_map, "0 100 10\n");
    assert_string_equal(p->gid_map, "0 0 1\n100 100 50\n");
    p = plan(CONFIG(PROCESS("") ",'linux':{" UIDS "}"));
    assert_string_equal(p->gid_map, "0 0 1\n100 100 50\n");
    p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'user'}]}"));
    assert_string_equal(p->uid_map, "0 0 1\n100 100 50\n");
    assert_string_equal(p->gid_map, "0 0 1\n100 100 50\n");
    check_keeps(p, "id-maps");
    // Where the place does not let us say so, the own id becomes the process's.
    refuse(PLACE_ID_MAPS, "no-subids");
    p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'user'}]}"));
    assert_string_equal(p->uid_map, "0 0 1\n");
}

#define USER(json) \
    "{'ociVersion':'1.3.0','root':{'path':'rootfs'},'process':{'cwd':'/','args':['sh'],'user':" json "}"
#define RANGE_MAPS                                                              \
    ",'linux':{'namespaces':[{'type':'user'},{'type':'mount'},{'type':'uts'}]," \
    "'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"           \
    "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]}"

// Level F: one id is all that exists.
static void ids_that_do_not_exist(void **state) {
    (void)state;
    static struct place_range one[] = { { 0, 1 } };
    use_ids(one, 1);
    host.in_initial_userns = false;
    refuse(PLACE_SETGROUPS, "no-subids");
    struct plan *p = plan(USER("{'uid':1000,'gid':1000,'additionalGids':[27]}") RANGE_MAPS "}");
    check_losses(p, "!id-maps.changed /linux/uidMappings ids-do-not-exist\n"
                    "!id-maps.changed /linux/gidMappings ids-do-not-exist\n"
                    "!user.unmapped /process/user/uid ids-do-not-exist\n"
                    "!user.unmapped /process/user/gid ids-do-not-exist\n"
                    "user.groups.not-set /process/user/additionalGids setgroups-denied\n" NO_IPC);
    assert_string_equal(p->uid_map, "0 0 1\n");
    assert_int_equal(p->process->user.uid, 0);
    assert_int_equal(p->process->user.gid, 0);
    assert_int_equal(p->process->user.n_additional_gids, 0);
    // Half of it.
    place.uids = all_ids;
    p = plan(USER("{'uid':1000,'gid':0}") RANGE_MAPS "}");
    check_loses(p, "!id-maps.changed /linux/gidMappings ids-do-not-exist");
    check_keeps(p, "/linux/uidMappings");
    check_keeps(p, "user.unmapped");
    assert_string_equal(p->uid_map, "0 100000 65536\n");
    assert_string_equal(p->gid_map, "0 0 1\n");
    // Without a user namespace of its own: the place's ids count.
    use_ids(one, 1);
    p = plan(USER("{'uid':7,'gid':8,'additionalGids':[0,27]}") "}");
    check_loses(p, "!user.unmapped /process/user/uid ids-do-not-exist");
    check_loses(p, "!user.unmapped /process/user/gid ids-do-not-exist");
    assert_int_equal(p->process->user.uid, 0);
    // The spec itself is as it was.
    assert_int_equal(p->spec->process->user.uid, p->process->user.uid);
    assert_ptr_equal(p->spec->process, p->process);
}

static void groups(void **state) {
    (void)state;
    struct plan *p = plan(USER("{'uid':0,'gid':0,'additionalGids':[5,27]}") "}");
    assert_int_equal(p->process->user.n_additional_gids, 2);
    check_keeps(p, "user.groups");
    // Only those that exist.
    static struct place_range few[] = { { 0, 10 } };
    use_ids(few, 1);
    p = plan(USER("{'uid':0,'gid':0,'additionalGids':[5,27]}") "}");
    check_loses(p, "user.groups.not-set /process/user/additionalGids ids-do-not-exist");
    assert_int_equal(p->process->user.n_additional_gids, 1);
    assert_int_equal(p->process->user.additional_gids[0], 5);
    // A user namespace whose only group is our own was made without setgroups.
    use_place();
    host.permitted = 0;
    host.euid = host.egid = 1000;
    p = plan(USER("{'uid':0,'gid':0,'additionalGids':[0]}") "}");
    check_loses(p, "user.groups.not-set /process/user/additionalGids setgroups-denied");
    // One that newgidmap filled has it.
    p = plan(USER("{'uid':0,'gid':0,'additionalGids':[5]}") RANGE_MAPS "}");
    check_keeps(p, "user.groups");
    // What the caller has cannot be taken away, then.
    refuse(PLACE_SETGROUPS, "no-subids");
    place.n_groups = 2;
    p = plan(USER("{'uid':0,'gid':0}") "}");
    check_loses(p, "user.groups.kept /process/user setgroups-denied");
    place.n_groups = 0;
    check_keeps(plan(USER("{'uid':0,'gid':0}") "}"), "user.groups");
}

// It is no silent loss, and the ids are those of the place then.
static void a_user_namespace_that_is_refused(void **state) {
    (void)state;
    refuse(PLACE_USER_NS, "sysctl-limit");
    struct plan *p = plan(USER("{'uid':0,'gid':0}") RANGE_MAPS "}");
    check_loses(p, "!ns.user.shared /linux/namespaces/0 sysctl-limit");
    assert_int_equal(p->clone_flags, CLONE_NEWNS | CLONE_NEWUTS);
    assert_null(p->uid_map);
    p = plan(CONFIG(PROCESS("") ",'linux':{'gidMappings':[{'containerID':0,'hostID':0,'size':1}]}"));
    check_loses(p, "!ns.user.shared /linux/gidMappings sysctl-limit");
    assert_null(p->gid_map);
    assert_null(p->expected_gid_map);
}

// ---------------------------------------------------------------- limits

#define RESOURCES                                                                      \
    ",'cgroupsPath':'/x','resources':{'memory':{'limit':1048576},'cpu':{'shares':10}," \
    "'pids':{'limit':10},'hugepageLimits':[{'pageSize':'2MB','limit':2097152}],"       \
    "'devices':[{'allow':false,'access':'rwm'}]}"
#define LOST_LIMITS(cause)                                       \
    "!resources.not-applied /linux/resources/memory " cause "\n" \
    "!resources.not-applied /linux/resources/cpu " cause "\n"    \
    "!resources.not-applied /linux/resources/pids " cause "\n"   \
    "!resources.not-applied /linux/resources/hugepageLimits/0 " cause "\n"

static void without_a_writable_cgroup(void **state) {
    (void)state;
    refuse(PLACE_CGROUP, "read-only");
    struct plan *p = plan(CONFIG(PROCESS(",'capabilities':{'bounding':['CAP_KILL']}") LINUX(RESOURCES)));
    check_losses(p,
                 LOST_LIMITS("read-only") "resources.devices.moot /linux/resources/devices read-only\n"
                                          "!cgroups-path.not-applied /linux/cgroupsPath read-only\n" OWN_DEV);
    assert_null(p->cgroup);
    assert_int_equal(count(&p->parent, STEP_CGROUP_MAKE) + count(&p->parent, STEP_CGROUP_WRITE) +
                         count(&p->child, STEP_CGROUP_ATTACH),
                     0);
    assert_string_equal(p->kill, "pid-namespace");
    // A host without any, and one that is told to leave them alone, are no better.
    use_place();
    use_host(HOST_CGROUP_NONE);
    host.place = &place;
    p = plan(CONFIG(PROCESS("") LINUX(RESOURCES)));
    check_loses(p, "!resources.not-applied /linux/resources/memory isolation");
    use_host(HOST_CGROUP_V1);
    host.place = &place;
    request.no_cgroup = true;
    p = plan(CONFIG(PROCESS("") LINUX(RESOURCES)));
    check_loses(p, "!resources.not-applied /linux/resources/pids isolation");
    assert_null(p->cgroup);
}

static void with_a_writable_cgroup(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(",'cgroupsPath':'/x','resources':{'pids':{'limit':10}}")));
    check_losses(p, OWN_DEV);
    only(&p->parent, STEP_CGROUP_MAKE);
    only(&p->child, STEP_CGROUP_ATTACH);
    assert_string_equal(nth(&p->parent, STEP_CGROUP_WRITE, 0)->write->value, "10");
}

// The device rules matter to who can make nodes.
static void device_rules(void **state) {
    (void)state;
#define RULES(caps) CONFIG(PROCESS(caps) LINUX(",'resources':{'devices':[{'allow':false,'access':'rwm'}]}"))
#define MKNOD       ",'capabilities':{'bounding':['CAP_MKNOD']}"
#define NO_CAPS     ",'capabilities':{'bounding':['CAP_KILL']}"
    static const char refused[] = "!resources.devices.not-applied /linux/resources/devices read-only";
    static const char moot[] = "resources.devices.moot /linux/resources/devices read-only";
    refuse(PLACE_CGROUP, "read-only");
    check_loses(plan(RULES(MKNOD)), refused);
    check_loses(plan(RULES("")), refused); // whatever nook itself has
    struct plan *p = plan(RULES(NO_CAPS));
    check_loses(p, moot);
    assert_true(p->root.nodev); // an image may have nodes
#define ALL_ALLOWED CONFIG(PROCESS(NO_CAPS) LINUX(",'resources':{'devices':[{'allow':true,'access':'rwm'}]}"))
    assert_false(plan(ALL_ALLOWED)->root.nodev);
    host.permitted &= ~CAP(CAP_MKNOD);
    check_loses(plan(RULES(MKNOD)), moot);
    host.permitted = ~0ULL;
    host.in_initial_userns = false;
    check_loses(plan(RULES(MKNOD)), moot);
    host.in_initial_userns = true;
    check_loses(plan(CONFIG(PROCESS(MKNOD) ",'linux':{" USER_NAMESPACE
                                           ",'resources':{'devices':[{'allow':false,'access':'rwm'}]}}")),
                moot);
}

// A cgroup that can be made is not one whose devices can be restricted.
static void device_rules_without_the_capability(void **state) {
    (void)state;
    static const char refused[] = "!resources.devices.not-applied /linux/resources/devices no-capability";
    static const char moot[] = "resources.devices.moot /linux/resources/devices no-capability";
    host.permitted &= ~CAP(CAP_SYS_ADMIN);
    struct plan *p = plan(RULES(MKNOD)); // in a user namespace, which is added
    check_loses(p, moot);
    assert_true(p->root.nodev);
    only(&p->parent, STEP_CGROUP_MAKE);
    for (size_t i = 0; i < count(&p->parent, STEP_CGROUP_WRITE); i++)
        assert_true(nth(&p->parent, STEP_CGROUP_WRITE, i)->write->lenient); // the default ones
    host.permitted = ~0ULL;
    host.cgroups.below_own = true; // of a user, delegated
    check_loses(plan(RULES(MKNOD)), refused);
}

static void sysctls(void **state) {
    (void)state;
#define SYSCTLS ",'sysctl':{'net.ipv4.ip_forward':'1','kernel.msgmax':'9000','net/core/somaxconn':'5'}"
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(SYSCTLS)));
    check_losses(p, OWN_DEV);
    assert_int_equal(count(&p->child, STEP_SYSCTL), 3);
    // Of a namespace that is shared: they would change the outer one.
    refuse(PLACE_NETWORK_NS, "seccomp");
    p = plan(CONFIG(PROCESS("") LINUX(SYSCTLS)));
    check_loses(p, "!sysctl.not-applied /linux/sysctl/net.ipv4.ip_forward namespace-shared");
    check_loses(p, "!sysctl.not-applied /linux/sysctl/net~1core~1somaxconn namespace-shared");
    assert_string_equal(only(&p->child, STEP_SYSCTL)->key_value.key, "kernel/msgmax");
    // A read-only /proc/sys.
    refuse(PLACE_SYSCTL, "read-only");
    p = plan(CONFIG(PROCESS("") LINUX(SYSCTLS)));
    check_loses(p, "!sysctl.not-applied /linux/sysctl/kernel.msgmax read-only");
    assert_int_equal(count(&p->child, STEP_SYSCTL), 0);
}

// ---------------------------------------------------------------- processes

static void keyring(void **state) {
    (void)state;
    request.keyring = "c1";
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_true(only(&p->child, STEP_KEYRING)->best_effort);
    check_keeps(p, "keyring");
    refuse(PLACE_KEYRING, "seccomp");
    check_loses(plan(CONFIG(PROCESS("") LINUX(""))), "keyring.shared default:keyring seccomp");
    request.keyring = NULL;
    check_keeps(plan(CONFIG(PROCESS("") LINUX(""))), "keyring");
}

#define SECCOMP ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'}"

// seccomp(2) is for who has CAP_SYS_ADMIN or no_new_privs.
static void no_new_privs_for_seccomp(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(SECCOMP)));
    assert_false(p->process->no_new_privileges);
    check_keeps(p, "no-new-privileges");
    // In a user namespace of one's own one has it.
    host.permitted = ~CAP(CAP_SYS_ADMIN);
    assert_false(plan(CONFIG(PROCESS("") LINUX(SECCOMP)))->process->no_new_privileges);
    // In one that was joined, perhaps not.
#define JOINED ",'linux':{'namespaces':[{'type':'user','path':'/proc/1/ns/user'}]" SECCOMP "}"
    p = plan(CONFIG(PROCESS("") JOINED));
    check_loses(p, "no-new-privileges.added /process/noNewPrivileges seccomp");
    assert_true(p->process->no_new_privileges);
    check_keeps(plan(CONFIG(PROCESS(",'noNewPrivileges':true") JOINED)), "no-new-privileges");
}

// K1, K2
static void how_the_container_will_be_killed(void **state) {
    (void)state;
    refuse(PLACE_PID_NS, "no-capability");
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_string_equal(p->kill, "cgroup");
    assert_false(p->supervised);
    refuse(PLACE_CGROUP, "read-only");
    p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_string_equal(p->kill, "supervisor");
    assert_true(p->supervised);
    check_order(&p->parent, STEP_SUPERVISE, STEP_CLONE);
    // D-4: a change of ids takes it back, and so does a look as another user.
    assert_int_equal(count(&p->child, STEP_DIE_WITH_PARENT), 2);
    assert_int_equal(p->child.list[p->child.n - 1].op, STEP_DIE_WITH_PARENT);
    only(&p->child, STEP_SHOW_MARKS);
    check_order(&p->final, STEP_USER, STEP_DIE_WITH_PARENT);
    check_order(&p->final, STEP_DIE_WITH_PARENT, STEP_EXECVE);
    use_place();
    refuse(PLACE_CGROUP, "read-only");
    p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_string_equal(p->kill, "pid-namespace");
    assert_int_equal(count(&p->final, STEP_DIE_WITH_PARENT) + count(&p->parent, STEP_SUPERVISE), 0);
}

static void what_keeps_signals_from_the_supervisor(void **state) {
    (void)state;
    refuse(PLACE_PID_NS, "no-capability");
    refuse(PLACE_CGROUP, "read-only");
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    check_loses(p, "supervisor.exposed /process/noNewPrivileges no-landlock");
    assert_false(p->scope_signals);
    // Landlock of ABI 6: before the ids change while there is CAP_SYS_ADMIN, else after no_new_privs.
    place.landlock_abi = 6;
    p = plan(CONFIG(PROCESS("") LINUX("")));
    check_keeps(p, "supervisor.exposed");
    assert_true(p->scope_signals);
    check_order(&p->final, STEP_SIGNAL_SCOPE, STEP_USER);
    p = plan(CONFIG(PROCESS(",'noNewPrivileges':true") LINUX("")));
    check_order(&p->final, STEP_USER, STEP_SIGNAL_SCOPE);
    // So it is where a cgroup finds the container's processes, but not if it is to share its pids; and where
    // only /proc shows the others, unless a user namespace is between.
    place.can[PLACE_CGROUP].errnum = 0;
    assert_true(plan(CONFIG(PROCESS("") LINUX("")))->scope_signals);
    assert_false(plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'mount'}]}"))->scope_signals);
    place.can[PLACE_PID_NS].errnum = 0;
    assert_true(plan(CONFIG(PROCESS("") LINUX("")))->scope_signals);
#define ONE_ID "[{'containerID':0,'hostID':100000,'size':1}]"
    assert_false(plan(CONFIG(PROCESS(
                          "") ",'linux':{'namespaces':[{'type':'user'},{'type':'pid'}],'uidMappings':" ONE_ID
                              ",'gidMappings':" ONE_ID "}"))
                     ->scope_signals);
    refuse(PLACE_PID_NS, "no-capability");
    refuse(PLACE_CGROUP, "read-only");
    // Neither: it says so.
    host.permitted = 0;
#define JOINED_USER ",'linux':{'namespaces':[{'type':'user','path':'/proc/1/ns/user'},{'type':'pid'}]}"
    check_loses(plan(CONFIG(PROCESS("") JOINED_USER)),
                "supervisor.exposed /process/noNewPrivileges no-new-privileges");
    // Other ids than the supervisor's are as good.
    place.landlock_abi = 0;
    host.permitted = ~0ULL;
    check_keeps(plan(USER("{'uid':0,'gid':0}") RANGE_MAPS "}"), "supervisor.exposed");
    host.euid = 100005;
    check_loses(plan(USER("{'uid':0,'gid':0}") RANGE_MAPS "}"),
                "supervisor.exposed /process/noNewPrivileges no-landlock");
}

// D-1: who has it walks out of a root that chroot(2) made.
static void chroot_costs_its_capability(void **state) {
    (void)state;
#define FIVE(name) "'" name "':['CAP_SYS_CHROOT','CAP_KILL']"
    static const char caps[] = ",'capabilities':{" FIVE("bounding") "," FIVE("effective") "," FIVE(
        "permitted") "," FIVE("inheritable") "," FIVE("ambient") "}";
    const char *config = arena_printf(&arena, CONFIG(PROCESS("%s") LINUX("")), caps);
    const struct spec_capabilities *c = plan(config)->process->capabilities;
    assert_int_equal(c->bounding, CAP(CAP_SYS_CHROOT) | CAP(CAP_KILL)); // pivot_root holds it
    refuse(PLACE_PIVOT_ROOT, "seccomp");
    struct plan *p = plan(config);
    check_losses(
        p, "root.chroot /root/path seccomp\ncapabilities.no-chroot /process/capabilities chroot\n" OWN_DEV);
    c = p->process->capabilities;
    assert_int_equal(c->bounding | c->effective | c->permitted | c->inheritable | c->ambient, CAP(CAP_KILL));
    assert_string_equal(p->root_entry, "chroot");
    only(&p->child, STEP_CHROOT);
    assert_int_equal(count(&p->child, STEP_PIVOT_ROOT), 0);
    // Who has no list has what nook has, and loses it too.
    // Without a list the kernel's own rules hold; init gives the capability up when it enters the root.
    p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_null(p->process->capabilities);
    check_loses(p, "capabilities.no-chroot /process/capabilities chroot");
    check_keeps(plan(CONFIG(PROCESS(",'capabilities':{'bounding':['CAP_KILL']}") LINUX(""))),
                "capabilities.no-chroot");
}

static void no_pivot_means_chroot(void **state) {
    (void)state;
    request.no_pivot = true;
    struct plan *p = plan(CONFIG(PROCESS(",'capabilities':{'bounding':['CAP_KILL']}") LINUX("")));
    check_losses(p, "root.chroot /root/path asked-for\n" OWN_DEV);
    only(&p->child, STEP_CHROOT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_chroot, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_the_place_allows_is_made),
        TEST(mount_and_uts_are_always_made),
        TEST(what_the_place_refuses_is_shared),
        TEST(names_need_their_namespace),
        TEST(time_offsets_go_with_their_namespace),
        TEST(namespaces_by_path),
        TEST(no_mount_namespace_no_chroot_isolation),
        TEST(without_admin_a_user_namespace_is_added),
        TEST(mappings_ask_for_a_user_namespace),
        TEST(a_missing_half_is_the_identity),
        TEST(ids_that_do_not_exist),
        TEST(groups),
        TEST(a_user_namespace_that_is_refused),
        TEST(without_a_writable_cgroup),
        TEST(with_a_writable_cgroup),
        TEST(device_rules),
        TEST(device_rules_without_the_capability),
        TEST(sysctls),
        TEST(keyring),
        TEST(no_new_privs_for_seccomp),
        TEST(how_the_container_will_be_killed),
        TEST(what_keeps_signals_from_the_supervisor),
        TEST(chroot_costs_its_capability),
        TEST(no_pivot_means_chroot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
