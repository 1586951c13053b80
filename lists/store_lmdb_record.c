/*
 * store_lmdb_record.c - one record, and its place in the index.
 *
 * A value is a line for people, too: two dates, then that of greylist_record.h.
 *
 *   1732473101/1732473101 1 waiting first=1732300300 tried=...
 *   - 1 identity passes=0 round=0 allow=1732300300 for=0
 *
 * The first date is when it expires, as the wall clock stood at the record's
 * stamp; where that has moved since, against the steady clock, the expiry moves
 * along, and where it cannot be known whether it has, the dates are taken as
 * they stand, which is how the judgement reads them, too.  The second is where
 * it stands in the index: at its expiry or before, as a use that puts the
 * expiry off does not move it there.  The sweep does, when it comes by.  "-" is
 * for ever, and is not in the index.
 *
 * The index's keys are the date, 5 bytes from the highest, a letter for the
 * kind, and the record's key.  There is nothing in its values.
 */
#include "lists/store_lmdb_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lists/digits.h"
#include "lists/hash.h"
#include "lists/store_lmdb_check.h"

enum { DATE_SIZE = 5, PREFIX_SIZE = 40 };

/* A hundred years after the last second that a clock can show, and more. */
#define DATE_MAX (((int64_t)1 << 8 * DATE_SIZE) - 1)

static const struct {
	enum store_kind kind;
	enum lmdb_db db;
	char letter;
} kinds[] = {
	{ STORE_TRIPLET, LMDB_TRIPLET, 't' },
	{ STORE_IDENTITY, LMDB_IDENTITY, 'i' },
	{ STORE_OUTBOUND, LMDB_OUTBOUND, 'o' },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

enum lmdb_db lmdb_db_of(enum store_kind kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].db;
	return LMDB_META;
}

static unsigned place_of(const char *key, size_t len)
{
	return (unsigned)(hash_digest(key, len).word[0] % LMDB_PLACES);
}

/* --- dates --------------------------------------------------------------- */

/* The stamp that a record's expiry is told by. */
static const struct greylist_time *stamp_of(const struct store_entry *entry)
{
	static const struct greylist_time none;
	const struct greylist_identity *identity = &entry->identity;

	switch (entry->kind) {
	case STORE_TRIPLET:
		return entry->triplet.state == GREYLIST_WAITING
			       ? &entry->triplet.first
			       : &entry->triplet.last;
	case STORE_IDENTITY:
		if (identity->passes > 0)
			return &identity->last;
		if (identity->round > 0)
			return &identity->trapped;
		return identity->mark ? &identity->marked : &none;
	case STORE_OUTBOUND: return &entry->outbound.last;
	case STORE_ALL: break;
	}
	return &none;
}

/* Of one second it is but the clocks' rounding. */
static int64_t drift_of(const struct store_entry *entry,
			const struct greylist_time *now)
{
	int64_t drift = greylist_drift(stamp_of(entry), now);

	return drift > 1 || drift < -1 ? drift : 0;
}

static int64_t in_bounds(int64_t second)
{
	if (second < 1)
		return 1; /* 0 says that there is none */
	return second < DATE_MAX ? second : DATE_MAX;
}

/* --- reading ------------------------------------------------------------- */

/* A number without leading zeros, and what stands behind it. */
static bool number(const char **at, const char *end, char behind,
		   int64_t *ret_number)
{
	const char *c = *at;
	int64_t value = 0;

	if (c == end || *c < '1' || *c > '9')
		return false;
	for (; c < end && *c >= '0' && *c <= '9'; c++) {
		value = value * 10 + (*c - '0');
		if (value > DATE_MAX)
			return false;
	}
	if (c == end || *c != behind)
		return false;
	*at = c + 1;
	*ret_number = value;
	return true;
}

static bool dates(const char **at, const char *end, struct lmdb_record *record)
{
	if (end - *at >= 2 && (*at)[0] == '-' && (*at)[1] == ' ') {
		record->stored = GREYLIST_FOR_EVER;
		record->indexed = 0;
		*at += 2;
		return true;
	}
	return number(at, end, '/', &record->stored) &&
	       number(at, end, ' ', &record->indexed);
}

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] >= 0x7f)
			return false;
	return true;
}

bool lmdb_record_read(enum store_kind kind, const MDB_val *key,
		      const MDB_val *value, const struct greylist_time *now,
		      struct lmdb_record *ret_record)
{
	struct store_entry *entry = &ret_record->entry;
	const char *at = value->mv_data, *end = at + value->mv_size;
	size_t len;

	if (key->mv_size >= sizeof(ret_record->key) ||
	    !is_printable(key->mv_data, key->mv_size))
		return false;
	memset(entry, 0, sizeof(*entry));
	memcpy(ret_record->key, key->mv_data, key->mv_size);
	ret_record->key[key->mv_size] = '\0';
	ret_record->place = place_of(ret_record->key, key->mv_size);
	ret_record->is_there = true;
	ret_record->stored = GREYLIST_FOR_EVER;
	ret_record->indexed = 0;
	ret_record->is_dated =
		value->mv_size > 0 && dates(&at, end, ret_record);
	len = (size_t)(end - at);
	if (len >= sizeof(ret_record->value))
		len = sizeof(ret_record->value) - 1;
	memcpy(ret_record->value, at, len);
	ret_record->value[len] = '\0';
	entry->kind = kind;
	entry->key = ret_record->key;
	entry->value = ret_record->value;
	entry->expires = ret_record->stored;
	store_entry_read(entry);
	/* nor is it a line if it goes on behind that */
	if (entry->reading == GREYLIST_READ &&
	    (!ret_record->is_dated ||
	     (size_t)(end - at) != strlen(ret_record->value)))
		entry->reading = GREYLIST_JUNK;
	if (entry->reading == GREYLIST_READ &&
	    entry->expires != GREYLIST_FOR_EVER)
		entry->expires =
			in_bounds(entry->expires + drift_of(entry, now));
	return true;
}

int lmdb_get(struct lmdb_txn *txn, enum store_kind kind, const char *key,
	     const struct greylist_time *now, struct lmdb_record *ret_record)
{
	MDB_val at = { strlen(key), (void *)key }, value;
	int error =
		mdb_get(txn->txn, txn->s->dbi[lmdb_db_of(kind)], &at, &value);

	if (error == 0 && lmdb_record_read(kind, &at, &value, now, ret_record))
		return 0;
	if (error && error != MDB_NOTFOUND)
		return error;
	memset(&ret_record->entry, 0, sizeof(ret_record->entry));
	ret_record->is_there = ret_record->is_dated = false;
	ret_record->indexed = 0;
	at.mv_size = strnlen(key, sizeof(ret_record->key) - 1);
	memcpy(ret_record->key, key, at.mv_size);
	ret_record->key[at.mv_size] = '\0';
	ret_record->place = place_of(ret_record->key, at.mv_size);
	ret_record->entry.kind = kind;
	ret_record->entry.key = ret_record->key;
	return 0;
}

/* --- writing ------------------------------------------------------------- */

/* What failed is given up with all that is in the transaction. */
static void note_touch(struct lmdb_txn *txn, enum lmdb_db db, int error)
{
	if (!error)
		txn->touched |= 1u << db;
}

static int raw_put(struct lmdb_txn *txn, enum lmdb_db db, MDB_val *key,
		   MDB_val *value)
{
	int error = mdb_put(txn->txn, txn->s->dbi[db], key, value, 0);

	note_touch(txn, db, error);
	return error;
}

/* 0 also if it is not there. */
static int raw_delete(struct lmdb_txn *txn, enum lmdb_db db, MDB_val *key)
{
	int error = mdb_del(txn->txn, txn->s->dbi[db], key, NULL);

	note_touch(txn, db, error);
	return error == MDB_NOTFOUND ? 0 : error;
}

static void note_change(struct lmdb_txn *txn, const struct lmdb_record *record)
{
	txn->s->changed_at[record->place] = mdb_txn_id(txn->txn);
}

bool lmdb_is_unchanged(const struct lmdb_txn *txn, size_t since,
		       const struct lmdb_record *record)
{
	return since + 1 >= txn->s->known_from &&
	       txn->s->changed_at[record->place] <= since;
}

static size_t date_write(int64_t second, const struct lmdb_record *record,
			 unsigned char buf[LMDB_KEY_SIZE])
{
	size_t len = strlen(record->key), at = DATE_SIZE;

	for (size_t i = at; i-- > 0; second >>= 8)
		buf[i] = (unsigned char)(second & 0xff);
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == record->entry.kind)
			buf[at++] = (unsigned char)kinds[i].letter;
	memcpy(buf + at, record->key, len);
	return at + len;
}

bool lmdb_date_read(const MDB_val *key, struct lmdb_date *ret_date)
{
	const unsigned char *at = key->mv_data;
	size_t len = key->mv_size;

	if (len <= DATE_SIZE + 1 || len - DATE_SIZE > sizeof(ret_date->key))
		return false;
	ret_date->second = 0;
	for (size_t i = 0; i < DATE_SIZE; i++)
		ret_date->second = ret_date->second << 8 | at[i];
	ret_date->kind = STORE_ALL;
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].letter == (char)at[DATE_SIZE])
			ret_date->kind = kinds[i].kind;
	len -= DATE_SIZE + 1;
	memcpy(ret_date->key, at + DATE_SIZE + 1, len);
	ret_date->key[len] = '\0';
	return ret_date->kind != STORE_ALL && is_printable(ret_date->key, len);
}

static int index_delete(struct lmdb_txn *txn, const struct lmdb_record *record)
{
	unsigned char buf[LMDB_KEY_SIZE];
	MDB_val key = { 0, buf };

	if (record->indexed == 0)
		return 0;
	key.mv_size = date_write(record->indexed, record, buf);
	return lmdb_drop_date(txn, &key);
}

int lmdb_drop_date(struct lmdb_txn *txn, MDB_val *key)
{
	return raw_delete(txn, LMDB_EXPIRY, key);
}

static int index_put(struct lmdb_txn *txn, const struct lmdb_record *record)
{
	unsigned char buf[LMDB_KEY_SIZE];
	MDB_val key = { 0, buf }, value = { 0, buf };

	key.mv_size = date_write(record->indexed, record, buf);
	return raw_put(txn, LMDB_EXPIRY, &key, &value);
}

static int value_put(struct lmdb_txn *txn, const struct lmdb_record *record)
{
	char buf[PREFIX_SIZE + GREYLIST_RECORD_SIZE];
	MDB_val key = { strlen(record->key), (void *)record->key };
	MDB_val value = { 0, buf };
	size_t len = strlen(record->value);
	char *at = buf;

	if (record->stored == GREYLIST_FOR_EVER) {
		*at++ = '-';
	} else {
		at = digits_put(at, (uint64_t)record->stored, 10, 1);
		*at++ = '/';
		at = digits_put(at, (uint64_t)record->indexed, 10, 1);
	}
	*at++ = ' ';
	memcpy(at, record->value, len);
	value.mv_size = (size_t)(at - buf) + len;
	note_change(txn, record);
	return raw_put(txn, lmdb_db_of(record->entry.kind), &key, &value);
}

static size_t line_write(struct lmdb_record *record)
{
	const struct store_entry *entry = &record->entry;

	switch (entry->kind) {
	case STORE_TRIPLET:
		return greylist_write_triplet(&entry->triplet, record->value);
	case STORE_IDENTITY:
		return greylist_write_identity(&entry->identity, record->value);
	case STORE_OUTBOUND:
		return greylist_write_outbound(&entry->outbound, record->value);
	case STORE_ALL: break;
	}
	return 0;
}

int lmdb_put(struct lmdb_txn *txn, struct lmdb_record *record, int64_t expires,
	     const struct greylist_time *now)
{
	int error;

	if (line_write(record) == 0)
		return lmdb_delete(txn, record);
	record->stored = expires;
	if (expires != GREYLIST_FOR_EVER)
		record->stored =
			in_bounds(expires - drift_of(&record->entry, now));
	record->entry.expires = expires;
	/* what is indexed earlier stays there */
	if (record->indexed == 0 || record->indexed > expires ||
	    expires == GREYLIST_FOR_EVER)
		return lmdb_move(txn, record);
	error = value_put(txn, record);
	record->is_there = !error;
	return error;
}

int lmdb_delete(struct lmdb_txn *txn, const struct lmdb_record *record)
{
	MDB_val key = { strlen(record->key), (void *)record->key };
	int error;

	if (!record->is_there)
		return 0;
	note_change(txn, record);
	error = index_delete(txn, record);
	return error ? error
		     : raw_delete(txn, lmdb_db_of(record->entry.kind), &key);
}

int lmdb_move(struct lmdb_txn *txn, struct lmdb_record *record)
{
	int error;

	note_change(txn, record);
	error = index_delete(txn, record);
	record->indexed = 0;
	if (record->entry.expires != GREYLIST_FOR_EVER) {
		record->indexed = in_bounds(record->entry.expires);
		if (!error)
			error = index_put(txn, record);
	}
	if (!error)
		error = value_put(txn, record);
	record->is_there = !error;
	return error;
}

/* --- what the store says of itself --------------------------------------- */

int lmdb_meta_put(struct lmdb_txn *txn, const char *key, const char *value)
{
	MDB_val at = { strlen(key), (void *)key };
	MDB_val text = { strlen(value), (void *)value };

	return raw_put(txn, LMDB_META, &at, &text);
}

int lmdb_meta_get(struct lmdb_txn *txn, const char *key, char *buf, size_t size)
{
	MDB_val at = { strlen(key), (void *)key }, text = { 0, NULL };
	int error = mdb_get(txn->txn, txn->s->dbi[LMDB_META], &at, &text);

	buf[0] = '\0';
	if (error == 0 && text.mv_size < size) {
		memcpy(buf, text.mv_data, text.mv_size);
		buf[text.mv_size] = '\0';
	}
	return error == MDB_NOTFOUND ? 0 : error;
}

/* A count that cannot be one is as good as none. */
void lmdb_back_get(struct lmdb_txn *txn, struct lmdb_back *ret_back)
{
	const unsigned long long most = INT64_MAX / 2;
	unsigned long long never, came;
	long long since;
	char text[80];

	*ret_back = (struct lmdb_back){ 0 };
	if (lmdb_meta_get(txn, LMDB_BACK_KEY, text, sizeof(text)) == 0 &&
	    sscanf(text, "%llu/%llu/%lld", &never, &came, &since) == 3 &&
	    never <= most && came <= most && since > 0)
		*ret_back = (struct lmdb_back){ never, came, since };
}

int lmdb_back_add(struct lmdb_txn *txn, const struct lmdb_back *more,
		  struct lmdb_back *ret_back)
{
	char text[80];

	lmdb_back_get(txn, ret_back);
	ret_back->never += more->never;
	ret_back->came += more->came;
	if (ret_back->since == 0)
		ret_back->since = more->since;
	snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64 "/%" PRId64,
		 ret_back->never, ret_back->came, ret_back->since);
	return lmdb_meta_put(txn, LMDB_BACK_KEY, text);
}
