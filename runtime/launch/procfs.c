// SPDX-License-Identifier: Apache-2.0
// What /proc says of other processes.
#include "config.h"

#include "runtime/launch/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"

bool file_id_equal(struct file_id a, struct file_id b) {
    return a.ino && a.ino == b.ino && a.dev == b.dev;
}

int procfs_open(struct error *err) {
    struct statfs fs;
    char self[16], pid[16];
    cleanup_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return error_set(err, "members.no-proc", 0,
                         "the container's processes cannot be looked for: no procfs");
    ssize_t n = readlinkat(proc, "self", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (!str_eq(self, pid))
        return error_set(err, "members.no-proc", 0,
                         "the container's processes cannot be looked for: /proc is of another PID namespace");
    return fd_steal(&proc);
}

// ---------------------------------------------------------------- files

int procfs_file(int proc, pid_t pid, const char *name, struct file_id *out) {
    char path[48];
    struct statx x;
    struct stat st;
    snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
    if (statx(proc, path, AT_STATX_DONT_SYNC, STATX_INO, &x) == 0) {
        *out = (struct file_id){ makedev(x.stx_dev_major, x.stx_dev_minor), x.stx_ino };
        return 0;
    }
    // Old, or denied by a filter around us.
    if ((errno != ENOSYS && errno != EPERM) || fstatat(proc, path, &st, 0) < 0)
        return -1;
    *out = (struct file_id){ st.st_dev, st.st_ino };
    return 0;
}

int procfs_tmpfs(int fd, struct tmpfs_id *out) {
    struct statfs fs;
    struct stat st;
    *out = (struct tmpfs_id){ 0 };
    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -1;
    if (fs.f_type == TMPFS_MAGIC) {
        _Static_assert(sizeof(out->id) == sizeof(fs.f_fsid), "fsid_t has 64 bits");
        memcpy(&out->id, &fs.f_fsid, sizeof(out->id));
        out->dev = st.st_dev;
    }
    return 0;
}

int procfs_dev_tmpfs(int proc, pid_t pid, uint64_t dev, struct tmpfs_id *out) {
    const int flags = AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    char path[32];
    struct statx x;
    *out = (struct tmpfs_id){ 0 };
    snprintf(path, sizeof(path), "%d/root/dev", (int)pid);
    if (statx(proc, path, flags, STATX_TYPE, &x) < 0)
        return -1;
    if (makedev(x.stx_dev_major, x.stx_dev_minor) != dev)
        return 0;
    cleanup_fd int fd = openat(proc, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -1 : procfs_tmpfs(fd, out);
}

// ---------------------------------------------------------------- stat and status

// proc(5): pid (name) state ppid ... num_threads is field 20, start time field 22.
bool procfs_stat(int proc, pid_t pid, struct procfs_stat *out) {
    char path[32], text[1024];
    uint64_t fields[23] = { 0 };
    snprintf(path, sizeof(path), "%d/stat", (int)pid);
    if (fd_read_small(proc, path, text, sizeof(text)) < 0)
        return false;
    char *open_ = strchr(text, '('), *close_ = strrchr(text, ')');
    if (!open_ || !close_ || close_[1] != ' ')
        return false;
    *close_ = '\0';
    str_copy(out->name, sizeof(out->name), open_ + 1);
    out->state = close_[2];
    char *next = NULL, *word = strtok_r(close_ + 2, " ", &next);
    for (int field = 3; word && field < 23; field++) {
        // Some of the others are negative.
        (void)str_to_u64(word, UINT64_MAX, &fields[field]);
        word = strtok_r(NULL, " ", &next);
    }
    out->parent = (pid_t)fields[4];
    out->threads = fields[20];
    out->start_time = fields[22];
    return out->start_time != 0;
}

bool procfs_is_dead(const struct procfs_stat *stat) {
    return stat->state == 'X' || stat->state == 'x' || (stat->state == 'Z' && stat->threads <= 1);
}

pid_t procfs_other_thread(int proc, pid_t pid) {
    char path[32];
    pid_t found = 0;
    snprintf(path, sizeof(path), "%d/task", (int)pid);
    int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fd_close(&fd);
        return 0;
    }
    for (struct dirent *e; !found && (e = readdir(dir));) {
        struct procfs_stat stat;
        uint64_t tid;
        if (str_to_u64(e->d_name, INT32_MAX, &tid) && (pid_t)tid != pid &&
            procfs_stat(proc, (pid_t)tid, &stat) && stat.state != 'Z' && stat.state != 'X')
            found = (pid_t)tid;
    }
    closedir(dir);
    return found;
}

// proc_loadavg(5): the fifth word.
pid_t procfs_last_pid(int proc) {
    char text[128];
    uint64_t pid = 0;
    ssize_t n = fd_read_small(proc, "loadavg", text, sizeof(text));
    char *word = n > 0 ? strrchr(text, ' ') : NULL;
    if (word)
        word[strcspn(word, "\n")] = '\0';
    return word && str_to_u64(word + 1, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

bool procfs_ids(int proc, pid_t pid, uid_t *uid, gid_t *gid) {
    char path[32], text[1024];
    snprintf(path, sizeof(path), "%d/status", (int)pid);
    if (fd_read_small(proc, path, text, sizeof(text)) < 0)
        return false;
    const char *u = strstr(text, "\nUid:\t"), *g = strstr(text, "\nGid:\t");
    if (!u || !g)
        return false;
    *uid = (uid_t)strtoul(u + 6, NULL, 10);
    *gid = (gid_t)strtoul(g + 6, NULL, 10);
    return true;
}
