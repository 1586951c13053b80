/*
 * test_inspector_lies.c - questions that may not be.
 */
#include "filter/inspector.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

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

		scene_open(&scene, scene_world);
		scene_message(&scene, true);
		packet_begin(&packet, lies[i].message);
		packet_flag(&packet, lies[i].packet_flags);
		put_lie(&packet, &lies[i]);
		scene_send_bytes(&scene, &packet);
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
	scene_open(&scene, scene_world);
	scene_message(&scene, true);
	packet_begin(&packet, 1);
	put_lie(&packet, &fine);
	put_lie(&packet, &fine);
	scene_send_bytes(&scene, &packet);
	expect_broken(&scene, "two questions in one packet");
	packet_done(&packet);
	scene_close(&scene);
}

static void one_question_too_many_is_a_lie(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, scene_world);
	scene_message(&scene, true);
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		scene_ask(&scene, "a.test", DNS_A);
		scene_hear_status(&scene, i, DNS_FOUND);
	}
	scene_ask(&scene, "a.test", DNS_A);
	expect_broken(&scene, "one question too many");
	scene_close(&scene);
}

static void an_answered_message_asks_nothing(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, scene_world);
	scene_message(&scene, true);
	scene_end_well(&scene);
	scene_ask(&scene, "a.test", DNS_A);
	test_await_hang(&scene.hangs);
	assert_null(test_begin(scene.pool, &test_no_body, 0));
	scene_close(&scene);
}

/* Dropped messages are no way to ask for ever. */
static void late_questions_are_counted(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, scene_world);
	scene_message(&scene, false);
	inspection_end(scene.inspection);
	scene.inspection = NULL;
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		scene_ask(&scene, "a.test", DNS_A);
		scene.asked = 0;
	}
	assert_int_equal(inspector_pool_stats(scene.pool).hangs, 0);
	scene_ask(&scene, "a.test", DNS_A);
	test_await_hang(&scene.hangs);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_that_may_not_be_is_a_lie),
		cmocka_unit_test(each_question_has_its_packet),
		cmocka_unit_test(one_question_too_many_is_a_lie),
		cmocka_unit_test(an_answered_message_asks_nothing),
		cmocka_unit_test(late_questions_are_counted),
	};

	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_finishes = false;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
