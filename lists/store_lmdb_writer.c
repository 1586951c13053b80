/*
 * store_lmdb_writer.c - the thread that writes, and callers who do.
 *
 * The writer begins a transaction, takes job after job, those that come
 * meanwhile, too, until none is left or the transaction has got large or old;
 * commits, and wakes all who wait.  So eight sessions share one sync, and one
 * alone does not wait for others.
 *
 * Where nothing is synced a commit takes 20 us.  Who comes while one is written
 * is left for the next: so one half of a crowd gets ready while the other half
 * is served, and neither processor is idle.  A commit takes twice as long if
 * another thread has to do it, so a caller who comes alone writes himself.  One
 * at a time has the pen: the writer, or such a caller, who takes it only if it
 * lies there and nobody else waits.  He commits the notes that are queued, and
 * his job, and puts the pen down; what came meanwhile is left to the writer,
 * and while many come at once all is, as its transactions are larger then, and
 * the pages that they change stay in one processor's cache.  (Not many are they
 * who came one by one LMDB_CALM times: by chance one is alone in a crowd, too.)
 *
 * Nobody takes the pen from a caller's hand when his time is over, so he must
 * not have to wait:
 *
 *   for the disk, which holds up even what goes into the system's memory if it
 *	fails or cannot keep up.  Once that has taken LMDB_SLOW_MS, whoever
 *	wrote, callers leave the pen to the writer for LMDB_CAREFUL_MS.  So it
 *	is one of them who waits; all others wait for him as they wait for the
 *	writer, while their time lasts.  As long as it is slow the writer finds
 *	out.  (A visit may be held up for STORE_SLICE_MS anyway.  The largest
 *	transactions need a fraction of that where they need not wait; less, and
 *	a processor that is busy with others would look like a disk.)
 *   for another process that has begun to write: there LMDB makes him wait,
 *	and it cannot be asked first.  So callers write only while no other
 *	process has the file open to write, which is looked after every
 *	LMDB_ALONE_MS.  One that has opened it since is in its first
 *	transaction, a short one.
 *   for a file that is bad to be opened anew: the writer does that, and has the
 *	pen meanwhile.
 *
 * Where the size of files is limited a write may be a signal, which is blocked
 * in the writer's thread alone: callers do not write then.
 */
#include "lists/store_lmdb_private.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* --- a transaction of jobs ----------------------------------------------- */

enum { RUN_MAX = 64 }; /* jobs taken under one lock */

struct taken {
	struct lmdb_job *first, **last;
	size_t count;
	struct lmdb_job *ready; /* taken, not begun */
	size_t left; /* so many more may be fetched */
	int64_t until;
	bool is_over;
};

/* Nobody is told yet how it ended. */
static void keep(struct taken *taken, struct lmdb_job *job)
{
	*taken->last = job;
	taken->last = &job->next;
	taken->count++;
}

/* The next ones; a long one only by itself. */
static void fetch(struct store_lmdb *s, struct taken *taken)
{
	struct lmdb_job **last = &taken->ready;
	size_t count = taken->count;

	if (taken->left == 0)
		return;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < RUN_MAX && s->first && taken->left; i++) {
		if (s->first->work.is_long && count > 0)
			break;
		*last = lmdb_pop(s);
		count++;
		taken->left--;
		last = &(*last)->next;
	}
	pthread_mutex_unlock(&s->lock);
}

/* The next one to run; those whose callers have gone are passed over. */
static struct lmdb_job *take(struct store_lmdb *s, struct taken *taken)
{
	struct lmdb_job *job;

	for (;;) {
		if (!taken->ready)
			fetch(s, taken);
		job = taken->ready;
		if (!job)
			return NULL;
		taken->ready = job->next;
		job->next = NULL;
		if (lmdb_job_begin(job))
			return job;
		lmdb_job_finish(job);
	}
}

/* What was taken and not begun waits for the next transaction, in order. */
static void put_back(struct store_lmdb *s, struct taken *taken)
{
	struct lmdb_job *turned = NULL, *next;

	for (struct lmdb_job *job = taken->ready; job; job = next) {
		next = job->next;
		job->next = turned;
		turned = job;
	}
	taken->ready = NULL;
	pthread_mutex_lock(&s->lock);
	for (; turned; turned = next) {
		next = turned->next;
		lmdb_unpop(s, turned);
	}
	pthread_mutex_unlock(&s->lock);
}

static int run(struct lmdb_batch *batch, struct lmdb_job *job)
{
	int error;

	job->end = STORE_DONE;
	error = job->work.run(batch, job->work.args, &job->end);
	lmdb_job_ran(job);
	return error;
}

static int run_all(struct store_lmdb *s, struct lmdb_batch *batch,
		   struct taken *taken)
{
	size_t most = lmdb_batch_max(s);
	struct lmdb_job *job;
	int error = 0;

	while (!error && (job = take(s, taken)) != NULL) {
		keep(taken, job);
		error = run(batch, job);
		taken->is_over = job->work.is_long || batch->changed >= most ||
				 lmdb_clock_ms() >= taken->until;
		if (taken->is_over)
			break;
	}
	if (taken->ready)
		put_back(s, taken);
	return error;
}

/* How waits have ended, this transaction's among them. */
static int note_back(struct store_lmdb *s, struct lmdb_batch *batch)
{
	struct lmdb_back more;

	pthread_mutex_lock(&s->lock);
	more = s->back_more;
	pthread_mutex_unlock(&s->lock);
	more.never += batch->counts.never_back;
	more.came += batch->counts.came_back;
	batch->has_back = true;
	return lmdb_back_add(&batch->txn, &more, &batch->back);
}

/* The time of the last commit, not too often, and what else goes with it. */
static int note_last(struct store_lmdb *s, struct lmdb_batch *batch)
{
	struct greylist_time now = batch->now;
	int64_t since;
	char text[80];
	int error;

	if (!batch->has_now)
		return 0;
	since = now.wall - s->noted.wall;
	if (since >= 0 && since < 60 && now.run == s->noted.run)
		return 0;
	snprintf(text, sizeof(text), "%" PRId64 "/%" PRId64 "/%016" PRIx64,
		 now.wall, now.up, now.run);
	s->noted = now;
	error = lmdb_meta_put(&batch->txn, "last", text);
	return error ? error : note_back(s, batch);
}

static void add_counts(struct store_lmdb *s, const struct lmdb_batch *batch,
		       size_t jobs)
{
	struct store_stats *to = &s->numbers;
	const struct store_stats *from = &batch->counts;

	pthread_mutex_lock(&s->lock);
	if (batch->changed > 0) {
		to->commits++;
		to->visits_committed += jobs;
	}
	to->expired += from->expired;
	to->pruned += from->pruned;
	to->foreign += from->foreign;
	to->newer += from->newer;
	if (batch->has_back) {
		s->back = batch->back;
		s->back_more.never = s->back_more.came = 0;
	} else {
		s->back_more.never += from->never_back;
		s->back_more.came += from->came_back;
	}
	pthread_mutex_unlock(&s->lock);
}

void lmdb_note_pace(struct store_lmdb *s, int64_t began)
{
	int64_t now = s->clock();

	if (now - began < LMDB_SLOW_MS)
		return;
	pthread_mutex_lock(&s->lock);
	s->careful_until = now + LMDB_CAREFUL_MS;
	pthread_mutex_unlock(&s->lock);
}

static int commit(struct store_lmdb *s, struct lmdb_batch *batch)
{
	int64_t began = s->clock();
	int error = lmdb_commit(&batch->txn);

	lmdb_note_pace(s, began);
	return error;
}

static int finish(struct store_lmdb *s, struct lmdb_batch *batch, size_t jobs,
		  int error)
{
	if (!error)
		error = lmdb_prune(batch);
	if (!error && batch->changed > 0)
		error = note_last(s, batch);
	if (!error)
		lmdb_count(&batch->txn);
	if (error)
		lmdb_abort(&batch->txn);
	else
		error = commit(s, batch);
	if (!error)
		add_counts(s, batch, jobs);
	return error;
}

static int begin(struct store_lmdb *s, bool may_wait, struct lmdb_batch *batch)
{
	MDB_stat stats[LMDB_DATABASES];
	int error;

	*batch = (struct lmdb_batch){ 0 };
	error = may_wait ? lmdb_write(s, &batch->txn)
			 : lmdb_try_write(s, &batch->txn);
	if (error)
		return error;
	lmdb_reserve(&batch->txn);
	lmdb_measure(&batch->txn, stats);
	batch->room = lmdb_room(&batch->txn, stats);
	return 0;
}

/*
 * There was no room for all of them together: what deletes is tried again, by
 * itself.  Its caller waits without a limit, so he is still there.
 */
static void rescue(struct store_lmdb *s, struct taken *taken)
{
	for (struct lmdb_job *job = taken->first; job; job = job->next) {
		struct lmdb_batch batch;
		int error;

		if (!job->work.frees)
			continue;
		job->end = STORE_DONE;
		error = begin(s, true, &batch);
		if (!error) {
			error = job->work.run(&batch, job->work.args,
					      &job->end);
			error = finish(s, &batch, 1, error);
		}
		if (error)
			job->end = lmdb_end(s, lmdb_disk_error(s, error));
	}
}

static void uncount_note(struct store_lmdb *s, struct lmdb_job *job)
{
	s->notes[job->notes].count--;
	if (job->bucket)
		--*job->bucket;
}

/* The store is locked. */
static bool has_work(struct store_lmdb *s)
{
	return atomic_load(&s->urgent) > 0 || s->stopping ||
	       s->queued >= LMDB_LAZY_MANY ||
	       (s->queued > 0 && lmdb_clock_ms() >= s->lazy_due);
}

/*
 * The store is locked.  What waits is the writer's; so is the end.  It is woken
 * at once, as the store may be closed as soon as the lock is free.
 */
static void put_down_pen(struct store_lmdb *s)
{
	s->has_pen = false;
	if ((s->queued > 0 || s->stopping) && lmdb_rouse(s))
		sem_post(&s->work);
}

/* Who is woken must not find the store locked by him who wakes. */
static void settle(struct store_lmdb *s, struct taken *taken)
{
	/* where commits are dear, all shall be back for the next one */
	bool in_chain = !s->sync;
	size_t urgent = 0;

	pthread_mutex_lock(&s->lock);
	for (struct lmdb_job *job = taken->first; job; job = job->next) {
		if (job->is_note)
			uncount_note(s, job);
		else
			urgent++;
	}
	if (s->queued > 0) /* what is left has been waiting for a while */
		s->lazy_due = lmdb_clock_ms() + STORE_LAZY_MS / 2;
	if (urgent > 1 || atomic_load(&s->urgent) > 0)
		s->calm = 0;
	else if (s->calm < LMDB_CALM)
		s->calm++;
	put_down_pen(s);
	pthread_mutex_unlock(&s->lock);
	lmdb_jobs_finish(taken->first, in_chain);
}

/* From now on notes are counted apart from those that are taken. */
static void turn_notes(struct store_lmdb *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->notes[!s->notes_now].count == 0)
		s->notes_now = !s->notes_now;
	pthread_mutex_unlock(&s->lock);
}

static size_t queue_length(struct store_lmdb *s)
{
	size_t length;

	pthread_mutex_lock(&s->lock);
	length = s->queued;
	pthread_mutex_unlock(&s->lock);
	return length;
}

/* Nothing can be begun: all who wait now are told so. */
static void fail_all(struct store_lmdb *s, struct taken *taken, int error)
{
	enum store_end end = lmdb_end(s, error);
	size_t count = queue_length(s);
	struct lmdb_job *job;

	while (count-- > 0 && (job = take(s, taken)) != NULL) {
		job->end = end;
		keep(taken, job);
	}
	if (taken->ready)
		put_back(s, taken);
}

static void fail_taken(struct store_lmdb *s, struct taken *taken, int error)
{
	enum store_end end = lmdb_end(s, lmdb_disk_error(s, error));

	if (end == STORE_FULL)
		s->on_disk = 0;
	for (struct lmdb_job *job = taken->first; job; job = job->next)
		job->end = end;
	if (end == STORE_FULL)
		rescue(s, taken);
}

static void run_batch(struct store_lmdb *s, struct lmdb_batch *batch,
		      struct taken *taken)
{
	int error;

	taken->until = lmdb_clock_ms() + STORE_SLICE_MS / 2;
	error = run_all(s, batch, taken);
	error = finish(s, batch, taken->count, error);
	if (error)
		fail_taken(s, taken, error);
}

/* With the pen, which is put down. */
static void write_batch(struct store_lmdb *s)
{
	struct taken taken = { .last = &taken.first, .left = SIZE_MAX };
	struct lmdb_batch batch;
	int error;

	turn_notes(s);
	error = begin(s, true, &batch);
	if (!s->sync) /* they who come later, for the next one */
		taken.left = queue_length(s);
	if (error)
		fail_all(s, &taken, error);
	else
		run_batch(s, &batch, &taken);
	settle(s, &taken);
}

/* --- callers ------------------------------------------------------------- */

bool lmdb_take_pen(struct store_lmdb *s)
{
	int64_t now = s->clock();

	/* now and then it is the writer's turn, as it is he who tidies up */
	if (s->has_pen || !s->can_own || s->calm < LMDB_CALM ||
	    atomic_load(&s->urgent) > 1 || s->queued > LMDB_OWN_MAX ||
	    now < s->careful_until || now >= s->tidy_next)
		return false;
	if (now >= s->look_next) {
		s->look_next = now + LMDB_ALONE_MS;
		s->is_alone = lmdb_is_alone(s->fd);
	}
	s->has_pen = s->is_alone;
	return s->has_pen;
}

void lmdb_write_own(struct store_lmdb *s, size_t count)
{
	struct taken taken = { .last = &taken.first, .left = count };
	struct lmdb_batch batch;

	turn_notes(s);
	if (begin(s, false, &batch) == 0)
		run_batch(s, &batch, &taken);
	settle(s, &taken);
}

/* --- the thread ---------------------------------------------------------- */

static bool is_wanted(const void *what)
{
	const struct store_lmdb *s = what;

	return atomic_load(&s->urgent) > 0;
}

/* Readers that died hold on to pages that could be used again. */
static void tidy(struct store_lmdb *s)
{
	int dead;

	if (lmdb_clock_ms() < s->tidy_next)
		return;
	s->tidy_next = lmdb_clock_ms() + LMDB_TIDY_MS;
	pthread_rwlock_rdlock(&s->env_lock);
	if (s->env)
		mdb_reader_check(s->env, &dead);
	pthread_rwlock_unlock(&s->env_lock);
}

/* The store is locked, but not while it sleeps. */
static void wait_for_work(struct store_lmdb *s)
{
	while (s->has_pen || !has_work(s)) {
		bool is_idle = s->has_pen || s->queued == 0;
		int64_t until = s->lazy_due;

		s->is_asleep = true;
		pthread_mutex_unlock(&s->lock);
		if (is_idle)
			sem_wait(&s->work);
		else
			lmdb_wait_until(&s->work, until);
		pthread_mutex_lock(&s->lock);
		s->is_asleep = false;
	}
}

static void *write_all(void *arg)
{
	struct store_lmdb *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		wait_for_work(s);
		if (s->stopping && s->queued == 0)
			break;
		s->has_pen = true;
		pthread_mutex_unlock(&s->lock);
		tidy(s);
		write_batch(s);
		lmdb_linger(s, LMDB_LINGER_US, &s->linger_next, is_wanted, s);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int lmdb_writer_start(struct store_lmdb *s)
{
	sigset_t all, before;
	int error;

	/* a sync takes milliseconds, and one processor has none to spare */
	s->may_linger = !s->sync && sysconf(_SC_NPROCESSORS_ONLN) > 1;
	s->clock = lmdb_clock_ms;
	s->calm = LMDB_CALM;
	/* signals are for those who wait for them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&s->writer, NULL, write_all, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->has_writer = error == 0;
	return error;
}

/* The store is locked.  The writer may be waiting for LMDB, and they for it. */
static void stop_those_who_wait(struct store_lmdb *s)
{
	struct lmdb_job *all = s->first, *next;

	s->first = NULL;
	s->last = &s->first;
	s->queued = 0;
	atomic_store(&s->urgent, 0);
	for (struct lmdb_job *job = all; job; job = next) {
		next = job->next;
		if (job->is_note) {
			lmdb_append(s, job);
		} else {
			job->end = STORE_STOPPED;
			lmdb_job_finish(job);
		}
	}
}

void lmdb_writer_stop(struct store_lmdb *s)
{
	if (!s->has_writer)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	stop_those_who_wait(s);
	pthread_mutex_unlock(&s->lock);
	sem_post(&s->work);
	pthread_join(s->writer, NULL);
	/* whose job was done may still be about to look here for a moment */
	while (atomic_load(&s->busy) > 0)
		sched_yield();
}
