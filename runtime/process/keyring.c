// SPDX-License-Identifier: Apache-2.0
// A session keyring of the container's own.
#include "config.h"

#include "runtime/process/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

// keyctl_setperm(3): the possessor may do all, its user all but change attributes, others nothing. The values
// of <keyutils.h>, which belongs to a library that is not needed otherwise.
#define KEY_POS_ALL      0x3f000000UL
#define KEY_USR_NO_SETTR 0x001f0000UL

int keyring_join(const char *name, char *warning, size_t size, struct error *err) {
    long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
    if (key >= 0) {
        // Failing to narrow the permissions leaves the kernel's default, which gives others nothing either.
        (void)syscall(SYS_keyctl, KEYCTL_SETPERM, key, KEY_POS_ALL | KEY_USR_NO_SETTR, 0, 0);
        return 0;
    }
    switch (errno) {
    case ENOSYS:
    case EPERM:
        return 0;
    case EDQUOT:
        snprintf(
            warning, size,
            "no session keyring for the container: the key quota of uid %u is used up (sysctl "
            "kernel.keys.maxkeys or maxbytes, for root kernel.keys.root_maxkeys; not the disk's); it shares "
            "the caller's keyring",
            (unsigned)getuid());
        return 1;
    default:
        error_set(err, "keyring.failed", errno, "joining the session keyring \"%s\"", name);
        return error_hint(err, "--no-new-keyring leaves it out");
    }
}
