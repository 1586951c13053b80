/*
 * generation_resolver.c - a configuration is given somebody who asks DNS.
 */
#include <stdlib.h>

#include "filter/generation.h"
#include "filter/resolver.h"

/* What a list is asked about says how it has to be tested. */
static unsigned kinds_of(const struct dnsbl_info *info)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < info->of_count; i++)
		kinds |= fact_row(info->of[i])->type == FACT_TYPE_IP
				 ? DNSBL_OF_IP4 | DNSBL_OF_IP6
				 : DNSBL_OF_NAMES;
	return kinds;
}

bool generation_use_resolver(struct generation *gen, struct resolver *resolver)
{
	size_t count = ruleset_dnsbl_count(gen->rules);
	struct dnsbl **dnsbls = calloc(count + 1, sizeof(struct dnsbl *));

	if (dnsbls == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct dnsbl_info *info = ruleset_dnsbl(gen->rules, i);
		const struct dnsbl_start start = { .zone = info->zone,
						   .of = kinds_of(info),
						   .test = info->test };

		if (info->off)
			continue;
		dnsbls[i] = dnsbls_get(resolver->dnsbls, &start);
		if (dnsbls[i] == NULL) {
			free(dnsbls);
			return false;
		}
	}
	resolver_ref(resolver);
	resolver_unref(gen->resolver);
	free(gen->dnsbls);
	gen->resolver = resolver;
	gen->dnsbls = dnsbls;
	return true;
}
