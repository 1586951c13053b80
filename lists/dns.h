/*
 * dns.h - the resolver: many questions, each asked once.
 *
 * Everything that asks DNS asks here.  A question is answered from the cache,
 * or joins an equal one that is on its way, or is sent by the resolver's own
 * thread to the servers; nobody ever waits inside dns_ask().  When servers
 * have failed many times in a row the breaker opens, and questions that the
 * cache cannot answer are DNS_BREAKER at once until a probe succeeds: every
 * few seconds the root's name servers and the question last refused are asked.
 * Halfway to opening the root alone is asked, so that names of a stranger
 * whose servers fail cannot do that for all others.
 *
 * With a zone (dns_zone.h) there is no network, no cache and no breaker, but
 * all else is the same: answers come from the same thread, in their time.
 *
 * Names are as in dns_name.h, always complete: no search list, no hosts file.
 * Whoever wants to wait for several answers uses dns_batch.h.
 */
#ifndef LISTS_DNS_H
#define LISTS_DNS_H

#include "lists/dns_answer.h"
#include "lists/dns_message.h"
#include "lists/dns_server.h"
#include "lists/dns_wheel.h"

#include <stdbool.h>

struct dns;
struct dns_flight;
struct dns_zone;

#define DNS_ERROR_SIZE 256

/* 0 or NULL is what stands in brackets. */
struct dns_settings {
	const char *servers; /* as in dns_servers_parse() [the system's] */
	const char *resolv_conf; /* [/etc/resolv.conf] */
	const char *bind; /* up to one IPv4 and one IPv6 address [any] */
	unsigned timeout_ms; /* for one question, all tries [3000] */
	unsigned tries; /* of each server, up to 5 [2] */
	bool many_ports; /* even if all servers are on this machine */
	size_t cache_bytes; /* [16 MiB]; less than 64 KiB keeps next to none */
	unsigned max_flights; /* different questions at a time [2048] */
	unsigned breaker_failures; /* in a row; UINT_MAX is never [20] */
	unsigned breaker_probe_ms; /* [5000] */
	const struct dns_zone *zone; /* in place of the network; borrowed */
	/*
	 * Answers at once, delays or not, before anybody else is asked: what it
	 * has by name and type (dns_zone_has()); borrowed.
	 */
	const struct dns_zone *front;
};

enum dns_breaker_state {
	DNS_BREAKER_IS_CLOSED,
	DNS_BREAKER_IS_OPEN,
};

struct dns_stats {
	/* questions: asked = cached + joined + sent on + turned away */
	uint64_t asked, cached, joined, turned_away;
	uint64_t answers[DNS_STATUSES]; /* of questions sent on */
	uint64_t probes; /* also among the answers */
	uint64_t queries, tcp, ports, failovers; /* as in dns_net.h */
	size_t flights; /* on their way now */
	uint64_t breaker_opened; /* how many times */
	enum dns_breaker_state breaker;
	uint64_t cache_entries, cache_bytes, cache_evicted;
	size_t server_count;
	struct dns_server servers[DNS_SERVERS_MAX];
};

/*
 * Starts the thread.  Settings are copied, the zone is borrowed.  Takes
 * HOSTALIASES, RES_OPTIONS and LOCALDOMAIN out of the environment, so it
 * belongs before other threads that read it.  NULL, with a sentence in error.
 */
struct dns *dns_open(const struct dns_settings *settings,
		     char error[DNS_ERROR_SIZE]);

/*
 * Answers what is still asked with DNS_STOPPED and ends the thread.  Nobody
 * may ask or give up any more.  NULL is fine.
 */
void dns_close(struct dns *dns);

/*
 * One who asks.  The memory is the caller's, and must stay until `done` was
 * called or dns_give_up() has returned.
 */
struct dns_asker {
	/*
	 * Called once, on the resolver's thread, which waits for it: so it must
	 * be short and never block.  The answer is a reference for the callee.
	 * He may ask (also with this asker), give others up, free the asker.
	 */
	void (*done)(struct dns_asker *asker, struct dns_answer *answer);
	void *context;
	/*
	 * A stranger has chosen the name, and may own the servers that answer
	 * late: DNS_BUSY as soon as half of max_flights are in use, so that
	 * there is room for what we want to know of him.
	 */
	bool of_stranger;

	/* private */
	struct dns_flight *flight; /* NULL when there is nothing to come */
	struct dns_asker *next, **from;
	struct dns_timer timer;
};

/*
 * The answer, a reference for the caller, if it is known at once: `done` will
 * not be called then.  Or NULL: it will, after timeout_ms at most (0, or more
 * than that of the settings: that of the settings).  Never blocks; any thread.
 */
struct dns_answer *dns_ask(struct dns *dns, const char *name,
			   enum dns_type type, unsigned timeout_ms,
			   struct dns_asker *asker);

/*
 * The answer, a reference for the caller, if nobody need be asked for it;
 * otherwise NULL, and nobody is.  Never blocks; any thread.
 */
struct dns_answer *dns_known(struct dns *dns, const char *name,
			     enum dns_type type);

/*
 * When it returns `done` is not running (unless called from within), and will
 * not be called any more.  True: it was not called.  It may wait for a `done`
 * that runs just now, so hold no lock that this takes.  Only for askers whose
 * dns_ask() has returned NULL.  Any thread.
 */
bool dns_give_up(struct dns *dns, struct dns_asker *asker);

/* Waits for the answer; for tools.  A reference for the caller, never NULL. */
struct dns_answer *dns_wait(struct dns *dns, const char *name,
			    enum dns_type type, unsigned timeout_ms);

/* Forgets what was cached.  Any thread. */
void dns_flush(struct dns *dns);

void dns_stats(struct dns *dns, struct dns_stats *ret_stats);

/* Are all servers on this machine?  See dns_server_is_loopback(). */
bool dns_is_local(const struct dns *dns);

#endif
