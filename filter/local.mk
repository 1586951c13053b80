# What the filter process and `steelyardctl test` have in common: a message's
# way from the MTA's words to the verdict, and the configuration it is judged by.
noinst_LIBRARIES += filter/libsession.a
filter_libsession_a_SOURCES = \
	filter/checks/asking.c filter/checks/asking.h \
	filter/checks/authres.c filter/checks/authres.h \
	filter/checks/authres_forged.c filter/checks/checks.h \
	filter/checks/client.c filter/checks/dnsbl.c filter/checks/dnsbl.h \
	filter/checks/dynamic.c filter/checks/helo.c filter/checks/helo_dns.c \
	filter/checks/manners.c filter/checks/rdns.c \
	filter/checks/received_spf.c filter/checks/received_spf.h \
	filter/checks/replay.c filter/checks/replay.h filter/checks/sender.c \
	filter/checks/sender_dns.c filter/checks/telling.h \
	filter/changes.c filter/clock.h filter/content.c filter/counters.c filter/counters.h \
	filter/enquiry.c filter/enquiry_spf.c filter/fault.c filter/fault.h \
	filter/generation.c filter/generation.h filter/generation_lists.c \
	filter/generation_parts.h filter/generation_password.c \
	filter/generation_print.c \
	filter/generation_resolver.c filter/grey.c \
	filter/greylist.c filter/greylist.h filter/greylist_store.c filter/log.c filter/log.h \
	filter/lookups.c filter/lookups.h filter/message.h \
	filter/phases.c filter/phases.h filter/ref.c filter/ref.h \
	filter/report.c filter/resolver.c filter/resolver.h filter/session.c \
	filter/spf_memory.c filter/spf_memory.h \
	filter/session.h filter/session_rcpt.c filter/settings.c filter/settings.h \
	filter/settings_read.c filter/settings_table.h \
	filter/speak.c filter/texts.c filter/texts.h filter/inspector.h

# The control socket; steelyardctl answers from files with the same verbs.
noinst_LIBRARIES += filter/libcontrol.a
filter_libcontrol_a_SOURCES = filter/control.c filter/control.h \
	filter/control_dns.c filter/control_dnsbl.c filter/control_greylist.c \
	filter/control_greylist.h filter/control_greylist_edit.c \
	filter/control_greylist_read.c filter/control_greylist_who.c \
	filter/control_list.c \
	filter/control_verbs.c filter/control_verbs.h filter/show.c \
	filter/show.h filter/show_dns.c filter/show_greylist.c

# The jailed reader, and the filter's side of it.
noinst_LIBRARIES += filter/inspect/libinspect.a filter/libinspector.a
filter_inspect_libinspect_a_SOURCES = \
	filter/inspect/answer.h filter/inspect/answer_give.c \
	filter/inspect/answer_take.c filter/inspect/body.c \
	filter/inspect/body.h filter/inspect/channel.c \
	filter/inspect/channel.h filter/inspect/channel_dns.c \
	filter/inspect/collect.c filter/inspect/collect.h \
	filter/inspect/cursor.h \
	filter/inspect/dmarc.c filter/inspect/dmarc.h \
	filter/inspect/dmarc_dns.c filter/inspect/dmarc_dns.h \
	filter/inspect/dmarc_print.c filter/inspect/dmarc_record.c \
	filter/inspect/dkim.c filter/inspect/dkim.h \
	filter/inspect/dkim_body.c filter/inspect/dkim_body.h \
	filter/inspect/dkim_facts.c filter/inspect/dkim_field.c \
	filter/inspect/dkim_field.h filter/inspect/dkim_key.c \
	filter/inspect/dkim_key.h filter/inspect/dkim_library.c \
	filter/inspect/dkim_open.c filter/inspect/dkim_private.h \
	filter/inspect/dkim_choose.c \
	filter/inspect/dkim_decode.c filter/inspect/dkim_decode.h \
	filter/inspect/dkim_tags.c filter/inspect/dkim_tags.h \
	filter/inspect/dmarc_record.h \
	filter/inspect/dmarc_uri.c filter/inspect/dns.h filter/inspect/spf.h \
	filter/inspect/span.h filter/inspect/jail.c \
	filter/inspect/jail.h filter/inspect/main.c filter/inspect/main.h \
	filter/inspect/message.c filter/inspect/message.h \
	filter/inspect/message_test.h filter/inspect/note.c \
	filter/inspect/note.h filter/inspect/serve.c filter/inspect/serve.h \
	filter/inspect/serve_dns.c filter/inspect/serve_dns.h \
	filter/inspect/spf.c filter/inspect/spf_ask.c \
	filter/inspect/spf_private.h filter/inspect/spf_terms.c \
	filter/inspect/spf_macro.c filter/inspect/spf_macro.h \
	filter/inspect/spf_record.c filter/inspect/spf_record.h \
	filter/inspect/vouch.c filter/inspect/vouch.h \
	filter/inspect/want.c filter/inspect/want.h
filter_libinspector_a_SOURCES = \
	filter/guess.c filter/guess.h \
	filter/inspector.c filter/inspector.h filter/inspector_dns.c \
	filter/inspector_io.c \
	filter/inspector_pool.c filter/inspector_pool.h \
	filter/inspector_read.c filter/inspector_send.c filter/poison.c \
	filter/poison.h

# Supervisor and filter: one program, main.c tells them apart.
sbin_PROGRAMS += steelyard
steelyard_sources = \
	filter/admission.c filter/admission.h filter/backoff.c \
	filter/backoff.h filter/child.c filter/child.h filter/current.c \
	filter/current.h filter/family.c \
	filter/family.h filter/holdings.c filter/holdings.h filter/inherit.c \
	filter/inherit.h filter/link.c filter/link.h filter/listen.c \
	filter/listen.h filter/listener.c filter/listener.h filter/lock.c \
	filter/lock.h filter/main.c filter/milter.c filter/milter.h \
	filter/milter_steps.c filter/milter_steps.h \
	filter/notify.c filter/notify.h filter/privileges.c \
	filter/privileges.h filter/remember.c filter/remember.h \
	filter/serve.c filter/serve.h \
	filter/supervisor.c filter/supervisor.h
steelyard_SOURCES = $(steelyard_sources)
steelyard_LDADD = filter/libcontrol.a filter/libsession.a \
	filter/libinspector.a filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(MILTER_LIBS) $(PCRE2_LIBS) \
	$(JANSSON_LIBS) $(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS)

# The inspector reads mail, with libraries that those two do not load.
# Who asks for the one is given both, as neither runs alone.
EXTRA_steelyard_DEPENDENCIES = steelyard-inspector$(EXEEXT)
pkglibexec_PROGRAMS += steelyard-inspector
steelyard_inspector_SOURCES = filter/inspect/program.c
steelyard_inspector_LDADD = filter/inspect/libinspect.a rules/librules.a \
	lists/liblists.a $(PCRE2_LIBS) $(INSPECT_LIBS) $(IDN2_LIBS)

# The same programs, but the reader obeys X-Test-Fault: for tests alone.  It is
# found by the folder in which both lie.
check_LIBRARIES = tests/libfaulty.a
tests_libfaulty_a_SOURCES = filter/inspect/message.c filter/inspect/serve.c \
	filter/inspect/dkim_library.c filter/inspect/message_test.c
tests_libfaulty_a_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_FAULTS
check_PROGRAMS += tests/steelyard-faulty tests/steelyard-inspector
tests_steelyard_faulty_SOURCES = $(steelyard_sources)
tests_steelyard_faulty_LDADD = $(steelyard_LDADD)
EXTRA_tests_steelyard_faulty_DEPENDENCIES = tests/steelyard-inspector$(EXEEXT)
tests_steelyard_inspector_SOURCES = $(steelyard_inspector_SOURCES)
tests_steelyard_inspector_LDADD = tests/libfaulty.a $(steelyard_inspector_LDADD)
# Asked for before libinspect.a has a chance; the others follow from it.
tests_steelyard_inspector_LDFLAGS = $(AM_LDFLAGS) -Wl,-u,serve_channel \
	-Wl,-u,library_finish
