// SPDX-License-Identifier: Apache-2.0
// What config_parse refuses: for every rule a configuration that breaks it, the JSON pointer and the words of
// the error. Quotes are ' in the tables.
#include "config.h"

#include "tests/unit/config_test.h"

static void test_json(void **state) {
    (void)state;
    static const struct bad rows[] = {
        { "", "", "line 1, column 1: the text ends too early" },
        { "[]", "", "the text must be an object, but is a list" },
        { "'x'", "", "the text must be an object, but is the string 'x'" },
        { "1", "", "the text must be an object, but is the number 1" },
        { "null", "", "the text must be an object, but is null" },
        { "true", "", "the text must be an object, but is true" },
        { "{", "", "line 1, column 2: the text ends too early" },
        { "{\n  'a': tru\n}", "/a", "line 2," },
        { "{'a':1,}", "/a", "name in double quotes" },
        { "{'a' 1}", "/a", "expected " },
        { "{'a':1 'b':2}", "/a", "after a member" },
        { "{'a':[1 2]}", "/a/0", "after an element" },
        { "{'a':]}", "/a", "expected a value" },
        { "{'a':\x01}", "/a", "unexpected character" },
        { "{'a':/* no */1}", "/a", "JSON has no comments" },
        { "{'a':'x\ty'}", "/a", "control character inside a string" },
        { "{'a':'\\x'}", "/a", "occurs before a character" },
        { "{'a':'\\u12g4'}", "/a", "non-hex" },
        { "{'a':-}", "/a", "malformed number" },
        { CONFIG("") " x", "", "there is more text after the end of the object" },
        { CONFIG("") "{}", "", "there is more text after the end of the object" },
        { "\xef\xbb\xbf{}", "", "byte order mark" },
        { "{'a':'\xff'}", "", "line 1, column 7: this byte is not UTF-8" },
        { "{'a':'\xc0\xaf'}", "", "this byte is not UTF-8" },
        { "{'a':'\xe0\x80\xaf'}", "", "this byte is not UTF-8" },
        { "{'a':'\xed\xa0\x80'}", "", "this byte is not UTF-8" },
        { "{'a':'\xf4\x90\x80\x80'}", "", "this byte is not UTF-8" },
        { "{'a':'\xf0\x8f\x80\x80'}", "", "this byte is not UTF-8" },
        { "{'a':'\xe2\x82'}", "", "this byte is not UTF-8" },
        { "{\n'a':\n'\\ud800'}", "", "line 3, column 2: this \\u escape is half of a surrogate pair" },
        { "{'a':'\\ud800\\u0041'}", "", "half of a surrogate pair" },
        { "{'a':'\\udc00'}", "", "half of a surrogate pair" },
        { CONFIG(",'ociVersion':'1.3.0'"), "/ociVersion", "'ociVersion' is there twice in the same object" },
        { CONFIG(",'x':1,'x':2"), "/x", "'x' is there twice" },
        { CONFIG(",'x':{'y':[{'z':1,'z':1}]}"), "/x/y/0/z", "'z' is there twice" },
        { CONFIG(",'hostname':null,'hostname':null"), "/hostname", "'hostname' is there twice" },
        { CONFIG(",'annotations':{'a/~b':'1','a/~b':'1'}"), "/annotations/a~1~0b", "'a/~b' is there twice" },
        { CONFIG(",'x\\u0000y':1"), "", "name has a NUL character in it: 'x\\x00y'" },
        { CONFIG(",'x':['a\\u0000']"), "/x/0", "a string has a NUL character in it: 'a\\x00'" },
        { CONFIG(",'hostname':'a\\u0000b'"), "/hostname", "a string has a NUL character in it" },
        { CONFIG(",'annotations':{'a':'b\\u0000'}"), "/annotations/a", "NUL character" },
    };
    CHECK_ALL(rows, "config.invalid");
}

static void test_types(void **state) {
    (void)state;
    static const struct bad rows[] = {
        { CONFIG(",'mounts':{}"), "/mounts", "'mounts' must be a list of objects, but is an object" },
        { CONFIG(",'mounts':[1]"), "/mounts/0",
          "element 0 of 'mounts' must be an object, but is the number 1" },
        { CONFIG(",'mounts':[null]"), "/mounts/0", "must be an object, but is null" },
        { CONFIG(",'mounts':[[]]"), "/mounts/0", "must be an object, but is a list" },
        { MOUNT("'destination':'/x','type':'t','options':['a',3]"), "/mounts/0/options/1",
          "element 1 of 'options' must be a string, but is the number 3" },
        { MOUNT("'destination':'/x','type':'t','options':['a',['b']]"), "/mounts/0/options/1",
          "must be a string, but is a list" },
        { MOUNT("'destination':'/x','type':'t','options':'ro'"), "/mounts/0/options",
          "must be a list of strings, but is the string 'ro'" },
        { MOUNT("'destination':{}"), "/mounts/0/destination",
          "must be a string that is not empty, but is an object" },
        { CONFIG(",'process':[]"), "/process", "'process' must be an object, but is a list" },
        { CONFIG(",'process':'sh'"), "/process", "'process' must be an object, but is the string 'sh'" },
        { PROCESS(",'terminal':'yes'"), "/process/terminal",
          "'terminal' must be true or false, but is the string 'yes'" },
        { PROCESS(",'terminal':1"), "/process/terminal", "must be true or false, but is the number 1" },
        { PROCESS(",'env':'A=1'"), "/process/env", "'env' must be a list of strings" },
        { PROCESS(",'env':{'A':'1'}"), "/process/env", "'env' must be a list of strings, but is an object" },
        { PROCESS(",'env':[true]"), "/process/env/0", "element 0 of 'env' must be a string, but is true" },
        { PROCESS(",'apparmorProfile':false"), "/process/apparmorProfile", "must be a string, but is false" },
        { PROCESS(",'user':{'uid':'0','gid':0}"), "/process/user/uid",
          "must be a whole number from 0 to 4294967294, but is the string '0'" },
        { PROCESS(",'user':{'uid':0,'gid':0,'additionalGids':5}"), "/process/user/additionalGids",
          "must be a list of numbers" },
        { PROCESS(",'user':{'uid':0,'gid':0,'additionalGids':['x']}"), "/process/user/additionalGids/0",
          "must be a whole number" },
        { PROCESS(",'capabilities':['CAP_KILL']"), "/process/capabilities",
          "must be an object, but is a list" },
        { PROCESS(",'capabilities':{'bounding':'CAP_KILL'}"), "/process/capabilities/bounding",
          "must be a list of strings" },
        { PROCESS(",'capabilities':{'bounding':[5]}"), "/process/capabilities/bounding/0",
          "must be a string, but is the number 5" },
        { PROCESS(",'oomScoreAdj':1.5"), "/process/oomScoreAdj",
          "must be a whole number from -1000 to 1000, but is 1.5" },
        { PROCESS(",'oomScoreAdj':1e2"), "/process/oomScoreAdj", "but is 1e2" },
        { PROCESS(",'oomScoreAdj':100000000000000000000000000000000000000000000000000000000"),
          "/process/oomScoreAdj", "a number of many digits" },
        { CONFIG(",'annotations':['a']"), "/annotations", "must be an object of strings, but is a list" },
        { CONFIG(",'annotations':{'a':1}"), "/annotations/a", "'a' must be a string, but is the number 1" },
        { CONFIG(",'annotations':{'a':null}"), "/annotations/a", "must be a string, but is null" },
        { CONFIG(",'annotations':{'a':{}}"), "/annotations/a", "must be a string, but is an object" },
        { CONFIG(",'linux':1"), "/linux", "'linux' must be an object, but is the number 1" },
        { LINUX("'resources':{'rdma':{'a':1}}"), "/linux/resources/rdma/a",
          "must be an object, but is the number 1" },
        { LINUX("'resources':{'rdma':[]}"), "/linux/resources/rdma",
          "must be an object of objects, but is a list" },
        { CONFIG(",'root':1"), "/root", "twice" },
    };
    CHECK_ALL(rows, "config.invalid");
}

static void test_top(void **state) {
    (void)state;
    static const struct bad rows[] = {
        { "{'root':{'path':'r'}}", "", "the configuration must have the member 'ociVersion'" },
        { "{'ociVersion':null,'root':{'path':'r'}}", "", "must have the member 'ociVersion'" },
        { "{'ociVersion':'invalid','root':{'path':'r'}}", "/ociVersion",
          "must be a version such as '1.3.0' (SemVer 2.0.0), but is 'invalid'" },
        { "{'ociVersion':'','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'1.0','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'v1.0.0','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'1.0.0.0','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'01.0.0','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'1.0.0-','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'1.0.0-01','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'1.0.0+','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'1.0.0 ','root':{'path':'r'}}", "/ociVersion", "must be a version" },
        { "{'ociVersion':'2.0.0','root':{'path':'r'}}", "/ociVersion",
          "'2.0.0' is not known to this version of nook, which reads 1.0.0 to 1.3.x" },
        { "{'ociVersion':'0.9.0','root':{'path':'r'}}", "/ociVersion", "is not known" },
        { "{'ociVersion':'1.4.0','root':{'path':'r'}}", "/ociVersion", "is not known" },
        { "{'ociVersion':'1.3.0'}", "/root", "'root' is missing" },
        { "{'ociVersion':'1.3.0','root':null}", "/root", "'root' is missing" },
        { "{'ociVersion':'1.3.0','root':{}}", "/root", "root must have the member 'path'" },
        { "{'ociVersion':'1.3.0','root':{'path':''}}", "/root/path",
          "must be a string that is not empty, but is ''" },
        { "{'ociVersion':'1.3.0','root':{'path':'r','readonly':'no'}}", "/root/readonly",
          "must be true or false" },
        { CONFIG(",'hostname':'h'"), "/hostname", "the container has no uts namespace" },
        { CONFIG(",'domainname':'d'"), "/domainname", "the container has no uts namespace" },
        { CONFIG(",'hostname':'12345678901234567890123456789012345678901234567890123456789012345','linux':{'"
                 "namespaces':[{'type':'uts'}]}"),
          "/hostname", "65 bytes long, the kernel takes at most 64" },
        { CONFIG(",'annotations':{'':'x'}"), "/annotations", "an annotation has an empty name" },
        { CONFIG(",'hooks':{'prestart':[{}]}"), "/hooks/prestart/0", "a hook must have the member 'path'" },
        { CONFIG(",'hooks':{'createRuntime':[{'path':'/a'},{'path':'a'}]}"), "/hooks/createRuntime/1/path",
          "must be an absolute path, but is 'a'" },
        { CONFIG(",'hooks':{'createContainer':[{'path':''}]}"), "/hooks/createContainer/0/path",
          "absolute path" },
        { CONFIG(",'hooks':{'poststop':[{'path':'/a','timeout':0}]}"), "/hooks/poststop/0/timeout",
          "must be a whole number from 1 to" },
        { CONFIG(",'hooks':{'poststart':[{'path':'/a','timeout':-1}]}"), "/hooks/poststart/0/timeout",
          "but is -1" },
        { CONFIG(",'hooks':{'startContainer':[{'path':'/a','env':['=x']}]}"), "/hooks/startContainer/0/env/0",
          "has no name before the '='" },
        { CONFIG(",'hooks':{'startContainer':[{'path':'/a','args':'x'}]}"), "/hooks/startContainer/0/args",
          "must be a list of strings" },
    };
    CHECK_ALL(rows, "config.invalid");
}

static void test_process(void **state) {
    (void)state;
    static const struct bad rows[] = {
        { CONFIG(",'process':{'args':['sh']}"), "/process", "process must have the member 'cwd'" },
        { CONFIG(",'process':{'args':['sh'],'cwd':'tmp'}"), "/process/cwd",
          "must be an absolute path, but is 'tmp'" },
        { CONFIG(",'process':{'args':['sh'],'cwd':''}"), "/process/cwd",
          "must be an absolute path, but is ''" },
        { CONFIG(",'process':{'cwd':'/'}"), "/process/args",
          "must have at least one entry, the program to run" },
        { CONFIG(",'process':{'cwd':'/','args':[]}"), "/process/args", "must have at least one entry" },
        { CONFIG(",'process':{'cwd':'/','args':null}"), "/process/args", "must have at least one entry" },
        { PROCESS(",'env':['A=1','=x']"), "/process/env/1",
          "the environment entry '=x' has no name before the '='" },
        { PROCESS(",'user':{}"), "/process/user", "user must have the member 'uid'" },
        { PROCESS(",'user':{'uid':0}"), "/process/user", "user must have the member 'gid'" },
        { PROCESS(",'user':{'uid':-1,'gid':0}"), "/process/user/uid", "from 0 to 4294967294, but is -1" },
        { PROCESS(",'user':{'uid':4294967295,'gid':0}"), "/process/user/uid", "but is 4294967295" },
        { PROCESS(",'user':{'uid':4294967296,'gid':0}"), "/process/user/uid", "but is 4294967296" },
        { PROCESS(",'user':{'uid':0,'gid':4294967295}"), "/process/user/gid", "but is 4294967295" },
        { PROCESS(",'user':{'uid':0,'gid':99999999999999999999}"), "/process/user/gid",
          "but is 99999999999999999999" },
        { PROCESS(",'user':{'uid':0,'gid':-1}"), "/process/user/gid", "but is -1" },
        { PROCESS(",'user':{'uid':0,'gid':0,'additionalGids':[5,4294967295]}"),
          "/process/user/additionalGids/1",
          "element 1 of 'additionalGids' must be a whole number from 0 to 4294967294, but is 4294967295" },
        { PROCESS(",'user':{'uid':0,'gid':0,'additionalGids':[-1]}"), "/process/user/additionalGids/0",
          "but is -1" },
        { PROCESS(",'user':{'uid':0,'gid':0,'umask':512}"), "/process/user/umask",
          "from 0 to 511, but is 512" },
        { PROCESS(",'terminal':true,'consoleSize':{'height':65536,'width':80}"), "/process/consoleSize",
          "at most 65535 lines and columns" },
        { PROCESS(",'consoleSize':{'height':1}"), "/process/consoleSize",
          "consoleSize must have the member 'width'" },
        { PROCESS(",'rlimits':[{'type':'RLIMIT_TEST','soft':1,'hard':1}]"), "/process/rlimits/0/type",
          "RLIMIT_SIGPENDING or RLIMIT_STACK, but is 'RLIMIT_TEST'" },
        { PROCESS(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':1}]"), "/process/rlimits/0",
          "an rlimit must have the member 'hard'" },
        { PROCESS(",'rlimits':[{'soft':1,'hard':1}]"), "/process/rlimits/0",
          "an rlimit must have the member 'type'" },
        { PROCESS(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':2,'hard':1}]"), "/process/rlimits/0/soft",
          "the soft limit of RLIMIT_NOFILE, 2, is above its hard limit, 1" },
        { PROCESS(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':-1,'hard':1}]"), "/process/rlimits/0/soft",
          "from 0 to 18446744073709551615, but is -1" },
        { PROCESS(",'rlimits':[{'type':'RLIMIT_NOFILE','soft':1,'hard':18446744073709551616}]"),
          "/process/rlimits/0/hard", "but is 18446744073709551616" },
        { PROCESS(
              ",'rlimits':[{'type':'RLIMIT_CPU','soft':1,'hard':1},{'type':'RLIMIT_CPU','soft':1,'hard':1}]"),
          "/process/rlimits/1/type", "RLIMIT_CPU is there twice" },
        { PROCESS(",'oomScoreAdj':1001"), "/process/oomScoreAdj", "from -1000 to 1000, but is 1001" },
        { PROCESS(",'oomScoreAdj':-1001"), "/process/oomScoreAdj", "but is -1001" },
        { PROCESS(",'scheduler':{}"), "/process/scheduler", "must have the member 'policy'" },
        { PROCESS(",'scheduler':{'policy':'SCHED_X'}"), "/process/scheduler/policy", "one of SCHED_OTHER, " },
        { PROCESS(",'scheduler':{'policy':'SCHED_OTHER','flags':['X']}"), "/process/scheduler/flags/0",
          "one of SCHED_FLAG_RESET_ON_FORK" },
        { PROCESS(",'scheduler':{'policy':'SCHED_OTHER','nice':20}"), "/process/scheduler/nice",
          "from -20 to 19" },
        { PROCESS(",'ioPriority':{'class':'X','priority':1}"), "/process/ioPriority/class",
          "one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE" },
        { PROCESS(",'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}"), "/process/ioPriority/priority",
          "from 0 to 7, but is 8" },
        { PROCESS(",'execCPUAffinity':{'initial':'x'}"), "/process/execCPUAffinity/initial",
          "must be a list of CPUs such as '0-3,7', but is 'x'" },
        { PROCESS(",'execCPUAffinity':{'final':'3-1'}"), "/process/execCPUAffinity/final",
          "must be a list of CPUs" },
    };
    CHECK_ALL(rows, "config.invalid");
}

static void test_mounts(void **state) {
    (void)state;
    static const struct bad rows[] = {
        { MOUNT("'type':'tmpfs'"), "/mounts/0", "a mount must have the member 'destination'" },
        { MOUNT("'destination':'','type':'tmpfs'"), "/mounts/0/destination", "that is not empty" },
        { MOUNT("'destination':'/x'"), "/mounts/0/type", "the mount on '/x' has no 'type'" },
        { MOUNT("'destination':'/x','type':''"), "/mounts/0/type", "has no 'type'" },
        { MOUNT("'destination':'/x','options':['ro']"), "/mounts/0/type", "has no 'type'" },
        { MOUNT("'destination':'/x','options':['bind']"), "/mounts/0/source",
          "the bind mount on '/x' has no 'source'" },
        { MOUNT("'destination':'/x','type':'bind','source':''"), "/mounts/0/source", "has no 'source'" },
        { MOUNT("'destination':'/x','source':'/"
                "y','options':['bind','private','slave','private','slave','private','slave','private','slave'"
                ",'private']"),
          "/mounts/0/options/9", "more than 8 words about propagation" },
        { MOUNT("'destination':'/x','source':'/"
                "y','options':['bind'],'uidMappings':[{'containerID':0,'hostID':0,'size':1}]"),
          "/mounts/0/uidMappings", "'uidMappings' needs 'gidMappings' beside it" },
        { MOUNT("'destination':'/x','source':'/"
                "y','options':['bind'],'gidMappings':[{'containerID':0,'hostID':0,'size':1}]"),
          "/mounts/0/gidMappings", "'gidMappings' needs 'uidMappings' beside it" },
        { MOUNT("'destination':'/x','source':'/"
                "y','options':['bind'],'gidMappings':[{'containerID':0,'hostID':0,'size':1}],'uidMappings':[{"
                "'containerID':4294967290,'hostID':0,'size':9}]"),
          "/mounts/0/uidMappings/0/size", "go beyond the last id" },
        { MOUNT("'destination':'/x','source':'/y','options':['bind','idmap']"), "/mounts/0/options",
          "the option 'idmap' has no mapping to apply" },
        { MOUNT("'destination':'/x','source':'/y','options':['bind','ridmap']"), "/mounts/0/options",
          "the option 'ridmap' has no mapping to apply" },
    };
    CHECK_ALL(rows, "config.invalid");
}

// Rules about sizes, whose texts are too large for a table.
static void test_sizes(void **state) {
    (void)state;
    static char big[(16 << 20) + 2];
    memset(big, 'x', sizeof(big) - 1);

    assert_null(config_parse(big, (16 << 20) + 1, &arena, &error));
    assert_non_null(strstr(error.msg, "too large"));

    assert_null(parse(arena_printf(&arena, "{'x':'%.*s'}", (1 << 20) + 1, big)));
    assert_non_null(strstr(error.msg, "a string is longer than 1048576 bytes"));
    assert_string_equal(error.origin, "/x");

    assert_null(parse(arena_printf(&arena, "{'%.*s':1}", (1 << 20) + 1, big)));
    assert_non_null(strstr(error.msg, "a member's name is longer"));

    assert_null(parse(
        arena_printf(&arena, MOUNT("'destination':'/x','options':['bind'],'source':'/%.*s'"), 70000, big)));
    assert_string_equal(error.origin, "/mounts/0/source");
    assert_non_null(strstr(error.msg, "longer than a path may be: 70001 bytes, at most 4095"));

    assert_null(parse(arena_printf(&arena, MOUNT("'destination':'%.*s','type':'tmpfs'"), 4095, big)));
    assert_string_equal(error.origin, "/mounts/0/destination");

    assert_null(parse(
        arena_printf(&arena, MOUNT("'destination':'/x','type':'tmpfs','options':['%.*s']"), 5000, big)));
    assert_string_equal(error.origin, "/mounts/0/options");
    assert_non_null(strstr(error.msg, "mount(2) takes 4095"));

    assert_null(parse(arena_printf(&arena, PROCESS(",'env':['A=%.*s']"), 131072, big)));
    assert_string_equal(error.origin, "/process/env/0");
    assert_null(
        parse(arena_printf(&arena, CONFIG(",'process':{'cwd':'/','args':['sh','%.*s']}"), 131072, big)));
    assert_string_equal(error.origin, "/process/args/1");
    assert_null(
        parse(arena_printf(&arena, LINUX("'namespaces':[{'type':'ipc','path':'/%.*s'}]"), 70000, big)));
    assert_string_equal(error.origin, "/linux/namespaces/0/path");
}

static void test_depth(void **state) {
    (void)state;
    char open[300], deep[512];
    memset(open, '[', sizeof(open));
    snprintf(deep, sizeof(deep), "{'x':%.*s", 64, open);
    assert_null(parse(deep));
    assert_non_null(strstr(error.msg, "nested too deeply: more than 64"));
    assert_memory_equal(error.origin, "/x/0/0", 6);
    snprintf(deep, sizeof(deep), "{'x':%.*s", 63, open);
    assert_null(parse(deep));
    assert_non_null(strstr(error.msg, "the text ends too early"));
}

static void test_too_many(void **state) {
    (void)state;
    const char *maps = "";
    for (int i = 0; i < 341; i++)
        maps = arena_printf(&arena, "%s%s{'containerID':%d,'hostID':%d,'size':1}", maps, i ? "," : "", i * 2,
                            i * 2);
    assert_null(parse(arena_printf(
        &arena, LINUX("'namespaces':[{'type':'user'}],'uidMappings':[%s],'gidMappings':[" ID_MAP "]"),
        maps)));
    assert_string_equal(error.origin, "/linux/uidMappings");
    assert_non_null(strstr(error.msg, "341 id mappings, the kernel takes at most 340"));

    char *gids = arena_alloc(&arena, 65537 * 2 + 1);
    for (size_t i = 0; i < 65537; i++) {
        gids[2 * i] = i ? ',' : ' ';
        gids[2 * i + 1] = '5';
    }
    assert_null(
        parse(arena_printf(&arena, PROCESS(",'user':{'uid':0,'gid':0,'additionalGids':[%s]}"), gids)));
    assert_string_equal(error.origin, "/process/user/additionalGids");
    assert_non_null(strstr(error.msg, "65537 additional groups, a process can have 65536"));
}

// The one line that the user sees.
static void test_line(void **state) {
    (void)state;
    char line[2048];
    assert_null(parse(CONFIG(",'hostname':'h'")));
    error_format(&error, line, sizeof(line));
    assert_string_equal(
        line, "config.json: \"hostname\" would change the host's own, for the container has no uts namespace "
              "(/hostname; add {\"type\": \"uts\"} to /linux/namespaces)");
    assert_null(parse(CONFIG(",'hostname':'\\u0001\\n\\'\xc3\xa4 "
                             "1234567890123456789012345678901234567890123456789012345678901234567890'")));
    assert_null(strpbrk(error.msg, "\n\x01"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_json, free_arena),
        cmocka_unit_test_teardown(test_types, free_arena),
        cmocka_unit_test_teardown(test_top, free_arena),
        cmocka_unit_test_teardown(test_process, free_arena),
        cmocka_unit_test_teardown(test_mounts, free_arena),
        cmocka_unit_test_teardown(test_sizes, free_arena),
        cmocka_unit_test_teardown(test_depth, free_arena),
        cmocka_unit_test_teardown(test_too_many, free_arena),
        cmocka_unit_test_teardown(test_line, free_arena),
    };
    return cmocka_run_group_tests_name("config: what is refused", tests, NULL, NULL);
}
