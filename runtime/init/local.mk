# SPDX-License-Identifier: Apache-2.0
libnook_a_SOURCES += \
	runtime/init/init.c \
	runtime/init/init.h \
	runtime/init/message.c \
	runtime/init/message.h \
	runtime/init/namespaces.c \
	runtime/init/process.c \
	runtime/init/root.c \
	runtime/init/steps.h \
	runtime/init/trace.c \
	runtime/init/trace.h
