/*
 * dmarc_record.c - one DMARC Policy Record, as RFC 9989 section 4.8 writes it.
 *
 * Two steps: the text is cut into tags, each of which has at most one value
 * afterwards; then one row of a table reads each value.  So the order of tags
 * never matters, and repeated tags are decided in one place.
 */
#include "filter/inspect/dmarc_record.h"

#include "filter/inspect/span.h"

#include <string.h>
#include <strings.h>

enum tag {
	TAG_V,
	TAG_P,
	TAG_SP,
	TAG_NP,
	TAG_ADKIM,
	TAG_ASPF,
	TAG_PSD,
	TAG_T,
	TAG_FO,
	TAG_RUA,
	TAG_RUF,
	TAG_PCT,
	TAG_RI,
	TAG_RF,
	TAGS,
};

struct value {
	struct span span;
	bool there;
	bool broken; /* said twice, or has bytes that none may have */
};

/* One reading of one text. */
struct reading {
	const char *text;
	size_t len;
	struct dmarc_record *record;
	struct dmarc_faults *faults; /* or NULL */
	struct value values[TAGS];
	enum tag first; /* the one behind v; TAGS if there is none */
};

static void note(struct reading *reading, struct span where, bool remark,
		 const char *why)
{
	struct dmarc_faults *faults = reading->faults;

	if (!remark && !reading->record->why) {
		reading->record->why = why;
		reading->record->why_at = where.at;
	}
	if (faults && faults->count < DMARC_FAULTS_MAX)
		faults->list[faults->count++] = (struct dmarc_fault){
			.at = where.at,
			.len = where.len,
			.remark = remark,
			.why = why,
		};
}

static bool span_is(const char *text, struct span span, const char *word)
{
	return strlen(word) == span.len &&
	       strncasecmp(text + span.at, word, span.len) == 0;
}

/* --- what each tag's value says ---------------------------------------- */

static enum dmarc_request read_request(struct reading *reading, enum tag tag)
{
	const struct value *value = &reading->values[tag];
	const char *text = reading->text;

	if (!value->there)
		return DMARC_UNSAID;
	if (value->broken)
		return DMARC_INVALID;
	if (span_is(text, value->span, "none"))
		return DMARC_NONE;
	if (span_is(text, value->span, "quarantine"))
		return DMARC_QUARANTINE;
	if (span_is(text, value->span, "reject"))
		return DMARC_REJECT;
	note(reading, value->span, false,
	     tag == TAG_P    ? "p is none, quarantine or reject"
	     : tag == TAG_SP ? "sp is none, quarantine or reject"
			     : "np is none, quarantine or reject");
	return DMARC_INVALID;
}

/*
 * Which of the letters the value is: 0 for the first, and for a value that is
 * not there or not one of them.
 */
static size_t read_letter(struct reading *reading, enum tag tag,
			  const char *letters, const char *why)
{
	const struct value *value = &reading->values[tag];

	if (!value->there || value->broken)
		return 0;
	for (size_t i = 0; letters[i] != '\0'; i++)
		if (span_is(reading->text, value->span,
			    (const char[]){ letters[i], '\0' }))
			return i;
	note(reading, value->span, false, why);
	return 0;
}

static unsigned read_fo(struct reading *reading)
{
	static const char letters[] = "01ds"; /* in the order of DMARC_FO_* */
	const struct value *value = &reading->values[TAG_FO];
	size_t at = value->span.at, end = at + value->span.len;
	unsigned fo = 0;

	if (!value->there || value->broken)
		return DMARC_FO_ALL;
	while (at <= end) {
		const char *colon = memchr(reading->text + at, ':', end - at);
		size_t to = colon ? (size_t)(colon - reading->text) : end;
		struct span span = span_trim(reading->text, at, to);
		unsigned bit = 0;

		for (unsigned i = 0; letters[i] != '\0'; i++)
			if (span_is(reading->text, span,
				    (const char[]){ letters[i], '\0' }))
				bit = 1U << i;
		if (bit == 0 || (fo & bit) ||
		    ((fo | bit) & (DMARC_FO_ALL | DMARC_FO_ANY)) ==
			    (DMARC_FO_ALL | DMARC_FO_ANY)) {
			note(reading, span, false,
			     "fo is one of 0 and 1, and d and s, once each "
			     "and with colons between them");
			return DMARC_FO_ALL;
		}
		fo |= bit;
		at = to + 1;
	}
	return fo;
}

static unsigned read_pct(struct reading *reading)
{
	const struct value *value = &reading->values[TAG_PCT];
	unsigned pct = 0;

	if (!value->there || value->broken)
		return 100;
	for (size_t i = 0; i < value->span.len; i++) {
		char c = reading->text[value->span.at + i];

		if (!ascii_is_digit(c) || i >= 3)
			pct = 1000;
		else
			pct = pct * 10 + (unsigned)(c - '0');
	}
	if (value->span.len == 0 || pct > 100) {
		note(reading, value->span, false, "pct is 0 to 100");
		return 100;
	}
	return pct;
}

static void remark_uri(struct reading *reading, const struct dmarc_uri *uri)
{
	const char *text = reading->text + uri->at;
	struct span span = { .at = uri->at, .len = uri->len };

	if (uri->whole_len != uri->len)
		note(reading,
		     (struct span){ .at = uri->at + uri->len,
				    .len = uri->whole_len - uri->len },
		     true, "the limit of a report's size is obsolete");
	if (uri->len < 7 || strncasecmp(text, "mailto:", 7) != 0)
		note(reading, span, true,
		     "few receivers report in other ways than mailto:");
	else if (!memchr(text, '@', uri->len))
		note(reading, span, true, "this address has no domain");
}

static struct dmarc_uris read_uris(struct reading *reading, enum tag tag)
{
	const struct value *value = &reading->values[tag];
	struct dmarc_uris uris = { 0 };
	struct dmarc_uri uri;
	size_t at = 0;

	if (!value->there || value->broken)
		return uris;
	uris.at = value->span.at;
	uris.len = value->span.len;
	while (dmarc_uri_next(reading->text, &uris, &at, &uri)) {
		if (uri.valid) {
			uris.count++;
			remark_uri(reading, &uri);
			continue;
		}
		note(reading,
		     (struct span){ .at = uri.at, .len = uri.whole_len }, false,
		     "this is no URI; an address is written as "
		     "mailto:reports@example.org");
	}
	return uris;
}

/* --- tags --------------------------------------------------------------- */

static const char *const tag_names[TAGS] = {
	[TAG_V] = "v",	   [TAG_P] = "p",	  [TAG_SP] = "sp",
	[TAG_NP] = "np",   [TAG_ADKIM] = "adkim", [TAG_ASPF] = "aspf",
	[TAG_PSD] = "psd", [TAG_T] = "t",	  [TAG_FO] = "fo",
	[TAG_RUA] = "rua", [TAG_RUF] = "ruf",	  [TAG_PCT] = "pct",
	[TAG_RI] = "ri",   [TAG_RF] = "rf",
};

static enum tag tag_of(struct reading *reading, struct span name)
{
	for (enum tag tag = 0; tag < TAGS; tag++) {
		if (!span_is(reading->text, name, tag_names[tag]))
			continue;
		for (size_t i = 0; i < name.len; i++)
			if (reading->text[name.at + i] < 'a') {
				note(reading, name, true,
				     "some receivers know this tag in small "
				     "letters alone");
				break;
			}
		return tag;
	}
	return TAGS;
}

static bool is_name(const char *text, struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alpha(text[name.at + i]))
			return false;
	return name.len > 0;
}

static bool is_printable(const char *text, struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (text[value.at + i] < ' ' || text[value.at + i] > '~')
			return false;
	return true;
}

/* A tag that has a value already.  What is said of the two is said here. */
static void repeat_tag(struct reading *reading, enum tag tag, struct span where,
		       struct span second)
{
	struct value *value = &reading->values[tag];
	const char *text = reading->text;

	if (tag == TAG_V) {
		note(reading, where, false, "v stands in front, once");
	} else if (tag == TAG_RUA || tag == TAG_RUF) {
		note(reading, where, false,
		     "a tag stands once; the addresses here are not read");
	} else if (value->span.len == second.len &&
		   strncasecmp(text + value->span.at, text + second.at,
			       second.len) == 0) {
		note(reading, where, true, "this stands here twice");
	} else {
		note(reading, where, false,
		     "this tag has another value already, so it has none");
		value->broken = true;
	}
}

/* Is this what any tag may have? */
static bool is_value(struct reading *reading, struct span where, bool sign,
		     struct span value)
{
	if (!sign || value.len == 0) {
		note(reading, where, false, "this tag has no value");
		return false;
	}
	if (!is_printable(reading->text, value)) {
		note(reading, value, false,
		     "a value is made of printable ASCII characters");
		return false;
	}
	return true;
}

/* One tag, `where` without blanks around it and not empty. */
static void scan_tag(struct reading *reading, struct span where)
{
	const char *text = reading->text;
	size_t end = where.at + where.len;
	const char *sign = memchr(text + where.at, '=', where.len);
	size_t at = sign ? (size_t)(sign - text) : end;
	struct span name = span_trim(text, where.at, at);
	struct span span = sign ? span_trim(text, at + 1, end)
				: (struct span){ .at = end };
	enum tag tag = tag_of(reading, name);
	struct value *value;

	if (!is_name(text, name)) {
		note(reading, where, false, "a tag's name is made of letters");
		return;
	}
	if (tag == TAGS) {
		if (is_value(reading, where, sign != NULL, span))
			note(reading, name, true, "nobody knows this tag");
		return;
	}
	if (reading->first == TAGS)
		reading->first = tag;
	value = &reading->values[tag];
	if (value->there) {
		repeat_tag(reading, tag, where, span);
		return;
	}
	value->there = true;
	value->span = span;
	value->broken = !is_value(reading, where, sign != NULL, span);
}

/* Everything from `at`, which is behind the version, to the end. */
static void scan(struct reading *reading, size_t at)
{
	while (at < reading->len) {
		const char *sign =
			memchr(reading->text + at, ';', reading->len - at);
		size_t end =
			sign ? (size_t)(sign - reading->text) : reading->len;
		struct span where = span_trim(reading->text, at, end);

		if (where.len > 0)
			scan_tag(reading, where);
		else if (sign)
			note(reading, (struct span){ at, end - at + 1 }, false,
			     "there is nothing between these semicolons");
		at = end + 1;
	}
}

/*
 * "v" *WSP "=" *WSP "DMARC1", then a semicolon or the end.  Returns where the
 * tags begin, or 0.
 */
static size_t scan_version(struct reading *reading)
{
	const char *text = reading->text;
	const char *sign = memchr(text, ';', reading->len);
	size_t end = sign ? (size_t)(sign - text) : reading->len;
	const char *equals = memchr(text, '=', end);
	size_t at = equals ? (size_t)(equals - text) : 0;
	struct span name = span_trim(text, 0, at);
	struct span value = span_trim(text, equals ? at + 1 : end, end);
	struct span all = { .len = end };

	if (name.len != 1 || !span_is(text, name, "v")) {
		note(reading, all, false,
		     "a DMARC record begins with v=DMARC1");
		return 0;
	}
	if (name.at > 0) {
		note(reading, (struct span){ .len = name.at }, false,
		     "a DMARC record begins with v, without a blank");
		return 0;
	}
	if (value.len != 6 || memcmp(text + value.at, "DMARC1", 6) != 0) {
		note(reading, value, false,
		     "the version is DMARC1, in capitals, and a semicolon");
		return 0;
	}
	reading->values[TAG_V] = (struct value){ .span = value, .there = true };
	return sign ? end + 1 : end;
}

static void remark_tags(struct reading *reading)
{
	static const enum tag gone[] = { TAG_PCT, TAG_RI, TAG_RF };
	const struct value *values = reading->values;

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (values[gone[i]].there)
			note(reading, values[gone[i]].span, true,
			     "this tag is not used any more since RFC 9989");
	if (values[TAG_P].there && reading->first != TAG_P)
		note(reading, values[TAG_P].span, true,
		     "receivers of before RFC 9989 want p behind v");
	if (values[TAG_FO].there && !values[TAG_RUF].there)
		note(reading, values[TAG_FO].span, true,
		     "without ruf nobody looks at fo");
}

static void judge_policy(struct reading *reading)
{
	const struct dmarc_record *record = reading->record;
	struct span end = { .at = reading->len };

	if (!dmarc_record_usable(record))
		note(reading, end, false,
		     "without a valid policy and without rua nobody applies "
		     "this record");
	else if (record->p == DMARC_UNSAID)
		note(reading, end, true, "without p, p=none is understood");
	else if (record->p == DMARC_INVALID || record->sp == DMARC_INVALID ||
		 record->np == DMARC_INVALID)
		note(reading, end, true,
		     "as the policy is not valid, p=none is understood");
}

bool dmarc_record_parse(const char *text, size_t len,
			struct dmarc_record *ret_record,
			struct dmarc_faults *faults)
{
	struct reading reading = {
		.text = len > 0 ? text : "",
		.len = len,
		.record = ret_record,
		.faults = faults,
		.first = TAGS,
	};
	size_t at;

	*ret_record = (struct dmarc_record){ .pct = 100, .fo = DMARC_FO_ALL };
	if (faults)
		faults->count = 0;
	at = scan_version(&reading);
	if (at == 0)
		return false;
	scan(&reading, at);

	ret_record->p = read_request(&reading, TAG_P);
	ret_record->sp = read_request(&reading, TAG_SP);
	ret_record->np = read_request(&reading, TAG_NP);
	ret_record->strict_dkim =
		read_letter(&reading, TAG_ADKIM, "rs", "adkim is r or s") == 1;
	ret_record->strict_spf =
		read_letter(&reading, TAG_ASPF, "rs", "aspf is r or s") == 1;
	ret_record->psd = (enum dmarc_psd)read_letter(&reading, TAG_PSD, "uyn",
						      "psd is y, n or u");
	ret_record->testing =
		read_letter(&reading, TAG_T, "ny", "t is y or n") == 1;
	ret_record->fo = read_fo(&reading);
	ret_record->rua = read_uris(&reading, TAG_RUA);
	ret_record->ruf = read_uris(&reading, TAG_RUF);
	ret_record->pct = read_pct(&reading);
	remark_tags(&reading);
	judge_policy(&reading);
	return true;
}

/* --- what follows from it ----------------------------------------------- */

static bool policy_is_valid(const struct dmarc_record *record)
{
	return record->p >= DMARC_NONE && record->sp != DMARC_INVALID &&
	       record->np != DMARC_INVALID;
}

bool dmarc_record_usable(const struct dmarc_record *record)
{
	return policy_is_valid(record) || record->rua.count > 0;
}

enum dmarc_request dmarc_record_request(const struct dmarc_record *record,
					enum dmarc_whose whose)
{
	if (!policy_is_valid(record))
		return DMARC_NONE;
	if (whose == DMARC_OF_NO_DOMAIN && record->np != DMARC_UNSAID)
		return record->np;
	if (whose != DMARC_ITS_OWN && record->sp != DMARC_UNSAID)
		return record->sp;
	return record->p;
}

enum dmarc_choice dmarc_record_choose(const struct dmarc_text *texts,
				      size_t count,
				      struct dmarc_record *ret_record,
				      size_t *ret_index)
{
	enum dmarc_choice choice = DMARC_CHOICE_NOTHING;

	for (size_t i = 0; i < count; i++) {
		struct dmarc_record record;

		if (!dmarc_record_parse(texts[i].text, texts[i].len, &record,
					NULL))
			continue;
		if (choice != DMARC_CHOICE_NOTHING)
			return DMARC_CHOICE_SEVERAL;
		choice = DMARC_CHOICE_ONE;
		*ret_record = record;
		if (ret_index)
			*ret_index = i;
	}
	return choice;
}
