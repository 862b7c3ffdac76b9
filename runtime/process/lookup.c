// SPDX-License-Identifier: Apache-2.0
// Finds the program to execute, inside the container, and enters its working directory.
#include "config.h"

#include "runtime/process/lookup.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/process/rawid.h"

// strerror as Go writes it, and engines match on: "no such file or directory".
static const char *lower_error(int errnum, char buf[128]) {
    str_copy(buf, 128, error_text(errnum));
    if (buf[0] >= 'A' && buf[0] <= 'Z' && !(buf[1] >= 'A' && buf[1] <= 'Z'))
        buf[0] = (char)(buf[0] - 'A' + 'a');
    return buf;
}

// ---------------------------------------------------------------- as the container's user

struct fs_ids {
    uid_t uid;
    gid_t gid;
};

// The kernel also takes the file capabilities (CAP_DAC_OVERRIDE, ...) away while fsuid is not 0, and gives
// them back.
static struct fs_ids fs_become(const struct spec_user *user) {
    struct fs_ids old;
    old.gid = (gid_t)raw_setfsgid(user->gid);
    old.uid = (uid_t)raw_setfsuid(user->uid);
    return old;
}

static void fs_restore(struct fs_ids old) {
    raw_setfsuid(old.uid);
    raw_setfsgid(old.gid);
}

// For kernels before 5.8: the permission bits alone, as faccessat2 would apply them.
static bool mode_allows_exec(const struct stat *st) {
    uid_t uid = (uid_t)raw_setfsuid((uid_t)-1);
    gid_t gid = (gid_t)raw_setfsgid((gid_t)-1);
    if (uid == 0)
        return st->st_mode & 0111;
    if (uid == st->st_uid)
        return st->st_mode & 0100;
    bool in_group = gid == st->st_gid;
    gid_t groups[256];
    int n = in_group ? 0 : getgroups(256, groups);
    for (int i = 0; i < n && !in_group; i++)
        in_group = groups[i] == st->st_gid;
    return st->st_mode & (in_group ? 0010 : 0001);
}

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

// faccessat2 with AT_EACCESS looks at the fs ids, which access(2) does not. 0 or an errno.
static int may_execute(const char *path, const struct stat *st) {
    if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM)
        return errno;
    return mode_allows_exec(st) ? 0 : EACCES;
}

// ---------------------------------------------------------------- the program

static int not_found(const char *name, struct error *err) {
    return error_set(err, "exec.not-found", ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

static int denied(const char *name, struct error *err) {
    return error_set(err, "exec.permission", 0, "exec: \"%s\": permission denied", name);
}

// A name with a slash: this file and no other.
static int check_path(const char *name, char *path, size_t size, struct error *err) {
    struct stat st;
    char text[128];
    if (strlen(name) >= size)
        return error_set(err, "exec.not-found", 0, "exec: \"%.64s...\": %s", name,
                         lower_error(ENAMETOOLONG, text));
    if (stat(name, &st) < 0)
        return error_set(err, errno == EACCES ? "exec.permission" : "exec.not-found", 0,
                         "exec: \"%s\": stat %s: %s", name, name, lower_error(errno, text));
    if (!S_ISREG(st.st_mode))
        return error_set(err, "exec.permission", EPERM,
                         "exec: \"%s\": permission denied: the path `%s` is not a regular file", name, name);
    int errnum = may_execute(name, &st);
    if (errnum == EACCES)
        return denied(name, err);
    if (errnum)
        return error_set(err, "exec.permission", 0, "exec: \"%s\": %s", name, lower_error(errnum, text));
    str_copy(path, size, name);
    return 0;
}

// A bare name: the first executable regular file in the list. One that is there but may not be executed
// decides the error, but a directory that cannot be searched does not: it says nothing about the name.
static int search(const char *name, const char *list, char *path, size_t size, struct error *err) {
    bool found_unusable = false;
    size_t name_size = strlen(name) + 1;
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ":");
        struct stat st;
        if (n + 1 + name_size <= size) {
            // An empty element is the cwd.
            memcpy(path, n ? at : ".", n ? n : 1);
            size_t used = n ? n : 1;
            path[used++] = '/';
            if (used + name_size <= size) {
                memcpy(path + used, name, name_size);
                if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
                    if (may_execute(path, &st) == 0)
                        return 0;
                    found_unusable = true;
                }
            }
        }
        at += n;
        if (*at == '\0')
            break;
    }
    return found_unusable ? denied(name, err) : not_found(name, err);
}

static const char *find_path_list(const struct spec_process *process) {
    for (size_t i = 0; i < process->n_env; i++)
        if (str_starts(process->env[i], "PATH="))
            return process->env[i] + strlen("PATH=");
    return LOOKUP_DEFAULT_PATH;
}

int lookup_executable(const struct spec_process *process, char *path, size_t size, struct error *err) {
    const char *name = process->n_args ? process->args[0] : "";
    if (name[0] == '\0')
        return not_found(name, err);
    struct fs_ids old = fs_become(&process->user);
    int result = strchr(name, '/') ? check_path(name, path, size, err)
                                   : search(name, find_path_list(process), path, size, err);
    fs_restore(old);
    return result;
}

// ---------------------------------------------------------------- the working directory

// mkdir -p of an absolute path, root:root 0755, one directory handle after the other. Best effort: chdir
// tells what is wrong.
static void make_directories(const char *cwd) {
    mode_t old = umask(022);
    cleanup_fd int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (const char *at = cwd; dir >= 0 && *at;) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(at, "/");
        if (n > NAME_MAX)
            break;
        memcpy(name, at, n);
        name[n] = '\0';
        at += n + (at[n] == '/');
        if (n == 0)
            continue;
        (void)mkdirat(dir, name, 0755);
        int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd_close(&dir);
        dir = next;
    }
    umask(old);
}

int lookup_chdir(const char *cwd, const struct spec_user *user, int create, struct error *err) {
    char text[128];
    char real[PATH_MAX];
    if (chdir(cwd) < 0) {
        int saved = errno;
        if (saved == ENOENT && create) {
            make_directories(cwd);
            saved = chdir(cwd) < 0 ? errno : 0;
        } else if (saved == EACCES || saved == EPERM) {
            struct fs_ids old = fs_become(user);
            saved = chdir(cwd) < 0 ? errno : 0;
            fs_restore(old);
        }
        if (saved)
            return error_set(err, "cwd.failed", 0, "chdir to cwd (\"%s\") set in config.json failed: %s", cwd,
                             lower_error(saved, text));
    }
    // The kernel marks a cwd outside of the root with "(unreachable)"; ENOENT: it was removed meanwhile.
    long n = syscall(SYS_getcwd, real, sizeof(real));
    if (n < 0 && errno == ERANGE)
        return 0;
    if (n < 0 || real[0] != '/')
        return error_set_at(err, "cwd.failed", 0, "/process/cwd",
                            "the working directory \"%s\" lies outside of the container's root", cwd);
    return 0;
}
