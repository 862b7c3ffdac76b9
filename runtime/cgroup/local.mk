# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/cgroup/.
libnook_a_SOURCES += \
    runtime/cgroup/cgroup.h \
    runtime/cgroup/control.c \
    runtime/cgroup/device_bpf.c \
    runtime/cgroup/devices.c \
    runtime/cgroup/join.c \
    runtime/cgroup/limits.c \
    runtime/cgroup/make.c \
    runtime/cgroup/resources.c \
    runtime/cgroup/translate.c \
    runtime/cgroup/translate.h \
    runtime/cgroup/tree.c \
    runtime/cgroup/tree.h
