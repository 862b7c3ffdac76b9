// SPDX-License-Identifier: Apache-2.0
// nosys ERRNO NR[,NR...] COMMAND...: runs COMMAND with a seccomp filter under which these system calls fail
// with ERRNO, as they do on an old kernel (ENOSYS) or under an outer engine's filter (EPERM).

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 4)
        return fprintf(stderr, "usage: nosys ERRNO NR[,NR...] COMMAND...\n"), 2;
    struct sock_filter code[260];
    unsigned int n = 0, fail = SECCOMP_RET_ERRNO | (unsigned int)atoi(argv[1]);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (char *s = strtok(argv[2], ","); s && n < 256; s = strtok(NULL, ",")) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)atoi(s), 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, fail);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog prog = { .len = (unsigned short)n, .filter = code };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
        return perror("nosys: seccomp"), 2;
    execvp(argv[3], argv + 3);
    return perror(argv[3]), 2;
}
