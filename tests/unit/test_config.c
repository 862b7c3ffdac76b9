// SPDX-License-Identifier: Apache-2.0
// What config_parse accepts, and where it puts it. Quotes are ' in the configurations.
#include "config.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/unit/config_test.h"

static void test_smallest(void **state) {
    (void)state;
    struct spec *s = parse_good(CONFIG(""));
    assert_string_equal(s->oci_version, "1.3.0");
    assert_string_equal(s->root.path, "rootfs");
    assert_false(s->root.readonly);
    assert_null(s->process);
    assert_int_equal(s->n_mounts, 0);
    assert_null(s->linux_.resources);
    assert_null(s->linux_.seccomp);
    for (int i = 0; i < N_NAMESPACES; i++)
        assert_false(s->linux_.namespaces[i].present);
}

static void test_versions(void **state) {
    (void)state;
    static const char *const versions[] = {
        "1.0.0", "1.0.1", "1.0.2-dev", "1.0.0-rc5", "1.0.0-rc.1+build.7",
        "1.1.0", "1.2.1", "1.3.0",     "1.3.7",     "1.3.0+dev",
    };
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        parse_good(arena_printf(&arena, "{'ociVersion':'%s','root':{'path':'/r'}}", versions[i]));
}

static void test_unknown_members(void **state) {
    (void)state;
    struct spec *s = parse_good(
        "{'x':[{'a':[[],{},null,1.5e3,'\\u00e4\\ud83d\\ude00',true]}],'ociVersion':'1.3.0','root':{'path':'r'"
        ",'x':1},"
        "'process':{'cwd':'/','args':['a'],'x':{},'commandLine':5,'user':{'uid':1,'gid':2,'username':7},"
        "'rlimits':[{'type':'RLIMIT_CPU','soft':1,'hard':1,'x':{'type':0}}],'capabilities':{'x':1}},"
        "'mounts':[{'destination':'/x','type':'tmpfs','x':null}],'hooks':{'x':[1],'prestart':[{'path':'/"
        "a','x':1}]},"
        "'linux':{'x':1,'intelRdt':null,'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','x':1},'resources':{'x':{"
        "},"
        "'cpu':{'x':'y'}}},'windows':5,'solaris':[],'vm':{'x':1},'zos':{'namespaces':[{'type':'y'}]},'"
        "freebsd':''}");
    assert_int_equal(s->process->user.uid, 1);
    assert_int_equal(s->process->user.gid, 2);
    assert_int_equal(s->n_mounts, 1);
    assert_int_equal(s->hooks[HOOK_PRESTART].n_hooks, 1);
    // Members are case-sensitive.
    s = parse_good(CONFIG(",'Hostname':'x','HOSTNAME':1"));
    assert_null(s->hostname);
    // The same name in two objects is no duplicate.
    parse_good(CONFIG(",'a':{'b':1,'c':{'b':1}},'d':{'b':1}"));
}

static void test_null_is_absent(void **state) {
    (void)state;
    struct spec *s = parse_good(
        "{'ociVersion':'1.3.0','root':{'path':'r','readonly':null},'mounts':null,'hostname':null,'hooks':{'"
        "prestart':null},"
        "'annotations':null,'process':{'cwd':'/','args':['a'],'env':null,'capabilities':null,'rlimits':null,"
        "'oomScoreAdj':null,'user':null,'consoleSize':null},'linux':{'resources':{'memory':{'limit':null},'"
        "pids':null,"
        "'unified':null,'rdma':null},'namespaces':null,'seccomp':null,'maskedPaths':null,'sysctl':null,'"
        "intelRdt':null}}");
    assert_false(s->process->has_oom_score_adj);
    assert_null(s->process->capabilities);
    assert_false(s->linux_.resources->memory->has_limit);
    assert_false(s->linux_.resources->has_pids_limit);
}

static void test_process(void **state) {
    (void)state;
    struct spec_process *p =
        parse_good(
            PROCESS(",'terminal':true,'consoleSize':{'height':25,'width':80},'env':['A=1','B','','C=a=b'],"
                    "'user':{'uid':4294967294,'gid':5,'umask':63,'additionalGids':[7,4294967294]},"
                    "'capabilities':{'bounding':['CAP_CHOWN','CAP_CHECKPOINT_RESTORE'],'effective':['CAP_"
                    "KILL','CAP_KILL'],"
                    "'ambient':[]},'rlimits':[{'type':'RLIMIT_NOFILE','soft':10,'hard':18446744073709551615},"
                    "{'hard':5,'soft':5,'type':'RLIMIT_RTTIME'}],'noNewPrivileges':true,'oomScoreAdj':-1000,"
                    "'apparmorProfile':'p','selinuxLabel':''"))
            ->process;
    assert_true(p->terminal && p->has_console_size);
    assert_int_equal(p->console_height, 25);
    assert_int_equal(p->console_width, 80);
    assert_int_equal(p->n_env, 4);
    assert_string_equal(p->env[3], "C=a=b");
    assert_int_equal(p->n_args, 1);
    assert_string_equal(p->args[0], "sh");
    assert_string_equal(p->cwd, "/");
    assert_int_equal(p->user.uid, 4294967294U);
    assert_int_equal(p->user.gid, 5);
    assert_true(p->user.has_umask);
    assert_int_equal(p->user.umask, 077);
    assert_int_equal(p->user.n_additional_gids, 2);
    assert_int_equal(p->user.additional_gids[1], 4294967294U);
    assert_int_equal(p->capabilities->bounding, 1ULL << 40 | 1);
    assert_int_equal(p->capabilities->effective, 1 << 5);
    assert_int_equal(p->capabilities->ambient, 0);
    assert_int_equal(p->n_rlimits, 2);
    assert_int_equal(p->rlimits[0].resource, RLIMIT_NOFILE);
    assert_int_equal(p->rlimits[0].soft, 10);
    assert_true(p->rlimits[0].hard == UINT64_MAX);
    assert_int_equal(p->rlimits[1].resource, RLIMIT_RTTIME);
    assert_true(p->no_new_privileges && p->has_oom_score_adj);
    assert_int_equal(p->oom_score_adj, -1000);
    assert_string_equal(p->apparmor_profile, "p");
    assert_null(p->selinux_label);
    assert_string_equal(warnings, "");
}

static void test_process_defaults(void **state) {
    (void)state;
    struct spec_process *p = parse_good(PROCESS(",'consoleSize':{'height':99999,'width':1}"))->process;
    assert_false(p->terminal || p->has_console_size || p->no_new_privileges || p->has_oom_score_adj);
    assert_false(p->user.has_umask);
    assert_int_equal(p->user.uid, 0);
    assert_null(p->capabilities);
    // An empty name is a matter of finding the program, later.
    parse_good(CONFIG(",'process':{'cwd':'/','args':['']}"));
    p = parse_good(PROCESS(",'execCPUAffinity':{'initial':'','final':''},'oomScoreAdj':0"))->process;
    assert_true(p->has_oom_score_adj);
}

static void test_rlimit_names(void **state) {
    (void)state;
    static const char *const names[] = { "AS",      "CORE",     "CPU",        "DATA",   "FSIZE", "LOCKS",
                                         "MEMLOCK", "MSGQUEUE", "NICE",       "NOFILE", "NPROC", "RSS",
                                         "RTPRIO",  "RTTIME",   "SIGPENDING", "STACK" };
    unsigned seen = 0;
    for (size_t i = 0; i < 16; i++)
        seen |= 1U << parse_good(arena_printf(&arena,
                                              PROCESS(",'rlimits':[{'type':'RLIMIT_%s','soft':0,'hard':0}]"),
                                              names[i]))
                          ->process->rlimits->resource;
    assert_int_equal(seen, 0xffff);
}

static void test_unknown_capability_is_a_warning(void **state) {
    (void)state;
    struct spec *s =
        parse_good(PROCESS(",'capabilities':{'bounding':['CAP_TEST','CAP_KILL','cap_chown','CAP_ALL\\n']}"));
    assert_int_equal(s->process->capabilities->bounding, 1 << 5 | 1);
    assert_string_equal(
        warnings, "/process/capabilities/bounding/0: \"CAP_TEST\" is unknown here and is left out\n"
                  "/process/capabilities/bounding/3: \"CAP_ALL\\x0a\" is unknown here and is left out\n");
}

static void test_hooks(void **state) {
    (void)state;
    struct spec *s = parse_good(CONFIG(
        ",'hooks':{'prestart':[{'path':'/a','args':['x','y'],'env':['A=1'],'timeout':5},{'path':'/"
        "b','env':[]}],"
        "'createRuntime':[{'path':'/c'}],'createContainer':[{'path':'/d'}],'startContainer':[{'path':'/e'}],"
        "'poststart':[{'path':'/f'}],'poststop':[{'path':'/g'}]}"));
    assert_int_equal(s->hooks[HOOK_PRESTART].n_hooks, 2);
    const struct spec_hook *h = s->hooks[HOOK_PRESTART].hooks;
    assert_string_equal(h[0].args[1], "y");
    assert_int_equal(h[0].timeout, 5);
    assert_true(h[0].has_env);
    assert_true(h[1].has_env && h[1].n_env == 0);
    assert_int_equal(h[1].timeout, 0);
    static const char paths[] = "acdefg";
    for (int i = 0; i < N_HOOK_KINDS; i++) {
        assert_int_equal(s->hooks[i].hooks->path[1], paths[i]);
        assert_false(i && s->hooks[i].hooks->has_env);
    }
}

static void test_namespaces(void **state) {
    (void)state;
    struct spec_linux *l =
        &parse_good(LINUX("'namespaces':[{'type':'pid'},{'type':'network','path':'/"
                          "n'},{'type':'mount','path':''},{'type':'ipc'},"
                          "{'type':'uts'},{'type':'user'},{'type':'cgroup'},{'type':'time'}],"
                          "'uidMappings':[{'containerID':0,'hostID':1000,'size':5},{'containerID':5,'hostID':"
                          "2000,'size':4294960000}],"
                          "'gidMappings':[{'containerID':0,'hostID':0,'size':4294967295}],"
                          "'timeOffsets':{'monotonic':{'secs':-5,'nanosecs':999999999},'boottime':{}},'"
                          "rootfsPropagation':'rslave'"))
             ->linux_;
    for (int i = 0; i < N_NAMESPACES; i++) {
        assert_true(l->namespaces[i].present);
        assert_int_equal(l->namespaces[i].index, i);
        assert_string_equal(
            config_namespace_names[i],
            ((const char *[]){ "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time" })[i]);
    }
    assert_string_equal(l->namespaces[NS_NETWORK].path, "/n");
    assert_null(l->namespaces[NS_MOUNT].path);
    assert_int_equal(l->n_uid_mappings, 2);
    assert_int_equal(l->uid_mappings[1].size, 4294960000U);
    assert_true(l->monotonic.present && l->boottime.present);
    assert_int_equal(l->monotonic.secs, -5);
    assert_int_equal(l->monotonic.nanosecs, 999999999);
    assert_int_equal(l->boottime.secs, 0);
    assert_int_equal(l->rootfs_propagation, MS_SLAVE);
    // A user namespace that exists brings its own mappings.
    parse_good(LINUX("'namespaces':[{'type':'user','path':'/proc/1/ns/user'}]"));
    // A uts namespace that is joined counts.
    struct spec *s = parse_good(
        CONFIG(",'hostname':'h','domainname':'','linux':{'namespaces':[{'type':'uts','path':'/n'}]}"));
    assert_string_equal(s->hostname, "h");
    assert_null(s->domainname);
}

static void test_propagations(void **state) {
    (void)state;
    static const struct {
        const char *word;
        unsigned long flag;
    } rows[] = {
        { "private", MS_PRIVATE },       { "shared", MS_SHARED },          { "slave", MS_SLAVE },
        { "unbindable", MS_UNBINDABLE }, { "rprivate", MS_PRIVATE },       { "rshared", MS_SHARED },
        { "rslave", MS_SLAVE },          { "runbindable", MS_UNBINDABLE }, { "", 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(parse_good(arena_printf(&arena, LINUX("'rootfsPropagation':'%s'"), rows[i].word))
                             ->linux_.rootfs_propagation,
                         rows[i].flag);
}

static void test_devices(void **state) {
    (void)state;
    struct spec_linux *l =
        &parse_good(LINUX("'devices':[{'type':'c','path':'/dev/"
                          "fuse','major':10,'minor':229,'fileMode':438,'uid':1,'gid':2},"
                          "{'type':'u','path':'/dev/..x','major':4095,'minor':1048575},{'type':'p','path':'/"
                          "p','major':8,'minor':666},"
                          "{'type':'p','path':'/q','fileMode':4534},{'type':'b','path':'/"
                          "b','major':0,'minor':0,'fileMode':25008}],"
                          "'resources':{'devices':[{'allow':false},{'allow':true,'type':'c','major':-1,'"
                          "minor':3,'access':'wm'},"
                          "{'allow':true,'type':'','access':''}]}"))
             ->linux_;
    assert_int_equal(l->n_devices, 5);
    assert_int_equal(l->devices[0].type, 'c');
    assert_int_equal(l->devices[0].minor, 229);
    assert_int_equal(l->devices[0].file_mode, 0666);
    assert_int_equal(l->devices[0].gid, 2);
    assert_int_equal(l->devices[1].type, 'c');
    assert_false(l->devices[1].has_file_mode);
    // Numbers mean nothing for a fifo.
    assert_int_equal(l->devices[2].major, 0);
    assert_int_equal(l->devices[2].minor, 0);
    // st_mode as it is.
    assert_int_equal(l->devices[3].file_mode, 0666);
    assert_int_equal(l->devices[4].file_mode, 0660);
    const struct spec_device_cgroup *d = l->resources->devices;
    assert_int_equal(l->resources->n_devices, 3);
    assert_int_equal(d[0].type, 'a');
    assert_int_equal(d[0].major, -1);
    assert_string_equal(d[0].access, "rwm");
    assert_int_equal(d[1].type, 'c');
    assert_int_equal(d[1].major, -1);
    assert_int_equal(d[1].minor, 3);
    assert_string_equal(d[1].access, "wm");
    assert_int_equal(d[2].type, 'a');
    assert_true(d[2].allow && !d[0].allow);
}

static void test_resources(void **state) {
    (void)state;
    struct spec_resources *r =
        parse_good(
            LINUX("'cgroupsPath':'a.slice:nook:x','resources':{'memory':{'limit':67108864,'reservation':-1,'"
                  "swap':134217728,'kernel':-1,'kernelTCP':4096,'swappiness':60,'disableOOMKiller':true,'"
                  "useHierarchy':true,'checkBeforeUpdate':true},"
                  "'cpu':{'shares':512,'quota':-1,'period':100000,'burst':5,'idle':1,'cpus':'0-3, "
                  "7','mems':'0'},"
                  "'pids':{'limit':0},'hugepageLimits':[{'pageSize':'64KB','limit':18446744073709551615}]}"))
            ->linux_.resources;
    assert_true(r->memory->has_limit && r->memory->has_reservation && r->memory->has_swap);
    assert_int_equal(r->memory->limit, 67108864);
    assert_int_equal(r->memory->reservation, -1);
    assert_int_equal(r->memory->swap, 134217728);
    assert_int_equal(r->memory->kernel, -1);
    assert_int_equal(r->memory->kernel_tcp, 4096);
    assert_true(r->memory->has_swappiness && r->memory->swappiness == 60);
    assert_true(r->memory->disable_oom_killer && r->memory->use_hierarchy && r->memory->check_before_update);
    assert_true(r->cpu->has_shares && r->cpu->has_quota && r->cpu->has_period && r->cpu->has_burst &&
                r->cpu->has_idle);
    assert_int_equal(r->cpu->quota, -1);
    assert_string_equal(r->cpu->cpus, "0-3, 7");
    assert_true(r->has_pids_limit && r->pids_limit == 0);
    assert_string_equal(r->hugepage_limits->page_size, "64KB");
    assert_true(r->hugepage_limits->limit == UINT64_MAX);
}

// What engines send for "nothing".
static void test_nothing(void **state) {
    (void)state;
    struct spec *s = parse_good(LINUX(
        "'cgroupsPath':'','mountLabel':'','netDevices':{},'personality':{'domain':'LINUX','flags':[]},'"
        "timeOffsets':{},'sysctl':{},"
        "'resources':{'memory':{'limit':0,'reservation':0,'swap':0,'kernel':0,'kernelTCP':-1,'"
        "disableOOMKiller':false,"
        "'useHierarchy':false,'checkBeforeUpdate':false},'cpu':{'shares':0,'quota':0,'period':0,'"
        "realtimeRuntime':0,"
        "'realtimePeriod':0,'cpus':'','mems':''},'blockIO':{'weight':0,'weightDevice':[],'"
        "throttleReadBpsDevice':[]},"
        "'network':{'priorities':[]},'rdma':{},'unified':{},'hugepageLimits':[],'devices':[],'pids':{}}"));
    const struct spec_resources *r = s->linux_.resources;
    assert_false(r->memory->has_limit || r->memory->has_reservation || r->memory->has_swap);
    assert_false(r->cpu->has_shares || r->cpu->has_quota || r->cpu->has_period);
    assert_null(r->cpu->cpus);
    assert_false(r->has_pids_limit);
    assert_null(s->linux_.cgroups_path);
    parse_good(LINUX("'resources':{}"));
    parse_good(LINUX("'resources':{'memory':{},'cpu':{},'blockIO':{},'network':{}}"));
}

static void test_sysctl(void **state) {
    (void)state;
    static const struct {
        const char *key, *path;
    } rows[] = {
        { "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
        { "net/ipv4/ip_forward", "net/ipv4/ip_forward" },
        { "net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding" },
        { "net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding" },
        { "kernel.shm_rmid_forced", "kernel/shm_rmid_forced" },
        { "kernel.sem", "kernel/sem" },
        { "fs.mqueue.msg_max", "fs/mqueue/msg_max" },
        { "kernel.domainname", "kernel/domainname" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spec_linux *l =
            &parse_good(
                 arena_printf(
                     &arena,
                     LINUX("'namespaces':[{'type':'ipc'},{'type':'network','path':'/n'},{'type':'uts'}],"
                           "'sysctl':{'%s':'1 2'}"),
                     rows[i].key))
                 ->linux_;
        assert_string_equal(l->sysctl[0].key, rows[i].key);
        assert_string_equal(l->sysctl[0].value, "1 2");
        assert_string_equal(l->sysctl_paths[0], rows[i].path);
    }
}

static void test_seccomp(void **state) {
    (void)state;
    struct spec_seccomp *s =
        parse_good(
            LINUX(
                "'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,'listenerPath':'/ignored',"
                "'architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_RISCV64'],'flags':['SECCOMP_FILTER_FLAG_LOG']"
                ","
                "'syscalls':[{'names':['a','b'],'action':'SCMP_ACT_ALLOW','args':[]},{'names':['c'],'action':"
                "'SCMP_ACT_TRACE',"
                "'errnoRet':65535,'args':[{'index':5,'value':18446744073709551615,'valueTwo':7,'op':'SCMP_"
                "CMP_MASKED_EQ'}]}]}"))
            ->linux_.seccomp;
    assert_string_equal(s->default_action, "SCMP_ACT_ERRNO");
    assert_true(s->has_default_errno_ret && s->default_errno_ret == 38);
    assert_int_equal(s->n_architectures, 2);
    assert_string_equal(s->flags[0], "SECCOMP_FILTER_FLAG_LOG");
    assert_int_equal(s->n_syscalls, 2);
    assert_string_equal(s->syscalls[0].names[1], "b");
    assert_false(s->syscalls[0].has_errno_ret);
    assert_int_equal(s->syscalls[1].errno_ret, 65535);
    assert_int_equal(s->syscalls[1].args->index, 5);
    assert_true(s->syscalls[1].args->value == UINT64_MAX);
    assert_int_equal(s->syscalls[1].args->value_two, 7);
    assert_string_equal(s->syscalls[1].args->op, "SCMP_CMP_MASKED_EQ");
}

static void test_strings(void **state) {
    (void)state;
    struct spec *s =
        parse_good(CONFIG(",'annotations':{'a\\/b':'','\xc3\xa4':'\\u00e4\\ud83d\\ude00\\t\\\\\\/'}"));
    assert_int_equal(s->n_annotations, 2);
    assert_string_equal(s->annotations[0].key, "a/b");
    assert_string_equal(s->annotations[0].value, "");
    assert_string_equal(s->annotations[1].key, "\xc3\xa4");
    assert_string_equal(s->annotations[1].value, "\xc3\xa4\xf0\x9f\x98\x80\t\\/");
    // Long lists move while they grow.
    const char *env = "";
    for (int i = 0; i < 100; i++)
        env = arena_printf(&arena, "%s%s'V%d=%d'", env, i ? "," : "", i, i);
    struct spec_process *p = parse_good(arena_printf(&arena, PROCESS(",'env':[%s]"), env))->process;
    assert_int_equal(p->n_env, 100);
    for (int i = 0; i < 100; i++)
        assert_string_equal(p->env[i], arena_printf(&arena, "V%d=%d", i, i));
    // Many unknown names: the set of names grows.
    const char *many = "";
    for (int i = 0; i < 300; i++)
        many = arena_printf(&arena, "%s,'k%d':{'a':1,'b':2}", many, i);
    parse_good(arena_printf(&arena, CONFIG("%s"), many));
    assert_null(parse(arena_printf(&arena, CONFIG("%s,'k5':1"), many)));
    assert_string_equal(error.origin, "/k5");
}

static void test_process_file(void **state) {
    (void)state;
    const char *text = with_quotes("{'cwd':'/','args':['sh'],'user':{'uid':1,'gid':1},'terminal':true}");
    struct spec_process *p = config_parse_process(text, strlen(text), &arena, &error);
    assert_non_null(p);
    assert_int_equal(p->user.uid, 1);
    static const struct {
        const char *text, *origin, *code;
    } bad[] = {
        { "{'cwd':'x','args':['sh']}", "/cwd", "config.invalid" },
        { "{'cwd':'/','args':[]}", "/args", "config.invalid" },
        { "{'args':['sh']}", "", "config.invalid" },
        { "{'cwd':'/','args':['sh'],'rlimits':[{'type':'RLIMIT_CPU','soft':2,'hard':1}]}", "/rlimits/0/soft",
          "config.invalid" },
        { "{'cwd':'/','args':['sh'],'scheduler':{'policy':'SCHED_RR'}}", "/scheduler", "config.unsupported" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text = with_quotes(bad[i].text);
        assert_null(config_parse_process(text, strlen(text), &arena, &error));
        assert_string_equal(error.origin, bad[i].origin);
        assert_string_equal(error.code, bad[i].code);
        assert_memory_equal(error.msg, "process file: ", 14);
    }
}

static void test_user(void **state) {
    (void)state;
    uint32_t uid = 99, gid = 99;
    bool has_gid = false;
    assert_int_equal(config_parse_user("1", &uid, &gid, &has_gid, &error), 0);
    assert_true(uid == 1 && !has_gid);
    assert_int_equal(config_parse_user("4294967294:0", &uid, &gid, &has_gid, &error), 0);
    assert_true(uid == 4294967294U && gid == 0 && has_gid);
    static const char *const bad[] = { "",
                                       ":",
                                       "1:",
                                       ":1",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "1x",
                                       "x",
                                       "1:2:3",
                                       "1:-1",
                                       "root",
                                       "0x1",
                                       "1:x",
                                       "4294967295",
                                       "4294967296",
                                       "1:4294967295",
                                       "99999999999999999999",
                                       "00000000000000000001" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = (struct error){ 0 };
        assert_int_equal(config_parse_user(bad[i], &uid, &gid, &has_gid, &error), -1);
        assert_string_equal(error.code, "user.invalid");
        assert_non_null(strstr(error.msg, bad[i]));
    }
}

static void test_id(void **state) {
    (void)state;
    char long_id[300];
    memset(long_id, 'a', sizeof(long_id));
    long_id[255] = '\0';
    static const char *const good[] = { "a", "A-b_c+d.e", "0", "-", "+", "_", "a..b" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(config_check_id(good[i], &error), 0);
    assert_int_equal(config_check_id(long_id, &error), 0);
    static const char *const bad[] = { "",     ".",        "..",       "../x", "a/b", "a b",
                                       "a\nb", "\xc3\xa4", ".seccomp", "a:b",  "a\\b" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(config_check_id(bad[i], &error), -1);
        assert_string_equal(error.code, "id.invalid");
        assert_null(strchr(error.msg, '\n'));
    }
    long_id[255] = 'a';
    long_id[256] = '\0';
    assert_int_equal(config_check_id(long_id, &error), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_smallest, free_arena),
        cmocka_unit_test_teardown(test_versions, free_arena),
        cmocka_unit_test_teardown(test_unknown_members, free_arena),
        cmocka_unit_test_teardown(test_null_is_absent, free_arena),
        cmocka_unit_test_teardown(test_process, free_arena),
        cmocka_unit_test_teardown(test_process_defaults, free_arena),
        cmocka_unit_test_teardown(test_rlimit_names, free_arena),
        cmocka_unit_test_teardown(test_unknown_capability_is_a_warning, free_arena),
        cmocka_unit_test_teardown(test_hooks, free_arena),
        cmocka_unit_test_teardown(test_namespaces, free_arena),
        cmocka_unit_test_teardown(test_propagations, free_arena),
        cmocka_unit_test_teardown(test_devices, free_arena),
        cmocka_unit_test_teardown(test_resources, free_arena),
        cmocka_unit_test_teardown(test_nothing, free_arena),
        cmocka_unit_test_teardown(test_sysctl, free_arena),
        cmocka_unit_test_teardown(test_seccomp, free_arena),
        cmocka_unit_test_teardown(test_strings, free_arena),
        cmocka_unit_test_teardown(test_process_file, free_arena),
        cmocka_unit_test_teardown(test_user, free_arena),
        cmocka_unit_test_teardown(test_id, free_arena),
    };
    return cmocka_run_group_tests_name("config: what is accepted", tests, NULL, NULL);
}
