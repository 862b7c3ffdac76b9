// SPDX-License-Identifier: Apache-2.0
// Device rules as a BPF program for cgroup v2 (BPF_PROG_TYPE_CGROUP_DEVICE). Pure; attaching it is in
// limits.c. The rules are tried from the last to the first. The access bits that are still undecided are kept
// in a register: an allow rule that matches takes its bits off, a deny rule that matches one of them ends
// with 0; when none is left, 1.
#include "config.h"

#include "runtime/cgroup/translate.h"

enum {
    R_RESULT = BPF_REG_0,
    R_CONTEXT = BPF_REG_1,
    R_TYPE = BPF_REG_2,
    R_ACCESS = BPF_REG_3,
    R_MAJOR = BPF_REG_4,
    R_MINOR = BPF_REG_5,
    R_SCRATCH = BPF_REG_6,
};

struct program {
    struct arena *arena;
    struct bpf_insn *insns;
    size_t n;
};

static void emit(struct program *p, unsigned code, unsigned dst, unsigned src, int off, int imm) {
    *ARENA_PUSH(p->arena, p->insns, p->n) = (struct bpf_insn){
        .code = (uint8_t)code,
        .dst_reg = dst & 0xf,
        .src_reg = src & 0xf,
        .off = (int16_t)off,
        .imm = imm,
    };
}

static void emit_load(struct program *p, unsigned dst, size_t offset) {
    emit(p, BPF_LDX | BPF_MEM | BPF_W, dst, R_CONTEXT, (int)offset, 0);
}

static void emit_return(struct program *p, int value) {
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, value);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_prologue(struct program *p) {
    emit_load(p, R_TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R_ACCESS, R_TYPE, 0, 0);
    emit(p, BPF_ALU64 | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
    emit(p, BPF_ALU64 | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
    emit_load(p, R_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(p, R_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

// False when no device can ever match: the kernel's numbers have 12 and 20 bits.
static bool can_match(const struct device_rule *rule) {
    return rule->major <= INT32_MAX && rule->minor <= INT32_MAX;
}

// Emits one rule. True when nothing gets past it, so that what would follow is unreachable (the verifier
// refuses that).
static bool emit_rule(struct program *p, const struct device_rule *rule) {
    size_t tests[3], n_tests = 0;
    if (rule->type != 'a') {
        tests[n_tests++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, 0,
             rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    }
    if (rule->major >= 0) {
        tests[n_tests++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int)rule->major);
    }
    if (rule->minor >= 0) {
        tests[n_tests++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int)rule->minor);
    }
    bool all = rule->access == DEVICE_ACCESS_ALL;
    if (!all && rule->allow) {
        emit(p, BPF_ALU64 | BPF_AND | BPF_K, R_ACCESS, 0, 0, (int)(DEVICE_ACCESS_ALL & ~rule->access));
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_ACCESS, 0, 2, 0);
    } else if (!all) {
        emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R_SCRATCH, R_ACCESS, 0, 0);
        emit(p, BPF_ALU64 | BPF_AND | BPF_K, R_SCRATCH, 0, 0, (int)rule->access);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, R_SCRATCH, 0, 2, 0);
    }
    emit_return(p, rule->allow);
    for (size_t i = 0; i < n_tests; i++)
        p->insns[tests[i]].off = (int16_t)(p->n - tests[i] - 1);
    return all && n_tests == 0;
}

void device_program(const struct device_rule *rules, size_t n, struct arena *a, struct bpf_insn **out,
                    size_t *n_out) {
    struct program p = { .arena = a };
    emit_prologue(&p);
    bool closed = false;
    for (size_t i = n; i > 0 && !closed; i--)
        if (can_match(&rules[i - 1]))
            closed = emit_rule(&p, &rules[i - 1]);
    if (!closed)
        emit_return(&p, 0);
    *out = p.insns;
    *n_out = p.n;
}
