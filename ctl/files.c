/*
 * files.c - reads settings out of rule files, mistakes or not.
 */
#include "ctl/files.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/print.h"
#include "filter/settings.h"
#include "lists/file.h"
#include "rules/ast.h"

enum { RULE_FILE_MAX = 16 * 1024 * 1024 };

static char *read_text(void *context, const char *path, size_t *ret_len,
		       char *why, size_t why_size)
{
	struct file_stamp stamp;
	char *text;

	(void)context;
	if (file_read(path, RULE_FILE_MAX, &text, &stamp, why, why_size) < 0)
		return NULL;
	*ret_len = (size_t)stamp.size;
	return text;
}

/* Joined by NUL, an empty one at the end. */
static char *join(const glob_t *found)
{
	size_t len = 1;
	char *joined, *at;

	for (size_t i = 0; i < found->gl_pathc; i++)
		len += strlen(found->gl_pathv[i]) + 1;
	joined = at = malloc(len);
	if (joined == NULL)
		return NULL;
	for (size_t i = 0; i < found->gl_pathc; i++)
		at = stpcpy(at, found->gl_pathv[i]) + 1;
	*at = '\0';
	return joined;
}

static char *expand(void *context, const char *pattern, char *why,
		    size_t why_size)
{
	glob_t found = { 0 };
	char *joined;

	(void)context;
	glob(pattern, 0, NULL, &found); /* no match: an empty list */
	joined = join(&found);
	globfree(&found);
	if (joined == NULL)
		snprintf(why, why_size, "%s: out of memory", pattern);
	return joined;
}

static char *configured(const char *config)
{
	const struct ast_reader reader = { .read = read_text, .glob = expand };
	struct settings settings;
	struct diag diag;
	struct ast ast;
	char *path;

	ast_init(&ast);
	diag_init(&diag);
	/* Errors are for others to report; what was understood holds. */
	ast_parse_file(&ast, config, &reader, &diag);
	settings_read(&settings, &ast, &diag);
	path = settings.process.control_socket;
	path = path != NULL ? strdup(path + strlen("unix:")) : NULL;
	settings_done(&settings);
	ast_done(&ast);
	diag_done(&diag);
	return path;
}

char *files_control_socket(const struct command *command)
{
	const char *path = command->socket;

	if (path == NULL)
		return configured(command->config);
	if (strncmp(path, "unix:", 5) == 0)
		path += 5;
	return strdup(path);
}
