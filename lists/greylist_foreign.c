/*
 * greylist_foreign.c - what other greylists remember: the frame that cuts text
 * into lines, and the making of entries.  The formats have files of their own.
 */
#include "lists/greylist_foreign_private.h"

#include <stdlib.h>
#include <string.h>

#include "lists/greylist_record.h"
#include "lists/sender_key.h"

static const char *const names[] = {
	[GREYLIST_FOREIGN_NONE] = "",
	[GREYLIST_POSTGREY] = "postgrey",
	[GREYLIST_MILTER_GREYLIST] = "milter-greylist",
	[GREYLIST_SQLGREY] = "sqlgrey",
};

enum { KINDS = sizeof(names) / sizeof(names[0]) };

enum greylist_foreign_kind greylist_foreign_kind(const char *name)
{
	for (size_t i = 1; i < KINDS; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum greylist_foreign_kind)i;
	return GREYLIST_FOREIGN_NONE;
}

const char *greylist_foreign_name(enum greylist_foreign_kind kind)
{
	return names[kind];
}

/* --- what is no text ----------------------------------------------------- */

#define DB_DUMP "it is a Berkeley DB: write it out with `db_dump -p FILE`"

static const struct magic {
	size_t at, len;
	const char *bytes, *advice;
} magics[] = {
	{ 12, 4, "\x62\x31\x05\x00", DB_DUMP }, /* btree, either byte order */
	{ 12, 4, "\x00\x05\x31\x62", DB_DUMP },
	{ 12, 4, "\x61\x15\x06\x00", DB_DUMP }, /* hash */
	{ 12, 4, "\x00\x06\x15\x61", DB_DUMP },
	{ 0, 4, "\x00\x05\x31\x62", DB_DUMP }, /* of version 1 */
	{ 0, 4, "\x62\x31\x05\x00", DB_DUMP },
	{ 0, 16, "SQLite format 3\0",
	  "it is an SQLite data base: write it out with "
	  "`sqlite3 FILE .dump`" },
	{ 0, 5, "PGDMP",
	  "it is an archive of pg_dump: write it out with "
	  "`pg_restore -f - FILE`" },
	{ 0, 2, "\x1f\x8b", "it is packed by gzip: unpack it first" },
	{ 0, 3, "BZh", "it is packed by bzip2: unpack it first" },
	{ 0, 6,
	  "\xfd"
	  "7zXZ\0",
	  "it is packed by xz: unpack it first" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "it is packed by zstd: unpack it first" },
};

const char *greylist_foreign_binary(const char *start, size_t len)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *magic = &magics[i];

		if (len >= magic->at + magic->len &&
		    memcmp(start + magic->at, magic->bytes, magic->len) == 0)
			return magic->advice;
	}
	if (len > 0 && memchr(start, '\0', len))
		return "it is no text: write the data base out as text";
	return NULL;
}

/* --- words --------------------------------------------------------------- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool foreign_starts(struct foreign_text text, const char *with)
{
	size_t len = strlen(with);

	if (text.len < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(text.at[i]) != lower(with[i]))
			return false;
	return true;
}

bool foreign_is(struct foreign_text text, const char *word)
{
	return text.len == strlen(word) && foreign_starts(text, word);
}

struct foreign_text foreign_trim(struct foreign_text text)
{
	while (text.len > 0 && is_blank(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len > 0 && (is_blank(text.at[text.len - 1]) ||
				text.at[text.len - 1] == '\r'))
		text.len--;
	return text;
}

bool foreign_cut(struct foreign_text *rest, char at, struct foreign_text *ret)
{
	const char *end =
		rest->len > 0 ? memchr(rest->at, at, rest->len) : NULL;

	if (!end)
		return false;
	*ret = (struct foreign_text){ rest->at, (size_t)(end - rest->at) };
	rest->at = end + 1;
	rest->len -= ret->len + 1;
	return true;
}

bool foreign_word(struct foreign_text *rest, struct foreign_text *ret)
{
	struct foreign_text text = foreign_trim(*rest);
	size_t len = 0;

	while (len < text.len && !is_blank(text.at[len]))
		len++;
	if (len == 0)
		return false;
	*ret = (struct foreign_text){ text.at, len };
	*rest = (struct foreign_text){ text.at + len, text.len - len };
	return true;
}

bool foreign_number(struct foreign_text text, int64_t most, int64_t *ret)
{
	int64_t number = 0;

	if (text.len == 0 || text.len > 18)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		number = number * 10 + (text.at[i] - '0');
	}
	if (number > most)
		return false;
	*ret = number;
	return true;
}

/* With what makes an address of its front. */
static bool parse_front(struct foreign_text text, const char *rest,
			struct ip *ret_ip)
{
	char whole[IP_TEXT_SIZE + 8];
	size_t len = strlen(rest);

	if (text.len + len > sizeof(whole))
		return false;
	memcpy(whole, text.at, text.len);
	memcpy(whole + text.len, rest, len);
	return ip_parse(whole, text.len + len, ret_ip) == 0;
}

bool foreign_client(struct foreign_text text, struct ip *ret_ip)
{
	static const char *const rests[] = { ".0", ".0.0", "::" };
	struct foreign_text address;

	if (foreign_cut(&text, '%', &address))
		text = address;
	if (text.len == 0 || text.len > IP_TEXT_SIZE)
		return false;
	if (ip_parse(text.at, text.len, ret_ip) == 0)
		return true;
	if (!memchr(text.at, '.', text.len) && !memchr(text.at, ':', text.len))
		return false;
	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++)
		if (parse_front(text, rests[i], ret_ip))
			return true;
	return false;
}

/* --- records ------------------------------------------------------------- */

void foreign_tell(struct greylist_foreign *foreign, const char *what)
{
	foreign->problem(foreign->context, foreign->line, what);
}

void foreign_bad(struct greylist_foreign *foreign, const char *what)
{
	foreign->counts.records++;
	foreign->counts.bad++;
	foreign_tell(foreign, what);
}

/* What the store shall hold, without its key. */
struct made {
	struct store_entry entry;
	char value[GREYLIST_RECORD_SIZE];
};

static int64_t until(const struct greylist_foreign *foreign, int64_t left)
{
	return left == GREYLIST_FOR_EVER ? left : foreign->set.now.wall + left;
}

/* No later than now: a clock that was wrong there is not to count here. */
static struct greylist_time stamp(const struct greylist_foreign *foreign,
				  int64_t wall)
{
	int64_t now = foreign->set.now.wall;

	return (struct greylist_time){ .wall = wall < now ? wall : now };
}

static int64_t make_triplet(const struct greylist_foreign *foreign,
			    const struct foreign_record *record,
			    struct made *made)
{
	struct greylist_triplet *triplet = &made->entry.triplet;

	made->entry.kind = STORE_TRIPLET;
	triplet->count = record->count;
	if (record->state == FOREIGN_WAITS) {
		triplet->state = GREYLIST_WAITING;
		triplet->first = stamp(foreign, record->first);
		triplet->tried_wall = stamp(foreign, record->last).wall;
	} else {
		triplet->state = GREYLIST_PASSED;
		triplet->last = stamp(foreign, record->last);
		triplet->first_wall = stamp(foreign, record->first).wall;
		/* how long it had to wait is not in any of the dumps */
	}
	greylist_write_triplet(triplet, made->value);
	return greylist_triplet_left(triplet, &foreign->set.terms,
				     &foreign->set.now);
}

static int64_t make_identity(const struct greylist_foreign *foreign,
			     const struct foreign_record *record,
			     struct made *made)
{
	struct greylist_identity *identity = &made->entry.identity;

	made->entry.kind = STORE_IDENTITY;
	identity->passes = record->count;
	identity->counted = identity->last = stamp(foreign, record->last);
	greylist_write_identity(identity, made->value);
	return greylist_identity_left(identity, &foreign->set.terms,
				      &foreign->set.now);
}

static bool emit(struct greylist_foreign *foreign, struct made *made,
		 const char *identity, const char *sender,
		 const char *recipient)
{
	char key[TRIPLET_KEY_SIZE];

	made->entry.key = identity;
	if (made->entry.kind == STORE_TRIPLET) {
		if (triplet_key(identity, sender, recipient, key) == 0)
			return false;
		made->entry.key = key;
	}
	made->entry.value = made->value;
	foreign->counts.entries++;
	if (!foreign->stopped &&
	    !foreign->entry(foreign->context, foreign->line, &made->entry))
		foreign->stopped = true;
	return true;
}

/* Of the domain that the sender would have to prove.  False: none. */
static bool proven_domain(const struct foreign_record *record,
			  char identity[TRIPLET_IDENTITY_SIZE])
{
	struct triplet_client client = { .ip = { 0 } };
	struct triplet_bits bits = { 0, 0 };
	const char *at =
		record->sender.len > 0
			? memrchr(record->sender.at, '@', record->sender.len)
			: NULL;
	char domain[SENDER_DOMAIN_MAX + 1];
	size_t len;

	if (!at)
		return false;
	len = record->sender.len - (size_t)(at + 1 - record->sender.at);
	if (len == 0 || len >= sizeof(domain))
		return false;
	memcpy(domain, at + 1, len);
	domain[len] = '\0';
	client.spf_domain = domain;
	return strlen(domain) == len &&
	       triplet_identity(&client, &bits, identity) == TRIPLET_SPF;
}

void foreign_put(struct greylist_foreign *foreign,
		 const struct foreign_record *record)
{
	struct triplet_client client = { .ip = record->client };
	char network[TRIPLET_IDENTITY_SIZE], domain[TRIPLET_IDENTITY_SIZE];
	char sender[SENDER_KEY_SIZE], recipient[SENDER_KEY_SIZE];
	struct made made = { 0 };
	int64_t left;

	triplet_identity(&client, &foreign->set.bits, network);
	sender_key(record->sender.at, record->sender.len, sender);
	recipient_key(record->recipient.at, record->recipient.len, recipient);
	left = record->state == FOREIGN_KNOWN
		       ? make_identity(foreign, record, &made)
		       : make_triplet(foreign, record, &made);
	if (left == 0) {
		foreign->counts.records++;
		foreign->counts.lapsed++;
		return;
	}
	made.entry.expires = until(foreign, left);
	if (!emit(foreign, &made, network, sender, recipient)) {
		foreign_bad(foreign, "no triplet can be made of this");
		return;
	}
	foreign->counts.records++;
	foreign->counts.taken++;
	if (proven_domain(record, domain))
		emit(foreign, &made, domain, sender, recipient);
}

/* --- lines --------------------------------------------------------------- */

struct greylist_foreign *greylist_foreign_new(
	enum greylist_foreign_kind kind,
	const struct greylist_foreign_terms *terms,
	greylist_foreign_entry *entry, greylist_foreign_problem *problem,
	void *context)
{
	struct greylist_foreign *foreign = calloc(1, sizeof(*foreign));

	if (!foreign)
		return NULL;
	foreign->kind = kind;
	foreign->set = *terms;
	foreign->set.now.run = 0; /* the dump's times are the wall clock's */
	foreign->entry = entry;
	foreign->problem = problem;
	foreign->context = context;
	foreign->line = 1;
	return foreign;
}

void greylist_foreign_free(struct greylist_foreign *foreign)
{
	free(foreign);
}

static void end_line(struct greylist_foreign *foreign)
{
	struct foreign_text line = { foreign->text, foreign->len };
	bool whole = !foreign->is_long;

	foreign->len = 0;
	foreign->is_long = false;
	switch (foreign->kind) {
	case GREYLIST_FOREIGN_NONE: break;
	case GREYLIST_POSTGREY:
		foreign_postgrey_line(foreign, line, whole);
		break;
	case GREYLIST_MILTER_GREYLIST:
		foreign_milter_line(foreign, line, whole);
		break;
	case GREYLIST_SQLGREY: foreign_sql_line(foreign, line, whole); break;
	}
}

/* A first line of SQL may be longer than there is room. */
static void make_room(struct greylist_foreign *foreign)
{
	struct foreign_text line = { foreign->text, foreign->len };

	if (foreign->len == sizeof(foreign->text) &&
	    foreign->kind == GREYLIST_SQLGREY &&
	    foreign_sql_decide(foreign, line))
		foreign->len = 0;
}

static void take_byte(struct greylist_foreign *foreign, char c)
{
	make_room(foreign);
	if (foreign->kind == GREYLIST_SQLGREY &&
	    !foreign_sql_wants_lines(foreign))
		foreign_sql_byte(foreign, c);
	else if (c == '\n')
		end_line(foreign);
	else if (foreign->len < sizeof(foreign->text))
		foreign->text[foreign->len++] = c;
	else
		foreign->is_long = true;
	if (c == '\n') {
		foreign->line++;
		foreign->counts.lines++;
	}
}

bool greylist_foreign_feed(struct greylist_foreign *foreign, const char *text,
			   size_t len)
{
	for (size_t i = 0; i < len && !foreign->stopped; i++)
		take_byte(foreign, text[i]);
	return !foreign->stopped;
}

bool greylist_foreign_end(struct greylist_foreign *foreign)
{
	if (foreign->stopped)
		return false;
	if (foreign->len > 0 || foreign->is_long) {
		end_line(foreign);
		foreign->counts.lines++;
	}
	if (foreign->kind == GREYLIST_POSTGREY)
		foreign_postgrey_end(foreign);
	if (foreign->kind == GREYLIST_SQLGREY)
		foreign_sql_end(foreign);
	return !foreign->stopped;
}

const struct greylist_foreign_counts *greylist_foreign_counts(
	const struct greylist_foreign *foreign)
{
	return &foreign->counts;
}
