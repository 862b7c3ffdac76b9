// SPDX-License-Identifier: Apache-2.0
// answers: how it is said, and the parts of what is said.
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>
#include <sys/stat.h>

// "key=value", the value escaped.
__attribute__((format(printf, 2, 3))) void say(const char *key, const char *format, ...);
// "a:b", good until the next but one call.
const char *key_of(const char *a, const char *b);
// The name of errno, or "ok".
const char *outcome(long ret);
const char *file_kind(mode_t mode);

void tell_attempts(void);           // answers_attempts.c
void tell_devices(const char *dir); // answers_paths.c
void tell_proc(void);
void tell_questions(const char *file);

#endif
