/*
 * hash.c - SipHash-2-4, after the paper of Aumasson and Bernstein (2012).
 */
#include "lists/hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t word, unsigned by)
{
	return word << by | word >> (64 - by);
}

/* Up to eight bytes, least first, so that all machines agree. */
static uint64_t little_endian(const unsigned char *at, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, at, len);
	return le64toh(word);
}

static void sip_rounds(struct sip *s, unsigned rounds)
{
	while (rounds-- > 0) {
		s->a += s->b;
		s->c += s->d;
		s->b = rotate(s->b, 13) ^ s->a;
		s->d = rotate(s->d, 16) ^ s->c;
		s->a = rotate(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = rotate(s->b, 17) ^ s->c;
		s->d = rotate(s->d, 21) ^ s->a;
		s->c = rotate(s->c, 32);
	}
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_rounds(s, 2);
	s->a ^= word;
}

int hash_key_random(struct hash_key *ret_key)
{
	struct hash_key key;
	ssize_t got;

	do
		got = getrandom(&key, sizeof(key), 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(key))
		return -1;
	*ret_key = key;
	return 0;
}

uint64_t hash_keyed(const struct hash_key *key, const void *data, size_t len)
{
	/* "somepseudorandomlygeneratedbytes", as the paper has it. */
	struct sip s = {
		key->word[0] ^ 0x736f6d6570736575,
		key->word[1] ^ 0x646f72616e646f6d,
		key->word[0] ^ 0x6c7967656e657261,
		key->word[1] ^ 0x7465646279746573,
	};
	const unsigned char *at = data;
	size_t left = len;

	for (; left >= 8; left -= 8, at += 8)
		sip_word(&s, little_endian(at, 8));
	sip_word(&s, (uint64_t)len << 56 | little_endian(at, left));
	s.c ^= 0xff;
	sip_rounds(&s, 4);
	return s.a ^ s.b ^ s.c ^ s.d;
}

struct hash_digest hash_digest(const void *data, size_t len)
{
	static const struct hash_key first = { { 1, 2 } };
	static const struct hash_key second = { { 3, 4 } };

	return (struct hash_digest){ { hash_keyed(&first, data, len),
				       hash_keyed(&second, data, len) } };
}
