/*
 * spf_reference.h - RFC 7208 section 4 and 5, taken literally.
 *
 * By recursion, with every question in its turn and no thought of what it
 * costs: to be compared with the evaluator that runs, with which it shares the
 * readers of records and macros.
 */
#ifndef STEELYARD_TESTS_SPF_REFERENCE_H
#define STEELYARD_TESTS_SPF_REFERENCE_H

#include "filter/inspect/spf.h"
#include "filter/inspect/spf_macro.h"

struct inspect_dns;

struct spf_reference {
	enum spf_result result;
	unsigned lookups, voids;
};

/* Of the context all but domain and the validated name is given. */
void spf_reference(const struct spf_context *context, const char *domain,
		   struct inspect_dns *dns,
		   struct spf_reference *ret_reference);

#endif
