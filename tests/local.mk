# The Python tests: SMTP conversations through a fake MTA, a real Postfix and a
# real Sendmail.  STEELYARD_MTAS=fake in the environment leaves the real ones
# out; they need root.
# CONFORMANCE=DIR names the cases of others, see tests/conformance/suites.py.
AM_TESTS_ENVIRONMENT = PYTHON3='$(PYTHON3)'; export PYTHON3; \
	CONFORMANCE='$(CONFORMANCE)'; export CONFORMANCE;
TESTS += tests/run-pytest
EXTRA_DIST += tests/run-pytest tests/conftest.py tests/lib tests/mta tests/dns \
	tests/redis tests/talks tests/conformance tests/fuzz/seeds/milter

# Folders are copied as they are, that of the build included: what was built, and
# Python's caches, are nobody's business.
dist-hook:
	find $(distdir) '(' -name __pycache__ -o -name .deps ')' -prune \
		-exec rm -rf {} +
	find $(distdir) '(' -name '*.o' -o -name '*.so' -o -name .dirstamp ')' \
		-exec rm -f {} +
	rm -f $(distdir)/tests/conformance/*_case$(EXEEXT)

# Where Debian's servers were unpacked, see tests/mta, tests/dns, tests/redis.
distclean-local:
	rm -rf mta dns redis

# What fault tests preload into a filter; see there.
check_PROGRAMS += tests/faults/scarce.so
tests_faults_scarce_so_SOURCES = tests/faults/scarce.c
tests_faults_scarce_so_CFLAGS = $(AM_CFLAGS) -fPIC
tests_faults_scarce_so_LDFLAGS = -shared -Wl,-z,relro

# The same way: time passes for the filter as a test likes.  Also for a filter
# that is built with sanitizers, and for programs that start it and are not.
check_PROGRAMS += tests/faults/clock.so
tests_faults_clock_so_SOURCES = tests/faults/clock.c
tests_faults_clock_so_CFLAGS = $(AM_CFLAGS) -fPIC -fno-sanitize=all
tests_faults_clock_so_LDFLAGS = -shared -Wl,-z,relro -fno-sanitize=all
EXTRA_DIST += tests/faults

# The fault tests with all their rounds, instead of a fiftieth; and a million
# triplets for the tool, and for a store that has hardly any room.
.PHONY: soak
soak: $(check_PROGRAMS) $(sbin_PROGRAMS) $(pkglibexec_PROGRAMS) $(bin_PROGRAMS)
	room=tests/unit/test_store_lmdb_room$(EXEEXT); \
		[ ! -x $$room ] || SOAK=1 $$room
	srcdir='$(srcdir)' PYTHON3='$(PYTHON3)' \
		SOAK=1 STEELYARD_PYTESTS='faults test_ctl_greylist_live.py' \
		$(srcdir)/tests/run-pytest
