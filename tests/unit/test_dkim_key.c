/*
 * test_dkim_key.c - what counts as a key.
 */
#include "filter/inspect/dkim_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

/* RFC 8463 appendix A.2 */
#define RSA1024                                                              \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk" \
	"08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8u" \
	"BsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryO" \
	"TIKT+l/K4w3QIDAQAB"
#define ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const struct row {
	const char *claim, *text;
	enum dkim_key_reading reading;
	const char *why;
	unsigned bits, hashes;
	bool test, whole_domain;
} rows[] = {
#define GOOD(claim, text, bits, hashes, test, whole)                        \
	{                                                                   \
		claim, text, DKIM_KEY_READ, NULL, bits, hashes, test, whole \
	}
#define BAD(claim, text, why)                                 \
	{                                                     \
		claim, text, DKIM_KEY_BROKEN, why, 0, 0, 0, 0 \
	}
	GOOD("an RSA key", "v=DKIM1; k=rsa; p=" RSA1024, 1024, 3, false, false),
	GOOD("p= is enough", "p=" RSA1024, 1024, 3, false, false),
	GOOD("an Ed25519 key", "v=DKIM1; k=ed25519; p=" ED, 256, 3, false,
	     false),
	GOOD("blanks, unknown tags, a semicolon at the end",
	     " v = DKIM1 ;\tn=a note ; g=*; x1=; p = " ED " ; k=ed25519; ", 256,
	     3, false, false),
	GOOD("blanks inside of p=",
	     "k=ed25519; p=11qYAYKxCrfVS/7TyWQH Og7hcvPapiMlrwIaaPcHURo=", 256,
	     3, false, false),
	GOOD("p= without padding",
	     "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", 256, 3,
	     false, false),
	GOOD("hashes", "h=sha256:sha512; k=ed25519; p=" ED, 256,
	     DKIM_HASH_SHA256, false, false),
	GOOD("no hash that we know", "h=md5; k=ed25519; p=" ED, 256, 0, false,
	     false),
	GOOD("flags", "t=y : s:z; k=ed25519; p=" ED, 256, 3, true, true),
	GOOD("unknown flags", "t=yes; k=ed25519; p=" ED, 256, 3, false, false),
	GOOD("services", "s=web: email; k=ed25519; p=" ED, 256, 3, false,
	     false),
	GOOD("all services", "s=*; k=ed25519; p=" ED, 256, 3, false, false),
	GOOD("words in capitals", "k=ED25519; h=SHA1; s=EMAIL; t=Y; p=" ED, 256,
	     1, true, false),

	{ "a revoked key", "v=DKIM1; p=", DKIM_KEY_REVOKED,
	  "the key was revoked", 0, 0, 0, 0 },
	{ "a revoked key, with blanks", "v=DKIM1; k=rsa; p= ;",
	  DKIM_KEY_REVOKED, "the key was revoked", 0, 0, 0, 0 },
	{ "SPF", "v=spf1 a mx -all", DKIM_KEY_FOREIGN, NULL, 0, 0, 0, 0 },
	{ "DMARC", "v=DMARC1; a=none", DKIM_KEY_FOREIGN, NULL, 0, 0, 0, 0 },

	BAD("nothing", "", "there is no tag"),
	BAD("blanks", "  ", "there is no tag"),
	BAD("text", "this is my key", "a tag has no value"),
	BAD("no key", "v=DKIM1; k=rsa", "the key record has no p="),
	BAD("two keys", "p=" RSA1024 "; p=" RSA1024, "a tag stands twice"),
	BAD("a revoked key with a key", "p=; p=" RSA1024, "a tag stands twice"),
	BAD("the version behind the key", "p=" RSA1024 "; v=DKIM1",
	    "the key record's version is DKIM1, in front"),
	BAD("another version", "v=DKIM2; p=" RSA1024,
	    "the key record's version is DKIM1, in front"),
	BAD("the version in small letters", "v=dkim1; p=" RSA1024,
	    "the key record's version is DKIM1, in front"),
	BAD("escaped as in a zone file", "v=DKIM1\\; p=" RSA1024,
	    "the key record's version is DKIM1, in front"),
	BAD("another kind of key", "k=dsa; p=" RSA1024,
	    "the key is of a kind that nobody knows"),
	BAD("for something else", "s=tlsrpt; p=" RSA1024,
	    "the key is not for mail"),
	BAD("for nothing", "s=; p=" RSA1024, "the key is not for mail"),
	BAD("an empty tag", "k=rsa;; p=" RSA1024, "there is an empty tag"),
	BAD("8 bits", "n=\xc3\xa4; p=" RSA1024,
	    "a tag holds a byte that none may hold"),
	BAD("not base64", "p=MIGf*", "the key is no base64"),
	BAD("padding in the middle", "p=MIGf=MA0", "the key is no base64"),
	BAD("too much padding", "p=MIGfMA===", "the key is no base64"),
	BAD("not DER", "p=AAAA", "the key is no RSA key"),
	BAD("cut", "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiG",
	    "the key is no RSA key"),
	BAD("bytes behind the key", "p=" RSA1024 "AAAA",
	    "the key is no RSA key"),
	BAD("an RSA key that says it is Ed25519", "k=ed25519; p=" RSA1024,
	    "an Ed25519 key has 32 bytes"),
	BAD("an Ed25519 key that says it is RSA", "k=rsa; p=" ED,
	    "the key is no RSA key"),
	BAD("a wrapped Ed25519 key",
	    "k=ed25519; p=MCowBQYDK2VwAyEAsPs07Vu29FpHT/80UXUcYHFOHifD4o2Z"
	    "lP2+XUh9g6E=",
	    "an Ed25519 key has 32 bytes"),
};

static void records_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t len = strlen(row->text);
		char *text = malloc(len + 1); /* its end, for a sanitizer */
		const char *why = NULL;
		struct dkim_key key = { 0 };
		enum dkim_key_reading reading;

		memcpy(text, row->text, len);
		text = realloc(text, len > 0 ? len : 1);
		assert_non_null(text);
		reading = dkim_key_read(text, len, &key, &why);
		free(text);
		if (reading != row->reading ||
		    (row->why && strcmp(why, row->why) != 0))
			fail_msg("%s: %d, %s", row->claim, reading, why);
		if (reading == DKIM_KEY_READ &&
		    (key.bits != row->bits || key.hashes != row->hashes ||
		     key.test != row->test ||
		     key.whole_domain != row->whole_domain))
			fail_msg("%s: %u %u %d %d", row->claim, key.bits,
				 key.hashes, key.test, key.whole_domain);
	}
}

static void a_nul_ends_nothing(void **state)
{
	static const char text[] = "k=ed25519; p=" ED ";\0 n=";
	struct dkim_key key;
	const char *why;

	(void)state;
	assert_int_equal(dkim_key_read(text, sizeof(text) - 1, &key, &why),
			 DKIM_KEY_BROKEN);
}

/* --- several -------------------------------------------------------------- */

static enum dkim_key_reading choose(const char *const *texts, size_t count,
				    bool backwards, const char **ret_why)
{
	struct dkim_text list[8];
	struct dkim_key key;

	for (size_t i = 0; i < count; i++) {
		const char *text = texts[backwards ? count - 1 - i : i];

		list[i] = (struct dkim_text){ text, strlen(text) };
	}
	return dkim_key_choose(list, count, DKIM_KEY_RSA, DKIM_HASH_SHA256,
			       &key, ret_why);
}

static void one_record_of_several_is_chosen(void **state)
{
	static const struct {
		const char *claim, *texts[4];
		enum dkim_key_reading reading;
		const char *why;
	} several[] = {
		{ "none",
		  { NULL },
		  DKIM_KEY_FOREIGN,
		  "there is no key under that name" },
		{ "SPF alone",
		  { "v=spf1 -all" },
		  DKIM_KEY_FOREIGN,
		  "there is no key under that name" },
		{ "SPF and a key",
		  { "v=spf1 -all", "p=" RSA1024 },
		  DKIM_KEY_READ,
		  NULL },
		{ "one of each kind",
		  { "k=ed25519; p=" ED, "p=" RSA1024 },
		  DKIM_KEY_READ,
		  NULL },
		{ "one for each hash",
		  { "h=sha1; p=" RSA1024, "h=sha256; p=" RSA1024 },
		  DKIM_KEY_READ,
		  NULL },
		{ "the same twice",
		  { "p=" RSA1024, "v=DKIM1; n=x; p=" RSA1024 },
		  DKIM_KEY_READ,
		  NULL },
		{ "the same, once for tests",
		  { "p=" RSA1024, "t=y; p=" RSA1024 },
		  DKIM_KEY_BROKEN,
		  "there are several keys" },
		{ "a broken one beside it",
		  { "p=" RSA1024, "p=x" },
		  DKIM_KEY_READ,
		  NULL },
		{ "revoked and broken",
		  { "p=", "p=x" },
		  DKIM_KEY_REVOKED,
		  "the key was revoked" },
		{ "of another kind",
		  { "k=ed25519; p=" ED },
		  DKIM_KEY_BROKEN,
		  "the key is of another kind than the signature" },
		{ "for another hash",
		  { "h=sha1; p=" RSA1024 },
		  DKIM_KEY_BROKEN,
		  "the key is not for this hash" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(several) / sizeof(several[0]); i++)
		for (int backwards = 0; backwards < 2; backwards++) {
			const char *why;
			size_t count = 0;
			enum dkim_key_reading reading;

			while (several[i].texts[count])
				count++;
			reading = choose(several[i].texts, count, backwards,
					 &why);
			if (reading != several[i].reading ||
			    (why != NULL) != (several[i].why != NULL) ||
			    (why && strcmp(why, several[i].why) != 0))
				fail_msg("%s: %d, %s", several[i].claim,
					 reading, why);
		}
}

/* --- keys of all sizes ---------------------------------------------------- */

/* A record with such a key; the numbers need not be good for anything. */
static char *record_of(const unsigned char *modulus, int len,
		       const unsigned char *exponent, int exponent_len)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(modulus, len, NULL);
	BIGNUM *e = BN_bin2bn(exponent, exponent_len, NULL);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;
	unsigned char *der = NULL;
	char *text;
	int size;

	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY,
					   params),
			 1);
	size = i2d_PUBKEY(key, &der);
	assert_true(size > 0);
	text = malloc((size_t)size * 2 + 16);
	assert_non_null(text);
	strcpy(text, "k=rsa;p=");
	EVP_EncodeBlock((unsigned char *)text + 8, der, size);
	OPENSSL_free(der);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
	BN_free(n);
	BN_free(e);
	return text;
}

/* What is written is what OpenSSL writes, byte for byte. */
static void keys_are_written_as_openssl_writes_them(void **state)
{
	static const struct {
		unsigned char bytes[9];
		int len;
	} exponents[] = {
		{ { 3 }, 1 },
		{ { 0x81 }, 1 },
		{ { 1, 0, 1 }, 3 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 8 },
	};
	unsigned char modulus[DKIM_KEY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(modulus); i++)
		modulus[i] = (unsigned char)(i * 7 + 1);
	modulus[0] = 0xff;
	for (unsigned bits = 512; bits <= DKIM_KEY_BITS_MAX; bits += 61)
		for (size_t e = 0; e < 4; e++) {
			char written[DKIM_KEY_PRINT_SIZE];
			unsigned char top = (unsigned char)(bits - 1) % 8;
			int len = (int)(bits + 7) / 8;
			struct dkim_key key;
			const char *why;
			size_t printed;
			char *text;

			modulus[0] = (unsigned char)(0xff >> (7 - top));
			modulus[len - 1] |= 1;
			text = record_of(modulus, len, exponents[e].bytes,
					 exponents[e].len);
			if (dkim_key_read(text, strlen(text), &key, &why) !=
			    DKIM_KEY_READ)
				fail_msg("%u bits: %s", bits, why);
			assert_int_equal(key.bits, bits);
			printed = dkim_key_print(&key, written);
			assert_int_equal(printed, strlen(written));
			assert_string_equal(written, text);
			free(text);
		}
}

static void odd_numbers_are_no_keys(void **state)
{
	static const struct {
		const char *claim;
		int bytes;
		unsigned char last;
		unsigned char exponent[9];
		int exponent_len;
		const char *why;
	} odd[] = {
		{ "too large",
		  DKIM_KEY_BYTES + 1,
		  1,
		  { 3 },
		  1,
		  "the RSA key is larger than is looked at" },
		{ "an even modulus",
		  128,
		  2,
		  { 3 },
		  1,
		  "the key is no RSA key" },
		{ "an exponent of 1",
		  128,
		  1,
		  { 1 },
		  1,
		  "the key is no RSA key" },
		{ "an even exponent",
		  128,
		  1,
		  { 4 },
		  1,
		  "the key is no RSA key" },
		{ "an endless exponent",
		  128,
		  1,
		  { 1, 0, 0, 0, 0, 0, 0, 0, 1 },
		  9,
		  "the RSA key's exponent is larger than is looked at" },
	};
	unsigned char modulus[DKIM_KEY_BYTES + 1];

	(void)state;
	memset(modulus, 0xff, sizeof(modulus));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct dkim_key key;
		const char *why = NULL;
		char *text;

		modulus[odd[i].bytes - 1] = odd[i].last;
		text = record_of(modulus, odd[i].bytes, odd[i].exponent,
				 odd[i].exponent_len);
		modulus[odd[i].bytes - 1] = 0xff;
		if (dkim_key_read(text, strlen(text), &key, &why) !=
			    DKIM_KEY_BROKEN ||
		    strcmp(why, odd[i].why) != 0)
			fail_msg("%s: %s", odd[i].claim, why);
		free(text);
	}
}

/* Whatever byte is changed or left out: a key, or none, and no crash. */
static void any_byte_may_be_another(void **state)
{
	static const char text[] = "v=DKIM1; k=rsa; t=s; p=" RSA1024;
	size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t i = 0; i < len; i++)
		for (int byte = 0; byte < 256; byte++) {
			char copy[sizeof(text)];
			struct dkim_key key;
			const char *why;

			memcpy(copy, text, sizeof(text));
			copy[i] = (char)byte;
			if (dkim_key_read(copy, len, &key, &why) ==
			    DKIM_KEY_READ) {
				/* and what is written is read as that key */
				struct dkim_key again;
				char written[DKIM_KEY_PRINT_SIZE];
				size_t size = dkim_key_print(&key, written);

				assert_int_equal(dkim_key_read(written, size,
							       &again, &why),
						 DKIM_KEY_READ);
				assert_int_equal(again.bits, key.bits);
				assert_int_equal(again.exponent, key.exponent);
			}
			if (byte < 2)
				dkim_key_read(copy, i, &key, &why);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_strictly),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(one_record_of_several_is_chosen),
		cmocka_unit_test(keys_are_written_as_openssl_writes_them),
		cmocka_unit_test(odd_numbers_are_no_keys),
		cmocka_unit_test(any_byte_may_be_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
