# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/process/.
libnook_a_SOURCES += \
	runtime/process/attributes.c runtime/process/attributes.h \
	runtime/process/capabilities.c runtime/process/capabilities.h \
	runtime/process/execve_explain.c runtime/process/execve_explain.h \
	runtime/process/foreground.c runtime/process/foreground.h \
	runtime/process/hook.c runtime/process/hook.h \
	runtime/process/keyring.c runtime/process/keyring.h \
	runtime/process/landlock.c runtime/process/landlock.h \
	runtime/process/labels.c runtime/process/labels.h \
	runtime/process/landlock.c runtime/process/landlock.h \
	runtime/process/lookup.c runtime/process/lookup.h \
	runtime/process/rawid.h \
	runtime/process/rlimits.c runtime/process/rlimits.h \
	runtime/process/seccomp.c runtime/process/seccomp.h \
	runtime/process/seccomp_cache.c \
	runtime/process/seccomp_prelude.c runtime/process/seccomp_prelude.h \
	runtime/process/sha256.c runtime/process/sha256.h \
	runtime/process/stdio.c runtime/process/stdio.h \
	runtime/process/terminal.c runtime/process/terminal.h \
	runtime/process/user.c runtime/process/user.h
