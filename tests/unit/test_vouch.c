/*
 * test_vouch.c - who vouches for a message, in a world made of a zone's text.
 *
 * Signatures are the double's: a field gives its result.  Everything goes
 * through message.h, once as a header block and once as an MTA hands it over.
 */
#include "filter/inspect/vouch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/inspect/message.h"
#include "rules/arena.h"
#include "rules/mail/limits.h"
#include "tests/unit/inspect_zone.h"
#include "tests/unit/signatures_double.h"
#include "tests/unit/vouch_bench.h"
#include "tests/unit/vouch_claims.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* --- what follows from what --------------------------------------------- */

static void one_thing_follows_from_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < vouch_row_count; i++) {
		const struct mail mail = { .header = vouch_rows[i].header,
					   .len = strlen(vouch_rows[i].header),
					   .spf = vouch_rows[i].spf,
					   .discovery = DMARC_WALK_AND_LIST };

		for (int given = 0; given < 2; given++) {
			struct reading r;

			reading_take(&r, &mail, given);
			vouch_check(&r.facts, vouch_rows[i].claim,
				    vouch_rows[i].expected);
			reading_done(&r);
		}
	}
}

/* --- how organisations are found ----------------------------------------- */

static const struct {
	const char *claim;
	enum dmarc_discovery discovery;
	const char *expected;
} ways[] = {
	/* parent and child, of which the child alone has a record */
	{ "the walk makes them strangers", DMARC_TREE_WALK,
	  "dmarc fail; .org_domain child.alone.test; dkim.aligned no" },
	{ "the list does not", DMARC_SUFFIX_LIST,
	  "dmarc pass; .org_domain alone.test; dkim.aligned yes" },
	{ "nor both together", DMARC_WALK_AND_LIST,
	  "dmarc pass; .org_domain alone.test; dkim.aligned yes" },
};

static void discovery_is_a_setting(void **state)
{
	static const char header[] = "From: a@child.alone.test\n"
				     "DKIM-Signature: pass d=alone.test";

	(void)state;
	for (size_t i = 0; i < ROWS(ways); i++) {
		const struct mail mail = { .header = header,
					   .len = strlen(header),
					   .discovery = ways[i].discovery };
		struct reading r;

		reading_init(&r, &mail);
		inspect_zone_close(&r.zone);
		inspect_zone_open(&r.zone, "_dmarc.child.alone.test TXT "
					   "\"v=DMARC1; p=reject\"\n");
		reading_feed(&r, mail.header, mail.len, false);
		message_finish(r.message, false, &r.facts);
		vouch_check(&r.facts, ways[i].claim, ways[i].expected);
		reading_done(&r);
	}
}

/* --- From as forgers write it ------------------------------------------- */

static void forgers_gain_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < vouch_attack_count; i++) {
		const struct vouch_attack *row = &vouch_attacks[i];
		const struct mail mail = { .header = row->header,
					   .len = row->len,
					   .spf = row->spf,
					   .discovery = DMARC_WALK_AND_LIST };

		for (int given = 0; given < 2; given++) {
			struct reading r;

			reading_take(&r, &mail, given);
			vouch_check(&r.facts, row->claim, row->expected);
			reading_done(&r);
		}
	}
}

/* What an MTA took for a fold, and another reader would not. */
static void a_line_break_may_fold_nothing(void **state)
{
	static const char *const values[] = {
		" y\nFrom: <admin@legit.test>",
		" y\r\nFrom: <admin@legit.test>",
		" y\nfrom\t: <admin@legit.test>",
		" y\rFROM: <admin@legit.test>",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++)
		for (int only = 0; only < 2; only++) {
			struct mail mail = { .spf = "pass attack.test" };
			struct reading r;

			reading_init(&r, &mail);
			if (!only)
				message_header(r.message, "From", 4,
					       " <a@attack.test>", 16, false);
			message_header(r.message, "X", 1, values[i],
				       strlen(values[i]), false);
			message_finish(r.message, false, &r.facts);
			vouch_check(&r.facts, values[i], "dmarc permerror");
			reading_done(&r);
		}
}

/* --- past the limits ---------------------------------------------------- */

static void start(struct reading *r, const char *header, const char *spf)
{
	const struct mail mail = { .spf = spf,
				   .discovery = DMARC_WALK_AND_LIST };

	reading_init(r, &mail);
	reading_feed(r, header, strlen(header), false);
}

static void many_fields(struct reading *r)
{
	for (int i = 0; i < MAIL_FIELDS_MAX; i++)
		message_header(r->message, "X", 1, " y", 2, false);
}

static void end(struct reading *r, const char *claim, const char *expected)
{
	message_finish(r->message, false, &r->facts);
	vouch_check(&r->facts, claim, expected);
	reading_done(r);
}

static void past_the_limits_nothing_is_sure(void **state)
{
	struct reading r;

	(void)state;
	start(&r, "From: a@quar.test", "pass quar.test");
	many_fields(&r);
	end(&r, "another From may follow",
	    "dmarc unknown(limit); .policy unknown(limit); "
	    ".domain unknown(limit); .org_domain unknown(limit); "
	    ".aligned.spf unknown(limit); .aligned.dkim unknown(limit); "
	    ".testing unknown(limit); .record_error unknown(limit); "
	    "dkim.aligned unknown(limit); "
	    "dkim.alignments unknown(limit)");
	start(&r, "To: a@quar.test", "pass quar.test");
	many_fields(&r);
	end(&r, "or the first", "dmarc unknown(limit)");
	start(&r, "From: a@quar.test\nFrom: a@quar.test", "pass quar.test");
	many_fields(&r);
	end(&r, "two are too many already",
	    "dmarc permerror; .record_error several From fields");
	start(&r, "From: a@quar.test\nDKIM-Signature: pass d=quar.test", NULL);
	many_fields(&r);
	assert_int_equal(signatures_heard.fields, MAIL_FIELDS_MAX);
	end(&r, "what was signed is not all here",
	    "dmarc unknown(limit); dkim temperror; "
	    "dkim.aligned unknown(limit); "
	    "dkim.alignments unknown(limit)");
}

static void what_is_cut_off_may_hide_things(void **state)
{
	struct reading r;

	(void)state;
	start(&r, "", "pass quar.test");
	message_header(r.message, "From", 4, " a@quar.test", 12, true);
	end(&r, "the end of From",
	    "dmarc unknown(limit); dkim.aligned none; dkim.alignments none");
	start(&r, "DKIM-Signature: pass d=quar.test", NULL);
	message_header(r.message, "From", 4, " a@quar.test", 12, true);
	end(&r, "and whose signature it is",
	    "dkim.aligned unknown(limit); dkim.alignments unknown(limit)");
	start(&r, "From: a@quar.test", "pass quar.test");
	message_header(r.message, "X", 1, " y", 2, true);
	end(&r, "another From behind a bare CR", "dmarc unknown(limit)");
	start(&r, "From: a@reject.test", "pass other.test");
	message_header(r.message, "X", 1, " y", 2, true);
	end(&r, "with it, a fail is no better", "dmarc fail; .policy reject");
	start(&r, "From: a@reject.test\nDKIM-Signature: fail d=reject.test",
	      NULL);
	message_header(r.message, "X", 1, " y", 2, true);
	end(&r, "signed text", "dmarc temperror; dkim temperror");
}

/* --- signatures --------------------------------------------------------- */

static void signatures_hear_all_of_it(void **state)
{
	static const char header[] = "From : a@quar.test\nTo: b\n"
				     "DKIM-Signature: pass d=quar.test\n";
	const struct mail mail = { .header = header, .len = strlen(header) };
	struct reading r;

	(void)state;
	reading_init(&r, &mail);
	reading_feed(&r, mail.header, mail.len, true);
	assert_string_equal(signatures_heard.names, "From |To|DKIM-Signature|");
	assert_string_equal(signatures_heard.author, "");
	message_body(r.message, "abc", 3);
	assert_string_equal(signatures_heard.author, "-");
	message_body(r.message, "defg", 4);
	assert_int_equal(signatures_heard.body, 7);
	message_finish(r.message, true, &r.facts);
	assert_true(signatures_heard.body_cut);
	assert_int_equal(signatures_heard.alive, 0);
	reading_done(&r);
}

static void unsigned_mail_has_no_body_to_hash(void **state)
{
	struct reading r;

	(void)state;
	start(&r, "From: a@quar.test", NULL);
	message_body(r.message, "abc", 3);
	assert_string_equal(signatures_heard.author, "quar.test");
	assert_int_equal(signatures_heard.body, 0);
	end(&r, "no body", "dmarc fail");
}

static void a_message_may_be_dropped_halfway(void **state)
{
	struct reading r;

	(void)state;
	start(&r, "From: a@quar.test\nDKIM-Signature: pass d=quar.test", NULL);
	assert_int_equal(signatures_heard.alive, 1);
	reading_done(&r);
}

static void without_memory_signatures_are_unknown(void **state)
{
	struct reading r;

	(void)state;
	signatures_double_fails = true;
	start(&r, "From: a@reject.test", NULL);
	signatures_double_fails = false;
	message_body(r.message, "abc", 3);
	end(&r, "no memory",
	    "dkim unknown(limit); dkim.passed unknown(limit); "
	    "dkim.aligned unknown(limit); dkim.alignments unknown(limit); "
	    "dmarc temperror; "
	    ".aligned.dkim unknown(failed)");
}

/* More signatures without an answer than DMARC takes domains. */
static void among_many_one_may_be_aligned(void **state)
{
	struct reading r;

	(void)state;
	start(&r, "From: a@reject.test", NULL);
	for (int i = 0; i < 30; i++) {
		char value[64];
		int len = snprintf(value, sizeof(value),
				   " temperror d=%d.other.test", i);

		message_header(r.message, "DKIM-Signature", 14, value,
			       (size_t)len, false);
	}
	end(&r, "many", "dmarc temperror");
}

static void what_is_not_wanted_is_not_done(void **state)
{
	const struct message_request request = { .arrival = 1 };
	struct arena arena;
	struct message *message;
	struct facts facts;

	(void)state;
	memset(&signatures_heard, 0, sizeof(signatures_heard));
	arena_init(&arena, MESSAGE_ARENA_MAX);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	message = message_new(&request, &arena);
	assert_non_null(message);
	message_header(message, "From", 4, " a@x.test", 9, false);
	message_finish(message, false, &facts);
	for (int id = FACT_DKIM; id <= FACT_DMARC_RECORD_ERROR; id++)
		assert_int_equal(facts.fixed[id].state, FACT_PENDING);
	assert_int_equal(signatures_heard.fields, 0);
	message_free(message);
	message_free(NULL);
	arena_done(&arena);
}

/* --- what is asked ------------------------------------------------------ */

static const struct {
	const char *claim, *header, *spf;
	const char *asked; /* one hint each, a line each */
	unsigned wasted;
} hints[] = {
	{ "the author's walk", "From: a@reject.test", NULL,
	  "_dmarc.reject.test TXT\n_dmarc.test TXT\n", 0 },
	{ "a deeper one", "From: a@a.b.reject.test", NULL,
	  "_dmarc.a.b.reject.test TXT\n_dmarc.b.reject.test TXT\n"
	  "_dmarc.reject.test TXT\n_dmarc.test TXT\n",
	  0 },
	{ "who is proven is not asked twice", "From: a@reject.test",
	  "pass reject.test", "_dmarc.reject.test TXT\n_dmarc.test TXT\n", 0 },
	{ "nor strangers at all",
	  "From: a@reject.test\nDKIM-Signature: pass d=other.test",
	  "pass esp.test", "_dmarc.reject.test TXT\n_dmarc.test TXT\n", 0 },
	{ "who is below, as far as it is below", "From: a@reject.test",
	  "pass b.m.reject.test",
	  "_dmarc.reject.test TXT\n_dmarc.test TXT\n"
	  "_dmarc.b.m.reject.test TXT\n_dmarc.m.reject.test TXT\n",
	  0 },
	{ "signatures too",
	  "From: a@reject.test\nDKIM-Signature: pass d=m.reject.test", NULL,
	  "_dmarc.reject.test TXT\n_dmarc.test TXT\n_dmarc.m.reject.test TXT\n",
	  0 },
	{ "what SPF did not prove is not hinted at", "From: a@reject.test",
	  "fail m.reject.test", "_dmarc.reject.test TXT\n_dmarc.test TXT\n",
	  0 },
	{ "psd= ends the walk early", "From: a@psd.test", NULL,
	  "_dmarc.psd.test TXT\n_dmarc.test TXT\n", 1 },
	{ "nobody", "From: a@x.test, b@y.test", "pass x.test", "", 0 },
};

static void one_round_trip_is_enough(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(hints); i++) {
		const struct mail mail = { .header = hints[i].header,
					   .len = strlen(hints[i].header),
					   .spf = hints[i].spf,
					   .discovery = DMARC_WALK_AND_LIST };
		struct reading r;
		char *log;

		reading_take(&r, &mail, false);
		log = inspect_zone_log(&r.zone);
		if (strcmp(log, hints[i].asked) != 0)
			fail_msg("not so: %s:\n%s", hints[i].claim, log);
		if (r.zone.waits > 1 || r.zone.wasted != hints[i].wasted)
			fail_msg("%s: %u waits, %u wasted", hints[i].claim,
				 r.zone.waits, r.zone.wasted);
		free(log);
		reading_done(&r);
	}
}

/* 64 signatures, each for a place of its own seven labels deep. */
static void questions_are_bounded(void **state)
{
	struct reading r;

	(void)state;
	start(&r, "From: a@reject.test", "pass a.b.c.d.e.f.reject.test");
	for (int i = 0; i < 64; i++) {
		char value[64];
		int len = snprintf(value, sizeof(value),
				   " pass d=a.b.c.d.e%d.f%d.reject.test", i, i);

		message_header(r.message, "DKIM-Signature", 14, value,
			       (size_t)len, false);
	}
	message_body(r.message, "abc", 3);
	assert_int_equal(r.zone.questions, 2 + 8);
	message_finish(r.message, false, &r.facts);
	assert_true(r.zone.questions <= DMARC_QUESTIONS_MAX + 8);
	vouch_check(&r.facts, "many", "dmarc pass");
	reading_done(&r);
}

/* A door behind which the keys have used up all the time. */
struct slow_dns {
	struct inspect_dns dns;
	struct inspect_zone *zone;
};

static const struct dns_answer *slow_ask(struct inspect_dns *dns,
					 const char *name, enum dns_type type)
{
	struct slow_dns *slow = (struct slow_dns *)dns;

	if (signatures_heard.finished)
		return dns_answer_of(DNS_TIMEOUT);
	return slow->zone->dns.ask(&slow->zone->dns, name, type);
}

static void slow_hint(struct inspect_dns *dns, const char *name,
		      enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
}

static void a_forgers_slow_key_takes_no_time_from_the_author(void **state)
{
	static const char header[] = "From: a@absent.np.test\n"
				     "DKIM-Signature: temperror d=attack.test";
	struct message_request request = {
		.authentication = { .wanted = true, .spf = SPF_RESULT_NONE },
	};
	struct reading r = { 0 };
	struct slow_dns slow = { .dns = { slow_ask, slow_hint },
				 .zone = &r.zone };

	(void)state;
	memset(&signatures_heard, 0, sizeof(signatures_heard));
	arena_init(&r.arena, MESSAGE_ARENA_MAX);
	inspect_zone_open(&r.zone, vouch_world);
	assert_int_equal(facts_init(&r.facts, &r.arena, 0), 0);
	request.dns = &slow.dns;
	r.message = message_new(&request, &r.arena);
	assert_non_null(r.message);
	reading_feed(&r, header, strlen(header), true);
	message_finish(r.message, false, &r.facts);
	assert_true(signatures_heard.finished);
	vouch_check(&r.facts, "a slow key", "dmarc fail; .policy reject");
	reading_done(&r);
}

static void without_dns_all_is_unknown(void **state)
{
	struct message_request request = {
		.authentication = { .wanted = true, .spf = SPF_RESULT_NONE },
	};
	struct arena arena;
	struct message *message;
	struct facts facts;

	(void)state;
	arena_init(&arena, MESSAGE_ARENA_MAX);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	message = message_new(&request, &arena);
	assert_non_null(message);
	message_header(message, "From", 4, " a@x.test", 9, false);
	message_finish(message, false, &facts);
	vouch_check(&facts, "no DNS",
		    "dmarc temperror; .policy unknown(failed)");
	message_free(message);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thing_follows_from_another),
		cmocka_unit_test(discovery_is_a_setting),
		cmocka_unit_test(forgers_gain_nothing),
		cmocka_unit_test(a_line_break_may_fold_nothing),
		cmocka_unit_test(past_the_limits_nothing_is_sure),
		cmocka_unit_test(what_is_cut_off_may_hide_things),
		cmocka_unit_test(signatures_hear_all_of_it),
		cmocka_unit_test(unsigned_mail_has_no_body_to_hash),
		cmocka_unit_test(a_message_may_be_dropped_halfway),
		cmocka_unit_test(without_memory_signatures_are_unknown),
		cmocka_unit_test(among_many_one_may_be_aligned),
		cmocka_unit_test(what_is_not_wanted_is_not_done),
		cmocka_unit_test(one_round_trip_is_enough),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(
			a_forgers_slow_key_takes_no_time_from_the_author),
		cmocka_unit_test(without_dns_all_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
