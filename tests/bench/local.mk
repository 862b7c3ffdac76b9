# SPDX-License-Identifier: Apache-2.0
# The bench's own programs: static and without hardening or sanitizers, because they are the yardstick.
EXTRA_PROGRAMS += tests/bench/floor tests/bench/stopwatch
CLEANFILES += tests/bench/floor tests/bench/stopwatch bench.json bench.svg bench.md

tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_floor_CFLAGS = -std=gnu17 -O2 -Wall -Wextra
tests_bench_floor_LDFLAGS = -static
tests_bench_stopwatch_SOURCES = tests/bench/stopwatch.c
tests_bench_stopwatch_CFLAGS = -std=gnu17 -O2 -Wall -Wextra
tests_bench_stopwatch_LDFLAGS = -static

# ROUNDS=100 make bench
bench: nook$(EXEEXT) tests/bench/floor$(EXEEXT) tests/bench/stopwatch$(EXEEXT)
	$(PYTHON3) $(srcdir)/tests/bench/bench.py --nook ./nook --tools tests/bench --out .
.PHONY: bench
