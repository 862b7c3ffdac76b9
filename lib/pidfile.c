// SPDX-License-Identifier: Apache-2.0
// --pid-file.
#include "config.h"

#include "lib/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"

int pidfile_write(const char *path, pid_t pid, struct error *err) {
    char temporary[PATH_MAX], text[16];
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash - path + 1) : 0;
    int n = snprintf(temporary, sizeof(temporary), "%.*s.%s.%d", directory, path, path + directory,
                     (int)getpid());
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return error_set(err, "pidfile.failed", ENAMETOOLONG, "write the pid file %s", path);
    int length = snprintf(text, sizeof(text), "%d", (int)pid);
    cleanup_fd int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(err, "pidfile.failed", errno, "write the pid file %s", path);
    if (fd_write_all(fd, text, (size_t)length) == 0 && rename(temporary, path) == 0)
        return 0;
    error_set(err, "pidfile.failed", errno, "write the pid file %s", path);
    unlink(temporary);
    return -1;
}

void pidfile_remove(const char *path) {
    unlink(path);
}
