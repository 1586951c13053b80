/*
 * fuzz_vouch.c - who vouches for any message, in any world.
 *
 * The first bytes say what SPF found and how the world answers: what DNS says
 * of a name follows from the name and from them.  The rest is a header block in
 * which signatures say themselves how they went (signatures_double.h).  Held
 * against what comes out:
 *
 *	every fact is set
 *	no pass without exactly one author, of one domain
 *	no pass without a proven domain of the author's organisation
 *	no fail where an answer that failed was about the author's own domain
 *	a reason for each permerror, a record behind each pass and fail
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/inspect/message.h"
#include "rules/arena.h"
#include "rules/mail/address.h"
#include "rules/mail/header.h"
#include "tests/fuzz/dice_dns.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/signatures_double.h"

/* --- the world ---------------------------------------------------------- */

enum { CONTROL = 8 };

static const char *const domains[] = {
	"a.test", "b.a.test", "c.b.a.test", "x.test", "co.uk", "a.co.uk", "uk",
};
#define DOMAINS (sizeof(domains) / sizeof(domains[0]))

/* --- reading ------------------------------------------------------------ */

struct reading {
	struct dice_dns dice;
	struct arena arena;
	struct facts facts;
	struct message_request request;
	bool body_cut;
};

static void make_request(struct reading *r, const uint8_t *control)
{
	struct message_authentication *given = &r->request.authentication;

	dice_dns_init(&r->dice, control[0] | (unsigned)control[1] << 8,
		      (control[2] & 1) != 0);
	r->request = (struct message_request){ .arrival = 1000000000,
					       .dns = &r->dice.dns };
	r->body_cut = control[7] % 8 == 0;
	given->wanted = true;
	given->discovery = (enum dmarc_discovery)(control[3] % 3);
	given->spf = (enum spf_result)(control[4] % (SPF_RESULT_NONE + 1));
	given->spf_unknown = control[5] % 8 == 0;
	if (control[6] % (DOMAINS + 1) < DOMAINS)
		given->spf_domain = domains[control[6] % (DOMAINS + 1)];
}

static void read_header(struct reading *r, const char *text, size_t len,
			bool given)
{
	struct header_walk walk = { .text = text, .len = len };
	struct header_field field;
	struct message *message;

	memset(&signatures_heard, 0, sizeof(signatures_heard));
	arena_init(&r->arena, MESSAGE_ARENA_MAX);
	CLAIM(facts_init(&r->facts, &r->arena, 0) == 0);
	message = message_new(&r->request, &r->arena);
	CLAIM(message != NULL);
	while (header_next(&walk, &field))
		if (!given)
			message_field(message, &field);
		else if (!(field.faults & HEADER_NO_COLON))
			message_header(message, text + field.offset,
				       (size_t)(field.value - 1 -
						(text + field.offset)),
				       field.value, field.value_len,
				       (field.faults & HEADER_CUT) != 0);
	message_finish(message, r->body_cut, &r->facts);
	message_free(message);
	CLAIM(signatures_heard.alive == 0);
	CLAIM(r->arena.taken <= MESSAGE_ARENA_MAX);
}

/* --- claims ------------------------------------------------------------- */

static bool is_word(const struct facts *facts, enum fact_id id,
		    const char *word)
{
	const struct fact *fact = &facts->fixed[id];

	return fact->state == FACT_KNOWN &&
	       strcmp(fact_row(id)->words[fact->word], word) == 0;
}

static bool is_yes(const struct facts *facts, enum fact_id id)
{
	return facts->fixed[id].state == FACT_KNOWN && facts->fixed[id].yes;
}

static bool is_known(const struct facts *facts, enum fact_id id)
{
	return facts->fixed[id].state == FACT_KNOWN;
}

static bool ends_in(const char *name, const struct text *top)
{
	size_t len = strlen(name);

	if (len < top->len ||
	    memcmp(name + len - top->len, top->at, top->len) != 0)
		return false;
	return len == top->len || name[len - top->len - 1] == '.';
}

/* All authors in one domain, which is returned. */
static const char *one_author(struct reading *r)
{
	const struct fact *from = &r->facts.fixed[FACT_FROM_DOMAIN];
	const struct text *items = from->set.items;

	if (!is_known(&r->facts, FACT_FROM_COUNT) ||
	    r->facts.fixed[FACT_FROM_COUNT].number != 1 ||
	    from->state != FACT_KNOWN)
		return NULL;
	for (size_t i = 1; i < from->set.count; i++)
		if (items[i].len != items[0].len ||
		    memcmp(items[i].at, items[0].at, items[0].len) != 0)
			return NULL;
	return arena_strndup(&r->arena, items[0].at, items[0].len);
}

/* What of a header is a signature, by the double's own reading. */
static bool some_signature(struct reading *r, const char *text, size_t len,
			   const char *result, const char *author,
			   const struct text *top)
{
	struct header_walk walk = { .text = text, .len = len };
	struct header_field field;

	while (header_next(&walk, &field)) {
		struct domain plain;
		const char *value, *domain;

		if (!header_is(&field, "DKIM-Signature"))
			continue;
		value = arena_strndup(&r->arena, field.value, field.value_len);
		CLAIM(value != NULL);
		while (*value == ' ' || *value == '\t')
			value++;
		domain = strstr(value, "d=");
		if (strncmp(value, result, strlen(result)) != 0 || !domain ||
		    domain_normalise(domain + 2, strlen(domain + 2), &plain) !=
			    ADDRESS_FINE)
			continue;
		if (strcmp(plain.name, author) == 0 ||
		    (top && ends_in(plain.name, top)))
			return true;
	}
	return false;
}

static void check_pass(struct reading *r, const char *text, size_t len)
{
	const struct message_authentication *given = &r->request.authentication;
	const struct fact *org = &r->facts.fixed[FACT_DMARC_ORG_DOMAIN];
	const struct text *top = org->state == FACT_KNOWN ? &org->text : NULL;
	const char *author = one_author(r);
	bool by_spf = !given->spf_unknown && given->spf == SPF_RESULT_PASS &&
		      given->spf_domain != NULL;

	CLAIM(author != NULL);
	CLAIM(is_known(&r->facts, FACT_DMARC_DOMAIN));
	CLAIM(ends_in(author, &r->facts.fixed[FACT_DMARC_DOMAIN].text));
	CLAIM(!top || ends_in(author, top));
	if (by_spf)
		by_spf = strcmp(given->spf_domain, author) == 0 ||
			 (top && ends_in(given->spf_domain, top));
	CLAIM(is_yes(&r->facts, FACT_DMARC_ALIGNED_SPF) ||
	      is_yes(&r->facts, FACT_DMARC_ALIGNED_DKIM));
	CLAIM(!is_yes(&r->facts, FACT_DMARC_ALIGNED_SPF) || by_spf);
	CLAIM(!is_yes(&r->facts, FACT_DMARC_ALIGNED_DKIM) ||
	      some_signature(r, text, len, "pass", author, top));
}

static void check_fail(struct reading *r, const char *text, size_t len)
{
	const struct message_authentication *given = &r->request.authentication;
	const char *author = one_author(r);
	bool doubt = given->spf_unknown || given->spf == SPF_RESULT_TEMPERROR;

	CLAIM(author != NULL);
	CLAIM(is_known(&r->facts, FACT_DMARC_DOMAIN));
	CLAIM(!doubt ||
	      (given->spf_domain && strcmp(given->spf_domain, author) != 0));
	CLAIM(!some_signature(r, text, len, "temperror", author, NULL));
	CLAIM(!is_yes(&r->facts, FACT_DMARC_ALIGNED_SPF));
	CLAIM(!is_yes(&r->facts, FACT_DMARC_ALIGNED_DKIM));
}

static void check(struct reading *r, const char *text, size_t len)
{
	const struct facts *facts = &r->facts;

	for (int id = FACT_DKIM; id <= FACT_DMARC_RECORD_ERROR; id++)
		CLAIM(facts->fixed[id].state != FACT_PENDING);
	if (is_word(facts, FACT_DMARC, "pass"))
		check_pass(r, text, len);
	if (is_word(facts, FACT_DMARC, "fail"))
		check_fail(r, text, len);
	if (is_word(facts, FACT_DMARC, "permerror")) {
		CLAIM(is_known(facts, FACT_DMARC_RECORD_ERROR));
		CLAIM(!is_known(facts, FACT_DMARC_DOMAIN));
	}
	if (is_known(facts, FACT_DMARC_POLICY))
		CLAIM(is_known(facts, FACT_DMARC_DOMAIN));
	CLAIM(!is_yes(facts, FACT_DMARC_ALIGNED_DKIM) ||
	      is_word(facts, FACT_DKIM, "pass"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + CONTROL;
	static struct reading r;

	if (size < CONTROL || size > 4096)
		return 0;
	size -= CONTROL;
	for (int given = 0; given < 2; given++) {
		make_request(&r, data);
		read_header(&r, text, size, given);
		check(&r, text, size);
		arena_done(&r.arena);
	}
	return 0;
}
