/*
 * test_inspector_dns.c - what inspectors ask, and what becomes of it.
 *
 * Most inspectors here are the test itself, behind an open channel; the world
 * of DNS is a zone's text.
 */
#include "filter/inspector.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/inspect/channel.h"
#include "filter/inspector_pool.h"
#include "filter/resolver.h"
#include "rules/arena.h"
#include "tests/unit/inspections.h"

static const char world[] = "$ORIGIN test.\n"
			    "a A 192.0.2.1\n"
			    "  A 192.0.2.2\n"
			    "  AAAA 2001:db8::1\n"
			    "  MX 10 mx.a\n"
			    "  MX 0 .\n"
			    "  TXT \"v=spf1 \" \"-all\"\n"
			    "  TXT \"\"\n"
			    "ptr PTR host.a\n"
			    "alias CNAME a\n"
			    "slow A 192.0.2.3\n"
			    "slow DELAY 150ms\n"
			    "broken SERVFAIL\n"
			    "no REFUSED\n"
			    "odd GARBLED\n"
			    "silent TIMEOUT\n"
			    "late TIMEOUT 50ms\n"
			    "v6 AAAA ::ffff:192.0.2.9\n"
			    "pass TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
			    "mx TXT \"v=spf1 mx:a.test a:slow.test -all\"\n"
			    "mx.a A 192.0.2.7\n";

/* --- one pool, one channel, and the test behind it ----------------------- */

struct scene {
	struct inspector_pool *pool;
	struct test_inspector inspector;
	struct test_hangs hangs;
	struct resolver *resolver;
	struct inspection *inspection;
	struct arena arena; /* of what the inspector reads */
	uint64_t number;
	uint32_t asked;
	int fd;
};

static void scene_open(struct scene *scene, const char *zone)
{
	memset(scene, 0, sizeof(*scene));
	arena_init(&scene->arena, 4 << 20);
	scene->resolver = zone == NULL ? NULL : test_resolver(zone);
	scene->pool = inspector_pool_open(1, 1);
	inspector_open(&scene->inspector, 0, 1);
	scene->fd = scene->inspector.theirs[0];
	inspector_pool_on_hang(scene->pool, test_on_hang, &scene->hangs);
	inspector_adopt(&scene->inspector, scene->pool);
}

static void scene_close(struct scene *scene)
{
	inspection_end(scene->inspection);
	if (scene->fd >= 0)
		close(scene->fd);
	inspector_pool_close(scene->pool);
	resolver_unref(scene->resolver);
	arena_done(&scene->arena);
}

/* The next packet; its first record. */
static struct channel_record receive(struct scene *scene,
				     unsigned char packet[CHANNEL_PACKET_MAX])
{
	ssize_t got = recv(scene->fd, packet, CHANNEL_PACKET_MAX, 0);
	struct channel_record record;
	struct channel_head head;
	struct cursor cursor;

	assert_true(got > 0);
	cursor = cursor_over(packet, (size_t)got);
	assert_true(channel_open(&cursor, &head));
	assert_int_equal(head.flags, 0);
	scene->number = head.number;
	assert_int_equal(channel_next(&cursor, &record), CHANNEL_RECORD);
	return record;
}

/* A message begins, and reaches the inspector; `ends` it is finished, too. */
static void scene_message(struct scene *scene, bool ends)
{
	static char large[CHANNEL_RECORD_MAX - 2];
	static unsigned char packet[CHANNEL_PACKET_MAX];
	const struct inspection_request request = {
		.arrival = 1000,
		.body_limit = 1000000,
		.resolver = scene->resolver,
		.dns_ms = 4000,
	};
	uint8_t first;

	scene->asked = 0;
	scene->inspection = test_begin(scene->pool, &request, LONG);
	assert_non_null(scene->inspection);
	if (ends)
		inspection_finish(scene->inspection);
	else /* too much for one packet, so the first one goes */
		inspection_header(scene->inspection, "", 0, large,
				  sizeof(large));
	first = receive(scene, packet).type;
	assert_int_equal(first, CHANNEL_BEGIN);
}

static void send_bytes(struct scene *scene, const struct packet *packet)
{
	assert_int_equal(send(scene->fd, packet->bytes, packet->used, 0),
			 packet->used);
}

static void ask(struct scene *scene, const char *name, enum dns_type type)
{
	struct packet packet = { .grows = true };

	packet_begin(&packet, scene->number);
	packet_put_question(&packet, scene->asked++, type, name);
	send_bytes(scene, &packet);
	packet_done(&packet);
}

/* The inspector has no more to say: all facts are missing. */
static void say_nothing(struct scene *scene)
{
	struct packet packet = { .grows = true };

	packet_begin(&packet, scene->number);
	packet_flag(&packet, CHANNEL_LAST);
	send_bytes(scene, &packet);
	packet_done(&packet);
}

/* The next answer, which is to a question of this type. */
static const struct dns_answer *hear(struct scene *scene, enum dns_type type,
				     uint32_t *ret_number)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	struct channel_record record = receive(scene, packet);
	const struct dns_answer *answer;

	assert_int_equal(record.type, CHANNEL_ANSWER);
	assert_true(channel_read_answer(&record.payload, ret_number));
	assert_true(channel_read_records(&record.payload, type, &scene->arena,
					 &answer));
	return answer;
}

static void hear_status(struct scene *scene, uint32_t number,
			enum dns_status status)
{
	uint32_t got;
	const struct dns_answer *answer = hear(scene, DNS_A, &got);

	assert_int_equal(got, number);
	assert_string_equal(dns_status_name(answer->status),
			    dns_status_name(status));
}

static void end_well(struct scene *scene)
{
	enum fact_cause cause;
	struct test_facts got;

	say_nothing(scene);
	test_facts_init(&got);
	assert_int_equal(inspection_wait(scene->inspection, &got.facts, LONG,
					 &cause),
			 INSPECTION_DONE);
	test_facts_done(&got);
	inspection_end(scene->inspection);
	scene->inspection = NULL;
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
	struct scene scene;
	uint32_t number;
	char buf[512];

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dns_answer *answer;

		ask(&scene, rows[i].name, rows[i].type);
		answer = hear(&scene, rows[i].type, &number);
		assert_int_equal(number, i);
		assert_string_equal(print_answer(answer, buf), rows[i].answer);
	}
	end_well(&scene);
	scene_close(&scene);
}

static void answers_come_when_they_are_known(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	ask(&scene, "slow.test", DNS_A);
	ask(&scene, "a.test", DNS_A);
	ask(&scene, "nowhere.test", DNS_A);
	hear_status(&scene, 1, DNS_FOUND);
	hear_status(&scene, 2, DNS_NXDOMAIN);
	hear_status(&scene, 0, DNS_FOUND);
	end_well(&scene);
	scene_close(&scene);
}

static void questions_may_come_before_the_end(void **state)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, false);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 0, DNS_FOUND);
	ask(&scene, "late.test", DNS_A);
	inspection_finish(scene.inspection);
	while (receive(&scene, packet).type == CHANNEL_HEADER)
		; /* END is behind the last of these */
	end_well(&scene);
	scene_close(&scene);
}

static void without_a_resolver_nothing_is_known(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, NULL);
	scene_message(&scene, true);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 0, DNS_STOPPED);
	end_well(&scene);
	scene_close(&scene);
}

static void as_many_as_are_allowed_are_answered(void **state)
{
	char name[64];
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		ask(&scene, name, DNS_A);
		hear_status(&scene, i, DNS_NXDOMAIN);
	}
	end_well(&scene);
	scene_close(&scene);
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
		ask(&scene, name, DNS_TXT);
	}
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t number;
		const struct dns_answer *answer =
			hear(&scene, DNS_TXT, &number);

		assert_int_equal(answer->count, 4);
		assert_true(number < MANY && !seen[number]);
		seen[number] = true;
	}
	end_well(&scene);
	scene_close(&scene);
}

/* --- time ---------------------------------------------------------------- */

static void who_waits_for_us_does_not_hang(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	inspector_pool_set_timeout(scene.pool, SHORT / 2);
	scene_message(&scene, true);
	ask(&scene, "slow.test", DNS_A);
	hear_status(&scene, 0, DNS_FOUND);
	assert_int_equal(inspector_pool_stats(scene.pool).hangs, 0);
	/* From now on it is its turn. */
	test_lost(scene.inspection, CAUSE_TIMEOUT);
	test_await_hang(&scene.hangs);
	scene_close(&scene);
}

/* --- endings ------------------------------------------------------------- */

static void a_dropped_message_gets_no_answers(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, false);
	ask(&scene, "slow.test", DNS_A);
	ask(&scene, "silent.test", DNS_A);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 2, DNS_FOUND);
	inspection_end(scene.inspection);
	/* It does not know yet. */
	ask(&scene, "a.test", DNS_A);
	scene_message(&scene, true);
	assert_int_equal(scene.number, 2);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 0, DNS_FOUND);
	end_well(&scene);
	assert_int_equal(inspector_pool_stats(scene.pool).hangs, 0);
	scene_close(&scene);
}

static void who_gives_up_stops_the_asking(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	ask(&scene, "silent.test", DNS_A);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 1, DNS_FOUND);
	inspection_end(scene.inspection);
	hear_status(&scene, 0, DNS_STOPPED);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 2, DNS_STOPPED);
	say_nothing(&scene);
	scene_message(&scene, true); /* so the channel is free */
	end_well(&scene);
	scene_close(&scene);
}

static void an_inspector_may_die_while_it_waits(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	ask(&scene, "silent.test", DNS_A);
	ask(&scene, "slow.test", DNS_A);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 2, DNS_FOUND);
	close(scene.fd);
	scene.fd = -1;
	test_lost(scene.inspection, CAUSE_CRASHED);
	inspector_pool_gone(scene.pool, 0, scene.inspector.pid, SIGKILL);
	assert_int_equal(inspector_pool_stats(scene.pool).crashes, 1);
	scene_close(&scene);
}

/* A reload takes the resolver away; who has asked it is answered yet. */
static void a_reload_waits_for_who_has_asked(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	ask(&scene, "slow.test", DNS_A);
	resolver_unref(scene.resolver);
	scene.resolver = NULL;
	hear_status(&scene, 0, DNS_FOUND);
	end_well(&scene);
	scene_close(&scene);
}

static void the_pool_may_close_on_a_question(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	ask(&scene, "silent.test", DNS_A);
	ask(&scene, "a.test", DNS_A);
	hear_status(&scene, 1, DNS_FOUND);
	inspection_end(scene.inspection);
	scene.inspection = NULL;
	scene_close(&scene);
}

/* --- what may not be asked ----------------------------------------------- */

struct lie {
	const char *claim;
	uint64_t message;
	uint32_t number;
	uint16_t type;
	const char *name; /* and the NUL, which is part of it */
	size_t len;
	uint8_t packet_flags, record_flags;
};
#define NAME(text) text, sizeof(text)

static const struct lie lies[] = {
	{ "not the first number", 1, 1, DNS_A, NAME("a.test"), 0, 0 },
	{ "a number past the limit", 1, 256, DNS_A, NAME("a.test"), 0, 0 },
	{ "a type nobody needs", 1, 0, DNS_SOA, NAME("a.test"), 0, 0 },
	{ "a type that is none", 1, 0, 0, NAME("a.test"), 0, 0 },
	{ "no name", 1, 0, DNS_A, NAME(""), 0, 0 },
	{ "an empty label", 1, 0, DNS_A, NAME("a..test"), 0, 0 },
	{ "a NUL inside", 1, 0, DNS_A, NAME("a\0test"), 0, 0 },
	{ "no NUL behind", 1, 0, DNS_A, "a.test", 6, 0, 0 },
	{ "a packet that is the last", 1, 0, DNS_A, NAME("a"), 1, 0 },
	{ "flags nobody knows", 1, 0, DNS_A, NAME("a"), 0, 1 },
	{ "a message that is still to come", 2, 0, DNS_A, NAME("a"), 0, 0 },
	{ "message 0", 0, 0, DNS_A, NAME("a"), 0, 0 },
};

static void put_lie(struct packet *packet, const struct lie *lie)
{
	unsigned char payload[64];
	struct pen pen = { .at = payload, .room = sizeof(payload) };

	pen_u32(&pen, lie->number);
	pen_u16(&pen, lie->type);
	pen_bytes(&pen, lie->name, lie->len);
	packet_put(packet, CHANNEL_QUESTION, lie->record_flags, payload,
		   pen.used);
}

static void expect_broken(struct scene *scene, const char *claim)
{
	struct test_outcome outcome = test_take(scene->inspection, LONG);

	if (outcome.answer != INSPECTION_LOST)
		fail_msg("believed: %s", claim);
	assert_int_equal(outcome.cause, CAUSE_CRASHED);
	test_await_hang(&scene->hangs);
}

static void a_question_that_may_not_be_is_a_lie(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct packet packet = { .grows = true };
		struct scene scene;

		scene_open(&scene, world);
		scene_message(&scene, true);
		packet_begin(&packet, lies[i].message);
		packet_flag(&packet, lies[i].packet_flags);
		put_lie(&packet, &lies[i]);
		send_bytes(&scene, &packet);
		expect_broken(&scene, lies[i].claim);
		packet_done(&packet);
		scene_close(&scene);
	}
}

static void each_question_has_its_packet(void **state)
{
	const struct lie fine = { "", 1, 0, DNS_A, NAME("a.test"), 0, 0 };
	struct packet packet = { .grows = true };
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	packet_begin(&packet, 1);
	put_lie(&packet, &fine);
	put_lie(&packet, &fine);
	send_bytes(&scene, &packet);
	expect_broken(&scene, "two questions in one packet");
	packet_done(&packet);
	scene_close(&scene);
}

static void one_question_too_many_is_a_lie(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		ask(&scene, "a.test", DNS_A);
		hear_status(&scene, i, DNS_FOUND);
	}
	ask(&scene, "a.test", DNS_A);
	expect_broken(&scene, "one question too many");
	scene_close(&scene);
}

static void an_answered_message_asks_nothing(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, true);
	end_well(&scene);
	ask(&scene, "a.test", DNS_A);
	test_await_hang(&scene.hangs);
	assert_null(test_begin(scene.pool, &test_no_body, 0));
	scene_close(&scene);
}

/* Dropped messages are no way to ask for ever. */
static void late_questions_are_counted(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, world);
	scene_message(&scene, false);
	inspection_end(scene.inspection);
	scene.inspection = NULL;
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		ask(&scene, "a.test", DNS_A);
		scene.asked = 0;
	}
	assert_int_equal(inspector_pool_stats(scene.pool).hangs, 0);
	ask(&scene, "a.test", DNS_A);
	test_await_hang(&scene.hangs);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_dns_says_is_passed_on),
		cmocka_unit_test(answers_come_when_they_are_known),
		cmocka_unit_test(questions_may_come_before_the_end),
		cmocka_unit_test(without_a_resolver_nothing_is_known),
		cmocka_unit_test(as_many_as_are_allowed_are_answered),
		cmocka_unit_test(answers_wait_for_room),
		cmocka_unit_test(who_waits_for_us_does_not_hang),
		cmocka_unit_test(a_dropped_message_gets_no_answers),
		cmocka_unit_test(who_gives_up_stops_the_asking),
		cmocka_unit_test(an_inspector_may_die_while_it_waits),
		cmocka_unit_test(a_reload_waits_for_who_has_asked),
		cmocka_unit_test(the_pool_may_close_on_a_question),
		cmocka_unit_test(a_question_that_may_not_be_is_a_lie),
		cmocka_unit_test(each_question_has_its_packet),
		cmocka_unit_test(one_question_too_many_is_a_lie),
		cmocka_unit_test(an_answered_message_asks_nothing),
		cmocka_unit_test(late_questions_are_counted),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
