// SPDX-License-Identifier: Apache-2.0
// The root directory of all states, and what an id may look like.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "state/state.h"

const char *const state_status_names[] = {
    [STATE_CREATING] = "creating", [STATE_CREATED] = "created", [STATE_RUNNING] = "running",
    [STATE_PAUSED] = "paused",     [STATE_STOPPED] = "stopped",
};

// The first user namespace is the one in which every id means itself: user_namespaces(7).
static bool in_first_user_namespace(void) {
    char map[128];
    if (fd_read_small(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
        return true; // a kernel without user namespaces
    const char *p = map;
    static const char *const words[] = { "0", "0", "4294967295" };
    for (size_t i = 0; i < 3; i++) {
        p += strspn(p, " \t");
        size_t n = strcspn(p, " \t\n");
        if (n != strlen(words[i]) || strncmp(p, words[i], n) != 0)
            return false;
        p += n;
    }
    return true;
}

const char *state_default_root(struct arena *a) {
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    if (!runtime_dir || !*runtime_dir || (geteuid() == 0 && in_first_user_namespace()))
        return "/run/nook";
    return arena_printf(a, "%s/nook", runtime_dir);
}

// mkdir -p. 0, or -1 with errno.
static int make_path(const char *path) {
    char *copy = strdup(path);
    if (!copy)
        return -1;
    int rc = 0;
    for (char *p = copy + 1; rc == 0 && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        rc = mkdir(copy, 0755) < 0 && errno != EEXIST ? -1 : 0;
        *p = '/';
    }
    if (rc == 0 && mkdir(copy, 0711) < 0 && errno != EEXIST)
        rc = -1;
    int saved = errno;
    free(copy);
    errno = saved;
    return rc;
}

int state_open_root(const char *root, bool create, struct error *err) {
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create) {
        if (make_path(root) < 0)
            return error_set(err, "state.root", errno, "make the state directory %s", root);
        fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return error_set(err, "state.root", errno, "open the state directory %s", root);
    return fd;
}

int state_check_id(const char *id, struct error *err) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
    size_t n = strlen(id);
    if (n > 0 && n <= 255 && id[0] != '.' && strspn(id, allowed) == n)
        return 0;
    return error_set(err, "state.bad-id", 0,
                     "invalid container id \"%.300s\": it must be 1 to 255 of A-Z a-z 0-9 _ + - . and not "
                     "begin with a dot",
                     id);
}
