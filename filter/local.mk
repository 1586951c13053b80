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

