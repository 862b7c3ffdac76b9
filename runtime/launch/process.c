// SPDX-License-Identifier: Apache-2.0
// What the parent prepares for the process that create, run and exec make.
#include "config.h"

#include "runtime/launch/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "runtime/process/attributes.h"
#include "runtime/process/labels.h"

void process_init(struct init *in, const struct plan *plan) {
    *in = (struct init){
        .plan = plan,
        .sock = -1,
        .parent_sock = -1,
        .start_sock = -1,
        .join_cgroup = -1,
        .join_mount = -1,
        .close_first = { -1, -1, -1, -1 },
        .console_sock = -1,
        .bundle_fd = -1,
        .image = -1,
        .rootfs = ROOTFS_INIT,
        .container_root = -1,
        .terminal_master = -1,
        .terminal_slave = -1,
    };
}

// A hard limit can be raised by who has the outer privileges: that is us, not who lives in a user namespace.
// The process inherits what is raised here, and sets the limits themselves just before execve. What cannot be
// raised is refused while nothing is made yet.
static int raise_rlimits(const struct spec_process *p, struct error *err) {
    for (size_t i = 0; i < p->n_rlimits; i++) {
        const struct spec_rlimit *want = &p->rlimits[i];
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)want->resource, &now) < 0 || want->hard <= now.rlim_max)
            continue;
        struct rlimit higher = { now.rlim_cur, want->hard };
        if (prlimit(0, (__rlimit_resource_t)want->resource, &higher, NULL) == 0)
            continue;
        error_set(err, "rlimit.failed", errno, "%s: cannot raise the hard limit from %llu to %llu",
                  want->type, (unsigned long long)now.rlim_max, (unsigned long long)want->hard);
        snprintf(err->origin, sizeof(err->origin), "/process/rlimits/%zu", i);
        return errno == EPERM ? error_hint(err, "it needs CAP_SYS_RESOURCE") : -1;
    }
    return 0;
}

int process_prepare(struct init *in, bool fresh_userns, struct error *err) {
    const struct spec_process *p = in->plan->process;
    if (in->plan->bind_devices)
        in->rootfs.missing |= ROOTFS_NO_MKNOD;
    if (rootfs_open_proc(&in->rootfs, err) < 0)
        return -1;
    if (!p)
        return 0;
    if (labels_check(p->apparmor_profile, p->selinux_label, err) < 0)
        return -1;
    if (raise_rlimits(p, err) < 0)
        return -1;
    if (!p->capabilities)
        return 0;
    if (capabilities_read_limits(in->rootfs.proc_fd, &in->limits, err) < 0)
        return -1;
    if (fresh_userns) {
        struct capability_limits own = in->limits;
        capabilities_limits_of_new_userns(&own, &in->limits);
        in->limits.ignored_signals = own.ignored_signals;
    }
    uint64_t dropped = capabilities_grantable(p->capabilities, &in->limits, &in->capabilities);
    if (dropped) {
        char names[512];
        log_warning("capabilities that cannot be granted here are left out: %s",
                    capabilities_names(dropped, names, sizeof(names)));
    }
    return 0;
}

int process_lend_oom_score(struct init *in, struct error *err) {
    const struct spec_process *p = in->plan->process;
    char own[16];
    if (!p || !p->has_oom_score_adj)
        return 0;
    if (fd_read_small(in->rootfs.proc_fd, "self/oom_score_adj", own, sizeof(own)) < 0)
        return error_set(err, "process.failed", errno, "read /proc/self/oom_score_adj");
    if (oom_score_adj_set(in->rootfs.proc_fd, 0, p->oom_score_adj, err) < 0)
        return -1;
    in->own_oom_score = atoi(own);
    in->oom_score_lent = true;
    return 0;
}

void process_take_back_oom_score(const struct init *in) {
    struct error ignored;
    if (in->oom_score_lent)
        oom_score_adj_set(in->rootfs.proc_fd, 0, in->own_oom_score, &ignored);
}
