// SPDX-License-Identifier: Apache-2.0
// The logger: the only state of the program that is global.
#include "config.h"

#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/arena.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/json.h"
#include "lib/str.h"

enum log_target { TO_STDERR, TO_FILE, TO_SYSLOG, TO_JOURNALD };

static struct {
    enum log_target target;
    enum log_level level;
    bool json;
    int fd; // of TO_FILE and TO_JOURNALD
    char ident[64];
} logger = { .fd = -1 };

static const struct {
    const char *name;
    int syslog_priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", LOG_ERR },
    [LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
    [LOG_LEVEL_INFO] = { "info", LOG_INFO },
    [LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

bool log_level_parse(const char *name, enum log_level *level) {
    static const struct str_value names[] = {
        { "error", LOG_LEVEL_ERROR },     { "fatal", LOG_LEVEL_ERROR },  { "panic", LOG_LEVEL_ERROR },
        { "warning", LOG_LEVEL_WARNING }, { "warn", LOG_LEVEL_WARNING }, { "info", LOG_LEVEL_INFO },
        { "debug", LOG_LEVEL_DEBUG },     { "trace", LOG_LEVEL_DEBUG },  { NULL, 0 },
    };
    const struct str_value *found = str_lookup(names, name);
    if (found)
        *level = (enum log_level)found->value;
    return found != NULL;
}

int log_fd(void) {
    return logger.fd;
}

static int open_file(const char *path, struct error *err) {
    // O_NONBLOCK: a FIFO that nobody reads is an error, not a reason to wait for ever.
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (fd < 0)
        return error_set(err, "log.open", errno, "open log file %s", path);
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    logger.fd = fd;
    logger.target = TO_FILE;
    return 0;
}

static int open_journal(struct error *err) {
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
    cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(err, "log.open", errno, "connect to journald at %s", address.sun_path);
    logger.fd = fd_steal(&fd);
    logger.target = TO_JOURNALD;
    return 0;
}

int log_open(const char *target, bool json, enum log_level level, struct error *err) {
    fd_close(&logger.fd);
    logger.target = TO_STDERR;
    logger.level = level;
    logger.json = json;
    if (!target)
        return 0;
    const char *colon = strchr(target, ':');
    const char *ident = colon && colon[1] ? colon + 1 : "nook";
    if (str_starts(target, "syslog:")) {
        str_copy(logger.ident, sizeof(logger.ident), ident);
        openlog(logger.ident, LOG_PID, LOG_USER);
        logger.target = TO_SYSLOG;
        return 0;
    }
    if (str_starts(target, "journald:")) {
        str_copy(logger.ident, sizeof(logger.ident), ident);
        return open_journal(err);
    }
    return open_file(str_starts(target, "file:") ? target + 5 : target, err);
}

enum log_level log_level(void) {
    return logger.level;
}

// Makes one line of any text: control characters, which could also drive a terminal, become \n, \t or \xNN.
static void one_line(char *out, size_t size, const char *text) {
    size_t n = 0;
    for (; *text && n + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != 0x7f)
            out[n++] = *text;
        else if (c == '\n' || c == '\t')
            n += (size_t)snprintf(out + n, size - n, c == '\n' ? "\\n" : "\\t");
        else
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
    }
    out[n] = '\0';
}

static void to_stderr(const char *prefix, const char *text) {
    char line[4096];
    size_t n = str_copy(line, sizeof(line), "nook: ");
    n += str_copy(line + n, sizeof(line) - n, prefix);
    one_line(line + n, sizeof(line) - n - 1, text);
    n += strlen(line + n);
    line[n++] = '\n';
    (void)fd_write_all(STDERR_FILENO, line, n);
}

// Only members that say something are written.
static void optional(struct json *j, const char *name, const char *value) {
    if (value[0])
        json_string(j, name, value);
}

static void to_file(enum log_level level, const char *text, const struct error *err) {
    struct arena a = { 0 };
    struct json j;
    char now[CLOCK_TEXT_SIZE];

    clock_now_text(now);
    json_init(&j, &a, false);
    json_object(&j, NULL);
    json_string(&j, "level", levels[level].name);
    json_string(&j, "msg", text);
    json_string(&j, "time", now);
    if (err) {
        optional(&j, "code", err->code);
        optional(&j, "step", err->step);
        optional(&j, "origin", err->origin);
        optional(&j, "hint", err->hint);
    }
    json_object_end(&j);
    const char *line = arena_printf(&a, "%s\n", j.text);
    if (!logger.json) {
        struct json msg;
        json_init(&msg, &a, false);
        json_string(&msg, NULL, text);
        line = arena_printf(&a, "time=\"%s\" level=%s msg=%s\n", now, levels[level].name, msg.text);
    }
    (void)fd_write_all(logger.fd, line, strlen(line));
    arena_free(&a);
}

static void to_journald(enum log_level level, const char *text) {
    char line[4096], record[sizeof(line) + 128];
    one_line(line, sizeof(line), text);
    int n = snprintf(record, sizeof(record), "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n",
                     levels[level].syslog_priority, logger.ident, line);
    (void)fd_send(logger.fd, record, (size_t)n, NULL, 0);
}

static void to_target(enum log_level level, const char *text, const struct error *err) {
    switch (logger.target) {
    case TO_STDERR:
        break;
    case TO_FILE:
        to_file(level, text, err);
        break;
    case TO_SYSLOG:
        syslog(levels[level].syslog_priority, "%s", text);
        break;
    case TO_JOURNALD:
        to_journald(level, text);
        break;
    }
}

void log_message(enum log_level level, const char *fmt, ...) {
    int saved = errno;
    char text[3072];
    va_list ap;

    if (level > logger.level)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (logger.target == TO_STDERR) {
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "%s: ", levels[level].name);
        to_stderr(prefix, text);
    } else {
        to_target(level, text, NULL);
    }
    errno = saved;
}

void log_notice(const char *fmt, ...) {
    char text[3072];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    to_stderr("warning: ", text);
    to_target(LOG_LEVEL_WARNING, text, NULL);
}

void log_error(const struct error *err) {
    char text[3072];
    error_format(err, text, sizeof(text));
    to_stderr("", text);
    to_target(LOG_LEVEL_ERROR, text, err);
}
