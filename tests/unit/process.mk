# SPDX-License-Identifier: Apache-2.0
# Unit tests of runtime/process/.
PROCESS_TESTS = \
	tests/unit/test_capabilities \
	tests/unit/test_execve_explain \
	tests/unit/test_hook \
	tests/unit/test_labels \
	tests/unit/test_landlock \
	tests/unit/test_lookup \
	tests/unit/test_seccomp \
	tests/unit/test_terminal \
	tests/unit/test_user
check_PROGRAMS += $(PROCESS_TESTS)
TESTS += $(PROCESS_TESTS)
EXTRA_DIST += tests/unit/process_test.h
tests_unit_test_capabilities_SOURCES = tests/unit/test_capabilities.c
tests_unit_test_capabilities_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_execve_explain_SOURCES = tests/unit/test_execve_explain.c
tests_unit_test_execve_explain_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_hook_SOURCES = tests/unit/test_hook.c
tests_unit_test_hook_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_labels_SOURCES = tests/unit/test_labels.c
tests_unit_test_labels_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_landlock_SOURCES = tests/unit/test_landlock.c
tests_unit_test_landlock_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_lookup_SOURCES = tests/unit/test_lookup.c
tests_unit_test_lookup_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_seccomp_SOURCES = tests/unit/test_seccomp.c
tests_unit_test_seccomp_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_terminal_SOURCES = tests/unit/test_terminal.c
tests_unit_test_terminal_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_user_SOURCES = tests/unit/test_user.c
tests_unit_test_user_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
