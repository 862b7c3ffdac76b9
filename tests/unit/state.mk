# SPDX-License-Identifier: Apache-2.0
# Unit tests of state/.
check_PROGRAMS += tests/unit/test_state
TESTS += tests/unit/test_state
tests_unit_test_state_SOURCES = tests/unit/test_state.c
tests_unit_test_state_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
