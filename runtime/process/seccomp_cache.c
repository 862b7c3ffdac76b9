// SPDX-License-Identifier: Apache-2.0
// Compiled seccomp programs below the state root: .seccomp/<key>.bpf. Compiling a usual profile costs more
// than all else that a start does.
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/process/seccomp.h"
#include "runtime/process/sha256.h"

#define CACHE_DIR     ".seccomp"
#define CACHE_ENTRIES 256 // more profiles than that in use at a time are not worth keeping
#define FORMAT \
    1 // changes with anything that changes the compiled program: prelude, optimisation, this header

struct cache_header {
    char magic[8];
    uint32_t format;
    uint32_t flags;
    uint32_t len; // instructions
    uint32_t reserved;
    uint64_t checksum; // of the instructions
};
static const char magic[8] = "NOOKBPF";

// ---------------------------------------------------------------- the key

// Every string with its length and every list with its count, so that no two profiles give the same bytes.
static void hash_number(struct sha256 *h, uint64_t value) {
    sha256_update(h, &value, sizeof(value));
}

static void hash_string(struct sha256 *h, const char *s) {
    uint32_t n = s ? (uint32_t)strlen(s) : UINT32_MAX;
    sha256_update(h, &n, sizeof(n));
    if (s)
        sha256_update(h, s, n);
}

static void hash_strings(struct sha256 *h, const char *const *list, size_t n) {
    hash_number(h, n);
    for (size_t i = 0; i < n; i++)
        hash_string(h, list[i]);
}

static void hash_syscall(struct sha256 *h, const struct spec_syscall *call) {
    hash_strings(h, call->names, call->n_names);
    hash_string(h, call->action);
    hash_number(h, call->has_errno_ret ? call->errno_ret : UINT64_MAX);
    hash_number(h, call->n_args);
    for (size_t i = 0; i < call->n_args; i++) {
        hash_number(h, call->args[i].index);
        hash_number(h, call->args[i].value);
        hash_number(h, call->args[i].value_two);
        hash_string(h, call->args[i].op);
    }
}

void seccomp_cache_key(const struct spec_seccomp *profile, char key[SECCOMP_KEY_SIZE]) {
    struct sha256 h;
    struct utsname host;
    sha256_init(&h);
    hash_number(&h, FORMAT);
    hash_string(&h, seccomp_library_version());
    hash_string(&h, uname(&host) == 0 ? host.machine : "");
    hash_number(&h, sizeof(void *));
    hash_string(&h, profile->default_action);
    hash_number(&h, profile->has_default_errno_ret ? profile->default_errno_ret : UINT64_MAX);
    hash_strings(&h, profile->architectures, profile->n_architectures);
    hash_strings(&h, profile->flags, profile->n_flags);
    hash_number(&h, profile->n_syscalls);
    for (size_t i = 0; i < profile->n_syscalls; i++)
        hash_syscall(&h, &profile->syscalls[i]);
    sha256_hex(&h, key);
}

// ---------------------------------------------------------------- load

// Against torn files only (a crash of the host before the data was written); who may write here may do
// anything.
static uint64_t checksum(const struct sock_filter *filter, size_t len) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        uint64_t word;
        memcpy(&word, &filter[i], sizeof(word));
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    return sum;
}

// The directory, when it is ours and nobody else can write there; else -1.
static int open_dir(int root_fd, bool create) {
    struct stat st;
    if (create && mkdirat(root_fd, CACHE_DIR, 0700) < 0 && errno != EEXIST)
        return -1;
    cleanup_fd int fd = openat(root_fd, CACHE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022))
        return -1;
    return fd_steal(&fd);
}

static bool is_key(const char *key) {
    return strlen(key) == SECCOMP_KEY_SIZE - 1 && strspn(key, "0123456789abcdef") == SECCOMP_KEY_SIZE - 1;
}

static bool header_is_good(const struct cache_header *h, off_t size) {
    return memcmp(h->magic, magic, sizeof(magic)) == 0 && h->format == FORMAT && h->len > 0 &&
           h->len <= BPF_MAXINSNS && size == (off_t)(sizeof(*h) + h->len * sizeof(struct sock_filter));
}

int seccomp_get_by_key(int root_fd, const char *key, struct arena *a, struct seccomp_program *out) {
    char name[SECCOMP_KEY_SIZE + 8];
    struct cache_header header;
    struct stat st;
    *out = (struct seccomp_program){ 0 };
    if (!is_key(key))
        return 1;
    cleanup_fd int dir = open_dir(root_fd, false);
    if (dir < 0)
        return 1;
    snprintf(name, sizeof(name), "%s.bpf", key);
    cleanup_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return 1;
    if (read(fd, &header, sizeof(header)) != (ssize_t)sizeof(header) || !header_is_good(&header, st.st_size))
        return 1;
    size_t size = header.len * sizeof(struct sock_filter);
    struct sock_filter *filter = arena_calloc(a, header.len, sizeof(*filter));
    if (read(fd, filter, size) != (ssize_t)size || checksum(filter, header.len) != header.checksum)
        return 1;
    out->filter = filter;
    out->len = (unsigned short)header.len;
    out->flags = header.flags;
    out->cached = true;
    str_copy(out->key, sizeof(out->key), key);
    return 0;
}

// ---------------------------------------------------------------- store

// When too many have gathered, all go: the ones in use come back. Includes what crashes left half-written.
static void sweep(int dir_fd) {
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        fd_close(&copy);
        return;
    }
    size_t n = 0;
    const struct dirent *entry;
    while (readdir(dir))
        n++;
    if (n > CACHE_ENTRIES) {
        rewinddir(dir);
        while ((entry = readdir(dir)))
            (void)unlinkat(dir_fd, entry->d_name, 0);
    }
    closedir(dir);
}

static void store(int root_fd, const struct seccomp_program *program) {
    char name[SECCOMP_KEY_SIZE + 8];
    char temp[SECCOMP_KEY_SIZE + 32];
    struct cache_header header = {
        .format = FORMAT,
        .flags = program->flags,
        .len = program->len,
        .checksum = checksum(program->filter, program->len),
    };
    memcpy(header.magic, magic, sizeof(magic));
    cleanup_fd int dir = open_dir(root_fd, true);
    if (dir < 0)
        return;
    sweep(dir);
    snprintf(name, sizeof(name), "%s.bpf", program->key);
    snprintf(temp, sizeof(temp), ".%s.%d", program->key, (int)getpid());
    (void)unlinkat(dir, temp, 0);
    cleanup_fd int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (fd_write_all(fd, &header, sizeof(header)) < 0 ||
        fd_write_all(fd, program->filter, program->len * sizeof(struct sock_filter)) < 0 ||
        renameat(dir, temp, dir, name) < 0)
        (void)unlinkat(dir, temp, 0);
}

int seccomp_get(int root_fd, const struct spec_seccomp *profile, struct arena *a, struct seccomp_program *out,
                struct error *err) {
    char key[SECCOMP_KEY_SIZE];
    seccomp_cache_key(profile, key);
    if (seccomp_get_by_key(root_fd, key, a, out) == 0)
        return 0;
    if (seccomp_compile(profile, a, out, err) < 0)
        return -1;
    str_copy(out->key, sizeof(out->key), key);
    store(root_fd, out);
    return 0;
}
