// SPDX-License-Identifier: Apache-2.0
// Unit tests of the planner of `bare`, of what oci needs of a place, and of the table of losses.
#include "config.h"

#include <ctype.h>
#include <sys/mount.h>

#include "runtime/plan/needs.h"
#include "tests/unit/place_test.h"

// ---------------------------------------------------------------- bare

#define IN_BARE "ns.mount.shared /linux/namespaces isolation\n"

static void bare_does_chroot_and_nothing_else(void **state) {
    (void)state;
    refuse(PLACE_CGROUP, "read-only");
    struct plan *p = plan(CONFIG(PROCESS(",'capabilities':{'bounding':['CAP_KILL']}")));
    check_losses(p, IN_BARE "root.chroot /root/path isolation\n"
                            "supervisor.exposed /process/noNewPrivileges no-landlock\n");
    assert_int_equal(p->clone_flags, 0);
    assert_false(p->mounts_on_host);
    static const enum step_op none[] = { STEP_PROPAGATION, STEP_ATTACH_ROOT, STEP_MOUNT,  STEP_DEVICES,
                                         STEP_LINK,        STEP_MASK,        STEP_UNSHARE };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(count(&p->child, none[i]), 0);
    check_order(&p->child, STEP_HOLD_ROOT, STEP_CHROOT);
    assert_string_equal(p->root_entry, "chroot");
    assert_string_equal(p->kill, "supervisor");
    assert_true(p->root.late); // open_tree(2) is a mount
}

// What bare cannot give, all of it.
static const char demanding[] =
    "{'ociVersion':'1.3.0','root':{'path':'rootfs','readonly':true},'hostname':'h',"
    "'process':{'cwd':'/','args':['sh'],'user':{'uid':0,'gid':0},'terminal':true,"
    "'capabilities':{'bounding':['CAP_SYS_CHROOT']}},"
    "'linux':{" NAMESPACES ",'maskedPaths':['/proc/kcore','/etc/x'],"
    "'readonlyPaths':['/sys/x','/etc/y'],'rootfsPropagation':'shared',"
    "'sysctl':{'kernel.msgmax':'9000'},'resources':{'pids':{'limit':5}},"
    "'devices':[{'path':'/dev/x','type':'c','major':1,'minor':3}]},"
    "'mounts':[{'destination':'/proc','type':'proc'},"
    "{'destination':'/dev','type':'tmpfs'},"
    "{'destination':'/dev/shm','type':'tmpfs'},"
    "{'destination':'/t','type':'tmpfs'},"
    "{'destination':'/b','type':'bind','source':'/h','options':['rbind']}]}";

static void bare_refuses_what_it_does_not_do(void **state) {
    (void)state;
    request.console_socket = "/s";
    refuse(PLACE_CGROUP, "read-only");
    struct plan *p = plan(demanding);
    check_losses(p, IN_BARE "ns.pid.shared /linux/namespaces/0 isolation\n"
                            "!ns.network.shared /linux/namespaces/1 isolation\n"
                            "ns.mount.shared /linux/namespaces/4 isolation\n"
                            "ns.ipc.shared /linux/namespaces/2 isolation\n"
                            "ns.uts.shared /linux/namespaces/3 isolation\n"
                            "hostname.not-set /hostname namespace-shared\n"
                            "!sysctl.not-applied /linux/sysctl/kernel.msgmax namespace-shared\n"
                            "!resources.not-applied /linux/resources/pids read-only\n"
                            "mount.skipped /mounts/0 isolation\n"
                            "mount.skipped /mounts/1 isolation\n"
                            "mount.skipped /mounts/2 isolation\n"
                            "!mount.missing /mounts/3 isolation\n"
                            "!mount.missing /mounts/4 isolation\n"
                            "!root.writable /root/readonly isolation\n"
                            "!root.propagation /linux/rootfsPropagation isolation\n"
                            "!device.missing /linux/devices/0 isolation\n"
                            "!mask.missing /linux/maskedPaths/1 isolation\n"
                            "!readonly-path.missing /linux/readonlyPaths/1 isolation\n"
                            "root.chroot /root/path isolation\n"
                            "console.missing /process/terminal isolation\n"
                            "capabilities.no-chroot /process/capabilities chroot\n"
                            "supervisor.exposed /process/noNewPrivileges no-landlock\n");
    // Whatever the place allows: another isolation is the way out.
    assert_string_equal(plan_finding_mitigation(&p->findings[1]), "--isolation=chroot");
    assert_string_equal(plan_finding_mitigation(&p->findings[2]), "--isolation=chroot");
    assert_int_equal(count(&p->child, STEP_READONLY_ROOT) + count(&p->child, STEP_MOUNT) +
                         count(&p->child, STEP_SYSCTL),
                     0);
    assert_int_equal(only(&p->child, STEP_TERMINAL)->flags, PLAN_OUTER_TERMINAL);
    assert_int_equal(p->process->capabilities->bounding, 0);
}

static void bare_has_no_ids_of_its_own(void **state) {
    (void)state;
#define MAPS                                                     \
    "'uidMappings':[{'containerID':0,'hostID':1000,'size':10}]," \
    "'gidMappings':[{'containerID':0,'hostID':2000,'size':10}]"
    struct plan *p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'user'}]," MAPS "}"));
    check_loses(p, "!ns.user.shared /linux/namespaces/0 isolation");
    assert_null(p->uid_map);
    check_loses(plan(CONFIG(PROCESS("") ",'linux':{" MAPS "}")),
                "!ns.user.shared /linux/uidMappings isolation");
    p = plan(CONFIG(PROCESS("") ",'linux':{'namespaces':[{'type':'user','path':'/x'},{'type':'pid','path':'/"
                                "y'}]}"));
    check_loses(p, "!ns.not-joined /linux/namespaces/0 isolation");
    check_loses(p, "!ns.not-joined /linux/namespaces/1 isolation");
    assert_int_equal(count(&p->parent, STEP_JOIN), 0);
    assert_int_equal(count(&p->child, STEP_WAIT_MAPS), 0);
}

// The one thing beside chroot(2) that needs no namespace.
static void bare_uses_a_cgroup_where_there_is_one(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") ",'linux':{'resources':{'pids':{'limit':5}}}"));
    check_keeps(p, "resources");
    only(&p->parent, STEP_CGROUP_MAKE);
    assert_string_equal(p->kill, "cgroup");
    assert_false(p->supervised);
}

static void bare_passes_no_notify_socket(void **state) {
    (void)state;
    request.notify_directory = "/n";
    struct plan *p = plan(CONFIG(PROCESS("")));
    check_loses(p, "notify.not-passed environment:NOTIFY_SOCKET isolation");
    assert_false(has_variable(p, "NOTIFY_SOCKET=/run/notify/notify.sock"));
}

// ---------------------------------------------------------------- what oci needs

// One line a need: "field ability cause".
static const char *unmet(const char *text) {
    struct plan_unmet *list = NULL;
    size_t n = 0;
    config_json = with_quotes(text);
    struct spec *spec = config_parse(config_json, strlen(config_json), &arena, &error);
    assert_non_null(spec);
    plan_unmet_needs(spec, &request, &host, &arena, &list, &n);
    const char *out = "";
    for (size_t i = 0; i < n; i++) {
        check_origin(list[i].field, place_ability_name(list[i].ability));
        assert_ptr_equal(list[i].answer, &place.can[list[i].ability]);
        out = arena_printf(&arena, "%s%s %s %s\n", out, list[i].field, place_ability_name(list[i].ability),
                           list[i].answer->cause);
    }
    return out;
}

#define EVERYTHING                                                                                         \
    CONFIG(PROCESS("") LINUX(                                                                              \
        ",'resources':{'pids':{'limit':5}},'sysctl':{'kernel.msgmax':'1'},'seccomp':{"                     \
        "'defaultAction':'SCMP_ACT_ALLOW'}") ",'mounts':[{'destination':'/"                                \
                                             "proc','type':'proc'},{'destination':'/sys','type':'sysfs'}," \
                                             "{'destination':'/b','type':'bind','source':'/"               \
                                             "h','options':['bind']},"                                     \
                                             "{'destination':'/t','type':'tmpfs'}]")

static void where_everything_works_nothing_is_unmet(void **state) {
    (void)state;
    assert_string_equal(unmet(EVERYTHING), "");
    // Nothing was tried: nothing is known.
    refuse(PLACE_PROCFS, "proc-too-revealing");
    place.probed = false;
    assert_string_equal(unmet(EVERYTHING), "");
}

static void each_need_has_its_line(void **state) {
    (void)state;
    for (int i = 0; i < N_PLACE_ABILITIES; i++)
        refuse((enum place_ability)i, "seccomp");
    assert_string_equal(unmet(EVERYTHING), "/linux/namespaces/0 pid-namespace seccomp\n"
                                           "/linux/namespaces/1 network-namespace seccomp\n"
                                           "/linux/namespaces/4 mount-namespace seccomp\n"
                                           "/linux/namespaces/2 ipc-namespace seccomp\n"
                                           "/linux/namespaces/3 uts-namespace seccomp\n"
                                           "/root/path pivot-root seccomp\n"
                                           "/mounts/0 procfs seccomp\n"
                                           "/mounts/1 sysfs seccomp\n"
                                           "/mounts/2 bind seccomp\n"
                                           "/mounts/3 tmpfs seccomp\n"
                                           "/linux/resources cgroup seccomp\n"
                                           "/linux/sysctl/kernel.msgmax sysctl seccomp\n"
                                           "/linux/seccomp seccomp seccomp\n");
}

static void only_what_the_config_asks_for_is_needed(void **state) {
    (void)state;
    for (int i = 0; i < N_PLACE_ABILITIES; i++)
        refuse((enum place_ability)i, "seccomp");
    assert_string_equal(unmet(CONFIG("")), "/root/path chroot seccomp\n");
    // Joining is not making.
    assert_string_equal(unmet(CONFIG(",'linux':{'namespaces':[{'type':'network','path':'/x'}]}")),
                        "/root/path chroot seccomp\n");
    // One id can be mapped by anybody.
#define ONE(size)                                                                               \
    CONFIG(",'linux':{'namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID':" \
           "1000,'size':" size "}],'gidMappings':[{'containerID':0,'hostID':1000,'size':1}]}")
    assert_string_equal(unmet(ONE("1")),
                        "/linux/namespaces/0 user-namespace seccomp\n/root/path chroot seccomp\n");
    assert_string_equal(unmet(ONE("2")), "/linux/namespaces/0 user-namespace seccomp\n"
                                         "/linux/uidMappings id-maps seccomp\n/root/path chroot seccomp\n");
    request.no_pivot = true;
    assert_string_equal(unmet(CONFIG(",'linux':{'namespaces':[{'type':'mount'}]}")),
                        "/linux/namespaces/0 mount-namespace seccomp\n");
    assert_string_equal(
        unmet("{'ociVersion':'1.3.0','root':{'path':'r'},'process':{'cwd':'/','args':['sh'],'user':{'uid':0,"
              "'gid':0,'additionalGids':[5]}}}"),
        "/root/path chroot seccomp\n/process/user/additionalGids setgroups seccomp\n");
}

static void sysctls_with_slashes_have_a_pointer(void **state) {
    (void)state;
    refuse(PLACE_SYSCTL, "read-only");
    assert_string_equal(unmet(CONFIG(PROCESS("") LINUX(",'sysctl':{'net/ipv4/ip_forward':'1'}"))),
                        "/linux/sysctl/net~1ipv4~1ip_forward sysctl read-only\n");
}

static bool wants_userns(const char *text) {
    config_json = with_quotes(text);
    struct spec *spec = config_parse(config_json, strlen(config_json), &arena, &error);
    assert_non_null(spec);
    return plan_wants_userns(spec);
}

static void who_wants_a_user_namespace(void **state) {
    (void)state;
    assert_false(wants_userns(CONFIG("")));
    assert_true(wants_userns(ONE("1")));
    assert_false(wants_userns(CONFIG(",'linux':{'namespaces':[{'type':'user','path':'/x'}]}")));
}

// ---------------------------------------------------------------- the table

static void every_loss_is_complete(void **state) {
    (void)state;
    for (int i = 0; i < N_PLAN_LOSSES; i++) {
        const struct plan_loss_kind *kind = &plan_loss_kinds[i];
        if (!kind->code || !*kind->code || !kind->effect || !*kind->effect)
            fail_msg("loss %d has no code or no effect", i);
        // What is refused can be avoided; a word like "ns.pid.shared" goes into a list with commas.
        if (kind->refused && !kind->mitigation)
            fail_msg("%s is refused, without a way out", kind->code);
        for (const char *p = kind->code; *p; p++)
            if (!islower((unsigned char)*p) && *p != '.' && *p != '-')
                fail_msg("the code %s is no word", kind->code);
        for (int k = 0; k < i; k++)
            if (str_eq(kind->code, plan_loss_kinds[k].code))
                fail_msg("the code %s is there twice", kind->code);
    }
}

static yajl_val at(yajl_val v, const char *name) {
    const char *path[] = { name, NULL };
    return yajl_tree_get(v, path, yajl_t_any);
}

static void a_finding_as_json(void **state) {
    (void)state;
    struct plan_finding f = { .loss = LOSS_SYSCTL, .field = "/linux/sysctl/a", .reason = "read-only" };
    struct json j;
    json_init(&j, &arena, false);
    json_array(&j, NULL);
    plan_finding_json(&f, &j);
    f.mitigation = "write \"it\"";
    f.loss = LOSS_DEV_ADDED; // which has none itself
    plan_finding_json(&f, &j);
    f.mitigation = NULL;
    plan_finding_json(&f, &j);
    json_array_end(&j);
    yajl_val list = yajl_tree_parse(j.text, NULL, 0);
    assert_int_equal(list->u.array.len, 3);
    yajl_val v = list->u.array.values[0];
    assert_string_equal(YAJL_GET_STRING(at(v, "code")), "sysctl.not-applied");
    assert_string_equal(YAJL_GET_STRING(at(v, "field")), "/linux/sysctl/a");
    assert_string_equal(YAJL_GET_STRING(at(v, "reason")), "read-only");
    assert_string_equal(YAJL_GET_STRING(at(v, "effect")), plan_loss_kinds[LOSS_SYSCTL].effect);
    assert_string_equal(YAJL_GET_STRING(at(v, "mitigation")), plan_loss_kinds[LOSS_SYSCTL].mitigation);
    assert_true(YAJL_IS_TRUE(at(v, "refused")));
    v = list->u.array.values[1];
    assert_string_equal(YAJL_GET_STRING(at(v, "mitigation")), "write \"it\"");
    assert_true(YAJL_IS_FALSE(at(v, "refused")));
    assert_null(at(list->u.array.values[2], "mitigation"));
    yajl_tree_free(list);
}

#define BARE(f) cmocka_unit_test_setup_teardown(f, fresh_bare, forget)
#define OCI(f)  cmocka_unit_test_setup_teardown(f, fresh_chroot, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        BARE(bare_does_chroot_and_nothing_else),
        BARE(bare_refuses_what_it_does_not_do),
        BARE(bare_has_no_ids_of_its_own),
        BARE(bare_uses_a_cgroup_where_there_is_one),
        BARE(bare_passes_no_notify_socket),
        OCI(where_everything_works_nothing_is_unmet),
        OCI(each_need_has_its_line),
        OCI(only_what_the_config_asks_for_is_needed),
        OCI(sysctls_with_slashes_have_a_pointer),
        OCI(who_wants_a_user_namespace),
        OCI(every_loss_is_complete),
        OCI(a_finding_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
