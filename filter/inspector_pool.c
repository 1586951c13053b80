/*
 * inspector_pool.c - inspectors come and go; channels pass from hand to hand.
 */
#include "filter/inspector_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filter/inspect/note.h"
#include "filter/poison.h"

enum { TIMEOUT = 20 * 1000, IO_STACK = 256 * 1024 };

int64_t pool_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec pool_moment(int64_t when)
{
	return (struct timespec){ .tv_sec = (time_t)(when / 1000),
				  .tv_nsec = (long)(when % 1000) * 1000000 };
}

/* --- packets that wait -------------------------------------------------- */

void parcels_add(struct parcels *parcels, struct parcel *parcel)
{
	if (parcels->first == NULL)
		parcels->last = &parcels->first;
	parcel->next = NULL;
	*parcels->last = parcel;
	parcels->last = &parcel->next;
	parcels->bytes += parcel->len;
}

void parcels_drop(struct parcels *parcels)
{
	struct parcel *parcel = parcels->first;

	while (parcel != NULL) {
		struct parcel *next = parcel->next;

		free(parcel);
		parcel = next;
	}
	*parcels = (struct parcels){ 0 };
}

/* --- deadlines, soonest first ------------------------------------------- */

bool pool_set_deadline(struct inspection *inspection)
{
	struct inspector_pool *pool = inspection->pool;
	struct inspection *before;

	pool_clear_deadline(inspection);
	if (inspection->inquiries.open > 0)
		return false; /* it may be waiting for us */
	before = pool->latest;
	inspection->deadline = pool_now() + pool->timeout;
	/* Mostly the last one; a reload may have shortened the time. */
	while (before != NULL && before->deadline > inspection->deadline)
		before = before->before;
	inspection->before = before;
	inspection->after = before ? before->after : pool->soonest;
	*(before ? &before->after : &pool->soonest) = inspection;
	*(inspection->after ? &inspection->after->before : &pool->latest) =
		inspection;
	return inspection->deadline < pool->io_wakes;
}

void pool_clear_deadline(struct inspection *inspection)
{
	struct inspector_pool *pool = inspection->pool;
	struct inspection *before = inspection->before;
	struct inspection *after = inspection->after;

	if (inspection->deadline == 0)
		return;
	*(before ? &before->after : &pool->soonest) = after;
	*(after ? &after->before : &pool->latest) = before;
	inspection->before = inspection->after = NULL;
	inspection->deadline = 0;
}

/* --- the life of a channel ---------------------------------------------- */

bool pool_list_out(struct channel *channel)
{
	struct inspector_pool *pool = channel->inspection->pool;

	if (channel->listed_out)
		return false;
	channel->listed_out = true;
	channel->next_out = pool->out;
	pool->out = channel;
	return true;
}

void pool_let_go(struct channel *channel)
{
	struct inspection *inspection = channel->inspection;

	channel->held = false;
	if (inspection->abandoned && inspection->state != INSPECTION_ASKED)
		pool_release(inspection);
}

static void input_drop(struct input *input)
{
	free(input->packet);
	*input = (struct input){ 0 };
}

static void channel_give(struct inspector_pool *pool, struct channel *channel)
{
	struct inspector *inspector = channel->inspector;
	struct waiter *waiter = pool->waiters;

	if (waiter == NULL) {
		channel->next = inspector->free;
		inspector->free = channel;
		inspector->free_count++;
		return;
	}
	pool->waiters = waiter->next;
	if (pool->waiters == NULL)
		pool->last_waiter = &pool->waiters;
	inspector->leased++; /* for him already */
	waiter->channel = channel;
	pthread_cond_signal(&waiter->wake);
}

/* The dead with no leases left; the I/O thread frees them. */
static void bury(struct inspector_pool *pool, struct inspector *inspector)
{
	struct inspector **at = &pool->inspectors;

	if (!inspector->gone || inspector->leased > 0)
		return;
	while (*at != inspector)
		at = &(*at)->next;
	*at = inspector->next;
	inspector->next = pool->buried;
	pool->buried = inspector;
}

void pool_fail(struct inspection *inspection, enum fact_cause cause)
{
	/* Whatever its state: whose time is over must not stay on the list. */
	pool_clear_deadline(inspection);
	if (inspection->state == INSPECTION_ANSWERED ||
	    inspection->state == INSPECTION_FAILED)
		return;
	inspection->state = INSPECTION_FAILED;
	inspection->cause = cause;
	parcels_drop(&inspection->out);
	parcels_drop(&inspection->in);
	if (inspection->abandoned && !inspection->channel->held)
		pool_release(inspection);
	else
		pthread_cond_signal(&inspection->channel->wake);
}

void pool_release(struct inspection *inspection)
{
	struct inspector_pool *pool = inspection->pool;
	struct channel *channel = inspection->channel;
	struct inspector *inspector = channel->inspector;

	pool_clear_deadline(inspection);
	channel->inspection = NULL;
	inspector->leased--;
	input_drop(&channel->input);
	if (inspector->fallen && inspection->state != INSPECTION_ANSWERED)
		channel->input = inspection->input; /* it may be blamed yet */
	else
		input_drop(&inspection->input);
	if (!inspector->fallen && !channel->dead)
		channel_give(pool, channel);
	else
		bury(pool, inspector);
	parcels_drop(&inspection->out);
	parcels_drop(&inspection->in);
	packet_done(&inspection->packet);
	inspection->channel = NULL;
	if (inspection->resolver == NULL && inspection->inquiries.all == NULL) {
		free(inspection);
	} else {
		inspection->next_ended = pool->ended;
		pool->ended = inspection;
	}
}

void pool_fell(struct inspector *inspector, struct inspector_pool *pool,
	       bool hangs)
{
	if (hangs && !inspector->hung && !inspector->gone) {
		inspector->hung = true;
		inspector->kill = true;
		pool->stats.hangs++;
	}
	if (inspector->fallen)
		return;
	inspector->fallen = true;
	inspector->free = NULL;
	inspector->free_count = 0;
	pool->stats.alive--;
}

void pool_blame(struct inspector_pool *pool, const struct input *input)
{
	if (input->packet != NULL)
		poison_killed(pool->poison, input->packet + input->from,
			      input->to - input->from, pool_now());
}

/* --- inspectors --------------------------------------------------------- */

void inspector_free(struct inspector *inspector)
{
	for (size_t i = 0; i < inspector->count; i++) {
		close(inspector->channels[i].fd);
		pthread_cond_destroy(&inspector->channels[i].wake);
		input_drop(&inspector->channels[i].input);
	}
	if (inspector->note_fd >= 0)
		close(inspector->note_fd);
	free(inspector);
}

static int watch(struct inspector_pool *pool, struct inspector *inspector)
{
	for (size_t i = 0; i < inspector->count; i++) {
		struct channel *channel = &inspector->channels[i];
		struct epoll_event event = { .events = EPOLLIN,
					     .data.ptr = channel };

		if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, channel->fd,
			      &event) < 0)
			return -1;
	}
	return 0;
}

static struct inspector *inspector_new(struct inspector_pool *pool,
				       unsigned number, pid_t pid, int note_fd,
				       const int *fds, size_t count)
{
	struct inspector *inspector;

	inspector = calloc(1, sizeof(*inspector) +
				      count * sizeof(inspector->channels[0]));
	if (inspector == NULL)
		return NULL;
	inspector->number = number;
	inspector->pid = pid;
	inspector->note_fd = note_fd;
	inspector->count = count;
	for (size_t i = 0; i < count; i++) {
		inspector->channels[i].inspector = inspector;
		inspector->channels[i].fd = fds[i];
		inspector->channels[i].watched = true;
		pthread_cond_init(&inspector->channels[i].wake,
				  &pool->monotonic);
	}
	return inspector;
}

void inspector_pool_adopt(struct inspector_pool *pool, unsigned number,
			  pid_t pid, int note_fd, const int *channel_fds,
			  size_t channel_count)
{
	struct inspector *inspector = inspector_new(pool, number, pid, note_fd,
						    channel_fds, channel_count);

	if (inspector == NULL) { /* it ends when its channels do */
		for (size_t i = 0; i < channel_count; i++)
			close(channel_fds[i]);
		close(note_fd);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	inspector->next = pool->inspectors;
	pool->inspectors = inspector;
	pool->stats.alive++;
	pthread_mutex_unlock(&pool->lock);

	/* Before any is leased; an early end is seen by the I/O thread. */
	if (watch(pool, inspector) < 0) {
		pthread_mutex_lock(&pool->lock);
		pool_fell(inspector, pool, true);
		pthread_mutex_unlock(&pool->lock);
		pool_report_hangs(pool);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	for (size_t i = channel_count; i > 0 && !inspector->fallen; i--)
		channel_give(pool, &inspector->channels[i - 1]);
	pthread_mutex_unlock(&pool->lock);
}

static struct input *channel_input(struct channel *channel)
{
	return channel->inspection != NULL ? &channel->inspection->input
					   : &channel->input;
}

/*
 * Whose input was it?  The note says so if it can be true; without one (a call
 * the jail forbids, exit) it is clear only if one was read at the time.
 */
static struct input *culprit(struct inspector *inspector,
			     const struct note *note, int status)
{
	struct input *only = NULL;
	unsigned asked = 0;

	if (note != NULL) {
		if (note->channel >= inspector->count)
			return NULL;
		only = channel_input(&inspector->channels[note->channel]);
		return only->number == note->number ? only : NULL;
	}
	if (inspector->hung)
		return NULL; /* blamed when the time was over */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return NULL; /* an operator, or the kernel without memory */
	for (size_t i = 0; i < inspector->count; i++) {
		struct input *input = channel_input(&inspector->channels[i]);

		if (input->asked) {
			only = input;
			asked++;
		}
	}
	return asked == 1 ? only : NULL;
}

static struct inspector *inspector_find(struct inspector_pool *pool,
					unsigned number, pid_t pid)
{
	struct inspector *inspector = pool->inspectors;

	while (inspector != NULL &&
	       (inspector->gone || inspector->number != number ||
		inspector->pid != pid))
		inspector = inspector->next;
	return inspector;
}

void inspector_pool_gone(struct inspector_pool *pool, unsigned number,
			 pid_t pid, int status)
{
	struct inspector *inspector;
	struct input *input;
	struct note note;
	bool noted;

	pthread_mutex_lock(&pool->lock);
	inspector = inspector_find(pool, number, pid);
	pthread_mutex_unlock(&pool->lock);
	if (inspector == NULL)
		return;
	/* It stays until it is marked as gone. */
	noted = inspector->note_fd >= 0 && note_read(inspector->note_fd, &note);

	pthread_mutex_lock(&pool->lock);
	pool_fell(inspector, pool, false);
	input = culprit(inspector, noted ? &note : NULL, status);
	if (input != NULL)
		pool_blame(pool, input);
	if (!inspector->hung && !(WIFEXITED(status) && !WEXITSTATUS(status)))
		pool->stats.crashes++;
	for (size_t i = 0; i < inspector->count; i++)
		if (inspector->channels[i].inspection != NULL)
			pool_fail(inspector->channels[i].inspection,
				  CAUSE_CRASHED);
	inspector->kill = false;
	inspector->gone = true;
	bury(pool, inspector);
	pthread_mutex_unlock(&pool->lock);
	pool_wake_io(pool);
}

/* --- the pool ----------------------------------------------------------- */

void pool_wake_io(struct inspector_pool *pool)
{
	eventfd_write(pool->event_fd, 1);
}

void pool_report_hangs(struct inspector_pool *pool)
{
	for (;;) {
		struct inspector *inspector;
		unsigned number = 0;
		pid_t pid = 0;

		pthread_mutex_lock(&pool->lock);
		inspector = pool->inspectors;
		while (inspector != NULL && !inspector->kill)
			inspector = inspector->next;
		if (inspector != NULL) {
			inspector->kill = false;
			number = inspector->number;
			pid = inspector->pid;
		}
		pthread_mutex_unlock(&pool->lock);
		if (inspector == NULL)
			return;
		if (pool->hang != NULL)
			pool->hang(pool->hang_context, number, pid);
	}
}

static int pool_start_io(struct inspector_pool *pool)
{
	struct epoll_event event = { .events = EPOLLIN };
	pthread_attr_t attr;
	int failed;

	pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->epoll_fd < 0 || pool->event_fd < 0 ||
	    epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, pool->event_fd, &event) <
		    0)
		return -1;
	if (pthread_attr_init(&attr) != 0)
		return -1;
#ifndef SANITIZED
	pthread_attr_setstacksize(&attr, IO_STACK);
#endif
	failed = pthread_create(&pool->io, &attr, pool_io_run, pool);
	pthread_attr_destroy(&attr);
	return failed == 0 ? 0 : -1;
}

static void pool_free(struct inspector_pool *pool)
{
	if (pool->epoll_fd >= 0)
		close(pool->epoll_fd);
	if (pool->event_fd >= 0)
		close(pool->event_fd);
	while (pool->rooms != NULL) {
		struct room *room = pool->rooms;

		pool->rooms = room->next;
		free(room);
	}
	poison_free(pool->poison);
	pthread_condattr_destroy(&pool->monotonic);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct inspector_pool *inspector_pool_open(unsigned inspectors,
					   unsigned channels)
{
	struct inspector_pool *pool = calloc(1, sizeof(*pool));

	(void)inspectors; /* there is room for as many as come */
	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&pool->monotonic);
	pthread_condattr_setclock(&pool->monotonic, CLOCK_MONOTONIC);
	pool->channels = channels;
	pool->timeout = TIMEOUT;
	pool->stall_wait = STALL_WAIT;
	pool->last_waiter = &pool->waiters;
	pool->epoll_fd = pool->event_fd = -1;
	pool->poison = poison_new();
	if (pool->poison == NULL || pool_start_io(pool) < 0) {
		pool_free(pool);
		return NULL;
	}
	return pool;
}

void inspector_pool_close(struct inspector_pool *pool)
{
	struct inspector *inspector;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	pthread_mutex_unlock(&pool->lock);
	pool_wake_io(pool);
	pthread_join(pool->io, NULL);
	pthread_mutex_lock(&pool->lock); /* resolvers may still call */
	for (inspector = pool->inspectors; inspector != NULL;
	     inspector = inspector->next) {
		inspector->leased++; /* what is released stays with it */
		pool_fell(inspector, pool, false);
		for (size_t i = 0; i < inspector->count; i++)
			if (inspector->channels[i].inspection != NULL)
				pool_release(inspector->channels[i].inspection);
	}
	pthread_mutex_unlock(&pool->lock);
	pool_dispose(pool);
	while ((inspector = pool->inspectors) != NULL) {
		pool->inspectors = inspector->next;
		inspector_free(inspector);
	}
	pool_free(pool);
}

void inspector_pool_on_hang(struct inspector_pool *pool,
			    void (*hang)(void *context, unsigned number,
					 pid_t pid),
			    void *context)
{
	pthread_mutex_lock(&pool->lock);
	pool->hang = hang;
	pool->hang_context = context;
	pthread_mutex_unlock(&pool->lock);
}

void inspector_pool_set_timeout(struct inspector_pool *pool,
				unsigned timeout_ms)
{
	pthread_mutex_lock(&pool->lock);
	pool->timeout = timeout_ms > 0 ? timeout_ms : 1;
	pthread_mutex_unlock(&pool->lock);
}

struct inspector_stats inspector_pool_stats(struct inspector_pool *pool)
{
	struct inspector_stats stats;

	pthread_mutex_lock(&pool->lock);
	stats = pool->stats;
	for (struct inspector *i = pool->inspectors; i != NULL; i = i->next) {
		stats.leased += i->leased;
		if (!i->fallen)
			stats.channels += (unsigned)i->count;
	}
	pthread_mutex_unlock(&pool->lock);
	return stats;
}
