/*
 * dkim_private.h - what the files around dkim.c share.
 *
 * dkim.c keeps the message's fields and judges its signatures; dkim_library.c
 * is where libopendkim is called, and nowhere else.
 */
#ifndef STEELYARD_INSPECT_DKIM_PRIVATE_H
#define STEELYARD_INSPECT_DKIM_PRIVATE_H

#include "filter/inspect/dkim.h"
#include "filter/inspect/dkim_body.h"
#include "filter/inspect/dkim_field.h"
#include "filter/inspect/dkim_key.h"

#define SIGNATURE_FIELD "dkim-signature"

/* d=, seen from the author's domain. */
enum whose { OF_STRANGER, OF_RELATED, OF_AUTHOR };

/* One DKIM-Signature field. */
struct candidate {
	struct candidate *next; /* in the order of the header */
	struct signature told;
	struct dkim_field field;
	const char *value; /* as the field's spans have it */
	const char *text; /* all of the field, as the library gets it */
	size_t text_len;
	/* Does its result still depend on what the library says? */
	bool open;
	bool chosen; /* one of SIGNATURES_MAX */
	enum whose whose;
	const char *key_name; /* where its key is published */
	const char *policy; /* why a pass is none, else NULL */
	char *record; /* the key for the library; NULL: not known */
	void *siginfo; /* the library's name for it */
};

/* Any field that can be signed, as the library gets it. */
struct known_field {
	struct known_field *next;
	const char *text;
	size_t len, name_len;
	bool odd; /* holds what nobody can sign without being misread */
	struct candidate *candidate; /* NULL for other fields */
};

static inline void candidate_decide(struct candidate *candidate,
				    enum signature_result result,
				    const char *why)
{
	candidate->told.result = result;
	candidate->told.why = why;
	candidate->open = false;
}

/* How much of the body is to be hashed. */
static inline uint64_t candidate_body_length(const struct dkim_field *field)
{
	return field->has_length ? field->length : DKIM_BODY_ALL;
}

struct library;

/* The handles, without reading what is read later; 0, or -1 and errno. */
int library_open(void);

struct signatures {
	struct arena *arena;
	struct inspect_dns *dns;
	int64_t now;
	struct known_field *fields, **fields_end;
	struct candidate *candidates, **candidates_end;
	size_t seen, told_count;
	struct candidate *told[SIGNATURES_SEEN_MAX];
	bool hidden; /* a DKIM-Signature without any tag was passed over */
	bool cut; /* part of the header is missing, or had no room */
	bool missed; /* and a signature may be there */
	struct library *library; /* NULL if nothing is to be verified */
	struct dkim_body body;
};

/*
 * At the end of the header: decides all but SIGNATURES_MAX of the signatures,
 * those of the author's domain first, and whatever of these the header itself
 * decides; says which are told of, and how their bodies are to be hashed.
 */
void signatures_choose(struct signatures *signatures, const char *author);

/*
 * Hands the header to libopendkim.  NULL if that refuses the message, which
 * `*ret_refused` tells from a lack of memory.  All open candidates get their
 * `siginfo`.
 */
struct library *library_verify(struct signatures *signatures,
			       bool *ret_refused);
/*
 * Open candidates whose key is known get their results, as far as the header is
 * concerned; the others stay.
 */
void library_finish(struct library *library, struct signatures *signatures);
void library_free(struct library *library); /* NULL is fine */

#endif
