/*
 * dmarc.h - is the author's domain vouched for, and what does it ask for?
 *
 * DMARC as RFC 9989 has it: a message passes if its author's domain is, or
 * shares its organisation with, a domain that SPF or DKIM proved.  This is a
 * pure function of those names and of what DNS says; it asks for the latter
 * one question at a time:
 *
 *	dmarc_start(&dmarc, &settings, from_domains, count);
 *	dmarc_spf(&dmarc, mail_from_domain, len);
 *	dmarc_dkim(&dmarc, signing_domain, len);
 *	while (dmarc_question(&dmarc, &question))
 *		dmarc_answer(&dmarc, said, texts, count);
 *	use(&dmarc.outcome);
 *
 * Names may also be added after the questions have run dry, as DKIM knows its
 * last; then dmarc_question() goes on.  At any time the outcome is that of what
 * is known so far, so whoever runs out of time may take it.
 *
 * Discovery is the tree walk of RFC 9989 section 4.10 or, as RFC 7489 had it,
 * the public suffix list.  Between them is the walk with the list's help: for a
 * subdomain that has a record, below an organisation that has none, the walk
 * makes parent and child strangers, so that mail which is signed by the parent
 * and always passed would fail now (appendix C.3 warns of it).  With the list's
 * help they are aligned as before, unless a psd= tag says otherwise; which
 * record is applied does not change.
 *
 * All else is RFC 9989 in each case, but that by the list alone pct=0 counts as
 * t=y, as appendix A.6 explains it; other values of pct are dice, and not
 * thrown.
 *
 * The list is not read here: the caller gives a function with the contract of
 * suffix_organisation() (lists/suffix.h).  That one keeps the list in memory
 * once it is loaded, so an inspector calls suffix_load() before its jail
 * closes; afterwards no file is needed.  Without a function (no list could be
 * read) a domain is its own organisation, and what lies below it belongs to it.
 *
 * Where the RFC leaves room:
 *
 * - Several DMARC records at the author's domain end the discovery, result
 *   none, as in RFC 7489 section 6.6.3.  RFC 9989 section 4.10 discards them;
 *   read to the letter it then applies the parent's policy to a domain that
 *   meant to have its own.  The mistake is the owner's, so the milder reading
 *   it is.  At other names they count as no record, and the walk goes on.
 * - A question without an answer never yields fail: where the answer could have
 *   changed the result or the policy, it is temperror (section 5.3.6).  A pass
 *   that is proven stays one.
 * - A domain that is not below the author's organisation cannot be aligned, so
 *   nothing is asked about it.
 *
 * Any thread, one at a time; nothing is allocated.  The struct is large (about
 * 10 KiB), holds pointers into itself and so must not be moved.
 */
#ifndef STEELYARD_INSPECT_DMARC_H
#define STEELYARD_INSPECT_DMARC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/dmarc_record.h"

enum {
	DMARC_NAME_MAX = 253, /* bytes of a domain name */
	DMARC_WALK_MAX = 8, /* questions of one tree walk */
	DMARC_PROVEN_MAX = 16, /* domains that SPF and DKIM proved */
	DMARC_QUESTIONS_MAX = 40, /* about one message */
};

enum dmarc_discovery {
	DMARC_TREE_WALK, /* RFC 9989 */
	DMARC_WALK_AND_LIST, /* the same; either may say what is aligned */
	DMARC_SUFFIX_LIST, /* RFC 7489 */
};

/* As suffix_organisation(): the end of the name, or NULL. */
typedef const char *dmarc_organisation(const char *name, size_t len,
				       size_t *ret_len);

struct dmarc_settings {
	enum dmarc_discovery discovery;
	dmarc_organisation *organisation; /* by the list; or NULL */
};

enum dmarc_result {
	DMARC_RESULT_NONE, /* DMARC does not apply */
	DMARC_RESULT_PASS,
	DMARC_RESULT_FAIL,
	DMARC_RESULT_PERMERROR, /* not exactly one author's domain */
	DMARC_RESULT_TEMPERROR, /* never a reason to refuse */
};

enum dmarc_alignment {
	DMARC_NOT_ALIGNED,
	DMARC_ALIGNED,
	DMARC_ALIGNMENT_UNKNOWN, /* DNS did not say */
};

/*
 * Names are in small letters and end with a NUL.  They live in the struct
 * dmarc; texts are constants.
 */
struct dmarc_outcome {
	enum dmarc_result result;
	/* What the owner asks for when mail fails: DMARC_NONE to DMARC_REJECT,
	 * also where it passed.  DMARC_UNSAID without a record. */
	enum dmarc_request published; /* in the record */
	enum dmarc_request policy; /* one less than that where it is tested;
				    * the milder where it is not known */
	bool testing;
	const char *author; /* NULL on permerror */
	const char *record_domain; /* where the record is; NULL: nowhere */
	const char *organisation; /* the author's; NULL: not known */
	enum dmarc_alignment spf, dkim; /* the best of each kind */
	const char *spf_domain, *dkim_domain; /* which aligned, or NULL */
	/* of the record; its spans point into a text that is gone */
	const struct dmarc_record *record;
	const char *why; /* what is wrong with record or author, or NULL */
};

/* A domain that was proven, as it was given. */
struct dmarc_proven {
	bool by_spf;
	enum dmarc_alignment alignment;
	char name[DMARC_NAME_MAX + 1]; /* small letters; "" if it is none */
};

enum dmarc_said {
	DMARC_SAID_RECORDS,
	DMARC_SAID_NO_DATA, /* the name exists, without such records */
	DMARC_SAID_NO_NAME, /* NXDOMAIN */
	DMARC_SAID_NOTHING, /* any error, or no answer in time */
};

enum dmarc_ask {
	DMARC_ASK_TXT,
	/* Does the name exist at all?  Ask for A, say; what is found does not
	 * matter.  A name that is a CNAME exists (DMARC_SAID_NO_DATA),
	 * wherever it leads. */
	DMARC_ASK_EXISTS,
};

struct dmarc_question {
	enum dmarc_ask ask;
	const char *name; /* valid until the answer */
};

/* What has been asked, and what came of it. */
struct dmarc_seen {
	const char *domain; /* without _dmarc; in one of the names below */
	enum dmarc_ask ask;
	enum dmarc_said said;
	enum dmarc_choice choice;
	struct dmarc_record record;
};

struct dmarc {
	struct dmarc_outcome outcome; /* the rest is for dmarc.c */

	struct dmarc_settings set;
	char author[DMARC_NAME_MAX + 1];
	struct dmarc_proven proven[DMARC_PROVEN_MAX];
	size_t proven_count;
	struct dmarc_seen seen[DMARC_QUESTIONS_MAX];
	size_t seen_count;
	struct dmarc_seen next; /* the open question, if asking */
	bool asking;
	char question[sizeof("_dmarc.") + DMARC_NAME_MAX];
};

/*
 * The domains of all authors in From, in ASCII (A-labels).  Anything but one
 * host name, given once or several times, ends in permerror; so several From
 * fields are told by giving all their domains, or none.
 */
void dmarc_start(struct dmarc *dmarc, const struct dmarc_settings *settings,
		 const struct dmarc_text *domains, size_t count);

/*
 * SPF passed for this domain of MAIL FROM: never that of HELO, but where the
 * sender is null and SPF checked postmaster@HELO (RFC 7208 section 2.4).  After
 * DMARC_PROVEN_MAX domains no more are looked at.
 */
void dmarc_spf(struct dmarc *dmarc, const char *domain, size_t len);

/* A signature with d= this domain is valid. */
void dmarc_dkim(struct dmarc *dmarc, const char *domain, size_t len);

/*
 * The next question; the same again until it is answered.  False when nothing
 * is left to ask, or nothing that could change the outcome.
 */
bool dmarc_question(struct dmarc *dmarc, struct dmarc_question *ret_question);

/* The answer to it.  Texts are those of DMARC_SAID_RECORDS to DMARC_ASK_TXT. */
void dmarc_answer(struct dmarc *dmarc, enum dmarc_said said,
		  const struct dmarc_text *texts, size_t count);

/*
 * What a walk from this domain looks at (without "_dmarc."), at most: for who
 * wants to warm a cache.  The pointers point into the name.
 */
size_t dmarc_walk_names(const char *domain,
			const char *ret_names[DMARC_WALK_MAX]);

#endif
