/*
 * inspector_send.c - packets on their way to an inspector.
 *
 * A packet goes out at once, on the session's thread, if there is room in the
 * socket and none waits in line before it; otherwise the I/O thread sends it
 * when there is.
 */
#include "filter/inspector_pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "filter/poison.h"

enum {
	/* Who hands over a body waits so long (ms) for an inspector that is at
	 * it, before copies of it are queued. */
	WRITE_WAIT = 20,
};

void pool_lose(struct inspection *inspection, enum fact_cause cause)
{
	inspection->mute = true;
	pthread_mutex_lock(&inspection->pool->lock);
	pool_fail(inspection, cause);
	pthread_mutex_unlock(&inspection->pool->lock);
}

/* The lock is held; false if there is no room for `len` bytes in time. */
static bool await_room(struct inspection *inspection, size_t len)
{
	struct inspector_pool *pool = inspection->pool;
	struct timespec until;
	int failed = 0;

	if (inspection->out.bytes + len <= QUEUE_MAX)
		return true;
	until = pool_moment(pool_now() + pool->stall_wait);
	inspection->stalled = true;
	while (inspection->out.bytes + len > QUEUE_MAX && failed == 0 &&
	       inspection->state != INSPECTION_FAILED &&
	       inspection->state != INSPECTION_ANSWERED)
		failed = pthread_cond_timedwait(&inspection->channel->wake,
						&pool->lock, &until);
	inspection->stalled = false;
	return inspection->out.bytes + len <= QUEUE_MAX;
}

/* The I/O thread sends it when there is room. */
static void enqueue(struct inspection *inspection, const struct iovec parts[2])
{
	struct inspector_pool *pool = inspection->pool;
	size_t len = parts[0].iov_len + parts[1].iov_len;
	struct parcel *parcel = malloc(sizeof(*parcel) + len);
	bool room, wake = false, lies = false;

	if (parcel == NULL) {
		pool_lose(inspection, CAUSE_BUSY);
		return;
	}
	parcel->len = len;
	memcpy(parcel->bytes, parts[0].iov_base, parts[0].iov_len);
	if (parts[1].iov_len > 0)
		memcpy(parcel->bytes + parts[0].iov_len, parts[1].iov_base,
		       parts[1].iov_len);
	pthread_mutex_lock(&pool->lock);
	room = await_room(inspection, parcel->len);
	if (inspection->state == INSPECTION_ANSWERED) {
		lies = true; /* it has not heard the question yet */
		free(parcel);
	} else if (!room || inspection->state == INSPECTION_FAILED) {
		pool_fail(inspection, CAUSE_BUSY);
		inspection->mute = true;
		free(parcel);
	} else {
		parcels_add(&inspection->out, parcel);
		pool_leave_reading(inspection);
		if (inspection->deadline == 0)
			wake |= pool_set_deadline(inspection);
		wake |= pool_list_out(inspection->channel);
	}
	pthread_mutex_unlock(&pool->lock);
	if (lies)
		pool_accuse(inspection);
	if (wake)
		pool_wake_io(pool);
}

/* Has room come?  The inspector is at work, and no slower than most. */
static bool await_writing(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	return poll(&room, 1, WRITE_WAIT) > 0;
}

/* False if it has to wait in line, or the inspector is gone. */
static bool send_now(struct inspection *inspection, const struct iovec parts[2],
		     bool waits)
{
	struct iovec copy[2] = { parts[0], parts[1] };
	const struct msghdr message = { .msg_iov = copy, .msg_iovlen = 2 };
	int fd = inspection->channel->fd;
	ssize_t sent;

	do
		sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && (errno == EINTR ||
			    (errno == EAGAIN && waits && await_writing(fd))));
	if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		pool_lose(inspection, CAUSE_CRASHED);
	return sent >= 0;
}

/* The first packet: is it one that has killed before?  It is kept for blame. */
static bool first_packet(struct inspection *inspection,
			 const struct packet *packet)
{
	struct inspector_pool *pool = inspection->pool;
	struct input *input = &inspection->input;
	bool refused;

	pthread_mutex_lock(&pool->lock);
	input->packet = packet->bytes;
	input->number = inspection->number;
	refused = poison_refuses(pool->poison, input->packet + input->from,
				 input->to - input->from);
	if (refused) {
		pool->stats.refused_inputs++;
		pool_fail(inspection, CAUSE_CRASHED);
		inspection->mute = true;
	}
	pthread_mutex_unlock(&pool->lock);
	return !refused;
}

void pool_send(struct inspection *inspection, enum send what,
	       const struct iovec *rest)
{
	struct inspector_pool *pool = inspection->pool;
	struct packet packet = inspection->packet;
	const struct iovec parts[2] = {
		{ .iov_base = packet.bytes, .iov_len = packet.used },
		rest ? *rest : (struct iovec){ 0 },
	};
	bool waits = rest != NULL || what == SEND_LAST_AND_WAIT;
	bool first = inspection->input.packet == NULL;
	bool direct, wake = false;

	inspection->packet = (struct packet){ .grows = true };
	if (!first || first_packet(inspection, &packet)) {
		pthread_mutex_lock(&pool->lock);
		direct = inspection->out.first == NULL &&
			 !inspection->channel->held;
		inspection->mute |= inspection->state == INSPECTION_FAILED;
		if (what == SEND_LAST_AND_WAIT)
			pool_take_reading(inspection);
		if (!inspection->reads)
			pool_leave_reading(inspection);
		if (what != SEND_PART && !inspection->mute) {
			/* Before it is sent: the answer may be quick. */
			inspection->state = INSPECTION_ASKED;
			inspection->input.asked = true;
			wake = pool_set_deadline(inspection);
		}
		pthread_mutex_unlock(&pool->lock);
		if (wake)
			pool_wake_io(pool);
		if (!inspection->mute &&
		    !(direct && send_now(inspection, parts, waits)) &&
		    !inspection->mute)
			enqueue(inspection, parts);
	}
	if (!first)
		packet_done(&packet);
}
