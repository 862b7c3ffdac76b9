// SPDX-License-Identifier: Apache-2.0
// The five capability sets of a process.
#include "config.h"

#include "runtime/process/capabilities.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/capname.h"
#include "lib/fd.h"
#include "lib/str.h"

#define BIT(n) (UINT64_C(1) << (n))

char *capabilities_names(uint64_t mask, char *buf, size_t size) {
    size_t used = 0;
    buf[0] = '\0';
    for (unsigned n = 0; n < 64; n++) {
        if (!(mask & BIT(n)))
            continue;
        char number[8];
        const char *name = capname_of(n);
        snprintf(number, sizeof(number), "%u", n);
        if (used)
            used += str_copy(buf + used, size - used, ", ");
        used += str_copy(buf + used, size - used, name ? name : number);
    }
    return buf;
}

// ---------------------------------------------------------------- parent

// The mask of all capabilities up to the kernel's last one, the only ones that it answers for.
static uint64_t known_capabilities(void) {
    unsigned known = 0, unknown = 64;
    while (known < unknown) {
        unsigned middle = (known + unknown) / 2;
        if (prctl(PR_CAPBSET_READ, middle, 0, 0, 0) >= 0)
            known = middle + 1;
        else
            unknown = middle;
    }
    return known == 64 ? UINT64_MAX : BIT(known) - 1;
}

static bool find_mask(const char *status, const char *field, uint64_t *out) {
    const char *at = strstr(status, field);
    if (!at)
        return false;
    char *end;
    errno = 0;
    *out = strtoull(at + strlen(field), &end, 16);
    return errno == 0 && *end == '\n';
}

int capabilities_read_limits(int proc_fd, struct capability_limits *out, struct error *err) {
    char status[8192];
    const char *path = proc_fd == AT_FDCWD ? "/proc/self/status" : "self/status";
    if (fd_read_small(proc_fd, path, status, sizeof(status)) < 0)
        return error_set(err, "capability.failed", errno, "reading /proc/self/status");
    out->known = known_capabilities();
    if (!find_mask(status, "\nCapInh:\t", &out->inheritable) ||
        !find_mask(status, "\nCapPrm:\t", &out->permitted) ||
        !find_mask(status, "\nCapBnd:\t", &out->bounding) ||
        !find_mask(status, "\nSigIgn:\t", &out->ignored_signals))
        return error_set(err, "capability.failed", 0, "/proc/self/status does not show the capability sets");
    return 0;
}

void capabilities_limits_of_new_userns(const struct capability_limits *own, struct capability_limits *out) {
    *out = (struct capability_limits){
        .bounding = own->known,
        .permitted = own->known,
        .inheritable = 0,
        .known = own->known,
    };
}

uint64_t capabilities_grantable(const struct spec_capabilities *want, const struct capability_limits *limits,
                                struct spec_capabilities *out) {
    // Capabilities beyond the bounding set cannot be made inheritable, but those that are so already may
    // stay.
    uint64_t inheritable = limits->inheritable | (limits->permitted & limits->bounding);
    out->bounding = want->bounding & limits->bounding;
    out->permitted = want->permitted & limits->permitted;
    out->inheritable = want->inheritable & inheritable;
    out->effective = want->effective & out->permitted;
    out->ambient = want->ambient & out->permitted & out->inheritable;
    return (want->bounding & ~out->bounding) | (want->permitted & ~out->permitted) |
           (want->inheritable & ~out->inheritable) | (want->effective & ~out->effective) |
           (want->ambient & ~out->ambient);
}

// ---------------------------------------------------------------- child

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = {
        { (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
        { (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
    };
    return (int)syscall(SYS_capset, &header, data);
}

static int get_capabilities(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int capabilities_give_up(unsigned number, struct error *err) {
    uint64_t effective, permitted, inheritable, others = ~BIT(number);
    bool bounded = prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 0;
    // The kernel takes it out of the ambient set together with the permitted one.
    if ((!bounded && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) ||
        get_capabilities(&effective, &permitted, &inheritable) < 0 ||
        set_capabilities(effective & others, permitted & others, inheritable & others) < 0)
        return error_set(err, "capability.failed", errno, "giving up %s", capname_of(number));
    return 0;
}

int capabilities_bound(const struct spec_capabilities *want, const struct capability_limits *current,
                       struct error *err) {
    uint64_t drop = current->bounding & ~want->bounding;
    if (want->inheritable & ~want->bounding) {
        uint64_t effective;
        uint64_t permitted;
        uint64_t inheritable;
        if (get_capabilities(&effective, &permitted, &inheritable) < 0 ||
            set_capabilities(effective, permitted, want->inheritable) < 0)
            return error_set_at(err, "capability.failed", errno, "/process/capabilities/inheritable",
                                "setting the inheritable capabilities");
    }
    for (unsigned n = 0; n < 64; n++)
        if ((drop & BIT(n)) && prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0 && errno != EINVAL)
            return error_set_at(err, "capability.failed", errno, "/process/capabilities/bounding",
                                "dropping %s from the bounding set",
                                capname_of(n) ? capname_of(n) : "a capability");
    return 0;
}

int capabilities_apply(const struct spec_capabilities *want, uint64_t keep, struct error *err) {
    if (set_capabilities(want->effective | keep, want->permitted | keep, want->inheritable) < 0)
        return error_set_at(err, "capability.failed", errno, "/process/capabilities", "capset");
    // Kernels before 4.3 have no ambient set: EINVAL, and nothing to clear.
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && (errno != EINVAL || want->ambient))
        return error_set_at(err, "capability.failed", errno, "/process/capabilities/ambient",
                            "clearing the ambient set");
    uint64_t raise = want->ambient & want->permitted & want->inheritable;
    for (unsigned n = 0; n < 64; n++)
        if ((raise & BIT(n)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0) < 0)
            return error_set_at(err, "capability.failed", errno, "/process/capabilities/ambient",
                                "raising %s in the ambient set",
                                capname_of(n) ? capname_of(n) : "a capability");
    return 0;
}

int capabilities_finish(const struct spec_capabilities *want, struct error *err) {
    if (set_capabilities(want->effective, want->permitted, want->inheritable) == 0)
        return 0;
    int saved = errno;
    error_set_at(err, "capability.failed", saved, "/process/capabilities", "capset");
    return error_hint(err,
                      "without noNewPrivileges the seccomp filter is installed before; it must allow capset");
}
