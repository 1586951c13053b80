/*
 * inspector_pool.h - what inspector*.c share.  Nobody else includes this.
 *
 * One lock, held for a few instructions and never across a system call that
 * could wait, guards everything except what is said to be one thread's own:
 *
 *   session's    the packet under construction, and the flags beside it
 *   I/O thread's freeing inspectors: whoever holds a channel from epoll can so
 *                rely on it; its sending of queued packets, its asking DNS
 *
 * A channel's descriptor is closed with its inspector: when that is dead and
 * no inspection holds one of its channels any more.
 *
 * A channel is leased as long as an inspection is attached to it.  A session
 * that ends its inspection while an answer is due, or while the I/O thread is
 * at it, leaves it behind `abandoned`; the I/O thread then ends it.
 *
 * One thread at a time reads a channel: the I/O thread those that are watched;
 * of others whoever waits for the facts, as it costs two threads a wake-up to
 * have them handed over.  So a session that waits from END on has its channel
 * to itself, until it is asked a question, or the channel ends; whoever goes
 * away meanwhile leaves it watched.
 *
 * Resolvers call back on their own threads, which take the lock for a moment.
 * So nobody gives an asker up, or drops a resolver, with the lock in his hand:
 * an inspection that has a resolver goes to the list `ended`, and whoever comes
 * by without the lock disposes of it (pool_dispose()).
 */
#ifndef STEELYARD_FILTER_INSPECTOR_POOL_H
#define STEELYARD_FILTER_INSPECTOR_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/channel.h"
#include "filter/inspect/message.h"
#include "filter/inspector.h"
#include "lists/dns.h"

struct poison;
struct resolver;

enum {
	/* Bytes that wait for an inspector that is slower than we.  Who has
	 * more waits, STALL_WAIT (ms) at most; then the inspection is lost. */
	QUEUE_MAX = 1024 * 1024,
	STALL_WAIT = 4000,
	/* After its channels broke an inspector has this long (ms) to be
	 * reported dead before it is said to hang. */
	DEATH_GRACE = 1000,
	ROOMS_MAX = 8, /* that are kept */
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

/* A question of an inspector's, from when it comes to the inspection's end. */
struct inquiry {
	struct dns_asker asker;
	struct inspection *inspection;
	struct inquiry *next; /* of the same inspection */
	struct inquiry *next_answered;
	uint32_t number;
	enum dns_type type;
	bool waits; /* the resolver was asked, and has to be given up */
	struct dns_answer *answer; /* NULL: none yet */
};

struct inquiries {
	struct inquiry *all;
	struct inquiry *answered, **last_answered; /* to be sent */
	uint32_t count;
	unsigned open; /* without an answer yet */
};

/* Where a packet is read into. */
struct room {
	struct room *next;
	unsigned char bytes[CHANNEL_PACKET_MAX + 1];
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
	uint64_t body_limit; /* of what is handed over */
	struct answer_due due;
	struct resolver *resolver; /* NULL: nobody is asked */
	unsigned dns_ms;

	/* the session's */
	struct packet packet;
	uint64_t body_given;
	bool body_cut;
	bool finished;
	bool mute; /* nothing more is worth sending */
	bool reads; /* the channel, which is not watched then */
	unsigned told; /* KNOWNs in the message */

	struct input input;
	enum inspection_state state;
	enum fact_cause cause;
	bool abandoned;
	bool stalled; /* the session waits for room in `out` */
	struct parcels out, in;
	struct inquiries inquiries;
	uint64_t lasts_until; /* what DNS said to it; 0: it said nothing */
	bool fleeting; /* it failed, or spoke of more than can be known */
	int64_t deadline; /* in the pool's list of them if not 0 */
	struct inspection *before, *after;
	struct inspection *next_ended;

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
	bool held; /* the I/O thread is at its inspection */
	bool watched; /* that thread reads it, when there is something */
	bool reading; /* it does, just now */
	bool armed; /* it waits for room */
	bool dead;
	struct input input; /* of the last inspection, if not answered */
	uint64_t answered; /* the newest message whose facts came */
	/* questions that came when their message was over */
	uint64_t late_number;
	unsigned late_count;
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
	int64_t stall_wait; /* STALL_WAIT, but in tests */

	struct inspector *inspectors; /* alive, or with leases */
	struct inspector *buried; /* for the I/O thread to free */
	struct waiter *waiters, **last_waiter;
	struct channel *out; /* the I/O thread is to send on them */
	struct inspection *soonest, *latest; /* deadlines */
	struct inspection *ended; /* to be disposed of */
	struct poison *poison;

	void (*hang)(void *context, unsigned number, pid_t pid);
	void *hang_context;
	struct inspector_stats stats; /* the counters of it */

	pthread_t io;
	int epoll_fd, event_fd;
	int64_t io_wakes; /* when the I/O thread wakes by itself */
	bool closing;
	struct room *rooms; /* for sessions that read, a few that wait */
	unsigned room_count;
	unsigned char buffer[CHANNEL_PACKET_MAX + 1]; /* I/O thread's */
};

/* Milliseconds, forward only; and a moment of that clock. */
int64_t pool_now(void);
struct timespec pool_moment(int64_t when);

/* Without the lock. */
void pool_wake_io(struct inspector_pool *pool);
/* Without the lock: says aloud which inspectors hang. */
void pool_report_hangs(struct inspector_pool *pool);

/* All of these are called under the lock. */

void parcels_add(struct parcels *parcels, struct parcel *parcel);
void parcels_drop(struct parcels *parcels);

/*
 * Its time runs from now, unless we owe the inspector answers; true if the I/O
 * thread must be woken for it.
 */
bool pool_set_deadline(struct inspection *inspection);
void pool_clear_deadline(struct inspection *inspection);

/* The I/O thread is to send on it; true if it must be woken for it. */
bool pool_list_out(struct channel *channel);
/* The I/O thread reads it from now on. */
void pool_watch(struct channel *channel, struct inspector_pool *pool);
/* It does no more, or false, if it is just at it. */
bool pool_unwatch(struct channel *channel, struct inspector_pool *pool);

/*
 * Whoever waits for the facts reads them himself from now on, unless the I/O
 * thread has something to do there; from now on the I/O thread does.
 */
void pool_take_reading(struct inspection *inspection);
void pool_leave_reading(struct inspection *inspection);

/* The I/O thread is no longer at its inspection. */
void pool_let_go(struct channel *channel);

/* No facts will come; tells whoever waits. */
void pool_fail(struct inspection *inspection, enum fact_cause cause);
/* Detaches it from its channel, which is free again; it is gone then. */
void pool_release(struct inspection *inspection);
/* Leases no more of its channels.  `hangs`: it is to be killed. */
void pool_fell(struct inspector *inspector, struct inspector_pool *pool,
	       bool hangs);
/* This input has killed. */
void pool_blame(struct inspector_pool *pool, const struct input *input);

/* Gives no answers any more: open questions are answered with DNS_STOPPED. */
void pool_stop_asking(struct inspection *inspection);

/* All that follows is called without the lock. */

/* The session gives it up. */
void pool_lose(struct inspection *inspection, enum fact_cause cause);

/* How much is sent, and who hears what is said to it. */
enum send { SEND_PART, SEND_LAST, SEND_LAST_AND_WAIT };
/*
 * Sends what was collected and starts a new packet.  The bytes of a last record
 * whose head alone was put may lie elsewhere: `rest`, or NULL.
 */
void pool_send(struct inspection *inspection, enum send what,
	       const struct iovec *rest);

/* What it said cannot be true; none of it is believed. */
void pool_accuse(struct inspection *inspection);

/*
 * By the session that reads: takes what comes, until then at most (ms of
 * pool_now()).  When the inspector's own time is over, or it asks, or ends, the
 * rest is left to the I/O thread.
 */
void pool_read_answer(struct inspection *inspection, int64_t until);

/*
 * Without the lock: frees what has ended, and waits for resolvers' callbacks.
 */
void pool_dispose(struct inspector_pool *pool);

enum packet_kind { PACKET_OF_FACTS, PACKET_ASKS, PACKET_BREAKS };
/* Without the lock, by who reads the channel: takes a packet. */
enum packet_kind pool_packet(struct inspector_pool *pool,
			     struct channel *channel,
			     const unsigned char *bytes, size_t len);

/*
 * Without the lock, by who reads: a packet with a question, `alone` in it.
 * False if it breaks the protocol.
 */
bool pool_question(struct channel *channel, struct inspector_pool *pool,
		   const struct channel_head *head,
		   struct channel_record *record, bool alone);
/* The session: puts what DNS is known to say into its packet, if it fits. */
void pool_tell(struct inspection *inspection, const char *name,
	       enum dns_type type);
/* The I/O thread: sends answers, as long as there is room; false without. */
bool pool_send_answers(struct channel *channel, struct inspector_pool *pool);

/* The I/O thread. */
void *pool_io_run(void *pool);
/* Milliseconds of MEMORY_TRIES; NULL when there is still none. */
void *pool_alloc(size_t size);
/* Frees an inspector and its descriptors; no lock. */
void inspector_free(struct inspector *inspector);

#endif
