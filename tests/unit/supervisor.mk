# SPDX-License-Identifier: Apache-2.0
# Tests of runtime/supervisor/: they execute nook itself, $NOOK or ./nook.
SUPERVISOR_TESTS = tests/unit/test_supervisor
check_PROGRAMS += $(SUPERVISOR_TESTS)
TESTS += $(SUPERVISOR_TESTS)
EXTRA_DIST += tests/unit/supervisor_test.h
tests_unit_test_supervisor_SOURCES = tests/unit/test_supervisor.c tests/unit/supervisor_test.h
tests_unit_test_supervisor_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
