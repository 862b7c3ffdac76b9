// SPDX-License-Identifier: Apache-2.0
// Why execve(2) failed, in words. Looks at the head of the file and at what it names, from inside of the
// container.
#include "config.h"

#include "runtime/process/execve_explain.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/str.h"

#define KERNEL_HEAD  256 // BINPRM_BUF_SIZE: what the kernel reads of a #! line
#define MAX_PHDRS    64
#define MAX_DEPTH    3 // a script's interpreter may be a script
#define SHEBANG_NAME 256

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

static const struct str_value machines[] = {
    { "i386", EM_386 },        { "x86-64", EM_X86_64 },
    { "32-bit arm", EM_ARM },  { "aarch64", EM_AARCH64 },
    { "riscv", EM_RISCV },     { "s390", EM_S390 },
    { "ppc64", EM_PPC64 },     { "32-bit ppc", EM_PPC },
    { "mips", EM_MIPS },       { "sparc", EM_SPARC },
    { "sparc64", EM_SPARCV9 }, { "loongarch", 258 },
    { "m68k", EM_68K },        { "32-bit parisc", EM_PARISC },
    { "sh", EM_SH },           { NULL, 0 },
};

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#elif defined(__i386__)
#define NATIVE_MACHINE EM_386
#elif defined(__arm__)
#define NATIVE_MACHINE EM_ARM
#elif defined(__riscv)
#define NATIVE_MACHINE EM_RISCV
#elif defined(__s390__)
#define NATIVE_MACHINE EM_S390
#elif defined(__powerpc64__)
#define NATIVE_MACHINE EM_PPC64
#elif defined(__mips__)
#define NATIVE_MACHINE EM_MIPS
#elif defined(__loongarch__)
#define NATIVE_MACHINE 258
#else
#define NATIVE_MACHINE EM_NONE // unknown to this file: never called foreign
#endif

struct head {
    int fd;
    off_t size;
    size_t length;
    unsigned char bytes[KERNEL_HEAD + 1]; // NUL behind
};

// 1: explained (a hint is set); 0: nothing to say.
static int examine(const char *path, int errnum, int depth, struct error *err);

// ---------------------------------------------------------------- scripts

// The interpreter's name in "#! /bin/sh -e", NUL-terminated. False when the line is empty or is cut off in
// the name.
static bool parse_shebang(const struct head *h, char name[SHEBANG_NAME]) {
    const char *at = (const char *)h->bytes + 2;
    at += strspn(at, " \t");
    size_t n = strcspn(at, " \t\n");
    if (n == 0 || n >= SHEBANG_NAME)
        return false;
    memcpy(name, at, n);
    name[n] = '\0';
    return true;
}

static int examine_script(const char *path, const struct head *h, int errnum, int depth, struct error *err) {
    char name[SHEBANG_NAME];
    bool whole_line = memchr(h->bytes, '\n', h->length) || h->length < KERNEL_HEAD;
    if (!parse_shebang(h, name)) {
        error_hint(err, "the first line of %s, #!, names no interpreter", path);
        return 1;
    }
    size_t n = strlen(name);
    if (name[n - 1] == '\r') {
        name[n - 1] = '\0';
        error_hint(err,
                   "the lines of %s end in CR LF (written on Windows?): the kernel looks for an interpreter "
                   "\"%s\\r\"",
                   path, name);
        return 1;
    }
    if (!whole_line && 2 + n >= h->length - 1) {
        error_hint(err, "the #! line of %s is longer than the %d bytes that the kernel reads", path,
                   KERNEL_HEAD);
        return 1;
    }
    struct stat st;
    if (stat(name, &st) < 0) {
        error_hint(err, "the interpreter %s (line 1 of %s) is not in the rootfs", name, path);
        return 1;
    }
    if (!S_ISREG(st.st_mode)) {
        error_hint(err, "the interpreter %s (line 1 of %s) is not a regular file", name, path);
        return 1;
    }
    if (!(st.st_mode & 0111)) {
        error_hint(err, "the interpreter %s (line 1 of %s) is not executable", name, path);
        return 1;
    }
    return examine(name, errnum, depth + 1, err);
}

// ---------------------------------------------------------------- ELF

static uint16_t elf_half(const struct head *h, size_t offset) {
    uint16_t v;
    memcpy(&v, h->bytes + offset, sizeof(v));
    return h->bytes[EI_DATA] == NATIVE_DATA ? v : (uint16_t)(v >> 8 | v << 8);
}

// Offset and size of the PT_INTERP segment. 1: found, 0: none (static), -1: the headers are cut off or odd.
static int find_interp(const struct head *h, uint64_t *offset, uint64_t *size) {
    bool is64 = h->bytes[EI_CLASS] == ELFCLASS64;
    union {
        Elf64_Ehdr e64;
        Elf32_Ehdr e32;
    } e;
    memcpy(&e, h->bytes, sizeof(e));
    uint64_t at = is64 ? e.e64.e_phoff : e.e32.e_phoff;
    unsigned n = is64 ? e.e64.e_phnum : e.e32.e_phnum;
    size_t step = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (n > MAX_PHDRS || at > INT64_MAX - MAX_PHDRS * sizeof(Elf64_Phdr))
        return -1;
    for (unsigned i = 0; i < n; i++, at += step) {
        union {
            Elf64_Phdr p64;
            Elf32_Phdr p32;
        } p;
        if (pread(h->fd, &p, step, (off_t)at) != (ssize_t)step)
            return -1;
        if ((is64 ? p.p64.p_type : p.p32.p_type) != PT_INTERP)
            continue;
        *offset = is64 ? p.p64.p_offset : p.p32.p_offset;
        *size = is64 ? p.p64.p_filesz : p.p32.p_filesz;
        return 1;
    }
    return 0;
}

static int cut_off(const char *path, struct error *err) {
    error_hint(err, "%s is an ELF file that is cut off or damaged", path);
    return 1;
}

static int examine_interp(const char *path, const struct head *h, int errnum, int depth, struct error *err) {
    uint64_t offset = 0;
    uint64_t size = 0;
    char name[256];
    int found = find_interp(h, &offset, &size);
    if (found == 0)
        return 0;
    if (found < 0 || size < 2 || size > sizeof(name) || offset > INT64_MAX ||
        pread(h->fd, name, (size_t)size, (off_t)offset) != (ssize_t)size)
        return cut_off(path, err);
    name[size - 1] = '\0';
    struct stat st;
    if (stat(name, &st) < 0) {
        error_hint(err,
                   "%s needs the dynamic loader %s, which is not in the rootfs (another libc's program, or a "
                   "static build is needed)",
                   path, name);
        return 1;
    }
    if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111)) {
        error_hint(err, "the dynamic loader %s of %s is not an executable file", name, path);
        return 1;
    }
    if (errnum == ELIBBAD) {
        error_hint(err, "the dynamic loader %s of %s is not an ELF file of this machine", name, path);
        return 1;
    }
    return examine(name, errnum, depth + 1, err);
}

static const char *machine_name(unsigned machine, char buf[32]) {
    const char *name = str_name_of(machines, machine);
    if (name)
        return name;
    snprintf(buf, 32, "of machine %u", machine);
    return buf;
}

static int examine_elf(const char *path, const struct head *h, int errnum, int depth, struct error *err) {
    if (h->length < sizeof(Elf32_Ehdr) ||
        (h->bytes[EI_CLASS] == ELFCLASS64 && h->length < sizeof(Elf64_Ehdr)))
        return cut_off(path, err);
    char buf[32];
    struct utsname host;
    unsigned machine = elf_half(h, offsetof(Elf32_Ehdr, e_machine)); // at the same place in both classes
    unsigned type = elf_half(h, offsetof(Elf32_Ehdr, e_type));
    bool foreign = machine != NATIVE_MACHINE || h->bytes[EI_DATA] != NATIVE_DATA;
    if (uname(&host) < 0)
        str_copy(host.machine, sizeof(host.machine), "another machine");
    if (errnum == ENOEXEC && NATIVE_MACHINE != EM_NONE && foreign) {
        bool little_brother = (machine == EM_386 && NATIVE_MACHINE == EM_X86_64) ||
                              (machine == EM_ARM && NATIVE_MACHINE == EM_AARCH64);
        if (little_brother)
            error_hint(err, "%s is a %s program, and the kernel of this %s host has no 32-bit support", path,
                       machine_name(machine, buf), host.machine);
        else
            error_hint(err,
                       "%s is %s%s, the host is %s: an image for another architecture (or binfmt_misc with "
                       "qemu-user is missing)",
                       path, machine_name(machine, buf),
                       h->bytes[EI_DATA] == NATIVE_DATA ? "" : " of the other byte order", host.machine);
        return 1;
    }
    if (errnum == ENOEXEC && sizeof(void *) == 8 && h->bytes[EI_CLASS] == ELFCLASS32) {
        error_hint(err, "%s is a 32-bit (x32, n32, ilp32) program, which this kernel has no support for",
                   path);
        return 1;
    }
    if (errnum == ENOEXEC && type != ET_EXEC && type != ET_DYN) {
        error_hint(err, "%s is an ELF %s, not a program", path,
                   type == ET_REL ? "object file" : "file of another type");
        return 1;
    }
    return examine_interp(path, h, errnum, depth, err);
}

// ---------------------------------------------------------------- any file

static int examine_other(const char *path, const struct head *h, int errnum, struct error *err) {
    if (errnum != ENOEXEC)
        return 0;
    if (h->size == 0) {
        error_hint(err, "%s is empty", path);
        return 1;
    }
    if (h->length >= 5 && memcmp(h->bytes, "\xef\xbb\xbf#!", 5) == 0) {
        error_hint(err, "%s begins with a byte order mark, so the kernel does not see its #! line", path);
        return 1;
    }
    for (size_t i = 0; i < h->length; i++) {
        if (h->bytes[i] == '\0' || (h->bytes[i] < ' ' && !strchr("\t\n\v\f\r\033\b\a", h->bytes[i]))) {
            error_hint(err, "%s is neither an ELF program nor a script", path);
            return 1;
        }
    }
    error_hint(err, "%s has no #! line; if it is a shell script, its first line must be #!/bin/sh", path);
    return 1;
}

static int examine_access(const char *path, const struct stat *st, struct error *err) {
    struct statvfs fs;
    if (!S_ISREG(st->st_mode)) {
        error_hint(err, "%s is not a regular file", path);
        return 1;
    }
    if (!(st->st_mode & 0111)) {
        error_hint(err, "%s has no execute permission (mode %04o)", path, st->st_mode & 07777);
        return 1;
    }
    if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC)) {
        error_hint(err, "%s lies on a mount with noexec", path);
        return 1;
    }
    return 0;
}

static int examine(const char *path, int errnum, int depth, struct error *err) {
    struct stat st;
    struct head h = { .fd = -1 };
    if (depth > MAX_DEPTH || stat(path, &st) < 0)
        return 0;
    if (errnum == EACCES && examine_access(path, &st, err))
        return 1;
    if (!S_ISREG(st.st_mode))
        return 0;
    cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = pread(fd, h.bytes, KERNEL_HEAD, 0);
    if (n < 0)
        return 0;
    h.fd = fd;
    h.size = st.st_size;
    h.length = (size_t)n;
    if (h.length >= 2 && memcmp(h.bytes, "#!", 2) == 0)
        return examine_script(path, &h, errnum, depth, err);
    if (h.length >= SELFMAG && memcmp(h.bytes, ELFMAG, SELFMAG) == 0)
        return examine_elf(path, &h, errnum, depth, err);
    return examine_other(path, &h, errnum, err);
}

// What the errno alone says.
static void general_hint(int errnum, struct error *err) {
    static const struct {
        int errnum;
        const char *hint;
    } hints[] = {
        { E2BIG, "arguments and environment together are too large (limit: a quarter of RLIMIT_STACK)" },
        { ETXTBSY, "somebody has the file open for writing" },
        { ELOOP, "too many symlinks, or scripts that name each other as interpreter" },
        { ENOMEM, "not enough memory: is the container's memory limit too small for the program?" },
        { EAGAIN, "the user's RLIMIT_NPROC is reached" },
        { EPERM,
          "refused by the kernel's security policy (seccomp, LSM), or a file with capabilities that the "
          "bounding set lacks" },
        { EACCES, "a directory of the path may not be searched, or a security module refused" },
    };
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (hints[i].errnum == errnum)
            error_hint(err, "%s", hints[i].hint);
}

int execve_explain(const char *path, int errnum, struct error *err) {
    error_set(err, "exec.failed", errnum, "exec: \"%s\"", path);
    if (!examine(path, errnum, 0, err))
        general_hint(errnum, err);
    return -1;
}
