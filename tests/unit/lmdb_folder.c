/* lmdb_folder.c - a folder with a store's file in it, see lmdb_folder.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/lmdb_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char file[96];

unsigned lmdb_set_aside;
char lmdb_sentence[512];

struct greylist_time lmdb_noon(int64_t seconds_later)
{
	return (struct greylist_time){ .wall = 1732276800 + seconds_later,
				       .up = 3600 + seconds_later,
				       .run = 0x1234 };
}

void lmdb_folder_make(void)
{
	snprintf(folder, sizeof(folder), "store.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/greylist.db", folder);
	lmdb_set_aside = 0;
}

static void each_name(void (*call)(const char *path, void *context),
		      const char *prefix, void *context)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		call(path, context);
	}
	closedir(dir);
}

static void remove_it(const char *path, void *context)
{
	(void)context;
	assert_int_equal(remove(path), 0);
}

static void count_it(const char *path, void *context)
{
	(void)path;
	++*(size_t *)context;
}

void lmdb_folder_remove(void)
{
	each_name(remove_it, "", NULL);
	assert_int_equal(rmdir(folder), 0);
}

int lmdb_folder_set_up(void **state)
{
	(void)state;
	lmdb_folder_make();
	return 0;
}

int lmdb_folder_tear_down(void **state)
{
	(void)state;
	lmdb_folder_remove();
	return 0;
}

const char *lmdb_file(void)
{
	return file;
}

size_t lmdb_folder_count(const char *prefix)
{
	size_t count = 0;

	each_name(count_it, prefix, &count);
	return count;
}

static void hear(void *context, const char *sentence)
{
	(void)context;
	lmdb_set_aside++;
	snprintf(lmdb_sentence, sizeof(lmdb_sentence), "%s", sentence);
}

struct store_lmdb_settings lmdb_settings(uint64_t room)
{
	return (struct store_lmdb_settings){ .path = file,
					     .room = room,
					     .set_aside = hear };
}

struct store *lmdb_must_open_with(const struct store_lmdb_settings *settings,
				  int64_t seconds_later)
{
	struct greylist_time now = lmdb_noon(seconds_later);
	char why[STORE_WHY_SIZE];
	struct store *store = store_lmdb_open(settings, &now, why);

	if (!store)
		fail_msg("%s", why);
	return store;
}

struct store *lmdb_must_open(uint64_t room, int64_t seconds_later)
{
	struct store_lmdb_settings settings = lmdb_settings(room);

	return lmdb_must_open_with(&settings, seconds_later);
}

unsigned char *lmdb_file_read(size_t *ret_len)
{
	FILE *in = fopen(file, "rb");
	unsigned char *bytes;
	struct stat st;

	assert_non_null(in);
	assert_int_equal(fstat(fileno(in), &st), 0);
	*ret_len = (size_t)st.st_size;
	bytes = malloc(*ret_len + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_len, in), *ret_len);
	fclose(in);
	return bytes;
}

void lmdb_file_write(const void *bytes, size_t len)
{
	FILE *out = fopen(file, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

/* --- visits -------------------------------------------------------------- */

void lmdb_visitor(struct lmdb_visitor *visitor, unsigned number,
		  int64_t seconds_later)
{
	/* spread, so that keys come in no order */
	unsigned spread = number * 2654435761u;

	snprintf(visitor->identity, sizeof(visitor->identity),
		 "net:10.%u.%u.0/24", spread >> 24, spread >> 16 & 255);
	snprintf(visitor->sender, sizeof(visitor->sender), "s%u@example.org",
		 number);
	assert_true(triplet_key(visitor->identity, visitor->sender,
				"you@example.net", visitor->triplet) > 0);
	visitor->visit = (struct store_visit){
		.triplet = visitor->triplet,
		.identity = visitor->identity,
		.sender = visitor->sender,
		.terms = { .wait = 300,
			   .window = 172800,
			   .keep = 3110400,
			   .known_gap = 3600,
			   .known_after = 5,
			   .outbound = 2592000 },
		.now = lmdb_noon(seconds_later),
		.max_ms = 10000,
	};
}

static enum store_end visit(struct store *store, unsigned number,
			    int64_t seconds_later,
			    struct greylist_result *ret_result)
{
	struct lmdb_visitor visitor;

	lmdb_visitor(&visitor, number, seconds_later);
	return store_visit(store, &visitor.visit, ret_result);
}

enum greylist_why lmdb_comes(struct store *store, unsigned number,
			     int64_t seconds_later)
{
	struct greylist_result result;

	visit(store, number, seconds_later, &result);
	return result.why;
}

enum store_end lmdb_tries(struct store *store, unsigned number,
			  int64_t seconds_later)
{
	struct greylist_result result;

	return visit(store, number, seconds_later, &result);
}
