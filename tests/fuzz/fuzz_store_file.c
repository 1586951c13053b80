/*
 * fuzz_store_file.c - any bytes as a store's file.
 *
 * It is used, set aside once, or refused in a sentence, and LMDB survives it.
 * Inputs of 8 KiB or more are the file.  Shorter ones change a sound one, six
 * bytes at a time: what to do, where (three bytes), with what (two); so a
 * fuzzer need not find out by itself how such a file begins.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lists/store_lmdb.h"
#include "tests/fuzz/fuzz.h"

enum { WHOLE = 8192, STEP = 6, PAGE = 4096, RECORDS = 150, ROOM = 1 << 20 };

static char folder[64], file[96];
static uint8_t *base, *changed;
static size_t base_size;
static unsigned set_aside;

static const struct greylist_terms terms = {
	.wait = 300,
	.window = 172800,
	.keep = 3110400,
	.known_gap = 86400,
	.known_after = 5,
	.outbound = 2592000,
};

static struct greylist_time at(int64_t later)
{
	return (struct greylist_time){ 1732300000 + later, 3600 + later,
				       0x9f86d081884c7d65 };
}

/* --- the file ------------------------------------------------------------ */

static void empty_folder(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir)
		closedir(dir);
}

static void remove_folder(void)
{
	empty_folder();
	rmdir(folder);
}

static void hear(void *context, const char *sentence)
{
	(void)context;
	CLAIM(strstr(sentence, "damaged") != NULL);
	set_aside++;
}

static struct store *open_store(int64_t later)
{
	const struct store_lmdb_settings settings = { .path = file,
						      .room = ROOM,
						      .set_aside = hear };
	struct greylist_time now = at(later);
	char why[STORE_WHY_SIZE];
	struct store *store = store_lmdb_open(&settings, &now, why);

	CLAIM(store != NULL || why[0] != '\0');
	return store;
}

static void come(struct store *store, unsigned number, int64_t later)
{
	char identity[TRIPLET_IDENTITY_SIZE], sender[32];
	char triplet[TRIPLET_KEY_SIZE];
	struct greylist_result result;
	struct store_visit visit = { .triplet = triplet,
				     .identity = identity,
				     .sender = sender,
				     .terms = terms,
				     .now = at(later),
				     .max_ms = 1000 };

	snprintf(identity, sizeof(identity), "spf:a%u.example", number % 37);
	snprintf(sender, sizeof(sender), "joe%ub@a.example", number * 7919);
	CLAIM(triplet_key(identity, sender, "you@example.net", triplet) > 0);
	store_visit(store, &visit, &result);
	if (number % 5 == 0)
		store_write_to(store, sender, &terms, &visit.now, 1000);
}

static void write_file(const uint8_t *bytes, size_t size)
{
	FILE *out = fopen(file, "wb");

	CLAIM(out != NULL);
	CLAIM(fwrite(bytes, 1, size, out) == size);
	CLAIM(fclose(out) == 0);
}

/* Records of all kinds, some gone again, so that there are free pages. */
static void make_base(void)
{
	struct greylist_time late = at(200000);
	struct stat st;
	struct store *store;
	FILE *in;

	snprintf(folder, sizeof(folder), "%s/store.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".");
	CLAIM(mkdtemp(folder) != NULL);
	atexit(remove_folder);
	snprintf(file, sizeof(file), "%s/greylist.db", folder);
	store = open_store(0);
	for (unsigned i = 0; i < RECORDS; i++)
		come(store, i, i);
	for (unsigned i = 0; i < RECORDS; i += 2)
		come(store, i, 500);
	store_sweep(store, &late, 1000);
	store_close(store);
	in = fopen(file, "rb");
	CLAIM(in != NULL && fstat(fileno(in), &st) == 0);
	base_size = (size_t)st.st_size;
	base = malloc(base_size);
	changed = malloc(base_size);
	CLAIM(base && changed && fread(base, 1, base_size, in) == base_size);
	fclose(in);
}

/* --- changes to it ------------------------------------------------------- */

static size_t page_of(size_t where)
{
	return where / PAGE * PAGE;
}

static size_t change(size_t size, const uint8_t step[STEP])
{
	size_t where =
		(step[1] | (size_t)step[2] << 8 | (size_t)step[3] << 16) %
		base_size;
	size_t other = page_of((step[4] | (size_t)step[5] << 8) * (size_t)PAGE %
			       base_size);

	switch (step[0] % 8) {
	case 0: changed[where] = step[4]; break;
	case 1: changed[where] ^= step[4]; break;
	case 2: changed[where] = (uint8_t)(changed[where] + step[4]); break;
	case 3:
		where &= ~(size_t)1;
		changed[where] = step[4];
		changed[where + 1] = step[5];
		break;
	case 4: memset(changed + page_of(where), step[4], PAGE); break;
	case 5: memcpy(changed + page_of(where), changed + other, PAGE); break;
	case 6:
		memmove(changed + where, changed + other,
			step[0] < base_size - where ? step[0] : 0);
		break;
	case 7: return where < size ? where : size;
	}
	return size;
}

/* --- using it ------------------------------------------------------------ */

static bool see(void *context, const struct store_entry *entry)
{
	++*(size_t *)context;
	CLAIM(strlen(entry->key) < TRIPLET_KEY_SIZE && entry->value != NULL);
	return true;
}

static void use(struct store *store)
{
	struct store_cursor cursor = { "" };
	struct greylist_time now = at(1000), late = at(4000000);
	uint64_t count;
	size_t seen = 0;
	bool more = true;

	for (unsigned i = 0; i < RECORDS + 20; i += 3)
		come(store, i, 1000);
	while (more && store_list(store, NULL, &terms, &now, 100, 1000, &cursor,
				  see, &seen, &more) == STORE_DONE)
		;
	store_sweep(store, &late, 40);
	cursor.at[0] = '\0';
	more = true;
	while (more && store_forget(store, NULL, &terms, &now, false, 100, 1000,
				    &cursor, &count, &more) == STORE_DONE)
		;
	come(store, 1, 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *store;
	size_t len = base_size;

	if (!base)
		make_base();
	empty_folder();
	set_aside = 0;
	if (size >= WHOLE) {
		write_file(data, size);
	} else {
		len = base_size;
		memcpy(changed, base, base_size);
		for (size_t i = 0; i + STEP <= size; i += STEP)
			len = change(len, data + i);
		write_file(changed, len);
	}
	store = open_store(900);
	CLAIM(set_aside <= 1);
	CLAIM(store != NULL || set_aside == 0);
	if (store) {
		use(store);
		store_close(store);
		/* what was used is sound, by our own hands */
		store = open_store(1000);
		CLAIM(store != NULL && set_aside <= 1);
		store_close(store);
	}
	return 0;
}
