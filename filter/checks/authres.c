/*
 * authres.c - what we say of a message's authentication, in RFC 8601's words.
 *
 * Each result stands on a line of its own.  A property whose value is not what
 * it should be, such as a local part in UTF-8 (RFC 8616 section 5), is left out
 * rather than mended: nobody is to compare what we have made up.
 */
#include "filter/checks/authres.h"

#include <string.h>

#include "filter/checks/telling.h"
#include "lists/ip.h"
#include "rules/arena.h"
#include "rules/mail/address.h"
#include "rules/mail/ascii.h"

enum {
	ROOM = 1024, /* enough for nearly all */
	VALUE_MAX = 320, /* 64 of a local part, "@", 253, and quotes */
	REASON_MAX = 60,
};

/* A full arena leaves `failed`, and nothing is written any more. */
struct field {
	struct arena *arena;
	char *text;
	size_t len, room;
	size_t line; /* where the last line begins */
	bool failed;
};

static void append(struct field *field, const char *text, size_t len)
{
	if (field->len + len + 1 > field->room) {
		size_t room = (field->len + len + 1) * 2;
		char *more = arena_alloc(field->arena, room);

		field->failed |= more == NULL;
		if (field->failed)
			return;
		memcpy(more, field->text, field->len);
		field->text = more;
		field->room = room;
	}
	if (field->failed)
		return;
	memcpy(field->text + field->len, text, len);
	field->len += len;
	field->text[field->len] = '\0';
}

static void fold(struct field *field)
{
	append(field, "\n\t", 2);
	field->line = field->len - 1;
}

/* --- values --------------------------------------------------------------- */

/* tspecials, RFC 2045 section 5.1 */
static const bool special[256] = {
	['('] = true, [')'] = true, ['<'] = true, ['>'] = true,	 ['@'] = true,
	[','] = true, [';'] = true, [':'] = true, ['\\'] = true, ['"'] = true,
	['/'] = true, ['['] = true, [']'] = true, ['?'] = true,	 ['='] = true,
};

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' ||
		    special[(unsigned char)text[i]])
			return false;
	return len > 0;
}

/* "value" of the grammar: a token as it is, all else as a quoted string. */
static size_t format_value(const char *text, size_t len, char *out)
{
	if (!is_token(text, len))
		return address_quoted_string(text, len, out);
	memcpy(out, text, len);
	return len;
}

/*
 * Is it [local-part] "@" domain-name, as it stands?  Local parts come from
 * address_parse(), in quotes if they must be.
 */
static bool is_mailbox(const char *text, size_t len)
{
	const char *at = memrchr(text, '@', len);
	size_t local;
	struct domain domain;

	if (at == NULL)
		return false;
	local = (size_t)(at - text);
	if (domain_normalise(at + 1, len - local - 1, &domain) !=
		    ADDRESS_FINE ||
	    (domain.flags &
	     (DOMAIN_LITERAL | DOMAIN_UNDERSCORE | DOMAIN_FINAL_DOT)) != 0)
		return false;
	if (local > 2 && text[0] == '"' && text[local - 1] == '"') {
		for (size_t i = 1; i < local - 1; i++) {
			if (text[i] == '"')
				return false;
			if (text[i] == '\\' && ++i == local - 1)
				return false;
		}
		return true;
	}
	for (size_t i = 0; i < local; i++)
		if (!address_is_atext(text[i]) &&
		    (text[i] != '.' || i == 0 || i == local - 1 ||
		     text[i - 1] == '.'))
			return false;
	return local > 0;
}

/* --- words ---------------------------------------------------------------- */

/* A new result, on a line of its own. */
static void result(struct field *field, const char *method, const char *word)
{
	append(field, ";", 1);
	fold(field);
	append(field, method, strlen(method));
	append(field, "=", 1);
	append(field, word, strlen(word));
}

/* A word of a result, behind a blank or a fold. */
static void word(struct field *field, const char *name, const char *value,
		 size_t len)
{
	size_t name_len = strlen(name);

	/* blank, "=" and the semicolon of the next result */
	if (field->len - field->line + 3 + name_len + len > AUTHRES_LINE)
		fold(field);
	else
		append(field, " ", 1);
	append(field, name, name_len);
	append(field, "=", 1);
	append(field, value, len);
}

static void property(struct field *field, const char *name, struct text value)
{
	char out[2 * VALUE_MAX + 2];

	if (value.len > 0 && value.len <= VALUE_MAX &&
	    is_printable(value.at, value.len))
		word(field, name, out, format_value(value.at, value.len, out));
}

/* In quotes always; what cannot be printed is a question mark. */
static void reason(struct field *field, const struct fact *why)
{
	char copy[REASON_MAX], out[2 * REASON_MAX + 2];
	size_t len;

	if (why->state != FACT_KNOWN || why->text.len == 0)
		return;
	len = why->text.len < REASON_MAX ? why->text.len : REASON_MAX;
	for (size_t i = 0; i < len; i++)
		copy[i] = is_printable(why->text.at + i, 1) ? why->text.at[i]
							    : '?';
	word(field, "reason", out, format_value(copy, len, out));
}

/* --- facts ---------------------------------------------------------------- */

/* The word of RFC 8601 for a result; NULL where nobody has asked. */
static const char *word_of(const struct facts *facts, enum fact_id id)
{
	const struct fact *fact = fact_of(facts, id);

	switch (fact->state) {
	case FACT_KNOWN: return fact_row(id)->words[fact->word];
	case FACT_NONE: return "none";
	case FACT_UNKNOWN: return "temperror";
	case FACT_NOT_ASKED: return fact->waived ? "none" : NULL;
	case FACT_PENDING: break;
	}
	return NULL;
}

/* --- the methods ---------------------------------------------------------- */

/* Whom SPF was asked about: the sender, or HELO for the null sender. */
static void spf_identity(struct field *field, const struct facts *facts)
{
	const struct fact *sender = fact_of(facts, FACT_SENDER);
	struct text domain = text_of(facts, FACT_SPF_DOMAIN);

	if (sender->state == FACT_NONE) {
		property(field, "smtp.helo",
			 domain.len > 0 ? domain
					: text_of(facts, FACT_HELO_NAME));
		return;
	}
	if (domain.len == 0)
		domain = text_of(facts, FACT_SENDER_DOMAIN);
	if (sender->state != FACT_KNOWN || sender->text.len > VALUE_MAX ||
	    !is_printable(sender->text.at, sender->text.len))
		property(field, "smtp.mailfrom", domain);
	else if (is_mailbox(sender->text.at, sender->text.len))
		word(field, "smtp.mailfrom", sender->text.at, sender->text.len);
	else
		property(field, "smtp.mailfrom", sender->text);
}

static void write_spf(struct field *field, const struct facts *facts)
{
	const char *spf = word_of(facts, FACT_SPF);

	if (spf == NULL)
		return;
	result(field, "spf", spf);
	if (is_error(spf))
		reason(field, fact_of(facts, FACT_SPF_ERROR));
	spf_identity(field, facts);
}

/* The n-th value of one of the parallel sets. */
static struct text item(const struct facts *facts, enum fact_id id, size_t n)
{
	const struct fact *fact = fact_of(facts, id);
	const struct text nothing = { "", 0 };

	return fact->state == FACT_KNOWN && n < fact->set.count
		       ? fact->set.items[n]
		       : nothing;
}

static bool same_text(struct text a, struct text b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* Is it the one that dkim.error is about? */
static bool is_best(const struct facts *facts, size_t n)
{
	const char *best = word_of(facts, FACT_DKIM);
	struct text is = item(facts, FACT_DKIM_RESULTS, n);

	return best != NULL && is.len == strlen(best) &&
	       memcmp(is.at, best, is.len) == 0 &&
	       same_text(item(facts, FACT_DKIM_DOMAINS, n),
			 text_of(facts, FACT_DKIM_DOMAIN)) &&
	       same_text(item(facts, FACT_DKIM_SELECTORS, n),
			 text_of(facts, FACT_DKIM_SELECTOR));
}

/* Sets are what the inspector says they are, so this may be anything. */
static const char *result_of(struct text result)
{
	const char *const *word = fact_row(FACT_DKIM)->words;

	while (*word != NULL && (strlen(*word) != result.len ||
				 memcmp(*word, result.at, result.len) != 0))
		word++;
	return *word;
}

static void write_signature(struct field *field, const struct facts *facts,
			    size_t n, bool *told)
{
	const char *is = result_of(item(facts, FACT_DKIM_RESULTS, n));

	if (is == NULL)
		return;
	result(field, "dkim", is);
	if (!*told && is_best(facts, n)) {
		*told = true;
		reason(field, fact_of(facts, FACT_DKIM_ERROR));
	}
	property(field, "header.d", item(facts, FACT_DKIM_DOMAINS, n));
	property(field, "header.s", item(facts, FACT_DKIM_SELECTORS, n));
	property(field, "header.a", item(facts, FACT_DKIM_ALGORITHMS, n));
	property(field, "header.b", item(facts, FACT_DKIM_DIGESTS, n));
}

/* Nobody has looked at it. */
static bool is_passed_over(struct text result)
{
	return result.len == 7 && memcmp(result.at, "neutral", 7) == 0;
}

/*
 * In the order of the header.  Where there are too many, those that nobody has
 * looked at give way.
 */
static void write_signatures(struct field *field, const struct facts *facts)
{
	size_t count = fact_of(facts, FACT_DKIM_RESULTS)->set.count;
	size_t looked_at = 0, room;
	bool told = false;

	for (size_t n = 0; n < count; n++)
		looked_at += !is_passed_over(item(facts, FACT_DKIM_RESULTS, n));
	room = looked_at < AUTHRES_SIGNATURES_MAX
		       ? AUTHRES_SIGNATURES_MAX - looked_at
		       : 0;
	if (looked_at > AUTHRES_SIGNATURES_MAX)
		looked_at = AUTHRES_SIGNATURES_MAX;
	for (size_t n = 0; n < count && looked_at + room > 0; n++) {
		size_t *left = is_passed_over(item(facts, FACT_DKIM_RESULTS, n))
				       ? &room
				       : &looked_at;

		if (*left == 0)
			continue;
		--*left;
		write_signature(field, facts, n, &told);
	}
}

static void write_dkim(struct field *field, const struct facts *facts)
{
	const char *dkim = word_of(facts, FACT_DKIM);
	const struct fact *results = fact_of(facts, FACT_DKIM_RESULTS);

	if (dkim == NULL)
		return;
	if (results->state == FACT_KNOWN && results->set.count > 0) {
		write_signatures(field, facts);
		return;
	}
	result(field, "dkim", dkim);
	property(field, "header.d", text_of(facts, FACT_DKIM_DOMAIN));
}

static void write_dmarc(struct field *field, const struct facts *facts)
{
	const struct text no_policy = { "none", 4 };
	const struct fact *from = fact_of(facts, FACT_FROM_DOMAIN);
	const struct fact *policy = fact_of(facts, FACT_DMARC_POLICY);
	const char *dmarc = word_of(facts, FACT_DMARC);

	if (dmarc == NULL)
		return;
	result(field, "dmarc", dmarc);
	if (is_error(dmarc))
		reason(field, fact_of(facts, FACT_DMARC_RECORD_ERROR));
	if (from->state == FACT_KNOWN && from->set.count == 1 && !from->partial)
		property(field, "header.from", from->set.items[0]);
	if (policy->state == FACT_KNOWN) {
		const char *is =
			fact_row(FACT_DMARC_POLICY)->words[policy->word];

		word(field, "policy.dmarc", is, strlen(is));
	} else if (policy->state == FACT_NONE && !is_error(dmarc) &&
		   strcmp(dmarc, "none") != 0) {
		property(field, "policy.dmarc", no_policy);
	}
}

/*
 * RFC 8601 section 2.7.3: without any name it is permerror; fail, where there
 * are names and none leads back to the client.
 */
static const char *iprev_of(const struct facts *facts)
{
	const struct fact *name = fact_of(facts, FACT_CLIENT_NAME);
	const struct fact *ptr = fact_of(facts, FACT_CLIENT_PTR);

	switch (name->state) {
	case FACT_KNOWN: return name->set.count > 0 ? "pass" : "fail";
	case FACT_NONE: return ptr->state == FACT_NONE ? "permerror" : "fail";
	case FACT_UNKNOWN: return "temperror";
	case FACT_NOT_ASKED:
	case FACT_PENDING: break;
	}
	return NULL;
}

static void write_iprev(struct field *field, const struct facts *facts)
{
	const struct fact *client = fact_of(facts, FACT_CLIENT_IP);
	const char *iprev = iprev_of(facts);
	char ip[IP_TEXT_SIZE];
	struct text text = { ip, 0 };

	if (iprev == NULL || client->state != FACT_KNOWN)
		return;
	result(field, "iprev", iprev);
	ip_format(&client->ip, ip, sizeof(ip));
	text.len = strlen(ip);
	property(field, "policy.iprev", text);
}

/* Who it is stays with us. */
static bool has_logged_in(const struct facts *facts)
{
	const struct fact *auth = fact_of(facts, FACT_CLIENT_AUTH);

	return auth->state == FACT_KNOWN && auth->yes;
}

static void begin(struct field *field, const struct authres_id *id,
		  struct arena *arena)
{
	*field = (struct field){ .arena = arena, .room = ROOM };
	field->text = arena_alloc(arena, ROOM);
	field->failed = field->text == NULL;
	append(field, id->name, id->len);
}

const char *authres_write(const struct facts *facts,
			  const struct authres_id *id, bool exempt,
			  struct arena *arena)
{
	bool login = has_logged_in(facts);
	struct field field;

	if (exempt && !login)
		return NULL;
	begin(&field, id, arena);
	if (login)
		result(&field, "auth", "pass");
	if (!exempt) {
		write_spf(&field, facts);
		write_dkim(&field, facts);
		write_dmarc(&field, facts);
		write_iprev(&field, facts);
	}
	if (field.len == id->len)
		append(&field, "; none", 6);
	return field.failed ? NULL : field.text;
}

const char *authres_write_none(const struct authres_id *id, struct arena *arena)
{
	struct field field;

	begin(&field, id, arena);
	append(&field, "; none", 6);
	return field.failed ? NULL : field.text;
}

bool authres_id_init(struct authres_id *id, const char *name)
{
	size_t len = name != NULL ? strlen(name) : 0;
	struct domain domain;

	if (len == 0 || len >= sizeof(id->name))
		return false;
	if (domain_normalise(name, len, &domain) == ADDRESS_FINE &&
	    (domain.flags & DOMAIN_LITERAL) == 0) {
		memcpy(id->name, domain.name, domain.len + 1);
		id->len = domain.len;
		return true;
	}
	if (!is_token(name, len))
		return false;
	for (size_t i = 0; i < len; i++)
		id->name[i] = ascii_lower(name[i]);
	id->name[len] = '\0';
	id->len = len;
	return true;
}
