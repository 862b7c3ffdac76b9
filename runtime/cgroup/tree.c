// SPDX-License-Identifier: Apache-2.0
// The cgroup file system as a tree of directories: reading and writing its files, removing a branch.
#include "config.h"

#include "runtime/cgroup/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"

const char *tree_path(char *buf, const char *dir, const char *file) {
    size_t n = str_copy(buf, PATH_MAX, dir);
    n += str_copy(buf + n, PATH_MAX - n, "/");
    n += str_copy(buf + n, PATH_MAX - n, file);
    if (n >= PATH_MAX - 1)
        buf[0] = '\0';
    return buf;
}

ssize_t tree_read(const char *dir, const char *file, char *buf, size_t size) {
    char path[PATH_MAX];
    cleanup_fd int fd = open(tree_path(path, dir, file), O_RDONLY | O_CLOEXEC);
    ssize_t n =
        fd < 0 ? -1 : read(fd, buf, size - 1); // kernfs gives all that fits, up to a page, in one read
    if (n < 0)
        return -1;
    buf[n] = '\0';
    if (n > 0 && buf[n - 1] == '\n')
        buf[--n] = '\0';
    return n;
}

int tree_write(const char *dir, const char *file, const char *value) {
    char path[PATH_MAX];
    return fd_write_file(AT_FDCWD, tree_path(path, dir, file), value, strlen(value));
}

long long tree_keyed(const char *dir, const char *file, const char *key) {
    char text[1024];
    size_t len = strlen(key);
    if (tree_read(dir, file, text, sizeof(text)) < 0)
        return -1;
    for (const char *p = text; *p;) {
        if (strncmp(p, key, len) == 0 && p[len] == ' ')
            return strtoll(p + len + 1, NULL, 10);
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return -1;
}

unsigned tree_nap(unsigned *round) {
    unsigned us = 50U << (*round < 8 ? *round : 8);
    us = us > 10000 ? 10000 : us;
    ++*round;
    nanosleep(&(struct timespec){ .tv_nsec = us * 1000L }, NULL);
    return us;
}

// ---------------------------------------------------------------- removing

enum {
    BUSY_MAX_US = 2000000, // how long dying processes may keep a cgroup busy
};

// The name of any directory in `fd`. 1, 0 when there is none, -1 with errno.
static int first_subdir(int fd, char name[NAME_MAX + 1]) {
    char buf[4096] __attribute__((aligned(8)));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
        for (long at = 0; at < n;) {
            const struct dirent64 *d = (const struct dirent64 *)(buf + at);
            at += d->d_reclen;
            if (d->d_type != DT_DIR || str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
                continue;
            str_copy(name, NAME_MAX + 1, d->d_name);
            return 1;
        }
    }
    return n < 0 ? -1 : 0;
}

// Goes from *cur to one of its neighbours.
static int move_to(int *cur, const char *name) {
    int next = openat(*cur, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return -1;
    fd_close(cur);
    *cur = next;
    return 0;
}

// Removes everything below the directory, with two descriptors however deep the payload dug. Goes down into
// what rmdir calls busy; where nothing more can be removed, waits for processes to die.
static int empty(const char *dir, unsigned *slept) {
    cleanup_fd int cur = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cur < 0)
        return errno == ENOENT ? 0 : -1;
    char name[NAME_MAX + 1];
    unsigned depth = 0, round = 0;
    for (;;) {
        int found = first_subdir(cur, name);
        if (found < 0 && errno != ENOENT)
            return -1;
        if (found <= 0) {
            if (depth == 0)
                return 0;
            if (move_to(&cur, "..") < 0)
                return -1;
            depth--;
            if (first_subdir(cur, name) <= 0)
                continue;
            if (unlinkat(cur, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
                round = 0;
                continue;
            }
            if (errno != EBUSY || *slept > BUSY_MAX_US)
                return -1;
            *slept += tree_nap(&round);
            continue;
        }
        if (unlinkat(cur, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            continue;
        if (errno != EBUSY)
            return -1;
        if (move_to(&cur, name) == 0)
            depth++;
        else if (errno != ENOENT)
            return -1;
    }
}

int tree_remove(const char *dir) {
    unsigned slept = 0, round = 0;
    bool emptied = false;
    for (;;) {
        if (rmdir(dir) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY || slept > BUSY_MAX_US)
            return -1;
        if (!emptied || round % 8 == 7) { // busy: by children, or by processes that are on their way out
            if (empty(dir, &slept) < 0)
                return -1;
            if (!emptied) {
                emptied = true;
                continue;
            }
        }
        slept += tree_nap(&round);
    }
}
