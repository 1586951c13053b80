/*
 * trial.c - a message file through the filter's own code.
 */
#include "ctl/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/finding.h"
#include "ctl/letter.h"
#include "ctl/visit.h"
#include "filter/generation.h"
#include "filter/resolver.h"
#include "filter/session.h"
#include "lists/dns_zonefile.h"

enum { BODY_PIECE = 65535 }; /* as MTAs send it */

/* What the session asks of the MTA is noted down. */
struct recorder {
	const struct visit *visit;
	json_t *finding;
	const char *stage;
	struct session *session;
};

static int64_t trial_time; /* a session's clock takes no argument */

static int64_t now(void)
{
	return trial_time;
}

/* --- the MTA ------------------------------------------------------------ */

static const char *get_macro(void *context, const char *name)
{
	const struct recorder *recorder = context;
	const char *value = visit_macro(recorder->visit, name);

	if (value == NULL && strcmp(name, "i") == 0)
		return "test";
	return value;
}

static bool take_reply(void *context, const struct reply *reply)
{
	const struct recorder *recorder = context;
	char *text = finding_reply_text(reply);

	if (text != NULL)
		finding_reply(recorder->finding, recorder->stage, text);
	free(text);
	return true;
}

static bool insert_header(void *context, int index, const char *name,
			  const char *value)
{
	const struct recorder *recorder = context;

	(void)index;
	finding_change(recorder->finding, "insert", name, value);
	return true;
}

static bool change_header(void *context, const char *name, int index,
			  const char *value)
{
	const struct recorder *recorder = context;

	(void)index;
	finding_change(recorder->finding, value != NULL ? "change" : "delete",
		       name, value);
	return true;
}

static bool quarantine(void *context, const char *reason)
{
	const struct recorder *recorder = context;

	finding_change(recorder->finding, "quarantine", NULL, reason);
	return true;
}

static bool progress(void *context)
{
	(void)context;
	return true;
}

/* --- the conversation --------------------------------------------------- */

/* Each tells of one step, and says whether the conversation goes on. */

static bool goes_on(enum answer answer)
{
	return answer == ANSWER_CONTINUE || answer == ANSWER_SKIP;
}

static bool say_connect(struct recorder *r)
{
	struct sockaddr_storage address;
	bool remote = visit_address(r->visit, &address);

	r->stage = "connect";
	return goes_on(
		session_connect(r->session,
				remote ? r->visit->ptr : "localhost",
				remote ? (struct sockaddr *)&address : NULL));
}

static bool say_helo(struct recorder *r)
{
	r->stage = "helo";
	if (r->visit->helo[0] == '\0')
		return true;
	return goes_on(session_helo(r->session, r->visit->helo));
}

static bool say_mail(struct recorder *r)
{
	char **args = visit_arguments(r->visit->from);
	bool good = args != NULL;

	r->stage = "mail";
	if (good)
		good = goes_on(session_mail(r->session, args));
	free(args);
	return good;
}

/* Goes on while there is a recipient left. */
static bool say_rcpts(struct recorder *r)
{
	size_t accepted = 0;

	r->stage = "rcpt";
	for (size_t i = 0; i < r->visit->rcpt_count; i++) {
		char **args = visit_arguments(r->visit->rcpts[i]);

		if (args != NULL && goes_on(session_rcpt(r->session, args)))
			accepted++;
		free(args);
	}
	return accepted > 0;
}

static bool say_data(struct recorder *r)
{
	r->stage = "data";
	return goes_on(session_data(r->session));
}

static void say_content(struct recorder *r, const struct letter *letter)
{
	const unsigned char *body = (const unsigned char *)letter->body;
	size_t at = 0;

	r->stage = "eom";
	for (size_t i = 0; i < letter->field_count; i++)
		session_header(r->session, letter->fields[i].name,
			       letter->fields[i].value);
	session_eoh(r->session);
	while (session_plan(r->session)->wants_body && at < letter->body_len) {
		size_t len = letter->body_len - at;

		if (len > BODY_PIECE)
			len = BODY_PIECE;
		if (session_body(r->session, body + at, len) == ANSWER_SKIP)
			break;
		at += len;
	}
	session_eom(r->session);
}

/* The header that the message would have got is shown as an MTA shows it. */
static void note_outcome(struct recorder *r, const struct generation *gen)
{
	const struct outcome *outcome = session_outcome(r->session);

	if (outcome != NULL)
		finding_outcome(r->finding, gen, outcome);
	else
		finding_set(r->finding, "verdict", "fault");
}

/* --- who answers --------------------------------------------------------- */

/* DNS has to say what the visit says of the client, and all else as before. */
static bool set_front(struct trial *trial, const struct visit *visit)
{
	char error[DNS_ZONEFILE_ERROR_SIZE];
	char *front = visit_zone(visit);
	struct dns_zone *zone = NULL;
	bool good;

	if (front == NULL)
		return false;
	if (trial->front != NULL && strcmp(front, trial->front) == 0) {
		free(front);
		return true;
	}
	free(trial->front);
	trial->front = NULL;
	good = front[0] == '\0';
	if (!good) {
		zone = dns_zonefile_parse("ptr", front, strlen(front), error);
		good = zone != NULL;
	}
	if (good && ask_use_resolver(trial->command, trial->gen, zone))
		trial->front = front;
	else
		free(front);
	return trial->front != NULL;
}

/* A new inspector is forked while there is no thread but ours. */
static void revive(struct trial *trial)
{
	jailed_stop(&trial->jailed);
	resolver_unref(trial->gen->resolver);
	trial->gen->resolver = NULL;
	free(trial->front);
	trial->front = NULL;
	jailed_start(&trial->jailed, 20000);
}

static bool ready(struct trial *trial, const struct visit *visit)
{
	if (jailed_is_dead(&trial->jailed))
		revive(trial);
	return set_front(trial, visit);
}

/* --- all of it ----------------------------------------------------------- */

void trial_run(struct trial *trial, const struct visit *visit,
	       const struct letter *letter, json_t *finding)
{
	struct recorder recorder = { .visit = visit, .finding = finding };
	const struct mta mta = {
		.context = &recorder,
		.macro = get_macro,
		.reply = take_reply,
		.insert_header = insert_header,
		.change_header = change_header,
		.quarantine = quarantine,
		.progress = progress,
	};
	struct session_start start = {
		.generation = trial->gen,
		.mta = &mta,
		.keep_outcome = true,
		.now = now,
	};

	if (!ready(trial, visit)) {
		finding_set(finding, "verdict", "fault");
		return;
	}
	start.pool = trial->jailed.pool;
	trial_time = visit->time != 0 ? visit->time : time(NULL);
	recorder.session = start.pool != NULL ? session_new(&start) : NULL;
	if (recorder.session == NULL) {
		finding_set(finding, "verdict", "fault");
		return;
	}
	if (say_connect(&recorder) && say_helo(&recorder) &&
	    say_mail(&recorder) && say_rcpts(&recorder) && say_data(&recorder))
		say_content(&recorder, letter);
	note_outcome(&recorder, trial->gen);
	session_free(recorder.session);
}

bool trial_open(struct trial *trial, const struct command *command,
		struct generation *gen)
{
	*trial = (struct trial){ .command = command, .gen = gen };
	if (jailed_start(&trial->jailed,
			 gen->settings.session.inspect_timeout * 1000) < 0) {
		failed(command, "no inspector: %s", strerror(errno));
		return false;
	}
	trial->front = strdup("");
	if (trial->front != NULL && ask_use_resolver(command, gen, NULL))
		return true;
	trial_close(trial);
	return false;
}

void trial_close(struct trial *trial)
{
	jailed_stop(&trial->jailed);
	free(trial->front);
}
