# SPDX-License-Identifier: Apache-2.0
# Sources of runtime/rootfs/.
libnook_a_SOURCES += \
	runtime/rootfs/device.h \
	runtime/rootfs/mask.h \
	runtime/rootfs/mount.h \
	runtime/rootfs/resolve.h \
	runtime/rootfs/root.h \
	runtime/rootfs/rootfs.h
