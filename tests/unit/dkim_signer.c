/* dkim_signer.c - signs messages, by a reading of RFC 6376 of its own. */
#include "tests/unit/dkim_signer.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum key { RSA2048, RSA1024, RSA768, RSA512, ED, KEYS };

struct signer {
	EVP_PKEY *keys[KEYS];
	char *zone;
};

/* A text that grows. */
struct buffer {
	char *at;
	size_t len, room;
};

static void die(const char *why)
{
	fprintf(stderr, "dkim_signer: %s\n", why);
	abort();
}

static void add(struct buffer *buffer, const char *bytes, size_t len)
{
	if (buffer->len + len + 1 > buffer->room) {
		buffer->room = 2 * (buffer->len + len + 1);
		buffer->at = realloc(buffer->at, buffer->room);
		if (!buffer->at)
			die("no memory");
	}
	memcpy(buffer->at + buffer->len, bytes, len);
	buffer->len += len;
	buffer->at[buffer->len] = '\0';
}

static void add_text(struct buffer *buffer, const char *text)
{
	add(buffer, text, strlen(text));
}

static void __attribute__((format(printf, 2, 3)))
add_format(struct buffer *buffer, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		die("no memory");
	va_end(args);
	add_text(buffer, text);
	free(text);
}

static void add_base64(struct buffer *buffer, const unsigned char *bytes,
		       size_t len)
{
	unsigned char *text = malloc(len * 2 + 4);

	if (!text)
		die("no memory");
	EVP_EncodeBlock(text, bytes, (int)len);
	add_text(buffer, (char *)text);
	free(text);
}

/* --- keys ----------------------------------------------------------------- */

static EVP_PKEY *key_new(enum key kind)
{
	static const size_t bits[] = { 2048, 1024, 768, 512 };
	EVP_PKEY *key =
		kind == ED ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
			   : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits[kind]);

	if (!key)
		die("no key");
	return key;
}

static void add_public(struct buffer *zone, EVP_PKEY *key, bool bare)
{
	struct buffer text = { 0 };
	unsigned char *der = NULL, raw[32];
	size_t raw_len = sizeof(raw);

	if (EVP_PKEY_is_a(key, "ED25519")) {
		if (EVP_PKEY_get_raw_public_key(key, raw, &raw_len) != 1)
			die("no raw key");
		add_base64(&text, raw, raw_len);
	} else {
		int len =
			bare ? i2d_PublicKey(key, &der) : i2d_PUBKEY(key, &der);

		if (len < 0)
			die("no DER");
		add_base64(&text, der, (size_t)len);
		OPENSSL_free(der);
	}
	/* a string of a TXT record is short */
	for (size_t at = 0; at < text.len; at += 200)
		add_format(zone, " \"%.200s\"", text.at + at);
	free(text.at);
}

static void publish(struct buffer *zone, const char *selector, const char *tags,
		    EVP_PKEY *key, bool bare)
{
	add_format(zone, "%s._domainkey.example.org. TXT \"%sp=\"", selector,
		   tags);
	if (key)
		add_public(zone, key, bare);
	add_text(zone, "\n");
}

static void publish_all(struct signer *signer, struct buffer *zone)
{
	EVP_PKEY *const *keys = signer->keys;

	publish(zone, "rsa2048", "v=DKIM1; k=rsa; ", keys[RSA2048], false);
	publish(zone, "rsa1024", "v=DKIM1; ", keys[RSA1024], false);
	publish(zone, "rsa768", "", keys[RSA768], false);
	publish(zone, "rsa512", "k=rsa; ", keys[RSA512], false);
	publish(zone, "ed", "v=DKIM1; k=ed25519; ", keys[ED], false);
	publish(zone, "test", "v=DKIM1; t=y; ", keys[RSA2048], false);
	publish(zone, "whole", "v=DKIM1; t=x:s; ", keys[RSA2048], false);
	publish(zone, "sha1only", "h=sha1; ", keys[RSA2048], false);
	publish(zone, "notmail", "s=tlsrpt; ", keys[RSA2048], false);
	publish(zone, "revoked", "v=DKIM1; ", NULL, false);
	publish(zone, "bare", "v=DKIM1; ", keys[RSA2048], true);
	add_text(zone, "among._domainkey.example.org. TXT \"v=spf1 -all\"\n");
	publish(zone, "among", "v=DKIM1; ", keys[RSA2048], false);
	publish(zone, "among", "v=DKIM1; n=again; ", keys[RSA2048], false);
	publish(zone, "several", "v=DKIM1; ", keys[RSA2048], false);
	publish(zone, "several", "v=DKIM1; ", keys[RSA1024], false);
	publish(zone, "both", "v=DKIM1; k=ed25519; ", keys[ED], false);
	publish(zone, "both", "v=DKIM1; k=rsa; ", keys[RSA2048], false);
	add_text(zone, "silent._domainkey.example.org. TIMEOUT 1ms\n"
		       "broken._domainkey.example.org. SERVFAIL\n");
}

struct signer *signer_new(void)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	struct buffer zone = { 0 };

	if (!signer)
		die("no memory");
	for (enum key key = 0; key < KEYS; key++)
		signer->keys[key] = key_new(key);
	publish_all(signer, &zone);
	signer->zone = zone.at;
	return signer;
}

void signer_free(struct signer *signer)
{
	for (enum key key = 0; key < KEYS; key++)
		EVP_PKEY_free(signer->keys[key]);
	free(signer->zone);
	free(signer);
}

const char *signer_zone(const struct signer *signer)
{
	return signer->zone;
}

/* --- what is signed ------------------------------------------------------- */

/* The value of a tag without its blanks; "" if it is not there. */
static char *tag_value(const char *tags, const char *name)
{
	struct buffer value = { 0 };
	const char *at = tags;

	add_text(&value, "");
	while (*at) {
		size_t len = strcspn(at, ";");
		size_t skip = strspn(at, " \t\r\n");
		const char *sign = memchr(at, '=', len);

		if (sign && (size_t)(sign - at) == skip + strlen(name) &&
		    memcmp(at + skip, name, strlen(name)) == 0)
			for (const char *c = sign + 1; c < at + len; c++)
				if (!isspace((unsigned char)*c))
					add(&value, c, 1);
		at += len + (at[len] == ';');
	}
	return value.at;
}

/* One field, "Name: value" without its end. */
static void canonical_field(struct buffer *out, bool relaxed, const char *field,
			    size_t len)
{
	const char *colon = memchr(field, ':', len);
	bool blank = false, begun = false;

	if (!relaxed) {
		add(out, field, len);
		return;
	}
	for (const char *c = field; c < colon; c++) {
		char small = (char)tolower((unsigned char)*c);

		if (*c != ' ' && *c != '\t')
			add(out, &small, 1);
	}
	add_text(out, ":");
	for (const char *c = colon + 1; c < field + len; c++) {
		if (strchr(" \t\r\n", *c)) {
			blank = true;
			continue;
		}
		if (blank && begun)
			add_text(out, " ");
		blank = false;
		begun = true;
		add(out, c, 1);
	}
}

/* The header of a message, cut into fields. */
enum { FIELDS = 256 };

struct fields {
	const char *at[FIELDS];
	size_t len[FIELDS];
	bool used[FIELDS];
	size_t count;
};

static const char *cut_fields(const char *message, size_t len,
			      struct fields *fields)
{
	const char *end = message + len, *at = message;

	while (at < end && strncmp(at, "\r\n", 2) != 0) {
		const char *stop = at;

		do {
			stop = strstr(stop, "\r\n");
			if (!stop)
				die("the header has no end");
			stop += 2;
		} while (*stop == ' ' || *stop == '\t');
		if (fields->count == FIELDS)
			die("too many fields");
		fields->at[fields->count] = at;
		fields->len[fields->count++] = (size_t)(stop - at) - 2;
		at = stop;
	}
	return at + 2;
}

static void add_header(struct buffer *out, const char *tags, bool relaxed,
		       struct fields *fields)
{
	char *names = tag_value(tags, "h"), *save = NULL;

	for (char *name = strtok_r(names, ":", &save); name;
	     name = strtok_r(NULL, ":", &save)) {
		for (size_t i = fields->count; i-- > 0;) {
			const char *field = fields->at[i];
			size_t len = strcspn(field, ": ");

			if (fields->used[i] || len != strlen(name) ||
			    strncasecmp(field, name, len) != 0)
				continue;
			fields->used[i] = true;
			canonical_field(out, relaxed, field, fields->len[i]);
			add_text(out, "\r\n");
			break;
		}
	}
	free(names);
}

static void canonical_line(struct buffer *out, bool relaxed, const char *line,
			   size_t len)
{
	bool blank = false;

	if (!relaxed) {
		add(out, line, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (line[i] == ' ' || line[i] == '\t') {
			blank = true;
			continue;
		}
		if (blank)
			add_text(out, " ");
		blank = false;
		add(out, line + i, 1);
	}
}

static void canonical_body(struct buffer *out, bool relaxed, const char *body,
			   size_t len)
{
	size_t kept = 0;

	add_text(out, "");
	for (size_t at = 0; at < len;) {
		const char *end = memmem(body + at, len - at, "\r\n", 2);
		size_t line = end ? (size_t)(end - body) - at : len - at;
		size_t before = out->len;

		canonical_line(out, relaxed, body + at, line);
		if (out->len > before)
			kept = out->len + 2;
		add_text(out, "\r\n");
		at += line + 2;
	}
	out->len = kept;
	if (!relaxed && kept == 0)
		add_text(out, "\r\n");
}

/* --- signatures ----------------------------------------------------------- */

static EVP_PKEY *key_of(const struct signer *signer, const char *selector,
			bool ed)
{
	static const char *const names[] = { "rsa2048", "rsa1024", "rsa768",
					     "rsa512" };

	for (enum key key = RSA2048; key <= RSA512; key++)
		if (strcmp(selector, names[key]) == 0)
			return signer->keys[key];
	return signer->keys[ed ? ED : RSA2048];
}

static void add_signature(struct buffer *out, EVP_PKEY *key, bool sha1, bool ed,
			  const struct buffer *header)
{
	unsigned char digest[EVP_MAX_MD_SIZE], signature[512];
	size_t len = sizeof(signature);
	unsigned digest_len;
	const EVP_MD *md = sha1 ? EVP_sha1() : EVP_sha256();
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const void *what = header->at;
	size_t what_len = header->len;

	if (ed) {
		EVP_Digest(header->at, header->len, digest, &digest_len, md,
			   NULL);
		what = digest;
		what_len = digest_len;
	}
	if (EVP_DigestSignInit(context, NULL, ed ? NULL : md, NULL, key) != 1 ||
	    EVP_DigestSign(context, signature, &len, what, what_len) != 1)
		die("not signed");
	EVP_MD_CTX_free(context);
	add_base64(out, signature, len);
}

char *signer_sign(const struct signer *signer, const char *tags,
		  const char *message, size_t len, size_t *ret_len)
{
	char *algorithm = tag_value(tags, "a"), *canon = tag_value(tags, "c");
	char *selector = tag_value(tags, "s"), *length = tag_value(tags, "l");
	bool sha1 = strcasecmp(algorithm, "rsa-sha1") == 0;
	bool ed = strcasecmp(algorithm, "ed25519-sha256") == 0;
	bool relaxed = strncasecmp(canon, "relaxed", 7) == 0;
	struct buffer out = { 0 }, header = { 0 }, body = { 0 };
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct fields fields = { 0 };
	const char *start = cut_fields(message, len, &fields);
	size_t signed_len;
	unsigned digest_len;

	canonical_body(&body, strcasestr(canon, "/relaxed") != NULL, start,
		       len - (size_t)(start - message));
	signed_len = *length ? strtoul(length, NULL, 10) : body.len;
	EVP_Digest(body.at, signed_len < body.len ? signed_len : body.len,
		   digest, &digest_len, sha1 ? EVP_sha1() : EVP_sha256(), NULL);
	add_format(&out, "DKIM-Signature: %s; bh=", tags);
	add_base64(&out, digest, digest_len);
	add_text(&out, "; b=");
	add_text(&header, "");
	add_header(&header, tags, relaxed, &fields);
	canonical_field(&header, relaxed, out.at, out.len);
	add_signature(&out, key_of(signer, selector, ed), sha1, ed, &header);
	add_text(&out, "\r\n");
	add(&out, message, len);
	free(header.at);
	free(body.at);
	free(algorithm);
	free(canon);
	free(selector);
	free(length);
	*ret_len = out.len;
	return out.at;
}
