// SPDX-License-Identifier: Apache-2.0
// start: releases init and sees the program begin.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/sys.h"
#include "runtime/config/parse.h"
#include "runtime/init/message.h"
#include "runtime/launch/hooks.h"
#include "runtime/launch/launch.h"
#include "runtime/launch/notify.h"

enum { MAX_CONFIG = 64 << 20, START_LIMIT_MS = 10 * 60 * 1000 };

static const char *saved_config(const struct state_dir *dir, struct arena *a, size_t *size,
                                struct error *err) {
    cleanup_fd int fd = openat(dir->fd, STATE_CONFIG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = fd < 0 ? NULL : fd_read_all(fd, a, MAX_CONFIG, size);
    if (!text)
        error_set(err, "state.failed", errno, "read the saved config.json of container %s", dir->id);
    return text;
}

struct spec *launch_saved_spec(const struct state_dir *dir, struct arena *a, struct error *err) {
    size_t size;
    const char *text = saved_config(dir, a, &size, err);
    return text ? config_parse(text, size, a, err) : NULL;
}

struct spec *launch_spec_with_hooks(const struct state_dir *dir, const char *kind, struct arena *a,
                                    struct error *err) {
    size_t size;
    const char *text = saved_config(dir, a, &size, err);
    if (!text)
        return NULL;
    // A name may be written with escapes; then only the parser can tell.
    if (!memmem(text, size, kind, strlen(kind)) && !memmem(text, size, "\\u", 2)) {
        err->code[0] = '\0';
        return NULL;
    }
    return config_parse(text, size, a, err);
}

static int already(const struct state_dir *dir, enum state_status status, const struct state *state,
                   struct error *err) {
    switch (status) {
    case STATE_RUNNING:
        return error_set(err, "start.not-created", 0, "cannot start an already running container");
    case STATE_STOPPED:
        error_set(err, "start.not-created", 0, "cannot start a container that has stopped");
        return launch_hint_leftovers(dir, state, err);
    case STATE_PAUSED:
        return error_set(err, "start.not-created", 0, "cannot start a container in the paused state");
    default:
        return error_set(err, "start.not-created", 0, "container %s is still being created", state->id);
    }
}

enum outcome {
    EXECUTED,
    EXECVE_FAILED, // and why is on the container's stderr, too
    STEP_FAILED,   // a step before execve; *err is set
    NOT_OURS,      // init has answered another start, or died before it could answer
};

static enum outcome await_exec(int connection, const struct state *state, struct error *err) {
    struct message m;
    int n = message_receive(connection, &m, NULL, START_LIMIT_MS);
    if (n == 0)
        return NOT_OURS;
    if (n == 1 && m.type == MESSAGE_READY)
        n = message_receive(connection, &m, NULL, START_LIMIT_MS);
    if (n == 0) // the end of the connection comes with execve
        return EXECUTED;
    if (n < 0) {
        error_set(err, "start.failed", errno, "wait until init of container %s executes the program",
                  state->id);
        return STEP_FAILED;
    }
    *err = m.error;
    return strcmp(err->step, step_name(STEP_EXECVE)) == 0 ? EXECVE_FAILED : STEP_FAILED;
}

static int await_ready(int notify, const struct state *state, struct error *err) {
    struct proc_id id = state_payload(state);
    cleanup_proc struct proc_handle payload;
    return proc_hold(&id, &payload) < 0 ? 0 : notify_wait_ready(notify, &payload, -1, err);
}

// What has failed between created and running is destroyed (runtime.md, lifecycle 8 and 10); the failure
// stays in *err.
static int destroy(struct state_dir *dir, const struct state *state, struct arena *a) {
    struct error later;
    if (launch_kill_all(dir, state, a, &later) < 0 || launch_delete(dir, state, NULL, a, &later) < 0)
        log_warning("%s", later.msg);
    return -1;
}

int launch_start(struct state_dir *dir, const struct state *state, struct arena *a, struct error *err) {
    enum state_status status = state_status(dir, state);
    if (status != STATE_CREATED)
        return already(dir, status, state, err);
    if (state->no_process)
        return error_set_at(err, "start.no-process", 0, "/process", "container %s has no process to start",
                            state->id);
    struct spec *spec = launch_spec_with_hooks(dir, "poststart", a, err);
    if (!spec && err->code[0])
        return -1;
    cleanup_fd int notify = -1;
    if (notify_host_socket() && notify_has_directory(dir->fd)) {
        notify = notify_listen(dir->fd, err);
        if (notify < 0)
            return -1;
    }
    cleanup_fd int connection = state_connect_start_socket(dir->fd);
    if (connection < 0)
        return already(dir, state_status(dir, state), state, err);
    if (message_send(connection, MESSAGE_GO, 0, -1) < 0)
        return error_set(err, "start.failed", errno, "release init of container %s", state->id);
    switch (await_exec(connection, state, err)) {
    case NOT_OURS:
        return already(dir, state_status(dir, state), state, err);
    case STEP_FAILED:
        return destroy(dir, state, a);
    case EXECVE_FAILED:
        unlinkat(dir->fd, STATE_START_SOCKET, 0);
        log_debug("the program could not be executed: %s", err->msg);
        return 0;
    case EXECUTED:
        unlinkat(dir->fd, STATE_START_SOCKET, 0);
        break;
    }
    if (notify >= 0 && await_ready(notify, state, err) < 0)
        return -1;
    if (!spec)
        return 0;
    struct hook_subject subject = { spec, state->id, state->bundle, state->rootfs };
    if (hooks_run(&subject, HOOK_POSTSTART, "running", state_payload(state).pid, a, err) < 0)
        return destroy(dir, state, a);
    return 0;
}
