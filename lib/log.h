// SPDX-License-Identifier: Apache-2.0
// Where messages go. Default: errors only, to stderr (engine-contract, rules 1, 2 and 9); with --log also one
// record in that file, opened O_APPEND.
#ifndef NOOK_LIB_LOG_H
#define NOOK_LIB_LOG_H

#include <stdbool.h>

#include "lib/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

// target: NULL (stderr only), "FILE", "file:FILE", "syslog:IDENT", "journald:IDENT" (IDENT empty: "nook").
// 0, or -1 with *err: then messages go on going to stderr. A later call replaces the earlier target.
int log_open(const char *target, bool json, enum log_level level, struct error *err);
enum log_level log_level(void);

// The descriptor of the log file, or -1: for who closes all others.
int log_fd(void);

// "error", "warning" (or "warn"), "info", "debug" (or "trace"); true when the name is one of them. Levels
// above error that other runtimes know ("fatal", "panic") mean error.
bool log_level_parse(const char *name, enum log_level *level);

// Warnings, info, debug: to the log file if one was given, else to stderr; nothing above the level. Always
// one line, one write(2), however long the text or whatever it contains.
void log_message(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

// What must not go unseen although nothing failed: one line on stderr, whatever the level, and in the log
// file as a warning.
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// The one error of a failed command: always one line on stderr ("nook: TEXT"), and one record in the log file
// with the same TEXT as msg (JSON: level, msg, time in RFC 3339, and code, step, origin, hint when set). The
// only place that prints errors.
void log_error(const struct error *err);

#endif
