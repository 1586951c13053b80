/* dmarc_dns.c - see dmarc_dns.h. */
#include "filter/inspect/dmarc_dns.h"

#include <stdio.h>
#include <string.h>

#include "filter/inspect/dns.h"

static enum dmarc_said said_by(const struct dns_answer *answer)
{
	switch (answer->status) {
	case DNS_FOUND: return DMARC_SAID_RECORDS;
	case DNS_NODATA: return DMARC_SAID_NO_DATA;
	case DNS_NXDOMAIN:
		return answer->cnames > 0 ? DMARC_SAID_NO_DATA
					  : DMARC_SAID_NO_NAME;
	default: return DMARC_SAID_NOTHING;
	}
}

static void answer_with(struct dmarc *dmarc, const struct dns_answer *said)
{
	struct dmarc_text texts[DNS_RECORDS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < said->count && count < DNS_RECORDS_MAX; i++)
		if (said->records[i].type == DNS_TXT)
			texts[count++] = (struct dmarc_text){
				.text = said->records[i].text,
				.len = said->records[i].text_len,
			};
	dmarc_answer(dmarc, said_by(said), texts, count);
}

void dmarc_resolve(struct dmarc *dmarc, struct inspect_dns *dns,
		   enum dns_status *failure)
{
	struct dmarc_question question;

	while (dmarc_question(dmarc, &question)) {
		const struct dns_answer *said =
			dns->ask(dns, question.name,
				 question.ask == DMARC_ASK_TXT ? DNS_TXT
							       : DNS_A);

		if (!dns_status_is_known(said->status))
			*failure = said->status;
		answer_with(dmarc, said);
	}
}

/* --- ahead of time ------------------------------------------------------ */

static void hint(const char *domain, struct inspect_dns *dns)
{
	char name[sizeof("_dmarc.") + DMARC_NAME_MAX];
	int len = snprintf(name, sizeof(name), "_dmarc.%s", domain);

	if (len > 0 && len <= DMARC_NAME_MAX)
		dns->hint(dns, name, DNS_TXT);
}

bool dmarc_is_below(const char *name, const char *top)
{
	size_t len = strlen(name), top_len = strlen(top);

	if (len < top_len || strcmp(name + len - top_len, top) != 0)
		return false;
	return len == top_len || name[len - top_len - 1] == '.';
}

/* By the list; without one a name is its own. */
static const char *organisation(const struct dmarc_settings *settings,
				const char *name)
{
	size_t len;
	const char *found = NULL;

	if (settings->organisation)
		found = settings->organisation(name, strlen(name), &len);
	return found ? found : name;
}

void dmarc_hint_author(const struct dmarc_settings *settings,
		       const char *author, struct inspect_dns *dns)
{
	const char *names[DMARC_WALK_MAX];
	size_t count;

	if (settings->discovery == DMARC_SUFFIX_LIST) {
		const char *top = organisation(settings, author);

		hint(author, dns);
		if (top != author)
			hint(top, dns);
		return;
	}
	count = dmarc_walk_names(author, names);
	for (size_t i = 0; i < count; i++)
		hint(names[i], dns);
}

void dmarc_hint_proven(const struct dmarc_settings *settings,
		       const char *author, const char *domain,
		       struct inspect_dns *dns, unsigned *left)
{
	const char *names[DMARC_WALK_MAX];
	size_t count;

	if (settings->discovery == DMARC_SUFFIX_LIST ||
	    !dmarc_is_below(domain, organisation(settings, author)))
		return;
	count = dmarc_walk_names(domain, names);
	/* from where both walks are one, the author's has been hinted at */
	for (size_t i = 0; i<count && * left> 0; i++) {
		if (dmarc_is_below(author, names[i]))
			break;
		hint(names[i], dns);
		--*left;
	}
}
