/*
 * received_spf.c - what SPF said, as RFC 7208 section 9.1 has it written.
 *
 * Values are dot-atoms or quoted strings of RFC 5322; the comment holds nothing
 * that a stranger said but a domain, and that only if it looks like one.  So
 * whatever a client calls itself, it ends no value and begins no other.
 */
#include "filter/checks/received_spf.h"

#include <string.h>
#include <strings.h>

#include "filter/checks/authres.h"
#include "filter/checks/telling.h"
#include "lists/ip.h"
#include "rules/arena.h"
#include "rules/mail/address.h"
#include "rules/mail/ascii.h"

enum {
	VALUE_MAX = 320, /* 64 of a local part, "@", 253 */
	MECHANISM_MAX = 256, /* it may be as long as the record */
	PROBLEM_MAX = 120,
	QUOTED_MAX = 2 * VALUE_MAX + 2,
	/* Eight pairs at most, the comment, and its folds. */
	ROOM = 8 * (QUOTED_MAX + 32) + 1024,
	/* Names of the receiver that are looked at, and bytes of each. */
	CLAIMS_MAX = 16,
	CLAIM_BYTES = 2048,
};

/* --- the text ----------------------------------------------------------- */

struct field {
	char *text;
	size_t len;
	size_t line; /* bytes of this line */
};

static void append(struct field *field, const char *text, size_t len)
{
	if (field->len + len >= ROOM)
		return; /* cannot be: see ROOM */
	memcpy(field->text + field->len, text, len);
	field->len += len;
	field->line += len;
	field->text[field->len] = '\0';
}

/* A blank or a fold, so that there is room for `len` bytes more. */
static void blank(struct field *field, size_t len)
{
	if (field->line + 1 + len <= RECEIVED_SPF_LINE) {
		append(field, " ", 1);
		return;
	}
	append(field, "\n\t", 2);
	field->line = 1;
}

static void pair(struct field *field, const char *key, struct text value)
{
	char out[QUOTED_MAX];
	size_t key_len = strlen(key), len = value.len;

	if (len == 0 || len > VALUE_MAX || !is_printable(value.at, len))
		return;
	len = address_quote(value.at, len, out); /* dot-atom or not */
	if (field->text[field->len - 1] != ')')
		append(field, ";", 1);
	/* "=", and the semicolon of the next one */
	blank(field, key_len + len + 2);
	append(field, key, key_len);
	append(field, "=", 1);
	append(field, out, len);
}

/* --- facts -------------------------------------------------------------- */

static struct text text_from(const char *text)
{
	return (struct text){ text, strlen(text) };
}

static struct text shortened(struct text text, size_t len)
{
	return text.len > len ? (struct text){ text.at, len } : text;
}

/* The word of the grammar; NULL where nobody has asked. */
static const char *result_of(const struct facts *facts, enum fact_id id)
{
	const struct fact *fact = fact_of(facts, id);

	switch (fact->state) {
	case FACT_KNOWN: return fact_row(id)->words[fact->word];
	case FACT_NONE: return "none";
	case FACT_UNKNOWN: return "temperror";
	case FACT_NOT_ASKED:
	case FACT_PENDING: break;
	}
	return NULL;
}

static bool is_null_sender(const struct facts *facts)
{
	return fact_of(facts, FACT_SENDER)->state == FACT_NONE;
}

/* --- the comment -------------------------------------------------------- */

/* Words in which '%' is the client's address and '@' the domain. */
static const struct {
	const char *result, *text;
} comments[] = {
	{ "pass", "domain of @ designates % as permitted sender" },
	{ "fail", "domain of @ does not designate % as permitted sender" },
	{ "softfail", "transitioning domain of @ does not designate % as "
		      "permitted sender" },
	{ "neutral", "% is neither permitted nor denied by domain of @" },
	{ "none", "domain of @ does not designate permitted sender hosts" },
	{ "permerror", "the record of @ cannot be evaluated" },
	{ "temperror", "the record of @ could not be looked up" },
};

/* The domain that was asked, as far as it can stand in a comment. */
static struct text domain_of(const struct facts *facts, bool helo)
{
	struct text domain = { "", 0 };

	if (!helo || is_null_sender(facts))
		domain = text_of(facts, FACT_SPF_DOMAIN);
	if (domain.len == 0)
		domain = text_of(facts,
				 helo ? FACT_HELO_NAME : FACT_SENDER_DOMAIN);
	if (domain.len == 0 || domain.len >= MAIL_DOMAIN_SIZE)
		return text_from("its sender");
	for (size_t i = 0; i < domain.len; i++)
		if (!ascii_is_alnum(domain.at[i]) &&
		    memchr("-_.", domain.at[i], 3) == NULL)
			return text_from("its sender");
	return domain;
}

/* `id` is a token of RFC 2045: it holds nothing that a comment minds. */
static void comment(struct field *field, const char *result,
		    const struct authres_id *id, struct text domain,
		    struct text client)
{
	const char *text = "";

	for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]); i++)
		if (strcmp(comments[i].result, result) == 0)
			text = comments[i].text;
	blank(field, id->len + 2);
	append(field, "(", 1);
	append(field, id->name, id->len);
	append(field, ":", 1);
	while (*text != '\0') {
		struct text word = { text, strcspn(text, " ") };

		text += word.len + (text[word.len] == ' ');
		if (*word.at == '@')
			word = domain;
		else if (*word.at == '%')
			word = client;
		blank(field, word.len + 1);
		append(field, word.at, word.len);
	}
	append(field, ")", 1);
}

/* --- what is ours ------------------------------------------------------- */

/*
 * What matched, and what went wrong; of HELO besides a sender neither is kept.
 * Section 9.1: "default" where no mechanism matched.
 */
static void details(struct field *field, const struct facts *facts,
		    const char *result)
{
	const struct fact *spf = fact_of(facts, FACT_SPF);
	struct text mechanism = text_of(facts, FACT_SPF_MECHANISM);
	struct text problem = text_of(facts, FACT_SPF_ERROR);

	if (is_error(result)) {
		if (problem.len == 0 && spf->state == FACT_UNKNOWN)
			problem = text_from(fact_cause_name(spf->cause));
		pair(field, "problem", shortened(problem, PROBLEM_MAX));
		return;
	}
	if (strcmp(result, "none") == 0)
		return;
	if (mechanism.len == 0)
		mechanism = text_from("default");
	pair(field, "mechanism", shortened(mechanism, MECHANISM_MAX));
}

bool received_spf_is_known(const struct facts *facts, enum received_spf about)
{
	bool main = about == RECEIVED_SPF_SENDER;

	/* Of the null sender one field tells all; no name, no result. */
	if (!main &&
	    (is_null_sender(facts) || text_of(facts, FACT_HELO_NAME).len == 0))
		return false;
	return result_of(facts, main ? FACT_SPF : FACT_SPF_HELO) != NULL &&
	       fact_of(facts, FACT_CLIENT_IP)->state == FACT_KNOWN;
}

const char *received_spf_write(const struct facts *facts,
			       enum received_spf about,
			       const struct authres_id *receiver,
			       struct arena *arena)
{
	bool main = about == RECEIVED_SPF_SENDER;
	bool helo = !main || is_null_sender(facts);
	const char *result = result_of(facts, main ? FACT_SPF : FACT_SPF_HELO);
	struct field field = { .line = strlen(RECEIVED_SPF_NAME ": ") };
	char ip[IP_TEXT_SIZE] = "";

	if (!received_spf_is_known(facts, about))
		return NULL;
	field.text = arena_alloc(arena, ROOM);
	if (field.text == NULL)
		return NULL;
	ip_format(&fact_of(facts, FACT_CLIENT_IP)->ip, ip, sizeof(ip));
	append(&field, result, strlen(result));
	comment(&field, result, receiver, domain_of(facts, helo),
		text_from(ip));
	pair(&field, "client-ip", text_from(ip));
	pair(&field, "envelope-from",
	     is_null_sender(facts) ? text_from("<>")
				   : text_of(facts, FACT_SENDER));
	pair(&field, "helo", text_of(facts, FACT_HELO_NAME));
	pair(&field, "receiver",
	     (struct text){ receiver->name, receiver->len });
	pair(&field, "identity", text_from(helo ? "helo" : "mailfrom"));
	if (main)
		details(&field, facts, result);
	return field.text;
}

/* --- what is forged ----------------------------------------------------- */

static const char *skip_comment(const char *at, const char *end)
{
	unsigned depth = 0;

	for (; at < end; at++) {
		if (*at == '\\' && at + 1 < end)
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return end;
}

/* Behind the "=" that follows a key, with or without blanks; or NULL. */
static const char *value_of(const char *at, const char *end)
{
	while (at < end && *at != '=') {
		if (*at == '(')
			at = skip_comment(at, end);
		else if (*at == ' ' || ascii_is_control(*at) ||
			 ascii_is_8bit(*at)) /* a reader may skip it */
			at++;
		else
			return NULL;
	}
	return at < end ? at + 1 : NULL;
}

static bool is_name_of(const struct authres_id *id, const char *at,
		       const char *end)
{
	size_t len = (size_t)(end - at);

	return authres_is_ours(id, at, len < CLAIM_BYTES ? len : CLAIM_BYTES);
}

bool received_spf_is_ours(const struct authres_id *receiver, const char *value,
			  size_t len)
{
	static const char key[] = "receiver";
	const size_t key_len = sizeof(key) - 1;
	const char *end = value + len;
	unsigned claims = 0;

	for (const char *at = value; at < end; at++) {
		bool is_key = (size_t)(end - at) > key_len &&
			      strncasecmp(at, key, key_len) == 0;
		const char *name = at + 1; /* of a comment */

		if (!is_key && *at != '(')
			continue;
		/* No honest field has so many. */
		if (++claims > CLAIMS_MAX)
			return true;
		if (is_key)
			name = value_of(at + key_len, end);
		if (name != NULL && is_name_of(receiver, name, end))
			return true;
	}
	return false;
}
