# SPDX-License-Identifier: Apache-2.0
# Unit tests of runtime/rootfs/. They need root for their mount namespaces; without it they are skipped.
ROOTFS_TESTS = \
	tests/unit/test_rootfs_copyup \
	tests/unit/test_rootfs_device \
	tests/unit/test_rootfs_mount \
	tests/unit/test_rootfs_pivot \
	tests/unit/test_rootfs_resolve
check_PROGRAMS += $(ROOTFS_TESTS)
TESTS += $(ROOTFS_TESTS)
ROOTFS_TEST_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rootfs_copyup_SOURCES = tests/unit/test_rootfs_copyup.c tests/unit/rootfs_fixture.h
tests_unit_test_rootfs_copyup_LDADD = $(ROOTFS_TEST_LDADD)
tests_unit_test_rootfs_device_SOURCES = tests/unit/test_rootfs_device.c tests/unit/rootfs_fixture.h
tests_unit_test_rootfs_device_LDADD = $(ROOTFS_TEST_LDADD)
tests_unit_test_rootfs_mount_SOURCES = tests/unit/test_rootfs_mount.c tests/unit/rootfs_fixture.h
tests_unit_test_rootfs_mount_LDADD = $(ROOTFS_TEST_LDADD)
tests_unit_test_rootfs_pivot_SOURCES = tests/unit/test_rootfs_pivot.c tests/unit/rootfs_fixture.h
tests_unit_test_rootfs_pivot_LDADD = $(ROOTFS_TEST_LDADD)
tests_unit_test_rootfs_resolve_SOURCES = tests/unit/test_rootfs_resolve.c tests/unit/rootfs_fixture.h
tests_unit_test_rootfs_resolve_LDADD = $(ROOTFS_TEST_LDADD)
