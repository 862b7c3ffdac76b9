# SPDX-License-Identifier: Apache-2.0
# Unit tests of lib/ and of cmd/'s parsers.
LIB_TESTS = tests/unit/test_lib tests/unit/test_json tests/unit/test_proc tests/unit/test_options tests/unit/test_signals
check_PROGRAMS += $(LIB_TESTS)
TESTS += $(LIB_TESTS)
tests_unit_test_lib_SOURCES = tests/unit/test_lib.c
tests_unit_test_lib_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_json_SOURCES = tests/unit/test_json.c
tests_unit_test_json_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_options_SOURCES = tests/unit/test_options.c
tests_unit_test_options_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_signals_SOURCES = tests/unit/test_signals.c
tests_unit_test_signals_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_proc_SOURCES = tests/unit/test_proc.c
tests_unit_test_proc_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
