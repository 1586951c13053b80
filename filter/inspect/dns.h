/*
 * dns.h - how a reader of mail asks DNS without being able to.
 *
 * SPF, DKIM and DMARC want to know what is published, but an inspector has no
 * network.  They ask through this door.  Behind it is the channel to the filter
 * (serve_dns.c), or a table in a test: an evaluation is a function of what it
 * reads and of these answers.
 *
 * One message, one thread.
 */
#ifndef STEELYARD_INSPECT_DNS_H
#define STEELYARD_INSPECT_DNS_H

#include "lists/dns_answer.h"

struct inspect_dns {
	/*
	 * What DNS says; waits for it.  The name is as in lists/dns_name.h.
	 * The answer is borrowed and lives as long as the message.  Never NULL:
	 * what could not be asked (no room, no time left, the filter is gone)
	 * is an answer without records whose status says why.
	 */
	const struct dns_answer *(*ask)(struct inspect_dns *dns,
					const char *name, enum dns_type type);
	/*
	 * This will probably be asked: so that the answer is there by then.
	 * Never waits, and may do nothing.
	 */
	void (*hint)(struct inspect_dns *dns, const char *name,
		     enum dns_type type);
};

#endif
