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

void check_client(const struct envelope *envelope, struct facts *facts)
{
	const char *name = envelope->client_mta_name;

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
	if (envelope->client_mta_name_lost)
		facts_unknown(facts, FACT_CLIENT_MTA_NAME, CAUSE_LIMIT);
	else if (is_name(name))
		facts_text(facts, FACT_CLIENT_MTA_NAME, name, strlen(name));
	else
		facts_none(facts, FACT_CLIENT_MTA_NAME);
	if (envelope->daemon_lost)
		facts_unknown(facts, FACT_MTA_DAEMON, CAUSE_LIMIT);
	else if (envelope->daemon != NULL)
		facts_text(facts, FACT_MTA_DAEMON, envelope->daemon,
			   strlen(envelope->daemon));
	else
		facts_none(facts, FACT_MTA_DAEMON);
}
