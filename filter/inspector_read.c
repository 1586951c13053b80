/*
 * inspector_read.c - a session reads what its inspector answers.
 */
#include "filter/inspector_pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

void pool_leave_reading(struct inspection *inspection)
{
	inspection->reads = false;
	pool_watch(inspection->channel, inspection->pool);
}

void pool_take_reading(struct inspection *inspection)
{
	struct channel *channel = inspection->channel;

	inspection->reads = inspection->out.first == NULL && !channel->held &&
			    inspection->inquiries.open == 0 &&
			    inspection->inquiries.answered == NULL &&
			    pool_unwatch(channel, inspection->pool);
}

void pool_accuse(struct inspection *inspection)
{
	struct inspector_pool *pool = inspection->pool;

	pthread_mutex_lock(&pool->lock);
	pool_blame(pool, &inspection->input);
	pool_clear_deadline(inspection);
	inspection->mute = true;
	inspection->state = INSPECTION_FAILED;
	inspection->cause = CAUSE_CRASHED;
	pool_fell(inspection->channel->inspector, pool, true);
	pthread_mutex_unlock(&pool->lock);
	pool_report_hangs(pool);
}

/* --- rooms --------------------------------------------------------------- */

static struct room *room_take(struct inspector_pool *pool)
{
	struct room *room = pool->rooms;

	if (room != NULL) {
		pool->rooms = room->next;
		pool->room_count--;
	}
	return room;
}

static void room_give(struct inspector_pool *pool, struct room *room)
{
	if (pool->room_count < ROOMS_MAX) {
		room->next = pool->rooms;
		pool->rooms = room;
		pool->room_count++;
	} else {
		free(room);
	}
}

/* --- reading ------------------------------------------------------------- */

/* What has come: is there more for the session to read? */
static bool take_packet(struct inspection *inspection, const struct room *room,
			ssize_t got)
{
	struct inspector_pool *pool = inspection->pool;
	struct channel *channel = inspection->channel;
	enum packet_kind kind = PACKET_BREAKS;
	bool wake = false;

	if (got > 0 && got <= CHANNEL_PACKET_MAX)
		kind = pool_packet(pool, channel, room->bytes, (size_t)got);
	if (kind == PACKET_OF_FACTS)
		return true;
	if (kind == PACKET_BREAKS && got > 0) {
		pool_accuse(inspection); /* and nobody listens any more */
		return false;
	}
	/* It asks, and may go on, or has ended: that is the I/O thread's. */
	pthread_mutex_lock(&pool->lock);
	pool_leave_reading(inspection);
	wake = channel->listed_out;
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pool_wake_io(pool);
	return false;
}

/* Waits until then for a packet, and takes it; false to read no more. */
static bool read_packet(struct inspection *inspection, struct room *room,
			int64_t until)
{
	int64_t left = until - pool_now();
	struct pollfd fd = { .fd = inspection->channel->fd, .events = POLLIN };
	int ready;
	ssize_t got;

	if (left <= 0)
		return false;
	ready = poll(&fd, 1, (int)left);
	if (ready <= 0)
		return ready == 0 || errno == EINTR || errno == EAGAIN;
	got = recv(fd.fd, room->bytes, sizeof(room->bytes),
		   MSG_DONTWAIT | MSG_TRUNC);
	if (got < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return true;
	return take_packet(inspection, room, got);
}

void pool_read_answer(struct inspection *inspection, int64_t until)
{
	struct inspector_pool *pool = inspection->pool;
	struct room *room;
	bool more = true;

	pthread_mutex_lock(&pool->lock);
	room = room_take(pool);
	/* From then on it is the I/O thread that decides. */
	if (inspection->deadline != 0 && inspection->deadline < until)
		until = inspection->deadline;
	pthread_mutex_unlock(&pool->lock);
	if (room == NULL)
		room = malloc(sizeof(*room));
	for (;;) {
		pthread_mutex_lock(&pool->lock);
		more &= room != NULL;
		if (inspection->state != INSPECTION_ASKED)
			break;
		if (!more) {
			pool_leave_reading(inspection);
			break;
		}
		pthread_mutex_unlock(&pool->lock);
		more = read_packet(inspection, room, until);
	}
	if (room != NULL)
		room_give(pool, room);
	pthread_mutex_unlock(&pool->lock);
}
