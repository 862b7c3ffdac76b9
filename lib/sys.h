// SPDX-License-Identifier: Apache-2.0
// System calls by number, with the constants that old headers lack. glibc's own wrappers are not used for
// these, so that a binary built on an old system can use a newer kernel's calls, and the other way round.
#ifndef NOOK_LIB_SYS_H
#define NOOK_LIB_SYS_H

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

static inline int sys_open_tree(int dirfd, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, dirfd, path, flags);
}
static inline int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}
static inline int sys_fsopen(const char *fs, unsigned flags) {
    return (int)syscall(SYS_fsopen, fs, flags);
}
static inline int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux) {
    return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}
static inline int sys_fsmount(int fd, unsigned flags, unsigned attr) {
    return (int)syscall(SYS_fsmount, fd, flags, attr);
}
static inline int sys_mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr,
                                    unsigned long size) {
    return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, size);
}
static inline int sys_openat2(int dirfd, const char *path, struct open_how *how, unsigned long size) {
    return (int)syscall(SYS_openat2, dirfd, path, how, size);
}
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}
static inline int sys_pidfd_open(pid_t pid, unsigned flags) {
    return (int)syscall(SYS_pidfd_open, pid, flags);
}
static inline int sys_pidfd_send_signal(int pidfd, int sig) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}
static inline int sys_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

#endif
