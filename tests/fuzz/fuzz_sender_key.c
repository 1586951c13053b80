/*
 * fuzz_sender_key.c - keys of senders: printable, bounded, their own keys.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/sender_key.h"
#include "tests/fuzz/fuzz.h"

static void check_word(const char *key, size_t len)
{
	CLAIM(len > 0 && len < SENDER_KEY_SIZE && strlen(key) == len);
	for (size_t i = 0; i < len; i++)
		CLAIM(key[i] > ' ' && key[i] < 0x7f && key[i] != '"' &&
		      key[i] != '\\');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char key[SENDER_KEY_SIZE], again[SENDER_KEY_SIZE];
	char *text = malloc(size + 1); /* not terminated, on purpose */
	size_t len;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	len = sender_key(text, size, key);
	check_word(key, len);
	CLAIM(sender_key(key, len, again) == len);
	if (strcmp(key, again) != 0) {
		fprintf(stderr, "%s becomes %s\n", key, again);
		abort();
	}
	check_word(key, recipient_key(text, size, key));
	free(text);
	return 0;
}
