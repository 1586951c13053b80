/*
 * test_generation.c - a configuration is loaded whole or not at all, and lists
 * change under rules that stay.
 */
#include "filter/generation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/texts.h"
#include "lists/file.h"
#include "lists/list.h"

static char folder[] = "/tmp/test_generation.XXXXXX";
static char conf[128], list[128], extra[128], secret[128];

static void write_file(const char *path, const char *text, time_t ago)
{
	struct timespec times[2] = { { .tv_sec = time(NULL) - ago },
				     { .tv_sec = time(NULL) - ago } };
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static const char rules[] = "include \"*.rules\"\n"
			    "list partners address from \"partners.list\"\n"
			    "rule PARTNER -1.0 if sender in partners\n"
			    "verdict reject at 5.0\n";

/* What is wrong with test_mistakes_of_lists()'s list. */
#define LIST_REPORT                                                        \
	"@/partners.list:2:8: error: missing closing parenthesis\n"        \
	"        /(bad/ # why\n"                                           \
	"             ^\n"                                                 \
	"        list words is declared at @/b.rules:1\n"                  \
	"@/partners.list:3:1: error: not a pattern between slashes, as "   \
	"in /pattern/i\n"                                                  \
	"        bare\n"                                                   \
	"        ^\n"                                                      \
	"@/partners.list:4:4: error: missing terminating ] for character " \
	"class\n"                                                          \
	"        /?[/\n"                                                   \
	"           ^\n"                                                   \
	"@/partners.list:5:3: error: unknown flag \"Q\"; there are i m "   \
	"s x u\n"                                                          \
	"        /x/Q\n"                                                   \
	"          ^\n"

static int setup(void **state)
{
	(void)state;
	snprintf(conf, sizeof(conf), "%s/a.conf", folder);
	snprintf(list, sizeof(list), "%s/partners.list", folder);
	snprintf(extra, sizeof(extra), "%s/b.rules", folder);
	snprintf(secret, sizeof(secret), "%s/secret", folder);
	write_file(conf, rules, 100);
	write_file(list, "a@b.example\n", 100);
	write_file(extra, "rule IS_IP 2.0 if helo.is_ip\n", 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(conf);
	unlink(list);
	unlink(extra);
	unlink(secret);
	return 0;
}

static struct generation *load_good(void)
{
	struct generation_result result = generation_load(conf, NULL, false);

	if (result.generation == NULL)
		fail_msg("%s", result.report);
	generation_result_done(&result);
	return result.generation;
}

static size_t entries(const struct generation *gen)
{
	return list_count(rule_list_content(gen->lists.at[0]));
}

static void test_load(void **state)
{
	struct generation *gen = load_good();

	(void)state;
	assert_int_equal(ruleset_rule_count(gen->rules), 2);
	assert_int_equal(gen->lists.count, 1);
	assert_int_equal(entries(gen), 1);
	assert_int_equal(strlen(gen->digest), 32);
	generation_unref(gen);
}

/* Rule, setting and list are each wrong: all three are told. */
static void test_all_mistakes(void **state)
{
	struct generation_result result;

	(void)state;
	write_file(extra, "rule X 1.0 if helo.nme is \"a\"\nset mod observe\n",
		   100);
	write_file(list, "nothing\n", 100);
	result = generation_load(conf, NULL, false);
	assert_null(result.generation);
	assert_non_null(strstr(result.report, "helo.name"));
	assert_non_null(strstr(result.report, "b.rules:2:5"));
	assert_non_null(strstr(result.report, "partners.list:1:"));
	assert_int_equal(result.errors, 3);
	generation_result_done(&result);

	write_file(extra, "rule IS_IP 2.0 if helo.is_ip\n", 100);
	result = generation_load(conf, NULL, false);
	assert_null(result.generation);
	assert_non_null(strstr(result.report, "partners.list:1:"));
	assert_int_equal(result.errors, 1);
	generation_result_done(&result);
}

/* The whole report; each @ in it is the folder. */
static void expect_report(const char *wanted)
{
	struct generation_result result = generation_load(conf, NULL, false);
	char text[4096];
	size_t used = 0;

	for (const char *at = wanted; *at != '\0'; at++) {
		assert_true(used + sizeof(folder) < sizeof(text));
		if (*at == '@')
			used = (size_t)(stpcpy(text + used, folder) - text);
		else
			text[used++] = *at;
	}
	text[used] = '\0';
	assert_null(result.generation);
	assert_string_equal(result.report, text);
	generation_result_done(&result);
}

/* Where rules do not compile, list files are read: each line is shown. */
static void test_mistakes_of_lists(void **state)
{
	(void)state;
	write_file(extra,
		   "list words regex from \"partners.list\"\n"
		   "list gone ip from \"gone.list\"\n"
		   "set spamtraps \"words\"\n"
		   "rule X 1.0 if foo\n",
		   100);
	write_file(conf, "include \"*.rules\"\n", 100);
	write_file(list, "/good/i\n  /(bad/ # why\nbare\n/\x1b[/\n/x/Q\n", 100);
	for (int i = 0; i < 2; i++) {
		/* the same with rules that compile */
		expect_report(
			i == 0 ? "@/b.rules:2:6: error: @/gone.list: "
				 "No such file or directory\n"
				 "        list gone ip from "
				 "\"gone.list\"\n"
				 "             ^~~~\n"
				 "@/b.rules:3:5: error: spamtraps wants a "
				 "list of addresses, and \"words\" is one "
				 "of another kind\n"
				 "        set spamtraps \"words\"\n"
				 "            ^~~~~~~~~\n"
				 "@/b.rules:4:15: error: unknown fact or "
				 "symbol \"foo\"\n"
				 "        rule X 1.0 if foo\n"
				 "                      ^~~\n" LIST_REPORT
			       : LIST_REPORT);
		write_file(extra,
			   "list words regex from \"partners.list\"\n"
			   "rule X 1.0 if helo.name in words\n",
			   100);
	}
}

/* Ever so many of them: some are shown, and how many more there are. */
static void test_many_mistakes_in_a_list(void **state)
{
	struct generation_result result;
	FILE *file = fopen(list, "w");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 100000; i++)
		fprintf(file, "%d nothing\n", i);
	assert_int_equal(fclose(file), 0);
	result = generation_load(conf, NULL, false);
	assert_null(result.generation);
	assert_int_equal(result.errors, LIST_ERRORS_MAX);
	assert_true(strlen(result.report) < 10000);
	assert_non_null(strstr(result.report, "        19 nothing\n"));
	assert_null(strstr(result.report, "        20 nothing\n"));
	assert_non_null(
		strstr(result.report, "        and 99980 more in this file\n"));
	generation_result_done(&result);
}

static void also_wrong(const struct generation *gen, struct diag *diag)
{
	assert_int_equal(gen->settings.session.body_limit, 2 << 20);
	diag_error(diag, settings_place(generation_ast(gen), "body_limit"),
		   "too much");
}

static void nothing_wrong(const struct generation *gen, struct diag *diag)
{
	(void)gen;
	(void)diag;
}

static void test_check(void **state)
{
	struct generation_result result;

	(void)state;
	result = generation_check(conf, nothing_wrong);
	assert_non_null(result.generation);
	assert_string_equal(result.report, "");
	generation_unref(result.generation);
	generation_result_done(&result);

	/* asked where all is well otherwise, and where it is not */
	for (int i = 0; i < 2; i++) {
		write_file(extra,
			   i == 0 ? "set body_limit 2MiB\n"
				  : "set body_limit 2MiB\nnonsense\n",
			   100);
		result = generation_check(conf, also_wrong);
		assert_null(result.generation);
		assert_int_equal(result.errors, i + 1);
		assert_non_null(
			strstr(result.report, "b.rules:1:5: error: too much"));
		generation_result_done(&result);
	}
}

static void test_folder(void **state)
{
	struct generation_result result;
	char second[160], wanted[256];

	(void)state;
	snprintf(second, sizeof(second), "%s/c.rules", folder);
	write_file(second, "rule Y 1.0 if IS_IP\n", 100);
	result = generation_load_folder(folder);
	assert_non_null(result.generation);
	assert_int_equal(ruleset_rule_count(result.generation->rules), 2);
	generation_unref(result.generation);
	generation_result_done(&result);

	/* what nobody wrote down has a name all the same */
	write_file(second, "include \"b.rules\"\n", 100);
	result = generation_load_folder(folder);
	assert_null(result.generation);
	snprintf(wanted, sizeof(wanted), "the first time at %s/*.rules:1\n",
		 folder);
	assert_non_null(strstr(result.report, wanted));
	generation_result_done(&result);
	unlink(second);
}

/* What is read at each connection may come later. */
static void test_password(void **state)
{
#define PASSWORD_FILE "set redis_password_file \"secret\"\n"
#define SERVER "set redis_servers \"localhost\"\n"
	static const struct {
		const char *claim, *settings, *file; /* NULL: none there */
		const char *warning; /* NULL: none */
	} rows[] = {
		{ "nobody asks for one", SERVER, NULL, NULL },
		{ "there it is", SERVER PASSWORD_FILE, "secret\n", NULL },
		{ "none", SERVER PASSWORD_FILE, NULL,
		  "b.rules:2:5: warning: redis_password_file cannot be used: " },
		{ "an empty one", SERVER PASSWORD_FILE, "\nsecret\n",
		  "secret: there is no password in its first line" },
		{ "where Sentinel is asked",
		  "set redis_sentinels \"localhost\"\n" PASSWORD_FILE, NULL,
		  "cannot be used: " },
		{ "without a server nobody reads it", PASSWORD_FILE, NULL,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct generation_result result;
		bool told;

		write_file(extra, rows[i].settings, 100);
		unlink(secret);
		if (rows[i].file != NULL)
			write_file(secret, rows[i].file, 100);
		result = generation_load(conf, NULL, false);
		assert_non_null(result.generation);
		told = strstr(result.report, rows[i].warning != NULL
						     ? rows[i].warning
						     : "password") != NULL;
		if (told != (rows[i].warning != NULL))
			fail_msg("%s: %s", rows[i].claim, result.report);
		generation_unref(result.generation);
		generation_result_done(&result);
	}
}

static void test_failing_example(void **state)
{
	struct generation_result result;

	(void)state;
	write_file(
		extra,
		"rule IS_IP 6.0 if helo.is_ip\n"
		"example \"a bare address\" { helo.is_ip yes } expect accept\n",
		100);
	result = generation_load(conf, NULL, false);
	assert_null(result.generation);
	assert_non_null(strstr(result.report, "a bare address"));
	generation_result_done(&result);
}

/* No list file is read, no example is run: that is for later. */
static void test_settings_alone(void **state)
{
	struct generation_result result;

	(void)state;
	write_file(extra,
		   "set body_limit 2MiB\n"
		   "rule IS_IP 6.0 if helo.is_ip\n"
		   "example \"x\" { helo.is_ip yes } expect reject\n",
		   100);
	write_file(list, "not an entry\n", 100);
	result = generation_load_settings(conf);
	if (result.generation == NULL)
		fail_msg("%s", result.report);
	assert_int_equal(result.generation->settings.session.body_limit,
			 2 << 20);
	assert_null(result.generation->rules);
	assert_int_equal(result.generation->lists.count, 0);
	generation_unref(result.generation);
	generation_result_done(&result);

	/* where it stops for a setting, rules are looked at too */
	write_file(extra, "rule X 1.0 if helo.nme is \"a\"\nset mod observe\n",
		   100);
	result = generation_load_settings(conf);
	assert_null(result.generation);
	assert_non_null(strstr(result.report, "helo.name"));
	assert_non_null(strstr(result.report, "b.rules:2:5"));
	generation_result_done(&result);
}

/* A look at the lists, each so long after the one before that all settles. */
static struct generation *look(struct generation *gen, char **ret_why)
{
	static int64_t now_ms;

	now_ms += FILE_SETTLE_MS;
	return generation_refresh_lists(gen, now_ms, ret_why);
}

static void test_list_changes(void **state)
{
	struct generation *gen = load_good(), *next;
	char *why = NULL;

	(void)state;
	assert_null(look(gen, &why));
	assert_null(why);
	write_file(list, "a@b.example\n@c.example\n", 50);
	next = look(gen, &why); /* sees it once */
	if (next == NULL)
		next = look(gen, &why); /* settled */
	assert_non_null(next);
	assert_int_equal(entries(gen), 1); /* sessions keep theirs */
	assert_int_equal(entries(next), 2);
	assert_true(next->number > gen->number);
	assert_ptr_equal(next->rules, gen->rules);
	generation_unref(gen);
	generation_unref(next);
}

/* Refused, told once, and the old content stays. */
static void test_list_emptied(void **state)
{
	struct generation *gen = load_good();
	char *why = NULL;

	(void)state;
	write_file(list, "", 50);
	for (int i = 0; i < 3 && why == NULL; i++)
		assert_null(look(gen, &why));
	assert_non_null(why);
	assert_non_null(strstr(why, "partners.list"));
	free(why);
	assert_null(look(gen, &why));
	assert_null(why);
	assert_int_equal(entries(gen), 1);
	generation_unref(gen);
}

/* Written slowly: told once, and in force when it is whole. */
static void test_list_grows(void **state)
{
	struct generation *gen = load_good(), *next;
	char *why = NULL;
	int fd;

	(void)state;
	fd = open(list, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a@b.example\n", 12), 12);
	assert_null(look(gen, &why));
	assert_null(why);
	assert_null(look(gen, &why));
	assert_non_null(why);
	assert_non_null(strstr(why, "somebody is writing to it"));
	free(why);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(write(fd, "@c.exa", 6), 6);
		assert_null(look(gen, &why));
		assert_null(look(gen, &why));
		assert_null(why);
	}
	close(fd); /* given up in mid-line */
	for (int i = 0; i < 5; i++)
		assert_null(look(gen, &why));
	assert_null(why);
	write_file(list, "a@b.example\n@c.example\n", 0);
	assert_null(look(gen, &why));
	next = look(gen, &why);
	assert_non_null(next);
	assert_null(why);
	assert_int_equal(entries(next), 2);
	generation_unref(gen);
	generation_unref(next);
}

/* Nine of ten rules gone: a file that is being written, or a mistake. */
static void test_rules_emptied(void **state)
{
	struct generation *gen;
	struct generation_result result;
	char text[1024] = "";

	(void)state;
	for (int i = 0; i < 10; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used,
			 "rule R%d 1.0 if helo.is_ip\n", i);
	}
	write_file(extra, text, 100);
	gen = load_good();
	write_file(extra, "", 100);
	result = generation_load(conf, gen, false);
	assert_null(result.generation);
	assert_non_null(strstr(result.report, "only 1 rules are left of 11"));
	assert_non_null(strstr(result.report, "--force"));
	generation_result_done(&result);
	result = generation_load(conf, gen, true);
	assert_non_null(result.generation);
	generation_unref(result.generation);
	generation_result_done(&result);
	generation_unref(gen);
}

static void test_snapshot(void **state)
{
	struct generation *gen = load_good();
	struct generation_result result;
	int fd = generation_snapshot(gen);

	(void)state;
	assert_true(fd >= 0);
	/* Whatever becomes of the files: the copy is what ran. */
	write_file(extra, "rule IS_IP 2.0 if\n", 10);
	write_file(list, "broken", 10);
	result = generation_load_snapshot(fd);
	if (result.generation == NULL)
		fail_msg("%s", result.report);
	assert_string_equal(result.generation->digest, gen->digest);
	assert_int_equal(entries(result.generation), 1);
	generation_unref(result.generation);
	generation_result_done(&result);
	generation_unref(gen);
	close(fd);
}

static void test_texts_refuse_what_does_not_add_up(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	assert_null(texts_open(fileno(file)));
	fputs("something else that is longer than one head would be", file);
	fflush(file);
	assert_null(texts_open(fileno(file)));
	fclose(file);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		ONE(test_load),
		ONE(test_all_mistakes),
		ONE(test_mistakes_of_lists),
		ONE(test_many_mistakes_in_a_list),
		ONE(test_check),
		ONE(test_folder),
		ONE(test_password),
		ONE(test_failing_example),
		ONE(test_settings_alone),
		ONE(test_list_changes),
		ONE(test_list_grows),
		ONE(test_list_emptied),
		ONE(test_rules_emptied),
		ONE(test_snapshot),
		ONE(test_texts_refuse_what_does_not_add_up),
	};

	return cmocka_run_group_tests_name("generation", tests, make_folder,
					   remove_folder);
}
