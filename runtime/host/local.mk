# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/host/.
libnook_a_SOURCES += \
    runtime/host/cgroups.c \
    runtime/host/host.c \
    runtime/host/host.h
