// SPDX-License-Identifier: Apache-2.0
// AppArmor profile and SELinux label of the container's program.
#include "config.h"

#include "runtime/process/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

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

// Asks the kernel about a label, as aa_query_label(3) does: what it says of access to "/" is of no interest,
// but a label of which it does not know every part is ENOENT. Where securityfs is not to be seen, nobody
// knows.
static bool is_not_loaded(const char *profile) {
    static const char file_class[] = "\x02/";
    char query[ATTR_SIZE];
    int n = snprintf(query, sizeof(query), "label%c%s%c%s", 0, profile, 0, file_class);
    if (n < 0 || (size_t)n >= sizeof(query))
        return false;
    cleanup_fd int fd = open("/sys/kernel/security/apparmor/.access", O_RDWR | O_CLOEXEC);
    return fd >= 0 && write(fd, query, (size_t)n) < 0 && errno == ENOENT;
}

static int check_apparmor(const char *profile, struct error *err) {
    const char *origin = "/process/apparmorProfile";
    if (str_eq(profile, "unconfined"))
        return 0;
    if (!labels_apparmor_enabled()) {
        error_set_at(err, "lsm.unavailable", 0, origin,
                     "the AppArmor profile \"%s\" is asked for, but AppArmor is not enabled here", profile);
#ifdef HAVE_APPARMOR
        return error_hint(err, "take apparmorProfile out, or boot with apparmor=1 lsm=...,apparmor");
#else
        return error_hint(err, "this nook was built with --disable-apparmor");
#endif
    }
    bool abridged = strncmp(profile, "unconfined", strlen(profile)) == 0;
    if (!abridged && !is_not_loaded(profile))
        return 0;
    error_set_at(err, "lsm.not-loaded", 0, origin, "the AppArmor profile \"%s\" is not loaded in the kernel",
                 profile);
    if (abridged)
        return error_hint(err, "the kernel would take that for \"unconfined\"");
    return error_hint(err,
                      "apparmor_parser -r FILE loads it; /sys/kernel/security/apparmor/profiles lists those "
                      "that are");
}

int labels_check(const char *apparmor_profile, const char *selinux_label, struct error *err) {
    if (apparmor_profile && check_apparmor(apparmor_profile, err) < 0)
        return -1;
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
        if (errno != ENOENT || faccessat(proc_fd, path, F_OK, 0) == 0) // it is the label that is not there
            break;
    }
    return error_set_at(err, "lsm.failed", errno, origin, "write `/proc/%s`", path);
}

bool labels_apparmor_confines(const char *label) {
    static const char mode[] = " (unconfined)"; // of a profile that only gives a program a name
    size_t n = strcspn(label, "\n"), end = sizeof(mode) - 1;
    if (n == 0 || (n == strlen("unconfined") && strncmp(label, "unconfined", n) == 0))
        return false;
    return n < end || strncmp(label + n - end, mode, end) != 0;
}

// Our own label, "" when it cannot be read.
static void own_label(int proc_fd, char *text, size_t size) {
    if (fd_read_small(proc_fd, "thread-self/attr/apparmor/current", text, size) < 0 &&
        fd_read_small(proc_fd, "thread-self/attr/current", text, size) < 0 &&
        fd_read_small(proc_fd, "self/attr/current", text, size) < 0)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

bool labels_apparmor_own(char *text, size_t size) {
    cleanup_fd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    text[0] = '\0';
    if (proc >= 0 && labels_apparmor_enabled())
        own_label(proc, text, size);
    return labels_apparmor_confines(text);
}

static int explain_apparmor(const char *profile, const char *own, struct error *err) {
    if (err->err == ENOENT)
        return error_hint(err, "the profile \"%s\" is not loaded in the kernel", profile);
    if ((err->err == EACCES || err->err == EPERM) && labels_apparmor_confines(own))
        return error_hint(err,
                          "nook is confined by the AppArmor profile \"%s\", which would need a rule "
                          "change_profile -> %s",
                          own, profile);
    return -1;
}

// Who has no_new_privs can only be confined further: execve would refuse to exchange our own profile for
// another, but lets that one be stacked upon it.
int labels_set_apparmor(int proc_fd, const char *profile, bool no_new_privs, struct error *err) {
    static const char *const paths[] = {
        "thread-self/attr/apparmor/exec",
        "thread-self/attr/exec",
        "self/attr/exec",
        NULL,
    };
    char own[ATTR_SIZE], text[ATTR_SIZE];
    own_label(proc_fd, own, sizeof(own));
    bool no_new = no_new_privs || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    const char *how = no_new && labels_apparmor_confines(own) ? "stack" : "exec";
    int n = snprintf(text, sizeof(text), "%s %s", how, profile);
    if (n < 0 || (size_t)n >= sizeof(text))
        return error_set_at(err, "config.invalid", 0, "/process/apparmorProfile",
                            "the AppArmor profile's name is too long");
    if (write_attr(proc_fd, paths, text, (size_t)n, "/process/apparmorProfile", err) == 0)
        return 0;
    bool absent = err->err == ENOENT || err->err == EINVAL;
    if (str_eq(profile, "unconfined") && absent && !labels_apparmor_enabled())
        return 0;
    return explain_apparmor(profile, own, err);
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
