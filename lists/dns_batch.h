/*
 * dns_batch.h - many questions, one deadline.
 *
 * A batch is filled over time: asking never waits.  Whoever needs the answers
 * waits for all of them, once or several times, until a moment that he
 * chooses; what has not come by then may still come for a later wait.
 *
 *   batch = dns_batch_new(dns);
 *   ptr = dns_batch_ask(batch, "1.2.0.192.in-addr.arpa", DNS_PTR, names, s);
 *   ...
 *   dns_batch_wait(batch, dns_now_ms() + 2000);
 *   answer = dns_batch_answer(batch, ptr);
 *
 * A batch belongs to one thread at a time; only questions may also be added by
 * the `then` of another one.
 */
#ifndef LISTS_DNS_BATCH_H
#define LISTS_DNS_BATCH_H

#include "lists/dns.h"

struct dns_batch;

#define DNS_BATCH_MAX 1024 /* questions */

/*
 * What an answer leads to, such as asking for the addresses of names found.
 * Called before the answer counts as there, so a wait covers what it asks.
 * Runs on the resolver's thread, or within dns_batch_ask() if the answer is
 * known at once: it must be short and never block.  The answer is borrowed.
 */
typedef void dns_batch_then(struct dns_batch *batch, int slot,
			    struct dns_answer *answer, void *context);

/* The resolver is borrowed.  NULL when there is no memory. */
struct dns_batch *dns_batch_new(struct dns *dns);

/*
 * Gives up what has not been answered: no `then` runs any more when it returns,
 * nothing can be asked, and what has come by then stays.  Not from within a
 * `then`.
 */
void dns_batch_stop(struct dns_batch *batch);

/* Stops it and frees its answers.  NULL is fine. */
void dns_batch_free(struct dns_batch *batch);

/*
 * Asks, and returns the number of the question, from 0 on; or -1 when there is
 * no memory or the batch is full.  `then` may be NULL.
 */
int dns_batch_ask(struct dns_batch *batch, const char *name, enum dns_type type,
		  dns_batch_then *then, void *context);

/* The same about a name that a stranger has chosen: see dns_asker. */
int dns_batch_ask_of_stranger(struct dns_batch *batch, const char *name,
			      enum dns_type type, dns_batch_then *then,
			      void *context);

/* True if all is answered; false when the moment has come before. */
bool dns_batch_wait(struct dns_batch *batch, uint64_t until_ms);

/* Borrowed from the batch; NULL while it has not come. */
struct dns_answer *dns_batch_answer(struct dns_batch *batch, int slot);

/* How many were asked, and how many of these have not come. */
int dns_batch_count(struct dns_batch *batch);
int dns_batch_pending(struct dns_batch *batch);

#endif
