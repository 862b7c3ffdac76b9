# SPDX-License-Identifier: Apache-2.0
# Sources of lib/.
libnook_a_SOURCES += \
	lib/arena.c lib/arena.h \
	lib/capname.c lib/capname.h \
	lib/clock.c lib/clock.h \
	lib/environment.c lib/environment.h \
	lib/error.c lib/error.h \
	lib/fd.c lib/fd.h \
	lib/json.c lib/json.h \
	lib/log.c lib/log.h \
	lib/nsset.c lib/nsset.h \
	lib/pidfile.c lib/pidfile.h \
	lib/prefault.c lib/prefault.h \
	lib/proc.c lib/proc.h \
	lib/str.c lib/str.h \
	lib/sys.h
