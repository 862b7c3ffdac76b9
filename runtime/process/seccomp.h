// SPDX-License-Identifier: Apache-2.0
// linux.seccomp as BPF: compile (pure), keep compiled programs under the root directory, install. seccomp(2),
// config-linux.md "Seccomp".
#ifndef NOOK_RUNTIME_PROCESS_SECCOMP_H
#define NOOK_RUNTIME_PROCESS_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/error.h"
#include "runtime/config/spec.h"

#define SECCOMP_KEY_SIZE 65 // 64 hex digits and NUL

struct seccomp_program {
    struct sock_filter *filter;
    unsigned short len;         // instructions
    unsigned flags;             // SECCOMP_FILTER_FLAG_* for seccomp(2)
    char key[SECCOMP_KEY_SIZE]; // its name in the cache; "" when compiled without one
    bool cached;                // came out of the cache
    const char **unknown; // syscall names that libseccomp does not know; they were skipped (log at debug)
    size_t n_unknown;
};

// Pure. Translates the profile. System calls newer than the newest one that the profile names give ENOSYS
// when the default action would refuse them. Refused: SCMP_ACT_NOTIFY, a build without libseccomp, programs
// larger than the kernel takes. 0, or -1 with *err (origin /linux/seccomp/...).
int seccomp_compile(const struct spec_seccomp *profile, struct arena *a, struct seccomp_program *out,
                    struct error *err);

// Pure. SHA-256 over all that the program depends on: profile, native architecture, libseccomp's version,
// format.
void seccomp_cache_key(const struct spec_seccomp *profile, char key[SECCOMP_KEY_SIZE]);

// Looks the program up in .seccomp/ below root_fd (the state root), compiles and stores it when it is not
// there. Failing to store is no error. 0, or -1 with *err.
int seccomp_get(int root_fd, const struct spec_seccomp *profile, struct arena *a, struct seccomp_program *out,
                struct error *err);

// For exec, which remembers the key: 0 when found, 1 when not (then seccomp_get), never an error.
int seccomp_get_by_key(int root_fd, const char *key, struct arena *a, struct seccomp_program *out);

// Child. Installs the program for the calling thread: seccomp(2), or prctl(2) when that call is not there and
// no flags are asked for. Needs no_new_privs or CAP_SYS_ADMIN. 0, or -1 with *err.
int seccomp_install(const struct seccomp_program *program, struct error *err);

// "2.5.4", or NULL when seccomp is not built in.
const char *seccomp_library_version(void);

#endif
