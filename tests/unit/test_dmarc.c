/*
 * test_dmarc.c - what DMARC says in a world of given answers.
 */
#include "filter/inspect/dmarc.h"

#include "tests/unit/dmarc_claims.h"

#include "filter/inspect/jail.h"
#include "lists/suffix.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PASS DMARC_RESULT_PASS
#define FAIL DMARC_RESULT_FAIL
#define TEMP DMARC_RESULT_TEMPERROR
#define PERM DMARC_RESULT_PERMERROR

#define R_REJECT "v=DMARC1; p=reject"

static struct dmarc_settings settings_of(int how)
{
	return (struct dmarc_settings){
		.discovery = how == PLAIN  ? DMARC_TREE_WALK
			     : how == BOTH ? DMARC_WALK_AND_LIST
					   : DMARC_SUFFIX_LIST,
		.organisation = how == NO_LIST ? NULL : suffix_organisation,
	};
}

static void answer(struct dmarc *dmarc, const char *name,
		   const struct dmarc_row *world)
{
	struct dmarc_text texts[ROWS_MAX];
	enum dmarc_said said = DMARC_SAID_NO_NAME;
	size_t count = 0;

	for (size_t i = 0; i < ROWS_MAX && world[i].name; i++) {
		if (strcmp(world[i].name, name) != 0)
			continue;
		if (!world[i].text) {
			said = DMARC_SAID_NO_DATA;
		} else if (strcmp(world[i].text, FAILS) == 0) {
			said = DMARC_SAID_NOTHING;
		} else {
			said = DMARC_SAID_RECORDS;
			texts[count].text = world[i].text;
			texts[count++].len = strlen(world[i].text);
		}
	}
	dmarc_answer(dmarc, said, texts, count);
}

/* All questions, and what was asked, with blanks between. */
static void run(struct dmarc *dmarc, const struct dmarc_row *world, char *asked,
		size_t size)
{
	struct dmarc_question question;
	size_t used = strlen(asked);

	while (dmarc_question(dmarc, &question)) {
		int len = snprintf(asked + used, size - used, "%s%s",
				   used > 0 ? " " : "", question.name);

		assert_true(len > 0 && (size_t)len < size - used);
		used += (size_t)len;
		answer(dmarc, question.name, world);
	}
}

static void start(struct dmarc *dmarc, const struct dmarc_claim *claim)
{
	struct dmarc_settings settings = settings_of(claim->how);
	struct dmarc_text author = { claim->author, strlen(claim->author) };

	dmarc_start(dmarc, &settings, &author, 1);
}

static void add_names(struct dmarc *dmarc, const struct dmarc_claim *claim)
{
	if (claim->spf)
		dmarc_spf(dmarc, claim->spf, strlen(claim->spf));
	for (size_t i = 0; i < NAMES_MAX && claim->dkim[i]; i++)
		dmarc_dkim(dmarc, claim->dkim[i], strlen(claim->dkim[i]));
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check(const struct dmarc *dmarc, const struct dmarc_claim *claim)
{
	const struct dmarc_outcome *outcome = &dmarc->outcome;
	const struct dmarc_expected *expected = &claim->expected;

	if (outcome->result != expected->result)
		fail_msg("%s: result %d", claim->claim, outcome->result);
	if (outcome->policy != expected->policy)
		fail_msg("%s: policy %d", claim->claim, outcome->policy);
	if (!same(outcome->organisation, expected->organisation))
		fail_msg("%s: organisation %s", claim->claim,
			 outcome->organisation);
	if (!same(outcome->record_domain, expected->record_domain))
		fail_msg("%s: record at %s", claim->claim,
			 outcome->record_domain);
	if (outcome->result == PASS)
		assert_true(outcome->spf_domain || outcome->dkim_domain);
}

static void for_each_claim(void (*test)(const struct dmarc_claim *claim))
{
	for (size_t i = 0; i < dmarc_walk_claims.count; i++)
		test(&dmarc_walk_claims.rows[i]);
	for (size_t i = 0; i < dmarc_list_claims.count; i++)
		test(&dmarc_list_claims.rows[i]);
}

static void check_claim(const struct dmarc_claim *claim)
{
	struct dmarc dmarc;
	char asked[2048] = "";

	start(&dmarc, claim);
	add_names(&dmarc, claim);
	run(&dmarc, claim->world, asked, sizeof(asked));
	check(&dmarc, claim);
	if (claim->expected.asked && strcmp(asked, claim->expected.asked) != 0)
		fail_msg("%s: asked %s", claim->claim, asked);
}

static void test_claims(void **state)
{
	(void)state;
	for_each_claim(check_claim);
}

static void check_walk_first(const struct dmarc_claim *claim)
{
	struct dmarc dmarc;
	char asked[2048] = "";

	start(&dmarc, claim);
	run(&dmarc, claim->world, asked, sizeof(asked));
	add_names(&dmarc, claim);
	run(&dmarc, claim->world, asked, sizeof(asked));
	check(&dmarc, claim);
}

/* What SPF and DKIM prove may be known before the walk, or after it. */
static void test_order_does_not_matter(void **state)
{
	(void)state;
	for_each_claim(check_walk_first);
}

/*
 * Whichever answers are missing, because they failed or time ran out: what
 * passed or did not apply may become unknown, but nothing fails, or is asked to
 * be treated worse, that would not with all of them.
 */
static void check_without(const struct dmarc_claim *claim, unsigned missing)
{
	struct dmarc dmarc;
	struct dmarc_question question;
	enum dmarc_result result;

	start(&dmarc, claim);
	add_names(&dmarc, claim);
	for (unsigned n = 0; dmarc_question(&dmarc, &question); n++) {
		result = dmarc.outcome.result;
		if (result == FAIL && claim->expected.result != FAIL)
			fail_msg("%s: early", claim->claim);
		if (n < 32 && (missing >> n & 1))
			dmarc_answer(&dmarc, DMARC_SAID_NOTHING, NULL, 0);
		else
			answer(&dmarc, question.name, claim->world);
	}
	result = dmarc.outcome.result;
	if (dmarc.outcome.policy > claim->expected.policy)
		fail_msg("%s: a worse policy without %x", claim->claim,
			 missing);
	if (result == TEMP || result == claim->expected.result)
		return;
	fail_msg("%s: %d without %x", claim->claim, result, missing);
}

static void check_without_any(const struct dmarc_claim *claim)
{
	for (unsigned missing = 0; missing < 1U << 9; missing++)
		check_without(claim, missing);
}

static void test_failures_are_never_held_against(void **state)
{
	(void)state;
	for_each_claim(check_without_any);
}

static const struct {
	const char *claim;
	const char *domains[NAMES_MAX];
	const char *why; /* NULL: this is an author */
} authors[] = {
	{ "nobody", { NULL }, "no author" },
	{ "two", { "a.test", "b.test" }, "several" },
	{ "two of the same", { "a.test", "A.Test." }, NULL },
	{ "three, the last is another",
	  { "a.test", "a.test", "x.a.test" },
	  "several" },
	{ "one is no name", { "a.test", "" }, "no host name" },
	{ "a literal", { "[192.0.2.1]" }, "no host name" },
	{ "a blank", { "a test" }, "no host name" },
	{ "an empty label", { "a..test" }, "no host name" },
	{ "a dot in front", { ".test" }, "no host name" },
	{ "nothing but a dot", { "." }, "no host name" },
	{ "two dots behind", { "a.test.." }, "no host name" },
	{ "not ASCII", { "caf\xc3\xa9.test" }, "no host name" },
	{ "an underscore", { "my_host.test" }, NULL },
	{ "an A-label", { "xn--caf-dma.test" }, NULL },
	{ "63 bytes",
	  { "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
	    ".test" },
	  NULL },
	{ "64 bytes",
	  { "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"
	    ".test" },
	  "no host name" },
};

static void test_authors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(authors); i++) {
		struct dmarc_settings settings = { 0 };
		struct dmarc_text domains[NAMES_MAX];
		struct dmarc_question question;
		struct dmarc dmarc;
		size_t count = 0;

		for (; count < NAMES_MAX && authors[i].domains[count];
		     count++) {
			domains[count].text = authors[i].domains[count];
			domains[count].len = strlen(domains[count].text);
		}
		dmarc_start(&dmarc, &settings, domains, count);
		dmarc_dkim(&dmarc, "a.test", 6);
		if (dmarc_question(&dmarc, &question) != !authors[i].why)
			fail_msg("%s", authors[i].claim);
		if (!authors[i].why) {
			assert_string_equal(dmarc.outcome.author, dmarc.author);
			assert_int_equal(dmarc.outcome.result, TEMP);
			continue;
		}
		assert_int_equal(dmarc.outcome.result, PERM);
		assert_null(dmarc.outcome.author);
		if (!strstr(dmarc.outcome.why, authors[i].why))
			fail_msg("%s: %s", authors[i].claim, dmarc.outcome.why);
	}
}

/* Names that leave no room for "_dmarc." are not asked about. */
static void test_long_names(void **state)
{
	static const struct dmarc_row world[ROWS_MAX] = {
		{ "_dmarc.test", "v=DMARC1; p=none; np=reject" },
	};
	struct dmarc_settings settings = { 0 };
	struct dmarc_text author;
	struct dmarc dmarc;
	char name[DMARC_NAME_MAX + 2], asked[2048] = "";

	(void)state;
	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < 249; i += 50)
		name[i] = '.';
	memcpy(name + DMARC_NAME_MAX - 5, ".test", 6);
	author = (struct dmarc_text){ name, DMARC_NAME_MAX };
	dmarc_start(&dmarc, &settings, &author, 1);
	run(&dmarc, world, asked, sizeof(asked));
	assert_int_equal(dmarc.outcome.result, FAIL);
	assert_int_equal(dmarc.outcome.policy, DMARC_REJECT);
	assert_string_equal(dmarc.outcome.record_domain, "test");
	assert_null(strstr(asked,
			   "_dmarc.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			   "aaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaa"
			   "aaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaa"
			   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaa"
			   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."));

	name[DMARC_NAME_MAX] = 'x';
	author.len++;
	dmarc_start(&dmarc, &settings, &author, 1);
	assert_int_equal(dmarc.outcome.result, PERM);
}

/* A domain owner who signs with many deep names cannot make us ask for ever. */
static void test_questions_are_bounded(void **state)
{
	static const struct dmarc_row world[ROWS_MAX] = {
		{ "_dmarc.evil.test", R_REJECT },
	};
	struct dmarc_settings settings = { 0 };
	struct dmarc_text author = { "evil.test", 9 };
	struct dmarc_question question;
	struct dmarc dmarc;
	size_t questions = 0;

	(void)state;
	dmarc_start(&dmarc, &settings, &author, 1);
	for (int i = 0; i < 2 * DMARC_PROVEN_MAX; i++) {
		char name[64];
		int len = snprintf(name, sizeof(name),
				   "a%d.b%d.c%d.d%d.e%d.evil.test", i, i, i, i,
				   i);

		dmarc_dkim(&dmarc, name, (size_t)len);
	}
	for (; dmarc_question(&dmarc, &question); questions++)
		answer(&dmarc, question.name, world);
	assert_int_equal(questions, DMARC_QUESTIONS_MAX);
	assert_int_equal(dmarc.outcome.result, PASS);
	assert_int_equal(dmarc.proven[DMARC_PROVEN_MAX - 1].alignment,
			 DMARC_ALIGNMENT_UNKNOWN);
}

static void test_each_proven_domain(void **state)
{
	static const struct dmarc_row world[ROWS_MAX] = {
		{ "_dmarc.example.com", "v=DMARC1; p=reject; aspf=s" },
		{ "_dmarc.b.example.com", FAILS },
	};
	struct dmarc_settings settings = { 0 };
	struct dmarc_text author = { "example.com", 11 };
	struct dmarc dmarc;
	char asked[2048] = "";

	(void)state;
	dmarc_start(&dmarc, &settings, &author, 1);
	dmarc_spf(&dmarc, "a.example.com", 13);
	dmarc_dkim(&dmarc, "b.example.com", 13);
	dmarc_dkim(&dmarc, "A.example.com", 13);
	dmarc_dkim(&dmarc, "evil.test", 9);
	run(&dmarc, world, asked, sizeof(asked));
	assert_int_equal(dmarc.outcome.result, PASS);
	assert_int_equal(dmarc.outcome.spf, DMARC_NOT_ALIGNED);
	assert_null(dmarc.outcome.spf_domain);
	assert_int_equal(dmarc.outcome.dkim, DMARC_ALIGNED);
	assert_string_equal(dmarc.outcome.dkim_domain, "a.example.com");
	assert_int_equal(dmarc.proven[0].alignment, DMARC_NOT_ALIGNED);
	assert_int_equal(dmarc.proven[1].alignment, DMARC_ALIGNMENT_UNKNOWN);
	assert_int_equal(dmarc.proven[2].alignment, DMARC_ALIGNED);
	assert_int_equal(dmarc.proven[3].alignment, DMARC_NOT_ALIGNED);
}

/* As dmarc.h says: once it is loaded, the list needs no file. */
static int look_up_in_jail(void)
{
	static const char *const rows[][2] = {
		{ "a.b.example.co.uk", "example.co.uk" },
		{ "a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn" },
		{ "a.b.unknown.invalid", "unknown.invalid" },
	};
	const char *step;

	suffix_load();
	if (jail_enter(&step) < 0)
		return 77;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = 0;
		const char *found =
			suffix_organisation(rows[i][0], strlen(rows[i][0]),
					    &len);

		if (!found || strlen(rows[i][1]) != len ||
		    strncmp(found, rows[i][1], len) != 0)
			return 1;
	}
	return 0;
}

static void test_list_in_jail(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(look_up_in_jail());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* no seccomp here */
	assert_int_equal(status, 0);
}

static void test_walk_names(void **state)
{
	const char *names[DMARC_WALK_MAX];

	(void)state;
	assert_int_equal(dmarc_walk_names("a.b.test", names), 3);
	assert_string_equal(names[0], "a.b.test");
	assert_string_equal(names[2], "test");
	assert_int_equal(dmarc_walk_names("a.b.c.d.e.f.g.h.i.j.test", names),
			 DMARC_WALK_MAX);
	assert_string_equal(names[1], "e.f.g.h.i.j.test");
	assert_string_equal(names[7], "test");
	assert_int_equal(dmarc_walk_names("", names), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_order_does_not_matter),
		cmocka_unit_test(test_failures_are_never_held_against),
		cmocka_unit_test(test_authors),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_questions_are_bounded),
		cmocka_unit_test(test_each_proven_domain),
		cmocka_unit_test(test_walk_names),
		cmocka_unit_test(test_list_in_jail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
