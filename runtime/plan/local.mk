# SPDX-License-Identifier: Apache-2.0
libnook_a_SOURCES += \
	runtime/plan/common.c \
	runtime/plan/container.c \
	runtime/plan/devices.c \
	runtime/plan/exec.c \
	runtime/plan/explain.c \
	runtime/plan/mounts.c \
	runtime/plan/namespaces.c \
	runtime/plan/oci.c \
	runtime/plan/plan.h \
	runtime/plan/planner.h
