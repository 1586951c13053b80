/*
 * store_lmdb_private.h - what the files of the LMDB engine share; for them
 * alone.  store_lmdb.c tells how it works.
 *
 *   store_lmdb.c         open, close, the engine's table
 *   store_lmdb_file.c    whose file it is; what is damaged is set aside
 *   store_lmdb_check.c, store_lmdb_page.c   read the file before LMDB does
 *   store_lmdb_env.c     LMDB's environment and transactions, errors
 *   store_lmdb_room.c    what is used, what the disk has left
 *   store_lmdb_record.c  one record and its place in the index
 *   store_lmdb_queue.c   what is to be written, and who waits for it
 *   store_lmdb_writer.c  the thread that writes, and callers who do
 *   store_lmdb_visit.c   visits and all else that changes a record
 *   store_lmdb_sweep.c   what expires, and what has to go for want of room
 *   store_lmdb_look.c    pages of records, single ones, numbers
 */
#ifndef LISTS_STORE_LMDB_PRIVATE_H
#define LISTS_STORE_LMDB_PRIVATE_H

#include <lmdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lists/greylist_record.h"
#include "lists/store_lmdb.h"

enum lmdb_db {
	LMDB_TRIPLET,
	LMDB_IDENTITY,
	LMDB_OUTBOUND,
	LMDB_EXPIRY,
	LMDB_META,
	LMDB_DATABASES,
};

enum {
	LMDB_KEY_SIZE = 512, /* of any, with a NUL */
	LMDB_QUEUE_MAX = 10000, /* jobs */
	LMDB_LAZY_MANY = 512, /* so many are written before their time */
	LMDB_NOTES_MAX = 4000, /* of them, that nobody waits for */
	LMDB_NEAR_MIN = 2, /* seconds; see lmdb_may_glance() */
	LMDB_NEAR_MAX = 60,
	LMDB_PARKED = 16, /* read transactions, kept for the next */
	LMDB_BUCKETS = 256,
	LMDB_PLACES = 1024, /* keys share them, by their hash */
	LMDB_CHECK_MS = 50, /* at a start */
	LMDB_TIDY_MS = 60000, /* between looks at the readers */
	LMDB_PAUSE_MS = 1000, /* between two tries, when the disk is full */
	LMDB_LINGER_US = 50, /* awake, before sleeping; see lmdb_linger() */
	LMDB_LINGER_FOR_US = 500, /* the same, of a caller: others go first */
	LMDB_NO_LINGER_US = 20000, /* after it was in vain */
	LMDB_LOOK_MS = 5, /* of reading, or of sweeping, in one go */
	LMDB_OWN_MAX = 64, /* jobs that a caller commits, his own the last */
	LMDB_CALM = 16, /* transactions; among many one is alone by chance */
	LMDB_SLOW_MS = STORE_SLICE_MS, /* so long a commit is a slow one */
	LMDB_CAREFUL_MS = 10000, /* for so long after it callers don't write */
	LMDB_ALONE_MS = 100, /* between looks for other processes */
};

/* How waits have ended; store_stats says which they are. */
struct lmdb_back {
	uint64_t never, came;
	int64_t since; /* 0: nothing is known */
};

/* A moment of the steady clock, in milliseconds; for deadlines. */
int64_t lmdb_clock_ms(void);

struct lmdb_job;

struct store_lmdb {
	struct store store; /* first */
	char *path;
	uint64_t room;
	bool sync, read_only;
	void (*set_aside)(void *context, const char *sentence);
	void *context;

	/* the file; fd holds the lock that says it is in use */
	int fd;
	dev_t dev;
	ino_t ino;
	struct store_lmdb *next; /* of those that this process has open */

	/* a transaction holds env_lock for reading, to reopen for writing */
	pthread_rwlock_t env_lock;
	MDB_env *env; /* NULL: could not be opened again */
	unsigned opened; /* so many times, anew */
	MDB_dbi dbi[LMDB_DATABASES];
	size_t page_size;
	atomic_bool is_bad; /* to be opened anew */
	atomic_bool is_suspect; /* and looked at from end to end */
	_Atomic uint64_t least; /* bytes that the file has had: it only grows */

	/* of him who has the pen, and of nobody else */
	uint64_t on_disk; /* bytes that are surely there to be written to */
	bool can_reserve;
	int64_t reserve_next, tidy_next, reopen_next; /* lmdb_clock_ms() */
	struct greylist_time noted; /* when "last" was written */
	MDB_stat counted[LMDB_DATABASES]; /* as that transaction left them */
	size_t counted_id; /* mdb_txn_id(); 0: they are not known */
	/* what changed in which transaction; see lmdb_is_unchanged() */
	size_t last_id; /* that we committed; 0: none, or who knows */
	size_t known_from; /* all of this and later ones are ours */
	size_t changed_at[LMDB_PLACES]; /* or it was given up */

	pthread_mutex_t parked_lock;
	MDB_txn *parked[LMDB_PARKED];
	size_t parked_count;

	sem_t work; /* wakes the writer, see lmdb_rouse() */
	bool may_linger; /* who waits, before he sleeps; never changes */
	atomic_llong linger_next; /* the writer; by the steady clock, in us */
	atomic_llong linger_for_next; /* who waits for it */
	atomic_uint busy; /* callers who use this, and have not the lock */
	pthread_mutex_t lock; /* of all below */
	pthread_t writer;
	bool has_writer, stopping;
	struct lmdb_job *first, **last;
	size_t queued; /* jobs */
	atomic_size_t urgent; /* of those, that somebody waits for */
	bool is_asleep; /* the writer: it needs a post of `work` */
	/* the pen, see store_lmdb_writer.c */
	bool has_pen; /* somebody */
	bool can_own; /* a caller might; goes with the file */
	unsigned calm; /* so many transactions, up to LMDB_CALM, were of one
			  job at most and left none behind */
	bool is_alone; /* no other process writes, as of the last look */
	int64_t look_next; /* clock() */
	int64_t careful_until; /* clock() */
	int64_t (*clock)(void); /* lmdb_clock_ms(), or a test's */
	int64_t lazy_due;
	struct lmdb_notes {
		size_t count;
		struct greylist_time low, high; /* each clock for itself */
		bool are_mixed; /* of several runs */
	} notes[2]; /* not committed yet; the writer's, and those that come */
	unsigned notes_now; /* to which they come */
	uint32_t written_to[LMDB_BUCKETS]; /* addresses that are under way */

	struct store_stats numbers;
	struct lmdb_back back; /* as the file says */
	struct lmdb_back back_more; /* counted since; not in there yet */
	bool disk_full;
	uint64_t share; /* of the room that is used, in percent */
	struct greylist_time begun; /* when an empty file replaced a bad one */
	bool is_young;
	int64_t young_for; /* the longest wait that was seen since */
	struct greylist_time paused; /* no sweep until STORE_PAUSE after */
	bool is_paused;
};

/* --- store_lmdb_env.c ---------------------------------------------------- */

/* A transaction, and how it came to be. */
struct lmdb_txn {
	struct store_lmdb *s;
	MDB_txn *txn;
	bool is_write;
	unsigned touched; /* databases, 1 << ... or'ed; 0: no change at all */
};

/*
 * 0, or an error of LMDB's or the system's; what could be mended by opening
 * anew has been tried.  Between begin and end nothing else may be begun by the
 * thread, which ends it, too.  lmdb_commit() ends a transaction, whatever it
 * returns.  To try is to return EBUSY where it would take time, or where
 * anything is wrong.  Who writes has the pen; who tries to has just read, as it
 * is not looked again whether the file was cut off.
 */
int lmdb_read(struct store_lmdb *s, struct lmdb_txn *ret_txn);
int lmdb_try_read(struct store_lmdb *s, struct lmdb_txn *ret_txn);
int lmdb_write(struct store_lmdb *s, struct lmdb_txn *ret_txn);
int lmdb_try_write(struct store_lmdb *s, struct lmdb_txn *ret_txn);
int lmdb_commit(struct lmdb_txn *txn);
void lmdb_abort(struct lmdb_txn *txn); /* also one that was never begun */

/* What an error means; notes what it says for people. */
enum store_end lmdb_end(struct store_lmdb *s, int error);
void lmdb_note_trouble(struct store_lmdb *s, const char *sentence);

/* "PATH: reason"; returns -1. */
int lmdb_refuse(const struct store_lmdb *s, char why[STORE_WHY_SIZE],
		const char *reason);

/* LMDB, on a file that was looked at; 0, or -1 and why. */
int lmdb_env_open(struct store_lmdb *s, char why[STORE_WHY_SIZE]);
void lmdb_env_close(struct store_lmdb *s);

/* --- store_lmdb_room.c --------------------------------------------------- */

/* Does the error say that there is no space, in the map or on the disk? */
bool lmdb_is_full(int error);

/* Of the map: the room, or what is in use already, and what deletes need. */
size_t lmdb_map_size(const struct store_lmdb *s, uint64_t in_use);

/* Of the room, as the transaction sees it. */
struct lmdb_room {
	uint64_t used, room; /* bytes */
	uint64_t share; /* percent */
	uint64_t file; /* bytes up to the last page that was ever used */
};
struct lmdb_room lmdb_room(struct lmdb_txn *txn,
			   const MDB_stat stats[LMDB_DATABASES]);

/*
 * How large each database is.  What a transaction has not touched is as the
 * last one left it, if that was ours; else LMDB has to look each up.
 */
void lmdb_measure(struct lmdb_txn *txn, MDB_stat ret_stats[LMDB_DATABASES]);

/* So many records may change in one transaction, at most. */
size_t lmdb_batch_max(struct store_lmdb *s);

/* ENOSPC, if that is what a failed commit means; else the error. */
int lmdb_disk_error(struct store_lmdb *s, int error);

/* Sees to it that the disk has what the next commits need. */
void lmdb_reserve(struct lmdb_txn *txn);

/* --- store_lmdb_file.c --------------------------------------------------- */

/*
 * Opens, locks and checks the file, sets it aside if need be, and opens LMDB on
 * it.  0, or -1 and why.  `anew`: it was in use and is suspected.
 */
int lmdb_file_open(struct store_lmdb *s, const struct greylist_time *now,
		   bool anew, char why[STORE_WHY_SIZE]);
void lmdb_file_close(struct store_lmdb *s);

/*
 * Who opens a file to write says so, on his description of it (0, or -1); and
 * can tell whether another has said so.
 */
int lmdb_announce(int fd);
bool lmdb_is_alone(int fd);

/* --- store_lmdb_record.c ------------------------------------------------- */

/* One record, copied out. */
struct lmdb_record {
	struct store_entry entry; /* its strings are those below */
	bool is_there;
	bool is_dated; /* else its dates cannot be read */
	int64_t stored; /* when it expires, by its own stamp's clock */
	int64_t indexed; /* 0: it is not in the index */
	unsigned place; /* of changed_at */
	char key[LMDB_KEY_SIZE];
	char value[GREYLIST_RECORD_SIZE];
};

enum lmdb_db lmdb_db_of(enum store_kind kind);

/* Drops an entry of the index; 0 also if it is not there. */
int lmdb_drop_date(struct lmdb_txn *txn, MDB_val *key);

/* Takes in what a cursor found; false if the key is none of ours. */
bool lmdb_record_read(enum store_kind kind, const MDB_val *key,
		      const MDB_val *value, const struct greylist_time *now,
		      struct lmdb_record *ret_record);

/* 0 also if it is not there. */
int lmdb_get(struct lmdb_txn *txn, enum store_kind kind, const char *key,
	     const struct greylist_time *now, struct lmdb_record *ret_record);

/*
 * Writes what record->entry says in place of what was read into the record,
 * to expire `expires` (wall clock; GREYLIST_FOR_EVER).  One that is absent is
 * deleted.
 */
int lmdb_put(struct lmdb_txn *txn, struct lmdb_record *record, int64_t expires,
	     const struct greylist_time *now);
int lmdb_delete(struct lmdb_txn *txn, const struct lmdb_record *record);

/*
 * Is the record still what a reader found in transaction `since` of this file?
 * True only if that is known: a stranger's transactions came not between, and
 * ours, this one among them, changed nothing of its place.
 */
bool lmdb_is_unchanged(const struct lmdb_txn *txn, size_t since,
		       const struct lmdb_record *record);

/* Moves it in the index alone, to its expiry. */
int lmdb_move(struct lmdb_txn *txn, struct lmdb_record *record);

/* An entry of the index, taken apart. */
struct lmdb_date {
	int64_t second;
	enum store_kind kind;
	char key[LMDB_KEY_SIZE];
};
bool lmdb_date_read(const MDB_val *key, struct lmdb_date *ret_date);

/*
 * How waits have ended, of the file's whole life.  As others may write to it,
 * what one has counted is added to what it says; `more` tells the begin, too,
 * where it says nothing.
 */
void lmdb_back_get(struct lmdb_txn *txn, struct lmdb_back *ret_back);
int lmdb_back_add(struct lmdb_txn *txn, const struct lmdb_back *more,
		  struct lmdb_back *ret_back);

int lmdb_meta_put(struct lmdb_txn *txn, const char *key, const char *value);
/* 0 and "" if it is not there. */
int lmdb_meta_get(struct lmdb_txn *txn, const char *key, char *buf,
		  size_t size);

/* --- store_lmdb_queue.c, _writer.c --------------------------------------- */

/* What of the writer's work is told to whom has asked for it. */
struct lmdb_batch {
	struct lmdb_txn txn;
	size_t changed; /* records */
	size_t began; /* that were not there before */
	struct lmdb_room room; /* as it was at the begin */
	struct greylist_time now; /* of the last job that told one */
	bool has_now;
	struct store_stats counts; /* to be added if it is committed */
	struct lmdb_back back; /* what the file says then, if it was noted */
	bool has_back;
};

/*
 * Does the job within the transaction, and says in *ret_end how it ended; the
 * end of the transaction may still change that.  Nonzero gives up the
 * transaction with all that is in it.  Called again for the same job where
 * another has brought it to a fall.
 */
typedef int lmdb_run(struct lmdb_batch *batch, void *args,
		     enum store_end *ret_end);

struct lmdb_work {
	lmdb_run *run;
	void *args;
	bool frees; /* deletes: also tried when there is no room */
	bool is_long; /* is the last of its transaction */
	bool may_own; /* a short one: its caller may write, and has just read */
};

/*
 * Queues the work and waits until it lasts.  `args` need only live until this
 * returns.  max_ms of 0: for as long as it takes.
 */
enum store_end lmdb_do(struct store_lmdb *s, const struct lmdb_work *work,
		       bool has_limit, unsigned max_ms);

/*
 * Queues work that nobody waits for; false, and args freed, if there is too
 * much.  args are freed (free()) when it has been done.  *at and address (NULL)
 * say what is noted.
 */
bool lmdb_do_later(struct store_lmdb *s, const struct lmdb_work *work,
		   const struct greylist_time *at, const char *address);

/*
 * May an answer be given from what is committed, notes left out?  The address
 * (NULL) must not be among them, and they must be of about `now`: nearer than
 * a thousandth of `span` (LMDB_NEAR_MIN to _MAX), the shortest time that is
 * judged by.
 */
bool lmdb_may_glance(struct store_lmdb *s, const struct greylist_time *now,
		     int64_t span, const char *address);

/* Until lmdb_clock_ms(); false if it came to that. */
bool lmdb_wait_until(sem_t *wake, int64_t until);

/*
 * Does nothing until has_come(what), but not for long; not before *next, which
 * is put off if it was in vain.
 */
void lmdb_linger(const struct store_lmdb *s, unsigned max_us,
		 atomic_llong *next, bool (*has_come)(const void *what),
		 const void *what);

/*
 * The store is locked.  True if the writer slept: whoever is told so has to
 * post s->work, better once the lock is free, as the writer needs that first.
 */
bool lmdb_rouse(struct store_lmdb *s);

/*
 * A job's states.  Each passes from one to the other by a single exchange, so
 * neither has to lock the store to find out what the other does with it.
 */
enum lmdb_job_state {
	LMDB_JOB_QUEUED,
	LMDB_JOB_RUNNING, /* its arguments are in use: the caller stays */
	LMDB_JOB_RAN,
	LMDB_JOB_DONE,
	LMDB_JOB_LEFT, /* by its caller, from QUEUED or RAN */
};

struct lmdb_job {
	struct lmdb_job *next;
	struct lmdb_work work;
	bool is_note;
	enum store_end end; /* until DONE the pen's, then the caller's */
	_Atomic enum lmdb_job_state state;
	atomic_uint holders; /* who lets go last frees it */
	atomic_bool is_awaited; /* is to be woken when DONE */
	atomic_bool is_late; /* is to be woken as soon as it RAN */
	sem_t wake; /* of the caller */
	struct lmdb_job *then; /* done, too: its caller is to be told next */
	unsigned notes; /* of s->notes, a note is counted there */
	uint32_t *bucket; /* of s->written_to; NULL */
};

/* The store is locked. */
void lmdb_append(struct store_lmdb *s, struct lmdb_job *job);
struct lmdb_job *lmdb_pop(struct store_lmdb *s); /* there is one */
/* Back in front, as if it had not been taken. */
void lmdb_unpop(struct store_lmdb *s, struct lmdb_job *job);

/* For who has the pen, without a lock.  False if its caller has gone. */
bool lmdb_job_begin(struct lmdb_job *job);
void lmdb_job_ran(struct lmdb_job *job);
/* Tells the caller, if there is one, and lets go of it. */
void lmdb_job_finish(struct lmdb_job *job);
void lmdb_jobs_finish(struct lmdb_job *jobs, bool in_chain);

/*
 * The store is locked, the caller's job is queued.  True if he got the pen:
 * then he commits the first `count` jobs, up to his own, or leaves it to the
 * writer; and puts the pen down.
 */
bool lmdb_take_pen(struct store_lmdb *s);
void lmdb_write_own(struct store_lmdb *s, size_t count);

/* Whoever has the pen wrote to the disk, from clock() to now. */
void lmdb_note_pace(struct store_lmdb *s, int64_t began);

int lmdb_writer_start(struct store_lmdb *s);
void lmdb_writer_stop(struct store_lmdb *s);

/* --- store_lmdb_visit.c, _sweep.c, _look.c ------------------------------- */

enum store_end lmdb_visit(struct store *store, const struct store_visit *visit,
			  struct greylist_result *ret_result);
enum store_end lmdb_change(struct store *store, const char *identity,
			   store_change *change, void *context,
			   const struct greylist_terms *terms,
			   const struct greylist_time *now, unsigned max_ms,
			   bool *ret_done);
enum store_end lmdb_write_to(struct store *store, const char *address,
			     const struct greylist_terms *terms,
			     const struct greylist_time *now, unsigned max_ms);
enum store_end lmdb_drop(struct store *store, enum store_kind kind,
			 const char *const *keys, size_t count);
enum store_end lmdb_merge(struct store *store,
			  const struct store_entry *entries, size_t count,
			  const struct greylist_time *now, uint64_t *ret_taken);

uint64_t lmdb_sweep(struct store *store, const struct greylist_time *now,
		    unsigned limit);
/* Drops what expires first, in proportion to how crowded it is. */
int lmdb_prune(struct lmdb_batch *batch);

enum store_end lmdb_list(struct store *store, const struct store_filter *filter,
			 const struct greylist_terms *terms,
			 const struct greylist_time *now, unsigned limit,
			 unsigned max_ms, struct store_cursor *cursor,
			 store_each *each, void *context, bool *ret_more);
enum store_end lmdb_show(struct store *store, enum store_kind kind,
			 const char *key, const struct greylist_time *now,
			 unsigned max_ms, store_each *each, void *context,
			 bool *ret_there);
void lmdb_stats(struct store *store, struct store_stats *ret_stats);

/* Notes the records of a snapshot, and the room, in the numbers. */
void lmdb_count(struct lmdb_txn *txn);

#endif
