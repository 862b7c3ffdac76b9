// SPDX-License-Identifier: Apache-2.0
// Every spelling of a signal.
#include "config.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "cmd/command.h"
#include "lib/str.h"

// The kernel's numbers: those of glibc's SIGRTMIN leave out the two that it keeps for itself, and mean
// nothing to the program in the container, which may have another libc. What `kill -l` calls RTMIN is
// glibc's, and so is ours.
static const struct str_value names[] = {
    { "HUP", SIGHUP },
    { "INT", SIGINT },
    { "QUIT", SIGQUIT },
    { "ILL", SIGILL },
    { "TRAP", SIGTRAP },
    { "ABRT", SIGABRT },
    { "IOT", SIGIOT },
    { "BUS", SIGBUS },
    { "FPE", SIGFPE },
    { "KILL", SIGKILL },
    { "USR1", SIGUSR1 },
    { "SEGV", SIGSEGV },
    { "USR2", SIGUSR2 },
    { "PIPE", SIGPIPE },
    { "ALRM", SIGALRM },
    { "TERM", SIGTERM },
#ifdef SIGSTKFLT
    { "STKFLT", SIGSTKFLT },
#endif
    { "CHLD", SIGCHLD },
    { "CLD", SIGCHLD },
    { "CONT", SIGCONT },
    { "STOP", SIGSTOP },
    { "TSTP", SIGTSTP },
    { "TTIN", SIGTTIN },
    { "TTOU", SIGTTOU },
    { "URG", SIGURG },
    { "XCPU", SIGXCPU },
    { "XFSZ", SIGXFSZ },
    { "VTALRM", SIGVTALRM },
    { "PROF", SIGPROF },
    { "WINCH", SIGWINCH },
    { "IO", SIGIO },
    { "POLL", SIGPOLL },
    { "PWR", SIGPWR },
    { "SYS", SIGSYS },
    { "UNUSED", SIGSYS },
    { NULL, 0 },
};

// "" -> 0, "+3" -> 3, "-1" -> -1. False when it is none of these.
static bool parse_offset(const char *text, int *offset) {
    uint64_t n = 0;
    if (*text && (strchr("+-", *text) == NULL || !str_to_u64(text + 1, 64, &n)))
        return false;
    *offset = *text == '-' ? -(int)n : (int)n;
    return true;
}

// "RTMIN+n", "RTMAX-n", without SIG. The number, or -1.
static int parse_realtime(const char *name) {
    int offset = 0, base = 0;
    if (strncasecmp(name, "RTMIN", 5) == 0)
        base = SIGRTMIN;
    else if (strncasecmp(name, "RTMAX", 5) == 0)
        base = SIGRTMAX;
    else
        return -1;
    if (!parse_offset(name + 5, &offset) || base + offset < SIGRTMIN || base + offset > SIGRTMAX)
        return -1;
    return base + offset;
}

int signal_parse(const char *text, struct error *err) {
    uint64_t number = 0;
    if (str_to_u64(text, (uint64_t)SIGRTMAX, &number))
        return (int)number;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (const struct str_value *v = names; v->name; v++)
        if (strcasecmp(v->name, name) == 0)
            return (int)v->value;
    int n = parse_realtime(name);
    return n > 0 ? n : error_set(err, "usage", 0, "unknown signal \"%s\"", text);
}
