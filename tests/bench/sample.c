/* sample.c - durations, kept one by one, and what they say together. */
#include "tests/bench/sample.h"

#include <err.h>
#include <stdlib.h>
#include <time.h>

void sample_add(struct sample *s, uint64_t ns)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 1024;
		s->ns = reallocarray(s->ns, s->room, sizeof(*s->ns));
		if (!s->ns)
			err(1, "sample");
	}
	s->ns[s->count++] = ns;
}

static int by_size(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

uint64_t sample_rank(struct sample *s, unsigned permille)
{
	size_t rank;

	if (s->count == 0)
		return 0;
	qsort(s->ns, s->count, sizeof(*s->ns), by_size);
	rank = (s->count * permille + 999) / 1000; /* the nearest rank */
	return s->ns[rank ? rank - 1 : 0];
}

void sample_done(struct sample *s)
{
	free(s->ns);
	*s = (struct sample){ 0 };
}

uint64_t sample_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
