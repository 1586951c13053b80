# What an installation is configured by.  The folders lie to each other as in
# the source, so that rules/default/local.rules finds its lists in both.
shippedrulesdir = $(sysconfdir)/steelyard/rules/default
dist_shippedrules_DATA = rules/default/verdicts.rules rules/default/dnsbl.rules \
	rules/default/rdns.rules rules/default/helo.rules \
	rules/default/sender.rules rules/default/manners.rules \
	rules/default/authentication.rules \
	rules/default/header.rules rules/default/local.rules \
	rules/default/greylist.rules

# DNS lists that are asked only where a postmaster includes their file.
optionalrulesdir = $(sysconfdir)/steelyard/rules/optional
dist_optionalrules_DATA = rules/optional/abusix.rules \
	rules/optional/barracuda.rules rules/optional/hostkarma.rules \
	rules/optional/spameatingmonkey.rules \
	rules/optional/spamhaus-dqs.rules rules/optional/uceprotect.rules \
	rules/optional/validity.rules

shipped_lists = lists/default/allow-networks.list \
	lists/default/deny-networks.list lists/default/allow-senders.list \
	lists/default/deny-senders.list lists/default/deny-domains.list \
	lists/default/deny-helos.list lists/default/our-names.list \
	lists/default/forwarders.list lists/default/mailing-lists.list
EXTRA_DIST += dist/steelyard.conf $(shipped_lists) tests/test_shipped.py

# Settings and lists are the postmaster's: they are installed where there are
# none yet, and removed only where nobody has touched them.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/steelyard/lists/default"
	for file in steelyard.conf $(shipped_lists); do \
		to="$(DESTDIR)$(sysconfdir)/steelyard/$$file"; \
		test ! -e "$$to" || continue; \
		from="$(srcdir)/$$file"; \
		test -e "$$from" || from="$(srcdir)/dist/$$file"; \
		$(INSTALL_DATA) "$$from" "$$to" || exit 1; \
	done

uninstall-local:
	for file in steelyard.conf $(shipped_lists); do \
		to="$(DESTDIR)$(sysconfdir)/steelyard/$$file"; \
		from="$(srcdir)/$$file"; \
		test -e "$$from" || from="$(srcdir)/dist/$$file"; \
		if cmp -s "$$from" "$$to"; then rm -f "$$to"; fi; \
	done
	-cd "$(DESTDIR)$(sysconfdir)/steelyard" && \
		rmdir lists/default lists rules/default rules/optional \
		rules . 2>/dev/null
