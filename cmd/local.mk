# SPDX-License-Identifier: Apache-2.0
# Sources of cmd/. The option parser and the signal table are in the library, for their unit tests.
libnook_a_SOURCES += \
	cmd/options.c cmd/options.h \
	cmd/signals.c

nook_SOURCES += \
	cmd/check.c \
	cmd/command.c cmd/command.h \
	cmd/container.c cmd/container.h \
	cmd/create.c \
	cmd/delete.c \
	cmd/exec.c \
	cmd/explain.c \
	cmd/features.c \
	cmd/help.c cmd/help.h \
	cmd/isolation.c cmd/isolation.h \
	cmd/kill.c \
	cmd/list.c \
	cmd/main.c \
	cmd/run.c \
	cmd/spec.c \
	cmd/start.c \
	cmd/state.c
