// SPDX-License-Identifier: Apache-2.0
// Keeps the installed binary out of a container's reach (CVE-2019-5736).
#include "config.h"

#include "runtime/launch/selfexe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
static const char own_image[] = "/proc/self/exe";

// A sealed memfd can only be what an earlier pass of this function made.
static bool is_sealed(void) {
    cleanup_fd int fd = open(own_image, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && fcntl(fd, F_GET_SEALS) == SEALS;
}

static int read_only_clone(void) {
    cleanup_fd int tree = sys_open_tree(AT_FDCWD, own_image, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -1;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -1;
    return fd_steal(&tree);
}

static int sealed_copy(void) {
    cleanup_fd int from = open(own_image, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0)
        return -1;
    // MFD_EXEC is a duty where vm.memfd_noexec=1; kernels before 6.3 do not know it.
    cleanup_fd int copy = memfd_create("nook", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create("nook", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        return -1;
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(copy, from, NULL, (size_t)left);
        if (n <= 0)
            return -1;
        left -= n;
    }
    if (fcntl(copy, F_ADD_SEALS, SEALS) < 0)
        return -1;
    return fd_steal(&copy);
}

int selfexe_protect(char **argv, struct error *err) {
    struct statvfs fs;
    if (statvfs(own_image, &fs) < 0)
        return error_set(err, "self.unprotected", errno, "cannot find the running binary: stat %s", own_image);
    if ((fs.f_flag & ST_RDONLY) || is_sealed())
        return 0;

    cleanup_fd int image = read_only_clone();
    if (image >= 0)
        execveat(image, "", argv, environ, AT_EMPTY_PATH);
    fd_close(&image);
    image = sealed_copy();
    if (image >= 0)
        execveat(image, "", argv, environ, AT_EMPTY_PATH);
    return error_set(err, "self.unprotected", errno,
                     "cannot run from a read-only image of the binary, which protects it from the container");
}
