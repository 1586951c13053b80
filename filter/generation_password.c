/*
 * generation_password.c - is there a password for the shared server?
 *
 * Only a warning: it is read at each connection, so it may come later, and
 * until then this host remembers alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "filter/generation.h"
#include "filter/generation_parts.h"
#include "lists/file.h"

enum { PASSWORD_FILE_MAX = 4096 };

/* Whom it has to belong to instead, the filter finds out: its own user. */
static bool is_of_another(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & S_IWOTH) == 0;
}

/* False, with a sentence, where the filter would find none. */
static bool has_password(const char *path, char ret_why[FILE_ERROR_SIZE])
{
	struct file_stamp stamp;
	char *text;
	bool found;

	if (file_read(path, PASSWORD_FILE_MAX, &text, &stamp, ret_why,
		      FILE_ERROR_SIZE) < 0)
		return errno == EPERM && is_of_another(path);
	found = strcspn(text, "\r\n") > 0;
	explicit_bzero(text, stamp.size);
	free(text);
	if (!found)
		snprintf(ret_why, FILE_ERROR_SIZE,
			 "%.200s: there is no password in its first line",
			 path);
	return found;
}

void generation_check_password(struct generation *gen)
{
	struct generation_parts *parts = gen->parts;
	const struct store_settings *set = &gen->settings.store;
	char why[FILE_ERROR_SIZE];

	if (parts->diag.failed || set->redis_password_file[0] == '\0' ||
	    (set->redis_servers[0] == '\0' && set->redis_sentinels[0] == '\0'))
		return;
	if (has_password(set->redis_password_file, why))
		return;
	diag_warning(&parts->diag,
		     settings_place(&parts->ast, "redis_password_file"),
		     "redis_password_file cannot be used: %s", why);
	diag_hint(&parts->diag,
		  "until it can, this host remembers alone who must wait");
}
