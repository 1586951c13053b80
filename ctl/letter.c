/*
 * letter.c - a message file, taken apart as an MTA hands it to a milter.
 */
#include "ctl/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_ROOM = 64 * 1024 };

static char *read_fd(int fd, size_t *ret_len)
{
	size_t have = 0, room = READ_ROOM;
	char *text = malloc(room + 1);

	while (text != NULL) {
		ssize_t n = read(fd, text + have, room - have);
		char *more;

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			have += (size_t)n;
		if (n < 0 || have > LETTER_MAX) {
			if (n > 0)
				errno = EFBIG;
			free(text);
			return NULL;
		}
		if (have < room)
			continue;
		room *= 2;
		more = realloc(text, room + 1);
		if (more == NULL)
			free(text);
		text = more;
	}
	*ret_len = have;
	return text;
}

int letter_read(struct letter *letter, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int error;
	char *text;
	size_t len;

	if (fd < 0)
		return -1;
	text = read_fd(fd, &len);
	error = errno;
	if (!is_stdin)
		close(fd);
	errno = error;
	return text != NULL ? letter_parse(letter, text, len) : -1;
}

/* The length of the line at `at`, without its end; *ret_next is behind it. */
static size_t line_at(const struct letter *l, size_t at, size_t *ret_next)
{
	const char *begin = l->text + at;
	const char *end = memchr(begin, '\n', l->len - at);
	size_t len = end != NULL ? (size_t)(end - begin) : l->len - at;

	*ret_next = at + len + (end != NULL);
	if (len > 0 && begin[len - 1] == '\r')
		len--;
	return len;
}

/* Bytes of the field's name, 0 if this line begins none (RFC 5322 2.2). */
static size_t name_length(const char *line, size_t len)
{
	size_t n = 0, name;

	while (n < len && line[n] > ' ' && line[n] != ':' && line[n] < 0x7f)
		n++;
	name = n;
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	return n < len && line[n] == ':' ? name : 0;
}

static bool add_field(struct letter *l, const char *name, const char *value)
{
	if (l->field_count == l->field_room) {
		size_t room = l->field_room * 2 + 32;
		struct letter_field *more =
			realloc(l->fields, room * sizeof(*more));

		if (more == NULL)
			return false;
		l->fields = more;
		l->field_room = room;
	}
	l->fields[l->field_count++] = (struct letter_field){ name, value };
	return true;
}

/*
 * Takes the field at *at and its further lines, which move together in place;
 * -1 without memory, 0 if there is no field.
 */
static int take_field(struct letter *l, size_t *at)
{
	size_t next, len = line_at(l, *at, &next);
	char *line = l->text + *at, *colon, *end;
	size_t name = name_length(line, len);

	if (name == 0)
		return 0;
	colon = memchr(line, ':', len);
	end = line + len;
	while (next < l->len &&
	       (l->text[next] == ' ' || l->text[next] == '\t')) {
		char *more = l->text + next;

		len = line_at(l, next, &next);
		*end++ = '\n';
		memmove(end, more, len);
		end += len;
	}
	*end = '\0'; /* at most on the line end, or one behind the text */
	line[name] = '\0';
	*at = next;
	return add_field(l, line, colon + 1) ? 1 : -1;
}

/* The rest with CRLF for every LF; a CR that is there already stays. */
static bool take_body(struct letter *l, size_t at)
{
	size_t lines = 0;
	char *out;

	for (size_t i = at; i < l->len; i++)
		lines += l->text[i] == '\n';
	l->body = out = malloc(l->len - at + lines + 1);
	if (out == NULL)
		return false;
	for (size_t i = at; i < l->len; i++) {
		if (l->text[i] == '\n' && (i == at || l->text[i - 1] != '\r'))
			*out++ = '\r';
		*out++ = l->text[i];
	}
	l->body_len = (size_t)(out - l->body);
	return true;
}

int letter_parse(struct letter *letter, char *text, size_t len)
{
	size_t at = 0, next;
	int got = 1;

	*letter = (struct letter){ .text = text, .len = len };
	if (len >= 5 && memcmp(text, "From ", 5) == 0)
		line_at(letter, 0, &at);
	while (got > 0 && at < len)
		got = take_field(letter, &at);
	if (got == 0 && line_at(letter, at, &next) == 0)
		at = next; /* the empty line belongs to neither */
	if (got < 0 || !take_body(letter, at)) {
		letter_done(letter);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

void letter_done(struct letter *letter)
{
	free(letter->text);
	free(letter->fields);
	free(letter->body);
	*letter = (struct letter){ .text = NULL };
}
