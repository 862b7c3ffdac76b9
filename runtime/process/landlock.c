// SPDX-License-Identifier: Apache-2.0
// Landlock's signal scope.
#include "config.h"

#include "runtime/process/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/fd.h"

// The kernel's numbers are the same on all architectures; headers before Linux 6.12 lack the scope.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif
enum { CREATE_RULESET_VERSION = 1 << 0, SCOPE_SIGNAL = 1 << 1, ABI_WITH_SCOPES = 6 };

// struct landlock_ruleset_attr as of ABI 6.
struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

int landlock_scope_signals(struct error *err) {
    const struct ruleset rules = { .scoped = SCOPE_SIGNAL };
    // ENOSYS: not built in, or a filter around us (EPERM, too); EOPNOTSUPP: not enabled at boot.
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (abi < ABI_WITH_SCOPES)
        return 1;
    cleanup_fd int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    if (fd < 0)
        return error_set(err, "landlock.failed", errno, "make a Landlock ruleset that scopes signals");
    if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return error_set(err, "landlock.failed", errno, "scope signals by Landlock");
    return 0;
}
