// SPDX-License-Identifier: Apache-2.0
// From an errno to its cause, and to what would change it. Pure: tries and facts in, answers out.
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/str.h"
#include "runtime/host/place_try.h"

#define CAP_BIT(cap) (UINT64_C(1) << (cap))
#define NO_CAP       (-1)
#define NONE         N_PLACE_ABILITIES

// What each ability rests on.
static const struct ability {
    const char *name;
    const char *cap_name;
    int cap;                  // the capability that the kernel asks for, or NO_CAP
    unsigned since;           // the kernel that has it
    const char *limit;        // user.max_*_namespaces
    const char *option;       // how the kernel was built
    enum place_ability needs; // cannot be tried without that one, or is refused when that one is
} abilities[N_PLACE_ABILITIES] = {
    [PLACE_USER_NS] = { "user-namespace", NULL, NO_CAP, 0x0308, "user", "CONFIG_USER_NS", NONE },
    [PLACE_ID_MAPS] = { "id-maps", NULL, NO_CAP, 0x0308, NULL, "CONFIG_USER_NS", PLACE_USER_NS },
    [PLACE_MOUNT_NS] = { "mount-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, "mnt",
                         "CONFIG_NAMESPACES", NONE },
    [PLACE_PID_NS] = { "pid-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0308, "pid", "CONFIG_PID_NS",
                       NONE },
    [PLACE_NETWORK_NS] = { "network-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0300, "net",
                           "CONFIG_NET_NS", NONE },
    [PLACE_IPC_NS] = { "ipc-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0300, "ipc", "CONFIG_IPC_NS",
                       NONE },
    [PLACE_UTS_NS] = { "uts-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0300, "uts", "CONFIG_UTS_NS",
                       NONE },
    [PLACE_CGROUP_NS] = { "cgroup-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0406, "cgroup",
                          "CONFIG_CGROUPS", NONE },
    [PLACE_TIME_NS] = { "time-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0506, "time", "CONFIG_TIME_NS",
                        NONE },
    [PLACE_TMPFS] = { "tmpfs", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, "CONFIG_TMPFS", PLACE_MOUNT_NS },
    [PLACE_PROCFS] = { "procfs", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, "CONFIG_PROC_FS",
                       PLACE_PID_NS },
    [PLACE_SYSFS] = { "sysfs", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0206, NULL, "CONFIG_SYSFS",
                      PLACE_NETWORK_NS },
    [PLACE_DEVPTS] = { "devpts", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, "CONFIG_UNIX98_PTYS",
                       PLACE_TMPFS },
    [PLACE_MQUEUE] = { "mqueue", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0206, NULL, "CONFIG_POSIX_MQUEUE",
                       PLACE_IPC_NS },
    [PLACE_OVERLAY] = { "overlay", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0312, NULL, "CONFIG_OVERLAY_FS",
                        PLACE_TMPFS },
    [PLACE_BIND] = { "bind", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, NULL, PLACE_TMPFS },
    [PLACE_OPEN_TREE] = { "open-tree", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0502, NULL, NULL, PLACE_TMPFS },
    [PLACE_MOUNT_SETATTR] = { "mount-setattr", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x050c, NULL, NULL,
                              PLACE_TMPFS },
    [PLACE_PIVOT_ROOT] = { "pivot-root", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, NULL, PLACE_TMPFS },
    [PLACE_CHROOT] = { "chroot", "CAP_SYS_CHROOT", CAP_SYS_CHROOT, 0x0200, NULL, NULL, NONE },
    [PLACE_MKNOD] = { "mknod", "CAP_MKNOD", CAP_MKNOD, 0x0200, NULL, NULL, PLACE_TMPFS },
    [PLACE_SETGROUPS] = { "setgroups", "CAP_SETGID", CAP_SETGID, 0x0200, NULL, "CONFIG_MULTIUSER", NONE },
    [PLACE_KEYRING] = { "keyring", NULL, NO_CAP, 0x0206, NULL, "CONFIG_KEYS", NONE },
    [PLACE_SECCOMP] = { "seccomp", NULL, NO_CAP, 0x0311, NULL, "CONFIG_SECCOMP_FILTER", NONE },
    [PLACE_LANDLOCK_SIGNALS] = { "landlock-signals", NULL, NO_CAP, 0x060c, NULL,
                                 "CONFIG_SECURITY_LANDLOCK, and landlock in its lsm= parameter", NONE },
    [PLACE_CGROUP] = { "cgroup", NULL, NO_CAP, 0x0200, NULL, NULL, NONE },
    [PLACE_CGROUP_KILL] = { "cgroup-kill", NULL, NO_CAP, 0x050e, NULL, NULL, PLACE_CGROUP },
    [PLACE_SYSCTL] = { "sysctl", NULL, NO_CAP, 0x0200, NULL, "CONFIG_SYSCTL", NONE },
};

const char *place_ability_name(enum place_ability ability) {
    return (unsigned)ability < N_PLACE_ABILITIES ? abilities[ability].name : "unknown";
}

// ---------------------------------------------------------------- texts

static bool covers_nothing(const char *type, const char *point) {
    // Mounted over directories that sysfs and procfs keep empty for that purpose; the kernel does not mind
    // them.
    static const char *const harmless[] = { "cgroup",   "cgroup2",     "tracefs",   "debugfs",  "securityfs",
                                            "bpf",      "pstore",      "autofs",    "configfs", "fusectl",
                                            "efivarfs", "binfmt_misc", "selinuxfs", "smackfs",  NULL };
    for (size_t i = 0; harmless[i]; i++)
        if (str_eq(type, harmless[i]))
            return true;
    return str_eq(point, "/sys/fs/cgroup");
}

// The mount point (field 5) and the type of a line of mountinfo, which is cut up.
static bool split_mount(char *line, char **point, char **type) {
    char *save = NULL, *word = strtok_r(line, " ", &save);
    for (size_t i = 0; word && i < 4; i++)
        word = strtok_r(NULL, " ", &save);
    *point = word;
    while (word && !str_eq(word, "-"))
        word = strtok_r(NULL, " ", &save);
    *type = word ? strtok_r(NULL, " ", &save) : NULL;
    return *type != NULL;
}

const char *place_covers(const char *mountinfo, const char *dir, struct arena *a) {
    enum { MOST = 4 };
    char *copy = arena_strdup(a, mountinfo), *save = NULL;
    const char *list = "";
    size_t n = strlen(dir), found = 0;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *point, *type;
        if (!split_mount(line, &point, &type) || strncmp(point, dir, n) != 0 || point[n] != '/' ||
            covers_nothing(type, point))
            continue;
        if (++found <= MOST)
            list = arena_printf(a, "%s%s%s", list, *list ? ", " : "", point);
    }
    return found > MOST ? arena_printf(a, "%s, ...", list) : list;
}

bool place_root_is_mount(const char *mountinfo) {
    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *p = line;
        for (size_t i = 0; i < 4; i++) {
            p += strcspn(p, " \n");
            p += *p == ' ';
        }
        if (p[0] == '/' && p[1] == ' ')
            return true;
    }
    return false;
}

unsigned place_kernel_version(const char *release) {
    unsigned major = 0, minor = 0;
    const char *p = release;
    for (; isdigit((unsigned char)*p) && major < 256; p++)
        major = major * 10 + (unsigned)(*p - '0');
    if (p == release || *p != '.' || !isdigit((unsigned char)p[1]))
        return 0;
    for (p++; isdigit((unsigned char)*p) && minor < 256; p++)
        minor = minor * 10 + (unsigned)(*p - '0');
    return major << 8 | (minor > 255 ? 255 : minor);
}

// ---------------------------------------------------------------- decisions

struct asker {
    const struct place_try *tries;
    const struct place_facts *facts;
    struct arena *arena;
    struct host_place *place;
};

#define REFUSED(errnum, cause, unlock) ((struct place_answer){ errnum, cause, unlock })

static bool is_denial(int errnum) {
    return errnum == EPERM || errnum == EACCES;
}

static bool lacks_capability(const struct asker *q, enum place_ability ability) {
    int cap = abilities[ability].cap;
    return cap != NO_CAP && !(q->facts->caps & CAP_BIT(cap));
}

static const char *unlock_filter(const struct asker *q, const struct place_try *t) {
    return arena_printf(
        q->arena,
        "a seccomp profile that allows %s (docker, podman: --security-opt seccomp=unconfined; "
        "Kubernetes: seccompProfile: Unconfined)",
        t->call ? t->call : "it");
}

static struct place_answer by_filter(const struct asker *q, const struct place_try *t) {
    return REFUSED(t->errnum, "seccomp", unlock_filter(q, t));
}

static struct place_answer by_capability(const struct asker *q, enum place_ability ability,
                                         const struct place_try *t) {
    const struct ability *it = &abilities[ability];
    bool userns_would_do =
        !q->facts->new_userns && q->place->can[PLACE_USER_NS].errnum == 0 && it->cap != CAP_MKNOD;
    const char *unlock =
        arena_printf(q->arena, "%s%s", it->cap_name, userns_would_do ? " or a user namespace" : "");
    if (t->filtered)
        unlock = arena_printf(q->arena, "%s, and %s", unlock, unlock_filter(q, t));
    return REFUSED(t->errnum, "no-capability", unlock);
}

#define APPARMOR_USERNS                                                                            \
    "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for nook with " \
    "\"userns,\""

static bool apparmor_strips(const struct place_facts *f) {
    return f->apparmor_restricts && !(f->outer_caps & CAP_BIT(CAP_SYS_ADMIN));
}

static struct place_answer by_lsm(const struct asker *q, const struct place_try *t) {
    const struct place_facts *f = q->facts;
    if (f->new_userns && apparmor_strips(f)) // unshare passes, but its capabilities count for nothing
        return REFUSED(t->errnum, "lsm", APPARMOR_USERNS);
    const char *who = f->lsm ? arena_printf(q->arena, "the LSM profile \"%s\"", f->lsm)
                             : "the LSM (AppArmor, SELinux, Landlock) around us";
    return REFUSED(t->errnum, "lsm",
                   arena_printf(q->arena,
                                "%s has to allow %s (docker, podman: --security-opt apparmor=unconfined or "
                                "label=disable)",
                                who, t->call ? t->call : "it"));
}

static struct place_answer user_namespace_denied(const struct asker *q, const struct place_try *t) {
    const struct place_facts *f = q->facts;
    if (f->userns_clone_off && !(f->outer_caps & CAP_BIT(CAP_SYS_ADMIN)))
        return REFUSED(t->errnum, "sysctl-limit", "sysctl kernel.unprivileged_userns_clone=1");
    if (!f->root_is_mount)
        return REFUSED(
            t->errnum, "not-root-mount",
            "a root that was entered by pivot_root(2): the kernel allows no user namespace after chroot(2)");
    return apparmor_strips(f) ? REFUSED(t->errnum, "lsm", APPARMOR_USERNS) : by_lsm(q, t);
}

// A map of the own group alone that is written without privilege costs setgroups(2): user_namespaces(7).
static struct place_answer setgroups_denied(const struct asker *q, const struct place_try *t) {
    struct place_answer maps = q->place->can[PLACE_ID_MAPS];
    if (q->facts->new_userns && maps.errnum != 0)
        return REFUSED(t->errnum, maps.cause, maps.unlock);
    if (q->facts->setgroups_denied)
        return REFUSED(t->errnum, "no-subids",
                       "a gid map around us that was written with privilege: this one denies setgroups");
    return q->facts->seccomp_mode == 2 ? by_filter(q, t) : by_lsm(q, t); // the kernel has no other reason
}

static struct place_answer mknod_denied(const struct asker *q, const struct place_try *t) {
    if (!q->facts->initial_userns)
        return REFUSED(t->errnum, "no-capability", "CAP_MKNOD in the initial user namespace");
    return REFUSED(t->errnum, "device-cgroup",
                   "a device cgroup around us that allows the device (docker, podman: --privileged)");
}

static struct place_answer sysctl_denied(const struct asker *q, const struct place_try *t) {
    (void)q;
    return REFUSED(t->errnum, "no-capability",
                   "root in the initial user namespace, or for net.* an own network namespace");
}

static struct place_answer too_revealing(const struct asker *q, enum place_ability ability, int errnum) {
    bool proc = ability == PLACE_PROCFS;
    const char *covers = proc ? q->facts->proc_covers : q->facts->sys_covers;
    const char *unlock = arena_printf(
        q->arena, "unmask %s%s%s%s in the outer container (%sdocker: --security-opt systempaths=unconfined)",
        proc ? "/proc" : "/sys", *covers ? " (" : "", covers, *covers ? ")" : "",
        proc ? "Kubernetes: procMount: Unmasked; " : "");
    return REFUSED(errnum, proc ? "proc-too-revealing" : "sysfs-too-revealing", unlock);
}

// EPERM or EACCES, no filter, and the capability was held: the known reasons first, then the LSM, for nobody
// else is left.
static struct place_answer by_denial(const struct asker *q, enum place_ability ability,
                                     const struct place_try *t) {
    static struct place_answer (*const known[N_PLACE_ABILITIES])(const struct asker *,
                                                                 const struct place_try *) = {
        [PLACE_USER_NS] = user_namespace_denied,
        [PLACE_SETGROUPS] = setgroups_denied,
        [PLACE_MKNOD] = mknod_denied,
        [PLACE_SYSCTL] = sysctl_denied,
    };
    const struct place_facts *f = q->facts;
    const char *covers = ability == PLACE_PROCFS  ? f->proc_covers
                         : ability == PLACE_SYSFS ? f->sys_covers
                                                  : "";
    enum place_ability needs = abilities[ability].needs;
    if (t->revealing)
        return too_revealing(q, ability, t->errnum);
    if (needs != NONE && q->place->can[needs].errnum != 0)
        return q->place->can[needs];
    if (*covers && !f->initial_userns)
        return too_revealing(q, ability, t->errnum);
    return known[ability] ? known[ability](q, t) : by_lsm(q, t);
}

static struct place_answer missing(const struct asker *q, enum place_ability ability,
                                   const struct place_try *t) {
    const struct ability *it = &abilities[ability];
    if (t->errnum == ENOSYS && q->facts->seccomp_mode == 2 && q->facts->kernel >= it->since)
        return by_filter(q, t);
    const char *unlock = NULL;
    if (q->facts->kernel < it->since)
        unlock = arena_printf(q->arena, "Linux %u.%u or newer", it->since >> 8, it->since & 0xff);
    else if (it->option)
        unlock = arena_printf(q->arena, "a kernel with %s", it->option);
    return REFUSED(t->errnum, "not-in-kernel", unlock);
}

static bool says_missing(enum place_ability ability, int errnum) {
    if (errnum == ENOSYS || errnum == ENODEV || errnum == EOPNOTSUPP)
        return true;
    if (ability == PLACE_LANDLOCK_SIGNALS) // an older ABI
        return errnum == E2BIG || errnum == EINVAL || errnum == ENOMSG;
    return errnum == EINVAL && (abilities[ability].limit || ability == PLACE_SECCOMP);
}

static struct place_answer by_errno(const struct asker *q, enum place_ability ability,
                                    const struct place_try *t) {
    static const struct {
        enum place_ability ability;
        int errnum;
        const char *cause, *unlock;
    } meanings[] = {
        { PLACE_SYSCTL, EROFS, "read-only",
          "a writable /proc/sys (Kubernetes: procMount: Unmasked; docker: --security-opt "
          "systempaths=unconfined)" },
        { PLACE_SYSCTL, ENOENT, "not-mounted", "a procfs at /proc with /proc/sys" },
        { PLACE_KEYRING, EDQUOT, "sysctl-limit", "raise kernel.keys.maxkeys and kernel.keys.maxbytes" },
        { PLACE_USER_NS, ESRCH, "not-mounted", "a procfs of our own PID namespace at /proc" },
        { PLACE_USER_NS, EROFS, "read-only", "a writable procfs at /proc" },
        { PLACE_PID_NS, EAGAIN, "unknown", "raise the limit of processes (pids.max, RLIMIT_NPROC)" },
        { PLACE_PIVOT_ROOT, EINVAL, "not-root-mount",
          "a root that is a mount point, entered by pivot_root(2), and no rootfs (initramfs)" },
    };
    const char *limit = abilities[ability].limit;
    if (limit && (t->errnum == ENOSPC || t->errnum == EUSERS))
        return REFUSED(t->errnum, "sysctl-limit",
                       arena_printf(q->arena,
                                    "raise user.max_%s_namespaces, here or in an outer user namespace",
                                    limit));
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (meanings[i].ability == ability && meanings[i].errnum == t->errnum)
            return REFUSED(t->errnum, meanings[i].cause, meanings[i].unlock);
    if (ability == PLACE_MOUNT_NS && t->errnum == EINVAL && !q->facts->root_is_mount)
        return REFUSED(t->errnum, "not-root-mount", "a root that is a mount point, entered by pivot_root(2)");
    return says_missing(ability, t->errnum) ? missing(q, ability, t) : REFUSED(t->errnum, "unknown", NULL);
}

// It was out of reach: what it is built on does not work.
static struct place_answer unreachable(const struct asker *q, enum place_ability ability) {
    const struct place_answer *can = q->place->can;
    enum place_ability needs = abilities[ability].needs;
    if (needs != NONE && can[needs].errnum != 0)
        return can[needs];
    return can[PLACE_TMPFS].errnum != 0 ? can[PLACE_TMPFS] : REFUSED(ENOSYS, "unknown", NULL);
}

static struct place_answer explain_maps(const struct asker *q) {
    const struct place_maps *m = q->facts->maps;
    if (!m)
        return q->place->can[PLACE_USER_NS];
    if (m->errnum == 0 || m->cause)
        return REFUSED(m->errnum, m->cause, m->unlock);
    const struct place_try write = { .call = "a write to uid_map", .errnum = m->errnum };
    return is_denial(m->errnum) ? by_lsm(q, &write) : REFUSED(m->errnum, "unknown", NULL);
}

static struct place_answer explain(const struct asker *q, enum place_ability ability) {
    const struct place_try *t = &q->tries[ability];
    if (t->killed)
        return by_filter(q, t);
    if (ability == PLACE_ID_MAPS)
        return explain_maps(q);
    if (!t->tried)
        return unreachable(q, ability);
    if (t->errnum == 0)
        return REFUSED(0, NULL, NULL);
    if (is_denial(t->errnum) && lacks_capability(q, ability))
        return by_capability(q, ability, t);
    if (t->filtered && t->errnum != ENOSYS) // an old kernel says that, too
        return by_filter(q, t);
    return is_denial(t->errnum) ? by_denial(q, ability, t) : by_errno(q, ability, t);
}

void place_explain(const struct place_try tries[N_PLACE_ABILITIES], const struct place_facts *f,
                   struct arena *a, struct host_place *p) {
    struct asker q = { .tries = tries, .facts = f, .arena = a, .place = p };
    for (int i = 0; i < N_PLACE_ABILITIES; i++) // in the enum's order: what others are built on comes first
        if (i != PLACE_CGROUP && i != PLACE_CGROUP_KILL)
            p->can[i] = explain(&q, (enum place_ability)i);
}
