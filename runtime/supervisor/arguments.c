// SPDX-License-Identifier: Apache-2.0
// A supervisor's command line: NAME LABEL ROLE PAYLOAD LISTEN LINK CHANNEL READY DIR
#include "config.h"

#include "runtime/supervisor/arguments.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/str.h"

enum { NUMBERS = 2, N_NUMBERS = ARGUMENTS - NUMBERS };

void arguments_format(const struct supervisor *s, struct arguments *out) {
    const int numbers[N_NUMBERS] = { s->role, s->payload, s->listen, s->link, s->channel, s->ready, s->dir };
    out->argv[0] = (char *)SUPERVISOR_NAME;
    out->argv[1] = (char *)(s->label ? s->label : "-");
    for (int i = 0; i < N_NUMBERS; i++) {
        snprintf(out->numbers[i], ARGUMENT_SIZE, "%d", numbers[i]);
        out->argv[NUMBERS + i] = out->numbers[i];
    }
    out->argv[ARGUMENTS] = NULL;
}

int arguments_parse(int argc, char **argv, struct supervisor *out) {
    int64_t n[N_NUMBERS];
    if (argc != ARGUMENTS)
        return -1;
    for (int i = 0; i < N_NUMBERS; i++)
        if (!str_to_i64(argv[NUMBERS + i], -1, INT_MAX, &n[i]))
            return -1;
    if (n[0] < 0 || n[0] > SUPERVISOR_MIRROR || n[1] <= 0)
        return -1;
    *out = (struct supervisor){
        .role = (enum supervisor_role)n[0],
        .payload = (pid_t)n[1],
        .image = -1,
        .listen = (int)n[2],
        .link = (int)n[3],
        .channel = (int)n[4],
        .ready = (int)n[5],
        .dir = (int)n[6],
    };
    return 0;
}
