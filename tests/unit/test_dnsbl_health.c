/*
 * test_dnsbl_health.c - the stories of dnsbl_stories.c, told to a list.
 */
#include "lists/dnsbl_health.h"

#include "tests/unit/dnsbl_stories.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

/* --- answers ------------------------------------------------------------- */

static struct dns_record records[] = {
	{ .type = DNS_A, .ip = { 4, { 127, 0, 0, 4 } } },
	{ .type = DNS_A, .ip = { 4, { 127, 255, 255, 254 } } },
	{ .type = DNS_A, .ip = { 4, { 127, 0, 0, 4 } } },
	{ .type = DNS_A, .ip = { 4, { 203, 0, 113, 9 } } },
};

static const struct dns_answer answers[SAIDS] = {
	[MISS] = { .status = DNS_NXDOMAIN },
	[HIT] = { .status = DNS_FOUND, .count = 1, .records = records },
	[ERROR] = { .status = DNS_FOUND, .count = 1, .records = records + 1 },
	[FOREIGN] = { .status = DNS_FOUND, .count = 1, .records = records + 3 },
	[HIT_AND_ERROR] = { .status = DNS_FOUND,
			    .count = 2,
			    .records = records },
	[HIT_AND_FOREIGN] = { .status = DNS_FOUND,
			      .count = 2,
			      .records = records + 2 },
	[TIMEOUT] = { .status = DNS_TIMEOUT },
	[SERVFAIL] = { .status = DNS_SERVFAIL },
	[BREAKER] = { .status = DNS_BREAKER },
	[BUSY] = { .status = DNS_BUSY },
};

/* --- stories ------------------------------------------------------------- */

struct world {
	struct vitals vitals;
	struct findings findings;
	uint64_t answered; /* by the resolver, to anybody */
	uint64_t muted_ms; /* when it was muted last; 0: never */
};

static void run_says(struct world *world, enum event event, enum said said)
{
	struct findings *findings = &world->findings;
	bool is_old = event == RUN_OLD;
	const struct dns_answer *entry = &answers[HIT], *never = &answers[MISS];

	if (event == RUN_NO_ENTRY)
		entry = never;
	else if (event != RUN && event != RUN_ONE_KIND)
		entry = never = &answers[said];
	if (event == RUN_ONE_KIND)
		findings_add(findings, DNSBL_TEST_LISTED, 2, "::ffff:127.0.0.2",
			     &answers[SERVFAIL], false);
	if (world->vitals.is_tested) {
		findings_add(findings, DNSBL_TEST_LISTED, 1, "127.0.0.2", entry,
			     is_old);
		findings_add(findings, DNSBL_TEST_NOT_LISTED, 1, "127.0.0.1",
			     never, is_old);
		findings_add(findings, DNSBL_TEST_NOT_LISTED, 1, "127.8.1.7",
			     is_old ? &answers[MISS] : never, false);
	} else {
		findings_add(findings, DNSBL_TEST_THERE, 1, "127.8.1.7", never,
			     false);
	}
}

static bool begin(struct world *world, uint64_t now)
{
	if (!vitals_start(&world->vitals, now))
		return false;
	memset(&world->findings, 0, sizeof(world->findings));
	world->findings.answers_before = world->answered;
	return true;
}

/* The answers of a run count among all, but for those that did not come. */
static void end(struct world *world, const struct step *step, uint64_t now)
{
	run_says(world, step->event, step->said);
	if (!world->findings.silent && !world->findings.nothing)
		world->answered += 3;
	world->findings.answers_after = world->answered;
	vitals_end(&world->vitals, &world->findings, now);
}

static bool take(struct world *world, const struct step *step, uint64_t now)
{
	struct vitals *vitals = &world->vitals;
	bool unknown;

	switch (step->event) {
	case NOTE:
		if (vitals_note(vitals, &answers[step->said], now))
			vitals_mark(vitals, world->answered);
		return true;
	case PROBE:
		return vitals_probe(vitals, &answers[step->said], now,
				    &unknown) == (step->said == MISS);
	case OTHERS: world->answered++; return true;
	case IDLE: return !vitals_start(vitals, now);
	case START: return begin(world, now);
	case END_SAYS: end(world, step, now); return true;
	case RETEST: vitals_retest(vitals, true, true, now); return true;
	case UNTEST: vitals_retest(vitals, false, true, now); return true;
	default:
		if (!begin(world, now))
			return false;
		end(world, step, now);
		return true;
	}
}

/* However it goes, from muting to muting it is 30 s at least. */
static bool is_steady(struct world *world, bool was_muted, uint64_t now)
{
	bool is_steady = true;

	if (!was_muted && dnsbl_health_is_muted(world->vitals.health)) {
		is_steady =
			world->muted_ms == 0 || now - world->muted_ms >= 30000;
		world->muted_ms = now;
	}
	return is_steady;
}

static void tell(const struct story *story)
{
	struct world world = { .answered = 100 };

	vitals_init(&world.vitals, true, 1000000);
	for (int i = 0; i < STEPS && story->steps[i].times > 0; i++) {
		const struct step *step = &story->steps[i];
		uint64_t now = 1000000 + step->at_s * UINT64_C(1000);

		for (unsigned n = 0; n < step->times; n++) {
			bool was_muted =
				dnsbl_health_is_muted(world.vitals.health);

			if (!take(&world, step, now))
				fail_msg("%s: step %d went wrong (%s)",
					 story->claim, i + 1,
					 dnsbl_health_name(
						 world.vitals.health));
			if (!is_steady(&world, was_muted, now))
				fail_msg("%s: step %d: it flaps", story->claim,
					 i + 1);
		}
		if (world.vitals.health != step->is)
			fail_msg("%s: step %d: %s (%s), not %s", story->claim,
				 i + 1, dnsbl_health_name(world.vitals.health),
				 world.vitals.why, dnsbl_health_name(step->is));
	}
}

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < dnsbl_story_count; i++)
		tell(&dnsbl_stories[i]);
}

/* A list that breaks is muted within 20 questions, whatever went before. */
static void test_soon(void **state)
{
	static const enum said ways[] = { ERROR, FOREIGN, HIT, TIMEOUT };

	(void)state;
	for (size_t way = 0; way < 4; way++) {
		struct world world = { 0 };
		const struct step run = { 0, RUN_SAYS, ways[way], 1, 0 };
		const struct step note = { 0, NOTE, ways[way], 1, 0 };
		uint64_t now = 1000;
		unsigned asked = 0;

		vitals_init(&world.vitals, true, now);
		assert_true(take(&world, &(struct step){ .event = RUN }, now));
		for (int i = 0; i < 500; i++)
			vitals_note(&world.vitals, &answers[MISS], now);
		for (now += 9000; !dnsbl_health_is_muted(world.vitals.health);
		     now += 100) {
			world.answered++; /* to others */
			take(&world, &note, now);
			asked++;
			if (begin(&world, now))
				end(&world, &run, now);
		}
		assert_in_range(asked, 1, 20);
	}
}

/* What is said about it, and what was counted. */
static void test_words(void **state)
{
	static const struct {
		struct step steps[2];
		const char *why;
	} rows[] = {
		{ { { 0, NOTE, ERROR, 1, 0 } }, "answers 127.255.255.254" },
		{ { { 0, PROBE, HIT, 1, 0 } },
		  "the probe is listed (127.0.0.4)" },
		{ { { 0, RUN_SAYS, HIT, 1, 0 } },
		  "127.0.0.1 is listed (127.0.0.4)" },
		{ { { 0, RUN_SAYS, ERROR, 1, 0 } },
		  "answers 127.255.255.254 about 127.0.0.2" },
		{ { { 0, RUN_SAYS, FOREIGN, 1, 0 } },
		  "answers 203.0.113.9 about 127.0.0.2" },
		{ { { 0, RUN_NO_ENTRY, 0, 1, 0 } }, "127.0.0.2 is not listed" },
		{ { { 0, RUN, 0, 1, 0 } }, "" },
		{ { { 0, RUN, 0, 1, 0 }, { 9999, RUN_NO_ENTRY, 0, 1, 0 } },
		  "127.0.0.2 is no longer listed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world = { 0 };

		vitals_init(&world.vitals, true, 0);
		for (int j = 0; j < 2 && rows[i].steps[j].times > 0; j++)
			take(&world, &rows[i].steps[j],
			     rows[i].steps[j].at_s * UINT64_C(1000));
		assert_string_equal(world.vitals.why, rows[i].why);
	}
}

static void test_counts(void **state)
{
	static const struct step steps[] = {
		{ 0, RUN, 0, 1, 0 },	    { 1, NOTE, MISS, 7, 0 },
		{ 1, NOTE, HIT, 3, 0 },	    { 1, NOTE, TIMEOUT, 2, 0 },
		{ 1, NOTE, BREAKER, 9, 0 }, { 1, NOTE, FOREIGN, 1, 0 },
		{ 2, NOTE, ERROR, 1, 0 },   { 3, NOTE, HIT, 1, 0 },
	};
	struct world world = { 0 };

	(void)state;
	vitals_init(&world.vitals, true, 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		for (unsigned n = 0; n < steps[i].times; n++)
			take(&world, &steps[i], steps[i].at_s * UINT64_C(1000));
	assert_int_equal(world.vitals.asked, 15);
	assert_int_equal(world.vitals.listed, 4);
	assert_int_equal(world.vitals.faults, 2);
	assert_int_equal(world.vitals.unanswered, 2);
	assert_int_equal(world.vitals.muted, 1);
	assert_int_equal(world.vitals.since_ms, 2000);
	assert_int_equal(world.vitals.tested_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_soon),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
