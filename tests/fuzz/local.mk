# A fuzz target is an ordinary program that replays its seeds in `make check`,
# or, with --enable-fuzzing, one that libFuzzer drives:
#   tests/fuzz/fuzz_list -max_total_time=60 CORPUS ../tests/fuzz/seeds/list
if FUZZING
fuzz_main =
else
fuzz_main = tests/fuzz/replay.c
endif
EXTRA_DIST += tests/fuzz/replay.c

check_PROGRAMS += tests/fuzz/fuzz_list
tests_fuzz_fuzz_list_SOURCES = tests/fuzz/fuzz_list.c $(fuzz_main)
tests_fuzz_fuzz_list_LDADD = lists/liblists.a
tests_fuzz_fuzz_list_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/list
if !FUZZING
TESTS += tests/fuzz/fuzz_list
endif
