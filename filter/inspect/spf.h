/*
 * spf.h - may this client send for this domain? (RFC 7208)
 *
 * check_host() of section 4, for one of the two identities of an SMTP session.
 * They are kept apart by type, as what HELO proves says nothing of MAIL FROM.
 *
 * Each published record is read strictly (spf_record.h) before any of it is
 * evaluated.  Over the whole evaluation, includes and redirects counted in:
 * SPF_TERMS_ASKED_MAX terms that ask DNS, SPF_VOIDS_MAX look-ups that find
 * nothing, SPF_NAMES_MAX names of each mx and ptr; so a hostile tree costs at
 * most SPF_QUERIES_MAX questions.  What DNS does not answer is temperror, but
 * in ptr, where section 5.5 passes over it.
 */
#ifndef STEELYARD_INSPECT_SPF_H
#define STEELYARD_INSPECT_SPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/ip.h"

struct arena;
struct facts;
struct inspect_dns;

enum {
	SPF_TERMS_ASKED_MAX = 10, /* section 4.6.4 */
	SPF_VOIDS_MAX = 2,
	SPF_NAMES_MAX = 10,
	SPF_QUERIES_MAX = 10 * 10 + 12,
};

/* In the order of the words of fact spf (rules/facts.c). */
enum spf_result {
	SPF_RESULT_PASS,
	SPF_RESULT_FAIL,
	SPF_RESULT_SOFTFAIL,
	SPF_RESULT_NEUTRAL,
	SPF_RESULT_PERMERROR,
	SPF_RESULT_TEMPERROR,
	SPF_RESULT_NONE, /* no record; the fact is none then */
};

/* The words of RFC 8601 section 2.7.2. */
const char *spf_result_name(enum spf_result result);

/* Strings are borrowed, and may hold anything. */
struct spf_request {
	struct ip client;
	const char *helo; /* NULL: there was none */
	const char *sender; /* the reverse path without brackets; "": null */
	const char *receiver; /* our name, for %{r}; NULL: not known */
	int64_t now; /* seconds since 1970, for %{t} */
};

enum spf_identity {
	SPF_OF_HELO,
	/* With a null sender it is postmaster@HELO (section 2.4). */
	SPF_OF_MAIL_FROM,
};

/* Texts live in the arena or are constants; printable ASCII. */
struct spf_outcome {
	enum spf_result result;
	const char *domain; /* that was checked; NULL: there is none */
	/*
	 * The mechanism that matched, as published, e.g. "include:a.example";
	 * NULL where none did.
	 */
	const char *mechanism;
	unsigned lookups, voids; /* terms that asked DNS, void look-ups */
	const char *explanation; /* of a fail, by the domain; or NULL.  It is
				  * what a stranger wrote. */
	/* A record that counts has a pass for everybody: spf_term_is_open(). */
	bool open;
	const char *error; /* of an error, a sentence about it; else NULL */
	const char *error_domain; /* whose record it is about; or NULL */
	size_t error_at; /* the byte of that record, if `error_in_record` */
	bool error_in_record;
};

/* Always comes to a result; without memory it is temperror. */
void spf_check(const struct spf_request *request, enum spf_identity identity,
	       struct inspect_dns *dns, struct arena *arena,
	       struct spf_outcome *ret_outcome);

/*
 * Checks both identities and sets the facts spf to spf.error.  A temperror is
 * the word temperror, which rules take for unknown.
 */
void spf_facts(const struct spf_request *request, struct inspect_dns *dns,
	       struct facts *facts);

#endif
