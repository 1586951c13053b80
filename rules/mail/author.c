/* author.c - see author.h. */
#include "rules/mail/author.h"

#include "rules/mail/ascii.h"
#include "rules/mail/header.h"

static const char *const answer_texts[] = {
	[AUTHOR_ONE] = "one domain",
	[AUTHOR_NO_FIELD] = "no From field",
	[AUTHOR_SEVERAL_FIELDS] = "several From fields",
	[AUTHOR_DOUBTFUL_FIELD] = "a From field that only some readers see",
	[AUTHOR_NO_DOMAIN] = "a From field without one clear domain",
};

const char *author_answer_text(enum author_answer answer)
{
	size_t n = sizeof(answer_texts) / sizeof(answer_texts[0]);

	return (size_t)answer < n ? answer_texts[answer] : "unknown answer";
}

/* "From" for a reader who drops the bytes that no name can have. */
static bool looks_like_from(const struct header_field *field)
{
	char letters[4];
	size_t n = 0;

	for (size_t i = 0; i < field->name_len; i++) {
		char c = field->name[i];

		if (c <= ' ' || c > '~')
			continue;
		if (n == sizeof(letters))
			return false;
		letters[n++] = c;
	}
	return ascii_equal(letters, n, "from", 4);
}

/* Is there a "From:" behind a CR or LF that folds nothing? */
static bool hides_from(const char *text, size_t len)
{
	for (size_t i = 0; i + 5 < len; i++) {
		size_t end = i + 5;

		if ((text[i] != '\r' && text[i] != '\n') ||
		    !ascii_equal(text + i + 1, 4, "from", 4))
			continue;
		while (end < len && ascii_is_blank(text[end]))
			end++;
		if (end < len && text[end] == ':')
			return true;
	}
	return false;
}

void author_note(struct author *author, struct arena *arena,
		 const struct header_field *field)
{
	const unsigned int misread = HEADER_NAME_SPACE | HEADER_NAME_FOLD |
				     HEADER_LEADING_SPACE | HEADER_BAD_NAME |
				     HEADER_CUT;
	const unsigned int broken = HEADER_BARE_CR | HEADER_BARE_LF;

	if (looks_like_from(field)) {
		if (author->fields++ == 0)
			mailbox_parse(arena, field->value, field->value_len,
				      &author->list);
		if (field->faults & misread)
			author->doubtful = true;
	} else if ((field->faults & broken) &&
		   hides_from(field->value, field->value_len)) {
		author->fields++;
		author->doubtful = true;
	}
}

enum author_answer author_ask(const struct author *author,
			      const char **ret_domain,
			      enum mailbox_reason *ret_why)
{
	*ret_domain = NULL;
	*ret_why = MAILBOX_FINE;
	if (author->fields == 0)
		return AUTHOR_NO_FIELD;
	if (author->fields > 1)
		return AUTHOR_SEVERAL_FIELDS;
	if (author->doubtful)
		return AUTHOR_DOUBTFUL_FIELD;
	*ret_domain = mailbox_author_domain(&author->list, ret_why);
	return *ret_domain ? AUTHOR_ONE : AUTHOR_NO_DOMAIN;
}
