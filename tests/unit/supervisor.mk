# SPDX-License-Identifier: Apache-2.0
# Tests of runtime/supervisor/ and of runtime/launch/members.c: they execute nook itself, $NOOK or ./nook.
SUPERVISOR_TESTS = tests/unit/test_supervisor tests/unit/test_supervisor_exec tests/unit/test_members
check_PROGRAMS += $(SUPERVISOR_TESTS)
TESTS += $(SUPERVISOR_TESTS)
EXTRA_DIST += tests/unit/supervisor_test.h
tests_unit_test_supervisor_SOURCES = tests/unit/test_supervisor.c tests/unit/supervisor_test.h
tests_unit_test_supervisor_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_supervisor_exec_SOURCES = tests/unit/test_supervisor_exec.c tests/unit/supervisor_test.h
tests_unit_test_supervisor_exec_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_members_SOURCES = tests/unit/test_members.c tests/unit/supervisor_test.h
tests_unit_test_members_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
