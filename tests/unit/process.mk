# SPDX-License-Identifier: Apache-2.0
# Unit tests of runtime/process/.
PROCESS_TESTS = tests/unit/test_seccomp
check_PROGRAMS += $(PROCESS_TESTS)
TESTS += $(PROCESS_TESTS)
EXTRA_DIST += tests/unit/process_test.h
tests_unit_test_seccomp_SOURCES = tests/unit/test_seccomp.c
tests_unit_test_seccomp_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
