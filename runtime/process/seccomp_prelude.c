// SPDX-License-Identifier: Apache-2.0
// What runs before libseccomp's filter: ENOSYS for system calls that are newer than the profile.
#include "config.h"

#include "runtime/process/seccomp_prelude.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#define GO_ON 255 // target of a jump, resolved in the end: the filter behind

#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN_ENOSYS   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
#define JUMP(op, value) BPF_JUMP(BPF_JMP | (op) | BPF_K, (value), 0, 0)
#define JUMP_ON         BPF_STMT(BPF_JMP | BPF_JA, GO_ON)

// "number > newest: ENOSYS; else go on"; `newest` -1: go on.
static size_t emit_limit(int64_t newest, uint32_t offset, struct sock_filter *out) {
    size_t n = 0;
    if (newest >= 0) {
        out[n] = (struct sock_filter)JUMP(BPF_JGT, (uint32_t)newest + offset);
        out[n++].jf = 1;
        out[n++] = (struct sock_filter)RETURN_ENOSYS;
    }
    out[n++] = (struct sock_filter)JUMP_ON;
    return n;
}

static size_t emit_arch(const struct prelude_arch *arch, struct sock_filter *out) {
    size_t n = 0;
    size_t compare = n++;
    out[n++] = (struct sock_filter)LOAD(nr);
    if (arch->audit_arch == AUDIT_ARCH_X86_64) {
        // Number -1, with which a tracer skips a call, has the bit too.
        size_t split = n++;
        size_t limit = emit_limit(arch->newest, 0, out + n);
        out[split] = (struct sock_filter)JUMP(BPF_JGE, PRELUDE_X32_BIT);
        out[split].jt = (uint8_t)limit;
        n += limit;
        n += emit_limit(arch->newest_x32, PRELUDE_X32_BIT, out + n);
    } else if (arch->audit_arch == AUDIT_ARCH_ARM) {
        out[n] = (struct sock_filter)JUMP(BPF_JGE, PRELUDE_ARM_PRIVATE);
        out[n++].jt = arch->newest >= 0 ? 2 : 0; // to the jump that goes on
        n += emit_limit(arch->newest, 0, out + n);
    } else {
        n += emit_limit(arch->newest, 0, out + n);
    }
    out[compare] = (struct sock_filter)JUMP(BPF_JEQ, arch->audit_arch);
    out[compare].jf = (uint8_t)(n - compare - 1);
    return n;
}

size_t seccomp_prelude(const struct prelude_arch *arches, size_t n_arches, struct sock_filter *out) {
    size_t n = 0;
    out[n++] = (struct sock_filter)LOAD(arch);
    for (size_t i = 0; i < n_arches; i++)
        if (arches[i].newest >= 0 || arches[i].newest_x32 >= 0)
            n += emit_arch(&arches[i], out + n);
    if (n == 1)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (out[i].code == (BPF_JMP | BPF_JA))
            out[i].k = (uint32_t)(n - i - 1);
    return n;
}
