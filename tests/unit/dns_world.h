/*
 * dns_world.h - a world of DNS from a zone's text, for checks that ask it.
 */
#ifndef STEELYARD_TESTS_DNS_WORLD_H
#define STEELYARD_TESTS_DNS_WORLD_H

#include "lists/dns_batch.h"
#include "rules/arena.h"
#include "rules/facts.h"

struct dns_world {
	struct dns_zone *zone;
	struct dns *dns;
	struct dns_batch *batch;
	struct arena arena;
	struct facts facts;
};

/* All that follows fails the test where it fails. */
void dns_world_open(struct dns_world *world, const char *zone);
void dns_world_close(struct dns_world *world);

/* A new batch and no facts. */
void dns_world_begin(struct dns_world *world);

/* Waits for all that was asked, or with 0 for nothing, and stops the batch. */
void dns_world_wait(struct dns_world *world, unsigned ms);

/*
 * The fact in words: "true", "a.test b.test", "a.test, unknown: timeout",
 * "none", "unknown: failed", "pending".
 */
const char *dns_world_fact(const struct dns_world *world, enum fact_id id,
			   char buf[2048]);

struct ip ip_of(const char *text);

#endif
