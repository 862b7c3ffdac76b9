# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/rootfs/.
libnook_a_SOURCES += \
	runtime/rootfs/attach.c \
	runtime/rootfs/attached.c \
	runtime/rootfs/attr.c \
	runtime/rootfs/console.c \
	runtime/rootfs/copyup.c \
	runtime/rootfs/device.c runtime/rootfs/device.h \
	runtime/rootfs/entries.c \
	runtime/rootfs/internal.h \
	runtime/rootfs/mask.c runtime/rootfs/mask.h \
	runtime/rootfs/mount.c runtime/rootfs/mount.h \
	runtime/rootfs/mountinfo.c \
	runtime/rootfs/newfs.c \
	runtime/rootfs/pivot.c \
	runtime/rootfs/resolve.c runtime/rootfs/resolve.h \
	runtime/rootfs/root.c runtime/rootfs/root.h \
	runtime/rootfs/rootfs.c runtime/rootfs/rootfs.h \
	runtime/rootfs/source.c \
	runtime/rootfs/tree.c
