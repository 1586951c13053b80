/* letter.c - a message to send: from a file, or made up to a size. */
#include "tests/bench/letter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTER_MAX (64U << 20)

/*
 * Ten fields, as many as an ordinary message has when it arrives from its
 * sender's own server.
 */
static const char made_header[] =
	"Received: from desk.sender.test (desk.sender.test [192.0.2.10])\n"
	"\tby out.sender.test (Postfix) with ESMTPSA id 4XzQ5k2v7Rz1bT\n"
	"\tfor <rcpt0@here.test>; Fri, 22 Nov 2024 10:42:01 +0000 (UTC)\n"
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.test;\n"
	"\ts=s1; t=1732272121; h=from:to:subject:date:message-id;\n"
	"\tbh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=;\n"
	"\tb=Rk9PQkFSUk9PQkFSRk9PQkFSRk9PQkFSRk9PQkFSRk9PQkFSRk9PQkFSRk9P\n"
	"From: Somebody Else <somebody@sender.test>\n"
	"To: rcpt0@here.test\n"
	"Subject: the figures of last week, and the room for the meeting\n"
	"Date: Fri, 22 Nov 2024 11:42:00 +0100\n"
	"Message-ID: <20241122114200.4711@desk.sender.test>\n"
	"MIME-Version: 1.0\n"
	"Content-Type: text/plain; charset=us-ascii\n"
	"Content-Transfer-Encoding: 7bit\n"
	"\n";

static const char made_line[] =
	"The quick brown fox jumps over the lazy dog, and nobody minds it.\n";

/* Where the line at `line` ends: at its newline, or at the text's end. */
static char *line_end(char *line)
{
	char *nl = strchr(line, '\n');

	return nl ? nl : line + strlen(line);
}

static bool field_starts(const char *line)
{
	size_t n = strcspn(line, " \t:\n");

	return n > 0 && line[n] == ':';
}

/* Takes one field out of `line`; returns where the next line starts. */
static char *field_cut(struct letter *let, char *line)
{
	struct letter_field *f = &let->fields[let->field_count++];
	char *end = line_end(line);
	bool last;

	f->name = line;
	f->value = strchr(line, ':');
	*f->value++ = '\0';
	while (*end && (end[1] == ' ' || end[1] == '\t'))
		end = line_end(end + 1);
	last = *end == '\0';
	*end = '\0';
	return last ? end : end + 1;
}

static void drop_cr(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++)
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
}

static int body_take(struct letter *let, const char *from)
{
	size_t lines = 0;
	char *to;

	for (const char *p = from; *p; p++)
		lines += *p == '\n';
	let->body = to = malloc(strlen(from) + lines + 1);
	if (!to)
		return -1;
	for (; *from; from++) {
		if (*from == '\n')
			*to++ = '\r';
		*to++ = *from;
	}
	let->body_len = (size_t)(to - let->body);
	return 0;
}

/* Splits let->text, which must end in NUL. */
static int letter_split(struct letter *let)
{
	char *p = let->text;
	size_t lines = 1;

	drop_cr(p);
	for (const char *q = p; *q; q++)
		lines += *q == '\n';
	let->fields = calloc(lines, sizeof(*let->fields));
	if (!let->fields)
		return -1;
	while (field_starts(p))
		p = field_cut(let, p);
	if (*p == '\n')
		p++;
	return body_take(let, p);
}

int letter_read(struct letter *let, const char *path)
{
	FILE *in = fopen(path, "rbe");
	long size = -1;
	int ret = -1;

	*let = (struct letter){ 0 };
	if (!in)
		return -1;
	if (fseek(in, 0, SEEK_END) < 0 || (size = ftell(in)) < 0)
		goto done;
	errno = EFBIG;
	if ((unsigned long)size > LETTER_MAX)
		goto done;
	rewind(in);
	let->text = calloc(1, (size_t)size + 1);
	if (!let->text)
		goto done;
	if (fread(let->text, 1, (size_t)size, in) != (size_t)size) {
		errno = EIO;
		goto done;
	}
	ret = letter_split(let);
done:
	fclose(in);
	if (ret < 0)
		letter_done(let);
	return ret;
}

int letter_make(struct letter *let, size_t size)
{
	size_t len = sizeof(made_header) - 1;
	const size_t line = sizeof(made_line) - 1;

	*let = (struct letter){ 0 };
	let->text = malloc((size > len ? size : len) + line + 1);
	if (!let->text)
		return -1;
	memcpy(let->text, made_header, len);
	/* Each newline of the body goes out as two bytes. */
	for (size_t wire = len; wire + line < size; wire += line + 1) {
		memcpy(let->text + len, made_line, line);
		len += line;
	}
	let->text[len] = '\0';
	if (letter_split(let) == 0)
		return 0;
	letter_done(let);
	return -1;
}

void letter_done(struct letter *let)
{
	int saved = errno;

	free(let->fields);
	free(let->body);
	free(let->text);
	*let = (struct letter){ 0 };
	errno = saved;
}
