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
    enum place_ability needs; // cannot be tried without that one, or is refused when that one is
} abilities[N_PLACE_ABILITIES] = {
    [PLACE_USER_NS] = { "user-namespace", NULL, NO_CAP, 0x0308, "user", NONE },
    [PLACE_ID_MAPS] = { "id-maps", "CAP_SETUID and CAP_SETGID", NO_CAP, 0x0308, NULL, PLACE_USER_NS },
    [PLACE_MOUNT_NS] = { "mount-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, "mnt", NONE },
    [PLACE_PID_NS] = { "pid-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0308, "pid", NONE },
    [PLACE_NETWORK_NS] = { "network-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0300, "net", NONE },
    [PLACE_IPC_NS] = { "ipc-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0300, "ipc", NONE },
    [PLACE_UTS_NS] = { "uts-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0300, "uts", NONE },
    [PLACE_CGROUP_NS] = { "cgroup-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0406, "cgroup", NONE },
    [PLACE_TIME_NS] = { "time-namespace", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0506, "time", NONE },
    [PLACE_TMPFS] = { "tmpfs", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, PLACE_MOUNT_NS },
    [PLACE_PROCFS] = { "procfs", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, PLACE_PID_NS },
    [PLACE_SYSFS] = { "sysfs", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0206, NULL, PLACE_NETWORK_NS },
    [PLACE_DEVPTS] = { "devpts", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, PLACE_TMPFS },
    [PLACE_MQUEUE] = { "mqueue", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0206, NULL, PLACE_IPC_NS },
    [PLACE_OVERLAY] = { "overlay", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0312, NULL, PLACE_TMPFS },
    [PLACE_BIND] = { "bind", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, PLACE_TMPFS },
    [PLACE_OPEN_TREE] = { "open-tree", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0502, NULL, PLACE_TMPFS },
    [PLACE_MOUNT_SETATTR] = { "mount-setattr", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x050c, NULL, PLACE_TMPFS },
    [PLACE_PIVOT_ROOT] = { "pivot-root", "CAP_SYS_ADMIN", CAP_SYS_ADMIN, 0x0204, NULL, PLACE_TMPFS },
    [PLACE_CHROOT] = { "chroot", "CAP_SYS_CHROOT", CAP_SYS_CHROOT, 0x0200, NULL, NONE },
    [PLACE_MKNOD] = { "mknod", "CAP_MKNOD", CAP_MKNOD, 0x0200, NULL, PLACE_TMPFS },
    [PLACE_SETGROUPS] = { "setgroups", "CAP_SETGID", CAP_SETGID, 0x0200, NULL, NONE },
    [PLACE_KEYRING] = { "keyring", NULL, NO_CAP, 0x0206, NULL, NONE },
    [PLACE_SECCOMP] = { "seccomp", NULL, NO_CAP, 0x0311, NULL, NONE },
    [PLACE_LANDLOCK_SIGNALS] = { "landlock-signals", NULL, NO_CAP, 0x060c, NULL, NONE },
    [PLACE_CGROUP] = { "cgroup", NULL, NO_CAP, 0x0200, NULL, NONE },
    [PLACE_CGROUP_KILL] = { "cgroup-kill", NULL, NO_CAP, 0x050e, NULL, PLACE_CGROUP },
    [PLACE_SYSCTL] = { "sysctl", NULL, NO_CAP, 0x0200, NULL, NONE },
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

static bool is_namespace(enum place_ability ability) {
    return abilities[ability].limit != NULL;
}

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
        "a seccomp profile that allows %s (docker, podman: --security-opt seccomp=unconfined; Kubernetes: "
        "seccompProfile: Unconfined)",
        t->call ? t->call : "it");
}

static struct place_answer by_capability(const struct asker *q, enum place_ability ability,
                                         const struct place_try *t) {
    const struct ability *it = &abilities[ability];
    bool userns_would_do = !q->facts->new_userns && it->cap != CAP_MKNOD;
    const char *unlock =
        arena_printf(q->arena, "%s%s", it->cap_name, userns_would_do ? " or a user namespace" : "");
    if (t->filtered)
        unlock = arena_printf(q->arena, "%s, and %s", unlock, unlock_filter(q, t));
    return (struct place_answer){ t->errnum, "no-capability", unlock };
}

static struct place_answer by_lsm(const struct asker *q, const struct place_try *t) {
    const char *who = q->facts->lsm ? arena_printf(q->arena, "the LSM profile \"%s\"", q->facts->lsm)
                                    : "the LSM (AppArmor, SELinux, Landlock) around us";
    return (struct place_answer){
        t->errnum,
        "lsm",
        arena_printf(
            q->arena,
            "%s has to allow %s (docker, podman: --security-opt apparmor=unconfined or label=disable)", who,
            t->call ? t->call : "it"),
    };
}

static struct place_answer user_namespace_denied(const struct asker *q, const struct place_try *t) {
    const struct place_facts *f = q->facts;
    bool privileged = f->outer_caps & CAP_BIT(CAP_SYS_ADMIN);
    if (f->userns_clone_off && !privileged)
        return (struct place_answer){ t->errnum, "sysctl-limit",
                                      "sysctl kernel.unprivileged_userns_clone=1" };
    if (!f->root_is_mount)
        return (struct place_answer){
            t->errnum, "not-root-mount",
            "a root that was entered by pivot_root(2); the kernel allows no user namespace after "
            "chroot(2)"
        };
    if (f->apparmor_restricts && !privileged)
        return (struct place_answer){
            t->errnum, "lsm",
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for "
            "nook with \"userns,\""
        };
    return by_lsm(q, t);
}

static struct place_answer too_revealing(const struct asker *q, enum place_ability ability, int errnum) {
    bool proc = ability == PLACE_PROCFS;
    const char *covers = proc ? q->facts->proc_covers : q->facts->sys_covers;
    const char *which = *covers ? arena_printf(q->arena, " (%s)", covers) : "";
    if (proc)
        return (struct place_answer){
            errnum,
            "proc-too-revealing",
            arena_printf(q->arena,
                         "unmask /proc%s in the outer container (Kubernetes: procMount: Unmasked; docker: "
                         "--security-opt "
                         "systempaths=unconfined)",
                         which),
        };
    return (struct place_answer){
        errnum,
        "sysfs-too-revealing",
        arena_printf(q->arena,
                     "unmask /sys%s in the outer container (docker: --security-opt systempaths=unconfined)",
                     which),
    };
}

// EPERM or EACCES, and the capability was held: the special cases first, then the LSM, for nobody else is
// left.
static struct place_answer by_denial(const struct asker *q, enum place_ability ability,
                                     const struct place_try *t) {
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
    switch ((int)ability) {
    case PLACE_USER_NS:
        return user_namespace_denied(q, t);
    case PLACE_SETGROUPS: {
        struct place_answer because = q->place->can[PLACE_ID_MAPS];
        if (f->new_userns && because.errnum != 0)
            return (struct place_answer){ t->errnum, because.cause, because.unlock };
        break;
    }
    case PLACE_MKNOD:
        if (!f->initial_userns)
            return (struct place_answer){ t->errnum, "no-capability",
                                          "CAP_MKNOD in the initial user namespace" };
        return (struct place_answer){
            t->errnum, "device-cgroup",
            "a device cgroup around us that allows the device (docker, podman: --privileged)"
        };
    case PLACE_SYSCTL:
        return (struct place_answer){
            t->errnum, "no-capability",
            "root in the initial user namespace, or for net.* an own network namespace"
        };
    default:
        break;
    }
    return by_lsm(q, t);
}

static struct place_answer missing(const struct asker *q, enum place_ability ability,
                                   const struct place_try *t) {
    const struct place_facts *f = q->facts;
    unsigned since = abilities[ability].since;
    if (t->errnum == ENOSYS && f->seccomp_mode == 2 && f->kernel >= since)
        return (struct place_answer){ t->errnum, "seccomp", unlock_filter(q, t) };
    const char *unlock =
        f->kernel >= since
            ? arena_printf(q->arena, "a kernel that was built with %s", abilities[ability].name)
            : arena_printf(q->arena, "Linux %u.%u or newer", since >> 8, since & 0xff);
    return (struct place_answer){ t->errnum, "not-in-kernel", unlock };
}

static struct place_answer by_limit(const struct asker *q, enum place_ability ability,
                                    const struct place_try *t) {
    return (struct place_answer){
        t->errnum, "sysctl-limit",
        arena_printf(q->arena, "raise user.max_%s_namespaces, here or in an outer user namespace",
                     abilities[ability].limit)
    };
}

static struct place_answer by_errno(const struct asker *q, enum place_ability ability,
                                    const struct place_try *t) {
    int e = t->errnum;
    if (is_namespace(ability) && (e == ENOSPC || e == EUSERS))
        return by_limit(q, ability, t);
    if (ability == PLACE_KEYRING && e == EDQUOT)
        return (struct place_answer){ e, "sysctl-limit",
                                      "raise kernel.keys.maxkeys and kernel.keys.maxbytes" };
    if (e == EROFS)
        return (struct place_answer){ e, "read-only",
                                      ability == PLACE_SYSCTL
                                          ? "a writable /proc/sys (docker: --security-opt "
                                            "systempaths=unconfined; Kubernetes: procMount: Unmasked)"
                                          : "a writable mount" };
    if ((ability == PLACE_PIVOT_ROOT || ability == PLACE_MOUNT_NS) && e == EINVAL && !q->facts->root_is_mount)
        return (struct place_answer){ e, "not-root-mount",
                                      "a root that is a mount point, entered by pivot_root(2)" };
    if (ability == PLACE_PIVOT_ROOT && e == EINVAL)
        return (struct place_answer){ e, "not-root-mount",
                                      "a root that is neither rootfs (initramfs) nor entered by chroot(2)" };
    if (e == ENOSYS || e == ENODEV || e == EOPNOTSUPP || (is_namespace(ability) && e == EINVAL) ||
        (ability == PLACE_LANDLOCK_SIGNALS && (e == E2BIG || e == EINVAL || e == ENOMSG)))
        return missing(q, ability, t);
    if (e == ENOENT && ability == PLACE_SYSCTL)
        return (struct place_answer){ e, "not-mounted", "a procfs at /proc with /proc/sys" };
    return (struct place_answer){ e, "unknown", NULL };
}

static struct place_answer explain(const struct asker *q, enum place_ability ability) {
    const struct place_try *t = &q->tries[ability];
    enum place_ability needs = abilities[ability].needs;
    if (t->killed)
        return (struct place_answer){ EPERM, "seccomp", unlock_filter(q, t) };
    if (!t->tried) // it was out of reach: what it is built on does not work
        return needs == NONE                       ? (struct place_answer){ ENOSYS, "unknown", NULL }
               : q->place->can[needs].errnum       ? q->place->can[needs]
               : q->place->can[PLACE_TMPFS].errnum ? q->place->can[PLACE_TMPFS]
                                                   : q->place->can[PLACE_MOUNT_NS];
    if (ability == PLACE_ID_MAPS && q->facts->maps)
        return (struct place_answer){ q->facts->maps->errnum, q->facts->maps->cause, q->facts->maps->unlock };
    if (t->errnum == 0)
        return (struct place_answer){ 0, NULL, NULL };
    if (is_denial(t->errnum) && lacks_capability(q, ability))
        return by_capability(q, ability, t);
    if (t->filtered && t->errnum != ENOSYS)
        return (struct place_answer){ t->errnum, "seccomp", unlock_filter(q, t) };
    return is_denial(t->errnum) ? by_denial(q, ability, t) : by_errno(q, ability, t);
}

void place_explain(const struct place_try tries[N_PLACE_ABILITIES], const struct place_facts *f,
                   struct arena *a, struct host_place *p) {
    struct asker q = { .tries = tries, .facts = f, .arena = a, .place = p };
    for (int i = 0; i < N_PLACE_ABILITIES; i++) // the order of the enum: what others are built on comes first
        if (i != PLACE_CGROUP && i != PLACE_CGROUP_KILL)
            p->can[i] = explain(&q, (enum place_ability)i);
}
