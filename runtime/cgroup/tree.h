// SPDX-License-Identifier: Apache-2.0
// Small things that the hands of runtime/cgroup/ share: files of a cgroup by path, and naps.
#ifndef NOOK_RUNTIME_CGROUP_TREE_H
#define NOOK_RUNTIME_CGROUP_TREE_H

#include <stddef.h>
#include <sys/types.h>

// "DIR/FILE" into a buffer of PATH_MAX; an overlong one becomes "" (which then gives ENOENT).
const char *tree_path(char *buf, const char *dir, const char *file);

// Reads a small file of a cgroup without its final newline. Length, or -1 with errno.
ssize_t tree_read(const char *dir, const char *file, char *buf, size_t size);

// Writes a file of a cgroup. 0, or -1 with errno.
int tree_write(const char *dir, const char *file, const char *value);

// The number behind "KEY " in a flat keyed file (memory.events, cgroup.events), or -1.
long long tree_keyed(const char *dir, const char *file, const char *key);

// rmdir(2) of a cgroup of ours, with everything below it. 0 (also when it was not there), or -1 with errno.
int tree_remove(const char *dir);

// Sleeps longer each time: 50 us, 100 us, ... at most 10 ms. Returns the microseconds slept.
unsigned tree_nap(unsigned *round);

#endif
