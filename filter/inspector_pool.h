/*
 * inspector_pool.h - what inspector.c, inspector_pool.c and inspector_io.c
 * share.  Nobody else includes this.
 *
 * One lock, held for a few instructions and never across a system call that
 * could wait, guards everything except what is said to be one thread's own:
 *
 *   session's    the packet under construction, and the flags beside it
 *   I/O thread's freeing inspectors: whoever holds a channel from epoll can so
 *                rely on it; its sending of queued packets
 *
 * A channel's descriptor is closed with its inspector: when that is dead and
 * no inspection holds one of its channels any more.
 *
 * A channel is leased as long as an inspection is attached to it.  A session
 * that ends its inspection while an answer is due, or a queued packet is being
 * sent, leaves it behind `abandoned`; the I/O thread then ends it.
 */
#ifndef STEELYARD_FILTER_INSPECTOR_POOL_H
#define STEELYARD_FILTER_INSPECTOR_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/channel.h"
#include "filter/inspect/message.h"
#include "filter/inspector.h"

struct poison;

enum {
	/* Bytes that wait for an inspector that does not read; more is too
	 * much, and the inspection is lost. */
	QUEUE_MAX = 1024 * 1024,
	/* After its channels broke an inspector has this long (ms) to be
	 * reported dead before it is said to hang. */
	DEATH_GRACE = 1000,
};

/* A packet on its way in or out. */
struct parcel {
	struct parcel *next;
	size_t len;
	unsigned char bytes[];
};

struct parcels {
	struct parcel *first;
	struct parcel **last; /* where the next is linked */
	size_t bytes;
};

/* The header fields of a first packet: what an inspector may die of. */
struct input {
	unsigned char *packet; /* malloc'ed, or NULL */
	size_t from, to;
	uint64_t number;
	bool asked; /* END was sent */
};

enum inspection_state {
	INSPECTION_OPEN, /* END was not sent */
	INSPECTION_ASKED,
	INSPECTION_ANSWERED,
	INSPECTION_FAILED, /* see the cause */
};

struct inspection {
	struct inspector_pool *pool;
	struct channel *channel;
	uint64_t number;
	uint64_t body_limit;

	/* the session's */
	struct packet packet;
	uint64_t body_given;
	bool body_cut;
	bool finished;
	bool mute; /* nothing more is worth sending */

	struct input input;
	enum inspection_state state;
	enum fact_cause cause;
	bool abandoned;
	struct parcels out, in;
	int64_t deadline; /* in the pool's list of them if not 0 */
	struct inspection *before, *after;

	size_t want_count;
	struct message_want wants[];
};

struct channel {
	struct inspector *inspector;
	int fd;
	uint64_t number; /* of the newest message */
	struct inspection *inspection; /* that leases it */
	/*
	 * Its session waits here.  The I/O thread signals without the lock, or
	 * the session would wake only to wait for that; it may, as nobody else
	 * frees channels.
	 */
	pthread_cond_t wake;
	struct channel *next; /* on the list of free ones */
	struct channel *next_out; /* on the list of those to send on */
	bool listed_out;
	bool sending; /* the I/O thread is at it */
	bool armed; /* I/O thread's: waits for room */
	bool dead;
	struct input input; /* of the last inspection, if not answered */
};

struct inspector {
	struct inspector *next;
	unsigned number;
	pid_t pid;
	int note_fd;
	bool fallen; /* leases none of its channels any more */
	bool gone; /* its death was reported */
	bool hung; /* we asked for it to be killed */
	bool kill; /* and still have to say so */
	int64_t grace; /* by then it is gone, or hangs; 0: not falling */
	unsigned leased;
	struct channel *free;
	unsigned free_count;
	size_t count;
	struct channel channels[];
};

/* Who waits for a channel, first come, first served. */
struct waiter {
	struct waiter *next;
	struct channel *channel;
	pthread_cond_t wake;
};

struct inspector_pool {
	pthread_mutex_t lock;
	pthread_condattr_t monotonic;
	unsigned channels; /* of each inspector */
	int64_t timeout; /* ms */

	struct inspector *inspectors; /* alive, or with leases */
	struct inspector *buried; /* for the I/O thread to free */
	struct waiter *waiters, **last_waiter;
	struct channel *out; /* the I/O thread is to send on them */
	struct inspection *soonest, *latest; /* deadlines */
	struct poison *poison;

	void (*hang)(void *context, unsigned number, pid_t pid);
	void *hang_context;
	struct inspector_stats stats; /* the counters of it */

	pthread_t io;
	int epoll_fd, event_fd;
	int64_t io_wakes; /* when the I/O thread wakes by itself */
	bool closing;
	unsigned char buffer[CHANNEL_PACKET_MAX + 1]; /* I/O thread's */
};

/* Milliseconds, forward only. */
int64_t pool_now(void);

/* Without the lock. */
void pool_wake_io(struct inspector_pool *pool);
/* Without the lock: says aloud which inspectors hang. */
void pool_report_hangs(struct inspector_pool *pool);

/* All of these are called under the lock. */

void parcels_add(struct parcels *parcels, struct parcel *parcel);
void parcels_drop(struct parcels *parcels);

/* Its time runs from now; true if the I/O thread must be woken for it. */
bool pool_set_deadline(struct inspection *inspection);
void pool_clear_deadline(struct inspection *inspection);

/* No facts will come; tells whoever waits. */
void pool_fail(struct inspection *inspection, enum fact_cause cause);
/* Detaches it from its channel, which is free again, and frees it. */
void pool_release(struct inspection *inspection);
/* Leases no more of its channels.  `hangs`: it is to be killed. */
void pool_fell(struct inspector *inspector, struct inspector_pool *pool,
	       bool hangs);
/* This input has killed. */
void pool_blame(struct inspector_pool *pool, const struct input *input);

/* The I/O thread. */
void *pool_io_run(void *pool);
/* Frees an inspector and its descriptors; no lock. */
void inspector_free(struct inspector *inspector);

#endif
