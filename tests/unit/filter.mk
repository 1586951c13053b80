# Processes: what they say to each other and to the log, and where they listen.
if HAVE_CMOCKA
process_tests = tests/unit/test_log tests/unit/test_link \
	tests/unit/test_listen tests/unit/test_backoff
check_PROGRAMS += $(process_tests)
TESTS += $(process_tests)

tests_unit_test_log_SOURCES = tests/unit/test_log.c filter/log.c
tests_unit_test_log_LDADD = rules/librules.a $(CMOCKA_LIBS)

tests_unit_test_link_SOURCES = tests/unit/test_link.c filter/link.c
tests_unit_test_link_LDADD = $(CMOCKA_LIBS)

tests_unit_test_listen_SOURCES = tests/unit/test_listen.c filter/listen.c \
	filter/lock.c
tests_unit_test_listen_LDADD = $(CMOCKA_LIBS)

tests_unit_test_backoff_SOURCES = tests/unit/test_backoff.c filter/backoff.c
tests_unit_test_backoff_LDADD = $(CMOCKA_LIBS)
endif


# The session's side: configuration, references, the listener.
if HAVE_CMOCKA
session_tests = tests/unit/test_settings tests/unit/test_ref \
	tests/unit/test_listener tests/unit/test_generation \
	tests/unit/test_replay tests/unit/test_spf_memory \
	tests/unit/test_grey tests/unit/test_grey_later \
	tests/unit/test_greylist_store \
	tests/unit/test_resolver tests/unit/test_milter_steps
check_PROGRAMS += $(session_tests)
TESTS += $(session_tests)

session_test_libs = filter/libsession.a filter/libinspector.a \
	filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(PCRE2_LIBS) $(INSPECT_LIBS) \
	$(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_spf_memory_SOURCES = tests/unit/test_spf_memory.c
tests_unit_test_spf_memory_LDADD = $(session_test_libs)

tests_unit_test_replay_SOURCES = tests/unit/test_replay.c
tests_unit_test_replay_LDADD = $(session_test_libs)

grey_scene = tests/unit/grey_scene.c tests/unit/grey_scene.h \
	tests/fuzz/instant_inspector.c tests/fuzz/instant_inspector.h
grey_libs = filter/libsession.a filter/inspect/libinspect.a rules/librules.a \
	lists/liblists.a $(PCRE2_LIBS) $(INSPECT_LIBS) $(IDN2_LIBS) \
	$(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS) $(CMOCKA_LIBS)
tests_unit_test_grey_SOURCES = tests/unit/test_grey.c $(grey_scene)
tests_unit_test_grey_LDADD = $(grey_libs)

tests_unit_test_grey_later_SOURCES = tests/unit/test_grey_later.c $(grey_scene)
tests_unit_test_grey_later_LDADD = $(grey_libs)

tests_unit_test_greylist_store_SOURCES = tests/unit/test_greylist_store.c
tests_unit_test_greylist_store_LDADD = $(grey_libs)

tests_unit_test_settings_SOURCES = tests/unit/test_settings.c
tests_unit_test_settings_LDADD = $(session_test_libs)

tests_unit_test_ref_SOURCES = tests/unit/test_ref.c
tests_unit_test_ref_LDADD = $(session_test_libs)

tests_unit_test_listener_SOURCES = tests/unit/test_listener.c filter/listener.c
tests_unit_test_listener_LDADD = $(CMOCKA_LIBS)

tests_unit_test_generation_SOURCES = tests/unit/test_generation.c
tests_unit_test_generation_LDADD = $(session_test_libs)

tests_unit_test_resolver_SOURCES = tests/unit/test_resolver.c
tests_unit_test_resolver_LDADD = $(session_test_libs)

# It brings libmilter's part itself.
tests_unit_test_milter_steps_SOURCES = tests/unit/test_milter_steps.c \
	filter/milter_steps.c
tests_unit_test_milter_steps_LDADD = $(session_test_libs)
endif

# The control socket.
if HAVE_CMOCKA
control_tests = tests/unit/test_control tests/unit/test_control_verbs \
	tests/unit/test_control_dns tests/unit/test_control_greylist \
	tests/unit/test_control_greylist_edit
check_PROGRAMS += $(control_tests)
TESTS += $(control_tests)

control_filter = tests/unit/control_filter.c tests/unit/control_filter.h
control_test_libs = filter/libcontrol.a filter/libsession.a \
	rules/librules.a lists/liblists.a $(PCRE2_LIBS) $(JANSSON_LIBS) \
	$(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_control_SOURCES = tests/unit/test_control.c $(control_filter)
tests_unit_test_control_LDADD = $(control_test_libs)

tests_unit_test_control_verbs_SOURCES = tests/unit/test_control_verbs.c \
	$(control_filter)
tests_unit_test_control_verbs_LDADD = $(control_test_libs)

tests_unit_test_control_dns_SOURCES = tests/unit/test_control_dns.c \
	$(control_filter)
tests_unit_test_control_dns_LDADD = $(control_test_libs)

grey_asked = tests/unit/grey_asked.c tests/unit/grey_asked.h \
	tests/unit/store_memory.c tests/unit/store_memory.h
tests_unit_test_control_greylist_SOURCES = \
	tests/unit/test_control_greylist.c $(grey_asked)
tests_unit_test_control_greylist_LDADD = $(control_test_libs)
tests_unit_test_control_greylist_edit_SOURCES = \
	tests/unit/test_control_greylist_edit.c $(grey_asked)
tests_unit_test_control_greylist_edit_LDADD = $(control_test_libs)
endif

# The jailed reader, and the filter's side of it.
if HAVE_CMOCKA
inspect_tests = tests/unit/test_answer tests/unit/test_channel \
	tests/unit/test_message \
	tests/unit/test_jail tests/unit/test_poison \
	tests/unit/test_inspector tests/unit/test_inspector_dns \
	tests/unit/test_inspector_envelope tests/unit/test_inspector_faults \
	tests/unit/test_inspector_lies tests/unit/test_serve_dns \
	tests/unit/test_guess
check_PROGRAMS += $(inspect_tests)
TESTS += $(inspect_tests)
inspect_libs = filter/libinspector.a filter/libsession.a \
	filter/inspect/libinspect.a rules/librules.a lists/liblists.a \
	$(INSPECT_LIBS) $(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_answer_SOURCES = tests/unit/test_answer.c
tests_unit_test_answer_LDADD = $(inspect_libs)

tests_unit_test_channel_SOURCES = tests/unit/test_channel.c
tests_unit_test_channel_LDADD = $(inspect_libs)

tests_unit_test_message_SOURCES = tests/unit/test_message.c \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_unit_test_message_LDADD = $(inspect_libs)

tests_unit_test_jail_SOURCES = tests/unit/test_jail.c
tests_unit_test_jail_LDADD = $(inspect_libs)

tests_unit_test_poison_SOURCES = tests/unit/test_poison.c
tests_unit_test_poison_LDADD = $(inspect_libs)

inspectors = tests/unit/inspectors.c tests/unit/inspectors.h \
	tests/unit/inspections.c tests/unit/inspections.h
tests_unit_test_inspector_SOURCES = tests/unit/test_inspector.c $(inspectors)
tests_unit_test_inspector_LDADD = tests/libfaulty.a $(inspect_libs)
tests_unit_test_inspector_faults_SOURCES = \
	tests/unit/test_inspector_faults.c $(inspectors)
tests_unit_test_inspector_faults_LDADD = tests/libfaulty.a $(inspect_libs)
tests_unit_test_inspector_envelope_SOURCES = \
	tests/unit/test_inspector_envelope.c $(inspectors)
tests_unit_test_inspector_envelope_LDADD = tests/libfaulty.a $(inspect_libs)
scene = tests/unit/scene.c tests/unit/scene.h $(inspectors)
tests_unit_test_inspector_dns_SOURCES = tests/unit/test_inspector_dns.c $(scene)
tests_unit_test_inspector_dns_LDADD = $(inspect_libs)
tests_unit_test_inspector_lies_SOURCES = tests/unit/test_inspector_lies.c \
	$(scene)
tests_unit_test_inspector_lies_LDADD = $(inspect_libs)

tests_unit_test_guess_SOURCES = tests/unit/test_guess.c
tests_unit_test_guess_LDADD = $(inspect_libs)

tests_unit_test_serve_dns_SOURCES = tests/unit/test_serve_dns.c
tests_unit_test_serve_dns_LDADD = $(inspect_libs)
endif

# Checks that ask DNS, in a world made of a zone's text; those that ask nobody.
if HAVE_CMOCKA
asking_tests = tests/unit/test_rdns tests/unit/test_dynamic \
	tests/unit/test_helo_dns tests/unit/test_sender_dns \
	tests/unit/test_checks
check_PROGRAMS += $(asking_tests)
TESTS += $(asking_tests)
dns_world = tests/unit/dns_world.c tests/unit/dns_world.h \
	filter/checks/asking.c
asking_libs = rules/librules.a lists/liblists.a $(CARES_LIBS) $(STORE_LIBS) $(IDN2_LIBS) \
	$(CMOCKA_LIBS)

tests_unit_test_rdns_SOURCES = tests/unit/test_rdns.c $(dns_world) \
	filter/checks/rdns.c filter/checks/dynamic.c
tests_unit_test_rdns_LDADD = $(asking_libs)

tests_unit_test_dynamic_SOURCES = tests/unit/test_dynamic.c \
	filter/checks/dynamic.c
tests_unit_test_dynamic_LDADD = lists/liblists.a $(CMOCKA_LIBS)

tests_unit_test_helo_dns_SOURCES = tests/unit/test_helo_dns.c $(dns_world) \
	filter/checks/helo_dns.c
tests_unit_test_helo_dns_LDADD = $(asking_libs)

tests_unit_test_sender_dns_SOURCES = tests/unit/test_sender_dns.c \
	$(dns_world) filter/checks/sender_dns.c
tests_unit_test_sender_dns_LDADD = $(asking_libs)

tests_unit_test_checks_SOURCES = tests/unit/test_checks.c \
	tests/unit/dns_world.c tests/unit/dns_world.h \
	filter/checks/client.c filter/checks/helo.c
tests_unit_test_checks_LDADD = $(asking_libs)
endif

# What domains publish about their mail, and what is made of it.
if HAVE_CMOCKA
spf_tests = tests/unit/test_spf_macro tests/unit/test_spf_record \
	tests/unit/test_spf_choose tests/unit/test_spf
check_PROGRAMS += $(spf_tests)
TESTS += $(spf_tests)
spf_libs = filter/inspect/libinspect.a rules/librules.a lists/liblists.a \
	$(CMOCKA_LIBS)

tests_unit_test_spf_macro_SOURCES = tests/unit/test_spf_macro.c
tests_unit_test_spf_macro_LDADD = $(spf_libs)

tests_unit_test_spf_record_SOURCES = tests/unit/test_spf_record.c
tests_unit_test_spf_record_LDADD = $(spf_libs)

tests_unit_test_spf_choose_SOURCES = tests/unit/test_spf_choose.c
tests_unit_test_spf_choose_LDADD = $(spf_libs)

tests_unit_test_spf_SOURCES = tests/unit/test_spf.c \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h \
	tests/unit/spf_claims.c tests/unit/spf_claims.h
tests_unit_test_spf_LDADD = $(spf_libs) $(IDN2_LIBS)
endif

# DMARC: records, and what follows from them.
if HAVE_CMOCKA
dmarc_tests = tests/unit/test_dmarc_record tests/unit/test_dmarc
check_PROGRAMS += $(dmarc_tests)
TESTS += $(dmarc_tests)
dmarc_libs = filter/inspect/libinspect.a lists/liblists.a $(PSL_LIBS) \
	$(INSPECT_LIBS) $(CMOCKA_LIBS)

tests_unit_test_dmarc_record_SOURCES = tests/unit/test_dmarc_record.c
tests_unit_test_dmarc_record_LDADD = $(dmarc_libs)

tests_unit_test_dmarc_SOURCES = tests/unit/test_dmarc.c \
	tests/unit/dmarc_claims.c tests/unit/dmarc_claims.h \
	tests/unit/dmarc_claims_list.c
tests_unit_test_dmarc_LDADD = $(dmarc_libs)
endif

# DKIM: fields and keys, and what becomes of signatures.
if HAVE_CMOCKA
dkim_tests = tests/unit/test_dkim tests/unit/test_dkim_several \
	tests/unit/test_dkim_facts \
	tests/unit/test_dkim_memory tests/unit/test_dkim_key \
	tests/unit/test_dkim_field \
	tests/unit/test_dkim_body tests/unit/test_dkim_decode
check_PROGRAMS += $(dkim_tests)
TESTS += $(dkim_tests)
dkim_libs = filter/inspect/libinspect.a rules/librules.a lists/liblists.a \
	$(INSPECT_LIBS) $(IDN2_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

dkim_bench = tests/unit/dkim_bench.c tests/unit/dkim_bench.h \
	tests/unit/dkim_signer.c tests/unit/dkim_signer.h \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h

tests_unit_test_dkim_SOURCES = tests/unit/test_dkim.c $(dkim_bench)
tests_unit_test_dkim_LDADD = $(dkim_libs)

tests_unit_test_dkim_several_SOURCES = tests/unit/test_dkim_several.c \
	$(dkim_bench)
tests_unit_test_dkim_several_LDADD = $(dkim_libs)

tests_unit_test_dkim_facts_SOURCES = tests/unit/test_dkim_facts.c \
	$(dkim_bench)
tests_unit_test_dkim_facts_LDADD = $(dkim_libs)

tests_unit_test_dkim_memory_SOURCES = tests/unit/test_dkim_memory.c \
	$(dkim_bench)
tests_unit_test_dkim_memory_LDADD = $(dkim_libs)

tests_unit_test_dkim_key_SOURCES = tests/unit/test_dkim_key.c
tests_unit_test_dkim_key_LDADD = $(dkim_libs)

tests_unit_test_dkim_field_SOURCES = tests/unit/test_dkim_field.c
tests_unit_test_dkim_field_LDADD = $(dkim_libs)

tests_unit_test_dkim_body_SOURCES = tests/unit/test_dkim_body.c \
	tests/unit/slow_body.c tests/unit/slow_body.h
tests_unit_test_dkim_body_LDADD = $(dkim_libs)

tests_unit_test_dkim_decode_SOURCES = tests/unit/test_dkim_decode.c
tests_unit_test_dkim_decode_LDADD = $(dkim_libs)
endif

# For tests/conformance: what evaluates, without the filter around it.  With the
# filter, and nothing but the cases: make conformance CONFORMANCE=DIR
conformance_programs = tests/conformance/dmarc_case \
	tests/conformance/spf_case tests/conformance/dkim_case
check_PROGRAMS += $(conformance_programs)
tests_conformance_dmarc_case_SOURCES = tests/conformance/dmarc_case.c
tests_conformance_dmarc_case_LDADD = filter/inspect/libinspect.a \
	lists/liblists.a $(PSL_LIBS)
tests_conformance_spf_case_SOURCES = tests/conformance/spf_case.c \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_conformance_spf_case_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(IDN2_LIBS)
tests_conformance_dkim_case_SOURCES = tests/conformance/dkim_case.c \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_conformance_dkim_case_LDADD = filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(INSPECT_LIBS) $(IDN2_LIBS)
.PHONY: conformance
conformance: $(conformance_programs) $(sbin_PROGRAMS) $(pkglibexec_PROGRAMS) \
		$(bin_PROGRAMS)
	srcdir='$(srcdir)' PYTHON3='$(PYTHON3)' CONFORMANCE='$(CONFORMANCE)' \
		STEELYARD_MTAS=fake $(srcdir)/tests/run-pytest \
		$(srcdir)/tests/conformance

# Who vouches for a message.  In place of libopendkim stands what says of
# itself how it went.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_vouch
TESTS += tests/unit/test_vouch
tests_unit_test_vouch_SOURCES = tests/unit/test_vouch.c \
	tests/unit/vouch_bench.c tests/unit/vouch_bench.h \
	tests/unit/vouch_claims.c tests/unit/vouch_claims.h \
	tests/unit/signatures_double.c tests/unit/signatures_double.h \
	tests/unit/inspect_zone.c tests/unit/inspect_zone.h
tests_unit_test_vouch_LDADD = $(inspect_libs) $(CARES_LIBS) $(STORE_LIBS)
endif

# Authentication-Results: ours, and what is forged.
if HAVE_CMOCKA
authres_tests = tests/unit/test_authres tests/unit/test_authres_forged \
	tests/unit/test_received_spf tests/unit/test_changes
check_PROGRAMS += $(authres_tests)
TESTS += $(authres_tests)
authres_sources = filter/checks/authres.c filter/checks/authres_forged.c
telling_bench = tests/unit/telling_bench.c tests/unit/telling_bench.h
authres_libs = rules/librules.a lists/liblists.a $(IDN2_LIBS) $(CMOCKA_LIBS)

tests_unit_test_authres_SOURCES = tests/unit/test_authres.c \
	$(telling_bench) $(authres_sources)
tests_unit_test_authres_LDADD = $(authres_libs)

tests_unit_test_authres_forged_SOURCES = tests/unit/test_authres_forged.c \
	$(authres_sources)
tests_unit_test_authres_forged_LDADD = $(authres_libs)

tests_unit_test_received_spf_SOURCES = tests/unit/test_received_spf.c \
	$(telling_bench) filter/checks/received_spf.c $(authres_sources)
tests_unit_test_received_spf_LDADD = $(authres_libs)

tests_unit_test_changes_SOURCES = tests/unit/test_changes.c filter/changes.c \
	filter/checks/received_spf.c $(authres_sources)
tests_unit_test_changes_LDADD = $(authres_libs)
endif
