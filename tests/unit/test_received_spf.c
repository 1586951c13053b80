/*
 * test_received_spf.c - what SPF said, in RFC 7208's words; and who says so in
 * our name.
 */
#include "filter/checks/received_spf.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/unit/telling_bench.h"

/* --- what is written ------------------------------------------------------ */

/* Words are those of telling_bench.h. */
struct told {
	const char *claim;
	enum received_spf about;
	const char *spf, *spf_helo, *sender, *domain, *helo, *mechanism, *error;
	const char *ip; /* 192.0.2.10 if not said */
	const char *written; /* unfolded */
};

static const struct told told[] = {
	{ .claim = "a pass tells all",
	  .spf = "pass",
	  .spf_helo = "-",
	  .sender = "a@example.net",
	  .domain = "example.net",
	  .helo = "relay.example.net",
	  .mechanism = "ip4:192.0.2.0/24",
	  .written = "pass (mx.example.org: domain of example.net designates "
		     "192.0.2.10 as permitted sender) client-ip=192.0.2.10; "
		     "envelope-from=\"a@example.net\"; "
		     "helo=relay.example.net; "
		     "receiver=mx.example.org; identity=mailfrom; "
		     "mechanism=\"ip4:192.0.2.0/24\"" },
	{ .claim = "an address of IPv6 is no atom, a bare mechanism is",
	  .spf = "fail",
	  .sender = "a@example.net",
	  .domain = "example.net",
	  .helo = "h",
	  .mechanism = "all",
	  .ip = "2001:db8::1",
	  .written = "fail (mx.example.org: domain of example.net does not "
		     "designate 2001:db8::1 as permitted sender) "
		     "client-ip=\"2001:db8::1\"; "
		     "envelope-from=\"a@example.net\"; helo=h; "
		     "receiver=mx.example.org; identity=mailfrom; "
		     "mechanism=all" },
	{ .claim = "where none matched it is said",
	  .spf = "neutral",
	  .sender = "a@example.net",
	  .domain = "example.net",
	  .helo = "h",
	  .mechanism = "-",
	  .written = "neutral (mx.example.org: 192.0.2.10 is neither "
		     "permitted nor "
		     "denied by domain of example.net) "
		     "client-ip=192.0.2.10; "
		     "envelope-from=\"a@example.net\"; helo=h; "
		     "receiver=mx.example.org; "
		     "identity=mailfrom; mechanism=default" },
	{ .claim = "a softfail",
	  .spf = "softfail",
	  .sender = "a@x.net",
	  .domain = "x.net",
	  .helo = "h",
	  .mechanism = "a",
	  .written = "softfail (mx.example.org: transitioning domain of x.net "
		     "does "
		     "not designate 192.0.2.10 as permitted sender) "
		     "client-ip=192.0.2.10; envelope-from=\"a@x.net\"; "
		     "helo=h; "
		     "receiver=mx.example.org; identity=mailfrom; "
		     "mechanism=a" },
	{ .claim = "without a record nothing matched",
	  .spf = "-",
	  .sender = "a@x.net",
	  .domain = "x.net",
	  .helo = "h",
	  .mechanism = "-",
	  .written = "none (mx.example.org: domain of x.net does not designate "
		     "permitted "
		     "sender hosts) client-ip=192.0.2.10; "
		     "envelope-from=\"a@x.net\"; helo=h; "
		     "receiver=mx.example.org; identity=mailfrom" },
	{ .claim = "an error tells the problem",
	  .spf = "permerror",
	  .sender = "a@x.net",
	  .domain = "x.net",
	  .helo = "h",
	  .error = "two \"records\"",
	  .written = "permerror (mx.example.org: the record of x.net cannot "
		     "be "
		     "evaluated) client-ip=192.0.2.10; "
		     "envelope-from=\"a@x.net\"; helo=h; "
		     "receiver=mx.example.org; identity=mailfrom; "
		     "problem=\"two \\\"records\\\"\"" },
	{ .claim = "nobody could say, and why",
	  .spf = "?",
	  .spf_helo = "?",
	  .sender = "a@x.net",
	  .helo = "h",
	  .written =
		  "temperror (mx.example.org: the record of its sender could "
		  "not "
		  "be looked up) client-ip=192.0.2.10; "
		  "envelope-from=\"a@x.net\"; helo=h; "
		  "receiver=mx.example.org; identity=mailfrom; "
		  "problem=timeout" },
	/* HELO */
	{ .claim = "the null sender's is HELO's",
	  .spf = "pass",
	  .spf_helo = "pass",
	  .sender = "-",
	  .domain = "relay.x.net",
	  .helo = "relay.x.net",
	  .mechanism = "a",
	  .written = "pass (mx.example.org: domain of relay.x.net designates "
		     "192.0.2.10 as permitted sender) client-ip=192.0.2.10; "
		     "envelope-from=\"<>\"; helo=relay.x.net; "
		     "receiver=mx.example.org; "
		     "identity=helo; mechanism=a" },
	{ .claim = "of which one field tells",
	  .about = RECEIVED_SPF_HELO,
	  .spf = "pass",
	  .spf_helo = "pass",
	  .sender = "-",
	  .domain = "relay.x.net",
	  .helo = "relay.x.net" },
	{ .claim = "HELO besides a sender has a field of its own",
	  .about = RECEIVED_SPF_HELO,
	  .spf = "pass",
	  .spf_helo = "fail",
	  .sender = "a@x.net",
	  .domain = "x.net",
	  .helo = "relay.x.net",
	  .mechanism = "a", /* the sender's */
	  .written = "fail (mx.example.org: domain of relay.x.net does not "
		     "designate "
		     "192.0.2.10 as permitted sender) client-ip=192.0.2.10; "
		     "envelope-from=\"a@x.net\"; helo=relay.x.net; "
		     "receiver=mx.example.org; "
		     "identity=helo" },
	{ .claim = "who said no HELO has none",
	  .about = RECEIVED_SPF_HELO,
	  .spf = "pass",
	  .spf_helo = "-",
	  .sender = "a@x.net",
	  .helo = "-" },
	/* nobody was asked */
	{ .claim = "who is not to prove anything has none",
	  .spf = ".",
	  .spf_helo = ".",
	  .sender = "a@x.net",
	  .helo = "h" },
	{ .claim = "nor who was not asked", .sender = "a@x.net", .helo = "h" },
	/* what strangers say */
	{ .claim = "a HELO that makes pairs makes none",
	  .spf = "-",
	  .sender = "a@x.net",
	  .domain = "x.net",
	  .helo = "h\"; identity=mailfrom; (\\",
	  .written = "none (mx.example.org: domain of x.net does not designate "
		     "permitted "
		     "sender hosts) client-ip=192.0.2.10; "
		     "envelope-from=\"a@x.net\"; "
		     "helo=\"h\\\"; identity=mailfrom; (\\\\\"; "
		     "receiver=mx.example.org; "
		     "identity=mailfrom" },
	{ .claim = "nor does one in a comment",
	  .about = RECEIVED_SPF_HELO,
	  .spf_helo = "-",
	  .sender = "a@x.net",
	  .helo = "x) pass (",
	  .written = "none (mx.example.org: domain of its sender does not "
		     "designate "
		     "permitted sender hosts) client-ip=192.0.2.10; "
		     "envelope-from=\"a@x.net\"; helo=\"x) pass (\"; "
		     "receiver=mx.example.org; "
		     "identity=helo" },
	{ .claim = "a sender in quotes is quoted once more",
	  .spf = "-",
	  .sender = "\"a; b\\\"\"@x.net",
	  .domain = "x.net",
	  .helo = "h",
	  .written = "none (mx.example.org: domain of x.net does not designate "
		     "permitted "
		     "sender hosts) client-ip=192.0.2.10; "
		     "envelope-from=\"\\\"a; b\\\\\\\"\\\"@x.net\"; helo=h; "
		     "receiver=mx.example.org; "
		     "identity=mailfrom" },
	{ .claim = "what ends lines, and what is not ASCII, is left out",
	  .spf = "fail",
	  .sender = "m\303\274ller@x.net",
	  .domain = "x\r\n\tpass",
	  .helo = "h\r\nX: y",
	  .mechanism = "a:\1\177",
	  .written = "fail (mx.example.org: domain of its sender does not "
		     "designate "
		     "192.0.2.10 as permitted sender) client-ip=192.0.2.10; "
		     "receiver=mx.example.org; identity=mailfrom" },
	{ .claim = "dots at the ends or in a row are no atoms",
	  .spf = "-",
	  .sender = ".a..b.",
	  .domain = "x.net",
	  .helo = "a..b",
	  .written = "none (mx.example.org: domain of x.net does not designate "
		     "permitted "
		     "sender hosts) client-ip=192.0.2.10; "
		     "envelope-from=\".a..b.\"; "
		     "helo=\"a..b\"; receiver=mx.example.org; "
		     "identity=mailfrom" },
};

static void set_facts(struct facts *facts, const struct told *row)
{
	telling_set_word(facts, FACT_SPF, row->spf);
	telling_set_word(facts, FACT_SPF_HELO, row->spf_helo);
	telling_set_text(facts, FACT_SENDER, row->sender);
	telling_set_text(facts, FACT_SPF_DOMAIN, row->domain);
	telling_set_text(facts, FACT_HELO_NAME, row->helo);
	telling_set_text(facts, FACT_SPF_MECHANISM, row->mechanism);
	telling_set_text(facts, FACT_SPF_ERROR, row->error);
	telling_set_client(facts, row->ip != NULL ? row->ip : "192.0.2.10");
	facts_close(facts, PHASE_EOM);
}

static const char *write_field(struct telling *t, enum received_spf about)
{
	return received_spf_write(&t->facts, about, &t->id, &t->arena);
}

static size_t longest_line(const char *value)
{
	return telling_longest_line(RECEIVED_SPF_NAME, value);
}

/* A fold is one blank. */
static char *unfolded(struct arena *arena, const char *value)
{
	char *copy, *to;

	if (value == NULL)
		return NULL;
	copy = to = arena_strndup(arena, value, strlen(value));
	assert_non_null(copy);
	for (const char *from = value; *from != '\0'; from++)
		if (*from == '\n')
			*to++ = ' ';
		else if (from == value || from[-1] != '\n')
			*to++ = *from;
		else
			assert_int_equal(*from, '\t');
	*to = '\0';
	return copy;
}

static void it_is_written(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		const struct told *row = &told[i];
		struct telling t;
		const char *got;

		telling_open(&t, TELLING_ROOM);
		set_facts(&t.facts, row);
		got = write_field(&t, row->about);
		wrong += !telling_is(row->claim, unfolded(&t.arena, got),
				     row->written);
		if (got != NULL) {
			assert_true(longest_line(got) <= RECEIVED_SPF_LINE);
			assert_true(
				received_spf_is_ours(&t.id, got, strlen(got)));
		}
		telling_close(&t);
	}
	assert_int_equal(wrong, 0);
}

static void it_is_folded(void **state)
{
	struct telling t;

	(void)state;
	telling_open(&t, TELLING_ROOM);
	set_facts(&t.facts, &told[0]);
	assert_string_equal(
		write_field(&t, RECEIVED_SPF_SENDER),
		"pass (mx.example.org: domain of example.net designates\n"
		"\t192.0.2.10 as permitted sender) client-ip=192.0.2.10;\n"
		"\tenvelope-from=\"a@example.net\"; helo=relay.example.net;\n"
		"\treceiver=mx.example.org; identity=mailfrom; "
		"mechanism=\"ip4:192.0.2.0/24\"");
	telling_close(&t);
}

/* All that may be said, as long as it may be and all of it to be escaped. */
static void lines_have_an_end(void **state)
{
	static char name[254], long_value[400];
	struct told row = { .spf = "permerror",
			    .spf_helo = "fail",
			    .ip = "2001:db8:1111:2222:3333:4444:5555:6666" };
	struct telling t;
	const char *got;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	for (size_t i = 60; i < sizeof(name) - 1; i += 60)
		name[i] = '.';
	memset(long_value, '"', 320);
	row.domain = name;
	row.sender = row.helo = row.error = row.mechanism = long_value;
	telling_open(&t, TELLING_ROOM);
	assert_true(authres_id_init(&t.id, name));
	set_facts(&t.facts, &row);
	for (int about = 0; about < RECEIVED_SPF_COUNT; about++) {
		got = write_field(&t, (enum received_spf)about);
		assert_non_null(got);
		assert_true(longest_line(got) < 998);
		assert_non_null(strstr(got, "helo=\"\\\"\\\""));
		assert_non_null(strstr(got, "identity="));
	}
	long_value[320] = '"'; /* one more is too much */
	long_value[321] = '\0';
	set_facts(&t.facts, &row);
	got = write_field(&t, RECEIVED_SPF_SENDER);
	assert_null(strstr(got, "helo="));
	assert_null(strstr(got, "envelope-from="));
	assert_non_null(strstr(got, "problem="));
	telling_close(&t);
}

/* An inspector that was taken over may say that a domain has one. */
static void a_nul_ends_nothing(void **state)
{
	struct told row = { .spf = "fail", .sender = "a@x.net", .helo = "h" };
	struct telling t;
	const char *got;

	(void)state;
	telling_open(&t, TELLING_ROOM);
	set_facts(&t.facts, &row);
	facts_text(&t.facts, FACT_SPF_DOMAIN, "x\0.net", 6);
	facts_text(&t.facts, FACT_SPF_MECHANISM, "a\0", 2);
	got = write_field(&t, RECEIVED_SPF_SENDER);
	assert_non_null(strstr(got, "domain of its sender"));
	assert_non_null(strstr(got, "identity=mailfrom"));
	assert_null(strstr(got, "mechanism"));
	telling_close(&t);
}

static void without_memory(void **state)
{
	struct told row = { .spf = "pass", .sender = "a@x.net", .helo = "h" };
	struct telling t;

	(void)state;
	telling_open(&t, 16);
	set_facts(&t.facts, &row);
	assert_null(write_field(&t, RECEIVED_SPF_SENDER));
	telling_close(&t);
}

/* --- whose it is ---------------------------------------------------------- */

static const struct {
	const char *value;
	bool ours;
} claims[] = {
	{ " pass (mx.example.org: domain of a) client-ip=192.0.2.1;", true },
	{ " pass (MX.Example.ORG. : domain of a) client-ip=192.0.2.1;", true },
	{ " pass receiver=mx.example.org", true },
	{ " pass receiver=mx.example.org; identity=mailfrom", true },
	{ " pass Receiver = \"mx.example.org\";", true },
	{ " pass RECEIVER\r\n\t=\r\n mx.exa\r\n mple.org;", true },
	{ " pass receiver(c(d)\\)) = (c) mx.example.org(c);", true },
	{ " pass receiver=other.example; receiver=mx.example.org", true },
	{ " pass receiver=\xef\xbd\x8dx.example.org", true },
	{ " pass receiver==?utf-8?q?mx.example.org?=", true },
	{ "pass(mx.example.org)", true },
	{ " pass (x) (mx.example.org: domain of a designates)", true },
	{ " pass receiver\xc2\xa0=mx.example.org", true },
	{ " pass (x) (other.example: domain of a designates)", false },
	{ " pass (", true }, /* cut off: who knows */
	{ " pass receiver=", true },
	{ " pass receiver (", true },
	{ "", false },
	{ " pass", false },
	{ " pass receiver", false },
	{ " pass (google.com: domain of a@mx.example.org designates 192.0.2.1 "
	  "as permitted sender) client-ip=192.0.2.1;",
	  false },
	{ " pass client-ip=192.0.2.1; helo=mx.example.org; "
	  "envelope-from=\"a@mx.example.org\"; receiver=other.example;",
	  false },
	{ " pass (domain of mx.example.org designates 192.0.2.1)", false },
	{ " pass receiver=mx.example.org.other.example", false },
	{ " pass receiver=a.mx.example.org", false },
	{ " pass receivers mx.example.org", false },
	{ " pass (other.example: x) receiver=other.example; x=mx.example.org",
	  false },
};

static void who_says_it(void **state)
{
	struct authres_id id;
	int wrong = 0;

	(void)state;
	assert_true(authres_id_init(&id, TELLING_NAME));
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		size_t len = strlen(claims[i].value);
		/* so that a byte too far is seen */
		char *value = malloc(len == 0 ? 1 : len);

		assert_non_null(value);
		memcpy(value, claims[i].value, len);
		if (received_spf_is_ours(&id, value, len) != claims[i].ours) {
			print_error("%s\n", claims[i].value);
			wrong++;
		}
		free(value);
	}
	assert_int_equal(wrong, 0);
}

/* A field of many claims costs no more than its length, and is nobody's. */
static void a_field_of_many_claims(void **state)
{
	enum { COUNT = 100000 };
	char *value = malloc(COUNT * 10 + 1), *at = value;
	struct authres_id id;

	(void)state;
	assert_non_null(value);
	assert_true(authres_id_init(&id, TELLING_NAME));
	for (size_t i = 0; i < 16; i++)
		at = stpcpy(at, "receiver=x;");
	assert_false(received_spf_is_ours(&id, value, (size_t)(at - value)));
	at = value;
	for (size_t i = 0; i < COUNT; i++)
		at = stpcpy(at, "receiver(=");
	assert_true(received_spf_is_ours(&id, value, (size_t)(at - value)));
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_written),
		cmocka_unit_test(it_is_folded),
		cmocka_unit_test(lines_have_an_end),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(who_says_it),
		cmocka_unit_test(a_field_of_many_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
