/*
 * control_verbs.c - from one request to its answer, without a socket.
 */
#include "config.h"

#include "filter/control_verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/control.h"
#include "filter/generation.h"
#include "filter/show.h"

/* What a verb works with. */
struct call {
	const struct control_context *context;
	const json_t *request;
	const struct control_sink *sink;
	bool may_write;
	bool wrote; /* it changed something, or tried to */
	const char *did; /* what, where the verb's name would say too little */
	bool good;
};

json_t *control_refusal(const char *code, const char *format, ...)
{
	json_t *refusal = NULL;
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return NULL;
	refusal = json_pack("{s:b, s:s, s:o}", "ok", false, "code", code,
			    "error", show_text(text, (size_t)len));
	free(text);
	return refusal;
}

/* Takes the answer over; without memory nothing is said. */
static void say(struct call *call, json_t *answer)
{
	call->good = json_is_true(json_object_get(answer, "ok"));
	if (answer != NULL)
		call->sink->line(call->sink->context, answer);
	json_decref(answer);
}

static void say_absent(struct call *call)
{
	say(call, control_refusal("absent", "the filter does not run"));
}

/* {"ok":true, key: value}; takes the value over. */
static void say_one(struct call *call, const char *key, json_t *value)
{
	say(call, json_pack("{s:b, s:o}", "ok", true, key, value));
}

static void verb_ping(struct call *call)
{
	say_one(call, "version", json_string(PACKAGE_VERSION));
}

static void verb_facts(struct call *call)
{
	say_one(call, "facts", show_facts());
}

static void verb_status(struct call *call)
{
	struct generation *gen;

	if (call->context->served == NULL) {
		say_absent(call);
		return;
	}
	gen = call->context->current();
	if (gen == NULL) {
		say_absent(call);
		return;
	}
	say(call, show_status(call->context, gen));
	generation_unref(gen);
}

static void verb_settings(struct call *call)
{
	struct generation *gen = call->context->current();

	if (gen == NULL) {
		say_absent(call);
		return;
	}
	say_one(call, "settings", show_settings(gen));
	generation_unref(gen);
}

/* Takes the report over. */
static void say_loaded(struct call *call, bool good, const char *refused,
		       char *report)
{
	json_t *answer = good ? json_pack("{s:b}", "ok", true)
			      : control_refusal("failed", "%s", refused);

	if (answer != NULL && report != NULL)
		json_object_set_new(answer, "report",
				    show_text(report, strlen(report)));
	free(report);
	call->wrote = true;
	say(call, answer);
}

static void verb_reload(struct call *call)
{
	bool force = json_is_true(json_object_get(call->request, "force"));
	char *report = NULL;
	bool good;

	if (call->context->reload == NULL) {
		say_absent(call);
		return;
	}
	good = call->context->reload(force, &report);
	say_loaded(call, good, "refused, the old configuration stays", report);
}

static void verb_refresh(struct call *call)
{
	const char *name =
		json_string_value(json_object_get(call->request, "name"));
	char *report = NULL;
	bool good;

	if (name == NULL) {
		say(call, control_refusal("wrong", "refresh wants a name"));
		return;
	}
	if (call->context->take_list == NULL) {
		say_absent(call);
		return;
	}
	good = call->context->take_list(name, &report);
	say_loaded(call, good, "refused, the old entries stay", report);
}

static void verb_lists(struct call *call)
{
	struct generation *gen = call->context->current();

	if (gen == NULL) {
		say_absent(call);
		return;
	}
	say_one(call, "lists", show_lists(gen));
	generation_unref(gen);
}

static void verb_list(struct call *call)
{
	call->good = control_list(call->context, call->may_write, call->request,
				  call->sink, &call->wrote);
}

static void verb_dns(struct call *call)
{
	call->good = control_dns(call->context, call->may_write, call->request,
				 call->sink, &call->wrote);
}

static void verb_dnsbl(struct call *call)
{
	call->good = control_dnsbl(call->context, call->request, call->sink);
}

static void verb_greylist(struct call *call)
{
	call->good = control_greylist(call->context, call->may_write,
				      call->request, call->sink, &call->did);
	call->wrote = call->did != NULL;
}

static const struct verb {
	const char *name;
	bool writes;
	void (*run)(struct call *call);
} verbs[] = {
	{ "ping", false, verb_ping },
	{ "status", false, verb_status },
	{ "reload", true, verb_reload },
	{ "refresh", true, verb_refresh },
	{ "facts", false, verb_facts },
	{ "settings", false, verb_settings },
	{ "lists", false, verb_lists },
	{ "list", false, verb_list }, /* add and remove look for themselves */
	{ "dns", false, verb_dns }, /* so does flush */
	{ "dnsbl", false, verb_dnsbl },
	{ "greylist", false, verb_greylist }, /* its actions look */
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static const char *run(struct call *call)
{
	const char *name =
		json_string_value(json_object_get(call->request, "verb"));
	const struct verb *verb = name != NULL ? verb_find(name) : NULL;

	if (verb == NULL) {
		say(call,
		    name != NULL
			    ? control_refusal("wrong", "unknown verb %s", name)
			    : control_refusal("wrong", "no verb"));
		return NULL;
	}
	if (verb->writes && !call->may_write) {
		say(call, control_refusal("denied",
					  "%s is for root and the filter's own "
					  "user",
					  name));
		return verb->name;
	}
	verb->run(call);
	if (!call->wrote)
		return NULL;
	return call->did != NULL ? call->did : verb->name;
}

const char *control_answer(const struct control_context *context,
			   bool may_write, const char *request, size_t len,
			   const struct control_sink *sink, bool *ret_good)
{
	struct call call = { .context = context,
			     .may_write = may_write,
			     .sink = sink };
	json_error_t error;
	const char *verb = NULL;
	json_t *root = json_loadb(request, len, JSON_REJECT_DUPLICATES, &error);

	call.request = root;
	if (json_is_object(root))
		verb = run(&call);
	else
		say(&call, control_refusal("wrong", "not a JSON object: %s",
					   root == NULL ? error.text
							: "another value"));
	json_decref(root);
	*ret_good = call.good;
	return verb;
}
