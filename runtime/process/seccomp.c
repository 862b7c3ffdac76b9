// SPDX-License-Identifier: Apache-2.0
// linux.seccomp -> BPF by libseccomp, with a prelude of our own; and its installation.
#include "config.h"

#include "runtime/process/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/process/seccomp_prelude.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_SET_MODE_FILTER
#define SECCOMP_SET_MODE_FILTER 1
#endif

// ---------------------------------------------------------------- install (child)

int seccomp_install(const struct seccomp_program *program, struct error *err) {
    struct sock_fprog prog = { .len = program->len, .filter = program->filter };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &prog) == 0)
        return 0;
    if (errno == ENOSYS && program->flags == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
        return 0;
    int saved = errno;
    error_set_at(err, "seccomp.failed", saved, "/linux/seccomp",
                 "installing the seccomp filter of %u instructions", program->len);
    if (saved == EACCES)
        error_hint(err, "it needs process.noNewPrivileges or CAP_SYS_ADMIN");
    else if (saved == EINVAL && program->flags)
        error_hint(err, "this kernel may not know one of /linux/seccomp/flags");
    else if (saved == EINVAL || saved == ENOSYS)
        error_hint(err, "this kernel may be built without CONFIG_SECCOMP_FILTER");
    else if (saved == ENOMEM)
        error_hint(err, "all filters of a process together may have 32768 instructions");
    return -1;
}

// ---------------------------------------------------------------- compile (parent)

#ifndef HAVE_SECCOMP

const char *seccomp_library_version(void) {
    return NULL;
}

int seccomp_compile(const struct spec_seccomp *profile, struct arena *a, struct seccomp_program *out,
                    struct error *err) {
    (void)profile;
    (void)a;
    (void)out;
    error_set_at(err, "seccomp.unavailable", 0, "/linux/seccomp", "this nook was built without seccomp");
    return error_hint(err, "take linux.seccomp out of the config, or build with libseccomp");
}

#else

const char *seccomp_library_version(void) {
    static char text[40];
    const struct scmp_version *v = seccomp_version();
    snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->micro);
    return text;
}

static const struct str_value arches[] = {
    { "SCMP_ARCH_X86", SCMP_ARCH_X86 },
    { "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
    { "SCMP_ARCH_X32", SCMP_ARCH_X32 },
    { "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
    { "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
    { "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
    { "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
    { "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
    { "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
    { "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
    { "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
    { "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
    { "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
    { "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
    { "SCMP_ARCH_S390", SCMP_ARCH_S390 },
    { "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
    { "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
    { "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
#ifdef SCMP_ARCH_RISCV64
    { "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
#endif
#ifdef SCMP_ARCH_LOONGARCH64
    { "SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64 },
#endif
#ifdef SCMP_ARCH_M68K
    { "SCMP_ARCH_M68K", SCMP_ARCH_M68K },
#endif
#ifdef SCMP_ARCH_SH
    { "SCMP_ARCH_SH", SCMP_ARCH_SH },
#endif
#ifdef SCMP_ARCH_SHEB
    { "SCMP_ARCH_SHEB", SCMP_ARCH_SHEB },
#endif
    { NULL, 0 },
};

static const struct str_value operators[] = {
    { "SCMP_CMP_NE", SCMP_CMP_NE },
    { "SCMP_CMP_LT", SCMP_CMP_LT },
    { "SCMP_CMP_LE", SCMP_CMP_LE },
    { "SCMP_CMP_EQ", SCMP_CMP_EQ },
    { "SCMP_CMP_GE", SCMP_CMP_GE },
    { "SCMP_CMP_GT", SCMP_CMP_GT },
    { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
    { NULL, 0 },
};

static const struct str_value flag_names[] = {
    { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
    { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
    { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
    // Means something for SCMP_ACT_NOTIFY only; the kernel refuses it without a listener.
    { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0 },
    { NULL, 0 },
};

// The actions that take no errno. SCMP_ACT_KILL is the thread's, as in libseccomp.
static const struct str_value plain_actions[] = {
    { "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
    { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
    { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
    { "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
    { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
    { "SCMP_ACT_LOG", SCMP_ACT_LOG },
    { NULL, 0 },
};

static int translate_action(const char *name, bool has_errno, uint32_t errno_ret, const char *origin,
                            uint32_t *out, struct error *err) {
    uint32_t data = has_errno ? errno_ret : EPERM;
    const struct str_value *plain = str_lookup(plain_actions, name);
    if (plain) {
        *out = (uint32_t)plain->value;
        return 0;
    }
    if (str_eq(name, "SCMP_ACT_NOTIFY"))
        return error_set_at(err, "config.unsupported", 0, origin,
                            "SCMP_ACT_NOTIFY is not supported by this version of nook");
    if (str_eq(name, "SCMP_ACT_ERRNO"))
        *out = SCMP_ACT_ERRNO(data);
    else if (str_eq(name, "SCMP_ACT_TRACE"))
        *out = SCMP_ACT_TRACE(data);
    else
        return error_set_at(err, "config.invalid", 0, origin, "unknown seccomp action \"%s\"", name);
    if (data > UINT16_MAX)
        return error_set_at(err, "config.invalid", 0, origin, "errno %u is out of range", data);
    return 0;
}

// What one compilation works with.
struct compiler {
    const struct spec_seccomp *profile;
    struct arena *arena;
    struct seccomp_program *out;
    scmp_filter_ctx ctx;
    uint32_t default_action;
};

static int library_error(int rc, const char *origin, const char *what, struct error *err) {
    return error_set_at(err, "seccomp.failed", rc < 0 ? -rc : rc, origin, "libseccomp: %s", what);
}

static int add_architectures(struct compiler *c, struct error *err) {
    for (size_t i = 0; i < c->profile->n_architectures; i++) {
        char origin[64];
        snprintf(origin, sizeof(origin), "/linux/seccomp/architectures/%zu", i);
        const struct str_value *arch = str_lookup(arches, c->profile->architectures[i]);
        if (!arch)
            return error_set_at(err, "config.unsupported", 0, origin, "%s is not known to libseccomp %s",
                                c->profile->architectures[i], seccomp_library_version());
        int rc = seccomp_arch_add(c->ctx, (uint32_t)arch->value);
        if (rc < 0 && rc != -EEXIST)
            return library_error(rc, origin, c->profile->architectures[i], err);
    }
    return 0;
}

static int add_flags(struct compiler *c, struct error *err) {
    for (size_t i = 0; i < c->profile->n_flags; i++) {
        char origin[64];
        snprintf(origin, sizeof(origin), "/linux/seccomp/flags/%zu", i);
        const struct str_value *flag = str_lookup(flag_names, c->profile->flags[i]);
        if (!flag)
            return error_set_at(err, "config.invalid", 0, origin, "unknown seccomp flag \"%s\"",
                                c->profile->flags[i]);
        c->out->flags |= (unsigned)flag->value;
    }
    return 0;
}

// The kernel's conditions of one rule are all to hold, and libseccomp takes one for each argument. When an
// argument has several, each condition becomes a rule of its own: alternatives, as runc reads such profiles.
static int add_rules_for(struct compiler *c, int number, uint32_t action, const struct scmp_arg_cmp *args,
                         size_t n, bool alternatives) {
    if (!alternatives)
        return seccomp_rule_add_array(c->ctx, action, number, (unsigned)n, args);
    for (size_t i = 0; i < n; i++) {
        int rc = seccomp_rule_add_array(c->ctx, action, number, 1, &args[i]);
        if (rc < 0 && rc != -EEXIST)
            return rc;
    }
    return 0;
}

static int translate_args(const struct spec_syscall *call, const char *origin, struct scmp_arg_cmp *args,
                          bool *alternatives, struct error *err) {
    unsigned seen = 0;
    *alternatives = false;
    for (size_t i = 0; i < call->n_args; i++) {
        const struct spec_seccomp_arg *arg = &call->args[i];
        const struct str_value *op = str_lookup(operators, arg->op);
        if (!op || arg->index > 5)
            return error_set_at(err, "config.invalid", 0, origin, "bad condition on argument %u: \"%s\"",
                                arg->index, arg->op);
        if (seen & 1U << arg->index)
            *alternatives = true;
        seen |= 1U << arg->index;
        args[i] = (struct scmp_arg_cmp){
            .arg = arg->index,
            .op = (enum scmp_compare)op->value,
            .datum_a = arg->value,
            .datum_b = arg->value_two,
        };
    }
    return 0;
}

static int add_syscall(struct compiler *c, size_t index, struct error *err) {
    const struct spec_syscall *call = &c->profile->syscalls[index];
    char origin[64];
    uint32_t action = 0;
    bool alternatives;
    snprintf(origin, sizeof(origin), "/linux/seccomp/syscalls/%zu", index);
    if (translate_action(call->action, call->has_errno_ret, call->errno_ret, origin, &action, err) < 0)
        return -1;
    struct scmp_arg_cmp *args = arena_calloc(c->arena, call->n_args + 1, sizeof(*args));
    if (translate_args(call, origin, args, &alternatives, err) < 0)
        return -1;
    // libseccomp refuses rules that say what happens anyway.
    if (action == c->default_action)
        return 0;
    for (size_t i = 0; i < call->n_names; i++) {
        int number = seccomp_syscall_resolve_name(call->names[i]);
        if (number == __NR_SCMP_ERROR) {
            *ARENA_PUSH(c->arena, c->out->unknown, c->out->n_unknown) = call->names[i];
            continue;
        }
        int rc = add_rules_for(c, number, action, args, call->n_args, alternatives);
        if (rc < 0 && rc != -EEXIST)
            return library_error(rc, origin, call->names[i], err);
    }
    return 0;
}

// ---------------------------------------------------------------- system calls newer than the profile

// Does the default refuse? Then a program that tries a new call and expects ENOSYS on old kernels gets it.
// With TRAP, TRACE and LOG somebody wants to see every call.
static bool refuses(uint32_t action) {
    uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
    return kind == SECCOMP_RET_KILL_PROCESS || kind == SECCOMP_RET_KILL_THREAD ||
           (kind == SECCOMP_RET_ERRNO && (action & SECCOMP_RET_DATA) != ENOSYS);
}

// The newest call of that architecture that any rule names; -1 when none.
static int64_t newest_named(const struct spec_seccomp *profile, uint32_t arch) {
    int64_t newest = -1;
    for (size_t i = 0; i < profile->n_syscalls; i++)
        for (size_t j = 0; j < profile->syscalls[i].n_names; j++) {
            int number = seccomp_syscall_resolve_name_arch(arch, profile->syscalls[i].names[j]);
            if (number < 0)
                continue; // unknown, or one of libseccomp's pseudo numbers: not there on this architecture
            if (arch == SCMP_ARCH_X32)
                number &= ~PRELUDE_X32_BIT;
            if (arch == SCMP_ARCH_ARM && number >= PRELUDE_ARM_PRIVATE)
                continue;
            if (number > newest)
                newest = number;
        }
    return newest;
}

static struct prelude_arch *prelude_slot(struct prelude_arch *list, size_t *n, uint32_t audit_arch) {
    for (size_t i = 0; i < *n; i++)
        if (list[i].audit_arch == audit_arch)
            return &list[i];
    list[*n] = (struct prelude_arch){ .audit_arch = audit_arch, .newest = -1, .newest_x32 = -1 };
    return &list[(*n)++];
}

static void prelude_add(const struct spec_seccomp *profile, uint32_t arch, struct prelude_arch *list,
                        size_t *n) {
    // x32 is no architecture to the kernel, but a bit in the number of an x86-64 call.
    if (arch == SCMP_ARCH_X32)
        prelude_slot(list, n, AUDIT_ARCH_X86_64)->newest_x32 = newest_named(profile, arch);
    else
        prelude_slot(list, n, arch)->newest = newest_named(profile, arch);
}

static size_t make_prelude(const struct compiler *c, struct sock_filter *out) {
    struct prelude_arch list[PRELUDE_MAX_ARCHES];
    size_t n = 0;
    if (!refuses(c->default_action))
        return 0;
    prelude_add(c->profile, seccomp_arch_native(), list, &n);
    for (size_t i = 0; i < c->profile->n_architectures && n < PRELUDE_MAX_ARCHES; i++) {
        const struct str_value *arch = str_lookup(arches, c->profile->architectures[i]);
        if (arch)
            prelude_add(c->profile, (uint32_t)arch->value, list, &n);
    }
    return seccomp_prelude(list, n, out);
}

// ---------------------------------------------------------------- put together

static int export_program(struct compiler *c, struct error *err) {
    cleanup_fd int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return error_set(err, "seccomp.failed", errno, "memfd_create");
    int rc = seccomp_export_bpf(c->ctx, fd);
    if (rc < 0)
        return library_error(rc, "/linux/seccomp", "exporting the filter", err);
    off_t size = lseek(fd, 0, SEEK_CUR);
    size_t body = size > 0 ? (size_t)size / sizeof(struct sock_filter) : 0;
    struct sock_filter *filter = arena_calloc(c->arena, body + PRELUDE_MAX_LEN, sizeof(*filter));
    size_t head = make_prelude(c, filter);
    if (head + body > BPF_MAXINSNS)
        return error_set_at(err, "seccomp.failed", 0, "/linux/seccomp",
                            "the profile compiles to %zu instructions; the kernel takes %d", head + body,
                            BPF_MAXINSNS);
    if (body == 0 || pread(fd, filter + head, (size_t)size, 0) != (ssize_t)size)
        return error_set(err, "seccomp.failed", EIO, "reading the filter back");
    c->out->filter = filter;
    c->out->len = (unsigned short)(head + body);
    return 0;
}

static int fill(struct compiler *c, struct error *err) {
#if HAVE_DECL_SCMP_FLTATR_CTL_OPTIMIZE
    int rc = seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc < 0)
        return library_error(rc, "/linux/seccomp", "SCMP_FLTATR_CTL_OPTIMIZE", err);
#endif
    // no_new_privs is not libseccomp's business: whoever installs the program sets it or not.
    (void)seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_NNP, 0);
    if (add_architectures(c, err) < 0 || add_flags(c, err) < 0)
        return -1;
    for (size_t i = 0; i < c->profile->n_syscalls; i++)
        if (add_syscall(c, i, err) < 0)
            return -1;
    return export_program(c, err);
}

int seccomp_compile(const struct spec_seccomp *profile, struct arena *a, struct seccomp_program *out,
                    struct error *err) {
    struct compiler c = { .profile = profile, .arena = a, .out = out };
    *out = (struct seccomp_program){ 0 };
    if (translate_action(profile->default_action, profile->has_default_errno_ret, profile->default_errno_ret,
                         "/linux/seccomp/defaultAction", &c.default_action, err) < 0)
        return -1;
    c.ctx = seccomp_init(c.default_action);
    if (!c.ctx)
        return error_set_at(err, "seccomp.failed", 0, "/linux/seccomp/defaultAction",
                            "libseccomp refuses the default action %s", profile->default_action);
    int result = fill(&c, err);
    seccomp_release(c.ctx);
    return result;
}

#endif
