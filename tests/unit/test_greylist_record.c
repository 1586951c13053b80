/*
 * test_greylist_record.c - lines that a greylist's store holds.
 */
#include "lists/greylist_record.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define RUN UINT64_C(0x9f86d081884c7d65)

static const char waiting[] =
	"1 waiting first=1732300000/3600/9f86d081884c7d65 tried=1732300100 "
	"tries=3 round=0";
static const char passed[] =
	"1 passed last=1732310000 first=1732300000 waited=310 uses=12";
static const char identity[] =
	"1 identity passes=5 round=1732200000 counted=1732290000 "
	"last=1732300000/1/000000000000000a trapped=1732200000 for=86400 "
	"allow=1732300000 for=0";

static void test_triplets(void **state)
{
	char buf[GREYLIST_RECORD_SIZE];
	struct greylist_triplet t;

	(void)state;
	assert_int_equal(greylist_read_triplet(waiting, sizeof(waiting) - 1,
					       &t),
			 GREYLIST_READ);
	assert_int_equal(t.state, GREYLIST_WAITING);
	assert_int_equal(t.first.wall, 1732300000);
	assert_int_equal(t.first.up, 3600);
	assert_true(t.first.run == RUN);
	assert_int_equal(t.tried_wall, 1732300100);
	assert_int_equal(t.count, 3);
	greylist_write_triplet(&t, buf);
	assert_string_equal(buf, waiting);

	assert_int_equal(greylist_read_triplet(passed, sizeof(passed) - 1, &t),
			 GREYLIST_READ);
	assert_int_equal(t.state, GREYLIST_PASSED);
	assert_true(t.last.run == 0);
	assert_int_equal(t.waited, 310);
	greylist_write_triplet(&t, buf);
	assert_string_equal(buf, passed);

	t = (struct greylist_triplet){ 0 };
	assert_int_equal(greylist_write_triplet(&t, buf), 0);
	assert_string_equal(buf, "");
}

static void test_identities(void **state)
{
	static const char *const lines[] = {
		identity,
		"1 identity passes=1 round=0 counted=0 last=0",
		"1 identity passes=0 round=1 trapped=1 for=0",
		"1 identity passes=0 round=0 block=253402300799 for=3155760000",
	};
	char buf[GREYLIST_RECORD_SIZE];
	struct greylist_identity i;

	(void)state;
	for (size_t n = 0; n < sizeof(lines) / sizeof(lines[0]); n++) {
		assert_int_equal(greylist_read_identity(lines[n],
							strlen(lines[n]), &i),
				 GREYLIST_READ);
		greylist_write_identity(&i, buf);
		assert_string_equal(buf, lines[n]);
	}
	i = (struct greylist_identity){ 0 };
	assert_int_equal(greylist_write_identity(&i, buf), 0);
}

static void test_outbound(void **state)
{
	static const char line[] = "1 outbound last=1732300000";
	char buf[GREYLIST_RECORD_SIZE];
	struct greylist_outbound o;

	(void)state;
	assert_int_equal(greylist_read_outbound(line, sizeof(line) - 1, &o),
			 GREYLIST_READ);
	assert_true(o.is_there);
	greylist_write_outbound(&o, buf);
	assert_string_equal(buf, line);
	o.is_there = false;
	assert_int_equal(greylist_write_outbound(&o, buf), 0);
}

/* The largest that there can be has room. */
static void test_largest(void **state)
{
	const struct greylist_time t = { GREYLIST_TIME_MAX, GREYLIST_TIME_MAX,
					 UINT64_MAX };
	const struct greylist_identity big = {
		.passes = GREYLIST_COUNT_MAX,
		.round = GREYLIST_TIME_MAX,
		.counted = t,
		.last = t,
		.trapped_for = GREYLIST_SPAN_MAX,
		.trapped = t,
		.mark = GREYLIST_ALLOW,
		.marked_for = GREYLIST_SPAN_MAX,
		.marked = t,
	};
	char buf[GREYLIST_RECORD_SIZE];
	struct greylist_identity i;
	size_t len = greylist_write_identity(&big, buf);

	(void)state;
	assert_in_range(len, 200, GREYLIST_RECORD_SIZE - 1);
	assert_int_equal(greylist_read_identity(buf, len, &i), GREYLIST_READ);
	assert_true(i.marked.run == UINT64_MAX);
}

static void test_foreign(void **state)
{
	static const struct {
		const char *claim, *line;
		enum greylist_reading reading;
	} rows[] = {
		{ "nothing", "", GREYLIST_JUNK },
		{ "a word", "waiting", GREYLIST_JUNK },
		{ "another version", "2 waiting until=5", GREYLIST_NEWER },
		{ "a much later one", "17 x", GREYLIST_NEWER },
		{ "no version at all", "0 waiting", GREYLIST_JUNK },
		{ "a version that is too large", "99999999999 x",
		  GREYLIST_JUNK },
		{ "a version alone", "2", GREYLIST_JUNK },
		{ "half a line", "1 passed last=17323100", GREYLIST_JUNK },
		{ "a line end", "1 passed last=1 first=1 waited=0 uses=1\n",
		  GREYLIST_JUNK },
		{ "two blanks", "1 passed  last=1 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "another order", "1 passed first=1 last=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "a zero in front", "1 passed last=01 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "a sign", "1 passed last=-1 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "no number", "1 passed last= first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "after the year 9999",
		  "1 passed last=253402300800 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "more than 64 bits",
		  "1 passed last=99999999999999999999 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "half a stamp", "1 passed last=1/2 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "a short run",
		  "1 passed last=1/2/abc first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "a run that is none",
		  "1 passed last=1/2/0000000000000000 first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "a run in capitals",
		  "1 passed last=1/2/00000000000000AB first=1 waited=0 uses=1",
		  GREYLIST_JUNK },
		{ "another kind", "1 identity passes=0 round=0",
		  GREYLIST_JUNK },
		{ "right", "1 passed last=1 first=1 waited=0 uses=1",
		  GREYLIST_READ },
	};
	struct greylist_triplet t;
	struct greylist_identity i;

	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		memset(&t, 0xff, sizeof(t));
		if (greylist_read_triplet(rows[n].line, strlen(rows[n].line),
					  &t) != rows[n].reading)
			fail_msg("%s", rows[n].claim);
		if (rows[n].reading != GREYLIST_READ)
			assert_int_equal(t.state, GREYLIST_ABSENT);
	}
	/* an identity of whom nothing is said is no record */
	assert_int_equal(greylist_read_identity("1 identity passes=0 round=0",
						27, &i),
			 GREYLIST_JUNK);
	/* a NUL inside */
	assert_int_equal(greylist_read_triplet("1 waiting\0first=1", 17, &t),
			 GREYLIST_JUNK);
	/* a line cut off within its last field */
	for (size_t len = 0; len < sizeof(waiting) - 2; len++)
		assert_int_equal(greylist_read_triplet(waiting, len, &t),
				 GREYLIST_JUNK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_triplets),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
