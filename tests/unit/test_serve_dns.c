/*
 * test_serve_dns.c - an inspector asks, and the test is the filter.
 *
 * What the filter will say is in the socket before it is asked for: nobody
 * waits in here but for what never comes.
 */
#include "filter/inspect/serve_dns.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/inspect/message.h"
#include "filter/inspect/serve.h"
#include "filter/inspect/spf.h"

enum { LONG = 20000 };

struct scene {
	struct serve_dns dns;
	int filter, inspector;
	unsigned char late[CHANNEL_PACKET_MAX];
};

static struct scene scene;

static void open_scene(uint32_t dns_ms)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	scene.filter = pair[0];
	scene.inspector = pair[1];
	serve_dns_init(&scene.dns, scene.inspector, scene.late);
	serve_dns_begin(&scene.dns, 7, dns_ms);
}

static void close_scene(void)
{
	serve_dns_done(&scene.dns);
	close(scene.filter);
	close(scene.inspector);
}

/* --- the filter's side --------------------------------------------------- */

static const struct dns_record two[] = {
	{ .type = DNS_A, .ip = { .family = 4, .bytes = { 192, 0, 2, 1 } } },
	{ .type = DNS_A, .ip = { .family = 4, .bytes = { 192, 0, 2, 2 } } },
};
static const struct dns_answer two_found = {
	.status = DNS_FOUND, .canonical = "a.test", .count = 2, .records = two
};

static void tell_of(uint64_t message, uint32_t number, enum dns_type type,
		    const struct dns_answer *answer)
{
	struct packet packet = { .grows = true };

	packet_begin(&packet, message);
	assert_int_equal(packet_put_answer(&packet, number, type, answer),
			 PACKET_PUT);
	assert_int_equal(send(scene.filter, packet.bytes, packet.used, 0),
			 packet.used);
	packet_done(&packet);
}

static void tell(uint32_t number, const struct dns_answer *answer)
{
	tell_of(7, number, DNS_A, answer);
}

/* Writes "0 a.test A, 1 b.test TXT" of what was asked since. */
static const char *questions(char buf[512])
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	FILE *out = fmemopen(buf, 512, "w");
	const char *comma = "";
	ssize_t got;

	while ((got = recv(scene.filter, packet, sizeof(packet),
			   MSG_DONTWAIT)) > 0) {
		struct cursor cursor = cursor_over(packet, (size_t)got);
		struct channel_question question;
		struct channel_record record;
		struct channel_head head;

		assert_true(channel_open(&cursor, &head));
		assert_int_equal(head.number, 7);
		assert_int_equal(channel_next(&cursor, &record),
				 CHANNEL_RECORD);
		assert_int_equal(record.type, CHANNEL_QUESTION);
		assert_true(channel_read_question(&record.payload, &question));
		assert_true(cursor_whole(&cursor));
		fprintf(out, "%s%u %s %s", comma, (unsigned)question.number,
			question.name, dns_type_name(question.type));
		comma = ", ";
	}
	fputc('\0', out);
	fclose(out);
	return buf;
}

static void assert_asked(const char *expected)
{
	char buf[512];

	assert_string_equal(questions(buf), expected);
}

/* --- the inspector's side ------------------------------------------------ */

static const struct dns_answer *ask(const char *name, enum dns_type type)
{
	return scene.dns.door.ask(&scene.dns.door, name, type);
}

static void hint(const char *name, enum dns_type type)
{
	scene.dns.door.hint(&scene.dns.door, name, type);
}

static void assert_says(const char *name, enum dns_status status)
{
	const struct dns_answer *answer = ask(name, DNS_A);

	assert_non_null(answer);
	assert_string_equal(dns_status_name(answer->status),
			    dns_status_name(status));
	assert_int_equal(answer->count, status == DNS_FOUND ? 2 : 0);
}

static void a_name_is_asked_once(void **state)
{
	const struct dns_answer *answer;

	(void)state;
	open_scene(LONG);
	tell(0, &two_found);
	assert_says("a.test", DNS_FOUND);
	assert_says("a.test", DNS_FOUND);
	assert_says("A.TEST", DNS_FOUND);
	assert_says("a.test.", DNS_FOUND);
	assert_asked("0 a.test A");
	tell_of(7, 1, DNS_TXT, dns_answer_of(DNS_NODATA));
	answer = ask("a.test", DNS_TXT);
	assert_int_equal(answer->status, DNS_NODATA);
	assert_asked("1 a.test TXT");
	close_scene();
}

static void a_hint_is_a_question_nobody_waits_for(void **state)
{
	(void)state;
	open_scene(LONG);
	hint("a.test", DNS_A);
	hint("b.test", DNS_A);
	hint("A.test", DNS_A);
	assert_asked("0 a.test A, 1 b.test A");
	tell(1, dns_answer_of(DNS_NXDOMAIN));
	tell(0, &two_found);
	assert_says("a.test", DNS_FOUND);
	assert_says("b.test", DNS_NXDOMAIN);
	assert_asked("");
	close_scene();
}

static void a_hint_never_waits_for_room(void **state)
{
	char name[32];

	(void)state;
	open_scene(LONG);
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		hint(name, DNS_A);
	}
	hint("more.test", DNS_A);
	close_scene();
}

static void what_cannot_be_asked_is_not(void **state)
{
	(void)state;
	open_scene(LONG);
	assert_says("", DNS_INVALID);
	assert_says("a..test", DNS_INVALID);
	assert_int_equal(ask("a.test", DNS_SOA)->status, DNS_INVALID);
	hint("a..test", DNS_A);
	assert_asked("");
	close_scene();
}

static void questions_have_a_number_that_is_enough(void **state)
{
	char name[32], buf[512];

	(void)state;
	open_scene(LONG);
	for (unsigned i = 0; i < CHANNEL_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		tell(i, dns_answer_of(DNS_NODATA));
		assert_says(name, DNS_NODATA);
		questions(buf);
	}
	assert_says("more.test", DNS_BUSY);
	assert_says("n0.test", DNS_NODATA);
	assert_asked("");
	close_scene();
}

/* What the filter tells unasked; false if that breaks the protocol. */
static bool tell_unasked(const char *name, enum dns_type type,
			 const struct dns_answer *answer)
{
	struct packet packet = { .grows = true };
	struct channel_record record;
	struct channel_head head;
	struct cursor cursor;
	bool fine;

	packet_begin(&packet, 7);
	assert_int_equal(packet_put_known(&packet, type, name, answer),
			 PACKET_PUT);
	cursor = cursor_over(packet.bytes, packet.used);
	assert_true(channel_open(&cursor, &head));
	assert_int_equal(channel_next(&cursor, &record), CHANNEL_RECORD);
	assert_int_equal(record.type, CHANNEL_KNOWN);
	fine = serve_dns_known(&scene.dns, &record);
	packet_done(&packet);
	return fine;
}

static void what_is_told_is_not_asked(void **state)
{
	(void)state;
	open_scene(0);
	assert_true(tell_unasked("a.test", DNS_A, &two_found));
	assert_true(tell_unasked("b.test", DNS_A, dns_answer_of(DNS_NXDOMAIN)));
	hint("a.test", DNS_A);
	assert_says("A.test.", DNS_FOUND);
	assert_says("b.test", DNS_NXDOMAIN);
	assert_int_equal(ask("a.test", DNS_TXT)->status, DNS_TIMEOUT);
	assert_asked("");
	/* of this message */
	serve_dns_begin(&scene.dns, 7, LONG);
	tell(0, dns_answer_of(DNS_NODATA));
	assert_says("a.test", DNS_NODATA);
	assert_asked("0 a.test A");
	/* too late, and of no use */
	assert_true(tell_unasked("a.test", DNS_A, &two_found));
	close_scene();
}

static void what_is_told_has_a_limit(void **state)
{
	char name[32];

	(void)state;
	open_scene(LONG);
	for (unsigned i = 0; i < CHANNEL_KNOWN_MAX; i++) {
		snprintf(name, sizeof(name), "n%u.test", i);
		assert_true(tell_unasked(name, DNS_A, &two_found));
	}
	assert_false(tell_unasked("more.test", DNS_A, &two_found));
	close_scene();
}

/* --- time ---------------------------------------------------------------- */

static void without_time_nobody_is_asked(void **state)
{
	(void)state;
	open_scene(0);
	assert_says("a.test", DNS_TIMEOUT);
	hint("a.test", DNS_A);
	assert_asked("");
	close_scene();
}

static void the_time_is_for_all_together(void **state)
{
	(void)state;
	open_scene(30);
	assert_says("a.test", DNS_TIMEOUT);
	assert_asked("0 a.test A");
	assert_says("b.test", DNS_TIMEOUT);
	assert_asked("");
	/* the next message has its own */
	serve_dns_begin(&scene.dns, 8, LONG);
	tell_of(8, 0, DNS_A, &two_found);
	assert_says("a.test", DNS_FOUND);
	close_scene();
}

/* --- interruptions ------------------------------------------------------- */

static void another_message_ends_the_asking(void **state)
{
	const struct message_request request = { .arrival = 1 };
	struct packet packet = { .grows = true };

	(void)state;
	open_scene(LONG);
	tell(1, &two_found);
	packet_begin(&packet, 8);
	packet_put_begin(&packet, &request, 0);
	send(scene.filter, packet.bytes, packet.used, 0);
	hint("b.test", DNS_A);
	hint("a.test", DNS_A);
	assert_says("b.test", DNS_STOPPED);
	assert_int_equal(scene.dns.late_len, packet.used);
	assert_memory_equal(scene.late, packet.bytes, packet.used);
	assert_false(scene.dns.broken);
	assert_says("a.test", DNS_FOUND); /* that was there before */
	assert_says("c.test", DNS_STOPPED);
	packet_done(&packet);
	close_scene();
}

static void the_end_of_the_channel_ends_the_asking(void **state)
{
	(void)state;
	open_scene(LONG);
	tell(0, &two_found);
	shutdown(scene.filter, SHUT_WR);
	assert_says("a.test", DNS_FOUND);
	assert_says("b.test", DNS_STOPPED);
	assert_says("c.test", DNS_STOPPED);
	assert_false(scene.dns.broken);
	close_scene();
}

static void answers_may_fill_their_room(void **state)
{
	static char text[4000];
	static const uint16_t ends[16] = { 250,	 500,  750,  1000, 1250, 1500,
					   1750, 2000, 2250, 2500, 2750, 3000,
					   3250, 3500, 3750, 4000 };
	static struct dns_record records[10];
	const struct dns_answer large = { .status = DNS_FOUND,
					  .canonical = "a.test",
					  .count = 10,
					  .records = records };
	const struct dns_answer *answer;
	unsigned kept = 0;
	char name[32];

	(void)state;
	memset(text, 't', sizeof(text));
	for (int i = 0; i < 10; i++)
		records[i] = (struct dns_record){ .type = DNS_TXT,
						  .text = text,
						  .text_len = sizeof(text),
						  .ends = ends,
						  .strings = 16 };
	open_scene(LONG);
	do {
		snprintf(name, sizeof(name), "n%u.test", kept);
		tell_of(7, kept, DNS_TXT, &large);
		answer = ask(name, DNS_TXT);
		recv(scene.filter, name, sizeof(name), MSG_DONTWAIT);
	} while (answer->status == DNS_FOUND && ++kept < 100);
	assert_false(dns_status_is_known(answer->status));
	assert_in_range(kept, 40, 60);
	assert_false(scene.dns.broken);
	close_scene();
}

/* --- what the filter may not say ----------------------------------------- */

static const struct lie {
	const char *claim;
	uint64_t message;
	uint8_t packet_flags, record_flags;
	const char *payload;
	size_t len;
} lies[] = {
#define BYTES(text) text, sizeof(text) - 1
	{ "half a number", 7, 0, 0, BYTES("\0\0\0") },
	{ "a question nobody asked", 7, 0, 0,
	  BYTES("\1\0\0\0\1\0\0\0\0\0\0\0\0\0") },
	{ "a status nobody knows", 7, 0, 0,
	  BYTES("\0\0\0\0\21\0\0\0\0\0\0\0\0\0") },
	{ "found, but nothing", 7, 0, 0,
	  BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
	{ "nothing, but a record", 7, 0, 0,
	  BYTES("\0\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0\0\4\1\2\3\4\0\0\0\0\0\0\0"
		"\0\0\0\0\0") },
	{ "more records than said", 7, 0, 0,
	  BYTES("\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0") },
	{ "fewer records than said", 7, 0, 0,
	  BYTES("\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\4\1\2\3\4\0\0\0\0\0\0\0"
		"\0\0\0\0\0") },
	{ "an A record of an IPv6 address", 7, 0, 0,
	  BYTES("\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\6\1\2\3\4\0\0\0\0\0\0\0"
		"\0\0\0\0\0") },
	{ "an address longer than it is", 7, 0, 0,
	  BYTES("\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\4\1\2\3\4\5\0\0\0\0\0\0"
		"\0\0\0\0\0") },
	{ "too many CNAMEs", 7, 0, 0, BYTES("\0\0\0\0\1\13\0\0\0\0\0\0\0\0") },
	{ "a name that is none", 7, 0, 0,
	  BYTES("\0\0\0\0\1\0\0\0\0\0\0\0\3\0..\0") },
	{ "flags of a packet", 7, 1, 0, BYTES("\0\0\0\0\1\0\0\0\0\0\0\0\0\0") },
	{ "flags of a record", 7, 0, 1, BYTES("\0\0\0\0\1\0\0\0\0\0\0\0\0\0") },
	{ "of an older message", 6, 0, 0,
	  BYTES("\0\0\0\0\1\0\0\0\0\0\0\0\0\0") },
};

static void what_is_no_answer_ends_the_channel(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct packet packet = { .grows = true };

		open_scene(LONG);
		packet_begin(&packet, lies[i].message);
		packet_flag(&packet, lies[i].packet_flags);
		packet_put(&packet, CHANNEL_ANSWER, lies[i].record_flags,
			   lies[i].payload, lies[i].len);
		send(scene.filter, packet.bytes, packet.used, 0);
		assert_says("a.test", DNS_STOPPED);
		if (!scene.dns.broken)
			fail_msg("taken: %s", lies[i].claim);
		packet_done(&packet);
		close_scene();
	}
}

static void an_answer_comes_once(void **state)
{
	(void)state;
	open_scene(LONG);
	hint("a.test", DNS_A);
	tell(0, &two_found);
	tell(0, &two_found);
	assert_says("a.test", DNS_FOUND);
	assert_says("b.test", DNS_STOPPED);
	assert_true(scene.dns.broken);
	close_scene();
}

/* Hands the next packet over as the main loop does. */
static bool main_loop_takes(void)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	ssize_t got = recv(scene.inspector, packet, sizeof(packet), 0);
	struct cursor cursor = cursor_over(packet, (size_t)got);
	struct channel_record record;
	struct channel_head head;

	assert_true(got > 0 && channel_open(&cursor, &head));
	assert_int_equal(channel_next(&cursor, &record), CHANNEL_RECORD);
	return serve_dns_answer(&scene.dns, &record, &cursor);
}

static void an_answer_may_come_when_all_is_said(void **state)
{
	(void)state;
	open_scene(LONG);
	hint("a.test", DNS_A);
	hint("b.test", DNS_A);
	tell(0, &two_found);
	assert_true(main_loop_takes());
	assert_says("a.test", DNS_FOUND);
	serve_dns_end(&scene.dns);
	tell(1, &two_found);
	assert_true(main_loop_takes());
	tell(1, &two_found); /* but once */
	assert_false(main_loop_takes());
	tell(2, &two_found); /* and not unasked */
	assert_false(main_loop_takes());
	close_scene();
}

/* --- in a channel that is served ----------------------------------------- */

static void *room;
static int served;

static void *serve(void *ignored)
{
	(void)ignored;
	served = serve_channel(scene.inspector, room, NULL);
	return NULL;
}

static void send_envelope(uint64_t number)
{
	const struct spf_request request = {
		.client = { .family = 4, .bytes = { 192, 0, 2, 1 } },
		.sender = "u@a.test",
		.receiver = "mx.test",
	};
	struct packet packet = { .grows = true };
	struct packet_span span;

	packet_begin(&packet, number);
	assert_int_equal(packet_put_envelope(&packet, &request, LONG, &span),
			 PACKET_PUT);
	assert_int_equal(span.to - span.from, strlen("a.test") + 1 + 2);
	send(scene.filter, packet.bytes, packet.used, 0);
	packet_done(&packet);
}

/* The type of the next packet's first record; 0 for none. */
static unsigned next_type(uint64_t number, uint8_t flags)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	ssize_t got = recv(scene.filter, packet, sizeof(packet), 0);
	struct cursor cursor = cursor_over(packet, (size_t)got);
	struct channel_record record;
	struct channel_head head;

	assert_true(got > 0 && channel_open(&cursor, &head));
	assert_int_equal(head.number, number);
	assert_int_equal(head.flags, flags);
	return channel_next(&cursor, &record) == CHANNEL_RECORD ? record.type
								: 0;
}

/*
 * The second envelope comes while the first one's evaluation waits: that ends
 * with what it has, and the second one is read.  No filter would do so, but
 * none of ours has to be trusted with it.
 */
static void what_interrupts_is_read_next(void **state)
{
	pthread_t thread;

	(void)state;
	open_scene(0);
	room = mmap(NULL, serve_room(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(room != MAP_FAILED);
	pthread_create(&thread, NULL, serve, NULL);
	send_envelope(7);
	assert_int_equal(next_type(7, 0), CHANNEL_QUESTION);
	send_envelope(8);
	assert_int_equal(next_type(7, CHANNEL_LAST), CHANNEL_FACT);
	assert_int_equal(next_type(8, 0), CHANNEL_QUESTION);
	tell_of(8, 0, DNS_TXT, dns_answer_of(DNS_NXDOMAIN));
	assert_int_equal(next_type(8, CHANNEL_LAST), CHANNEL_FACT);
	shutdown(scene.filter, SHUT_WR);
	pthread_join(thread, NULL);
	assert_int_equal(served, 0);
	munmap(room, serve_room());
	close_scene();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_asked_once),
		cmocka_unit_test(a_hint_is_a_question_nobody_waits_for),
		cmocka_unit_test(a_hint_never_waits_for_room),
		cmocka_unit_test(what_cannot_be_asked_is_not),
		cmocka_unit_test(questions_have_a_number_that_is_enough),
		cmocka_unit_test(what_is_told_is_not_asked),
		cmocka_unit_test(what_is_told_has_a_limit),
		cmocka_unit_test(without_time_nobody_is_asked),
		cmocka_unit_test(the_time_is_for_all_together),
		cmocka_unit_test(another_message_ends_the_asking),
		cmocka_unit_test(the_end_of_the_channel_ends_the_asking),
		cmocka_unit_test(answers_may_fill_their_room),
		cmocka_unit_test(what_is_no_answer_ends_the_channel),
		cmocka_unit_test(an_answer_comes_once),
		cmocka_unit_test(an_answer_may_come_when_all_is_said),
		cmocka_unit_test(what_interrupts_is_read_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
