// SPDX-License-Identifier: Apache-2.0
// Where a sanitizer's reports go besides stderr; see reports.c.
#pragma once

#include <stdint.h>

#define SANITIZER_REPORTS "/tmp/nook-sanitizer-reports"

// The file's layout. tests/integration/sanitizers.py knows it too.
struct sanitizer_reports {
    uint64_t used;      // bytes of text that were reported, those that had no room too
    uint64_t processes; // programs that have mapped the file
    char text[];
};
