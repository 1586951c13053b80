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
	bool wants_body;
	char macros[PHASE_COUNT][160]; /* names, by blanks; "" = none */
};
void phases_plan(const struct generation *generation, struct plan *ret_plan);

/* What the envelope checks read; strings are borrowed, NULL if not known. */
struct envelope {
	struct arena *arena;
	const struct mta *mta;
	/* the connection */
	struct ip client_ip;
	unsigned client_port;
	bool client_is_local;
	const char *client_mta_name;
	const char *daemon;
	const char *helo;
	/* ... or not even whether there was one, for want of memory */
	bool client_mta_name_lost, daemon_lost, helo_lost;
	/* MAIL or RCPT: the path and its parameters */
	char **args;
};

/* Runs the checks of one phase; each establishes its facts. */
void phases_check(enum phase phase, const struct envelope *envelope,
		  struct facts *facts);

#endif
