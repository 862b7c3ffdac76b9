// SPDX-License-Identifier: Apache-2.0
// seccomp profiles: what the compiled programs say about system calls, by an interpreter for classic BPF.
#include "config.h"

#include "tests/unit/process_test.h"

#ifndef HAVE_SECCOMP
int main(void) {
    return 77; // automake: skipped
}
#else

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/arena.h"
#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/process/attributes.h"
#include "runtime/process/seccomp.h"
#include "runtime/process/seccomp_prelude.h"
#include "runtime/process/sha256.h"

#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct arena arena;
static struct error err;

// ---------------------------------------------------------------- the interpreter

static uint32_t load(const struct seccomp_data *data, uint32_t offset) {
    uint32_t word;
    assert_true(offset + sizeof(word) <= sizeof(*data) && offset % 4 == 0);
    memcpy(&word, (const char *)data + offset, sizeof(word));
    return word;
}

static uint32_t alu(uint16_t op, uint32_t a, uint32_t k) {
    switch (op) {
    case BPF_AND:
        return a & k;
    case BPF_OR:
        return a | k;
    case BPF_ADD:
        return a + k;
    case BPF_SUB:
        return a - k;
    default:
        fail_msg("ALU operation %#x", op);
        return 0;
    }
}

static bool compare(uint16_t op, uint32_t a, uint32_t k) {
    switch (op) {
    case BPF_JEQ:
        return a == k;
    case BPF_JGT:
        return a > k;
    case BPF_JGE:
        return a >= k;
    case BPF_JSET:
        return a & k;
    default:
        fail_msg("jump %#x", op);
        return false;
    }
}

static uint32_t run(const struct sock_filter *filter, size_t len, const struct seccomp_data *data) {
    uint32_t a = 0;
    uint32_t memory[BPF_MEMWORDS] = { 0 };
    for (size_t pc = 0; pc < len; pc++) {
        const struct sock_filter *f = &filter[pc];
        switch (BPF_CLASS(f->code)) {
        case BPF_LD:
            a = BPF_MODE(f->code) == BPF_ABS ? load(data, f->k)
                                             : (BPF_MODE(f->code) == BPF_MEM ? memory[f->k] : f->k);
            break;
        case BPF_ST:
            memory[f->k] = a;
            break;
        case BPF_ALU:
            a = alu(BPF_OP(f->code), a, f->k);
            break;
        case BPF_JMP:
            if (BPF_OP(f->code) == BPF_JA)
                pc += f->k;
            else
                pc += compare(BPF_OP(f->code), a, f->k) ? f->jt : f->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(f->code) == BPF_A ? a : f->k;
        default:
            fail_msg("instruction %#x", f->code);
        }
    }
    fail_msg("ran off the end");
    return 0;
}

static uint32_t verdict_on(const struct seccomp_program *p, uint32_t arch, int nr, uint64_t a0, uint64_t a1) {
    struct seccomp_data data = { .nr = nr, .arch = arch, .args = { a0, a1 } };
    return run(p->filter, p->len, &data);
}

static uint32_t verdict(const struct seccomp_program *p, const char *name, uint64_t a0, uint64_t a1) {
    int nr = seccomp_syscall_resolve_name(name);
    assert_true(nr >= 0);
    return verdict_on(p, seccomp_arch_native(), nr, a0, a1);
}

// ---------------------------------------------------------------- profiles

static struct spec_syscall *add_rule(struct spec_seccomp *s, const char *action, const char **names,
                                     size_t n) {
    struct spec_syscall *rule = ARENA_PUSH(&arena, s->syscalls, s->n_syscalls);
    const char **copy = arena_calloc(&arena, n, sizeof(*copy)); // RULE's list lives in its caller's block
    memcpy(copy, names, n * sizeof(*copy));
    *rule = (struct spec_syscall){ .action = action, .names = copy, .n_names = n };
    return rule;
}
#define RULE(s, action, ...) \
    add_rule(s, action, (static_names){ __VA_ARGS__ }, sizeof((static_names){ __VA_ARGS__ }) / sizeof(char *))
typedef const char *static_names[];

static void add_arg(struct spec_syscall *rule, uint32_t index, const char *op, uint64_t value,
                    uint64_t value_two) {
    *ARENA_PUSH(&arena, rule->args, rule->n_args) =
        (struct spec_seccomp_arg){ .index = index, .op = op, .value = value, .value_two = value_two };
}

static struct seccomp_program compiled(const struct spec_seccomp *s) {
    struct seccomp_program p;
    if (seccomp_compile(s, &arena, &p, &err) < 0)
        fail_msg("%s", error_line(&err));
    assert_true(p.len > 0);
    return p;
}

// Like the engines' default: nearly everything up to a point in time is allowed, and three architectures are
// known.
static struct spec_seccomp big_profile(int newest) {
    static const char *arches[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ERRNO" };
    const char **names = arena_calloc(&arena, (size_t)newest + 1, sizeof(*names));
    size_t n = 0;
    for (int nr = 0; nr <= newest; nr++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        if (name && !str_eq(name, "ptrace") && !str_eq(name, "reboot") && !str_eq(name, "mount") &&
            !str_eq(name, "socket"))
            names[n++] = arena_strdup(&arena, name);
        free(name);
    }
    add_rule(&s, "SCMP_ACT_ALLOW", names, n);
    add_arg(RULE(&s, "SCMP_ACT_ALLOW", "socket"), 0, "SCMP_CMP_NE", 40, 0);
#ifdef __x86_64__
    s.architectures = arches;
    s.n_architectures = COUNT(arches);
#else
    (void)arches;
#endif
    return s;
}

// ---------------------------------------------------------------- verdicts

static void test_actions(void **state) {
    (void)state;
    static const struct {
        const char *action;
        uint32_t verdict;
    } table[] = {
        { "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
        { "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
        { "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
        { "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
        { "SCMP_ACT_ERRNO", ERRNO(EPERM) },
        { "SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM },
        { "SCMP_ACT_LOG", SECCOMP_RET_LOG },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW" };
        RULE(&s, table[i].action, "getcwd", "kill");
        struct seccomp_program p = compiled(&s);
        assert_int_equal(verdict(&p, "getcwd", 0, 0), table[i].verdict);
        assert_int_equal(verdict(&p, "kill", 1, 2), table[i].verdict);
        assert_int_equal(verdict(&p, "read", 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(verdict_on(&p, seccomp_arch_native(), 100000, 0, 0), SECCOMP_RET_ALLOW);

        struct spec_seccomp d = { .default_action = table[i].action };
        RULE(&d, "SCMP_ACT_ALLOW", "getcwd");
        p = compiled(&d);
        assert_int_equal(verdict(&p, "getcwd", 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(verdict(&p, "read", 0, 0), table[i].verdict);
    }
}

static void test_errno(void **state) {
    (void)state;
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ERRNO",
                              .has_default_errno_ret = true,
                              .default_errno_ret = EACCES };
    struct spec_syscall *rule = RULE(&s, "SCMP_ACT_ERRNO", "kill");
    rule->has_errno_ret = true;
    rule->errno_ret = ENOTTY;
    RULE(&s, "SCMP_ACT_ALLOW", "getcwd");
    RULE(&s, "SCMP_ACT_ERRNO", "mount"); // EPERM: not the default's EACCES
    struct seccomp_program p = compiled(&s);
    assert_int_equal(verdict(&p, "kill", 0, 0), ERRNO(ENOTTY));
    assert_int_equal(verdict(&p, "mount", 0, 0), ERRNO(EPERM));
    assert_int_equal(verdict(&p, "read", 0, 0), ERRNO(EACCES));
    assert_int_equal(verdict(&p, "getcwd", 0, 0), SECCOMP_RET_ALLOW);
}

static bool holds(const char *op, uint64_t arg, uint64_t value, uint64_t two) {
    if (str_eq(op, "SCMP_CMP_NE"))
        return arg != value;
    if (str_eq(op, "SCMP_CMP_LT"))
        return arg < value;
    if (str_eq(op, "SCMP_CMP_LE"))
        return arg <= value;
    if (str_eq(op, "SCMP_CMP_EQ"))
        return arg == value;
    if (str_eq(op, "SCMP_CMP_GE"))
        return arg >= value;
    if (str_eq(op, "SCMP_CMP_GT"))
        return arg > value;
    return (arg & value) == two;
}

static void test_operators(void **state) {
    (void)state;
    static const char *const ops[] = { "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",       "SCMP_CMP_EQ",
                                       "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ" };
    static const uint64_t values[] = {
        0,           1,           0x5412,         0x80000000,         0xffffffff,
        0x100000000, 0x100005412, 0x7fffffffffff, 0xffffffff00000000, UINT64_MAX
    };
    for (size_t o = 0; o < COUNT(ops); o++) {
        for (size_t v = 0; v < COUNT(values); v++) {
            struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW" };
            uint64_t two = values[v] & 0x5402;
            add_arg(RULE(&s, "SCMP_ACT_ERRNO", "ioctl"), 1, ops[o], values[v], two);
            struct seccomp_program p = compiled(&s);
            for (size_t a = 0; a < COUNT(values); a++) {
                uint32_t want = holds(ops[o], values[a], values[v], two) ? ERRNO(EPERM) : SECCOMP_RET_ALLOW;
                assert_int_equal(verdict(&p, "ioctl", 7, values[a]), want);
            }
        }
    }
}

// CVE-2019-10063: the kernel looks at 32 bits of an ioctl's number; the mask lets a filter do so too.
static void test_masked_ioctl(void **state) {
    (void)state;
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW" };
    add_arg(RULE(&s, "SCMP_ACT_ERRNO", "ioctl"), 1, "SCMP_CMP_MASKED_EQ", 0xffffffff, 0x5412);
    struct seccomp_program p = compiled(&s);
    assert_int_equal(verdict(&p, "ioctl", 0, 0x5412), ERRNO(EPERM));
    assert_int_equal(verdict(&p, "ioctl", 0, 0x100005412), ERRNO(EPERM));
    assert_int_equal(verdict(&p, "ioctl", 0, 0x5413), SECCOMP_RET_ALLOW);
}

static void test_conditions(void **state) {
    (void)state;
    // On different arguments: all must hold.
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW" };
    struct spec_syscall *rule = RULE(&s, "SCMP_ACT_ERRNO", "kill");
    add_arg(rule, 0, "SCMP_CMP_EQ", 1, 0);
    add_arg(rule, 1, "SCMP_CMP_EQ", 9, 0);
    struct seccomp_program p = compiled(&s);
    assert_int_equal(verdict(&p, "kill", 1, 9), ERRNO(EPERM));
    assert_int_equal(verdict(&p, "kill", 1, 15), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&p, "kill", 2, 9), SECCOMP_RET_ALLOW);
    // On the same argument: any of them.
    struct spec_seccomp t = { .default_action = "SCMP_ACT_ERRNO" };
    rule = RULE(&t, "SCMP_ACT_ALLOW", "personality");
    add_arg(rule, 0, "SCMP_CMP_EQ", 0, 0);
    add_arg(rule, 0, "SCMP_CMP_EQ", 8, 0);
    add_arg(rule, 0, "SCMP_CMP_EQ", 0xffffffff, 0);
    p = compiled(&t);
    assert_int_equal(verdict(&p, "personality", 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&p, "personality", 8, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&p, "personality", 0xffffffff, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict(&p, "personality", 0x20000, 0), ERRNO(EPERM));
}

// The binary tree answers every number as a plain reading of the profile would.
static void test_big_profile(void **state) {
    (void)state;
    struct spec_seccomp s = big_profile(334);
    struct seccomp_program p = compiled(&s);
    for (int nr = 0; nr <= 600; nr++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        bool named = false;
        for (size_t i = 0; name && i < s.syscalls[0].n_names; i++)
            named |= str_eq(name, s.syscalls[0].names[i]);
        uint32_t want = named ? SECCOMP_RET_ALLOW : ERRNO(nr > 334 ? ENOSYS : EPERM);
        if (name && str_eq(name, "socket"))
            want = SECCOMP_RET_ALLOW;
        assert_int_equal(verdict_on(&p, seccomp_arch_native(), nr, 2, 0), want);
        free(name);
    }
    assert_int_equal(verdict(&p, "socket", 40, 0), ERRNO(EPERM));
    assert_int_equal(verdict_on(&p, seccomp_arch_native(), 9999, 0, 0), ERRNO(ENOSYS));
    print_message("%u instructions\n", p.len);
}

// ---------------------------------------------------------------- newer calls, other architectures

static void test_newer_calls(void **state) {
    (void)state;
    static const struct {
        const char *action;
        uint32_t errno_ret;
        uint32_t newer;
    } table[] = {
        { "SCMP_ACT_ERRNO", EPERM, ERRNO(ENOSYS) },
        { "SCMP_ACT_ERRNO", ENOSYS, ERRNO(ENOSYS) },
        { "SCMP_ACT_ERRNO", EACCES, ERRNO(ENOSYS) },
        { "SCMP_ACT_KILL", 0, ERRNO(ENOSYS) },
        { "SCMP_ACT_KILL_PROCESS", 0, ERRNO(ENOSYS) },
        { "SCMP_ACT_ALLOW", 0, SECCOMP_RET_ALLOW },
        { "SCMP_ACT_LOG", 0, SECCOMP_RET_LOG },
        { "SCMP_ACT_TRAP", 0, SECCOMP_RET_TRAP },
        { "SCMP_ACT_TRACE", 0, SECCOMP_RET_TRACE | EPERM },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct spec_seccomp s = { .default_action = table[i].action,
                                  .has_default_errno_ret = table[i].errno_ret != 0,
                                  .default_errno_ret = table[i].errno_ret };
        // A rule with the default's action also says that its author knew the call.
        RULE(&s, table[i].action, "statx");
        s.syscalls[0].has_errno_ret = s.has_default_errno_ret;
        s.syscalls[0].errno_ret = s.default_errno_ret;
        RULE(&s, !str_eq(table[i].action, "SCMP_ACT_ALLOW") ? "SCMP_ACT_ALLOW" : "SCMP_ACT_LOG", "read");
        struct seccomp_program p = compiled(&s);
        int statx_nr = seccomp_syscall_resolve_name("statx");
        assert_int_not_equal(verdict_on(&p, seccomp_arch_native(), statx_nr, 0, 0),
                             table[i].errno_ret == ENOSYS ? 0 : ERRNO(ENOSYS));
        assert_int_equal(verdict_on(&p, seccomp_arch_native(), statx_nr + 1, 0, 0), table[i].newer);
        assert_int_equal(verdict_on(&p, seccomp_arch_native(), 5000, 0, 0), table[i].newer);
    }
}

#ifdef __x86_64__
static void test_arches(void **state) {
    (void)state;
    static const char *three[] = { "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ERRNO" };
    RULE(&s, "SCMP_ACT_ALLOW", "read", "statx", "socketcall"); // statx: 332 here, 383 on i386
    struct seccomp_program p = compiled(&s);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, 0, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, 333, 0, 0), ERRNO(ENOSYS));
    // Not listed: libseccomp kills, whatever the number.
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_KILL_THREAD);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 999, 0, 0), SECCOMP_RET_KILL_THREAD);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, PRELUDE_X32_BIT, 0, 0), SECCOMP_RET_KILL_THREAD);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, PRELUDE_X32_BIT + 999, 0, 0), SECCOMP_RET_KILL_THREAD);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_AARCH64, 63, 0, 0), SECCOMP_RET_KILL_THREAD);

    s.architectures = three;
    s.n_architectures = COUNT(three);
    p = compiled(&s);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, 332, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, 333, 0, 0), ERRNO(ENOSYS));
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 3, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 5, 0, 0), ERRNO(EPERM));
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 102, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 383, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_I386, 384, 0, 0), ERRNO(ENOSYS));
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, PRELUDE_X32_BIT + 0, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, PRELUDE_X32_BIT + 332, 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, PRELUDE_X32_BIT + 1, 0, 0), ERRNO(EPERM));
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_X86_64, PRELUDE_X32_BIT + 333, 0, 0), ERRNO(ENOSYS));
    assert_int_equal(verdict_on(&p, AUDIT_ARCH_AARCH64, 63, 0, 0), SECCOMP_RET_KILL_THREAD);
}
#endif

// The prelude alone, in front of "return ALLOW".
static void test_prelude(void **state) {
    (void)state;
    static const struct prelude_arch arches[] = {
        { AUDIT_ARCH_X86_64, 300, -1 },
        { AUDIT_ARCH_I386, -1, -1 },
        { AUDIT_ARCH_ARM, 400, -1 },
        { AUDIT_ARCH_AARCH64, 290, -1 },
    };
    struct sock_filter filter[PRELUDE_MAX_LEN + 1];
    size_t n = seccomp_prelude(arches, COUNT(arches), filter);
    assert_in_range(n, 4, PRELUDE_MAX_LEN);
    filter[n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    static const struct {
        uint32_t arch;
        int nr;
        uint32_t want;
    } table[] = {
        { AUDIT_ARCH_X86_64, 300, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_X86_64, 301, ERRNO(ENOSYS) },
        { AUDIT_ARCH_X86_64, -1, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_X86_64, PRELUDE_X32_BIT | 500, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_I386, 500, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_ARM, 400, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_ARM, 401, ERRNO(ENOSYS) },
        { AUDIT_ARCH_ARM, PRELUDE_ARM_PRIVATE + 5, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_AARCH64, 290, SECCOMP_RET_ALLOW },
        { AUDIT_ARCH_AARCH64, 291, ERRNO(ENOSYS) },
        { AUDIT_ARCH_S390X, 900, SECCOMP_RET_ALLOW },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct seccomp_data data = { .nr = table[i].nr, .arch = table[i].arch };
        assert_int_equal(run(filter, n + 1, &data), table[i].want);
    }
    static const struct prelude_arch nothing[] = { { AUDIT_ARCH_ARM, -1, -1 } };
    assert_int_equal(seccomp_prelude(nothing, 1, filter), 0);
    struct prelude_arch many[PRELUDE_MAX_ARCHES];
    for (uint32_t i = 0; i < PRELUDE_MAX_ARCHES; i++)
        many[i] = (struct prelude_arch){ i ? i : AUDIT_ARCH_X86_64, 5, 5 };
    assert_in_range(seccomp_prelude(many, PRELUDE_MAX_ARCHES, filter), 1, PRELUDE_MAX_LEN);
}

// ---------------------------------------------------------------- odd profiles

static void test_unknown_names(void **state) {
    (void)state;
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ERRNO" };
    RULE(&s, "SCMP_ACT_ALLOW", "read", "no_such_call", "write", "frobnicate2");
    struct seccomp_program p = compiled(&s);
    assert_int_equal(p.n_unknown, 2);
    assert_string_equal(p.unknown[0], "no_such_call");
    assert_string_equal(p.unknown[1], "frobnicate2");
    assert_int_equal(verdict(&p, "write", 0, 0), SECCOMP_RET_ALLOW);
}

static void test_flags(void **state) {
    (void)state;
    static const char *flags[] = { "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                   "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" };
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW", .flags = flags, .n_flags = COUNT(flags) };
    struct seccomp_program p = compiled(&s);
    assert_int_equal(p.flags,
                     SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC);
    s.n_flags = 0;
    p = compiled(&s);
    assert_int_equal(p.flags, 0);
}

static void test_refused(void **state) {
    (void)state;
    struct seccomp_program p;
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW" };
    RULE(&s, "SCMP_ACT_NOTIFY", "mount");
    assert_int_equal(seccomp_compile(&s, &arena, &p, &err), -1);
    assert_string_equal(err.code, "config.unsupported");
    assert_string_equal(err.origin, "/linux/seccomp/syscalls/0");
    s = (struct spec_seccomp){ .default_action = "SCMP_ACT_MAYBE" };
    assert_int_equal(seccomp_compile(&s, &arena, &p, &err), -1);
    static const char *bad[] = { "SCMP_ARCH_PDP11" };
    s = (struct spec_seccomp){ .default_action = "SCMP_ACT_ALLOW",
                               .architectures = bad,
                               .n_architectures = 1 };
    assert_int_equal(seccomp_compile(&s, &arena, &p, &err), -1);
    assert_string_equal(err.origin, "/linux/seccomp/architectures/0");
    s = (struct spec_seccomp){ .default_action = "SCMP_ACT_ALLOW", .flags = bad, .n_flags = 1 };
    assert_int_equal(seccomp_compile(&s, &arena, &p, &err), -1);
    s = (struct spec_seccomp){ .default_action = "SCMP_ACT_ALLOW" };
    add_arg(RULE(&s, "SCMP_ACT_ERRNO", "ioctl"), 6, "SCMP_CMP_EQ", 0, 0);
    assert_int_equal(seccomp_compile(&s, &arena, &p, &err), -1);
}

// ---------------------------------------------------------------- the cache

// FIPS 180-4's examples, and lengths around the block's end.
static void test_sha256(void **state) {
    (void)state;
    static const struct {
        size_t times;
        const char *text;
        const char *want;
    } table[] = {
        { 0, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { 1, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { 1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { 55, "a", "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
        { 64, "a", "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
        { 1000000, "a", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct sha256 h;
        char hex[65];
        sha256_init(&h);
        for (size_t n = 0; n < table[i].times; n++)
            sha256_update(&h, table[i].text, strlen(table[i].text));
        sha256_hex(&h, hex);
        assert_string_equal(hex, table[i].want);
    }
}

static void test_key(void **state) {
    (void)state;
    char a[SECCOMP_KEY_SIZE];
    char b[SECCOMP_KEY_SIZE];
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ERRNO" };
    RULE(&s, "SCMP_ACT_ALLOW", "read", "write");
    struct spec_seccomp t = { .default_action = "SCMP_ACT_ERRNO" };
    RULE(&t, "SCMP_ACT_ALLOW", "read", "write");
    seccomp_cache_key(&s, a);
    seccomp_cache_key(&t, b);
    assert_int_equal(strlen(a), 64);
    assert_string_equal(a, b);
    RULE(&t, "SCMP_ACT_ALLOW", "readwrite");
    seccomp_cache_key(&t, b);
    assert_string_not_equal(a, b);
    struct spec_seccomp u = { .default_action = "SCMP_ACT_ERRNO" };
    RULE(&u, "SCMP_ACT_ALLOW", "readwrite");
    seccomp_cache_key(&u, b);
    assert_string_not_equal(a, b);
    u = s;
    u.has_default_errno_ret = true;
    u.default_errno_ret = EPERM;
    seccomp_cache_key(&u, b);
    assert_string_not_equal(a, b);
}

static char cache_file[300];

static struct seccomp_program get(int root, const struct spec_seccomp *s) {
    struct seccomp_program p;
    if (seccomp_get(root, s, &arena, &p, &err) < 0)
        fail_msg("%s", error_line(&err));
    snprintf(cache_file, sizeof(cache_file), "%s/.seccomp/%s.bpf", test_dir, p.key);
    return p;
}

static void test_cache(void **state) {
    (void)state;
    cleanup_fd int root = open(test_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char *flags[] = { "SECCOMP_FILTER_FLAG_LOG" };
    struct spec_seccomp s = big_profile(300);
    s.flags = flags;
    s.n_flags = 1;
    struct seccomp_program cold = get(root, &s);
    assert_false(cold.cached);
    struct stat st;
    assert_int_equal(stat(in_dir(".seccomp"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    struct seccomp_program warm = get(root, &s);
    assert_true(warm.cached);
    assert_int_equal(warm.len, cold.len);
    assert_int_equal(warm.flags, SECCOMP_FILTER_FLAG_LOG);
    assert_memory_equal(warm.filter, cold.filter, cold.len * sizeof(*cold.filter));
    struct seccomp_program by_key;
    assert_int_equal(seccomp_get_by_key(root, cold.key, &arena, &by_key), 0);
    assert_int_equal(by_key.len, cold.len);
    assert_int_equal(seccomp_get_by_key(root, "../../etc/passwd", &arena, &by_key), 1);
    assert_int_equal(seccomp_get_by_key(root, "", &arena, &by_key), 1);
}

static void flip_byte(off_t at) {
    cleanup_fd int fd = open(cache_file, O_RDWR | O_CLOEXEC);
    unsigned char c;
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

static void test_cache_damage(void **state) {
    (void)state;
    cleanup_fd int root = open(test_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct spec_seccomp s = big_profile(200);
    (void)get(root, &s);
    static const off_t places[] = { 0, 8, 16, 25, 32, 900 };
    for (size_t i = 0; i < COUNT(places); i++) {
        assert_true(get(root, &s).cached);
        flip_byte(places[i]);
        assert_false(get(root, &s).cached); // and written anew
    }
    assert_true(get(root, &s).cached);
    assert_int_equal(truncate(cache_file, 500), 0);
    assert_false(get(root, &s).cached);
    assert_int_equal(truncate(cache_file, 0), 0);
    assert_false(get(root, &s).cached);
    assert_int_equal(chmod(cache_file, 0666), 0);
    assert_false(get(root, &s).cached);
    assert_int_equal(unlink(cache_file), 0);
    assert_int_equal(mkfifo(cache_file, 0600), 0); // must not hang
    assert_false(get(root, &s).cached);
    assert_int_equal(chmod(in_dir(".seccomp"), 0777), 0);
    assert_false(get(root, &s).cached);
    assert_int_equal(chmod(in_dir(".seccomp"), 0700), 0);
    assert_true(get(root, &s).cached);
}

static void test_cache_unwritable(void **state) {
    (void)state;
    cleanup_fd int root = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct spec_seccomp s = { .default_action = "SCMP_ACT_ALLOW" };
    assert_false(get(root, &s).cached);
    assert_false(get(root, &s).cached);
}

static void test_cache_speed(void **state) {
    (void)state;
    cleanup_fd int root = open(test_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct spec_seccomp s = big_profile(334);
    struct timespec t[3];
    clock_gettime(CLOCK_MONOTONIC, &t[0]);
    (void)get(root, &s);
    clock_gettime(CLOCK_MONOTONIC, &t[1]);
    for (int i = 0; i < 100; i++)
        assert_true(get(root, &s).cached);
    clock_gettime(CLOCK_MONOTONIC, &t[2]);
    double cold = (double)(t[1].tv_sec - t[0].tv_sec) * 1e6 + (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e3;
    double warm =
        ((double)(t[2].tv_sec - t[1].tv_sec) * 1e6 + (double)(t[2].tv_nsec - t[1].tv_nsec) / 1e3) / 100;
    print_message("cold %.0f us, warm %.1f us\n", cold, warm);
    assert_true(warm < cold);
}

// ---------------------------------------------------------------- for real

static int install_and_try(void *arg) {
    const struct seccomp_program *p = arg;
    struct error e;
    CHECK(no_new_privs_set(&e) == 0);
    CHECK(seccomp_install(p, &e) == 0);
    CHECK(syscall(SYS_getpid) > 0);
    errno = 0;
    CHECK(syscall(SYS_ptrace, 0, 0, 0, 0) < 0 && errno == EPERM);
    CHECK(syscall(SYS_socket, 40, 1, 0) < 0 && errno == EPERM);
    CHECK(syscall(9999) < 0 && errno == ENOSYS);
    CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
    return 0;
}

static void test_install(void **state) {
    (void)state;
    struct spec_seccomp s = big_profile(334);
    struct seccomp_program p = compiled(&s);
    in_child(install_and_try, &p);
}

static int clean(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_masked_ioctl),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_big_profile),
        cmocka_unit_test(test_newer_calls),
#ifdef __x86_64__
        cmocka_unit_test(test_arches),
#endif
        cmocka_unit_test(test_prelude),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_key),
        cmocka_unit_test_setup_teardown(test_cache, make_test_dir, remove_test_dir),
        cmocka_unit_test_setup_teardown(test_cache_damage, make_test_dir, remove_test_dir),
        cmocka_unit_test(test_cache_unwritable),
        cmocka_unit_test_setup_teardown(test_cache_speed, make_test_dir, remove_test_dir),
        cmocka_unit_test(test_install),
    };
    return cmocka_run_group_tests_name("seccomp", tests, NULL, clean);
}
#endif
