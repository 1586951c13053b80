# The benchmark: `make bench` builds what it needs and prints the tables.
# BENCHFLAGS go to tests/bench/run.
check_PROGRAMS += tests/bench/noop tests/bench/load tests/bench/nameserver

tests_bench_noop_SOURCES = tests/bench/noop.c
tests_bench_noop_LDADD = $(MILTER_LIBS)

tests_bench_load_SOURCES = tests/bench/load.c \
	tests/bench/talk.c tests/bench/talk.h \
	tests/bench/wire.c tests/bench/wire.h \
	tests/bench/letter.c tests/bench/letter.h \
	tests/bench/dial.c tests/bench/dial.h \
	tests/bench/sample.c tests/bench/sample.h

tests_bench_nameserver_SOURCES = tests/bench/nameserver.c

EXTRA_DIST += tests/bench/run tests/bench/large tests/bench/filters.py \
	tests/bench/processes.py \
	tests/bench/signed.py tests/bench/ten-headers.rules \
	tests/bench/dns.rules tests/bench/vouch.rules

# What the lists cost by themselves; `run` starts these after the rest.
EXTRA_PROGRAMS += tests/bench/bench_lists
tests_bench_bench_lists_SOURCES = tests/bench/bench_lists.c
tests_bench_bench_lists_LDADD = lists/liblists.a $(PCRE2_LIBS) $(IDN2_LIBS)

# What weighing costs by itself.
EXTRA_PROGRAMS += tests/bench/bench_rules
tests_bench_bench_rules_SOURCES = tests/bench/bench_rules.c
tests_bench_bench_rules_LDADD = rules/librules.a lists/liblists.a \
	$(PCRE2_LIBS) $(IDN2_LIBS)

# What an inspector costs a message, and weighs.
EXTRA_PROGRAMS += tests/bench/bench_inspector
tests_bench_bench_inspector_SOURCES = tests/bench/bench_inspector.c \
	tests/bench/jailed.c tests/bench/jailed.h
tests_bench_bench_inspector_LDADD = filter/libinspector.a \
	filter/libsession.a filter/inspect/libinspect.a rules/librules.a \
	lists/liblists.a $(INSPECT_LIBS) $(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS)

# What it costs to find out who vouches for a letter; `run` starts it.
EXTRA_PROGRAMS += tests/bench/bench_vouch
tests_bench_bench_vouch_SOURCES = tests/bench/bench_vouch.c \
	tests/bench/jailed.c tests/bench/jailed.h \
	tests/bench/letter.c tests/bench/letter.h \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_bench_bench_vouch_LDADD = $(tests_bench_bench_inspector_LDADD) \
	$(PCRE2_LIBS)

# What a DKIM signature costs; signing it wants libcrypto.
if HAVE_CMOCKA
EXTRA_PROGRAMS += tests/bench/bench_dkim
tests_bench_bench_dkim_SOURCES = tests/bench/bench_dkim.c \
	tests/unit/dkim_signer.c tests/unit/dkim_signer.h \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_bench_bench_dkim_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(INSPECT_LIBS) $(IDN2_LIBS) \
	$(CRYPTO_LIBS)
bench_dkim = tests/bench/bench_dkim$(EXEEXT)
endif

# What it costs to remember a greylist.
EXTRA_PROGRAMS += tests/bench/bench_store
tests_bench_bench_store_SOURCES = tests/bench/bench_store.c \
	tests/bench/bare_lmdb.c tests/bench/bare_lmdb.h \
	tests/bench/redis_server.c tests/bench/redis_server.h \
	tests/bench/store_load.c tests/bench/store_load.h
tests_bench_bench_store_LDADD = lists/liblists.a $(STORE_LIBS) $(PSL_LIBS)

bench_parts = tests/bench/bench_lists$(EXEEXT) tests/bench/bench_rules$(EXEEXT) \
	tests/bench/bench_store$(EXEEXT) \
	tests/bench/bench_inspector$(EXEEXT) tests/bench/bench_dns$(EXEEXT) \
	tests/bench/bench_spf$(EXEEXT) tests/bench/bench_vouch$(EXEEXT) \
	$(bench_dkim)

# What SPF costs.
EXTRA_PROGRAMS += tests/bench/bench_spf
tests_bench_bench_spf_SOURCES = tests/bench/bench_spf.c \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_bench_bench_spf_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(IDN2_LIBS)

# What a DNS question costs.
EXTRA_PROGRAMS += tests/bench/bench_dns
tests_bench_bench_dns_SOURCES = tests/bench/bench_dns.c
tests_bench_bench_dns_LDADD = lists/liblists.a $(CARES_LIBS) $(STORE_LIBS)

bench: tests/bench/noop$(EXEEXT) tests/bench/load$(EXEEXT) \
		tests/bench/nameserver$(EXEEXT) $(sbin_PROGRAMS) \
		$(pkglibexec_PROGRAMS) \
		$(bench_parts)
	$(AM_V_at)$(PYTHON3) $(srcdir)/tests/bench/run --build . \
		--flags "$(CC) $(SY_CFLAGS) $(CFLAGS) $(SY_LDFLAGS) $(LDFLAGS)" \
		$(BENCHFLAGS)

# Ten million triplets, and a flood; BENCHDIR=FOLDER says where, see there.
bench-large: tests/bench/bench_store$(EXEEXT)
	$(AM_V_at)BENCHDIR='$(BENCHDIR)' $(srcdir)/tests/bench/large \
		tests/bench/bench_store$(EXEEXT) $(BENCHFLAGS)
.PHONY: bench bench-large
