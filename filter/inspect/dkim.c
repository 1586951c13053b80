/*
 * dkim.c - the DKIM signatures of a message, verified.
 *
 * The header is kept until its end, as only then is known whose signatures come
 * first.  Each signature is `open` until something is found that decides it;
 * what is open after the keys have been read, libopendkim decides, and what
 * passes there the hash of the body.
 */
#include "filter/inspect/dkim.h"

#include <string.h>

#include "filter/inspect/dkim_private.h"
#include "filter/inspect/dns.h"
#include "rules/arena.h"
#include "rules/mail/ascii.h"
#include "rules/mail/header.h"

/* A signature from the future: clocks differ, but not by more. */
enum { FUTURE_MAX = 24 * 60 * 60 };

struct signatures *signatures_new(struct arena *arena, struct inspect_dns *dns,
				  int64_t now)
{
	struct signatures *signatures;

	signatures = arena_alloc(arena, sizeof(*signatures));
	if (!signatures)
		return NULL;
	signatures->arena = arena;
	signatures->dns = dns;
	signatures->now = now;
	signatures->fields_end = &signatures->fields;
	signatures->candidates_end = &signatures->candidates;
	return signatures;
}

void signatures_free(struct signatures *signatures)
{
	if (!signatures)
		return;
	library_free(signatures->library);
	signatures->library = NULL;
	dkim_body_done(&signatures->body);
}

/* --- the header ----------------------------------------------------------- */

/*
 * The field as it stood in the message: "Name: value", CRLF in its folds, no
 * end.  `odd` if it holds NUL, or a CR or LF that does not fold.
 */
static const char *field_text(struct signatures *signatures, const char *name,
			      size_t name_len, const char *value,
			      size_t value_len, struct known_field *field)
{
	size_t folds = 0, len;
	char *text;

	for (size_t i = 0; i < value_len; i++)
		folds += value[i] == '\n';
	text = arena_alloc(signatures->arena, name_len + value_len + folds + 2);
	if (!text)
		return NULL;
	memcpy(text, name, name_len);
	len = name_len;
	text[len++] = ':';
	for (size_t i = 0; i < value_len; i++) {
		char next = i + 1 < value_len ? value[i + 1] : '\0';

		if (value[i] == '\0' || (value[i] == '\r' && next != '\n') ||
		    (value[i] == '\n' && !ascii_is_blank(next)))
			field->odd = true;
		if (value[i] == '\n' && (i == 0 || value[i - 1] != '\r'))
			text[len++] = '\r';
		text[len++] = value[i];
	}
	field->text = text;
	field->len = len;
	return text;
}

/* Without memory "", and nothing is verified. */
static const char *small_letters(struct signatures *signatures,
				 const char *text, struct span span)
{
	char *copy;

	if (span.len == 0)
		return "";
	copy = arena_strndup(signatures->arena, text + span.at, span.len);
	if (!copy) {
		signatures->cut = true;
		return "";
	}
	for (char *at = copy; *at; at++)
		*at = ascii_lower(*at);
	return copy;
}

/* What is told of a signature whatever becomes of it. */
static void tell(struct signatures *signatures, struct candidate *candidate)
{
	const struct dkim_field *field = &candidate->field;
	struct signature *told = &candidate->told;
	uint64_t now = signatures->now > 0 ? (uint64_t)signatures->now : 0;

	told->domain =
		small_letters(signatures, candidate->value, field->domain);
	told->selector =
		small_letters(signatures, candidate->value, field->selector);
	told->algorithm =
		small_letters(signatures, candidate->value, field->algorithm);
	memcpy(told->digest, field->digest, sizeof(told->digest));
	told->whole_body = !field->has_length;
	told->expired = field->has_expires && field->expires <= now;
	if (field->has_made) {
		told->has_age = true;
		told->age = field->made <= INT64_MAX / 2
				    ? signatures->now - (int64_t)field->made
				    : INT64_MIN / 2;
	}
}

static void add_candidate(struct signatures *signatures,
			  struct known_field *field, size_t value_len)
{
	struct candidate *candidate;
	enum dkim_field_reading reading;
	const char *why;

	signatures->seen++;
	candidate = arena_alloc(signatures->arena, sizeof(*candidate));
	if (!candidate) {
		signatures_beyond(signatures);
		return;
	}
	candidate->text = field->text;
	candidate->text_len = field->len;
	/* The copy's value, folded with CRLF. */
	candidate->value = field->text + (field->len - value_len);
	candidate->open = true;
	reading = dkim_field_read(candidate->value, value_len,
				  &candidate->field, &why);
	if (reading == DKIM_FIELD_BROKEN)
		candidate_decide(candidate, SIGNATURE_PERMERROR, why);
	else if (reading == DKIM_FIELD_STRANGE)
		candidate_decide(candidate, SIGNATURE_NEUTRAL, why);
	tell(signatures, candidate);
	field->candidate = candidate;
	*signatures->candidates_end = candidate;
	signatures->candidates_end = &candidate->next;
}

void signatures_header(struct signatures *signatures, const char *name,
		       size_t name_len, const char *value, size_t value_len,
		       bool cut)
{
	struct known_field *field;
	size_t colon;

	signatures->cut |= cut;
	/* A colon belongs to the field, and so do blanks in front of it. */
	for (colon = name_len; colon > 0 && ascii_is_blank(name[colon - 1]);)
		colon--;
	if (!header_name_valid(name, colon) || memchr(name, ';', colon))
		return; /* h= cannot name it */
	field = arena_alloc(signatures->arena, sizeof(*field));
	if (!field ||
	    !field_text(signatures, name, name_len, value, value_len, field)) {
		signatures_beyond(signatures);
		return;
	}
	field->name_len = colon;
	if (ascii_equal(name, colon, SIGNATURE_FIELD,
			strlen(SIGNATURE_FIELD))) {
		/* Without a single tag it is noise, and no signature. */
		if (!memchr(value, '=', value_len)) {
			signatures->hidden = true;
			return;
		}
		add_candidate(signatures, field, field->len - name_len - 1);
	}
	*signatures->fields_end = field;
	signatures->fields_end = &field->next;
}

void signatures_beyond(struct signatures *signatures)
{
	signatures->cut = true;
	signatures->missed = true;
}

/* --- the end of the header ---------------------------------------------- */

static bool any_open(const struct signatures *signatures)
{
	for (const struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open)
			return true;
	return false;
}

static void decide_all(struct signatures *signatures,
		       enum signature_result result, const char *why)
{
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open)
			candidate_decide(c, result, why);
}

bool signatures_eoh(struct signatures *signatures, const char *author)
{
	bool refused;

	if (!signatures->candidates)
		return false;
	signatures_choose(signatures, author);
	for (const struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open && signatures->dns)
			signatures->dns->hint(signatures->dns, c->key_name,
					      DNS_TXT);
	if (!any_open(signatures))
		return false;
	signatures->library = library_verify(signatures, &refused);
	if (!signatures->library && refused)
		decide_all(signatures, SIGNATURE_PERMERROR,
			   "libopendkim refuses the message");
	else if (!signatures->library)
		decide_all(signatures, SIGNATURE_TEMPERROR,
			   "there is no memory");
	return signatures->library != NULL;
}

/* --- the body, and the keys ----------------------------------------------- */

void signatures_body(struct signatures *signatures, const void *bytes,
		     size_t len)
{
	if (signatures->library && len > 0)
		dkim_body_feed(&signatures->body, bytes, len);
}

/* The key for a signature, or it is decided. */
static void find_key(struct signatures *signatures, struct candidate *candidate)
{
	const struct dkim_field *field = &candidate->field;
	const char *why;
	struct dkim_text texts[DNS_RECORDS_MAX];
	const struct dns_answer *answer;
	struct dkim_key key;
	size_t count = 0;

	if (!signatures->dns) {
		candidate_decide(candidate, SIGNATURE_TEMPERROR,
				 "its key is not known");
		return;
	}
	answer = signatures->dns->ask(signatures->dns, candidate->key_name,
				      DNS_TXT);
	if (!dns_status_is_known(answer->status)) {
		if (answer->status == DNS_INVALID)
			candidate_decide(candidate, SIGNATURE_PERMERROR,
					 "the name of its key is none");
		else
			candidate_decide(candidate, SIGNATURE_TEMPERROR,
					 "DNS did not say what its key is");
		return;
	}
	for (size_t i = 0; i < answer->count && count < DNS_RECORDS_MAX; i++)
		if (answer->records[i].type == DNS_TXT)
			texts[count++] = (struct dkim_text){
				answer->records[i].text,
				answer->records[i].text_len
			};
	if (dkim_key_choose(texts, count, field->key_type, field->hash, &key,
			    &why) != DKIM_KEY_READ) {
		candidate_decide(candidate, SIGNATURE_PERMERROR, why);
		return;
	}
	candidate->told.key_bits = key.bits;
	candidate->told.test_key = key.test;
	if (key.whole_domain && field->below)
		candidate_decide(candidate, SIGNATURE_PERMERROR,
				 "the key is not for subdomains, as i= is one");
	if (key.type == DKIM_KEY_RSA && key.bits < DKIM_KEY_BITS_MIN)
		candidate->policy = "the key is too short to prove anything";
	candidate->record = arena_alloc(signatures->arena, DKIM_KEY_PRINT_SIZE);
	if (candidate->record)
		dkim_key_print(&key, candidate->record);
	else if (candidate->open)
		candidate_decide(candidate, SIGNATURE_TEMPERROR,
				 "there is no memory");
}

/* What else keeps a right signature from being one to rely on. */
static void judge_policy(struct signatures *signatures,
			 struct candidate *candidate)
{
	const struct dkim_field *field = &candidate->field;
	struct signature *told = &candidate->told;

	if (field->hash == DKIM_HASH_SHA1)
		candidate->policy = "SHA-1 does not prove anything any more";
	if (field->has_length) {
		uint64_t all = dkim_body_length(&signatures->body,
						field->relaxed_body);

		told->whole_body = field->length >= all;
		if (!told->whole_body)
			candidate->policy = "not all of the body is signed";
		if (field->length > all)
			candidate_decide(
				candidate, SIGNATURE_FAIL,
				"more is signed than there is of the body");
	}
	if (told->expired)
		candidate->policy = "the signature has expired";
	if (told->has_age && told->age < -FUTURE_MAX)
		candidate->policy = "the signature is from the future";
}

/* The header is as it was signed, and with it bh=; is the body, too? */
static void judge_body(struct signatures *signatures,
		       struct candidate *candidate)
{
	const struct dkim_field *field = &candidate->field;

	switch (dkim_body_compare(&signatures->body, field->hash,
				  field->relaxed_body,
				  candidate_body_length(field),
				  field->body_hash)) {
	case DKIM_BODY_SAME: return;
	case DKIM_BODY_OTHER:
		candidate_decide(candidate, SIGNATURE_FAIL,
				 "the body was changed");
		return;
	case DKIM_BODY_UNKNOWN:
	default:
		candidate_decide(candidate, SIGNATURE_TEMPERROR,
				 "the body could not be hashed");
	}
}

void signatures_finish(struct signatures *signatures, bool body_cut)
{
	if (!signatures->library)
		return;
	dkim_body_end(&signatures->body);
	if (body_cut)
		decide_all(signatures, SIGNATURE_TEMPERROR,
			   "the body is larger than is read");
	for (struct candidate *c = signatures->candidates; c; c = c->next) {
		if (c->open)
			find_key(signatures, c);
		if (c->open)
			judge_policy(signatures, c);
	}
	if (any_open(signatures))
		library_finish(signatures->library, signatures);
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (!c->open && c->told.result == SIGNATURE_PASS)
			judge_body(signatures, c);
	decide_all(signatures, SIGNATURE_TEMPERROR,
		   "libopendkim came to no result");
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->told.result == SIGNATURE_PASS && c->policy)
			candidate_decide(c, SIGNATURE_POLICY, c->policy);
}

/* --- what came out of it -------------------------------------------------- */

const char *signature_result_name(enum signature_result result)
{
	static const char *const names[] = {
		[SIGNATURE_PASS] = "pass",
		[SIGNATURE_POLICY] = "policy",
		[SIGNATURE_FAIL] = "fail",
		[SIGNATURE_NEUTRAL] = "neutral",
		[SIGNATURE_PERMERROR] = "permerror",
		[SIGNATURE_TEMPERROR] = "temperror",
	};

	return names[result];
}

size_t signatures_count(const struct signatures *signatures)
{
	return signatures->told_count;
}

const struct signature *signatures_at(const struct signatures *signatures,
				      size_t index)
{
	return &signatures->told[index]->told;
}

size_t signatures_seen(const struct signatures *signatures)
{
	return signatures->seen;
}

bool signatures_missed(const struct signatures *signatures)
{
	return signatures->missed;
}

/* Less is better.  What is unknown might still be a pass. */
static unsigned rank(const struct candidate *candidate)
{
	static const unsigned ranks[] = {
		[SIGNATURE_PASS] = 0,	   [SIGNATURE_TEMPERROR] = 1,
		[SIGNATURE_POLICY] = 2,	   [SIGNATURE_FAIL] = 3,
		[SIGNATURE_PERMERROR] = 4, [SIGNATURE_NEUTRAL] = 5,
	};

	return 3 * ranks[candidate->told.result] +
	       (unsigned)(OF_AUTHOR - candidate->whose);
}

const struct signature *signatures_best(const struct signatures *signatures)
{
	const struct candidate *best = NULL;

	for (size_t i = 0; i < signatures->told_count; i++)
		if (!best || rank(signatures->told[i]) < rank(best))
			best = signatures->told[i];
	return best ? &best->told : NULL;
}
