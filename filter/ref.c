/*
 * ref.c - a counter with a random start, stirred so that neighbours look apart.
 */
#include "filter/ref.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

static const uint64_t mask = (UINT64_C(1) << 40) - 1;
static atomic_uint_fast64_t next;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void)
{
	uint64_t from;

	/* The clock is a poor but sufficient stand-in: a reference is no
	 * secret, it only must not come twice in a journal's life. */
	if (getrandom(&from, sizeof(from), GRND_NONBLOCK) != sizeof(from))
		from = (uint64_t)time(NULL) << 16;
	atomic_store(&next, from);
}

/* Odd factors and shifts are reversible modulo 2^40: no two inputs meet. */
static uint64_t stir(uint64_t n)
{
	n &= mask;
	n = (n * UINT64_C(0x9e3779b97f4a7c15)) & mask;
	n ^= n >> 21;
	n = (n * UINT64_C(0xd6e8feb86659fd93)) & mask;
	n ^= n >> 19;
	return n;
}

void ref_next(char ret_ref[REF_SIZE])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t n;
	char *at = ret_ref;

	pthread_once(&once, start);
	n = stir(atomic_fetch_add(&next, 1));
	for (int i = 0; i < 8; i++) {
		if (i == 4)
			*at++ = '-';
		*at++ = digits[n & 31];
		n >>= 5;
	}
	*at = '\0';
}
