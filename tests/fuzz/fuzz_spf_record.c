/*
 * fuzz_spf_record.c - SPF records, which strangers publish.
 *
 * The input is a record, with its version or without, or an explanation.  What
 * is read is what a slow second reader, made of the RFC's ABNF, reads in it; it
 * is written, and read again, and the same; a fault lies in the record; what
 * its domain-specs expand to is a name or is not; an explanation is printable
 * and fits.
 */
#include "filter/inspect/spf_record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lists/dns_name.h"
#include "rules/arena.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/spf_record_reference.h"

#define VERSION "v=spf1 "
#define VERSION_LEN (sizeof(VERSION) - 1)

static bool same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return (a == NULL) == (b == NULL) && a_len == b_len &&
	       (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static void check_same(const struct spf_term *a, const struct spf_term *b)
{
	CLAIM(a->kind == b->kind);
	CLAIM(a->qualifier == b->qualifier);
	CLAIM(a->bits4 == b->bits4 && a->bits6 == b->bits6);
	CLAIM(a->letters == b->letters);
	CLAIM(same_text(a->name, a->name_len, b->name, b->name_len));
	CLAIM(same_text(a->spec, a->spec_len, b->spec, b->spec_len));
	CLAIM(a->network.bits == b->network.bits);
	CLAIM(ip_equal(&a->network.ip, &b->network.ip));
}

/* Terms stand one behind the other, with blanks between. */
static void check_places(const struct spf_record *record)
{
	size_t at = strlen("v=spf1");

	for (size_t i = 0; i < record->count; i++) {
		const struct spf_term *term = &record->terms[i];

		CLAIM(term->at > at && term->len > 0);
		CLAIM(record->text[term->at - 1] == ' ');
		at = (size_t)term->at + term->len;
		CLAIM(at == record->len || record->text[at] == ' ');
		CLAIM((term->qualifier == '\0') ==
		      (term->kind >= SPF_REDIRECT));
	}
	CLAIM(at <= record->len);
}

static void check_again(struct arena *arena, const struct spf_record *record)
{
	/* a network may grow a little: "::" for one group becomes a zero */
	static char text[2 * SPF_RECORD_MAX];
	struct spf_record again;
	size_t len = spf_record_format(record, text, sizeof(text));

	CLAIM(len < sizeof(text) && len == strlen(text));
	if (len > SPF_RECORD_MAX)
		return;
	CLAIM(spf_record_parse(arena, text, len, &again, NULL) == SPF_PARSED);
	CLAIM(again.count == record->count);
	for (size_t i = 0; i < record->count; i++)
		check_same(&record->terms[i], &again.terms[i]);
	CLAIM((again.redirect == NULL) == (record->redirect == NULL));
	CLAIM((again.exp == NULL) == (record->exp == NULL));
	CLAIM((again.all == NULL) == (record->all == NULL));
	CLAIM(again.letters == record->letters);
	CLAIM(spf_record_lookups(&again) == spf_record_lookups(record));
}

static void check_name(const struct spf_context *context,
		       const struct spf_term *term)
{
	char name[SPF_NAME_SIZE] = "";
	struct dns_name wire;
	enum spf_expansion expansion;

	expansion =
		spf_expand_domain(context, term->spec, term->spec_len, name);
	if (expansion == SPF_EXPANDED) {
		CLAIM(strlen(name) > 0 && strlen(name) <= SPF_NAME_MAX);
		CLAIM(spf_name_wire(name, strlen(name), &wire) == 0);
	} else if (term->kind != SPF_UNKNOWN) {
		CLAIM(expansion == SPF_NOT_A_NAME);
	}
}

static void check_expansions(const struct spf_record *record,
			     const struct spf_context *context)
{
	char text[256];
	enum spf_expansion expansion;

	for (size_t i = 0; i < record->count; i++) {
		const struct spf_term *term = &record->terms[i];

		if (!term->spec)
			continue;
		check_name(context, term);
		expansion = spf_expand_explanation(context, term->spec,
						   term->spec_len, text,
						   sizeof(text));
		CLAIM(expansion == SPF_EXPANDED || expansion == SPF_NO_TEXT);
		CLAIM(strlen(text) < sizeof(text));
	}
}

/* Any text may be published as an explanation, and any bytes as a domain. */
static void check_explanation(const struct spf_context *context,
			      const char *published, size_t len)
{
	struct spf_fault fault = { SIZE_MAX, NULL };
	bool fine = spf_macro_check(published, len, SPF_IN_EXPLANATION, NULL,
				    &fault) == 0;
	char text[2048];
	enum spf_expansion expansion =
		spf_expand_explanation(context, published, len, text,
				       sizeof(text));

	CLAIM(fine || (fault.at < len && fault.why));
	CLAIM(fine == (expansion != SPF_BAD_MACRO));
	CLAIM(expansion == SPF_EXPANDED || text[0] == '\0');
	for (const char *c = text; *c != '\0'; c++)
		CLAIM(*c >= ' ' && *c <= '~');
	fine = spf_domain_check(published, len, NULL, NULL) == 0;
	CLAIM(fine == (spf_expand_domain(context, published, len, text) !=
		       SPF_BAD_MACRO));
}

static bool same_part(const char *text, const struct spf_read_part *part,
		      const char *at, size_t len)
{
	return part->there ? at == text + part->at && len == part->len
			   : at == NULL && len == 0;
}

static void check_term(const char *text, const struct spf_term *term,
		       const struct spf_read_term *slow)
{
	unsigned bits = term->network.bits;

	CLAIM(term->kind == slow->kind);
	CLAIM(term->qualifier == slow->qualifier);
	CLAIM(term->at == slow->whole.at && term->len == slow->whole.len);
	CLAIM(term->letters == slow->letters);
	CLAIM(same_part(text, &slow->name, term->name, term->name_len));
	CLAIM(same_part(text, &slow->spec, term->spec, term->spec_len));
	if (term->kind != SPF_IP4 && term->kind != SPF_IP6) {
		CLAIM(term->bits4 == slow->bits4 && term->bits6 == slow->bits6);
		return;
	}
	CLAIM(bits == (term->kind == SPF_IP4 ? slow->bits4 : slow->bits6));
	CLAIM(term->network.ip.family == (term->kind == SPF_IP4 ? 4 : 6));
	CLAIM(memcmp(term->network.ip.bytes, slow->network, 16) == 0);
}

/* NULL: it is no record. */
static void check_reference(const char *text, size_t len,
			    const struct spf_record *record)
{
	static struct spf_read_record slow;

	if (len > 0 && len <= ABNF_TEXT_MAX) {
		CLAIM((spf_domain_check(text, len, NULL, NULL) == 0) ==
		      spf_reference_is_domain(text, len));
		CLAIM((spf_macro_check(text, len, SPF_IN_EXPLANATION, NULL,
				       NULL) == 0) ==
		      spf_reference_is_explanation(text, len));
	}
	switch (spf_record_read_slowly(text, len, &slow)) {
	case SPF_READ_TOO_LONG: return;
	case SPF_READ_BROKEN: CLAIM(!record); return;
	case SPF_READ_RECORD: CLAIM(record); break;
	}
	CLAIM(record->count == slow.count);
	for (size_t i = 0; i < slow.count; i++)
		check_term(record->text, &record->terms[i], &slow.terms[i]);
}

static void check_record(struct arena *arena, const char *text, size_t len)
{
	struct spf_context context = {
		.sender = "strong-bad+x=y@email.example.com",
		.helo = "[192.0.2.3]",
		.domain = "email.example.com",
	};
	struct spf_fault fault = { SIZE_MAX, NULL };
	struct spf_record record;

	CLAIM(ip_parse("192.0.2.3", 9, &context.ip) == 0);
	check_explanation(&context, text, len);
	if (spf_record_parse(arena, text, len, &record, &fault) != SPF_PARSED) {
		CLAIM(fault.at <= len && fault.why);
		check_reference(text, len, NULL);
		return;
	}
	check_reference(text, len, &record);
	check_places(&record);
	check_again(arena, &record);
	check_expansions(&record, &context);
	CLAIM(ip_parse("2001:db8::1", 11, &context.ip) == 0);
	context.sender = "";
	check_expansions(&record, &context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	char *text;

	if (size > 2 * SPF_RECORD_MAX)
		return 0;
	text = malloc(VERSION_LEN + size);
	CLAIM(text);
	memcpy(text, VERSION, VERSION_LEN);
	if (size > 0)
		memcpy(text + VERSION_LEN, data, size);

	arena_init(&arena, 1024 * 1024);
	check_record(&arena, text, VERSION_LEN + size);
	check_record(&arena, text + VERSION_LEN, size);
	arena_done(&arena);
	free(text);
	return 0;
}
