/*
 * grey_asked.c - a filter that remembers.
 */
#include "tests/unit/grey_asked.h"

#include <syslog.h>
#include <unistd.h>

#include "filter/generation.h"
#include "filter/log.h"
#include "lists/greylist_clock.h"

static struct generation *gen, *without;
struct store *store;
struct greylist_time now;

static const struct greylist_terms terms = {
	.wait = 300,
	.window = 172800,
	.keep = 3110400,
	.known_gap = 3600,
	.known_after = 5,
	.outbound = 2592000,
};

static struct generation *current(void)
{
	return generation_ref(gen);
}

static struct generation *current_without(void)
{
	return generation_ref(without);
}

static struct store *memory(void)
{
	return store;
}

static struct store *no_memory(void)
{
	return NULL;
}

const struct control_context grey_filter = { .current = current,
					     .store = memory };
const struct control_context grey_closed = { .current = current,
					     .store = no_memory };
const struct control_context grey_unasked = { .current = current_without,
					      .store = no_memory };
const struct control_context grey_nobody = { .current = current };

/* --- asking -------------------------------------------------------------- */

static bool take(void *context, json_t *answer)
{
	return json_array_append(context, answer) == 0;
}

const char *did;

json_t *ask_as(const struct control_context *context, bool may_write,
	       const char *request)
{
	json_t *lines = json_array();
	const struct control_sink sink = { .line = take, .context = lines };
	bool good;

	did = control_answer(context, may_write, request, strlen(request),
			     &sink, &good);
	return lines;
}

json_t *ask(const char *members)
{
	char request[2048];

	snprintf(request, sizeof(request), "{\"verb\":\"greylist\",%s}",
		 members);
	return ask_as(&grey_filter, true, request);
}

json_t *last_of(json_t *lines)
{
	return json_array_get(lines, json_array_size(lines) - 1);
}

const char *text(const json_t *object, const char *key)
{
	const char *found = json_string_value(json_object_get(object, key));

	return found != NULL ? found : "";
}

int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

bool is(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *code_of(json_t *lines)
{
	return is(last_of(lines), "ok") ? "ok" : text(last_of(lines), "code");
}

const char *keys_of(json_t *lines)
{
	static char keys[4096];
	json_t *line, *entry;
	size_t i, j;

	keys[0] = '\0';
	json_array_foreach(lines, i, line)
	{
		json_array_foreach(json_object_get(line, "entries"), j, entry)
		{
			strncat(keys, text(entry, "key"),
				sizeof(keys) - strlen(keys) - 1);
			strncat(keys, " ", sizeof(keys) - strlen(keys) - 1);
		}
	}
	return keys;
}

/* --- a store ------------------------------------------------------------- */

static void visit(const char *identity, const char *sender, int64_t ago)
{
	struct store_visit visit = { .identity = identity,
				     .sender = sender,
				     .terms = terms,
				     .now = now,
				     .max_ms = 20000 };
	char key[TRIPLET_KEY_SIZE];
	struct greylist_result result;

	visit.now.wall -= ago;
	visit.now.run = 0; /* these were on another run of the machine */
	triplet_key(identity, sender, "b@example.net", key);
	visit.triplet = key;
	assert_int_equal(store_visit(store, &visit, &result), STORE_DONE);
}

static struct generation *load(const char *rules)
{
	char path[] = "/tmp/sy-grey-XXXXXX";
	int fd = mkstemp(path);
	struct generation_result result;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, rules, strlen(rules)),
			 (ssize_t)strlen(rules));
	close(fd);
	result = generation_load(path, NULL, false);
	unlink(path);
	if (result.generation == NULL)
		fail_msg("%s", result.report);
	generation_result_done(&result);
	return result.generation;
}

int load_all(void **state)
{
	(void)state;
	log_level(LOG_EMERG - 1);
	gen = load("rule A 3.0 if helo.is_ip\n"
		   "greylist at 2.0 wait 5m window 2d keep 36d\n");
	without = load("rule A 3.0 if helo.is_ip\n");
	return 0;
}

int unload_all(void **state)
{
	(void)state;
	generation_unref(gen);
	generation_unref(without);
	return 0;
}

int fill(void **state)
{
	struct greylist_time then;
	bool done;

	(void)state;
	store = store_memory_open();
	assert_non_null(store);
	now = greylist_now();
	visit(NET, "a@example.org", 100);
	visit("spf:example.org", "c@example.org", 4000);
	visit("spf:example.org", "c@example.org", 3600);
	then = now;
	then.wall -= 60;
	then.run = 0;
	assert_int_equal(store_convict(store, "net:198.51.100.0/24", &terms,
				       &then, 86400, 20000, &done),
			 STORE_DONE);
	assert_int_equal(store_write_to(store, "d@example.com", &terms, &then,
					20000),
			 STORE_DONE);
	return 0;
}

int empty(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	return 0;
}
