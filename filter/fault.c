/*
 * fault.c - when the run of faults began; 0 while all is well.
 */
#include "filter/fault.h"

#include <stdatomic.h>

static atomic_int_fast64_t began;

void fault_over(void)
{
	if (atomic_load_explicit(&began, memory_order_relaxed) != 0)
		atomic_store(&began, 0);
}

int64_t fault_seen(int64_t now)
{
	int_fast64_t none = 0;

	if (now < 1)
		now = 1; /* 0 means "no fault" */
	if (atomic_compare_exchange_strong(&began, &none, now))
		return 0;
	return now > none ? now - none : 0; /* `none` holds the start now */
}
