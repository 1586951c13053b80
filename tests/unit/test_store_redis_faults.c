/*
 * test_store_redis_faults.c - what befalls a real server, and those who share
 * it.
 */
#include "lists/store_redis.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "lists/store_pair.h"
#include "lists/store_redis_private.h"
#include "redis_server.h"
#include "redis_store.h"
#include "redis_stub.h"
#include "store_memory.h"

#define IDENTITY "net:192.0.2.0/24"
#define TRIPLET IDENTITY " a@x.test b@y.test"

enum { MAX_MS = 60000, SLACK_MS = 3000, NOON = 1700000000 };

static struct redis_server server;
static char port[8]; /* of it, on 127.0.0.1 */
static struct store *store;

/* --- what is said and done ----------------------------------------------- */

static struct store *open_as(const char *servers, const char *sentinels,
			     const char *user, const char *password_file)
{
	const struct store_redis_settings settings = {
		.servers = servers,
		.sentinels = sentinels,
		.master = "mymaster",
		.user = user,
		.password_file = password_file,
		.prefix = "steelyard:",
		.database = 3,
	};
	struct store *opened = redis_store_open(&settings);

	redis_store_be_patient(opened);
	return opened;
}

static enum store_end visit_of(struct store *of, int64_t seconds,
			       enum greylist_why *ret_why)
{
	const struct store_visit asked = {
		.triplet = TRIPLET,
		.identity = IDENTITY,
		.sender = "a@x.test",
		.terms = { .wait = 10, .window = 100, .keep = 300 },
		.now = { .wall = NOON + seconds },
		.max_ms = MAX_MS,
	};
	struct greylist_result result;
	enum store_end end = store_visit(of, &asked, &result);

	*ret_why = result.why;
	return end;
}

static void must_say(struct store *of, int64_t seconds, enum greylist_why why)
{
	enum greylist_why said;

	assert_int_equal(visit_of(of, seconds, &said), STORE_DONE);
	assert_string_equal(greylist_why_name(said), greylist_why_name(why));
}

static void must_fail(enum store_end end, const char *why)
{
	enum greylist_why said;
	struct store_stats stats;

	assert_int_equal(visit_of(store, 0, &said), end);
	assert_int_equal(said, GREYLIST_NO_ANSWER);
	store_stats(store, &stats);
	if (!strstr(stats.why, why))
		fail_msg("%s", stats.why);
	assert_int_equal(stats.health, STORE_SILENT);
}

static bool count_one(void *context, const struct store_entry *entry)
{
	(void)entry;
	++*(unsigned *)context;
	return true;
}

/* Asks even in a pause, and ends it. */
static enum store_end look(void)
{
	const struct greylist_time now = { .wall = NOON };
	unsigned count = 0;
	bool there;

	return store_show(store, STORE_TRIPLET, TRIPLET, &now, MAX_MS,
			  count_one, &count, &there);
}

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A port that nobody has at the moment. */
static void choose_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	close(fd);
}

static int open_it(void **state)
{
	static const char *const options[] = { "--port", port, "--bind",
					       "127.0.0.1", NULL };

	(void)state;
	choose_port();
	redis_server_start(&server, options);
	store = open_as(server.place, "", "", "");
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	store_close(store);
	redis_server_stop(&server);
	return 0;
}

/* --- those who share it -------------------------------------------------- */

static void test_told_at_one_passes_at_the_other(void **state)
{
	char places[64];
	struct store *other;

	(void)state;
	snprintf(places, sizeof(places), "localhost:%s", port);
	other = open_as(places, "", "", "");
	must_say(store, 0, GREYLIST_NEW);
	must_say(other, 5, GREYLIST_EARLY);
	must_say(other, 10, GREYLIST_WAITED);
	must_say(store, 11, GREYLIST_KEPT);
	store_close(other);
}

static void test_first_master_that_answers(void **state)
{
	struct redis_server replica;
	char places[256];
	struct store *other;

	(void)state;
	redis_server_start(&replica, NULL);
	redis_server_do(&replica, "REPLICAOF 127.0.0.1 %s", port);
	snprintf(places, sizeof(places),
		 "unix:/nowhere/redis.sock, 127.0.0.1:1, %s 127.0.0.1:%s",
		 replica.place, port);
	other = open_as(places, "", "", "");
	must_say(other, 0, GREYLIST_NEW);
	must_say(store, 10, GREYLIST_WAITED);
	store_close(other);
	redis_server_stop(&replica);
}

static void test_sentinel_says_who_leads(void **state)
{
	char says[64], places[256];
	struct redis_stub stub = { .greeting = says, .answer = "" };
	struct store *other;

	(void)state;
	snprintf(says, sizeof(says), "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n",
		 strlen(port), port);
	redis_stub_start(&stub);
	snprintf(places, sizeof(places), "127.0.0.1:1 %s", stub.place);
	other = open_as("", places, "", "");
	must_say(other, 0, GREYLIST_NEW);
	must_say(store, 10, GREYLIST_WAITED);
	store_close(other);
	redis_stub_stop(&stub);
}

/* --- who is let in ------------------------------------------------------- */

static void write_password(const char *path, const char *password)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(password, file);
	fclose(file);
}

/* What the manual says that it needs. */
static void test_user_with_few_rights(void **state)
{
	char path[96];

	(void)state;
	store_close(store);
	snprintf(path, sizeof(path), "%s/password", server.folder);
	redis_server_do(&server,
			"ACL SETUSER steelyard on >secret ~steelyard:* +select "
			"+role +evalsha +script|load +getrange +exists +set "
			"+del +pttl +scan +time");
	redis_server_do(&server, "ACL SETUSER default on >other");
	store = open_as(server.place, "", "steelyard", path);
	must_fail(STORE_BROKEN, "password");
	write_password(path, "\nsecret\n");
	assert_int_equal(look(), STORE_BROKEN);
	write_password(path, "wrong\n");
	assert_int_equal(look(), STORE_BROKEN);
	write_password(path, "secret\r\nand more\n");
	assert_int_equal(look(), STORE_DONE);
	must_say(store, 0, GREYLIST_NEW);
	must_say(store, 10, GREYLIST_WAITED);
	unlink(path);
}

static void test_password_of_all(void **state)
{
	char path[96];

	(void)state;
	store_close(store);
	snprintf(path, sizeof(path), "%s/password", server.folder);
	redis_server_do(&server, "CONFIG SET requirepass secret");
	store = open_as(server.place, "", "", "");
	must_fail(STORE_BROKEN, "NOAUTH");
	store_close(store);
	write_password(path, "secret");
	store = open_as(server.place, "", "", path);
	must_say(store, 0, GREYLIST_NEW);
	unlink(path);
}

/* --- what befalls it ----------------------------------------------------- */

static void test_gone_and_back(void **state)
{
	int64_t began;

	(void)state;
	must_say(store, 0, GREYLIST_NEW);
	redis_server_kill(&server);
	began = clock_ms();
	must_fail(STORE_AWAY, "refused");
	for (int i = 0; i < 1000; i++)
		must_fail(STORE_AWAY, "refused");
	assert_true(clock_ms() - began < SLACK_MS);
	redis_server_restart(&server);
	assert_int_equal(look(), STORE_DONE);
	must_say(store, 0, GREYLIST_NEW); /* it keeps nothing on disk */
}

static void test_restart_is_not_noticed(void **state)
{
	(void)state;
	must_say(store, 0, GREYLIST_NEW);
	redis_server_kill(&server);
	redis_server_restart(&server);
	must_say(store, 1, GREYLIST_NEW);
}

static void test_hangs(void **state)
{
	int64_t began;

	(void)state;
	must_say(store, 0, GREYLIST_NEW);
	((struct store_redis *)store)->command_ms = STORE_COMMAND_MS;
	redis_server_freeze(&server);
	began = clock_ms();
	must_fail(STORE_AWAY, "timed out");
	assert_true(clock_ms() - began >= STORE_COMMAND_MS);
	assert_true(clock_ms() - began < STORE_COMMAND_MS + SLACK_MS);
	redis_server_thaw(&server);
	redis_store_be_patient(store);
	assert_int_equal(look(), STORE_DONE);
	must_say(store, 10, GREYLIST_WAITED);
}

static void test_has_forgotten_the_script(void **state)
{
	(void)state;
	must_say(store, 0, GREYLIST_NEW);
	redis_server_do(&server, "SCRIPT FLUSH");
	must_say(store, 10, GREYLIST_WAITED);
}

static void test_full(void **state)
{
	const struct greylist_time now = { .wall = NOON };
	const struct greylist_terms terms = { .wait = 10 };
	struct store_cursor cursor = { "" };
	uint64_t count;
	bool more;

	(void)state;
	must_say(store, 0, GREYLIST_NEW);
	redis_server_do(&server, "CONFIG SET maxmemory 1");
	must_fail(STORE_BROKEN, "OOM");
	/* nothing half, and deletes work */
	assert_int_equal(store_forget(store, NULL, &terms, &now, false, 0,
				      MAX_MS, &cursor, &count, &more),
			 STORE_DONE);
	assert_int_equal(count, 1);
	redis_server_do(&server, "CONFIG SET maxmemory 0");
	assert_int_equal(look(), STORE_DONE);
	must_say(store, 1, GREYLIST_NEW);
}

static void test_becomes_a_replica(void **state)
{
	(void)state;
	must_say(store, 0, GREYLIST_NEW);
	redis_server_do(&server, "REPLICAOF 127.0.0.1 1");
	must_fail(STORE_AWAY, "READONLY");
	assert_int_equal(look(), STORE_AWAY);
	redis_server_do(&server, "REPLICAOF NO ONE");
	assert_int_equal(look(), STORE_DONE);
	must_say(store, 10, GREYLIST_WAITED);
}

/* --- with a local store behind ------------------------------------------- */

static void await_health(enum store_health health)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	struct store_stats stats;

	for (int looks = 0; looks < 6000; looks++) {
		store_stats(store, &stats);
		if (stats.health == health)
			return;
		nanosleep(&moment, NULL);
	}
	fail_msg("it does not happen");
}

static void await_at(struct store *at)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	const struct greylist_time now = { .wall = NOON };

	for (int looks = 0; looks < 6000; looks++) {
		unsigned count = 0;
		bool there;

		assert_int_equal(store_show(at, STORE_TRIPLET, TRIPLET, &now,
					    MAX_MS, count_one, &count, &there),
				 STORE_DONE);
		if (there)
			return;
		nanosleep(&moment, NULL);
	}
	fail_msg("it does not happen");
}

/* Nobody waits twice, and nobody longer than the terms say. */
static void test_alone_and_together_again(void **state)
{
	struct store *local = store_memory_open();
	enum greylist_why why;
	struct store_redis *redis = (struct store_redis *)store;
	int64_t began;

	(void)state;
	/* it may be frozen while it is greeted, too */
	redis->connect_ms = STORE_CONNECT_MS;
	redis->command_ms = STORE_COMMAND_MS;
	store = store_pair_open(store, local);
	assert_non_null(store);
	must_say(store, 0, GREYLIST_NEW);
	await_at(local);
	redis_server_kill(&server);
	began = clock_ms();
	must_say(store, 5, GREYLIST_EARLY);
	for (int i = 0; i < 100; i++)
		must_say(store, 5, GREYLIST_EARLY);
	assert_true(clock_ms() - began < SLACK_MS);
	await_health(STORE_ALONE);
	redis_server_restart(&server); /* with nothing in it */
	await_health(STORE_WELL);
	must_say(store, 10, GREYLIST_WAITED);
	redis_server_freeze(&server);
	began = clock_ms();
	/* the local one may not have been told yet, and lets him pass, too */
	assert_int_equal(visit_of(store, 11, &why), STORE_DONE);
	assert_true(why == GREYLIST_KEPT || why == GREYLIST_WAITED);
	assert_true(clock_ms() - began < STORE_CONNECT_MS + SLACK_MS);
	redis_server_thaw(&server);
	await_health(STORE_WELL);
	assert_int_equal(visit_of(store, 12, &why), STORE_DONE);
	assert_int_equal(why, GREYLIST_KEPT);
}

/* --- what others put there ----------------------------------------------- */

static void test_junk(void **state)
{
	static const char *const junk[] = {
		"RPUSH %s a b c",  "HSET %s a b",	    "SET %s anything",
		"SETRANGE %s 0 1", "SETRANGE %s 1000000 x",
	};
	struct store_stats stats;
	enum greylist_why why;

	(void)state;
	redis_server_do(&server, "SELECT 3");
	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		redis_server_do(&server, "DEL %s", "steelyard:t:" TRIPLET);
		redis_server_do(&server, junk[i], "steelyard:t:" TRIPLET);
		must_say(store, 0, GREYLIST_NEW);
		must_say(store, 10, GREYLIST_WAITED);
	}
	store_stats(store, &stats);
	assert_int_equal(stats.foreign, sizeof(junk) / sizeof(*junk));
	redis_server_do(&server, "SET %s %s", "steelyard:i:" IDENTITY,
			"2 whatever comes next");
	assert_int_equal(visit_of(store, 0, &why), STORE_NEWER);
	store_stats(store, &stats);
	assert_int_equal(stats.newer, 1);
	assert_int_equal(stats.health, STORE_WELL);
}

/* --- how it is opened ---------------------------------------------------- */

static const struct {
	const char *claim, *servers;
	bool valid;
} lists[] = {
	{ "an address", "192.0.2.1", true },
	{ "an address and a port", "192.0.2.1:6380", true },
	{ "an IPv6 address", "::1", true },
	{ "an IPv6 address and a port", "[::1]:6379", true },
	{ "an IPv6 address in brackets", "[2001:db8::1]", true },
	{ "a path", "unix:/run/redis/redis.sock", true },
	{ "the name of this host", "localhost, localhost:6380", true },
	{ "several", "192.0.2.1:6379, [::1]:6379,unix:/a\t127.0.0.1", true },
	{ "none", "", true },
	{ "commas alone", " , ", false },
	{ "a name, which would have to be looked up", "redis.example.org",
	  false },
	{ "a name and a port", "redis.example.org:6379", false },
	{ "port 0", "192.0.2.1:0", false },
	{ "a port too large", "192.0.2.1:65536", false },
	{ "a port that is none", "192.0.2.1:x", false },
	{ "a port with a zero in front", "192.0.2.1:06379", false },
	{ "no port behind the colon", "192.0.2.1:", false },
	{ "a bracket too few", "[::1:6379", false },
	{ "something behind the bracket", "[::1]x", false },
	{ "half an address", "192.0.2", false },
	{ "a path from nowhere", "unix:redis.sock", false },
	{ "no path", "unix:", false },
	{ "a URL", "redis://192.0.2.1:6379", false },
	{ "nine", "::1 ::1 ::1 ::1 ::1 ::1 ::1 ::1 ::1", false },
	{ "localhost is two", "localhost localhost localhost localhost ::1",
	  false },
};

static void test_lists_of_servers(void **state)
{
	char why[STORE_WHY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		bool valid = store_redis_servers_valid(lists[i].servers, why);

		if (valid != lists[i].valid || valid != (why[0] == '\0'))
			fail_msg("%s: %s", lists[i].claim, why);
	}
}

static void test_settings(void **state)
{
	static const struct store_redis_settings good = {
		.servers = "192.0.2.1",
		.sentinels = "",
		.master = "m",
		.user = "",
		.password_file = "",
		.prefix = "",
	};
	struct store_redis_settings bad[6];
	char why[STORE_WHY_SIZE];

	(void)state;
	for (int i = 0; i < 6; i++)
		bad[i] = good;
	bad[0].servers = "";
	bad[1].servers = "a.name";
	bad[2].sentinels = "a.name";
	bad[3].sentinels = "192.0.2.1";
	bad[3].master = "";
	bad[4].user = "without-password";
	bad[5].prefix = "with blank";
	for (int i = 0; i < 6; i++) {
		assert_null(store_redis_open(&bad[i], why));
		assert_true(why[0] != '\0');
	}
	store_close(store_redis_open(&good, why));
	assert_string_equal(why, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_it, close_it)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_of_servers),
		cmocka_unit_test(test_settings),
		TEST(test_told_at_one_passes_at_the_other),
		TEST(test_first_master_that_answers),
		TEST(test_sentinel_says_who_leads),
		TEST(test_user_with_few_rights),
		TEST(test_password_of_all),
		TEST(test_gone_and_back),
		TEST(test_restart_is_not_noticed),
		TEST(test_hangs),
		TEST(test_has_forgotten_the_script),
		TEST(test_full),
		TEST(test_becomes_a_replica),
		TEST(test_alone_and_together_again),
		TEST(test_junk),
	};

	return cmocka_run_group_tests_name("store_redis_faults", tests, NULL,
					   NULL);
}
