/*
 * dns_world.c - a world of DNS from a zone's text, for checks that ask it.
 */
#include "tests/unit/dns_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lists/dns_zonefile.h"

void dns_world_open(struct dns_world *world, const char *zone)
{
	struct dns_settings settings = { .timeout_ms = 5000 };
	char error[DNS_ZONEFILE_ERROR_SIZE];

	memset(world, 0, sizeof(*world));
	world->zone = dns_zonefile_parse("zone", zone, strlen(zone), error);
	if (world->zone == NULL)
		fail_msg("%s", error);
	settings.zone = world->zone;
	world->dns = dns_open(&settings, error);
	assert_non_null(world->dns);
	arena_init(&world->arena, 1024 * 1024);
	dns_world_begin(world);
}

void dns_world_begin(struct dns_world *world)
{
	dns_batch_free(world->batch);
	world->batch = dns_batch_new(world->dns);
	assert_non_null(world->batch);
	arena_reset(&world->arena);
	assert_int_equal(facts_init(&world->facts, &world->arena, 0), 0);
}

void dns_world_close(struct dns_world *world)
{
	dns_batch_free(world->batch);
	dns_close(world->dns);
	dns_zone_free(world->zone);
	arena_done(&world->arena);
}

void dns_world_wait(struct dns_world *world, unsigned ms)
{
	bool all = dns_batch_wait(world->batch, dns_now_ms() + ms);

	assert_true(all || ms == 0);
	dns_batch_stop(world->batch);
}

static void say(char buf[2048], const char *text, size_t len)
{
	size_t used = strlen(buf);

	snprintf(buf + used, 2048 - used, "%.*s", (int)len, text);
}

static void say_set(const struct fact *fact, char buf[2048])
{
	for (size_t i = 0; i < fact->set.count; i++) {
		say(buf, " ", i > 0);
		say(buf, fact->set.items[i].at, fact->set.items[i].len);
	}
}

const char *dns_world_fact(const struct dns_world *world, enum fact_id id,
			   char buf[2048])
{
	const struct fact *fact = &world->facts.fixed[id];
	const char *cause = fact_cause_name(fact->cause);

	buf[0] = '\0';
	switch (fact->state) {
	case FACT_PENDING: say(buf, "pending", 7); break;
	case FACT_NOT_ASKED: say(buf, "not asked", 9); break;
	case FACT_NONE: say(buf, "none", 4); break;
	case FACT_UNKNOWN: break;
	case FACT_KNOWN:
		switch (fact_row(id)->type) {
		case FACT_TYPE_BOOL:
			say(buf, fact->yes ? "true" : "false", 5);
			break;
		case FACT_TYPE_SET: say_set(fact, buf); break;
		case FACT_TYPE_STRING:
			say(buf, fact->text.at, fact->text.len);
			break;
		case FACT_TYPE_ENUM:
			cause = fact_row(id)->words[fact->word];
			say(buf, cause, strlen(cause));
			break;
		default: fail();
		}
	}
	if (fact->state == FACT_UNKNOWN || fact->partial) {
		say(buf, ", ", fact->partial ? 2 : 0);
		say(buf, "unknown: ", 9);
		say(buf, cause, strlen(cause));
	}
	return buf;
}

struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };

	if (text[0] != '\0')
		assert_int_equal(ip_parse(text, strlen(text), &ip), 0);
	return ip;
}
