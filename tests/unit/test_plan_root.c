// SPDX-License-Identifier: Apache-2.0
// Unit tests of the planner of containers: what is mounted, made and linked in the root; cgroup mounts on
// each kind of host; the environment; the last steps; and the plan as text and as JSON.
#include "config.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/plan_test.h"

#define MOUNTS(list) CONFIG(PROCESS("") LINUX("") ",'mounts':[" list "]")
#define DEV          "{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['nosuid','mode=755']}"
#define PROC         "{'destination':'/proc','type':'proc','source':'proc'}"

// ---------------------------------------------------------------- mounts

static void sources_are_opened_before_the_clone(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS("{'destination':'/a','source':'/host/a','options':['rbind','ro']}," DEV
                                 ",{'destination':'/b','type':'none','source':'rel','options':['bind']}"));
    assert_int_equal(count(&p->parent, STEP_OPEN_SOURCE), 2);
    check_order(&p->parent, STEP_OPEN_SOURCE, STEP_CLONE);
    const struct step *a = mount_at(p, "/a"), *b = mount_at(p, "/b"), *dev = mount_at(p, "/dev");
    assert_ptr_equal(nth(&p->parent, STEP_OPEN_SOURCE, 0)->source, &a->mount->from);
    assert_ptr_equal(nth(&p->parent, STEP_OPEN_SOURCE, 1)->source, &b->mount->from);
    assert_string_equal(nth(&p->parent, STEP_OPEN_SOURCE, 1)->origin, "/mounts/2");
    assert_int_equal(a->mount->kind, ROOTFS_MOUNT_BIND);
    assert_string_equal(a->mount->from.path, "/host/a");
    assert_true(a->mount->from.recursive);
    assert_int_equal(a->mount->from.fd, -1);
    assert_int_equal(a->mount->flags, MS_RDONLY);
    // Relative to the bundle.
    assert_string_equal(b->mount->from.path, "/b/rel");
    assert_false(b->mount->from.recursive);
    assert_false(b->optional);
    assert_int_equal(dev->mount->kind, ROOTFS_MOUNT_NEW);
    assert_string_equal(dev->mount->type, "tmpfs");
    assert_string_equal(dev->mount->data, "mode=755");
    assert_int_equal(dev->mount->flags, MS_NOSUID);
    assert_null(dev->mount->from.path);
    // In the config's order.
    assert_true(a < dev && dev < b);
}

#define TWO_BINDS                                                      \
    ",'mounts':[{'destination':'/a','source':'a','options':['bind']}," \
    "{'destination':'/b','source':'b','options':['bind']}]"

// In a user namespace nothing is cloned outside of it, whatever the propagation.
static void who_clones_sources(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool root, binds;
    } cases[] = {
        { CONFIG(PROCESS("") LINUX("") TWO_BINDS), false, true },
        { CONFIG(PROCESS("") LINUX(",'rootfsPropagation':'shared'") TWO_BINDS), false, false },
        { CONFIG(PROCESS("") ",'linux':{" USER_NAMESPACE "}" TWO_BINDS), true, true },
        { CONFIG(PROCESS("") ",'linux':{" USER_NAMESPACE ",'rootfsPropagation':'shared'}" TWO_BINDS), true,
          true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plan *p = plan(cases[i].text);
        assert_int_equal(p->root.late, cases[i].root);
        assert_int_equal(mount_at(p, "/a")->mount->from.late, cases[i].binds);
        assert_int_equal(mount_at(p, "/b")->mount->from.late, cases[i].binds);
    }
    assert_true(device_at(plan(cases[2].text), "/dev/null")->from.late);
}

static void sources_by_number(void **state) {
    (void)state;
    const char *origin = NULL;
    struct plan *p = plan(CONFIG(PROCESS("") ",'linux':{" USER_NAMESPACE "}" TWO_BINDS));
    const struct plan_devices *devices = only(&p->parent, STEP_OPEN_DEVICES)->devices;
    assert_ptr_equal(plan_source(p, 0, &origin), &p->root);
    assert_string_equal(origin, "/root/path");
    assert_ptr_equal(plan_source(p, 2, &origin), &mount_at(p, "/b")->mount->from);
    assert_string_equal(origin, "/mounts/1");
    assert_ptr_equal(plan_source(p, 2 + devices->n, &origin), &devices->list[devices->n - 1].from);
    assert_string_equal(origin, devices->origins[devices->n - 1]);
    assert_null(plan_source(p, 3 + devices->n, &origin));
}

static void remounts_and_propagation(void **state) {
    (void)state;
    struct plan *p =
        plan(MOUNTS("{'destination':'/a','type':'tmpfs','options':['rshared','ro']},"
                    "{'destination':'/b','type':'none','source':'x','options':['remount','bind','ro']}"));
    assert_int_equal(mount_at(p, "/a")->mount->n_propagation, 1);
    assert_int_equal(mount_at(p, "/a")->mount->propagation[0], MS_SHARED | MS_REC);
    assert_int_equal(mount_at(p, "/b")->mount->kind, ROOTFS_MOUNT_REMOUNT);
    assert_true(mount_at(p, "/b")->mount->remount_bind);
    assert_int_equal(count(&p->parent, STEP_OPEN_SOURCE), 0);
}

static void readonly_dev_is_filled_first(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS("{'destination':'/dev','type':'tmpfs','options':['ro']}"));
    assert_int_equal(mount_at(p, "/dev")->mount->flags & MS_RDONLY, 0);
    assert_string_equal(only(&p->child, STEP_READONLY_MOUNT)->text, "/dev");
    assert_string_equal(only(&p->child, STEP_READONLY_MOUNT)->origin, "/mounts/0");
    check_order(&p->child, STEP_LINK, STEP_READONLY_MOUNT);
}

static void notify_socket(void **state) {
    (void)state;
    request.notify_directory = "/run/nook/c1/notify";
    struct plan *p = plan(MOUNTS(DEV));
    const struct rootfs_mount *m = mount_at(p, "/run/notify")->mount;
    assert_string_equal(m->from.path, "/run/nook/c1/notify");
    assert_int_equal(m->flags, MS_NOSUID | MS_NODEV | MS_NOEXEC);
    check_order(&p->parent, STEP_CLAIM_ID, STEP_OPEN_SOURCE); // it lies in the state directory
    assert_true(has_variable(p, "NOTIFY_SOCKET=/run/notify/notify.sock"));
}

// ---------------------------------------------------------------- cgroup mounts

#define CGROUP_MOUNT \
    "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup','options':['nosuid','ro']}"

static void cgroup_mount_v1(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS(CGROUP_MOUNT));
    const struct step *top = mount_at(p, "/sys/fs/cgroup");
    assert_string_equal(top->mount->type, "tmpfs");
    assert_int_equal(top->mount->flags, MS_NOSUID);
    const struct step *memory = mount_at(p, "/sys/fs/cgroup/memory");
    assert_int_equal(memory->mount->kind, ROOTFS_MOUNT_BIND);
    assert_string_equal(memory->mount->from.path, "/sys/fs/cgroup/memory/nook-c1");
    assert_int_equal(memory->mount->flags, MS_NOSUID | MS_RDONLY);
    assert_true(memory->optional); // a cgroup that could not be made takes its mount with it
    assert_non_null(mount_at(p, "/sys/fs/cgroup/systemd"));
    assert_non_null(mount_at(p, "/sys/fs/cgroup/cpu,cpuacct"));
    assert_int_equal(count(&p->child, STEP_MOUNT), 6);
    assert_int_equal(count(&p->parent, STEP_OPEN_SOURCE), 5);
    // What is bound is made first.
    check_order(&p->parent, STEP_CGROUP_MAKE, STEP_OPEN_SOURCE);
    // Controllers that share a hierarchy are found under their own names, too.
    const struct step *cpu = nth(&p->child, STEP_LINK, 0), *cpuacct = nth(&p->child, STEP_LINK, 1);
    assert_string_equal(cpu->link.path, "/sys/fs/cgroup/cpu");
    assert_string_equal(cpu->link.text, "cpu,cpuacct");
    assert_string_equal(cpuacct->link.path, "/sys/fs/cgroup/cpuacct");
    // The tmpfs is closed when all is in.
    const struct step *closed = only(&p->child, STEP_READONLY_MOUNT);
    assert_string_equal(closed->text, "/sys/fs/cgroup");
    assert_true(closed > cpuacct && closed > mount_at(p, "/sys/fs/cgroup/pids"));
}

static void cgroup_mount_hybrid(void **state) {
    (void)state;
    use_host(HOST_CGROUP_HYBRID);
    struct plan *p = plan(MOUNTS(CGROUP_MOUNT));
    assert_string_equal(mount_at(p, "/sys/fs/cgroup/unified")->mount->from.path,
                        "/sys/fs/cgroup/unified/nook-c1");
    assert_int_equal(count(&p->child, STEP_MOUNT), 7);
}

static void cgroup_mount_v2(void **state) {
    (void)state;
    use_host(HOST_CGROUP_V2);
    struct plan *p = plan(MOUNTS(CGROUP_MOUNT));
    const struct rootfs_mount *m = only(&p->child, STEP_MOUNT)->mount;
    assert_string_equal(m->type, "cgroup2");
    assert_int_equal(m->flags, MS_NOSUID | MS_RDONLY);
    assert_null(m->data);
    assert_int_equal(count(&p->child, STEP_READONLY_MOUNT), 0);
    assert_int_equal(count(&p->parent, STEP_OPEN_SOURCE), 0);
}

// Without a cgroup namespace a user namespace may not mount it: the host's is bound.
static void cgroup_mount_v2_userns(void **state) {
    (void)state;
    use_host(HOST_CGROUP_V2);
#define IN_USERNS(MORE)                                                                                  \
    CONFIG(PROCESS("") ",'mounts':[" CGROUP_MOUNT "],'linux':{'namespaces':[{'type':'mount'},"           \
                       "{'type':'user'}" MORE "],'uidMappings':[{'containerID':0,'hostID':9,'size':9}]," \
                       "'gidMappings':[{'containerID':0,'hostID':9,'size':9}]}")
    const struct rootfs_mount *m = only(&plan(IN_USERNS(""))->child, STEP_MOUNT)->mount;
    assert_int_equal(m->kind, ROOTFS_MOUNT_BIND);
    assert_string_equal(m->from.path, "/sys/fs/cgroup");
    assert_int_equal(m->flags, MS_NOSUID | MS_RDONLY);
    assert_string_equal(only(&plan(IN_USERNS(",{'type':'cgroup'}"))->child, STEP_MOUNT)->mount->type,
                        "cgroup2");
}

static void cgroup_mount_without_cgroups(void **state) {
    (void)state;
    request.no_cgroup = true;
    struct plan *p = plan(MOUNTS(CGROUP_MOUNT));
    assert_int_equal(count(&p->child, STEP_MOUNT), 1);
    assert_string_equal(mount_at(p, "/sys/fs/cgroup")->mount->type, "tmpfs");
}

// ---------------------------------------------------------------- devices and links

static void default_devices_and_links(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS(PROC "," DEV));
    const struct step *s = only(&p->child, STEP_DEVICES);
    assert_int_equal(s->devices->n, 6);
    assert_string_equal(s->devices->origins[0], "default:/dev/null");
    const struct rootfs_device *full = device_at(p, "/dev/full");
    assert_int_equal(full->type, 'c');
    assert_int_equal(full->major, 1);
    assert_int_equal(full->minor, 7);
    assert_int_equal(full->mode, 0666);
    assert_null(full->from.path);
    const struct step *ptmx = link_at(p, "/dev/ptmx"), *out = link_at(p, "/dev/stdout");
    assert_string_equal(ptmx->link.text, "pts/ptmx");
    assert_true(ptmx->link.replace); // an image's own would lead out of the container's devpts
    assert_string_equal(out->link.text, "/proc/self/fd/1");
    assert_string_equal(out->origin, "default:/dev/stdout");
    assert_false(out->link.replace);
    assert_non_null(link_at(p, "/dev/fd"));
    assert_non_null(link_at(p, "/dev/stdin"));
    assert_non_null(link_at(p, "/dev/stderr"));
}

static void links_into_proc_need_it(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS(DEV));
    assert_string_equal(only(&p->child, STEP_LINK)->link.path, "/dev/ptmx");
    p = plan(MOUNTS("{'destination':'/proc/','type':'proc'}," DEV));
    assert_non_null(link_at(p, "/dev/fd"));
}

// The host's own nodes are neither made again nor replaced.
static void bound_dev_stays_as_it_is(void **state) {
    (void)state;
    struct plan *p = plan(MOUNTS(PROC ",{'destination':'/dev','source':'/dev','options':['rbind']}"));
    assert_int_equal(count(&p->child, STEP_DEVICES), 0);
    assert_int_equal(count(&p->child, STEP_LINK), 0);
    // However it is spelled: default devices and links would be made, and ptmx replaced, in the host's
    // directory.
    static const char *const spellings[] = { "/dev/", "//dev",     "/dev/.", "/./dev//",
                                             "dev",   "/x/../dev", "/../dev" };
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        p = plan(arena_printf(
            &arena, MOUNTS(PROC ",{'destination':'%s','source':'/dev','options':['rbind']}"), spellings[i]));
        assert_int_equal(count(&p->child, STEP_DEVICES), 0);
        assert_int_equal(count(&p->child, STEP_LINK), 0);
    }
    // What the config itself asks for is made.
    p = plan(CONFIG(PROCESS("") LINUX(
        ",'devices':[{'path':'/dev/x','type':'c','major':1,'minor':3}]") ",'mounts':[{'destination':'/"
                                                                         "dev','source':'/"
                                                                         "dev','options':['rbind']}]"));
    assert_int_equal(only(&p->child, STEP_DEVICES)->devices->n, 1);
}

static void devices_of_the_config(void **state) {
    (void)state;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(
        ",'devices':[{'path':'/dev/null','type':'c','major':1,'minor':3,'fileMode':384,'uid':5,'gid':6},"
        "{'path':'/dev/fifo','type':'p'},{'path':'/dev/sda','type':'b','major':8,'minor':0}]")));
    assert_int_equal(only(&p->child, STEP_DEVICES)->devices->n, 8); // /dev/null once
    const struct rootfs_device *null = device_at(p, "/dev/null"), *fifo = device_at(p, "/dev/fifo");
    assert_int_equal(null->mode, 0600);
    assert_int_equal(null->uid, 5);
    assert_int_equal(null->gid, 6);
    assert_int_equal(fifo->type, 'p');
    assert_int_equal(fifo->mode, 0666);
    assert_int_equal(device_at(p, "/dev/sda")->type, 'b');
    assert_int_equal(device_at(p, "/dev/sda")->major, 8);
}

static void without_mknod_devices_are_bound(void **state) {
    (void)state;
    host.permitted &= ~(1ULL << CAP_MKNOD);
    host.euid = 1000;
    struct plan *p = plan(CONFIG(PROCESS("") LINUX(",'devices':[{'path':'/dev/fifo','type':'p'}]")));
    assert_true(p->bind_devices);
    check_order(&p->parent, STEP_OPEN_DEVICES, STEP_CLONE);
    assert_ptr_equal(only(&p->parent, STEP_OPEN_DEVICES)->devices, only(&p->child, STEP_DEVICES)->devices);
    assert_string_equal(device_at(p, "/dev/null")->from.path, "/dev/null");
    assert_null(device_at(p, "/dev/fifo")->from.path); // a fifo needs no capability
}

// ---------------------------------------------------------------- environment

#define ENV(list) CONFIG(PROCESS(",'env':[" list "]") LINUX(""))

static void environment(void **state) {
    (void)state;
    struct plan *p = plan(ENV("'A=1','HOME=/h','B=2'"));
    assert_int_equal(p->n_env, 3);
    assert_string_equal(p->env[0], "A=1");
    assert_null(p->env[3]);
    assert_true(p->env_has_home);
    assert_false(has_variable(p, "LISTEN_PID=1"));
    // An empty HOME is none; init finds the right one in /etc/passwd, and has room for it.
    p = plan(ENV("'HOME=','HOMER=x'"));
    assert_false(p->env_has_home);
    assert_int_equal(p->n_env, 1);
    assert_null(p->env[1]);
    assert_null(p->env[2]);
}

static void socket_activation(void **state) {
    (void)state;
    request.listen_fds = 2;
    struct plan *p = plan(ENV("'A=1'"));
    assert_true(has_variable(p, "LISTEN_FDS=2"));
    assert_true(has_variable(p, "LISTEN_PID=1"));
    assert_int_equal(p->n_env, 3);
    p = plan(ENV("'LISTEN_FDS=9'"));
    assert_true(has_variable(p, "LISTEN_FDS=9"));
    assert_false(has_variable(p, "LISTEN_FDS=2"));
    // The container's socket, whatever the config says.
    request.notify_directory = "/n";
    p = plan(ENV("'NOTIFY_SOCKET=/host','A=1'"));
    assert_false(has_variable(p, "NOTIFY_SOCKET=/host"));
    assert_int_equal(p->n_env, 4);
}

// execve(2) wants a NULL at the end, however many there are.
static void arguments_are_terminated(void **state) {
    (void)state;
    for (int n = 1; n < 40; n++) {
        const char *list = "'sh'";
        for (int i = 1; i < n; i++)
            list = arena_printf(&arena, "%s,'x'", list);
        struct plan *p = plan(arena_printf(&arena,
                                           "{'ociVersion':'1.3.0','root':{'path':'r'},'process':{'cwd':'/"
                                           "','args':[%s],'user':{'uid':0,'gid':0}}}",
                                           list));
        assert_int_equal(p->process->n_args, n);
        assert_string_equal(p->process->args[n - 1], n == 1 ? "sh" : "x");
        assert_null(p->process->args[n]);
    }
}

// ---------------------------------------------------------------- the last steps

#define SECCOMP ",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'}"
#define CAPS    ",'capabilities':{'bounding':['CAP_KILL']}"

static void last_steps(void **state) {
    (void)state;
    struct plan *p =
        plan(CONFIG(PROCESS(CAPS ",'rlimits':[{'type':'RLIMIT_CORE','soft':0,'hard':0}]") LINUX(SECCOMP)));
    check_order(&p->parent, STEP_SECCOMP_PROGRAM, STEP_CLONE);
    check_order(&p->final, STEP_WAIT_START, STEP_STDIO);
    check_order(&p->final, STEP_RLIMITS, STEP_USER);
    // The filter comes as late as it can: it may forbid what the other steps do.
    check_order(&p->final, STEP_USER, STEP_SECCOMP);
    check_order(&p->final, STEP_SECCOMP, STEP_EXECVE);
    // Without the right to keep CAP_SYS_ADMIN for it over a change of user, it comes before that.
    p = plan(CONFIG(PROCESS("") LINUX(SECCOMP)));
    check_order(&p->final, STEP_SECCOMP, STEP_USER);
    p = plan(CONFIG(PROCESS(",'noNewPrivileges':true") LINUX(SECCOMP)));
    check_order(&p->final, STEP_USER, STEP_SECCOMP);
    assert_int_equal(count(&plan(CONFIG(PROCESS("") LINUX("")))->parent, STEP_SECCOMP_PROGRAM), 0);
}

// ---------------------------------------------------------------- exec

static struct spec_process *process(const char *text) {
    struct spec_process *p =
        config_parse_process(config_json = with_quotes(text), strlen(text), &arena, &error);
    if (!p)
        fail_msg("refused: %s", error.msg);
    return p;
}

// Named as in a container's own config: what is said of a step does not depend on the verb.
static void check_exec_origins(const struct plan *p) {
    const struct steps *parts[] = { &p->parent, &p->child, &p->final };
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < parts[k]->n; i++) {
            const char *origin = parts[k]->list[i].origin;
            if (origin && origin[0] == '/' && !str_starts(origin, "/process/") &&
                !str_starts(origin, "/linux/"))
                fail_msg("step %s has the origin %s", step_name(parts[k]->list[i].op), origin);
        }
    assert_string_equal(only(&p->child, STEP_CWD)->origin, "/process/cwd");
    assert_string_equal(only(&p->child, STEP_FIND_EXECUTABLE)->origin, "/process/args/0");
}

static void plan_of_exec(void **state) {
    (void)state;
    struct plan_exec_request r = {
        .process = process(
            "{'cwd':'/w','args':['id'],'user':{'uid':1,'gid':1},'terminal':true,'noNewPrivileges':true,"
            "'oomScoreAdj':100}"),
        .namespaces = CLONE_NEWNS | CLONE_NEWNET,
        .in_cgroup = true,
        .keyring = "c1",
        .seccomp = true,
        .console_socket = "/s",
        .pid_file = "/p",
    };
    struct plan *p = plan_exec(&r, &arena, &error);
    assert_non_null(p);
    check_exec_origins(p);
    assert_string_equal(only(&p->child, STEP_TERMINAL)->origin, "/process/terminal");
    assert_string_equal(only(&p->parent, STEP_OOM_SCORE)->origin, "/process/oomScoreAdj");
    check_order(&p->parent, STEP_CONSOLE_SOCKET, STEP_CLONE);
    check_order(&p->parent, STEP_CLONE, STEP_PID_FILE);
    check_order(&p->parent, STEP_OOM_SCORE, STEP_CLONE);
    assert_string_equal(only(&p->parent, STEP_CONSOLE_SOCKET)->text, "/s");
    // The cgroup's files can be written from outside only.
    check_order(&p->child, STEP_CGROUP_ATTACH, STEP_JOIN_NAMESPACES);
    assert_int_equal(only(&p->child, STEP_JOIN_NAMESPACES)->flags, CLONE_NEWNS | CLONE_NEWNET);
    check_order(&p->child, STEP_JOIN_NAMESPACES, STEP_TERMINAL);
    check_order(&p->child, STEP_NEW_SESSION, STEP_TERMINAL); // the terminal becomes the session's
    check_order(&p->child, STEP_CWD, STEP_FIND_EXECUTABLE);
    check_order(&p->final, STEP_USER, STEP_SECCOMP);
    assert_int_equal(count(&p->final, STEP_WAIT_START), 0);
    assert_int_equal(count(&p->child, STEP_MOUNT), 0);
    assert_true(str_starts(plan_text(p, &arena), "The parent, outside:\n"));

    r = (struct plan_exec_request){ .process =
                                        process("{'cwd':'/','args':['id'],'user':{'uid':0,'gid':0}}") };
    p = plan_exec(&r, &arena, &error);
    assert_int_equal(count(&p->child, STEP_CGROUP_ATTACH), 0);
    assert_int_equal(count(&p->child, STEP_KEYRING), 0);
    // bare has no devpts: the outer one, while it can be seen.
    r = (struct plan_exec_request){
        .process = process("{'cwd':'/','args':['id'],'user':{'uid':0,'gid':0},'terminal':true}"),
        .chrooted = true,
        .image_dev = true,
    };
    p = plan_exec(&r, &arena, &error);
    assert_int_equal(only(&p->child, STEP_TERMINAL)->flags, PLAN_OUTER_TERMINAL);
    check_order(&p->child, STEP_NEW_SESSION, STEP_TERMINAL);
    check_order(&p->child, STEP_TERMINAL, STEP_JOIN_NAMESPACES);
    check_order(&p->child, STEP_JOIN_NAMESPACES, STEP_DROP_CHROOT);
    r.process = process("{'cwd':'/','args':['id'],'user':{'uid':0,'gid':0}}");
    r.console_socket = "/s";
    assert_null(plan_exec(&r, &arena, &error));
    assert_string_equal(error.code, "terminal.unused-socket");
}

// ---------------------------------------------------------------- for people and programs

static void as_text(void **state) {
    (void)state;
    const char *text = plan_text(
        plan(MOUNTS(PROC ",{'destination':'/a','source':'/h','options':['bind','ro','nodev']}")), &arena);
    static const char *const lines[] = {
        "The parent, outside:\n   1  claim-id ",
        "\n\nInit, inside, until the container is created:\n   1  ",
        "\n\nInit, from `start` to the program:\n   1  wait-start ",
        "open /h  [/mounts/1]\n",
        "mount a new proc at /proc  [/mounts/0]\n",
        "bind /h at /a (ro, nodev)  [/mounts/1]\n",
        "make the process, in new namespaces: pid, network, mount, ipc, uts  [/linux/namespaces]\n",
        "link /dev/ptmx -> pts/ptmx  [default:/dev/ptmx]\n",
        "execute sh  [/process/args]\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(text, lines[i]))
            fail_msg("want \"%s\" in\n%s", lines[i], text);
}

static yajl_val at(yajl_val v, const char *name) {
    const char *path[] = { name, NULL };
    return yajl_tree_get(v, path, yajl_t_any);
}

static void check_json_steps(yajl_val list, const struct steps *steps, const struct plan *p) {
    assert_true(YAJL_IS_ARRAY(list));
    assert_int_equal(list->u.array.len, steps->n);
    for (size_t i = 0; i < steps->n; i++) {
        const struct step *s = &steps->list[i];
        yajl_val v = list->u.array.values[i];
        assert_string_equal(YAJL_GET_STRING(at(v, "step")), step_name(s->op));
        assert_string_equal(YAJL_GET_STRING(at(v, "what")), step_describe(s, p, &arena));
        if (s->origin)
            assert_string_equal(YAJL_GET_STRING(at(v, "origin")), s->origin);
        else
            assert_null(at(v, "origin"));
    }
}

static void as_json(void **state) {
    (void)state;
    use_host(HOST_CGROUP_NONE);
    struct plan *p =
        plan(CONFIG(PROCESS("") LINUX("") ",'mounts':[{'destination':'/\\\"\\u00e9','type':'tmpfs'}]"));
    struct json j;
    json_init(&j, &arena, false);
    plan_json(p, &j);
    yajl_val root = yajl_tree_parse(j.text, NULL, 0);
    assert_non_null(root);
    assert_string_equal(YAJL_GET_STRING(at(root, "isolation")), "oci");
    check_json_steps(at(root, "parent"), &p->parent, p);
    check_json_steps(at(root, "child"), &p->child, p);
    check_json_steps(at(root, "final"), &p->final, p);
    assert_int_equal(at(root, "warnings")->u.array.len, 1);
    yajl_tree_free(root);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, forget)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sources_are_opened_before_the_clone),
        TEST(who_clones_sources),
        TEST(sources_by_number),
        TEST(remounts_and_propagation),
        TEST(readonly_dev_is_filled_first),
        TEST(notify_socket),
        TEST(cgroup_mount_v1),
        TEST(cgroup_mount_hybrid),
        TEST(cgroup_mount_v2),
        TEST(cgroup_mount_v2_userns),
        TEST(cgroup_mount_without_cgroups),
        TEST(default_devices_and_links),
        TEST(links_into_proc_need_it),
        TEST(bound_dev_stays_as_it_is),
        TEST(devices_of_the_config),
        TEST(without_mknod_devices_are_bound),
        TEST(environment),
        TEST(socket_activation),
        TEST(arguments_are_terminated),
        TEST(last_steps),
        TEST(plan_of_exec),
        TEST(as_text),
        TEST(as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
