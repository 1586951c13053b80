/*
 * changes.c - what becomes of the header of a message that passes.
 *
 * Readers behind us believe fields because they are ours: X-Steelyard, an
 * Authentication-Results that bears our id and, where we write it, a
 * Received-SPF that we are the receiver of.  So those that strangers sent go,
 * and ours come on top.
 *
 * A field is named to the MTA by its number among those of its name, in any
 * case, from 1; each deletion moves the numbers of those behind it, so it is
 * done from the last to the first.  An MTA looks for each from the top of the
 * header: what that costs it grows with the square of their number, so there is
 * a limit.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "filter/checks/authres.h"
#include "filter/checks/received_spf.h"
#include "filter/generation.h"
#include "filter/message.h"

static const char mark_name[] = "X-Steelyard";

/* --- while the header comes --------------------------------------------- */

/* Our name in Authentication-Results and Received-SPF. */
static const struct authres_id *our_id(struct session *s)
{
	const struct settings *set = &s->generation->settings;
	struct authres_id *id = &s->our_id;
	char host[HOST_NAME_MAX + 1] = "";

	if (id->len > 0 ||
	    authres_id_init(id, set->authentication.authserv_id) ||
	    authres_id_init(id, s->said[SAID_OUR_NAME].text) ||
	    authres_id_init(id, s->mta->macro(s->mta->context, "j")))
		return id;
	gethostname(host, sizeof(host) - 1);
	if (!authres_id_init(id, host))
		authres_id_init(id, "localhost");
	return id;
}

/* The list is short unless somebody means harm. */
static void note_forged(struct forged *forged)
{
	if (forged->count == forged->room && forged->room < FORGED_MAX) {
		unsigned room = forged->room == 0 ? 4 : forged->room * 2;
		unsigned *more;

		if (room > FORGED_MAX)
			room = FORGED_MAX;
		more = realloc(forged->numbers, room * sizeof(*more));
		forged->lost |= more == NULL;
		if (more == NULL)
			return;
		forged->numbers = more;
		forged->room = room;
	}
	if (forged->count < forged->room)
		forged->numbers[forged->count] = forged->seen;
	forged->count++;
}

/* Where we do not, another program may write it in the same name. */
static bool writes_received_spf(const struct session *s)
{
	const struct authentication_settings *set =
		&s->generation->settings.authentication;

	return set->on && set->received_spf;
}

void changes_note(struct session *s, const char *name, const char *value)
{
	s->own_headers += strcasecmp(name, mark_name) == 0;
	s->subjects += strcasecmp(name, "Subject") == 0;
	if (strcasecmp(name, AUTHRES_NAME) == 0) {
		s->forged_results.seen++;
		if (authres_is_ours(our_id(s), value, strlen(value)))
			note_forged(&s->forged_results);
	} else if (strcasecmp(name, RECEIVED_SPF_NAME) == 0 &&
		   writes_received_spf(s)) {
		s->forged_spf.seen++;
		if (received_spf_is_ours(our_id(s), value, strlen(value)))
			note_forged(&s->forged_spf);
	}
}

void changes_forget(struct session *s)
{
	free(s->forged_results.numbers);
	free(s->forged_spf.numbers);
	s->forged_results = (struct forged){ 0 };
	s->forged_spf = (struct forged){ 0 };
	s->our_id = (struct authres_id){ .len = 0 };
	s->own_headers = 0;
	s->subjects = 0;
}

const char *changes_too_many(const struct session *s)
{
	if (s->own_headers > OWN_HEADERS_MAX)
		return "Too many X-Steelyard fields";
	if (s->forged_results.count > FORGED_TAKEN_MAX)
		return "Too many " AUTHRES_NAME " fields of ours";
	if (s->forged_spf.count > FORGED_TAKEN_MAX)
		return "Too many " RECEIVED_SPF_NAME " fields of ours";
	return NULL;
}

/* --- at its end ----------------------------------------------------------- */

static bool delete_field(struct session *s, const char *name, unsigned index)
{
	return s->mta->change_header(s->mta->context, name, (int)index, NULL);
}

/* Where there are too many, those on top: they are read first. */
static bool remove_forged(struct session *s, const char *name,
			  struct forged *forged)
{
	if (forged->count > forged->room)
		forged->count = forged->room;
	for (; forged->count > 0; forged->count--)
		if (!delete_field(s, name, forged->numbers[forged->count - 1]))
			return false;
	return true;
}

/* What is gone is counted no more, so it may be called again. */
static bool remove_strangers(struct session *s)
{
	if (s->own_headers > FORGED_MAX)
		s->own_headers = FORGED_MAX;
	for (; s->own_headers > 0; s->own_headers--)
		if (!delete_field(s, mark_name, s->own_headers))
			return false;
	return remove_forged(s, AUTHRES_NAME, &s->forged_results) &&
	       remove_forged(s, RECEIVED_SPF_NAME, &s->forged_spf);
}

/* On top, so it is the first of its name, should it have to go again. */
static bool insert_mark(struct session *s, const char *value)
{
	if (!s->mta->insert_header(s->mta->context, 0, mark_name, value))
		return false;
	s->own_headers++;
	return true;
}

static bool add_mark(struct session *s, const char *word,
		     const struct outcome *outcome)
{
	struct message *m = s->message;
	char score[SCORE_TEXT];
	const char *symbols = outcome->symbols;
	const char *value;

	score_text(outcome->verdict.bounds.score, score);
	value = arena_printf(&m->work, "score=%s verdict=%s symbols=%s ref=%s",
			     score, word, symbols, m->ref);
	if (value == NULL || strlen(value) > 900) /* RFC 5322 2.1.1: 998 */
		value = arena_printf(
			&m->arena, "score=%s verdict=%s symbols=%.700s ref=%s",
			score, word, symbols, m->ref);
	return value != NULL && insert_mark(s, value);
}

static bool add_authres(struct session *s, bool exempt)
{
	struct message *m = s->message;
	const char *value;

	if (!s->generation->settings.authentication.on)
		return true;
	value = authres_write(&m->facts, our_id(s), exempt, &m->work);
	if (value == NULL)
		return exempt; /* there may be nothing to say of it */
	return s->mta->insert_header(s->mta->context, 0, AUTHRES_NAME, value);
}

/* Each goes above the one before. */
static bool add_received_spf(struct session *s, bool exempt)
{
	struct message *m = s->message;

	if (!writes_received_spf(s) || exempt)
		return true;
	for (int i = RECEIVED_SPF_COUNT - 1; i >= 0; i--) {
		enum received_spf about = (enum received_spf)i;
		const char *value;

		if (!received_spf_is_known(&m->facts, about))
			continue;
		value = received_spf_write(&m->facts, about, our_id(s),
					   &m->work);
		if (value == NULL ||
		    !s->mta->insert_header(s->mta->context, 0,
					   RECEIVED_SPF_NAME, value))
			return false;
	}
	return true;
}

/* A line's end that no blank follows would begin a field of its own. */
static void keep_one_field(char *value)
{
	for (char *c = value; *c != '\0'; c++) {
		bool fold = c[0] == '\n' && (c[1] == ' ' || c[1] == '\t');

		if (c[0] == '\n' && !fold && c > value && c[-1] == '\r')
			c[-1] = ' ';
		if ((c[0] == '\n' && !fold) || (c[0] == '\r' && c[1] != '\n'))
			c[0] = ' ';
	}
}

/* The n-th Subject, from 1; there may be several, and a reader shows any. */
static bool prefix_field(struct session *s, const struct field *subject,
			 int index, const char *prefix)
{
	struct message *m = s->message;
	const char *value = subject->value;
	char *changed;

	if (value[0] == ' ')
		value++;
	if (strncmp(value, prefix, strlen(prefix)) == 0)
		return true;
	changed = arena_printf(&m->work, "%s%s", prefix, value);
	if (changed == NULL)
		return false;
	keep_one_field(changed);
	return s->mta->change_header(s->mta->context, "Subject", index,
				     changed);
}

static bool prefix_subject(struct session *s, const char *prefix)
{
	struct message *m = s->message;
	int index = 0;

	for (size_t i = 0; i < m->field_count; i++)
		if (strcasecmp(m->fields[i].name, "Subject") == 0 &&
		    !prefix_field(s, &m->fields[i], ++index, prefix))
			return false;
	/* One behind the limits is there, though we do not have it. */
	return s->subjects > 0 ||
	       s->mta->insert_header(s->mta->context, 1, "Subject", prefix);
}

static const char *word_of(const struct verdict *verdict)
{
	return verdict->exempt ? "exempt" : verdict_word_name(verdict->word);
}

bool changes_make(struct session *s, const struct verdict *verdict,
		  bool enforce)
{
	struct message *m = s->message;
	const char *reason;

	if ((s->forged_results.lost || s->forged_spf.lost) && enforce)
		return false;
	if (!remove_strangers(s))
		return false;
	if (enforce && verdict->word == VERDICT_TAG &&
	    verdict->subject != NULL && !prefix_subject(s, verdict->subject))
		return false;
	if (!add_mark(s, word_of(verdict), &m->outcome) ||
	    !add_received_spf(s, verdict->exempt) ||
	    !add_authres(s, verdict->exempt))
		return false;
	if (!enforce || verdict->word != VERDICT_QUARANTINE)
		return true;
	reason = arena_printf(&m->work, "steelyard: %.200s (ref %s)",
			      m->outcome.symbols, m->ref);
	return s->mta->quarantine(s->mta->context,
				  reason != NULL ? reason : "steelyard");
}

void changes_make_unchecked(struct session *s)
{
	struct arena arena;
	const char *value = NULL;

	remove_strangers(s);
	insert_mark(s, "verdict=unchecked");
	arena_init(&arena, 64 * (size_t)1024);
	if (s->generation->settings.authentication.on)
		value = authres_write_none(our_id(s), &arena);
	if (value != NULL)
		s->mta->insert_header(s->mta->context, 0, AUTHRES_NAME, value);
	arena_done(&arena);
}
