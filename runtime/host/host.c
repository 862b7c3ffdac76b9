// SPDX-License-Identifier: Apache-2.0
// Who we are on this host: ids, user namespace, capabilities.
#include "config.h"

#include "runtime/host/host.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"

// The inode of the initial user namespace is a constant of the kernel (PROC_USER_INIT_INO).
#define INITIAL_USERNS_INODE 0xEFFFFFFDU

int host_probe_permitted(uint64_t *permitted, struct error *err) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0)
        return error_set(err, "host.capabilities", errno, "cannot read our own capabilities");
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return 0;
}

static int probe_identity(struct host *h, struct error *err) {
    h->euid = geteuid();
    h->egid = getegid();

    struct stat st;
    if (stat("/proc/self/ns/user", &st) < 0)
        return error_set(err, "host.proc", errno, "cannot look at /proc/self/ns/user (is /proc mounted?)");
    h->in_initial_userns = st.st_ino == INITIAL_USERNS_INODE;

    return host_probe_permitted(&h->permitted, err);
}

int host_probe(struct host *h, const char *controllers, struct arena *a, struct error *err) {
    if (probe_identity(h, err) < 0)
        return -1;
    h->cgroups.below_own = h->euid != 0 || !h->in_initial_userns;
    return host_probe_cgroups(&h->cgroups, controllers, a, err);
}
