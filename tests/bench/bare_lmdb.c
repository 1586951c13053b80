/*
 * bare_lmdb.c - LMDB without a store around it, to measure one against.
 */
#include "tests/bench/bare_lmdb.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bare {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi values, index;
};

static void must(int error, const char *what)
{
	if (error) {
		fprintf(stderr, "bench_store: %s: %s\n", what,
			mdb_strerror(error));
		exit(1);
	}
}

struct bare *bare_open(const char *path, uint64_t room, bool sync)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
	struct bare *bare = calloc(1, sizeof(*bare));

	if (!bare)
		exit(1);
	must(mdb_env_create(&bare->env), "mdb_env_create");
	must(mdb_env_set_maxdbs(bare->env, 2), "mdb_env_set_maxdbs");
	must(mdb_env_set_mapsize(bare->env, room), "mdb_env_set_mapsize");
	must(mdb_env_open(bare->env, path, flags | (sync ? 0 : MDB_NOSYNC),
			  0600),
	     path);
	bare_begin(bare);
	must(mdb_dbi_open(bare->txn, "values", MDB_CREATE, &bare->values),
	     "mdb_dbi_open");
	must(mdb_dbi_open(bare->txn, "index", MDB_CREATE, &bare->index),
	     "mdb_dbi_open");
	bare_commit(bare);
	return bare;
}

void bare_begin(struct bare *bare)
{
	must(mdb_txn_begin(bare->env, NULL, 0, &bare->txn), "mdb_txn_begin");
}

void bare_put(struct bare *bare, const char *key, const char *value,
	      int64_t expires)
{
	char place[6 + 505];
	size_t len = strlen(key);
	MDB_val at = { len, (void *)(uintptr_t)key };
	MDB_val what = { strlen(value), (void *)(uintptr_t)value };
	MDB_val nothing = { 0, place };

	must(mdb_put(bare->txn, bare->values, &at, &what, 0), "mdb_put");
	for (int i = 0; i < 5; i++)
		place[i] = (char)(expires >> (8 * (4 - i)) & 0xff);
	place[5] = 't';
	memcpy(place + 6, key, len);
	at = (MDB_val){ 6 + len, place };
	must(mdb_put(bare->txn, bare->index, &at, &nothing, 0), "mdb_put");
}

void bare_commit(struct bare *bare)
{
	must(mdb_txn_commit(bare->txn), "mdb_txn_commit");
	bare->txn = NULL;
}

void bare_close(struct bare *bare)
{
	mdb_env_close(bare->env);
	free(bare);
}
