/*
 * client.c - who is at the other end, as far as the MTA says.
 */
#include "filter/checks/checks.h"

#include <string.h>

#include "filter/phases.h"
#include "filter/session.h"

/*
 * Both MTAs put something where they found no name: Postfix "unknown", both
 * the address in brackets.
 */
static bool is_name(const char *name)
{
	return name != NULL && name[0] != '\0' && name[0] != '[' &&
	       strcmp(name, "unknown") != 0;
}

static void text_fact(struct facts *facts, enum fact_id id, const char *text)
{
	facts_text(facts, id, text, strlen(text));
}

/* In the order of the fact's words; see facts.c. */
enum resolve {
	RESOLVE_OK,
	RESOLVE_FAIL,
	RESOLVE_TEMP,
	RESOLVE_FORGED,
	RESOLVE_UNSAID,
};

static enum resolve resolve_of(const char *word)
{
	static const char *const words[] = { "OK", "FAIL", "TEMP", "FORGED" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (word != NULL && strcmp(word, words[i]) == 0)
			return (enum resolve)i;
	return RESOLVE_UNSAID;
}

/*
 * What the MTA found when it looked up the client's address.  client.mta_name
 * is none only where the MTA found no name in the reverse zone.  It is unknown
 * where a look-up failed (TEMP), and also where there is a name that the MTA
 * did not confirm: Postfix says FORGED only where the name's addresses are
 * others, but Sendmail also where it could not look them up, so nothing proves
 * that the client has no name.  A rule against those can say so:
 * client.mta_resolve is forged.
 */
static void mta_names(const struct envelope *envelope, struct facts *facts)
{
	enum resolve resolve = resolve_of(envelope->client_mta_resolve);
	const char *name = envelope->client_mta_name;
	const char *ptr = envelope->client_mta_ptr;
	/* "unknown" in {client_ptr} may also be a look-up that failed */
	bool failed = resolve == RESOLVE_TEMP;
	bool lost = envelope->client_mta_resolve_lost;

	if (lost)
		facts_unknown(facts, FACT_CLIENT_MTA_RESOLVE, CAUSE_LIMIT);
	else if (resolve != RESOLVE_UNSAID)
		facts_word(facts, FACT_CLIENT_MTA_RESOLVE, (unsigned)resolve);
	else
		facts_none(facts, FACT_CLIENT_MTA_RESOLVE);

	if (is_name(ptr))
		text_fact(facts, FACT_CLIENT_MTA_PTR, ptr);
	else if (envelope->client_mta_ptr_lost || lost)
		facts_unknown(facts, FACT_CLIENT_MTA_PTR, CAUSE_LIMIT);
	else if (failed)
		facts_unknown(facts, FACT_CLIENT_MTA_PTR, CAUSE_FAILED);
	else
		facts_none(facts, FACT_CLIENT_MTA_PTR);

	if (failed || resolve == RESOLVE_FORGED)
		facts_unknown(facts, FACT_CLIENT_MTA_NAME, CAUSE_FAILED);
	else if (is_name(name))
		text_fact(facts, FACT_CLIENT_MTA_NAME, name);
	else if (envelope->client_mta_name_lost ||
		 envelope->client_mta_ptr_lost || lost)
		facts_unknown(facts, FACT_CLIENT_MTA_NAME, CAUSE_LIMIT);
	else if (is_name(ptr))
		facts_unknown(facts, FACT_CLIENT_MTA_NAME, CAUSE_FAILED);
	else
		facts_none(facts, FACT_CLIENT_MTA_NAME);
}

void check_client(const struct envelope *envelope, struct facts *facts)
{
	if (envelope->client_ip.family != 0) {
		facts_ip(facts, FACT_CLIENT_IP, &envelope->client_ip);
		facts_number(facts, FACT_CLIENT_PORT, envelope->client_port);
	} else {
		facts_none(facts, FACT_CLIENT_IP);
		facts_none(facts, FACT_CLIENT_PORT);
	}
	facts_bool(facts, FACT_CLIENT_IS_LOCAL,
		   envelope->client_is_local ||
			   ip_is_loopback(&envelope->client_ip));
	mta_names(envelope, facts);
	if (envelope->daemon_lost)
		facts_unknown(facts, FACT_MTA_DAEMON, CAUSE_LIMIT);
	else if (envelope->daemon != NULL)
		text_fact(facts, FACT_MTA_DAEMON, envelope->daemon);
	else
		facts_none(facts, FACT_MTA_DAEMON);
}
