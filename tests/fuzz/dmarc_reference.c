/*
 * dmarc_reference.c - see dmarc_reference.h.
 *
 * No tag's value has a semicolon in it, so a record is cut at these first: then
 * each piece is short enough for abnf.c, and one that is wrong spoils no other.
 */
#include "tests/fuzz/dmarc_reference.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/fuzz/abnf.h"

/*
 * Changes of form: a piece between semicolons has the blanks of dmarc-sep, and
 * dmarc-value is without those at its ends.  Further rules tell what kind of
 * mistake a piece is.  In URIs commas, semicolons and exclamation marks must be
 * encoded, so no rule of theirs has them; what is an address in brackets is
 * not looked at closely.
 */
static const char *const rules[] = {
	"first-piece = dmarc-version *WSP",
	"dmarc-version = \"v\" equals %s\"DMARC1\"",
	"piece = *WSP dmarc-tag *WSP",
	"dmarc-tag = tag-name equals dmarc-value",
	"tag-name = 1*ALPHA",
	"equals = *WSP \"=\" *WSP",
	"dmarc-value = visible [*printable visible]",
	"printable = %x20-3A / %x3C-7E",
	"visible = %x21-3A / %x3C-7E",
	/* mistakes, from the smallest one to the largest */
	"piece-of-nothing = *WSP",
	"piece-without-value = *WSP tag-name *WSP [\"=\" *any]",
	"any = %x00-FF",
	/* what values there are */
	"none = \"none\"",
	"quarantine = \"quarantine\"",
	"reject = \"reject\"",
	"r = \"r\"",
	"s = \"s\"",
	"y = \"y\"",
	"n = \"n\"",
	"u = \"u\"",
	"fo = fo-item *(*WSP \":\" *WSP fo-item)",
	"fo-item = fo-all / fo-any / fo-dkim / fo-spf",
	"fo-all = \"0\"",
	"fo-any = \"1\"",
	"fo-dkim = \"d\"",
	"fo-spf = \"s\"",
	"pct = 1*3DIGIT",
	"dmarc-urilist = list-item *(\",\" list-item)",
	"list-item = *WSP dmarc-uri *WSP",
	"dmarc-uri = URI [obs-dmarc-report-size]",
	"obs-dmarc-report-size = \"!\" 1*DIGIT [\"k\" / \"m\" / \"g\" / \"t\"]",
	/* RFC 3986 appendix A */
	"URI = scheme \":\" hier-part [\"?\" query] [\"#\" fragment]",
	"hier-part = \"//\" authority path-abempty / hier-path",
	"hier-path = path-absolute / path-rootless / path-empty",
	"scheme = ALPHA *(ALPHA / DIGIT / \"+\" / \"-\" / \".\")",
	"authority = [userinfo \"@\"] host [\":\" port]",
	"userinfo = *(unreserved / pct-encoded / sub-delims / \":\")",
	"host = IP-literal / reg-name",
	"port = *DIGIT",
	"IP-literal = \"[\" 1*(unreserved / sub-delims / \":\") \"]\"",
	"reg-name = *(unreserved / pct-encoded / sub-delims)",
	"path-abempty = *(\"/\" segment)",
	"path-absolute = \"/\" [segment-nz *(\"/\" segment)]",
	"path-rootless = segment-nz *(\"/\" segment)",
	"path-empty = \"\"",
	"segment = *pchar",
	"segment-nz = 1*pchar",
	"pchar = unreserved / pct-encoded / sub-delims / \":\" / \"@\"",
	"query = *(pchar / \"/\" / \"?\")",
	"fragment = *(pchar / \"/\" / \"?\")",
	"pct-encoded = \"%\" HEXDIG HEXDIG",
	"unreserved = ALPHA / DIGIT / \"-\" / \".\" / \"_\" / \"~\"",
	"sub-delims = \"$\" / \"&\" / \"'\" / \"(\" / \")\" / \"*\" / \"+\" / \"=\"",
	/* RFC 5234 appendix B */
	"ALPHA = %x41-5A / %x61-7A",
	"DIGIT = %x30-39",
	"HEXDIG = DIGIT / \"A\" / \"B\" / \"C\" / \"D\" / \"E\" / \"F\"",
	"WSP = %x20 / %x09",
};

enum { TAGS_MAX = 64 };

struct tag {
	const char *name, *value;
	size_t name_len, len;
	bool broken; /* it has no value, or one that none may have */
};

struct reader {
	struct abnf *abnf;
	struct tag tags[TAGS_MAX];
	size_t count;
	struct dmarc_reference *record;
};

/* --- pieces and tags ----------------------------------------------------- */

static size_t find_byte(const char *text, size_t from, size_t to, char byte)
{
	while (from < to && text[from] != byte)
		from++;
	return from;
}

static bool same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static void read_piece(struct reader *r, const char *piece, size_t len,
		       bool last)
{
	bool whole = abnf_matches(r->abnf, "piece", piece, len);
	struct tag *tag = &r->tags[r->count];
	size_t at, end;

	if (!whole &&
	    !abnf_matches(r->abnf, "piece-without-value", piece, len)) {
		if (!last ||
		    !abnf_matches(r->abnf, "piece-of-nothing", piece, len))
			r->record->wrong = true;
		return;
	}
	r->record->wrong |= !whole;
	*tag = (struct tag){ .broken = !whole };
	if (!abnf_find(r->abnf, "tag-name", &at, &end))
		abort();
	tag->name = piece + at;
	tag->name_len = end - at;
	if (whole && abnf_find(r->abnf, "dmarc-value", &at, &end)) {
		tag->value = piece + at;
		tag->len = end - at;
	}
	r->count++;
}

/* The tag of this name; false if there is none. */
static bool find_tag(struct reader *r, const char *name, struct tag *ret_tag)
{
	bool list = strcmp(name, "rua") == 0 || strcmp(name, "ruf") == 0;
	bool found = false;

	for (size_t i = 0; i < r->count; i++) {
		const struct tag *tag = &r->tags[i];

		if (!same_text(tag->name, tag->name_len, name, strlen(name)))
			continue;
		if (!found) {
			*ret_tag = *tag;
			found = true;
		} else if (list) { /* the first counts */
			r->record->wrong = true;
		} else if (tag->broken || ret_tag->broken ||
			   !same_text(tag->value, tag->len, ret_tag->value,
				      ret_tag->len)) {
			ret_tag->broken = r->record->wrong = true;
		}
	}
	return found;
}

/* --- values -------------------------------------------------------------- */

/* Which of the rules its value is, from 0 to 2; -1: none; -2: no such tag. */
static int read_word(struct reader *r, const char *name,
		     const char *const words[3])
{
	struct tag tag;

	if (!find_tag(r, name, &tag))
		return -2;
	if (tag.broken)
		return -1;
	for (int i = 0; i < 3; i++)
		if (abnf_matches(r->abnf, words[i], tag.value, tag.len))
			return i;
	r->record->wrong = true;
	return -1;
}

static enum dmarc_request read_request(struct reader *r, const char *name)
{
	static const char *const words[] = { "none", "quarantine", "reject" };

	switch (read_word(r, name, words)) {
	case 0: return DMARC_NONE;
	case 1: return DMARC_QUARANTINE;
	case 2: return DMARC_REJECT;
	case -1: return DMARC_INVALID;
	default: return DMARC_UNSAID;
	}
}

/* Is it the first of the two? */
static bool read_switch(struct reader *r, const char *name, const char *on,
			const char *off)
{
	const char *const words[] = { on, off, off };

	return read_word(r, name, words) == 0;
}

static enum dmarc_psd read_psd(struct reader *r)
{
	static const char *const words[] = { "y", "n", "u" };

	switch (read_word(r, "psd", words)) {
	case 0: return DMARC_PSD_YES;
	case 1: return DMARC_PSD_NO;
	default: return DMARC_PSD_UNSAID;
	}
}

static unsigned read_pct(struct reader *r)
{
	struct tag tag;
	unsigned pct = 0;

	if (!find_tag(r, "pct", &tag) || tag.broken)
		return 100;
	if (abnf_matches(r->abnf, "pct", tag.value, tag.len))
		for (size_t i = 0; i < tag.len; i++)
			pct = 10 * pct + (unsigned)(tag.value[i] - '0');
	else
		pct = 101;
	r->record->wrong |= pct > 100;
	return pct > 100 ? 100 : pct;
}

static size_t times(struct reader *r, const char *part, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += abnf_found(r->abnf, part, i) != 0;
	return count;
}

static unsigned read_fo(struct reader *r)
{
	struct tag tag;
	size_t all, any, dkim, spf;

	if (!find_tag(r, "fo", &tag) || tag.broken)
		return DMARC_FO_ALL;
	if (abnf_matches(r->abnf, "fo", tag.value, tag.len)) {
		all = times(r, "fo-all", tag.len);
		any = times(r, "fo-any", tag.len);
		dkim = times(r, "fo-dkim", tag.len);
		spf = times(r, "fo-spf", tag.len);
		if (all + any <= 1 && dkim <= 1 && spf <= 1)
			return (all ? DMARC_FO_ALL : 0U) |
			       (any ? DMARC_FO_ANY : 0U) |
			       (dkim ? DMARC_FO_DKIM : 0U) |
			       (spf ? DMARC_FO_SPF : 0U);
	}
	r->record->wrong = true;
	return DMARC_FO_ALL;
}

/* How many addresses; one that is wrong spoils no other. */
static size_t read_uris(struct reader *r, const char *name)
{
	struct tag tag;
	size_t count = 0;

	if (!find_tag(r, name, &tag) || tag.broken)
		return 0;
	if (!abnf_matches(r->abnf, "dmarc-urilist", tag.value, tag.len))
		r->record->wrong = true;
	for (size_t from = 0, to; from <= tag.len; from = to + 1) {
		to = find_byte(tag.value, from, tag.len, ',');
		count += abnf_matches(r->abnf, "list-item", tag.value + from,
				      to - from);
	}
	return count;
}

/* --- records ------------------------------------------------------------- */

static void read_tags(struct reader *r)
{
	struct dmarc_reference *record = r->record;
	struct tag tag;

	record->p = read_request(r, "p");
	record->sp = read_request(r, "sp");
	record->np = read_request(r, "np");
	record->psd = read_psd(r);
	record->strict_dkim = read_switch(r, "adkim", "s", "r");
	record->strict_spf = read_switch(r, "aspf", "s", "r");
	record->testing = read_switch(r, "t", "y", "n");
	record->pct = read_pct(r);
	record->fo = read_fo(r);
	record->rua = read_uris(r, "rua");
	record->ruf = read_uris(r, "ruf");
	find_tag(r, "ri", &tag); /* without a value that is one they are */
	find_tag(r, "rf", &tag); /* wrong, too */
	record->wrong |= find_tag(r, "v", &tag);
	record->wrong |=
		dmarc_reference_request(record, DMARC_ITS_OWN) == DMARC_UNSAID;
}

enum dmarc_reading dmarc_reference_read(const char *text, size_t len,
					struct dmarc_reference *ret_record)
{
	static struct reader r;
	size_t to = find_byte(text, 0, len, ';');

	if (!r.abnf)
		r.abnf = abnf_compile(rules, sizeof(rules) / sizeof(rules[0]));
	*ret_record = (struct dmarc_reference){ .pct = 100 };
	r.record = ret_record;
	r.count = 0;
	if (to > ABNF_TEXT_MAX)
		return DMARC_READ_TOO_LONG;
	if (!abnf_matches(r.abnf, "first-piece", text, to))
		return DMARC_READ_FOREIGN;
	for (size_t from = to + 1; from <= len; from = to + 1) {
		to = find_byte(text, from, len, ';');
		if (to - from > ABNF_TEXT_MAX || r.count == TAGS_MAX)
			return DMARC_READ_TOO_LONG;
		read_piece(&r, text + from, to - from, to == len);
	}
	read_tags(&r);
	return DMARC_READ_RECORD;
}

enum dmarc_request dmarc_reference_request(const struct dmarc_reference *record,
					   enum dmarc_whose whose)
{
	if (record->p < DMARC_NONE || record->sp == DMARC_INVALID ||
	    record->np == DMARC_INVALID)
		return record->rua > 0 ? DMARC_NONE : DMARC_UNSAID;
	if (whose == DMARC_OF_NO_DOMAIN && record->np != DMARC_UNSAID)
		return record->np;
	if (whose == DMARC_OF_NO_DOMAIN || whose == DMARC_OF_SUBDOMAIN)
		if (record->sp != DMARC_UNSAID)
			return record->sp;
	return record->p;
}
