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

#include "filter/checks/authres.h"
#include "lists/ip.h"
#include "rules/arena.h"
#include "rules/facts.h"

static const char our_name[] = "mx.example.org";

/* --- what is written ------------------------------------------------------ */

/* Words: NULL is not asked, "-" none, "?" unknown, "." waived. */
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
	  .spf_helo = "none",
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

/* True if there is a value to be set. */
static bool set_state(struct facts *facts, enum fact_id id, const char *word)
{
	if (word == NULL)
		return false;
	if (strcmp(word, "-") == 0)
		facts_none(facts, id);
	else if (strcmp(word, "?") == 0)
		facts_unknown(facts, id, CAUSE_TIMEOUT);
	else if (strcmp(word, ".") == 0)
		facts_waive(facts, id);
	else
		return true;
	return false;
}

static void set_text(struct facts *facts, enum fact_id id, const char *text)
{
	if (set_state(facts, id, text))
		facts_text(facts, id, text, strlen(text));
}

static void set_word(struct facts *facts, enum fact_id id, const char *word)
{
	const char *const *words = fact_row(id)->words;
	unsigned i = 0;

	if (word != NULL && strcmp(word, "none") == 0)
		word = "-";
	if (!set_state(facts, id, word))
		return;
	while (strcmp(words[i], word) != 0)
		i++;
	facts_word(facts, id, i);
}

static void set_facts(struct facts *facts, const struct told *row)
{
	const char *address = row->ip != NULL ? row->ip : "192.0.2.10";
	struct ip ip;

	set_word(facts, FACT_SPF, row->spf);
	set_word(facts, FACT_SPF_HELO, row->spf_helo);
	set_text(facts, FACT_SENDER, row->sender);
	set_text(facts, FACT_SPF_DOMAIN, row->domain);
	set_text(facts, FACT_HELO_NAME, row->helo);
	set_text(facts, FACT_SPF_MECHANISM, row->mechanism);
	set_text(facts, FACT_SPF_ERROR, row->error);
	assert_int_equal(ip_parse(address, strlen(address), &ip), 0);
	facts_ip(facts, FACT_CLIENT_IP, &ip);
	facts_close(facts, PHASE_EOM);
}

/* Of a line without its end; the first has the field's name before it. */
static size_t longest_line(const char *value)
{
	size_t longest = 0, before = strlen(RECEIVED_SPF_NAME ": ");

	while (*value != '\0') {
		size_t len = strcspn(value, "\n");

		if (before + len > longest)
			longest = before + len;
		before = 0;
		value += len + (value[len] == '\n');
	}
	return longest;
}

/* A fold is one blank. */
static char *unfolded(struct arena *arena, const char *value)
{
	char *copy = arena_strndup(arena, value, strlen(value)), *to = copy;

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
	struct authres_id id;
	int wrong = 0;

	(void)state;
	assert_true(authres_id_init(&id, our_name));
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		const struct told *row = &told[i];
		struct arena arena;
		struct facts facts;
		const char *got;

		arena_init(&arena, 1024 * 1024);
		assert_int_equal(facts_init(&facts, &arena, 0), 0);
		set_facts(&facts, row);
		got = received_spf_write(&facts, row->about, &id, &arena);
		if ((got == NULL) != (row->written == NULL) ||
		    (got != NULL &&
		     strcmp(unfolded(&arena, got), row->written) != 0)) {
			print_error("%s:\n%s\n", row->claim,
				    got != NULL ? got : "nothing");
			wrong++;
		}
		if (got != NULL) {
			assert_true(longest_line(got) <= RECEIVED_SPF_LINE);
			assert_true(
				received_spf_is_ours(&id, got, strlen(got)));
		}
		arena_done(&arena);
	}
	assert_int_equal(wrong, 0);
}

static void it_is_folded(void **state)
{
	struct authres_id id;
	struct arena arena;
	struct facts facts;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	set_facts(&facts, &told[0]);
	assert_true(authres_id_init(&id, our_name));
	assert_string_equal(
		received_spf_write(&facts, RECEIVED_SPF_SENDER, &id, &arena),
		"pass (mx.example.org: domain of example.net designates\n"
		"\t192.0.2.10 as permitted sender) client-ip=192.0.2.10;\n"
		"\tenvelope-from=\"a@example.net\"; helo=relay.example.net;\n"
		"\treceiver=mx.example.org; identity=mailfrom; "
		"mechanism=\"ip4:192.0.2.0/24\"");
	arena_done(&arena);
}

/* All that may be said, as long as it may be and all of it to be escaped. */
static void lines_have_an_end(void **state)
{
	static char name[254], long_value[400];
	struct told row = { .spf = "permerror",
			    .spf_helo = "fail",
			    .ip = "2001:db8:1111:2222:3333:4444:5555:6666" };
	struct authres_id id;
	struct arena arena;
	struct facts facts;
	const char *got;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	for (size_t i = 60; i < sizeof(name) - 1; i += 60)
		name[i] = '.';
	memset(long_value, '"', 320);
	row.domain = name;
	row.sender = row.helo = row.error = row.mechanism = long_value;
	assert_true(authres_id_init(&id, name));
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	set_facts(&facts, &row);
	for (int about = 0; about < RECEIVED_SPF_COUNT; about++) {
		got = received_spf_write(&facts, (enum received_spf)about, &id,
					 &arena);
		assert_non_null(got);
		assert_true(longest_line(got) < 998);
		assert_non_null(strstr(got, "helo=\"\\\"\\\""));
		assert_non_null(strstr(got, "identity="));
	}
	long_value[320] = '"'; /* one more is too much */
	long_value[321] = '\0';
	set_facts(&facts, &row);
	got = received_spf_write(&facts, RECEIVED_SPF_SENDER, &id, &arena);
	assert_null(strstr(got, "helo="));
	assert_null(strstr(got, "envelope-from="));
	assert_non_null(strstr(got, "problem="));
	arena_done(&arena);
}

/* An inspector that was taken over may say that a domain has one. */
static void a_nul_ends_nothing(void **state)
{
	struct told row = { .spf = "fail", .sender = "a@x.net", .helo = "h" };
	struct authres_id id;
	struct arena arena;
	struct facts facts;
	const char *got;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	set_facts(&facts, &row);
	facts_text(&facts, FACT_SPF_DOMAIN, "x\0.net", 6);
	facts_text(&facts, FACT_SPF_MECHANISM, "a\0", 2);
	assert_true(authres_id_init(&id, our_name));
	got = received_spf_write(&facts, RECEIVED_SPF_SENDER, &id, &arena);
	assert_non_null(strstr(got, "domain of its sender"));
	assert_non_null(strstr(got, "identity=mailfrom"));
	assert_null(strstr(got, "mechanism"));
	arena_done(&arena);
}

static void without_memory(void **state)
{
	struct told row = { .spf = "pass", .sender = "a@x.net", .helo = "h" };
	struct authres_id id;
	struct arena arena;
	struct facts facts;

	(void)state;
	arena_init(&arena, 16);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	set_facts(&facts, &row);
	assert_true(authres_id_init(&id, our_name));
	assert_null(
		received_spf_write(&facts, RECEIVED_SPF_SENDER, &id, &arena));
	arena_done(&arena);
}

/* --- whose it is -----------------------------------------------------------
 */

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
	assert_true(authres_id_init(&id, our_name));
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
	assert_true(authres_id_init(&id, our_name));
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
