/*
 * dmarc_case.c - evaluates DMARC in a world that comes in on stdin.
 *
 * One case a process, a word and its value a line:
 *
 *	discovery walk			or list, or both
 *	author example.com
 *	spf bounce.example.com		MAIL FROM, where SPF passed
 *	dkim example.com		d= of a valid signature
 *	txt NAME TEXT
 *	name NAME			exists
 *	fails NAME			no answer
 *
 * Other names do not exist.  What comes out is written in the same manner.
 */
#include "filter/inspect/dmarc.h"

#include "lists/suffix.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 256
#define LINE_MAX_BYTES 8192

struct line {
	const char *word, *value, *text; /* the text of txt alone */
};

static struct line lines[LINES_MAX];
static size_t line_count;

static void read_lines(void)
{
	static char buf[LINE_MAX_BYTES];

	while (line_count < LINES_MAX && fgets(buf, sizeof(buf), stdin)) {
		struct line *line = &lines[line_count++];
		char *copy = strdup(buf);
		char *value, *text;

		if (!copy)
			exit(2);
		copy[strcspn(copy, "\n")] = '\0';
		line->word = copy;
		line->value = line->text = "";
		value = strchr(copy, ' ');
		if (!value)
			continue;
		*value++ = '\0';
		line->value = value;
		text = strchr(value, ' ');
		if (!text)
			continue;
		*text++ = '\0';
		line->text = text;
	}
}

static void answer(struct dmarc *dmarc, const char *name)
{
	struct dmarc_text texts[LINES_MAX];
	enum dmarc_said said = DMARC_SAID_NO_NAME;
	size_t count = 0;

	for (size_t i = 0; i < line_count; i++) {
		const struct line *line = &lines[i];

		if (strcasecmp(line->value, name) != 0)
			continue;
		if (strcmp(line->word, "txt") == 0) {
			said = DMARC_SAID_RECORDS;
			texts[count].text = line->text;
			texts[count++].len = strlen(line->text);
		} else if (strcmp(line->word, "name") == 0) {
			said = count > 0 ? said : DMARC_SAID_NO_DATA;
		} else if (strcmp(line->word, "fails") == 0) {
			said = DMARC_SAID_NOTHING;
		}
	}
	dmarc_answer(dmarc, said, texts, count);
}

static void put(const char *word, const char *value)
{
	if (value)
		printf("%s %s\n", word, value);
}

static void report(const struct dmarc_outcome *outcome)
{
	static const char *const results[] = { "none", "pass", "fail",
					       "permerror", "temperror" };
	static const char *const policies[] = { NULL, NULL, "none",
						"quarantine", "reject" };
	static const char *const alignments[] = { "no", "yes", "unknown" };

	put("result", results[outcome->result]);
	put("policy", policies[outcome->policy]);
	put("published", policies[outcome->published]);
	put("org_domain", outcome->organisation);
	put("record_domain", outcome->record_domain);
	put("spf_aligned", alignments[outcome->spf]);
	put("dkim_aligned", alignments[outcome->dkim]);
	put("why", outcome->why);
}

int main(void)
{
	struct dmarc_settings settings = { .organisation =
						   suffix_organisation };
	struct dmarc_text authors[LINES_MAX];
	struct dmarc_question question;
	size_t count = 0;
	static struct dmarc dmarc;

	read_lines();
	for (size_t i = 0; i < line_count; i++) {
		const struct line *line = &lines[i];

		if (strcmp(line->word, "author") == 0)
			authors[count++] =
				(struct dmarc_text){ line->value,
						     strlen(line->value) };
		else if (strcmp(line->word, "discovery") == 0)
			settings.discovery = strcmp(line->value, "list") == 0
						     ? DMARC_SUFFIX_LIST
					     : strcmp(line->value, "both") == 0
						     ? DMARC_WALK_AND_LIST
						     : DMARC_TREE_WALK;
	}
	dmarc_start(&dmarc, &settings, authors, count);
	for (size_t i = 0; i < line_count; i++) {
		const struct line *line = &lines[i];

		if (strcmp(line->word, "spf") == 0)
			dmarc_spf(&dmarc, line->value, strlen(line->value));
		else if (strcmp(line->word, "dkim") == 0)
			dmarc_dkim(&dmarc, line->value, strlen(line->value));
	}
	while (dmarc_question(&dmarc, &question)) {
		put(question.ask == DMARC_ASK_TXT ? "asked" : "asked_exists",
		    question.name);
		answer(&dmarc, question.name);
	}
	report(&dmarc.outcome);
	for (size_t i = 0; i < line_count; i++)
		free((void *)(uintptr_t)lines[i].word);
	return 0;
}
