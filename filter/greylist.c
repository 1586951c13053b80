/*
 * greylist.c - who must wait: what the configuration says, and what is said of
 * an answer.
 */
#include "filter/greylist.h"

#include <stdatomic.h>
#include <stdio.h>

#include "filter/clock.h"
#include "filter/generation.h"

/* --- what the configuration says ----------------------------------------- */

struct greylist_terms greylist_terms_of(const struct generation *gen,
					size_t class_index)
{
	const struct greylist_settings *set = &gen->settings.greylist;
	const struct greylist_info *info =
		ruleset_greylist(gen->rules, class_index);

	return (struct greylist_terms){
		.wait = info->wait,
		.window = info->window,
		.keep = info->keep,
		.known_gap = set->known_gap,
		.known_after = set->known_after,
		.outbound = set->outbound,
		.longest_window = ruleset_longest_window(gen->rules),
	};
}

bool greylist_is_wanted(const struct generation *gen)
{
	return gen->rules != NULL &&
	       (ruleset_greylists(gen->rules) ||
		gen->settings.greylist.spamtraps[0] != '\0');
}

enum phase greylist_phase(const struct generation *gen, bool null_sender)
{
	static const enum phase phases[] = {
		[GREYLIST_AT_RCPT] = PHASE_RCPT,
		[GREYLIST_AT_DATA] = PHASE_DATA,
		[GREYLIST_AT_EOM] = PHASE_EOM,
	};
	enum phase phase = phases[gen->settings.greylist.stage];

	if (phase < gen->settings.session.earliest_refusal)
		phase = gen->settings.session.earliest_refusal;
	return null_sender && phase < PHASE_DATA ? PHASE_DATA : phase;
}

const struct list *greylist_traps(const struct generation *gen)
{
	const char *name = gen->settings.greylist.spamtraps;
	int index = -1;

	if (name[0] != '\0')
		index = ruleset_find_list(gen->rules, name);
	return index >= 0 ? rule_list_content(gen->lists.at[index]) : NULL;
}

/* --- what was lost ------------------------------------------------------- */

/* When; monotonic milliseconds, 0: nothing was. */
static atomic_int_least64_t lost_ms;

void greylist_was_lost(void)
{
	atomic_store(&lost_ms, monotonic_ms());
}

bool greylist_is_suspended(int64_t wait)
{
	int64_t lost = atomic_load(&lost_ms);

	return lost != 0 && monotonic_ms() - lost < wait * 1000;
}

/* --- what was answered --------------------------------------------------- */

bool greylist_defers(const struct greylist_said *said)
{
	return !said->suspended && (said->answer == GREYLIST_WAIT ||
				    said->answer == GREYLIST_REFUSED);
}

static unsigned badness(const struct greylist_said *said)
{
	if (!said->due)
		return 0;
	if (!greylist_defers(said))
		return said->asked && said->answer == GREYLIST_PASS ? 1 : 2;
	return said->answer == GREYLIST_REFUSED ? 4 : 3;
}

const struct greylist_said *greylist_worse(const struct greylist_said *a,
					   const struct greylist_said *b)
{
	unsigned of_a = badness(a), of_b = badness(b);

	if (of_a != of_b)
		return of_a > of_b ? a : b;
	return b->left > a->left ? b : a;
}

const char *greylist_word(const struct greylist_said *said,
			  char buf[GREYLIST_WORD_SIZE])
{
	if (!said->due)
		snprintf(buf, GREYLIST_WORD_SIZE, "-");
	else if (!said->asked)
		snprintf(buf, GREYLIST_WORD_SIZE, "closed");
	else if (said->end != STORE_DONE)
		snprintf(buf, GREYLIST_WORD_SIZE, "unknown:%s",
			 store_end_name(said->end));
	else
		snprintf(buf, GREYLIST_WORD_SIZE, "%s",
			 said->suspended ? "suspended"
					 : greylist_why_name(said->why));
	return buf;
}
