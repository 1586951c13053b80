/*
 * dkim_decode.c - RSA keys by OpenSSL's own decoder, not by a search for one.
 *
 * OpenSSL 3 reads a SubjectPublicKeyInfo by asking all its providers for all
 * their decoders, building chains of them, and trying these: 180 us for each
 * key, where the key itself takes 5 and the check of a signature 20.  It does
 * not remember what it found.  Before that, though, it looks whether an engine
 * has methods for keys of this kind, and if one has, it calls the decoder that
 * OpenSSL 1.1 had and 3 still has (x509_pubkey_decode() in its x_pubkey.c).
 *
 * So here is an engine, with OpenSSL's own methods for RSA and nothing else:
 * no other code, no hardware, no file.  libopendkim then finds the RSA key that
 * it wants, and need not have it converted.
 *
 * Engines have been deprecated since 3.0, some distributions leave them out,
 * and they end with 4.0; without them keys are read by search.  Ed25519 is left
 * to that as well: libopendkim gives such keys to EVP_DigestVerify(), where the
 * providers are at home.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "config.h"

#include "filter/inspect/dkim_decode.h"

#if HAVE_DECL_ENGINE_REGISTER_PKEY_METHS

#include <openssl/engine.h>
#include <openssl/evp.h>

static const int kinds[] = { EVP_PKEY_RSA };
static EVP_PKEY_METHOD *rsa; /* the engine's, as long as OpenSSL is there */
static ENGINE *engine;

/* As ENGINE_PKEY_METHS_PTR is called: for the kinds, or the methods of one. */
static int methods(ENGINE *self, EVP_PKEY_METHOD **ret_methods,
		   const int **ret_kinds, int kind)
{
	(void)self;
	if (ret_methods == NULL) {
		*ret_kinds = kinds;
		return sizeof(kinds) / sizeof(kinds[0]);
	}
	*ret_methods = kind == EVP_PKEY_RSA ? rsa : NULL;
	return *ret_methods != NULL;
}

static bool copy_methods(void)
{
	const EVP_PKEY_METHOD *own = EVP_PKEY_meth_find(EVP_PKEY_RSA);
	int id, flags;

	if (own == NULL)
		return false;
	EVP_PKEY_meth_get0_info(&id, &flags, own);
	rsa = EVP_PKEY_meth_new(id, flags);
	if (rsa != NULL)
		EVP_PKEY_meth_copy(rsa, own);
	return rsa != NULL;
}

bool decode_directly(void)
{
	if (engine != NULL)
		return true;
	if (rsa == NULL && !copy_methods())
		return false;
	engine = ENGINE_new();
	if (engine == NULL)
		return false;
	if (ENGINE_set_id(engine, "steelyard") &&
	    ENGINE_set_name(engine, "OpenSSL's own RSA, found at once") &&
	    ENGINE_set_pkey_meths(engine, methods) &&
	    ENGINE_register_pkey_meths(engine))
		return true;
	ENGINE_free(engine); /* and with it the methods */
	engine = NULL;
	rsa = NULL;
	return false;
}

#else

bool decode_directly(void)
{
	return false;
}

#endif
