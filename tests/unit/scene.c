/*
 * scene.c - one pool, one channel, and the test behind it.
 */
#include "tests/unit/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/resolver.h"

const char scene_world[] = "$ORIGIN test.\n"
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

void scene_open(struct scene *scene, const char *zone)
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

void scene_close(struct scene *scene)
{
	inspection_end(scene->inspection);
	if (scene->fd >= 0)
		close(scene->fd);
	inspector_pool_close(scene->pool);
	resolver_unref(scene->resolver);
	arena_done(&scene->arena);
}

/* The next packet; its first record. */
struct channel_record scene_receive(struct scene *scene,
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
void scene_message(struct scene *scene, bool ends)
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
	first = scene_receive(scene, packet).type;
	assert_int_equal(first, CHANNEL_BEGIN);
}

void scene_send_bytes(struct scene *scene, const struct packet *packet)
{
	assert_int_equal(send(scene->fd, packet->bytes, packet->used, 0),
			 packet->used);
}

void scene_ask(struct scene *scene, const char *name, enum dns_type type)
{
	struct packet packet = { .grows = true };

	packet_begin(&packet, scene->number);
	packet_put_question(&packet, scene->asked++, type, name);
	scene_send_bytes(scene, &packet);
	packet_done(&packet);
}

/* The inspector has no more to say: all facts are missing. */
void scene_say_nothing(struct scene *scene)
{
	struct packet packet = { .grows = true };

	packet_begin(&packet, scene->number);
	packet_flag(&packet, CHANNEL_LAST);
	scene_send_bytes(scene, &packet);
	packet_done(&packet);
}

/* The next answer, which is to a question of this type. */
const struct dns_answer *scene_hear(struct scene *scene, enum dns_type type,
				    uint32_t *ret_number)
{
	static unsigned char packet[CHANNEL_PACKET_MAX];
	struct channel_record record = scene_receive(scene, packet);
	const struct dns_answer *answer;

	assert_int_equal(record.type, CHANNEL_ANSWER);
	assert_true(channel_read_answer(&record.payload, ret_number));
	assert_true(channel_read_records(&record.payload, type, &scene->arena,
					 &answer));
	return answer;
}

void scene_hear_status(struct scene *scene, uint32_t number,
		       enum dns_status status)
{
	uint32_t got;
	const struct dns_answer *answer = scene_hear(scene, DNS_A, &got);

	assert_int_equal(got, number);
	assert_string_equal(dns_status_name(answer->status),
			    dns_status_name(status));
}

void scene_end_well(struct scene *scene)
{
	enum fact_cause cause;
	struct test_facts got;

	scene_say_nothing(scene);
	test_facts_init(&got);
	assert_int_equal(inspection_wait(scene->inspection, &got.facts, LONG,
					 &cause),
			 INSPECTION_DONE);
	test_facts_done(&got);
	inspection_end(scene->inspection);
	scene->inspection = NULL;
}
