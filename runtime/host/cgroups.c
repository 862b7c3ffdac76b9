// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies there are, where they are mounted, and where we are in them. See cgroups(7).
// Nearly every host mounts them at /sys/fs/cgroup/<controllers>, so that a statfs each settles it;
// /proc/self/mountinfo, which is long on a host with many containers, is read only when that does not fit.
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/host/host.h"

#define TOP "/sys/fs/cgroup"

enum {
    PROC_CGROUP_MAX = 1 << 16,
    MOUNTINFO_MAX = 1 << 26,
};

bool host_word_in(const char *list, const char *separators, const char *word) {
    size_t len = strlen(word);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, separators);
        if (n == len && memcmp(p, word, n) == 0)
            return true;
        p += n;
        p += strspn(p, separators);
    }
    return false;
}

static bool any_word_in(const char *words, const char *list) {
    char word[64];
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, ",");
        if (n > 0 && n < sizeof(word)) {
            memcpy(word, p, n);
            word[n] = '\0';
            if (host_word_in(list, ",", word))
                return true;
        }
        p += n;
        p += strspn(p, ",");
    }
    return false;
}

const struct host_hierarchy *host_cgroups_find(const struct host_cgroups *h, const char *controller) {
    for (size_t i = 0; i < h->n_hierarchies; i++) {
        const struct host_hierarchy *it = &h->hierarchies[i];
        if (it->v2 ? host_word_in(it->available, " \n", controller)
                   : host_word_in(it->controllers, ",", controller))
            return it;
    }
    return NULL;
}

const struct host_hierarchy *host_cgroups_v2(const struct host_cgroups *h) {
    for (size_t i = 0; i < h->n_hierarchies; i++)
        if (h->hierarchies[i].v2)
            return &h->hierarchies[i];
    return NULL;
}

// ---------------------------------------------------------------- texts

// "ID:CONTROLLERS:PATH". False when the line is not one of those.
static bool parse_cgroup_line(const char *line, size_t len, struct arena *a, struct host_hierarchy *out) {
    const char *end = line + len;
    const char *names = memchr(line, ':', len);
    const char *path = names ? memchr(names + 1, ':', (size_t)(end - names - 1)) : NULL;
    if (!path || path[1] != '/')
        return false;
    names++;
    *out = (struct host_hierarchy){
        .controllers = arena_strndup(a, names, (size_t)(path - names)),
        .available = "",
        .own_path = arena_strndup(a, path + 1, (size_t)(end - path - 1)),
        .v2 = path == names,
    };
    if (str_eq(out->own_path, "/..") || str_starts(out->own_path, "/../"))
        out->own_path = "/";
    return true;
}

void host_parse_proc_cgroup(const char *text, struct arena *a, struct host_hierarchy **list, size_t *n) {
    struct host_hierarchy v2 = { 0 }, one;
    *list = NULL;
    *n = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        if (parse_cgroup_line(p, len, a, &one)) {
            if (one.v2)
                v2 = one;
            else
                *ARENA_PUSH(a, *list, *n) = one;
        }
        p += len;
        p += *p == '\n';
    }
    if (v2.v2)
        *ARENA_PUSH(a, *list, *n) = v2;
}

struct mount_line {
    char *root, *mount_point, *type, *super_options;
};

// Splits a line of mountinfo in place: "36 35 98:0 ROOT MOUNT_POINT options optional... - TYPE source
// SUPER_OPTIONS".
static bool split_mount_line(char *line, struct mount_line *out) {
    char *field[6], *save = NULL;
    for (size_t i = 0; i < 6; i++) {
        field[i] = strtok_r(i ? NULL : line, " ", &save);
        if (!field[i])
            return false;
    }
    char *word;
    do
        word = strtok_r(NULL, " ", &save);
    while (word && !str_eq(word, "-"));
    out->root = field[3];
    out->mount_point = field[4];
    out->type = strtok_r(NULL, " ", &save);
    strtok_r(NULL, " ", &save);
    out->super_options = strtok_r(NULL, " ", &save);
    return out->type && out->super_options;
}

// Undoes \040 and the like, in place.
static void unescape(char *s) {
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
            s[3] <= '7') {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

// The rest of `path` below `root`, or NULL when it is not below.
static const char *path_below(const char *path, const char *root) {
    if (str_eq(root, "/"))
        return path;
    size_t n = strlen(root);
    if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
        return NULL;
    return path[n] ? path + n : "/";
}

static bool is_mount_of(const struct mount_line *m, const struct host_hierarchy *h) {
    if (h->v2)
        return str_eq(m->type, "cgroup2");
    return str_eq(m->type, "cgroup") && any_word_in(h->controllers, m->super_options);
}

void host_parse_mountinfo(const char *text, struct arena *a, struct host_hierarchy *list, size_t n) {
    struct found {
        const char *mount_point, *own_path;
    } *found = arena_calloc(a, n + 1, sizeof(*found));
    char *copy = arena_strdup(a, text), *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct mount_line m;
        if (!strstr(line, " - cgroup") || !split_mount_line(line, &m))
            continue;
        unescape(m.root);
        unescape(m.mount_point);
        for (size_t i = 0; i < n; i++) {
            if (list[i].mount_point || found[i].own_path || !is_mount_of(&m, &list[i]))
                continue;
            found[i].own_path = path_below(list[i].own_path, m.root);
            if (found[i].own_path || !found[i].mount_point)
                found[i].mount_point = m.mount_point;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (list[i].mount_point || !found[i].mount_point)
            continue;
        list[i].mount_point = found[i].mount_point;
        list[i].own_path = found[i].own_path ? found[i].own_path : "/";
    }
}

// ---------------------------------------------------------------- the host

static bool is_cgroup_mount(const char *path, bool v2) {
    struct statfs fs;
    return statfs(path, &fs) == 0 &&
           (unsigned long)fs.f_type == (v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

// Is it mounted where everybody mounts it, and does that mount show our own cgroup under the path that the
// kernel told? It does when its root is the hierarchy's root, whose inode is 1.
static void try_usual_place(struct host_hierarchy *h, bool v2_on_top, struct arena *a) {
    const char *place;
    if (h->v2)
        place = v2_on_top ? TOP : TOP "/unified";
    else if (v2_on_top)
        return;
    else
        place = arena_printf(a, TOP "/%s",
                             str_starts(h->controllers, "name=") ? h->controllers + 5 : h->controllers);
    struct stat st;
    if (!is_cgroup_mount(place, h->v2))
        return;
    if (str_eq(h->own_path, "/") || (stat(place, &st) == 0 && st.st_ino == 1))
        h->mount_point = place;
}

// Something that we know the kernel has, and that somebody needs, is not at its usual place?
static bool must_read_mountinfo(const struct host_hierarchy *list, size_t n, const char *controllers) {
    size_t placed = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i].mount_point)
            placed++;
        else if (!list[i].v2 && any_word_in(list[i].controllers, controllers))
            return true;
        else if (!str_eq(list[i].own_path, "/"))
            return true;
    }
    return placed == 0 && n > 0;
}

static int read_mountinfo(struct host_hierarchy *list, size_t n, struct arena *a, struct error *err) {
    cleanup_fd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : fd_read_all(fd, a, MOUNTINFO_MAX, NULL);
    if (!text)
        return error_set(err, "host.proc", errno, "cannot read /proc/self/mountinfo");
    host_parse_mountinfo(text, a, list, n);
    for (size_t i = 0; i < n; i++) // something else may have been mounted over it
        if (list[i].mount_point && !is_cgroup_mount(list[i].mount_point, list[i].v2))
            list[i].mount_point = NULL;
    return 0;
}

// Keeps the hierarchies that are mounted, and notes the names of the others.
static void drop_unmounted(struct host_cgroups *h, struct arena *a) {
    size_t kept = 0;
    h->unmounted = "";
    for (size_t i = 0; i < h->n_hierarchies; i++) {
        const struct host_hierarchy *it = &h->hierarchies[i];
        if (it->mount_point)
            h->hierarchies[kept++] = *it;
        else if (!it->v2)
            h->unmounted = arena_printf(a, "%s%s%s", h->unmounted, *h->unmounted ? " " : "", it->controllers);
    }
    h->n_hierarchies = kept;
}

// All words of `controllers` are in a v1 hierarchy?
static bool all_in_v1(const struct host_cgroups *h, const char *controllers, struct arena *a) {
    char *copy = arena_strdup(a, controllers), *save = NULL;
    for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
        if (!host_cgroups_find(h, word))
            return false;
    return true;
}

static void read_available(struct host_cgroups *h, struct arena *a) {
    char names[512];
    struct host_hierarchy *v2 = (struct host_hierarchy *)host_cgroups_v2(h);
    if (!v2)
        return;
    const char *file = arena_printf(a, "%s/cgroup.controllers", v2->mount_point);
    if (fd_read_small(-1, file, names, sizeof(names)) > 0) {
        names[strcspn(names, "\n")] = '\0';
        v2->available = arena_strdup(a, names);
    }
}

// /sys/kernel/mm/hugepages/hugepages-2048kB -> "2MB", as in the names of the hugetlb files.
static void read_hugepage_sizes(struct host_cgroups *h, struct arena *a) {
    DIR *dir = opendir("/sys/kernel/mm/hugepages");
    if (!dir)
        return;
    const struct dirent *d;
    while ((d = readdir(dir))) {
        char *unit;
        if (!str_starts(d->d_name, "hugepages-") || !isdigit((unsigned char)d->d_name[10]))
            continue;
        unsigned long long kb = strtoull(d->d_name + 10, &unit, 10);
        if (!str_eq(unit, "kB"))
            continue;
        *ARENA_PUSH(a, h->hugepage_sizes, h->n_hugepage_sizes) =
            kb >= 1 << 20   ? arena_printf(a, "%lluGB", kb >> 20)
            : kb >= 1 << 10 ? arena_printf(a, "%lluMB", kb >> 10)
                            : arena_printf(a, "%lluKB", kb);
    }
    closedir(dir);
}

static enum host_cgroup_layout layout_of(const struct host_cgroups *h) {
    if (h->n_hierarchies == 0)
        return HOST_CGROUP_NONE;
    if (!host_cgroups_v2(h))
        return HOST_CGROUP_V1;
    return h->n_hierarchies == 1 ? HOST_CGROUP_V2 : HOST_CGROUP_HYBRID;
}

int host_probe_cgroups(struct host_cgroups *h, const char *controllers, struct arena *a, struct error *err) {
    *h = (struct host_cgroups){ .below_own = h->below_own, .unmounted = "" };
    cleanup_fd int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT && access("/proc/self", F_OK) == 0)
            return 0; // a kernel without cgroups
        return error_set(err, "host.proc", errno, "cannot open /proc/self/cgroup (is /proc mounted?)");
    }
    const char *text = fd_read_all(fd, a, PROC_CGROUP_MAX, NULL);
    if (!text)
        return error_set(err, "host.proc", errno, "cannot read /proc/self/cgroup");
    host_parse_proc_cgroup(text, a, &h->hierarchies, &h->n_hierarchies);

    bool v2_on_top = is_cgroup_mount(TOP, true);
    for (size_t i = 0; i < h->n_hierarchies; i++)
        try_usual_place(&h->hierarchies[i], v2_on_top, a);
    if (must_read_mountinfo(h->hierarchies, h->n_hierarchies, controllers) &&
        read_mountinfo(h->hierarchies, h->n_hierarchies, a, err) < 0)
        return -1;
    drop_unmounted(h, a);

    h->layout = layout_of(h);
    if (h->layout == HOST_CGROUP_V2 || (h->layout == HOST_CGROUP_HYBRID && !all_in_v1(h, controllers, a)))
        read_available(h, a);
    if (host_word_in(controllers, ",", "hugetlb"))
        read_hugepage_sizes(h, a);
    return 0;
}
