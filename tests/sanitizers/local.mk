# SPDX-License-Identifier: Apache-2.0
# What sanitizer builds have besides.
if SANITIZERS
nook_SOURCES += tests/sanitizers/reports.c tests/sanitizers/reports.h

if HAVE_CMOCKA
check_PROGRAMS += tests/sanitizers/test_reports
TESTS += tests/sanitizers/test_reports
tests_sanitizers_test_reports_SOURCES = tests/sanitizers/test_reports.c tests/sanitizers/reports.c tests/sanitizers/reports.h
tests_sanitizers_test_reports_LDADD = $(CMOCKA_LIBS)
endif
endif
