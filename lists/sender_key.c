/*
 * sender_key.c - what stays the same about a sender from one mail to the next.
 *
 * An address is first written as one word (put_word), then layers around the
 * local part are taken off or blanked, outermost first (strip_layers), and then
 * what is left is folded: plus tag, encoded recipient, numbers and codes.
 *
 * That the key of a key is the key rests on this: what is put in place of
 * something, "#" and "*", is neither letter nor digit, so it never makes a
 * word, a domain or a tag where there was none; and "{20}" is passed over.
 */
#include "lists/sender_key.h"

#include <stdbool.h>
#include <string.h>

#include "lists/hash.h"

enum {
	BATV_TAG_MIN = 4,
	BATV_TAG_MAX = 32,
	OLD_TAG_LEN = 10, /* K, DDD, SSSSSS of the first BATV draft */
	UUID_LEN = 36,
	RUN_MIN = 5, /* digits in a word, to be no part of a name */
	HEX_MIN = 8, /* a word all of hex digits, to be a code */
	CODE_MIN = 8, /* a word that goes to and fro, to be one */
	CODE_TURNS = 3,
	LONG_CODE = 16, /* a word with a digit in it, to be one */
	LONE_CODE = 20, /* the same where it is the whole local part */
};

struct piece {
	const char *at;
	size_t len;
};

/* What is written is never longer than what was read. */
struct word {
	char at[4 * SENDER_INPUT_MAX];
	size_t len;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters are small by now. */
static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || is_alnum(c) ||
	       (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c));
}

static void put(struct word *to, const char *text, size_t len)
{
	memcpy(to->at + to->len, text, len);
	to->len += len;
}

static void put_byte(struct word *to, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";

	put(to, (const char[]){ '{', hex[byte >> 4], hex[byte & 15], '}' }, 4);
}

/*
 * Writes it as one word in small letters; `special` is written by its number.
 */
static void put_word(struct word *to, struct piece from, char special,
		     const char *also_plain)
{
	for (size_t i = 0; i < from.len; i++) {
		char c = from.at[i];
		bool plain =
			is_plain(c) || (c != '\0' && strchr(also_plain, c));

		if (!plain || c == special)
			put_byte(to, (unsigned char)c);
		else if (c >= 'A' && c <= 'Z')
			put(to, (const char[]){ (char)(c + ('a' - 'A')) }, 1);
		else
			put(to, &c, 1);
	}
}

/* A local part in quotes, without them; `room` holds as many bytes. */
static struct piece unquote(struct piece local, char *room)
{
	size_t len = 0;

	if (local.len < 2 || local.at[0] != '"' ||
	    local.at[local.len - 1] != '"')
		return local;
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.at[i] == '\\' && i + 2 < local.len)
			i++;
		room[len++] = local.at[i];
	}
	return (struct piece){ room, len };
}

/* --- layers -------------------------------------------------------------- */

static bool take_text(struct piece *from, const char *text)
{
	size_t len = strlen(text);

	if (from->len < len || memcmp(from->at, text, len) != 0)
		return false;
	from->at += len;
	from->len -= len;
	return true;
}

/* Up to the next '=', which is taken too. */
static bool take_field(struct piece *from, struct piece *ret_field)
{
	const char *end = memchr(from->at, '=', from->len);

	if (!end)
		return false;
	*ret_field = (struct piece){ from->at, (size_t)(end - from->at) };
	from->at = end + 1;
	from->len -= ret_field->len + 1;
	return true;
}

static bool is_all_alnum(struct piece text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.at[i]))
			return false;
	return true;
}

/*
 * Domains within a local part: labels of letters, digits and hyphens up to the
 * last that could be a top level.  Returns its length, 0 for none.
 */
static size_t domain_length(struct piece text)
{
	size_t label = 0, found = 0, at = 0;

	for (;; at++) {
		bool more = at < text.len &&
			    (is_alnum(text.at[at]) || text.at[at] == '-');

		if (more)
			continue;
		if (label > 0 && at - label >= 2 && !is_digit(text.at[label]) &&
		    text.at[label] != '-') {
			found = at;
			while (text.at[found - 1] == '-')
				found--;
		}
		if (at >= text.len || text.at[at] != '.' || at == label)
			return found;
		label = at + 1;
	}
}

static bool is_domain(struct piece text)
{
	return text.len > 0 && domain_length(text) == text.len;
}

static bool is_blank_or(struct piece text, size_t max, const char *others)
{
	if (text.len == 1 && text.at[0] == '#')
		return true;
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.at[i]) && !strchr(others, text.at[i]))
			return false;
	return text.len > 0 && text.len <= max;
}

/* HHH=TT=example.org=local: hash and day are blanked. */
static bool strip_srs0(struct piece *from, struct word *to)
{
	struct piece rest = *from, hash, day, domain;

	if (!take_field(&rest, &hash) || !is_blank_or(hash, 32, "+/") ||
	    !take_field(&rest, &day) || !is_blank_or(day, 2, "") ||
	    !take_field(&rest, &domain) || !is_domain(domain) || rest.len == 0)
		return false;
	put(to, "srs0=#=#=", 9);
	put(to, domain.at, domain.len);
	put(to, "=", 1);
	*from = rest;
	return true;
}

/* Which of =, + and - stands behind SRS0 says nothing. */
static bool take_separator(struct piece *from)
{
	return take_text(from, "=") || take_text(from, "+") ||
	       take_text(from, "-");
}

/* SRS1=HHH=first.example.net==HHH=TT=example.org=local */
static bool strip_srs1(struct piece *from, struct word *to)
{
	struct piece rest = *from, hash, host;
	struct word inner;

	if (!take_field(&rest, &hash) || !is_blank_or(hash, 32, "+/") ||
	    !take_field(&rest, &host) || !is_domain(host) ||
	    !take_separator(&rest))
		return false;
	inner.len = 0;
	if (!strip_srs0(&rest, &inner))
		return false;
	put(to, "srs1=#=", 7);
	put(to, host.at, host.len);
	put(to, "=", 1);
	put(to, inner.at + 4, inner.len - 4); /* without "srs0" */
	*from = rest;
	return true;
}

static bool is_batv_tag(struct piece tag)
{
	return tag.len >= BATV_TAG_MIN && tag.len <= BATV_TAG_MAX &&
	       is_all_alnum(tag);
}

static bool is_old_tag(struct piece tag)
{
	bool fits = tag.len == OLD_TAG_LEN;

	for (size_t i = 0; fits && i < tag.len; i++)
		fits = i < 4 ? is_digit(tag.at[i]) : is_hex(tag.at[i]);
	return fits;
}

/*
 * prvs=tag=local (the draft, and its cousin msprvs1), btv1==tag==local, and
 * prvs=local/tag of the first draft.
 */
static bool strip_batv(struct piece *from)
{
	struct piece rest = *from, tag;

	if (take_text(&rest, "btv1==")) {
		if (!take_field(&rest, &tag) || !is_batv_tag(tag) ||
		    !take_text(&rest, "=") || rest.len == 0)
			return false;
		*from = rest;
		return true;
	}
	if (!take_text(&rest, "prvs=") && !take_text(&rest, "msprvs1="))
		return false;
	tag = rest;
	if (take_field(&rest, &tag)) {
		if (!is_batv_tag(tag) || rest.len == 0)
			return false;
		*from = rest;
		return true;
	}
	if (rest.len < OLD_TAG_LEN + 2)
		return false;
	tag.at = rest.at + rest.len - OLD_TAG_LEN;
	tag.len = OLD_TAG_LEN;
	if (tag.at[-1] != '/' || !is_old_tag(tag))
		return false;
	*from = (struct piece){ rest.at, rest.len - OLD_TAG_LEN - 1 };
	return true;
}

static bool strip_srs(struct piece *local, struct word *to)
{
	struct piece rest = *local;
	bool first = take_text(&rest, "srs0");

	if ((!first && !take_text(&rest, "srs1")) || !take_separator(&rest))
		return false;
	if (first ? !strip_srs0(&rest, to) : !strip_srs1(&rest, to))
		return false;
	*local = rest;
	return true;
}

/* Each layer is shorter than the one around it. */
static struct piece strip_layers(struct piece local, struct word *to)
{
	while (strip_srs(&local, to) || strip_batv(&local))
		;
	return local;
}

/* --- what is left -------------------------------------------------------- */

static struct piece cut_tag(struct piece local)
{
	for (size_t i = 1; i < local.len; i++)
		if (local.at[i] == '+')
			local.len = i;
	return local;
}

static bool is_user_char(char c)
{
	return is_alnum(c) || c == '.' || c == '_';
}

/* "you=example.org" becomes "*". */
static void put_without_recipients(struct word *to, struct piece local)
{
	size_t user = to->len; /* where one could begin */

	for (size_t i = 0; i < local.len; i++) {
		struct piece rest = { local.at + i + 1, local.len - i - 1 };
		char c = local.at[i];
		size_t len = 0;

		if (c == '=' && to->len > user)
			len = domain_length(rest);
		if (len > 0) {
			to->len = user;
			put(to, "*", 1);
			i += len;
		} else {
			put(to, &c, 1);
		}
		if (len > 0 || !is_user_char(c))
			user = to->len;
	}
}

static bool is_code(struct piece word)
{
	size_t digits = 0, hex = 0, turns = 0;

	for (size_t i = 0; i < word.len; i++) {
		digits += is_digit(word.at[i]);
		hex += is_hex(word.at[i]);
		turns += i > 0 &&
			 is_digit(word.at[i]) != is_digit(word.at[i - 1]);
	}
	if (digits == 0)
		return false;
	return digits == word.len || word.len >= LONG_CODE ||
	       (hex == word.len && word.len >= HEX_MIN) ||
	       (turns >= CODE_TURNS && word.len >= CODE_MIN);
}

static void put_unless_code(struct word *to, struct piece word)
{
	if (is_code(word))
		put(to, "#", 1);
	else
		put(to, word.at, word.len);
}

/* Long runs of digits cut a word, and go; each piece may be a code. */
static void put_without_runs(struct word *to, struct piece word)
{
	size_t from = 0, at = 0;

	while (at < word.len) {
		size_t run = 0;

		while (at + run < word.len && is_digit(word.at[at + run]))
			run++;
		if (run >= RUN_MIN) {
			put_unless_code(to, (struct piece){ word.at + from,
							    at - from });
			put(to, "#", 1);
			from = at + run;
		}
		at += run > 0 ? run : 1;
	}
	if (from == 0)
		put(to, word.at, word.len); /* judged by the caller */
	else
		put_unless_code(to, (struct piece){ word.at + from,
						    word.len - from });
}

/* Not behind a run that has been cut off: that would be seen but later. */
static bool is_uuid(const char *at, size_t len, bool behind_cut)
{
	if (len < UUID_LEN || behind_cut)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? at[i] != '-' : !is_hex(at[i]))
			return false;
	}
	return len == UUID_LEN || !is_alnum(at[UUID_LEN]);
}

static bool is_escape(const char *at, size_t len)
{
	return len >= 4 && at[0] == '{' && is_hex(at[1]) && is_hex(at[2]) &&
	       at[3] == '}';
}

/* Numbers and codes become "#". */
static void put_without_codes(struct word *to, struct piece local)
{
	size_t len;

	for (size_t i = 0; i < local.len; i += len) {
		const char *at = local.at + i;
		size_t left = local.len - i;

		len = 0;
		while (len < left && is_alnum(at[len]))
			len++;
		if (is_uuid(at, left, i > 0 && at[-1] == '#')) {
			len = UUID_LEN;
			put(to, "#", 1);
		} else if (is_code((struct piece){ at, len })) {
			put(to, "#", 1);
		} else if (len > 0) {
			put_without_runs(to, (struct piece){ at, len });
		} else {
			len = is_escape(at, left) ? 4 : 1;
			put(to, at, len);
		}
	}
}

/*
 * A word alone is somebody's name: a number is kept then, and a code has to be
 * a long one.
 */
static void put_name(struct word *to, struct piece name)
{
	size_t digits = 0;

	for (size_t i = 0; i < name.len; i++)
		digits += is_digit(name.at[i]);
	if (digits == name.len)
		put(to, name.at, name.len);
	else
		put_without_runs(to, name);
}

static void normalise(struct word *to, const struct word *from)
{
	struct piece local = { from->at, from->len };
	struct word without;

	to->len = without.len = 0;
	local = cut_tag(strip_layers(local, to));
	put_without_recipients(&without, local);
	local = (struct piece){ without.at, without.len };
	if (is_all_alnum(local) && local.len < LONE_CODE)
		put_name(to, local);
	else
		put_without_codes(to, local);
}

/* --- keys ---------------------------------------------------------------- */

static void put_digest(struct word *to, const char *text, size_t len)
{
	struct hash_digest digest = hash_digest(text, len);

	for (size_t i = 0; i < 16; i++)
		put_byte(to, (unsigned char)(digest.word[i / 8] >>
					     8 * (7 - i % 8)));
}

/* As much of the word as there is room for, or its digest. */
static size_t copy(char *to, const struct word *word, size_t max)
{
	struct word digest;

	if (word->len <= max) {
		memcpy(to, word->at, word->len);
		return word->len;
	}
	digest.len = 0;
	put_digest(&digest, word->at, word->len);
	memcpy(to, digest.at, digest.len);
	return digest.len;
}

static const char *last_at(const char *address, size_t len)
{
	return len > 0 ? memrchr(address, '@', len) : NULL;
}

static size_t key(const char *address, size_t len, bool of_sender,
		  char buf[SENDER_KEY_SIZE])
{
	const char *at = last_at(address, len);
	struct piece local = { address, at ? (size_t)(at - address) : len };
	struct piece domain = { at ? at + 1 : "",
				at ? len - local.len - 1 : 0 };
	char special = of_sender ? '\0' : '{';
	struct word plain, folded;
	char room[SENDER_INPUT_MAX];
	size_t used;

	plain.len = 0;
	put_word(&plain, unquote(local, room), special, ".");
	if (of_sender)
		normalise(&folded, &plain);
	used = copy(buf, of_sender ? &folded : &plain, SENDER_LOCAL_MAX);
	if (at) {
		while (domain.len > 0 && domain.at[domain.len - 1] == '.')
			domain.len--;
		plain.len = 0;
		put_word(&plain, domain, special, ".:[]");
		buf[used++] = '@';
		used += copy(buf + used, &plain, SENDER_DOMAIN_MAX);
	}
	if (used == 0) { /* a pair of quotes: a word, but not the null sender */
		memcpy(buf, "{}", 2);
		used = 2;
	}
	buf[used] = '\0';
	return used;
}

static size_t either_key(const char *address, size_t len, bool of_sender,
			 char buf[SENDER_KEY_SIZE])
{
	struct word digest;

	if (len == 0 || (len == 2 && memcmp(address, "<>", 2) == 0)) {
		memcpy(buf, "<>", 3);
		return 2;
	}
	if (len <= SENDER_INPUT_MAX)
		return key(address, len, of_sender, buf);
	digest.len = 0;
	put_digest(&digest, address, len);
	memcpy(buf, digest.at, digest.len);
	buf[digest.len] = '\0';
	return digest.len;
}

size_t sender_key(const char *address, size_t len, char buf[SENDER_KEY_SIZE])
{
	return either_key(address, len, true, buf);
}

size_t recipient_key(const char *address, size_t len, char buf[SENDER_KEY_SIZE])
{
	return either_key(address, len, false, buf);
}
