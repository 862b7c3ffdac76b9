# SPDX-License-Identifier: Apache-2.0
# Sources of state/.
libnook_a_SOURCES += \
	state/dir.c \
	state/file.c \
	state/root.c \
	state/socket.c \
	state/state.h
