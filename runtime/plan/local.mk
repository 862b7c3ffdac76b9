# SPDX-License-Identifier: Apache-2.0
libnook_a_SOURCES += \
	runtime/plan/adapt.c \
	runtime/plan/adapt.h \
	runtime/plan/adapt_namespaces.c \
	runtime/plan/bare.c \
	runtime/plan/chroot.c \
	runtime/plan/common.c \
	runtime/plan/container.c \
	runtime/plan/devices.c \
	runtime/plan/exec.c \
	runtime/plan/explain.c \
	runtime/plan/finding.c \
	runtime/plan/finding.h \
	runtime/plan/mounts.c \
	runtime/plan/namespaces.c \
	runtime/plan/needs.c \
	runtime/plan/needs.h \
	runtime/plan/oci.c \
	runtime/plan/plan.h \
	runtime/plan/planner.h
