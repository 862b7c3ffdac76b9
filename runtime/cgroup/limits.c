// SPDX-License-Identifier: Apache-2.0
// Writing the limits of a plan into the cgroups that were made for it, and attaching the device program. What
// the kernel says with a bare EBUSY or EINVAL is explained while the cause can still be read.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/tree.h"

// ---------------------------------------------------------------- causes

static void parent_value(char *buf, size_t size, const char *dir, const char *file) {
    char parent[PATH_MAX];
    str_copy(parent, sizeof(parent), dir);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    if (tree_read(parent, file, buf, size) < 0)
        str_copy(buf, size, "unknown");
}

static bool explain_memory(struct error *err, const char *dir, const struct cgroup_write *w, int errnum) {
    char use[64];
    bool v1_limit =
        str_eq(w->file, "memory.limit_in_bytes") || str_eq(w->file, "memory.memsw.limit_in_bytes");
    if (errnum == EBUSY && v1_limit && tree_read(dir, "memory.usage_in_bytes", use, sizeof(use)) > 0) {
        error_set_at(err, "cgroup.memory-in-use", errnum, w->origin,
                     "memory limit %s is below the current use %s of %s", w->value, use, dir);
        return true;
    }
    if (errnum == EINVAL && v1_limit)
        error_hint(err, "memory.swap (memory and swap together) may not be below memory.limit");
    return false;
}

static void explain_cpuset(struct error *err, const char *dir, const struct cgroup_write *w, int errnum) {
    char have[256];
    if (errnum != EINVAL && errnum != EACCES && errnum != ERANGE && errnum != ENOSPC)
        return;
    parent_value(have, sizeof(have), dir, w->file);
    error_hint(err, "the parent cgroup has %s", *have ? have : "none of its own");
}

static int write_failed(struct error *err, const char *dir, const struct cgroup_write *w, int errnum) {
    error_set_at(err, "cgroup.write-failed", errnum, w->origin, "cannot write \"%s\" to %s/%s", w->value, dir,
                 w->file);
    if (str_starts(w->file, "memory.") && explain_memory(err, dir, w, errnum))
        return -1;
    if (str_starts(w->file, "cpuset."))
        explain_cpuset(err, dir, w, errnum);
    else if (str_starts(w->file, "cpu.") && errnum == EINVAL)
        error_hint(err, "out of the kernel's range (period 1000..1000000 us, quota at least 1000 us, burst "
                        "at most the quota), "
                        "or more than the parent cgroup has");
    else if (str_starts(w->file, "devices.") && errnum == EPERM)
        error_hint(
            err,
            "our own cgroup is not allowed that device, or we are not root in the initial user namespace");
    else if (errnum == ENOENT || errnum == EOPNOTSUPP)
        error_hint(err, "this kernel has no such limit");
    return -1;
}

// ---------------------------------------------------------------- files

// The place of a plan's directory, or NULL when it was left out.
static const struct cgroup_place *place_of(const struct cgroup_live *live, size_t dir) {
    for (size_t i = 0; i < live->n_places; i++)
        if (live->dir_of[i] == dir)
            return &live->places[i];
    return NULL;
}

// A cgroup that was there before may have a memsw limit that stands in the way of a higher memory limit.
static void clear_old_swap(const struct cgroup_place *place, const struct cgroup_write *w) {
    if (place->made == 0 && str_eq(w->file, "memory.limit_in_bytes"))
        (void)tree_write(place->dir, "memory.memsw.limit_in_bytes", "-1");
}

// "No limit" needs no file.
static bool holds_anyway(const struct cgroup_write *w, int errnum) {
    return w->optional && str_eq(w->value, "-1") && (errnum == ENOENT || errnum == EOPNOTSUPP);
}

static bool is_tolerable(const struct cgroup_write *w, int errnum, const char *dir) {
    if (holds_anyway(w, errnum)) {
        log_debug("%s holds without %s/%s: %s", w->origin, dir, w->file, error_text(errnum));
        return true;
    }
    if (w->optional && errnum == ENOENT) {
        if (!strstr(w->file, ".rsvd."))
            log_warning("%s is not applied: this kernel has no %s/%s", w->origin, dir, w->file);
        return true;
    }
    if (w->lenient && (errnum == EPERM || errnum == EACCES)) {
        log_debug("\"%s\" was not written to %s/%s: %s", w->value, dir, w->file, error_text(errnum));
        return true;
    }
    return false;
}

struct open_file {
    int fd;
    int err; // why it could not be opened
    size_t dir;
    const char *file;
};

// Opens the file of this write, unless it is open from the one before (a dozen device rules go to one file).
static void open_for(struct open_file *f, const struct cgroup_place *place, const struct cgroup_write *w) {
    char path[PATH_MAX];
    if (f->file && f->dir == w->dir && str_eq(f->file, w->file))
        return;
    fd_close(&f->fd);
    f->fd = open(tree_path(path, place->dir, w->file), O_WRONLY | O_CLOEXEC);
    f->err = f->fd < 0 ? errno : 0;
    f->dir = w->dir;
    f->file = w->file;
}

// The kernel rounds down to pages; what it ignores stays at the largest number that there is.
static int verify(const char *dir, const struct cgroup_write *w, struct error *err) {
    char have[64] = "nothing";
    if (tree_read(dir, w->file, have, sizeof(have)) > 0 &&
        strtoull(have, NULL, 10) <= strtoull(w->value, NULL, 10))
        return 0;
    error_set_at(err, "cgroup.write-ignored", 0, w->origin,
                 "this kernel takes the limit %s and ignores it: %s/%s still says %s", w->value, dir, w->file,
                 have);
    if (str_eq(w->file, "memory.kmem.limit_in_bytes"))
        error_hint(err, "leave it out: kernel memory counts against memory.limit");
    return -1;
}

static int write_one(struct open_file *f, const struct cgroup_place *place, const struct cgroup_write *w,
                     struct error *err) {
    clear_old_swap(place, w);
    open_for(f, place, w);
    int errnum = f->err;
    if (f->fd >= 0 && write(f->fd, w->value, strlen(w->value)) < 0)
        errnum = errno;
    if (errnum == 0)
        return w->verified ? verify(place->dir, w, err) : 0;
    if (is_tolerable(w, errnum, place->dir))
        return 0;
    return write_failed(err, place->dir, w, errnum);
}

// ---------------------------------------------------------------- the device program

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr) {
    return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int program_failed(struct error *err, const struct cgroup_plan *plan, const char *what,
                          const char *dir) {
    int errnum = errno;
    if (plan->device_lenient &&
        (errnum == EPERM || errnum == EACCES || errnum == ENOSYS || errnum == EINVAL)) {
        log_debug("the device rules are not applied: cannot %s the cgroup BPF program of %s: %s", what, dir,
                  error_text(errnum));
        return 0;
    }
    error_set_at(err, "cgroup.devices", errnum, "/linux/resources/devices",
                 "cannot %s the device rules of %s as a cgroup BPF "
                 "program",
                 what, dir);
    if (errnum == EINVAL || errnum == ENOSYS)
        error_hint(err, "device rules on cgroup v2 need CONFIG_CGROUP_BPF (Linux 4.15, 5.2 recommended)");
    else if (errnum == EPERM)
        error_hint(
            err,
            "loading it needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user namespace");
    return -1;
}

static int attach_device_program(const struct cgroup_plan *plan, const char *dir, struct error *err) {
    union bpf_attr load = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insn_cnt = (uint32_t)plan->n_device_program,
        .insns = (uint64_t)(uintptr_t)plan->device_program,
        .license = (uint64_t)(uintptr_t) "Apache-2.0",
    };
    cleanup_fd int program = sys_bpf(BPF_PROG_LOAD, &load);
    if (program < 0)
        return program_failed(err, plan, "load", dir);
    cleanup_fd int cgroup = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0)
        return error_set(err, "cgroup.failed", errno, "cannot open the cgroup %s", dir);
    union bpf_attr attach = { 0 };
    attach.target_fd = (uint32_t)cgroup;
    attach.attach_bpf_fd = (uint32_t)program;
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    return sys_bpf(BPF_PROG_ATTACH, &attach) < 0 ? program_failed(err, plan, "attach", dir) : 0;
}

int cgroup_write_limits(const struct cgroup_plan *plan, const struct cgroup_live *live, bool late,
                        struct error *err) {
    struct open_file file = { .fd = -1 };
    int rc = 0;
    for (size_t i = 0; i < plan->n_writes && rc == 0; i++) {
        const struct cgroup_write *w = &plan->writes[i];
        const struct cgroup_place *place = place_of(live, w->dir);
        if (place && w->late == late)
            rc = write_one(&file, place, w, err);
    }
    fd_close(&file.fd);
    if (rc < 0 || late || !plan->device_program)
        return rc;
    const struct cgroup_place *place = place_of(live, plan->device_dir);
    return place ? attach_device_program(plan, place->dir, err) : 0;
}
