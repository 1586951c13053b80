/* dkim_bench.c - what verifies, in a test, messages that are signed there. */
#include "tests/unit/dkim_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "rules/mail/header.h"

const char bench_letter[] = "From: Ann Example <ann@example.org>\r\n"
			    "To: bob@example.net\r\n"
			    "Subject:  a  letter\r\n\tof two lines \r\n"
			    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
			    "\r\n"
			    "Hello  Bob,\r\n"
			    "\r\n"
			    " this is it. \t\r\n"
			    "\r\n"
			    "\r\n";

struct signer *bench_signer;

int bench_setup(void **state)
{
	(void)state;
	bench_signer = signer_new();
	return 0;
}

int bench_teardown(void **state)
{
	(void)state;
	signer_free(bench_signer);
	return 0;
}

char *bench_sign_all(const char *const *tags, size_t count, size_t *ret_len)
{
	char *message = strdup(bench_letter);

	*ret_len = strlen(bench_letter);
	for (size_t i = 0; i < count; i++) {
		char *more = signer_sign(bench_signer, tags[i], message,
					 *ret_len, ret_len);

		free(message);
		message = more;
	}
	return message;
}

void bench_give_body(struct signatures *signatures, const char *bytes,
		     size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece) {
		size_t some = len - at < piece ? len - at : piece;
		/* a copy, so that a sanitizer sees its end */
		char *copy = malloc(some);

		assert_non_null(copy);
		memcpy(copy, bytes + at, some);
		signatures_body(signatures, copy, some);
		free(copy);
	}
}

void verification_open(struct verification *v, const char *zone, size_t room)
{
	inspect_zone_open(&v->zone, zone);
	arena_init(&v->arena, room);
	v->signatures = signatures_new(&v->arena, &v->zone.dns, BENCH_NOW);
}

size_t verification_header(struct verification *v, const char *message,
			   size_t len)
{
	struct header_walk walk = { .text = message, .len = len };
	struct header_field field;

	while (header_next(&walk, &field))
		signatures_header(v->signatures, field.name, field.name_len,
				  field.value, field.value_len, false);
	return walk.pos;
}

void verification_run(struct verification *v, const char *zone,
		      const char *message, size_t len, size_t piece,
		      const char *author)
{
	size_t body;

	verification_open(v, zone, 4 * 1024 * 1024);
	assert_non_null(v->signatures);
	body = verification_header(v, message, len);
	v->body_wanted = signatures_eoh(v->signatures, author);
	bench_give_body(v->signatures, message + body, len - body, piece);
	signatures_finish(v->signatures, false);
}

void verification_done(struct verification *v)
{
	signatures_free(v->signatures);
	arena_done(&v->arena);
	inspect_zone_close(&v->zone);
}

void letter_verify(struct letter *letter, const char *const *tags, size_t count)
{
	size_t len;

	letter->message = bench_sign_all(tags, count, &len);
	verification_run(&letter->v, signer_zone(bench_signer), letter->message,
			 len, 100, NULL);
}

void letter_done(struct letter *letter)
{
	verification_done(&letter->v);
	free(letter->message);
}

void verification_show(const struct verification *v, char text[BENCH_SHOWN_MAX])
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < signatures_count(v->signatures); i++) {
		const struct signature *one = signatures_at(v->signatures, i);

		at += (size_t)snprintf(text + at, BENCH_SHOWN_MAX - at,
				       "%s %s %s %s %u %d %d %d %s\n",
				       signature_result_name(one->result),
				       one->domain, one->selector,
				       one->algorithm, one->key_bits,
				       one->whole_body, one->expired,
				       one->test_key,
				       one->why ? one->why : "-");
		if (at >= BENCH_SHOWN_MAX)
			fail_msg("too much is told");
	}
}
