/*
 * dnsbl.c - DNS lists: the set of them, and what is noted about each.
 */
#include "lists/dnsbl_private.h"

#include <stdlib.h>
#include <string.h>

/* Test runs started by one tick, so that many lists do not come at once. */
#define STARTS_MAX 16

struct dnsbls *dnsbls_open(struct dns *dns, dnsbl_changed *changed,
			   void *context, uint64_t (*now)(void))
{
	struct dnsbls *dnsbls = calloc(1, sizeof(*dnsbls));

	if (!dnsbls || hash_key_random(&dnsbls->key) < 0) {
		free(dnsbls);
		return NULL;
	}
	dnsbls->dns = dns;
	dnsbls->changed = changed;
	dnsbls->context = context;
	dnsbls->now = now ? now : dns_now_ms;
	pthread_mutex_init(&dnsbls->lock, NULL);
	return dnsbls;
}

static void dnsbl_free(struct dnsbl *dnsbl)
{
	if (!dnsbl)
		return;
	pthread_mutex_destroy(&dnsbl->lock);
	free(dnsbl->zone);
	free(dnsbl->test);
	free(dnsbl);
}

void dnsbls_close(struct dnsbls *dnsbls)
{
	if (!dnsbls)
		return;
	for (size_t i = 0; i < dnsbls->count; i++) {
		dnsbl_test_stop(dnsbls->lists[i]);
		dnsbl_free(dnsbls->lists[i]);
	}
	pthread_mutex_destroy(&dnsbls->lock);
	free(dnsbls);
}

void dnsbl_unlock(struct dnsbl *dnsbl, enum dnsbl_health was)
{
	struct dnsbls *dnsbls = dnsbl->dnsbls;
	enum dnsbl_health is = dnsbl->vitals.health;

	if (is != was)
		atomic_store(&dnsbl->is_muted, dnsbl_health_is_muted(is));
	pthread_mutex_unlock(&dnsbl->lock);
	if (is != was && dnsbls->changed)
		dnsbls->changed(dnsbls->context, dnsbl, was, is);
}

/* --- making --------------------------------------------------------------- */

static bool is_tested(const char *test)
{
	return !test || *test != '\0';
}

static struct dnsbl *dnsbl_new(struct dnsbls *dnsbls,
			       const struct dns_name *name, const char *test)
{
	struct dnsbl *dnsbl = calloc(1, sizeof(*dnsbl));
	char text[DNS_NAME_TEXT_SIZE];

	if (!dnsbl)
		return NULL;
	pthread_mutex_init(&dnsbl->lock, NULL);
	dns_name_format(name, text);
	dnsbl->dnsbls = dnsbls;
	dnsbl->name = *name;
	dnsbl->zone = strdup(text);
	dnsbl->test = test ? strdup(test) : NULL;
	if (!dnsbl->zone || (test && !dnsbl->test)) {
		dnsbl_free(dnsbl);
		return NULL;
	}
	vitals_init(&dnsbl->vitals, is_tested(test), dnsbls->now());
	return dnsbl;
}

static struct dnsbl *find(struct dnsbls *dnsbls, const struct dns_name *name)
{
	for (size_t i = 0; i < dnsbls->count; i++)
		if (dns_name_equal(&dnsbls->lists[i]->name, name))
			return dnsbls->lists[i];
	return NULL;
}

/* With the lock of all: the list, found or made. */
static struct dnsbl *find_or_make(struct dnsbls *dnsbls,
				  const struct dns_name *name, const char *test)
{
	struct dnsbl *dnsbl = find(dnsbls, name);

	if (dnsbl || dnsbls->count == DNSBL_MAX)
		return dnsbl;
	dnsbl = dnsbl_new(dnsbls, name, test);
	if (!dnsbl)
		return NULL;
	dnsbl->id = dnsbls->count;
	dnsbls->lists[dnsbl->id] = dnsbl;
	atomic_fetch_add(&dnsbls->count, 1); /* now others see it */
	return dnsbl;
}

static bool same_test(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* 0, or -1 without memory. */
static int settle(struct dnsbl *dnsbl, const struct dnsbl_start *start)
{
	char *test = start->test ? strdup(start->test) : NULL, *old;
	enum dnsbl_health was;
	bool other_test, less;

	if (start->test && !test)
		return -1;
	pthread_mutex_lock(&dnsbl->lock);
	was = dnsbl->vitals.health;
	other_test = !same_test(dnsbl->test, test);
	less = (dnsbl->of & ~start->of) != 0;
	if (other_test || (dnsbl->of != 0 && start->of != dnsbl->of))
		vitals_retest(&dnsbl->vitals, is_tested(test),
			      other_test || less, dnsbl->dnsbls->now());
	dnsbl->of = start->of;
	old = dnsbl->test;
	dnsbl->test = test;
	dnsbl_unlock(dnsbl, was);
	free(old);
	return 0;
}

struct dnsbl *dnsbls_get(struct dnsbls *dnsbls, const struct dnsbl_start *start)
{
	struct dnsbl *dnsbl;
	struct dns_name name;

	if (dns_name_parse(start->zone, strlen(start->zone), &name) < 0 ||
	    name.len <= 1)
		return NULL;
	dns_name_lower(&name);
	pthread_mutex_lock(&dnsbls->lock);
	dnsbl = find_or_make(dnsbls, &name, start->test);
	pthread_mutex_unlock(&dnsbls->lock);
	if (!dnsbl || settle(dnsbl, start) < 0)
		return NULL;
	return dnsbl;
}

/* --- use ------------------------------------------------------------------ */

void dnsbls_tick(struct dnsbls *dnsbls, struct dnsbl *const *lists,
		 size_t count)
{
	size_t started = 0, turn;

	/* who had no turn last time is among the first */
	for (size_t i = 0; i < count && started < STARTS_MAX; i++) {
		turn = atomic_fetch_add(&dnsbls->turn, 1) % count;
		if (lists[turn])
			started += dnsbl_test_start(lists[turn]);
	}
}

bool dnsbl_may_be_asked(const struct dnsbl *dnsbl)
{
	return !atomic_load_explicit(&dnsbl->is_muted, memory_order_relaxed);
}

void dnsbl_note(struct dnsbl *dnsbl, const struct dns_answer *answer)
{
	enum dnsbl_health was;
	bool wants_mark, wants_test;

	pthread_mutex_lock(&dnsbl->lock);
	was = dnsbl->vitals.health;
	wants_mark = vitals_note(&dnsbl->vitals, answer, dnsbl->dnsbls->now());
	wants_test = dnsbl->vitals.suspected ||
		     dnsbl->vitals.health == DNSBL_UNTESTED;
	dnsbl_unlock(dnsbl, was);
	if (wants_mark) {
		uint64_t answers = dnsbl_answers(dnsbl->dnsbls);

		pthread_mutex_lock(&dnsbl->lock);
		vitals_mark(&dnsbl->vitals, answers);
		pthread_mutex_unlock(&dnsbl->lock);
	}
	if (wants_test)
		dnsbl_test_start(dnsbl);
}

bool dnsbl_probe_name(struct dnsbl *dnsbl, unsigned kind,
		      const struct dns_answer *listing,
		      char buf[DNSBL_NAME_SIZE])
{
	uint64_t moment_ms = dnsbl->dnsbls->now() / 1000 * 1000;
	char subject[DNSBL_SUBJECT_SIZE];
	bool is_wanted;

	pthread_mutex_lock(&dnsbl->lock);
	is_wanted = dnsbl->vitals.is_tested;
	pthread_mutex_unlock(&dnsbl->lock);
	if (!is_wanted)
		return false;
	if (listing != NULL && listing->received > moment_ms)
		moment_ms = listing->received;
	return dnsbl_probe(dnsbl, kind, moment_ms, buf, subject) == 0;
}

bool dnsbl_probe_passed(struct dnsbl *dnsbl, const struct dns_answer *answer,
			bool *ret_unknown)
{
	enum dnsbl_health was;
	bool passed, suspected;

	pthread_mutex_lock(&dnsbl->lock);
	was = dnsbl->vitals.health;
	passed = vitals_probe(&dnsbl->vitals, answer, dnsbl->dnsbls->now(),
			      ret_unknown);
	suspected = dnsbl->vitals.suspected;
	dnsbl_unlock(dnsbl, was);
	if (suspected)
		dnsbl_test_start(dnsbl);
	return passed;
}

/* --- telling -------------------------------------------------------------- */

size_t dnsbls_count(const struct dnsbls *dnsbls)
{
	return dnsbls->count;
}

void dnsbl_report(const struct dnsbl *dnsbl, struct dnsbl_report *ret)
{
	/* the lock alone is written to */
	pthread_mutex_t *lock = (pthread_mutex_t *)&dnsbl->lock;
	const struct vitals *vitals = &dnsbl->vitals;

	pthread_mutex_lock(lock);
	ret->zone = dnsbl->zone;
	ret->health = vitals->health;
	memcpy(ret->why, vitals->why, sizeof(ret->why));
	ret->since_ms = vitals->since_ms;
	ret->tested_ms = vitals->tested_ms;
	ret->asked = vitals->asked;
	ret->listed = vitals->listed;
	ret->faults = vitals->faults;
	ret->unanswered = vitals->unanswered;
	ret->muted = vitals->muted;
	pthread_mutex_unlock(lock);
}

void dnsbls_report(const struct dnsbls *dnsbls, size_t index,
		   struct dnsbl_report *ret)
{
	dnsbl_report(dnsbls->lists[index], ret);
}
