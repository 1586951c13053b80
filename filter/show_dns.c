/*
 * show_dns.c - what DNS said, as JSON.
 *
 * Names are safe as they are (dns_name.h); texts are whatever their owner made
 * them, so "text" has every byte that is not plain ASCII as \xNN.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/generation.h"
#include "filter/resolver.h"
#include "filter/show.h"

/* --- records ------------------------------------------------------------- */

/* Between quotes, as in a master file but for \xNN. */
static void put_quoted(FILE *out, const char *text, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(out, "\\x%02X", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_text(FILE *out, const struct dns_record *record)
{
	char ip[IP_TEXT_SIZE];
	size_t from = 0;

	switch (record->type) {
	case DNS_A:
	case DNS_AAAA:
		fputs(ip_format(&record->ip, ip, sizeof(ip)), out);
		break;
	case DNS_MX:
		fprintf(out, "%u %s", (unsigned)record->preference,
			record->name);
		break;
	case DNS_SOA:
		fprintf(out, "%s %s serial %u minimum %u", record->name,
			record->mailbox, (unsigned)record->serial,
			(unsigned)record->minimum);
		break;
	case DNS_TXT:
		for (size_t i = 0; i < record->strings; i++) {
			if (i > 0)
				fputc(' ', out);
			put_quoted(out, record->text + from,
				   record->ends[i] - from);
			from = record->ends[i];
		}
		break;
	case DNS_PTR:
	case DNS_NS:
	case DNS_CNAME: fputs(record->name, out); break;
	}
}

/* As one would write it. */
static json_t *text_of(const struct dns_record *record)
{
	char *text = NULL;
	json_t *value = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	put_text(out, record);
	if (fclose(out) == 0)
		value = show_text(text, size);
	free(text);
	return value;
}

static json_t *strings_of(const struct dns_record *record)
{
	json_t *strings = json_array();
	size_t from = 0;

	for (size_t i = 0; strings != NULL && i < record->strings; i++) {
		json_array_append_new(strings,
				      show_text(record->text + from,
						record->ends[i] - from));
		from = record->ends[i];
	}
	return strings;
}

static json_t *show_record(const struct dns_record *record)
{
	json_t *row = json_pack("{s:I, s:o}", "ttl", (json_int_t)record->ttl,
				"text", text_of(record));
	char ip[IP_TEXT_SIZE];

	switch (record->type) {
	case DNS_A:
	case DNS_AAAA:
		json_object_set_new(row, "address",
				    json_string(ip_format(&record->ip, ip,
							  sizeof(ip))));
		break;
	case DNS_MX:
		json_object_set_new(row, "preference",
				    json_integer(record->preference));
		json_object_set_new(row, "name", show_string(record->name));
		break;
	case DNS_SOA:
		json_object_set_new(row, "name", show_string(record->name));
		json_object_set_new(row, "mailbox",
				    show_string(record->mailbox));
		json_object_set_new(row, "serial",
				    json_integer(record->serial));
		json_object_set_new(row, "minimum",
				    json_integer(record->minimum));
		break;
	case DNS_TXT:
		json_object_set_new(row, "strings", strings_of(record));
		break;
	case DNS_PTR:
	case DNS_NS:
	case DNS_CNAME:
		json_object_set_new(row, "name", show_string(record->name));
		break;
	}
	return row;
}

json_t *show_dns_answer(const struct dns_answer *answer)
{
	json_t *records = json_array();

	if (answer == NULL)
		return json_pack("{s:s, s:b, s:o}", "status",
				 dns_status_name(DNS_TIMEOUT), "known", false,
				 "records", records);
	for (size_t i = 0; i < answer->count; i++)
		json_array_append_new(records,
				      show_record(&answer->records[i]));
	return json_pack("{s:s, s:b, s:I, s:o, s:i, s:o}", "status",
			 dns_status_name(answer->status), "known",
			 dns_status_is_known(answer->status), "ttl",
			 (json_int_t)dns_answer_ttl(answer, dns_now_ms()),
			 "canonical", show_string(answer->canonical), "cnames",
			 (int)answer->cnames, "records", records);
}

json_t *show_dns_texts(const struct dns_answer *answer)
{
	json_t *texts = json_array();

	for (size_t i = 0; texts != NULL && i < answer->count; i++)
		if (answer->records[i].type == DNS_TXT)
			json_array_append_new(
				texts, show_text(answer->records[i].text,
						 answer->records[i].text_len));
	return texts;
}

/* --- the resolver -------------------------------------------------------- */

static json_t *show_servers(const struct dns_stats *stats)
{
	json_t *servers = json_array();
	char text[DNS_SERVER_TEXT_SIZE];

	for (size_t i = 0; servers != NULL && i < stats->server_count; i++)
		json_array_append_new(servers,
				      json_string(dns_server_format(
					      &stats->servers[i], text)));
	return servers;
}

static json_t *show_statuses(const struct dns_stats *stats)
{
	json_t *answers = json_object();

	for (int s = 0; answers != NULL && s < DNS_STATUSES; s++)
		json_object_set_new(answers,
				    dns_status_name((enum dns_status)s),
				    json_integer(
					    (json_int_t)stats->answers[s]));
	return answers;
}

static json_t *show_questions(const struct dns_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "asked",
			 (json_int_t)s->asked, "cached", (json_int_t)s->cached,
			 "joined", (json_int_t)s->joined, "sent",
			 (json_int_t)(s->asked - s->cached - s->joined -
				      s->turned_away),
			 "turned_away", (json_int_t)s->turned_away, "waiting",
			 (json_int_t)s->flights);
}

static json_t *show_network(const struct dns_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "queries",
			 (json_int_t)s->queries, "tcp", (json_int_t)s->tcp,
			 "ports", (json_int_t)s->ports, "failovers",
			 (json_int_t)s->failovers, "probes",
			 (json_int_t)s->probes);
}

json_t *show_dns_stats(struct resolver *resolver, const struct generation *gen)
{
	bool forgeable = resolver->zone == NULL && !dns_is_local(resolver->dns);
	struct dns_stats s;
	json_t *cache, *breaker;

	dns_stats(resolver->dns, &s);
	cache = json_pack("{s:I, s:I, s:I, s:I}", "entries",
			  (json_int_t)s.cache_entries, "bytes",
			  (json_int_t)s.cache_bytes, "limit",
			  (json_int_t)gen->settings.dns.cache_size, "evicted",
			  (json_int_t)s.cache_evicted);
	breaker =
		json_pack("{s:s, s:I}", "state",
			  s.breaker == DNS_BREAKER_IS_OPEN ? "open" : "closed",
			  "opened", (json_int_t)s.breaker_opened);
	return json_pack(
		"{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ok", true,
		"zone_file", show_string(resolver->zone_path), "servers",
		show_servers(&s), "warning",
		show_string(forgeable ? "a server is on another machine: "
					"answers can be forged on their way "
					"(D7)"
				      : NULL),
		"breaker", breaker, "cache", cache, "questions",
		show_questions(&s), "network", show_network(&s), "answers",
		show_statuses(&s));
}

/* Zones of lists that are not asked because they are not well. */
static json_t *show_muted(const struct generation *gen)
{
	json_t *muted = json_array();

	for (size_t i = 0; i < ruleset_dnsbl_count(gen->rules); i++) {
		struct dnsbl_report report;

		if (gen->dnsbls[i] == NULL)
			continue;
		dnsbl_report(gen->dnsbls[i], &report);
		if (dnsbl_health_is_muted(report.health))
			json_array_append_new(muted, show_string(report.zone));
	}
	return muted;
}

json_t *show_dns_status(const struct generation *gen)
{
	struct dns_stats s;
	size_t asked = 0;

	if (gen->resolver == NULL)
		return json_pack("{s:s}", "state", "nobody to ask");
	for (size_t i = 0; i < ruleset_dnsbl_count(gen->rules); i++)
		asked += gen->dnsbls[i] != NULL;
	dns_stats(gen->resolver->dns, &s);
	return json_pack("{s:s, s:o, s:I, s:o}", "state",
			 s.breaker == DNS_BREAKER_IS_OPEN ? "servers fail"
							  : "well",
			 "servers", show_servers(&s), "lists",
			 (json_int_t)asked, "muted", show_muted(gen));
}
