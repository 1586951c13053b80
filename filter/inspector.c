/*
 * inspector.c - the session's side: lease, hand over, wait, give back.
 */
#include "filter/inspector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "filter/guess.h"
#include "filter/inspect/want.h"
#include "filter/inspector_pool.h"
#include "filter/poison.h"
#include "filter/resolver.h"
#include "rules/ruleset.h"

/* From so many bytes on what was collected goes out. */
enum { LARGE = 32 * 1024 };

/* --- what it will ask ----------------------------------------------------- */

static void tell(void *context, const char *name, enum dns_type type)
{
	pool_tell(context, name, type);
}

/* --- leasing ------------------------------------------------------------ */

/* From the inspector with most channels free: all cores get work. */
static struct channel *channel_take(struct inspector_pool *pool)
{
	struct inspector *best = NULL;
	struct channel *channel;

	for (struct inspector *i = pool->inspectors; i != NULL; i = i->next)
		if (i->free_count > (best ? best->free_count : 0))
			best = i;
	if (best == NULL)
		return NULL;
	channel = best->free;
	best->free = channel->next;
	best->free_count--;
	best->leased++;
	return channel;
}

static void waiter_leave(struct inspector_pool *pool, struct waiter *waiter)
{
	struct waiter **at = &pool->waiters;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (*at == NULL)
		pool->last_waiter = at;
}

/* The lock is held; who came before is served before. */
static struct channel *channel_wait(struct inspector_pool *pool,
				    unsigned wait_ms)
{
	const struct timespec until = pool_moment(pool_now() + wait_ms);
	struct waiter waiter = { 0 };
	struct channel *channel = NULL;
	int failed = 0;

	if (pool->waiters == NULL)
		channel = channel_take(pool);
	if (channel != NULL || wait_ms == 0)
		return channel;
	pthread_cond_init(&waiter.wake, &pool->monotonic);
	*pool->last_waiter = &waiter;
	pool->last_waiter = &waiter.next;
	while (waiter.channel == NULL && failed == 0)
		failed = pthread_cond_timedwait(&waiter.wake, &pool->lock,
						&until);
	if (waiter.channel == NULL)
		waiter_leave(pool, &waiter);
	pthread_cond_destroy(&waiter.wake);
	return waiter.channel;
}

/* Without rules no header fields are wanted. */
static struct inspection *inspection_new(struct inspector_pool *pool,
					 const struct ruleset *rules)
{
	size_t wants = rules == NULL ? 0 : want_count(rules);
	struct inspection *inspection;

	inspection = calloc(1, sizeof(*inspection) +
				       wants * sizeof(inspection->wants[0]));
	if (inspection == NULL)
		return NULL;
	inspection->pool = pool;
	inspection->packet.grows = true;
	inspection->want_count = wants;
	if (wants > 0)
		want_fill(rules, inspection->wants);
	return inspection;
}

/* Leases a channel for it, or frees it. */
static bool lease(struct inspector_pool *pool, struct inspection *inspection,
		  struct resolver *resolver, unsigned wait_ms)
{
	struct channel *channel;

	pthread_mutex_lock(&pool->lock);
	channel = channel_wait(pool, wait_ms);
	if (channel != NULL) {
		if (resolver != NULL)
			inspection->resolver = resolver_ref(resolver);
		channel->inspection = inspection;
		inspection->channel = channel;
		inspection->number = ++channel->number;
		/* It may have died while it changed hands. */
		if (channel->inspector->fallen)
			pool_fail(inspection, CAUSE_CRASHED);
	} else {
		pool->stats.busy++;
	}
	pthread_mutex_unlock(&pool->lock);
	if (channel == NULL)
		free(inspection);
	return channel != NULL;
}

/* --- packets ------------------------------------------------------------- */

/* For a packet_put_*() that did not put: makes room, or gives up. */
static bool make_room(struct inspection *inspection, enum packet_put put)
{
	if (put == PACKET_FULL && !packet_empty(&inspection->packet)) {
		pool_send(inspection, SEND_PART, NULL);
		put = packet_begin(&inspection->packet, inspection->number);
		if (put == PACKET_PUT)
			return !inspection->mute;
	}
	if (!inspection->mute)
		pool_lose(inspection, CAUSE_BUSY);
	return false;
}

static void put_begin(struct inspection *inspection,
		      const struct inspection_request *request)
{
	struct message_request begin = {
		.arrival = request->arrival,
		.body_limit = request->body_limit,
		.want_count = inspection->want_count,
		.authentication = request->authentication,
	};
	struct packet *packet = &inspection->packet;
	enum packet_put put = packet_begin(packet, inspection->number);

	/* No domain is as long as that, so it is nobody's. */
	if (!channel_text_fits(begin.authentication.spf_domain))
		begin.authentication.spf_domain = "";
	if (put == PACKET_PUT)
		put = packet_put_begin(packet, &begin, request->dns_ms);
	if (put != PACKET_PUT)
		make_room(inspection, PACKET_NO_MEMORY);
	for (size_t i = 0; i < inspection->want_count && !inspection->mute; i++)
		do
			put = packet_put_want(packet, &inspection->wants[i]);
		while (put != PACKET_PUT && make_room(inspection, put));
	if (inspection->input.packet == NULL)
		inspection->input.from = inspection->input.to = packet->used;
}

/* --- the message -------------------------------------------------------- */

struct inspection *inspection_begin(struct inspector_pool *pool,
				    const struct inspection_request *request,
				    unsigned wait_ms,
				    enum fact_cause *ret_cause)
{
	const struct message_authentication *auth = &request->authentication;
	struct inspection *inspection = inspection_new(pool, request->rules);

	*ret_cause = CAUSE_BUSY;
	if (inspection == NULL)
		return NULL;
	inspection->body_limit =
		auth->verifies ? UINT64_MAX : request->body_limit;
	inspection->due = (struct answer_due){
		.body = request->body_limit > 0,
		.authentication = auth->wanted,
	};
	inspection->dns_ms = request->dns_ms;
	if (!lease(pool, inspection, request->resolver, wait_ms))
		return NULL;
	put_begin(inspection, request);
	return inspection;
}

struct inspection *inspection_begin_envelope(
	struct inspector_pool *pool, const struct inspection_envelope *envelope,
	unsigned wait_ms, enum fact_cause *ret_cause)
{
	struct inspection *inspection;
	struct packet_span names;
	enum packet_put put;

	*ret_cause = CAUSE_LIMIT;
	if (!channel_envelope_fits(&envelope->spf))
		return NULL;
	*ret_cause = CAUSE_BUSY;
	inspection = inspection_new(pool, NULL);
	if (inspection == NULL)
		return NULL;
	inspection->due.envelope = true;
	inspection->dns_ms = envelope->dns_ms;
	if (!lease(pool, inspection, envelope->resolver, wait_ms))
		return NULL;
	put = packet_begin(&inspection->packet, inspection->number);
	if (put == PACKET_PUT)
		put = packet_put_envelope(&inspection->packet, &envelope->spf,
					  envelope->dns_ms, &names);
	inspection->finished = true;
	if (put != PACKET_PUT) {
		pool_lose(inspection, CAUSE_BUSY);
		return inspection;
	}
	guess_envelope(&(struct guess){ .name = tell, .context = inspection },
		       envelope->spf.sender, envelope->spf.helo);
	inspection->input.from = names.from;
	inspection->input.to = names.to;
	pool_send(inspection, SEND_LAST, NULL);
	return inspection;
}

void inspection_header(struct inspection *inspection, const char *name,
		       size_t name_len, const char *value, size_t value_len)
{
	enum packet_put put;

	if (inspection->mute || inspection->finished)
		return;
	do
		put = packet_put_header(&inspection->packet, name, name_len,
					value, value_len);
	while (put != PACKET_PUT && make_room(inspection, put));
	if (inspection->input.packet == NULL)
		inspection->input.to = inspection->packet.used;
}

void inspection_expect(struct inspection *inspection, const char *name,
		       size_t name_len, const char *value, size_t value_len)
{
	const struct guess guess = { .name = tell, .context = inspection };

	if (inspection->mute || inspection->finished ||
	    !inspection->due.authentication)
		return;
	guess_field(&guess, name, name_len, value, value_len);
}

/* Sends the packet with a large piece behind it, which nobody need copy. */
static size_t send_piece(struct inspection *inspection, const char *bytes,
			 size_t len)
{
	struct iovec rest = { .iov_base = (void *)(uintptr_t)bytes };
	enum packet_put put =
		packet_put_body_head(&inspection->packet, len, &rest.iov_len);

	if (put != PACKET_PUT)
		return 0; /* it is copied then */
	pool_send(inspection, SEND_PART, &rest);
	put = packet_begin(&inspection->packet, inspection->number);
	if (put != PACKET_PUT)
		pool_lose(inspection, CAUSE_BUSY);
	return rest.iov_len;
}

void inspection_body(struct inspection *inspection, const void *bytes,
		     size_t len)
{
	uint64_t most = inspection->body_limit - inspection->body_given;
	const char *at = bytes;
	enum packet_put put;
	size_t taken;

	if (inspection->mute || inspection->finished)
		return;
	/* At the limit the MTA may have been told to skip the rest. */
	if (len >= most) {
		len = (size_t)most;
		inspection->body_cut = true;
	}
	inspection->body_given += len;
	if (inspection->packet.used + len >= LARGE) {
		taken = send_piece(inspection, at, len);
		at += taken;
		len -= taken;
	}
	if (inspection->mute)
		return;
	do {
		put = packet_put_body(&inspection->packet, at, len, &taken);
		at += taken;
		len -= taken;
	} while (put != PACKET_PUT && make_room(inspection, put));
}

static void finish(struct inspection *inspection, enum send how)
{
	enum packet_put put;

	if (inspection->finished)
		return;
	inspection->finished = true;
	if (inspection->mute)
		return;
	do
		put = packet_put_end(&inspection->packet, inspection->body_cut);
	while (put != PACKET_PUT && make_room(inspection, put));
	if (!inspection->mute)
		pool_send(inspection, how, NULL);
}

void inspection_finish(struct inspection *inspection)
{
	finish(inspection, SEND_LAST);
}

/* --- the answer --------------------------------------------------------- */

static enum inspection_state await(struct inspection *inspection,
				   unsigned wait_ms)
{
	struct inspector_pool *pool = inspection->pool;
	enum inspection_state state;
	struct timespec until;
	int64_t until_ms;
	int failed = 0;

	until_ms = pool_now() + wait_ms;
	if (inspection->reads)
		pool_read_answer(inspection, until_ms);
	until = pool_moment(until_ms);
	pthread_mutex_lock(&pool->lock);
	while (inspection->state == INSPECTION_ASKED && failed == 0)
		failed = pthread_cond_timedwait(&inspection->channel->wake,
						&pool->lock, &until);
	state = inspection->state;
	pthread_mutex_unlock(&pool->lock);
	return state;
}

/* Nothing of an answer with one error in it is believed. */
static bool take_answer(struct inspection *inspection, struct answer *answer)
{
	bool fine = true;

	for (struct parcel *p = inspection->in.first; p != NULL && fine;
	     p = p->next)
		fine = answer_take(answer, p->bytes, p->len);
	fine = fine && answer_complete(answer);
	if (!fine)
		answer_forget(answer);
	return fine;
}

enum inspection_answer inspection_wait(struct inspection *inspection,
				       struct facts *facts, unsigned wait_ms,
				       enum fact_cause *ret_cause)
{
	struct answer answer = { .facts = facts,
				 .due = inspection->due,
				 .wants = inspection->wants,
				 .want_count = inspection->want_count };

	finish(inspection, wait_ms > 0 ? SEND_LAST_AND_WAIT : SEND_LAST);
	switch (await(inspection, wait_ms)) {
	case INSPECTION_ANSWERED: break;
	case INSPECTION_ASKED: return INSPECTION_WAITING;
	case INSPECTION_OPEN:
	case INSPECTION_FAILED:
	default:
		answer_fill(&answer, inspection->cause);
		*ret_cause = inspection->cause;
		return INSPECTION_LOST;
	}
	if (take_answer(inspection, &answer)) {
		answer_fill(&answer, CAUSE_FAILED);
		return INSPECTION_DONE;
	}
	pool_accuse(inspection);
	answer_fill(&answer, inspection->cause);
	*ret_cause = inspection->cause;
	return INSPECTION_LOST;
}

bool inspection_lasts(const struct inspection *inspection,
		      uint64_t *ret_until_ms)
{
	struct inspector_pool *pool = inspection->pool;
	bool lasts;

	pthread_mutex_lock(&pool->lock);
	lasts = !inspection->fleeting && inspection->lasts_until > 0;
	*ret_until_ms = inspection->lasts_until;
	pthread_mutex_unlock(&pool->lock);
	return lasts;
}

void inspection_end(struct inspection *inspection)
{
	struct inspector_pool *pool;
	bool wake, disposes;

	if (inspection == NULL)
		return;
	pool = inspection->pool;
	packet_done(&inspection->packet);
	pthread_mutex_lock(&pool->lock);
	if (inspection->state == INSPECTION_ASKED ||
	    inspection->channel->held) {
		inspection->abandoned = true;
		/* It is to be ready soon, and not wait for DNS any more. */
		pool_stop_asking(inspection);
	} else {
		pool_release(inspection);
	}
	wake = pool->buried != NULL || pool->out != NULL;
	disposes = pool->ended != NULL;
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pool_wake_io(pool);
	if (disposes)
		pool_dispose(pool);
}

static void pending_unknown(struct facts *facts, const struct answer_due *due,
			    enum fact_cause cause)
{
	for (int id = 0; id < FACT_FIXED; id++)
		if (answer_is_due(due, (enum fact_id)id) &&
		    facts->fixed[id].state == FACT_PENDING)
			facts_unknown(facts, (enum fact_id)id, cause);
}

void inspection_unknown(struct facts *facts, const struct ruleset *rules,
			enum fact_cause cause)
{
	const struct answer_due due = {
		/* A body that no rule reads was not asked for. */
		.body = ruleset_reads_any(rules, FACT_BODY_SIZE,
					  FACT_BODY_LONGEST_LINE),
		.authentication = true,
	};
	size_t slots = ruleset_slot_count(rules);

	pending_unknown(facts, &due, cause);
	for (unsigned i = 0; i < slots && i < facts->slot_count; i++) {
		enum fact_id id = ruleset_slot(rules, i)->id;

		if ((id == FACT_HEADER || id == FACT_HEADER_RAW) &&
		    facts->slots[i].state == FACT_PENDING)
			facts_slot_unknown(facts, i, cause);
	}
}

void inspection_envelope_unknown(struct facts *facts, enum fact_cause cause)
{
	const struct answer_due due = { .envelope = true };

	pending_unknown(facts, &due, cause);
}
