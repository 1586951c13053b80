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
#include "rules/mail/address.h"

struct arena;

enum {
	RDNS_NAMES_MAX = 10, /* PTR names whose addresses are looked at */
	MX_HOSTS_MAX = 5, /* hosts whose addresses are looked at, best first */
};

/* Why a fact that depends on this answer is unknown; NULL: it has not come. */
enum fact_cause asking_cause(const struct dns_answer *answer);

/* --- asking.c: what the checks have in common ----------------------------- */

/* What has become of a question. */
struct asked {
	const struct dns_answer *answer; /* NULL: none has come */
	bool known; /* found or proven absent; else `cause` says why not */
	bool found;
	bool no_name; /* NXDOMAIN: so there is nothing of any other type */
	enum fact_cause cause;
};

/* Of a slot; -1 is one that could not be asked, for want of room. */
struct asked asking_answer(struct dns_batch *batch, int slot);

/* Is this among the addresses found? */
bool asked_has_ip(const struct asked *asked, const struct ip *ip);

/* Not found: none if that is proven, else unknown. */
void asking_tell_absent(const struct asked *asked, struct facts *facts,
			enum fact_id id);

/* A bool: does the name of these two questions have any address? */
void asking_tell_addresses(const struct asked *a, const struct asked *aaaa,
			   struct facts *facts, enum fact_id id);

/* The name as DNS is asked about it; false for an address or no domain. */
bool asking_domain(const char *name, size_t len, struct domain *ret_domain);

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
	bool more_names; /* host names beyond these */
	/*
	 * Called for each of these names, as soon as it is known, on the thread
	 * that brings it (domain lists ask about it); may be NULL.  The text
	 * lives as long as the batch.
	 */
	void (*on_name)(void *context, const char *name);
	void *context;
};

/*
 * wants_forward: client.name is wanted, so the addresses of each name are asked
 * for.  Without it nothing is said of client.name.  on_name is set before.
 */
void rdns_ask(struct rdns *rdns, struct dns_batch *batch,
	      const struct ip *client, bool wants_forward);
void rdns_tell(const struct rdns *rdns, struct dns_batch *batch,
	       struct arena *arena, struct facts *facts);

/*
 * True where the name holds the address (as figures in either order, hex, with
 * or without separators) or speaks of dial-up, cable or dhcp customers, and
 * does not look like that of a server.  Pure; `name` as in dns_name.h.
 */
bool name_is_dynamic(const char *name, const struct ip *ip);

/* --- helo_dns.c: helo.resolves, helo.matches_client ---------------------- */

struct helo_dns {
	struct ip client;
	bool asked;
	bool is_name; /* of two labels or more; else nothing is asked */
	int a, aaaa; /* slots, -1 where it could not be asked */
};

/* `name` may be NULL: no HELO.  Both facts are none for what is no name. */
void helo_dns_ask(struct helo_dns *helo, struct dns_batch *batch,
		  const char *name, const struct ip *client);
void helo_dns_tell(const struct helo_dns *helo, struct dns_batch *batch,
		   struct facts *facts);

/* --- sender_dns.c: sender.exists, .mx, .null_mx, .bogus_mx --------------- */

struct sender_dns {
	bool asked, wants_hosts;
	bool is_name; /* of two labels or more; else nothing is asked */
	char domain[MAIL_DOMAIN_SIZE];
	int mx;
	int a, aaaa; /* of the domain, where it has no MX record */
	struct {
		const char *name; /* the MX answer's */
		int a, aaaa;
	} hosts[MX_HOSTS_MAX];
	size_t host_count;
	bool more_hosts; /* beyond these */
	bool bad_host; /* one is written as an address, or localhost */
	/* As rdns.on_name, for each of these hosts; may be NULL. */
	void (*on_host)(void *context, const char *name);
	void *context;
};

/*
 * `domain` as in FACT_SENDER_DOMAIN, len 0 for none.  For null senders, address
 * literals and single labels nothing is asked, and all facts are none.  Without
 * wants_hosts nothing is said of sender.bogus_mx.  on_host is set before.
 */
void sender_dns_ask(struct sender_dns *sender, struct dns_batch *batch,
		    const char *domain, size_t len, bool wants_hosts);
void sender_dns_tell(const struct sender_dns *sender, struct dns_batch *batch,
		     struct arena *arena, struct facts *facts);

#endif
