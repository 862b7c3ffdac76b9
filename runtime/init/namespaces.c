// SPDX-License-Identifier: Apache-2.0
// init's steps that concern namespaces and cgroups: entering, leaving, naming them.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/init/steps.h"
#include "runtime/process/keyring.h"
#include "runtime/process/labels.h"
#include "runtime/rootfs/resolve.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static int step_cgroup_attach(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    const char *failed = "";
    if (!in->cgroup || cgroup_attach_self(in->cgroup, !*in->in_cgroup, &failed) == 0)
        return 0;
    const char *hint = cgroup_join_hint(errno);
    error_set(err, "cgroup.join-failed", errno, "enter the cgroup %s", failed);
    return hint ? error_hint(err, "%s", hint) : -1;
}

static int step_join_cgroup_namespace(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    if (setns(in->join_cgroup, CLONE_NEWCGROUP) == 0)
        return 0;
    return error_set(err, "namespace.join-failed", errno, "join the cgroup namespace");
}

static int step_join_mount_namespace(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    if (setns(in->join_mount, CLONE_NEWNS) == 0)
        return 0;
    return error_set(err, "namespace.join-failed", errno, "join the mount namespace");
}

// The kernel pads the columns with spaces: "         0     100000       5000\n".
static bool same_map(const char *have, const char *want) {
    static const char space[] = " \n";
    for (;;) {
        have += strspn(have, space);
        want += strspn(want, space);
        size_t n = strcspn(have, space);
        if (n != strcspn(want, space) || strncmp(have, want, n) != 0)
            return false;
        if (n == 0)
            return true;
        have += n;
        want += n;
    }
}

static int check_map(struct init *in, const char *file, const char *want, const char *origin,
                     struct error *err) {
    char have[4096];
    if (!want)
        return 0;
    if (fd_read_small(in->rootfs.proc_fd, file, have, sizeof(have)) < 0)
        return error_set(err, "namespace.join-failed", errno, "read the map of the user namespace");
    if (same_map(have, want))
        return 0;
    return error_set_at(err, "config.invalid", 0, origin, "the joined user namespace has another id map");
}

// Root in the new user namespace, or whom its map gives instead.
static int step_wait_maps(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    if (in->plan->uid_map && init_ask(in, MESSAGE_MAPS, err) < 0)
        return -1;
    if (check_map(in, "self/uid_map", in->plan->expected_uid_map, "/linux/uidMappings", err) < 0 ||
        check_map(in, "self/gid_map", in->plan->expected_gid_map, "/linux/gidMappings", err) < 0)
        return -1;
    // Where setgroups is denied the groups of the caller stay: there is no other way.
    if (setgroups(0, NULL) < 0 && errno != EPERM)
        return error_set(err, "user.failed", errno, "clear the groups");
    gid_t gid = in->plan->setup_gid;
    uid_t uid = in->plan->setup_uid;
    if (setresgid(gid, gid, gid) < 0 || prctl(PR_SET_KEEPCAPS, 1) < 0 || setresuid(uid, uid, uid) < 0 ||
        prctl(PR_SET_KEEPCAPS, 0) < 0)
        return error_set(err, "user.failed", errno, "become uid %u, gid %u in the user namespace", uid, gid);
    // Changing ids makes a process dumpable or not by fs.suid_dumpable: ours never is.
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return error_set(err, "user.failed", errno, "stay non-dumpable");
    return 0;
}

static int step_unshare(struct init *in, const struct step *s, struct error *err) {
    (void)in;
    if (unshare((int)s->flags) == 0)
        return 0;
    return error_set(err, "namespace.failed", errno, "make a new %s namespace",
                     s->flags == CLONE_NEWCGROUP ? "cgroup" : "");
}

// time_namespaces(7): offsets can be set until the first process enters; unshare only prepares the namespace.
// The file belongs to root of the host, for we are not dumpable: the parent writes it.
static int step_time_offsets(struct init *in, const struct step *s, struct error *err) {
    (void)s;
    if (unshare(CLONE_NEWTIME) < 0)
        return error_set(err, "namespace.failed", errno, "make a new time namespace");
    if (init_ask(in, MESSAGE_TIME_OFFSETS, err) < 0)
        return -1;
    cleanup_fd int fd = openat(in->rootfs.proc_fd, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
        return error_set(err, "namespace.failed", errno, "enter the new time namespace");
    return 0;
}

static int step_loopback(struct init *in, const struct step *s, struct error *err) {
    (void)in, (void)s;
    cleanup_fd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &request) < 0)
        return error_set(err, "network.failed", errno, "bring the loopback interface up");
    return 0;
}

static int show_mark(struct init *in, enum init_mark mark, int fd, struct error *err) {
    if (fd < 0)
        return error_set(err, "init.failed", errno, "open what the container's processes are known by");
    int rc = message_send(in->sock, MESSAGE_MARK, mark, fd);
    if (rc < 0)
        error_set(err, "parent.gone", errno, "the runtime ended during create");
    close(fd);
    return rc;
}

// The parent may not look: we are not dumpable, and it may lack CAP_SYS_PTRACE.
static int step_show_marks(struct init *in, const struct step *s, struct error *err) {
    static const struct {
        unsigned long flag;
        const char *file;
    } marks[] = { [MARK_MOUNT] = { CLONE_NEWNS, "self/ns/mnt" },
                  [MARK_UTS] = { CLONE_NEWUTS, "self/ns/uts" },
                  [MARK_USER] = { CLONE_NEWUSER, "self/ns/user" } };
    for (int i = MARK_MOUNT; i <= MARK_USER; i++)
        if ((s->flags & marks[i].flag) &&
            show_mark(in, i, openat(in->rootfs.proc_fd, marks[i].file, O_RDONLY | O_CLOEXEC), err) < 0)
            return -1;
    if (!in->plan->own_dev)
        return 0;
    return show_mark(in, MARK_DEV, rootfs_resolve(&in->rootfs, "/dev", ROOTFS_NO_LINKS), err);
}

static int step_join_namespaces(struct init *in, const struct step *s, struct error *err) {
    int flags = (int)s->flags;
    if (flags && nsset_join(in->container, (uint64_t)flags) < 0) {
        error_set(err, "namespace.join-failed", errno, "join the container's namespaces");
        return errno == ESRCH ? error_hint(err, "the container has just ended") : -1;
    }
    in->rootfs.root_fd = in->container_root;
    if (in->container_root >= 0 && rootfs_chroot(&in->rootfs, err) < 0)
        return -1;
    if (!(flags & CLONE_NEWUSER))
        return 0;
    if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) {
        if (errno != EINVAL)
            return error_set(err, "user.failed", errno, "become root in the container's user namespace");
    }
    return prctl(PR_SET_DUMPABLE, 0) < 0 ? error_set(err, "user.failed", errno, "stay non-dumpable") : 0;
}

static int step_new_session(struct init *in, const struct step *s, struct error *err) {
    (void)in, (void)s;
    // A group leader already is one when nook itself was started so; a fresh clone never is.
    if (setsid() < 0)
        return error_set(err, "session.failed", errno, "become a session leader");
    return 0;
}

static int step_keyring(struct init *in, const struct step *s, struct error *err) {
    char warning[512];
    const struct spec_process *process = in->plan->process;
    if (process && process->selinux_label &&
        labels_set_keyring(in->rootfs.proc_fd, process->selinux_label, err) < 0)
        return -1;
    int rc = keyring_join(s->text, warning, sizeof(warning), err);
    if (rc == 1)
        init_warn(in, warning);
    return rc < 0 ? -1 : 0;
}

static int step_hostname(struct init *in, const struct step *s, struct error *err) {
    (void)in;
    if (sethostname(s->text, strlen(s->text)) == 0)
        return 0;
    return error_set(err, "hostname.failed", errno, "set the host name \"%s\"", s->text);
}

static int step_domainname(struct init *in, const struct step *s, struct error *err) {
    (void)in;
    if (setdomainname(s->text, strlen(s->text)) == 0)
        return 0;
    return error_set(err, "hostname.failed", errno, "set the domain name \"%s\"", s->text);
}

const init_step init_namespace_steps[N_STEP_OPS] = {
    [STEP_CGROUP_ATTACH] = step_cgroup_attach,
    [STEP_JOIN_CGROUP_NAMESPACE] = step_join_cgroup_namespace,
    [STEP_JOIN_MOUNT_NAMESPACE] = step_join_mount_namespace,
    [STEP_WAIT_MAPS] = step_wait_maps,
    [STEP_UNSHARE] = step_unshare,
    [STEP_TIME_OFFSETS] = step_time_offsets,
    [STEP_LOOPBACK] = step_loopback,
    [STEP_JOIN_NAMESPACES] = step_join_namespaces,
    [STEP_SHOW_MARKS] = step_show_marks,
    [STEP_NEW_SESSION] = step_new_session,
    [STEP_KEYRING] = step_keyring,
    [STEP_HOSTNAME] = step_hostname,
    [STEP_DOMAINNAME] = step_domainname,
};
