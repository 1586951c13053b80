/*
 * fuzz_redis_reply.c - bytes from a server, into all that reads replies.
 *
 * What is read must be within its bounds, and must not depend on how the bytes
 * were cut: each input is read in one piece, byte by byte, and in two.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lists/store_redis_reply.h"
#include "tests/fuzz/fuzz.h"

enum { REPLIES_MAX = 64 };

static void check_result(const struct redis_reply *reply)
{
	struct greylist_result result;
	unsigned foreign;

	if (!redis_reply_visit(reply, &result, &foreign))
		return;
	CLAIM(result.answer != GREYLIST_UNKNOWN && foreign <= 3);
	CLAIM(result.why > GREYLIST_NO_ANSWER &&
	      result.why <= GREYLIST_TRAPPED);
	CLAIM((result.left > 0) == (result.answer != GREYLIST_PASS));
	CLAIM(result.waited >= 0 && result.waited <= GREYLIST_SPAN_MAX);
	CLAIM(result.triplet_left >= 0 && result.identity_left >= 0);
}

static void check_time(const struct redis_reply *reply)
{
	int64_t seconds;

	if (redis_reply_time(reply, &seconds))
		CLAIM(seconds >= 0 && seconds <= GREYLIST_TIME_MAX);
}

static void check_look(const struct redis_reply *reply, size_t count)
{
	const char *text;
	int64_t expires;
	size_t len;

	for (size_t at = 0; at < count + 1; at++) {
		if (!redis_reply_look(reply, count, at, 1700000000, &text, &len,
				      &expires))
			continue;
		CLAIM(at < count);
		CLAIM(text == NULL || text[len] == '\0');
		CLAIM(expires >= 1700000000);
	}
}

static void check_text(const char *text)
{
	CLAIM(strlen(text) < STORE_WHY_SIZE);
	for (; *text; text++)
		CLAIM(*text >= ' ' && *text <= '~');
}

/* Everything that is ever asked of a reply. */
static void check(const struct redis_reply *reply)
{
	const struct redis_reply *keys;
	char why[STORE_WHY_SIZE], sha[REDIS_SHA_SIZE];
	uint64_t cursor;
	bool master;

	(void)redis_reply_is(reply, "OK");
	(void)redis_reply_is_noscript(reply);
	(void)redis_reply_role(reply, &master);
	CLAIM(redis_reply_refusal(reply, why) != STORE_DONE);
	check_text(why);
	if (redis_reply_sha(reply, sha))
		CLAIM(strlen(sha) == REDIS_SHA_SIZE - 1);
	check_result(reply);
	check_time(reply);
	check_look(reply, 1);
	check_look(reply, 3);
	if (redis_reply_scan(reply, &cursor, &keys)) {
		for (size_t i = 0; i < keys->count; i++)
			CLAIM(keys->parts[i]->text != NULL);
	}
}

static size_t count_parts(const struct redis_reply *reply)
{
	size_t count = reply->count;

	for (size_t i = 0; i < reply->count; i++) {
		CLAIM(reply->parts[i] != NULL);
		count += count_parts(reply->parts[i]);
	}
	return count;
}

static bool same(const struct redis_reply *a, const struct redis_reply *b)
{
	if (a->kind != b->kind || a->number != b->number || a->len != b->len ||
	    a->count != b->count || (a->text == NULL) != (b->text == NULL))
		return false;
	if (a->len > 0 && memcmp(a->text, b->text, a->len) != 0)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!same(a->parts[i], b->parts[i]))
			return false;
	}
	return true;
}

struct replies {
	struct redis_reply *reply[REPLIES_MAX];
	size_t count;
	bool failed;
};

static void take(struct redis_reader *reader, struct replies *replies)
{
	char why[STORE_WHY_SIZE];
	struct redis_reply *reply;

	while (!replies->failed && replies->count < REPLIES_MAX) {
		if (redis_reader_next(reader, &reply, why) < 0) {
			replies->failed = true;
			check_text(why);
			return;
		}
		if (reply == NULL)
			return;
		CLAIM(count_parts(reply) <= REDIS_REPLY_PARTS);
		replies->reply[replies->count++] = reply;
	}
}

/* In pieces of so many bytes. */
static void read_all(const char *bytes, size_t len, size_t piece,
		     struct replies *replies)
{
	struct redis_reader *reader = redis_reader_new();
	char why[STORE_WHY_SIZE];

	CLAIM(reader != NULL);
	*replies = (struct replies){ .count = 0 };
	while (len > 0 && !replies->failed) {
		size_t some = len < piece ? len : piece;

		if (redis_reader_feed(reader, bytes, some, why) < 0)
			replies->failed = true;
		take(reader, replies);
		bytes += some;
		len -= some;
	}
	(void)redis_reader_is_empty(reader);
	redis_reader_free(reader);
}

static void free_all(struct replies *replies)
{
	while (replies->count > 0)
		redis_reply_free(replies->reply[--replies->count]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct replies whole, cut;
	const size_t pieces[] = { 1, size / 2 + 1 };

	if (size == 0 || size > 65536)
		return 0;
	read_all(bytes, size, size, &whole);
	for (size_t i = 0; i < whole.count; i++)
		check(whole.reply[i]);
	for (size_t i = 0; i < 2; i++) {
		read_all(bytes, size, pieces[i], &cut);
		CLAIM(cut.count == whole.count && cut.failed == whole.failed);
		for (size_t n = 0; n < cut.count; n++)
			CLAIM(same(whole.reply[n], cut.reply[n]));
		free_all(&cut);
	}
	free_all(&whole);
	return 0;
}
