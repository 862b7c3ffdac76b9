// SPDX-License-Identifier: Apache-2.0
// AppArmor profile and SELinux label of the container's program.
#include "config.h"

#include "runtime/process/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"

#define ATTR_SIZE 4096

bool labels_apparmor_enabled(void) {
#ifdef HAVE_APPARMOR
    char text[8];
    return fd_read_small(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text, sizeof(text)) > 0 &&
           text[0] == 'Y';
#else
    return false;
#endif
}

bool labels_selinux_enabled(void) {
    struct statfs fs;
    return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned long)fs.f_type == SELINUX_MAGIC;
}

int labels_check(const char *apparmor_profile, const char *selinux_label, struct error *err) {
    if (apparmor_profile && !str_eq(apparmor_profile, "unconfined") && !labels_apparmor_enabled()) {
        error_set_at(err, "lsm.unavailable", 0, "/process/apparmorProfile",
                     "the AppArmor profile \"%s\" is asked for, but AppArmor is not enabled here",
                     apparmor_profile);
#ifdef HAVE_APPARMOR
        return error_hint(err, "take apparmorProfile out, or boot with apparmor=1 lsm=...,apparmor");
#else
        return error_hint(err, "this nook was built with --disable-apparmor");
#endif
    }
    if (selinux_label && !labels_selinux_enabled()) {
        error_set_at(err, "lsm.unavailable", 0, "/process/selinuxLabel",
                     "the SELinux label \"%s\" is asked for, but SELinux is not enabled here", selinux_label);
        return error_hint(err, "take selinuxLabel out, or boot with selinux=1");
    }
    return 0;
}

int labels_check_mounts(const char *mount_label, struct error *err) {
    if (!mount_label)
        return 0;
    if (labels_selinux_enabled())
        return error_set_at(
            err, "config.unsupported", 0, "/linux/mountLabel",
            "linux.mountLabel is not supported by this version of nook where SELinux is enabled");
    log_warning("linux.mountLabel \"%s\" is ignored: SELinux is not enabled here", mount_label);
    return 0;
}

// Tries the file of one LSM alone (Linux 5.1) and then the one that all share. The text has the path in
// backquotes: engines look for it.
static int write_attr(int proc_fd, const char *const paths[], const char *text, size_t size,
                      const char *origin, struct error *err) {
    const char *path = paths[0];
    for (size_t i = 0; paths[i]; i++) {
        path = paths[i];
        if (fd_write_file(proc_fd, path, text, size) == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    return error_set_at(err, "lsm.failed", errno, origin, "write `/proc/%s`", path);
}

int labels_set_apparmor(int proc_fd, const char *profile, struct error *err) {
    static const char *const paths[] = {
        "thread-self/attr/apparmor/exec",
        "thread-self/attr/exec",
        "self/attr/exec",
        NULL,
    };
    char text[ATTR_SIZE];
    int n = snprintf(text, sizeof(text), "exec %s", profile);
    if (n < 0 || (size_t)n >= sizeof(text))
        return error_set_at(err, "config.invalid", 0, "/process/apparmorProfile",
                            "the AppArmor profile's name is too long");
    if (write_attr(proc_fd, paths, text, (size_t)n, "/process/apparmorProfile", err) == 0)
        return 0;
    bool absent = err->err == ENOENT || err->err == EINVAL;
    if (str_eq(profile, "unconfined") && absent && !labels_apparmor_enabled())
        return 0;
    if (err->err == ENOENT)
        error_hint(err, "the profile \"%s\" is not loaded in the kernel", profile);
    return -1;
}

int labels_set_selinux(int proc_fd, const char *label, struct error *err) {
    static const char *const paths[] = { "thread-self/attr/exec", "self/attr/exec", NULL };
    if (write_attr(proc_fd, paths, label, strlen(label), "/process/selinuxLabel", err) == 0)
        return 0;
    if (err->err == EINVAL)
        error_hint(err, "the loaded SELinux policy has no label \"%s\"", label);
    return -1;
}

int labels_set_keyring(int proc_fd, const char *label, struct error *err) {
    static const char *const paths[] = { "thread-self/attr/keycreate", "self/attr/keycreate", NULL };
    if (write_attr(proc_fd, paths, label, strlen(label), "/process/selinuxLabel", err) == 0 ||
        err->err == ENOENT)
        return 0;
    return -1;
}
