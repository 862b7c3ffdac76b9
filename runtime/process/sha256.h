// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for names in the seccomp cache.
#ifndef NOOK_RUNTIME_PROCESS_SHA256_H
#define NOOK_RUNTIME_PROCESS_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t total; // bytes
    uint8_t block[64];
    size_t used;
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t size);
// 64 hex digits and NUL.
void sha256_hex(struct sha256 *h, char out[65]);

#endif
