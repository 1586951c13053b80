/*
 * fuzz_authres.c - Authentication-Results, ours and those of strangers.
 *
 * An input that begins with "w" becomes facts: what is written of them is read
 * by a strict reader of RFC 8601 section 2.2 (authres_reader.c), which must
 * find the facts again.  All others are values of fields: whether one is ours
 * is asked of a slow second reading, and of readers as lenient as they are
 * written, none of which may see our name where we do not.  A digit in front
 * says which name is ours.
 *
 * Some bytes from 0x80 on stand for pieces that matter.
 */
#include "filter/checks/authres.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lists/ip.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/fuzz/authres_reader.h"
#include "tests/fuzz/fields.h"
#include "tests/fuzz/fuzz.h"

enum { SIGNATURES = 16 };

static const char *const pieces[] = {
	"mx",	      ".example",
	".org",	      "mx.example.org",
	"MX.Example", "(",
	")",	      "\"",
	"\\",	      " ",
	"\t",	      "\r\n ",
	"\n\t",	      ";",
	".",	      "1",
	" 1 ;",	      "a.example",
	"-",	      "=?x?q?",
	"=?x?b?",     "bXguZXhhbXBs",
	"ZS5vcmc=",   "?=",
	"\xff",	      "\xc3\xbc",
	"\xef\xbd",   "\xc2\xad",
	"\x01",	      "dkim=pass",
	",",	      "=",
	"(\\))",      "((x) y)",
	"<",	      "none",
	"@",	      "\xef\xbd\x8dx",
	"org",	      "example",
};

enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

/* --- what is written ------------------------------------------------------ */

/* Up to a line's end. */
static struct text text(struct fields_input *in)
{
	size_t len;
	char *copy = fields_text(in, '\n', &len);

	/* a vertical tab stands for a line's end, so that there may be some */
	for (size_t i = 0; i < len; i++)
		if (copy[i] == '\v')
			copy[i] = '\n';
	return (struct text){ copy, len };
}

/* True: a value is to be set. */
static bool state(struct fields_input *in, struct facts *facts, enum fact_id id)
{
	unsigned number = fields_number(in, 6);

	return fields_state(facts, id, number) && number != 3;
}

static void some_word(struct fields_input *in, struct facts *facts,
		      enum fact_id id)
{
	const char *const *words = fact_row(id)->words;
	unsigned count = 0;

	while (words[count] != NULL)
		count++;
	if (state(in, facts, id))
		facts_word(facts, id, fields_number(in, count));
}

static void some_text(struct fields_input *in, struct facts *facts,
		      enum fact_id id)
{
	struct text value = text(in);

	if (state(in, facts, id))
		facts_text(facts, id, value.at, value.len);
}

static void some_set(struct fields_input *in, struct facts *facts,
		     enum fact_id id, size_t count)
{
	struct text *items = arena_array(in->arena, count + 1, sizeof(*items));

	CLAIM(items != NULL);
	for (size_t i = 0; i < count; i++)
		items[i] = text(in);
	if (count == 0)
		facts_none(facts, id);
	else
		facts_set(facts, id, items, count);
}

static void some_facts(struct fields_input *in, struct facts *facts)
{
	static const enum fact_id texts[] = {
		FACT_SENDER,	  FACT_SENDER_DOMAIN,	   FACT_HELO_NAME,
		FACT_SPF_ERROR,	  FACT_SPF_DOMAIN,	   FACT_DKIM_ERROR,
		FACT_DKIM_DOMAIN, FACT_DMARC_RECORD_ERROR,
	};
	static const enum fact_id words[] = { FACT_SPF, FACT_DKIM, FACT_DMARC,
					      FACT_DMARC_POLICY };
	size_t signatures;
	struct ip ip = { 0 };

	facts_bool(facts, FACT_CLIENT_AUTH, fields_number(in, 4) == 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		some_word(in, facts, words[i]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		some_text(in, facts, texts[i]);
	some_set(in, facts, FACT_FROM_DOMAIN, fields_number(in, 3));
	some_set(in, facts, FACT_CLIENT_NAME, fields_number(in, 3));
	some_set(in, facts, FACT_CLIENT_PTR, fields_number(in, 3));
	if (fields_number(in, 2) == 1) {
		CLAIM(ip_parse("2001:db8::1", 11, &ip) == 0);
		facts_ip(facts, FACT_CLIENT_IP, &ip);
	}
	signatures = fields_number(in, SIGNATURES);
	if (signatures > 0) {
		struct text *results =
			arena_array(in->arena, signatures, sizeof(*results));

		CLAIM(results != NULL);
		for (size_t i = 0; i < signatures; i++) {
			unsigned number = fields_number(in, 6);
			const char *word = fact_row(FACT_DKIM)->words[number];

			results[i] = (struct text){ word, strlen(word) };
		}
		facts_set(facts, FACT_DKIM_RESULTS, results, signatures);
	}
	for (enum fact_id id = FACT_DKIM_DOMAINS; id <= FACT_DKIM_DIGESTS; id++)
		some_set(in, facts, id, signatures);
}

/* --- and must be found again ---------------------------------------------- */

static const char *expected_word(const struct facts *facts, enum fact_id id)
{
	const struct fact *fact = &facts->fixed[id];

	if (fact->state == FACT_KNOWN)
		return fact_row(id)->words[fact->word];
	if (fact->state == FACT_UNKNOWN)
		return "temperror";
	return fact->state == FACT_NONE || fact->waived ? "none" : NULL;
}

static const struct read_result *find(const struct read_field *field,
				      const char *method)
{
	for (size_t i = 0; i < field->count; i++)
		if (strcmp(field->results[i].method, method) == 0)
			return &field->results[i];
	return NULL;
}

static const char *property_of(const struct read_result *result,
			       const char *name)
{
	for (size_t i = 0; i < result->count; i++)
		if (strcmp(result->properties[i].name, name) == 0)
			return result->properties[i].value;
	return NULL;
}

/* As given, or not there because it is not fit to be. */
static void is_given(const struct read_result *result, const char *name,
		     const struct fact *fact, size_t n)
{
	const char *value = property_of(result, name);
	struct text text = { "", 0 };

	if (fact->state == FACT_KNOWN && n < fact->set.count)
		text = fact->set.items[n];
	if (value == NULL)
		CLAIM(!fields_is_fit(text));
	else
		CLAIM(strlen(value) == text.len &&
		      memcmp(value, text.at, text.len) == 0);
}

static void check_signatures(const struct read_field *field,
			     const struct facts *facts)
{
	const struct fact *set = &facts->fixed[FACT_DKIM_RESULTS];
	size_t n = 0, told = 0;

	for (size_t i = 0; i < field->count; i++) {
		const struct read_result *result = &field->results[i];

		if (strcmp(result->method, "dkim") != 0)
			continue;
		told++;
		if (set->state != FACT_KNOWN ||
		    set->set.count > AUTHRES_SIGNATURES_MAX)
			continue; /* a choice of them */
		CLAIM(n < set->set.count);
		CLAIM(strlen(result->result) == set->set.items[n].len);
		CLAIM(memcmp(result->result, set->set.items[n].at,
			     set->set.items[n].len) == 0);
		for (unsigned p = 0; p < 4; p++) {
			static const char *const names[] = {
				"header.d", "header.s", "header.a", "header.b"
			};

			is_given(result, names[p], set + 1 + p, n);
		}
		n++;
	}
	CLAIM(told <= AUTHRES_SIGNATURES_MAX);
	if (set->state == FACT_KNOWN && expected_word(facts, FACT_DKIM) != NULL)
		CLAIM(told == (set->set.count < AUTHRES_SIGNATURES_MAX
				       ? set->set.count
				       : AUTHRES_SIGNATURES_MAX));
}

static void check_results(const struct read_field *field,
			  const struct facts *facts, bool exempt)
{
	static const struct {
		const char *method;
		enum fact_id id;
	} methods[] = { { "spf", FACT_SPF }, { "dmarc", FACT_DMARC } };
	const struct fact *auth = &facts->fixed[FACT_CLIENT_AUTH];
	const struct fact *from = &facts->fixed[FACT_FROM_DOMAIN];

	CLAIM((find(field, "auth") != NULL) == auth->yes);
	if (exempt) {
		CLAIM(field->count == 1 && auth->yes);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct read_result *found =
			find(field, methods[i].method);
		const char *want = expected_word(facts, methods[i].id);

		CLAIM((found != NULL) == (want != NULL));
		CLAIM(want == NULL || strcmp(found->result, want) == 0);
	}
	if (find(field, "dmarc") != NULL && from->state == FACT_KNOWN &&
	    from->set.count == 1)
		is_given(find(field, "dmarc"), "header.from", from, 0);
	check_signatures(field, facts);
}

static void check_written(const uint8_t *data, size_t size)
{
	static struct read_field field;
	struct authres_id id;
	struct arena arena;
	struct facts facts;
	struct fields_input in = { data, data + size, &arena };
	const char *value;
	bool exempt;

	arena_init(&arena, 4 * 1024 * 1024);
	CLAIM(facts_init(&facts, &arena, 0) == 0);
	CLAIM(authres_id_init(&id, "mx.example.org"));
	exempt = fields_number(&in, 4) == 1;
	some_facts(&in, &facts);
	facts_close(&facts, PHASE_EOM);
	value = authres_write(&facts, &id, exempt, &arena);
	if (value == NULL) {
		CLAIM(exempt && !facts.fixed[FACT_CLIENT_AUTH].yes);
	} else {
		fields_check_form(AUTHRES_NAME, value);
		CLAIM(authres_is_ours(&id, value, strlen(value)));
		if (!authres_read(&field, value))
			fprintf(stderr, "%s\n", value);
		CLAIM(authres_read(&field, value));
		CLAIM(strcmp(field.id, "mx.example.org") == 0);
		check_results(&field, &facts, exempt);
	}
	arena_done(&arena);
}

/* --- what came ------------------------------------------------------------ */

static void check_forged(const char *name, const uint8_t *data, size_t size)
{
	static char value[FIELDS_VALUE_MAX];
	size_t len = fields_expand(data, size, pieces, PIECES, value);
	bool ours, slow, plain = memmem(value, len, "=?", 2) == NULL;
	struct authres_id id;

	CLAIM(authres_id_init(&id, name));
	ours = authres_is_ours(&id, value, len);
	slow = authres_slowly(id.name, value, len);
	for (size_t c = 0; c < len; c++)
		plain &= (unsigned char)value[c] < 0x80;
	CLAIM(ours || !slow);
	CLAIM(!ours || slow || !plain);
	CLAIM(ours || !authres_leniently(id.name, value, len));
	CLAIM(!ours || !authres_names_another(id.name, value, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ids[] = { "mx.example.org", "mx1", "a.example",
					   "b\303\274cher.example" };

	if (size == 0 || size > 2048)
		return 0;
	if (data[0] == 'w')
		check_written(data + 1, size - 1);
	else if (data[0] >= '0' && data[0] <= '3')
		check_forged(ids[data[0] - '0'], data + 1, size - 1);
	else
		check_forged(ids[0], data, size);
	return 0;
}
