/*
 * greylist_foreign_dump.c - the dumps of postgrey and of milter-greylist.
 *
 * db_dump writes a header of NAME=VALUE, to "HEADER=END", and then keys and
 * values in turn, each on a line with a blank in front, to "DATA=END".  With -p
 * a byte that cannot be printed is a backslash and two hexadecimal digits, and
 * a backslash is two; without it all bytes are digits.
 */
#include "lists/greylist_foreign_private.h"

#include <string.h>

enum {
	POSTGREY_DELAY = 300, /* its usual --delay */
	HASH_LEN = 40, /* of --privacy */
};

/* --- postgrey: keys and values ------------------------------------------- */

static bool is_hash(struct foreign_text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr("0123456789abcdef", text.at[i]) || !text.at[i])
			return false;
	return text.len == HASH_LEN;
}

/*
 * In front of the sender stands the client, with "/32" behind it if that is one
 * host.  Both addresses may have slashes in their local parts, but no domain
 * has: the sender ends at the first slash behind its '@'.
 */
static bool split_key(struct foreign_text key, struct foreign_record *record)
{
	struct foreign_text client, bits, rest = key, domain, tail;
	int64_t number;

	if (!foreign_cut(&rest, '/', &client) ||
	    !foreign_client(client, &record->client))
		return false;
	tail = rest;
	if (foreign_cut(&tail, '/', &bits) &&
	    foreign_number(bits, 128, &number) && tail.len > 0 &&
	    memchr(tail.at, '/', tail.len))
		rest = tail;
	record->sender = rest;
	if (rest.len > 0 && rest.at[0] != '/' &&
	    foreign_cut(&rest, '@', &domain) &&
	    foreign_cut(&rest, '/', &domain)) {
		record->sender.len =
			(size_t)(domain.at + domain.len - record->sender.at);
		record->recipient = rest;
		return rest.len > 0;
	}
	rest = record->sender;
	if (!foreign_cut(&rest, '/', &record->sender))
		return false;
	record->recipient = rest;
	return rest.len > 0;
}

/*
 * A triplet has passed when the wait lay between its two times.  How long that
 * was there nobody says; who has waited as long as here has waited.
 */
static void judge_triplet(struct greylist_foreign *foreign,
			  struct foreign_record *record)
{
	int64_t wait = foreign->set.terms.wait;

	if (wait > POSTGREY_DELAY)
		wait = POSTGREY_DELAY;
	record->state = record->last - record->first >= wait ? FOREIGN_PASSED
							     : FOREIGN_WAITS;
	record->count = record->last > record->first ? 2 : 1;
	foreign_put(foreign, record);
}

static void take_pair(struct greylist_foreign *foreign, struct foreign_text key,
		      struct foreign_text value)
{
	struct foreign_record record = { .sender = { "", 0 },
					 .recipient = { "", 0 } };
	struct foreign_text first, last, more;
	int64_t count;

	last = value;
	if (!foreign_cut(&last, ',', &first)) {
		foreign_bad(foreign, "a value is not two numbers");
		return;
	}
	if (foreign_cut(&last, ',', &more)) /* a host's last byte, once */
		last = more;
	if (!foreign_number(last, GREYLIST_TIME_MAX, &record.last) ||
	    !foreign_number(first, GREYLIST_TIME_MAX, &count)) {
		foreign_bad(foreign, "a value is not two numbers");
	} else if (is_hash(key)) {
		foreign->counts.records++;
		foreign->counts.hashed++;
	} else if (foreign_client(key, &record.client)) {
		record.state = FOREIGN_KNOWN;
		record.count = (uint32_t)(count < GREYLIST_COUNT_MAX
						  ? count
						  : GREYLIST_COUNT_MAX);
		foreign_put(foreign, &record);
	} else if (split_key(key, &record)) {
		record.first = count;
		judge_triplet(foreign, &record);
	} else {
		foreign_bad(foreign, "a key is no client, and no "
				     "CLIENT/SENDER/RECIPIENT");
	}
}

/* --- postgrey: db_dump --------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool take_hex(struct foreign_text *text, char *ret)
{
	int high, low;

	if (text->len < 2)
		return false;
	high = hex(text->at[0]);
	low = hex(text->at[1]);
	if (high < 0 || low < 0)
		return false;
	*ret = (char)(high << 4 | low);
	text->at += 2;
	text->len -= 2;
	return true;
}

/* What is written is never longer than what was read. */
static bool decode(bool is_hex, struct foreign_text text, char *to,
		   size_t *ret_len)
{
	size_t len = 0;

	while (text.len > 0) {
		char c = text.at[0];

		if (!is_hex) {
			text.at++;
			text.len--;
		}
		if (!is_hex && c == '\\' && text.len > 0 &&
		    text.at[0] == '\\') {
			text.at++;
			text.len--;
		} else if ((is_hex || c == '\\') && !take_hex(&text, &c)) {
			return false;
		}
		to[len++] = c;
	}
	*ret_len = len;
	return true;
}

static void header_line(struct greylist_foreign *foreign,
			struct foreign_text line)
{
	struct foreign_postgrey *at = &foreign->of.postgrey;
	struct foreign_text name, value = line;

	if (foreign_is(line, "HEADER=END")) {
		at->at = FOREIGN_KEY;
	} else if (!foreign_cut(&value, '=', &name)) {
		foreign_tell(foreign, "no line of db_dump's header");
	} else if (foreign_is(name, "format")) {
		at->is_hex = foreign_is(value, "bytevalue");
	} else if (foreign_is(name, "type") && !foreign_is(value, "btree") &&
		   !foreign_is(value, "hash")) {
		foreign_tell(foreign, "postgrey's data bases are of type "
				      "btree; this is another");
	}
}

static void data_line(struct greylist_foreign *foreign,
		      struct foreign_text line, bool whole)
{
	struct foreign_postgrey *at = &foreign->of.postgrey;
	char value[GREYLIST_FOREIGN_LINE];
	bool is_value = at->at == FOREIGN_VALUES;
	size_t len;
	bool read;

	if (whole && foreign_is(line, "DATA=END")) {
		if (is_value)
			foreign_bad(foreign, "the last key has no value");
		at->at = FOREIGN_LINES;
		return;
	}
	at->at = is_value ? FOREIGN_KEY : FOREIGN_VALUES;
	read = whole && line.len > 0 && line.at[0] == ' ';
	line.at++;
	line.len -= line.len > 0;
	read = read &&
	       decode(at->is_hex, line, is_value ? value : at->key, &len);
	if (!is_value) {
		at->key_line = foreign->line;
		at->key_len = read ? len : 0;
	} else if (!read || at->key_len == 0) {
		foreign_bad(foreign, "this key and value are not as db_dump "
				     "writes them");
	} else {
		take_pair(foreign,
			  (struct foreign_text){ at->key, at->key_len },
			  (struct foreign_text){ value, len });
	}
}

/* "KEY VALUE", as small scripts write it: with blanks, "=", "=>" or ":". */
static void pair_line(struct greylist_foreign *foreign,
		      struct foreign_text line)
{
	struct foreign_text key = line, value;
	size_t at = line.len;

	while (at > 0 && line.at[at - 1] != ' ' && line.at[at - 1] != '\t')
		at--;
	value = (struct foreign_text){ line.at + at, line.len - at };
	key.len = at;
	key = foreign_trim(key);
	while (key.len > 0 && strchr("=>:", key.at[key.len - 1]) &&
	       !(key.len > 1 && key.at[key.len - 1] == ':' &&
		 key.at[key.len - 2] == ':'))
		key.len--;
	key = foreign_trim(key);
	if (key.len == 0)
		foreign_bad(foreign, "neither db_dump's nor KEY VALUE");
	else
		take_pair(foreign, key, value);
}

void foreign_postgrey_line(struct greylist_foreign *foreign,
			   struct foreign_text line, bool whole)
{
	struct foreign_postgrey *at = &foreign->of.postgrey;

	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	if ((at->at == FOREIGN_KEY || at->at == FOREIGN_VALUES) &&
	    foreign_starts(line, "VERSION=")) {
		foreign_postgrey_end(foreign); /* and another one begins */
		at->at = FOREIGN_LINES;
	}
	if (at->at == FOREIGN_KEY || at->at == FOREIGN_VALUES) {
		data_line(foreign, line, whole);
		return;
	}
	if (!whole) {
		foreign_bad(foreign, "the line is too long");
		return;
	}
	if (at->at == FOREIGN_HEADER) {
		header_line(foreign, line);
	} else if (foreign_starts(line, "VERSION=") ||
		   foreign_starts(line, "format=")) {
		at->at = FOREIGN_HEADER;
		at->is_hex = false;
		header_line(foreign, line);
	} else if (foreign_trim(line).len > 0 && line.at[0] != '#') {
		pair_line(foreign, foreign_trim(line));
	}
}

void foreign_postgrey_end(struct greylist_foreign *foreign)
{
	if (foreign->of.postgrey.at == FOREIGN_VALUES)
		foreign_bad(foreign, "the last key has no value");
	if (foreign->of.postgrey.at != FOREIGN_LINES)
		foreign_tell(foreign, "the dump ends before DATA=END: "
				      "it was cut off");
}

/* --- milter-greylist ----------------------------------------------------- */

static struct foreign_text without_brackets(struct foreign_text address)
{
	if (address.len >= 2 && address.at[0] == '<' &&
	    address.at[address.len - 1] == '>') {
		address.at++;
		address.len -= 2;
	}
	return address;
}

/* Tabs are between the parts; by hand it may be blanks. */
static bool take_part(struct foreign_text *rest, bool tabs,
		      struct foreign_text *ret)
{
	if (!tabs)
		return foreign_word(rest, ret);
	if (!foreign_cut(rest, '\t', ret))
		return false;
	*ret = foreign_trim(*ret);
	return ret->len > 0;
}

/* Behind the addresses: a time, or two, a word, and a remark. */
struct tail {
	int64_t time;
	bool is_auto, is_tarpit;
};

static bool read_tail(struct foreign_text rest, struct tail *ret)
{
	struct foreign_text word;
	int64_t again;

	*ret = (struct tail){ 0 };
	if (!foreign_word(&rest, &word) ||
	    !foreign_number(word, GREYLIST_TIME_MAX, &ret->time))
		return false;
	while (foreign_word(&rest, &word) && word.at[0] != '#') {
		if (ret->is_auto || ret->is_tarpit)
			return false;
		if (foreign_is(word, "auto"))
			ret->is_auto = true;
		else if (foreign_is(word, "tarpit"))
			ret->is_tarpit = true;
		else if (!foreign_number(word, GREYLIST_TIME_MAX, &again))
			return false;
	}
	return true;
}

/*
 * The time of one that waits is when it shall pass; of one that has passed,
 * until when it is believed: by how much that lies behind its last use is not
 * said, so it is as good as used now.
 */
static void judge_tuple(struct greylist_foreign *foreign,
			struct foreign_record *record, const struct tail *tail)
{
	int64_t now = foreign->set.now.wall, wait = foreign->set.terms.wait;

	record->count = 1;
	if (tail->is_tarpit) {
		foreign->counts.records++;
		foreign->counts.other++;
		return;
	}
	if (tail->is_auto && tail->time < now) {
		foreign->counts.records++;
		foreign->counts.lapsed++;
		return;
	}
	record->state = tail->is_auto ? FOREIGN_PASSED : FOREIGN_WAITS;
	if (tail->is_auto)
		record->first = record->last = now;
	else
		record->first = record->last =
			tail->time > wait ? tail->time - wait : 0;
	foreign_put(foreign, record);
}

void foreign_milter_line(struct greylist_foreign *foreign,
			 struct foreign_text line, bool whole)
{
	struct foreign_record record = { .state = FOREIGN_WAITS };
	struct foreign_text client, rest = foreign_trim(line);
	struct tail tail;
	bool tabs;

	if (rest.len == 0 || rest.at[0] == '#')
		return;
	tabs = memchr(rest.at, '\t', rest.len) != NULL;
	if (!whole)
		foreign_bad(foreign, "the line is too long");
	else if (!take_part(&rest, tabs, &client) ||
		 !take_part(&rest, tabs, &record.sender) ||
		 !take_part(&rest, tabs, &record.recipient))
		foreign_bad(foreign, "no ADDRESS, SENDER, RECIPIENT and TIME");
	else if (!foreign_client(client, &record.client))
		foreign_bad(foreign, "the first word is no address");
	else if (!read_tail(rest, &tail))
		foreign_bad(foreign, "behind the recipient comes no time, or "
				     "what is not known");
	else {
		record.sender = without_brackets(record.sender);
		record.recipient = without_brackets(record.recipient);
		judge_tuple(foreign, &record, &tail);
	}
}
