/*
 * inspector_io.c - the one thread that reads all channels that are watched.
 *
 * It sleeps in epoll_wait() until a packet comes, until the soonest deadline,
 * or until somebody has work for it (event_fd): queued packets to be sent, or
 * dead inspectors to be freed.  As long as nobody is overdue it never needs to
 * be told of a new deadline: it never sleeps longer than a deadline is far.
 */
#include "filter/inspector_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

enum {
	EVENTS = 64,
	MEMORY_TRIES = 20, /* a millisecond apart */
};

/* --- what comes in ------------------------------------------------------ */

/* The other end is closed: the inspector is dying, or gave up on us. */
static void channel_ended(struct inspector_pool *pool, struct channel *channel)
{
	struct inspector *inspector = channel->inspector;

	epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, channel->fd, NULL);
	pthread_mutex_lock(&pool->lock);
	channel->dead = true;
	pool_fell(inspector, pool, false);
	if (inspector->grace == 0)
		inspector->grace = pool_now() + DEATH_GRACE;
	if (channel->inspection != NULL)
		pool_fail(channel->inspection, CAUSE_CRASHED);
	pthread_mutex_unlock(&pool->lock);
}

/* What no honest inspector would send. */
static void channel_broken(struct inspector_pool *pool, struct channel *channel)
{
	epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, channel->fd, NULL);
	pthread_mutex_lock(&pool->lock);
	channel->dead = true;
	if (channel->inspection != NULL) {
		pool_blame(pool, &channel->inspection->input);
		pool_fail(channel->inspection, CAUSE_CRASHED);
	}
	pool_fell(channel->inspector, pool, true);
	pthread_mutex_unlock(&pool->lock);
	pool_report_hangs(pool);
}

/* Under the lock: this packet is the next part of an answer that is due. */
static bool answers(const struct channel *channel,
		    const struct channel_head *head, size_t len)
{
	const struct inspection *inspection = channel->inspection;

	return inspection != NULL && inspection->state == INSPECTION_ASKED &&
	       head->number == inspection->number &&
	       inspection->in.bytes + len <= ANSWER_BYTES_MAX;
}

void *pool_alloc(size_t size)
{
	const struct timespec moment = { .tv_nsec = 1000 * 1000 };
	int tries = MEMORY_TRIES;
	void *memory;

	while ((memory = malloc(size)) == NULL && --tries > 0)
		nanosleep(&moment, NULL);
	return memory;
}

static struct parcel *parcel_copy(const unsigned char *bytes, size_t len)
{
	struct parcel *parcel = pool_alloc(sizeof(*parcel) + len);

	if (parcel == NULL)
		return NULL;
	parcel->len = len;
	memcpy(parcel->bytes, bytes, len);
	return parcel;
}

/* Facts. */
static bool channel_deliver(struct inspector_pool *pool,
			    struct channel *channel,
			    const struct channel_head *head,
			    const unsigned char *bytes, size_t len)
{
	struct parcel *parcel = parcel_copy(bytes, len);
	struct inspection *inspection;
	bool fine, wake = false;

	pthread_mutex_lock(&pool->lock);
	fine = answers(channel, head, len);
	inspection = channel->inspection;
	if (fine && parcel != NULL) {
		parcels_add(&inspection->in, parcel);
		parcel = NULL;
	} else if (fine) {
		pool_fell(channel->inspector, pool, true);
		pool_fail(inspection, CAUSE_BUSY); /* no memory */
		inspection = channel->inspection; /* NULL: it was abandoned */
	}
	if (fine && inspection != NULL &&
	    inspection->state == INSPECTION_ASKED &&
	    (head->flags & CHANNEL_LAST) != 0) {
		inspection->state = INSPECTION_ANSWERED;
		channel->answered = inspection->number;
		pool->stats.messages++;
		pool_clear_deadline(inspection);
		if (inspection->abandoned && !channel->held)
			pool_release(inspection);
		else
			wake = true;
	}
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&channel->wake);
	free(parcel);
	return fine;
}

enum packet_kind pool_packet(struct inspector_pool *pool,
			     struct channel *channel,
			     const unsigned char *bytes, size_t len)
{
	enum packet_kind kind = PACKET_OF_FACTS;
	struct cursor packet = cursor_over(bytes, len);
	struct channel_record record;
	struct channel_head head;
	bool fine = channel_open(&packet, &head);

	if (fine && channel_next(&packet, &record) == CHANNEL_RECORD &&
	    record.type == CHANNEL_QUESTION) {
		kind = PACKET_ASKS;
		fine = pool_question(channel, pool, &head, &record,
				     cursor_whole(&packet));
	} else {
		fine = fine &&
		       channel_deliver(pool, channel, &head, bytes, len);
	}
	return fine ? kind : PACKET_BREAKS;
}

/*
 * May we read?  A channel that nobody watches tells once that it has ended: to
 * the session that reads it, or to us.
 */
static bool reading_begin(struct inspector_pool *pool, struct channel *channel)
{
	pthread_mutex_lock(&pool->lock);
	if (!channel->watched &&
	    (channel->inspection == NULL || !channel->inspection->reads))
		pool_watch(channel, pool);
	channel->reading = channel->watched;
	pthread_mutex_unlock(&pool->lock);
	return channel->reading;
}

static void reading_end(struct inspector_pool *pool, struct channel *channel)
{
	pthread_mutex_lock(&pool->lock);
	channel->reading = false;
	pthread_mutex_unlock(&pool->lock);
}

static void channel_read(struct inspector_pool *pool, struct channel *channel)
{
	ssize_t got;

	if (!reading_begin(pool, channel))
		return;
	got = recv(channel->fd, pool->buffer, sizeof(pool->buffer),
		   MSG_DONTWAIT | MSG_TRUNC);
	if (got > CHANNEL_PACKET_MAX ||
	    (got > 0 && pool_packet(pool, channel, pool->buffer, (size_t)got) ==
				PACKET_BREAKS))
		channel_broken(pool, channel);
	else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR &&
			      errno != ENOBUFS))
		channel_ended(pool, channel);
	reading_end(pool, channel);
}

/* --- who reads ------------------------------------------------------------ */

static void channel_tell_epoll(struct inspector_pool *pool,
			       struct channel *channel)
{
	struct epoll_event event = { .events = EPOLLONESHOT,
				     .data.ptr = channel };

	if (channel->watched)
		event.events = EPOLLIN;
	if (channel->armed)
		event.events |= EPOLLOUT;
	if (!channel->dead)
		epoll_ctl(pool->epoll_fd, EPOLL_CTL_MOD, channel->fd, &event);
}

void pool_watch(struct channel *channel, struct inspector_pool *pool)
{
	if (channel->watched)
		return;
	channel->watched = true;
	channel_tell_epoll(pool, channel);
}

bool pool_unwatch(struct channel *channel, struct inspector_pool *pool)
{
	if (channel->reading || channel->armed)
		return false;
	if (!channel->watched)
		return true;
	channel->watched = false;
	channel_tell_epoll(pool, channel);
	return true;
}

/* --- what goes out late ------------------------------------------------- */

static void channel_arm(struct inspector_pool *pool, struct channel *channel,
			bool armed)
{
	pthread_mutex_lock(&pool->lock);
	if (channel->armed != armed) {
		channel->armed = armed;
		channel_tell_epoll(pool, channel);
	}
	pthread_mutex_unlock(&pool->lock);
}

/* Takes the oldest packet that waits; the channel is ours meanwhile. */
static struct parcel *parcel_take(struct inspector_pool *pool,
				  struct channel *channel)
{
	struct inspection *inspection;
	struct parcel *parcel = NULL;

	pthread_mutex_lock(&pool->lock);
	inspection = channel->inspection;
	if (inspection != NULL && inspection->out.first != NULL) {
		parcel = inspection->out.first;
		inspection->out.first = parcel->next;
		inspection->out.bytes -= parcel->len;
		channel->held = true;
	}
	pthread_mutex_unlock(&pool->lock);
	return parcel;
}

/* Sent, or put back; false if nothing more can be sent now. */
static bool parcel_done(struct inspector_pool *pool, struct channel *channel,
			struct parcel *parcel, bool sent)
{
	struct inspection *inspection;

	pthread_mutex_lock(&pool->lock);
	inspection = channel->inspection;
	if (!sent && inspection->state != INSPECTION_FAILED) {
		if (inspection->out.first == NULL)
			inspection->out.last = &parcel->next;
		parcel->next = inspection->out.first;
		inspection->out.first = parcel;
		inspection->out.bytes += parcel->len;
		parcel = NULL;
	} else if (sent && inspection->state == INSPECTION_OPEN) {
		/* It reads: its time starts again, or stops. */
		if (inspection->out.first != NULL)
			pool_set_deadline(inspection);
		else
			pool_clear_deadline(inspection);
	}
	if (inspection->stalled && inspection->out.bytes <= QUEUE_MAX / 2)
		pthread_cond_signal(&channel->wake);
	pool_let_go(channel);
	pthread_mutex_unlock(&pool->lock);
	free(parcel);
	return sent;
}

static void channel_send(struct inspector_pool *pool, struct channel *channel)
{
	struct parcel *parcel;
	bool more = pool_send_answers(channel, pool);

	while (more && (parcel = parcel_take(pool, channel)) != NULL) {
		ssize_t sent;

		do
			sent = send(channel->fd, parcel->bytes, parcel->len,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		while (sent < 0 && errno == EINTR);
		if (sent < 0 && errno != EAGAIN && errno != ENOBUFS &&
		    errno != ENOMEM)
			sent = 0; /* it is dead, as epoll will say */
		more = parcel_done(pool, channel, parcel, sent >= 0);
	}
	channel_arm(pool, channel, !more);
}

static void send_queued(struct inspector_pool *pool)
{
	for (;;) {
		struct channel *channel;

		pthread_mutex_lock(&pool->lock);
		channel = pool->out;
		if (channel != NULL) {
			pool->out = channel->next_out;
			channel->listed_out = false;
		}
		pthread_mutex_unlock(&pool->lock);
		if (channel == NULL)
			return;
		if (!channel->dead)
			channel_send(pool, channel);
	}
}

/* --- the clock ---------------------------------------------------------- */

static void expire(struct inspector_pool *pool, int64_t now)
{
	struct inspection *inspection;

	while ((inspection = pool->soonest) != NULL &&
	       inspection->deadline <= now) {
		struct inspector *inspector = inspection->channel->inspector;

		/* Of all that wait for a hanging one, the first is to blame. */
		if (!inspector->fallen && inspection->state == INSPECTION_ASKED)
			pool_blame(pool, &inspection->input);
		pool_fell(inspector, pool, true);
		pool_fail(inspection, CAUSE_TIMEOUT);
	}
	for (struct inspector *i = pool->inspectors; i != NULL; i = i->next)
		if (i->grace != 0 && !i->gone && !i->hung && i->grace <= now)
			pool_fell(i, pool, true);
}

/* How long to sleep; the lock is held. */
static int64_t pool_sleep(struct inspector_pool *pool, int64_t now)
{
	int64_t until = now + pool->timeout;

	if (pool->soonest != NULL && pool->soonest->deadline < until)
		until = pool->soonest->deadline;
	for (struct inspector *i = pool->inspectors; i != NULL; i = i->next)
		if (i->grace != 0 && !i->gone && !i->hung && i->grace < until)
			until = i->grace;
	pool->io_wakes = until;
	return until > now ? until - now : 0;
}

static void free_buried(struct inspector_pool *pool)
{
	struct inspector *buried;

	pthread_mutex_lock(&pool->lock);
	buried = pool->buried;
	pool->buried = NULL;
	for (struct inspector *i = buried; i != NULL; i = i->next)
		for (size_t c = 0; c < i->count; c++)
			if (i->channels[c].listed_out) {
				struct channel **at = &pool->out;

				while (*at != &i->channels[c])
					at = &(*at)->next_out;
				*at = i->channels[c].next_out;
			}
	pthread_mutex_unlock(&pool->lock);
	while (buried != NULL) {
		struct inspector *next = buried->next;

		inspector_free(buried);
		buried = next;
	}
}

/* --- the loop ----------------------------------------------------------- */

static void channel_event(struct inspector_pool *pool, struct channel *channel,
			  uint32_t events)
{
	if (channel == NULL) {
		eventfd_t ignored;

		eventfd_read(pool->event_fd, &ignored);
		return;
	}
	if (channel->dead)
		return;
	if ((events & EPOLLOUT) != 0)
		channel_send(pool, channel);
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		channel_read(pool, channel);
}

void *pool_io_run(void *context)
{
	struct inspector_pool *pool = context;
	struct epoll_event events[EVENTS];
	bool closing = false;

	while (!closing) {
		int64_t sleep;
		int count;

		pthread_mutex_lock(&pool->lock);
		expire(pool, pool_now());
		sleep = pool_sleep(pool, pool_now());
		closing = pool->closing;
		pthread_mutex_unlock(&pool->lock);
		pool_report_hangs(pool);
		if (closing)
			break;
		count = epoll_wait(pool->epoll_fd, events, EVENTS, (int)sleep);
		for (int i = 0; i < count; i++)
			channel_event(pool, events[i].data.ptr,
				      events[i].events);
		send_queued(pool);
		/* Only now: no event of this round points to them any more. */
		free_buried(pool);
		pool_dispose(pool);
	}
	free_buried(pool);
	return NULL;
}
