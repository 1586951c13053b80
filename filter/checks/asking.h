/*
 * asking.h - checks that ask DNS: what each asks, and what the answers say.
 *
 * A check has two halves.  The first asks: it puts questions into a batch, and
 * may chain further ones to their answers (`then`, on the resolver's thread).
 * The second tells: when the batch was waited for, it turns what has come into
 * facts.  Neither waits.  What the first half has to remember lies in a struct
 * here, which is part of a message's lookups (lookups.c), and is zero at first.
 *
 * A question that failed, was turned away or has not been answered makes the
 * facts that depend on it unknown, with the cause; NXDOMAIN and NODATA alone
 * prove absence.
 */
#ifndef STEELYARD_FILTER_CHECKS_ASKING_H
#define STEELYARD_FILTER_CHECKS_ASKING_H

#include <stdbool.h>
#include <stddef.h>

#include "lists/dns_batch.h"
#include "lists/ip.h"
#include "rules/facts.h"

struct arena;

enum {
	RDNS_NAMES_MAX = 10, /* PTR records that are looked at */
	MX_HOSTS_MAX = 5, /* hosts whose addresses are looked at, best first */
};

/* Why a fact that depends on this answer is unknown; NULL: it has not come. */
enum fact_cause asking_cause(const struct dns_answer *answer);

/* --- rdns.c: client.ptr, client.name, client.is_dynamic ------------------ */

struct rdns {
	struct ip client;
	bool asked, wants_forward;
	int ptr; /* slot of the batch; -1: could not be asked */
	/* The first names and the slot of the address question of each. */
	struct {
		const char *name; /* the PTR answer's */
		int forward;
	} names[RDNS_NAMES_MAX];
	size_t name_count;
	/*
	 * Called for each name, as soon as it is known, on the thread that
	 * brings it (domain lists ask about it); may be NULL.
	 */
	void (*on_name)(void *context, const char *name);
	void *context;
};

/* Needs client.name, so also asks for the addresses of each name? */
void rdns_ask(struct rdns *rdns, struct dns_batch *batch,
	      const struct ip *client, bool wants_forward);
void rdns_tell(const struct rdns *rdns, struct dns_batch *batch,
	       struct arena *arena, struct facts *facts);

/*
 * True where the name holds the address (as figures in either order, hex, with
 * or without separators) or speaks of dial-up, cable or dhcp customers, and
 * does not look like that of a server.  Pure.
 */
bool name_is_dynamic(const char *name, const struct ip *ip);

/* --- helo_dns.c: helo.resolves, helo.matches_client ---------------------- */

struct helo_dns {
	struct ip client;
	bool asked;
	int a, aaaa; /* slots, -1 where it could not be asked */
};

/* Asks nothing about what is no domain name. */
void helo_dns_ask(struct helo_dns *helo, struct dns_batch *batch,
		  const char *name, const struct ip *client);
void helo_dns_tell(const struct helo_dns *helo, struct dns_batch *batch,
		   struct facts *facts);

/* --- sender_dns.c: sender.exists, .mx, .null_mx, .bogus_mx --------------- */

struct sender_dns {
	bool asked, wants_hosts;
	int mx, a, aaaa;
	struct {
		const char *name; /* the MX answer's */
		int a, aaaa;
	} hosts[MX_HOSTS_MAX];
	size_t host_count;
};

/* `domain` as in FACT_SENDER_DOMAIN; literals and null senders: no question. */
void sender_dns_ask(struct sender_dns *sender, struct dns_batch *batch,
		    const char *domain, size_t len, bool wants_hosts);
void sender_dns_tell(const struct sender_dns *sender, struct dns_batch *batch,
		     struct arena *arena, struct facts *facts);

#endif
