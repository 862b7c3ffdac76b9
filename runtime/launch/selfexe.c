// SPDX-License-Identifier: Apache-2.0
// Keeps the installed binary out of a container's reach (CVE-2019-5736).
#include "config.h"

#include "runtime/launch/selfexe.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/environment.h"
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
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
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

// ---------------------------------------------------------------- without another execve

#ifdef NOOK_STATIC

// The program's own header and segments; static-pie: there is no other mapped file.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

struct segment {
    uintptr_t begin, end; // page-aligned, the part that the file backs
    off_t offset;
    int prot;
    uintptr_t relro_begin, relro_end;
};

static uintptr_t page_down(uintptr_t a) {
    return a & ~(uintptr_t)4095;
}
static uintptr_t page_up(uintptr_t a) {
    return page_down(a + 4095);
}

static struct segment segment_of(const ElfW(Phdr) * ph) {
    uintptr_t at = (uintptr_t)__ehdr_start + ph->p_vaddr;
    return (struct segment){
        .begin = page_down(at),
        .end = page_up(at + ph->p_filesz),
        .offset = (off_t)page_down(ph->p_offset),
        .prot = (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
                (ph->p_flags & PF_X ? PROT_EXEC : 0),
    };
}

// What was never written is mapped again, from the same file by its read-only mount. The data are copied: a
// new, equal page takes the place of each old one at once, so the code that does it does not notice.
static int remap(const struct segment *s, int image) {
    size_t size = s->end - s->begin;
    if (!(s->prot & PROT_WRITE))
        return mmap((void *)s->begin, size, s->prot, MAP_PRIVATE | MAP_FIXED, image, s->offset) == MAP_FAILED
                   ? -1
                   : 0;
    void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (copy == MAP_FAILED)
        return -1;
    memcpy(copy, (const void *)s->begin, size);
    if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)s->begin) == MAP_FAILED)
        return -1;
    return s->relro_end > s->relro_begin
               ? mprotect((void *)s->relro_begin, s->relro_end - s->relro_begin, PROT_READ)
               : 0;
}

// PR_SET_MM_MAP wants the whole layout told, of which only the environment changes: nobody is to read ours in
// /proc/PID/environ.
static int set_exe(int image, const ElfW(Phdr) * text, char **argv) {
    uintptr_t code = (uintptr_t)__ehdr_start + text->p_vaddr;
    uintptr_t brk = (uintptr_t)sbrk(0);
    const char *last = argv[0];
    for (size_t i = 1; argv[i]; i++)
        last = argv[i];
    uintptr_t args_end = (uintptr_t)last + strlen(last) + 1;
    struct prctl_mm_map map = {
        .start_code = code,
        .end_code = code + text->p_filesz,
        .start_data = code,
        .end_data = code,
        .start_brk = brk,
        .brk = brk,
        .start_stack = (uintptr_t)argv,
        .arg_start = (uintptr_t)argv[0],
        .arg_end = args_end,
        .env_start = args_end,
        .env_end = args_end,
        .exe_fd = (uint32_t)image,
    };
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

// Makes the read-only image our exe without executing it, by prctl(2) as checkpoint/restore does it: that
// saves one execve of every create, run and exec. It needs CAP_CHECKPOINT_RESTORE (Linux 5.9) and a kernel
// with that feature.
static int swap_exe(int tree, char **argv) {
    if (!argv[0])
        return -1;
    char path[40];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
    cleanup_fd int image = open(path, O_RDONLY | O_CLOEXEC);
    if (image < 0)
        return -1;
    // Asked first with nothing changed: mapped pages of the old file are the last thing that may be in the
    // way.
    const ElfW(Phdr) *ph = (const ElfW(Phdr) *)getauxval(AT_PHDR), *text = NULL, *relro = NULL;
    size_t n = getauxval(AT_PHNUM);
    for (size_t i = 0; i < n; i++) {
        if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X))
            text = &ph[i];
        if (ph[i].p_type == PT_GNU_RELRO)
            relro = &ph[i];
    }
    if (!text || set_exe(image, text, argv) == 0 || errno != EBUSY)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (ph[i].p_type != PT_LOAD)
            continue;
        struct segment s = segment_of(&ph[i]);
        if ((s.prot & PROT_WRITE) && relro) {
            s.relro_begin = page_down((uintptr_t)__ehdr_start + relro->p_vaddr);
            s.relro_end = page_down((uintptr_t)__ehdr_start + relro->p_vaddr + relro->p_memsz);
        }
        if (remap(&s, image) < 0)
            return -1;
    }
    return set_exe(image, text, argv);
}

#else

static int swap_exe(int tree, char **argv) {
    (void)tree, (void)argv;
    return -1;
}

#endif

// ---------------------------------------------------------------- the choice

// A container that sees us in /proc must not find what our caller told us (CVE-2021-3602).
static int hide_environment(struct error *err) {
    return environment_hide() < 0 ? error_set(err, "self.unprotected", errno, "hide the environment") : 0;
}

int selfexe_protect(char **argv, int *image, struct error *err) {
    *image = -1;
    struct statfs fs;
    if (statfs(own_image, &fs) < 0)
        return error_set(err, "self.unprotected", errno, "cannot find the running binary: stat %s",
                         own_image);
    if ((fs.f_flags & ST_RDONLY) || (fs.f_type == TMPFS_MAGIC && is_sealed()))
        return hide_environment(err);

    cleanup_fd int tree = read_only_clone();
    if (tree >= 0 && swap_exe(tree, argv) == 0) {
        *image = fd_steal(&tree);
        return hide_environment(err);
    }
    if (tree >= 0)
        execveat(tree, "", argv, environ, AT_EMPTY_PATH);
    cleanup_fd int copy = sealed_copy();
    if (copy >= 0)
        execveat(copy, "", argv, environ, AT_EMPTY_PATH);
    return error_set(err, "self.unprotected", errno,
                     "cannot run from a read-only image of the binary, which protects it from the container");
}
