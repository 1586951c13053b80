/*
 * listfile.c - from files to lists and back.
 */
#include "lists/listfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Puts the path into each problem on its way through. */
struct passing {
	const char *path;
	const struct list_reading *reading;
};

static void pass_on(void *ctx, const struct list_problem *problem)
{
	const struct passing *passing = ctx;
	struct list_problem with_path = *problem;

	with_path.path = passing->path;
	passing->reading->report(passing->reading->ctx, &with_path);
}

static void complain(struct passing *to, const char *message)
{
	struct list_problem problem = { .message = message };

	pass_on(to, &problem);
}

/* A file's sentence begins with the path, which is told apart here. */
static enum list_load complain_read(struct passing *to, const char *error)
{
	enum list_load answer =
		errno == EAGAIN ? LIST_LOAD_BUSY : LIST_LOAD_BROKEN;
	size_t len = strlen(to->path);

	if (strncmp(error, to->path, len) == 0 &&
	    strncmp(error + len, ": ", 2) == 0)
		error += len + 2;
	complain(to, error);
	return answer;
}

/* Is the last line's end still on its way, perhaps? */
static bool half_written(const char *text, const struct file_stamp *stamp)
{
	struct timespec now;
	int64_t age;

	if (stamp->size == 0 || text[stamp->size - 1] == '\n')
		return false;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	age = (int64_t)now.tv_sec - stamp->mtime_ns / 1000000000;
	return age >= 0 && age < LIST_SETTLE_S;
}

/* True after saying so: what was in the list is gone. */
static bool shrunk(struct passing *to, const struct list *list,
		   const struct list *previous)
{
	size_t now = list_count(list), then = list_count(previous);
	char message[160];

	if (now == then || now * 10 >= then)
		return false;
	snprintf(message, sizeof(message),
		 "it has %zu entr%s now and had %zu; if that is meant, load it "
		 "with force",
		 now, now == 1 ? "y" : "ies", then);
	complain(to, message);
	return true;
}

static enum list_load build(struct passing *to, const char *text, size_t len,
			    struct list **ret_list)
{
	struct list_builder *builder = list_builder_new(to->reading->kind);
	enum list_load answer = LIST_LOAD_BROKEN;

	if (!builder)
		goto no_memory;
	list_builder_check(builder, to->reading->check);
	if (list_parse_text(builder, text, len, pass_on, to) < 0)
		goto done;
	*ret_list = list_builder_finish(builder);
	if (!*ret_list)
		goto no_memory;
	answer = LIST_LOADED;
	goto done;
no_memory:
	complain(to, "out of memory");
done:
	list_builder_free(builder);
	return answer;
}

enum list_load list_load_file(const char *path,
			      const struct list_reading *reading,
			      struct list **ret_list,
			      struct file_stamp *ret_stamp)
{
	struct passing to = { path, reading };
	bool careful = reading->previous && !reading->force;
	char error[FILE_ERROR_SIZE];
	struct file_stamp stamp;
	struct list *list = NULL;
	enum list_load answer;
	char *text = NULL;

	if (file_read(path, LIST_FILE_MAX, &text, &stamp, error,
		      sizeof(error)) < 0)
		return complain_read(&to, error);
	answer = LIST_LOAD_BUSY;
	if (careful && file_is_unfinished(path, false, error, sizeof(error))) {
		complain_read(&to, error);
		goto done;
	}
	if (careful && half_written(text, &stamp)) {
		complain(&to, "its last line does not end, and it has just "
			      "changed: it may still be being written");
		goto done;
	}
	answer = build(&to, text, (size_t)stamp.size, &list);
	if (answer != LIST_LOADED)
		goto done;
	if (careful && shrunk(&to, list, reading->previous)) {
		answer = LIST_LOAD_SHRUNK;
		goto done;
	}
	*ret_list = list;
	*ret_stamp = stamp;
	list = NULL;
done:
	list_unref(list);
	free(text);
	return answer;
}

/* The entry to be edited must be one, and come out of a line as itself. */
static int read_wanted(enum list_kind kind, const char *text, size_t len,
		       struct entry *ret_entry, struct list_error *ret_error)
{
	size_t at = 0, n = 0;

	if (entry_parse(kind, text, len, ret_entry, ret_error) < 0)
		return -1;
	if (entry_in_line(kind, text, len, &at, &n, ret_error) ==
		    ENTRY_LINE_ENTRY &&
	    at == 0 && n == len)
		return 0;
	ret_error->column = 1;
	snprintf(ret_error->text, sizeof(ret_error->text),
		 "in a file this would be read as something else");
	return -1;
}

static bool line_holds(const struct entry *wanted, const char *line, size_t len,
		       struct entry *scratch)
{
	struct list_error error;
	size_t at = 0, n = 0;

	return entry_in_line(wanted->kind, line, len, &at, &n, &error) ==
		       ENTRY_LINE_ENTRY &&
	       entry_parse(wanted->kind, line + at, n, scratch, &error) == 0 &&
	       entry_equal(wanted, scratch);
}

static enum list_edit no_memory(struct list_error *error)
{
	error->column = 1;
	snprintf(error->text, sizeof(error->text), "out of memory");
	return LIST_EDIT_FAILED;
}

/*
 * Copies the lines that do not hold the entry.  *ret_found counts the others.
 * `to` may be NULL: then it only counts.
 */
static size_t copy_others(const struct entry *wanted, const char *text,
			  size_t len, char *to, size_t *ret_found)
{
	struct entry scratch;
	size_t at = 0, begin = 0, out = 0, line_len;
	const char *line;

	*ret_found = 0;
	for (; entry_next_line(text, len, &at, &line, &line_len); begin = at) {
		if (line_holds(wanted, line, line_len, &scratch)) {
			++*ret_found;
			continue;
		}
		if (to)
			memcpy(to + out, text + begin, at - begin);
		out += at - begin;
	}
	return out;
}

enum list_edit list_edit_add(enum list_kind kind, const char *text, size_t len,
			     const char *entry, size_t entry_len,
			     char **ret_text, size_t *ret_len,
			     struct list_error *ret_error)
{
	struct entry wanted;
	size_t found, n = len;
	const char *end;
	char *to;

	if (read_wanted(kind, entry, entry_len, &wanted, ret_error) < 0)
		return LIST_EDIT_FAILED;
	copy_others(&wanted, text, len, NULL, &found);
	if (found > 0)
		return LIST_EDIT_NOTHING;
	to = malloc(len + entry_len + 5);
	if (!to)
		return no_memory(ret_error);
	/* As the lines before it end. */
	end = memmem(text, len, "\r\n", 2) ? "\r\n" : "\n";
	memcpy(to, text, len);
	if (len > 0 && text[len - 1] != '\n')
		n = (size_t)(stpcpy(to + n, end) - to);
	memcpy(to + n, entry, entry_len);
	n = (size_t)(stpcpy(to + n + entry_len, end) - to);
	*ret_text = to;
	*ret_len = n;
	return LIST_EDITED;
}

enum list_edit list_edit_remove(enum list_kind kind, const char *text,
				size_t len, const char *entry, size_t entry_len,
				char **ret_text, size_t *ret_len,
				struct list_error *ret_error)
{
	struct entry wanted;
	size_t found, left;
	char *to;

	if (entry_parse(kind, entry, entry_len, &wanted, ret_error) < 0)
		return LIST_EDIT_FAILED;
	to = malloc(len + 1);
	if (!to)
		return no_memory(ret_error);
	left = copy_others(&wanted, text, len, to, &found);
	if (found == 0) {
		free(to);
		return LIST_EDIT_NOTHING;
	}
	to[left] = '\0';
	*ret_text = to;
	*ret_len = left;
	return LIST_EDITED;
}

static enum list_edit edit_file(
	const char *path, enum list_kind kind, const char *entry,
	size_t entry_len, char *error, size_t error_size,
	enum list_edit (*edit)(enum list_kind, const char *, size_t,
			       const char *, size_t, char **, size_t *,
			       struct list_error *))
{
	enum list_edit answer = LIST_EDIT_FAILED;
	char *text = NULL, *edited = NULL;
	struct file_stamp stamp;
	struct list_error why;
	size_t len = 0;

	if (file_read(path, LIST_FILE_MAX, &text, &stamp, error, error_size) <
	    0)
		return LIST_EDIT_FAILED;
	answer = edit(kind, text, (size_t)stamp.size, entry, entry_len, &edited,
		      &len, &why);
	if (answer == LIST_EDIT_FAILED && error_size > 0)
		snprintf(error, error_size, "column %zu: %s", why.column,
			 why.text);
	if (answer == LIST_EDITED &&
	    file_replace(path, edited, len, &stamp, error, error_size) < 0)
		answer = LIST_EDIT_FAILED;
	free(edited);
	free(text);
	return answer;
}

enum list_edit list_file_add(const char *path, enum list_kind kind,
			     const char *entry, size_t entry_len, char *error,
			     size_t error_size)
{
	return edit_file(path, kind, entry, entry_len, error, error_size,
			 list_edit_add);
}

enum list_edit list_file_remove(const char *path, enum list_kind kind,
				const char *entry, size_t entry_len,
				char *error, size_t error_size)
{
	return edit_file(path, kind, entry, entry_len, error, error_size,
			 list_edit_remove);
}
