# What the filter process and `steelyardctl test` have in common: a message's
# way from the MTA's words to the verdict, and the configuration it is judged by.
noinst_LIBRARIES += filter/libsession.a
filter_libsession_a_SOURCES = \
	filter/checks/checks.h filter/checks/client.c filter/checks/helo.c \
	filter/checks/sender.c \
	filter/content.c filter/counters.c filter/counters.h filter/fault.c \
	filter/fault.h filter/generation.c filter/generation.h \
	filter/generation_lists.c filter/generation_parts.h \
	filter/generation_print.c filter/log.c filter/log.h filter/message.h \
	filter/phases.c filter/phases.h filter/ref.c filter/ref.h \
	filter/report.c filter/session.c filter/session.h filter/settings.c \
	filter/settings.h filter/settings_read.c filter/settings_table.h \
	filter/speak.c filter/texts.c filter/texts.h filter/inspector.h

# The program: one binary, three kinds of process (main.c tells them apart).
sbin_PROGRAMS += steelyard
steelyard_sources = \
	filter/admission.c filter/admission.h filter/backoff.c \
	filter/backoff.h filter/child.c filter/child.h filter/family.c \
	filter/family.h filter/holdings.c filter/holdings.h filter/inherit.c \
	filter/inherit.h filter/link.c filter/link.h filter/listen.c \
	filter/listen.h filter/listener.c filter/listener.h filter/lock.c \
	filter/lock.h filter/main.c filter/milter.c filter/milter.h \
	filter/notify.c filter/notify.h filter/privileges.c \
	filter/privileges.h filter/serve.c filter/serve.h \
	filter/supervisor.c filter/supervisor.h
steelyard_SOURCES = $(steelyard_sources)
steelyard_LDADD = filter/libsession.a filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(MILTER_LIBS) $(PCRE2_LIBS) \
	$(JANSSON_LIBS) $(SECCOMP_LIBS) $(IDN2_LIBS)

