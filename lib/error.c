// SPDX-License-Identifier: Apache-2.0
// What went wrong: one record of fixed size.
#include "config.h"

#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

const char *error_text(int errnum) {
    const char *text = strerrordesc_np(errnum);
    return text ? text : "Unknown error";
}

static void fill(struct error *err, const char *code, int errnum, const char *fmt, va_list ap) {
    int saved = errno;
    *err = (struct error){ .err = errnum };
    str_copy(err->code, sizeof(err->code), code);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    errno = saved;
}

int error_set(struct error *err, const char *code, int errnum, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, errnum, fmt, ap);
    va_end(ap);
    return -1;
}

int error_set_at(struct error *err, const char *code, int errnum, const char *origin, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fill(err, code, errnum, fmt, ap);
    va_end(ap);
    str_copy(err->origin, sizeof(err->origin), origin);
    return -1;
}

int error_hint(struct error *err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
    return -1;
}

int error_prefix(struct error *err, const char *fmt, ...) {
    char prefix[256];
    char rest[sizeof(err->msg)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    str_copy(rest, sizeof(rest), err->msg);
    size_t n = str_copy(err->msg, sizeof(err->msg), prefix);
    n += str_copy(err->msg + n, sizeof(err->msg) - n, ": ");
    str_copy(err->msg + n, sizeof(err->msg) - n, rest);
    return -1;
}

int error_where(struct error *err, const char *step, const char *origin) {
    if (step && !err->step[0])
        str_copy(err->step, sizeof(err->step), step);
    if (origin && !err->origin[0])
        str_copy(err->origin, sizeof(err->origin), origin);
    return -1;
}

void error_format(const struct error *err, char *out, unsigned long size) {
    size_t n = str_copy(out, size, err->msg);
    if (err->err) {
        n += str_copy(out + n, size - n, ": ");
        n += str_copy(out + n, size - n, error_text(err->err));
    }
    if (!err->origin[0] && !err->hint[0])
        return;
    n += str_copy(out + n, size - n, " (");
    n += str_copy(out + n, size - n, err->origin);
    if (err->origin[0] && err->hint[0])
        n += str_copy(out + n, size - n, "; ");
    n += str_copy(out + n, size - n, err->hint);
    str_copy(out + n, size - n, ")");
}
