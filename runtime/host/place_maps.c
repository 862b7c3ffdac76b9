// SPDX-License-Identifier: Apache-2.0
// Id maps of the probe's user namespace: as many ids as a container could have here, by privilege or by
// newuidmap(1). See user_namespaces(7), subuid(5).
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/proc.h"
#include "lib/str.h"
#include "runtime/host/place_try.h"

enum {
    MAP_LINES_MAX = 340, // of the kernel
    FILE_MAX = 1 << 24,
};
#define CAP_BIT(cap) (UINT64_C(1) << (cap))

// ---------------------------------------------------------------- texts

bool place_parse_id_map(const char *text, struct arena *a, struct place_range **list, size_t *n) {
    char *copy = arena_strdup(a, text), *save = NULL;
    *list = NULL;
    *n = 0;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        uint64_t number[3];
        char *rest = NULL, *word = strtok_r(line, " \t", &rest);
        for (size_t i = 0; i < 3; i++, word = strtok_r(NULL, " \t", &rest))
            if (!word || !str_to_u64(word, UINT32_MAX, &number[i]))
                return false;
        if (word)
            return false;
        *ARENA_PUSH(a, *list, *n) = (struct place_range){ (uint32_t)number[0], (uint32_t)number[2] };
    }
    return true;
}

// Up to `n` fields of a line, separated by colons, in place. Returns how many there are.
static size_t split_colons(char *line, char **field, size_t n) {
    size_t i = 0;
    for (char *p = line; p && i < n; i++) {
        field[i] = p;
        p = strchr(p, ':');
        if (p)
            *p++ = '\0';
    }
    return i;
}

void place_parse_subids(const char *text, const char *user, uint32_t uid, struct arena *a,
                        struct place_range **list, size_t *n) {
    char *copy = arena_strdup(a, text), *save = NULL;
    *list = NULL;
    *n = 0;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *field[3];
        uint64_t number = 0, first, count;
        if (split_colons(line, field, 3) != 3)
            continue;
        bool ours =
            (user && str_eq(field[0], user)) || (str_to_u64(field[0], UINT32_MAX, &number) && number == uid);
        if (ours && str_to_u64(field[1], UINT32_MAX, &first) &&
            str_to_u64(field[2], UINT32_MAX - first, &count) && count > 0)
            *ARENA_PUSH(a, *list, *n) = (struct place_range){ (uint32_t)first, (uint32_t)count };
    }
}

const char *place_parse_user(const char *text, uint32_t uid, struct arena *a) {
    char *copy = arena_strdup(a, text), *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *field[4];
        uint64_t number;
        if (split_colons(line, field, 4) == 4 && str_to_u64(field[2], UINT32_MAX, &number) && number == uid)
            return field[0];
    }
    return NULL;
}

const char *place_identity_map(const struct place_range *list, size_t n, bool without_root, struct arena *a) {
    const char *text = "";
    for (size_t i = 0; i < n && i < MAP_LINES_MAX; i++) {
        struct place_range r = list[i];
        if (without_root && r.first == 0) {
            r.first++;
            r.count--;
        }
        if (r.count > 0)
            text = arena_printf(a, "%s%u %u %u\n", text, r.first, r.first, r.count);
    }
    return text;
}

// ---------------------------------------------------------------- writing

struct mapper {
    const struct host_place *place;
    struct place_page *page;
    uint64_t caps;
    int64_t deadline;
    struct arena *arena;
    struct place_maps *out;
    int dir; // /proc/PID
};

static int write_map(const struct mapper *m, const char *file, const char *text) {
    if (!*text) {
        errno = EINVAL;
        return -1;
    }
    return fd_write_file(m->dir, file, text, strlen(text));
}

static uint64_t total(const struct place_range *list, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += list[i].count;
    return sum;
}

static bool in_ranges(const struct place_range *list, size_t n, uint32_t id, bool without_root) {
    for (size_t i = 0; i < n; i++)
        if (id >= list[i].first && id - list[i].first < list[i].count)
            return id != 0 || !without_root;
    return false;
}

// The first id of a map, for who has none in it.
static int64_t any_id(const struct place_range *list, bool without_root) {
    return list[0].first == 0 && without_root ? 1 : list[0].first;
}

// Each id to itself. To map id 0 takes CAP_SETFCAP since Linux 5.12.
static int map_all(const struct mapper *m, const char *file, const struct place_range *list, size_t n,
                   uint32_t own, int64_t *become) {
    for (int without_root = 0; without_root < 2; without_root++) {
        if (write_map(m, file, place_identity_map(list, n, without_root, m->arena)) < 0)
            continue;
        if (!in_ranges(list, n, own, without_root))
            *become = any_id(list, without_root);
        return 0;
    }
    return -1;
}

// As root, for root of a user namespace owns the sysctls of its network namespace.
static int map_own(const struct mapper *m, const char *file, uint32_t own) {
    return write_map(m, file, arena_printf(m->arena, "0 %u 1\n", own));
}

// ---------------------------------------------------------------- newuidmap

struct subids {
    const char *tool, *file;
    const char *map_file;
    uint32_t own;
    struct place_range *list;
    size_t n;
};

static const char *read_file(const char *path, struct arena *a) {
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *text = fd < 0 ? NULL : fd_read_all(fd, a, FILE_MAX, NULL);
    return text ? text : "";
}

static const char *find_tool(const struct mapper *m, const char *name) {
    static const char *const places[] = { "/usr/bin/", "/usr/sbin/", "/bin/", "/usr/local/bin/" };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *path = arena_printf(m->arena, "%s%s", places[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

// Own id -> 0, then the subordinate ones from 1 on, as rootless engines have it.
static char *const *tool_arguments(const struct mapper *m, const struct subids *s, const char *tool) {
    const char **argv = NULL;
    size_t n = 0;
    *ARENA_PUSH(m->arena, argv, n) = tool;
    *ARENA_PUSH(m->arena, argv, n) = arena_printf(m->arena, "%d", (int)m->page->worker);
    struct place_range own = { s->own, 1 };
    uint64_t inside = 0;
    for (size_t i = 0; i <= s->n && i < MAP_LINES_MAX; i++) {
        const struct place_range *r = i ? &s->list[i - 1] : &own;
        if (inside + r->count > UINT32_MAX)
            break;
        *ARENA_PUSH(m->arena, argv, n) = arena_printf(m->arena, "%u", (uint32_t)inside);
        *ARENA_PUSH(m->arena, argv, n) = arena_printf(m->arena, "%u", r->first);
        *ARENA_PUSH(m->arena, argv, n) = arena_printf(m->arena, "%u", r->count);
        inside += r->count;
    }
    *ARENA_PUSH(m->arena, argv, n) = NULL;
    return (char *const *)argv;
}

static int run_tool(const struct mapper *m, const struct subids *s, const char *tool) {
    static char *const no_env[] = { NULL };
    char *const *argv = tool_arguments(m, s, tool);
    cleanup_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t tid = 0, pid = place_fork_quietly(&tid);
    if (pid == 0) {
        for (int fd = 0; null >= 0 && fd < 3; fd++)
            dup2(null, fd);
        execve(tool, argv, no_env);
        _exit(127);
    }
    if (pid < 0)
        return -1;
    struct proc_handle p = proc_child(pid, -1);
    int64_t left = m->deadline - place_now_ms();
    if (!proc_wait(&p, left > 0 ? (int)left : 0)) {
        kill(pid, SIGKILL);
        proc_wait(&p, 1000);
    }
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) != pid || status != 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

static int no_more(const struct mapper *m, const char *cause, const char *unlock) {
    *m->out = (struct place_maps){ .errnum = EPERM, .cause = cause, .unlock = unlock };
    return -1;
}

// 0 when the tool has written the map.
static int map_by_tool(const struct mapper *m, const struct subids *s) {
    const char *tool = find_tool(m, s->tool);
    if (s->n == 0)
        return no_more(
            m, "no-subids",
            arena_printf(m->arena, "a range for this user in %s, or CAP_SETUID and CAP_SETGID", s->file));
    if (!tool)
        return no_more(
            m, "no-capability",
            arena_printf(m->arena, "install %s (package uidmap), or CAP_SETUID and CAP_SETGID", s->tool));
    if (m->place->no_new_privs)
        return no_more(
            m, "no-new-privs",
            "start without no_new_privs (Kubernetes: allowPrivilegeEscalation: true), so that newuidmap has "
            "its privilege");
    if (run_tool(m, s, tool) == 0)
        return 0;
    return no_more(m, "no-capability",
                   arena_printf(m->arena,
                                "%s was refused: CAP_SETUID and CAP_SETGID in the bounding set, and a mount "
                                "of %s without nosuid",
                                s->tool, tool));
}

static struct subids subids_of(const struct mapper *m, bool groups) {
    uint32_t uid = geteuid();
    const char *user = place_parse_user(read_file("/etc/passwd", m->arena), uid, m->arena);
    struct subids s = { .tool = groups ? "newgidmap" : "newuidmap",
                        .file = groups ? "/etc/subgid" : "/etc/subuid",
                        .map_file = groups ? "gid_map" : "uid_map",
                        .own = groups ? getegid() : uid };
    place_parse_subids(read_file(s.file, m->arena), user, uid, m->arena, &s.list, &s.n);
    return s;
}

// ---------------------------------------------------------------- all of it

static int map_privileged(const struct mapper *m) {
    const struct host_place *p = m->place;
    if (map_all(m, "uid_map", p->uids, p->n_uids, geteuid(), &m->page->become_uid) < 0) {
        *m->out = (struct place_maps){ .errnum = errno };
        return -1;
    }
    if (map_all(m, "gid_map", p->gids, p->n_gids, getegid(), &m->page->become_gid) < 0)
        *m->out = (struct place_maps){ .errnum = errno };
    return 0;
}

static int map_subordinate(const struct mapper *m) {
    struct subids uids = subids_of(m, false), gids = subids_of(m, true);
    if (map_by_tool(m, &uids) < 0)
        return -1;
    map_by_tool(m, &gids);
    return 0;
}

static int map_gid_alone(const struct mapper *m) {
    if (map_own(m, "gid_map", getegid()) == 0)
        return 0;
    // Without privilege the own group may be mapped once setgroups is denied.
    return fd_write_file(m->dir, "setgroups", "deny", 4) < 0 ? -1 : map_own(m, "gid_map", getegid());
}

static bool is_mapped(const struct mapper *m, const char *file) {
    char text[16];
    return fd_read_small(m->dir, file, text, sizeof(text)) > 0;
}

// Is /proc of our own PID namespace? Else /proc/PID is somebody else.
static bool proc_is_ours(void) {
    char text[16];
    ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);
    uint64_t pid;
    if (n <= 0)
        return false;
    text[n] = '\0';
    return str_to_u64(text, INT32_MAX, &pid) && pid == (uint64_t)getpid();
}

static void map_more(const struct mapper *m) {
    const struct host_place *p = m->place;
    uint64_t need = CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID);
    if (total(p->uids, p->n_uids) <= 1 || total(p->gids, p->n_gids) <= 1)
        no_more(m, "no-subids", "more than one id in the map of the user namespace around us");
    else if ((m->caps & need) == need)
        map_privileged(m);
    else
        map_subordinate(m);
}

static int map_alone(const struct mapper *m) {
    if (!is_mapped(m, "uid_map") && map_own(m, "uid_map", geteuid()) < 0)
        return -1;
    return is_mapped(m, "gid_map") ? 0 : map_gid_alone(m);
}

void place_write_maps(const struct host_place *p, struct place_page *page, uint64_t caps, int64_t deadline,
                      struct arena *a, struct place_maps *out) {
    *out = (struct place_maps){ 0 };
    if (!proc_is_ours()) {
        *out = (struct place_maps){ .own_errnum = ESRCH };
        return;
    }
    cleanup_fd int dir =
        open(arena_printf(a, "/proc/%d", (int)page->worker), O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct mapper m = { p, page, caps, deadline, a, out, dir };
    if (dir >= 0)
        map_more(&m);
    if (dir < 0 || map_alone(&m) < 0)
        out->own_errnum = errno;
}
