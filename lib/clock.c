// SPDX-License-Identifier: Apache-2.0
// The time of day as text.
#include "config.h"

#include "lib/clock.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

void clock_now_text(char out[CLOCK_TEXT_SIZE]) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    // gmtime(3) reads /etc/localtime, even for UTC. The proleptic Gregorian calendar, in years that begin
    // with March, so that the leap day is the last: eras of 400 years have 146097 days, and month m of such a
    // year begins on day (153 m + 2) / 5.
    int64_t days = now.tv_sec / 86400, second = now.tv_sec % 86400;
    int64_t shifted = days + 719468, era = shifted / 146097, day = shifted % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    snprintf(out, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
             (unsigned)(year + era * 400 + (month >= 10)) % 10000,
             (unsigned)(month < 10 ? month + 3 : month - 9) % 100, (unsigned)of_month % 100,
             (unsigned)(second / 3600) % 100, (unsigned)(second / 60 % 60), (unsigned)(second % 60),
             (unsigned)now.tv_nsec % 1000000000U);
}
