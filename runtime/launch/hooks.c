// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the runtime's own namespaces.
#include "config.h"

#include "runtime/launch/hooks.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/json.h"
#include "lib/log.h"
#include "runtime/process/hook.h"

static void write_state(struct json *j, const struct hook_subject *s, const char *status, const char *pid) {
    json_object(j, NULL);
    json_string(j, "ociVersion", s->spec->oci_version);
    json_string(j, "id", s->id);
    json_string(j, "status", status);
    if (pid)
        json_raw(j, "pid", pid);
    json_string(j, "bundle", s->bundle);
    if (s->rootfs)
        json_string(j, "root", s->rootfs);
    if (s->spec->n_annotations) {
        json_object(j, "annotations");
        for (size_t i = 0; i < s->spec->n_annotations; i++)
            json_string(j, s->spec->annotations[i].key, s->spec->annotations[i].value);
        json_object_end(j);
    }
    json_object_end(j);
}

const char *hooks_state_json(const struct hook_subject *s, const char *status, pid_t pid, struct arena *a) {
    struct json j;
    json_init(&j, a, false);
    write_state(&j, s, status, pid > 0 ? arena_printf(a, "%d", (int)pid) : NULL);
    return j.text;
}

void hooks_state_parts(const struct hook_subject *s, const char *status, struct arena *a, const char **head,
                       const char **tail) {
    // The writer puts the pid before anything that a config can fill, but the id and the version: both are
    // checked not to hold this.
    static const char gap[] = "\"pid\":0,";
    struct json j;
    json_init(&j, a, false);
    write_state(&j, s, status, "0");
    char *at = strstr(j.text, gap);
    *head = at ? arena_strndup(a, j.text, (size_t)(at - j.text) + strlen("\"pid\":")) : j.text;
    *tail = at ? at + strlen("\"pid\":0") : "";
}

int hooks_run(const struct hook_subject *s, enum spec_hook_kind kind, const char *status, pid_t pid,
              struct arena *a, struct error *err) {
    const struct spec_hook_list *list = &s->spec->hooks[kind];
    if (list->n_hooks == 0)
        return 0;
    const char *state = hooks_state_json(s, status, pid, a);
    cleanup_fd int bundle = open(s->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < list->n_hooks; i++) {
        struct hook_call call;
        hook_prepare(&list->hooks[i], kind, i, environ, a, &call);
        if (hook_run(&call, state, bundle, err) == 0)
            continue;
        if (kind != HOOK_POSTSTOP)
            return -1;
        char text[2048];
        error_format(err, text, sizeof(text));
        log_warning("%s", text);
    }
    return 0;
}
