// SPDX-License-Identifier: Apache-2.0
// state.json <-> struct state. One table says which member is which; the reader takes what it knows and stops
// at the first byte that is wrong, so that a damaged file still gives what stands before the damage.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/json.h"
#include "lib/str.h"
#include "state/state.h"

#define STATE_TEMPORARY ".state.json.new"
#define STATE_MAX_SIZE  ((size_t)16 << 20) // annotations may be long

enum kind { TEXT, NUMBER, PID, BOOLEAN, FIXED_TEXT };

static const struct field {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
    // What delete --force needs comes first.
    { "id", TEXT, offsetof(struct state, id) },
    { "pid", PID, offsetof(struct state, init.pid) },
    { "startTime", NUMBER, offsetof(struct state, init.start_time) },
    { "bootId", FIXED_TEXT, offsetof(struct state, init.boot_id) },
    { "rootMount", NUMBER, offsetof(struct state, root_mount) },
    { "rootBelow", NUMBER, offsetof(struct state, root_below) },
    { "complete", BOOLEAN, offsetof(struct state, complete) },
    { "sharedPidNamespace", BOOLEAN, offsetof(struct state, shared_pid_namespace) },
    { "noProcess", BOOLEAN, offsetof(struct state, no_process) },
    { "namespaces", NUMBER, offsetof(struct state, namespaces) },
    { "cgroupManager", TEXT, offsetof(struct state, cgroup_manager) },
    { "isolation", TEXT, offsetof(struct state, isolation) },
    { "ociVersion", TEXT, offsetof(struct state, oci_version) },
    { "bundle", TEXT, offsetof(struct state, bundle) },
    { "rootfs", TEXT, offsetof(struct state, rootfs) },
    { "created", TEXT, offsetof(struct state, created) },
    { "ownerUid", NUMBER, offsetof(struct state, owner_uid) },
    { "seccompKey", TEXT, offsetof(struct state, seccomp_key) },
    { "keyring", TEXT, offsetof(struct state, keyring) },
    { "rootEntry", TEXT, offsetof(struct state, root_entry) },
    { "kill", TEXT, offsetof(struct state, kill) },
    { "members", TEXT, offsetof(struct state, members) },
    { "payloadPid", PID, offsetof(struct state, payload.pid) },
    { "payloadStartTime", NUMBER, offsetof(struct state, payload.start_time) },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))
#define N_FIRST  6 // those that come before the cgroups

bool state_is_supervised(const struct state *s) {
    return s->kill && str_eq(s->kill, "supervisor");
}

struct proc_id state_payload(const struct state *s) {
    struct proc_id id = s->payload.pid > 0 ? s->payload : s->init;
    str_copy(id.boot_id, sizeof(id.boot_id), s->init.boot_id);
    return id;
}

// ---------------------------------------------------------------- writing

static void write_field(struct json *j, const struct state *s, const struct field *f) {
    const void *member = (const char *)s + f->offset;
    switch (f->kind) {
    case TEXT:
        if (*(const char *const *)member)
            json_string(j, f->name, *(const char *const *)member);
        break;
    case FIXED_TEXT:
        json_string(j, f->name, member);
        break;
    case NUMBER:
        json_uint(j, f->name, *(const uint64_t *)member);
        break;
    case PID:
        json_int(j, f->name, *(const pid_t *)member);
        break;
    case BOOLEAN:
        json_bool(j, f->name, *(const bool *)member);
        break;
    }
}

static struct json to_json(const struct state *s, struct arena *a) {
    struct json j;
    json_init(&j, a, true);
    json_object(&j, NULL);
    json_int(&j, "nookState", 1); // the version of this format
    for (size_t i = 0; i < N_FIRST; i++)
        write_field(&j, s, &fields[i]);
    json_array(&j, "cgroups");
    for (size_t i = 0; i < s->n_cgroups; i++) {
        json_object(&j, NULL);
        json_string(&j, "controllers", s->cgroups[i].controllers);
        json_string(&j, "dir", s->cgroups[i].dir);
        json_uint(&j, "made", s->cgroups[i].made);
        json_object_end(&j);
    }
    json_array_end(&j);
    for (size_t i = N_FIRST; i < N_FIELDS; i++)
        write_field(&j, s, &fields[i]);
    json_object(&j, "annotations");
    for (size_t i = 0; i < s->n_annotations; i++)
        json_string(&j, s->annotations[i].key, s->annotations[i].value);
    json_object_end(&j);
    json_object_end(&j);
    return j;
}

int state_save(const struct state_dir *dir, struct arena *a, struct state *s, struct error *err) {
    if (!s->created) {
        char now[CLOCK_TEXT_SIZE];
        clock_now_text(now);
        s->created = arena_strdup(a, now);
        s->owner_uid = geteuid();
    }
    if (!s->init.boot_id[0])
        str_copy(s->init.boot_id, sizeof(s->init.boot_id), proc_boot_id());
    struct json j = to_json(s, a);

    cleanup_fd int fd =
        openat(dir->fd, STATE_TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fd_write_all(fd, j.text, j.size) < 0 ||
        renameat(dir->fd, STATE_TEMPORARY, dir->fd, STATE_FILE) < 0)
        return error_set(err, "state.save", errno, "write %s of container %s", STATE_FILE, dir->id);
    return 0;
}

// ---------------------------------------------------------------- reading

enum place { OUTSIDE, TOP, CGROUPS, CGROUP, ANNOTATIONS, UNKNOWN };

struct reader {
    struct arena *arena;
    struct state *state;
    enum place place;
    unsigned unknown_depth; // open brackets below an unknown member
    const char *key;        // of the member whose value comes next
    bool marked;            // "nookState" is there: the file is ours
};

static const struct field *find_field(const char *name) {
    for (size_t i = 0; i < N_FIELDS; i++)
        if (str_eq(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static void *member_of(struct reader *r, enum kind kind) {
    const struct field *f = r->place == TOP ? find_field(r->key) : NULL;
    return f && f->kind == kind ? (char *)r->state + f->offset : NULL;
}

static int on_text(void *ctx, const unsigned char *text, size_t n) {
    struct reader *r = ctx;
    const char *value = arena_strndup(r->arena, (const char *)text, n);
    struct state *s = r->state;

    if (r->place == ANNOTATIONS) {
        *ARENA_PUSH(r->arena, s->annotations, s->n_annotations) = (struct state_pair){ r->key, value };
    } else if (r->place == CGROUP) {
        struct state_cgroup *cgroup = &s->cgroups[s->n_cgroups - 1];
        if (str_eq(r->key, "controllers"))
            cgroup->controllers = value;
        else if (str_eq(r->key, "dir"))
            cgroup->dir = value;
    } else {
        const char **text_member = member_of(r, TEXT);
        char *fixed = member_of(r, FIXED_TEXT);
        if (text_member)
            *text_member = value;
        if (fixed)
            str_copy(fixed, sizeof(s->init.boot_id), value);
    }
    return 1;
}

// Numbers come as text, so that 64 bits survive.
static int on_number(void *ctx, const char *text, size_t n) {
    struct reader *r = ctx;
    char digits[24] = "";
    uint64_t value = 0;

    if (r->place == UNKNOWN)
        return 1;
    if (n < sizeof(digits))
        memcpy(digits, text, n);
    if (!str_to_u64(digits, UINT64_MAX, &value))
        return r->place == TOP && !find_field(r->key); // ours are never negative, and never fractions
    if (r->place == CGROUP && str_eq(r->key, "made"))
        r->state->cgroups[r->state->n_cgroups - 1].made = (unsigned)value;
    if (r->place == TOP && str_eq(r->key, "nookState"))
        r->marked = true;
    uint64_t *number = member_of(r, NUMBER);
    if (number)
        *number = value;
    pid_t *pid = member_of(r, PID);
    if (pid && value <= INT32_MAX)
        *pid = (pid_t)value;
    return 1;
}

static int on_bool(void *ctx, int value) {
    bool *member = member_of(ctx, BOOLEAN);
    if (member)
        *member = value != 0;
    return 1;
}

static int on_null(void *ctx) {
    (void)ctx;
    return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t n) {
    struct reader *r = ctx;
    r->key = arena_strndup(r->arena, (const char *)text, n);
    return 1;
}

// Where a bracket leads from here.
static int on_open(struct reader *r, bool array) {
    struct state *s = r->state;
    if (r->place == OUTSIDE && !array) {
        r->place = TOP;
    } else if (r->place == TOP && array && str_eq(r->key, "cgroups")) {
        r->place = CGROUPS;
    } else if (r->place == TOP && !array && str_eq(r->key, "annotations")) {
        r->place = ANNOTATIONS;
    } else if (r->place == CGROUPS && !array) {
        *ARENA_PUSH(r->arena, s->cgroups, s->n_cgroups) =
            (struct state_cgroup){ .controllers = "", .dir = "" };
        r->place = CGROUP;
    } else if (r->place == TOP || r->place == UNKNOWN) {
        r->place = UNKNOWN;
        r->unknown_depth++;
    } else {
        return 0;
    }
    return 1;
}

static int on_close(void *ctx) {
    static const enum place outer[] = {
        [OUTSIDE] = OUTSIDE, [TOP] = OUTSIDE,     [CGROUPS] = TOP,
        [CGROUP] = CGROUPS,  [ANNOTATIONS] = TOP, [UNKNOWN] = UNKNOWN,
    };
    struct reader *r = ctx;
    if (r->place != UNKNOWN)
        r->place = outer[r->place];
    else if (--r->unknown_depth == 0)
        r->place = TOP;
    return 1;
}

static int on_object(void *ctx) {
    return on_open(ctx, false);
}

static int on_array(void *ctx) {
    return on_open(ctx, true);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

// True when the text is a whole and right state.json.
static bool parse(struct reader *r, const char *text, size_t size) {
    yajl_handle handle = yajl_alloc(&callbacks, NULL, r);
    if (!handle)
        return false;
    bool ok = yajl_parse(handle, (const unsigned char *)text, size) == yajl_status_ok &&
              yajl_complete_parse(handle) == yajl_status_ok;
    yajl_free(handle);
    return ok && r->marked;
}

int state_load(const struct state_dir *dir, struct arena *a, struct state *s, struct error *err) {
    struct reader r = { .arena = a, .state = s, .key = "" };
    size_t size = 0;

    *s = (struct state){ .id = dir->id };
    cleanup_fd int fd =
        openat(dir->fd, STATE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        error_set(err, errno == ENOENT ? "state.missing" : "state.corrupt", errno, "open %s of container %s",
                  STATE_FILE, dir->id);
        return error_hint(err, "nook delete --force %s clears it away", dir->id);
    }
    const char *text = fd_read_all(fd, a, STATE_MAX_SIZE, &size);
    bool ok = text && parse(&r, text, size) && s->id && str_eq(s->id, dir->id);
    s->id = dir->id;
    if (ok)
        return 0;
    error_set(err, "state.corrupt", 0, "%s of container %s is damaged", STATE_FILE, dir->id);
    return error_hint(err, "nook delete --force %s clears it away", dir->id);
}
