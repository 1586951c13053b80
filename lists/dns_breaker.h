/*
 * dns_breaker.h - stop asking when nobody answers.
 *
 * After so many failures in a row the breaker opens: questions are refused at
 * once, so that mail does not wait for servers that are away.  From then on
 * it wants a probe every now and then; the first success closes it.
 *
 * Half way there, and once more before it opens, it is *suspicious* and wants
 * a probe, too: a question that any healthy resolver can answer.  Else a
 * stranger whose domains always fail could open it for everybody.
 *
 * Pure functions on a struct that the caller owns and locks; the time
 * (milliseconds of a clock that is never set) is passed in.
 */
#ifndef LISTS_DNS_BREAKER_H
#define LISTS_DNS_BREAKER_H

#include "lists/dns_answer.h"

#include <stdbool.h>
#include <stdint.h>

struct dns_breaker {
	unsigned limit; /* failures in a row; 0 is never */
	unsigned probe_ms; /* from one probe to the next */

	bool open;
	unsigned failures;
	uint64_t probe_due_ms; /* meaningful while it is open */
	uint64_t opened; /* how many times */
};

/* What an answer changed. */
enum dns_breaker_event {
	DNS_BREAKER_STAYS,
	DNS_BREAKER_SUSPECTS, /* probe now */
	DNS_BREAKER_OPENED, /* probe now */
	DNS_BREAKER_CLOSED,
};

/*
 * Takes note of an answer that came from servers.  What a server said that
 * was no failure of its own, and yet no knowledge, changes nothing.
 */
enum dns_breaker_event dns_breaker_note(struct dns_breaker *breaker,
					enum dns_status status,
					uint64_t now_ms);

/* Is a probe due?  If so the next one is set. */
bool dns_breaker_wants_probe(struct dns_breaker *breaker, uint64_t now_ms);

#endif
