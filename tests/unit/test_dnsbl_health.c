/*
 * test_dnsbl_health.c - what mutes a list, what does not, and how it comes
 * back.
 */
#include "lists/dnsbl_health.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

/* --- answers ------------------------------------------------------------- */

enum said {
	MISS,
	HIT,
	ERROR,
	FOREIGN,
	HIT_AND_ERROR,
	HIT_AND_FOREIGN,
	TIMEOUT,
	SERVFAIL,
	BREAKER,
	BUSY,
	SAIDS,
};

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

enum event {
	NOTE, /* questions bring this answer, `times` times */
	PROBE, /* so says the probe of a listing */
	OTHERS, /* the resolver answers that many questions of others */
	IDLE, /* no test is due */
	/* one is, and this is what it finds */
	RUN, /* all as it should be */
	RUN_ONE_KIND, /* all, but another kind is not answered */
	RUN_NO_ENTRY, /* all, but the entry for tests is not there */
	RUN_SAYS, /* this is said to all */
	RUN_OLD, /* likewise, out of our cache, but for the probe */
	START, /* one is due, and its end comes later: */
	END_SAYS,
	RETEST, /* another entry for tests is given */
	UNTEST, /* tests are no longer wanted */
};

struct step {
	unsigned at_s;
	enum event event;
	enum said said;
	unsigned times;
	enum dnsbl_health is; /* after it */
};

#define STEPS 24

struct story {
	const char *claim;
	struct step steps[STEPS];
};

/* clang-format off */
#define RUN_WELL(at) { at, RUN, MISS, 1, DNSBL_WELL }

static const struct story stories[] = {
	{ "a list is well after its first test", {
		{ 0, NOTE, HIT, 3, DNSBL_UNTESTED },
		{ 0, RUN, MISS, 1, DNSBL_WELL },
		{ 1, NOTE, HIT, 1, DNSBL_WELL } } },
	{ "tests are hourly", {
		RUN_WELL(0),
		{ 6, IDLE, 0, 1, DNSBL_WELL },
		{ 3599, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(3600),
		{ 7199, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(7200) } },
	{ "the first error mutes it, and 30 s later it is back", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 100, DNSBL_WELL },
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 11, NOTE, MISS, 50, DNSBL_REFUSING },
		{ 39, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(40) } },
	{ "as long as it refuses it stays muted, after three times longer", {
		RUN_WELL(0),
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 40, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 69, IDLE, 0, 1, DNSBL_REFUSING },
		{ 70, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 100, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 159, IDLE, 0, 1, DNSBL_REFUSING },
		{ 160, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 219, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(220) } },
	{ "what was muted again soon keeps its failures", {
		RUN_WELL(0),
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 40, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 70, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		{ 100, RUN_SAYS, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(160),
		{ 161, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 220, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(221),
		{ 1000, NOTE, ERROR, 1, DNSBL_REFUSING }, /* but not for ever */
		RUN_WELL(1030) } },
	{ "one that relapses again and again is muted for longer", {
		RUN_WELL(0),
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(40),
		{ 41, NOTE, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(71),
		{ 72, NOTE, ERROR, 1, DNSBL_REFUSING },
		RUN_WELL(102),
		{ 103, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 162, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(163) } },
	{ "a probe that is listed mutes it", {
		{ 0, NOTE, HIT, 1, DNSBL_UNTESTED },
		{ 0, PROBE, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		RUN_WELL(60) } },
	{ "a probe that is not is fine", {
		RUN_WELL(0),
		{ 10, NOTE, HIT, 10, DNSBL_WELL },
		{ 10, PROBE, MISS, 10, DNSBL_WELL },
		{ 10, IDLE, 0, 1, DNSBL_WELL } } },
	{ "a probe that brings an error mutes it as well", {
		RUN_WELL(0),
		{ 10, NOTE, HIT, 1, DNSBL_WELL },
		{ 10, PROBE, ERROR, 1, DNSBL_REFUSING } } },
	{ "a test that finds all listed mutes it", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		RUN_WELL(30) } },
	{ "what lay in our cache does not keep it muted", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_OLD, HIT, 1, DNSBL_WELL } } },
	{ "nor an error that lay there", {
		RUN_WELL(0),
		{ 9, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 39, RUN_OLD, ERROR, 1, DNSBL_WELL } } },
	{ "a foreign answer starts a test, which confirms it", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 9, RUN_SAYS, FOREIGN, 1, DNSBL_FOREIGN },
		RUN_WELL(39) } },
	{ "or does not", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 1, DNSBL_WELL },
		RUN_WELL(9),
		{ 10, IDLE, 0, 1, DNSBL_WELL } } },
	{ "three of them mute it without a test", {
		RUN_WELL(0),
		{ 1, NOTE, FOREIGN, 2, DNSBL_WELL },
		{ 1, NOTE, MISS, 17, DNSBL_WELL },
		{ 1, NOTE, FOREIGN, 1, DNSBL_FOREIGN } } },
	{ "whatever tests say in between", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 2, DNSBL_WELL },
		RUN_WELL(9),
		{ 10, NOTE, FOREIGN, 1, DNSBL_FOREIGN } } },
	{ "those of probes are among them", {
		RUN_WELL(0),
		{ 1, NOTE, HIT, 1, DNSBL_WELL },
		{ 1, PROBE, FOREIGN, 1, DNSBL_WELL },
		{ 1, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 1, NOTE, HIT, 1, DNSBL_WELL },
		{ 1, PROBE, FOREIGN, 1, DNSBL_FOREIGN } } },
	{ "but not over more than 20 questions", {
		RUN_WELL(0),
		{ 1, NOTE, FOREIGN, 2, DNSBL_WELL },
		{ 1, NOTE, MISS, 19, DNSBL_WELL },
		{ 1, NOTE, FOREIGN, 1, DNSBL_WELL } } },
	{ "a listing beside an error is one, but a test is due", {
		RUN_WELL(0),
		{ 9, NOTE, HIT_AND_ERROR, 1, DNSBL_WELL },
		{ 9, RUN_SAYS, ERROR, 1, DNSBL_REFUSING } } },
	{ "a listing beside a foreign record likewise", {
		RUN_WELL(0),
		{ 9, NOTE, HIT_AND_FOREIGN, 1, DNSBL_WELL },
		RUN_WELL(9) } },
	{ "silence while others are answered mutes it", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 100, DNSBL_WELL },
		{ 10, NOTE, TIMEOUT, 5, DNSBL_WELL },
		{ 10, OTHERS, 0, 1, DNSBL_WELL },
		{ 10, NOTE, TIMEOUT, 4, DNSBL_WELL },
		{ 10, IDLE, 0, 1, DNSBL_WELL },
		{ 11, NOTE, TIMEOUT, 1, DNSBL_WELL },
		{ 11, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT },
		{ 41, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT },
		RUN_WELL(71) } },
	{ "so does SERVFAIL", {
		RUN_WELL(0),
		{ 9, NOTE, SERVFAIL, 9, DNSBL_WELL },
		{ 9, OTHERS, 0, 1, DNSBL_WELL },
		{ 9, NOTE, SERVFAIL, 1, DNSBL_WELL },
		{ 9, RUN_SAYS, SERVFAIL, 1, DNSBL_SILENT } } },
	{ "if all fail at once, the second test does", {
		RUN_WELL(0),
		{ 9, NOTE, TIMEOUT, 50, DNSBL_WELL },
		{ 9, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 10, OTHERS, 0, 9, DNSBL_WELL },
		{ 13, IDLE, 0, 1, DNSBL_WELL },
		{ 14, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT } } },
	{ "while nobody is answered silence says nothing", {
		RUN_WELL(0),
		{ 9, OTHERS, 0, 1000, DNSBL_WELL },
		{ 10, NOTE, TIMEOUT, 20, DNSBL_WELL },
		{ 10, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 20, NOTE, SERVFAIL, 1000, DNSBL_WELL },
		{ 20, RUN_SAYS, SERVFAIL, 1, DNSBL_WELL },
		{ 30, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 40, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 48, OTHERS, 0, 1, DNSBL_WELL }, /* it comes back */
		RUN_WELL(50),
		{ 51, NOTE, MISS, 100, DNSBL_WELL },
		{ 60, IDLE, 0, 1, DNSBL_WELL } } },
	{ "a test that ran when the resolver came back says nothing", {
		RUN_WELL(0),
		{ 10, NOTE, TIMEOUT, 20, DNSBL_WELL },
		{ 10, START, 0, 1, DNSBL_WELL },
		{ 12, OTHERS, 0, 10, DNSBL_WELL },
		{ 13, END_SAYS, TIMEOUT, 1, DNSBL_WELL },
		RUN_WELL(15) } },
	{ "an open breaker and the like never count", {
		RUN_WELL(0),
		{ 9, OTHERS, 0, 9, DNSBL_WELL },
		{ 9, NOTE, BREAKER, 500, DNSBL_WELL },
		{ 9, NOTE, BUSY, 500, DNSBL_WELL },
		{ 10, IDLE, 0, 1, DNSBL_WELL },
		{ 3600, RUN_SAYS, BREAKER, 1, DNSBL_WELL },
		{ 3610, RUN_SAYS, BUSY, 1, DNSBL_WELL },
		RUN_WELL(3620) } },
	{ "a test that meets the breaker leaves a list muted", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_SAYS, BREAKER, 1, DNSBL_LISTS_ALL },
		{ 59, IDLE, 0, 1, DNSBL_LISTS_ALL },
		RUN_WELL(60) } },
	{ "some silence is normal", {
		RUN_WELL(0),
		{ 9, NOTE, TIMEOUT, 9, DNSBL_WELL },
		{ 9, OTHERS, 0, 9, DNSBL_WELL },
		{ 9, NOTE, MISS, 11, DNSBL_WELL },
		{ 9, NOTE, TIMEOUT, 9, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL } } },
	{ "silence that a test does not confirm is some domains' own", {
		RUN_WELL(0),
		{ 9, NOTE, SERVFAIL, 6, DNSBL_WELL },
		{ 9, OTHERS, 0, 9, DNSBL_WELL },
		{ 9, NOTE, SERVFAIL, 14, DNSBL_WELL },
		RUN_WELL(9),
		{ 10, NOTE, SERVFAIL, 9, DNSBL_WELL },
		{ 15, IDLE, 0, 1, DNSBL_WELL } } },
	{ "nobody asks, but three tests in a row are silent", {
		{ 0, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 1, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 9, IDLE, 0, 1, DNSBL_UNTESTED },
		{ 10, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 11, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 20, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 21, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 30, RUN_SAYS, TIMEOUT, 1, DNSBL_SILENT } } },
	{ "in a row, that is", {
		{ 0, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 1, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 10, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		{ 11, OTHERS, 0, 1, DNSBL_UNTESTED },
		{ 20, RUN_SAYS, TIMEOUT, 1, DNSBL_UNTESTED },
		RUN_WELL(30),
		{ 3630, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		{ 3631, OTHERS, 0, 1, DNSBL_WELL },
		{ 3640, RUN_SAYS, TIMEOUT, 1, DNSBL_WELL },
		RUN_WELL(3650) } },
	{ "a kind that it never answers is not waited for", {
		{ 0, RUN_ONE_KIND, 0, 1, DNSBL_WELL },
		{ 3599, IDLE, 0, 1, DNSBL_WELL },
		{ 3600, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 3630, RUN_ONE_KIND, 0, 1, DNSBL_WELL } } },
	{ "one that it used to answer is", {
		RUN_WELL(0),
		{ 9, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 39, RUN_SAYS, TIMEOUT, 1, DNSBL_REFUSING },
		RUN_WELL(69) } },
	{ "a list without a test entry is asked all the same", {
		{ 0, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 9, NOTE, MISS, 100, DNSBL_NO_TEST_ENTRY },
		{ 3600, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 3601, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 3631, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY },
		RUN_WELL(7231) } },
	{ "one that has lost its entry, and lists nothing else, is empty", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 100, DNSBL_WELL },
		{ 3600, RUN_NO_ENTRY, 0, 1, DNSBL_EMPTY },
		{ 3630, RUN_NO_ENTRY, 0, 1, DNSBL_EMPTY },
		RUN_WELL(3660) } },
	{ "one that still lists others is not", {
		RUN_WELL(0),
		{ 9, NOTE, HIT, 1, DNSBL_WELL },
		{ 3600, RUN_NO_ENTRY, 0, 1, DNSBL_WELL },
		{ 7200, RUN_NO_ENTRY, 0, 1, DNSBL_EMPTY } } },
	{ "an entry seen while all was listed was none", {
		{ 0, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL },
		{ 30, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY } } },
	{ "a jump in the share of hits starts a test", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 250, DNSBL_WELL },
		{ 9, NOTE, HIT, 9, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL },
		{ 9, NOTE, HIT, 1, DNSBL_WELL },
		RUN_WELL(9),
		{ 20, NOTE, HIT, 9, DNSBL_WELL },
		{ 20, IDLE, 0, 1, DNSBL_WELL }, /* not again at once */
		{ 70, NOTE, HIT, 1, DNSBL_WELL },
		{ 70, RUN_SAYS, HIT, 1, DNSBL_LISTS_ALL } } },
	{ "a list that is new here has nothing to jump from", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 30, DNSBL_WELL },
		{ 9, NOTE, HIT, 10, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL } } },
	{ "hits from before it was muted are forgotten", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 250, DNSBL_WELL },
		{ 9, NOTE, HIT, 9, DNSBL_WELL },
		{ 9, PROBE, HIT, 1, DNSBL_LISTS_ALL },
		RUN_WELL(39),
		{ 49, NOTE, HIT, 1, DNSBL_WELL },
		{ 49, IDLE, 0, 1, DNSBL_WELL } } },
	{ "where much is listed always, much is no jump", {
		RUN_WELL(0),
		{ 9, NOTE, MISS, 200, DNSBL_WELL },
		{ 9, NOTE, HIT, 100, DNSBL_WELL },
		RUN_WELL(9),
		{ 99, NOTE, HIT, 100, DNSBL_WELL },
		{ 99, IDLE, 0, 1, DNSBL_WELL } } },
	{ "tests are five seconds apart, however odd it looks", {
		RUN_WELL(0),
		{ 4, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 4, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(5),
		{ 6, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL },
		RUN_WELL(10) } },
	{ "a test begun before it was muted does not bring it back", {
		RUN_WELL(0),
		{ 9, NOTE, FOREIGN, 1, DNSBL_WELL },
		{ 9, START, 0, 1, DNSBL_WELL },
		{ 9, IDLE, 0, 1, DNSBL_WELL }, /* one at a time */
		{ 10, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 11, END_SAYS, MISS, 1, DNSBL_REFUSING },
		{ 39, IDLE, 0, 1, DNSBL_REFUSING },
		RUN_WELL(40) } },
	{ "another entry for tests is another chance", {
		RUN_WELL(0),
		{ 9, RETEST, 0, 1, DNSBL_WELL },
		{ 9, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY } } },
	{ "a test by the old entry does not count then", {
		RUN_WELL(0),
		{ 3600, START, 0, 1, DNSBL_WELL },
		{ 3601, RETEST, 0, 1, DNSBL_WELL },
		{ 3601, END_SAYS, HIT, 1, DNSBL_WELL },
		RUN_WELL(3605) } },
	{ "without tests it is asked, and muted for errors", {
		{ 0, UNTEST, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 9999, IDLE, 0, 1, DNSBL_NO_TEST_ENTRY },
		{ 9999, NOTE, ERROR, 1, DNSBL_REFUSING },
		{ 10029, RUN_NO_ENTRY, 0, 1, DNSBL_NO_TEST_ENTRY } } },
};
/* clang-format on */

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
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		tell(&stories[i]);
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
