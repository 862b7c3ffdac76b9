// SPDX-License-Identifier: Apache-2.0
// The id system calls by number: glibc's wrappers signal every thread, which is nothing for a child of
// clone3. 32-bit architectures have them twice; the newer ones take 32-bit ids.
#ifndef NOOK_RUNTIME_PROCESS_RAWID_H
#define NOOK_RUNTIME_PROCESS_RAWID_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef SYS_setresuid32
#define RAWID(name) SYS_##name##32
#else
#define RAWID(name) SYS_##name
#endif

static inline int raw_setresuid(uid_t id) {
    return (int)syscall(RAWID(setresuid), id, id, id);
}
static inline int raw_setresgid(gid_t id) {
    return (int)syscall(RAWID(setresgid), id, id, id);
}
static inline int raw_setgroups(size_t n, const uint32_t *list) {
    return (int)syscall(RAWID(setgroups), n, list);
}
// Both return the former id and never fail.
static inline int raw_setfsuid(uid_t id) {
    return (int)syscall(RAWID(setfsuid), id);
}
static inline int raw_setfsgid(gid_t id) {
    return (int)syscall(RAWID(setfsgid), id);
}

#endif
