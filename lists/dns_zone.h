/*
 * dns_zone.h - names and records that stand in for the network.
 *
 * Answers as a server would that knows the whole world: CNAMEs are followed,
 * wildcards work as in RFC 4592, a name that has others below it exists, all
 * else is NXDOMAIN.  Zones are not told apart: there is one tree of names;
 * an SOA record serves the names below it, for the TTL of "no".
 *
 * Beside records a name can have rules: how to fail, and how slowly to answer.
 *
 * Building is for one thread; a zone that is built may be asked by any.
 * dns_zonefile.h makes one of a file.
 */
#ifndef LISTS_DNS_ZONE_H
#define LISTS_DNS_ZONE_H

#include "lists/dns_message.h"

#include <limits.h>

struct dns_zone;

#define DNS_ZONE_NAMES_MAX 1000000
#define DNS_ZONE_RECORDS_MAX 4096 /* of one name */
#define DNS_ZONE_NEGATIVE_TTL_S 60 /* where there is no SOA record */
#define DNS_ZONE_SILENT UINT_MAX /* ms: never */

/*
 * Of a name: questions of these types fail so.  Without any types it is for
 * all those types that the name has no records of.
 */
struct dns_zone_rule {
	enum dns_status status;
	unsigned after_ms; /* for DNS_TIMEOUT: how long the silence lasts */
	size_t type_count;
	enum dns_type types[8];
};

enum dns_zone_result {
	DNS_ZONE_ADDED,
	DNS_ZONE_CNAME_AND_OTHER, /* RFC 1034 section 3.6.2 forbids it */
	DNS_ZONE_FULL, /* the limits above */
	DNS_ZONE_NO_MEMORY,
};

/* NULL when there is no memory. */
struct dns_zone *dns_zone_new(void);
void dns_zone_free(struct dns_zone *zone); /* NULL is fine */

/*
 * The data as on the wire, uncompressed, well formed and copied.  A record
 * that is there already is not added again.
 */
enum dns_zone_result dns_zone_add(struct dns_zone *zone,
				  const struct dns_name *name,
				  enum dns_type type, uint32_t ttl,
				  const uint8_t *data, uint16_t len);
enum dns_zone_result dns_zone_add_rule(struct dns_zone *zone,
				       const struct dns_name *name,
				       const struct dns_zone_rule *rule);

/* Each answer takes so long; the name's own delay goes first. */
enum dns_zone_result dns_zone_set_delay(struct dns_zone *zone,
					const struct dns_name *name,
					unsigned delay_ms);
void dns_zone_set_default_delay(struct dns_zone *zone, unsigned delay_ms);

/*
 * Does this very name have records of the type, or a rule for it?  No wildcard
 * and no CNAME counts.
 */
bool dns_zone_has(const struct dns_zone *zone,
		  const struct dns_question *question);

/*
 * The answer, a reference for the caller, to be given after *ret_delay_ms.
 * DNS_ZONE_SILENT goes with DNS_TIMEOUT: it is up to the caller how long he
 * would have waited.
 */
struct dns_answer *dns_zone_ask(const struct dns_zone *zone,
				const struct dns_question *question,
				uint64_t now_ms, unsigned *ret_delay_ms);

#endif
