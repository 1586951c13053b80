/*
 * fuzz_received_spf.c - Received-SPF, ours and those of strangers.
 *
 * An input that begins with "w" becomes facts: what is written of them is read
 * by the grammar of RFC 7208 section 9.1, which must find the facts again.  All
 * others are values of fields: one that, by that grammar, names us as its
 * receiver must be ours, whatever stands around it; and so must be any to which
 * that is added.
 *
 * Some bytes from 0x80 on stand for pieces that matter.
 */
#include "filter/checks/received_spf.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "filter/checks/authres.h"
#include "lists/ip.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "rules/mail/address.h"
#include "rules/mail/ascii.h"
#include "tests/fuzz/fields.h"
#include "tests/fuzz/fuzz.h"

enum { PAIRS_MAX = 64 };

static const char our_name[] = "mx.example.org";

static const char *const pieces[] = {
	"mx.example.org",
	"MX.Example.ORG",
	"receiver",
	"Receiver=",
	"pass",
	"fail",
	"(",
	")",
	"\"",
	"\\",
	"\r\n ",
	"\n\t",
	" ",
	";",
	"=",
	"helo",
	"identity=helo",
	"x.example",
	".",
	"=?x?q?",
	"?=",
	"\xff",
	"\xc3\xbc",
	"pass (",
	" (mx.",
};

enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

/* --- a reader of section 9.1's grammar ------------------------------------ */

struct reader {
	const char *at, *end;
};

struct read_pair {
	char key[32];
	char value[FIELDS_VALUE_MAX];
	size_t len;
};

struct read_field {
	char result[16];
	struct read_pair pairs[PAIRS_MAX];
	size_t count;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* CFWS, which may be nothing.  False: a comment has no end. */
static bool skip(struct reader *r)
{
	unsigned depth = 0;

	for (; r->at < r->end; r->at++) {
		if (depth > 0 && *r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		else if (*r->at == '(')
			depth++;
		else if (*r->at == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !is_blank(*r->at))
			break;
	}
	return depth == 0;
}

static bool take(struct reader *r, char c)
{
	bool there = r->at < r->end && *r->at == c;

	r->at += there;
	return there;
}

/* A word of letters and hyphens, as results and keys are. */
static bool take_word(struct reader *r, char *out, size_t size)
{
	size_t len = 0;

	while (r->at < r->end && len + 1 < size &&
	       (ascii_is_alnum(*r->at) || *r->at == '-'))
		out[len++] = *r->at++;
	out[len] = '\0';
	return len > 0;
}

static bool take_atom(struct reader *r, struct read_pair *pair)
{
	while (r->at < r->end && (*r->at == '.' || (!ascii_is_8bit(*r->at) &&
						    address_is_atext(*r->at))))
		pair->value[pair->len++] = *r->at++;
	return pair->len > 0 && pair->value[0] != '.' &&
	       pair->value[pair->len - 1] != '.' &&
	       memmem(pair->value, pair->len, "..", 2) == NULL;
}

static bool take_quoted(struct reader *r, struct read_pair *pair)
{
	while (r->at < r->end && *r->at != '"') {
		if (*r->at == '\\' && ++r->at == r->end)
			return false;
		pair->value[pair->len++] = *r->at++;
	}
	return take(r, '"');
}

static bool take_pair(struct reader *r, struct read_pair *pair)
{
	pair->len = 0;
	if (!take_word(r, pair->key, sizeof(pair->key)) || !skip(r) ||
	    !take(r, '=') || !skip(r))
		return false;
	return take(r, '"') ? take_quoted(r, pair) : take_atom(r, pair);
}

/* False: it is not by the grammar. */
static bool read_field(const char *value, size_t len, struct read_field *field)
{
	struct reader r = { value, value + len };

	field->count = 0;
	if (!skip(&r) || !take_word(&r, field->result, sizeof(field->result)))
		return false;
	while (skip(&r) && r.at < r.end) {
		if (field->count == PAIRS_MAX ||
		    !take_pair(&r, &field->pairs[field->count]))
			return false;
		field->count++;
		if (!skip(&r) || (r.at < r.end && !take(&r, ';')))
			return false;
	}
	return r.at == r.end;
}

static const struct read_pair *find(const struct read_field *field,
				    const char *key)
{
	const struct read_pair *found = NULL;

	for (size_t i = 0; i < field->count; i++)
		if (strcmp(field->pairs[i].key, key) == 0) {
			CLAIM(found == NULL);
			found = &field->pairs[i];
		}
	return found;
}

/* --- what is written ------------------------------------------------------ */

/* True: a value is to be set. */
static bool state(struct fields_input *in, struct facts *facts, enum fact_id id)
{
	return fields_state(facts, id, fields_number(in, 7));
}

/* Up to a tab. */
static void some_text(struct fields_input *in, struct facts *facts,
		      enum fact_id id)
{
	size_t len;

	if (state(in, facts, id)) {
		const char *text = fields_text(in, '\t', &len);

		facts_text(facts, id, text, len);
	}
}

static void some_facts(struct fields_input *in, struct facts *facts)
{
	static const enum fact_id texts[] = {
		FACT_SENDER,	FACT_SENDER_DOMAIN, FACT_HELO_NAME,
		FACT_SPF_ERROR, FACT_SPF_DOMAIN,    FACT_SPF_MECHANISM,
	};
	struct ip ip;

	for (enum fact_id id = FACT_SPF; id <= FACT_SPF_HELO; id++)
		if (state(in, facts, id))
			facts_word(facts, id, fields_number(in, 6));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		some_text(in, facts, texts[i]);
	CLAIM(ip_parse("2001:db8::1", 11, &ip) == 0);
	facts_ip(facts, FACT_CLIENT_IP, &ip);
}

/* As given, or not there because it is not fit to be. */
static void is_given(const struct read_field *field, const char *key,
		     const struct fact *fact)
{
	const struct read_pair *pair = find(field, key);
	struct text text = { "", 0 };

	if (fact->state == FACT_KNOWN)
		text = fact->text;
	CLAIM((pair != NULL) == fields_is_fit(text));
	if (pair != NULL)
		CLAIM(pair->len == text.len &&
		      memcmp(pair->value, text.at, text.len) == 0);
}

static void is_word(const struct read_field *field, const char *key,
		    const char *word)
{
	const struct read_pair *pair = find(field, key);

	CLAIM(pair != NULL && pair->len == strlen(word) &&
	      memcmp(pair->value, word, pair->len) == 0);
}

static void check_field(const struct read_field *field,
			const struct facts *facts, enum received_spf about)
{
	bool sender = about == RECEIVED_SPF_SENDER;
	const struct fact *spf =
		&facts->fixed[sender ? FACT_SPF : FACT_SPF_HELO];
	bool null = facts->fixed[FACT_SENDER].state == FACT_NONE;
	const char *result = spf->state == FACT_KNOWN
				     ? fact_row(FACT_SPF)->words[spf->word]
			     : spf->state == FACT_NONE ? "none"
						       : "temperror";

	CLAIM(strcmp(field->result, result) == 0);
	is_word(field, "client-ip", "2001:db8::1");
	is_word(field, "receiver", our_name);
	is_word(field, "identity", sender && !null ? "mailfrom" : "helo");
	is_given(field, "helo", &facts->fixed[FACT_HELO_NAME]);
	if (null)
		is_word(field, "envelope-from", "<>");
	else
		is_given(field, "envelope-from", &facts->fixed[FACT_SENDER]);
	CLAIM(find(field, "mechanism") == NULL ||
	      find(field, "problem") == NULL);
	CLAIM(field->count <= 6);
}

static void check_written(const uint8_t *data, size_t size)
{
	static struct read_field field;
	struct authres_id id;
	struct arena arena;
	struct facts facts;
	struct fields_input in = { data, data + size, &arena };

	arena_init(&arena, 1024 * 1024);
	CLAIM(authres_id_init(&id, our_name));
	CLAIM(facts_init(&facts, &arena, 0) == 0);
	some_facts(&in, &facts);
	facts_close(&facts, PHASE_EOM);
	for (int i = 0; i < RECEIVED_SPF_COUNT; i++) {
		enum received_spf about = (enum received_spf)i;
		const char *value =
			received_spf_write(&facts, about, &id, &arena);

		CLAIM((value != NULL) == received_spf_is_known(&facts, about));
		if (value == NULL)
			continue;
		fields_check_form(RECEIVED_SPF_NAME, value);
		CLAIM(read_field(value, strlen(value), &field));
		check_field(&field, &facts, about);
		CLAIM(received_spf_is_ours(&id, value, strlen(value)));
	}
	arena_done(&arena);
}

/* --- what is forged ------------------------------------------------------- */

static bool names_us(const struct read_field *field)
{
	for (size_t i = 0; i < field->count; i++) {
		const struct read_pair *pair = &field->pairs[i];

		if (strcasecmp(pair->key, "receiver") == 0 &&
		    ascii_equal(pair->value, pair->len, our_name,
				strlen(our_name)))
			return true;
	}
	return false;
}

static bool has_claim(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] == '(' ||
		    (len - i >= 8 &&
		     strncasecmp(value + i, "receiver", 8) == 0))
			return true;
	return false;
}

static void check_forged(const uint8_t *data, size_t size)
{
	static const char claim[] = " receiver=mx.example.org";
	static char value[FIELDS_VALUE_MAX + sizeof(claim)];
	static struct read_field field;
	struct authres_id id;
	size_t len = fields_expand(data, size, pieces, PIECES, value);

	CLAIM(authres_id_init(&id, our_name));
	if (received_spf_is_ours(&id, value, len))
		CLAIM(has_claim(value, len));
	else if (read_field(value, len, &field))
		CLAIM(!names_us(&field));
	memcpy(value + len, claim, sizeof(claim));
	CLAIM(received_spf_is_ours(&id, value, len + sizeof(claim) - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'w')
		check_written(data + 1, size - 1);
	else
		check_forged(data, size);
	return 0;
}
