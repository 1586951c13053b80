/*
 * dnsbl_health.h - is a DNS list well?  The judgement alone.
 *
 * Here come in what questions brought and what test runs found, with the time,
 * and out comes what to think of the list.  Nothing here asks, locks or looks
 * at a clock, so each path is a table in the unit test.
 *
 * What mutes a list, and how soon:
 *
 *   - an error answer (127.255.255.0/24): the first one;
 *   - a listing of what no list can hold: the first one, in a probe or a test;
 *   - an answer outside 127.0.0.0/8: the first one that a test run meets as
 *     well, or the third within 20 questions;
 *   - silence: ten of 20 questions, and then a test run (or three of those);
 *   - a test entry that has been there, is gone, and nothing else is listed.
 *
 * A question that failed proves nothing as long as nobody else gets an answer
 * from the resolver.  So the moment is marked when failures begin to pile up,
 * and a test run counts as unanswered only if the resolver has answered
 * somebody between that mark and the run's start.  Kinds of questions to which
 * a list that answers others never had an answer are not waited for: few lists
 * of IPv4 addresses expect to be asked about IPv6.
 *
 * A muted list is tested every 30 s (every 60 s after three failures) and comes
 * back when one whole run passes; to be muted again soon after that is one more
 * failure.  From one muting to the next there are never less than 30 s.
 */
#ifndef LISTS_DNSBL_HEALTH_H
#define LISTS_DNSBL_HEALTH_H

#include "lists/dnsbl.h"

enum {
	DNSBL_WINDOW = 20, /* questions */
	DNSBL_SILENT_MANY = 10, /* unanswered of these: a test is due */
	DNSBL_SILENT_MARK = 5,
	DNSBL_FOREIGN_MANY = 3,
	DNSBL_HITS_MANY = 10,
	DNSBL_HITS_TIMES = 5, /* that many times the long-run share */
	DNSBL_RUN_MIN = 200, /* questions before there is a long run */
	DNSBL_RUN_MAX = 10000, /* after that half of it is forgotten */

	DNSBL_TEST_GAP_MS = 5 * 1000, /* between starts of test runs */
	DNSBL_TEST_AGAIN_MS = 10 * 1000, /* after one that said nothing */
	DNSBL_TEST_MUTED_MS = 30 * 1000,
	DNSBL_TEST_FAILING_MS = 60 * 1000,
	DNSBL_TEST_WELL_MS = 3600 * 1000,
	DNSBL_TEST_JUMP_MS = 60 * 1000, /* between those for a jump in hits */
	DNSBL_FORGIVEN_MS = 600 * 1000, /* well for so long: failures forgotten
					 */
	DNSBL_FAILURES_MANY = 3,
	DNSBL_UNANSWERED_MANY = 3, /* test runs in a row */
};

/* Zeroed at first, then vitals_init(). */
struct vitals {
	enum dnsbl_health health;
	char why[DNSBL_WHY_SIZE];
	uint64_t since_ms, tested_ms;
	uint64_t asked, listed, faults, unanswered, muted;

	/* of the last DNSBL_WINDOW questions, the newest in the lowest bit */
	uint32_t hits, silent, foreign;
	/* what the window has lost: the long run */
	uint32_t window, run_asked, run_listed;

	unsigned kinds; /* DNSBL_OF_..., of which anything was ever answered */
	bool is_tested; /* false: only asked whether it is there, if faulty */
	bool once_seen; /* the test entry, in a run that passed */
	bool listed_since; /* anything, since the last test run */
	bool suspected; /* a test is due, whatever the hour */
	bool is_running; /* a test */
	bool is_stale; /* that one, as it asks for what is no longer wanted */
	bool is_marked;
	uint64_t mark; /* how many answers the resolver had given by then */
	unsigned failures, unanswered_runs;
	uint64_t started_ms, due_ms, jump_ms;
};

void vitals_init(struct vitals *vitals, bool is_tested, uint64_t now_ms);

/*
 * From now on it is tested (or not) in another way, perhaps by another entry:
 * what an earlier one did says nothing then.
 */
void vitals_retest(struct vitals *vitals, bool is_tested, bool other_entry,
		   uint64_t now_ms);

/*
 * What a question brought.  True if `mark` is to be set (vitals_mark()), which
 * takes a number that costs more than to be known each time.
 */
bool vitals_note(struct vitals *vitals, const struct dns_answer *answer,
		 uint64_t now_ms);
void vitals_mark(struct vitals *vitals, uint64_t answers);

/* What the probe of a listing brought; as dnsbl_probe_passed(). */
bool vitals_probe(struct vitals *vitals, const struct dns_answer *answer,
		  uint64_t now_ms, bool *ret_unknown);

/* Is a test run to be started now?  If so it has been. */
bool vitals_start(struct vitals *vitals, uint64_t now_ms);

/* What is asked in a test run. */
enum dnsbl_role {
	DNSBL_TEST_LISTED, /* 127.0.0.2 and the like */
	DNSBL_TEST_NOT_LISTED, /* 127.0.0.1, and a probe */
	DNSBL_TEST_THERE, /* any answer will do that is no fault */
};

/* What a test run found; zeroed at first. */
struct findings {
	bool refusing, lists_all, foreign;
	unsigned answered, silent; /* kinds: DNSBL_OF_... */
	bool nothing; /* the resolver said no word of the list */
	bool entry_listed, entry_unknown;
	char why[DNSBL_WHY_SIZE]; /* of the worst of the first three */
	char entry[64]; /* what should have been listed */
	enum dns_status status; /* why there was no answer */
	/* what the resolver had answered at the run's start and end */
	uint64_t answers_before, answers_after;
};

/*
 * One answer of a run.  `kind` is one of DNSBL_OF_..., `subject` what it was
 * about, as for people.  What is
 * wrong with an answer that came out of our cache (`is_old`) counts for
 * nothing: the list may have mended since.
 */
void findings_add(struct findings *findings, enum dnsbl_role role,
		  unsigned kind, const char *subject,
		  const struct dns_answer *answer, bool is_old);

/* The run has ended. */
void vitals_end(struct vitals *vitals, const struct findings *findings,
		uint64_t now_ms);

#endif
