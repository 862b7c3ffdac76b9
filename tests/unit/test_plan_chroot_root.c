// SPDX-License-Identifier: Apache-2.0
// Unit tests of the planner of the chroot isolation: the root, mounts, /dev, masked and read-only paths.
#include "config.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include "tests/unit/place_test.h"

#define NO_CAPS      ",'capabilities':{'bounding':['CAP_KILL']}"
#define MOUNTS(list) CONFIG(PROCESS(NO_CAPS) LINUX("") ",'mounts':[" list "]")
#define PROC         "{'destination':'/proc','type':'proc'}"
#define SYS          "{'destination':'/sys','type':'sysfs','options':['ro']}"
#define DEV          "{'destination':'/dev','type':'tmpfs','source':'tmpfs'}"
#define PTS          "{'destination':'/dev/pts','type':'devpts','options':['newinstance','gid=5']}"
#define LOCKED       (MS_NOSUID | MS_NOEXEC | MS_RDONLY)

static const struct step *tree_at(const struct plan *p, const char *path) {
    for (size_t i = 0; i < p->child.n; i++)
        if (p->child.list[i].op == STEP_READONLY_TREE && str_eq(p->child.list[i].tree.path, path))
            return &p->child.list[i];
    return NULL;
}

// A recursive, private bind of the outer tree on a real directory, read-only from the first moment, and
// proved.
static void check_borrowed(const struct plan *p, const char *path, unsigned long flags) {
    const struct step *s = mount_at(p, path), *tree = tree_at(p, path);
    assert_non_null(s);
    assert_int_equal(s->mount->kind, ROOTFS_MOUNT_BIND);
    assert_string_equal(s->mount->from.path, path);
    assert_true(s->mount->from.recursive && s->mount->real_place);
    assert_int_equal(s->mount->n_propagation, 1);
    assert_int_equal(s->mount->propagation[0], MS_PRIVATE | MS_REC);
    assert_int_equal(s->mount->rec_attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC |
                                                 (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0));
    assert_ptr_equal(tree, s + 1);
    assert_int_equal(tree->tree.flags, flags);
    bool opened = false;
    for (size_t i = 0; i < p->parent.n; i++)
        opened = opened || (p->parent.list[i].op == STEP_OPEN_SOURCE &&
                            p->parent.list[i].source == &s->mount->from && !p->parent.list[i].optional);
    assert_true(opened);
}

// CH-15 to CH-18
static void proc_and_sys_are_borrowed(void **state) {
    (void)state;
    refuse(PLACE_PROCFS, "proc-too-revealing");
    refuse(PLACE_SYSFS, "sysfs-too-revealing");
    struct plan *p = plan(MOUNTS(PROC "," DEV "," SYS));
    check_losses(p, "proc.outer /mounts/0 proc-too-revealing\nsys.outer /mounts/2 sysfs-too-revealing\n"
                    "dev.outer-nodes default:/dev isolation\n");
    check_borrowed(p, "/proc", LOCKED | MS_NODEV);
    check_borrowed(p, "/sys", LOCKED | MS_NODEV);
    assert_string_equal(plan_finding_mitigation(&p->findings[0]), "the way out");
    // Also where a new one could be had.
    use_place();
    p = plan(MOUNTS(PROC));
    check_loses(p, "proc.outer /mounts/0 isolation");
    check_borrowed(p, "/proc", LOCKED | MS_NODEV);
    // Only where the config has them.
    p = plan(MOUNTS(DEV));
    assert_null(mount_at(p, "/proc"));
    assert_null(mount_at(p, "/sys"));
}

// /proc/PID/root leads out of any root, for who may trace PID.
static void who_can_trace_is_told(void **state) {
    (void)state;
#define TRACER(caps) CONFIG(PROCESS(caps) LINUX("") ",'mounts':[" PROC "," DEV "," PROC "]")
    static const char line[] = "proc.outer.ptrace /process/capabilities isolation";
    check_losses(plan(TRACER(",'capabilities':{'inheritable':['CAP_SYS_PTRACE']}")),
                 "proc.outer /mounts/0 isolation\nproc.outer /mounts/2 isolation\n"
                 "proc.outer.ptrace /process/capabilities isolation\ndev.outer-nodes default:/dev "
                 "isolation\n");
    check_loses(plan(TRACER("")), line); // whatever nook has
    check_keeps(plan(TRACER(NO_CAPS)), "ptrace");
    check_keeps(plan(CONFIG(PROCESS("") LINUX(""))), "ptrace"); // without a /proc
    host.permitted &= ~CAP(CAP_SYS_ADMIN); // a user namespace is made: the capability counts in there only
    check_keeps(plan(TRACER("")), "ptrace");
}

static void cgroup_mounts_are_skipped(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS(DEV ",{'destination':'/sys/fs/cgroup','type':'cgroup'},"
                                     "{'destination':'/c','type':'cgroup2'}"));
    check_losses(p, "cgroup.mount.skipped /mounts/1 isolation\ncgroup.mount.skipped /mounts/2 isolation\n"
                    "dev.outer-nodes default:/dev isolation\n");
    assert_null(mount_at(p, "/sys/fs/cgroup"));
    assert_null(mount_at(p, "/c"));
}

// CH-20
static void other_types_are_refused(void **state) {
    (void)state;
    struct plan *p =
        plan(MOUNTS(DEV ",{'destination':'/a','type':'ext4','source':'/dev/x'},"
                        "{'destination':'/b','type':'tmpfs'},{'destination':'/c','type':'overlay',"
                        "'options':['lowerdir=/x:/y']}"));
    check_losses(p, "!mount.type.skipped /mounts/1 isolation\ndev.outer-nodes default:/dev isolation\n");
    assert_null(mount_at(p, "/a"));
    assert_string_equal(mount_at(p, "/b")->mount->type, "tmpfs");
    assert_string_equal(mount_at(p, "/c")->mount->data, "lowerdir=/x:/y");
    assert_true(mount_at(p, "/b")->mount->verify && mount_at(p, "/c")->mount->verify);
}

// CH-25, D-8
static void binds(void **state) {
    (void)state;
#define BIND(where, options) "{'destination':'" where "','type':'bind','source':'/h','options':[" options "]}"
    struct plan *p = plan(MOUNTS(DEV "," BIND("/a", "'rbind'") "," BIND("/b", "'bind','ro','nodev'") "," BIND(
        "/c", "'rbind','rslave'") "," BIND("/d", "'rbind','rshared'")));
    check_losses(p, "mount.private /mounts/1 isolation\nmount.recursive /mounts/2 isolation\n"
                    "mount.private /mounts/2 isolation\n!mount.propagation.private /mounts/4 isolation\n"
                    "dev.outer-nodes default:/dev isolation\n");
    for (const char *const *at = (const char *const[]){ "/a", "/b", "/c", "/d", NULL }; *at; at++) {
        const struct rootfs_mount *m = mount_at(p, *at)->mount;
        assert_true(m->from.recursive && m->verify);
        assert_int_equal(m->n_propagation, 1);
        assert_int_equal(m->propagation[0], str_eq(*at, "/c") ? MS_SLAVE | MS_REC : MS_PRIVATE | MS_REC);
        // What comes along has no more rights than what was asked for.
        assert_int_equal(m->rec_attr_set, str_eq(*at, "/b") ? MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV : 0);
    }
    assert_int_equal(mount_at(p, "/b")->mount->flags, MS_RDONLY | MS_NODEV);
    // Read-only with all below, which is news where the config does not say so.
    p = plan(MOUNTS(
        DEV "," BIND("/a", "'rbind','ro','private','nosuid'") "," BIND("/b", "'rbind','rro','private'")));
    check_losses(p, "mount.readonly.recursive /mounts/1 isolation\ndev.outer-nodes default:/dev isolation\n");
    assert_int_equal(mount_at(p, "/a")->mount->rec_attr_set, MOUNT_ATTR_RDONLY);
    // What the config says of the root holds for those without a word of their own.
    p = plan("{'ociVersion':'1.3.0','root':{'path':'rootfs'}" PROCESS("")
                 LINUX(",'rootfsPropagation':'rslave'") ",'mounts':[" DEV "," BIND("/a", "'rbind'") "]}");
    check_losses(p, "dev.outer-nodes default:/dev isolation\n");
    assert_int_equal(mount_at(p, "/a")->mount->n_propagation, 0);
}

// The outside has them, too.
static void remounts_of_what_is_borrowed(void **state) {
    (void)state;
#define REMOUNT(where, options) "{'destination':'" where "','options':['remount'," options "]}"
    struct plan *p = plan(
        MOUNTS(DEV ",{'destination':'/proc','type':'proc'},{'destination':'/sys','type':'sysfs'}," REMOUNT(
            "//proc/", "'hidepid=2'") "," REMOUNT("/sys/fs", "'bind','rw'") "," REMOUNT("/dev",
                                                                                        "'size=1m'")));
    check_losses(p, "proc.outer /mounts/1 isolation\nsys.outer /mounts/2 isolation\n"
                    "proc.outer /mounts/3 isolation\nsys.outer /mounts/4 isolation\n"
                    "dev.outer-nodes default:/dev isolation\n");
    size_t remounts = 0;
    for (size_t i = 0; i < p->child.n; i++)
        if (p->child.list[i].op == STEP_MOUNT && p->child.list[i].mount->kind == ROOTFS_MOUNT_REMOUNT) {
            assert_true(p->child.list[i].mount->spare_kernels);
            remounts++;
        }
    assert_int_equal(remounts, 1);
    request.chroot_dev_host = true;
    p = plan(MOUNTS(DEV "," REMOUNT("/dev", "'size=1m'") "," REMOUNT("/dev/null", "'bind','ro'")));
    check_losses(p, "dev.host /mounts/0 asked-for\ndev.host /mounts/1 asked-for\n"
                    "dev.host /mounts/2 asked-for\n");
}

// ---------------------------------------------------------------- /dev

static void dev_of_the_config(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS("{'destination':'/dev/','type':'tmpfs','options':['ro','mode=755']},"
                                 "{'destination':'/dev/mqueue','type':'mqueue'}"));
    check_losses(p, "dev.outer-nodes default:/dev isolation\n");
    const struct rootfs_mount *dev = mount_at(p, "/dev/")->mount;
    assert_true(dev->real_place);
    assert_int_equal(dev->flags & MS_RDONLY, 0); // it is filled first
    check_order(&p->child, STEP_DEVICES, STEP_READONLY_MOUNT);
    assert_null(mount_at(p, "/dev/pts"));
    // Nodes are never made, always bound.
    assert_true(p->bind_devices);
    for (size_t i = 0; i < 6; i++) {
        const struct rootfs_device *d = &only(&p->child, STEP_DEVICES)->devices->list[i];
        assert_string_equal(d->from.path, d->path);
    }
    check_order(&p->parent, STEP_OPEN_DEVICES, STEP_CLONE);
    assert_non_null(link_at(p, "/dev/ptmx"));
}

static void dev_is_added(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_string_equal(mount_at(p, "/dev")->mount->type, "tmpfs");
    assert_string_equal(mount_at(p, "/dev/pts")->mount->type, "devpts");
    assert_string_equal(mount_at(p, "/dev/shm")->mount->type, "tmpfs");
    assert_string_equal(mount_at(p, "/dev/mqueue")->mount->type, "mqueue");
    only(&p->child, STEP_DEVICES);
    // A bind of the config's is its own affair.
    p = plan(MOUNTS("{'destination':'/dev','type':'bind','source':'/dev','options':['rbind','rprivate']}"));
    check_losses(p, "");
    assert_int_equal(count(&p->child, STEP_DEVICES) + count(&p->child, STEP_LINK), 0);
}

// CH-15, D-8
static void the_outer_dev(void **state) {
    (void)state;
    request.chroot_dev_host = true;
    struct plan *p = plan(MOUNTS(PROC "," DEV "," PTS));
    check_losses(p, "proc.outer /mounts/0 isolation\ndev.host /mounts/1 asked-for\n");
    check_borrowed(p, "/dev", LOCKED); // devices stay usable
    assert_int_equal(count(&p->child, STEP_DEVICES) + count(&p->child, STEP_LINK), 0);
    // What must be writable is fresh, whether the config lists it or not, and comes after the tree.
    const struct step *tree = tree_at(p, "/dev");
    assert_string_equal(mount_at(p, "/dev/pts")->origin, "/mounts/2");
    assert_string_equal(mount_at(p, "/dev/shm")->origin, "default:/dev/shm");
    assert_string_equal(mount_at(p, "/dev/mqueue")->origin, "default:/dev/mqueue");
    assert_true(mount_at(p, "/dev/pts") > tree && mount_at(p, "/dev/shm") > tree &&
                mount_at(p, "/dev/mqueue") > tree);
    // An outer /dev need not have a place for it; all else would leave the outer one to be seen.
    assert_true(mount_at(p, "/dev/shm")->best_effort);
    assert_int_equal(mount_at(p, "/dev/shm")->tolerates, EROFS);
    p = plan(CONFIG(PROCESS("") LINUX("")));
    check_losses(p, "dev.host default:/dev asked-for\n");
    check_borrowed(p, "/dev", LOCKED);
    assert_non_null(mount_at(p, "/dev/pts"));
}

static void devpts_has_a_group_that_exists(void **state) {
    (void)state;
    static struct place_range few[] = { { 0, 1 }, { 4, 2 } };
    assert_string_equal(mount_at(plan(MOUNTS(DEV "," PTS)), "/dev/pts")->mount->data, "newinstance,gid=5");
    use_ids(few, 2);
    assert_string_equal(mount_at(plan(MOUNTS(DEV "," PTS)), "/dev/pts")->mount->data, "newinstance,gid=5");
    use_ids(few, 1);
    struct plan *p = plan(MOUNTS(DEV "," PTS));
    assert_string_equal(mount_at(p, "/dev/pts")->mount->data, "newinstance");
    check_loses(p, "devpts.gid /mounts/1 ids-do-not-exist");
    // The container's own map counts when it has one.
    use_place();
    host.permitted = 0;
    p = plan(MOUNTS(DEV "," PTS));
    assert_string_equal(mount_at(p, "/dev/pts")->mount->data, "newinstance");
    check_loses(p, "devpts.gid /mounts/1 ids-do-not-exist");
}

// A shared IPC namespace can be mounted by who is in the user namespace that it belongs to.
static void queues_of_a_shared_ipc_namespace(void **state) {
    (void)state;
#define MQ DEV ",{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue'}"
    assert_int_equal(mount_at(plan(MOUNTS(MQ)), "/dev/mqueue")->mount->kind, ROOTFS_MOUNT_NEW);
    refuse(PLACE_IPC_NS, "seccomp");
    assert_int_equal(mount_at(plan(MOUNTS(MQ)), "/dev/mqueue")->mount->kind, ROOTFS_MOUNT_NEW);
    host.permitted = ~CAP(CAP_SYS_ADMIN);
    struct plan *p = plan(MOUNTS(MQ));
    const struct step *s = mount_at(p, "/dev/mqueue");
    check_loses(p, "mqueue.outer /mounts/1 namespace-shared");
    assert_int_equal(s->mount->kind, ROOTFS_MOUNT_BIND);
    assert_string_equal(s->mount->from.path, "/dev/mqueue");
    assert_true(s->optional);
    // Without one of our own, too, when we live in a user namespace: somebody outside owns it.
    host.permitted = ~0ULL;
    check_keeps(plan(MOUNTS(MQ)), "mqueue");
    host.in_initial_userns = false;
    check_loses(plan(MOUNTS(MQ)), "mqueue.outer /mounts/1 namespace-shared");
    use_place();
    check_keeps(plan(MOUNTS(MQ)), "mqueue");
}

// ---------------------------------------------------------------- paths

static void readonly_and_masked_paths(void **state) {
    (void)state;
#define PATHS ",'readonlyPaths':['/proc/sys','/etc'],'maskedPaths':['/proc/kcore','/sys/firmware']"
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(PATHS) ",'mounts':[" PROC "," SYS "," DEV "]"));
    // /proc is read-only as a whole (CH-28: no second mount on it).
    assert_string_equal(only(&p->child, STEP_READONLY_PATH)->text, "/etc");
    assert_string_equal(only(&p->child, STEP_READONLY_PATH)->origin, "/linux/readonlyPaths/1");
    assert_int_equal(count(&p->child, STEP_MASK), 2);
    check_order(&p->child, STEP_READONLY_TREE, STEP_MASK);
    // Not borrowed: it may be anything.
    p = plan(CONFIG(PROCESS("") LINUX(PATHS) ",'mounts':[" DEV "]"));
    assert_int_equal(count(&p->child, STEP_READONLY_PATH), 2);
}

static void propagation_of_the_root(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX("")));
    assert_int_equal(only(&p->child, STEP_PROPAGATION)->flags, 0); // slaves, as in full isolation
    p = plan(CONFIG(PROCESS("") LINUX(",'rootfsPropagation':'slave'")));
    check_keeps(p, "root.propagation");
    assert_int_equal(only(&p->child, STEP_PROPAGATION)->flags & ~MS_REC, MS_SLAVE);
    static const char *const refused[] = { "shared", "unbindable" };
    for (size_t i = 0; i < 2; i++) {
        p = plan(arena_printf(&arena, CONFIG(PROCESS("") LINUX(",'rootfsPropagation':'%s'")), refused[i]));
        check_loses(p, "!root.propagation /linux/rootfsPropagation isolation");
        assert_int_equal(only(&p->child, STEP_PROPAGATION)->flags & ~MS_REC, MS_PRIVATE);
    }
}

static void readonly_root_comes_last(void **state) {
    (void)state;
    struct plan *p =
        plan("{'ociVersion':'1.3.0','root':{'path':'rootfs','readonly':true}" PROCESS("") LINUX("") "}");
    check_order(&p->child, STEP_PIVOT_ROOT, STEP_READONLY_ROOT);
    check_order(&p->child, STEP_READONLY_ROOT, STEP_FIND_EXECUTABLE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_chroot, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(proc_and_sys_are_borrowed),
        TEST(who_can_trace_is_told),
        TEST(cgroup_mounts_are_skipped),
        TEST(other_types_are_refused),
        TEST(binds),
        TEST(remounts_of_what_is_borrowed),
        TEST(dev_of_the_config),
        TEST(dev_is_added),
        TEST(the_outer_dev),
        TEST(devpts_has_a_group_that_exists),
        TEST(queues_of_a_shared_ipc_namespace),
        TEST(readonly_and_masked_paths),
        TEST(propagation_of_the_root),
        TEST(readonly_root_comes_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
