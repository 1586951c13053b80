/*
 * test_dmarc_record.c - one TXT record, and the choice among several.
 */
#include "filter/inspect/dmarc_record.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is read, written again.  NULL: no DMARC record. */
static const struct {
	const char *claim, *text, *written;
} records[] = {
	{ "the least there is", "v=DMARC1", "v=DMARC1" },
	{ "a separator may end it", "v=DMARC1;", "v=DMARC1" },
	{ "and have blanks around it", "v=DMARC1 ; ", "v=DMARC1" },
	{ "blanks around the sign", "v = DMARC1; p = reject",
	  "v=DMARC1; p=reject" },
	{ "tabs are blanks", "v\t=\tDMARC1\t;\tp\t=\treject\t",
	  "v=DMARC1; p=reject" },
	{ "no blanks are needed", "v=DMARC1;p=none;sp=reject",
	  "v=DMARC1; p=none; sp=reject" },
	{ "names and words have no case", "V=DMARC1; P=Reject; aSpf=S; T=Y",
	  "v=DMARC1; p=reject; aspf=s; t=y" },
	{ "but the version has", "v=dmarc1; p=reject", NULL },
	{ "and is not another", "v=DMARC1x; p=reject", NULL },
	{ "nor the next one", "v=DMARC2; p=reject", NULL },
	{ "a semicolon follows it", "v=DMARC1 p=reject", NULL },
	{ "which no backslash hides", "v=DMARC1\\; p=reject", NULL },
	{ "it comes first", "p=reject; v=DMARC1", NULL },
	{ "with nothing in front", " v=DMARC1; p=reject", NULL },
	{ "not even a separator", ";v=DMARC1; p=reject", NULL },
	{ "nor a quote", "\"v=DMARC1; p=reject\"", NULL },
	{ "it has a sign", "v DMARC1; p=reject", NULL },
	{ "and a name of one letter", "vv=DMARC1; p=reject", NULL },
	{ "nothing", "", NULL },
	{ "SPF", "v=spf1 -all", NULL },
	{ "DKIM", "v=DKIM1; p=", NULL },

	{ "the order does not matter", "v=DMARC1; sp=none; adkim=s; p=reject",
	  "v=DMARC1; p=reject; sp=none; adkim=s" },
	{ "what is the default is not said",
	  "v=DMARC1; p=none; adkim=r; aspf=r; psd=u; t=n; pct=100; fo=0",
	  "v=DMARC1; p=none" },
	{ "np", "v=DMARC1; p=none; np=reject", "v=DMARC1; p=none; np=reject" },
	{ "psd=y", "v=DMARC1; psd=y", "v=DMARC1; psd=y" },
	{ "psd=n", "v=DMARC1; psd=n", "v=DMARC1; psd=n" },
	{ "psd has no other value", "v=DMARC1; psd=yes", "v=DMARC1" },
	{ "half a word is none", "v=DMARC1; p=rej", "v=DMARC1; p=invalid" },
	{ "nor is a word and more", "v=DMARC1; p=reject all",
	  "v=DMARC1; p=invalid" },
	{ "nor an empty one", "v=DMARC1; p=; sp",
	  "v=DMARC1; p=invalid; "
	  "sp=invalid" },
	{ "alignment that nobody knows is relaxed",
	  "v=DMARC1; adkim=strict; aspf=", "v=DMARC1" },
	{ "unknown tags are ignored", "v=DMARC1; p=none; x=1; newtag=a b c",
	  "v=DMARC1; p=none" },
	{ "so are those of old", "v=DMARC1; p=none; ri=3600; rf=afrf",
	  "v=DMARC1; p=none" },
	{ "what is no tag is ignored", "v=DMARC1; p2=reject; =; !; p=none",
	  "v=DMARC1; p=none" },
	{ "and so are empty places", "v=DMARC1;;; p=none;;",
	  "v=DMARC1; p=none" },
	{ "repeated with one value", "v=DMARC1; p=none; P=None; t=y; t=y",
	  "v=DMARC1; p=none; t=y" },
	{ "repeated with two values",
	  "v=DMARC1; p=none; p=reject; adkim=s; adkim=r; t=y; t=n",
	  "v=DMARC1; p=invalid" },
	{ "a third does not mend it", "v=DMARC1; p=none; p=reject; p=none",
	  "v=DMARC1; p=invalid" },
	{ "a version further on is nothing", "v=DMARC1; v=DMARC2; p=none",
	  "v=DMARC1; p=none" },
	{ "bytes that no value has spoil it", "v=DMARC1; p=r\xc3\xa9ject",
	  "v=DMARC1; p=invalid" },
	{ "a tab inside a value, too", "v=DMARC1; rua=mailto:a@b,\tmailto:c@d",
	  "v=DMARC1" },

	{ "pct", "v=DMARC1; p=reject; pct=0", "v=DMARC1; p=reject; pct=0" },
	{ "pct has bounds", "v=DMARC1; p=reject; pct=101",
	  "v=DMARC1; p=reject" },
	{ "and no sign", "v=DMARC1; p=reject; pct=-1", "v=DMARC1; p=reject" },
	{ "nor overflow", "v=DMARC1; p=reject; pct=4294967296",
	  "v=DMARC1; p=reject" },

	{ "fo", "v=DMARC1; ruf=mailto:a@b; fo=1:d:s",
	  "v=DMARC1; ruf=mailto:a@b; fo=1:d:s" },
	{ "fo in any order", "v=DMARC1; fo=s:0:d", "v=DMARC1; fo=0:d:s" },
	{ "fo without a digit", "v=DMARC1; fo=s : d", "v=DMARC1; fo=d:s" },
	{ "0 and 1 exclude each other", "v=DMARC1; fo=0:1", "v=DMARC1" },
	{ "and none stands twice", "v=DMARC1; fo=d:d", "v=DMARC1" },
	{ "nor is one missing", "v=DMARC1; fo=d:", "v=DMARC1" },

	{ "addresses", "v=DMARC1; rua=mailto:A@Example.org , mailto:b@c",
	  "v=DMARC1; rua=mailto:A@Example.org,mailto:b@c" },
	{ "any other URI", "v=DMARC1; rua=https://[2001:db8::1]:8/r?x=%2C#y",
	  "v=DMARC1; rua=https://[2001:db8::1]:8/r?x=%2C#y" },
	{ "a limit is left out", "v=DMARC1; rua=mailto:a@b!10m,mailto:c@d!5",
	  "v=DMARC1; rua=mailto:a@b,mailto:c@d" },
	{ "but must be one", "v=DMARC1; rua=mailto:a@b!10x,mailto:c@d!m",
	  "v=DMARC1" },
	{ "bad URIs are left out",
	  "v=DMARC1; rua=a@b,,<mailto:c@d>,mailto:e%2@f,mailto:g h@i,"
	  "mailto:j@k,:x,1a:b,http://[::1,x:[y]",
	  "v=DMARC1; rua=mailto:j@k" },
	{ "what stands behind // is an authority",
	  "v=DMARC1; rua=x://a:b,x://[y]z,x://a[y],x://a@b@c,x://[],x://[%41],"
	  "x://a:1?/:@,x://u:%20@[::1]:?q,x://",
	  "v=DMARC1; rua=x://a:1?/:@,x://u:%20@[::1]:?q,x://" },
	{ "without any there is no list",
	  "v=DMARC1; rua=nobody; ruf=", "v=DMARC1" },
	{ "of two lists the first counts",
	  "v=DMARC1; rua=mailto:a@b; rua=mailto:c@d",
	  "v=DMARC1; rua=mailto:a@b" },

	/* RFC 9989, appendix B.2 */
	{ "B.2.1", "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com",
	  "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com" },
	{ "B.2.2",
	  "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; "
	  "ruf=mailto:auth-reports@example.com",
	  "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; "
	  "ruf=mailto:auth-reports@example.com" },
	{ "B.2.5",
	  "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,"
	  "mailto:tld-test@thirdparty.example.net; t=y",
	  "v=DMARC1; p=quarantine; t=y; "
	  "rua=mailto:dmarc-feedback@example.com,"
	  "mailto:tld-test@thirdparty.example.net" },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		const char *text = records[i].text;
		struct dmarc_record record;
		char buf[512];
		size_t len;

		if (!dmarc_record_parse(text, strlen(text), &record, NULL)) {
			if (records[i].written)
				fail_msg("%s: no record", records[i].claim);
			assert_non_null(record.why);
			continue;
		}
		if (!records[i].written)
			fail_msg("%s: a record", records[i].claim);
		len = dmarc_record_print(&record, text, buf, sizeof(buf));
		if (strcmp(buf, records[i].written) != 0)
			fail_msg("%s: \"%s\"", records[i].claim, buf);
		assert_int_equal(len, strlen(buf));
	}
}

/* Section 4.10.1.  NONE, QUARANTINE and REJECT; UNSAID: not usable. */
static const struct {
	const char *claim, *text;
	enum dmarc_request own, sub, no_name;
} policies[] = {
	{ "p holds for all", "v=DMARC1; p=reject", DMARC_REJECT, DMARC_REJECT,
	  DMARC_REJECT },
	{ "sp for those below", "v=DMARC1; p=reject; sp=none", DMARC_REJECT,
	  DMARC_NONE, DMARC_NONE },
	{ "np for those that do not exist", "v=DMARC1; p=quarantine; np=reject",
	  DMARC_QUARANTINE, DMARC_QUARANTINE, DMARC_REJECT },
	{ "all three", "v=DMARC1; p=none; sp=quarantine; np=reject", DMARC_NONE,
	  DMARC_QUARANTINE, DMARC_REJECT },
	{ "no p, no rua", "v=DMARC1; sp=reject", DMARC_UNSAID, DMARC_UNSAID,
	  DMARC_UNSAID },
	{ "no p, but rua: p=none", "v=DMARC1; sp=reject; rua=mailto:a@b",
	  DMARC_NONE, DMARC_NONE, DMARC_NONE },
	{ "a bad p, no rua", "v=DMARC1; p=rej", DMARC_UNSAID, DMARC_UNSAID,
	  DMARC_UNSAID },
	{ "a bad sp takes p along", "v=DMARC1; p=reject; sp=x; rua=mailto:a@b",
	  DMARC_NONE, DMARC_NONE, DMARC_NONE },
	{ "a bad np, too", "v=DMARC1; p=reject; np=; rua=mailto:a@b",
	  DMARC_NONE, DMARC_NONE, DMARC_NONE },
	{ "without rua all of it", "v=DMARC1; p=reject; np=x", DMARC_UNSAID,
	  DMARC_UNSAID, DMARC_UNSAID },
	{ "a bad rua is none", "v=DMARC1; rua=a@b", DMARC_UNSAID, DMARC_UNSAID,
	  DMARC_UNSAID },
	{ "ruf does not help", "v=DMARC1; ruf=mailto:a@b", DMARC_UNSAID,
	  DMARC_UNSAID, DMARC_UNSAID },
	{ "other bad tags do no harm",
	  "v=DMARC1; p=reject; adkim=x; psd=x; t=x; fo=x; pct=x; rua=x",
	  DMARC_REJECT, DMARC_REJECT, DMARC_REJECT },
};

static void test_policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(policies); i++) {
		const char *text = policies[i].text;
		bool usable = policies[i].own != DMARC_UNSAID;
		struct dmarc_record record;

		assert_true(
			dmarc_record_parse(text, strlen(text), &record, NULL));
		if (dmarc_record_usable(&record) != usable)
			fail_msg("%s", policies[i].claim);
		if (usable &&
		    (dmarc_record_request(&record, DMARC_ITS_OWN) !=
			     policies[i].own ||
		     dmarc_record_request(&record, DMARC_OF_SUBDOMAIN) !=
			     policies[i].sub ||
		     dmarc_record_request(&record, DMARC_OF_NO_DOMAIN) !=
			     policies[i].no_name))
			fail_msg("%s", policies[i].claim);
	}
}

/* The first thing listed, and what it is about. */
static const struct {
	const char *text, *about;
	bool remark;
	const char *why;
} faults[] = {
	{ "v=DMARC1; p=none", NULL, false, NULL },
	{ "v=spf1 -all", "spf1 -all", false, "the version is DMARC1" },
	{ "p=none", "p=none", false, "begins with v=DMARC1" },
	{ " v=DMARC1", " ", false, "without a blank" },
	{ "v=Dmarc1; p=none", "Dmarc1", false, "in capitals" },
	{ "v=DMARC1; p=rej", "rej", false, "p is none, quarantine" },
	{ "v=DMARC1; p=none; sp=x y", "x y", false, "sp is none" },
	{ "v=DMARC1; p=none;; sp=none", ";", false, "nothing between" },
	{ "v=DMARC1; p=none; sp", "sp", false, "no value" },
	{ "v=DMARC1; p=none; a1=x", "a1=x", false, "made of letters" },
	{ "v=DMARC1; p=none; foo=x", "foo", true, "nobody knows" },
	{ "v=DMARC1; p=none; foo", "foo", false, "no value" },
	{ "v=DMARC1; p=none; foo=\x7f", "\x7f", false, "printable" },
	{ "v=DMARC1; p=none; rua=mailto:c@d,", "", false, "no URI" },
	{ "v=DMARC1; p=none; p=reject", "p=reject", false, "another value" },
	{ "v=DMARC1; p=none; p=none", "p=none", true, "here twice" },
	{ "v=DMARC1; p=none; v=DMARC1", "v=DMARC1", false, "in front, once" },
	{ "v=DMARC1; p=none; t=yes", "yes", false, "t is y or n" },
	{ "v=DMARC1; p=none; rua=a@b,mailto:c@d", "a@b", false, "no URI" },
	{ "v=DMARC1; p=none; rua=mailto:c@d!10m", "!10m", true, "obsolete" },
	{ "v=DMARC1; p=none; rua=https://a", "https://a", true, "mailto:" },
	{ "v=DMARC1; p=none; rua=mailto:a", "mailto:a", true, "no domain" },
	{ "v=DMARC1; p=none; pct=5", "5", true, "not used any more" },
	{ "v=DMARC1; sp=none; p=none", "none", true, "before RFC 9989" },
	{ "v=DMARC1; p=none; fo=1", "1", true, "without ruf" },
	{ "v=DMARC1; P=none", "P", true, "small letters" },
	{ "v=DMARC1", "", false, "nobody applies" },
	{ "v=DMARC1; rua=mailto:a@b", "", true, "p=none is understood" },
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		const char *text = faults[i].text;
		struct dmarc_record record;
		struct dmarc_faults found;
		const struct dmarc_fault *first = found.list;

		dmarc_record_parse(text, strlen(text), &record, &found);
		if (!faults[i].about) {
			assert_int_equal(found.count, 0);
			assert_null(record.why);
			continue;
		}
		if (found.count == 0)
			fail_msg("%s: nothing", text);
		if (!strstr(first->why, faults[i].why) ||
		    first->remark != faults[i].remark)
			fail_msg("%s: %s", text, first->why);
		if (first->len != strlen(faults[i].about) ||
		    strncmp(text + first->at, faults[i].about, first->len) != 0)
			fail_msg("%s: at %zu, %zu", text, first->at,
				 first->len);
		if (!first->remark) {
			assert_ptr_equal(record.why, first->why);
			assert_int_equal(record.why_at, first->at);
		}
	}
}

static void test_many_faults(void **state)
{
	char text[1024] = "v=DMARC1; p=none";
	struct dmarc_record record;
	struct dmarc_faults found;
	size_t len = strlen(text);

	(void)state;
	memset(text + len, ';', 1000);
	assert_true(dmarc_record_parse(text, len + 1000, &record, &found));
	assert_int_equal(found.count, DMARC_FAULTS_MAX);
	assert_int_equal(record.p, DMARC_NONE);
}

/* A NUL ends nothing. */
static void test_bytes(void **state)
{
	static const char nul[] = "v=DMARC1; p=rej\0ect; sp=none";
	static const char version[] = "v=DMARC1\0; p=reject";
	struct dmarc_record record;

	(void)state;
	assert_true(dmarc_record_parse(nul, sizeof(nul) - 1, &record, NULL));
	assert_int_equal(record.p, DMARC_INVALID);
	assert_int_equal(record.sp, DMARC_NONE);
	assert_false(dmarc_record_parse(version, sizeof(version) - 1, &record,
					NULL));
	assert_false(dmarc_record_parse(NULL, 0, &record, NULL));
}

static void test_print_is_bounded(void **state)
{
	static const char text[] = "v=DMARC1; p=reject; rua=mailto:a@b";
	struct dmarc_record record;
	char buf[64];

	(void)state;
	assert_true(dmarc_record_parse(text, strlen(text), &record, NULL));
	for (size_t size = 0; size <= sizeof(text); size++) {
		memset(buf, 'x', sizeof(buf));
		assert_int_equal(dmarc_record_print(&record, text, buf, size),
				 strlen(text));
		assert_int_equal(buf[size], 'x');
		if (size > 0) {
			assert_int_equal(strlen(buf), size - 1);
			assert_memory_equal(buf, text, size - 1);
		}
	}
}

#define TEXTS_MAX 4

static const struct {
	const char *claim;
	const char *texts[TEXTS_MAX];
	enum dmarc_choice choice;
	size_t index;
} choices[] = {
	{ "nothing", { NULL }, DMARC_CHOICE_NOTHING, 0 },
	{ "foreign texts",
	  { "v=spf1 -all", "hello", "" },
	  DMARC_CHOICE_NOTHING,
	  0 },
	{ "one", { "v=DMARC1; p=none" }, DMARC_CHOICE_ONE, 0 },
	{ "one among others",
	  { "v=spf1 -all", "x", "v=DMARC1; p=none" },
	  DMARC_CHOICE_ONE,
	  2 },
	{ "other versions are foreign",
	  { "v=DMARC2; p=none", "v=DMARC1" },
	  DMARC_CHOICE_ONE,
	  1 },
	{ "two",
	  { "v=DMARC1; p=none", "v=DMARC1; p=reject" },
	  DMARC_CHOICE_SEVERAL,
	  0 },
	{ "two that are the same",
	  { "v=DMARC1; p=none", "v=DMARC1; p=none" },
	  DMARC_CHOICE_SEVERAL,
	  0 },
	{ "one of them useless",
	  { "v=DMARC1", "x", "v=DMARC1; p=reject" },
	  DMARC_CHOICE_SEVERAL,
	  0 },
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(choices); i++) {
		struct dmarc_text texts[TEXTS_MAX];
		struct dmarc_record record;
		size_t count = 0, index = 0;

		for (; count < TEXTS_MAX && choices[i].texts[count]; count++) {
			texts[count].text = choices[i].texts[count];
			texts[count].len = strlen(texts[count].text);
		}
		if (dmarc_record_choose(texts, count, &record, &index) !=
		    choices[i].choice)
			fail_msg("%s", choices[i].claim);
		if (choices[i].choice == DMARC_CHOICE_ONE)
			assert_int_equal(index, choices[i].index);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_many_faults),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_print_is_bounded),
		cmocka_unit_test(test_choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
