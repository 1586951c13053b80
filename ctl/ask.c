/*
 * ask.c - talks to the filter, or answers in its stead.
 */
#include "ctl/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/files.h"
#include "ctl/print.h"
#include "filter/control.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/log.h"
#include "filter/resolver.h"

enum {
	PATIENCE_SECONDS = 120, /* loading a million entries takes a while */
	ANSWER_MAX = 1 << 30,
};

/* --- the filter --------------------------------------------------------- */

static int dial(const char *path, char why[ASK_WHY])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(why, ASK_WHY, "%s: too long for a socket", path);
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		return fd;
	}
	snprintf(why, ASK_WHY, "%s: %s", path, strerror(errno));
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return -1;
}

static bool send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool sent = false;
	size_t len;

	if (text == NULL)
		return false;
	len = strlen(text);
	text[len] = '\n'; /* in place of the NUL */
	for (size_t at = 0; at <= len;) {
		ssize_t n = send(fd, text + at, len + 1 - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		at += (size_t)n;
		sent = at > len;
	}
	free(text);
	/* One who was turned away may find an answer waiting all the same. */
	return sent || errno == EPIPE || errno == ECONNRESET;
}

/* Is this the last line of its answer? */
static bool is_last(const json_t *line)
{
	return json_object_get(line, "entries") == NULL;
}

/* Reads lines until the last one of the answer. */
static bool read_lines(FILE *in, json_t *lines)
{
	char *text = NULL;
	size_t room = 0, total = 0;
	bool done = false;
	ssize_t len;

	while (!done && (len = getline(&text, &room, in)) > 0) {
		json_t *line = json_loadb(text, (size_t)len, 0, NULL);

		total += (size_t)len;
		if (!json_is_object(line) || total > ANSWER_MAX) {
			json_decref(line);
			break;
		}
		done = is_last(line);
		json_array_append_new(lines, line);
	}
	free(text);
	return done;
}

static enum asked answered(int fd, json_t **ret_lines, char why[ASK_WHY])
{
	FILE *in = fdopen(fd, "r");
	json_t *lines = json_array();
	bool done = false;

	errno = 0;
	if (in != NULL && lines != NULL)
		done = read_lines(in, lines);
	if (!done)
		snprintf(why, ASK_WHY, "the filter gave no whole answer: %s",
			 errno == EAGAIN ? "it takes too long"
			 : errno != 0	 ? strerror(errno)
					 : "it hung up");
	if (in != NULL)
		fclose(in);
	else
		close(fd);
	if (!done) {
		json_decref(lines);
		return ASKED_FAILED;
	}
	*ret_lines = lines;
	return ASKED;
}

enum asked ask_filter(const struct command *command, json_t *request,
		      json_t **ret_lines, char why[ASK_WHY])
{
	char *path = files_control_socket(command);
	enum asked asked = ASKED_FAILED;
	int fd = -1;

	snprintf(why, ASK_WHY, "out of memory");
	if (path == NULL || request == NULL)
		goto done;
	fd = dial(path, why);
	if (fd < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			asked = ASKED_NOBODY;
		goto done;
	}
	if (!send_request(fd, request)) {
		snprintf(why, ASK_WHY, "%s: %s", path, strerror(errno));
		close(fd);
		goto done;
	}
	asked = answered(fd, ret_lines, why);
done:
	json_decref(request);
	free(path);
	return asked;
}

/* --- files -------------------------------------------------------------- */

static struct generation *generation_of(struct generation_result result)
{
	if (result.generation == NULL)
		print_lines(stderr, result.report);
	generation_result_done(&result);
	return result.generation;
}

struct generation *ask_generation(const struct command *command)
{
	return generation_of(generation_load(command->config, NULL, true));
}

struct generation *ask_settings(const struct command *command)
{
	return generation_of(generation_load_settings(command->config));
}

bool ask_use_resolver(const struct command *command, struct generation *gen,
		      struct dns_zone *front)
{
	char error[DNS_ERROR_SIZE] = "out of memory";
	struct resolver *resolver;
	bool used = false;

	resolver = resolver_open_behind(&gen->settings,
					command_value(command, "dns"), front,
					error);
	if (resolver != NULL && gen->rules != NULL) {
		used = generation_use_resolver(gen, resolver);
		resolver_unref(resolver);
	} else if (resolver != NULL) {
		resolver_unref(gen->resolver);
		gen->resolver = resolver;
		used = true;
	}
	if (!used)
		failed(command, "%s", error);
	return used;
}

/* What control_answer() works on; one at a time. */
static struct generation *answering;
static struct store *answering_store;

static struct generation *answering_ref(void)
{
	return answering != NULL ? generation_ref(answering) : NULL;
}

static struct store *answering_memory(void)
{
	return answering_store;
}

static bool collect(void *context, json_t *line)
{
	return json_array_append(context, line) == 0;
}

json_t *ask_store(struct generation *gen, struct store *store, json_t *request)
{
	const struct control_context context = {
		.current = answering_ref,
		.store = store != NULL ? answering_memory : NULL,
	};
	json_t *lines = json_array();
	const struct control_sink sink = { .line = collect, .context = lines };
	char *text = json_dumps(request, JSON_COMPACT);
	bool good;

	answering = gen;
	answering_store = store;
	if (text != NULL && lines != NULL)
		control_answer(&context, true, text, strlen(text), &sink,
			       &good);
	answering = NULL;
	answering_store = NULL;
	free(text);
	json_decref(request);
	return lines;
}

json_t *ask_files(struct generation *gen, json_t *request)
{
	return ask_store(gen, NULL, request);
}

json_t *ask_about_dns(const struct command *command, json_t *request,
		      enum ask_need need)
{
	enum asked asked = ASKED_NOBODY;
	struct generation *gen = NULL;
	json_t *lines = NULL;
	char why[ASK_WHY];

	if (!command_has(command, "dns"))
		asked = ask_filter(command, json_incref(request), &lines, why);
	if (asked == ASKED_FAILED ||
	    (need == ASK_ONLY_FILTER && asked == ASKED_NOBODY &&
	     !command_has(command, "dns"))) {
		failed(command,
		       asked == ASKED_NOBODY ? "the filter does not run: %s"
					     : "%s",
		       why);
	} else if (asked == ASKED_NOBODY) {
		if (!command_has(command, "dns"))
			fprintf(stderr,
				"steelyardctl %s: the filter does not run; "
				"this is asked from here\n",
				command->verb->name);
		log_level(LOG_EMERG - 1); /* logs are for the filter */
		gen = need == ASK_RULES ? ask_generation(command)
					: ask_settings(command);
		if (gen != NULL && ask_use_resolver(command, gen, NULL))
			lines = ask_files(gen, json_incref(request));
	}
	generation_unref(gen);
	json_decref(request);
	return lines;
}

/* --- answers ------------------------------------------------------------ */

const json_t *answer_last(const json_t *lines)
{
	size_t count = json_array_size(lines);

	return count > 0 ? json_array_get(lines, count - 1) : NULL;
}

bool answer_is_ok(const json_t *lines)
{
	return json_is_true(json_object_get(answer_last(lines), "ok"));
}

enum exit_code ask_refused(const struct command *command, const json_t *lines)
{
	if (strcmp(answer_text(lines, "code"), "wrong") == 0)
		return wrong_use(command, "%s", answer_text(lines, "error"));
	return failed(command, "%s", answer_text(lines, "error"));
}

const char *answer_text(const json_t *lines, const char *key)
{
	const char *text =
		json_string_value(json_object_get(answer_last(lines), key));

	return text != NULL ? text : "";
}
