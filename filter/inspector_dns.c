/*
 * inspector_dns.c - what inspectors ask, and what DNS says to it.
 *
 * Questions come in and answers go out on the I/O thread.  In between they are
 * the resolver's: its thread calls back, hangs the answer on the inspection and
 * wakes the I/O thread; that is all it does.
 */
#include "filter/inspector_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "filter/resolver.h"

/* --- for how long --------------------------------------------------------- */

/* Macros may speak of the sender's name, or of the time. */
static bool has_macro(const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_record *record = &answer->records[i];

		if (record->type == DNS_TXT &&
		    memchr(record->text, '%', record->text_len) != NULL)
			return true;
	}
	return false;
}

/* What an inspector is told of DNS; see inspection_lasts(). */
static void note_answer(struct inspection *inspection,
			const struct dns_answer *answer)
{
	uint64_t until = answer->received + (uint64_t)answer->ttl * 1000;

	if (!inspection->due.envelope)
		return;
	if (!dns_status_is_known(answer->status) || has_macro(answer))
		inspection->fleeting = true;
	if (inspection->lasts_until == 0 || until < inspection->lasts_until)
		inspection->lasts_until = until;
}

/* --- answers, known ------------------------------------------------------ */

/*
 * The lock is held, the answer's reference is taken over.  True if the I/O
 * thread must be woken.
 */
static bool inquiry_answered(struct inquiry *inquiry, struct dns_answer *answer)
{
	struct inspection *inspection = inquiry->inspection;
	struct inquiries *inquiries = &inspection->inquiries;
	bool wake;

	if (inquiry->answer != NULL || inspection->channel == NULL ||
	    inspection->state == INSPECTION_ANSWERED ||
	    inspection->state == INSPECTION_FAILED) {
		dns_answer_unref(answer); /* nobody waits for it any more */
		return false;
	}
	note_answer(inspection, answer);
	inquiry->answer = answer;
	inquiry->next_answered = NULL;
	if (inquiries->answered == NULL)
		inquiries->last_answered = &inquiries->answered;
	*inquiries->last_answered = inquiry;
	inquiries->last_answered = &inquiry->next_answered;
	inquiries->open--;
	wake = (!inspection->abandoned || inspection->deadline == 0) &&
	       pool_set_deadline(inspection);
	wake |= pool_list_out(inspection->channel);
	return wake;
}

/* On the resolver's thread.  The inspection stays until we have returned. */
static void done(struct dns_asker *asker, struct dns_answer *answer)
{
	struct inquiry *inquiry = asker->context;
	struct inspector_pool *pool = inquiry->inspection->pool;
	bool wake;

	pthread_mutex_lock(&pool->lock);
	wake = inquiry_answered(inquiry, answer);
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pool_wake_io(pool);
}

void pool_stop_asking(struct inspection *inspection)
{
	for (struct inquiry *i = inspection->inquiries.all; i; i = i->next)
		if (i->answer == NULL)
			inquiry_answered(i, dns_answer_of(DNS_STOPPED));
}

/* --- questions ----------------------------------------------------------- */

/*
 * The lock is held.  A question may be on its way when the session drops its
 * message, but not when it has been answered.
 */
static bool may_be_late(struct channel *channel, uint64_t number)
{
	if (number > channel->number || number <= channel->answered ||
	    number < channel->late_number)
		return false;
	if (number != channel->late_number)
		channel->late_count = 0;
	channel->late_number = number;
	return channel->late_count++ < CHANNEL_QUESTIONS_MAX;
}

static bool is_current(const struct inspection *inspection, uint64_t number)
{
	return inspection != NULL && inspection->number == number &&
	       (inspection->state == INSPECTION_OPEN ||
		inspection->state == INSPECTION_ASKED);
}

enum entry { ENTRY_TAKEN, ENTRY_LATE, ENTRY_BROKEN, ENTRY_NO_MEMORY };

/* Notes the question; the inspection is held when it was taken. */
static enum entry enter(struct channel *channel, struct inspector_pool *pool,
			uint64_t number,
			const struct channel_question *question,
			struct inquiry *inquiry)
{
	struct inspection *inspection;
	struct inquiries *inquiries;
	enum entry entry = ENTRY_TAKEN;

	pthread_mutex_lock(&pool->lock);
	inspection = channel->inspection;
	if (!is_current(inspection, number)) {
		entry = may_be_late(channel, number) ? ENTRY_LATE
						     : ENTRY_BROKEN;
	} else if (question->number != inspection->inquiries.count) {
		entry = ENTRY_BROKEN;
	} else if (inquiry == NULL) {
		entry = ENTRY_NO_MEMORY;
		pool_fail(inspection, CAUSE_BUSY);
		pool_fell(channel->inspector, pool, true);
	} else {
		inquiries = &inspection->inquiries;
		*inquiry = (struct inquiry){
			.asker = { .done = done,
				   .context = inquiry,
				   .of_stranger = true },
			.inspection = inspection,
			.next = inquiries->all,
			.number = question->number,
			.type = question->type,
		};
		inquiries->all = inquiry;
		inquiries->count++;
		inquiries->open++;
		/* Given up, it is not waited for however much it asks. */
		if (!inspection->abandoned)
			pool_clear_deadline(inspection);
		channel->held = true;
	}
	pthread_mutex_unlock(&pool->lock);
	return entry;
}

bool pool_question(struct channel *channel, struct inspector_pool *pool,
		   const struct channel_head *head,
		   struct channel_record *record, bool alone)
{
	struct inquiry *inquiry = pool_alloc(sizeof(*inquiry));
	struct channel_question question;
	struct dns_answer *answer;
	struct resolver *resolver;
	enum entry entry = ENTRY_BROKEN;
	bool stopped;

	if (alone && head->flags == 0 && record->flags == 0 &&
	    channel_read_question(&record->payload, &question))
		entry = enter(channel, pool, head->number, &question, inquiry);
	if (entry != ENTRY_TAKEN) {
		free(inquiry);
		return entry != ENTRY_BROKEN;
	}
	pthread_mutex_lock(&pool->lock);
	stopped = inquiry->inspection->abandoned;
	resolver = inquiry->inspection->resolver;
	pthread_mutex_unlock(&pool->lock);
	answer = dns_answer_of(DNS_STOPPED);
	if (resolver != NULL && !stopped)
		answer = dns_ask(resolver->dns, question.name, question.type,
				 inquiry->inspection->dns_ms, &inquiry->asker);
	pthread_mutex_lock(&pool->lock);
	if (answer == NULL)
		inquiry->waits = true;
	else
		inquiry_answered(inquiry, answer); /* we look after it soon */
	pool_let_go(channel);
	pthread_mutex_unlock(&pool->lock);
	return true;
}

void pool_tell(struct inspection *inspection, const char *name,
	       enum dns_type type)
{
	struct dns_answer *answer;

	if (inspection->resolver == NULL ||
	    inspection->told == CHANNEL_KNOWN_MAX)
		return;
	answer = dns_known(inspection->resolver->dns, name, type);
	if (answer == NULL)
		return;
	if (packet_put_known(&inspection->packet, type, name, answer) ==
	    PACKET_PUT) {
		note_answer(inspection, answer);
		inspection->told++;
	}
	dns_answer_unref(answer);
}

/* --- answers, sent ------------------------------------------------------- */

/* The oldest that is to be sent; the inspection is held then. */
static struct inquiry *answered_take(struct channel *channel,
				     struct inspector_pool *pool)
{
	struct inspection *inspection;
	struct inquiry *inquiry = NULL;

	pthread_mutex_lock(&pool->lock);
	inspection = channel->inspection;
	if (inspection != NULL && inspection->state != INSPECTION_FAILED)
		inquiry = inspection->inquiries.answered;
	if (inquiry != NULL) {
		inspection->inquiries.answered = inquiry->next_answered;
		channel->held = true;
	}
	pthread_mutex_unlock(&pool->lock);
	return inquiry;
}

/* Sent, or put back. */
static void answered_done(struct channel *channel, struct inspector_pool *pool,
			  struct inquiry *inquiry, bool sent)
{
	struct inspection *inspection = channel->inspection;
	struct inquiries *inquiries = &inspection->inquiries;

	pthread_mutex_lock(&pool->lock);
	if (sent) {
		dns_answer_unref(inquiry->answer);
		inquiry->answer = dns_answer_of(DNS_STOPPED); /* had one */
		if (inspection->state == INSPECTION_OPEN &&
		    inspection->out.first == NULL &&
		    inquiries->answered == NULL)
			pool_clear_deadline(inspection);
	} else {
		if (inquiries->answered == NULL)
			inquiries->last_answered = &inquiry->next_answered;
		inquiry->next_answered = inquiries->answered;
		inquiries->answered = inquiry;
	}
	pool_let_go(channel);
	pthread_mutex_unlock(&pool->lock);
}

static bool send_answer(struct channel *channel, struct inspector_pool *pool,
			const struct inquiry *inquiry)
{
	struct packet packet = { .bytes = pool->buffer,
				 .room = CHANNEL_PACKET_MAX };
	ssize_t sent;

	if (packet_begin(&packet, inquiry->inspection->number) != PACKET_PUT ||
	    packet_put_answer(&packet, inquiry->number, inquiry->type,
			      inquiry->answer) != PACKET_PUT)
		return false;
	do
		sent = send(channel->fd, packet.bytes, packet.used,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	/* one that is dead is one that epoll will tell of */
	return sent >= 0 ||
	       (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM);
}

bool pool_send_answers(struct channel *channel, struct inspector_pool *pool)
{
	struct inquiry *inquiry;
	bool sent = true;

	while (sent && (inquiry = answered_take(channel, pool)) != NULL) {
		sent = send_answer(channel, pool, inquiry);
		answered_done(channel, pool, inquiry, sent);
	}
	return sent;
}

/* --- the end ------------------------------------------------------------- */

static void dispose(struct inspection *inspection)
{
	struct inquiry *inquiry = inspection->inquiries.all;

	while (inquiry != NULL) {
		struct inquiry *next = inquiry->next;

		if (inquiry->waits)
			dns_give_up(inspection->resolver->dns, &inquiry->asker);
		dns_answer_unref(inquiry->answer);
		free(inquiry);
		inquiry = next;
	}
	resolver_unref(inspection->resolver);
	free(inspection);
}

void pool_dispose(struct inspector_pool *pool)
{
	struct inspection *inspection;

	pthread_mutex_lock(&pool->lock);
	inspection = pool->ended;
	pool->ended = NULL;
	pthread_mutex_unlock(&pool->lock);
	while (inspection != NULL) {
		struct inspection *next = inspection->next_ended;

		dispose(inspection);
		inspection = next;
	}
}
