# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/host/.
libnook_a_SOURCES += \
    runtime/host/cgroups.c \
    runtime/host/host.c \
    runtime/host/host.h \
    runtime/host/place.c \
    runtime/host/place.h \
    runtime/host/place_cause.c \
    runtime/host/place_maps.c \
    runtime/host/place_try.c \
    runtime/host/place_try.h
