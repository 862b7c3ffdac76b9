// SPDX-License-Identifier: Apache-2.0
// The host's facts from texts of /proc, and the probe of this machine.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/str.h"
#include "runtime/host/host.h"

static struct arena arena;

static int teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_words(void **state) {
    (void)state;
    assert_true(host_word_in("cpu,cpuacct", ",", "cpu"));
    assert_true(host_word_in("cpu,cpuacct", ",", "cpuacct"));
    assert_false(host_word_in("cpuset", ",", "cpu"));
    assert_false(host_word_in("cpu", ",", "cpuset"));
    assert_false(host_word_in("", ",", "cpu"));
    assert_true(host_word_in("cpu  io\nmemory", " \n", "memory"));
}

static void test_proc_cgroup(void **state) {
    (void)state;
    struct host_hierarchy *list;
    size_t n;
    host_parse_proc_cgroup(
        "0::/user.slice/a\n12:cpu,cpuacct:/x\n1:name=systemd:/y:z\njunk\n3:pids\n7:memory:/../b\n", &arena,
        &list, &n);
    assert_int_equal(n, 4);
    assert_string_equal(list[0].controllers, "cpu,cpuacct");
    assert_string_equal(list[0].own_path, "/x");
    assert_string_equal(list[1].controllers, "name=systemd");
    assert_string_equal(list[1].own_path, "/y:z");
    assert_string_equal(list[2].own_path, "/"); // outside our cgroup namespace
    assert_true(list[3].v2);
    assert_string_equal(list[3].controllers, "");
    assert_string_equal(list[3].own_path, "/user.slice/a");
    host_parse_proc_cgroup("", &arena, &list, &n);
    assert_int_equal(n, 0);
}

static const char mountinfo[] =
    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
    "30 22 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:28 /docker/abc /cg\\040x/cpu rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:29 /elsewhere /cg/memory ro - cgroup cgroup rw,memory\n"
    "33 30 0:29 / /host/memory rw - cgroup cgroup rw,memory\n"
    "34 30 0:30 / /cg/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "35 30 0:31 /pod /cg/u rw - cgroup2 cgroup2 rw,nsdelegate\n"
    "bad line - cgroup\n";

static void test_mountinfo(void **state) {
    (void)state;
    struct host_hierarchy *list;
    size_t n;
    host_parse_proc_cgroup("5:hugetlb:/\n4:cpu,cpuacct:/docker/abc/in\n3:memory:/docker/abc\n2:name=systemd:/"
                           "docker/abc\n0::/podx\n",
                           &arena, &list, &n);
    host_parse_mountinfo(mountinfo, &arena, list, n);
    assert_null(list[0].mount_point); // hugetlb is mounted nowhere
    assert_string_equal(list[1].mount_point, "/cg x/cpu");
    assert_string_equal(list[1].own_path, "/in");
    assert_string_equal(list[2].mount_point, "/host/memory"); // the one that shows our own cgroup
    assert_string_equal(list[2].own_path, "/docker/abc");
    assert_string_equal(list[3].mount_point, "/cg/systemd");
    assert_string_equal(list[4].mount_point, "/cg/u");
    assert_string_equal(list[4].own_path, "/"); // "/podx" is not below "/pod"
}

static void test_mount_root_is_own(void **state) {
    (void)state;
    struct host_hierarchy *list;
    size_t n;
    host_parse_proc_cgroup("0::/docker/abc\n", &arena, &list, &n);
    host_parse_mountinfo("1 2 0:3 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n", &arena, list, n);
    assert_string_equal(list[0].mount_point, "/sys/fs/cgroup");
    assert_string_equal(list[0].own_path, "/");
}

static void test_find(void **state) {
    (void)state;
    struct host_hierarchy list[] = {
        { "cpu,cpuacct", "", "/c", "/", false },
        { "", "hugetlb misc", "/u", "/", true },
    };
    struct host_cgroups h = { .layout = HOST_CGROUP_HYBRID, .hierarchies = list, .n_hierarchies = 2 };
    assert_ptr_equal(host_cgroups_find(&h, "cpu"), &list[0]);
    assert_ptr_equal(host_cgroups_find(&h, "hugetlb"), &list[1]);
    assert_null(host_cgroups_find(&h, "memory"));
    assert_ptr_equal(host_cgroups_v2(&h), &list[1]);
}

static void test_this_host(void **state) {
    (void)state;
    struct host h;
    struct error err;
    assert_int_equal(host_probe(&h, "memory,hugetlb", &arena, &err), 0);
    assert_int_equal(h.euid, geteuid());
    assert_int_equal(h.cgroups.below_own, h.euid != 0 || !h.in_initial_userns);
    for (size_t i = 0; i < h.cgroups.n_hierarchies; i++) {
        assert_non_null(h.cgroups.hierarchies[i].mount_point);
        assert_int_equal(h.cgroups.hierarchies[i].own_path[0], '/');
    }
    assert_int_equal(h.cgroups.layout == HOST_CGROUP_NONE, h.cgroups.n_hierarchies == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),     cmocka_unit_test(test_proc_cgroup),
        cmocka_unit_test(test_mountinfo), cmocka_unit_test(test_mount_root_is_own),
        cmocka_unit_test(test_find),      cmocka_unit_test(test_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
