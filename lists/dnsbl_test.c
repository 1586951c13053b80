/*
 * dnsbl_test.c - test runs: a list is asked what it must and must not list.
 *
 * A run asks all at once, up to three questions for each kind of thing that the
 * list is asked about: its test entry, what RFC 5782 says is never listed, and
 * a probe, which no cache on the way can answer.  Its memory is part of the
 * list, as there is only one run of it at a time.
 */
#include "lists/dnsbl_private.h"

#include <stdio.h>
#include <string.h>

static const struct {
	unsigned kind;
	const char *listed, *not_listed;
} rfc5782[DNSBL_KINDS] = {
	{ DNSBL_OF_IP4, "127.0.0.2", "127.0.0.1" },
	{ DNSBL_OF_IP6, "::ffff:127.0.0.2", "::ffff:127.0.0.1" },
	{ DNSBL_OF_NAMES, "TEST", "INVALID" },
};

uint64_t dnsbl_answers(struct dnsbls *dnsbls)
{
	struct dns_stats stats;
	uint64_t answers = 0;

	dns_stats(dnsbls->dns, &stats);
	for (int status = 0; status < DNS_STATUSES; status++)
		if (dns_status_is_known((enum dns_status)status))
			answers += stats.answers[status];
	return answers;
}

/* One less to come; the last one ends the run. */
static void count_down(struct dnsbl *dnsbl)
{
	enum dnsbl_health was;
	bool is_last;

	pthread_mutex_lock(&dnsbl->lock);
	is_last = --dnsbl->pending == 0;
	pthread_mutex_unlock(&dnsbl->lock);
	if (!is_last)
		return;
	/* nobody else has a hand in the run any more */
	if (dnsbl->findings.silent)
		dnsbl->findings.answers_after = dnsbl_answers(dnsbl->dnsbls);
	pthread_mutex_lock(&dnsbl->lock);
	was = dnsbl->vitals.health;
	vitals_end(&dnsbl->vitals, &dnsbl->findings, dnsbl->dnsbls->now());
	dnsbl_unlock(dnsbl, was);
}

/* Takes the reference. */
static void take_answer(struct dnsbl_test *test, struct dns_answer *answer)
{
	struct dnsbl *dnsbl = test->dnsbl;

	pthread_mutex_lock(&dnsbl->lock);
	findings_add(&dnsbl->findings, test->role, test->kind, test->subject,
		     answer,
		     answer->received > 0 &&
			     answer->received < dnsbl->asked_ms);
	pthread_mutex_unlock(&dnsbl->lock);
	dns_answer_unref(answer);
	count_down(dnsbl);
}

static void done(struct dns_asker *asker, struct dns_answer *answer)
{
	take_answer(asker->context, answer);
}

static void ask(struct dnsbl_test *test, const char *name)
{
	struct dnsbl *dnsbl = test->dnsbl;
	struct dns_answer *answer;

	pthread_mutex_lock(&dnsbl->lock);
	dnsbl->pending++;
	pthread_mutex_unlock(&dnsbl->lock);
	test->asker.done = done;
	test->asker.context = test;
	test->sent = true;
	answer = dns_ask(dnsbl->dnsbls->dns, name, DNS_A, 0, &test->asker);
	if (answer) {
		test->sent = false;
		take_answer(test, answer);
	}
}

/* An IPv4 address after "::ffff:" is meant as an IPv6 one, here alone. */
static unsigned kind_of(const char *subject)
{
	struct ip ip;

	if (ip_parse(subject, strlen(subject), &ip) < 0)
		return DNSBL_OF_NAMES;
	return strchr(subject, ':') ? DNSBL_OF_IP6 : DNSBL_OF_IP4;
}

/* The name to ask about an address or domain that stands for tests. */
static int name_of(const struct dnsbl *dnsbl, const char *subject,
		   char buf[DNSBL_NAME_SIZE])
{
	struct ip ip, mapped = { .family = 6 };

	if (ip_parse(subject, strlen(subject), &ip) < 0)
		return dnsbl_test_name(dnsbl, subject, buf);
	if (ip.family == 6 || kind_of(subject) == DNSBL_OF_IP4)
		return dnsbl_ip_name(dnsbl, &ip, buf);
	mapped.bytes[10] = mapped.bytes[11] = 0xff;
	memcpy(mapped.bytes + 12, ip.bytes, 4);
	return dnsbl_ip_name(dnsbl, &mapped, buf);
}

/* What one run asks about. */
struct plan {
	struct dnsbl *dnsbl;
	size_t count;
	char names[DNSBL_QUESTIONS][DNSBL_NAME_SIZE];
};

static void plan_add(struct plan *plan, enum dnsbl_role role, unsigned kind,
		     const char *subject)
{
	struct dnsbl_test *test = &plan->dnsbl->tests[plan->count];

	if (name_of(plan->dnsbl, subject, plan->names[plan->count]) < 0)
		return;
	test->dnsbl = plan->dnsbl;
	test->role = role;
	test->kind = kind;
	snprintf(test->subject, sizeof(test->subject), "%s", subject);
	plan->count++;
}

static void plan_add_probe(struct plan *plan, enum dnsbl_role role,
			   unsigned kind)
{
	struct dnsbl_test *test = &plan->dnsbl->tests[plan->count];

	if (dnsbl_probe(plan->dnsbl, kind, plan->dnsbl->dnsbls->now(),
			plan->names[plan->count], test->subject) < 0)
		return;
	test->dnsbl = plan->dnsbl;
	test->role = role;
	test->kind = kind;
	plan->count++;
}

/* With the lock, as it reads the settings. */
static void plan_make(struct plan *plan)
{
	const struct dnsbl *dnsbl = plan->dnsbl;
	bool is_tested = dnsbl->vitals.is_tested;

	if (is_tested && dnsbl->test)
		plan_add(plan, DNSBL_TEST_LISTED, kind_of(dnsbl->test),
			 dnsbl->test);
	for (int i = 0; i < DNSBL_KINDS; i++) {
		if (!(dnsbl->of & rfc5782[i].kind))
			continue;
		if (!is_tested) {
			plan_add_probe(plan, DNSBL_TEST_THERE, rfc5782[i].kind);
			continue;
		}
		if (!dnsbl->test)
			plan_add(plan, DNSBL_TEST_LISTED, rfc5782[i].kind,
				 rfc5782[i].listed);
		plan_add(plan, DNSBL_TEST_NOT_LISTED, rfc5782[i].kind,
			 rfc5782[i].not_listed);
		plan_add_probe(plan, DNSBL_TEST_NOT_LISTED, rfc5782[i].kind);
	}
}

/* Asks all that was planned; some answers come at once. */
static void run(struct dnsbl *dnsbl)
{
	struct plan plan = { .dnsbl = dnsbl };
	uint64_t answers = dnsbl_answers(dnsbl->dnsbls);

	pthread_mutex_lock(&dnsbl->lock);
	memset(&dnsbl->findings, 0, sizeof(dnsbl->findings));
	dnsbl->findings.answers_before = answers;
	dnsbl->asked_ms = dns_now_ms();
	dnsbl->pending = 1;
	plan_make(&plan);
	pthread_mutex_unlock(&dnsbl->lock);
	for (size_t i = 0; i < plan.count; i++)
		ask(&dnsbl->tests[i], plan.names[i]);
	count_down(dnsbl);
}

bool dnsbl_test_start(struct dnsbl *dnsbl)
{
	bool starts;

	pthread_mutex_lock(&dnsbl->lock);
	/* nothing it is of: it is just being made */
	starts = dnsbl->of != 0 &&
		 vitals_start(&dnsbl->vitals, dnsbl->dnsbls->now());
	pthread_mutex_unlock(&dnsbl->lock);
	if (starts)
		run(dnsbl);
	return starts;
}

void dnsbl_test_stop(struct dnsbl *dnsbl)
{
	for (int i = 0; i < DNSBL_QUESTIONS; i++) {
		if (dnsbl->tests[i].sent)
			dns_give_up(dnsbl->dnsbls->dns, &dnsbl->tests[i].asker);
		dnsbl->tests[i].sent = false;
	}
}
