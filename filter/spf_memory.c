/*
 * spf_memory.c - what SPF said a moment ago, while it would say it again.
 */
#include "filter/spf_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "filter/inspect/spf.h"
#include "lists/hash.h"
#include "rules/arena.h"
#include "rules/facts.h"

enum {
	PLACES = 2048,
	KEY_MAX = 512, /* bytes */
	TEXTS_MAX = 256,
	FACTS = FACT_SPF_ERROR - FACT_SPF + 1,
};

/* Whom it is about. */
struct key {
	size_t len;
	char bytes[KEY_MAX];
};

struct entry {
	uint64_t until_ms;
	size_t key_len;
	struct fact facts[FACTS]; /* texts lie in `bytes` */
	char bytes[]; /* the key, then the texts */
};

struct spf_memory {
	struct hash_key hash;
	pthread_mutex_t lock;
	struct entry *places[PLACES];
};

struct spf_memory *spf_memory_new(void)
{
	struct spf_memory *memory = calloc(1, sizeof(*memory));

	if (memory == NULL)
		return NULL;
	if (hash_key_random(&memory->hash) < 0) {
		free(memory);
		return NULL;
	}
	pthread_mutex_init(&memory->lock, NULL);
	return memory;
}

void spf_memory_flush(struct spf_memory *memory)
{
	if (memory == NULL)
		return;
	pthread_mutex_lock(&memory->lock);
	for (size_t i = 0; i < PLACES; i++) {
		free(memory->places[i]);
		memory->places[i] = NULL;
	}
	pthread_mutex_unlock(&memory->lock);
}

void spf_memory_free(struct spf_memory *memory)
{
	if (memory == NULL)
		return;
	spf_memory_flush(memory);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

/* --- keys ---------------------------------------------------------------- */

static bool key_add(struct key *key, const void *bytes, size_t len)
{
	if (len > sizeof(key->bytes) - key->len)
		return false;
	memcpy(key->bytes + key->len, bytes, len);
	key->len += len;
	return true;
}

/* Texts end in a NUL; one that is not there begins with another mark. */
static bool key_make(const struct spf_request *request, struct key *ret)
{
	const char *at = strrchr(request->sender, '@');
	const char *domain = at != NULL ? at : request->sender;

	ret->len = 0;
	return key_add(ret, &request->client.family, 1) &&
	       key_add(ret, request->client.bytes,
		       sizeof(request->client.bytes)) &&
	       key_add(ret, domain, strlen(domain) + 1) &&
	       key_add(ret, request->helo != NULL ? "h" : "-", 1) &&
	       (request->helo == NULL ||
		key_add(ret, request->helo, strlen(request->helo) + 1));
}

static struct entry **place_of(struct spf_memory *memory, const struct key *key)
{
	return &memory->places[hash_keyed(&memory->hash, key->bytes, key->len) %
			       PLACES];
}

/* --- facts --------------------------------------------------------------- */

static bool has_text(const struct fact *fact, size_t i)
{
	return fact->state == FACT_KNOWN &&
	       fact_row((enum fact_id)(FACT_SPF + i))->type == FACT_TYPE_STRING;
}

static struct entry *entry_new(const struct key *key,
			       const struct fact facts[FACTS])
{
	size_t texts = 0;
	struct entry *entry;
	char *at;

	for (size_t i = 0; i < FACTS; i++) {
		/* What is not known now may be known the next time. */
		if (facts[i].state != FACT_KNOWN && facts[i].state != FACT_NONE)
			return NULL;
		if (has_text(&facts[i], i))
			texts += facts[i].text.len;
	}
	if (texts > TEXTS_MAX)
		return NULL;
	entry = malloc(sizeof(*entry) + key->len + texts);
	if (entry == NULL)
		return NULL;
	entry->key_len = key->len;
	memcpy(entry->bytes, key->bytes, key->len);
	memcpy(entry->facts, facts, sizeof(entry->facts));
	at = entry->bytes + key->len;
	for (size_t i = 0; i < FACTS; i++) {
		struct text *text = &entry->facts[i].text;

		if (!has_text(&facts[i], i))
			continue;
		memcpy(at, text->at, text->len);
		text->at = at;
		at += text->len;
	}
	return entry;
}

/* Texts move to the arena; false if there is no room. */
static bool take_facts(const struct entry *entry, struct arena *arena,
		       struct fact ret_facts[FACTS])
{
	memcpy(ret_facts, entry->facts, sizeof(entry->facts));
	for (size_t i = 0; i < FACTS; i++) {
		struct text *text = &ret_facts[i].text;

		if (!has_text(&ret_facts[i], i))
			continue;
		text->at = arena_strndup(arena, text->at, text->len);
		if (text->at == NULL)
			return false;
	}
	return true;
}

/* --- memory -------------------------------------------------------------- */

bool spf_memory_recall(struct spf_memory *memory,
		       const struct spf_request *request, uint64_t now_ms,
		       struct facts *facts)
{
	struct fact found[FACTS];
	struct entry *entry;
	struct key key;
	bool known;

	if (memory == NULL || !key_make(request, &key))
		return false;
	pthread_mutex_lock(&memory->lock);
	entry = *place_of(memory, &key);
	known = entry != NULL && entry->until_ms > now_ms &&
		entry->key_len == key.len &&
		memcmp(entry->bytes, key.bytes, key.len) == 0 &&
		(facts == NULL || take_facts(entry, facts->arena, found));
	pthread_mutex_unlock(&memory->lock);
	if (known && facts != NULL)
		memcpy(&facts->fixed[FACT_SPF], found, sizeof(found));
	return known;
}

static bool is_error(const struct facts *facts)
{
	const struct fact *spf = &facts->fixed[FACT_SPF];
	const struct fact *helo = &facts->fixed[FACT_SPF_HELO];

	return (spf->state == FACT_KNOWN &&
		spf->word == SPF_RESULT_TEMPERROR) ||
	       (helo->state == FACT_KNOWN &&
		helo->word == SPF_RESULT_TEMPERROR);
}

void spf_memory_keep(struct spf_memory *memory,
		     const struct spf_request *request, uint64_t now_ms,
		     uint64_t until_ms, const struct facts *facts)
{
	struct entry *entry, *before, **place;
	struct key key;

	if (memory == NULL || until_ms <= now_ms || is_error(facts) ||
	    !key_make(request, &key))
		return;
	entry = entry_new(&key, &facts->fixed[FACT_SPF]);
	if (entry == NULL)
		return;
	entry->until_ms = until_ms < now_ms + SPF_MEMORY_MS
				  ? until_ms
				  : now_ms + SPF_MEMORY_MS;
	pthread_mutex_lock(&memory->lock);
	place = place_of(memory, &key);
	before = *place;
	*place = entry;
	pthread_mutex_unlock(&memory->lock);
	free(before);
}
