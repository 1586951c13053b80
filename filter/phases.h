/*
 * phases.h - which checks run when; what the MTA need not tell or await.
 */
#ifndef STEELYARD_FILTER_PHASES_H
#define STEELYARD_FILTER_PHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "lists/ip.h"
#include "rules/facts.h"

struct generation;
struct mta;

/* What a generation's rules need of the MTA; a pure function of it. */
struct plan {
	bool answers[PHASE_COUNT]; /* a verdict can fall here */
	bool wants_body; /* it has to cross the socket */
	bool reads_body; /* rules ask about it */
	bool reads_spf; /* rules, or lists, ask what SPF says */
	bool wants_unknown; /* commands that the MTA does not know */
	bool wants_refused; /* recipients that the MTA itself refused */
	bool looks_up; /* in DNS (lookups.h); SPF, DKIM, DMARC aside */
	bool asks_client; /* DNS, about who has connected */
	bool greylists; /* some recipients may have to wait */
	bool has_traps; /* addresses that nobody writes to but spammers */
	char macros[PHASE_COUNT][160]; /* names, by blanks; "" = none */
};
void phases_plan(const struct generation *generation, struct plan *ret_plan);

/* How a client behaves on its connection: counts, as they stand. */
struct manners {
	unsigned transactions, resets, unknown_commands, refused_rcpts;
};

/* What the envelope checks read; strings are borrowed, NULL if not known. */
struct envelope {
	struct arena *arena;
	const struct mta *mta;
	/* the connection */
	struct ip client_ip;
	unsigned client_port;
	bool client_is_local;
	const char *client_mta_name;
	const char *client_mta_ptr; /* {client_ptr} */
	const char *client_mta_resolve; /* {client_resolve} */
	const char *daemon;
	const char *our_name; /* j */
	const char *our_if_name; /* {if_name}, which Sendmail alone has */
	const char *our_addr; /* {if_addr} of Sendmail, {daemon_addr} of
			       * Postfix; the first where both are there */
	const char *helo;
	/* ... or not even whether there was one, for want of memory */
	bool client_mta_name_lost, client_mta_ptr_lost, client_mta_resolve_lost;
	bool daemon_lost, helo_lost;
	bool our_name_lost, our_if_name_lost, our_addr_lost;
	struct manners manners;
	/* MAIL or RCPT: the path and its parameters */
	char **args;
};

/* Runs the checks of one phase; each establishes its facts. */
void phases_check(enum phase phase, const struct envelope *envelope,
		  struct facts *facts);

#endif
