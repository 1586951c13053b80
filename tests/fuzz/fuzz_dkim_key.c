/*
 * fuzz_dkim_key.c - any TXT record as a key.
 *
 * What is read is written, and read again as the same key.  The order of two
 * records changes nothing, nor does one that is foreign.
 */
#include "filter/inspect/dkim_key.h"
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void read_again(const struct dkim_key *key)
{
	char text[DKIM_KEY_PRINT_SIZE];
	struct dkim_key again;
	const char *why;
	size_t len = dkim_key_print(key, text);

	CLAIM(len < sizeof(text) && strlen(text) == len);
	CLAIM(dkim_key_read(text, len, &again, &why) == DKIM_KEY_READ);
	CLAIM(again.type == key->type && again.bits == key->bits);
	CLAIM(again.exponent == key->exponent);
	CLAIM(again.number_len == key->number_len);
	CLAIM(memcmp(again.number, key->number, key->number_len) == 0);
}

static void choose(const struct dkim_text *texts, size_t count,
		   enum dkim_key_reading expected)
{
	for (int type = 0; type < 2; type++) {
		struct dkim_text turned[3] = { texts[count - 1] };
		const char *why, *other;
		struct dkim_key key;
		enum dkim_key_reading reading;

		for (size_t i = 1; i < count; i++)
			turned[i] = texts[count - 1 - i];
		reading =
			dkim_key_choose(texts, count, (enum dkim_key_type)type,
					DKIM_HASH_SHA256, &key, &why);
		CLAIM(dkim_key_choose(turned, count, (enum dkim_key_type)type,
				      DKIM_HASH_SHA256, &key,
				      &other) == reading);
		CLAIM((reading == DKIM_KEY_READ) == (why == NULL));
		if (count == 2 && reading == DKIM_KEY_READ)
			CLAIM(expected == DKIM_KEY_READ);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy, so that a sanitizer sees its end */
	char *text = malloc(size > 0 ? size : 1);
	size_t half = size / 2;
	struct dkim_text texts[3] = { { text, size }, { "v=spf1 -all", 11 } };
	enum dkim_key_reading reading;
	struct dkim_key key;
	const char *why;

	if (!text)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	reading = dkim_key_read(text, size, &key, &why);
	CLAIM((reading == DKIM_KEY_BROKEN) <= (why != NULL));
	if (reading == DKIM_KEY_READ) {
		CLAIM(key.bits <= DKIM_KEY_BITS_MAX);
		CLAIM(key.number_len <= DKIM_KEY_BYTES);
		read_again(&key);
	}
	choose(texts, 2, reading);
	texts[0].len = half;
	texts[2] = (struct dkim_text){ text + half, size - half };
	choose(texts, 3, DKIM_KEY_READ);
	free(text);
	return 0;
}
