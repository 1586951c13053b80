/*
 * store_redis_greet.c - find the server that leads, and be let in.
 *
 * Sentinels are asked who leads, and may be wrong for some seconds; so may a
 * list of servers.  Hence each says itself whether it is the master (ROLE)
 * before anything is written there.
 */
#include "lists/store_redis_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/file.h"
#include "lists/greylist_clock.h"

enum { PASSWORD_FILE_MAX = 4096 };

/* Greetings: what is sent at once, and in which place its reply comes. */
struct greeting {
	struct redis_command command;
	bool has_auth, has_select;
};

static int add_password(const struct store_redis *redis,
			struct redis_command *command, char why[STORE_WHY_SIZE])
{
	char error[FILE_ERROR_SIZE];
	struct file_stamp stamp;
	size_t len;
	char *text;

	if (file_read(redis->password_file, PASSWORD_FILE_MAX, &text, &stamp,
		      error, sizeof(error)) < 0) {
		snprintf(why, STORE_WHY_SIZE, "%.*s", STORE_WHY_SIZE - 1,
			 error);
		return -1;
	}
	len = strcspn(text, "\r\n");
	if (len > 0) {
		redis_command_begin(command, redis->user[0] ? 3 : 2);
		redis_command_text(command, "AUTH");
		if (redis->user[0])
			redis_command_text(command, redis->user);
		redis_command_word(command, text, len);
	} else {
		snprintf(why, STORE_WHY_SIZE, "%.100s: no password in it",
			 redis->password_file);
	}
	explicit_bzero(text, stamp.size);
	free(text);
	return len > 0 ? 0 : -1;
}

static int write_greeting(const struct store_redis *redis,
			  struct greeting *greeting, char why[STORE_WHY_SIZE])
{
	char number[16];

	redis_command_init(&greeting->command);
	greeting->has_auth = redis->password_file[0] != '\0';
	greeting->has_select = redis->database > 0;
	if (greeting->has_auth &&
	    add_password(redis, &greeting->command, why) < 0)
		return -1;
	if (greeting->has_select) {
		snprintf(number, sizeof(number), "%u", redis->database);
		redis_command_say(&greeting->command, "SELECT", number, NULL);
	}
	redis_command_say(&greeting->command, "ROLE", NULL);
	redis_command_say(&greeting->command, "TIME", NULL);
	redis_command_say(&greeting->command, "SCRIPT", "LOAD", redis_script,
			  NULL);
	return 0;
}

static enum store_end refuse(struct redis_link *link,
			     const struct redis_place *place,
			     const struct redis_reply *reply)
{
	char why[STORE_WHY_SIZE];
	enum store_end end = redis_reply_refusal(reply, why);

	snprintf(link->why, sizeof(link->why), "%.50s: %.100s", place->text,
		 why);
	return end;
}

static enum store_end read_greeting(const struct greeting *greeting,
				    struct redis_link *link,
				    const struct redis_place *place,
				    struct redis_reply **reply,
				    const struct redis_reply **ret_time)
{
	bool master = false;

	if (greeting->has_auth && !redis_reply_is(*reply++, "OK"))
		return refuse(link, place, reply[-1]);
	if (greeting->has_select && !redis_reply_is(*reply++, "OK"))
		return refuse(link, place, reply[-1]);
	if (!redis_reply_role(*reply, &master))
		return refuse(link, place, *reply);
	if (!master) {
		snprintf(link->why, sizeof(link->why), "%s is no master",
			 place->text);
		return STORE_AWAY;
	}
	*ret_time = *++reply;
	reply++;
	if (!redis_reply_sha(*reply, link->sha))
		return refuse(link, place, *reply);
	return STORE_DONE;
}

/* The link is closed again unless STORE_DONE. */
static enum store_end greet_place(struct store_redis *redis,
				  struct redis_link *link,
				  const struct redis_place *place,
				  uint64_t deadline_ms)
{
	const struct greylist_time before = greylist_now();
	const struct redis_reply *time = NULL;
	struct redis_reply *replies[5];
	struct greeting greeting;
	enum store_end end = STORE_BROKEN;

	if (redis_link_open(link, place, deadline_ms) < 0)
		return STORE_AWAY;
	if (write_greeting(redis, &greeting, link->why) == 0)
		end = redis_link_ask(link, &greeting.command, deadline_ms,
				     replies);
	if (end == STORE_DONE) {
		end = read_greeting(&greeting, link, place, replies, &time);
		if (end == STORE_DONE)
			redis_note_time(redis, time, &before);
		for (size_t i = 0; i < greeting.command.count; i++)
			redis_reply_free(replies[i]);
	}
	redis_command_done(&greeting.command);
	if (end != STORE_DONE)
		redis_link_close(link);
	return end;
}

enum store_end redis_teach(struct redis_link *link, uint64_t deadline_ms)
{
	struct redis_command command;
	struct redis_reply *reply;
	enum store_end end;

	redis_command_init(&command);
	redis_command_say(&command, "SCRIPT", "LOAD", redis_script, NULL);
	end = redis_link_ask(link, &command, deadline_ms, &reply);
	if (end == STORE_DONE) {
		end = redis_reply_sha(reply, link->sha)
			      ? STORE_DONE
			      : redis_reply_refusal(reply, link->why);
		redis_reply_free(reply);
	}
	redis_command_done(&command);
	return end;
}

/* --- who leads ----------------------------------------------------------- */

/* What one sentinel says. */
static int ask_sentinel(const struct store_redis *redis,
			struct redis_link *link, uint64_t deadline_ms,
			struct redis_place *ret_leader)
{
	struct redis_command command;
	struct redis_reply *reply;
	int got = -1;

	redis_command_init(&command);
	redis_command_say(&command, "SENTINEL", "get-master-addr-by-name",
			  redis->master, NULL);
	if (redis_link_ask(link, &command, deadline_ms, &reply) == STORE_DONE) {
		if (reply->kind == REDIS_ARRAY && reply->count == 2 &&
		    reply->parts[0]->kind == REDIS_TEXT &&
		    reply->parts[1]->kind == REDIS_TEXT)
			got = redis_place_make(reply->parts[0]->text,
					       reply->parts[0]->len,
					       reply->parts[1]->text,
					       reply->parts[1]->len,
					       ret_leader);
		if (got < 0 && reply->kind == REDIS_ERROR)
			(void)redis_reply_refusal(reply, link->why);
		else if (got < 0)
			snprintf(link->why, sizeof(link->why),
				 "the sentinel has no address of \"%.60s\"",
				 redis->master);
		redis_reply_free(reply);
	}
	redis_command_done(&command);
	return got;
}

static int find_leader(struct store_redis *redis, struct redis_link *link,
		       uint64_t deadline_ms, struct redis_place *ret_leader)
{
	size_t first, tried = 0;
	int got = -1;

	pthread_mutex_lock(&redis->lock);
	*ret_leader = redis->leader;
	first = redis->preferred;
	pthread_mutex_unlock(&redis->lock);
	if (ret_leader->len > 0)
		return 0;
	while (got < 0 && tried < redis->sentinel_count &&
	       redis_clock() < deadline_ms) {
		size_t at = (first + tried++) % redis->sentinel_count;

		if (redis_link_open(link, &redis->sentinels[at], deadline_ms) <
		    0)
			continue;
		got = ask_sentinel(redis, link, deadline_ms, ret_leader);
		redis_link_close(link);
	}
	pthread_mutex_lock(&redis->lock);
	if (got == 0)
		redis->leader = *ret_leader;
	redis->preferred = first + tried - (got == 0);
	pthread_mutex_unlock(&redis->lock);
	return got;
}

static enum store_end greet_list(struct store_redis *redis,
				 struct redis_link *link, uint64_t deadline_ms)
{
	enum store_end end = STORE_AWAY;
	size_t first, tried = 0;

	pthread_mutex_lock(&redis->lock);
	first = redis->preferred;
	pthread_mutex_unlock(&redis->lock);
	while (end != STORE_DONE && tried < redis->server_count &&
	       redis_clock() < deadline_ms) {
		size_t at = (first + tried++) % redis->server_count;

		end = greet_place(redis, link, &redis->servers[at],
				  deadline_ms);
	}
	/* one that has taken all the time is not the first again */
	pthread_mutex_lock(&redis->lock);
	redis->preferred = first + tried - (end == STORE_DONE);
	pthread_mutex_unlock(&redis->lock);
	return end;
}

enum store_end redis_greet(struct store_redis *redis, struct redis_link *link,
			   const struct redis_call *call)
{
	uint64_t deadline_ms = redis_clock() + redis->connect_ms;
	struct redis_place leader;

	if (deadline_ms > call->deadline_ms)
		deadline_ms = call->deadline_ms;
	snprintf(link->why, sizeof(link->why), "no time to connect");
	if (redis->sentinel_count == 0)
		return greet_list(redis, link, deadline_ms);
	if (find_leader(redis, link, deadline_ms, &leader) < 0)
		return STORE_AWAY;
	return greet_place(redis, link, &leader, deadline_ms);
}
