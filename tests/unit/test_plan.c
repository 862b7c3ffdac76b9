// SPDX-License-Identifier: Apache-2.0
// Unit tests of the planner of containers: namespaces, the order of the steps, who does what, what is
// refused.
#include "config.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/unit/plan_test.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static void the_least_config(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(""));
    assert_string_equal(p->rootfs, "/b/rootfs");
    assert_string_equal(p->root.path, "/b/rootfs");
    assert_true(p->root.recursive);
    assert_null(p->process);
    // Nothing to run: nothing to look up, nothing to become.
    assert_int_equal(count(&p->child, STEP_FIND_EXECUTABLE), 0);
    assert_int_equal(count(&p->child, STEP_CWD), 0);
    assert_int_equal(p->final.n, 1);
    assert_int_equal(p->final.list[0].op, STEP_WAIT_START);
}

static void new_namespaces(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    unsigned long all = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
    assert_int_equal(p->clone_flags, all);
    assert_int_equal(only(&p->parent, STEP_CLONE)->flags, all);
    assert_false(p->mounts_on_host);
    assert_null(p->uid_map);
    assert_int_equal(count(&p->child, STEP_WAIT_MAPS), 0);
    assert_string_equal(only(&p->child, STEP_LOOPBACK)->origin, "/linux/namespaces/1");
    assert_int_equal(only(&p->child, STEP_PROPAGATION)->flags, 0);
    only(&p->child, STEP_PIVOT_ROOT);
}

static void order_of_set_up(void **state) {
    (void)state;
    request.keyring = "c1";
    struct plan *p = plan(CONFIG(PROCESS(",'terminal':false") ",'hostname':'h','domainname':'d'" LINUX(
        ",'maskedPaths':['/proc/kcore','/proc/keys'],'readonlyPaths':['/proc/"
        "sys'],'sysctl':{'net.ipv4.ip_forward':'1'},"
        "'rootfsPropagation':'shared'") ",'mounts':[{'destination':'/proc','type':'proc'}]"));
    const struct steps *c = &p->child;
    check_order(c, STEP_CGROUP_ATTACH, STEP_LOOPBACK);
    check_order(c, STEP_NEW_SESSION, STEP_KEYRING);
    check_order(c, STEP_KEYRING, STEP_PROPAGATION);
    check_order(c, STEP_PROPAGATION, STEP_ATTACH_ROOT);
    check_order(c, STEP_ATTACH_ROOT, STEP_MOUNT);
    check_order(c, STEP_MOUNT, STEP_DEVICES);
    check_order(c, STEP_DEVICES, STEP_LINK);
    check_order(c, STEP_LINK, STEP_MASK);
    // A sysctl is written before /proc/sys is read-only; a mask may lie below a read-only path; both clone
    // what the pivot takes away.
    check_order(c, STEP_SYSCTL, STEP_READONLY_PATH);
    check_order(c, STEP_READONLY_PATH, STEP_MASK);
    check_order(c, STEP_MASK, STEP_PIVOT_ROOT);
    check_order(c, STEP_PIVOT_ROOT, STEP_CWD);
    check_order(c, STEP_PIVOT_ROOT, STEP_ROOT_PROPAGATION);
    check_order(c, STEP_CWD, STEP_FIND_EXECUTABLE);
    assert_int_equal(c->list[c->n - 1].op, STEP_FIND_EXECUTABLE);
    assert_string_equal(only(c, STEP_HOSTNAME)->text, "h");
    assert_string_equal(only(c, STEP_DOMAINNAME)->text, "d");
    assert_string_equal(nth(c, STEP_MASK, 1)->text, "/proc/keys");
    assert_string_equal(nth(c, STEP_MASK, 1)->origin, "/linux/maskedPaths/1");
    assert_string_equal(only(c, STEP_READONLY_PATH)->text, "/proc/sys");
    assert_int_equal(only(c, STEP_ROOT_PROPAGATION)->flags, MS_SHARED);
}

static void sysctls(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS("") LINUX(",'sysctl':{'net.ipv4.ip_forward':'1','kernel.shm_rmid_forced':'0'}")));
    const struct step *s = nth(&p->child, STEP_SYSCTL, 0);
    assert_string_equal(s->key_value.key, "net/ipv4/ip_forward");
    assert_string_equal(s->key_value.value, "1");
    assert_string_equal(s->origin, "/linux/sysctl/net.ipv4.ip_forward");
    assert_string_equal(nth(&p->child, STEP_SYSCTL, 1)->key_value.key, "kernel/shm_rmid_forced");
    // A name with slashes is one token of the pointer.
    p = plan(CONFIG(PROCESS("") LINUX(",'sysctl':{'net/ipv4/ip_forward':'1'}")));
    assert_string_equal(only(&p->child, STEP_SYSCTL)->origin, "/linux/sysctl/net~1ipv4~1ip_forward");
}

static void user_namespace(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS(",'oomScoreAdj':100,'rlimits':[{'type':'RLIMIT_NOFILE','soft':10,'hard':20},"
                            "{'type':'RLIMIT_CORE','soft':0,'hard':0}]") ",'linux':{" USER_NAMESPACE "}"));
    assert_true(p->clone_flags & CLONE_NEWUSER);
    assert_string_equal(p->uid_map, "0 1000 10\n");
    assert_string_equal(p->gid_map, "0 2000 10\n");
    assert_int_equal(p->setup_uid, 0);
    check_order(&p->parent, STEP_CLONE, STEP_ID_MAPS);
    // Nothing but the cgroups comes before the maps: until then init is nobody.
    check_order(&p->child, STEP_CGROUP_ATTACH, STEP_WAIT_MAPS);
    check_order(&p->child, STEP_WAIT_MAPS, STEP_NEW_SESSION);
    check_order(&p->child, STEP_WAIT_MAPS, STEP_PROPAGATION);
    // The score is inherited from the parent, who may set it. The limits come last, for set-up may need more.
    check_order(&p->parent, STEP_OOM_SCORE, STEP_CLONE);
    only(&p->final, STEP_RLIMITS);
    // mknod(2) is not for a user namespace.
    assert_true(p->bind_devices);
    check_order(&p->parent, STEP_OPEN_DEVICES, STEP_CLONE);
}

static void no_user_namespace(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(
        PROCESS(",'oomScoreAdj':100,'rlimits':[{'type':'RLIMIT_NOFILE','soft':10,'hard':20}]") LINUX("")));
    assert_int_equal(count(&p->parent, STEP_ID_MAPS), 0);
    check_order(&p->parent, STEP_OOM_SCORE, STEP_CLONE);
    only(&p->final, STEP_RLIMITS);
    assert_false(p->bind_devices);
    assert_int_equal(count(&p->parent, STEP_OPEN_DEVICES), 0);
}

static void map_without_root(void **state) {
    (void)state;
    struct plan *p =
        plan("{'ociVersion':'1.3.0','root':{'path':'rootfs'},'process':{'cwd':'/','args':['sh'],"
             "'user':{'uid':7,'gid':8}},'linux':{'namespaces':[{'type':'user'},{'type':'mount'}],"
             "'uidMappings':[{'containerID':5,'hostID':1000,'size':5}],"
             "'gidMappings':[{'containerID':5,'hostID':1000,'size':5},{'containerID':20,'hostID':2000,'size':"
             "1}]}}");
    assert_int_equal(p->setup_uid, 7);
    assert_int_equal(p->setup_gid, 8);
    assert_string_equal(p->gid_map, "5 1000 5\n20 2000 1\n");
}

static void mappings_must_fit(void **state) {
    (void)state;
    static const struct {
        const char *linux_, *origin, *msg;
    } rows[] = {
        { "'namespaces':[{'type':'user'}]", "/linux/uidMappings", "the new user namespace needs" },
        { "'namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID':9,'size':1}]",
          "/linux/gidMappings", "the new user namespace needs" },
        { "'uidMappings':[{'containerID':0,'hostID':9,'size':1}]", "/linux/uidMappings",
          "id mappings, but no user namespace" },
        { "'gidMappings':[{'containerID':0,'hostID':9,'size':1}]", "/linux/gidMappings",
          "id mappings, but no user namespace" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = arena_printf(&arena, CONFIG(PROCESS("") ",'linux':{%s}"), rows[i].linux_);
        assert_null(try_plan(text));
        assert_string_equal(error.code, "config.invalid");
        assert_string_equal(error.origin, rows[i].origin);
        assert_non_null(strstr(error.msg, rows[i].msg));
    }
}

static void joined_namespaces(void **state) {
    (void)state;
    struct plan *p = plan(
        CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'mount'},{'type':'pid','path':'/proc/9/ns/pid'},"
                           "{'type':'network','path':'/run/netns/x'}]}"));
    assert_int_equal(p->clone_flags, CLONE_NEWNS);
    assert_int_equal(count(&p->parent, STEP_JOIN), 2);
    assert_int_equal(nth(&p->parent, STEP_JOIN, 0)->join.kind, NS_PID);
    assert_string_equal(nth(&p->parent, STEP_JOIN, 0)->join.path, "/proc/9/ns/pid");
    assert_string_equal(nth(&p->parent, STEP_JOIN, 0)->origin, "/linux/namespaces/1/path");
    assert_int_equal(nth(&p->parent, STEP_JOIN, 1)->join.kind, NS_NETWORK);
    // A namespace of the wrong kind is found out before there is anything to undo.
    check_order(&p->parent, STEP_JOIN, STEP_CLAIM_ID);
    // Somebody else's loopback interface is not touched.
    assert_int_equal(count(&p->child, STEP_LOOPBACK), 0);
}

// From within the cgroup namespace nobody could make a process in a cgroup outside of it.
static void joined_cgroup_namespace(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS(
        "") ",'linux':{'namespaces':[{'type':'mount'},{'type':'cgroup','path':'/proc/9/ns/cgroup'}]}"));
    only(&p->parent, STEP_JOIN);
    check_order(&p->child, STEP_CGROUP_ATTACH, STEP_JOIN_CGROUP_NAMESPACE);
    assert_string_equal(only(&p->child, STEP_JOIN_CGROUP_NAMESPACE)->origin, "/linux/namespaces/1");
    assert_int_equal(count(&p->child, STEP_UNSHARE), 0);
}

static void joined_mount_namespace(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'mount','path':'/proc/9/ns/mnt'}]}"));
    check_order(&p->child, STEP_JOIN_MOUNT_NAMESPACE, STEP_ATTACH_ROOT);
    assert_string_equal(only(&p->child, STEP_JOIN_MOUNT_NAMESPACE)->origin, "/linux/namespaces/0");
    // It is not ours: neither its propagation is changed nor its root.
    assert_int_equal(count(&p->child, STEP_PROPAGATION), 0);
    assert_int_equal(count(&p->child, STEP_PIVOT_ROOT), 0);
    only(&p->child, STEP_CHROOT);
}

static void no_mount_namespace(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'pid'}],'rootfsPropagation':'private'}"));
    assert_true(p->mounts_on_host);
    only(&p->child, STEP_CHROOT);
    assert_int_equal(count(&p->child, STEP_PIVOT_ROOT), 0);
    assert_int_equal(count(&p->child, STEP_MOVE_ROOT), 0);
    // The host's own mounts are not changed.
    assert_int_equal(count(&p->child, STEP_PROPAGATION), 0);
    assert_int_equal(count(&p->child, STEP_ROOT_PROPAGATION), 0);
}

static void no_pivot(void **state) {
    (void)state;
    request.no_pivot = true;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    only(&p->child, STEP_MOVE_ROOT);
    assert_int_equal(count(&p->child, STEP_PIVOT_ROOT), 0);
}

// What a cgroup namespace shows as "/" is where init is when it makes it.
static void cgroup_namespace(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'mount'},{'type':'cgroup'}]}"));
    assert_false(p->clone_flags & CLONE_NEWCGROUP);
    assert_int_equal(only(&p->child, STEP_UNSHARE)->flags, CLONE_NEWCGROUP);
    assert_string_equal(only(&p->child, STEP_UNSHARE)->origin, "/linux/namespaces/1");
    check_order(&p->child, STEP_CGROUP_ATTACH, STEP_UNSHARE);
    check_order(&p->child, STEP_UNSHARE, STEP_ATTACH_ROOT);
}

static void time_namespace(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'mount'},{'type':'time'}]}"));
    assert_true(p->clone_flags & CLONE_NEWTIME);
    assert_int_equal(count(&p->child, STEP_TIME_OFFSETS), 0);
    // Offsets are written before the first process is in: not by the clone, then.
    p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'mount'},{'type':'time'}],'timeOffsets':{'"
                                "boottime':{'secs':7}}}"));
    assert_false(p->clone_flags & CLONE_NEWTIME);
    only(&p->child, STEP_TIME_OFFSETS);
}

static void readonly_root(void **state) {
    (void)state;
    struct plan *p =
        plan("{'ociVersion':'1.3.0','root':{'path':'/abs/root','readonly':true}" PROCESS("") LINUX("") "}");
    assert_string_equal(p->rootfs, "/abs/root");
    // process.cwd may have to be made.
    check_order(&p->child, STEP_CWD, STEP_READONLY_ROOT);
    check_order(&p->child, STEP_PIVOT_ROOT, STEP_READONLY_ROOT);
}

// ---------------------------------------------------------------- cgroups

static void limits(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(
        ",'cgroupsPath':'/x/y','resources':{'memory':{'limit':1048576},'pids':{'limit':5}}")));
    check_order(&p->parent, STEP_CGROUP_MAKE, STEP_CGROUP_WRITE);
    check_order(&p->parent, STEP_CGROUP_WRITE, STEP_CLONE);
    bool memory = false, pids = false;
    for (size_t i = 0; i < count(&p->parent, STEP_CGROUP_WRITE); i++) {
        const struct step *s = nth(&p->parent, STEP_CGROUP_WRITE, i);
        const char *dir = p->cgroup->dirs[s->write->dir].dir;
        memory =
            memory ||
            (str_eq(s->write->file, "memory.limit_in_bytes") && str_eq(s->write->value, "1048576") &&
             str_eq(s->origin, "/linux/resources/memory/limit") && str_eq(dir, "/sys/fs/cgroup/memory/x/y"));
        pids = pids || (str_eq(s->write->file, "pids.max") && str_eq(s->write->value, "5"));
    }
    assert_true(memory && pids);
}

static void v2_device_program(void **state) {
    (void)state;
    use_host(HOST_CGROUP_V2);
    struct plan *p =
        plan(CONFIG(PROCESS("") LINUX(",'resources':{'devices':[{'allow':false,'access':'rwm'}]}")));
    check_order(&p->parent, STEP_CGROUP_MAKE, STEP_CGROUP_DEVICES);
    check_order(&p->parent, STEP_CGROUP_DEVICES, STEP_CLONE);
}

static void no_cgroups(void **state) {
    (void)state;
    request.no_cgroup = true;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(",'cgroupsPath':'/x'")));
    assert_null(p->cgroup);
    assert_int_equal(count(&p->parent, STEP_CGROUP_MAKE), 0);
    assert_int_equal(count(&p->child, STEP_CGROUP_ATTACH), 0);

    assert_int_equal(p->n_warnings, 0);
    // Rules that nobody enforces are spoken of.
    p = plan(CONFIG(PROCESS("") LINUX(",'resources':{'devices':[{'allow':false,'access':'rwm'}]}")));
    assert_int_equal(p->n_warnings, 1);

    request.no_cgroup = false;
    use_host(HOST_CGROUP_NONE);
    p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_int_equal(count(&p->parent, STEP_CGROUP_MAKE), 0);
    assert_int_equal(count(&p->child, STEP_CGROUP_ATTACH), 0);
    assert_int_equal(p->n_warnings, 1); // said, not passed over
}

// ---------------------------------------------------------------- hooks, terminal, files

#define HOOK(kind) "'" kind "':[{'path':'/bin/true'}]"

static void hooks(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(
        ",'sysctl':{'net.ipv4.ip_forward':'1'}") ",'mounts':[{'destination':'/proc','type':'proc'}],"
                                                 "'hooks':{" HOOK("createRuntime") "," HOOK(
                                                     "createContainer") "," HOOK("startContainer") "}"));
    only(&p->parent, STEP_RUNTIME_HOOKS);
    check_order(&p->child, STEP_MOUNT, STEP_WAIT_HOOKS);
    check_order(&p->child, STEP_WAIT_HOOKS, STEP_CREATE_CONTAINER_HOOKS);
    check_order(&p->child, STEP_CREATE_CONTAINER_HOOKS, STEP_PIVOT_ROOT);
    // A hook may bring the interface that a sysctl is about.
    check_order(&p->child, STEP_WAIT_HOOKS, STEP_SYSCTL);
    check_order(&p->final, STEP_WAIT_START, STEP_START_CONTAINER_HOOKS);
    check_order(&p->final, STEP_START_CONTAINER_HOOKS, STEP_USER);

    p = plan(CONFIG(PROCESS("") LINUX("") ",'hooks':{" HOOK("poststart") "," HOOK("poststop") "}"));
    assert_int_equal(count(&p->child, STEP_WAIT_HOOKS), 0);
    assert_int_equal(count(&p->parent, STEP_RUNTIME_HOOKS), 0);
    p = plan(CONFIG(PROCESS("") LINUX("") ",'hooks':{" HOOK("prestart") "}"));
    only(&p->child, STEP_WAIT_HOOKS);
}

static void terminal(void **state) {
    (void)state;
    request.console_socket = "/run/console.sock";
    struct plan *p = plan(CONFIG(PROCESS(",'terminal':true") LINUX("")));
    assert_string_equal(only(&p->parent, STEP_CONSOLE_SOCKET)->text, "/run/console.sock");
    check_order(&p->parent, STEP_CONSOLE_SOCKET, STEP_CLONE);
    check_order(&p->child, STEP_DEVICES, STEP_TERMINAL);
    check_order(&p->child, STEP_TERMINAL, STEP_PIVOT_ROOT);

    // explain: there is nothing to hold.
    request.console_socket = NULL;
    request.dry = true;
    only(&plan(CONFIG(PROCESS(",'terminal':true") LINUX("")))->child, STEP_TERMINAL);

    // In the foreground the runtime holds it itself.
    request = (struct plan_request){ .id = "c1", .bundle = "/b" };
    p = plan(CONFIG(PROCESS(",'terminal':true") LINUX("")));
    only(&p->child, STEP_TERMINAL);
    assert_int_equal(count(&p->parent, STEP_CONSOLE_SOCKET), 0);
}

static void run_does_not_wait(void **state) {
    (void)state;
    request.wait_start = false;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_int_equal(count(&p->final, STEP_WAIT_START), 0);
}

static void pid_file_and_keyring(void **state) {
    (void)state;
    request.pid_file = "/run/c1.pid";
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_string_equal(only(&p->parent, STEP_PID_FILE)->text, "/run/c1.pid");
    assert_int_equal(p->parent.list[p->parent.n - 1].op, STEP_PID_FILE); // last: it says that all is done
    // Without one of its own it keeps the caller's.
    assert_int_equal(count(&p->child, STEP_KEYRING), 0);
    request.keyring = "_ses.c1";
    p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_string_equal(only(&p->child, STEP_KEYRING)->text, "_ses.c1");
}

// ---------------------------------------------------------------- refusals

static void refused_ids(void **state) {
    (void)state;
#define USER(uid, gid)                                                                               \
    "{'ociVersion':'1.3.0','root':{'path':'r'},'process':{'cwd':'/','args':['a'],'user':{'uid':" uid \
    ",'gid':" gid "}},'linux':{" USER_NAMESPACE "}}"
    check_refused(USER("10", "0"), "config.invalid", "/process/user/uid");
    check_refused(USER("9", "10"), "config.invalid", "/process/user/gid");
    check_refused(USER("4294967294", "0"), "config.invalid", "/process/user/uid");
    plan(USER("9", "9"));
}

static void refused_terminals(void **state) {
    (void)state;
    check_refused(CONFIG(PROCESS(",'terminal':true") LINUX("")), "terminal.no-socket", "/process/terminal");
    request.wait_start = false; // run --detach
    check_refused(CONFIG(PROCESS(",'terminal':true") LINUX("")), "terminal.no-socket", "/process/terminal");
    request.console_socket = "/run/console.sock";
    if (try_plan(CONFIG(PROCESS("") LINUX(""))))
        fail_msg("a console socket without a terminal is accepted");
    assert_string_equal(error.code, "terminal.unused-socket");
}

static void refused_limits(void **state) {
    (void)state;
#define LIMIT CONFIG(PROCESS("") LINUX(",'resources':{'memory':{'limit':1048576}}"))
    request.no_cgroup = true;
    check_refused(LIMIT, "cgroup.disabled", "/linux/resources");
    request.no_cgroup = false;
    use_host(HOST_CGROUP_NONE);
    check_refused(LIMIT, "cgroup.controller-missing", "/linux/resources/memory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_least_config),
        TEST(new_namespaces),
        TEST(order_of_set_up),
        TEST(sysctls),
        TEST(user_namespace),
        TEST(no_user_namespace),
        TEST(map_without_root),
        TEST(mappings_must_fit),
        TEST(joined_namespaces),
        TEST(joined_cgroup_namespace),
        TEST(joined_mount_namespace),
        TEST(no_mount_namespace),
        TEST(no_pivot),
        TEST(cgroup_namespace),
        TEST(time_namespace),
        TEST(readonly_root),
        TEST(limits),
        TEST(v2_device_program),
        TEST(no_cgroups),
        TEST(hooks),
        TEST(terminal),
        TEST(run_does_not_wait),
        TEST(pid_file_and_keyring),
        TEST(refused_ids),
        TEST(refused_terminals),
        TEST(refused_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
