// SPDX-License-Identifier: Apache-2.0
// answers: what paths are, what they hold, and what can be done to them.

#define _GNU_SOURCE
#include "answers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool is_kernels_file_system(long type) {
    static const long magics[] = { 0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x74726163, 0x64626720 };
    for (int i = 0; i < 6; i++)
        if (type == magics[i])
            return true;
    return false;
}

// Leaves out what there is no room for.
static void append(char *text, size_t size, const char *between, const char *word) {
    size_t n = strlen(text);
    snprintf(text + n, size - n, "%s%s", n ? between : "", word);
}

static void flags_text(unsigned long f, char text[128]) {
    static const struct {
        unsigned long flag;
        const char *word;
    } words[] = { { ST_RDONLY, "ro" },       { ST_NOSUID, "nosuid" },         { ST_NODEV, "nodev" },
                  { ST_NOEXEC, "noexec" },   { ST_SYNCHRONOUS, "sync" },      { ST_MANDLOCK, "mand" },
                  { ST_NOATIME, "noatime" }, { ST_NODIRATIME, "nodiratime" }, { ST_RELATIME, "relatime" },
                  { 0x2000, "nosymfollow" } };
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (f & words[i].flag)
            append(text, 128, ",", words[i].word);
}

static void tell_file_system(const char *key, const char *path) {
    struct statfs s;
    char text[128];
    if (statfs(path, &s) < 0)
        return;
    flags_text((unsigned long)s.f_flags, text);
    say(key_of(key, "fs"), "%lx", (long)s.f_type);
    say(key_of(key, "flags"), "%s", text);
    if (s.f_type == 0x01021994)
        say(key_of(key, "size"), "%llu bytes %llu inodes",
            (unsigned long long)s.f_blocks * (unsigned long long)s.f_bsize, (unsigned long long)s.f_files);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The sorted names; those that are numbers (of processes, terminals) come and go.
static void tell_entries(const char *key, const char *path) {
    static char *names[4096];
    char text[4000] = "";
    size_t n = 0;
    DIR *d = opendir(path);
    if (!d) {
        say(key_of(key, "entries"), "%s", strerrorname_np(errno));
        return;
    }
    for (struct dirent *e; (e = readdir(d)) && n < 4096;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            (*e->d_name < '0' || *e->d_name > '9'))
            names[n++] = strdup(e->d_name);
    closedir(d);
    qsort(names, n, sizeof(names[0]), by_name);
    for (size_t i = 0; i < n; free(names[i++]))
        append(text, sizeof(text), " ", names[i]);
    say(key_of(key, "entries"), "%zu: %s", n, text);
}

// Can something be made in there?
static void tell_creation(const char *key, const char *path) {
    char name[4200];
    snprintf(name, sizeof(name), "%s/.answers", path);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0)
        say(key_of(key, "create"), "%04o %u:%u", st.st_mode & 07777, st.st_uid, st.st_gid);
    else
        say(key_of(key, "create"), "%s", strerrorname_np(errno));
    if (fd >= 0) {
        close(fd);
        unlink(name);
    }
}

static void tell_content(const char *key, const char *path, bool in_full) {
    char text[200];
    struct statfs s = { 0 };
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        say(key_of(key, "read"), "%s", strerrorname_np(errno));
        return;
    }
    fstatfs(fd, &s);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    if (n <= 0)
        say(key_of(key, "read"), "%s", n < 0 ? strerrorname_np(errno) : "empty");
    else
        say(key_of(key, "read"), "%s",
            in_full || !is_kernels_file_system((long)s.f_type) ? text : "something");
    close(fd);
}

static void tell_write(const char *key, const char *path) {
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    say(key_of(key, "write"), "%s", outcome(fd));
    if (fd >= 0)
        close(fd);
}

// memory devices, terminals, fuse, tun: what is harmless to open.
static bool is_harmless(dev_t dev) {
    unsigned m = major(dev), n = minor(dev);
    return m == 1 || m == 5 || (m >= 136 && m <= 143) || (m == 10 && (n == 229 || n == 200));
}

static void tell_device(const char *key, const char *path, const struct stat *st) {
    say(key_of(key, "rdev"), "%u:%u", major(st->st_rdev), minor(st->st_rdev));
    if (!S_ISCHR(st->st_mode) || !is_harmless(st->st_rdev))
        return;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    say(key_of(key, "open-read"), "%s", outcome(fd));
    close(fd);
    fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    say(key_of(key, "open-write"), "%s", outcome(fd));
    close(fd);
}

static void tell_path(const char *path) {
    char key[4200], link[4096];
    struct stat st;
    snprintf(key, sizeof(key), "path:%s", path);
    if (lstat(path, &st) < 0) {
        say(key_of(key, "type"), "%s", strerrorname_np(errno));
        return;
    }
    say(key_of(key, "type"), "%s", file_kind(st.st_mode));
    say(key_of(key, "mode"), "%04o", st.st_mode & 07777);
    say(key_of(key, "owner"), "%u:%u", st.st_uid, st.st_gid);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        link[n > 0 ? n : 0] = '\0';
        say(key_of(key, "link"), "%s", link);
        return;
    }
    tell_file_system(key, path);
    say(key_of(key, "access"), "r %s w %s x %s", outcome(faccessat(AT_FDCWD, path, R_OK, AT_EACCESS)),
        outcome(faccessat(AT_FDCWD, path, W_OK, AT_EACCESS)),
        outcome(faccessat(AT_FDCWD, path, X_OK, AT_EACCESS)));
    if (S_ISDIR(st.st_mode)) {
        tell_creation(key, path);
        tell_entries(key, path);
    } else if (S_ISREG(st.st_mode)) {
        tell_content(key, path, false);
        tell_write(key, path);
    } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        tell_device(key, path, &st);
    }
}

void tell_devices(const char *dir) {
    char name[4200];
    struct stat st;
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
        tell_path(name);
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
            tell_devices(name);
    }
    closedir(d);
}

// Is there a process with another root that we may look into?
static bool reaches_another_root(const char *pid) {
    struct stat own, its;
    char name[300];
    snprintf(name, sizeof(name), "/proc/%s/root", pid);
    return stat("/", &own) == 0 && stat(name, &its) == 0 &&
           (its.st_dev != own.st_dev || its.st_ino != own.st_ino);
}

// Do the pids of /proc mean the processes that we see?
void tell_proc(void) {
    char link[64] = "";
    ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
    if (n < 0)
        say("proc:self", "%s", strerrorname_np(errno));
    else
        say("proc:self", "%s", atoi(link) == getpid() ? "own pid" : "another pid");
    int pids = 0;
    bool reaches = false;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));)
        if (*e->d_name >= '1' && *e->d_name <= '9') {
            pids++;
            reaches = reaches || reaches_another_root(e->d_name);
        }
    if (d)
        closedir(d);
    say("proc:other-roots", "%s", reaches ? "reached" : "none");
    say("proc:processes", "%s", pids == 0 ? "none" : pids == 1 ? "own" : "others too");
}

void tell_questions(const char *file) {
    char line[4200];
    FILE *f = fopen(file, "re");
    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "path ", 5) == 0)
            tell_path(line + 5);
        else if (strncmp(line, "content ", 8) == 0)
            tell_content(key_of("content", line + 8), line + 8, true);
    }
    if (f)
        fclose(f);
}
