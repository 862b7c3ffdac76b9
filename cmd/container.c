// SPDX-License-Identifier: Apache-2.0
// From a bundle on disk to a plan.
#include "config.h"

#include "cmd/container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/isolation.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"
#include "runtime/config/parse.h"
#include "runtime/launch/notify.h"
#include "runtime/launch/selfexe.h"

enum { MAX_CONFIG = 64 << 20 };

const struct option_choice container_formats[] = { { "text" }, { "json" }, { NULL } };

bool container_begin_dry(struct command *c) {
    static const char *const example[] = { "example", NULL };
    struct container_options *o = c->options;
    if (c->n_args == 0) {
        c->args = (const char **)example;
        c->n_args = 1;
    }
    o->dry = true;
    return o->format && str_eq(o->format, "json");
}

static int read_config(const char *path, struct launch_request *r, struct arena *a, struct error *err) {
    struct stat st;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
        return error_set(err, "config.missing", 0, "%s is not a regular file", path);
    if (fd < 0 && errno == ENOENT) {
        error_set(err, "config.missing", 0, "JSON specification file %s not found", strrchr(path, '/') + 1);
        return error_hint(err, "looked for %s", path);
    }
    r->config_text = fd < 0 ? NULL : fd_read_all(fd, a, MAX_CONFIG, &r->config_size);
    return r->config_text ? 0 : error_set(err, "config.missing", errno, "read %s", path);
}

// sd_listen_fds(3): the descriptors are for us when LISTEN_PID says so. podman gives their number as
// --preserve-fds, too: then they are meant once, else both kinds are there, one after the other.
static void settle_descriptors(const struct container_options *o, struct plan_request *plan) {
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t n = 0, target = 0;
    plan->preserve_fds = (unsigned)o->preserve_fds;
    if (!pid || !fds || !str_to_u64(pid, INT_MAX, &target) || (pid_t)target != getpid() ||
        !str_to_u64(fds, 65536, &n))
        return;
    plan->listen_fds = (unsigned)n;
    if (n != o->preserve_fds)
        plan->preserve_fds += (unsigned)n;
}

// keyctl joins an existing keyring of the same name: the time makes each container's its own, also when an id
// comes back.
static const char *keyring_name(const struct command *c) {
    char now[CLOCK_TEXT_SIZE];
    clock_now_text(now);
    return arena_printf(c->arena, "nook:%s:%s", c->args[0], now);
}

struct spec *container_read(struct command *c, bool wait_start, struct launch_request *r, struct host *host,
                            struct error *err) {
    const struct container_options *o = c->options;
    struct arena *a = c->arena;
    if (command_check_supported(c, err) < 0 || config_check_id(c->args[0], err) < 0)
        return NULL;
    if (o->pidfd_socket) {
        error_set(err, "unsupported", 0, "--pidfd-socket is not supported by this version");
        return NULL;
    }
    const char *given = o->bundle && *o->bundle ? o->bundle : ".";
    char bundle[PATH_MAX];
    if (!realpath(given, bundle)) {
        error_set(err, "bundle.missing", errno, "bundle %s", given);
        return NULL;
    }
    *r = (struct launch_request){
        .plan = { .id = c->args[0],
                  .bundle = arena_strdup(a, bundle),
                  .console_socket = o->console_socket,
                  .pid_file = o->pid_file,
                  .no_pivot = o->no_pivot,
                  .keyring = o->no_new_keyring ? NULL : keyring_name(c),
                  .wait_start = wait_start,
                  .no_cgroup = c->cgroup_manager == CGROUP_MANAGER_DISABLED,
                  .detach = wait_start || o->detach,
                  .dry = o->dry,
                  .chroot_dev_host = c->global.chroot_dev && str_eq(c->global.chroot_dev, "host") },
        .root = c->root,
        .cgroup_manager = c->cgroup_manager == CGROUP_MANAGER_DISABLED ? "disabled" : "cgroupfs",
        .foreground = !wait_start && !o->detach,
        .keep = o->keep,
        .trace = c->trace,
        .image = -1,
    };
    settle_descriptors(o, &r->plan);
    int report = isolation_report_fd(o->report, r->plan.preserve_fds, err);
    if (report == -2 || command_close_leaks(r->plan.preserve_fds, report, err) < 0)
        return NULL;
    if (!o->dry && selfexe_protect(c->argv, &r->image, err) < 0)
        return NULL;
    if (report > STDERR_FILENO)
        fcntl(report, F_SETFD, FD_CLOEXEC);
    if (notify_host_socket())
        r->plan.notify_directory = arena_printf(a, "%s/%s/%s", c->root, c->args[0], NOTIFY_DIRECTORY);
    const char *name = o->config && *o->config ? o->config : "config.json";
    const char *path = name[0] == '/' ? name : arena_printf(a, "%s/%s", bundle, name);
    if (read_config(path, r, a, err) < 0)
        return NULL;
    struct spec *spec = config_parse(r->config_text, r->config_size, a, err);
    if (!spec)
        return NULL;
    // A terminal in the foreground wants to be copied all the time: nobody could wait for READY=1.
    if (r->plan.notify_directory && (!spec->process || (spec->process->terminal && r->foreground))) {
        log_warning("NOTIFY_SOCKET is not passed to a container with a terminal in the foreground");
        r->plan.notify_directory = NULL;
    }
    return host_probe(host, cgroup_needed(spec, a), a, err) < 0 ? NULL : spec;
}

int container_report(const struct command *c, const struct isolation *isolation, struct launch_request *r,
                     struct error *err) {
    const struct container_options *o = c->options;
    r->report = isolation_report(isolation, c->arena);
    return o->report ? isolation_write_report(o->report, r->report ? r->report : "{\"level\": \"oci\"}", err)
                     : 0;
}

struct plan *container_plan(struct command *c, bool wait_start, struct launch_request *r, struct error *err) {
    struct host host = { 0 };
    struct isolation isolation;
    struct spec *spec = container_read(c, wait_start, r, &host, err);
    if (!spec || isolation_plan(c, spec, &r->plan, &host, &isolation, err) < 0)
        return NULL;
    // A refusal is reported, too: it is then that the report is read.
    struct error report_error;
    bool reported = container_report(c, &isolation, r, &report_error) == 0;
    if (isolation_settle(c, &isolation, err) < 0)
        return NULL;
    if (!reported) {
        *err = report_error;
        return NULL;
    }
    return isolation.plan;
}
