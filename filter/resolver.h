/*
 * resolver.h - the resolver and the health of DNS lists, as one thing that
 * generations of the configuration share.
 *
 * A new generation takes over the resolver of the one before it, unless the
 * settings about DNS have changed.  Counted, any thread; the last reference
 * closes it, which waits for its thread: so never drop one from within a
 * resolver's callback.
 */
#ifndef STEELYARD_FILTER_RESOLVER_H
#define STEELYARD_FILTER_RESOLVER_H

#include <stdatomic.h>

#include <stdbool.h>

#include "lists/dns.h"
#include "lists/dnsbl.h"
#include "lists/file.h"

struct dns_zone;
struct settings;
struct spf_memory;

struct resolver {
	atomic_uint refs;
	struct dns *dns;
	struct dnsbls *dnsbls;
	char *key; /* the settings it was made from, as text */
	struct dns_zone *zone; /* owned; NULL: the network */
	char *zone_path;
	struct file_stamp zone_stamp;
	struct dns_zone *front; /* owned, or NULL: see struct dns_settings */
	struct spf_memory *spf; /* NULL where DNS has no cache, either */
};

/*
 * `zone` (a file of lists/dns_zonefile.h, or NULL) stands in for the network.
 * NULL, with a sentence in `error`, which begins with file:line:column if the
 * file is what is wrong.
 *
 * What happens to lists is logged (event=dnsbl), and that answers can be forged
 * on their way, where the servers are on other machines (D7).
 */
struct resolver *resolver_open(const struct settings *settings,
			       const char *zone, char error[DNS_ERROR_SIZE]);
/* The same for tests of a message; takes over `front`, which may be NULL. */
struct resolver *resolver_open_behind(const struct settings *settings,
				      const char *zone, struct dns_zone *front,
				      char error[DNS_ERROR_SIZE]);
struct resolver *resolver_ref(struct resolver *resolver);
void resolver_unref(struct resolver *resolver); /* NULL is fine */

/*
 * Would these settings make the same one now?  The system's servers, where none
 * are set, and the zone's file are looked at again.
 */
bool resolver_fits(const struct resolver *resolver,
		   const struct settings *settings);

#endif
