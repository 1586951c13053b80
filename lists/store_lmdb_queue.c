/*
 * store_lmdb_queue.c - what is to be written, and who waits for it.
 *
 * A note is a job that nobody waits for: it goes with the next commit, or with
 * one of its own after STORE_LAZY_MS.  Until then it is counted, as an answer
 * from what is committed must not miss it (lmdb_may_glance()).  The counts are
 * two: of notes that the thread has or is about to take, and of those that
 * come; so that a steady stream of notes does not make the oldest one old.
 *
 * A job's arguments are its caller's.  He may leave, when his time is over,
 * before the job was begun (it is then not done) and after it has run (then
 * only the commit is missing); while it runs he stays.
 *
 * The store's lock is for the queue and what is counted.  Between a caller and
 * the writer stand the job's own state and one semaphore each: a lock that was
 * slept at costs a system call more, and who is woken would often find it held.
 */
#include "lists/store_lmdb_private.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lists/hash.h"

/* --- jobs ---------------------------------------------------------------- */

static struct lmdb_job *job_new(const struct lmdb_work *work, bool is_note)
{
	struct lmdb_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->work = *work;
	job->is_note = is_note;
	job->end = STORE_BROKEN;
	atomic_init(&job->state, LMDB_JOB_QUEUED);
	atomic_init(&job->holders, is_note ? 1 : 2);
	sem_init(&job->wake, 0, 0);
	return job;
}

static void job_free(struct lmdb_job *job)
{
	if (job->is_note)
		free(job->work.args);
	sem_destroy(&job->wake);
	free(job);
}

static void let_go(struct lmdb_job *job)
{
	if (atomic_fetch_sub(&job->holders, 1) == 1)
		job_free(job);
}

void lmdb_append(struct store_lmdb *s, struct lmdb_job *job)
{
	job->next = NULL;
	*s->last = job;
	s->last = &job->next;
	s->queued++;
	if (!job->is_note)
		atomic_fetch_add(&s->urgent, 1);
}

struct lmdb_job *lmdb_pop(struct store_lmdb *s)
{
	struct lmdb_job *job = s->first;

	s->first = job->next;
	if (!s->first)
		s->last = &s->first;
	s->queued--;
	if (!job->is_note)
		atomic_fetch_sub(&s->urgent, 1);
	job->next = NULL;
	return job;
}

void lmdb_unpop(struct store_lmdb *s, struct lmdb_job *job)
{
	if (!s->first)
		s->last = &job->next;
	job->next = s->first;
	s->first = job;
	s->queued++;
	if (!job->is_note)
		atomic_fetch_add(&s->urgent, 1);
}

/* --- sleep --------------------------------------------------------------- */

bool lmdb_wait_until(sem_t *wake, int64_t until)
{
	const struct timespec limit = { .tv_sec = until / 1000,
					.tv_nsec = until % 1000 * 1000000 };

	return sem_clockwait(wake, CLOCK_MONOTONIC, &limit) == 0 ||
	       errno != ETIMEDOUT;
}

static long long clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * To put a thread to sleep and to wake it takes as long as a commit that is not
 * synced.  So while many come the writer stays awake for that time, and a
 * caller until those before him are served, but both let everybody else go
 * first.  In vain it is where visits are rare or the disk is slow: then it is
 * not tried for a while.  Others who want the processor may have it for
 * milliseconds meanwhile; it was not in vain if the wait is over by then, and
 * eight who come without a pause get half as much again out of two processors.
 */
void lmdb_linger(const struct store_lmdb *s, unsigned max_us,
		 atomic_llong *next, bool (*has_come)(const void *what),
		 const void *what)
{
	long long now = clock_us(), until = now + max_us;

	if (!s->may_linger || now < atomic_load(next))
		return;
	while (!has_come(what)) {
		now = clock_us();
		if (now >= until) {
			atomic_store(next, now + LMDB_NO_LINGER_US);
			return;
		}
		sched_yield();
	}
}

bool lmdb_rouse(struct store_lmdb *s)
{
	bool was_asleep = s->is_asleep;

	s->is_asleep = false;
	return was_asleep;
}

/* --- for who writes ------------------------------------------------------ */

static bool pass(struct lmdb_job *job, enum lmdb_job_state from,
		 enum lmdb_job_state to)
{
	return atomic_compare_exchange_strong(&job->state, &from, to);
}

bool lmdb_job_begin(struct lmdb_job *job)
{
	return pass(job, LMDB_JOB_QUEUED, LMDB_JOB_RUNNING);
}

/*
 * Who is about to sleep says so first and looks then, and here it is the other
 * way round: one of both sees the other.
 */
void lmdb_job_ran(struct lmdb_job *job)
{
	atomic_store(&job->state, LMDB_JOB_RAN);
	if (atomic_load(&job->is_late))
		sem_post(&job->wake);
}

/* Takes over the hold on a job that is done. */
static void tell(struct lmdb_job *job)
{
	if (atomic_load(&job->is_awaited))
		sem_post(&job->wake);
	let_go(job);
}

void lmdb_job_finish(struct lmdb_job *job)
{
	atomic_store(&job->state, LMDB_JOB_DONE);
	tell(job);
}

/*
 * In a chain the writer wakes one, and each the next: to wake takes him as long
 * as half a visit, and the next transaction waits for him.  Who has left is no
 * link of that chain; who is not woken in time finds out when his time is over.
 */
void lmdb_jobs_finish(struct lmdb_job *jobs, bool in_chain)
{
	struct lmdb_job *turned = NULL, *chain = NULL, *next;

	for (; jobs; jobs = next) {
		next = jobs->next;
		if (in_chain) {
			jobs->next = turned;
			turned = jobs;
		} else {
			lmdb_job_finish(jobs);
		}
	}
	for (; turned; turned = next) {
		next = turned->next;
		turned->then = chain;
		if (!turned->is_note &&
		    atomic_exchange(&turned->state, LMDB_JOB_DONE) !=
			    LMDB_JOB_LEFT)
			chain = turned;
		else
			let_go(turned);
	}
	if (chain)
		tell(chain);
}

/* --- for those who ask --------------------------------------------------- */

/* Of one that is late: may its caller go? */
static bool leave(struct lmdb_job *job)
{
	return pass(job, LMDB_JOB_QUEUED, LMDB_JOB_LEFT) ||
	       pass(job, LMDB_JOB_RAN, LMDB_JOB_LEFT);
}

static bool is_done(const void *what)
{
	const struct lmdb_job *job = what;

	return atomic_load(&job->state) == LMDB_JOB_DONE;
}

/* True if the job is done; else it was left. */
static bool wait_for(struct lmdb_job *job, bool has_limit, int64_t until)
{
	bool is_late = false;

	atomic_store(&job->is_awaited, true);
	while (!is_done(job)) {
		if (is_late && leave(job))
			return false;
		if (!has_limit || is_late) {
			sem_wait(&job->wake);
		} else if (!lmdb_wait_until(&job->wake, until)) {
			is_late = true;
			atomic_store(&job->is_late, true);
		}
	}
	return true;
}

/*
 * STORE_DONE: it is queued, and the caller busy; the first *ret_own jobs, if
 * any, are his to write.
 */
static enum store_end queue(struct store_lmdb *s, struct lmdb_job *job,
			    size_t *ret_own)
{
	enum store_end end = STORE_DONE;
	bool must_wake = false;

	pthread_mutex_lock(&s->lock);
	if (s->stopping) {
		end = STORE_STOPPED;
	} else if (!s->has_writer) {
		end = STORE_BROKEN;
	} else if (s->queued >= LMDB_QUEUE_MAX) {
		end = STORE_LATE;
	} else {
		lmdb_append(s, job);
		atomic_fetch_add(&s->busy, 1);
		if (job->work.may_own && lmdb_take_pen(s))
			*ret_own = s->queued;
		else
			must_wake = lmdb_rouse(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (must_wake)
		sem_post(&s->work);
	return end;
}

enum store_end lmdb_do(struct store_lmdb *s, const struct lmdb_work *work,
		       bool has_limit, unsigned max_ms)
{
	struct lmdb_job *job = job_new(work, false);
	int64_t until = lmdb_clock_ms() + max_ms;
	size_t own = 0;
	enum store_end end;

	if (!job)
		return STORE_BROKEN;
	end = queue(s, job, &own);
	if (end == STORE_DONE) {
		if (own > 0)
			lmdb_write_own(s, own);
		else if (!work->is_long)
			lmdb_linger(s, LMDB_LINGER_FOR_US, &s->linger_for_next,
				    is_done, job);
		atomic_fetch_sub(&s->busy, 1);
		end = STORE_LATE;
		if (wait_for(job, has_limit, until)) {
			end = job->end;
			if (job->then)
				tell(job->then);
		}
	} else {
		let_go(job); /* for the writer, who has never seen it */
	}
	let_go(job);
	return end;
}

static uint32_t *bucket_of(struct store_lmdb *s, const char *address)
{
	struct hash_digest digest;

	if (!address)
		return NULL;
	digest = hash_digest(address, strlen(address));
	return &s->written_to[digest.word[0] % LMDB_BUCKETS];
}

static void widen(int64_t *low, int64_t *high, int64_t value)
{
	if (value < *low)
		*low = value;
	if (value > *high)
		*high = value;
}

static void count_note(struct store_lmdb *s, struct lmdb_job *job,
		       const struct greylist_time *at)
{
	struct lmdb_notes *notes = &s->notes[s->notes_now];

	job->notes = s->notes_now;
	if (notes->count++ == 0) {
		notes->low = notes->high = *at;
		notes->are_mixed = false;
	}
	widen(&notes->low.wall, &notes->high.wall, at->wall);
	widen(&notes->low.up, &notes->high.up, at->up);
	notes->are_mixed |= notes->low.run != at->run;
	if (job->bucket)
		++*job->bucket;
}

bool lmdb_do_later(struct store_lmdb *s, const struct lmdb_work *work,
		   const struct greylist_time *at, const char *address)
{
	struct lmdb_job *job = job_new(work, true);
	bool is_due, must_wake;

	if (!job) {
		free(work->args);
		return false;
	}
	job->bucket = bucket_of(s, address);
	pthread_mutex_lock(&s->lock);
	if (s->stopping || !s->has_writer ||
	    s->queued - atomic_load(&s->urgent) >= LMDB_NOTES_MAX) {
		s->numbers.dropped++;
		pthread_mutex_unlock(&s->lock);
		let_go(job);
		return false;
	}
	is_due = s->queued == 0 || s->queued + 1 == LMDB_LAZY_MANY;
	if (s->queued == 0)
		s->lazy_due = lmdb_clock_ms() + STORE_LAZY_MS;
	lmdb_append(s, job);
	count_note(s, job, at);
	must_wake = is_due && lmdb_rouse(s);
	atomic_fetch_add(&s->busy, 1);
	pthread_mutex_unlock(&s->lock);
	if (must_wake)
		sem_post(&s->work);
	atomic_fetch_sub(&s->busy, 1);
	return true;
}

static bool are_near(const struct lmdb_notes *notes,
		     const struct greylist_time *now, int64_t near)
{
	struct greylist_time low = notes->low, high = notes->high;

	if (notes->count == 0)
		return true;
	if (notes->are_mixed || low.run != now->run)
		return false;
	widen(&low.wall, &high.wall, now->wall);
	widen(&low.up, &high.up, now->up);
	return high.wall - low.wall <= near && high.up - low.up <= near;
}

bool lmdb_may_glance(struct store_lmdb *s, const struct greylist_time *now,
		     int64_t span, const char *address)
{
	const uint32_t *bucket = bucket_of(s, address);
	int64_t near = span / 1000;
	bool may;

	if (near < LMDB_NEAR_MIN)
		near = LMDB_NEAR_MIN;
	if (near > LMDB_NEAR_MAX)
		near = LMDB_NEAR_MAX;
	pthread_mutex_lock(&s->lock);
	may = (!bucket || *bucket == 0) && !s->stopping &&
	      are_near(&s->notes[0], now, near) &&
	      are_near(&s->notes[1], now, near);
	pthread_mutex_unlock(&s->lock);
	return may;
}
