/*
 * dkim_choose.c - the header has ended: which of its signatures are looked at.
 *
 * What decides a signature before the body is read and DNS is asked: that there
 * are more than anyone needs, that a field which it covers cannot be, that From
 * stands there more often than it is signed.
 */
#include "filter/inspect/dkim.h"

#include <string.h>

#include "filter/inspect/dkim_private.h"
#include "rules/arena.h"
#include "rules/mail/ascii.h"
#include "rules/mail/limits.h"

/*
 * Equal, or one is below the other; what DMARC makes of it is not known here.
 */
static enum whose whose_is(const char *a, const char *b)
{
	size_t alen = strlen(a), blen = strlen(b);

	if (alen < blen)
		return whose_is(b, a);
	if (blen == 0 || !ascii_equal(a + alen - blen, blen, b, blen))
		return OF_STRANGER;
	if (alen == blen)
		return OF_AUTHOR;
	return a[alen - blen - 1] == '.' ? OF_RELATED : OF_STRANGER;
}

static bool is_named(const struct known_field *field, const char *name)
{
	return ascii_equal(field->text, field->name_len, name, strlen(name));
}

static void name_key(struct signatures *signatures, struct candidate *candidate)
{
	if (strlen(candidate->told.selector) + strlen("._domainkey.") +
		    strlen(candidate->told.domain) >
	    MAIL_DOMAIN_MAX) {
		candidate_decide(candidate, SIGNATURE_PERMERROR,
				 "the name of its key is none");
		return;
	}
	candidate->key_name =
		arena_printf(signatures->arena, "%s._domainkey.%s",
			     candidate->told.selector, candidate->told.domain);
	if (!candidate->key_name)
		candidate_decide(candidate, SIGNATURE_TEMPERROR,
				 "there is no memory");
}

/*
 * What the rest of the header says about a signature: that a field which it
 * covers cannot be, or that From stands there more often than it is signed.
 */
static void judge_header(struct signatures *signatures,
			 struct candidate *candidate)
{
	size_t authors = 0;

	name_key(signatures, candidate);
	if (!candidate->open)
		return;
	for (const struct known_field *field = signatures->fields; field;
	     field = field->next) {
		authors += is_named(field, "from");
		if (field->odd &&
		    dkim_field_signs(&candidate->field, candidate->value,
				     field->text, field->name_len) > 0) {
			candidate_decide(
				candidate, SIGNATURE_PERMERROR,
				"a field that it signs holds a NUL, or a CR or "
				"LF alone");
			return;
		}
	}
	if (authors == 0)
		candidate_decide(candidate, SIGNATURE_PERMERROR,
				 "the message has no From");
	else if (dkim_field_signs(&candidate->field, candidate->value, "from",
				  4) < authors)
		candidate->policy = "there is a From that is not signed";
}

/*
 * At most SIGNATURES_MAX of them, with at most DKIM_BODY_HASHES of the body:
 * that is what costs, and mail that is well-meant has one.
 */
static void choose(struct signatures *signatures)
{
	size_t count = 0;

	for (int least = OF_AUTHOR; least >= OF_STRANGER; least--)
		for (struct candidate *c = signatures->candidates; c;
		     c = c->next) {
			if (!c->open || c->chosen || (int)c->whose < least)
				continue;
			if (count == SIGNATURES_MAX)
				break;
			if (!dkim_body_want(&signatures->body, c->field.hash,
					    c->field.relaxed_body,
					    candidate_body_length(&c->field)))
				continue;
			c->chosen = true;
			count++;
		}
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open && !c->chosen)
			candidate_decide(
				c, SIGNATURE_NEUTRAL,
				"there are more signatures than are looked at");
}

/*
 * Those that are told of: the chosen ones, and others as long as there is room
 * for both.
 */
static void list_told(struct signatures *signatures)
{
	size_t chosen = 0, room;

	for (const struct candidate *c = signatures->candidates; c; c = c->next)
		chosen += c->chosen;
	room = SIGNATURES_SEEN_MAX - chosen;
	for (struct candidate *c = signatures->candidates; c; c = c->next) {
		if (!c->chosen && room == 0)
			continue;
		room -= !c->chosen;
		signatures->told[signatures->told_count++] = c;
	}
}

/*
 * A signature may cover other signatures.  Those that the library does not see
 * it would miss; and it goes from the last one upwards without sparing the one
 * that is verified, which never covers itself (section 3.5).
 */
static void judge_signed_signatures(struct signatures *signatures)
{
	bool hidden = signatures->hidden;
	size_t below = 0;

	for (const struct candidate *c = signatures->candidates; c;
	     c = c->next) {
		hidden |= !c->open;
		below++;
	}
	for (struct candidate *c = signatures->candidates; c; c = c->next) {
		size_t names =
			dkim_field_signs(&c->field, c->value, SIGNATURE_FIELD,
					 strlen(SIGNATURE_FIELD));

		below--;
		if (c->open && names > 0 && (hidden || names > below))
			candidate_decide(
				c, SIGNATURE_NEUTRAL,
				"it signs signatures that libopendkim mistakes");
	}
}

void signatures_choose(struct signatures *signatures, const char *author)
{
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (author)
			c->whose = whose_is(c->told.domain, author);
	choose(signatures);
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open && signatures->cut)
			candidate_decide(c, SIGNATURE_TEMPERROR,
					 "the header is larger than is read");
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open)
			judge_header(signatures, c);
	judge_signed_signatures(signatures);
	list_told(signatures);
}
