// SPDX-License-Identifier: Apache-2.0
// Names of capabilities: capabilities(7), linux/capability.h.
#ifndef NOOK_LIB_CAPNAME_H
#define NOOK_LIB_CAPNAME_H

// "CAP_KILL" for 5, or NULL.
const char *capname_of(unsigned number);

// The number for "CAP_KILL" (any case, with or without CAP_), or -1.
int capname_number(const char *name);

#endif
