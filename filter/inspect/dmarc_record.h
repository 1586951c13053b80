/*
 * dmarc_record.h - one DMARC Policy Record, as RFC 9989 section 4.8 writes it.
 *
 * A TXT record is a DMARC record if it begins with "v=DMARC1" and nothing but
 * blanks stands before the next semicolon; all others are foreign and not
 * looked at (section 4.7).  Within a DMARC record mistakes never spoil more
 * than the tag they are in: a value that its tag does not know counts as not
 * said.  What is wrong with p, sp or np is kept, though, as section 4.10.1
 * takes the whole policy back then: see dmarc_record_usable().
 *
 * Where the RFC leaves room:
 *
 * - Names and words of tags are read without case, as its ABNF has it ("v" may
 *   be "V"; DMARC1 may not be dmarc1).
 * - A tag that stands twice with one value is read once; with two values it has
 *   none, as RFC 6376 section 3.2 forbids to choose.  For rua and ruf, from
 *   which nothing follows but whether there is an address, the first counts.
 * - pct is what RFC 7489 had in place of t.  It is read, for the RFC 9989 part
 *   of the evaluator to ignore.  ri and rf are ignored here.
 *
 * Pure functions for any thread; nothing is allocated.  Time is linear in the
 * text.
 */
#ifndef STEELYARD_INSPECT_DMARC_RECORD_H
#define STEELYARD_INSPECT_DMARC_RECORD_H

#include <stdbool.h>
#include <stddef.h>

/* p, sp, np: what to do with mail that fails; sorted by severity. */
enum dmarc_request {
	DMARC_UNSAID, /* the tag is not there */
	DMARC_INVALID, /* it is there, but does not say any of these: */
	DMARC_NONE,
	DMARC_QUARANTINE,
	DMARC_REJECT,
};

enum dmarc_psd {
	DMARC_PSD_UNSAID, /* or u */
	DMARC_PSD_YES, /* a public suffix: others register names below it */
	DMARC_PSD_NO, /* the organisational domain of all below it */
};

/* What to report failures of, as bits; the default is DMARC_FO_ALL. */
enum {
	DMARC_FO_ALL = 1, /* 0: nothing passed and is aligned */
	DMARC_FO_ANY = 2, /* 1: something did not, or is not */
	DMARC_FO_DKIM = 4, /* d */
	DMARC_FO_SPF = 8, /* s */
};

/* A list of URIs inside the record's text, which only its owner has. */
struct dmarc_uris {
	size_t at, len; /* of the tag's value in the text */
	size_t count; /* those that are well-formed */
};

struct dmarc_record {
	enum dmarc_request p, sp, np;
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
	bool testing; /* t=y */
	unsigned pct; /* 0 to 100; 100 if unsaid or invalid */
	unsigned fo; /* DMARC_FO_* */
	struct dmarc_uris rua, ruf;
	/* The first thing that is wrong, for good: a sentence without a dot,
	 * and the byte it is about.  NULL if nothing is. */
	const char *why;
	size_t why_at;
};

/* For who explains a record to its owner. */
struct dmarc_fault {
	size_t at, len; /* bytes of the text */
	bool remark; /* nothing is wrong, but it may surprise */
	const char *why; /* as above */
};

#define DMARC_FAULTS_MAX 32

struct dmarc_faults {
	size_t count; /* of what is listed; there may have been more */
	struct dmarc_fault list[DMARC_FAULTS_MAX];
};

/*
 * Reads the text of one TXT record, its strings joined without a space.  False
 * if it is no DMARC record; *ret_record then has its defaults, and the faults
 * say what is missing.  `faults` may be NULL, and starts empty.
 */
bool dmarc_record_parse(const char *text, size_t len,
			struct dmarc_record *ret_record,
			struct dmarc_faults *faults);

/*
 * Writes a record that means the same, valid URIs included, as snprintf()
 * does: returns the length it has or would have.
 */
size_t dmarc_record_print(const struct dmarc_record *record, const char *text,
			  char *buf, size_t size);

/* An element of such a list. */
struct dmarc_uri {
	size_t at, len; /* in the text, without a size limit ("!10m") */
	size_t whole_len; /* with it; it is obsolete */
	bool valid;
};

/* The next one, valid or not.  *at starts as 0.  False at the end. */
bool dmarc_uri_next(const char *text, const struct dmarc_uris *uris, size_t *at,
		    struct dmarc_uri *ret_uri);

/*
 * RFC 9989 section 4.10.1: without a valid p, or with an invalid sp or np, a
 * record asks for nothing, but is a record, if it has a valid rua; and without
 * that DMARC is not applied at all.
 */
bool dmarc_record_usable(const struct dmarc_record *record);

/* Whose mail it is, seen from where the record was found. */
enum dmarc_whose {
	DMARC_ITS_OWN,
	DMARC_OF_SUBDOMAIN,
	DMARC_OF_NO_DOMAIN, /* a subdomain that does not exist */
};

/* What the record asks for, by the same section: NONE, QUARANTINE or REJECT. */
enum dmarc_request dmarc_record_request(const struct dmarc_record *record,
					enum dmarc_whose whose);

/* Which of several TXT records counts. */
enum dmarc_choice {
	DMARC_CHOICE_NOTHING, /* there is no DMARC record */
	DMARC_CHOICE_ONE,
	DMARC_CHOICE_SEVERAL, /* so that none counts (section 4.10) */
};

/* Bytes of a TXT record, its strings joined; not terminated. */
struct dmarc_text {
	const char *text;
	size_t len;
};

/* *ret_record is set if there is one; *ret_index, its place, may be NULL. */
enum dmarc_choice dmarc_record_choose(const struct dmarc_text *texts,
				      size_t count,
				      struct dmarc_record *ret_record,
				      size_t *ret_index);

#endif
