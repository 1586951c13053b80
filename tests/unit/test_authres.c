/*
 * test_authres.c - what we say of a message, in RFC 8601's words.
 */
#include "filter/checks/authres.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/unit/telling_bench.h"

/* --- what is written ------------------------------------------------------ */

enum { SIGNATURES = 3 };

/* Words are those of telling_bench.h. */
struct told {
	const char *claim;
	bool exempt, login;
	const char *spf, *sender, *helo, *spf_domain, *spf_error;
	const char *dkim, *dkim_error;
	struct {
		const char *result, *d, *s, *a, *b;
	} signatures[SIGNATURES];
	const char *dmarc, *policy, *from, *second_from, *dmarc_error;
	const char *name, *ptr, *ip;
	const char *written;
};

static const struct told told[] = {
	{ .claim = "all is well",
	  .spf = "pass",
	  .sender = "a@example.net",
	  .dkim = "pass",
	  .signatures = { { "pass", "example.net", "s1", "rsa-sha256",
			    "AbCdEfGh" } },
	  .dmarc = "pass",
	  .policy = "reject",
	  .from = "example.net",
	  .name = "relay.example.net",
	  .ptr = "relay.example.net",
	  .ip = "192.0.2.10",
	  .written = "mx.example.org;\n"
		     "\tspf=pass smtp.mailfrom=a@example.net;\n"
		     "\tdkim=pass header.d=example.net header.s=s1 "
		     "header.a=rsa-sha256\n"
		     "\theader.b=AbCdEfGh;\n"
		     "\tdmarc=pass header.from=example.net "
		     "policy.dmarc=reject;\n"
		     "\tiprev=pass policy.iprev=192.0.2.10" },
	{ .claim = "nothing was found",
	  .spf = "-",
	  .sender = "a@example.net",
	  .dkim = "-",
	  .dmarc = "-",
	  .from = "example.net",
	  .written = "mx.example.org;\n"
		     "\tspf=none smtp.mailfrom=a@example.net;\n"
		     "\tdkim=none;\n"
		     "\tdmarc=none header.from=example.net" },
	{ .claim = "nobody could say",
	  .spf = "?",
	  .sender = "a@example.net",
	  .dkim = "?",
	  .dmarc = "?",
	  .name = "?",
	  .ptr = "?",
	  .ip = "192.0.2.10",
	  .written = "mx.example.org;\n"
		     "\tspf=temperror smtp.mailfrom=a@example.net;\n"
		     "\tdkim=temperror;\n"
		     "\tdmarc=temperror;\n"
		     "\tiprev=temperror policy.iprev=192.0.2.10" },
	{ .claim = "SPF is not to matter for a client that we know",
	  .spf = ".",
	  .sender = "a@example.net",
	  .dkim = "-",
	  .dmarc = "-",
	  .name = ".",
	  .ptr = ".",
	  .ip = "127.0.0.1",
	  .written = "mx.example.org;\n"
		     "\tspf=none smtp.mailfrom=a@example.net;\n"
		     "\tdkim=none;\n"
		     "\tdmarc=none" },
	{ .claim = "nobody was asked", .written = "mx.example.org; none" },
	/* logins and exemptions */
	{ .claim = "who has logged in is not named",
	  .login = true,
	  .spf = ".",
	  .sender = "a@example.net",
	  .dkim = "-",
	  .dmarc = "-",
	  .written = "mx.example.org;\n"
		     "\tauth=pass;\n"
		     "\tspf=none smtp.mailfrom=a@example.net;\n"
		     "\tdkim=none;\n"
		     "\tdmarc=none" },
	{ .claim = "of an exempt message only the login is told",
	  .exempt = true,
	  .login = true,
	  .dkim = "pass",
	  .written = "mx.example.org;\n\tauth=pass" },
	{ .claim = "without a login nothing is",
	  .exempt = true,
	  .spf = "pass",
	  .dkim = "pass",
	  .written = NULL },
	/* whom SPF is about */
	{ .claim = "the null sender's SPF is HELO's",
	  .spf = "pass",
	  .sender = "-",
	  .helo = "relay.example.net",
	  .spf_domain = "relay.example.net",
	  .written = "mx.example.org;\n"
		     "\tspf=pass smtp.helo=relay.example.net" },
	{ .claim = "a HELO that is no name is quoted",
	  .spf = "-",
	  .sender = "-",
	  .helo = "[192.0.2.1]",
	  .written = "mx.example.org;\n"
		     "\tspf=none smtp.helo=\"[192.0.2.1]\"" },
	{ .claim = "a HELO that makes results makes none",
	  .spf = "fail",
	  .sender = "-",
	  .helo = "x; dkim=pass \"\\(",
	  .written = "mx.example.org;\n"
		     "\tspf=fail smtp.helo=\"x; dkim=pass \\\"\\\\(\"" },
	{ .claim = "a HELO with control characters is left out",
	  .spf = "fail",
	  .sender = "-",
	  .helo = "x\r\n\tdkim=pass",
	  .written = "mx.example.org;\n\tspf=fail" },
	{ .claim = "a HELO beyond ASCII is left out",
	  .spf = "fail",
	  .sender = "-",
	  .helo = "b\303\274cher.example",
	  .written = "mx.example.org;\n\tspf=fail" },
	{ .claim = "a sender in quotes keeps them",
	  .spf = "pass",
	  .sender = "\"a b; dkim=pass\"@example.net",
	  .written = "mx.example.org;\n"
		     "\tspf=pass "
		     "smtp.mailfrom=\"a b; dkim=pass\"@example.net" },
	{ .claim = "all signs of atoms stand as they are",
	  .spf = "pass",
	  .sender = "!#$%&'*+-/=?^_`{|}~a@example.net",
	  .written = "mx.example.org;\n"
		     "\tspf=pass "
		     "smtp.mailfrom=!#$%&'*+-/=?^_`{|}~a@example.net" },
	{ .claim = "a sender at an address literal is quoted",
	  .spf = "-",
	  .sender = "a@[192.0.2.1]",
	  .written = "mx.example.org;\n"
		     "\tspf=none smtp.mailfrom=\"a@[192.0.2.1]\"" },
	{ .claim = "a local part in UTF-8 is left out, its domain is not",
	  .spf = "pass",
	  .sender = "m\xc3\xbcller@example.net",
	  .spf_domain = "example.net",
	  .written = "mx.example.org;\n"
		     "\tspf=pass smtp.mailfrom=example.net" },
	{ .claim = "two dots need quotes, so all is quoted",
	  .spf = "pass",
	  .sender = "a..b@example.net",
	  .written = "mx.example.org;\n"
		     "\tspf=pass smtp.mailfrom=\"a..b@example.net\"" },
	{ .claim = "a sender that is unknown is not told",
	  .spf = "permerror",
	  .sender = "?",
	  .spf_domain = "example.net",
	  .spf_error = "two records",
	  .written = "mx.example.org;\n"
		     "\tspf=permerror reason=\"two records\" "
		     "smtp.mailfrom=example.net" },
	{ .claim = "what is no error needs no reason",
	  .spf = "fail",
	  .sender = "a@example.net",
	  .spf_error = "a reason",
	  .written = "mx.example.org;\n"
		     "\tspf=fail smtp.mailfrom=a@example.net" },
	{ .claim = "a reason is printable, and not long",
	  .spf = "temperror",
	  .sender = "a@example.net",
	  .spf_error = "caf\xc3\xa9\n\"x\" 5678901234567890123456789012345678"
		       "90123456789012345",
	  .written = "mx.example.org;\n"
		     "\tspf=temperror\n"
		     "\treason=\"caf??\?\\\"x\\\" "
		     "56789012345678901234567890123456789012345678901234\"\n"
		     "\tsmtp.mailfrom=a@example.net" },
	/* signatures */
	{ .claim = "each signature has a result, the best its reason",
	  .dkim = "fail",
	  .dkim_error = "the body was changed",
	  .signatures = { { "permerror", "a.example", "s", "rsa-sha1", "x/y=" },
			  { "fail", "-", "-", "-", "-" },
			  { "fail", "c.example", "s._x", "ed25519-sha256",
			    "ab+d" } },
	  .written = "mx.example.org;\n"
		     "\tdkim=permerror header.d=a.example header.s=s "
		     "header.a=rsa-sha1\n"
		     "\theader.b=\"x/y=\";\n"
		     "\tdkim=fail reason=\"the body was changed\";\n"
		     "\tdkim=fail header.d=c.example header.s=s._x "
		     "header.a=ed25519-sha256\n"
		     "\theader.b=ab+d" },
	/* DMARC */
	{ .claim = "a policy of none is told where there is a record",
	  .dmarc = "fail",
	  .policy = "-",
	  .from = "example.net",
	  .written = "mx.example.org;\n"
		     "\tdmarc=fail header.from=example.net "
		     "policy.dmarc=none" },
	{ .claim = "of two authors none is told",
	  .dmarc = "permerror",
	  .policy = "-",
	  .from = "example.net",
	  .second_from = "example.com",
	  .dmarc_error = "more than one author",
	  .written = "mx.example.org;\n"
		     "\tdmarc=permerror reason=\"more than one author\"" },
	/* the client's name */
	{ .claim = "a name that leads elsewhere fails",
	  .name = "-",
	  .ptr = "a.example",
	  .ip = "192.0.2.1",
	  .written = "mx.example.org;\n"
		     "\tiprev=fail policy.iprev=192.0.2.1" },
	{ .claim = "no name at all is an error",
	  .name = "-",
	  .ptr = "-",
	  .ip = "2001:db8::1",
	  .written = "mx.example.org;\n"
		     "\tiprev=permerror policy.iprev=\"2001:db8::1\"" },
	{ .claim = "a client without an address has no name",
	  .name = "-",
	  .ptr = "-",
	  .written = "mx.example.org; none" },
};

/* The n-th signature's words, one of each set. */
static void set_signatures(struct facts *facts, const struct told *row)
{
	struct text *sets[5];
	size_t count = 0;

	while (count < SIGNATURES && row->signatures[count].result != NULL)
		count++;
	if (count == 0)
		return;
	for (size_t i = 0; i < 5; i++)
		sets[i] = arena_array(facts->arena, count, sizeof(**sets));
	for (size_t n = 0; n < count; n++) {
		const char *const words[] = {
			row->signatures[n].result, row->signatures[n].d,
			row->signatures[n].s,	   row->signatures[n].a,
			row->signatures[n].b,
		};

		for (size_t i = 0; i < 5; i++) {
			const char *word =
				strcmp(words[i], "-") == 0 ? "" : words[i];

			sets[i][n] = (struct text){ word, strlen(word) };
		}
	}
	for (unsigned i = 0; i < 5; i++)
		facts_set(facts, FACT_DKIM_RESULTS + i, sets[i], count);
}

static void set_facts(struct facts *facts, const struct told *row)
{
	telling_set_word(facts, FACT_SPF, row->spf);
	telling_set_text(facts, FACT_SENDER, row->sender);
	telling_set_text(facts, FACT_HELO_NAME, row->helo);
	telling_set_text(facts, FACT_SPF_DOMAIN, row->spf_domain);
	telling_set_text(facts, FACT_SPF_ERROR, row->spf_error);
	telling_set_word(facts, FACT_DKIM, row->dkim);
	telling_set_text(facts, FACT_DKIM_ERROR, row->dkim_error);
	set_signatures(facts, row);
	telling_set_word(facts, FACT_DMARC, row->dmarc);
	telling_set_word(facts, FACT_DMARC_POLICY, row->policy);
	telling_set_pair(facts, FACT_FROM_DOMAIN, row->from, row->second_from);
	telling_set_text(facts, FACT_DMARC_RECORD_ERROR, row->dmarc_error);
	telling_set_pair(facts, FACT_CLIENT_NAME, row->name, NULL);
	telling_set_pair(facts, FACT_CLIENT_PTR, row->ptr, NULL);
	telling_set_client(facts, row->ip);
	facts_bool(facts, FACT_CLIENT_AUTH, row->login);
	facts_close(facts, PHASE_EOM);
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
		got = authres_write(&t.facts, &t.id, row->exempt, &t.arena);
		wrong += !telling_is(row->claim, got, row->written);
		if (got != NULL) {
			assert_true(telling_longest_line(AUTHRES_NAME, got) <=
				    AUTHRES_LINE);
			assert_true(authres_is_ours(&t.id, got, strlen(got)));
		}
		telling_close(&t);
	}
	assert_int_equal(wrong, 0);
}

/* A hostile header's signatures do not push out those that count. */
static void too_many_signatures(void **state)
{
	enum { COUNT = 64 };
	static char domains[COUNT][16];
	struct text results[COUNT], ds[COUNT];
	struct telling t;
	const char *got;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		bool last = i >= COUNT - 8;

		results[i] = last ? (struct text){ "pass", 4 }
				  : (struct text){ "neutral", 7 };
		ds[i] = (struct text){ domains[i],
				       (size_t)snprintf(domains[i], 16,
							"d%zu.example", i) };
	}
	telling_open(&t, TELLING_ROOM);
	facts_word(&t.facts, FACT_DKIM, 0);
	facts_set(&t.facts, FACT_DKIM_RESULTS, results, COUNT);
	facts_set(&t.facts, FACT_DKIM_DOMAINS, ds, COUNT);
	got = authres_write(&t.facts, &t.id, false, &t.arena);
	for (const char *at = got; (at = strstr(at, "dkim=")) != NULL; at++)
		count++;
	assert_int_equal(count, AUTHRES_SIGNATURES_MAX);
	assert_non_null(strstr(got, "dkim=neutral header.d=d3.example"));
	assert_null(strstr(got, "d4.example"));
	assert_non_null(strstr(got, "dkim=pass header.d=d56.example"));
	assert_non_null(strstr(got, "dkim=pass header.d=d63.example"));
	telling_close(&t);
}

/* An inspector that was taken over writes no fields of its own. */
static void what_is_no_result_is_not_written(void **state)
{
	static struct text results[] = {
		{ "pass\nX: y", 9 }, { "", 0 },	      { "passe", 5 },
		{ "pass\0", 5 },     { "policy", 6 },
	};
	struct telling t;

	(void)state;
	telling_open(&t, TELLING_ROOM);
	facts_word(&t.facts, FACT_DKIM, 0);
	facts_set(&t.facts, FACT_DKIM_RESULTS, results, 5);
	assert_string_equal(authres_write(&t.facts, &t.id, false, &t.arena),
			    "mx.example.org;\n\tdkim=policy");
	telling_close(&t);
}

static void without_memory(void **state)
{
	struct telling t;

	(void)state;
	telling_open(&t, 16);
	facts_word(&t.facts, FACT_DKIM, 0);
	assert_null(authres_write(&t.facts, &t.id, false, &t.arena));
	assert_null(authres_write_none(&t.id, &t.arena));
	telling_close(&t);
}

/* --- our name ------------------------------------------------------------- */

static const struct {
	const char *given, *name;
} names[] = {
	{ "mx.example.org", "mx.example.org" },
	{ "MX.Example.ORG.", "mx.example.org" },
	{ "mail.b\303\274cher.example", "mail.xn--bcher-kva.example" },
	{ "host_1", "host_1" },
	{ "Example+MX", "example+mx" },
	{ "", NULL },
	{ NULL, NULL },
	{ "[192.0.2.1]", NULL },
	{ "mx example", NULL },
	{ "mx;dkim=pass", NULL },
	{ "mx\r\n", NULL },
	{ "m\xff", NULL },
};

static void names_have_one_form(void **state)
{
	struct authres_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool good = authres_id_init(&id, names[i].given);

		assert_int_equal(good, names[i].name != NULL);
		if (good)
			assert_string_equal(id.name, names[i].name);
		if (good)
			assert_int_equal(id.len, strlen(id.name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_written),
		cmocka_unit_test(too_many_signatures),
		cmocka_unit_test(what_is_no_result_is_not_written),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(names_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
