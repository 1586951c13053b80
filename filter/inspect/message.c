/*
 * message.c - each field is read as it comes; at the end the sums are drawn.
 */
#include "filter/inspect/message.h"

#include <string.h>

#include "filter/inspect/body.h"
#include "filter/inspect/collect.h"
#include "filter/inspect/message_test.h"
#include "filter/inspect/vouch.h"
#include "rules/arena.h"
#include "rules/mail/address.h"
#include "rules/mail/ascii.h"
#include "rules/mail/date.h"
#include "rules/mail/encoded.h"
#include "rules/mail/header.h"
#include "rules/mail/limits.h"
#include "rules/mail/mailbox.h"

/* Fields that may be there once: RFC 5322 section 3.6, Resent ones aside. */
enum once {
	ONCE_DATE,
	ONCE_FROM,
	ONCE_SENDER,
	ONCE_REPLY_TO,
	ONCE_TO,
	ONCE_CC,
	ONCE_BCC,
	ONCE_MESSAGE_ID,
	ONCE_IN_REPLY_TO,
	ONCE_REFERENCES,
	ONCE_SUBJECT,
	ONCE_COUNT,
	ONCE_NOT = ONCE_COUNT,
};

static const char *const once_names[ONCE_COUNT] = {
	"date", "from",	      "sender",	     "reply-to",   "to",      "cc",
	"bcc",	"message-id", "in-reply-to", "references", "subject",
};

/*
 * Faults against section 2.2.  Long lines are section 2.1.1's, bytes above 127
 * have a fact of their own, blank folds are obsolete (4.2) and harmless.
 */
static const unsigned int malformed =
	HEADER_NO_COLON | HEADER_EMPTY_NAME | HEADER_BAD_NAME |
	HEADER_NAME_SPACE | HEADER_NAME_FOLD | HEADER_LEADING_SPACE |
	HEADER_BARE_CR | HEADER_BARE_LF | HEADER_NUL;

struct message {
	struct message_request request;
	struct arena *arena;

	uint64_t fields, size, received;
	unsigned int faults; /* of all fields */
	bool truncated;
	bool beyond; /* the limits were reached: any field may have followed */
	bool unseen; /* beyond, or the end of a field was cut off */
	uint32_t seen[ONCE_COUNT];
	bool lost[ONCE_COUNT]; /* one that counts was not read */

	struct collect from_domain, from_address, from_name, reply_to_domain;
	uint64_t from_mailboxes;
	bool from_valid;
	struct collect subject, message_id; /* of one value */
	bool message_id_valid;
	bool has_date, date_valid;
	int64_t date;

	struct collect *wanted; /* one a want */
	struct body body;
	struct vouch *vouch; /* NULL: not wanted */
};

struct message *message_new(const struct message_request *request,
			    struct arena *arena)
{
	struct message *m = arena_alloc(arena, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->request = *request;
	m->arena = arena;
	m->wanted = arena_array(arena, request->want_count, sizeof(*m->wanted));
	if (m->wanted == NULL)
		return NULL;
	body_init(&m->body, request->body_limit);
	if (!request->authentication.wanted)
		return m;
	m->vouch = vouch_new(&m->request, arena);
	return m->vouch != NULL ? m : NULL;
}

void message_free(struct message *m)
{
	if (m != NULL)
		vouch_free(m->vouch);
}

/* --- values ------------------------------------------------------------- */

static void add(struct message *m, struct collect *to, const char *at,
		size_t len)
{
	if (collect_add(to, m->arena, at, len))
		m->truncated = true;
}

/* Unfolded and decoded.  Where it lies does not matter: it is copied. */
static void add_decoded(struct message *m, struct collect *to, const char *at,
			size_t len, enum encoded_where where)
{
	struct encoded_text text;
	size_t flat_len;
	const char *flat = header_unfold(m->arena, at, len, &flat_len);

	if (flat == NULL || encoded_decode(m->arena, m->request.charsets, flat,
					   flat_len, where, &text) < 0) {
		to->lost = true;
		return;
	}
	add(m, to, text.text, text.len);
}

/* As sent; line ends become LF, as one MTA hands over CRLF and another LF. */
static void add_raw(struct message *m, struct collect *to, const char *at,
		    size_t len)
{
	size_t used = 0;
	char *copy = arena_strndup(m->arena, at, len);

	if (copy == NULL) {
		to->lost = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		if (at[i] != '\r' || i + 1 == len || at[i + 1] != '\n')
			copy[used++] = at[i];
	if (collect_keep(to, m->arena, copy, used))
		m->truncated = true;
}

static void add_address(struct message *m, const struct mailbox *box)
{
	size_t room = 2 * box->local_len + 2 + 1 + box->domain_len;
	char *text = arena_alloc(m->arena, room);
	size_t len;

	if (text == NULL) {
		m->from_address.lost = true;
		return;
	}
	len = address_quote(box->local, box->local_len, text);
	text[len++] = '@';
	memcpy(text + len, box->domain, box->domain_len);
	len += box->domain_len;
	collect_keep(&m->from_address, m->arena, text, len);
}

/* --- fields ------------------------------------------------------------- */

static void read_from(struct message *m, const struct header_field *field)
{
	struct mailbox_list list;

	mailbox_parse(m->arena, field->value, field->value_len, &list);
	if (list.reason == MAILBOX_NO_MEMORY || list.reason == MAILBOX_TOO_MANY)
		m->lost[ONCE_FROM] = true;
	m->from_valid = list.verdict == MAILBOX_VALID ||
			list.reason == MAILBOX_OBSOLETE ||
			list.reason == MAILBOX_PHRASE_DOTS;
	m->from_mailboxes += list.count;
	for (const struct mailbox *b = list.first; b != NULL; b = b->next) {
		collect_keep(&m->from_domain, m->arena, b->domain,
			     b->domain_len);
		add_address(m, b);
		if (b->display != NULL)
			add_decoded(m, &m->from_name, b->display,
				    b->display_len, ENCODED_PHRASE);
	}
}

static void read_reply_to(struct message *m, const struct header_field *field)
{
	struct mailbox_list list;

	mailbox_parse(m->arena, field->value, field->value_len, &list);
	if (list.reason == MAILBOX_NO_MEMORY || list.reason == MAILBOX_TOO_MANY)
		m->lost[ONCE_REPLY_TO] = true;
	for (const struct mailbox *b = list.first; b != NULL; b = b->next)
		collect_keep(&m->reply_to_domain, m->arena, b->domain,
			     b->domain_len);
}

static void read_date(struct message *m, const struct header_field *field)
{
	struct date date;
	bool strict = date_parse(field->value, field->value_len, DATE_STRICT,
				 &date) == DATE_FINE;

	if (!strict && date_parse(field->value, field->value_len, DATE_LENIENT,
				  &date) != DATE_FINE)
		return;
	m->has_date = true;
	m->date_valid = strict;
	m->date = date.seconds;
}

/* <left@right>, neither side empty, no blanks, brackets or controls inside. */
static bool message_id_valid(const char *at, size_t len)
{
	size_t ats = 0, where = 0;

	if (len < 5 || at[0] != '<' || at[len - 1] != '>')
		return false;
	for (size_t i = 1; i + 1 < len; i++) {
		if (at[i] == '<' || at[i] == '>' || at[i] == ' ' ||
		    ascii_is_control(at[i]))
			return false;
		if (at[i] == '@') {
			ats++;
			where = i;
		}
	}
	return ats == 1 && where > 1 && where + 2 < len;
}

static void read_message_id(struct message *m, const struct header_field *field)
{
	size_t len;
	const char *flat =
		header_unfold(m->arena, field->value, field->value_len, &len);

	if (flat == NULL) {
		m->lost[ONCE_MESSAGE_ID] = true;
		return;
	}
	m->message_id_valid = message_id_valid(flat, len);
	add(m, &m->message_id, flat, len);
}

/* Of these each field counts; of the others the first. */
static bool every_counts(enum once once)
{
	return once == ONCE_FROM || once == ONCE_REPLY_TO;
}

static void read_once(struct message *m, enum once once,
		      const struct header_field *field)
{
	bool first = m->seen[once] == 1;

	if (once == ONCE_FROM)
		read_from(m, field);
	else if (once == ONCE_REPLY_TO)
		read_reply_to(m, field);
	else if (once == ONCE_DATE && first)
		read_date(m, field);
	else if (once == ONCE_MESSAGE_ID && first)
		read_message_id(m, field);
	else if (once == ONCE_SUBJECT && first)
		add_decoded(m, &m->subject, field->value, field->value_len,
			    ENCODED_TEXT);
}

static enum once once_find(const struct header_field *field)
{
	for (int i = 0; i < ONCE_COUNT; i++)
		if (header_is(field, once_names[i]))
			return (enum once)i;
	return ONCE_NOT;
}

static void read_wanted(struct message *m, const struct header_field *field,
			bool readable)
{
	for (size_t i = 0; i < m->request.want_count; i++) {
		const struct message_want *want = &m->request.wants[i];
		struct collect *to = &m->wanted[i];

		if (!ascii_equal(field->name, field->name_len, want->name,
				 want->name_len))
			continue;
		if (!readable)
			to->lost = true;
		else if (want->raw)
			add_raw(m, to, field->value, field->value_len);
		else
			add_decoded(m, to, field->value, field->value_len,
				    ENCODED_TEXT);
	}
}

/* As on the wire: name, colon, value, CRLF; each LF that folds is a CRLF. */
static size_t wire_size(const struct header_field *field)
{
	size_t size = field->name_len + 1 + field->value_len + 2;
	const char *at = field->value;
	const char *end = at + field->value_len;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		if (at == field->value || at[-1] != '\r')
			size++;
		at++;
	}
	return size;
}

/* The name as it came is handed on: a signature may be about its blanks. */
static void read_field(struct message *m, const struct header_field *field,
		       const char *name, size_t name_len)
{
	enum once once = once_find(field);
	bool cut = (field->faults & HEADER_CUT) != 0;
	bool readable;

	message_test_fault(field);
	m->fields++;
	m->size += wire_size(field);
	m->faults |= field->faults;
	m->beyond |= m->fields > MAIL_FIELDS_MAX || m->size > MAIL_HEADER_MAX;
	m->unseen |= cut || m->beyond;
	readable = !cut && !m->beyond;
	if (!readable)
		m->truncated = true;
	if (header_is(field, "received"))
		m->received++;
	if (once != ONCE_NOT) {
		m->seen[once]++;
		if (readable)
			read_once(m, once, field);
		else if (m->seen[once] == 1 || every_counts(once))
			m->lost[once] = true;
	}
	read_wanted(m, field, readable);
	if (m->vouch != NULL && m->beyond)
		vouch_beyond(m->vouch);
	else if (m->vouch != NULL)
		vouch_field(m->vouch, field, name, name_len);
}

void message_field(struct message *m, const struct header_field *field)
{
	read_field(m, field, field->name, field->name_len);
}

void message_header(struct message *m, const char *name, size_t name_len,
		    const char *value, size_t value_len, bool cut)
{
	struct header_field field;

	header_field_given(name, name_len, value, value_len, &field);
	if (cut)
		field.faults |= HEADER_CUT;
	read_field(m, &field, name, name_len);
}

void message_body(struct message *m, const void *bytes, size_t len)
{
	body_read(&m->body, bytes, len);
	if (m->vouch != NULL)
		vouch_body(m->vouch, bytes, len);
}

/* --- the end ------------------------------------------------------------ */

static void set_number(struct facts *facts, enum fact_id id, uint64_t number)
{
	facts_number(facts, id, (int64_t)number);
}

/* A fault that was seen is there; one that was not may lie behind a cut. */
static void set_found(const struct message *m, struct facts *facts,
		      enum fact_id id, bool found, bool value)
{
	if (!found && m->unseen)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else
		facts_bool(facts, id, value);
}

/* What was counted; past the limits there may be more. */
static void set_count(const struct message *m, struct facts *facts,
		      enum fact_id id, uint64_t count, bool lost)
{
	if (lost || m->beyond)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else
		set_number(facts, id, count);
}

/*
 * True claims that all is well, so it needs the whole header; false does not.
 */
static void set_valid(const struct message *m, struct facts *facts,
		      enum fact_id id, enum once once, bool valid)
{
	bool open = m->lost[once] || m->beyond;

	if (m->seen[once] > 1)
		facts_bool(facts, id, false);
	else if (m->seen[once] == 1 && !m->lost[once] && !valid)
		facts_bool(facts, id, false);
	else if (open)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else
		facts_bool(facts, id, m->seen[once] == 1);
}

static void set_collected(const struct message *m, struct facts *facts,
			  enum fact_id id, enum once once,
			  struct collect *values)
{
	values->lost |= m->lost[once] || m->beyond;
	collect_fact(values, facts, id);
}

/* The first one's value; unknown when it may lie beyond the limits. */
static void set_text(const struct message *m, struct facts *facts,
		     enum fact_id id, enum once once,
		     const struct collect *value)
{
	if (value->count > 0)
		facts_text(facts, id, value->items[0].at, value->items[0].len);
	else if (value->lost || m->lost[once] || m->beyond)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else
		facts_none(facts, id);
}

static void finish_repeated(struct message *m, struct facts *facts)
{
	struct collect repeated = { .lost = m->beyond };

	for (int i = 0; i < ONCE_COUNT; i++)
		if (m->seen[i] > 1)
			collect_keep(&repeated, m->arena, once_names[i],
				     strlen(once_names[i]));
	collect_fact(&repeated, facts, FACT_HEADER_REPEATED);
}

static void finish_header(struct message *m, struct facts *facts)
{
	unsigned int faults = m->faults;

	set_count(m, facts, FACT_RECEIVED_COUNT, m->received, false);
	set_number(facts, FACT_HEADER_COUNT, m->fields);
	set_number(facts, FACT_HEADER_SIZE, m->size);
	set_found(m, facts, FACT_HEADER_IS_VALID, (faults & malformed) != 0,
		  (faults & malformed) == 0);
	set_found(m, facts, FACT_HEADER_8BIT, (faults & HEADER_8BIT) != 0,
		  (faults & HEADER_8BIT) != 0);
	set_found(m, facts, FACT_HEADER_NUL, (faults & HEADER_NUL) != 0,
		  (faults & HEADER_NUL) != 0);
	set_found(m, facts, FACT_HEADER_BARE_CR, (faults & HEADER_BARE_CR) != 0,
		  (faults & HEADER_BARE_CR) != 0);
	finish_repeated(m, facts);
}

static void finish_from(struct message *m, struct facts *facts)
{
	set_collected(m, facts, FACT_FROM_DOMAIN, ONCE_FROM, &m->from_domain);
	set_collected(m, facts, FACT_FROM_ADDRESS, ONCE_FROM, &m->from_address);
	set_collected(m, facts, FACT_FROM_NAME, ONCE_FROM, &m->from_name);
	set_count(m, facts, FACT_FROM_COUNT, m->seen[ONCE_FROM], false);
	set_count(m, facts, FACT_FROM_MAILBOXES, m->from_mailboxes,
		  m->lost[ONCE_FROM]);
	set_valid(m, facts, FACT_FROM_IS_VALID, ONCE_FROM, m->from_valid);
	set_collected(m, facts, FACT_REPLY_TO_DOMAIN, ONCE_REPLY_TO,
		      &m->reply_to_domain);
}

static void finish_message_id(struct message *m, struct facts *facts)
{
	set_text(m, facts, FACT_MESSAGE_ID, ONCE_MESSAGE_ID, &m->message_id);
	if (m->seen[ONCE_MESSAGE_ID] == 0 && !m->beyond)
		facts_none(facts, FACT_MESSAGE_ID_IS_VALID);
	else
		set_valid(m, facts, FACT_MESSAGE_ID_IS_VALID, ONCE_MESSAGE_ID,
			  m->message_id_valid);
}

static void finish_date(struct message *m, struct facts *facts)
{
	bool open = m->lost[ONCE_DATE] || (m->beyond && !m->seen[ONCE_DATE]);

	if (m->has_date) {
		facts_number(facts, FACT_DATE, m->date);
		facts_number(facts, FACT_DATE_AGE,
			     m->request.arrival - m->date);
	} else if (open) {
		facts_unknown(facts, FACT_DATE, CAUSE_LIMIT);
		facts_unknown(facts, FACT_DATE_AGE, CAUSE_LIMIT);
	} else {
		facts_none(facts, FACT_DATE);
		facts_none(facts, FACT_DATE_AGE);
	}
	set_valid(m, facts, FACT_DATE_IS_VALID, ONCE_DATE, m->date_valid);
}

void message_finish(struct message *m, bool body_cut, struct facts *facts)
{
	finish_header(m, facts);
	finish_from(m, facts);
	set_text(m, facts, FACT_SUBJECT, ONCE_SUBJECT, &m->subject);
	finish_message_id(m, facts);
	finish_date(m, facts);
	for (size_t i = 0; i < m->request.want_count; i++) {
		m->wanted[i].lost |= m->beyond;
		collect_slot(&m->wanted[i], facts, m->request.wants[i].slot);
	}
	if (m->vouch != NULL)
		vouch_finish(m->vouch, body_cut, facts);
	facts_bool(facts, FACT_HEADER_TRUNCATED,
		   m->truncated || m->arena->full);
	if (m->request.body_limit == 0)
		return;
	m->body.cut |= body_cut;
	body_finish(&m->body, facts);
}
