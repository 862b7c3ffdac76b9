// SPDX-License-Identifier: Apache-2.0
// The identity of the container's process: groups, ids, umask, HOME.
#include "config.h"

#include "runtime/process/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/process/rawid.h"

#define NO_ID      UINT32_MAX
#define PASSWD_MAX (1 << 20)
#define NO_GROUPS  "setgroups is denied in this user namespace"

// Are the groups that the process has now exactly these? Answered for lists of up to 64.
static bool has_groups(const uint32_t *list, size_t n) {
    gid_t now[64];
    int have = getgroups(64, now);
    if (have < 0 || (size_t)have != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (now[i] != list[i])
            return false;
    return true;
}

static bool has_setgid(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_SETGID));
}

// After EPERM. Without a procfs at hand: who has the capability is refused for nothing else.
static bool setgroups_denied(int proc_fd) {
    char text[16] = "";
    if (proc_fd < 0)
        return has_setgid();
    return fd_read_small(proc_fd, "self/setgroups", text, sizeof(text)) > 0 && str_starts(text, "deny");
}

int user_set_groups(const struct spec_user *user, int proc_fd, struct error *err) {
    const uint32_t *list = user->additional_gids;
    size_t n = user->n_additional_gids;
    for (size_t i = 0; i < n; i++)
        if (list[i] == NO_ID)
            return error_set_at(err, "config.invalid", 0, "/process/user/additionalGids",
                                "the group id 4294967295 means \"no group\" to the kernel");
    if (raw_setgroups(n, list) == 0)
        return 0;
    int saved = errno;
    if (saved == EPERM && has_groups(list, n))
        return 0;
    bool denied = saved == EPERM && setgroups_denied(proc_fd);
    if (denied && n == 0)
        return 0;
    error_set_at(err, "user.failed", saved, "/process/user/additionalGids", "setgroups with %zu groups", n);
    if (denied)
        return error_hint(err, NO_GROUPS ": additional groups need more than one mapped gid");
    if (saved == EINVAL)
        return error_hint(err,
                          "an additional group has no mapping in the user namespace, or there are too many");
    return -1;
}

static int id_error(struct error *err, const char *what, const char *origin, uint32_t id) {
    int saved = errno;
    error_set_at(err, "user.failed", saved, origin, "%s to %u", what, id);
    if (saved == EINVAL)
        error_hint(err, "the id has no mapping in the container's user namespace");
    else if (saved == EAGAIN)
        error_hint(err, "the user's RLIMIT_NPROC is reached");
    return -1;
}

int user_become(const struct spec_user *user, bool keep_caps, struct error *err) {
    if (user->uid == NO_ID || user->gid == NO_ID)
        return error_set_at(err, "config.invalid", 0, "/process/user",
                            "the id 4294967295 means \"leave it alone\" to the kernel");
    if (raw_setresgid(user->gid) < 0)
        return id_error(err, "setresgid", "/process/user/gid", user->gid);
    if (keep_caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return error_set(err, "user.failed", errno, "PR_SET_KEEPCAPS");
    if (raw_setresuid(user->uid) < 0)
        return id_error(err, "setresuid", "/process/user/uid", user->uid);
    if (keep_caps && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return error_set(err, "user.failed", errno, "PR_SET_KEEPCAPS");
    return 0;
}

void user_set_umask(const struct spec_user *user) {
    umask(user->has_umask ? user->umask & 0777 : 0022);
}

static int open_passwd(int root_fd) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
    if (root_fd == AT_FDCWD)
        return open("/etc/passwd", flags);
    struct open_how how = { .flags = flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    return sys_openat2(root_fd, "etc/passwd", &how, sizeof(how));
}

// One line "name:password:uid:gid:gecos:home:shell" of n bytes. True when it is uid's and has an absolute
// home.
static bool home_of_line(const char *line, size_t n, uint32_t uid, char *home, size_t size) {
    const char *field[7];
    size_t length[7];
    size_t count = 0;
    const char *at = line;
    const char *end = line + n;
    while (count < 7) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        field[count] = at;
        length[count++] = (size_t)((colon ? colon : end) - at);
        if (!colon)
            break;
        at = colon + 1;
    }
    char digits[16];
    if (count < 6 || length[0] == 0 || length[2] == 0 || length[2] >= sizeof(digits))
        return false;
    memcpy(digits, field[2], length[2]);
    digits[length[2]] = '\0';
    uint64_t id;
    if (!str_to_u64(digits, UINT32_MAX, &id) || id != uid)
        return false;
    if (length[5] == 0 || length[5] >= size || field[5][0] != '/' || memchr(field[5], '\0', length[5]))
        return false;
    memcpy(home, field[5], length[5]);
    home[length[5]] = '\0';
    return true;
}

// Reads line by line through a window on the stack; a line longer than that is skipped, as is anything past
// the cap.
static void scan_passwd(int fd, uint32_t uid, char *home, size_t size) {
    char buf[4096];
    size_t used = 0;
    size_t total = 0;
    bool skipping = false;
    for (;;) {
        ssize_t n = read(fd, buf + used, sizeof(buf) - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        used += (size_t)n;
        total += (size_t)n;
        size_t start = 0;
        const char *newline;
        while ((newline = memchr(buf + start, '\n', used - start))) {
            size_t length = (size_t)(newline - (buf + start));
            if (!skipping && home_of_line(buf + start, length, uid, home, size))
                return;
            skipping = false;
            start += length + 1;
        }
        if (n == 0 || total > PASSWD_MAX) {
            if (n == 0 && !skipping)
                home_of_line(buf + start, used - start, uid, home, size);
            return;
        }
        memmove(buf, buf + start, used - start);
        used -= start;
        if (used == sizeof(buf)) {
            skipping = true;
            used = 0;
        }
    }
}

void user_home(int root_fd, uint32_t uid, char *home, size_t size) {
    str_copy(home, size, "/");
    cleanup_fd int fd = open_passwd(root_fd);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PASSWD_MAX)
        return;
    scan_passwd(fd, uid, home, size);
}
