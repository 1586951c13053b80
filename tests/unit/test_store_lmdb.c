/*
 * test_store_lmdb.c - the contract of a store, on LMDB.
 *
 * What only this engine has is in test_store_lmdb_file.c (the file),
 * test_store_lmdb_room.c (its room) and test_store_lmdb_pen.c (who writes).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"
#include "tests/unit/store_contract.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct store *open_it(const struct greylist_time *now)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM * 8);
	char why[STORE_WHY_SIZE];
	struct store *store;

	lmdb_folder_make();
	store = store_lmdb_open(&settings, now, why);
	if (!store)
		fail_msg("%s", why);
	return store;
}

static struct store *reopen_it(struct store *store,
			       const struct greylist_time *now)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM * 8);
	char why[STORE_WHY_SIZE];

	store_close(store);
	store = store_lmdb_open(&settings, now, why);
	if (!store)
		fail_msg("%s", why);
	if (lmdb_set_aside > 0)
		fail_msg("%s", lmdb_sentence);
	return store;
}

static void close_it(struct store *store)
{
	store_close(store);
	lmdb_folder_remove();
}

/* As the engine does, but for what the value says. */
static void put_it(struct store *store, enum store_kind kind, const char *key,
		   const char *value, int64_t expires)
{
	struct store_lmdb *s = (struct store_lmdb *)store;
	unsigned char date[LMDB_KEY_SIZE] = { 0 };
	char text[512];
	size_t len = strlen(key);
	MDB_val at = { len, (void *)key }, line = { 0, text };
	struct lmdb_txn txn;

	snprintf(text, sizeof(text), "%" PRId64 "/%" PRId64 " %s", expires,
		 expires, value);
	line.mv_size = strlen(text);
	assert_int_equal(lmdb_write(s, &txn), 0);
	assert_int_equal(mdb_put(txn.txn, s->dbi[lmdb_db_of(kind)], &at, &line,
				 0),
			 0);
	for (size_t i = 5; i-- > 0; expires >>= 8)
		date[i] = (unsigned char)expires;
	date[5] = kind == STORE_TRIPLET	   ? 't'
		  : kind == STORE_IDENTITY ? 'i'
					   : 'o';
	memcpy(date + 6, key, len);
	at = (MDB_val){ len + 6, date };
	line.mv_size = 0;
	assert_int_equal(mdb_put(txn.txn, s->dbi[LMDB_EXPIRY], &at, &line, 0),
			 0);
	assert_int_equal(lmdb_commit(&txn), 0);
}

/* --- another writer ------------------------------------------------------ */

/*
 * Its own thread, as a transaction is a thread's; and as another process has it
 * the file, as the store knows who writes in its own.
 */
static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct store_lmdb *store;
	bool holds, ends;
} other = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .changed = PTHREAD_COND_INITIALIZER };

static void *hold_on(void *arg)
{
	int fd = open(lmdb_file(), O_RDWR | O_CLOEXEC);
	MDB_txn *txn = NULL;
	int error;

	(void)arg;
	if (lmdb_announce(fd) < 0)
		abort();
	pthread_mutex_lock(&other.store->lock);
	other.store->look_next = 0;
	pthread_mutex_unlock(&other.store->lock);
	error = mdb_txn_begin(other.store->env, NULL, 0, &txn);
	pthread_mutex_lock(&other.lock);
	other.holds = true;
	pthread_cond_broadcast(&other.changed);
	while (!other.ends)
		pthread_cond_wait(&other.changed, &other.lock);
	pthread_mutex_unlock(&other.lock);
	if (!error)
		mdb_txn_abort(txn);
	close(fd);
	return NULL;
}

static void hold_it(struct store *store)
{
	other.store = (struct store_lmdb *)store;
	other.holds = other.ends = false;
	assert_int_equal(pthread_create(&other.thread, NULL, hold_on, NULL), 0);
	pthread_mutex_lock(&other.lock);
	while (!other.holds)
		pthread_cond_wait(&other.changed, &other.lock);
	pthread_mutex_unlock(&other.lock);
}

static void let_it_go(void)
{
	pthread_mutex_lock(&other.lock);
	other.ends = true;
	pthread_cond_broadcast(&other.changed);
	pthread_mutex_unlock(&other.lock);
	pthread_join(other.thread, NULL);
}

int main(void)
{
	const struct store_contract lmdb = {
		.name = "contract, on LMDB",
		.is_local = true,
		.stories = 25,
		.open = open_it,
		.reopen = reopen_it,
		.close = close_it,
		.put = put_it,
		.hold = hold_it,
		.let_go = let_it_go,
	};

	return store_contract_run(&lmdb);
}
