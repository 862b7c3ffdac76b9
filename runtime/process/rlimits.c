// SPDX-License-Identifier: Apache-2.0
// Resource limits of the container's process.
#include "config.h"

#include "runtime/process/rlimits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/str.h"

// The kernel's struct rlimit64: 64 bits on every architecture.
struct limit {
    uint64_t soft, hard;
};

static int limit_get_set(int resource, const struct limit *to, struct limit *old) {
    return (int)syscall(SYS_prlimit64, 0, resource, to, old);
}

static const char *limit_text(uint64_t value, char buf[24]) {
    if (value == UINT64_MAX)
        return "unlimited";
    snprintf(buf, 24, "%" PRIu64, value);
    return buf;
}

// Says what exactly the kernel refused.
static int limit_error(const struct spec_rlimit *r, size_t i, int errnum, struct error *err) {
    char origin[64];
    char from[24];
    char to[24];
    struct limit now;
    snprintf(origin, sizeof(origin), "/process/rlimits/%zu", i);
    if (errnum == EPERM && limit_get_set(r->resource, NULL, &now) == 0) {
        if (r->hard > now.hard) {
            error_set_at(err, "rlimit.failed", errnum, origin, "%s: raising the hard limit from %s to %s",
                         r->type, limit_text(now.hard, from), limit_text(r->hard, to));
            return error_hint(err, "needs CAP_SYS_RESOURCE in the host's user namespace");
        }
        error_set_at(err, "rlimit.failed", errnum, origin, "%s: setting the limit to %s:%s", r->type,
                     limit_text(r->soft, from), limit_text(r->hard, to));
        if (r->resource == RLIMIT_NOFILE)
            error_hint(err, "the host's fs.nr_open is the highest value possible");
        return -1;
    }
    return error_set_at(err, "rlimit.failed", errnum, origin, "%s: setting the limit to %s:%s", r->type,
                        limit_text(r->soft, from), limit_text(r->hard, to));
}

int rlimits_apply(const struct spec_rlimit *rlimits, size_t n, struct error *err) {
    for (size_t i = 0; i < n; i++) {
        const struct spec_rlimit *r = &rlimits[i];
        struct limit to = { .soft = r->soft, .hard = r->hard };
        if (limit_get_set(r->resource, &to, NULL) < 0)
            return limit_error(r, i, errno, err);
    }
    return 0;
}
