// SPDX-License-Identifier: Apache-2.0
// The time of day as text.
#ifndef NOOK_LIB_CLOCK_H
#define NOOK_LIB_CLOCK_H

#define CLOCK_TEXT_SIZE 36

// Writes the present time in UTC, RFC 3339 with nanoseconds: "2026-11-23T20:18:44.123456789Z".
void clock_now_text(char out[CLOCK_TEXT_SIZE]);

#endif
