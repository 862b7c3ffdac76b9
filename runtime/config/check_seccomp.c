// SPDX-License-Identifier: Apache-2.0
// Rules of /linux/seccomp (config-linux.md, "Seccomp") that the tables cannot say.
#include "config.h"

#include "lib/str.h"
#include "runtime/config/check.h"

enum {
    MAX_ERRNO = 4095, // the kernel cuts a larger one down to this: seccomp(2)
    MAX_TRACE = 65535 // SECCOMP_RET_DATA
};

static int check_errno(struct check *c, const char *origin, const char *member, const char *action, bool has,
                       uint32_t value) {
    bool is_errno = str_eq(action, "SCMP_ACT_ERRNO");
    if (!has)
        return 0;
    if (!is_errno && !str_eq(action, "SCMP_ACT_TRACE"))
        return INVALID(c, origin, "\"%s\" is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, the action here is %s",
                       member, action);
    if (value > (is_errno ? MAX_ERRNO : MAX_TRACE))
        return INVALID(c, origin, "\"%s\" must be at most %d with %s, but is %u", member,
                       is_errno ? MAX_ERRNO : MAX_TRACE, action, value);
    return 0;
}

int check_seccomp(struct check *c, const struct spec_seccomp *s) {
    bool notify = str_eq(s->default_action, "SCMP_ACT_NOTIFY");
    if (check_errno(c, "/linux/seccomp/defaultErrnoRet", "defaultErrnoRet", s->default_action,
                    s->has_default_errno_ret, s->default_errno_ret) < 0)
        return -1;
    for (size_t i = 0; i < s->n_syscalls; i++) {
        const struct spec_syscall *rule = &s->syscalls[i];
        if (rule->n_names == 0)
            return INVALID(c, AT(c, "/linux/seccomp/syscalls/%zu/names", i),
                           "\"names\" must have at least one entry");
        if (rule->has_errno_ret &&
            check_errno(c, AT(c, "/linux/seccomp/syscalls/%zu/errnoRet", i), "errnoRet", rule->action,
                        rule->has_errno_ret, rule->errno_ret) < 0)
            return -1;
        notify = notify || str_eq(rule->action, "SCMP_ACT_NOTIFY");
    }
    if (s->listener_metadata && !s->listener_path)
        return INVALID(c, "/linux/seccomp/listenerMetadata",
                       "\"listenerMetadata\" needs \"listenerPath\" beside it");
    if (notify && !s->listener_path)
        return INVALID(c, "/linux/seccomp/listenerPath",
                       "SCMP_ACT_NOTIFY needs \"listenerPath\", the socket of the program that answers");
    if (notify && s->listener_path[0] != '/')
        return INVALID(c, "/linux/seccomp/listenerPath",
                       "\"listenerPath\" must be an absolute path, but is %s",
                       check_quote(c, s->listener_path));
    return 0;
}
