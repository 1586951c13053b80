/*
 * dns_scene.h - a resolver, the server inside the test that it asks, and a
 * crowd of askers.
 */
#ifndef TESTS_UNIT_DNS_SCENE_H
#define TESTS_UNIT_DNS_SCENE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "lists/dns.h"
#include "tests/unit/fakedns.h"

struct dns_scene {
	struct fakedns *fake;
	struct dns *dns;
};

/* For cmocka; the state is a struct dns_scene. */
int dns_scene_set_up(void **state);
int dns_scene_tear_down(void **state);

/*
 * Another resolver, for these servers.  Its breaker opens after 20 failures and
 * looks again every `probe_ms`; 0: it never opens.
 */
struct dns *dns_scene_open(const char *servers, unsigned probe_ms);

/* How the questions of many ended. */
struct tally {
	pthread_mutex_t lock;
	pthread_cond_t all;
	size_t left;
	size_t status[DNS_STATUSES];
};

#define TALLY                                      \
	{                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER, \
		.all = PTHREAD_COND_INITIALIZER    \
	}

/* Asks "BEGIN-N.test" so often; N counts if `different`. */
void tally_ask(struct tally *tally, struct dns *dns, const char *begin,
	       bool different, struct dns_asker *askers, size_t n);

/* A struct dns_asker's done(), with the tally for its context. */
void tally_done(struct dns_asker *asker, struct dns_answer *answer);

/* Until all that were asked are answered. */
void tally_wait(struct tally *tally);

#endif
