# SPDX-License-Identifier: Apache-2.0
libnook_a_SOURCES += \
	runtime/supervisor/arguments.c \
	runtime/supervisor/arguments.h \
	runtime/supervisor/ask.c \
	runtime/supervisor/become.c \
	runtime/supervisor/clients.c \
	runtime/supervisor/clients.h \
	runtime/supervisor/protocol.h \
	runtime/supervisor/set.c \
	runtime/supervisor/set.h \
	runtime/supervisor/supervisor.c \
	runtime/supervisor/supervisor.h
