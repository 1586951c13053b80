/*
 * test_message.c - what a message's facts are, row by row.
 *
 * A row gives header fields ("Name: value", one a line, folds begin with a
 * blank), or a body, and says one fact as text: "none", "unknown", "yes", "no",
 * a number, a string, or the members of a set joined by "|".
 */
#include "filter/inspect/message.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/arena.h"
#include "rules/mail/limits.h"
#include "tests/unit/inspect_zone.h"

static const struct message_want wants[] = {
	{ .slot = 0, .raw = false, .name = "X-Test", .name_len = 6 },
	{ .slot = 1, .raw = true, .name = "x-test", .name_len = 6 },
};

struct reading {
	struct arena arena;
	struct message *message;
	struct facts facts;
};

static void reading_init(struct reading *r, uint64_t body_limit)
{
	const struct message_request request = { .arrival = 1000000000,
						 .body_limit = body_limit,
						 .wants = wants,
						 .want_count = 2 };

	arena_init(&r->arena, MESSAGE_ARENA_MAX);
	assert_int_equal(facts_init(&r->facts, &r->arena, 2), 0);
	r->message = message_new(&request, &r->arena);
	assert_non_null(r->message);
}

static void reading_done(struct reading *r)
{
	message_free(r->message);
	arena_done(&r->arena);
}

/* One field of the block at `at`; returns what follows it. */
static const char *feed_field(struct reading *r, const char *at)
{
	const char *colon = strchr(at, ':');
	const char *end = at;

	assert_non_null(colon);
	do {
		const char *lf = strchr(end, '\n');

		end = lf ? lf + 1 : end + strlen(end);
	} while (*end == ' ' || *end == '\t');
	message_header(r->message, at, (size_t)(colon - at), colon + 1,
		       (size_t)(end - colon - 1) - (end[-1] == '\n'), false);
	return end;
}

static void feed(struct reading *r, const char *block)
{
	while (*block != '\0')
		block = feed_field(r, block);
}

static void describe(const struct fact *fact, enum fact_type type, char *out,
		     size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	if (fact->state != FACT_KNOWN)
		snprintf(out, size, "%s", fact_state_name(fact->state));
	else if (type == FACT_TYPE_BOOL)
		snprintf(out, size, "%s", fact->yes ? "yes" : "no");
	else if (type == FACT_TYPE_NUMBER)
		snprintf(out, size, "%" PRId64, fact->number);
	else if (type == FACT_TYPE_STRING)
		snprintf(out, size, "%.*s", (int)fact->text.len, fact->text.at);
	else
		for (size_t i = 0; i < fact->set.count && used < size; i++)
			used += (size_t)snprintf(out + used, size - used,
						 "%s%.*s", i > 0 ? "|" : "",
						 (int)fact->set.items[i].len,
						 fact->set.items[i].at);
}

static const struct row {
	const char *claim;
	const char *header;
	int fact;
	const char *value;
} rows[] = {
	/* From */
	{ "no From, no domain", "To: a@x.test", FACT_FROM_DOMAIN, "none" },
	{ "no From, none counted", "", FACT_FROM_COUNT, "0" },
	{ "no From is not valid", "", FACT_FROM_IS_VALID, "no" },
	{ "the domain is normalised", "From: <a@X.Test.>", FACT_FROM_DOMAIN,
	  "x.test" },
	{ "the name's case does not matter", "fRoM: a@x.test", FACT_FROM_DOMAIN,
	  "x.test" },
	{ "an address keeps its local part", "From: Joe <A.b@x.test>",
	  FACT_FROM_ADDRESS, "A.b@x.test" },
	{ "quotes only where needed", "From: \"a b\"@x.test", FACT_FROM_ADDRESS,
	  "\"a b\"@x.test" },
	{ "two mailboxes", "From: a@x.test, b@y.test", FACT_FROM_DOMAIN,
	  "x.test|y.test" },
	{ "are counted", "From: a@x.test, b@y.test", FACT_FROM_MAILBOXES, "2" },
	{ "two From fields", "From: a@x.test\nFrom: b@y.test", FACT_FROM_DOMAIN,
	  "x.test|y.test" },
	{ "are two", "From: a@x.test\nFrom: b@y.test", FACT_FROM_COUNT, "2" },
	{ "and not valid", "From: a@x.test\nFrom: b@y.test", FACT_FROM_IS_VALID,
	  "no" },
	{ "one proper From is valid", "From: A B <a@x.test>",
	  FACT_FROM_IS_VALID, "yes" },
	{ "an obsolete phrase is valid too", "From: J. Doe <a@x.test>",
	  FACT_FROM_IS_VALID, "yes" },
	{ "an unreadable From names nobody", "From: a@x.test <b@y.test>",
	  FACT_FROM_DOMAIN, "none" },
	{ "and is not valid", "From: a@x.test <b@y.test>", FACT_FROM_IS_VALID,
	  "no" },
	{ "names are decoded",
	  "From: =?iso-8859-1?q?J=FCrg?= <a@x.test>, \"B \\\"b\\\"\" "
	  "<b@x.test>",
	  FACT_FROM_NAME, "J\xc3\xbcrg|B \"b\"" },
	{ "no name is none", "From: a@x.test", FACT_FROM_NAME, "none" },
	{ "Reply-To's domains", "Reply-To: a@x.test, G: b@y.test;",
	  FACT_REPLY_TO_DOMAIN, "x.test|y.test" },
	/* Subject */
	{ "no Subject is none", "", FACT_SUBJECT, "none" },
	{ "an empty one is empty", "Subject:", FACT_SUBJECT, "" },
	{ "folds and blanks go", "Subject:  a\n b  ", FACT_SUBJECT, "a b" },
	{ "words are decoded", "Subject: =?utf-8?b?w6Q=?= =?utf-8?q?=C3=B6?=",
	  FACT_SUBJECT, "\xc3\xa4\xc3\xb6" },
	{ "the first one counts", "Subject: a\nSubject: b", FACT_SUBJECT, "a" },
	/* Message-ID */
	{ "no Message-ID", "", FACT_MESSAGE_ID, "none" },
	{ "nor is it valid or invalid", "", FACT_MESSAGE_ID_IS_VALID, "none" },
	{ "blanks around it go", "Message-ID:\n <a@b>", FACT_MESSAGE_ID,
	  "<a@b>" },
	{ "left@right is valid", "Message-Id: <a.b@c>",
	  FACT_MESSAGE_ID_IS_VALID, "yes" },
	{ "a bare one is not", "Message-ID: a@b", FACT_MESSAGE_ID_IS_VALID,
	  "no" },
	{ "nor one without @", "Message-ID: <ab>", FACT_MESSAGE_ID_IS_VALID,
	  "no" },
	{ "nor an empty side", "Message-ID: <@b>", FACT_MESSAGE_ID_IS_VALID,
	  "no" },
	{ "nor the other", "Message-ID: <a@>", FACT_MESSAGE_ID_IS_VALID, "no" },
	{ "nor blanks inside", "Message-ID: <a @b>", FACT_MESSAGE_ID_IS_VALID,
	  "no" },
	{ "nor two of them", "Message-ID: <a@b>\nMessage-ID: <a@b>",
	  FACT_MESSAGE_ID_IS_VALID, "no" },
	/* Date */
	{ "no Date", "", FACT_DATE, "none" },
	{ "is not valid", "", FACT_DATE_IS_VALID, "no" },
	{ "and has no age", "", FACT_DATE_AGE, "none" },
	{ "a date", "Date: Sun, 9 Sep 2001 01:46:40 +0000", FACT_DATE,
	  "1000000000" },
	{ "with a zone", "Date: Sun, 9 Sep 2001 03:46:39 +0200", FACT_DATE_AGE,
	  "1" },
	{ "from the future", "Date: 9 Sep 2001 01:46:42 +0000", FACT_DATE_AGE,
	  "-2" },
	{ "is valid", "Date: 9 Sep 2001 01:46:42 +0000", FACT_DATE_IS_VALID,
	  "yes" },
	{ "the wrong weekday is read", "Date: Mon, 9 Sep 2001 01:46:40 +0000",
	  FACT_DATE, "1000000000" },
	{ "and not valid", "Date: Mon, 9 Sep 2001 01:46:40 +0000",
	  FACT_DATE_IS_VALID, "no" },
	{ "nonsense is no date", "Date: tomorrow", FACT_DATE, "none" },
	{ "two dates are not valid",
	  "Date: 9 Sep 2001 01:46:40 +0000\nDate: 9 Sep 2001 01:46:40 +0000",
	  FACT_DATE_IS_VALID, "no" },
	/* the block */
	{ "Received fields", "Received: a\nX: b\nReceived: c",
	  FACT_RECEIVED_COUNT, "2" },
	{ "fields", "A: b\nC: d\n e", FACT_HEADER_COUNT, "2" },
	{ "no fields", "", FACT_HEADER_COUNT, "0" },
	{ "size as on the wire", "A: b\nC: d\n e", FACT_HEADER_SIZE, "16" },
	{ "size does not depend on how folds arrive", "C: d\r\n e",
	  FACT_HEADER_SIZE, "10" },
	{ "all well", "A: b", FACT_HEADER_IS_VALID, "yes" },
	{ "a blank before the colon", "A : b", FACT_HEADER_IS_VALID, "no" },
	{ "no name", ": b", FACT_HEADER_IS_VALID, "no" },
	{ "8 bit is well-formed", "A: \xe4", FACT_HEADER_IS_VALID, "yes" },
	{ "and a fact", "A: \xe4", FACT_HEADER_8BIT, "yes" },
	{ "not 8 bit", "A: b", FACT_HEADER_8BIT, "no" },
	{ "a bare CR", "A: b\rc", FACT_HEADER_BARE_CR, "yes" },
	{ "CRLF folds are none", "A: b\r\n c", FACT_HEADER_BARE_CR, "no" },
	{ "nothing repeated", "To: a\nReceived: b\nReceived: c",
	  FACT_HEADER_REPEATED, "none" },
	{ "repeated", "TO: a\nto: b\nSubject: c\nSubject: d",
	  FACT_HEADER_REPEATED, "to|subject" },
	{ "not truncated", "A: b", FACT_HEADER_TRUNCATED, "no" },
	/* slots */
	{ "a wanted field", "X-TEST: =?utf-8?q?a?=\n b", FACT_FIXED, "a b" },
	{ "each of them", "X-Test: a\nX-Test: b", FACT_FIXED, "a|b" },
	{ "is none if absent", "X-Testing: a", FACT_FIXED, "none" },
	{ "raw as sent", "X-Test: =?utf-8?q?a?=\r\n\tb ", FACT_FIXED + 1,
	  " =?utf-8?q?a?=\n\tb " },
};

static void facts_of_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		enum fact_type type = FACT_TYPE_SET;
		const struct fact *fact;
		struct reading r;
		char got[256];

		reading_init(&r, 0);
		feed(&r, row->header);
		message_finish(r.message, false, &r.facts);
		if (row->fact < FACT_FIXED) {
			fact = &r.facts.fixed[row->fact];
			type = fact_row((enum fact_id)row->fact)->type;
		} else {
			fact = &r.facts.slots[row->fact - FACT_FIXED];
		}
		describe(fact, type, got, sizeof(got));
		if (strcmp(got, row->value) != 0)
			fail_msg("%s: %s is '%s', not '%s'", row->claim,
				 fact_row((enum fact_id)row->fact)->name, got,
				 row->value);
		reading_done(&r);
	}
}

/* --- all facts of the table, and no others ------------------------------ */

static void every_fact_is_set(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit < 2; limit++) {
		struct reading r;

		reading_init(&r, limit);
		message_finish(r.message, false, &r.facts);
		for (int id = 0; id < FACT_FIXED; id++) {
			bool header = id >= FACT_FROM_DOMAIN &&
				      id <= FACT_HEADER_TRUNCATED;
			bool body = limit > 0 && id >= FACT_BODY_SIZE &&
				    id <= FACT_BODY_LONGEST_LINE;
			bool set = r.facts.fixed[id].state != FACT_PENDING;

			if (set != (header || body))
				fail_msg("%s",
					 fact_row((enum fact_id)id)->name);
		}
		reading_done(&r);
	}
}

/* --- past the limits ---------------------------------------------------- */

static const struct limit_row {
	const char *claim;
	int fact;
	const char *value;
} past_limits[] = {
	{ "it is said", FACT_HEADER_TRUNCATED, "yes" },
	{ "another From may follow", FACT_FROM_DOMAIN, "unknown" },
	{ "so their number is open", FACT_FROM_COUNT, "unknown" },
	{ "and whether it is valid", FACT_FROM_IS_VALID, "unknown" },
	{ "the first Subject was there", FACT_SUBJECT, "early" },
	{ "no Date was there yet", FACT_DATE, "unknown" },
	{ "nor a Message-ID", FACT_MESSAGE_ID, "unknown" },
	{ "a fault that was seen stays", FACT_HEADER_8BIT, "yes" },
	{ "one that was not may follow", FACT_HEADER_NUL, "unknown" },
	{ "a malformed field was seen", FACT_HEADER_IS_VALID, "no" },
	{ "Received is open", FACT_RECEIVED_COUNT, "unknown" },
	{ "so is the wanted field", FACT_FIXED, "unknown" },
};

static void past_the_limits_nothing_is_sure(void **state)
{
	static char filler[65000];

	(void)state;
	memset(filler, 'x', sizeof(filler));
	for (int way = 0; way < 2; way++) {
		struct reading r;

		reading_init(&r, 0);
		feed(&r, "From: a@x.test\nSubject: early\nX-Test: a\n"
			 "B\xe4: \xe4\n");
		for (int i = 0; i < (way == 0 ? MAIL_FIELDS_MAX : 5); i++)
			message_header(r.message, "X", 1, filler,
				       way == 0 ? 1 : sizeof(filler), false);
		message_finish(r.message, false, &r.facts);
		for (size_t i = 0;
		     i < sizeof(past_limits) / sizeof(past_limits[0]); i++) {
			const struct limit_row *row = &past_limits[i];
			const struct fact *fact =
				row->fact < FACT_FIXED
					? &r.facts.fixed[row->fact]
					: &r.facts.slots[0];
			char got[256];

			describe(fact,
				 row->fact < FACT_FIXED
					 ? fact_row((enum fact_id)row->fact)
						   ->type
					 : FACT_TYPE_SET,
				 got, sizeof(got));
			if (strcmp(got, row->value) != 0)
				fail_msg("%s: '%s'", row->claim, got);
		}
		reading_done(&r);
	}
}

static void just_within_the_limits_all_is_known(void **state)
{
	struct reading r;

	(void)state;
	reading_init(&r, 0);
	for (int i = 0; i < MAIL_FIELDS_MAX - 1; i++)
		feed(&r, "X-Test: v");
	feed(&r, "From: a@x.test");
	message_finish(r.message, false, &r.facts);
	assert_false(r.facts.fixed[FACT_HEADER_TRUNCATED].yes);
	assert_int_equal(r.facts.fixed[FACT_FROM_DOMAIN].state, FACT_KNOWN);
	assert_int_equal(r.facts.slots[0].set.count, MAIL_FIELDS_MAX - 1);
	reading_done(&r);
}

static void a_cut_field_is_not_read(void **state)
{
	struct reading r;

	(void)state;
	reading_init(&r, 0);
	message_header(r.message, "From", 4, " a@x.test", 9, true);
	feed(&r, "Subject: s");
	message_finish(r.message, false, &r.facts);
	assert_true(r.facts.fixed[FACT_HEADER_TRUNCATED].yes);
	assert_int_equal(r.facts.fixed[FACT_FROM_DOMAIN].state, FACT_UNKNOWN);
	assert_int_equal(r.facts.fixed[FACT_FROM_COUNT].number, 1);
	assert_int_equal(r.facts.fixed[FACT_FROM_IS_VALID].state, FACT_UNKNOWN);
	assert_int_equal(r.facts.fixed[FACT_SUBJECT].state, FACT_KNOWN);
	reading_done(&r);
}

/* Thousands of mailboxes, all in a field of the permitted size. */
static void memory_is_bounded(void **state)
{
	static char many[64000];
	struct reading r;
	size_t used = 0;

	(void)state;
	while (used + 8 < sizeof(many)) {
		memcpy(many + used, "a@b.cc, ", 8);
		used += 8;
	}
	reading_init(&r, 0);
	for (int i = 0; i < 4; i++)
		message_header(r.message, "From", 4, many, used, false);
	message_finish(r.message, false, &r.facts);
	assert_int_equal(r.facts.fixed[FACT_FROM_DOMAIN].state, FACT_UNKNOWN);
	assert_true(r.arena.taken <= MESSAGE_ARENA_MAX);
	reading_done(&r);
}

/* --- the body ----------------------------------------------------------- */

static const struct body_row {
	const char *claim;
	const char *body;
	size_t len;
	uint64_t limit;
	int64_t size, longest;
	const char *nul, *bare_cr, *bare_lf;
} bodies[] = {
#define BODY(text) text, sizeof(text) - 1
	{ "an empty body", BODY(""), 100, 0, 0, "no", "no", "no" },
	{ "two lines", BODY("ab\r\nabc\r\n"), 100, 9, 3, "no", "no", "no" },
	{ "a last line without end", BODY("a\r\nabcd"), 100, 7, 4, "no", "no",
	  "no" },
	{ "a bare LF", BODY("a\nb\r\n"), 100, 5, 1, "no", "no", "yes" },
	{ "a bare LF in front", BODY("\n"), 100, 1, 0, "no", "no", "yes" },
	{ "a bare CR", BODY("a\rb\r\n"), 100, 5, 3, "no", "yes", "no" },
	{ "a CR before CRLF", BODY("a\r\r\n"), 100, 4, 2, "no", "yes", "no" },
	{ "a CR in last place", BODY("ab\r"), 100, 3, 3, "no", "yes", "no" },
	{ "a NUL", BODY("a\0b"), 100, 3, 3, "yes", "no", "no" },
	{ "just the limit", BODY("abc"), 3, 3, 3, "no", "no", "no" },
	{ "beyond the limit", BODY("abc\r\n\0"), 3, 3, 3, "unknown", "unknown",
	  "unknown" },
	{ "found before the limit", BODY("\0\n\rabc"), 4, 4, 2, "yes", "yes",
	  "yes" },
	{ "a CR that the limit cuts from its LF", BODY("ab\r\n"), 3, 3, 2,
	  "unknown", "unknown", "unknown" },
};

static void read_body(const struct body_row *row, size_t border,
		      struct facts *facts)
{
	struct reading r;

	reading_init(&r, row->limit);
	message_body(r.message, row->body, border);
	message_body(r.message, row->body + border, row->len - border);
	message_finish(r.message, false, &r.facts);
	*facts = r.facts;
	reading_done(&r);
}

static void assert_bool(const struct fact *fact, const char *expected,
			const char *claim, size_t border)
{
	char got[32];

	describe(fact, FACT_TYPE_BOOL, got, sizeof(got));
	if (strcmp(got, expected) != 0)
		fail_msg("%s, cut at %zu: %s, not %s", claim, border, got,
			 expected);
}

static void facts_of_bodies_wherever_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body_row *row = &bodies[i];

		for (size_t border = 0; border <= row->len; border++) {
			const struct fact *got;
			struct facts facts;

			read_body(row, border, &facts);
			got = facts.fixed;
			if (got[FACT_BODY_SIZE].number != row->size ||
			    got[FACT_BODY_LONGEST_LINE].number != row->longest)
				fail_msg("%s, cut at %zu", row->claim, border);
			assert_bool(&got[FACT_BODY_NUL], row->nul, row->claim,
				    border);
			assert_bool(&got[FACT_BODY_BARE_CR], row->bare_cr,
				    row->claim, border);
			assert_bool(&got[FACT_BODY_BARE_LF], row->bare_lf,
				    row->claim, border);
		}
	}
}

/* --- signed (test_vouch.c has what follows from it) ---------------------- */

/* RFC 8463, appendix A.3. */
static const char joes_header[] =
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
	" d=football.example.com; i=@football.example.com;\n"
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
	" subject : date : message-id : from : subject : date;\n"
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
	"From: Joe SixPack <joe@football.example.com>\n"
	"To: Suzie Q <suzie@shopping.example.net>\n"
	"Subject: Is dinner ready?\n"
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\n";
static const char joes_body[] =
	"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

#define JOES_KEY                                        \
	"brisbane._domainkey.football.example.com TXT " \
	"\"v=DKIM1; k=ed25519; "                        \
	"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n"
#define JOES_POLICY "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"

static const struct signed_row {
	const char *claim, *zone;
	uint64_t body_limit;
	int changed; /* this byte of the body; -1: none */
	bool body_cut;
	const char *dkim, *dmarc;
	int64_t body_size; /* -1: not asked for */
} signed_rows[] = {
	{ "the RFC's own", JOES_KEY JOES_POLICY, 1000, -1, false, "pass",
	  "pass", 55 },
	{ "though no fact is about the body", JOES_KEY JOES_POLICY, 0, -1,
	  false, "pass", "pass", -1 },
	{ "past the body's limit", JOES_KEY JOES_POLICY, 5, -1, false, "pass",
	  "pass", 5 },
	{ "with a byte changed", JOES_KEY JOES_POLICY, 1000, 20, false, "fail",
	  "fail", 55 },
	{ "with one changed past the limit", JOES_KEY JOES_POLICY, 5, 20, false,
	  "fail", "fail", 5 },
	{ "not all of it is here", JOES_KEY JOES_POLICY, 1000, -1, true,
	  "temperror", "temperror", 55 },
	{ "the key does not arrive",
	  "brisbane._domainkey.football.example.com TIMEOUT\n" JOES_POLICY,
	  1000, -1, false, "temperror", "temperror", 55 },
	{ "there is no key", JOES_POLICY, 1000, -1, false, "permerror", "fail",
	  55 },
	{ "there is no policy", JOES_KEY, 1000, -1, false, "pass", "none", 55 },
};

static void assert_word(const struct facts *facts, enum fact_id id,
			const char *expected, const char *claim)
{
	const struct fact *fact = &facts->fixed[id];
	const char *got = fact->state == FACT_KNOWN
				  ? fact_row(id)->words[fact->word]
				  : fact_state_name(fact->state);

	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s is %s, not %s", claim, fact_row(id)->name, got,
			 expected);
}

/* The body in pieces of `piece` bytes. */
static void check_signed(const struct signed_row *row, size_t piece)
{
	struct message_request request = { .arrival = 1530000000,
					   .body_limit = row->body_limit };
	char body[sizeof(joes_body)];
	size_t len = strlen(joes_body);
	struct inspect_zone zone;
	struct reading r;

	memcpy(body, joes_body, sizeof(body));
	if (row->changed >= 0)
		body[row->changed] ^= 1;
	inspect_zone_open(&zone, row->zone);
	request.dns = &zone.dns;
	request.authentication.wanted = true;
	request.authentication.discovery = DMARC_WALK_AND_LIST;
	request.authentication.spf = SPF_RESULT_NONE;
	arena_init(&r.arena, MESSAGE_ARENA_MAX);
	assert_int_equal(facts_init(&r.facts, &r.arena, 0), 0);
	r.message = message_new(&request, &r.arena);
	assert_non_null(r.message);
	feed(&r, joes_header);
	for (size_t at = 0; at < len; at += piece)
		message_body(r.message, body + at,
			     len - at < piece ? len - at : piece);
	message_finish(r.message, row->body_cut, &r.facts);
	assert_word(&r.facts, FACT_DKIM, row->dkim, row->claim);
	assert_word(&r.facts, FACT_DMARC, row->dmarc, row->claim);
	assert_true(r.facts.fixed[FACT_DKIM_ALIGNED].yes);
	if (row->body_size >= 0)
		assert_int_equal(r.facts.fixed[FACT_BODY_SIZE].number,
				 row->body_size);
	else
		assert_int_equal(r.facts.fixed[FACT_BODY_SIZE].state,
				 FACT_PENDING);
	reading_done(&r);
	inspect_zone_close(&zone);
}

static void signed_messages_wherever_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(signed_rows) / sizeof(signed_rows[0]);
	     i++)
		for (size_t piece = 1; piece < sizeof(joes_body); piece++)
			check_signed(&signed_rows[i], piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_headers),
		cmocka_unit_test(every_fact_is_set),
		cmocka_unit_test(past_the_limits_nothing_is_sure),
		cmocka_unit_test(just_within_the_limits_all_is_known),
		cmocka_unit_test(a_cut_field_is_not_read),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(facts_of_bodies_wherever_they_are_cut),
		cmocka_unit_test(signed_messages_wherever_they_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
