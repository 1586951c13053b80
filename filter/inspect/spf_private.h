/*
 * spf_private.h - one evaluation of SPF, as its files share it.
 *
 *   spf.c        who is asked about, the walk through records, the facts
 *   spf_terms.c  does this mechanism match?
 *   spf_ask.c    questions, how many there may be, and the client's names
 *
 * Records include each other without end, so the walk keeps its own frames: an
 * evaluation needs the same little stack whatever is published.
 */
#ifndef STEELYARD_INSPECT_SPF_PRIVATE_H
#define STEELYARD_INSPECT_SPF_PRIVATE_H

#include "filter/inspect/spf.h"
#include "filter/inspect/spf_record.h"
#include "lists/dns_answer.h"
#include "lists/dns_name.h"
#include "rules/arena.h"

enum {
	/* What the records of one evaluation may take; eleven of the largest
	 * are a third of that. */
	SPF_ARENA_MAX = 4 * 1024 * 1024,
	SPF_EXPLANATION_SIZE = 4096, /* with the NUL */
	/* Terms whose questions are put before their turn. */
	SPF_TERMS_AHEAD = 4,
	/*
	 * With more questions than that no term's is put before its turn.
	 * What is put in vain counts, too, or a hostile tree of records would
	 * cost more than is allowed.
	 */
	SPF_QUERIES_AHEAD_MAX = SPF_QUERIES_MAX / 2,
};

/* A record that is being evaluated. */
struct spf_frame {
	struct spf_record record;
	const char *domain; /* whose it is, as spf_macro.h has names */
	size_t next; /* the term whose turn is next */
	size_t ahead; /* terms before this one have been looked at for hints */
	bool counts; /* its "pass" is the result: all includes on the way are
		      * a "pass" as well */
};

struct spf_question {
	const char *name;
	enum dns_type type;
};

/* A name of the client's, as its reverse zone says. */
struct spf_client_name {
	const char *text; /* as in lists/dns_name.h */
	const char *plain; /* as spf_macro.h has names; NULL: not printable */
	enum { SPF_NAME_UNSEEN, SPF_NAME_HOLDS, SPF_NAME_LIES } proof;
};

struct spf_evaluation {
	struct inspect_dns *dns;
	struct arena arena; /* for as long as the evaluation takes */
	struct arena *results; /* for what is told */
	struct spf_context context;

	struct spf_frame frames[SPF_TERMS_ASKED_MAX + 1];
	size_t depth; /* of the record being evaluated */
	bool over; /* the outcome holds */
	uint32_t letters; /* all that records and explanation could read */
	struct spf_outcome outcome;

	struct spf_question put[SPF_QUERIES_MAX];
	size_t put_count;

	bool names_known; /* PTR was asked */
	enum dns_status names_status;
	struct spf_client_name names[SPF_NAMES_MAX];
	size_t name_count;
};

/* --- spf.c -------------------------------------------------------------- */

/* The record being evaluated. */
struct spf_frame *spf_top(struct spf_evaluation *e);

/* These end the evaluation; `why` is constant or lives in e->results. */
void spf_no_memory(struct spf_evaluation *e);
void spf_wrong_term(struct spf_evaluation *e, const struct spf_term *term,
		    const char *why);
void spf_no_answer(struct spf_evaluation *e, const char *name,
		   enum dns_type type, enum dns_status status);

/* --- spf_ask.c ---------------------------------------------------------- */

/*
 * NULL if there have been too many questions, or there is no memory; then the
 * evaluation is not over yet.
 */
const struct dns_answer *spf_ask(struct spf_evaluation *e, const char *name,
				 enum dns_type type);
/* Puts it for later, if there have not been `max` questions. */
void spf_hint(struct spf_evaluation *e, const char *name, enum dns_type type,
	      size_t max);

/* A or AAAA, as the client has it. */
enum dns_type spf_address_type(const struct spf_evaluation *e);

/* A name as spf_macro.h has it, as DNS wants it; false if it is none. */
bool spf_name_text(const char *name, char ret_text[DNS_NAME_TEXT_SIZE]);

/* Finds out the client's names, ten at most, as yet unproven. */
void spf_client_names(struct spf_evaluation *e);

/* Does the name lead back to the client?  Asks once; what fails, does not. */
bool spf_name_holds(struct spf_evaluation *e, struct spf_client_name *name);

/* Is it the domain, or below it?  Both as spf_macro.h has names. */
bool spf_name_below(const char *name, const char *domain);

/* What %{p} stands for where `domain` is the domain; NULL if no name holds. */
const char *spf_validated_name(struct spf_evaluation *e, const char *domain);

/*
 * The name that a domain-spec stands for, or without one the record's own
 * domain, in both forms.  `ret_name` may be NULL.
 */
enum spf_expansion spf_target(struct spf_evaluation *e, const char *domain,
			      const char *spec, size_t len, uint32_t letters,
			      char ret_name[SPF_NAME_SIZE],
			      char ret_text[DNS_NAME_TEXT_SIZE]);

/* Puts the questions of the term and of those behind it. */
void spf_look_ahead(struct spf_evaluation *e, const struct spf_term *term);

/* --- spf_terms.c -------------------------------------------------------- */

enum spf_match {
	SPF_MATCH,
	SPF_NO_MATCH,
	SPF_STOP, /* the evaluation is over */
};

/* Counts one more term that asks; false if that is one too many. */
bool spf_count_term(struct spf_evaluation *e, const struct spf_term *term);

/*
 * What a term itself asks, of which nothing found is a void look-up.  NULL if
 * that ended the evaluation.
 */
const struct dns_answer *spf_ask_for_term(struct spf_evaluation *e,
					  const struct spf_term *term,
					  const char *name, enum dns_type type);

/* Not for include, which spf.c follows. */
enum spf_match spf_term_match(struct spf_evaluation *e,
			      const struct spf_term *term);

#endif
