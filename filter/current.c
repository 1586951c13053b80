/*
 * current.c - the configuration that holds now, and how another one takes over.
 */
#include "filter/current.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/clock.h"
#include "filter/generation.h"
#include "filter/log.h"
#include "filter/serve.h"

enum { NAMES_SIZE = 512 };

static struct {
	struct current_start start;
	pthread_mutex_t lock; /* of `generation`; held for an instant only */
	struct generation *generation;
	pthread_mutex_t loading; /* one load at a time, however long */
	atomic_uint_fast64_t reloads, refusals;
} current = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.loading = PTHREAD_MUTEX_INITIALIZER,
};

struct generation *serve_generation(void)
{
	struct generation *gen;

	pthread_mutex_lock(&current.lock);
	gen = generation_ref(current.generation);
	pthread_mutex_unlock(&current.lock);
	return gen;
}

/* Takes over the reference. */
static void switch_to(struct generation *gen)
{
	struct generation *old;

	current.start.take(gen);
	pthread_mutex_lock(&current.lock);
	old = current.generation;
	current.generation = gen;
	pthread_mutex_unlock(&current.lock);
	generation_unref(old);
}

/*
 * What was decided at the start stays until the end.  Appends to `*report`
 * what that leaves without effect.
 */
static void keep_frozen(const struct generation *old, struct generation *gen,
			char **report)
{
	char names[NAMES_SIZE];
	char *longer;

	settings_frozen_changes(&old->settings, &gen->settings, names,
				sizeof(names));
	if (names[0] == '\0')
		return;
	log_event(LOG_WARNING, "frozen", "settings=\"%s\" until=restart",
		  names);
	if (!settings_keep_frozen(&gen->settings, &old->settings))
		log_event(LOG_ERR, "X2", "reason=nomem at=reload");
	if (asprintf(&longer, "%sonly a restart changes: %s\n",
		     *report ? *report : "", names) >= 0) {
		free(*report);
		*report = longer;
	}
}

/* Refused for a reason that the rule files do not show. */
static void prepare(struct generation_result *loaded)
{
	char *why = NULL;

	if (!loaded->generation ||
	    current.start.prepare(loaded->generation, &why))
		return;
	generation_unref(loaded->generation);
	loaded->generation = NULL;
	generation_result_done(loaded);
	loaded->summary = why;
	if (why && asprintf(&loaded->report, "%s\n", why) < 0)
		loaded->report = NULL;
}

bool serve_reload(bool force, char **ret_report)
{
	struct generation *old;
	struct generation_result loaded;
	bool done;

	pthread_mutex_lock(&current.loading);
	old = serve_generation();
	loaded = generation_load(current.start.path, old, force);
	prepare(&loaded);
	done = loaded.generation != NULL;
	if (done) {
		keep_frozen(old, loaded.generation, &loaded.report);
		switch_to(generation_ref(loaded.generation));
		/* who reads this line may rely on it */
		log_event(LOG_NOTICE, "reload",
			  "generation=%" PRIu64 " rules=%s warnings=%zu",
			  loaded.generation->number, loaded.generation->digest,
			  loaded.warnings);
		generation_unref(loaded.generation);
		atomic_fetch_add(&current.reloads, 1);
	} else {
		log_event(LOG_ERR, "R1",
			  "generation=%" PRIu64 " stays; refused: %s",
			  old->number, loaded.summary ? loaded.summary : "-");
		atomic_fetch_add(&current.refusals, 1);
	}
	*ret_report = loaded.report;
	loaded.report = NULL;
	generation_result_done(&loaded);
	generation_unref(old);
	pthread_mutex_unlock(&current.loading);
	return done;
}

/* Reports and takes over what a look at list files has brought. */
static bool take_lists(struct generation *gen, const char *summary)
{
	if (summary)
		log_event(LOG_WARNING, "R2", "%s", summary);
	if (gen) {
		switch_to(generation_ref(gen));
		log_event(LOG_INFO, "lists", "generation=%" PRIu64,
			  gen->number);
		generation_unref(gen);
	}
	return !summary;
}

void current_refresh(void)
{
	struct generation *old, *gen;
	char *summary = NULL;

	pthread_mutex_lock(&current.loading);
	old = serve_generation();
	gen = generation_refresh_lists(old, monotonic_ms(), &summary);
	take_lists(gen, summary);
	free(summary);
	generation_unref(old);
	pthread_mutex_unlock(&current.loading);
}

bool serve_take_list(const char *name, char **ret_report)
{
	struct generation *old, *gen = NULL;
	char *summary = NULL;
	bool done = false;

	pthread_mutex_lock(&current.loading);
	old = serve_generation();
	for (size_t i = 0; i < old->lists.count; i++) {
		if (strcmp(ruleset_list_info(old->rules, i)->name, name) != 0)
			continue;
		gen = generation_take_list(old, i, &summary);
		done = take_lists(gen, summary);
		break;
	}
	*ret_report = summary;
	generation_unref(old);
	pthread_mutex_unlock(&current.loading);
	return done;
}

bool current_load(const struct current_start *start, int snapshot)
{
	struct generation_result loaded, kept;

	current.start = *start;
	loaded = generation_load(start->path, NULL, false);
	if (!loaded.generation && snapshot >= 0) {
		log_event(LOG_ERR, "R1", "%s; goes on with the last that held",
			  loaded.summary ? loaded.summary : "-");
		kept = generation_load_snapshot(snapshot);
		loaded.generation = kept.generation;
		generation_result_done(&kept);
	}
	if (loaded.generation) {
		switch_to(loaded.generation);
	} else {
		log_event(LOG_ERR, "R1", "%s",
			  loaded.summary ? loaded.summary : "-");
	}
	/* warnings, where it holds */
	if (start->complain && loaded.report)
		fputs(loaded.report, stderr);
	generation_result_done(&loaded);
	return current.generation;
}

uint64_t current_reloads(void)
{
	return atomic_load(&current.reloads);
}

uint64_t current_refusals(void)
{
	return atomic_load(&current.refusals);
}
