// SPDX-License-Identifier: Apache-2.0
// Programs that cannot be executed, and what is said about them. Each file is really executed first: the
// errno is the kernel's.
#include "config.h"

#include "tests/unit/process_test.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "lib/str.h"
#include "runtime/process/execve_explain.h"

static struct error err;

// The errno of executing it; the file must not be one that works.
static int try(const char *path) {
    int pipes[2];
    int errnum = 0;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char *argv[] = { (char *)path, NULL };
        char *envp[] = { NULL };
        fcntl(pipes[1], F_SETFD, FD_CLOEXEC);
        execve(path, argv, envp);
        errnum = errno;
        (void)!write(pipes[1], &errnum, sizeof(errnum));
        _exit(1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &errnum, sizeof(errnum)), sizeof(errnum));
    close(pipes[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return errnum;
}

static void expect(const char *path, int errnum, const char *hint) {
    int got = try(path);
    assert_int_equal(got, errnum);
    assert_int_equal(execve_explain(path, got, &err), -1);
    assert_int_equal(err.err, errnum);
    assert_string_equal(err.code, "exec.failed");
    if (!strstr(err.hint, hint))
        fail_msg("hint \"%s\" lacks \"%s\"", err.hint, hint);
    char start[600];
    snprintf(start, sizeof(start), "exec: \"%s\": ", path);
    assert_true(strncmp(error_line(&err), start, strlen(start)) == 0);
}

static void test_scripts(void **state) {
    (void)state;
    expect(make_text("noshebang", "echo hello\n", 0755), ENOEXEC, "has no #! line");
    expect(make_text("empty", "", 0755), ENOEXEC, "is empty");
    expect(make_text("missing", "#!/no/such/bash -e\n", 0755), ENOENT,
           "the interpreter /no/such/bash (line 1 of ");
    expect(make_text("crlf", "#!/bin/sh\r\necho\r\n", 0755), ENOENT, "end in CR LF");
    expect(make_text("noname", "#! \n", 0755), ENOEXEC, "names no interpreter");
    expect(make_text("bom", "\xef\xbb\xbf#!/bin/sh\n", 0755), ENOEXEC, "byte order mark");
    expect(make_text("binary", "\x01\x02\x03 junk", 0755), ENOEXEC, "neither an ELF program nor a script");
    expect(make_text("directory", "#!/etc\n", 0755), EACCES, "/etc (line 1 of ");
    make_text("interpreter", "#!/bin/sh\n", 0644);
    char text[600];
    snprintf(text, sizeof(text), "#!%s\n", in_dir("interpreter"));
    expect(make_text("notexec", text, 0755), EACCES, "is not executable");
    snprintf(text, sizeof(text), "#!%s\n", in_dir("noshebang2"));
    make_text("noshebang2", "echo\n", 0755);
    expect(make_text("nested", text, 0755), ENOEXEC, "noshebang2 has no #! line");
    memset(text, 'a', 400);
    text[0] = '#';
    text[1] = '!';
    text[2] = '/';
    text[400] = '\n';
    text[401] = '\0';
    expect(make_text("long", text, 0755), ENOEXEC, "longer than the 256 bytes");
}

static void test_loop(void **state) {
    (void)state;
    char text[600];
    snprintf(text, sizeof(text), "#!%s\n", in_dir("loop"));
    make_text("loop", text, 0755);
    expect(in_dir("loop"), ELOOP, "name each other");
}

static void test_access(void **state) {
    (void)state;
    expect(make_text("mode", "#!/bin/sh\n", 0644), EACCES, "no execute permission (mode 0644)");
    expect(test_dir, EACCES, "is not a regular file");
    assert_int_equal(execve_explain(in_dir("gone"), ENOENT, &err), -1);
    assert_string_equal(err.hint, "");
    assert_int_equal(execve_explain(in_dir("mode"), E2BIG, &err), -1);
    assert_non_null(strstr(err.hint, "too large"));
    make_text("fifo", "", 0755);
    unlink(in_dir("fifo"));
    assert_int_equal(mkfifo(in_dir("fifo"), 0755), 0);
    assert_int_equal(execve_explain(in_dir("fifo"), ENOEXEC, &err), -1); // does not hang
    // Names of any length are cut off, not written past the end.
    static char name[5000];
    memset(name, 'n', sizeof(name) - 1);
    assert_int_equal(execve_explain(name, ENOENT, &err), -1);
}

// ---------------------------------------------------------------- ELF

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr interp;
    char name[64];
};

static struct elf native(const char *interp) {
    struct elf e;
    memset(&e, 0, sizeof(e));
    memcpy(e.header.e_ident, ELFMAG, SELFMAG);
    e.header.e_ident[EI_CLASS] = ELFCLASS64;
    e.header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    e.header.e_ident[EI_VERSION] = EV_CURRENT;
    e.header.e_type = ET_DYN;
#ifdef __x86_64__
    e.header.e_machine = EM_X86_64;
#else
    e.header.e_machine = EM_AARCH64;
#endif
    e.header.e_version = EV_CURRENT;
    e.header.e_phoff = offsetof(struct elf, interp);
    e.header.e_ehsize = sizeof(Elf64_Ehdr);
    e.header.e_phentsize = sizeof(Elf64_Phdr);
    e.header.e_phnum = 1;
    e.interp.p_type = PT_INTERP;
    e.interp.p_offset = offsetof(struct elf, name);
    e.interp.p_filesz = strlen(interp) + 1;
    str_copy(e.name, sizeof(e.name), interp);
    return e;
}

static void expect_elf(const struct elf *e, size_t size, int errnum, const char *hint) {
    expect(make_file("program", e, size, 0755), errnum, hint);
}

static void test_elf(void **state) {
    (void)state;
#if !defined(__x86_64__) && !defined(__aarch64__)
    skip();
#endif
    struct elf e = native("/lib/ld-musl-none.so.1");
    expect_elf(&e, sizeof(e), ENOENT, "needs the dynamic loader /lib/ld-musl-none.so.1");
    e = native("/etc/passwd");
    expect_elf(&e, sizeof(e), EACCES, "the dynamic loader /etc/passwd of ");
    make_text("loader",
              "this is a text of more than sixty-four bytes, so that the kernel reads a whole ELF header.\n",
              0755);
    e = native(in_dir("loader"));
    expect_elf(&e, sizeof(e), ELIBBAD, "is not an ELF file of this machine");
    e = native("/x");
    e.header.e_machine = e.header.e_machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
    expect_elf(&e, sizeof(e), ENOEXEC, "the host is ");
    assert_non_null(strstr(err.hint, e.header.e_machine == EM_AARCH64 ? "is aarch64," : "is x86-64,"));
    e.header.e_machine = 0x1234;
    expect_elf(&e, sizeof(e), ENOEXEC, "of machine 4660");
    e = native("/x");
    e.header.e_ident[EI_DATA] ^= 3;
    e.header.e_machine = (uint16_t)(EM_S390 << 8);
    e.header.e_type = ET_REL;
    expect_elf(&e, sizeof(e), ENOEXEC, "is s390 of the other byte order");
    e = native("/x");
    e.header.e_type = ET_REL;
    expect_elf(&e, sizeof(e), ENOEXEC, "object file");
    e = native("/x");
    expect_elf(&e, 30, ENOEXEC, "cut off");
    expect_elf(&e, sizeof(Elf64_Ehdr) + 10, ENOEXEC, "cut off");
    e.interp.p_filesz = UINT64_MAX;
    expect_elf(&e, sizeof(e), ENOEXEC, "cut off");
    e = native("/x");
    e.header.e_phoff = UINT64_MAX - 3;
    (void)execve_explain(make_file("program", &e, sizeof(e), 0755), ENOEXEC, &err);
    assert_non_null(strstr(err.hint, "cut off"));
}

// Whatever the bytes are, nothing is read out of bounds (run under ASan).
static void test_noise(void **state) {
    (void)state;
    static const unsigned char heads[2][6] = { { '#', '!', '/', 'a', 'b', '\n' },
                                               { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB } };
    unsigned seed = 1;
    for (int i = 0; i < 300; i++) {
        unsigned char bytes[400];
        size_t n = (unsigned)rand_r(&seed) % sizeof(bytes);
        for (size_t j = 0; j < n; j++)
            bytes[j] = (unsigned char)rand_r(&seed);
        for (size_t j = 0; j < 6; j++)
            bytes[j] = heads[i % 2][j];
        if (i % 4 == 1)
            memset(bytes + 16, 0, 16);
        make_file("noise", bytes, n, 0755);
        (void)execve_explain(in_dir("noise"), i % 3 ? ENOEXEC : ENOENT, &err);
    }
}

static int noexec(void *arg) {
    (void)arg;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", test_dir, "tmpfs", MS_NOEXEC, NULL) < 0)
        return 0; // not allowed here
    const char *path = make_text("x", "#!/bin/sh\n", 0755);
    CHECK(try(path) == EACCES);
    CHECK(execve_explain(path, EACCES, &err) == -1);
    CHECK(strstr(err.hint, "lies on a mount with noexec"));
    return 0;
}

static void test_noexec(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip();
    in_child(noexec, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts), cmocka_unit_test(test_loop),  cmocka_unit_test(test_access),
        cmocka_unit_test(test_elf),     cmocka_unit_test(test_noise), cmocka_unit_test(test_noexec),
    };
    return cmocka_run_group_tests_name("execve_explain", tests, make_test_dir, remove_test_dir);
}
