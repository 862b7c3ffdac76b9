# SPDX-License-Identifier: Apache-2.0
# Unit tests of launch and init.
LAUNCH_TESTS = \
	tests/unit/test_clone \
	tests/unit/test_hooks_state \
	tests/unit/test_message \
	tests/unit/test_pidfile \
	tests/unit/test_trace
check_PROGRAMS += $(LAUNCH_TESTS)
TESTS += $(LAUNCH_TESTS)
tests_unit_test_clone_SOURCES = tests/unit/test_clone.c
tests_unit_test_clone_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_hooks_state_SOURCES = tests/unit/test_hooks_state.c
tests_unit_test_hooks_state_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_pidfile_SOURCES = tests/unit/test_pidfile.c tests/unit/process_test.h
tests_unit_test_pidfile_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_trace_SOURCES = tests/unit/test_trace.c tests/unit/process_test.h
tests_unit_test_trace_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
