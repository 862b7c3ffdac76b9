// SPDX-License-Identifier: Apache-2.0
// The words of mounts[].options (config.md, "Linux mount options") as flags of mount(2) and attributes of
// mount_setattr(2). One table; the last word wins.
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/config/check.h"
#include "runtime/config/mount_options.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

enum option_kind {
    OPT_NOTHING,
    OPT_SET, // of mount(2)
    OPT_CLEAR,
    OPT_REC_SET, // of mount_setattr(2) with AT_RECURSIVE
    OPT_REC_CLEAR,
    OPT_PROPAGATION,
    OPT_BIND,
    OPT_RBIND,
    OPT_REMOUNT,
    OPT_IDMAP,
    OPT_RIDMAP,
    OPT_TMPCOPYUP,
    OPT_SOURCE_NOFOLLOW,
};

struct option {
    const char *name;
    enum option_kind kind;
    bool in_features;
    unsigned long flag;
};

// Sorted as the specification's table of checks (spec-checklist MO-1 to MO-34).
static const struct option options[] = {
    { "defaults", OPT_NOTHING, true, 0 },
    { "ro", OPT_SET, true, MS_RDONLY },
    { "rw", OPT_CLEAR, true, MS_RDONLY },
    { "nosuid", OPT_SET, true, MS_NOSUID },
    { "suid", OPT_CLEAR, true, MS_NOSUID },
    { "nodev", OPT_SET, true, MS_NODEV },
    { "dev", OPT_CLEAR, true, MS_NODEV },
    { "noexec", OPT_SET, true, MS_NOEXEC },
    { "exec", OPT_CLEAR, true, MS_NOEXEC },
    { "sync", OPT_SET, true, MS_SYNCHRONOUS },
    { "async", OPT_CLEAR, true, MS_SYNCHRONOUS },
    { "dirsync", OPT_SET, true, MS_DIRSYNC },
    { "noatime", OPT_SET, true, MS_NOATIME },
    { "atime", OPT_CLEAR, true, MS_NOATIME },
    { "nodiratime", OPT_SET, true, MS_NODIRATIME },
    { "diratime", OPT_CLEAR, true, MS_NODIRATIME },
    { "relatime", OPT_SET, true, MS_RELATIME },
    { "norelatime", OPT_CLEAR, true, MS_RELATIME },
    { "strictatime", OPT_SET, true, MS_STRICTATIME },
    { "nostrictatime", OPT_CLEAR, true, MS_STRICTATIME },
    { "iversion", OPT_SET, true, MS_I_VERSION },
    { "noiversion", OPT_CLEAR, true, MS_I_VERSION },
    { "lazytime", OPT_SET, true, MS_LAZYTIME },
    { "nolazytime", OPT_CLEAR, true, MS_LAZYTIME },
    { "silent", OPT_SET, true, MS_SILENT },
    { "loud", OPT_CLEAR, true, MS_SILENT },
    { "mand", OPT_SET, true, MS_MANDLOCK },
    { "nomand", OPT_CLEAR, true, MS_MANDLOCK },
    { "nosymfollow", OPT_SET, true, MS_NOSYMFOLLOW },
    { "symfollow", OPT_CLEAR, true, MS_NOSYMFOLLOW },
    { "remount", OPT_REMOUNT, true, 0 },
    { "bind", OPT_BIND, true, 0 },
    { "rbind", OPT_RBIND, true, 0 },
    { "private", OPT_PROPAGATION, true, MS_PRIVATE },
    { "rprivate", OPT_PROPAGATION, true, MS_PRIVATE | MS_REC },
    { "shared", OPT_PROPAGATION, true, MS_SHARED },
    { "rshared", OPT_PROPAGATION, true, MS_SHARED | MS_REC },
    { "slave", OPT_PROPAGATION, true, MS_SLAVE },
    { "rslave", OPT_PROPAGATION, true, MS_SLAVE | MS_REC },
    { "unbindable", OPT_PROPAGATION, true, MS_UNBINDABLE },
    { "runbindable", OPT_PROPAGATION, true, MS_UNBINDABLE | MS_REC },
    { "rro", OPT_REC_SET, true, MOUNT_ATTR_RDONLY },
    { "rrw", OPT_REC_CLEAR, true, MOUNT_ATTR_RDONLY },
    { "rnosuid", OPT_REC_SET, true, MOUNT_ATTR_NOSUID },
    { "rsuid", OPT_REC_CLEAR, true, MOUNT_ATTR_NOSUID },
    { "rnodev", OPT_REC_SET, true, MOUNT_ATTR_NODEV },
    { "rdev", OPT_REC_CLEAR, true, MOUNT_ATTR_NODEV },
    { "rnoexec", OPT_REC_SET, true, MOUNT_ATTR_NOEXEC },
    { "rexec", OPT_REC_CLEAR, true, MOUNT_ATTR_NOEXEC },
    { "rnodiratime", OPT_REC_SET, true, MOUNT_ATTR_NODIRATIME },
    { "rdiratime", OPT_REC_CLEAR, true, MOUNT_ATTR_NODIRATIME },
    // The three ways to keep access times are one field of mount_setattr. Taking one away leaves the kernel's
    // usual way, relatime, just as it does without the r.
    { "rnoatime", OPT_REC_SET, true, MOUNT_ATTR_NOATIME },
    { "ratime", OPT_REC_SET, true, MOUNT_ATTR_RELATIME },
    { "rrelatime", OPT_REC_SET, true, MOUNT_ATTR_RELATIME },
    { "rnorelatime", OPT_REC_SET, true, MOUNT_ATTR_RELATIME },
    { "rstrictatime", OPT_REC_SET, true, MOUNT_ATTR_STRICTATIME },
    { "rnostrictatime", OPT_REC_SET, true, MOUNT_ATTR_RELATIME },
    { "rnosymfollow", OPT_REC_SET, true, MOUNT_ATTR_NOSYMFOLLOW },
    { "rsymfollow", OPT_REC_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW },
    { "idmap", OPT_IDMAP, false, 0 },
    { "ridmap", OPT_RIDMAP, false, 0 },
    { "tmpcopyup", OPT_TMPCOPYUP, true, 0 },
    { "src-nofollow", OPT_SOURCE_NOFOLLOW, true, 0 },
    // Words that mount(8) keeps to itself.
    { "auto", OPT_NOTHING, false, 0 },
    { "noauto", OPT_NOTHING, false, 0 },
    { "nofail", OPT_NOTHING, false, 0 },
    { "_netdev", OPT_NOTHING, false, 0 },
    { "user", OPT_NOTHING, false, 0 },
    { "nouser", OPT_NOTHING, false, 0 },
    { "users", OPT_NOTHING, false, 0 },
    { "nousers", OPT_NOTHING, false, 0 },
    { "owner", OPT_NOTHING, false, 0 },
    { "group", OPT_NOTHING, false, 0 },
};
enum { N_OPTIONS = sizeof(options) / sizeof(options[0]) };

const char *config_mount_option_name(size_t n) {
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].in_features && n-- == 0)
            return options[i].name;
    return NULL;
}

static const struct option *find(const char *word) {
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (str_eq(options[i].name, word))
            return &options[i];
    return NULL;
}

// noatime, relatime and strictatime exclude one another.
static void set_flag(struct spec_mount *m, unsigned long flag) {
    const unsigned long atime = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
    if (flag & atime)
        m->flags &= ~atime;
    m->flags |= flag;
    m->cleared &= ~flag;
}

static void set_recursive(struct spec_mount *m, uint64_t attr) {
    // MOUNT_ATTR_RELATIME is 0: whatever is no flag of its own belongs to the field of access times.
    if (attr == MOUNT_ATTR_RELATIME || attr & MOUNT_ATTR__ATIME) {
        m->rec_attr_set = (m->rec_attr_set & ~(uint64_t)MOUNT_ATTR__ATIME) | attr;
        m->rec_attr_clr |= MOUNT_ATTR__ATIME;
        return;
    }
    m->rec_attr_set |= attr;
    m->rec_attr_clr &= ~attr;
}

// They are applied in the order given, for "unbindable, then shared" is not the same as the reverse.
static int add_propagation(struct check *c, const char *origin, struct spec_mount *m, unsigned long flag) {
    const size_t room = sizeof(m->propagation) / sizeof(m->propagation[0]);
    if (m->n_propagation && m->propagation[m->n_propagation - 1] == flag)
        return 0;
    if (m->n_propagation == room)
        return INVALID(c, origin,
                       "more than %zu words about propagation (private, shared, slave, unbindable)", room);
    m->propagation[m->n_propagation++] = flag;
    return 0;
}

static int apply(struct check *c, const char *origin, const struct option *o, struct spec_mount *m) {
    switch (o->kind) {
    case OPT_NOTHING:
        break;
    case OPT_SET:
        set_flag(m, o->flag);
        break;
    case OPT_CLEAR:
        m->flags &= ~o->flag;
        m->cleared |= o->flag;
        break;
    case OPT_REC_SET:
        set_recursive(m, o->flag);
        break;
    case OPT_REC_CLEAR:
        m->rec_attr_set &= ~(uint64_t)o->flag;
        m->rec_attr_clr |= o->flag;
        break;
    case OPT_PROPAGATION:
        return add_propagation(c, origin, m, o->flag);
    case OPT_RBIND:
        m->recursive = true;
        m->kind = m->kind == MOUNT_REMOUNT ? MOUNT_REMOUNT : MOUNT_BIND;
        m->remount_bind = m->kind == MOUNT_REMOUNT;
        break;
    case OPT_BIND:
        m->kind = m->kind == MOUNT_REMOUNT ? MOUNT_REMOUNT : MOUNT_BIND;
        m->remount_bind = m->kind == MOUNT_REMOUNT;
        break;
    case OPT_REMOUNT:
        m->remount_bind = m->remount_bind || m->kind == MOUNT_BIND;
        m->kind = MOUNT_REMOUNT;
        break;
    case OPT_RIDMAP:
        m->idmap_recursive = true;
        m->idmap = true;
        break;
    case OPT_IDMAP:
        m->idmap = true;
        break;
    case OPT_TMPCOPYUP:
        m->tmpcopyup = true;
        break;
    case OPT_SOURCE_NOFOLLOW:
        m->source_nofollow = true;
        break;
    }
    return 0;
}

static void add_data(struct check *c, struct spec_mount *m, const char *word) {
    m->data = m->data ? AT(c, "%s,%s", m->data, word) : word;
}

int config_mount_options(struct check *c, const char *origin, struct spec_mount *m) {
    for (size_t i = 0; i < m->n_options; i++) {
        const char *word = m->options[i];
        const struct option *o = find(word);
        if (o) {
            if (apply(c, AT(c, "%s/options/%zu", origin, i), o, m) < 0)
                return -1;
        } else if (word[0] != '\0' && !str_starts(word, "x-") && !str_starts(word, "X-") &&
                   !str_starts(word, "comment=")) {
            add_data(c, m, word); // the rest are mount(8)'s comments, or empty words, which buildah writes
        }
    }
    // The type of a bind mount is a dummy; engines also send it without the option.
    if (m->kind == MOUNT_NEW && m->type && str_eq(m->type, "bind"))
        m->kind = MOUNT_BIND;
    if (m->data && (m->kind == MOUNT_BIND || m->remount_bind)) {
        // On a bind mount the kernel would ignore it, or change the superblock that the host uses too.
        log_warning("%s/options: %s means nothing to a bind mount and is left out", origin,
                    check_quote(c, m->data));
        m->data = NULL;
    }
    if (m->tmpcopyup && (m->kind != MOUNT_NEW || !m->type || !str_eq(m->type, "tmpfs"))) {
        log_warning("%s/options: tmpcopyup means something to a new tmpfs only and is left out", origin);
        m->tmpcopyup = false;
    }
    // mount(2) takes one page.
    if (m->data && strlen(m->data) >= (size_t)sysconf(_SC_PAGESIZE))
        return INVALID(c, AT(c, "%s/options", origin),
                       "the filesystem's own options are %zu bytes long, mount(2) takes %ld", strlen(m->data),
                       sysconf(_SC_PAGESIZE) - 1);
    return 0;
}
