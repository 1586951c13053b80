/*
 * dnsbl_private.h - what the files of dnsbl.h share.
 *
 * Locks: each list has one, for its vitals and its settings, held for moments
 * only; never while asking, giving up or telling of a change.  The run of a
 * test belongs to whoever started it, and each of its questions to the thread
 * that brings the answer; the last one to come ends it.
 */
#ifndef LISTS_DNSBL_PRIVATE_H
#define LISTS_DNSBL_PRIVATE_H

#include "lists/dnsbl_health.h"
#include "lists/hash.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	DNSBL_KINDS = 3,
	DNSBL_QUESTIONS = 3 * DNSBL_KINDS, /* of one test run */
	DNSBL_SUBJECT_SIZE = 64, /* what a question is about, for people */
};

struct dnsbl_test {
	struct dns_asker asker;
	struct dnsbl *dnsbl;
	enum dnsbl_role role;
	unsigned kind;
	bool sent; /* the resolver knows the asker */
	char subject[DNSBL_SUBJECT_SIZE];
};

struct dnsbl {
	struct dnsbls *dnsbls;
	char *zone;
	struct dns_name name; /* of the zone */
	uint64_t id; /* makes its probes differ from other lists' */
	atomic_bool is_muted; /* as the vitals say */

	pthread_mutex_t lock; /* of all below */
	struct vitals vitals;
	unsigned of;
	char *test; /* NULL: RFC 5782's; "": none */
	struct findings findings;
	unsigned pending; /* questions, and one for who is asking */
	uint64_t asked_ms; /* dns_now_ms() when the run started */
	struct dnsbl_test tests[DNSBL_QUESTIONS]; /* of the run, unlocked */
};

struct dnsbls {
	struct dns *dns;
	dnsbl_changed *changed;
	void *context;
	uint64_t (*now)(void);
	struct hash_key key; /* never shown: makes what is asked random */

	pthread_mutex_t lock; /* against two who make a list */
	struct dnsbl *lists[DNSBL_MAX];
	atomic_size_t count; /* of those that are complete */
	atomic_size_t turn; /* whose test is started first */
};

/* Unlocks the list, tells if its health is not what it was. */
void dnsbl_unlock(struct dnsbl *dnsbl, enum dnsbl_health was);

/* Starts a test run if one is due; without the lock.  True if it did. */
bool dnsbl_test_start(struct dnsbl *dnsbl);

/* When it returns no answer of a run is on its way any more. */
void dnsbl_test_stop(struct dnsbl *dnsbl);

/* How many questions the resolver has had answered, whoever asked. */
uint64_t dnsbl_answers(struct dnsbls *dnsbls);

/* --- dnsbl_name.c -------------------------------------------------------- */

/* As dnsbl_domain_name(), but one label will do. */
int dnsbl_test_name(const struct dnsbl *dnsbl, const char *domain,
		    char buf[DNSBL_NAME_SIZE]);

/*
 * The probe of that moment: the question's name, and what it is about.  `kind`
 * is one of DNSBL_OF_...
 */
int dnsbl_probe(const struct dnsbl *dnsbl, unsigned kind, uint64_t moment_ms,
		char buf[DNSBL_NAME_SIZE], char subject[DNSBL_SUBJECT_SIZE]);

#endif
