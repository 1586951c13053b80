/*
 * test_dkim_decode.c - which way OpenSSL takes to an RSA key, and that it gets
 * there.
 */
#include "filter/inspect/dkim_decode.h"

#include "config.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "filter/inspect/dkim.h"

/* A new key's public half, as records hold it; the caller frees. */
static unsigned char *published(EVP_PKEY *pair, size_t *ret_len)
{
	unsigned char *bytes = NULL;
	int len = i2d_PUBKEY(pair, &bytes);

	assert_true(len > 0);
	*ret_len = (size_t)len;
	return bytes;
}

static EVP_PKEY *read_back(const unsigned char *bytes, size_t len)
{
	return d2i_PUBKEY(NULL, &bytes, (long)len);
}

/* Only what a search found belongs to a provider. */
static bool found_by_search(const EVP_PKEY *key)
{
	return EVP_PKEY_get0_provider(key) != NULL;
}

static void rsa_is_read_directly(void **state)
{
	EVP_PKEY *pair = EVP_RSA_gen(2048), *key;
	size_t len;
	unsigned char *bytes = published(pair, &len);

	(void)state;
	key = read_back(bytes, len);
	assert_non_null(key);
#if HAVE_DECL_ENGINE_REGISTER_PKEY_METHS
	assert_false(found_by_search(key));
#else
	assert_true(found_by_search(key));
#endif
	assert_int_equal(EVP_PKEY_eq(key, pair), 1);
	EVP_PKEY_free(key);
	EVP_PKEY_free(pair);
	OPENSSL_free(bytes);
}

static void other_kinds_are_searched_for(void **state)
{
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *key;
	size_t len;
	unsigned char *bytes = published(pair, &len);

	(void)state;
	key = read_back(bytes, len);
	assert_non_null(key);
	assert_true(found_by_search(key));
	assert_int_equal(EVP_PKEY_eq(key, pair), 1);
	EVP_PKEY_free(key);
	EVP_PKEY_free(pair);
	OPENSSL_free(bytes);
}

static void half_a_key_is_none(void **state)
{
	EVP_PKEY *pair = EVP_RSA_gen(1024);
	size_t len;
	unsigned char *bytes = published(pair, &len);

	(void)state;
	for (size_t part = 0; part < len; part++)
		if (read_back(bytes, part) != NULL)
			fail_msg("%zu of %zu bytes are a key", part, len);
	EVP_PKEY_free(pair);
	OPENSSL_free(bytes);
}

/* As an inspector starts. */
static int open_library(void **state)
{
	(void)state;
	return signatures_open();
}

static void asking_again_does_no_harm(void **state)
{
	bool directly = decode_directly();

	(void)state;
#if HAVE_DECL_ENGINE_REGISTER_PKEY_METHS
	assert_true(directly);
#else
	assert_false(directly);
#endif
	assert_int_equal(decode_directly(), directly);
	rsa_is_read_directly(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsa_is_read_directly),
		cmocka_unit_test(other_kinds_are_searched_for),
		cmocka_unit_test(half_a_key_is_none),
		cmocka_unit_test(asking_again_does_no_harm),
	};

	return cmocka_run_group_tests(tests, open_library, NULL);
}
