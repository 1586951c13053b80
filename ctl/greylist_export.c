/*
 * greylist_export.c - all that is remembered, a line of JSON each.
 *
 *	{"kind":"triplet","key":"...","value":"...","expires":1732300000}
 *
 * A file is written beside itself and takes its name when it is whole, so a
 * file of ours is never half there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/greylist.h"
#include "ctl/print.h"

struct going {
	FILE *out;
	uint64_t written, unread;
};

static bool write_entry(void *context, const json_t *entry)
{
	struct going *going = context;

	if (json_object_get(entry, "foreign") != NULL ||
	    json_object_get(entry, "newer") != NULL) {
		going->unread++;
		return true;
	}
	json_dumpf(entry, going->out, JSON_ENSURE_ASCII | JSON_COMPACT);
	fputc('\n', going->out);
	going->written++;
	return !ferror(going->out);
}

static enum exit_code write_all(const struct command *command,
				struct going *going)
{
	struct greylist_asker *asker;
	enum exit_code code;
	json_t *request;

	if (!greylist_request(command, "list", NULL, 0, &request))
		return EXIT_WRONG;
	json_object_set_new(request, "raw", json_true());
	asker = greylist_asker_open(command, GREYLIST_LOOK);
	code = greylist_entries(asker, request, write_entry, going);
	greylist_asker_close(asker);
	if (code == EXIT_YES && going->unread > 0)
		fprintf(stderr,
			"steelyardctl greylist: %" PRIu64
			" records cannot be read and are left out\n",
			going->unread);
	return code;
}

static void print_done(const struct command *command, const char *path,
		       const struct going *going)
{
	json_t *answer;

	if (!command->json) {
		printf("%" PRIu64 " record%s in ", going->written,
		       going->written == 1 ? "" : "s");
		print_escaped(stdout, path);
		putchar('\n');
		return;
	}
	answer = json_pack("{s:b, s:I, s:I}", "ok", true, "count",
			   (json_int_t)going->written, "unread",
			   (json_int_t)going->unread);
	print_json(answer);
	json_decref(answer);
}

/* Readable for its owner alone: it says who wrote to whom. */
static FILE *create(char *path)
{
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (file == NULL && fd >= 0) {
		close(fd);
		unlink(path);
	}
	return file;
}

/* On disk, under its name. */
static bool finish(FILE *file, const char *from, const char *to)
{
	bool good =
		fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;

	if (fclose(file) != 0)
		good = false;
	return good && rename(from, to) == 0;
}

static enum exit_code write_file(const struct command *command,
				 const char *path)
{
	struct going going = { 0 };
	enum exit_code code = EXIT_NO;
	char *temporary = NULL;
	struct stat st;

	/* a pipe or a device is written to, and stays what it is */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		going.out = fopen(path, "w");
		if (going.out == NULL)
			return failed(command, "%s: %s", path, strerror(errno));
		code = write_all(command, &going);
		if (fclose(going.out) != 0 && code == EXIT_YES)
			code = failed(command, "%s: %s", path, strerror(errno));
		if (code == EXIT_YES)
			print_done(command, path, &going);
		return code;
	}
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return failed(command, "out of memory");
	going.out = create(temporary);
	if (going.out == NULL) {
		code = failed(command, "%s: %s", path, strerror(errno));
		goto done;
	}
	code = write_all(command, &going);
	errno = 0;
	if (code != EXIT_YES) {
		fclose(going.out);
		unlink(temporary);
	} else if (finish(going.out, temporary, path)) {
		print_done(command, path, &going);
	} else {
		code = failed(command, "%s: %s", path, strerror(errno));
		unlink(temporary);
	}
done:
	free(temporary);
	return code;
}

enum exit_code greylist_export(const struct command *command)
{
	const char *path =
		command->argument_count > 1 ? command->arguments[1] : "-";
	struct going going = { .out = stdout };

	if (strcmp(path, "-") == 0)
		return write_all(command, &going);
	return write_file(command, path);
}
