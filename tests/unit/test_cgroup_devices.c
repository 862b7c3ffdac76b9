// SPDX-License-Identifier: Apache-2.0
// Device rules: the lines that v1 gets, and the v2 program run by a small interpreter over every kind of
// access.
#include "config.h"

#include "tests/unit/cgroup_fixture.h"

#define ALLOW(t, a, b, acc) \
    { .allow = true, .type = (t), .major = (a), .minor = (b), .access = (acc) }
#define DENY(t, a, b, acc) \
    { .allow = false, .type = (t), .major = (a), .minor = (b), .access = (acc) }

static struct cgroup_plan plan_for(struct spec_device_cgroup *rules, size_t n,
                                   const struct host_cgroups *host) {
    struct spec_resources r = { .devices = rules, .n_devices = n };
    struct spec spec = { .linux_ = { .resources = &r } };
    return translate(&spec, host);
}

static void expect(const struct cgroup_plan *plan, size_t i, const char *file, const char *value) {
    assert_true(i < plan->n_writes);
    assert_string_equal(plan->writes[i].file, file);
    assert_string_equal(plan->writes[i].value, value);
}

// ---------------------------------------------------------------- v1

static void test_v1_defaults(void **state) {
    (void)state;
    struct spec spec = { 0 };
    struct cgroup_plan plan = translate(&spec, &host_v1);
    static const char *const lines[] = { "c *:* m",   "b *:* m",   "c 1:3 rwm",  "c 1:5 rwm",
                                         "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",  "c 5:0 rwm",
                                         "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm" };
    assert_int_equal(plan.n_writes, 12);
    expect(&plan, 0, "devices.deny", "a");
    for (size_t i = 0; i < 11; i++)
        expect(&plan, i + 1, "devices.allow", lines[i]);
    assert_string_equal(plan.writes[1].origin, "default:devices");
    assert_true(plan.writes[0].lenient);
    assert_false(plan.required);
}

static void test_v1_order(void **state) {
    (void)state;
    struct spec_device_cgroup rules[] = { ALLOW('c', 10, 229, "rwm"), ALLOW('b', 8, 20, "rw"),
                                          ALLOW('b', 10, 200, "r"), ALLOW('c', 1, 3, "rwm") };
    struct cgroup_plan plan = plan_for(rules, 4, &host_v1);
    expect(&plan, 0, "devices.deny", "a");
    expect(&plan, 1, "devices.allow", "c 10:229 rwm");
    expect(&plan, 2, "devices.allow", "b 8:20 rw");
    expect(&plan, 3, "devices.allow", "b 10:200 r");
    expect(&plan, 4, "devices.allow", "c 1:3 rwm");
    expect(&plan, 5, "devices.allow", "c *:* m");
    assert_int_equal(plan.n_writes, 1 + 4 + 10); // null is not said twice
    assert_string_equal(plan.writes[2].origin, "/linux/resources/devices/1");
    assert_true(plan.required && plan.dirs[3].required);
    assert_false(plan.writes[0].lenient || plan.writes[1].lenient);
}

static void test_v1_deny_all_first(void **state) {
    (void)state;
    // podman and `spec`: the config's own deny-all is not doubled.
    struct spec_device_cgroup rules[] = { DENY('a', -1, -1, "rwm") };
    struct cgroup_plan plan = plan_for(rules, 1, &host_v1);
    assert_int_equal(plan.n_writes, 12);
    expect(&plan, 0, "devices.deny", "a");
    assert_string_equal(plan.writes[0].origin, "/linux/resources/devices/0");
}

static void test_v1_privileged(void **state) {
    (void)state;
    struct spec_device_cgroup rules[] = { DENY('a', -1, -1, "rwm"), ALLOW('c', 1, 3, "r"),
                                          ALLOW('a', -1, -1, "rwm") };
    struct cgroup_plan plan = plan_for(rules, 3, &host_v1);
    assert_int_equal(plan.n_writes, 1);
    expect(&plan, 0, "devices.allow", "a");
}

static void test_v1_allow_with_exceptions(void **state) {
    (void)state;
    struct spec_device_cgroup rules[] = { ALLOW('a', -1, -1, "rwm"), DENY('b', 8, -1, "rw"),
                                          DENY('a', 10, 1, "w") };
    struct cgroup_plan plan = plan_for(rules, 3, &host_v1);
    assert_int_equal(plan.n_writes, 4); // the defaults hold already
    expect(&plan, 0, "devices.allow", "a");
    expect(&plan, 1, "devices.deny", "b 8:* rw");
    expect(&plan, 2, "devices.deny", "b 10:1 w"); // "a" with numbers would mean all devices
    expect(&plan, 3, "devices.deny", "c 10:1 w");
}

static void test_v1_cannot_say(void **state) {
    (void)state;
    struct spec_device_cgroup deny_part[] = { ALLOW('c', 1, -1, "rwm"), DENY('c', 1, 3, "w") };
    struct spec_device_cgroup allow_part[] = { ALLOW('a', -1, -1, "rwm"), DENY('c', 1, -1, "rwm"),
                                               ALLOW('c', 1, 3, "r") };
    struct spec_resources r = { .devices = deny_part, .n_devices = 2 };
    struct spec spec = { .linux_ = { .resources = &r } };
    refuse(&spec, &host_v1, "config.invalid", "/linux/resources/devices/1", "cgroup v1 cannot deny");
    r.devices = allow_part;
    r.n_devices = 3;
    refuse(&spec, &host_v1, "config.invalid", "/linux/resources/devices/2", "cgroup v1 cannot allow");
    translate(&spec, &host_v2); // v2 can
    struct spec_device_cgroup exact[] = { ALLOW('c', 10, 3, "rwm"), DENY('c', 10, 3, "w"),
                                          DENY('c', 99, -1, "rwm") };
    struct cgroup_plan plan = plan_for(exact, 3, &host_v1);
    expect(&plan, 2, "devices.deny", "c 10:3 w");
    expect(&plan, 3, "devices.deny", "c 99:* rwm");
}

// ---------------------------------------------------------------- v2

static uint32_t field(const struct bpf_cgroup_dev_ctx *ctx, int offset) {
    return *(const uint32_t *)((const char *)ctx + offset);
}

// The few instructions that the program uses; any other fails the test.
static int run(const struct bpf_insn *insns, size_t n, const struct bpf_cgroup_dev_ctx *ctx) {
    uint64_t r[11] = { 0 };
    for (size_t pc = 0; pc < n; pc++) {
        const struct bpf_insn *i = &insns[pc];
        uint64_t *dst = &r[i->dst_reg], imm = (uint64_t)(int64_t)i->imm;
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert_int_equal(i->src_reg, BPF_REG_1);
            *dst = field(ctx, i->off);
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            *dst = r[i->src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = imm;
            break;
        case BPF_ALU64 | BPF_AND | BPF_K:
            *dst &= imm;
            break;
        case BPF_ALU64 | BPF_RSH | BPF_K:
            *dst >>= imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            pc += *dst != imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += *dst == imm ? (size_t)i->off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            return (int)r[0];
        default:
            fail_msg("unknown instruction 0x%02x at %zu", i->code, pc);
        }
    }
    fail_msg("ran off the end");
    return -1;
}

static bool may(const struct cgroup_plan *plan, char type, uint32_t major, uint32_t minor,
                const char *access) {
    uint32_t bits = 0;
    for (; *access; access++)
        bits |= *access == 'r'   ? BPF_DEVCG_ACC_READ
                : *access == 'w' ? BPF_DEVCG_ACC_WRITE
                                 : BPF_DEVCG_ACC_MKNOD;
    struct bpf_cgroup_dev_ctx ctx = {
        .access_type = bits << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = major,
        .minor = minor,
    };
    return run(plan->device_program, plan->n_device_program, &ctx) == 1;
}

static void test_v2_defaults(void **state) {
    (void)state;
    struct spec spec = { 0 };
    struct cgroup_plan plan = translate(&spec, &host_v2);
    assert_int_equal(plan.n_writes, 0);
    assert_true(may(&plan, 'c', 1, 3, "rw"));
    assert_true(may(&plan, 'c', 136, 77, "rw"));
    assert_true(may(&plan, 'b', 8, 0, "m"));
    assert_false(may(&plan, 'b', 8, 0, "r"));
    assert_false(may(&plan, 'b', 8, 0, "rm"));
    assert_false(may(&plan, 'c', 1, 1, "r"));  // mem
    assert_false(may(&plan, 'b', 1, 3, "rw")); // a block device with null's numbers
    assert_true(plan.device_lenient);
}

static void test_v2_last_rule_wins(void **state) {
    (void)state;
    struct spec_device_cgroup rules[] = { ALLOW('c', 10, -1, "rwm"), DENY('c', 10, 200, "w"),
                                          ALLOW('b', -1, 7, "r"), ALLOW('b', 8, -1, "w"),
                                          DENY('a', 9, 9, "rw") };
    struct cgroup_plan plan = plan_for(rules, 5, &host_v2);
    assert_true(may(&plan, 'c', 10, 5, "rwm"));
    assert_true(may(&plan, 'c', 10, 200, "r"));
    assert_false(may(&plan, 'c', 10, 200, "w"));
    assert_false(may(&plan, 'c', 10, 200, "rw"));
    assert_true(may(&plan, 'b', 8, 7, "rw")); // each half from another rule
    assert_false(may(&plan, 'b', 8, 6, "rw"));
    assert_true(may(&plan, 'b', 8, 6, "w"));
    assert_false(may(&plan, 'b', 9, 9, "r"));
    assert_true(may(&plan, 'b', 9, 9, "m")); // the defaults come last
    assert_false(plan.device_lenient);
    assert_true(plan.dirs[0].required);
}

static void test_v2_allow_all(void **state) {
    (void)state;
    struct spec_device_cgroup all[] = { DENY('a', -1, -1, "rwm"), ALLOW('a', -1, -1, "rwm") };
    struct cgroup_plan plan = plan_for(all, 2, &host_v2);
    assert_null(plan.device_program);
    struct spec_device_cgroup but[] = { ALLOW('a', -1, -1, "rwm"), DENY('b', 8, 0, "rwm"),
                                        ALLOW('a', -1, -1, "r") };
    plan = plan_for(but, 3, &host_v2);
    assert_true(may(&plan, 'c', 200, 1, "rwm"));
    assert_true(may(&plan, 'b', 8, 0, "r"));
    assert_false(may(&plan, 'b', 8, 0, "w"));
}

static void test_v2_odd_numbers(void **state) {
    (void)state;
    struct spec_device_cgroup rules[] = { ALLOW('c', INT64_C(1) << 40, 1, "rwm"),
                                          ALLOW('c', 7, INT64_C(1) << 32, "rwm") };
    struct cgroup_plan plan = plan_for(rules, 2, &host_v2);
    assert_false(may(&plan, 'c', 0, 1, "r"));
    assert_false(may(&plan, 'c', 7, 0, "r"));
}

static void test_hybrid_uses_v1(void **state) {
    (void)state;
    struct spec spec = { 0 };
    struct cgroup_plan plan = translate(&spec, &host_hybrid);
    assert_null(plan.device_program);
    assert_int_equal(plan.writes[0].dir, 1);
}

static void test_no_devices_cgroup(void **state) {
    (void)state;
    struct spec_device_cgroup rules[] = { DENY('a', -1, -1, "rwm") };
    struct cgroup_plan plan = plan_for(rules, 1, &host_none);
    assert_false(plan.required);
    assert_int_equal(plan.n_warnings, 1);
    static struct host_hierarchy memory_only[] = { { "memory", "", "/m", "/", false } };
    struct host_cgroups host = HOST(HOST_CGROUP_V1, memory_only);
    struct spec_resources r = { .devices = rules, .n_devices = 1 };
    struct spec spec = { .linux_ = { .resources = &r } };
    refuse(&spec, &host, "cgroup.controller-missing", "/linux/resources/devices", "devices");
    host.below_own = true;
    assert_int_equal(translate(&spec, &host).n_warnings, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v1_defaults),
        cmocka_unit_test(test_v1_order),
        cmocka_unit_test(test_v1_deny_all_first),
        cmocka_unit_test(test_v1_privileged),
        cmocka_unit_test(test_v1_allow_with_exceptions),
        cmocka_unit_test(test_v1_cannot_say),
        cmocka_unit_test(test_v2_defaults),
        cmocka_unit_test(test_v2_last_rule_wins),
        cmocka_unit_test(test_v2_allow_all),
        cmocka_unit_test(test_v2_odd_numbers),
        cmocka_unit_test(test_hybrid_uses_v1),
        cmocka_unit_test(test_no_devices_cgroup),
    };
    return cmocka_run_group_tests(tests, NULL, fixture_teardown);
}
