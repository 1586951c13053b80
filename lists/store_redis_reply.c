/*
 * store_redis_reply.c - what a server says, read within bounds.
 */
#include "lists/store_redis_reply.h"

#include <hiredis/read.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_reader {
	redisReader *reader;
	size_t fed; /* since the last reply */
	size_t most; /* that were fed for one */
	size_t parts; /* that were made for this reply */
	const char *wrong; /* why nothing more was made */
};

/* --- objects, as hiredis asks for them ----------------------------------- */

void redis_reply_free(struct redis_reply *reply)
{
	/* as deep as hiredis reads, which is nine arrays in each other */
	if (reply == NULL)
		return;
	for (size_t i = 0; i < reply->count; i++)
		redis_reply_free(reply->parts[i]);
	free(reply->parts);
	free(reply->text);
	free(reply);
}

static void free_object(void *object)
{
	redis_reply_free(object);
}

/* Puts it where it belongs; an object without a parent is the reply. */
static void *make(const redisReadTask *task, enum redis_kind kind)
{
	struct redis_reader *reader = task->privdata;
	struct redis_reply *reply = calloc(1, sizeof(*reply));

	if (reply == NULL) {
		reader->wrong = "out of memory";
		return NULL;
	}
	reply->kind = kind;
	if (task->parent != NULL) {
		struct redis_reply *parent = task->parent->obj;

		parent->parts[task->idx] = reply;
	}
	return reply;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
	struct redis_reader *reader = task->privdata;
	enum redis_kind kind = task->type == REDIS_REPLY_ERROR	  ? REDIS_ERROR
			       : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
								  : REDIS_TEXT;
	char *copy = malloc(len + 1);
	struct redis_reply *reply;

	if (copy == NULL) {
		reader->wrong = "out of memory";
		return NULL;
	}
	reply = make(task, kind);
	if (reply == NULL) {
		free(copy);
		return NULL;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	reply->text = copy;
	reply->len = len;
	return reply;
}

static void *make_array(const redisReadTask *task, int count)
{
	struct redis_reader *reader = task->privdata;
	struct redis_reply **parts = NULL;
	struct redis_reply *reply;

	if (count < 0 || (size_t)count > REDIS_REPLY_PARTS - reader->parts) {
		reader->wrong = "the server's reply has too many parts";
		return NULL;
	}
	if (count > 0) {
		parts = calloc((size_t)count, sizeof(*parts));
		if (parts == NULL) {
			reader->wrong = "out of memory";
			return NULL;
		}
	}
	reply = make(task, REDIS_ARRAY);
	if (reply == NULL) {
		free(parts);
		return NULL;
	}
	reader->parts += (size_t)count;
	reply->parts = parts;
	reply->count = (size_t)count;
	return reply;
}

static void *make_integer(const redisReadTask *task, long long number)
{
	struct redis_reply *reply = make(task, REDIS_NUMBER);

	if (reply != NULL)
		reply->number = number;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, REDIS_NOTHING);
}

static redisReplyObjectFunctions objects = {
	.createString = make_string,
	.createArray = make_array,
	.createInteger = make_integer,
	.createNil = make_nil,
	.freeObject = free_object,
};

/* --- reading ------------------------------------------------------------- */

struct redis_reader *redis_reader_new(void)
{
	struct redis_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return NULL;
	reader->reader = redisReaderCreateWithFunctions(&objects);
	if (reader->reader == NULL) {
		free(reader);
		return NULL;
	}
	reader->reader->privdata = reader;
	/*
	 * it would make a new buffer for a large one, and asserts that it can
	 */
	reader->reader->maxbuf = 0;
	return reader;
}

void redis_reader_free(struct redis_reader *reader)
{
	if (reader == NULL)
		return;
	redisReaderFree(reader->reader);
	free(reader);
}

static int fail(const struct redis_reader *reader, char why[STORE_WHY_SIZE])
{
	if (reader->wrong != NULL)
		snprintf(why, STORE_WHY_SIZE, "%s", reader->wrong);
	else
		snprintf(why, STORE_WHY_SIZE, "the server's reply: %s",
			 reader->reader->err ? reader->reader->errstr : "?");
	return -1;
}

int redis_reader_feed(struct redis_reader *reader, const char *bytes,
		      size_t len, char ret_why[STORE_WHY_SIZE])
{
	if (len > REDIS_REPLY_BYTES - reader->fed)
		reader->wrong = "the server's reply is too long";
	if (reader->wrong != NULL ||
	    redisReaderFeed(reader->reader, bytes, len) != 0)
		return fail(reader, ret_why);
	reader->fed += len;
	if (reader->most < reader->fed)
		reader->most = reader->fed;
	return 0;
}

int redis_reader_next(struct redis_reader *reader,
		      struct redis_reply **ret_reply,
		      char ret_why[STORE_WHY_SIZE])
{
	void *reply = NULL;

	*ret_reply = NULL;
	if (reader->wrong != NULL ||
	    redisReaderGetReply(reader->reader, &reply) != 0)
		return fail(reader, ret_why);
	if (reply == NULL)
		return 0;
	reader->fed = reader->reader->len - reader->reader->pos;
	reader->parts = 0;
	*ret_reply = reply;
	return 0;
}

bool redis_reader_is_empty(const struct redis_reader *reader)
{
	return reader->wrong == NULL && reader->reader->err == 0 &&
	       reader->reader->ridx < 0 &&
	       reader->reader->pos == reader->reader->len;
}

bool redis_reader_is_large(const struct redis_reader *reader)
{
	return reader->most > REDIS_REPLY_USUAL;
}

/* --- what it says -------------------------------------------------------- */

static bool is_text(const struct redis_reply *reply, enum redis_kind kind,
		    const char *text)
{
	return reply->kind == kind && reply->len == strlen(text) &&
	       memcmp(reply->text, text, reply->len) == 0;
}

bool redis_reply_is(const struct redis_reply *reply, const char *status)
{
	return is_text(reply, REDIS_STATUS, status);
}

static bool begins(const struct redis_reply *reply, const char *word)
{
	size_t len = strlen(word);

	return reply->kind == REDIS_ERROR && reply->len >= len &&
	       memcmp(reply->text, word, len) == 0;
}

bool redis_reply_is_noscript(const struct redis_reply *reply)
{
	return begins(reply, "NOSCRIPT");
}

enum store_end redis_reply_refusal(const struct redis_reply *reply,
				   char ret_why[STORE_WHY_SIZE])
{
	/* Before Redis 7 a script's error has the word somewhere inside. */
	static const char *const passing[] = { "LOADING",     "MASTERDOWN",
					       "READONLY",    "BUSY",
					       "CLUSTERDOWN", "TRYAGAIN",
					       "NOREPLICAS" };
	size_t len;

	if (reply->kind != REDIS_ERROR) {
		snprintf(ret_why, STORE_WHY_SIZE,
			 "the server's reply is not what was asked for");
		return STORE_BROKEN;
	}
	len = reply->len < STORE_WHY_SIZE - 1 ? reply->len : STORE_WHY_SIZE - 1;
	for (size_t i = 0; i < len; i++) {
		char c = reply->text[i];

		ret_why[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	ret_why[len] = '\0';
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		if (strstr(ret_why, passing[i]) != NULL)
			return STORE_AWAY;
	}
	return STORE_BROKEN;
}

bool redis_reply_sha(const struct redis_reply *reply,
		     char ret_sha[REDIS_SHA_SIZE])
{
	if (reply->kind != REDIS_TEXT || reply->len != REDIS_SHA_SIZE - 1 ||
	    strspn(reply->text, "0123456789abcdef") != reply->len)
		return false;
	memcpy(ret_sha, reply->text, REDIS_SHA_SIZE);
	return true;
}

bool redis_reply_role(const struct redis_reply *reply, bool *ret_master)
{
	if (reply->kind != REDIS_ARRAY || reply->count < 1 ||
	    reply->parts[0]->kind != REDIS_TEXT)
		return false;
	*ret_master = is_text(reply->parts[0], REDIS_TEXT, "master");
	return true;
}

/* Texts of digits: seconds, and microseconds. */
bool redis_reply_time(const struct redis_reply *reply, int64_t *ret_seconds)
{
	const struct redis_reply *text;
	int64_t seconds = 0;

	if (reply->kind != REDIS_ARRAY || reply->count != 2)
		return false;
	text = reply->parts[0];
	if (text->kind != REDIS_TEXT || text->len == 0 || text->len > 12 ||
	    strspn(text->text, "0123456789") != text->len)
		return false;
	for (size_t i = 0; i < text->len; i++)
		seconds = 10 * seconds + (text->text[i] - '0');
	if (seconds > GREYLIST_TIME_MAX)
		return false;
	*ret_seconds = seconds;
	return true;
}

/* The reasons by name. */
static bool read_why(const struct redis_reply *part,
		     struct greylist_result *result)
{
	for (int i = GREYLIST_NEW; i <= GREYLIST_TRAPPED; i++) {
		enum greylist_why why = (enum greylist_why)i;

		if (!is_text(part, REDIS_TEXT, greylist_why_name(why)))
			continue;
		result->why = why;
		result->answer = why <= GREYLIST_DROPPED   ? GREYLIST_WAIT
				 : why <= GREYLIST_ALLOWED ? GREYLIST_PASS
							   : GREYLIST_REFUSED;
		return true;
	}
	return false;
}

static bool read_number(const struct redis_reply *part, int64_t least,
			int64_t most, int64_t *ret_number)
{
	if (part->kind != REDIS_NUMBER || part->number < least ||
	    part->number > most)
		return false;
	*ret_number = part->number;
	return true;
}

static bool read_flag(const struct redis_reply *part, bool *ret_flag)
{
	int64_t number;

	if (!read_number(part, 0, 1, &number))
		return false;
	*ret_flag = number == 1;
	return true;
}

/* -1 is for ever. */
static bool read_left(const struct redis_reply *part, int64_t *ret_left)
{
	if (!read_number(part, -1, GREYLIST_SPAN_MAX + 1, ret_left))
		return false;
	if (*ret_left < 0)
		*ret_left = GREYLIST_FOR_EVER;
	return true;
}

static bool left_fits(const struct greylist_result *result)
{
	switch (result->answer) {
	case GREYLIST_WAIT:
		return result->left > 0 && result->left <= GREYLIST_SPAN_MAX;
	case GREYLIST_REFUSED: return result->left > 0;
	case GREYLIST_PASS: return result->left == 0;
	case GREYLIST_UNKNOWN: break;
	}
	return false;
}

bool redis_reply_visit(const struct redis_reply *reply,
		       struct greylist_result *ret_result,
		       unsigned *ret_foreign)
{
	struct greylist_result result = { 0 };
	struct redis_reply **part = reply->parts;
	int64_t foreign;

	if (reply->kind != REDIS_ARRAY || reply->count != 9 ||
	    !read_why(part[0], &result) || !read_left(part[1], &result.left) ||
	    !left_fits(&result) ||
	    !read_number(part[2], 0, GREYLIST_SPAN_MAX, &result.waited) ||
	    !read_flag(part[3], &result.must_last) ||
	    !read_flag(part[4], &result.triplet_changed) ||
	    !read_left(part[5], &result.triplet_left) ||
	    !read_flag(part[6], &result.identity_changed) ||
	    !read_left(part[7], &result.identity_left) ||
	    !read_number(part[8], 0, 3, &foreign))
		return false;
	*ret_result = result;
	*ret_foreign = (unsigned)foreign;
	return true;
}

bool redis_reply_look(const struct redis_reply *reply, size_t count, size_t at,
		      int64_t wall, const char **ret_text, size_t *ret_len,
		      int64_t *ret_expires)
{
	const struct redis_reply *text, *left;
	int64_t ms;

	if (reply->kind != REDIS_ARRAY || reply->count != 2 * count ||
	    at >= count)
		return false;
	text = reply->parts[2 * at];
	left = reply->parts[2 * at + 1];
	if ((text->kind != REDIS_TEXT && text->kind != REDIS_NOTHING) ||
	    !read_number(left, -2, INT64_MAX, &ms))
		return false;
	*ret_text = text->text;
	*ret_len = text->len;
	if (ms == -1)
		*ret_expires = GREYLIST_FOR_EVER;
	else if (ms < 0)
		*ret_expires = wall;
	else if (ms / 1000 >= GREYLIST_SPAN_MAX)
		*ret_expires = wall + GREYLIST_SPAN_MAX;
	else
		*ret_expires = wall + (ms + 999) / 1000;
	return true;
}

static bool read_cursor(const struct redis_reply *part, uint64_t *ret_cursor)
{
	uint64_t cursor = 0;

	if (part->kind != REDIS_TEXT || part->len == 0)
		return false;
	for (size_t i = 0; i < part->len; i++) {
		unsigned digit = (unsigned)(part->text[i] - '0');

		if (digit > 9 || cursor > UINT64_MAX / 10 ||
		    cursor * 10 > UINT64_MAX - digit)
			return false;
		cursor = cursor * 10 + digit;
	}
	*ret_cursor = cursor;
	return true;
}

bool redis_reply_scan(const struct redis_reply *reply, uint64_t *ret_cursor,
		      const struct redis_reply **ret_keys)
{
	const struct redis_reply *keys;

	if (reply->kind != REDIS_ARRAY || reply->count != 2 ||
	    !read_cursor(reply->parts[0], ret_cursor))
		return false;
	keys = reply->parts[1];
	if (keys->kind != REDIS_ARRAY)
		return false;
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->parts[i]->kind != REDIS_TEXT)
			return false;
	}
	*ret_keys = keys;
	return true;
}
