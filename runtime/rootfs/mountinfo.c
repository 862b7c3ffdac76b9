// SPDX-License-Identifier: Apache-2.0
// /proc/self/mountinfo, line by line, without memory. Only read where something is to be explained, or
// without pivot_root: it grows with the host.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "runtime/rootfs/internal.h"

int mountinfo_open(struct mountinfo *mi, const struct rootfs *r) {
    mi->start = mi->end = 0;
    mi->eof = false;
    mi->fd = openat(r->proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    return mi->fd < 0 ? -1 : 0;
}

void mountinfo_close(struct mountinfo *mi) {
    fd_close(&mi->fd);
}

static void fill(struct mountinfo *mi) {
    memmove(mi->buf, mi->buf + mi->start, mi->end - mi->start);
    mi->end -= mi->start;
    mi->start = 0;
    ssize_t n;
    do
        n = read(mi->fd, mi->buf + mi->end, sizeof(mi->buf) - mi->end);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        mi->eof = true;
    else
        mi->end += (size_t)n;
}

static void decode_octal(char *s) {
    char *out = s;
    for (; *s; s++) {
        bool octal = s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
                     s[3] >= '0' && s[3] <= '7';
        if (octal) {
            *out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

static unsigned long number(const char *s) {
    unsigned long n = 0;
    for (; *s >= '0' && *s <= '9'; s++)
        n = n * 10 + (unsigned long)(*s - '0');
    return n;
}

// "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw": proc_pid_mountinfo(5).
static bool parse(char *text, struct mountinfo_line *line) {
    char *field[6];
    char *save = NULL;
    char *dash = strstr(text, " - ");
    if (!dash)
        return false;
    *dash = '\0';
    for (int i = 0; i < 6; i++) {
        field[i] = strtok_r(i ? NULL : text, " ", &save);
        if (!field[i])
            return false;
    }
    line->id = number(field[0]);
    line->parent = number(field[1]);
    line->dev = field[2];
    line->root = field[3];
    decode_octal(field[4]);
    line->point = field[4];
    line->flags = field[5];
    line->optional = save ? save : "";
    line->type = dash + 3;
    dash[3 + strcspn(dash + 3, " ")] = '\0';
    return true;
}

bool mountinfo_next(struct mountinfo *mi, struct mountinfo_line *line) {
    bool skip = false; // the rest of a line that is too long
    for (;;) {
        char *newline = memchr(mi->buf + mi->start, '\n', mi->end - mi->start);
        if (newline) {
            char *text = mi->buf + mi->start;
            *newline = '\0';
            mi->start = (size_t)(newline - mi->buf) + 1;
            if (!skip && parse(text, line))
                return true;
            skip = false;
            continue;
        }
        if (mi->eof)
            return false;
        if (mi->start == 0 && mi->end == sizeof(mi->buf)) {
            skip = true;
            mi->start = mi->end;
        }
        fill(mi);
    }
}
