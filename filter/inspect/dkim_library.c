/*
 * dkim_library.c - the one place where libopendkim is called.
 *
 * What the library is kept from:
 *
 * - its clock: it compares t= and x= with time(), whatever DKIM_OPTS_FIXEDTIME
 *   says.  A "drift" of EPOCH seconds makes both comparisons hold for every
 *   t= behind EPOCH and every x= that is not decades old; dkim.c compares with
 *   the clock it was given.  For a t= before EPOCH (the drift would wrap around
 *   below zero) there is a second handle without drift.
 * - its DNS: all keys come from the candidates (dkim_set_key_lookup).
 * - its opinion on From, required fields, key sizes: dkim.c has its own.
 * - fields that nobody has signed: it would refuse the whole message for a TAB
 *   before one's colon.
 * - the body: dkim_body.c says why.  So a message never comes to its end, and
 *   signatures are processed one by one, as is otherwise done before the end.
 * - its files: no temporary ones; signatures_open() sees to it that OpenSSL
 *   has read all that it wants to.
 *
 * And where it writes: dkim_canon_selecthdrs() has an entry for each field, and
 * clears one more when h= names all of them and then some.  So the library gets
 * one field more, under a name that h= cannot hold.
 */
#include "filter/inspect/dkim_private.h"

#include <dkim.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "filter/inspect/message_test.h"
#include "rules/arena.h"

#define EPOCH UINT64_C(1000000000) /* September 2001; DKIM is of 2004 */

static DKIM_LIB *handles[2]; /* [1]: without drift */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* --- once a process ------------------------------------------------------- */

static DKIM_CBSTAT give_key(DKIM *dkim, DKIM_SIGINFO *siginfo,
			    unsigned char *buf, size_t size)
{
	const struct signatures *signatures = dkim_get_user_context(dkim);

	for (const struct candidate *c = signatures->candidates; c;
	     c = c->next) {
		size_t len;

		if (!c->open || c->siginfo != siginfo)
			continue;
		len = strlen(c->record);
		if (len >= size)
			break;
		memcpy(buf, c->record, len + 1);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

static DKIM_LIB *handle_new(uint64_t drift)
{
	/* Every signature gets a handle; keys are looked up at the end. */
	unsigned flags =
		DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC;
	const char *const *required = (const char *const[]){ NULL };
	unsigned bits = 0;
	DKIM_LIB *handle = dkim_init(NULL, NULL);

	if (!handle)
		return NULL;
	if (dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags,
			 sizeof(flags)) == DKIM_STAT_OK &&
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift,
			 sizeof(drift)) == DKIM_STAT_OK &&
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits,
			 sizeof(bits)) == DKIM_STAT_OK &&
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_REQUIREDHDRS,
			 (void *)(uintptr_t)required,
			 sizeof(char **)) == DKIM_STAT_OK &&
	    dkim_set_key_lookup(handle, give_key) == DKIM_STAT_OK)
		return handle;
	dkim_close(handle);
	return NULL;
}

static void open_handles(void)
{
	handles[0] = handle_new(EPOCH);
	handles[1] = handle_new(0);
}

int library_open(void)
{
	pthread_once(&once, open_handles);
	if (handles[0] && handles[1])
		return 0;
	errno = ENOMEM;
	return -1;
}

/* --- a message ------------------------------------------------------------ */

struct library {
	DKIM *dkim;
};

/* For an arena: freed with the message, but its contents by library_free(). */
static struct library *library_new(struct signatures *signatures)
{
	struct library *library =
		arena_alloc(signatures->arena, sizeof(*library));
	bool old = false;
	DKIM_STAT status;

	for (const struct candidate *c = signatures->candidates; c; c = c->next)
		old |= c->open && c->field.has_made && c->field.made < EPOCH;
	if (!library || library_open() < 0)
		return NULL;
	library->dkim =
		dkim_verify(handles[old], (const unsigned char *)"steelyard",
			    NULL, &status);
	if (!library->dkim)
		return NULL;
	dkim_set_user_context(library->dkim, signatures);
	return library;
}

static DKIM_STAT give_field(struct library *library, const char *text,
			    size_t len)
{
	return dkim_header(library->dkim, (unsigned char *)(uintptr_t)text,
			   len);
}

static bool is_signed(const struct signatures *signatures,
		      const struct known_field *field)
{
	for (const struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open && dkim_field_signs(&c->field, c->value,
						field->text, field->name_len))
			return true;
	return false;
}

/* A field that no h= names changes nothing, and is not given. */
static DKIM_STAT give_fields(struct library *library,
			     const struct signatures *signatures)
{
	static const char nobody[] = "- -: ";
	DKIM_STAT status;

	for (const struct known_field *field = signatures->fields; field;
	     field = field->next) {
		const struct candidate *candidate = field->candidate;

		/* h= of an open candidate names no odd one */
		if (field->odd || (candidate && !candidate->open) ||
		    (!candidate && !is_signed(signatures, field)))
			continue;
		status = give_field(library, field->text, field->len);
		if (status != DKIM_STAT_OK)
			return status;
	}
	return give_field(library, nobody, strlen(nobody));
}

static bool take_siginfos(struct library *library,
			  struct signatures *signatures)
{
	DKIM_SIGINFO **siginfos;
	int count, i = 0;

	if (dkim_getsiglist(library->dkim, &siginfos, &count) != DKIM_STAT_OK)
		return false;
	for (struct candidate *c = signatures->candidates; c; c = c->next) {
		if (!c->open)
			continue;
		if (i == count)
			return false;
		c->siginfo = siginfos[i++];
	}
	return i == count;
}

struct library *library_verify(struct signatures *signatures, bool *ret_refused)
{
	struct library *library = library_new(signatures);
	DKIM_STAT status;

	*ret_refused = false;
	if (!library)
		return NULL;
	status = give_fields(library, signatures);
	if (status == DKIM_STAT_OK)
		status = dkim_eoh(library->dkim);
	if (status == DKIM_STAT_OK && take_siginfos(library, signatures))
		return library;
	*ret_refused =
		status != DKIM_STAT_NORESOURCE && status != DKIM_STAT_INTERNAL;
	library_free(library);
	return NULL;
}

static void take_result(struct candidate *candidate)
{
	DKIM_SIGINFO *siginfo = candidate->siginfo;
	struct signature *told = &candidate->told;
	bool passed = dkim_sig_getflags(siginfo) & DKIM_SIGFLAG_PASSED;

	candidate->open = false;
	told->result = SIGNATURE_FAIL;
	switch (dkim_sig_geterror(siginfo)) {
	case DKIM_SIGERROR_BADSIG:
		told->why = "the header was changed, or the key is another";
		return;
	case DKIM_SIGERROR_EXPIRED:
		told->result = SIGNATURE_PERMERROR;
		told->why = "the signature expired long ago";
		return;
	case DKIM_SIGERROR_FUTURE:
		told->result = SIGNATURE_PERMERROR;
		told->why = "the signature is from the future";
		return;
	case DKIM_SIGERROR_KEYDECODE:
		told->result = SIGNATURE_PERMERROR;
		told->why = "the key is none";
		return;
	case DKIM_SIGERROR_UNKNOWN: /* that is good: it waits for the body */
		if (passed) {
			told->result = SIGNATURE_PASS;
			told->why = NULL;
		} else {
			candidate->open = true; /* no memory, or the like */
		}
		return;
	default:
		told->result = SIGNATURE_PERMERROR;
		told->why = "libopendkim refuses the signature";
	}
}

/*
 * The library remembers a key by domain and selector alone, but under one name
 * there may be a key of each kind: then only the first signature is right about
 * it.
 */
static bool shares_name(const struct signatures *signatures,
			const struct candidate *candidate)
{
	for (const struct candidate *c = signatures->candidates; c != candidate;
	     c = c->next)
		if (c->open &&
		    strcmp(c->told.domain, candidate->told.domain) == 0 &&
		    strcmp(c->told.selector, candidate->told.selector) == 0 &&
		    strcmp(c->record, candidate->record) != 0)
			return true;
	return false;
}

void library_finish(struct library *library, struct signatures *signatures)
{
	for (struct candidate *c = signatures->candidates; c; c = c->next) {
		if (c->open && shares_name(signatures, c)) {
			c->open = false;
			c->told.result = SIGNATURE_NEUTRAL;
			c->told.why = "its selector has keys of two kinds";
		}
		if (c->open)
			message_test_selector(c->told.selector);
	}
	for (struct candidate *c = signatures->candidates; c; c = c->next)
		if (c->open &&
		    dkim_sig_process(library->dkim, c->siginfo) == DKIM_STAT_OK)
			take_result(c);
}

void library_free(struct library *library)
{
	if (library)
		dkim_free(library->dkim);
}
