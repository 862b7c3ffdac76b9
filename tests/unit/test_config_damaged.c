// SPDX-License-Identifier: Apache-2.0
// A large configuration, cut off and with bytes changed: config_parse takes it or refuses it with one proper
// error, and never does worse (meant to run under ASan and UBSan).
#include "config.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/config_test.h"

// Like what podman writes, and everything else that is known.
static const char *large_config(void) {
    const char *rules = "";
    for (int i = 0; i < 60; i++) {
        const char *names = "";
        for (int k = 0; k < 7; k++)
            names = arena_printf(&arena, "%s%s'sys_call_%d_%d'", names, k ? "," : "", i, k);
        rules = arena_printf(
            &arena,
            "%s%s{'names':[%s],'action':'SCMP_ACT_%s','errnoRet':null,'args':[{'index':%d,'value':%d,"
            "'valueTwo':18446744073709551615,'op':'SCMP_CMP_MASKED_EQ'}],'comment':'','includes':{'caps':[]}"
            "}",
            rules, i ? ",\n" : "", names, i % 3 ? "ALLOW" : "ERRNO", i % 6, i * 1000);
    }
    return with_quotes(arena_printf(
        &arena,
        "{'ociVersion':'1.0.2-dev','root':{'path':'/var/lib/"
        "x','readonly':true},'hostname':'h','domainname':'d',\n"
        "'process':{'terminal':true,'consoleSize':{'height':25,'width':80},'user':{'uid':0,'gid':0,'umask':"
        "18,"
        "'additionalGids':[1,2,3,10]},'args':['sh','-c','echo \\u00e4 \\ud83d\\ude00 "
        "\\n'],'env':['PATH=/bin','TERM=xterm'],"
        "'cwd':'/"
        "','capabilities':{'bounding':['CAP_CHOWN','CAP_X'],'effective':['CAP_KILL'],'permitted':[],'"
        "inheritable':[],"
        "'ambient':[]},'rlimits':[{'type':'RLIMIT_NOFILE','hard':1048576,'soft':1024}],'noNewPrivileges':"
        "true,"
        "'oomScoreAdj':-5,'apparmorProfile':'p','selinuxLabel':'l'},\n"
        "'mounts':[{'destination':'/"
        "proc','type':'proc','source':'proc','options':['nosuid','noexec','nodev']},"
        "{'destination':'/"
        "dev','type':'tmpfs','source':'tmpfs','options':['strictatime','mode=755','size=65536k']},"
        "{'destination':'rel','type':'bind','source':'/a','options':['rbind','rprivate','rro','size=1']}],\n"
        "'hooks':{'prestart':[{'path':'/"
        "h','args':['h','x'],'env':['A=b'],'timeout':5}],'poststop':[{'path':'/p'}]},\n"
        "'annotations':{'a/b':'c','\xc3\xa4':''},'x':{'y':[1,2.5e-3,[null,{'z':{}}]]},\n"
        "'linux':{'namespaces':[{'type':'pid'},{'type':'network','path':'/run/netns/"
        "x'},{'type':'mount'},{'type':'ipc'},"
        "{'type':'uts'},{'type':'user'},{'type':'time'}],'uidMappings':[{'containerID':0,'hostID':1000,'size'"
        ":100},"
        "{'containerID':100,'hostID':5000,'size':100}],'gidMappings':[{'containerID':0,'hostID':1000,'size':"
        "100}],"
        "'timeOffsets':{'monotonic':{'secs':5},'boottime':{'nanosecs':7}},'devices':[{'path':'/dev/"
        "fuse','type':'c',"
        "'major':10,'minor':229,'fileMode':438,'uid':0,'gid':0}],'cgroupsPath':'/a/"
        "b','sysctl':{'net.ipv4.ip_forward':'1',"
        "'kernel/sem':'1 2 3 "
        "4'},'resources':{'devices':[{'allow':false,'access':'rwm'},{'allow':true,'type':'c','major':1,"
        "'minor':3,'access':'r'}],'memory':{'limit':67108864,'swap':134217728},'cpu':{'shares':512,'cpus':'0-"
        "1'},"
        "'pids':{'limit':2048},'hugepageLimits':[{'pageSize':'2MB','limit':0}],'blockIO':{'weight':0,'"
        "weightDevice':[]},"
        "'network':{'priorities':[]},'rdma':{},'unified':{}},'rootfsPropagation':'rslave','maskedPaths':['/"
        "proc/acpi',"
        "'/proc/kcore'],'readonlyPaths':['/proc/"
        "bus'],'mountLabel':'','personality':{'domain':'LINUX'},'netDevices':{},"
        "'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,'architectures':['SCMP_ARCH_X86_64'"
        ",'SCMP_ARCH_X86'],"
        "'flags':['SECCOMP_FILTER_FLAG_LOG'],'syscalls':[%s]}}}",
        rules));
}

// Returns whether it was taken. The text is copied to memory of just its size, so that ASan sees a read
// beyond it.
static bool try_text(const char *text, size_t size) {
    struct arena a = { 0 };
    struct error err = { 0 };
    char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, text, size);
    struct spec *spec = config_parse(exact, size, &a, &err);
    memset(exact, 'Z', size); // the text need not outlive the call
    free(exact);
    if (spec) {
        assert_non_null(strchr("1", spec->oci_version[0]));
        assert_int_not_equal(spec->root.path[0], 0);
    } else {
        assert_true(strcmp(err.code, "config.invalid") == 0 || strcmp(err.code, "config.unsupported") == 0);
        assert_memory_equal(err.msg, "config.json: ", 13);
        assert_null(strpbrk(err.msg, "\n\r\x1b"));
        assert_null(strpbrk(err.origin, "\n\r\x1b"));
        assert_true(err.origin[0] == '/' || err.origin[0] == '\0');
    }
    arena_free(&a);
    return spec != NULL;
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void test_whole(void **state) {
    (void)state;
    const char *text = large_config();
    size_t size = strlen(text);
    struct timespec begin, end;
    enum { ROUNDS = 50 };
    if (!config_parse(text, size, &arena, &error))
        fail_msg("%s (%s)", error.msg, error.origin);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < ROUNDS; i++)
        assert_true(try_text(text, size));
    clock_gettime(CLOCK_MONOTONIC, &end);
    double us = (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
    print_message("%zu bytes are read in %.0f microseconds\n", size, us / ROUNDS);
}

static void test_cut_off(void **state) {
    (void)state;
    const char *text = large_config();
    size_t size = strlen(text);
    for (size_t n = 0; n < size; n += n < 4000 ? 3 : 37)
        assert_false(try_text(text, n));
}

static void test_bytes_changed(void **state) {
    (void)state;
    static const char likely[] = "{}[]\",:\\0123456789-.eEtfn/ \n\t\x01\xff\xc3";
    const char *text = large_config();
    size_t size = strlen(text);
    char *copy = arena_alloc(&arena, size + 1);
    uint32_t seed = 20260729;
    for (int i = 0; i < 4000; i++) {
        memcpy(copy, text, size + 1);
        // The seccomp rules are most of the text; the rest deserves more.
        size_t reach = i % 4 ? 4500 : size;
        for (uint32_t changes = 1 + next_random(&seed) % 3; changes; changes--) {
            char c = next_random(&seed) % 2 ? likely[next_random(&seed) % (sizeof(likely) - 1)]
                                            : (char)next_random(&seed);
            copy[next_random(&seed) % reach] = c;
        }
        try_text(copy, size);
    }
}

// Pieces left out or repeated: the text stays JSON more often.
static void test_pieces_moved(void **state) {
    (void)state;
    const char *text = large_config();
    size_t size = strlen(text);
    char *copy = arena_alloc(&arena, size * 2 + 1);
    uint32_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        const char *from = text + next_random(&seed) % 4500;
        size_t commas = 1 + next_random(&seed) % 3;
        const char *end = from;
        while (commas-- && (end = strchr(end + 1, ',')))
            ;
        from = strchr(from, ',');
        if (!end || !from || from >= end)
            continue;
        size_t head = (size_t)(from - text), piece = (size_t)(end - from);
        memcpy(copy, text, head);
        bool twice = i % 2;
        memcpy(copy + head, from, twice ? piece : 0);
        const char *rest = twice ? from : end;
        size_t n = head + (twice ? piece : 0);
        memcpy(copy + n, rest, size - (size_t)(rest - text));
        try_text(copy, n + size - (size_t)(rest - text));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_whole, free_arena),
        cmocka_unit_test_teardown(test_cut_off, free_arena),
        cmocka_unit_test_teardown(test_bytes_changed, free_arena),
        cmocka_unit_test_teardown(test_pieces_moved, free_arena),
    };
    return cmocka_run_group_tests_name("config: damaged texts", tests, NULL, NULL);
}
