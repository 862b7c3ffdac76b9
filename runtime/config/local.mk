# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/config/.
libnook_a_SOURCES += \
	runtime/config/check.c \
	runtime/config/check.h \
	runtime/config/check_linux.c \
	runtime/config/check_mounts.c \
	runtime/config/check_process.c \
	runtime/config/check_resources.c \
	runtime/config/check_seccomp.c \
	runtime/config/check_sysctl.c \
	runtime/config/member_set.c \
	runtime/config/member_set.h \
	runtime/config/mount_options.c \
	runtime/config/mount_options.h \
	runtime/config/parse.c \
	runtime/config/parse.h \
	runtime/config/quote.c \
	runtime/config/reader.c \
	runtime/config/reader.h \
	runtime/config/shapes.c \
	runtime/config/shapes.h \
	runtime/config/spec.h \
	runtime/config/text.c \
	runtime/config/text.h \
	runtime/config/unsupported.c \
	runtime/config/words.c \
	runtime/config/words.h
