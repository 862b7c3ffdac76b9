# SPDX-License-Identifier: Apache-2.0
libnook_a_SOURCES += \
	runtime/launch/clone.c \
	runtime/launch/clone.h \
	runtime/launch/container.c \
	runtime/launch/delete.c \
	runtime/launch/exec.c \
	runtime/launch/hooks.c \
	runtime/launch/hooks.h \
	runtime/launch/kill.c \
	runtime/launch/launch.h \
	runtime/launch/members.c \
	runtime/launch/members.h \
	runtime/launch/monitor.c \
	runtime/launch/monitor.h \
	runtime/launch/notify.c \
	runtime/launch/notify.h \
	runtime/launch/process.c \
	runtime/launch/process.h \
	runtime/launch/recover.c \
	runtime/launch/recover.h \
	runtime/launch/procfs.c \
	runtime/launch/procfs.h \
	runtime/launch/selfexe.c \
	runtime/launch/selfexe.h \
	runtime/launch/start.c
