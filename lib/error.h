// SPDX-License-Identifier: Apache-2.0
// What went wrong: one record of fixed size, so that a child can send it to its parent as it is.
// Errors are returned up to cmd/, which alone prints them.
#ifndef NOOK_LIB_ERROR_H
#define NOOK_LIB_ERROR_H

struct error {
    int err;          // errno, or 0 when the text says it all; appended to the message as ": strerror"
    char code[40];    // stable name for programs: "config.invalid", "mount.failed", ... Never empty once set
    char step[32];    // the plan's step that failed ("mount", "pivot-root"), or empty
    char origin[128]; // JSON pointer of the config line to blame ("/mounts/3"), or empty
    char msg[1024];   // what failed, in plain words, with the object's name
    char hint[512];   // the way out, when the cause is known, or empty
};

// Fills err (old contents are overwritten) and returns -1, so that a function can `return error_set(...)`.
// errnum may be 0. errno is left alone.
int error_set(struct error *err, const char *code, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// The same with the origin, a JSON pointer.
int error_set_at(struct error *err, const char *code, int errnum, const char *origin, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

// Adds a hint to an error that is already set. Returns -1.
int error_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Puts "prefix: " before the message ("exec failed"). Returns -1.
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Says where an error came from, unless it says so itself already. Either may be NULL. Returns -1.
int error_where(struct error *err, const char *step, const char *origin);

// The user's one line, without newline: "msg: strerror (origin; hint)". Texts that engines match on
// (engine-contract 2.1) are set with neither origin nor hint, so they end as engines expect.
void error_format(const struct error *err, char *out, unsigned long size);

// strerror without locale, NSS or allocation: safe in a child. Never NULL.
const char *error_text(int errnum);

#endif
