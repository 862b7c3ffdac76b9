# SPDX-License-Identifier: Apache-2.0
# Unit tests of host and cgroup. test_cgroup_live makes real cgroups when it may.
cgroup_tests = tests/unit/test_host tests/unit/test_cgroup_translate tests/unit/test_cgroup_devices \
	tests/unit/test_cgroup_live tests/unit/test_cgroup_signal tests/unit/test_place tests/unit/test_place_live tests/unit/test_place_remains
check_PROGRAMS += $(cgroup_tests)
TESTS += $(cgroup_tests)

tests_unit_test_host_SOURCES = tests/unit/test_host.c
tests_unit_test_host_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cgroup_translate_SOURCES = tests/unit/test_cgroup_translate.c tests/unit/cgroup_fixture.h
tests_unit_test_cgroup_translate_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cgroup_devices_SOURCES = tests/unit/test_cgroup_devices.c tests/unit/cgroup_fixture.h
tests_unit_test_cgroup_devices_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cgroup_live_SOURCES = tests/unit/test_cgroup_live.c tests/unit/cgroup_fixture.h
tests_unit_test_cgroup_live_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_cgroup_signal_SOURCES = tests/unit/test_cgroup_signal.c tests/unit/cgroup_fixture.h
tests_unit_test_cgroup_signal_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_place_SOURCES = tests/unit/test_place.c
tests_unit_test_place_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_place_live_SOURCES = tests/unit/test_place_live.c tests/unit/place_fixture.h
tests_unit_test_place_live_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_place_remains_SOURCES = tests/unit/test_place_remains.c tests/unit/place_fixture.h
tests_unit_test_place_remains_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
