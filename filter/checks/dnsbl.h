/*
 * dnsbl.h - what DNS lists say about a message, as facts of their slots.
 *
 * As in asking.h there are two halves.  Questions come one by one, as their
 * subjects become known: the client's address, each of its names, HELO's, the
 * sender's domain, each of the author's.  The resolver's thread and the
 * session's own may add some at the same time.
 *
 * A listing is checked with a probe of the list (lists/dnsbl.h), which is asked
 * for as soon as the listing has come.
 */
#ifndef STEELYARD_FILTER_CHECKS_DNSBL_H
#define STEELYARD_FILTER_CHECKS_DNSBL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "lists/dns_batch.h"
#include "lists/ip.h"
#include "rules/facts.h"

struct dnsbl_question;
struct generation;

enum {
	DNSBL_QUESTIONS_MAX = 256, /* of one message, over all lists */
	DNSBL_SUBJECTS_MAX = 10, /* values of one fact that are asked about */
};

struct dnsbl_asking {
	const struct generation *gen;
	/*
	 * Who the client is, and what else there is to ask about, are asked
	 * apart, so that the first can be settled without the second.
	 */
	struct dns_batch *of_client, *of_others;
	pthread_mutex_t lock; /* of all below */
	struct dnsbl_question *first;
	size_t count;
	bool missed[FACT_FIXED]; /* see dnsbl_miss() */
};

/*
 * The generation is borrowed, and outlives it; so are the batches.  These may
 * be set later, before anything is asked that goes there.
 */
void dnsbl_asking_init(struct dnsbl_asking *asking,
		       const struct generation *gen);
/* After the batches were stopped or freed. */
void dnsbl_asking_done(struct dnsbl_asking *asking);

/* Is some list to be asked about this fact? */
bool dnsbl_reads(const struct generation *gen, enum fact_id of);

/* Asks every list that wants to know about this fact.  Any thread. */
void dnsbl_ask_ip(struct dnsbl_asking *asking, enum fact_id of,
		  const struct ip *ip);
void dnsbl_ask_name(struct dnsbl_asking *asking, enum fact_id of,
		    const char *name, size_t len);
/* About a string, or the values of a set, that is known. */
void dnsbl_ask_fact(struct dnsbl_asking *asking, enum fact_id of,
		    const struct fact *fact);

/*
 * Some value of this fact is not asked about, for want of room: whoever reads
 * lists about it will find them partial.  Any thread.
 */
void dnsbl_miss(struct dnsbl_asking *asking, enum fact_id of);

/* Which slots are told: those about nothing but the client, or all the rest. */
enum dnsbl_part { DNSBL_CLIENT, DNSBL_REST };

/*
 * Sets these slots of a phase, after their batches were stopped and all facts
 * that lists were asked about are set.  What is unknown of one of these, or was
 * not answered, leaves a slot partial or unknown.  A slot is not asked where
 * the list is muted, or was when it should have been asked, and waived where
 * all it is about is the client, which is skipped.
 */
void dnsbl_tell(struct dnsbl_asking *asking, enum phase phase,
		enum dnsbl_part part, bool skips_client, struct facts *facts);

/*
 * A fact about the client or its HELO, which a known client is not asked for.
 */
bool dnsbl_is_about_client(enum fact_id of);

#endif
