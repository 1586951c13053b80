/*
 * test_dkim_field.c - which DKIM-Signature fields libopendkim may see.
 */
#include "filter/inspect/dkim_field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "filter/inspect/dkim_tags.h"

#define HASH "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=Zm9v YmFy MTIz"
#define BASE "v=1; a=rsa-sha256; d=example.org; s=one; "
#define NINES "999999999"

static const struct row {
	const char *claim, *text;
	enum dkim_field_reading reading;
	const char *why;
} rows[] = {
#define GOOD(claim, text)                          \
	{                                          \
		claim, text, DKIM_FIELD_READ, NULL \
	}
#define BAD(claim, text, why)                       \
	{                                           \
		claim, text, DKIM_FIELD_BROKEN, why \
	}
#define ODD(claim, text, why)                        \
	{                                            \
		claim, text, DKIM_FIELD_STRANGE, why \
	}
	GOOD("all that must be", BASE "h=from; " HASH),
	GOOD("folded", " v=1; a=rsa-sha256;\r\n\td=example.org;\n s=one;\r\n "
		       "h=from\r\n :to : \n\tcc;\r\n " HASH ";\r\n "),
	GOOD("all that may be",
	     BASE "h=from; c=simple/relaxed; q=dns/txt:x; i=ann@example.org; "
		  "l=0; t=1; x=2; z=From:a|To:b; r=y; unknown_1=; " HASH),
	GOOD("names of selectors", "v=1; a=ed25519-sha256; d=a.b; "
				   "s=a_b-c._d.2; h=From; " HASH),

	BAD("nothing", "", "there is no tag"),
	BAD("a word", "synerr", "a tag has no value"),
	BAD("a number for a name", "1=v; " BASE "h=from; " HASH,
	    "a tag's name is none"),
	BAD("a blank in a name", "v v=1; " BASE "h=from; " HASH,
	    "a tag's name is none"),
	BAD("an empty tag", BASE "; h=from; " HASH, "there is an empty tag"),
	BAD("a tag twice", BASE "d=example.net; h=from; " HASH,
	    "a tag stands twice"),
	BAD("a tag twice, at the end", BASE "h=from; " HASH "; v=1",
	    "a tag stands twice"),
	BAD("a control character", BASE "h=from; j=\x01; " HASH,
	    "a tag holds a byte that none may hold"),
	BAD("8 bits", BASE "h=from; j=\xc3\xa4; " HASH,
	    "a tag holds a byte that none may hold"),
	BAD("a CR alone", BASE "h=from;\r j=1; " HASH,
	    "a tag holds a byte that none may hold"),
	BAD("a line that does not fold", BASE "h=from;\r\nj=1; " HASH,
	    "a tag holds a byte that none may hold"),
	BAD("a form feed", BASE "h=from;\f j=1; " HASH,
	    "a tag holds a byte that none may hold"),

	BAD("no version", "a=rsa-sha256; d=example.org; s=one; h=from; " HASH,
	    "there is no v="),
	BAD("a draft's version",
	    "v=0.5; a=rsa-sha256; d=example.org; s=one; "
	    "h=from; " HASH,
	    "v= is 1"),
	BAD("a version with more",
	    "v=1.0; a=rsa-sha256; d=example.org; "
	    "s=one; h=from; " HASH,
	    "v= is 1"),
	BAD("no algorithm", "v=1; d=example.org; s=one; h=from; " HASH,
	    "there is no a="),
	BAD("an algorithm that is none",
	    "v=1; a=rsa-sha512; d=example.org; "
	    "s=one; h=from; " HASH,
	    "a= is no algorithm that anybody knows"),
	BAD("no domain", "v=1; a=rsa-sha256; s=one; h=from; " HASH,
	    "there is no d="),
	BAD("no selector", "v=1; a=rsa-sha256; d=example.org; h=from; " HASH,
	    "there is no s="),
	BAD("no header", BASE HASH, "there is no h="),
	BAD("no signature",
	    BASE "h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5"
		 "NMpJWZG3hSuFU=",
	    "there is no b="),
	BAD("no body hash", BASE "h=from; b=Zm9v", "there is no bh="),
	BAD("an empty signature",
	    BASE "h=from; b=; bh=47DEQpj8HBSa+/TImW+5"
		 "JCeuQeRkm5NMpJWZG3hSuFU=",
	    "b= is no base64"),
	BAD("a signature that is no base64", BASE "h=from; b=Zm9v!",
	    "b= is no base64"),
	BAD("a short body hash", BASE "h=from; b=Zm9v; bh=47DEQpj8",
	    "bh= is no hash of that kind"),
	BAD("the hash of another algorithm",
	    "v=1; a=rsa-sha1; d=example.org; s=one; h=from; " HASH,
	    "bh= is no hash of that kind"),

	BAD("a domain of one label",
	    "v=1; a=rsa-sha256; d=org; s=one; "
	    "h=from; " HASH,
	    "d= is no domain name"),
	BAD("a domain with a dot at its end",
	    "v=1; a=rsa-sha256; d=example.org.; s=one; h=from; " HASH,
	    "d= is no domain name"),
	BAD("an underscore in the domain",
	    "v=1; a=rsa-sha256; d=a_b.org; s=one; h=from; " HASH,
	    "d= is no domain name"),
	BAD("a blank in the domain",
	    "v=1; a=rsa-sha256; d=exam ple.org; s=one; h=from; " HASH,
	    "d= is no domain name"),
	BAD("a hyphen at the edge",
	    "v=1; a=rsa-sha256; d=-a.org; s=one; h=from; " HASH,
	    "d= is no domain name"),
	BAD("a slash in the selector",
	    "v=1; a=rsa-sha256; d=example.org; s=a/b; h=from; " HASH,
	    "s= is no name"),
	BAD("an empty label in the selector",
	    "v=1; a=rsa-sha256; d=example.org; s=a..b; h=from; " HASH,
	    "s= is no name"),
	BAD("a selector that nobody gave",
	    "v=1; a=rsa-sha256; d=example.org; s=; h=from; " HASH,
	    "s= is no name"),

	BAD("From is not signed", BASE "h=to:cc:xfrom; " HASH,
	    "From is not signed"),
	BAD("an empty name", BASE "h=from::to; " HASH,
	    "h= is no list of names"),
	BAD("a colon at the end", BASE "h=from:; " HASH,
	    "h= is no list of names"),
	BAD("a blank inside a name", BASE "h=from:sub ject; " HASH,
	    "h= is no list of names"),

	BAD("an unknown canonicalisation", BASE "c=nofws; h=from; " HASH,
	    "c= is neither simple nor relaxed"),
	BAD("an unknown one of the body", BASE "c=simple/x; h=from; " HASH,
	    "c= is neither simple nor relaxed"),
	BAD("none of the body", BASE "c=simple/; h=from; " HASH,
	    "c= is neither simple nor relaxed"),
	BAD("another way to the key", BASE "q=dns/special; h=from; " HASH,
	    "q= knows other ways than DNS alone"),
	BAD("half a way", BASE "q=dns; h=from; " HASH,
	    "q= knows other ways than DNS alone"),

	BAD("a length that is none", BASE "l=-1; h=from; " HASH,
	    "l= is no number"),
	BAD("an empty length", BASE "l=; h=from; " HASH, "l= is no number"),
	BAD("a time that is none", BASE "t=0x1; h=from; " HASH,
	    "t= is no number"),
	BAD("a blank in a time", BASE "x=1 2; h=from; " HASH,
	    "x= is no number"),
	BAD("an end before the beginning", BASE "x=1; t=2; h=from; " HASH,
	    "x= is not later than t="),
	BAD("an end at the beginning", BASE "t=2; x=2; h=from; " HASH,
	    "x= is not later than t="),
	ODD("a number of nineteen digits",
	    BASE "x=1" NINES NINES "; h=from; " HASH,
	    "a number is longer than is looked at"),
	GOOD("a number of eighteen digits",
	     BASE "x=" NINES NINES "; h=from; " HASH),

	GOOD("a body hash without padding",
	     BASE "h=from; b=Zm9v; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3h"
		  "SuFU"),
	GOOD("no local part", BASE "i=@example.org; h=from; " HASH),
	GOOD("a subdomain", BASE "i=a@b.EXAMPLE.org; h=from; " HASH),
	GOOD("quoted-printable", BASE "i==41=3D@example.org; h=from; " HASH),
	BAD("i= that ends in =", BASE "i=a@example.org=; h=from; " HASH,
	    "i= is not written as it should be"),
	BAD("i= that ends in =4", BASE "i=a@example.org=4; h=from; " HASH,
	    "i= is not written as it should be"),
	BAD("small hexadecimals", BASE "i==3d@example.org; h=from; " HASH,
	    "i= is not written as it should be"),
	BAD("NUL in i=", BASE "i=@example.org=00@example.net; h=from; " HASH,
	    "i= is not written as it should be"),
	BAD("i= is empty", BASE "i=; h=from; " HASH,
	    "i= is not written as it should be"),
	BAD("i= is no address", BASE "i=example.org; h=from; " HASH,
	    "i= is no address"),
	BAD("i= of another domain", BASE "i=a@example.net; h=from; " HASH,
	    "i= is not below d="),
	BAD("i= of a parent", BASE "i=a@org.uk; h=from; " HASH,
	    "i= is not below d="),
	BAD("i= that only ends so", BASE "i=a@badexample.org; h=from; " HASH,
	    "i= is not below d="),
	BAD("i= with 8 bits in its domain",
	    BASE "i=a@=C3=A4.example.org; h=from; " HASH,
	    "i= has no domain name"),
	ODD("two signs in i=", BASE "i=\"a@b\"@example.org; h=from; " HASH,
	    "i= has more than one @"),

	ODD("a blank before the sign of b=",
	    BASE "h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; "
		 "b =Zm9v",
	    "a blank stands before the sign of b="),
	ODD("an unknown tag that ends in b", BASE "h=from; b_b=1; " HASH,
	    "there is an unknown tag that ends in b"),
	GOOD("blanks before other signs",
	     "v =1; a\r\n =rsa-sha256; d =example.org; s =one; h =from; " HASH),
};

static void fields_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t len = strlen(row->text);
		char *text = malloc(len > 0 ? len : 1);
		enum dkim_field_reading reading;
		struct dkim_field field;
		const char *why;

		assert_non_null(text);
		memcpy(text, row->text, len);
		reading = dkim_field_read(text, len, &field, &why);
		free(text);
		if (reading != row->reading ||
		    strcmp(why ? why : "", row->why ? row->why : "") != 0)
			fail_msg("%s: %d, %s", row->claim, reading, why);
	}
}

static void what_it_says(void **state)
{
	static const char text[] =
		" v=1; a=RSA-SHA1; d=Example.org; s=One; c=simple/relaxed;\r\n"
		" h=From : from:X-a; i=@a.example.org; l=12; t=7; x=8;\r\n"
		" bh=2jmj7l5rSw0yVb/vlWAYkK/YBwk=; b=Zm\r\n 9vYmFyMTIz";
	struct dkim_field field;
	const char *why;

	(void)state;
	assert_int_equal(dkim_field_read(text, sizeof(text) - 1, &field, &why),
			 DKIM_FIELD_READ);
	assert_memory_equal(text + field.domain.at, "Example.org", 11);
	assert_memory_equal(text + field.selector.at, "One", 3);
	assert_string_equal(field.digest, "Zm9vYmFy");
	assert_int_equal(field.key_type, DKIM_KEY_RSA);
	assert_int_equal(field.hash, DKIM_HASH_SHA1);
	assert_true(field.relaxed_body);
	assert_true(field.below);
	assert_true(field.has_length);
	assert_int_equal(field.length, 12);
	assert_int_equal(field.made, 7);
	assert_int_equal(field.expires, 8);
	assert_int_equal(dkim_field_signs(&field, text, "FROM", 4), 2);
	assert_int_equal(dkim_field_signs(&field, text, "x-A", 3), 1);
	assert_int_equal(dkim_field_signs(&field, text, "x", 1), 0);
}

/* What is wrong elsewhere does not hide whose signature it is. */
static void a_broken_one_is_told_of(void **state)
{
	static const char text[] = "v=2; a=rsa-sha256; d=a.org; s=/; h=x; b=Zg";
	struct dkim_field field;
	const char *why;

	(void)state;
	assert_int_equal(dkim_field_read(text, sizeof(text) - 1, &field, &why),
			 DKIM_FIELD_BROKEN);
	assert_string_equal(why, "s= is no name");
	assert_int_equal(field.domain.len, 5);
	assert_int_equal(field.selector.len, 0);
	assert_int_equal(field.algorithm.len, 10);
	assert_string_equal(field.digest, "Zg");
}

static void limits_are_told(void **state)
{
	struct dkim_field field;
	const char *why;
	char *text = malloc(2 * DKIM_FIELD_MAX);
	size_t head;

	(void)state;
	assert_non_null(text);
	strcpy(text, BASE HASH "; h=from");
	head = strlen(text);
	for (int i = 1; i < DKIM_FIELD_NAMES_MAX; i++)
		strcat(text, ":to");
	assert_int_equal(dkim_field_read(text, strlen(text), &field, &why),
			 DKIM_FIELD_READ);
	strcat(text, ":to");
	assert_int_equal(dkim_field_read(text, strlen(text), &field, &why),
			 DKIM_FIELD_STRANGE);
	memset(text + head, 'x', 4000);
	text[head] = ':';
	text[head + 4000] = '\0';
	assert_int_equal(dkim_field_read(text, strlen(text), &field, &why),
			 DKIM_FIELD_STRANGE);
	assert_int_equal(dkim_field_read(text, DKIM_FIELD_MAX + 1, &field,
					 &why),
			 DKIM_FIELD_STRANGE);
	strcpy(text, BASE HASH "; h=from; i=");
	head = strlen(text);
	memset(text + head, 'x', 240);
	strcpy(text + head + 240, "@example.org");
	assert_int_equal(dkim_field_read(text, strlen(text), &field, &why),
			 DKIM_FIELD_STRANGE);
	text[0] = '\0';
	for (int i = 0; i <= DKIM_TAGS_MAX; i++)
		sprintf(text + strlen(text), "t%d=; ", i);
	assert_int_equal(dkim_field_read(text, strlen(text), &field, &why),
			 DKIM_FIELD_BROKEN);
	assert_string_equal(why, "there are more tags than are read");
	free(text);
}

static void base64_is_decoded(void **state)
{
	static const struct {
		const char *text, *bytes;
		int len;
	} all[] = {
		{ "Zm9v", "foo", 3 }, { "Zm8=", "fo", 2 },
		{ "Zg==", "f", 1 },   { "Zm8", "fo", 2 },
		{ "Zg", "f", 1 },     { " Z\r\n m 9\tv", "foo", 3 },
		{ "", "", 0 },	      { "+/+/", "\xfb\xff\xbf", 3 },
		{ "Z", NULL, -1 },    { "Zm9vZ", NULL, -1 },
		{ "Zm=9", NULL, -1 }, { "Zm9v=", NULL, -1 },
		{ "Zg=", NULL, -1 },  { "Zg===", NULL, -1 },
		{ "====", NULL, -1 }, { "Zm-v", NULL, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct span span = { .len = strlen(all[i].text) };
		unsigned char bytes[8];
		int len = dkim_base64_read(all[i].text, span, bytes,
					   sizeof(bytes));

		if (len != all[i].len)
			fail_msg("%s: %d", all[i].text, len);
		if (len > 0)
			assert_memory_equal(bytes, all[i].bytes, (size_t)len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_read_strictly),
		cmocka_unit_test(what_it_says),
		cmocka_unit_test(a_broken_one_is_told_of),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(base64_is_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
