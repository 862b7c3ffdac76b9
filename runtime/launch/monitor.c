// SPDX-License-Identifier: Apache-2.0
// Listening to init while it sets up.
#include "config.h"

#include "runtime/launch/monitor.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/log.h"
#include "lib/proc.h"

// A hook or a mount of a network file system may take long, but not for ever.
enum { SETUP_LIMIT_MS = 10 * 60 * 1000, REAP_LIMIT_MS = 10 * 1000 };

static int explain_death(const struct monitor *m, struct error *err) {
    struct proc_handle init = proc_child(m->pid, m->pidfd);
    if (!proc_wait(&init, REAP_LIMIT_MS))
        return error_set(err, "init.died", 0, "init closed its socket without a word and does not end");
    int status = 0;
    if (waitpid(m->pid, &status, 0) < 0)
        return error_set(err, "init.died", 0, "init ended without a word");
    if (WIFSIGNALED(status) && cgroup_oom_kills(m->cgroups, m->n_cgroups) > 0) {
        error_set(err, "init.oom", 0, "init was killed by the OOM killer before the program ran");
        return error_hint(err, "raise linux.resources.memory.limit");
    }
    if (WIFSIGNALED(status))
        return error_set(err, "init.died", 0, "init was killed by signal %d (%s) before the program ran",
                         WTERMSIG(status),
                         sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
    return error_set(err, "init.died", 0, "init ended with status %d without a word", WEXITSTATUS(status));
}

int monitor_until(const struct monitor *m, enum message_type until, struct error *err) {
    for (;;) {
        struct message message;
        int fd = -1;
        int n = message_receive(m->sock, &message, &fd, SETUP_LIMIT_MS);
        if (n < 0 && errno == ETIMEDOUT)
            return error_set(err, "init.timeout", 0, "init did not finish its set-up within %d s",
                             SETUP_LIMIT_MS / 1000);
        if (n < 0)
            return error_set(err, "init.protocol", errno, "read from init");
        if (n == 0)
            return until == 0 ? 0 : explain_death(m, err);
        if (message.type == (uint32_t)until)
            return 0;
        if (message.type == MESSAGE_FAILED) {
            *err = message.error;
            return -1;
        }
        if (message.type == MESSAGE_WARNING)
            log_warning("%s", message.error.msg);
        else if (m->answer(m->arg, &message, fd, err) < 0)
            return -1;
    }
}
