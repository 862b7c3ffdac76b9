// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include "lib/environment.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The kernel lays the strings one after the other, in the order of the list.
static size_t size_in_place(void) {
    const char *end = environ[0];
    for (char **e = environ; *e; e++)
        if (*e == end)
            end += strlen(*e) + 1;
    return (size_t)(end - environ[0]);
}

void environment_forget(void) {
    if (!environ || !environ[0])
        return;
    memset(environ[0], 0, size_in_place());
    environ[0] = NULL;
}

int environment_hide(void) {
    size_t n = 0, size = 0;
    if (!environ || !environ[0])
        return 0;
    for (; environ[n]; n++)
        size += strlen(environ[n]) + 1;
    char **copy = malloc((n + 1) * sizeof(*copy) + size);
    if (!copy)
        return -1;
    char *at = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(environ[i]) + 1;
        copy[i] = memcpy(at, environ[i], length);
        at += length;
    }
    copy[n] = NULL;
    environment_forget();
    environ = copy;
    return 0;
}
