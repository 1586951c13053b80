/*
 * inspect_zone.h - the DNS that a reader of mail sees, out of a zone file.
 *
 * Stands in for the channel (filter/inspect/dns.h): each question is put once,
 * and what it says stays until the zone is closed.  What would have gone over
 * the channel, and how often one would have waited, is counted.
 */
#ifndef STEELYARD_TESTS_INSPECT_ZONE_H
#define STEELYARD_TESTS_INSPECT_ZONE_H

#include "filter/inspect/dns.h"

#include <stdbool.h>

struct dns_zone;
struct inspect_zone_question;

struct inspect_zone {
	struct inspect_dns dns; /* to be handed to what asks */
	bool deaf; /* hints do nothing */
	unsigned questions; /* that were put: asked or hinted, each once */
	/* round trips, if what was put arrives together with what is waited
	 * for, and never before */
	unsigned waits;
	unsigned wasted; /* hinted, and not asked until now */

	/* private */
	struct dns_zone *zone;
	bool borrowed;
	struct inspect_zone_question *log;
};

/*
 * Reads a zone (lists/dns_zonefile.h).  What is wrong with it ends the program,
 * as does want of memory, here and in what follows.
 */
void inspect_zone_open(struct inspect_zone *zone, const char *text);

/* The same of a zone that is there already, and is borrowed. */
void inspect_zone_borrow(struct inspect_zone *zone, struct dns_zone *world);

void inspect_zone_close(struct inspect_zone *zone);

/* Was this put?  The name is compared without case. */
bool inspect_zone_was_put(const struct inspect_zone *zone, const char *name,
			  enum dns_type type);

/* "NAME TYPE" of all that was put, in order, a line each; the caller frees. */
char *inspect_zone_log(const struct inspect_zone *zone);

/* As if nothing had been put yet; answers handed out before are gone. */
void inspect_zone_forget(struct inspect_zone *zone);

#endif
