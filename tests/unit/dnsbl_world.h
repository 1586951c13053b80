/*
 * dnsbl_world.h - lists of all sorts in a zone, and the set that asks them.
 *
 * Time stands still but for world_pass().  What is told about a list is told
 * here: each change waits until it is fetched.
 */
#ifndef TESTS_UNIT_DNSBL_WORLD_H
#define TESTS_UNIT_DNSBL_WORLD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/dns.h"
#include "lists/dnsbl.h"

#define IPS (DNSBL_OF_IP4 | DNSBL_OF_IP6)
#define ALL (IPS | DNSBL_OF_NAMES)

struct world {
	struct dns_zone *zone;
	struct dns *dns;
	struct dnsbls *dnsbls;
	struct dnsbl *lists[DNSBL_MAX]; /* made so far */
	size_t count;

	pthread_mutex_t lock;
	pthread_cond_t told;
	unsigned changes;
	enum dnsbl_health was, is;
	char why[DNSBL_WHY_SIZE];
};

/* Answers to note: a listing, and the error that refuses to serve us. */
extern const struct dns_answer world_hit, world_refusal;

/* For cmocka; the state is the world. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* Closes the set with all that is under way, and opens a new one. */
void world_reopen(struct world *world);

/* Seconds go by.  From any thread, as the next two. */
void world_pass(uint64_t seconds);
struct dnsbl *world_list(struct world *world, const char *zone, unsigned of,
			 const char *test);
void world_tick(struct world *world);

/* Until all that was asked so far without delay is answered. */
void world_settle(struct world *world);

/* Waits for the next change, which has to come. */
enum dnsbl_health world_change(struct world *world);

enum dnsbl_health world_health(const struct dnsbl *dnsbl);

#endif
