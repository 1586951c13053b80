/*
 * greylist_diary.h - a greylist that only keeps a diary, for tests: it writes
 * down each thing that happens and answers a visit by reading the whole diary.
 * It knows no records, stamps, rounds and expiries.
 *
 * A story is a few hundred events of chance, in moments that lie at the terms'
 * borders, told to an actor: what is tested.  The diary says what its answers
 * should have been.  Fails through cmocka; one thread.
 */
#ifndef TESTS_UNIT_GREYLIST_DIARY_H
#define TESTS_UNIT_GREYLIST_DIARY_H

#include <stdbool.h>
#include <stdint.h>

#include "lists/greylist.h"

enum {
	DIARY_IDENTITIES = 2,
	DIARY_TRIPLETS = 3, /* of each, each with a sender of its own */
	DIARY_TRAP = 60, /* seconds of a conviction */
	DIARY_A_WHILE = 50, /* seconds of an admin's word */
};

/* So short that every border is met. */
extern const struct greylist_terms diary_terms;

enum diary_kind { DIARY_VISIT, DIARY_CONVICT, DIARY_MARK, DIARY_WRITE };

struct diary_event {
	enum diary_kind kind;
	int64_t when; /* true time, which goes steadily */
	int identity, triplet;
	enum greylist_why why; /* of a visit: what was said */
	enum greylist_mark mark;
	int64_t span; /* of a mark; 0: until it is taken back */
};

struct diary_actor {
	/* For all but visits the answer does not count. */
	enum greylist_why (*act)(void *context, const struct diary_event *event,
				 const struct greylist_time *clock);
	bool forgets; /* what is no longer needed, which may begin as new */
};

struct diary_story {
	bool jumps; /* the wall clock does, in a run that goes on */
	int64_t begin; /* true time */
	int64_t end; /* filled in */
	unsigned seen[GREYLIST_TRAPPED + 1]; /* answers, added up */
};

/* Seeds the dice of all that follows. */
void diary_seed(uint64_t seed);
uint32_t diary_dice(uint32_t sides);

/* Seconds between two events. */
int64_t diary_pause(void);

/* NEW, LATE or DROPPED. */
bool diary_begins(enum greylist_why why);

void diary_play(const struct diary_actor *actor, void *context,
		struct diary_story *story);

#endif
