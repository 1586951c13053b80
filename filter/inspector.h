/*
 * inspector.h - the filter's side of the inspectors: lease a channel, hand it
 * the message, take the facts.
 *
 * A pool knows the inspectors that the supervisor has started, K channels each.
 * One thread of the pool (the I/O thread) reads all channels, sends what did
 * not go out at once, and asks DNS for the inspectors.  Callbacks only enqueue;
 * they wait where an answer is due.
 *
 * A session leases a channel for one message with inspection_begin().  What
 * goes wrong is an answer, never an error of the session: the facts that
 * the inspector owed are then unknown, with the cause.
 *
 * Every function may be called from any thread; an inspection belongs to one
 * thread at a time.
 */
#ifndef STEELYARD_FILTER_INSPECTOR_H
#define STEELYARD_FILTER_INSPECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "filter/inspect/message.h"
#include "rules/facts.h"

struct inspector_pool;
struct inspection;
struct resolver;
struct ruleset;

/* Room for `inspectors` times `channels`; starts the I/O thread. */
struct inspector_pool *inspector_pool_open(unsigned inspectors,
					   unsigned channels);
void inspector_pool_close(struct inspector_pool *pool);

/*
 * Called when an inspector hangs past a deadline (or breaks the protocol) and
 * should be killed; comes from any thread, must not block.
 */
void inspector_pool_on_hang(struct inspector_pool *pool,
			    void (*hang)(void *context, unsigned number,
					 pid_t pid),
			    void *context);

/*
 * How long an inspector may take to answer, or to read on, before it hangs
 * (setting inspect_timeout; 20 s until set).  For what is asked from now on.
 */
void inspector_pool_set_timeout(struct inspector_pool *pool,
				unsigned timeout_ms);

/* A new inspector; the descriptors are the pool's from now on. */
void inspector_pool_adopt(struct inspector_pool *pool, unsigned number,
			  pid_t pid, int note_fd, const int *channel_fds,
			  size_t channel_count);

/*
 * An inspector is dead; its leases end in CAUSE_CRASHED.  `status` is that of
 * waitpid().  The note tells which channel crashed, its input is remembered.
 */
void inspector_pool_gone(struct inspector_pool *pool, unsigned number,
			 pid_t pid, int status);

/*
 * Borrowed until inspection_begin() returns, but the resolver, which is kept.
 */
struct inspection_request {
	const struct ruleset *rules; /* which header fields are wanted */
	int64_t arrival; /* wall clock, seconds since 1970 */
	uint64_t body_limit; /* of it facts are wanted; 0: of none */
	struct message_authentication authentication;
	struct resolver *resolver; /* answers its questions; NULL: nobody */
	unsigned dns_ms; /* that it may wait for answers, all together */
};

/*
 * Begins a message: takes a channel, waits at most `wait_ms` for one (0: not at
 * all).  NULL with a cause when there is none; try again later, or give up.
 */
struct inspection *inspection_begin(struct inspector_pool *pool,
				    const struct inspection_request *request,
				    unsigned wait_ms,
				    enum fact_cause *ret_cause);

/*
 * Begins with the envelope alone: what SPF says of it, the facts spf to
 * spf.error.  All is said with this; wait for the answer, or end it.  Texts
 * that no MTA would take (CHANNEL_TEXT_MAX) are CAUSE_LIMIT.
 */
struct inspection_envelope {
	struct spf_request spf;
	struct resolver *resolver; /* as above */
	unsigned dns_ms;
};
struct inspection *inspection_begin_envelope(
	struct inspector_pool *pool, const struct inspection_envelope *envelope,
	unsigned wait_ms, enum fact_cause *ret_cause);

/*
 * Adds a header field or a piece of the body; fields are collected and sent in
 * large frames.  A value begins right behind the colon.  Only a body that comes
 * faster than the inspector reads waits, for some seconds at most; then the
 * inspection is lost.
 */
void inspection_header(struct inspection *inspection, const char *name,
		       size_t name_len, const char *value, size_t value_len);
void inspection_body(struct inspection *inspection, const void *bytes,
		     size_t len);
/*
 * Behind the header: what will be asked about this field of it, as far as can
 * be guessed and the resolver knows it already, goes over unasked.
 */
void inspection_expect(struct inspection *inspection, const char *name,
		       size_t name_len, const char *value, size_t value_len);
/* All has been said; the inspector may answer. */
void inspection_finish(struct inspection *inspection);

/*
 * Waits for the facts, at most `wait_ms`, and enters them: values live in the
 * facts' arena.  Facts that did not come are unknown with the cause.  Finishes
 * what was not finished.  INSPECTION_WAITING is returned when that time has run
 * out and the inspector's own has not, so that the caller can report progress
 * and wait on.
 */
enum inspection_answer {
	INSPECTION_DONE,
	INSPECTION_WAITING, /* not yet; call again or give up */
	INSPECTION_LOST, /* crashed, hung, busy: facts are unknown */
};
enum inspection_answer inspection_wait(struct inspection *inspection,
				       struct facts *facts, unsigned wait_ms,
				       enum fact_cause *ret_cause);

/*
 * Of an envelope whose facts came: would they be the same for another sender of
 * this domain until then, as far as DNS says?  False: that is not certain.  The
 * time is that of dns_now_ms().
 */
bool inspection_lasts(const struct inspection *inspection,
		      uint64_t *ret_until_ms);

/*
 * Ends the inspection, finished or not, and gives the channel back.  One that
 * has not answered within its deadline after being given up is a hang.
 * NULL is fine.
 */
void inspection_end(struct inspection *inspection);

/*
 * What is pending of the facts that the inspector of a message, or of an
 * envelope, would have established becomes unknown.  Who did not want dkim to
 * dmarc.record_error has waived them before.
 */
void inspection_unknown(struct facts *facts, const struct ruleset *rules,
			enum fact_cause cause);
void inspection_envelope_unknown(struct facts *facts, enum fact_cause cause);

struct inspector_stats {
	unsigned alive; /* inspectors */
	unsigned channels, leased;
	uint64_t messages, crashes, hangs, refused_inputs, busy;
};
struct inspector_stats inspector_pool_stats(struct inspector_pool *pool);

#endif
