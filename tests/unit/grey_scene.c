/*
 * grey_scene.c - a session, and a greylist's memory that is an array.
 */
#include "tests/unit/grey_scene.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/generation.h"
#include "filter/log.h"
#include "lists/greylist_clock.h"

/* --- a memory ------------------------------------------------------------ */

struct grey_memory memory;

static struct greylist_records *record(const char *key)
{
	size_t i = 0;

	while (memory.records[i].key[0] != '\0' &&
	       strcmp(memory.records[i].key, key) != 0)
		i++;
	assert_true(i < RECORDS - 1);
	snprintf(memory.records[i].key, TRIPLET_KEY_SIZE, "%s", key);
	return &memory.records[i].at;
}

static struct greylist_time now(void)
{
	return (struct greylist_time){ memory.began.wall + memory.now,
				       memory.began.up + memory.now,
				       memory.began.run };
}

static enum store_end fake_visit(struct store *store,
				 const struct store_visit *visit,
				 struct greylist_result *ret_result)
{
	struct greylist_records *triplet = record(visit->triplet);
	struct greylist_records *identity = record(visit->identity);
	const struct greylist_time when = now();
	struct greylist_records all = {
		.triplet = triplet->triplet,
		.identity = identity->identity,
		.outbound = record(visit->sender)->outbound,
	};

	(void)store;
	memory.visits++;
	memory.least_ms = visit->max_ms;
	snprintf(memory.last, sizeof(memory.last), "%s", visit->triplet);
	if (memory.end != STORE_DONE)
		return memory.end;
	greylist_visit(&visit->terms, &when, &all, ret_result);
	triplet->triplet = all.triplet;
	identity->identity = all.identity;
	return STORE_DONE;
}

static enum store_end fake_change(struct store *store, const char *identity,
				  store_change *change, void *context,
				  const struct greylist_terms *terms,
				  const struct greylist_time *when,
				  unsigned max_ms, bool *ret_done)
{
	(void)store;
	(void)when;
	(void)max_ms;
	memory.longest_window = terms->longest_window;
	*ret_done = change(context, &record(identity)->identity);
	return memory.end;
}

static enum store_end fake_write_to(struct store *store, const char *address,
				    const struct greylist_terms *terms,
				    const struct greylist_time *when,
				    unsigned max_ms)
{
	const struct greylist_time then = now();

	(void)store;
	(void)terms;
	(void)when;
	(void)max_ms;
	memory.writes++;
	snprintf(memory.written, sizeof(memory.written), "%s", address);
	greylist_write_to(&record(address)->outbound, &then);
	return memory.end;
}

static const struct store_engine engine = {
	.name = "fake",
	.visit = fake_visit,
	.change = fake_change,
	.write_to = fake_write_to,
};

struct store *the_store(void)
{
	return &memory.store;
}

struct store *no_store(void)
{
	return NULL;
}

/* --- a conversation ------------------------------------------------------ */

struct grey_talk talk;

static const char *macro(void *context, const char *name)
{
	(void)context;
	if (strncmp(name, "{auth_", 6) == 0)
		return talk.login;
	return strcmp(name, "{rcpt_mailer}") == 0 ? talk.mailer : NULL;
}

static bool reply(void *context, const struct reply *said)
{
	(void)context;
	snprintf(talk.reply, sizeof(talk.reply), "%s %s %s", said->code,
		 said->enhanced, said->lines[0]);
	return true;
}

static bool insert_header(void *context, int index, const char *name,
			  const char *value)
{
	(void)context;
	(void)index;
	(void)name;
	(void)value;
	return true;
}

static bool change_header(void *context, const char *name, int index,
			  const char *value)
{
	(void)context;
	(void)index;
	(void)name;
	(void)value;
	return true;
}

static bool quarantine(void *context, const char *reason)
{
	(void)context;
	(void)reason;
	return true;
}

static bool progress(void *context)
{
	(void)context;
	return true;
}

static int64_t wall_clock(void)
{
	return 1700000000;
}

static const struct mta mta = {
	.macro = macro,
	.reply = reply,
	.insert_header = insert_header,
	.change_header = change_header,
	.quarantine = quarantine,
	.progress = progress,
};

void hears(const char *want, enum answer answer, int line)
{
	const char *got = "ok";

	if (answer == ANSWER_REFUSE)
		got = talk.reply;
	else if (answer != ANSWER_CONTINUE && answer != ANSWER_ACCEPT)
		got = "?";
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("line %d: \"%s\", not \"%s\"", line, got, want);
}

enum answer mail(const char *from)
{
	char path[256], *args[] = { path, NULL };

	snprintf(path, sizeof(path), "<%s>", from);
	return session_mail(talk.session, args);
}

enum answer rcpt(const char *to)
{
	char path[256], *args[] = { path, NULL };

	snprintf(path, sizeof(path), "<%s>", to);
	return session_rcpt(talk.session, args);
}

enum answer data(void)
{
	return session_data(talk.session);
}

enum answer eom(void)
{
	session_header(talk.session, "Subject", " offer");
	session_eoh(talk.session);
	return session_eom(talk.session);
}

/* A rule file, and one client on it. */
void connects_from(const char *rules, const char *client,
		   struct store *(*store)(void))
{
	char path[] = "/tmp/test_grey.XXXXXX";
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct session_start start = { .mta = &mta,
				       .keep_outcome = true,
				       .now = wall_clock,
				       .store = store };
	struct generation_result loaded;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, rules, strlen(rules)), strlen(rules));
	close(fd);
	loaded = generation_load(path, NULL, false);
	unlink(path);
	if (loaded.generation == NULL)
		fail_msg("%s", loaded.report);
	generation_result_done(&loaded);
	talk.gen = loaded.generation;
	start.generation = talk.gen;
	talk.session = session_new(&start);
	assert_non_null(talk.session);
	inet_pton(AF_INET, client, &address.sin_addr);
	hears("ok",
	      session_connect(talk.session, "x",
			      (const struct sockaddr *)&address),
	      __LINE__);
	hears("ok", session_helo(talk.session, "mail.example.net"), __LINE__);
}

void connects(const char *rules)
{
	connects_from(rules, "192.0.2.10", the_store);
}

int grey_setup(void **state)
{
	(void)state;
	log_level(LOG_EMERG - 1);
	memset(&memory, 0, sizeof(memory));
	memset(&talk, 0, sizeof(talk));
	store_init(&memory.store, &engine);
	memory.began = greylist_now();
	return 0;
}

int grey_teardown(void **state)
{
	(void)state;
	session_free(talk.session);
	generation_unref(talk.gen);
	return 0;
}
