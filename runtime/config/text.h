// SPDX-License-Identifier: Apache-2.0
// What yajl leaves unchecked in a JSON text: its size, strict UTF-8 (RFC 3629), and \u escapes that are
// halves of a surrogate pair (yajl would turn them into '?' in silence).
#ifndef NOOK_RUNTIME_CONFIG_TEXT_H
#define NOOK_RUNTIME_CONFIG_TEXT_H

#include <stddef.h>

#include "lib/error.h"

enum { CONFIG_MAX_SIZE = 16 << 20 }; // bytes of a config.json

// 0, or -1 with err set (code "config.invalid") and the place as line and column in the message.
int config_check_text(const char *text, size_t size, struct error *err);

// Line and column (both from 1, columns in bytes) of the byte at `offset`.
void config_position(const char *text, size_t size, size_t offset, size_t *line, size_t *column);

// yajl's description of a syntax error in plain words; itself when there are none.
const char *config_syntax_words(const char *yajl);

#endif
