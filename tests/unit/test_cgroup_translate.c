// SPDX-License-Identifier: Apache-2.0
// cgroupsPath and resources to directories and writes, for hosts of each layout.
#include "config.h"

#include "tests/unit/cgroup_fixture.h"

static struct spec with(struct spec_resources *r) {
    return (struct spec){ .linux_ = { .resources = r } };
}

// ---------------------------------------------------------------- where

static const char *dir_for(const char *path, const struct host_cgroups *host, size_t i) {
    struct spec spec = { .linux_ = { .cgroups_path = path } };
    return translate(&spec, host).dirs[i].dir;
}

static void test_paths(void **state) {
    (void)state;
    assert_string_equal(dir_for(NULL, &host_v1, 2), "/sys/fs/cgroup/memory/nook-c1");
    assert_string_equal(dir_for("", &host_v1, 2), "/sys/fs/cgroup/memory/nook-c1");
    assert_string_equal(dir_for("/a/b", &host_v1, 0), "/sys/fs/cgroup/cpu,cpuacct/a/b");
    assert_string_equal(dir_for("a/b", &host_v1, 4), "/sys/fs/cgroup/pids/a/b");
    // Not directly below the top, where systemd would take its controllers.
    assert_string_equal(dir_for(NULL, &host_v2, 0), "/sys/fs/cgroup/nook/c1");
    assert_string_equal(dir_for("//a/./b//", &host_v2, 0), "/sys/fs/cgroup/a/b");
    assert_string_equal(dir_for("machine.slice:libpod:x", &host_v2, 0),
                        "/sys/fs/cgroup/machine.slice:libpod:x");
    assert_string_equal(dir_for("a..b/...", &host_v2, 0), "/sys/fs/cgroup/a..b/...");
}

static void test_paths_below_own(void **state) {
    (void)state;
    struct host_cgroups v1 = host_v1, v2 = host_v2;
    v1.below_own = v2.below_own = true;
    assert_string_equal(dir_for(NULL, &v1, 2), "/sys/fs/cgroup/memory/own/nook-c1");
    assert_string_equal(dir_for("/abs", &v1, 2), "/sys/fs/cgroup/memory/abs");
    assert_string_equal(dir_for(NULL, &v2, 0), "/sys/fs/cgroup/user.slice/nook/c1");
    assert_string_equal(dir_for("rel/x", &v2, 0), "/sys/fs/cgroup/user.slice/rel/x");
}

static void test_bad_paths(void **state) {
    (void)state;
    static const char *const bad[] = { "..", "../x", "/a/../b", "a/..", "/", ".", "//", "a\nb", "/a\x7f" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct spec spec = { .linux_ = { .cgroups_path = bad[i] } };
        refuse(&spec, &host_v1, "config.invalid", "/linux/cgroupsPath", "cgroupsPath");
    }
    char longer[300];
    memset(longer, 'x', 299);
    longer[299] = '\0';
    struct spec spec = { .linux_ = { .cgroups_path = longer } };
    refuse(&spec, &host_v1, "config.invalid", "/linux/cgroupsPath", "299");
}

static void test_nothing_asked(void **state) {
    (void)state;
    struct spec spec = { 0 };
    struct cgroup_plan plan = translate(&spec, &host_v1);
    assert_false(plan.required);
    assert_int_equal(plan.n_dirs, 7);
    assert_null(plan.none);
    plan = translate(&spec, &host_none);
    assert_false(plan.required);
    assert_int_equal(plan.n_dirs, 0);
    assert_non_null(plan.none);
    assert_int_equal(plan.n_warnings, 0);
}

// ---------------------------------------------------------------- memory

static void test_memory(void **state) {
    (void)state;
    struct spec_memory m = { .has_limit = true,
                             .limit = 100,
                             .has_swap = true,
                             .swap = 150,
                             .has_reservation = true,
                             .reservation = 50 };
    struct spec_resources r = { .memory = &m };
    struct spec spec = with(&r);
    struct cgroup_plan v1 = translate(&spec, &host_v1), v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v1, "memory.limit_in_bytes"), "100");
    assert_string_equal(value_of(&v1, "memory.memsw.limit_in_bytes"), "150");
    assert_string_equal(value_of(&v1, "memory.soft_limit_in_bytes"), "50");
    assert_true(find_write(&v1, "memory.limit_in_bytes") < find_write(&v1, "memory.memsw.limit_in_bytes"));
    assert_true(v1.required && v1.dirs[2].required && !v1.dirs[4].required);
    assert_string_equal(find_write(&v1, "memory.limit_in_bytes")->origin, "/linux/resources/memory/limit");
    assert_string_equal(value_of(&v2, "memory.max"), "100");
    assert_string_equal(value_of(&v2, "memory.swap.max"), "50");
    assert_string_equal(value_of(&v2, "memory.low"), "50");
    assert_string_equal(v2.dirs[0].must_enable, "memory");
    assert_string_equal(v2.dirs[0].enable, "cpuset cpu io memory hugetlb pids");
    assert_string_equal(cgroup_needed(&spec, &arena), "memory");
}

static void test_memory_unlimited(void **state) {
    (void)state;
    struct spec_memory m = { .has_limit = true, .limit = -1, .has_swap = true, .swap = -1 };
    struct spec_resources r = { .memory = &m };
    struct spec spec = with(&r);
    struct cgroup_plan v1 = translate(&spec, &host_v1), v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v1, "memory.limit_in_bytes"), "-1");
    assert_string_equal(value_of(&v1, "memory.memsw.limit_in_bytes"), "-1");
    assert_string_equal(value_of(&v2, "memory.max"), "max");
    assert_string_equal(value_of(&v2, "memory.swap.max"), "max");
    m = (struct spec_memory){ .has_limit = true, .has_swap = true, .has_reservation = true }; // all 0
    assert_false(translate(&spec, &host_v1).required);
}

static void test_swap_needs_limit(void **state) {
    (void)state;
    struct spec_memory m = { .has_swap = true, .swap = 150 };
    struct spec_resources r = { .memory = &m };
    struct spec spec = with(&r);
    refuse(&spec, &host_v1, "config.invalid", "/linux/resources/memory/swap", "needs memory.limit");
    m.has_limit = true;
    m.limit = 151;
    refuse(&spec, &host_v2, "config.invalid", "/linux/resources/memory/swap", "less than");
    m.limit = 150;
    struct cgroup_plan v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v2, "memory.swap.max"), "0");
}

static void test_memory_v1_settings(void **state) {
    (void)state;
    struct spec_memory m = { .has_limit = true,
                             .limit = 100,
                             .has_kernel = true,
                             .kernel = 50,
                             .has_kernel_tcp = true,
                             .kernel_tcp = 40,
                             .has_swappiness = true,
                             .swappiness = 0,
                             .disable_oom_killer = true,
                             .use_hierarchy = true,
                             .check_before_update = true };
    struct spec_resources r = { .memory = &m };
    struct spec spec = with(&r);
    struct cgroup_plan v1 = translate(&spec, &host_v1);
    assert_string_equal(value_of(&v1, "memory.kmem.limit_in_bytes"), "50");
    assert_string_equal(value_of(&v1, "memory.kmem.tcp.limit_in_bytes"), "40");
    assert_string_equal(value_of(&v1, "memory.swappiness"), "0");
    assert_string_equal(value_of(&v1, "memory.oom_control"), "1");
    assert_string_equal(value_of(&v1, "memory.use_hierarchy"), "1");
    assert_true(find_write(&v1, "memory.use_hierarchy") < find_write(&v1, "memory.limit_in_bytes"));
    const struct cgroup_write *w = find_write(&v1, "memory.kmem.limit_in_bytes");
    assert_true(w->verified && !w->optional);
    assert_string_equal(w->origin, "/linux/resources/memory/kernel");
    assert_true(find_write(&v1, "memory.oom_control")->late);
    assert_string_equal(find_write(&v1, "memory.oom_control")->origin,
                        "/linux/resources/memory/disableOOMKiller");
    m.kernel = m.kernel_tcp = -1;
    v1 = translate(&spec, &host_v1);
    w = find_write(&v1, "memory.kmem.limit_in_bytes");
    assert_string_equal(w->value, "-1");
    assert_true(w->optional && !w->verified);
    m.kernel = m.kernel_tcp = 0;
    v1 = translate(&spec, &host_v1);
    assert_null(find_write(&v1, "memory.kmem.limit_in_bytes"));
    assert_null(find_write(&v1, "memory.kmem.tcp.limit_in_bytes"));
}

static void test_memory_v1_settings_on_v2(void **state) {
    (void)state;
    struct spec_memory m;
    struct spec_resources r = { .memory = &m };
    struct spec spec = with(&r);
    m = (struct spec_memory){ .has_swappiness = true };
    refuse(&spec, &host_v2, "cgroup.v1-only", "/linux/resources/memory/swappiness", "memory.swappiness");
    m = (struct spec_memory){ .has_kernel = true, .kernel = 1 };
    refuse(&spec, &host_v2, "cgroup.v1-only", "/linux/resources/memory/kernel", "cgroup v2");
    m = (struct spec_memory){ .has_kernel_tcp = true, .kernel_tcp = 1 };
    refuse(&spec, &host_v2, "cgroup.v1-only", "/linux/resources/memory/kernelTCP", "cgroup v2");
    m = (struct spec_memory){ .disable_oom_killer = true };
    refuse(&spec, &host_v2, "cgroup.v1-only", "/linux/resources/memory/disableOOMKiller", "cgroup v2");
    refuse(&spec, &host_none, "cgroup.controller-missing", "/linux/resources/memory", "memory");
    // What holds there by itself.
    m = (struct spec_memory){
        .kernel = -1, .kernel_tcp = -1, .use_hierarchy = true, .check_before_update = true
    };
    struct cgroup_plan plan = translate(&spec, &host_v2);
    assert_int_equal(find_write(&plan, "memory.max") != NULL, 0);
    assert_false(plan.required);
    assert_false(translate(&spec, &host_none).required);
    assert_true(translate(&spec, &host_v1).required);
    m = (struct spec_memory){ .check_before_update = true };
    assert_false(translate(&spec, &host_v1).required);
}

// ---------------------------------------------------------------- cpu

static void test_cpu(void **state) {
    (void)state;
    struct spec_cpu c = { .has_shares = true,
                          .shares = 512,
                          .has_quota = true,
                          .quota = 20000,
                          .has_period = true,
                          .period = 50000,
                          .has_burst = true,
                          .burst = 10,
                          .has_idle = true,
                          .idle = 1,
                          .cpus = "0-1",
                          .mems = "0" };
    struct spec_resources r = { .cpu = &c };
    struct spec spec = with(&r);
    struct cgroup_plan v1 = translate(&spec, &host_v1), v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v1, "cpu.shares"), "512");
    assert_string_equal(value_of(&v1, "cpu.cfs_quota_us"), "20000");
    assert_string_equal(value_of(&v1, "cpu.cfs_period_us"), "50000");
    assert_string_equal(value_of(&v1, "cpu.cfs_burst_us"), "10");
    assert_string_equal(value_of(&v1, "cpu.idle"), "1");
    assert_string_equal(value_of(&v1, "cpuset.cpus"), "0-1");
    assert_string_equal(value_of(&v1, "cpuset.mems"), "0");
    assert_true(find_write(&v1, "cpu.shares") < find_write(&v1, "cpu.idle"));
    assert_int_equal(find_write(&v1, "cpuset.cpus")->dir, 1);
    assert_string_equal(value_of(&v2, "cpu.max"), "20000 50000");
    assert_string_equal(value_of(&v2, "cpu.max.burst"), "10");
    assert_true(find_write(&v2, "cpu.max") < find_write(&v2, "cpu.max.burst"));
    assert_string_equal(v2.dirs[0].must_enable, "cpu cpuset");
    assert_string_equal(cgroup_needed(&spec, &arena), "cpu,cpuset");
    c = (struct spec_cpu){ .has_quota = true, .quota = -1 };
    v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v2, "cpu.max"), "max 100000");
    c = (struct spec_cpu){ .has_period = true, .period = 5000 };
    v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v2, "cpu.max"), "max 5000");
    c = (struct spec_cpu){ .has_period = true, .has_quota = true, .has_shares = true, .cpus = "" };
    assert_false(translate(&spec, &host_v1).required);
}

static void test_cpu_weight(void **state) {
    (void)state;
    // The three points of the curve, and some between them, by another implementation of the formula.
    static const struct {
        uint64_t shares;
        const char *weight;
    } points[] = { { 1, "1" },          { 2, "1" },          { 100, "17" },
                   { 512, "59" },       { 1024, "100" },     { 2048, "174" },
                   { 262143, "10000" }, { 262144, "10000" }, { UINT64_MAX, "10000" } };
    for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
        struct spec_cpu c = { .has_shares = true, .shares = points[i].shares };
        struct spec_resources r = { .cpu = &c };
        struct spec spec = with(&r);
        struct cgroup_plan plan = translate(&spec, &host_v2);
        assert_string_equal(value_of(&plan, "cpu.weight"), points[i].weight);
    }
}

// ---------------------------------------------------------------- pids, hugetlb

static void test_pids(void **state) {
    (void)state;
    struct spec_resources r = { .has_pids_limit = true };
    struct spec spec = with(&r);
    struct cgroup_plan v1 = translate(&spec, &host_v1), v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v1, "pids.max"), "0");
    assert_false(find_write(&v1, "pids.max")->late);
    assert_string_equal(value_of(&v2, "pids.max"), "0");
    assert_true(find_write(&v2, "pids.max")->late);
    r.pids_limit = -1;
    v1 = translate(&spec, &host_v1);
    assert_string_equal(value_of(&v1, "pids.max"), "max");
    r.pids_limit = 7;
    v2 = translate(&spec, &host_v2);
    assert_string_equal(value_of(&v2, "pids.max"), "7");
    assert_false(find_write(&v2, "pids.max")->late);
}

static void test_hugetlb(void **state) {
    (void)state;
    struct spec_hugepage_limit limits[] = { { "2MB", 4194304 }, { "1GB", UINT64_MAX } };
    struct spec_resources r = { .hugepage_limits = limits, .n_hugepage_limits = 2 };
    struct spec spec = with(&r);
    struct cgroup_plan v1 = translate(&spec, &host_v1), hybrid = translate(&spec, &host_hybrid);
    assert_string_equal(value_of(&v1, "hugetlb.2MB.limit_in_bytes"), "4194304");
    assert_string_equal(value_of(&v1, "hugetlb.2MB.rsvd.limit_in_bytes"), "4194304");
    assert_true(find_write(&v1, "hugetlb.2MB.rsvd.limit_in_bytes")->optional);
    assert_false(find_write(&v1, "hugetlb.2MB.limit_in_bytes")->optional);
    assert_string_equal(value_of(&v1, "hugetlb.1GB.limit_in_bytes"), "-1");
    assert_string_equal(value_of(&hybrid, "hugetlb.2MB.max"), "4194304");
    assert_int_equal(find_write(&hybrid, "hugetlb.2MB.max")->dir, 2);
    assert_string_equal(hybrid.dirs[2].enable, "hugetlb");
    assert_true(hybrid.dirs[2].required);
    static const char *const bad[] = { "3MB", "../../x", "", "2mb", "2048KB" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        limits[1].page_size = bad[i];
        refuse(&spec, &host_v1, "config.invalid", "/linux/resources/hugepageLimits/1/pageSize", "2MB, 1GB");
    }
}

// ---------------------------------------------------------------- missing controllers

static void test_missing(void **state) {
    (void)state;
    struct spec_resources r = { .has_pids_limit = true, .pids_limit = 5 };
    struct spec spec = with(&r);
    refuse(&spec, &host_hybrid, "cgroup.controller-missing", "/linux/resources/pids/limit",
           "controller pids is not available: v1 has memory, devices; "
           "/sys/fs/cgroup/unified/cgroup.controllers has hugetlb");
    refuse(&spec, &host_none, "cgroup.controller-missing", "/linux/resources/pids/limit",
           "no cgroup file system");
    struct host_cgroups host = host_hybrid;
    host.unmounted = "name=systemd pids cpu,cpuacct";
    refuse(&spec, &host, "cgroup.controller-missing", "/linux/resources/pids/limit", "pids");
    assert_non_null(strstr(err.hint, "mkdir /sys/fs/cgroup/pids && "
                                     "mount -t cgroup -o pids cgroup /sys/fs/cgroup/pids"));
    // Those that belong together can be mounted together only.
    struct spec_cpu cpu = { .has_shares = true, .shares = 100 };
    struct spec_resources other = { .cpu = &cpu };
    spec = with(&other);
    refuse(&spec, &host, "cgroup.controller-missing", "/linux/resources/cpu", "cpu");
    assert_non_null(strstr(err.hint, "-o cpu,cpuacct cgroup /sys/fs/cgroup/cpu,cpuacct"));
}

// ---------------------------------------------------------------- delegation

static void test_delegation(void **state) {
    (void)state;
    struct spec_mount m = { .destination = "/sys/fs/cgroup", .source = "cgroup", .type = "cgroup" };
    struct spec_process p = { .user = { .uid = 1000 } };
    struct spec_id_mapping map = { 0, 100000, 65536 };
    struct spec spec = { .mounts = &m, .n_mounts = 1, .process = &p };
    assert_false(translate(&spec, &host_v2).delegate); // without a new cgroup namespace
    spec.linux_.namespaces[NS_CGROUP].present = true;
    struct cgroup_plan plan = translate(&spec, &host_v2);
    assert_true(plan.delegate);
    assert_int_equal(plan.delegate_uid, 1000);
    assert_false(translate(&spec, &host_v1).delegate);
    spec.linux_.namespaces[NS_USER].present = true;
    spec.linux_.uid_mappings = &map;
    spec.linux_.n_uid_mappings = 1;
    assert_int_equal(translate(&spec, &host_v2).delegate_uid, 101000);
    m.flags = 1; // MS_RDONLY
    assert_false(translate(&spec, &host_v2).delegate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_paths_below_own),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_nothing_asked),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_unlimited),
        cmocka_unit_test(test_swap_needs_limit),
        cmocka_unit_test(test_memory_v1_settings),
        cmocka_unit_test(test_memory_v1_settings_on_v2),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_cpu_weight),
        cmocka_unit_test(test_pids),
        cmocka_unit_test(test_hugetlb),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_delegation),
    };
    return cmocka_run_group_tests(tests, NULL, fixture_teardown);
}
