// SPDX-License-Identifier: Apache-2.0
// The time of day as text.
#include "config.h"

#include "lib/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void clock_now_text(char out[CLOCK_TEXT_SIZE]) {
    struct timespec now = { 0 };
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    // UTC needs neither locale nor time zone files.
    if (!gmtime_r(&now.tv_sec, &tm))
        memset(&tm, 0, sizeof(tm));
    size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%09ldZ", now.tv_nsec);
}
