/*
 * dnsbl_world.c - lists of all sorts in a zone, and the set that asks them.
 */
#include "tests/unit/dnsbl_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "lists/dns_zonefile.h"

static const char text[] =
	"$ORIGIN well.test.\n"
	"2.0.0.127 A 127.0.0.2\n"
	"99.2.0.192 A 127.0.0.4\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	" A 127.0.0.2\n"
	"test A 127.0.1.2\n"
	"$ORIGIN six.test.\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	" A 127.0.0.2\n"
	"$ORIGIN own.test.\n"
	"dbltest.com A 127.0.1.2\n"
	"9.9.9.9 A 127.0.0.2\n"
	"$ORIGIN world.test.\n"
	"* A 127.0.0.2\n"
	"$ORIGIN wild.test.\n" /* the wildcard does not reach below 127 */
	"2.0.0.127 A 127.0.0.2\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	" A 127.0.0.2\n"
	"* A 127.0.0.2\n"
	"$ORIGIN worldsix.test.\n" /* its own half of the world */
	"*.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 A 127.0.0.2\n"
	"$ORIGIN worldnames.test.\n"
	"*.invalid A 127.0.0.2\n"
	"$ORIGIN parked.test.\n"
	"* A 203.0.113.9\n"
	"$ORIGIN refusing.test.\n"
	"* A 127.255.255.254\n"
	"$ORIGIN silent.test.\n"
	"* TIMEOUT\n"
	"$ORIGIN failing.test.\n"
	"* SERVFAIL\n"
	"$ORIGIN slow.test.\n"
	"* DELAY 200ms\n"
	"* A 127.0.0.2\n"
	"$ORIGIN later.test.\n" /* after all that is asked for before it */
	"* DELAY 5ms\n"
	"* A 192.0.2.1\n";

static const struct dns_record hit_record = { .type = DNS_A,
					      .ip = { 4, { 127, 0, 0, 4 } } };
static const struct dns_record error_record = {
	.type = DNS_A, .ip = { 4, { 127, 255, 255, 254 } }
};
const struct dns_answer world_hit = { .status = DNS_FOUND,
				      .count = 1,
				      .records = &hit_record };
const struct dns_answer world_refusal = { .status = DNS_FOUND,
					  .count = 1,
					  .records = &error_record };

static atomic_uint_fast64_t clock_ms;

static uint64_t now(void)
{
	return clock_ms;
}

void world_pass(uint64_t seconds)
{
	clock_ms += seconds * 1000;
}

static void changed(void *context, const struct dnsbl *dnsbl,
		    enum dnsbl_health was, enum dnsbl_health is)
{
	struct world *world = context;
	struct dnsbl_report report;

	dnsbl_report(dnsbl, &report); /* it is fine to do so here */
	pthread_mutex_lock(&world->lock);
	world->changes++;
	world->was = was;
	world->is = is;
	memcpy(world->why, report.why, sizeof(world->why));
	pthread_cond_signal(&world->told);
	pthread_mutex_unlock(&world->lock);
}

enum dnsbl_health world_change(struct world *world)
{
	struct timespec until;
	int result = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&world->lock);
	while (world->changes == 0 && result == 0)
		result = pthread_cond_timedwait(&world->told, &world->lock,
						&until);
	assert_int_equal(result, 0);
	world->changes--;
	pthread_mutex_unlock(&world->lock);
	return world->is;
}

void world_settle(struct world *world)
{
	static unsigned number;
	char name[32];

	snprintf(name, sizeof(name), "n%u.later.test", number++);
	dns_answer_unref(dns_wait(world->dns, name, DNS_A, 0));
}

static void open_lists(struct world *world)
{
	world->dnsbls = dnsbls_open(world->dns, changed, world, now);
	world->count = 0;
	assert_non_null(world->dnsbls);
}

void world_reopen(struct world *world)
{
	dnsbls_close(world->dnsbls);
	open_lists(world);
}

int world_set_up(void **state)
{
	static struct world world;
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct dns_settings settings = { .timeout_ms = 300 };

	memset(&world, 0, sizeof(world));
	pthread_mutex_init(&world.lock, NULL);
	pthread_cond_init(&world.told, NULL);
	clock_ms = 5000000;
	world.zone = dns_zonefile_parse("zone", text, strlen(text), error);
	if (!world.zone)
		fail_msg("%s", error);
	settings.zone = world.zone;
	world.dns = dns_open(&settings, error);
	assert_non_null(world.dns);
	open_lists(&world);
	*state = &world;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;

	dnsbls_close(world->dnsbls);
	dns_close(world->dns);
	dns_zone_free(world->zone);
	pthread_cond_destroy(&world->told);
	pthread_mutex_destroy(&world->lock);
	return 0;
}

struct dnsbl *world_list(struct world *world, const char *zone, unsigned of,
			 const char *test)
{
	struct dnsbl_start start = { .zone = zone, .of = of, .test = test };
	struct dnsbl *dnsbl = dnsbls_get(world->dnsbls, &start);
	size_t i = 0;

	pthread_mutex_lock(&world->lock);
	while (i < world->count && world->lists[i] != dnsbl)
		i++;
	if (dnsbl && i == world->count)
		world->lists[world->count++] = dnsbl;
	pthread_mutex_unlock(&world->lock);
	return dnsbl;
}

void world_tick(struct world *world)
{
	struct dnsbl *lists[DNSBL_MAX];
	size_t count;

	pthread_mutex_lock(&world->lock);
	count = world->count;
	memcpy(lists, world->lists, sizeof(lists));
	pthread_mutex_unlock(&world->lock);
	dnsbls_tick(world->dnsbls, lists, count);
}

enum dnsbl_health world_health(const struct dnsbl *dnsbl)
{
	struct dnsbl_report report;

	dnsbl_report(dnsbl, &report);
	return report.health;
}
