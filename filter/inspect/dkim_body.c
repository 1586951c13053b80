/*
 * dkim_body.c - a body on its way into libopendkim.
 */
#include "filter/inspect/dkim_body.h"

#include <string.h>

#include "filter/inspect/span.h"

/* --- how long is it, canonicalised? --------------------------------------- */

/* A line has ended, or at the end of the body what was left of one. */
static void count_line(struct dkim_body *body)
{
	if (body->simple_line == 0) {
		body->simple_ends++;
	} else {
		body->simple += 2 * body->simple_ends + body->simple_line + 2;
		body->simple_ends = 0;
	}
	if (body->relaxed_line == 0) {
		body->relaxed_ends++;
	} else {
		body->relaxed +=
			2 * body->relaxed_ends + body->relaxed_line + 2;
		body->relaxed_ends = 0;
	}
	body->simple_line = body->relaxed_line = 0;
	body->blank = false;
}

static void count_byte(struct dkim_body *body, char c)
{
	body->simple_line++;
	if (ascii_is_blank(c)) {
		body->blank = true;
		return;
	}
	body->relaxed_line += body->blank ? 2 : 1;
	body->blank = false;
}

static void count_bytes(struct dkim_body *body, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];

		if (body->cr) {
			body->cr = false;
			if (c == '\n') {
				count_line(body);
				continue;
			}
			count_byte(body, '\r');
		}
		if (c == '\r')
			body->cr = true;
		else
			count_byte(body, c);
	}
}

/* --- what does the library misread? --------------------------------------- */

static void look_at_line(struct dkim_body *body, size_t len)
{
	body->line += len;
	if (body->line > DKIM_LINE_MAX)
		body->strange_simple = body->strange_relaxed = true;
}

/*
 * Bytes in which CRs, if there are any, are not the last.  Runs of CRs are
 * few: each line has one.
 */
static void look_at(struct dkim_body *body, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *cr = memchr(bytes + at, '\r', len - at);
		size_t to = cr ? (size_t)(cr - bytes) : len;
		size_t crs = 0;
		const char *lf = memchr(bytes + at, '\n', to - at);

		look_at_line(body, to - at);
		if (lf)
			body->strange_simple = true;
		if (to == len)
			break;
		while (bytes[to + crs] == '\r')
			crs++;
		at = to + crs;
		if (crs > DKIM_CRS_MAX)
			body->strange_simple = body->strange_relaxed = true;
		if (bytes[at] != '\n') {
			body->strange_relaxed = true;
			look_at_line(body, crs);
			continue;
		}
		at++;
		if (crs > 1 && body->line == 0)
			body->strange_simple = true;
		if (crs > 1 &&
		    ascii_is_blank(to > 0 ? bytes[to - 1] : body->before))
			body->strange_relaxed = true;
		body->line = 0;
	}
}

/* --- cut anew ------------------------------------------------------------- */

static void hand_on(struct dkim_body *body, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	look_at(body, bytes, len);
	if (body->count)
		count_bytes(body, bytes, len);
	/* What nobody will believe need not be made. */
	if (!body->strange_simple || !body->strange_relaxed)
		body->each(body->context, bytes, len);
	body->last = bytes[len - 1];
	body->any = true;
	body->whole = len > 1 && bytes[len - 2] == '\r' && body->last == '\n';
}

/* Keeps CRs back until something else follows. */
static void hold(struct dkim_body *body, size_t crs)
{
	if (body->held_len == 0)
		body->before = body->last;
	for (; crs > 0; crs--) {
		if (body->held_len == DKIM_CRS_MAX) {
			/* no result about such a body is believed */
			body->strange_simple = body->strange_relaxed = true;
			return;
		}
		body->held[body->held_len++] = '\r';
	}
}

void dkim_body_feed(struct dkim_body *body, const char *bytes, size_t len)
{
	size_t crs = 0;

	if (body->held_len > 0) {
		while (crs < len && bytes[crs] == '\r')
			crs++;
		hold(body, crs);
		bytes += crs;
		len -= crs;
		if (len == 0)
			return;
		body->held[body->held_len] = bytes[0];
		hand_on(body, body->held, body->held_len + 1);
		body->held_len = 0;
		bytes++;
		len--;
	}
	crs = 0;
	while (crs < len && bytes[len - crs - 1] == '\r')
		crs++;
	body->before = body->last;
	hand_on(body, bytes, len - crs);
	hold(body, crs);
}

void dkim_body_end(struct dkim_body *body)
{
	if (body->held_len > 0 || (body->any && !body->whole))
		dkim_body_feed(body, "\r\n", 2);
	if (body->simple == 0)
		body->simple = 2; /* section 3.4.3 */
}
