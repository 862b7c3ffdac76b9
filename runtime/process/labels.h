// SPDX-License-Identifier: Apache-2.0
// AppArmor profile and SELinux label of the container's program: proc_pid_attr(5).
#ifndef NOOK_RUNTIME_PROCESS_LABELS_H
#define NOOK_RUNTIME_PROCESS_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

// Parent. Is that LSM there and switched on? Reads /sys/module/apparmor/parameters/enabled; /sys/fs/selinux.
bool labels_apparmor_enabled(void);
bool labels_selinux_enabled(void);

// Parent. A label that is asked for (NULL: none) while its LSM is absent is an error, code "lsm.unavailable",
// and so is an AppArmor profile of which the kernel says that it is not loaded, "lsm.not-loaded". The profile
// "unconfined" is granted without AppArmor. 0, or -1 with *err.
int labels_check(const char *apparmor_profile, const char *selinux_label, struct error *err);

// Parent. linux.mountLabel (NULL: none): without SELinux a warning, for labels mean nothing there; with it an
// error, code "config.unsupported". 0, or -1 with *err.
int labels_check_mounts(const char *mount_label, struct error *err);

// Does a label as in /proc/PID/attr/apparmor/current confine? "unconfined" and profiles in the mode of that
// name do not; nor does "", for no AppArmor.
bool labels_apparmor_confines(const char *label);

// Puts the AppArmor label of who calls into text, cut to size ("": none), and says whether it confines. For
// messages: /proc is taken as it is.
bool labels_apparmor_own(char *text, size_t size);

// Child. What the next execve changes to. proc_fd: a descriptor of a procfs that was checked to be one and
// shows the caller. no_new_privs: it will be set before that execve. Without AppArmor "unconfined" is
// skipped. 0, or -1 with *err.
int labels_set_apparmor(int proc_fd, const char *profile, bool no_new_privs, struct error *err);
int labels_set_selinux(int proc_fd, const char *label, struct error *err);
// Child. The label of keyrings made from now on; no error when SELinux has no such file.
int labels_set_keyring(int proc_fd, const char *label, struct error *err);

#endif
