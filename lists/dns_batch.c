/*
 * dns_batch.c - many questions, one deadline.
 *
 * Slots come in pieces that never move, as the resolver knows the askers in
 * them by address.  Each is twice as large as the one before: a session that
 * has asked for the client's name, and idles, holds little.
 */
#include "lists/dns_batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
	FIRST = 4, /* slots in the first piece */
	PIECES = 9,
};

_Static_assert(FIRST *((1 << PIECES) - 1) >= DNS_BATCH_MAX, "room for all");

struct slot {
	struct dns_asker asker;
	struct dns_batch *batch;
	int number;
	bool sent; /* the resolver knows the asker */
	struct dns_answer *answer;
	dns_batch_then *then;
	void *context;
};

struct dns_batch {
	struct dns *dns;
	pthread_mutex_t lock; /* guards all below, and the slots' answers */
	pthread_cond_t answered;
	struct slot *pieces[PIECES];
	int count, pending;
	bool closing;
};

struct dns_batch *dns_batch_new(struct dns *dns)
{
	struct dns_batch *batch = calloc(1, sizeof(*batch));
	pthread_condattr_t attr;

	if (!batch)
		return NULL;
	batch->dns = dns;
	pthread_mutex_init(&batch->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&batch->answered, &attr);
	pthread_condattr_destroy(&attr);
	return batch;
}

/* Piece p holds FIRST << p slots, from number FIRST * (2^p - 1) on. */
static unsigned piece_of(int number)
{
	return 31U - (unsigned)__builtin_clz((unsigned)number / FIRST + 1);
}

static struct slot *slot_at(struct dns_batch *batch, int number)
{
	unsigned piece = piece_of(number);
	unsigned before = FIRST * ((1U << piece) - 1);

	return &batch->pieces[piece][(unsigned)number - before];
}

/* Takes the answer's reference. */
static void take_answer(struct slot *slot, struct dns_answer *answer)
{
	struct dns_batch *batch = slot->batch;

	if (slot->then)
		slot->then(batch, slot->number, answer, slot->context);
	pthread_mutex_lock(&batch->lock);
	slot->answer = answer;
	if (--batch->pending == 0)
		pthread_cond_broadcast(&batch->answered);
	pthread_mutex_unlock(&batch->lock);
}

static void done(struct dns_asker *asker, struct dns_answer *answer)
{
	take_answer(asker->context, answer);
}

static struct slot *new_slot(struct dns_batch *batch)
{
	struct slot *slot = NULL, **piece;
	unsigned number;

	pthread_mutex_lock(&batch->lock);
	if (!batch->closing && batch->count < DNS_BATCH_MAX) {
		number = piece_of(batch->count);
		piece = &batch->pieces[number];
		if (!*piece)
			*piece = calloc((size_t)FIRST << number,
					sizeof(**piece));
		if (*piece) {
			slot = slot_at(batch, batch->count);
			slot->number = batch->count++;
			batch->pending++;
		}
	}
	pthread_mutex_unlock(&batch->lock);
	return slot;
}

static int ask(struct dns_batch *batch, const char *name, enum dns_type type,
	       bool of_stranger, dns_batch_then *then, void *context)
{
	struct slot *slot = new_slot(batch);
	struct dns_answer *answer;
	int number;

	if (!slot)
		return -1;
	number = slot->number;
	slot->batch = batch;
	slot->then = then;
	slot->context = context;
	slot->asker.done = done;
	slot->asker.context = slot;
	slot->asker.of_stranger = of_stranger;
	slot->sent = true;
	answer = dns_ask(batch->dns, name, type, 0, &slot->asker);
	if (answer) {
		slot->sent = false;
		take_answer(slot, answer);
	}
	return number;
}

int dns_batch_ask(struct dns_batch *batch, const char *name, enum dns_type type,
		  dns_batch_then *then, void *context)
{
	return ask(batch, name, type, false, then, context);
}

int dns_batch_ask_of_stranger(struct dns_batch *batch, const char *name,
			      enum dns_type type, dns_batch_then *then,
			      void *context)
{
	return ask(batch, name, type, true, then, context);
}

bool dns_batch_wait(struct dns_batch *batch, uint64_t until_ms)
{
	struct timespec until = {
		.tv_sec = (time_t)(until_ms / 1000),
		.tv_nsec = (long)(until_ms % 1000) * 1000000,
	};
	int timed_out = 0;
	bool all;

	pthread_mutex_lock(&batch->lock);
	while (batch->pending > 0 && timed_out == 0)
		timed_out = pthread_cond_timedwait(&batch->answered,
						   &batch->lock, &until);
	all = batch->pending == 0;
	pthread_mutex_unlock(&batch->lock);
	return all;
}

struct dns_answer *dns_batch_answer(struct dns_batch *batch, int slot)
{
	struct dns_answer *answer = NULL;

	pthread_mutex_lock(&batch->lock);
	if (slot >= 0 && slot < batch->count)
		answer = slot_at(batch, slot)->answer;
	pthread_mutex_unlock(&batch->lock);
	return answer;
}

int dns_batch_count(struct dns_batch *batch)
{
	int count;

	pthread_mutex_lock(&batch->lock);
	count = batch->count;
	pthread_mutex_unlock(&batch->lock);
	return count;
}

int dns_batch_pending(struct dns_batch *batch)
{
	int pending;

	pthread_mutex_lock(&batch->lock);
	pending = batch->pending;
	pthread_mutex_unlock(&batch->lock);
	return pending;
}

void dns_batch_stop(struct dns_batch *batch)
{
	int count;

	/* nothing is added from now on, not even by a `then` that runs */
	pthread_mutex_lock(&batch->lock);
	batch->closing = true;
	count = batch->count;
	pthread_mutex_unlock(&batch->lock);
	for (int i = 0; i < count; i++) {
		struct slot *slot = slot_at(batch, i);

		if (slot->sent)
			dns_give_up(batch->dns, &slot->asker);
		slot->sent = false;
	}
}

void dns_batch_free(struct dns_batch *batch)
{
	if (!batch)
		return;
	dns_batch_stop(batch);
	for (int i = 0; i < batch->count; i++)
		dns_answer_unref(slot_at(batch, i)->answer);
	for (int i = 0; i < PIECES; i++)
		free(batch->pieces[i]);
	pthread_cond_destroy(&batch->answered);
	pthread_mutex_destroy(&batch->lock);
	free(batch);
}
