// SPDX-License-Identifier: Apache-2.0
// Our environment, which other processes may be able to read in /proc/PID/environ. clearenv(3) leaves it
// there.
#ifndef NOOK_LIB_ENVIRONMENT_H
#define NOOK_LIB_ENVIRONMENT_H

// Overwrites it: there is none any more. For a child: makes no memory.
void environment_forget(void);

// Moves it out of sight: getenv(3) and `environ` find it as before, but what they gave before is empty now.
// 0, or -1 when there is no memory.
int environment_hide(void);

#endif
