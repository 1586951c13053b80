/*
 * milter_steps.h - what is negotiated with the MTA: which steps it need not
 * send, for which it need not wait, and which macros it is to tell.
 *
 * It follows from the plan (phases.h): where rules can refuse nothing before
 * the end and ask DNS nothing at connect, a message costs one answer.
 */
#ifndef STEELYARD_FILTER_MILTER_STEPS_H
#define STEELYARD_FILTER_MILTER_STEPS_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

struct plan;

/*
 * SMFIP_* flags, for an MTA that has them all.  Who is `refused` whatever he
 * says, as there are too many, hears it at the first step there is.
 */
unsigned long steps_wanted(const struct plan *plan, bool refused);

/* While negotiating, if the MTA lets itself be asked (SMFIF_SETSYMLIST). */
void steps_ask_macros(SMFICTX *ctx, const struct plan *plan);

#endif
