/*
 * test_dkim.c - signatures that are made here, changed, and verified.
 *
 * The signer (dkim_signer.h) has its own reading of the RFC, so a row says
 * something about both.
 */
#include "filter/inspect/dkim.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "filter/inspect/jail.h"
#include "tests/unit/dkim_bench.h"
#include "tests/unit/dkim_signer.h"

static char *replaced(char *message, size_t *len, const char *find,
		      const char *put)
{
	char *at = memmem(message, *len, find, strlen(find));
	size_t more = strlen(put), less = strlen(find), head, tail;

	assert_non_null(at);
	head = (size_t)(at - message);
	tail = *len - head - less;
	message = realloc(message, *len + more + 1);
	assert_non_null(message);
	memmove(message + head + more, message + head + less, tail);
	memcpy(message + head, put, more);
	*len += more - less;
	message[*len] = '\0';
	return message;
}

/* --- what is said of one signature ---------------------------------------- */

static const struct row {
	const char *claim, *tags;
	const char *find, *put; /* changed behind the signer's back */
	enum signature_result result;
	const char *why;
} rows[] = {
	{ "relaxed passes", PLAIN NAMES, NULL, NULL, SIGNATURE_PASS, NULL },
	{ "simple passes", SIMPLE NAMES, NULL, NULL, SIGNATURE_PASS, NULL },
	{ "one word of c= is about the header",
	  "v=1; a=rsa-sha256; c=relaxed; d=example.org; s=rsa2048; " NAMES,
	  NULL, NULL, SIGNATURE_PASS, NULL },
	{ "no c= is simple",
	  "v=1; a=rsa-sha256; d=example.org; s=rsa2048; " NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "header and body are canonicalised apart",
	  "v=1; a=rsa-sha256; c=simple/relaxed; d=example.org; s=rsa2048; " NAMES,
	  NULL, NULL, SIGNATURE_PASS, NULL },
	{ "Ed25519 passes", ED("ed") NAMES, NULL, NULL, SIGNATURE_PASS, NULL },
	{ "tags fold, in capitals, with blanks",
	  "v = 1 ; a=RSA-SHA256;\r\n c=Relaxed/RELAXED; d=EXAMPLE.org;\r\n\t"
	  "s=rsa2048;  h=From : To :\r\n Subject:DATE",
	  NULL, NULL, SIGNATURE_PASS, NULL },
	{ "what is not there may be signed", PLAIN NAMES ":from:reply-to", NULL,
	  NULL, SIGNATURE_PASS, NULL },
	{ "a 1024-bit key will do", OF("rsa1024") NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "a bare RSAPublicKey will do", OF("bare") NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "other records beside the key do no harm", OF("among") NAMES, NULL,
	  NULL, SIGNATURE_PASS, NULL },
	{ "a key is chosen by its kind", OF("both") NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "a key for tests is still a key", OF("test") NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "i= may be below d=", PLAIN "i=ann@mail.example.org; " NAMES, NULL,
	  NULL, SIGNATURE_PASS, NULL },
	{ "unless the key says no",
	  OF("whole") "i=ann@mail.example.org; " NAMES, NULL, NULL,
	  SIGNATURE_PERMERROR, "the key is not for subdomains, as i= is one" },
	{ "a key for the domain alone", OF("whole") "i=@Example.ORG; " NAMES,
	  NULL, NULL, SIGNATURE_PASS, NULL },

	/* RFC 8301 */
	{ "SHA-1 is right, and nothing to rely on",
	  BY("rsa-sha1", "relaxed/relaxed", "rsa2048") NAMES, NULL, NULL,
	  SIGNATURE_POLICY, "SHA-1 does not prove anything any more" },
	{ "SHA-1 that is wrong is wrong",
	  BY("rsa-sha1", "relaxed/relaxed", "rsa2048") NAMES, "Hello", "Hallo",
	  SIGNATURE_FAIL, "the body was changed" },
	{ "768 bits are too few", OF("rsa768") NAMES, NULL, NULL,
	  SIGNATURE_POLICY, "the key is too short to prove anything" },
	{ "512 bits are too few", OF("rsa512") NAMES, NULL, NULL,
	  SIGNATURE_POLICY, "the key is too short to prove anything" },
	{ "a short key's wrong signature is wrong", OF("rsa512") NAMES,
	  "a  letter", "another letter", SIGNATURE_FAIL,
	  "the header was changed, or the key is another" },

	/* what was changed */
	{ "relaxed: blanks and cases may change", PLAIN NAMES, "\r\nTo: bob@",
	  "\r\nTO :   bob@", SIGNATURE_PASS, NULL },
	{ "relaxed: so may folds", PLAIN NAMES, "letter\r\n\tof", "letter of",
	  SIGNATURE_PASS, NULL },
	{ "simple: folds may not", SIMPLE NAMES, "letter\r\n\tof", "letter of",
	  SIGNATURE_FAIL, "the header was changed, or the key is another" },
	{ "relaxed: blanks in the body", PLAIN NAMES, "it. \t\r\n", "it.\r\n",
	  SIGNATURE_PASS, NULL },
	{ "simple: blanks in the body", SIMPLE NAMES, "it. \t\r\n", "it.\r\n",
	  SIGNATURE_FAIL, "the body was changed" },
	{ "empty lines at the end", SIMPLE NAMES, "\r\n\r\n\r\n",
	  "\r\n\r\n\r\n\r\n\r\n\r\n", SIGNATURE_PASS, NULL },
	{ "empty lines in the middle", PLAIN NAMES, "Bob,\r\n\r\n", "Bob,\r\n",
	  SIGNATURE_FAIL, "the body was changed" },
	{ "a field that is not signed may change", PLAIN "h=from:to:subject",
	  "Date: Tue", "Date: Wed", SIGNATURE_PASS, NULL },
	{ "a second From is signed by nobody", PLAIN NAMES,
	  "\r\nTo:", "\r\nFrom: eve@example.net\r\nTo:", SIGNATURE_FAIL,
	  "the header was changed, or the key is another" },
	{ "nor is one on top", PLAIN NAMES, "From: Ann",
	  "From: eve@example.net\r\nFrom: Ann", SIGNATURE_POLICY,
	  "there is a From that is not signed" },
	{ "unless it was forbidden", PLAIN NAMES ":from", "From: Ann",
	  "From: eve@example.net\r\nFrom: Ann", SIGNATURE_FAIL,
	  "the header was changed, or the key is another" },
	{ "From is not signed", PLAIN "h=to:subject:date", NULL, NULL,
	  SIGNATURE_PERMERROR, "From is not signed" },
	{ "there is no From", PLAIN NAMES, "From: Ann", "Frol: Ann",
	  SIGNATURE_PERMERROR, "the message has no From" },
	{ "a From that nobody understands", PLAIN NAMES,
	  "From: Ann Example <ann@example.org>", "From: \"\r\n (<;,,@:",
	  SIGNATURE_FAIL, "the header was changed, or the key is another" },

	/* l= */
	{ "all of the body, and l= says so", PLAIN "l=28; " NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "less than all of it", PLAIN "l=12; " NAMES, NULL, NULL,
	  SIGNATURE_POLICY, "not all of the body is signed" },
	{ "nothing of it", PLAIN "l=0; " NAMES, NULL, NULL, SIGNATURE_POLICY,
	  "not all of the body is signed" },
	{ "something was added to it", PLAIN "l=28; " NAMES, "it. \t\r\n",
	  "it. \t\r\nBuy!\r\n", SIGNATURE_POLICY,
	  "not all of the body is signed" },
	{ "more than there is", PLAIN "l=29; " NAMES, NULL, NULL,
	  SIGNATURE_FAIL, "more is signed than there is of the body" },
	{ "much more", PLAIN "l=123456789012345678; " NAMES, NULL, NULL,
	  SIGNATURE_FAIL, "more is signed than there is of the body" },
	{ "simple: all of it", SIMPLE "l=31; " NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "simple: but for the last line", SIMPLE "l=15; " NAMES, NULL, NULL,
	  SIGNATURE_POLICY, "not all of the body is signed" },

	/* time */
	{ "made just now", PLAIN "t=1700000000; " NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "good for another second", PLAIN "t=1600000000; x=1700000001; " NAMES,
	  NULL, NULL, SIGNATURE_PASS, NULL },
	{ "expired this second", PLAIN "t=1600000000; x=1700000000; " NAMES,
	  NULL, NULL, SIGNATURE_POLICY, "the signature has expired" },
	{ "expired by the clock that is given, not by the machine's",
	  PLAIN "x=1700000500; " NAMES, NULL, NULL, SIGNATURE_PASS, NULL },
	{ "expired, and changed", PLAIN "x=1600000000; " NAMES, "Hello",
	  "Hallo", SIGNATURE_FAIL, "the body was changed" },
	{ "expired decades ago", PLAIN "x=12345; " NAMES, NULL, NULL,
	  SIGNATURE_PERMERROR, "the signature expired long ago" },
	{ "clocks differ", PLAIN "t=1700080000; " NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "but not by days", PLAIN "t=1700090000; " NAMES, NULL, NULL,
	  SIGNATURE_POLICY, "the signature is from the future" },
	{ "nor by centuries", PLAIN "t=9900000000; " NAMES, NULL, NULL,
	  SIGNATURE_PERMERROR, "the signature is from the future" },
	{ "a signer without a clock", PLAIN "t=7; " NAMES, NULL, NULL,
	  SIGNATURE_PASS, NULL },
	{ "x= before t=", PLAIN "t=1600000000; x=1599999999; " NAMES, NULL,
	  NULL, SIGNATURE_PERMERROR, "x= is not later than t=" },

	/* keys */
	{ "revoked", OF("revoked") NAMES, NULL, NULL, SIGNATURE_PERMERROR,
	  "the key was revoked" },
	{ "missing", OF("missing") NAMES, NULL, NULL, SIGNATURE_PERMERROR,
	  "there is no key under that name" },
	{ "silence is not absence", OF("silent") NAMES, NULL, NULL,
	  SIGNATURE_TEMPERROR, "DNS did not say what its key is" },
	{ "an error is not absence", OF("broken") NAMES, NULL, NULL,
	  SIGNATURE_TEMPERROR, "DNS did not say what its key is" },
	{ "for SHA-1 only", OF("sha1only") NAMES, NULL, NULL,
	  SIGNATURE_PERMERROR, "the key is not for this hash" },
	{ "for reports only", OF("notmail") NAMES, NULL, NULL,
	  SIGNATURE_PERMERROR, "the key is not for mail" },
	{ "several", OF("several") NAMES, NULL, NULL, SIGNATURE_PERMERROR,
	  "there are several keys" },
	{ "another one", OF("rsa2048") NAMES, "s=rsa2048", "s=rsa1024",
	  SIGNATURE_FAIL, "the header was changed, or the key is another" },
	{ "of the other kind", OF("rsa2048") NAMES, "s=rsa2048", "s=ed",
	  SIGNATURE_PERMERROR,
	  "the key is of another kind than the signature" },

	/* what libopendkim would misread */
	{ "all fields are signed, and then some",
	  PLAIN NAMES ":dkim-signature:x:y:z", NULL, NULL, SIGNATURE_NEUTRAL,
	  "it signs signatures that libopendkim mistakes" },
	{ "a blank before the sign of b=", PLAIN NAMES, "; b=", "; b =",
	  SIGNATURE_NEUTRAL, "a blank stands before the sign of b=" },
	{ "another tag that ends in b", PLAIN "xb=1; " NAMES, NULL, NULL,
	  SIGNATURE_NEUTRAL, "there is an unknown tag that ends in b" },
	{ "relaxed: a CR inside a line of the body", PLAIN NAMES, "Hello ",
	  "Hel\rlo ", SIGNATURE_FAIL, "the body was changed" },
	{ "simple: an LF inside a line of the body", SIMPLE NAMES, "Hello ",
	  "Hel\nlo ", SIGNATURE_FAIL, "the body was changed" },
	{ "simple: a CR inside a line of the body", SIMPLE NAMES, "Hello ",
	  "Hel\rlo ", SIGNATURE_FAIL, "the body was changed" },
	{ "relaxed: an LF inside a line of the body", PLAIN NAMES, "Hello ",
	  "Hel\nlo ", SIGNATURE_FAIL, "the body was changed" },
	{ "a CR in a signed field", PLAIN NAMES, "To: bob", "To: b\rob",
	  SIGNATURE_PERMERROR,
	  "a field that it signs holds a NUL, or a CR or LF alone" },
	{ "a CR elsewhere", PLAIN "h=from", "To: bob", "To: b\rob",
	  SIGNATURE_PASS, NULL },
};

static void say(const struct row *row, char *message, size_t len)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 65536 };
	char first[BENCH_SHOWN_MAX] = "", shown[BENCH_SHOWN_MAX];

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct verification v;
		const struct signature *one;

		verification_run(&v, signer_zone(bench_signer), message, len,
				 pieces[i], "example.org");
		assert_int_equal(signatures_count(v.signatures), 1);
		one = signatures_at(v.signatures, 0);
		if (one->result != row->result ||
		    strcmp(one->why ? one->why : "",
			   row->why ? row->why : "") != 0)
			fail_msg("%s: %s, %s", row->claim,
				 signature_result_name(one->result), one->why);
		verification_show(&v, shown);
		if (i > 0 && strcmp(first, shown) != 0)
			fail_msg("%s: in pieces of %zu: %s, not %s", row->claim,
				 pieces[i], shown, first);
		memcpy(first, shown, sizeof(first));
		verification_done(&v);
	}
	free(message);
}

static void signatures_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		char *message =
			signer_sign(bench_signer, rows[i].tags, bench_letter,
				    strlen(bench_letter), &len);

		if (rows[i].find)
			message = replaced(message, &len, rows[i].find,
					   rows[i].put);
		say(&rows[i], message, len);
	}
}

/* Both canonicalisations of bodies that are odd in some way. */
static void bodies_are_canonicalised(void **state)
{
	static const struct {
		const char *claim, *body;
		size_t len;
	} bodies[] = {
#define BODY(claim, text) { claim, text, sizeof(text) - 1 }
		BODY("nothing", ""),
		BODY("one line end", "\r\n"),
		BODY("line ends", "\r\n\r\n\r\n"),
		BODY("blanks alone", "  \t \r\n \r\n"),
		BODY("no line end", "abc"),
		BODY("a blank at the end", "abc "),
		BODY("a CR at the end", "abc\r"),
		BODY("two CRs at the end", "abc\r\r"),
		BODY("CR CR LF", "abc\r\r\ndef\r\n"),
		BODY("a CR alone in a line", "abc\r\n\r\r\ndef\r\n"),
		BODY("a blank, and CR CR LF", "abc \r\r\ndef\r\n"),
		BODY("a CR alone", "a\rb\r\n"),
		BODY("a CR alone behind empty lines", "\r\n\r\n\rb\r\n"),
		BODY("an LF alone", "a\nb\r\n"),
		BODY("an LF at the end", "ab\n"),
		BODY("an LF first", "\nab\r\n"),
		BODY("LF CR", "ab\n\rcd\r\n"),
		BODY("NUL", "a\0b\r\n\0"),
		BODY("8 bits", "\xff\xc3\xa4\x80\r\n"),
		BODY("empty lines behind blanks", "a \r\n \r\n\t\r\n"),
#undef BODY
	};
	static const char header[] = "From: a@example.org\r\n\r\n";
	static const char *const tags[] = {
		(SIMPLE "h=from"),
		(PLAIN "h=from"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (size_t relaxed = 0; relaxed < 2; relaxed++) {
			struct row row = { .claim = bodies[i].claim,
					   .result = SIGNATURE_PASS };
			char message[256], *text;
			size_t len = sizeof(header) - 1;

			memcpy(message, header, len);
			memcpy(message + len, bodies[i].body, bodies[i].len);
			text = signer_sign(bench_signer, tags[relaxed], message,
					   len + bodies[i].len, &len);
			say(&row, text, len);
		}
}

/* The signer agrees on all short bodies of a letter, a blank, CR and LF. */
static void all_short_bodies(void **state)
{
	static const char *const tags[] = { (ED_SIMPLE "h=from"),
					    (ED_RELAXED "h=from") };
	static const char letters[] = "a \r\n";
	static const char header[] = "From: a@example.org\r\n\r\n";
	const char *length = getenv("DKIM_BODY_LENGTH");
	size_t longest = length ? strtoul(length, NULL, 10) : 4;
	size_t passed = 0;

	(void)state;
	for (size_t len = 0; len <= longest; len++)
		for (unsigned number = 0; number < 2u << 2 * len; number++) {
			char text[64], *message;
			struct verification v;
			size_t size = sizeof(header) - 1;
			const struct signature *one;

			memcpy(text, header, size);
			for (size_t i = 0; i < len; i++)
				text[size++] =
					letters[number >> (2 * i + 1) & 3];
			text[size] = '\0';
			message = signer_sign(bench_signer, tags[number & 1],
					      text, size, &size);
			verification_run(&v, signer_zone(bench_signer), message,
					 size, 1 + number % 3, NULL);
			one = signatures_at(v.signatures, 0);
			if (one->result != SIGNATURE_PASS)
				fail_msg("%u of %zu: %s", number, len,
					 one->why);
			passed++;
			verification_done(&v);
			free(message);
		}
	printf("%zu short bodies are right\n", passed);
}

/* --- where it runs -------------------------------------------------------- */

struct worker {
	pthread_t thread;
	char *message;
	size_t len;
	size_t passed;
};

static void *work(void *context)
{
	struct worker *worker = context;

	for (int i = 0; i < 20; i++) {
		struct verification v;

		verification_run(&v, signer_zone(bench_signer), worker->message,
				 worker->len, 50, NULL);
		worker->passed +=
			signatures_best(v.signatures)->result == SIGNATURE_PASS;
		verification_done(&v);
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(SIMPLE NAMES),
		(ED("ed") NAMES),
	};
	struct worker workers[32] = { 0 };

	(void)state;
	for (size_t i = 0; i < 32; i++) {
		workers[i].message =
			signer_sign(bench_signer, tags[i % 3], bench_letter,
				    strlen(bench_letter), &workers[i].len);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	}
	for (size_t i = 0; i < 32; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].passed, 20);
		free(workers[i].message);
	}
}

/* Nothing is opened behind the door: else the child dies of SIGSYS. */
static void verifies_in_jail(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(BY("rsa-sha1", "simple", "rsa512") NAMES),
		(ED("ed") NAMES),
		(OF("sha1only") NAMES),
	};
	size_t len;
	char *message = bench_sign_all(tags, 4, &len);
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct verification v;
		const char *step;

		if (signatures_open() < 0 || jail_enter(&step) < 0)
			_exit(2);
		verification_run(&v, signer_zone(bench_signer), message, len,
				 100, NULL);
		_exit(signatures_at(v.signatures, 3)->result ==
					      SIGNATURE_PASS &&
				      signatures_at(v.signatures, 2)->result ==
					      SIGNATURE_POLICY &&
				      signatures_at(v.signatures, 1)->result ==
					      SIGNATURE_PASS
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_in_jail), /* first: nothing is warm */
		cmocka_unit_test(signatures_are_judged),
		cmocka_unit_test(bodies_are_canonicalised),
		cmocka_unit_test(all_short_bodies),
		cmocka_unit_test(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
