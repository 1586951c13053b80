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
 */
#include "lists/store_lmdb_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lists/hash.h"

/* --- jobs ---------------------------------------------------------------- */

int lmdb_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int error = pthread_condattr_init(&attr);

	if (error)
		return error;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	error = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return error;
}

static struct lmdb_job *job_new(const struct lmdb_work *work, bool is_note)
{
	struct lmdb_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->work = *work;
	job->is_note = is_note;
	job->end = STORE_BROKEN;
	if (lmdb_cond_init(&job->changed) != 0) {
		free(job);
		return NULL;
	}
	return job;
}

void lmdb_job_free(struct lmdb_job *job)
{
	if (job->is_note)
		free(job->work.args);
	pthread_cond_destroy(&job->changed);
	free(job);
}

void lmdb_append(struct store_lmdb *s, struct lmdb_job *job)
{
	job->next = NULL;
	*s->last = job;
	s->last = &job->next;
	s->queued++;
	if (!job->is_note)
		s->urgent++;
}

struct lmdb_job *lmdb_pop(struct store_lmdb *s)
{
	struct lmdb_job *job = s->first;

	s->first = job->next;
	if (!s->first)
		s->last = &s->first;
	s->queued--;
	if (!job->is_note)
		s->urgent--;
	job->next = NULL;
	return job;
}

/* --- for those who ask --------------------------------------------------- */

/* The store is locked.  When it returns the job is done, or was left. */
static void wait_for(struct store_lmdb *s, struct lmdb_job *job, bool has_limit,
		     unsigned max_ms)
{
	int64_t until = lmdb_clock_ms() + max_ms;
	struct timespec limit = { .tv_sec = until / 1000,
				  .tv_nsec = until % 1000 * 1000000 };

	while (job->state != LMDB_JOB_DONE) {
		if (!has_limit) {
			pthread_cond_wait(&job->changed, &s->lock);
		} else if (!job->is_late) {
			if (pthread_cond_timedwait(&job->changed, &s->lock,
						   &limit) == ETIMEDOUT)
				job->is_late = true;
		} else if (job->state == LMDB_JOB_RUNNING) {
			pthread_cond_wait(&job->changed, &s->lock);
		} else {
			job->is_left = true;
			return;
		}
	}
}

enum store_end lmdb_do(struct store_lmdb *s, const struct lmdb_work *work,
		       bool has_limit, unsigned max_ms)
{
	enum store_end end = STORE_LATE;
	struct lmdb_job *job = job_new(work, false);
	bool is_held;

	if (!job)
		return STORE_BROKEN;
	pthread_mutex_lock(&s->lock);
	if (s->stopping || s->queued >= LMDB_QUEUE_MAX || !s->has_writer) {
		job->is_left = true;
		if (s->stopping || !s->has_writer)
			end = s->stopping ? STORE_STOPPED : STORE_BROKEN;
		pthread_mutex_unlock(&s->lock);
		lmdb_job_free(job);
		return end;
	}
	lmdb_append(s, job);
	pthread_cond_signal(&s->work);
	wait_for(s, job, has_limit, max_ms);
	if (job->is_left) {
		pthread_mutex_unlock(&s->lock);
		return STORE_LATE; /* the writer frees it */
	}
	end = job->end;
	is_held = job->is_left = job->is_held;
	pthread_mutex_unlock(&s->lock);
	if (!is_held)
		lmdb_job_free(job);
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
	bool is_first;

	if (!job) {
		free(work->args);
		return false;
	}
	job->bucket = bucket_of(s, address);
	pthread_mutex_lock(&s->lock);
	if (s->stopping || !s->has_writer ||
	    s->queued - s->urgent >= LMDB_NOTES_MAX) {
		s->numbers.dropped++;
		pthread_mutex_unlock(&s->lock);
		lmdb_job_free(job);
		return false;
	}
	is_first = s->queued == 0;
	if (is_first)
		s->lazy_due = lmdb_clock_ms() + STORE_LAZY_MS;
	lmdb_append(s, job);
	count_note(s, job, at);
	if (is_first || s->queued == LMDB_LAZY_MANY)
		pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
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
