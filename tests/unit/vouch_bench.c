/* vouch_bench.c - a message that is read in a test, and its facts. */
#include "tests/unit/vouch_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules/mail/header.h"
#include "tests/unit/signatures_double.h"
#include "tests/unit/vouch_claims.h"

static void give_spf(struct reading *r, const char *spf,
		     struct message_authentication *given)
{
	const char *blank = spf ? strchr(spf, ' ') : NULL;

	given->spf = SPF_RESULT_NONE;
	if (spf == NULL)
		return;
	if (strncmp(spf, "pass", 4) == 0)
		given->spf = SPF_RESULT_PASS;
	else if (strncmp(spf, "temperror", 9) == 0)
		given->spf = SPF_RESULT_TEMPERROR;
	else if (strncmp(spf, "fail", 4) == 0)
		given->spf = SPF_RESULT_FAIL;
	else if (strncmp(spf, "permerror", 9) == 0)
		given->spf = SPF_RESULT_PERMERROR;
	else
		given->spf_unknown = true;
	if (blank == NULL)
		return;
	snprintf(r->spf_domain, sizeof(r->spf_domain), "%s", blank + 1);
	given->spf_domain = r->spf_domain;
}

void reading_init(struct reading *r, const struct mail *mail)
{
	struct message_request request = { .arrival = 1000000000 };

	memset(&signatures_heard, 0, sizeof(signatures_heard));
	memset(r, 0, sizeof(*r));
	arena_init(&r->arena, MESSAGE_ARENA_MAX);
	inspect_zone_open(&r->zone, vouch_world);
	assert_int_equal(facts_init(&r->facts, &r->arena, 0), 0);
	request.dns = &r->zone.dns;
	request.authentication.wanted = true;
	request.authentication.discovery = mail->discovery;
	give_spf(r, mail->spf, &request.authentication);
	r->message = message_new(&request, &r->arena);
	assert_non_null(r->message);
	/* it was copied */
	memset(r->spf_domain, 'x', sizeof(r->spf_domain));
}

void reading_done(struct reading *r)
{
	message_free(r->message);
	assert_int_equal(signatures_heard.alive, 0);
	inspect_zone_close(&r->zone);
	arena_done(&r->arena);
}

/* As an MTA hands it over: the name with the blanks around it. */
static void give(struct reading *r, const char *block,
		 const struct header_field *field)
{
	const char *name = block + field->offset;

	if (field->faults & HEADER_NO_COLON)
		return;
	message_header(r->message, name, (size_t)(field->value - name - 1),
		       field->value, field->value_len,
		       (field->faults & HEADER_CUT) != 0);
}

void reading_feed(struct reading *r, const char *block, size_t len, bool given)
{
	struct header_walk walk = { .text = block, .len = len };
	struct header_field field;

	while (header_next(&walk, &field))
		if (given)
			give(r, block, &field);
		else
			message_field(r->message, &field);
}

void reading_take(struct reading *r, const struct mail *mail, bool given)
{
	reading_init(r, mail);
	reading_feed(r, mail->header, mail->len, given);
	message_body(r->message, "hello\r\n", 7);
	message_finish(r->message, false, &r->facts);
}

/* --- facts as text ------------------------------------------------------ */

/* "a,b", and a "*" behind them if there may be more. */
static void describe_set(const struct fact *fact, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < fact->set.count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%.*s",
					 i > 0 ? "," : "",
					 (int)fact->set.items[i].len,
					 fact->set.items[i].at);
	if (fact->partial && used < size)
		snprintf(out + used, size - used, "*");
}

static void describe(const struct facts *facts, const char *name, char *out,
		     size_t size)
{
	int id = fact_find(name, strlen(name));
	const struct fact_row *row;
	const struct fact *fact;

	if (id < 0) {
		snprintf(out, size, "no fact '%s'", name);
		return;
	}
	row = fact_row((enum fact_id)id);
	fact = &facts->fixed[id];
	if (fact->state == FACT_UNKNOWN)
		snprintf(out, size, "unknown(%s)",
			 fact_cause_name(fact->cause));
	else if (fact->state != FACT_KNOWN)
		snprintf(out, size, "%s", fact_state_name(fact->state));
	else if (row->type == FACT_TYPE_BOOL)
		snprintf(out, size, "%s", fact->yes ? "yes" : "no");
	else if (row->type == FACT_TYPE_ENUM)
		snprintf(out, size, "%s", row->words[fact->word]);
	else if (row->type == FACT_TYPE_SET)
		describe_set(fact, out, size);
	else
		snprintf(out, size, "%.*s", (int)fact->text.len, fact->text.at);
}

void vouch_check(const struct facts *facts, const char *claim,
		 const char *expected)
{
	char copy[1024], *next = copy, *at;

	assert_true(strlen(expected) < sizeof(copy));
	strcpy(copy, expected);
	while ((at = next) != NULL) {
		char name[64], got[512], *value;

		next = strstr(at, "; ");
		if (next != NULL) {
			*next = '\0';
			next += 2;
		}
		value = strchr(at, ' ');
		assert_non_null(value);
		*value++ = '\0';
		snprintf(name, sizeof(name), "%s%s",
			 at[0] == '.' ? "dmarc" : "", at);
		describe(facts, name, got, sizeof(got));
		if (strcmp(got, value) != 0)
			fail_msg("not so: %s: %s is %s, not %s", claim, name,
				 got, value);
	}
}
