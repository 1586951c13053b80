/*
 * spf_memory.h - what SPF said a moment ago, while it would say it again.
 *
 * SPF is a function of the client, of what he calls himself, of the sender's
 * domain, and of what is published.  Clients come again and again, and as long
 * as all that DNS said is still in its cache nobody need read it again.  Not
 * kept is what depends on more than that: records with macros, which may speak
 * of the time or of the whole sender, and errors of DNS.
 *
 * Whoever reads strangers' records might be made to tell a lie; so nothing is
 * kept for longer than SPF_MEMORY_MS, however long DNS would have it.
 *
 * Bounded: 2,048 places of at most a KiB; what comes new to a taken place goes
 * there.  Any thread.
 */
#ifndef STEELYARD_FILTER_SPF_MEMORY_H
#define STEELYARD_FILTER_SPF_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct facts;
struct spf_memory;
struct spf_request;

enum { SPF_MEMORY_MS = 5 * 60 * 1000 };

/* NULL without memory; then, and with NULL below, nothing is remembered. */
struct spf_memory *spf_memory_new(void);
void spf_memory_free(struct spf_memory *memory);

/*
 * Sets the facts spf to spf.error, texts in the facts' arena; false, and sets
 * none, if it is not known.  Times are those of dns_now_ms().  `facts` may be
 * NULL, by whom only wants to know whether it is.
 */
bool spf_memory_recall(struct spf_memory *memory,
		       const struct spf_request *request, uint64_t now_ms,
		       struct facts *facts);

/* These facts will be the same until then. */
void spf_memory_keep(struct spf_memory *memory,
		     const struct spf_request *request, uint64_t now_ms,
		     uint64_t until_ms, const struct facts *facts);

void spf_memory_flush(struct spf_memory *memory);

#endif
