// SPDX-License-Identifier: Apache-2.0
// Descriptors and small files.
#ifndef NOOK_LIB_FD_H
#define NOOK_LIB_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/arena.h"

// Closes *fd if it is >= 0 and sets it to -1; errno survives. For use with cleanup_fd.
void fd_close(int *fd);
#define cleanup_fd __attribute__((cleanup(fd_close)))

// Gives the descriptor away: returns *fd and sets it to -1.
static inline int fd_steal(int *fd) {
    int n = *fd;
    *fd = -1;
    return n;
}

// Writes everything, going on after short writes and EINTR. 0, or -1 with errno.
int fd_write_all(int fd, const void *data, size_t size);

// Reads to the end of file, at most max bytes, into the arena (NUL-terminated). Returns the text and its
// length in *size (may be NULL), or NULL with errno; EFBIG when there is more than max.
char *fd_read_all(int fd, struct arena *a, size_t max, size_t *size);

// Reads up to size-1 bytes of the file `path` under dirfd into buf and terminates it. Returns the length,
// or -1 with errno. For small files of /proc, /sys and the state directory.
ssize_t fd_read_small(int dirfd, const char *path, char *buf, size_t size);

// Is there anything of that name, also a link that leads nowhere? Otherwise with errno. Not by faccessat(2):
// with a flag libc makes it faccessat2(2), which seccomp filters older than Linux 5.8 answer with EPERM.
bool fd_exists_at(int dirfd, const char *name);

// Creates a file of the host's, 0644, or empties the one that is there; for writing, O_CLOEXEC. -1 with
// errno.
int fd_create(const char *path);

// Opens, writes the whole text in one write(2), closes: for files of cgroupfs and /proc. 0, or -1 with errno.
int fd_write_file(int dirfd, const char *path, const void *data, size_t size);

// close_range(2), with CLOSE_RANGE_CLOEXEC when cloexec: all descriptors >= first. Falls back to a walk over
// proc_fd (a descriptor of /proc, or -1) when the call is missing or blocked. 0, or -1 with errno.
int fd_close_from(int first, bool cloexec, int proc_fd);

// Closes all descriptors >= first but those in keep[n] (in any order; -1 is passed over; at most 8). The same
// fallback.
int fd_close_other(int first, const int *keep, size_t n, int proc_fd);

// Sends one message over a unix socket with optional ancillary descriptors; see unix(7). 0, or -1 with errno.
int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds);

#endif
