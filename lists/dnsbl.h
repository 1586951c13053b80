/*
 * dnsbl.h - DNS lists: how they are asked, what their answers are worth, and
 * whether they are well (RFC 5782).
 *
 * A list that breaks must cost nobody his mail.  So each list has a health:
 *
 *   - An answer outside 127.0.0.0/8, or in 127.255.255.0/24, is no listing but
 *     a fault of the list (or of a resolver that lies).
 *   - A listing counts only if the list, asked at the same time about something
 *     that no list can hold, says that it is not listed.  That probe has a name
 *     that changes each second, so neither our cache nor another resolver's can
 *     hide that a list began to list the world.
 *   - Self tests (127.0.0.2 listed, 127.0.0.1 not; the same for IPv6 and names;
 *     a probe besides) run when a list is first used, hourly, and whenever
 *     something is odd: a fault, many questions without an answer, a jump in
 *     the share of hits.
 *   - A list that fails is muted: not asked, and so no fact.  It is tested
 *     again until it is well, and then comes back by itself.
 *   - A list that is not to be tested is muted for errors, foreign answers and
 *     silence as well, but comes back as soon as a probe is answered, whatever
 *     the answer is, if only it is no fault.
 *
 * Failures while the resolver itself is failing say nothing about a list.  The
 * judgement is in dnsbl_health.h, with its figures.
 *
 * All calls are for any thread and never block.
 */
#ifndef LISTS_DNSBL_H
#define LISTS_DNSBL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/dns.h"
#include "lists/ip.h"

struct dnsbls; /* all lists that one resolver asks */
struct dnsbl; /* one of them */

enum {
	DNSBL_NAME_SIZE = DNS_NAME_TEXT_SIZE,
	DNSBL_MAX = 256, /* lists */
	DNSBL_WHY_SIZE = 128,
};

enum dnsbl_health {
	DNSBL_UNTESTED, /* no self test has come back yet; it is asked */
	DNSBL_WELL,
	DNSBL_NO_TEST_ENTRY, /* asked; never had 127.0.0.2, or says not to test
			      */
	/* muted: */
	DNSBL_REFUSING, /* 127.255.255.0/24: who asks is not served */
	DNSBL_LISTS_ALL, /* what cannot be listed is */
	DNSBL_EMPTY, /* once listed 127.0.0.2, no longer does */
	DNSBL_SILENT, /* most questions stay without answer */
	DNSBL_FOREIGN, /* answers outside 127.0.0.0/8 */
};
const char *dnsbl_health_name(enum dnsbl_health health); /* "lists all" ... */
bool dnsbl_health_is_muted(enum dnsbl_health health);

/* Told of each change, once; on whatever thread finds out.  Must not block. */
typedef void dnsbl_changed(void *context, const struct dnsbl *dnsbl,
			   enum dnsbl_health was, enum dnsbl_health is);

/* The resolver is borrowed.  `now` in ms, monotonic; NULL: dns_now_ms(). */
struct dnsbls *dnsbls_open(struct dns *dns, dnsbl_changed *changed,
			   void *context, uint64_t (*now)(void));
void dnsbls_close(struct dnsbls *dnsbls); /* before the resolver; NULL fine */

/* What is asked about a list decides how it is tested. */
enum { DNSBL_OF_IP4 = 1, DNSBL_OF_IP6 = 2, DNSBL_OF_NAMES = 4 };

struct dnsbl_start {
	const char *zone;
	unsigned of; /* DNSBL_OF_..., added up */
	/*
	 * What is listed for tests, an address or a domain, without the zone.
	 * NULL: RFC 5782's, for each of the kinds; "": do not test.
	 */
	const char *test;
};

/*
 * The list of that zone, made if it is new; lives as long as `dnsbls`.  For one
 * that is there already `of` and `test` are replaced: how it is tested, the
 * newest to name it says.  NULL when there are too many, or no memory, or the
 * zone is no name.
 */
struct dnsbl *dnsbls_get(struct dnsbls *dnsbls,
			 const struct dnsbl_start *start);

/*
 * Starts the self tests that are due of these lists; NULL is none.  To be
 * called every few seconds, with those that are in use: one that nobody wants
 * any more is left in peace.
 */
void dnsbls_tick(struct dnsbls *dnsbls, struct dnsbl *const *lists,
		 size_t count);

/* False while it is muted. */
bool dnsbl_may_be_asked(const struct dnsbl *dnsbl);

/*
 * The name to ask about an address or a domain: 0, or -1 where the name would
 * be too long or is none (an address or literal, one label, bytes that are in
 * no host's name).  The domain is as in dns_name.h, in A-labels.
 */
int dnsbl_ip_name(const struct dnsbl *dnsbl, const struct ip *ip,
		  char buf[DNSBL_NAME_SIZE]);
int dnsbl_domain_name(const struct dnsbl *dnsbl, const char *domain, size_t len,
		      char buf[DNSBL_NAME_SIZE]);

/* What one answer (type A) to such a question is. */
enum dnsbl_answer {
	DNSBL_NOT_LISTED,
	DNSBL_LISTED, /* some record in 127.0.0.0/8 and not an error */
	DNSBL_FAULT, /* nothing but records that are no listing */
	DNSBL_UNKNOWN, /* the question failed */
};
/* Pure; for each record dnsbl_is_listing() tells which ones count. */
enum dnsbl_answer dnsbl_read(const struct dns_answer *answer);
bool dnsbl_is_listing(const struct dns_record *record);

/* Takes note of what a question brought; may start a test or mute the list. */
void dnsbl_note(struct dnsbl *dnsbl, const struct dns_answer *answer);

/*
 * Writes the probe's name that a listing has to be checked with now (ask type
 * A of it, in the same batch); false where this list is not to be tested.  All
 * who call within one second get the same name, so one question may serve them;
 * but a list may begin to list the world at any moment, and so a listing that
 * is newer than that second's begin gets a name of its own, that no answer from
 * before it can be remembered for.  NULL: some listing, from before.  `kind` is
 * that of the listing, one of DNSBL_OF_..., as a list may have gone mad about
 * IPv6 alone: the probe is an address in 240.0.0.0/4 or e000::/4, or a name
 * below "invalid".
 */
bool dnsbl_probe_name(struct dnsbl *dnsbl, unsigned kind,
		      const struct dns_answer *listing,
		      char buf[DNSBL_NAME_SIZE]);
/*
 * What the probe said: true if listings count.  If the probe is listed the
 * list is muted; if its answer is unknown (*ret_unknown), so are the listings.
 * After a fault they do not count either, as if the list had not been asked.
 */
bool dnsbl_probe_passed(struct dnsbl *dnsbl, const struct dns_answer *answer,
			bool *ret_unknown);

/* For steelyardctl dnsbl health. */
struct dnsbl_report {
	const char *zone;
	enum dnsbl_health health;
	char why[DNSBL_WHY_SIZE]; /* "127.0.0.1 is listed (127.0.0.2)"; "" if
				     well */
	uint64_t since_ms, tested_ms; /* of the clock; 0: never */
	/*
	 * How many questions, as noted; how many of these were listed, faults
	 * and without answer; how many times it was muted.
	 */
	uint64_t asked, listed, faults, unanswered, muted;
};
size_t dnsbls_count(const struct dnsbls *dnsbls);
void dnsbls_report(const struct dnsbls *dnsbls, size_t index,
		   struct dnsbl_report *ret);
/* The same of one list; also from within a dnsbl_changed. */
void dnsbl_report(const struct dnsbl *dnsbl, struct dnsbl_report *ret);

#endif
