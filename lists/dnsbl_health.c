/*
 * dnsbl_health.c - is a DNS list well?  The judgement alone.
 */
#include "lists/dnsbl_health.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	bool is_muted;
} healths[] = {
	[DNSBL_UNTESTED] = { "untested", false },
	[DNSBL_WELL] = { "well", false },
	[DNSBL_NO_TEST_ENTRY] = { "no test entry", false },
	[DNSBL_REFUSING] = { "refusing", true },
	[DNSBL_LISTS_ALL] = { "lists all", true },
	[DNSBL_EMPTY] = { "empty", true },
	[DNSBL_SILENT] = { "silent", true },
	[DNSBL_FOREIGN] = { "foreign", true },
};

const char *dnsbl_health_name(enum dnsbl_health health)
{
	return healths[health].name;
}

bool dnsbl_health_is_muted(enum dnsbl_health health)
{
	return healths[health].is_muted;
}

/* --- answers ------------------------------------------------------------- */

static bool is_error(const struct dns_record *record)
{
	const uint8_t *ip = record->ip.bytes;

	return record->type == DNS_A && record->ip.family == 4 &&
	       ip[0] == 127 && ip[1] == 255 && ip[2] == 255;
}

bool dnsbl_is_listing(const struct dns_record *record)
{
	return record->type == DNS_A && record->ip.family == 4 &&
	       record->ip.bytes[0] == 127 && !is_error(record);
}

static const struct dns_record *find_record(
	const struct dns_answer *answer,
	bool (*is_wanted)(const struct dns_record *record))
{
	if (answer->status == DNS_FOUND)
		for (size_t i = 0; i < answer->count; i++)
			if (is_wanted(&answer->records[i]))
				return &answer->records[i];
	return NULL;
}

static bool is_foreign(const struct dns_record *record)
{
	return !is_error(record) && !dnsbl_is_listing(record);
}

enum dnsbl_answer dnsbl_read(const struct dns_answer *answer)
{
	if (!dns_status_is_known(answer->status))
		return DNSBL_UNKNOWN;
	if (answer->status != DNS_FOUND || answer->count == 0)
		return DNSBL_NOT_LISTED;
	return find_record(answer, dnsbl_is_listing) ? DNSBL_LISTED
						     : DNSBL_FAULT;
}

/* Failures of our own, not of who was asked. */
static bool is_our_failure(enum dns_status status)
{
	return status == DNS_INVALID || status == DNS_BUSY ||
	       status == DNS_BREAKER || status == DNS_NO_MEMORY ||
	       status == DNS_STOPPED;
}

/* --- changes ------------------------------------------------------------- */

static void clear_window(struct vitals *v)
{
	v->hits = v->silent = v->foreign = 0;
	v->window = 0;
	v->suspected = v->is_marked = false;
}

static uint64_t muted_interval(const struct vitals *v)
{
	return v->failures >= DNSBL_FAILURES_MANY ? DNSBL_TEST_FAILING_MS
						  : DNSBL_TEST_MUTED_MS;
}

__attribute__((format(printf, 4, 5))) static void become(
	struct vitals *v, enum dnsbl_health health, uint64_t now_ms,
	const char *why, ...)
{
	bool was_muted = dnsbl_health_is_muted(v->health);
	bool is_muted = dnsbl_health_is_muted(health);
	va_list args;

	va_start(args, why);
	vsnprintf(v->why, sizeof(v->why), why, args);
	va_end(args);
	if (is_muted && !was_muted) {
		if (now_ms - v->since_ms >= DNSBL_FORGIVEN_MS)
			v->failures = 0;
		else if (v->muted > 0)
			v->failures++; /* it came back too soon */
		v->muted++;
		v->due_ms = now_ms + muted_interval(v);
	}
	if (health != v->health)
		v->since_ms = now_ms;
	if (is_muted != was_muted)
		clear_window(v);
	v->health = health;
}

void vitals_init(struct vitals *v, bool is_tested, uint64_t now_ms)
{
	v->is_tested = is_tested;
	v->health = is_tested ? DNSBL_UNTESTED : DNSBL_NO_TEST_ENTRY;
	v->since_ms = v->due_ms = now_ms;
}

void vitals_retest(struct vitals *v, bool is_tested, bool other_entry,
		   uint64_t now_ms)
{
	v->is_tested = is_tested;
	v->is_stale = v->is_running;
	v->once_seen &= !other_entry;
	if (dnsbl_health_is_muted(v->health))
		return; /* the next test is by the new entry */
	v->due_ms = now_ms;
	if (!is_tested)
		become(v, DNSBL_NO_TEST_ENTRY, now_ms, "%s", "");
}

/* --- questions ----------------------------------------------------------- */

static unsigned ones(uint32_t bits)
{
	return (unsigned)__builtin_popcount(bits);
}

/* The oldest question leaves the window for the long run. */
static void push(struct vitals *v, bool hit, bool silent, bool foreign)
{
	const uint32_t mask = (1u << DNSBL_WINDOW) - 1;
	const uint32_t oldest = 1u << (DNSBL_WINDOW - 1);

	if (v->window == DNSBL_WINDOW) {
		v->run_asked++;
		v->run_listed += (v->hits & oldest) != 0;
		if (v->run_asked >= DNSBL_RUN_MAX) {
			v->run_asked /= 2;
			v->run_listed /= 2;
		}
	} else {
		v->window++;
	}
	v->hits = (v->hits << 1 | hit) & mask;
	v->silent = (v->silent << 1 | silent) & mask;
	v->foreign = (v->foreign << 1 | foreign) & mask;
}

/* hits / window > TIMES * listed / asked, without dividing */
static bool has_jumped(const struct vitals *v)
{
	uint64_t hits = ones(v->hits);

	return hits >= DNSBL_HITS_MANY && v->run_asked >= DNSBL_RUN_MIN &&
	       hits * v->run_asked >
		       (uint64_t)DNSBL_HITS_TIMES * v->run_listed * v->window;
}

static void note_fault(struct vitals *v, const struct dns_answer *answer,
		       uint64_t now_ms)
{
	const struct dns_record *record = find_record(answer, is_error);
	char ip[IP_TEXT_SIZE];

	if (record) {
		become(v, DNSBL_REFUSING, now_ms, "answers %s",
		       ip_format(&record->ip, ip, sizeof(ip)));
		return;
	}
	record = find_record(answer, is_foreign);
	if (record && ones(v->foreign) >= DNSBL_FOREIGN_MANY) {
		become(v, DNSBL_FOREIGN, now_ms, "answers %s",
		       ip_format(&record->ip, ip, sizeof(ip)));
		return;
	}
	v->suspected = true;
}

static void note_listing(struct vitals *v, const struct dns_answer *answer,
			 uint64_t now_ms)
{
	v->listed++;
	v->listed_since = true;
	/* half a listing, half nonsense: it counts, but a test shall tell */
	if (find_record(answer, is_error) || find_record(answer, is_foreign))
		v->suspected = true;
	if (has_jumped(v) &&
	    (v->jump_ms == 0 || now_ms - v->jump_ms >= DNSBL_TEST_JUMP_MS)) {
		v->jump_ms = now_ms;
		v->suspected = true;
	}
}

static bool note_silence(struct vitals *v)
{
	if (ones(v->silent) >= DNSBL_SILENT_MANY)
		v->suspected = true;
	return !v->is_marked && ones(v->silent) >= DNSBL_SILENT_MARK;
}

bool vitals_note(struct vitals *v, const struct dns_answer *answer,
		 uint64_t now_ms)
{
	enum dnsbl_answer what = dnsbl_read(answer);

	if (what == DNSBL_UNKNOWN && is_our_failure(answer->status))
		return false;
	v->asked++;
	v->unanswered += what == DNSBL_UNKNOWN;
	v->faults += what == DNSBL_FAULT;
	/* asked before it was muted */
	if (dnsbl_health_is_muted(v->health)) {
		v->listed += what == DNSBL_LISTED;
		return false;
	}
	push(v, what == DNSBL_LISTED, what == DNSBL_UNKNOWN,
	     what == DNSBL_FAULT && !find_record(answer, is_error));
	if (v->is_marked && v->unanswered_runs == 0 &&
	    ones(v->silent) < DNSBL_SILENT_MARK)
		v->is_marked = false;
	switch (what) {
	case DNSBL_LISTED: note_listing(v, answer, now_ms); break;
	case DNSBL_FAULT: note_fault(v, answer, now_ms); break;
	case DNSBL_UNKNOWN: return note_silence(v);
	case DNSBL_NOT_LISTED: break;
	}
	return false;
}

void vitals_mark(struct vitals *v, uint64_t answers)
{
	if (v->is_marked)
		return;
	v->is_marked = true;
	v->mark = answers;
}

bool vitals_probe(struct vitals *v, const struct dns_answer *answer,
		  uint64_t now_ms, bool *ret_unknown)
{
	const struct dns_record *record;
	char ip[IP_TEXT_SIZE];

	*ret_unknown = false;
	switch (dnsbl_read(answer)) {
	case DNSBL_NOT_LISTED: return true;
	case DNSBL_UNKNOWN:
		*ret_unknown = true;
		if (!is_our_failure(answer->status)) {
			/* it stands for the question that it belongs to */
			v->silent |= v->window > 0;
			note_silence(v);
		}
		return false;
	case DNSBL_FAULT:
		v->faults++;
		if (!dnsbl_health_is_muted(v->health)) {
			v->foreign |= v->window > 0;
			note_fault(v, answer, now_ms);
		}
		return false;
	case DNSBL_LISTED: break;
	}
	record = find_record(answer, dnsbl_is_listing);
	if (!dnsbl_health_is_muted(v->health))
		become(v, DNSBL_LISTS_ALL, now_ms, "%.80s is listed (%s)",
		       answer->canonical ? answer->canonical : "the probe",
		       ip_format(&record->ip, ip, sizeof(ip)));
	return false;
}

/* --- test runs ----------------------------------------------------------- */

bool vitals_start(struct vitals *v, uint64_t now_ms)
{
	bool is_muted = dnsbl_health_is_muted(v->health);

	if (v->is_running ||
	    (v->started_ms > 0 && now_ms - v->started_ms < DNSBL_TEST_GAP_MS))
		return false;
	if (now_ms < v->due_ms && (is_muted || !v->suspected))
		return false;
	if (!v->is_tested && !is_muted && !v->suspected)
		return false;
	v->is_running = true;
	v->started_ms = now_ms > 0 ? now_ms : 1;
	return true;
}

/* Answers that are no listings: an error goes before anything else. */
static void add_fault(struct findings *f, const char *subject,
		      const struct dns_answer *answer)
{
	const struct dns_record *record = find_record(answer, is_error);
	char ip[IP_TEXT_SIZE];

	if (f->refusing || (!record && (f->lists_all || f->foreign)))
		return;
	if (record) {
		f->refusing = true;
	} else {
		f->foreign = true;
		record = find_record(answer, is_foreign);
	}
	snprintf(f->why, sizeof(f->why), "answers %s about %s",
		 ip_format(&record->ip, ip, sizeof(ip)), subject);
}

/* What must not be listed is. */
static void add_listing(struct findings *f, const char *subject,
			const struct dns_answer *answer)
{
	const struct dns_record *record = find_record(answer, dnsbl_is_listing);
	char ip[IP_TEXT_SIZE];

	if (f->refusing || f->lists_all)
		return;
	f->lists_all = true;
	snprintf(f->why, sizeof(f->why), "%s is listed (%s)", subject,
		 ip_format(&record->ip, ip, sizeof(ip)));
}

void findings_add(struct findings *f, enum dnsbl_role role, unsigned kind,
		  const char *subject, const struct dns_answer *answer,
		  bool is_old)
{
	if (role == DNSBL_TEST_LISTED && f->entry[0] == '\0')
		snprintf(f->entry, sizeof(f->entry), "%s", subject);
	if (dns_status_is_known(answer->status))
		f->answered |= kind;
	switch (dnsbl_read(answer)) {
	case DNSBL_UNKNOWN:
		if (is_our_failure(answer->status))
			f->nothing = true;
		else
			f->silent |= kind;
		f->entry_unknown |= role == DNSBL_TEST_LISTED;
		f->status = answer->status;
		break;
	case DNSBL_FAULT:
		if (!is_old)
			add_fault(f, subject, answer);
		else if (role == DNSBL_TEST_LISTED)
			f->entry_unknown = true;
		break;
	case DNSBL_LISTED:
		if (role == DNSBL_TEST_LISTED)
			f->entry_listed = true;
		else if (role == DNSBL_TEST_NOT_LISTED && !is_old)
			add_listing(f, subject, answer);
		break;
	case DNSBL_NOT_LISTED: break;
	}
}

/* A list that was muted still is, or one that was not now is. */
static void failed(struct vitals *v, enum dnsbl_health health, uint64_t now_ms,
		   const char *why)
{
	if (dnsbl_health_is_muted(v->health))
		v->failures++;
	become(v, health, now_ms, "%s", why);
	v->due_ms = now_ms + muted_interval(v);
}

/*
 * The run was answered, and nothing bad was found: what is there to listen to?
 */
static void passed(struct vitals *v, const struct findings *f, uint64_t now_ms)
{
	char why[DNSBL_WHY_SIZE];

	v->once_seen |= f->entry_listed;
	if (v->once_seen && !f->entry_listed && !f->entry_unknown &&
	    !v->listed_since) {
		snprintf(why, sizeof(why), "%s is no longer listed", f->entry);
		failed(v, DNSBL_EMPTY, now_ms, why);
		return;
	}
	if (v->once_seen)
		become(v, DNSBL_WELL, now_ms, "%s", "");
	else if (f->entry[0] != '\0')
		become(v, DNSBL_NO_TEST_ENTRY, now_ms, "%s is not listed",
		       f->entry);
	else
		become(v, DNSBL_NO_TEST_ENTRY, now_ms, "%s", "");
	v->silent = 0; /* that was some names' own fault, if any */
	v->is_marked = false;
	v->due_ms = now_ms + DNSBL_TEST_WELL_MS;
}

/* Some question of the run was not answered. */
static void unanswered(struct vitals *v, const struct findings *f,
		       uint64_t now_ms)
{
	bool proves = v->is_marked && f->answers_before != v->mark;
	char why[DNSBL_WHY_SIZE];

	if (dnsbl_health_is_muted(v->health)) {
		v->due_ms = now_ms + muted_interval(v);
		v->failures++;
		return;
	}
	v->due_ms = now_ms + DNSBL_TEST_AGAIN_MS;
	if (ones(v->silent) >= DNSBL_SILENT_MANY)
		v->suspected = true; /* soon again, when others had answers */
	if (!proves) {
		vitals_mark(v, f->answers_after);
		return;
	}
	v->unanswered_runs++;
	v->mark = f->answers_after;
	if (ones(v->silent) >= DNSBL_SILENT_MANY)
		snprintf(why, sizeof(why), "%u of %u questions unanswered (%s)",
			 ones(v->silent), v->window,
			 dns_status_name(f->status));
	else if (v->unanswered_runs >= DNSBL_UNANSWERED_MANY)
		snprintf(why, sizeof(why), "%u tests unanswered (%s)",
			 v->unanswered_runs, dns_status_name(f->status));
	else
		return;
	failed(v, DNSBL_SILENT, now_ms, why);
}

/* Was something not answered that this list used to answer, or all? */
static bool is_unanswered(struct vitals *v, const struct findings *f)
{
	v->kinds |= f->answered;
	return f->answered ? (f->silent & v->kinds) != 0 : f->silent != 0;
}

void vitals_end(struct vitals *v, const struct findings *f, uint64_t now_ms)
{
	bool is_muted = dnsbl_health_is_muted(v->health);

	v->is_running = v->suspected = false;
	if (v->is_stale) {
		v->is_stale = false;
		return; /* vitals_retest() has set when the next one is due */
	}
	/* muted while the run was on its way: too old to bring it back */
	if (is_muted && v->since_ms >= v->started_ms)
		return;
	if (f->refusing) {
		failed(v, DNSBL_REFUSING, now_ms, f->why);
	} else if (f->lists_all) {
		failed(v, DNSBL_LISTS_ALL, now_ms, f->why);
	} else if (f->foreign) {
		failed(v, DNSBL_FOREIGN, now_ms, f->why);
	} else if (f->nothing) {
		v->due_ms = now_ms + (is_muted ? muted_interval(v)
					       : DNSBL_TEST_AGAIN_MS);
		return;
	} else if (is_unanswered(v, f)) {
		unanswered(v, f, now_ms);
		return;
	} else {
		passed(v, f, now_ms);
	}
	v->tested_ms = now_ms;
	v->unanswered_runs = 0;
	v->listed_since = false;
}
