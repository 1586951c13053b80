/*
 * manners.c - how the client has behaved on this connection until MAIL.
 */
#include "filter/checks/checks.h"

#include "filter/phases.h"

void check_manners(const struct envelope *envelope, struct facts *facts)
{
	const struct manners *manners = &envelope->manners;

	facts_number(facts, FACT_CLIENT_TRANSACTIONS, manners->transactions);
	facts_number(facts, FACT_CLIENT_RESETS, manners->resets);
	facts_number(facts, FACT_CLIENT_UNKNOWN_COMMANDS,
		     manners->unknown_commands);
	facts_number(facts, FACT_CLIENT_REFUSED_RCPTS, manners->refused_rcpts);
}
