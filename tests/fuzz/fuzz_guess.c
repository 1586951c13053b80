/*
 * fuzz_guess.c - what the filter guesses from a header field, or an envelope.
 *
 * The input is a name and a value, a NUL between them.  As an envelope they are
 * the sender and HELO.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "filter/guess.h"
#include "filter/inspect/dmarc.h"
#include "tests/fuzz/fuzz.h"

static void take(void *context, const char *name, enum dns_type type)
{
	size_t *count = context;

	assert(type == DNS_TXT);
	assert(name[0] != '\0');
	assert(++*count <= DMARC_WALK_MAX);
	for (const char *c = name; *c != '\0'; c++)
		assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", *c));
	assert(strlen(name) <= 2 * DMARC_NAME_MAX + strlen("._domainkey."));
}

/* Of its own, so that one byte too far is seen. */
static char *copy(const void *bytes, size_t len, size_t room)
{
	char *made = calloc(1, room > 0 ? room : 1);

	if (len > 0)
		memcpy(made, bytes, len);
	return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t name_len = nul != NULL ? (size_t)(nul - data) : size;
	size_t value_len = nul != NULL ? size - name_len - 1 : 0;
	const uint8_t *value = nul != NULL ? nul + 1 : data;
	char *field_name = copy(data, name_len, name_len);
	char *field_value = copy(value, value_len, value_len);
	char *sender = copy(data, name_len, name_len + 1);
	char *helo = copy(value, value_len, value_len + 1);
	size_t count = 0;
	const struct guess guess = { .name = take, .context = &count };

	guess_field(&guess, field_name, name_len, field_value, value_len);
	count = 0;
	guess_envelope(&guess, sender, helo);
	free(field_name);
	free(field_value);
	free(sender);
	free(helo);
	return 0;
}
