# What `make install` puts into the configuration's folder.  The shipped rules
# are replaced by an update; configuration and lists are the postmaster's, and
# are put there only if they are missing.
confdir = $(sysconfdir)/steelyard
defaultrulesdir = $(confdir)/rules/default
dist_defaultrules_DATA = rules/default/header.rules rules/default/helo.rules \
	rules/default/local.rules rules/default/sender.rules \
	rules/default/verdicts.rules

postmasters = dist/steelyard.conf lists/default/allow-networks.list \
	lists/default/allow-senders.list lists/default/deny-domains.list \
	lists/default/deny-helos.list lists/default/deny-networks.list \
	lists/default/deny-senders.list lists/default/our-names.list
EXTRA_DIST += $(postmasters)

install-data-local:
	@for file in $(postmasters); do \
		to=$(DESTDIR)$(confdir)/$${file#dist/}; \
		test -e "$$to" && continue; \
		$(MKDIR_P) "$$(dirname "$$to")" && \
		$(INSTALL_DATA) "$(srcdir)/$$file" "$$to" || exit 1; \
	done

# Only what nobody has changed.
uninstall-local:
	@for file in $(postmasters); do \
		to=$(DESTDIR)$(confdir)/$${file#dist/}; \
		cmp -s "$(srcdir)/$$file" "$$to" && rm -f "$$to"; \
	done; :
