/*
 * backoff.c - how long to wait before something that died is started again.
 */
#include "filter/backoff.h"

enum { ONE = 1000 };

int64_t backoff_died(struct backoff *backoff,
		     const struct backoff_policy *policy, int64_t lived_ms)
{
	int64_t earned = lived_ms / policy->earn_ms >= backoff->debt / ONE + 1
				 ? backoff->debt
				 : lived_ms * ONE / policy->earn_ms;
	int64_t over, pause;

	backoff->debt -= earned < backoff->debt ? earned : backoff->debt;
	backoff->debt += ONE;
	over = backoff->debt / ONE - (int64_t)policy->free;
	if (over <= 0)
		return 0;
	for (pause = policy->first_ms; --over > 0; pause *= 2) {
		if (pause >= policy->max_ms) {
			/* more debt would not lengthen the pause, only the
			 * way back */
			backoff->debt -= ONE;
			return policy->max_ms;
		}
	}
	return pause < policy->max_ms ? pause : policy->max_ms;
}
