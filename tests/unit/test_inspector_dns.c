/*
 * test_inspector_dns.c - what inspectors ask, and what becomes of it.
 */
#include "filter/inspector.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/inspector_pool.h"
#include "filter/resolver.h"
#include "tests/unit/scene.h"

static int set_up(void **state)
{
	static struct scene scene;

	scene_open(&scene, scene_world);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

/* --- answers ------------------------------------------------------------- */

static void print_record(FILE *out, const struct dns_record *r)
{
	char ip[IP_TEXT_SIZE];

	if (r->type == DNS_A || r->type == DNS_AAAA)
		fprintf(out, " %s", ip_format(&r->ip, ip, sizeof(ip)));
	else if (r->type == DNS_MX)
		fprintf(out, " %u %s", r->preference, r->name);
	else if (r->type == DNS_PTR)
		fprintf(out, " %s", r->name);
	for (size_t i = 0, at = 0; i < r->strings; at = r->ends[i++])
		fprintf(out, "%s\"%.*s\"", i == 0 ? " " : "+",
			(int)(r->ends[i] - at), r->text + at);
}

static const char *print_answer(const struct dns_answer *answer, char buf[512])
{
	FILE *out = fmemopen(buf, 512, "w");

	fputs(dns_status_name(answer->status), out);
	if (answer->cnames > 0)
		fprintf(out, " (%u %s)", answer->cnames, answer->canonical);
	for (size_t i = 0; i < answer->count; i++)
		print_record(out, &answer->records[i]);
	fclose(out);
	return buf;
}

static const struct row {
	const char *name;
	enum dns_type type;
	const char *answer;
} rows[] = {
	{ "a.test", DNS_A, "found 192.0.2.1 192.0.2.2" },
	{ "A.Test", DNS_AAAA, "found 2001:db8::1" },
	{ "v6.test", DNS_AAAA, "found 192.0.2.9" },
	{ "a.test", DNS_MX, "found 10 mx.a.test 0 ." },
	{ "a.test", DNS_TXT, "found \"v=spf1 \"+\"-all\" \"\"" },
	{ "ptr.test", DNS_PTR, "found host.a.test" },
	{ "alias.test", DNS_A, "found (1 a.test) 192.0.2.1 192.0.2.2" },
	{ "nowhere.test", DNS_TXT, "nxdomain" },
	{ "ptr.test", DNS_A, "nodata" },
	{ "broken.test", DNS_A, "servfail" },
	{ "no.test", DNS_A, "refused" },
	{ "odd.test", DNS_TXT, "garbled" },
	{ "late.test", DNS_A, "timeout" },
};

static void what_dns_says_is_passed_on(void **state)
{
	struct scene *scene = *state;
	uint32_t number;
	char buf[512];

	scene_message(scene, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dns_answer *answer;

		scene_ask(scene, rows[i].name, rows[i].type);
		answer = scene_hear(scene, rows[i].type, &number);
		assert_int_equal(number, i);
		assert_string_equal(print_answer(answer, buf), rows[i].answer);
	}
	scene_end_well(scene);
}

static void answers_come_when_they_are_known(void **state)
{
	struct scene *scene = *state;

	scene_message(scene, true);
	scene_ask(scene, "slow.test", DNS_A);
	scene_ask(scene, "a.test", DNS_A);
	scene_ask(scene, "nowhere.test", DNS_A);
	scene_hear_status(scene, 1, DNS_FOUND);
	scene_hear_status(scene, 2, DNS_NXDOMAIN);
	scene_hear_status(scene, 0, DNS_FOUND);
	scene_end_well(scene);
}

static void questions_may_come_before_the_end(void **state)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	struct scene *scene = *state;

	scene_message(scene, false);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 0, DNS_FOUND);
	scene_ask(scene, "late.test", DNS_A);
	inspection_finish(scene->inspection);
	while (scene_receive(scene, packet).type == CHANNEL_HEADER)
		; /* END is behind the last of these */
	scene_end_well(scene);
}

/* The inspector, while the session waits and reads by itself. */
static void *ask_and_say_nothing(void *context)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	struct scene *scene = context;

	scene_receive(scene, packet); /* all of it, END too */
	scene_ask(scene, "a.test", DNS_A);
	scene_ask(scene, "slow.test", DNS_A);
	scene_hear_status(scene, 0, DNS_FOUND);
	scene_hear_status(scene, 1, DNS_FOUND);
	scene_ask(scene, "nowhere.test", DNS_A);
	scene_hear_status(scene, 2, DNS_NXDOMAIN);
	scene_say_nothing(scene);
	return NULL;
}

static void who_reads_by_himself_may_be_asked(void **state)
{
	static const struct inspection_request none = { .arrival = 1000 };
	struct scene *scene = *state;

	for (int i = 0; i < 3; i++) {
		struct inspection_request request = none;
		struct test_outcome outcome;
		pthread_t thread;

		request.resolver = scene->resolver;
		request.dns_ms = 4000;
		scene->asked = 0;
		scene->inspection = test_begin(scene->pool, &request, LONG);
		assert_non_null(scene->inspection);
		pthread_create(&thread, NULL, ask_and_say_nothing, scene);
		outcome = test_take(scene->inspection, LONG);
		pthread_join(thread, NULL);
		assert_int_equal(outcome.answer, INSPECTION_DONE);
		inspection_end(scene->inspection);
		scene->inspection = NULL;
	}
}

static void without_a_resolver_nothing_is_known(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_message(&scene, true);
	scene_ask(&scene, "a.test", DNS_A);
	scene_hear_status(&scene, 0, DNS_STOPPED);
	scene_end_well(&scene);
	scene_close(&scene);
}

static void as_many_as_are_allowed_are_answered(void **state)
{
	char name[64];
	struct scene *scene = *state;

	scene_message(scene, true);
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		scene_ask(scene, name, DNS_A);
		scene_hear_status(scene, i, DNS_NXDOMAIN);
	}
	scene_end_well(scene);
}

/* Nobody reads them for a while: they wait in the filter, not in the socket. */
static void answers_wait_for_room(void **state)
{
	enum { MANY = 250 };
	bool seen[MANY] = { false };
	char zone[10000], name[64];
	struct scene scene;
	size_t used;

	(void)state;
	used = (size_t)snprintf(zone, sizeof(zone), "$ORIGIN test.\n");
	for (int i = 0; i < 4; i++) {
		used += (size_t)snprintf(zone + used, sizeof(zone) - used,
					 "* TXT \"%d\"", i);
		for (int k = 0; k < 10; k++)
			used += (size_t)snprintf(zone + used,
						 sizeof(zone) - used,
						 " \"%0200d\"", k);
		used += (size_t)snprintf(zone + used, sizeof(zone) - used,
					 "\n");
	}
	scene_open(&scene, zone);
	scene_message(&scene, true);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		scene_ask(&scene, name, DNS_TXT);
	}
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t number;
		const struct dns_answer *answer =
			scene_hear(&scene, DNS_TXT, &number);

		assert_int_equal(answer->count, 4);
		assert_true(number < MANY && !seen[number]);
		seen[number] = true;
	}
	scene_end_well(&scene);
	scene_close(&scene);
}

/* --- time ---------------------------------------------------------------- */

static void who_waits_for_us_does_not_hang(void **state)
{
	struct scene *scene = *state;

	inspector_pool_set_timeout(scene->pool, SHORT / 2);
	scene_message(scene, true);
	scene_ask(scene, "slow.test", DNS_A);
	scene_hear_status(scene, 0, DNS_FOUND);
	assert_int_equal(inspector_pool_stats(scene->pool).hangs, 0);
	/* From now on it is its turn. */
	test_lost(scene->inspection, CAUSE_TIMEOUT);
	test_await_hang(&scene->hangs);
}

/* --- endings ------------------------------------------------------------- */

static void a_dropped_message_gets_no_answers(void **state)
{
	struct scene *scene = *state;

	scene_message(scene, false);
	scene_ask(scene, "slow.test", DNS_A);
	scene_ask(scene, "silent.test", DNS_A);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 2, DNS_FOUND);
	inspection_end(scene->inspection);
	/* It does not know yet. */
	scene_ask(scene, "a.test", DNS_A);
	scene_message(scene, true);
	assert_int_equal(scene->number, 2);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 0, DNS_FOUND);
	scene_end_well(scene);
	assert_int_equal(inspector_pool_stats(scene->pool).hangs, 0);
}

static void who_gives_up_stops_the_asking(void **state)
{
	struct scene *scene = *state;

	scene_message(scene, true);
	scene_ask(scene, "silent.test", DNS_A);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 1, DNS_FOUND);
	inspection_end(scene->inspection);
	scene_hear_status(scene, 0, DNS_STOPPED);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 2, DNS_STOPPED);
	scene_say_nothing(scene);
	scene_message(scene, true); /* so the channel is free */
	scene_end_well(scene);
}

static int64_t first_deadline(struct inspector_pool *pool)
{
	int64_t deadline;

	pthread_mutex_lock(&pool->lock);
	deadline = pool->soonest == NULL ? 0 : pool->soonest->deadline;
	pthread_mutex_unlock(&pool->lock);
	return deadline;
}

/* Or one that was taken over would keep its channels by asking on and on. */
static void asking_gains_no_time_when_nobody_waits(void **state)
{
	struct scene *scene = *state;
	int64_t deadline;

	scene_message(scene, true);
	scene_ask(scene, "silent.test", DNS_A);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 1, DNS_FOUND);
	assert_int_equal(first_deadline(scene->pool), 0);
	inspection_end(scene->inspection);
	scene_hear_status(scene, 0, DNS_STOPPED);
	deadline = first_deadline(scene->pool);
	assert_int_not_equal(deadline, 0);
	for (int64_t now = pool_now(); pool_now() < now + 2;)
		;
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 2, DNS_STOPPED);
	assert_int_equal(first_deadline(scene->pool), deadline);
	scene_say_nothing(scene);
	scene_message(scene, true);
	scene_end_well(scene);
}

static void an_inspector_may_die_while_it_waits(void **state)
{
	struct scene *scene = *state;

	scene_message(scene, true);
	scene_ask(scene, "silent.test", DNS_A);
	scene_ask(scene, "slow.test", DNS_A);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 2, DNS_FOUND);
	close(scene->fd);
	scene->fd = -1;
	test_lost(scene->inspection, CAUSE_CRASHED);
	inspector_pool_gone(scene->pool, 0, scene->inspector.pid, SIGKILL);
	assert_int_equal(inspector_pool_stats(scene->pool).crashes, 1);
}

/* A reload takes the resolver away; who has asked it is answered yet. */
static void a_reload_waits_for_who_has_asked(void **state)
{
	struct scene *scene = *state;

	scene_message(scene, true);
	scene_ask(scene, "slow.test", DNS_A);
	resolver_unref(scene->resolver);
	scene->resolver = NULL;
	scene_hear_status(scene, 0, DNS_FOUND);
	scene_end_well(scene);
}

static void the_pool_may_close_on_a_question(void **state)
{
	struct scene *scene = *state;

	scene_message(scene, true);
	scene_ask(scene, "silent.test", DNS_A);
	scene_ask(scene, "a.test", DNS_A);
	scene_hear_status(scene, 1, DNS_FOUND);
	inspection_end(scene->inspection);
	scene->inspection = NULL;
}

#define IN_A_SCENE(test) \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_SCENE(what_dns_says_is_passed_on),
		IN_A_SCENE(answers_come_when_they_are_known),
		IN_A_SCENE(questions_may_come_before_the_end),
		IN_A_SCENE(who_reads_by_himself_may_be_asked),
		cmocka_unit_test(without_a_resolver_nothing_is_known),
		IN_A_SCENE(as_many_as_are_allowed_are_answered),
		cmocka_unit_test(answers_wait_for_room),
		IN_A_SCENE(who_waits_for_us_does_not_hang),
		IN_A_SCENE(a_dropped_message_gets_no_answers),
		IN_A_SCENE(who_gives_up_stops_the_asking),
		IN_A_SCENE(asking_gains_no_time_when_nobody_waits),
		IN_A_SCENE(an_inspector_may_die_while_it_waits),
		IN_A_SCENE(a_reload_waits_for_who_has_asked),
		IN_A_SCENE(the_pool_may_close_on_a_question),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
