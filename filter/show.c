/*
 * show.c - what there is to tell, as JSON.
 */
#include "config.h"

#include "filter/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "filter/control.h"
#include "filter/counters.h"
#include "filter/generation.h"
#include "lists/list.h"
#include "rules/utf8.h"

json_t *show_text(const char *text, size_t len)
{
	char *out = malloc(len * 4 + 1);
	size_t used = 0;
	json_t *value;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len;) {
		/* of these JSON has no NUL, and leaves DEL as it is */
		size_t n = text[i] == '\0' || text[i] == '\x7f'
				   ? 0
				   : utf8_length(text + i, len - i);

		if (n == 0) {
			used += (size_t)sprintf(out + used, "\\x%02X",
						(unsigned char)text[i++]);
			continue;
		}
		memcpy(out + used, text + i, n);
		used += n;
		i += n;
	}
	value = json_stringn(out, used);
	free(out);
	return value;
}

json_t *show_string(const char *text)
{
	return text != NULL ? show_text(text, strlen(text)) : json_null();
}

json_t *show_place(const struct generation *gen, struct place place)
{
	const struct diag *diag = generation_diag(gen);
	const char *name;
	char *text;
	json_t *value;
	int len;

	if (place.file == 0 || place.file > diag->source_count)
		return json_null();
	name = diag->sources[place.file - 1].name;
	len = asprintf(&text, "%s:%u", name, (unsigned)place.line);
	if (len < 0)
		return NULL;
	value = show_text(text, (size_t)len);
	free(text);
	return value;
}

static json_t *words_of(const struct fact_row *row)
{
	json_t *words;

	if (row->words == NULL)
		return json_null();
	words = json_array();
	for (const char *const *w = row->words; words != NULL && *w != NULL;
	     w++)
		json_array_append_new(words, json_string(*w));
	return words;
}

json_t *show_facts(void)
{
	json_t *facts = json_array();

	for (int id = 0; facts != NULL && id < FACT_ID_COUNT; id++) {
		const struct fact_row *row = fact_row((enum fact_id)id);

		json_array_append_new(
			facts,
			json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:s}", "name",
				  row->name, "type", fact_type_name(row->type),
				  "phase", phase_name(row->phase), "recipient",
				  row->per_rcpt, "built", row->built, "words",
				  words_of(row), "meaning", row->meaning));
	}
	return facts;
}

json_t *show_settings(const struct generation *gen)
{
	json_t *settings = json_array();
	char value[4096];

	for (size_t i = 0; settings != NULL && i < settings_count(); i++) {
		const struct setting_info *info = settings_info(i);
		struct place place =
			settings_place(generation_ast(gen), info->name);

		settings_value(&gen->settings, i, value, sizeof(value));
		json_array_append_new(
			settings,
			json_pack("{s:s, s:o, s:s, s:s, s:o, s:b, s:b, s:s}",
				  "name", info->name, "value",
				  show_string(value), "default", info->standard,
				  "type", info->type, "source",
				  show_place(gen, place), "restart",
				  info->needs_restart, "built", info->built,
				  "meaning", info->meaning));
	}
	return settings;
}

json_t *show_lists(const struct generation *gen)
{
	json_t *lists = json_array();

	for (size_t i = 0; lists != NULL && i < gen->lists.count; i++) {
		const struct rule_list_info *info =
			ruleset_list_info(gen->rules, i);
		const struct list *list = rule_list_content(gen->lists.at[i]);

		json_array_append_new(
			lists,
			json_pack("{s:o, s:s, s:I, s:I, s:o, s:o}", "name",
				  show_string(info->name), "kind",
				  entry_kind_name((enum list_kind)info->kind),
				  "entries", (json_int_t)list_count(list),
				  "memory", (json_int_t)list_memory(list),
				  "file", show_string(info->path), "source",
				  show_place(gen, info->place)));
	}
	return lists;
}

static json_t *show_counts(void)
{
	json_t *counts = json_object();

	for (int c = 0; counts != NULL && c < COUNTERS; c++)
		json_object_set_new(counts, counter_name((enum counter)c),
				    json_integer((json_int_t)counted(
					    (enum counter)c)));
	return counts;
}

static json_t *show_milter(struct milter_stats stats)
{
	return json_pack("{s:i, s:i, s:i, s:b}", "sessions",
			 (int)stats.sessions, "limit", (int)stats.session_limit,
			 "messages", (int)stats.messages, "draining",
			 stats.draining);
}

static json_t *show_inspectors(struct inspector_stats stats)
{
	return json_pack("{s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "alive",
			 (int)stats.alive, "channels", (int)stats.channels,
			 "leased", (int)stats.leased, "messages",
			 (json_int_t)stats.messages, "crashes",
			 (json_int_t)stats.crashes, "hangs",
			 (json_int_t)stats.hangs, "refused",
			 (json_int_t)stats.refused_inputs, "busy",
			 (json_int_t)stats.busy);
}

static json_t *show_configuration(const struct control_context *context,
				  const struct generation *gen)
{
	const struct settings *set = &gen->settings;

	return json_pack("{s:o, s:I, s:I, s:s, s:s, s:I, s:I, s:o, s:o}",
			 "file", show_string(context->config), "generation",
			 (json_int_t)gen->number, "loaded",
			 (json_int_t)gen->loaded, "digest", gen->digest, "mode",
			 set->session.mode == MODE_OBSERVE ? "observe"
							   : "enforce",
			 "rules", (json_int_t)ruleset_rule_count(gen->rules),
			 "lists", (json_int_t)gen->lists.count, "milter_socket",
			 show_string(set->process.milter_socket),
			 "control_socket",
			 show_string(set->process.control_socket));
}

json_t *show_status(const struct control_context *context,
		    const struct generation *gen)
{
	json_t *status =
		json_pack("{s:b, s:s, s:i, s:i, s:I, s:o, s:o}", "ok", true,
			  "version", PACKAGE_VERSION, "filter", (int)getpid(),
			  "supervisor", (int)getppid(), "time",
			  (json_int_t)time(NULL), "configuration",
			  show_configuration(context, gen), "counts",
			  show_counts());

	json_object_set_new(status, "dns", show_dns_status(gen));
	if (context->milter != NULL)
		json_object_set_new(status, "milter",
				    show_milter(context->milter()));
	if (context->inspectors != NULL)
		json_object_set_new(status, "inspectors",
				    show_inspectors(context->inspectors()));
	if (context->served != NULL) {
		struct serve_stats served = context->served();

		json_object_set_new(status, "started",
				    json_integer(served.started));
		json_object_set_new(status, "reloads",
				    json_integer((json_int_t)served.reloads));
		json_object_set_new(
			status, "refused_reloads",
			json_integer((json_int_t)served.refused_reloads));
	}
	return status;
}
