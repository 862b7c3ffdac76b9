// SPDX-License-Identifier: Apache-2.0
// pod_filter COMMAND...: runs COMMAND under a seccomp filter that refuses what Docker's default profile
// refuses to a container without CAP_SYS_ADMIN: mounts, namespaces, keys, tracing, other names. chroot(2)
// stays allowed.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// clone's flags are its first argument on all architectures but s390. CLONE_NEWTIME is none of them: its low
// byte is a signal.
static const unsigned long namespaces[] = { CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                            CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET };
static const char *const refused[] = {
    "mount",
    "umount2",
    "umount",
    "pivot_root",
    "unshare",
    "setns",
    "sethostname",
    "setdomainname",
    "keyctl",
    "add_key",
    "request_key",
    "open_tree",
    "open_tree_attr",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "bpf",
    "perf_event_open",
    "open_by_handle_at",
    "name_to_handle_at",
    "quotactl",
    "swapon",
    "swapoff",
    "reboot",
    "init_module",
    "finit_module",
    "delete_module",
    "acct",
    "lookup_dcookie",
    "fanotify_init",
    "syslog",
    "userfaultfd",
    "kexec_load",
};

// A name or number that this libseccomp does not know is no reason to give up: the numbers are the kernel's.
static int number(const char *name) {
    static const struct {
        const char *name;
        int nr;
    } recent[] = { { "open_tree", 428 },     { "move_mount", 429 },    { "fsopen", 430 },
                   { "fsconfig", 431 },      { "fsmount", 432 },       { "fspick", 433 },
                   { "mount_setattr", 442 }, { "open_tree_attr", 467 } };
    int nr = seccomp_syscall_resolve_name(name);
    for (size_t i = 0; i < sizeof(recent) / sizeof(recent[0]) && nr == __NR_SCMP_ERROR; i++)
        if (strcmp(name, recent[i].name) == 0)
            nr = recent[i].nr;
    return nr;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return fprintf(stderr, "usage: pod_filter COMMAND...\n"), 2;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return fprintf(stderr, "pod_filter: no memory\n"), 2;
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int nr = number(refused[i]);
        if (nr == __NR_SCMP_ERROR)
            return fprintf(stderr, "pod_filter: what is the number of %s?\n", refused[i]), 2;
        if (nr >= 0)
            failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), nr, 0);
    }
    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                   SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    // its flags are in memory, where a filter cannot look; callers fall back to clone
    failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    failed |= seccomp_load(filter);
    if (failed)
        return fprintf(stderr, "pod_filter: the filter cannot be made or loaded: %s\n", strerror(errno)), 2;
    seccomp_release(filter);
    execvp(argv[1], argv + 1);
    return perror(argv[1]), 2;
}
