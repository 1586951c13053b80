/*
 * dkim.h - the DKIM signatures of a message, verified (RFC 6376, 8301, 8463).
 *
 * The one door to libopendkim, with a guard before it: fields, signatures and
 * key records are read strictly by us first, and what the library would read
 * past its end, or take for something else, it never sees.  It gets keys from
 * us, asks no DNS and knows no clock but the one given.
 *
 *	signatures = signatures_new(arena, dns, now);
 *	signatures_header(signatures, ...);	every field, in order
 *	signatures_eoh(signatures, author);	asks for keys ahead
 *	signatures_body(signatures, ...);	in pieces, as it streams
 *	signatures_finish(signatures, false);
 *	for (i = 0; i < signatures_count(signatures); i++)
 *		use(signatures_at(signatures, i));
 *
 * A message without a DKIM-Signature field costs next to nothing.
 */
#ifndef STEELYARD_INSPECT_DKIM_H
#define STEELYARD_INSPECT_DKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/facts.h"

struct arena;
struct inspect_dns;
struct signatures;

enum {
	SIGNATURES_MAX = 8, /* verified; the author's domain's first */
	SIGNATURES_SEEN_MAX = 64, /* told of; more are only counted */
	SIGNATURE_DIGEST = 8, /* characters of b= that tell it apart */
};

/* In the order of the words of fact dkim (rules/facts.c). */
enum signature_result {
	SIGNATURE_PASS,
	/* The mathematics are right, but we do not accept it: rsa-sha1 or a
	 * short key (RFC 8301), l= below the body, a second From that is not
	 * signed, x= has passed, t= lies days ahead. */
	SIGNATURE_POLICY,
	SIGNATURE_FAIL,
	SIGNATURE_NEUTRAL, /* not looked at, or libopendkim would misread it */
	/* The signature or its key cannot be used, or From is not signed at all
	 * (section 6.1.1). */
	SIGNATURE_PERMERROR,
	SIGNATURE_TEMPERROR, /* DNS did not say, or not all is here; unknown */
};

const char *signature_result_name(enum signature_result result);

/*
 * Texts live in the arena or are constants; domain, selector and algorithm are
 * "" where the signature has none that is well-formed.
 */
struct signature {
	enum signature_result result;
	const char *domain; /* d=, small letters */
	const char *selector; /* s= */
	const char *algorithm; /* a= */
	char digest[SIGNATURE_DIGEST + 1]; /* of b= without blanks */
	unsigned key_bits; /* 0: no key was read */
	bool whole_body; /* all of the body is signed */
	bool has_age;
	int64_t age; /* seconds from t= to now; negative: in the future */
	bool expired; /* x= has passed */
	bool test_key; /* the key says t=y */
	const char *why; /* of what is not a pass, a sentence; else NULL */
};

/*
 * Makes the library ready, and has it read what it wants to read; 0, or -1 and
 * errno.  Once a process, and before the jail: behind it no file can be opened.
 * signatures_new() does it, too, so elsewhere nobody need care.
 */
int signatures_open(void);

/*
 * NULL without memory.  Arena and dns (NULL: no key is known) are borrowed and
 * outlive the signatures.
 */
struct signatures *signatures_new(struct arena *arena, struct inspect_dns *dns,
				  int64_t now);
/* Frees what is not the arena's.  NULL is fine. */
void signatures_free(struct signatures *signatures);

/*
 * A field as an MTA hands it over: the value begins behind the colon; LF or
 * CRLF folds.  `cut`: there was more of it, so no signature can be verified.
 */
void signatures_header(struct signatures *signatures, const char *name,
		       size_t name_len, const char *value, size_t value_len,
		       bool cut);

/*
 * More fields follow than are handed over: nothing can be verified, and there
 * may be other signatures.
 */
void signatures_beyond(struct signatures *signatures);

/*
 * The header has ended.  `author`: the one domain of From, or NULL.  True if
 * the body is needed.
 */
bool signatures_eoh(struct signatures *signatures, const char *author);

void signatures_body(struct signatures *signatures, const void *bytes,
		     size_t len);

/* `body_cut`: there was more of it; nothing can pass then (temperror). */
void signatures_finish(struct signatures *signatures, bool body_cut);

/* In the order of the header. */
size_t signatures_count(const struct signatures *signatures);
const struct signature *signatures_at(const struct signatures *signatures,
				      size_t index);
/* Fields in all, also those that are not told of. */
size_t signatures_seen(const struct signatures *signatures);
/* There may be others: signatures_beyond(), or there was no memory. */
bool signatures_missed(const struct signatures *signatures);
/*
 * The best of them: pass, temperror (which might be one), policy, fail,
 * permerror, neutral; then the author's domain's, then the first.  NULL if
 * there is none.
 */
const struct signature *signatures_best(const struct signatures *signatures);

/*
 * Sets the facts dkim to dkim.passed but dkim.aligned.  Those from dkim.results
 * to dkim.ages are parallel sets: the n-th value of each is about the n-th
 * signature, "" where that has none.  None means that there is no signature;
 * where one may have been missed it is unknown.
 */
void signatures_facts(const struct signatures *signatures, struct arena *arena,
		      struct facts *facts);

/*
 * Sets one more of these sets.  `items`, of signatures_count() values, outlives
 * the facts; NULL if there was no memory for it.  `open`: why some value might
 * be another, else CAUSE_UNSTATED.
 */
void signatures_set(const struct signatures *signatures, struct facts *facts,
		    enum fact_id id, const struct text *items,
		    enum fact_cause open);

#endif
