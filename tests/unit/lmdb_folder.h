/*
 * lmdb_folder.h - a folder with a store's file in it, made for a test.
 *
 * All of it fails through cmocka.  One folder at a time.
 */
#ifndef TESTS_UNIT_LMDB_FOLDER_H
#define TESTS_UNIT_LMDB_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "lists/store_lmdb.h"

#define LMDB_ROOM ((uint64_t)8 * 1024 * 1024)

/* A noon long ago, of a run that has lasted for an hour. */
struct greylist_time lmdb_noon(int64_t seconds_later);

void lmdb_folder_make(void);
void lmdb_folder_remove(void); /* with all that is in it */
const char *lmdb_file(void); /* the store's path */

/* The same, for cmocka. */
int lmdb_folder_set_up(void **state);
int lmdb_folder_tear_down(void **state);

/* Names in the folder that begin so. */
size_t lmdb_folder_count(const char *prefix);

/* Not synced; what is set aside is counted in lmdb_set_aside. */
struct store_lmdb_settings lmdb_settings(uint64_t room);
extern unsigned lmdb_set_aside;
extern char lmdb_sentence[512];

struct store *lmdb_must_open(uint64_t room, int64_t seconds_later);
struct store *lmdb_must_open_with(const struct store_lmdb_settings *settings,
				  int64_t seconds_later);

/* The whole file, to be freed; and the other way. */
unsigned char *lmdb_file_read(size_t *ret_len);
void lmdb_file_write(const void *bytes, size_t len);

/* Keys and a visit that begin with a number; terms of 300 s, 2 d, 36 d. */
struct lmdb_visitor {
	char identity[TRIPLET_IDENTITY_SIZE];
	char sender[64];
	char triplet[TRIPLET_KEY_SIZE];
	struct store_visit visit;
};
void lmdb_visitor(struct lmdb_visitor *visitor, unsigned number,
		  int64_t seconds_later);
enum greylist_why lmdb_comes(struct store *store, unsigned number,
			     int64_t seconds_later);
/* The same; how the visit ended. */
enum store_end lmdb_tries(struct store *store, unsigned number,
			  int64_t seconds_later);

#endif
