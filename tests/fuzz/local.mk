# A fuzz target is an ordinary program that replays its seeds in `make check`,
# or, with --enable-fuzzing, one that libFuzzer drives:
#   tests/fuzz/fuzz_list -max_total_time=60 CORPUS ../tests/fuzz/seeds/list
if FUZZING
fuzz_main =
else
fuzz_main = tests/fuzz/replay.c
endif
EXTRA_DIST += tests/fuzz/replay.c tests/fuzz/fuzz.h

check_PROGRAMS += tests/fuzz/fuzz_list
tests_fuzz_fuzz_list_SOURCES = tests/fuzz/fuzz_list.c $(fuzz_main)
tests_fuzz_fuzz_list_LDADD = lists/liblists.a
tests_fuzz_fuzz_list_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/list
if !FUZZING
TESTS += tests/fuzz/fuzz_list
endif

# Mailbox lists against a reference made of the RFC's grammar; header blocks cut
# anywhere against the same in one piece.
check_PROGRAMS += tests/fuzz/fuzz_address tests/fuzz/fuzz_header
tests_fuzz_fuzz_address_SOURCES = tests/fuzz/fuzz_address.c $(fuzz_main) \
	tests/fuzz/address_reference.c tests/fuzz/address_reference.h \
	tests/fuzz/abnf.c tests/fuzz/abnf.h
tests_fuzz_fuzz_address_LDADD = rules/librules.a $(IDN2_LIBS)
tests_fuzz_fuzz_address_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_header_SOURCES = tests/fuzz/fuzz_header.c $(fuzz_main)
tests_fuzz_fuzz_header_LDADD = rules/librules.a $(IDN2_LIBS)
tests_fuzz_fuzz_header_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/address tests/fuzz/seeds/header
if !FUZZING
TESTS += tests/fuzz/fuzz_address tests/fuzz/fuzz_header
endif

# Rule files, compiled and tried on a message.
check_PROGRAMS += tests/fuzz/fuzz_rules
tests_fuzz_fuzz_rules_SOURCES = tests/fuzz/fuzz_rules.c $(fuzz_main) \
	tests/fuzz/some_facts.c tests/fuzz/some_facts.h
tests_fuzz_fuzz_rules_LDADD = rules/librules.a lists/liblists.a $(PCRE2_LIBS)
tests_fuzz_fuzz_rules_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/rules.dict tests/fuzz/seeds/rules
if !FUZZING
TESTS += tests/fuzz/fuzz_rules
endif

# The control socket's requests.
check_PROGRAMS += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c \
	tests/unit/store_memory.c tests/unit/store_memory.h $(fuzz_main)
tests_fuzz_fuzz_control_LDADD = filter/libcontrol.a filter/libsession.a \
	rules/librules.a lists/liblists.a $(PCRE2_LIBS) $(JANSSON_LIBS) \
	$(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS)
tests_fuzz_fuzz_control_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/control
if !FUZZING
TESTS += tests/fuzz/fuzz_control
endif

# The channel between filter and inspector, both ends; a message as the
# inspector reads it.
check_PROGRAMS += tests/fuzz/fuzz_channel tests/fuzz/fuzz_message
tests_fuzz_fuzz_channel_SOURCES = tests/fuzz/fuzz_channel.c $(fuzz_main)
tests_fuzz_fuzz_channel_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(INSPECT_LIBS) $(IDN2_LIBS) \
	$(PSL_LIBS)
tests_fuzz_fuzz_channel_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c $(fuzz_main) \
	tests/fuzz/dice_dns.c tests/fuzz/dice_dns.h
tests_fuzz_fuzz_message_LDADD = $(tests_fuzz_fuzz_channel_LDADD)
tests_fuzz_fuzz_message_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/channel tests/fuzz/seeds/message
if !FUZZING
TESTS += tests/fuzz/fuzz_channel tests/fuzz/fuzz_message
endif

# What the filter guesses that will be asked.
check_PROGRAMS += tests/fuzz/fuzz_guess
tests_fuzz_fuzz_guess_SOURCES = tests/fuzz/fuzz_guess.c $(fuzz_main)
tests_fuzz_fuzz_guess_LDADD = filter/libinspector.a \
	$(tests_fuzz_fuzz_channel_LDADD)
tests_fuzz_fuzz_guess_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/guess
if !FUZZING
TESTS += tests/fuzz/fuzz_guess
endif

# An MTA that says anything, to a session whose inspector answers at once.
check_PROGRAMS += tests/fuzz/fuzz_milter
tests_fuzz_fuzz_milter_SOURCES = tests/fuzz/fuzz_milter.c $(fuzz_main) \
	tests/fuzz/instant_inspector.c tests/fuzz/instant_inspector.h
tests_fuzz_fuzz_milter_LDADD = filter/libsession.a \
	filter/inspect/libinspect.a rules/librules.a lists/liblists.a \
	$(PCRE2_LIBS) $(INSPECT_LIBS) $(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS)
tests_fuzz_fuzz_milter_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
if !FUZZING
TESTS += tests/fuzz/fuzz_milter
endif

# DNS: what servers say, and files that stand in for them.
check_PROGRAMS += tests/fuzz/fuzz_dns_answer tests/fuzz/fuzz_dns_zone
tests_fuzz_fuzz_dns_answer_SOURCES = tests/fuzz/fuzz_dns_answer.c $(fuzz_main)
tests_fuzz_fuzz_dns_answer_LDADD = lists/liblists.a
tests_fuzz_fuzz_dns_answer_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dns_zone_SOURCES = tests/fuzz/fuzz_dns_zone.c $(fuzz_main)
tests_fuzz_fuzz_dns_zone_LDADD = lists/liblists.a
tests_fuzz_fuzz_dns_zone_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/dns_answer tests/fuzz/seeds/dns_zone
if !FUZZING
TESTS += tests/fuzz/fuzz_dns_answer tests/fuzz/fuzz_dns_zone
endif

# Names that the reverse zones of strangers give.
check_PROGRAMS += tests/fuzz/fuzz_names
tests_fuzz_fuzz_names_SOURCES = tests/fuzz/fuzz_names.c $(fuzz_main) \
	filter/checks/dynamic.c
tests_fuzz_fuzz_names_LDADD = lists/liblists.a
tests_fuzz_fuzz_names_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/names
if !FUZZING
TESTS += tests/fuzz/fuzz_names
endif

# SPF records against a reader made of the RFC's ABNF; what is read, written and
# read again is the same.
check_PROGRAMS += tests/fuzz/fuzz_spf_record
tests_fuzz_fuzz_spf_record_SOURCES = tests/fuzz/fuzz_spf_record.c \
	tests/fuzz/spf_record_reference.c tests/fuzz/spf_record_reference.h \
	tests/fuzz/abnf.c tests/fuzz/abnf.h $(fuzz_main)
tests_fuzz_fuzz_spf_record_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a
tests_fuzz_fuzz_spf_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/spf_record.dict tests/fuzz/seeds/spf_record
if !FUZZING
TESTS += tests/fuzz/fuzz_spf_record
endif

# All of SPF, against a slow second reading.
check_PROGRAMS += tests/fuzz/fuzz_spf
tests_fuzz_fuzz_spf_SOURCES = tests/fuzz/fuzz_spf.c $(fuzz_main) \
	tests/fuzz/spf_reference.c tests/fuzz/spf_reference.h \
	ctl/spf_walk.c ctl/spf_walk.h
tests_fuzz_fuzz_spf_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(IDN2_LIBS)
tests_fuzz_fuzz_spf_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/spf.dict tests/fuzz/seeds/spf
if !FUZZING
TESTS += tests/fuzz/fuzz_spf
endif

# DMARC records against a reader made of the RFC's ABNF; printed, they say the
# same.  What follows from them, against a slow second reading of the RFC.
check_PROGRAMS += tests/fuzz/fuzz_dmarc_record tests/fuzz/fuzz_dmarc
tests_fuzz_fuzz_dmarc_record_SOURCES = tests/fuzz/fuzz_dmarc_record.c \
	tests/fuzz/dmarc_reference.c tests/fuzz/dmarc_reference.h \
	tests/fuzz/abnf.c tests/fuzz/abnf.h $(fuzz_main)
tests_fuzz_fuzz_dmarc_record_LDADD = filter/inspect/libinspect.a
tests_fuzz_fuzz_dmarc_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dmarc_SOURCES = tests/fuzz/fuzz_dmarc.c \
	tests/fuzz/dmarc_world.c tests/fuzz/dmarc_world.h \
	tests/fuzz/dmarc_reference.c tests/fuzz/dmarc_reference.h \
	tests/fuzz/abnf.c tests/fuzz/abnf.h $(fuzz_main)
tests_fuzz_fuzz_dmarc_LDADD = filter/inspect/libinspect.a
tests_fuzz_fuzz_dmarc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/dmarc_record.dict tests/fuzz/seeds/dmarc_record \
	tests/fuzz/seeds/dmarc
if !FUZZING
TESTS += tests/fuzz/fuzz_dmarc_record tests/fuzz/fuzz_dmarc
endif

# Who vouches for a message, in any world.
check_PROGRAMS += tests/fuzz/fuzz_vouch
tests_fuzz_fuzz_vouch_SOURCES = tests/fuzz/fuzz_vouch.c $(fuzz_main) \
	tests/fuzz/dice_dns.c tests/fuzz/dice_dns.h \
	tests/unit/signatures_double.c tests/unit/signatures_double.h
tests_fuzz_fuzz_vouch_LDADD = $(tests_fuzz_fuzz_channel_LDADD)
tests_fuzz_fuzz_vouch_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/vouch tests/fuzz/vouch.dict
if !FUZZING
TESTS += tests/fuzz/fuzz_vouch
endif

# Authentication-Results: ours are read back, those of strangers are read in as
# many ways as there are readers.
check_PROGRAMS += tests/fuzz/fuzz_authres
tests_fuzz_fuzz_authres_SOURCES = tests/fuzz/fuzz_authres.c $(fuzz_main) \
	tests/fuzz/authres_reader.c tests/fuzz/authres_reader.h \
	tests/fuzz/fields.c tests/fuzz/fields.h \
	filter/checks/authres.c filter/checks/authres_forged.c
tests_fuzz_fuzz_authres_LDADD = rules/librules.a lists/liblists.a $(IDN2_LIBS)
tests_fuzz_fuzz_authres_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/authres
if !FUZZING
TESTS += tests/fuzz/fuzz_authres
endif

# Received-SPF: ours are read back; those of strangers.
check_PROGRAMS += tests/fuzz/fuzz_received_spf
tests_fuzz_fuzz_received_spf_SOURCES = tests/fuzz/fuzz_received_spf.c \
	$(fuzz_main) tests/fuzz/fields.c tests/fuzz/fields.h \
	filter/checks/received_spf.c \
	filter/checks/authres.c filter/checks/authres_forged.c
tests_fuzz_fuzz_received_spf_LDADD = rules/librules.a lists/liblists.a \
	$(IDN2_LIBS)
tests_fuzz_fuzz_received_spf_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/received_spf
if !FUZZING
TESTS += tests/fuzz/fuzz_received_spf
endif

# DKIM: any record as a key; any body; any message through the guard and
# libopendkim.
check_PROGRAMS += tests/fuzz/fuzz_dkim_key tests/fuzz/fuzz_dkim_body \
	tests/fuzz/fuzz_dkim
tests_fuzz_fuzz_dkim_body_SOURCES = tests/fuzz/fuzz_dkim_body.c \
	tests/unit/slow_body.c tests/unit/slow_body.h $(fuzz_main)
tests_fuzz_fuzz_dkim_body_LDADD = filter/inspect/libinspect.a $(CRYPTO_LIBS)
tests_fuzz_fuzz_dkim_body_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dkim_key_SOURCES = tests/fuzz/fuzz_dkim_key.c $(fuzz_main)
tests_fuzz_fuzz_dkim_key_LDADD = filter/inspect/libinspect.a \
	rules/librules.a $(IDN2_LIBS)
tests_fuzz_fuzz_dkim_key_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dkim_SOURCES = tests/fuzz/fuzz_dkim.c $(fuzz_main)
tests_fuzz_fuzz_dkim_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(INSPECT_LIBS) $(IDN2_LIBS)
tests_fuzz_fuzz_dkim_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/dkim_key tests/fuzz/seeds/dkim_body \
	tests/fuzz/seeds/dkim
if !FUZZING
TESTS += tests/fuzz/fuzz_dkim_key tests/fuzz/fuzz_dkim_body \
	tests/fuzz/fuzz_dkim
endif

# Greylist: senders as they are known again; what a store may hold.
check_PROGRAMS += tests/fuzz/fuzz_sender_key tests/fuzz/fuzz_greylist_record
tests_fuzz_fuzz_sender_key_SOURCES = tests/fuzz/fuzz_sender_key.c $(fuzz_main)
tests_fuzz_fuzz_sender_key_LDADD = lists/liblists.a
tests_fuzz_fuzz_sender_key_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_greylist_record_SOURCES = tests/fuzz/fuzz_greylist_record.c \
	$(fuzz_main)
tests_fuzz_fuzz_greylist_record_LDADD = lists/liblists.a $(PSL_LIBS)
tests_fuzz_fuzz_greylist_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/sender_key tests/fuzz/seeds/greylist_record
if !FUZZING
TESTS += tests/fuzz/fuzz_sender_key tests/fuzz/fuzz_greylist_record
endif

# What other greylists have written.
check_PROGRAMS += tests/fuzz/fuzz_greylist_foreign
tests_fuzz_fuzz_greylist_foreign_SOURCES = \
	tests/fuzz/fuzz_greylist_foreign.c $(fuzz_main)
tests_fuzz_fuzz_greylist_foreign_LDADD = lists/liblists.a $(PSL_LIBS)
tests_fuzz_fuzz_greylist_foreign_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/greylist_foreign
if !FUZZING
TESTS += tests/fuzz/fuzz_greylist_foreign
endif

# Any bytes as a store's file.
check_PROGRAMS += tests/fuzz/fuzz_store_file
tests_fuzz_fuzz_store_file_SOURCES = tests/fuzz/fuzz_store_file.c $(fuzz_main)
tests_fuzz_fuzz_store_file_LDADD = lists/liblists.a $(STORE_LIBS) $(PSL_LIBS)
tests_fuzz_fuzz_store_file_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/store_file
if !FUZZING
TESTS += tests/fuzz/fuzz_store_file
endif

# What a Redis server says.
check_PROGRAMS += tests/fuzz/fuzz_redis_reply
tests_fuzz_fuzz_redis_reply_SOURCES = tests/fuzz/fuzz_redis_reply.c $(fuzz_main)
tests_fuzz_fuzz_redis_reply_LDADD = lists/liblists.a $(HIREDIS_LIBS)
tests_fuzz_fuzz_redis_reply_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/seeds/redis_reply
if !FUZZING
TESTS += tests/fuzz/fuzz_redis_reply
endif
