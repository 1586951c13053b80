/*
 * store.h - what a greylist remembers, in one of several memories.
 *
 * One interface, two engines: store_lmdb.c (a file of this host) and
 * store_redis.c (a server that several hosts share).  store_pair.c makes one
 * store of both, so that the file answers while the server is away.  The same
 * contract tests run on all three, and whoever uses a store does not know which
 * it is.
 *
 * What is in it.  Three kinds of records, by keys of text, with values that are
 * the lines of greylist_record.h:
 *
 *   triplet   "IDENTITY SENDER RECIPIENT"   triplet_key()
 *   identity  "IDENTITY"                    triplet_identity()
 *   outbound  "ADDRESS"                     sender_key() of a stranger
 *
 * Each has an expiry, the second from which it need not be kept.  A visit
 * judges whatever is still there, and knows itself what has lapsed.  A value
 * that cannot be read is absent, is counted as foreign, and is written over by
 * the next visit; one of a newer version is left alone and makes the answer
 * unknown, so a host that was not updated yet does no harm to those that were.
 * A record of one key that says another kind's words is foreign, too.
 *
 * Judging.  A visit's answer is greylist_visit()'s, on the records as they are
 * at one moment; between reading and writing them nothing else writes them,
 * from whatever thread or host.  LMDB has one writer: its transaction.  Redis
 * has one thread: a script that is given keys, terms and time, so that an
 * answer costs one round trip; that script is the one place where the judgement
 * stands a second time, and the contract tests hold the two together, by the
 * same diary of visits.  A visit's keys must lie on one server, so a cluster of
 * them is no engine; Sentinel's replicas are.
 *
 * Time.  The caller passes it in.  Where hosts share a server the wall clock in
 * it is replaced by the server's (store_time()), in the local file as well, so
 * that a stamp means the same at each of them.  Redis lets a record live for as
 * long as the judgement says, by its own clock.  LMDB has an index by seconds
 * of the wall clock; before the sweep deletes a record it asks greylist_drift()
 * how far that clock has moved against the steady one since the record's stamp,
 * and if by more than the second that is rounding, moves the record in the
 * index by as much.  So nothing is lost to a jump while the machine is up.
 * Across a restart a jump cannot be seen in one record: where the wall clock is
 * more than STORE_JUMP ahead of the last commit the first sweep waits for
 * STORE_PAUSE seconds, time to set a clock.  Whatever is swept too early is a
 * stranger again, which is one wait.
 *
 * What is safe.  When a visit returns that says `must_last`, its records
 * survive a kill -9 and, if the engine was told so (`durable`), a loss of
 * power: LMDB has committed and synced, many visits in one transaction; Redis
 * has answered, and keeps what its own configuration promises.  What need not
 * last is written with the next that must, or after STORE_LAZY_MS.  A visit
 * that failed has either happened or not; nothing of it is half there.
 *
 * Threads.  Every function but store_close() may be called from any thread, and
 * from many at once.  A visit waits, at most for its max_ms; all else may take
 * longer, and holds up no visit for more than STORE_SLICE_MS at a time.  There
 * is one exception: an engine that does not sync may let a visit write in its
 * own thread, and if the system holds up that write, as on a disk that has just
 * failed, this visit waits for as long (store_lmdb.h says how rarely).  Nothing
 * here logs: what went wrong is in the answer and in the numbers, with a word
 * for people.  Callbacks run in the caller's thread, without a lock, and must
 * not call the store again.
 *
 * What can be full or broken.  Below STORE_PRUNE_PERCENT of its room a store
 * keeps all.  Above, it drops what expires first and waits longest; above
 * STORE_STOP_PERCENT it begins no new triplets and says STORE_FULL to strangers
 * (their answer is unknown: mail flows), while those it has are judged, and
 * deletes always work.  A file that is damaged is set aside under a name with
 * the time, and an empty one begun; the store is STORE_YOUNG then for `wait`,
 * which the caller may take for a reason to make nobody wait twice.
 */
#ifndef LISTS_STORE_H
#define LISTS_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/greylist.h"
#include "lists/greylist_record.h"
#include "lists/triplet.h"

enum {
	STORE_JUMP = 86400, /* seconds */
	STORE_PAUSE = 3600, /* seconds */
	STORE_LAZY_MS = 1000,
	STORE_SLICE_MS = 20,
	STORE_PRUNE_PERCENT = 70,
	STORE_STOP_PERCENT = 85,
	STORE_WHY_SIZE = 160,
	STORE_PAGE_MAX = 1000, /* entries */
};

struct store;
struct store_engine;

/* How a call ended.  All but the first change nothing that can be relied on. */
enum store_end {
	STORE_DONE,
	STORE_LATE, /* not within max_ms */
	STORE_FULL, /* no room for a new triplet */
	STORE_AWAY, /* the server does not answer, or was given up for now */
	STORE_BROKEN, /* disk, file or server: it says no */
	STORE_NEWER, /* a record of a version that is not known yet */
	STORE_INVALID, /* a key, a filter or an entry that cannot be one */
	STORE_STOPPED, /* is being closed */
};

/* "full": in a word, for log and --json.  Pure. */
const char *store_end_name(enum store_end end);

/* --- visits -------------------------------------------------------------- */

struct store_visit {
	const char *triplet; /* keys, as above */
	const char *identity; /* the first part of the triplet's */
	const char *sender; /* for `outbound`; "<>" is never written to */
	struct greylist_terms terms;
	struct greylist_time now;
	unsigned max_ms;
};

/*
 * One step: reads the three records, judges, writes what changed, waits until
 * it lasts if it must.  ret_result is always filled in; unless STORE_DONE its
 * answer is GREYLIST_UNKNOWN.  After STORE_LATE the visit may still be written:
 * the sender has been seen then, and is not told to wait.
 */
enum store_end store_visit(struct store *store, const struct store_visit *visit,
			   struct greylist_result *ret_result);

/*
 * What greylist_convict() and greylist_set_mark() do, in one step each, and
 * lasting when STORE_DONE returns.  A conviction of an identity that an admin
 * allows is STORE_DONE with *ret_done false.  No triplet is touched: those that
 * wait find out at their next visit, so that it costs the same however many
 * there are.
 */
enum store_end store_convict(struct store *store, const char *identity,
			     const struct greylist_terms *terms,
			     const struct greylist_time *now, int64_t span,
			     unsigned max_ms, bool *ret_done);
enum store_end store_set_mark(struct store *store, const char *identity,
			      enum greylist_mark mark,
			      const struct greylist_terms *terms,
			      const struct greylist_time *now, int64_t span,
			      unsigned max_ms);

/* Need not last at once: one of ours has sent mail, and waits for nothing. */
enum store_end store_write_to(struct store *store, const char *address,
			      const struct greylist_terms *terms,
			      const struct greylist_time *now, unsigned max_ms);

/* --- looking ------------------------------------------------------------- */

enum store_kind {
	STORE_TRIPLET = 1 << 0,
	STORE_IDENTITY = 1 << 1,
	STORE_OUTBOUND = 1 << 2,
	STORE_ALL = STORE_TRIPLET | STORE_IDENTITY | STORE_OUTBOUND,
};

/* The strings are the store's, until the callback returns. */
struct store_entry {
	enum store_kind kind;
	const char *key;
	const char *value; /* the line, as stored */
	int64_t expires; /* wall clock; GREYLIST_FOR_EVER; 0: by the terms */
	/* by store_entry_read(): the value, by kind; absent unless READ */
	enum greylist_reading reading;
	struct greylist_triplet triplet;
	struct greylist_identity identity;
	struct greylist_outbound outbound;
};

/*
 * All that are set must hold, and what a record cannot say does not hold: a
 * pattern of sender or recipient and a state are for triplets alone, a pattern
 * of identity for triplets and identities, and a foreign value has no state and
 * was never seen.  Patterns are those of fnmatch() without flags, one word of
 * printable ASCII in small letters; NULL matches all.  A mark or a conviction
 * that is over is none.
 */
struct store_filter {
	unsigned kinds; /* STORE_... or'ed; 0 is all */
	enum greylist_state state; /* GREYLIST_ABSENT: any */
	enum greylist_mark mark; /* GREYLIST_UNMARKED: any */
	bool only_known, only_trapped; /* identities */
	const char *identity, *sender, *recipient;
	/* last sign of life, wall clock: at or after, before; 0: any */
	int64_t seen_after, seen_before;
};

/* Where a page ended.  Text, so that a client can bring it back; "" begins. */
struct store_cursor {
	char at[TRIPLET_KEY_SIZE + 8];
};

/* False ends the walk. */
typedef bool store_each(void *context, const struct store_entry *entry);

/*
 * Calls `each` for up to `limit` entries (STORE_PAGE_MAX at most, and if 0)
 * that match (filter NULL: all), in the order of kinds and keys in LMDB, in any
 * in Redis, and moves the cursor behind the last that was told; *ret_more says
 * whether there may be others.  A page is read in slices, with no transaction
 * open between them, and memory does not grow with the store: what was there
 * from the first page to the last is seen at least once, and in LMDB exactly
 * once.  What has lapsed may be among it.  A page may end, with more, before
 * `limit`: who asks waits no longer than max_ms.  Unless STORE_DONE the cursor
 * is where it was.
 */
enum store_end store_list(struct store *store,
			  const struct store_filter *filter,
			  const struct greylist_terms *terms,
			  const struct greylist_time *now, unsigned limit,
			  unsigned max_ms, struct store_cursor *cursor,
			  store_each *each, void *context, bool *ret_more);

/* One record by its key; STORE_DONE and *ret_there false if there is none. */
enum store_end store_show(struct store *store, enum store_kind kind,
			  const char *key, const struct greylist_time *now,
			  unsigned max_ms, store_each *each, void *context,
			  bool *ret_there);

/* --- changing by hand ---------------------------------------------------- */

/*
 * Deletes what matches, a page at a time as store_list() does, and counts it;
 * a dry run only counts.  Lasting when it returns.  What changes between being
 * looked at and being deleted, moments later, is deleted all the same.  A value
 * of a newer version goes, too, if its key matches.  To forget an identity is
 * not to forget its triplets: `identity` of the filter with STORE_ALL is both.
 */
enum store_end store_forget(struct store *store,
			    const struct store_filter *filter,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now, bool dry_run,
			    unsigned limit, unsigned max_ms,
			    struct store_cursor *cursor, uint64_t *ret_count,
			    bool *ret_more);

/*
 * Puts in entries from elsewhere, all or none of up to STORE_PAGE_MAX, lasting.
 * (To export is to list, with each entry's key, value and expiry.)  Key and
 * value are read as strictly as any from the store, and a foreign one is
 * STORE_INVALID with its place in *ret_bad (one entry too many: the place of
 * that).  What is there already stays unless the import is better for the
 * sender: passed before waiting before absent, a later use before an earlier
 * one, and an admin's mark before none; so to import twice, or while mail
 * flows, does no harm.  A record lives until its own `expires` or as long as
 * the terms say, whichever is later; what has lapsed by both is not taken.
 */
enum store_end store_import(struct store *store,
			    const struct store_entry *entries, size_t count,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now,
			    uint64_t *ret_taken, size_t *ret_bad);

/* --- numbers ------------------------------------------------------------- */

enum store_health {
	STORE_WELL,
	STORE_YOUNG, /* begun anew: the old file was damaged */
	STORE_CROWDED, /* above STORE_PRUNE_PERCENT */
	STORE_STOPPED_INSERTING, /* above STORE_STOP_PERCENT, or disk full */
	STORE_ALONE, /* the server is away, the local store answers */
	STORE_SILENT, /* nobody answers */
};

enum { STORE_WAITS = 24 };

/* Since the store was opened, unless said otherwise or counted by looking. */
struct store_stats {
	enum store_health health;
	char why[STORE_WHY_SIZE]; /* of the last trouble; "" */
	int64_t since; /* wall clock, of this health */
	uint64_t triplets, identities, outbound; /* records, about */
	uint64_t bytes_used, bytes_room; /* room 0: without bound */
	uint64_t answers[GREYLIST_TRAPPED + 1]; /* by enum greylist_why */
	uint64_t ends[STORE_STOPPED + 1]; /* of all calls, by enum store_end */
	uint64_t commits, visits_committed; /* so many shared a commit */
	uint64_t expired;
	/*
	 * How waits have ended: of those who tried once, and of those who tried
	 * again, whether they were late or in time.  (Who passed without it
	 * when he came back, as known or written to, tried once.)  Since back_since (wall
	 * clock), also before the store was opened; it is written with a commit
	 * once a minute, and a kill -9 costs what was counted since.  0: nobody
	 * counts, as a server forgets by itself, or nobody has yet, in a file
	 * of before; came_back are those then that passed since the store was
	 * opened.
	 */
	uint64_t never_back, came_back;
	int64_t back_since;
	uint64_t pruned, foreign, newer;
	uint64_t queued, dropped; /* writes for a server that is away */
	/* of this host's wall clock to the shared one, seconds; 0: unknown */
	int64_t clock_ahead;
	/* ends of waits: of up to 2^n seconds, longer ones in the last */
	uint64_t waits[STORE_WAITS];
};

/* Cheap: takes nothing but a lock. */
void store_stats(struct store *store, struct store_stats *ret_stats);

/*
 * The time as the store's stamps and expiries have it: the caller's, but for a
 * store that several hosts share, which goes by one wall clock for all of them
 * (store_redis_clock.h).  Whoever compares with stamps, or tells people what is
 * left, asks for it; the functions here do so themselves.  To ask again for
 * what it returned changes nothing.  Cheap: takes nothing but a lock.
 */
struct greylist_time store_time(struct store *store,
				const struct greylist_time *now);

/*
 * Expires what is due, at most `limit` records, a transaction of a slice at a
 * time; returns how many.  An engine whose server does that by itself returns
 * 0.  The caller's thread, about every second.
 */
uint64_t store_sweep(struct store *store, const struct greylist_time *now,
		     unsigned limit);

/*
 * Ends it: calls that wait return STORE_STOPPED, what need not last yet is
 * written.  No other thread may be in a call that begins after this.  NULL is
 * fine.
 */
void store_close(struct store *store);

/* --- for engines --------------------------------------------------------- */

/*
 * An engine's open function calls this on the struct store in front of its own,
 * which has the counters that the front keeps; nothing is to be released.
 */
void store_init(struct store *store, const struct store_engine *engine);

/* Is it a key of that (one) kind?  Exactly len bytes. */
bool store_key_valid(enum store_kind kind, const char *key, size_t len);

/*
 * Reads the value into the entry, by its kind, and sets `reading`; false if it
 * is foreign or newer.
 */
bool store_entry_read(struct store_entry *entry);

/* Does all hold that the filter says, of an entry that was read?  Pure. */
bool store_matches(const struct store_filter *filter,
		   const struct store_entry *entry,
		   const struct greylist_terms *terms,
		   const struct greylist_time *now);

/*
 * Shall what is brought by store_import() take the other's place?  Both have
 * one key and were read; no record at all is one that is foreign.  Nothing
 * takes the place of a newer version.  In this order:
 *
 *   triplet   passed, else waiting; passed: the later use; waiting: the later
 *             round, then the earlier first try
 *   identity  marked, else not, the later mark; the later conviction; more
 *             passes; the later use
 *   outbound  the later
 *
 * An admin's word and a conviction count as news of the sender, for and against
 * him.  Pure; what is equal stays.
 */
bool store_is_better(const struct store_entry *brought,
		     const struct store_entry *there);

/*
 * Changes an identity in place and returns whether there is anything to write.
 * An engine may call it again, on what it has read anew, until nobody has come
 * between.
 */
typedef bool store_change(void *context, struct greylist_identity *identity);

/*
 * What an engine does of the above; a function here says more only where it
 * differs.  store.c has checked keys, limits and filters before, and counts
 * answers and ends behind.  An engine's own struct begins with a struct store,
 * and the engine's own function opens it, with the engine's own settings.
 */
struct store_engine {
	const char *name; /* "lmdb" */
	enum store_end (*visit)(struct store *store,
				const struct store_visit *visit,
				struct greylist_result *ret_result);
	/*
	 * store_convict() and store_set_mark(); *ret_done is what change said
	 */
	enum store_end (*change)(struct store *store, const char *identity,
				 store_change *change, void *context,
				 const struct greylist_terms *terms,
				 const struct greylist_time *now,
				 unsigned max_ms, bool *ret_done);
	enum store_end (*write_to)(struct store *store, const char *address,
				   const struct greylist_terms *terms,
				   const struct greylist_time *now,
				   unsigned max_ms);
	enum store_end (*list)(struct store *store,
			       const struct store_filter *filter,
			       const struct greylist_terms *terms,
			       const struct greylist_time *now, unsigned limit,
			       unsigned max_ms, struct store_cursor *cursor,
			       store_each *each, void *context, bool *ret_more);
	enum store_end (*show)(struct store *store, enum store_kind kind,
			       const char *key, const struct greylist_time *now,
			       unsigned max_ms, store_each *each, void *context,
			       bool *ret_there);
	/*
	 * Deletes a page's keys of one kind, lasting; what is gone already is
	 * fine.
	 */
	enum store_end (*drop)(struct store *store, enum store_kind kind,
			       const char *const *keys, size_t count);
	/*
	 * Each entry was read, has its expiry after now, and replaces what
	 * store_is_better() lets it; one key may be there twice.
	 */
	enum store_end (*merge)(struct store *store,
				const struct store_entry *entries, size_t count,
				const struct greylist_time *now,
				uint64_t *ret_taken);
	uint64_t (*sweep)(struct store *store, const struct greylist_time *now,
			  unsigned limit);
	/* Finds all zero; answers, ends and waits are the front's. */
	void (*stats)(struct store *store, struct store_stats *ret_stats);
	/* store_time(), whatever time the others are given; NULL: as it is */
	struct greylist_time (*time)(struct store *store,
				     const struct greylist_time *now);
	void (*close)(struct store *store);
};

struct store {
	const struct store_engine *engine;
	atomic_uint_least64_t answers[GREYLIST_TRAPPED + 1];
	atomic_uint_least64_t ends[STORE_STOPPED + 1];
	atomic_uint_least64_t waits[STORE_WAITS];
};

#endif
