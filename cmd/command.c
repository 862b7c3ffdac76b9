// SPDX-License-Identifier: Apache-2.0
// What several verbs share.
#include "config.h"

#include "cmd/command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/launch/launch.h"

int command_check_supported(const struct command *c, struct error *err) {
    static const char *const isolations[] = { "oci", "chroot", "bare", "auto" };
    bool known = false;
    for (size_t i = 0; i < sizeof(isolations) / sizeof(isolations[0]); i++)
        known = known || str_eq(c->isolation, isolations[i]);
    if (!known) // the option's words were checked: it comes from the environment
        return error_set(err, "usage", 0, "$NOOK_ISOLATION is \"%s\": it must be oci, chroot, bare or auto",
                         c->isolation);
    if (c->cgroup_manager == CGROUP_MANAGER_SYSTEMD) {
        error_set(err, "cgroup.systemd-unsupported", 0,
                  "the systemd cgroup manager is not supported by this version");
        return error_hint(err,
                          "use cgroupfs: podman --cgroup-manager=cgroupfs, or leave out --systemd-cgroup");
    }
    return 0;
}

int command_open_container(const struct command *c, struct state_dir *dir, struct state *s,
                           struct error *err) {
    if (state_open(c->arena, c->root, c->args[0], dir, err) < 0)
        return -1;
    if (state_load(dir, c->arena, s, err) == 0)
        return 0;
    state_close(dir);
    return -1;
}

enum state_status command_status(const struct command *c, const struct state_dir *dir,
                                 const struct state *s) {
    enum state_status status = state_status(dir, s);
    // Stopped is who has been reaped and has left nobody behind.
    if (status == STATE_STOPPED && launch_has_leftovers(dir, s))
        return STATE_RUNNING;
    if (status != STATE_CREATED && status != STATE_RUNNING)
        return status;
    struct cgroup_place *places = arena_calloc(c->arena, s->n_cgroups + 1, sizeof(*places));
    for (size_t i = 0; i < s->n_cgroups; i++)
        places[i] = (struct cgroup_place){ s->cgroups[i].controllers, s->cgroups[i].dir, s->cgroups[i].made };
    return cgroup_is_frozen(places, s->n_cgroups) ? STATE_PAUSED : status;
}

void command_state_json(struct json *j, const struct state *s, enum state_status status, const char *owner,
                        const char *report) {
    json_object(j, NULL);
    json_string(j, "ociVersion", s->oci_version ? s->oci_version : "1.3.0");
    json_string(j, "id", s->id);
    json_int(j, "pid", status == STATE_STOPPED ? 0 : s->init.pid);
    json_string(j, "status", state_status_names[status]);
    json_string(j, "bundle", s->bundle ? s->bundle : "");
    json_string(j, "rootfs", s->rootfs ? s->rootfs : "");
    json_string(j, "created", s->created ? s->created : "");
    if (s->n_annotations > 0) {
        json_object(j, "annotations");
        for (size_t i = 0; i < s->n_annotations; i++)
            json_string(j, s->annotations[i].key, s->annotations[i].value);
        json_object_end(j);
    }
    json_string(j, "owner", owner);
    if (report)
        json_raw(j, "isolation", report);
    json_object_end(j);
}

int command_print(const char *text, struct error *err) {
    if (fd_write_all(STDOUT_FILENO, text, strlen(text)) < 0)
        return error_set(err, "output.failed", errno, "write to standard output");
    return 0;
}

int command_close_leaks(unsigned preserve, int also, struct error *err) {
    int keep[] = { log_fd(), also };
    if (fd_close_other(3 + (int)preserve, keep, 2, -1) < 0)
        return error_set(err, "fd.failed", errno, "close the caller's descriptors");
    return 0;
}
