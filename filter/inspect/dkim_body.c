/*
 * dkim_body.c - a body, canonicalised and hashed as signatures want it.
 *
 * A line ends with CRLF and nothing else; a CR or LF alone is a byte like any
 * other.  Line ends are kept back as a number until something follows, so those
 * at the end of the body never come out: instead of them, and of none at all,
 * there is one.
 */
#include "filter/inspect/dkim_body.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* --- what is written ------------------------------------------------------ */

static void hash_bytes(struct dkim_body *body, bool relaxed, const char *bytes,
		       size_t len)
{
	for (size_t i = 0; i < body->count; i++) {
		struct dkim_body_hash *hash = &body->hashes[i];
		size_t part = len < hash->left ? len : (size_t)hash->left;

		if (hash->relaxed != relaxed || part == 0)
			continue;
		hash->left -= part;
		hash->lost |= !EVP_DigestUpdate(hash->state, bytes, part);
	}
}

static void flush(struct dkim_body *body, bool relaxed)
{
	struct dkim_body_text *text = &body->texts[relaxed];

	hash_bytes(body, relaxed, text->buffer, text->used);
	text->length += text->used;
	text->used = 0;
}

static void put(struct dkim_body *body, bool relaxed, const char *bytes,
		size_t len)
{
	struct dkim_body_text *text = &body->texts[relaxed];

	if (len > DKIM_BODY_BUFFER - text->used)
		flush(body, relaxed);
	if (len > DKIM_BODY_BUFFER) {
		hash_bytes(body, relaxed, bytes, len);
		text->length += len;
		return;
	}
	memcpy(text->buffer + text->used, bytes, len);
	text->used += len;
}

/* Something follows: what was kept back comes first. */
static void put_kept(struct dkim_body *body, bool relaxed)
{
	struct dkim_body_text *text = &body->texts[relaxed];

	for (; text->ends > 0; text->ends--)
		put(body, relaxed, "\r\n", 2);
	if (text->blank)
		put(body, relaxed, " ", 1);
	text->blank = false;
}

/* A line has ended: with blanks that do not count, if it is relaxed. */
static void end_line(struct dkim_body_text *text)
{
	text->ends++;
	text->blank = false;
}

/* What the CR was that came last is decided by what comes next. */
static bool settle_cr(struct dkim_body *body, bool relaxed, char next)
{
	struct dkim_body_text *text = &body->texts[relaxed];

	text->cr = false;
	if (next == '\n') {
		end_line(text);
		return true;
	}
	put_kept(body, relaxed);
	put(body, relaxed, "\r", 1);
	return false;
}

/* --- the two ways --------------------------------------------------------- */

static void feed_simple(struct dkim_body *body, const char *at, const char *end)
{
	struct dkim_body_text *text = &body->texts[false];

	while (at < end) {
		const char *cr;

		if (text->cr && settle_cr(body, false, *at)) {
			at++;
			continue;
		}
		cr = memchr(at, '\r', (size_t)(end - at));
		if (cr != at) {
			const char *to = cr != NULL ? cr : end;

			put_kept(body, false);
			put(body, false, at, (size_t)(to - at));
			at = to;
		}
		if (cr != NULL) {
			text->cr = true;
			at++;
		}
	}
}

/* Bytes that are written as they are, up to one that is not. */
static const char *copy_plain(struct dkim_body_text *text, const char *at,
			      const char *end)
{
	static const bool special[256] = {
		[' '] = true, ['\t'] = true, ['\r'] = true
	};
	char *out = text->buffer + text->used;
	const char *room = text->buffer + DKIM_BODY_BUFFER;

	for (; at < end && out < room; at++) {
		/* One blank between two words is, too. */
		if (special[(unsigned char)*at] &&
		    (*at != ' ' || end - at < 2 ||
		     special[(unsigned char)at[1]]))
			break;
		*out++ = *at;
	}
	text->used = (size_t)(out - text->buffer);
	return at;
}

static void feed_relaxed(struct dkim_body *body, const char *at,
			 const char *end)
{
	struct dkim_body_text *text = &body->texts[true];

	while (at < end) {
		if (text->cr && settle_cr(body, true, *at)) {
			at++;
		} else if (*at == '\r') {
			text->cr = true;
			at++;
		} else if (*at == ' ' || *at == '\t') {
			text->blank = true;
			at++;
		} else {
			put_kept(body, true);
			if (text->used == DKIM_BODY_BUFFER)
				flush(body, true);
			at = copy_plain(text, at, end);
		}
	}
}

void dkim_body_feed(struct dkim_body *body, const char *bytes, size_t len)
{
	if (body->texts[false].buffer != NULL)
		feed_simple(body, bytes, bytes + len);
	if (body->texts[true].buffer != NULL)
		feed_relaxed(body, bytes, bytes + len);
}

/* --- begin and end -------------------------------------------------------- */

/* Which hash it is; `count` if none. */
static size_t find(const struct dkim_body *body, enum dkim_hash kind,
		   bool relaxed, uint64_t length)
{
	size_t i;

	for (i = 0; i < body->count; i++)
		if (body->hashes[i].kind == kind &&
		    body->hashes[i].relaxed == relaxed &&
		    body->hashes[i].length == length)
			break;
	return i;
}

bool dkim_body_want(struct dkim_body *body, enum dkim_hash kind, bool relaxed,
		    uint64_t length)
{
	struct dkim_body_text *text;
	struct dkim_body_hash *hash;

	if (find(body, kind, relaxed, length) < body->count)
		return true;
	if (body->count == DKIM_BODY_HASHES)
		return false;
	hash = &body->hashes[body->count++];
	*hash = (struct dkim_body_hash){ .kind = kind,
					 .relaxed = relaxed,
					 .length = length,
					 .left = length,
					 .state = EVP_MD_CTX_new() };
	text = &body->texts[relaxed];
	if (text->buffer == NULL)
		text->buffer = malloc(DKIM_BODY_BUFFER);
	hash->lost = text->buffer == NULL || hash->state == NULL ||
		     !EVP_DigestInit_ex(hash->state,
					kind == DKIM_HASH_SHA1 ? EVP_sha1()
							       : EVP_sha256(),
					NULL);
	if (hash->lost)
		hash->left = 0; /* nothing is fed to it */
	return true;
}

static void end_text(struct dkim_body *body, bool relaxed)
{
	struct dkim_body_text *text = &body->texts[relaxed];

	if (text->cr) {
		put_kept(body, relaxed);
		put(body, relaxed, "\r", 1);
	}
	/* An empty body has a line end if it is simple, and none if not. */
	if (!relaxed || text->length + text->used > 0)
		put(body, relaxed, "\r\n", 2);
	flush(body, relaxed);
}

void dkim_body_end(struct dkim_body *body)
{
	for (int relaxed = 0; relaxed < 2; relaxed++)
		if (body->texts[relaxed].buffer != NULL)
			end_text(body, relaxed);
	for (size_t i = 0; i < body->count; i++) {
		struct dkim_body_hash *hash = &body->hashes[i];

		hash->lost = hash->lost ||
			     !EVP_DigestFinal_ex(hash->state, hash->digest,
						 &hash->size);
	}
}

uint64_t dkim_body_length(const struct dkim_body *body, bool relaxed)
{
	return body->texts[relaxed].length;
}

enum dkim_body_match dkim_body_compare(const struct dkim_body *body,
				       enum dkim_hash kind, bool relaxed,
				       uint64_t length,
				       const unsigned char *digest)
{
	size_t index = find(body, kind, relaxed, length);
	const struct dkim_body_hash *hash = &body->hashes[index];

	if (index == body->count || hash->lost)
		return DKIM_BODY_UNKNOWN;
	return memcmp(hash->digest, digest, hash->size) == 0 ? DKIM_BODY_SAME
							     : DKIM_BODY_OTHER;
}

void dkim_body_done(struct dkim_body *body)
{
	for (size_t i = 0; i < body->count; i++) {
		EVP_MD_CTX_free(body->hashes[i].state);
		body->hashes[i].state = NULL;
		body->hashes[i].lost = true;
	}
	for (int relaxed = 0; relaxed < 2; relaxed++) {
		free(body->texts[relaxed].buffer);
		body->texts[relaxed].buffer = NULL;
	}
}
