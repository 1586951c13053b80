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
#include <time.h>
#include <unistd.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "filter/inspect/jail.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "rules/mail/header.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/inspect_zone.h"

#define NOW 1700000000

static const char letter[] = "From: Ann Example <ann@example.org>\r\n"
			     "To: bob@example.net\r\n"
			     "Subject:  a  letter\r\n\tof two lines \r\n"
			     "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
			     "\r\n"
			     "Hello  Bob,\r\n"
			     "\r\n"
			     " this is it. \t\r\n"
			     "\r\n"
			     "\r\n";

static struct signer *signer;

/* --- a verification ------------------------------------------------------- */

enum { SHOWN_MAX = 4096 };

struct verification {
	struct inspect_zone zone;
	struct arena arena;
	struct signatures *signatures;
	bool body_wanted;
};

static void give_body(struct signatures *signatures, const char *bytes,
		      size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece) {
		size_t some = len - at < piece ? len - at : piece;
		/* a copy, so that a sanitizer sees its end */
		char *copy = malloc(some);

		assert_non_null(copy);
		memcpy(copy, bytes + at, some);
		signatures_body(signatures, copy, some);
		free(copy);
	}
}

static void verify(struct verification *v, const char *zone,
		   const char *message, size_t len, size_t piece,
		   const char *author)
{
	struct header_walk walk = { .text = message, .len = len };
	struct header_field field;

	inspect_zone_open(&v->zone, zone);
	arena_init(&v->arena, 4 * 1024 * 1024);
	v->signatures = signatures_new(&v->arena, &v->zone.dns, NOW);
	assert_non_null(v->signatures);
	while (header_next(&walk, &field))
		signatures_header(v->signatures, field.name, field.name_len,
				  field.value, field.value_len, false);
	v->body_wanted = signatures_eoh(v->signatures, author);
	give_body(v->signatures, message + walk.pos, len - walk.pos, piece);
	signatures_finish(v->signatures, false);
}

static void done(struct verification *v)
{
	signatures_free(v->signatures);
	arena_done(&v->arena);
	inspect_zone_close(&v->zone);
}

/* All that is told of all signatures. */
static void show(const struct verification *v, char text[SHOWN_MAX])
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < signatures_count(v->signatures); i++) {
		const struct signature *one = signatures_at(v->signatures, i);

		at += (size_t)snprintf(text + at, SHOWN_MAX - at,
				       "%s %s %s %s %u %d %d %d %s\n",
				       signature_result_name(one->result),
				       one->domain, one->selector,
				       one->algorithm, one->key_bits,
				       one->whole_body, one->expired,
				       one->test_key,
				       one->why ? one->why : "-");
		if (at >= SHOWN_MAX)
			fail_msg("too much is told");
	}
}

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

#define BY(algorithm, canon, selector) \
	"v=1; a=" algorithm "; c=" canon "; d=example.org; s=" selector "; "
#define OF(selector) BY("rsa-sha256", "relaxed/relaxed", selector)
#define PLAIN OF("rsa2048")
#define SIMPLE BY("rsa-sha256", "simple/simple", "rsa2048")
#define ED(selector) BY("ed25519-sha256", "relaxed/simple", selector)
#define ED_SIMPLE BY("ed25519-sha256", "simple/simple", "ed")
#define ED_RELAXED BY("ed25519-sha256", "relaxed/relaxed", "ed")
#define NAMES "h=from:to:subject:date"

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
	  "Hel\rlo ", SIGNATURE_NEUTRAL,
	  "the body has lines that libopendkim misreads" },
	{ "simple: an LF inside a line of the body", SIMPLE NAMES, "Hello ",
	  "Hel\nlo ", SIGNATURE_NEUTRAL,
	  "the body has lines that libopendkim misreads" },
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
	char first[SHOWN_MAX] = "", shown[SHOWN_MAX];

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct verification v;
		const struct signature *one;

		verify(&v, signer_zone(signer), message, len, pieces[i],
		       "example.org");
		assert_int_equal(signatures_count(v.signatures), 1);
		one = signatures_at(v.signatures, 0);
		if (one->result != row->result ||
		    strcmp(one->why ? one->why : "",
			   row->why ? row->why : "") != 0)
			fail_msg("%s: %s, %s", row->claim,
				 signature_result_name(one->result), one->why);
		show(&v, shown);
		if (i > 0 && strcmp(first, shown) != 0)
			fail_msg("%s: in pieces of %zu: %s, not %s", row->claim,
				 pieces[i], shown, first);
		memcpy(first, shown, sizeof(first));
		done(&v);
	}
	free(message);
}

static void signatures_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		char *message = signer_sign(signer, rows[i].tags, letter,
					    strlen(letter), &len);

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
		bool simple, relaxed;
	} bodies[] = {
#define BODY(claim, text, simple, relaxed) \
	{ claim, text, sizeof(text) - 1, simple, relaxed }
		BODY("nothing", "", true, true),
		BODY("one line end", "\r\n", true, true),
		BODY("line ends", "\r\n\r\n\r\n", true, true),
		BODY("blanks alone", "  \t \r\n \r\n", true, true),
		BODY("no line end", "abc", true, true),
		BODY("a blank at the end", "abc ", true, true),
		BODY("a CR at the end", "abc\r", true, true),
		BODY("two CRs at the end", "abc\r\r", true, true),
		BODY("CR CR LF", "abc\r\r\ndef\r\n", true, true),
		BODY("a CR alone in a line", "abc\r\n\r\r\ndef\r\n", false,
		     true),
		BODY("a blank, and CR CR LF", "abc \r\r\ndef\r\n", true, false),
		BODY("a CR alone", "a\rb\r\n", true, false),
		BODY("a CR alone behind empty lines", "\r\n\r\n\rb\r\n", true,
		     false),
		BODY("an LF alone", "a\nb\r\n", false, true),
		BODY("an LF at the end", "ab\n", false, true),
		BODY("an LF first", "\nab\r\n", false, true),
		BODY("LF CR", "ab\n\rcd\r\n", false, false),
		BODY("NUL", "a\0b\r\n\0", true, true),
		BODY("8 bits", "\xff\xc3\xa4\x80\r\n", true, true),
		BODY("empty lines behind blanks", "a \r\n \r\n\t\r\n", true,
		     true),
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
			bool known =
				relaxed ? bodies[i].relaxed : bodies[i].simple;
			struct row row = {
				.claim = bodies[i].claim,
				.result = known ? SIGNATURE_PASS
						: SIGNATURE_NEUTRAL,
				.why = known ? NULL
					     : "the body has lines that "
					       "libopendkim misreads",
			};
			char message[256], *text;
			size_t len = sizeof(header) - 1;

			memcpy(message, header, len);
			memcpy(message + len, bodies[i].body, bodies[i].len);
			text = signer_sign(signer, tags[relaxed], message,
					   len + bodies[i].len, &len);
			say(&row, text, len);
		}
}

/*
 * The library, behind our guard, agrees with the signer on all short bodies of
 * a letter, a blank, CR and LF, or is not believed.
 */
static void all_short_bodies(void **state)
{
	static const char *const tags[] = { (ED_SIMPLE "h=from"),
					    (ED_RELAXED "h=from") };
	static const char letters[] = "a \r\n";
	static const char header[] = "From: a@example.org\r\n\r\n";
	const char *length = getenv("DKIM_BODY_LENGTH");
	size_t longest = length ? strtoul(length, NULL, 10) : 4;
	size_t passed = 0, all = 0;

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
			message = signer_sign(signer, tags[number & 1], text,
					      size, &size);
			verify(&v, signer_zone(signer), message, size,
			       1 + number % 3, NULL);
			one = signatures_at(v.signatures, 0);
			if (one->result != SIGNATURE_PASS &&
			    one->result != SIGNATURE_NEUTRAL)
				fail_msg("%u of %zu: %s", number, len,
					 one->why);
			passed += one->result == SIGNATURE_PASS;
			all++;
			done(&v);
			free(message);
		}
	assert_true(passed > all / 4);
	printf("%zu of %zu short bodies are judged\n", passed, all);
}

/* --- several -------------------------------------------------------------- */

/* Signed once for each of the tags; the last one ends on top. */
static char *sign_all(const char *const *tags, size_t count, size_t *ret_len)
{
	char *message = strdup(letter);

	*ret_len = strlen(letter);
	for (size_t i = 0; i < count; i++) {
		char *more = signer_sign(signer, tags[i], message, *ret_len,
					 ret_len);

		free(message);
		message = more;
	}
	return message;
}

/* What DNS kept back might have been a pass, so nothing is said before it. */
static void only_a_pass_comes_before_what_is_unknown(void **state)
{
	static const char *const tags[] = {
		(OF("silent") NAMES),
		(OF("rsa512") NAMES),
		(PLAIN "l=1; " NAMES),
		(OF("revoked") NAMES),
	};
	struct verification v;
	size_t len;
	char *message = sign_all(tags, 4, &len);

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_int_equal(signatures_best(v.signatures)->result,
			 SIGNATURE_TEMPERROR);
	done(&v);
	free(message);
}

static void each_is_told_and_the_best_counts(void **state)
{
	static const char *const tags[] = {
		(OF("silent") NAMES),  (ED("ed") "t=1699999990; " NAMES),
		(OF("revoked") NAMES), (OF("rsa512") NAMES),
		(PLAIN "l=1; " NAMES),
	};
	struct verification v;
	char shown[SHOWN_MAX];
	size_t len;
	char *message = sign_all(tags, 5, &len);

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_true(v.body_wanted);
	show(&v, shown);
	assert_string_equal(shown,
			    "policy example.org rsa2048 rsa-sha256 2048 0 0 0 "
			    "not all of the body is signed\n"
			    "policy example.org rsa512 rsa-sha256 512 1 0 0 "
			    "the key is too short to prove anything\n"
			    "permerror example.org revoked rsa-sha256 0 1 0 0 "
			    "the key was revoked\n"
			    "pass example.org ed ed25519-sha256 256 1 0 0 -\n"
			    "temperror example.org silent rsa-sha256 0 1 0 0 "
			    "DNS did not say what its key is\n");
	assert_ptr_equal(signatures_best(v.signatures),
			 signatures_at(v.signatures, 3));
	assert_int_equal(signatures_best(v.signatures)->age, 10);
	/* hinted at the end of the header, so one wait is enough */
	assert_int_equal(v.zone.questions, 5);
	assert_int_equal(v.zone.waits, 1);
	assert_int_equal(v.zone.wasted, 0);
	done(&v);
	free(message);
}

/* Two keys under one name: the library would mix them up. */
static void keys_of_two_kinds_under_one_name(void **state)
{
	static const char *const tags[] = {
		(ED("both") NAMES),
		(OF("both") NAMES),
	};
	struct verification v;
	size_t len;
	char *message = sign_all(tags, 2, &len);

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_int_equal(signatures_at(v.signatures, 0)->result,
			 SIGNATURE_PASS);
	assert_int_equal(signatures_at(v.signatures, 1)->result,
			 SIGNATURE_NEUTRAL);
	done(&v);
	free(message);
}

static void a_signature_may_sign_another(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(PLAIN "h=from:dkim-signature"),
		(PLAIN "h=from; b=none"),
	};
	struct verification v;
	size_t len;
	char *message = sign_all(tags, 2, &len);

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_int_equal(signatures_at(v.signatures, 0)->result,
			 SIGNATURE_PASS);
	done(&v);
	free(message);

	message = sign_all(tags, 3, &len);
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_int_equal(signatures_count(v.signatures), 3);
	assert_int_equal(signatures_at(v.signatures, 0)->result,
			 SIGNATURE_PERMERROR);
	assert_int_equal(signatures_at(v.signatures, 1)->result,
			 SIGNATURE_NEUTRAL);
	assert_int_equal(signatures_at(v.signatures, 2)->result,
			 SIGNATURE_PASS);
	done(&v);
	free(message);
}

/* A6: eight are verified, the author's first, and no more keys looked up. */
static void two_hundred_signatures_cost_eight(void **state)
{
	struct timespec from, to;
	struct verification v;
	size_t len, passed = 0, neutral = 0;
	char *message = strdup(letter);
	char zone[65536] = "";
	size_t at = 0;
	double ms;

	(void)state;
	/* 199 strangers with the author's among them; all right */
	len = strlen(letter);
	for (int i = 0; i < 200; i++) {
		char tags[256], *more;

		snprintf(tags, sizeof(tags),
			 "v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s%d.org; "
			 "s=rsa2048; " NAMES,
			 i == 50 ? "author" : "d", i);
		more = signer_sign(signer, tags, message, len, &len);
		free(message);
		message = more;
		if (i == 0)
			at += (size_t)snprintf(zone, sizeof(zone), "%s",
					       signer_zone(signer));
		at += (size_t)snprintf(zone + at, sizeof(zone) - at,
				       "rsa2048._domainkey.%s%d.org. CNAME "
				       "rsa2048._domainkey.example.org.\n",
				       i == 50 ? "author" : "d", i);
	}
	signatures_open();
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	verify(&v, zone, message, len, 65536, "mail.author50.org");
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
	     (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	printf("200 signatures: %.1f ms\n", ms);
	assert_int_equal(signatures_seen(v.signatures), 200);
	assert_int_equal(signatures_count(v.signatures), SIGNATURES_SEEN_MAX);
	for (size_t i = 0; i < SIGNATURES_SEEN_MAX; i++) {
		const struct signature *one = signatures_at(v.signatures, i);

		passed += one->result == SIGNATURE_PASS;
		neutral += one->result == SIGNATURE_NEUTRAL;
	}
	assert_int_equal(passed, SIGNATURES_MAX);
	assert_int_equal(neutral, SIGNATURES_SEEN_MAX - SIGNATURES_MAX);
	assert_int_equal(v.zone.questions, SIGNATURES_MAX);
	/* the author's is the 150th, and the best */
	assert_string_equal(signatures_best(v.signatures)->domain,
			    "author50.org");
	assert_ptr_equal(signatures_best(v.signatures),
			 signatures_at(v.signatures, SIGNATURES_SEEN_MAX - 1));
	done(&v);
	free(message);
}

/* Each way to hash the body costs as much as a message. */
static void four_ways_to_hash_are_enough(void **state)
{
	static const char *const tags[] = {
		(PLAIN "l=28; " NAMES), (PLAIN NAMES),	(PLAIN "l=30; " NAMES),
		(PLAIN "l=29; " NAMES), (SIMPLE NAMES), (PLAIN NAMES),
	};
	static const enum signature_result results[] = {
		SIGNATURE_PASS, SIGNATURE_PASS, SIGNATURE_FAIL,
		SIGNATURE_FAIL, SIGNATURE_PASS, SIGNATURE_NEUTRAL,
	};
	struct verification v;
	size_t len;
	char *message = sign_all(tags, 6, &len);

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(signatures_at(v.signatures, i)->result,
				 results[i]);
	done(&v);
	free(message);
}

/* A line that has no end is not kept in memory; a long one is fine. */
static void lines_may_be_long_but_not_endless(void **state)
{
	static const char *const tags[] = { (PLAIN "h=from"),
					    (SIMPLE "h=from") };
	static const char header[] = "From: a@example.org\r\n\r\n";
	static const size_t lines[] = { 1000000, 1100000 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t size = lines[i % 2], len = sizeof(header) - 1 + size;
		char *text = malloc(len + 1), *message;
		struct verification v;

		assert_non_null(text);
		memcpy(text, header, sizeof(header) - 1);
		memset(text + sizeof(header) - 1, 'x', size);
		text[len] = '\0';
		message = signer_sign(signer, tags[i / 2], text, len, &len);
		verify(&v, signer_zone(signer), message, len, 65536, NULL);
		assert_int_equal(signatures_at(v.signatures, 0)->result,
				 i % 2 ? SIGNATURE_NEUTRAL : SIGNATURE_PASS);
		done(&v);
		free(message);
		free(text);
	}
}

/* --- what is missing ------------------------------------------------------ */

static void what_was_cut_proves_nothing(void **state)
{
	size_t len;
	char *message =
		signer_sign(signer, PLAIN NAMES, letter, strlen(letter), &len);

	(void)state;
	for (int body = 0; body < 2; body++) {
		struct header_walk walk = { .text = message, .len = len };
		struct header_field field;
		struct verification v;

		inspect_zone_open(&v.zone, signer_zone(signer));
		arena_init(&v.arena, 1 << 20);
		v.signatures = signatures_new(&v.arena, &v.zone.dns, NOW);
		while (header_next(&walk, &field))
			signatures_header(v.signatures, field.name,
					  field.name_len, field.value,
					  field.value_len, false);
		if (!body)
			signatures_header(v.signatures, "X", 1, "", 0, true);
		assert_int_equal(signatures_eoh(v.signatures, NULL), body);
		signatures_finish(v.signatures, true);
		assert_int_equal(signatures_at(v.signatures, 0)->result,
				 SIGNATURE_TEMPERROR);
		assert_int_equal(v.zone.questions, body);
		done(&v);
	}
	free(message);
}

static void no_signature_costs_nothing(void **state)
{
	struct verification v;

	(void)state;
	verify(&v, signer_zone(signer), letter, strlen(letter), 10, NULL);
	assert_false(v.body_wanted);
	assert_int_equal(signatures_count(v.signatures), 0);
	assert_null(signatures_best(v.signatures));
	assert_int_equal(v.zone.questions, 0);
	done(&v);
}

/* Facts have an arena of their own: the message's may be full. */
static void nothing_is_claimed_but_a_pass(struct verification *v,
					  size_t *passes)
{
	struct arena arena;
	struct facts facts;

	arena_init(&arena, 1 << 20);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	signatures_facts(v->signatures, &arena, &facts);
	if (facts.fixed[FACT_DKIM].state == FACT_KNOWN &&
	    facts.fixed[FACT_DKIM].word == SIGNATURE_PASS)
		++*passes;
	else if (facts.fixed[FACT_DKIM].state == FACT_KNOWN)
		assert_int_equal(facts.fixed[FACT_DKIM].word,
				 SIGNATURE_TEMPERROR);
	else
		assert_int_equal(facts.fixed[FACT_DKIM].state, FACT_UNKNOWN);
	assert_true(facts.fixed[FACT_DKIM_COUNT].state == FACT_UNKNOWN ||
		    facts.fixed[FACT_DKIM_COUNT].number == 2);
	arena_done(&arena);
}

/*
 * Whatever the arena's size: an end, and never a pass of half a message.  What
 * there was no room for is unknown, and neither none nor wrong.
 */
static void a_full_arena_is_no_pass_of_something_else(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(SIMPLE NAMES),
	};
	size_t len;
	char *message = sign_all(tags, 2, &len);
	size_t passes = 0;

	(void)state;
	for (size_t room = 0; room < 40000; room += 50) {
		struct header_walk walk = { .text = message, .len = len };
		struct header_field field;
		struct verification v;

		inspect_zone_open(&v.zone, signer_zone(signer));
		arena_init(&v.arena, room);
		v.signatures = signatures_new(&v.arena, &v.zone.dns, NOW);
		while (v.signatures && header_next(&walk, &field))
			signatures_header(v.signatures, field.name,
					  field.name_len, field.value,
					  field.value_len, false);
		if (v.signatures) {
			signatures_eoh(v.signatures, NULL);
			give_body(v.signatures, message + walk.pos,
				  len - walk.pos, 10);
			signatures_finish(v.signatures, false);
			nothing_is_claimed_but_a_pass(&v, &passes);
		}
		done(&v);
	}
	assert_in_range(passes, 1, 799);
	free(message);
}

/* --- facts ---------------------------------------------------------------- */

static const struct fact *fact(const struct facts *facts, enum fact_id id)
{
	return facts_get(facts, (struct fact_ref){ .id = id });
}

static void facts_tell_of_all(void **state)
{
	static const char *const tags[] = {
		(PLAIN "t=1699999000; x=1800000000; " NAMES),
		("v=1; a=rsa-sha512; d=example.org; s=x; " NAMES),
	};
	struct verification v;
	struct facts facts;
	size_t len;
	char *message = sign_all(tags, 2, &len);

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
	signatures_facts(v.signatures, &v.arena, &facts);
	assert_int_equal(fact(&facts, FACT_DKIM)->word, SIGNATURE_PASS);
	assert_int_equal(fact(&facts, FACT_DKIM_BITS)->number, 2048);
	assert_int_equal(fact(&facts, FACT_DKIM_AGE)->number, 1000);
	assert_int_equal(fact(&facts, FACT_DKIM_COUNT)->number, 2);
	assert_true(fact(&facts, FACT_DKIM_COVERED)->yes);
	assert_int_equal(fact(&facts, FACT_DKIM_ERROR)->state, FACT_NONE);
	assert_int_equal(fact(&facts, FACT_DKIM_ALIGNED)->state, FACT_PENDING);
	for (enum fact_id id = FACT_DKIM_RESULTS; id < FACT_DKIM_POSSIBLE; id++)
		assert_int_equal(fact(&facts, id)->set.count, 2);
	assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->set.count, 1);
	assert_string_equal(fact(&facts, FACT_DKIM_RESULTS)->set.items[0].at,
			    "permerror");
	assert_string_equal(fact(&facts, FACT_DKIM_ALGORITHMS)->set.items[0].at,
			    "");
	assert_int_equal(fact(&facts, FACT_DKIM_DIGESTS)->set.items[1].len, 8);
	assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->set.count, 1);
	assert_false(fact(&facts, FACT_DKIM_PASSED)->partial);
	done(&v);
	free(message);
}

static void facts_of_what_might_have_passed_are_partial(void **state)
{
	size_t len;
	char *message = signer_sign(signer, OF("silent") NAMES, letter,
				    strlen(letter), &len);
	struct verification v;
	struct facts facts;

	(void)state;
	verify(&v, signer_zone(signer), message, len, 100, NULL);
	assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
	signatures_facts(v.signatures, &v.arena, &facts);
	assert_int_equal(fact(&facts, FACT_DKIM)->word, SIGNATURE_TEMPERROR);
	assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->state, FACT_UNKNOWN);
	assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->state, FACT_KNOWN);
	assert_false(fact(&facts, FACT_DKIM_POSSIBLE)->partial);
	assert_string_equal(fact(&facts, FACT_DKIM_POSSIBLE)->set.items[0].at,
			    "example.org");
	done(&v);
	free(message);
}

/* Or forgers would write that many, and nobody could say who has signed. */
static void what_is_not_looked_at_has_not_passed(void **state)
{
	static const char odd[] = "DKIM-Signature: v=1; a=rsa-sha256; "
				  "d=example.org; s=rsa2048; h=from; xb=1; "
				  "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				  "AAA=; b=AAAA\r\n";
	static const char noise[] = "DKIM-Signature: a=b\r\n";
	static const char rest[] = "From: a@example.org\r\n\r\nx\r\n";
	char message[4096];
	struct verification v;
	struct facts facts;

	(void)state;
	for (int many = 0; many < 2; many++) {
		size_t used = 0;

		for (int i = 0; i < (many ? SIGNATURES_SEEN_MAX + 1 : 1); i++)
			used += (size_t)snprintf(message + used,
						 sizeof(message) - used, "%s",
						 many ? noise : odd);
		used += (size_t)snprintf(message + used, sizeof(message) - used,
					 "%s", rest);
		verify(&v, signer_zone(signer), message, used, 100, NULL);
		assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
		signatures_facts(v.signatures, &v.arena, &facts);
		assert_int_equal(fact(&facts, FACT_DKIM)->word,
				 many ? SIGNATURE_PERMERROR
				      : SIGNATURE_NEUTRAL);
		assert_int_equal(fact(&facts, FACT_DKIM_RESULTS)->partial,
				 many);
		assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->state,
				 FACT_NONE);
		assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->state,
				 FACT_NONE);
		done(&v);
	}
}

static void facts_of_half_a_header_are_unknown(void **state)
{
	static const char broken[] = " v=1; d=example.org";
	struct verification v;
	struct facts facts;

	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		inspect_zone_open(&v.zone, signer_zone(signer));
		arena_init(&v.arena, 1 << 20);
		v.signatures = signatures_new(&v.arena, &v.zone.dns, NOW);
		if (seen)
			signatures_header(v.signatures, "DKIM-Signature", 14,
					  broken, strlen(broken), false);
		signatures_beyond(v.signatures);
		assert_false(signatures_eoh(v.signatures, "example.org"));
		signatures_finish(v.signatures, false);
		assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
		signatures_facts(v.signatures, &v.arena, &facts);
		for (enum fact_id id = FACT_DKIM; id <= FACT_DKIM_COUNT; id++)
			if (id != FACT_DKIM_ALIGNED)
				assert_int_equal(fact(&facts, id)->state,
						 FACT_UNKNOWN);
		assert_int_equal(fact(&facts, FACT_DKIM_RESULTS)->state,
				 seen ? FACT_KNOWN : FACT_UNKNOWN);
		assert_int_equal(fact(&facts, FACT_DKIM_RESULTS)->partial,
				 seen);
		assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->state,
				 FACT_UNKNOWN);
		assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->state,
				 FACT_UNKNOWN);
		done(&v);
	}
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

		verify(&v, signer_zone(signer), worker->message, worker->len,
		       50, NULL);
		worker->passed +=
			signatures_best(v.signatures)->result == SIGNATURE_PASS;
		done(&v);
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
			signer_sign(signer, tags[i % 3], letter, strlen(letter),
				    &workers[i].len);
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
	char *message = sign_all(tags, 4, &len);
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
		verify(&v, signer_zone(signer), message, len, 100, NULL);
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

static int setup(void **state)
{
	(void)state;
	signer = signer_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	signer_free(signer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_in_jail), /* first: nothing is warm */
		cmocka_unit_test(signatures_are_judged),
		cmocka_unit_test(bodies_are_canonicalised),
		cmocka_unit_test(all_short_bodies),
		cmocka_unit_test(only_a_pass_comes_before_what_is_unknown),
		cmocka_unit_test(each_is_told_and_the_best_counts),
		cmocka_unit_test(keys_of_two_kinds_under_one_name),
		cmocka_unit_test(a_signature_may_sign_another),
		cmocka_unit_test(two_hundred_signatures_cost_eight),
		cmocka_unit_test(four_ways_to_hash_are_enough),
		cmocka_unit_test(lines_may_be_long_but_not_endless),
		cmocka_unit_test(what_was_cut_proves_nothing),
		cmocka_unit_test(no_signature_costs_nothing),
		cmocka_unit_test(a_full_arena_is_no_pass_of_something_else),
		cmocka_unit_test(facts_tell_of_all),
		cmocka_unit_test(facts_of_what_might_have_passed_are_partial),
		cmocka_unit_test(what_is_not_looked_at_has_not_passed),
		cmocka_unit_test(facts_of_half_a_header_are_unknown),
		cmocka_unit_test(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
