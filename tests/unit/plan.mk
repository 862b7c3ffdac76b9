# SPDX-License-Identifier: Apache-2.0
# Unit tests of plan.
PLAN_TESTS = tests/unit/test_plan tests/unit/test_plan_bare tests/unit/test_plan_chroot \
	tests/unit/test_plan_chroot_root tests/unit/test_plan_root
check_PROGRAMS += $(PLAN_TESTS)
TESTS += $(PLAN_TESTS)
tests_unit_test_plan_SOURCES = tests/unit/test_plan.c tests/unit/plan_test.h
tests_unit_test_plan_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plan_bare_SOURCES = tests/unit/test_plan_bare.c tests/unit/plan_test.h tests/unit/place_test.h
tests_unit_test_plan_bare_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plan_chroot_SOURCES = tests/unit/test_plan_chroot.c tests/unit/plan_test.h tests/unit/place_test.h
tests_unit_test_plan_chroot_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plan_chroot_root_SOURCES = tests/unit/test_plan_chroot_root.c tests/unit/plan_test.h tests/unit/place_test.h
tests_unit_test_plan_chroot_root_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_plan_root_SOURCES = tests/unit/test_plan_root.c tests/unit/plan_test.h
tests_unit_test_plan_root_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
