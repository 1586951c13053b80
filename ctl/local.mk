# steelyardctl: a file a group of verbs.
sbin_PROGRAMS += steelyardctl
steelyardctl_SOURCES = ctl/main.c ctl/command.c ctl/command.h \
	ctl/ask.c ctl/ask.h ctl/check.c ctl/dns.c ctl/dnsbl.c ctl/facts.c ctl/files.c ctl/files.h \
	ctl/finding.c ctl/finding.h ctl/frames.c ctl/frames.h \
	ctl/greylist.c ctl/greylist.h ctl/greylist_advice.c \
	ctl/greylist_advice.h ctl/greylist_advise.c \
	ctl/greylist_ask.c ctl/greylist_edit.c \
	ctl/greylist_export.c ctl/greylist_import.c \
	ctl/greylist_import_foreign.c ctl/greylist_list.c \
	ctl/greylist_show.c ctl/greylist_stats.c ctl/greylist_words.c \
	ctl/jailed.c \
	ctl/jailed.h ctl/letter.c ctl/letter.h ctl/list.c ctl/mta.c ctl/mta.h \
	ctl/print.c ctl/print.h ctl/spf.c ctl/spf_walk.c \
	ctl/spf_walk.h ctl/status.c ctl/test.c ctl/trial.c \
	ctl/trial.h ctl/visit.c ctl/visit.h
steelyardctl_LDADD = filter/libcontrol.a filter/libsession.a \
	filter/libinspector.a filter/inspect/libinspect.a \
	rules/librules.a lists/liblists.a $(PCRE2_LIBS) $(JANSSON_LIBS) \
	$(INSPECT_LIBS) $(IDN2_LIBS) $(CARES_LIBS) $(STORE_LIBS) $(PSL_LIBS)
EXTRA_DIST += tests/test_ctl.py tests/test_ctl_dns.py tests/test_ctl_test.py \
	tests/test_ctl_spf.py tests/test_ctl_auth.py \
	tests/test_ctl_greylist.py tests/test_ctl_greylist_live.py \
	tests/test_ctl_greylist_move.py tests/test_ctl_greylist_pages.py \
	tests/messages

bashcompletiondir = $(datarootdir)/bash-completion/completions
dist_bashcompletion_DATA = dist/completions/steelyardctl
