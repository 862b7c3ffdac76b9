# SPDX-License-Identifier: Apache-2.0
# Unit tests of config.
config_tests = tests/unit/test_config tests/unit/test_config_refused tests/unit/test_config_refused_linux \
	tests/unit/test_config_damaged tests/unit/test_mount_options
check_PROGRAMS += $(config_tests)
TESTS += $(config_tests)

tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/config_test.h
tests_unit_test_config_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_message

tests_unit_test_config_refused_SOURCES = tests/unit/test_config_refused.c tests/unit/config_test.h
tests_unit_test_config_refused_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_refused_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_message

tests_unit_test_config_refused_linux_SOURCES = tests/unit/test_config_refused_linux.c tests/unit/config_test.h
tests_unit_test_config_refused_linux_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_refused_linux_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_message

tests_unit_test_config_damaged_SOURCES = tests/unit/test_config_damaged.c tests/unit/config_test.h
tests_unit_test_config_damaged_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_config_damaged_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_message

tests_unit_test_mount_options_SOURCES = tests/unit/test_mount_options.c tests/unit/config_test.h
tests_unit_test_mount_options_LDADD = libnook.a $(NOOK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mount_options_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=log_message
