/* test_guess.c - names that an inspector will ask about. */
#include "filter/guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LABEL "a23456789b123456789c123456789d123456789e123456789f123456789."

struct names {
	char text[1024];
};

static void note(void *context, const char *name, enum dns_type type)
{
	struct names *names = context;
	size_t used = strlen(names->text);

	assert_int_equal(type, DNS_TXT);
	snprintf(names->text + used, sizeof(names->text) - used, "%s%s",
		 used > 0 ? " " : "", name);
}

static const struct {
	const char *claim, *name, *value, *names;
} fields[] = {
	{ "a signature's key", "DKIM-Signature",
	  " v=1; a=rsa-sha256; d=Example.ORG; s=one; b=abc",
	  "one._domainkey.example.org" },
	{ "blanks and folds around tags", "dkim-signature \t",
	  "v=1;\r\n\t d \r\n = a.test\r\n\t;s= \n two ;",
	  "two._domainkey.a.test" },
	{ "a final dot is none of the name's", "DKIM-Signature",
	  "d=a.test.; s=x", "x._domainkey.a.test" },
	{ "the first of two", "DKIM-Signature", "d=a.test; d=b.test; s=x",
	  "x._domainkey.a.test" },
	{ "tags of more letters are others", "DKIM-Signature",
	  "bd=a.test; ds=b.test; s=x", "" },
	{ "without a selector there is none", "DKIM-Signature", "d=a.test",
	  "" },
	{ "an empty domain", "DKIM-Signature", "d=; s=x", "" },
	{ "a domain that is too long", "DKIM-Signature",
	  "d=" LABEL LABEL LABEL LABEL LABEL "test; s=x", "" },
	{ "nothing", "DKIM-Signature", "", "" },
	{ "an author's policies", "From", " Joe <joe@mail.a.test>",
	  "_dmarc.mail.a.test _dmarc.a.test _dmarc.test" },
	{ "whatever he is called", "FROM", "\"x@b.test\" <joe@A.test>",
	  "_dmarc.a.test _dmarc.test" },
	{ "a long name is not walked label by label", "From",
	  "x@a.b.c.d.e.f.g.h.i.test",
	  "_dmarc.a.b.c.d.e.f.g.h.i.test _dmarc.d.e.f.g.h.i.test "
	  "_dmarc.e.f.g.h.i.test _dmarc.f.g.h.i.test _dmarc.g.h.i.test "
	  "_dmarc.h.i.test _dmarc.i.test _dmarc.test" },
	{ "no address", "From", " Joe", "" },
	{ "no domain", "From", "joe@", "" },
	{ "dots alone", "From", "joe@...", "_dmarc... _dmarc.." },
	{ "another field", "To", "joe@a.test", "" },
	{ "another name that begins alike", "From-X", "joe@a.test", "" },
};

static void fields_tell_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct names names = { "" };
		const struct guess guess = { .name = note, .context = &names };

		guess_field(&guess, fields[i].name, strlen(fields[i].name),
			    fields[i].value, strlen(fields[i].value));
		if (strcmp(names.text, fields[i].names) != 0)
			fail_msg("%s: \"%s\"", fields[i].claim, names.text);
	}
}

static const struct {
	const char *claim, *sender, *helo, *names;
} envelopes[] = {
	{ "both", "joe@A.test", "MX.a.test", "mx.a.test a.test" },
	{ "one and the same is one", "joe@a.test", "a.test.", "a.test" },
	{ "the last @ counts", "\"a@b\"@c.test", NULL, "c.test" },
	{ "a null sender", "", "mx.a.test", "mx.a.test" },
	{ "an address is no name", "", "[192.0.2.1]", "" },
	{ "nothing at all", NULL, NULL, "" },
};

static void envelopes_tell_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++) {
		struct names names = { "" };
		const struct guess guess = { .name = note, .context = &names };

		guess_envelope(&guess, envelopes[i].sender, envelopes[i].helo);
		if (strcmp(names.text, envelopes[i].names) != 0)
			fail_msg("%s: \"%s\"", envelopes[i].claim, names.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_tell_names),
		cmocka_unit_test(envelopes_tell_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
