/* milter_steps.c - see milter_steps.h. */
#include "filter/milter_steps.h"

#include <stdint.h>

#include "filter/phases.h"

/*
 * Where no rule reads the body, only a signature can be about it.  Most mail is
 * signed, and all of a signed body is read, so the MTA need not wait to hear
 * "go on" for each piece; the body of an unsigned message then crosses in vain,
 * as SKIP cannot be said.  (To an MTA without NR_BODY it could be, but
 * libmilter does not tell: it offers NR_BODY for every MTA, and answers
 * itself.)  Where a rule reads the body there is a limit, and whatever is
 * behind it does not cross.
 */
static unsigned long body_steps(const struct plan *plan)
{
	if (!plan->wants_body)
		return SMFIP_NOBODY;
	return plan->reads_body ? SMFIP_SKIP : SMFIP_NR_BODY;
}

unsigned long steps_wanted(const struct plan *plan, bool refused)
{
	static const struct {
		enum phase phase;
		unsigned long flag;
	} silent[] = {
		{ PHASE_CONNECT, SMFIP_NR_CONN }, { PHASE_HELO, SMFIP_NR_HELO },
		{ PHASE_MAIL, SMFIP_NR_MAIL },	  { PHASE_RCPT, SMFIP_NR_RCPT },
		{ PHASE_DATA, SMFIP_NR_DATA },
	};
	/* The first piece of body, or EOM, tells that the header is over. */
	unsigned long steps = SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NOEOH |
			      SMFIP_NR_EOH | SMFIP_HDR_LEADSPC;

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (!plan->answers[silent[i].phase] && !refused)
			steps |= silent[i].flag;
	/*
	 * Postfix keeps to itself what needs no reply, until something comes
	 * that does.  Where DNS is to be asked about the client that would be
	 * too late: a word of ours at connect has it told at once.
	 */
	if (plan->asks_client)
		steps &= ~(unsigned long)SMFIP_NR_CONN;
	if (!plan->answers[PHASE_DATA] && !refused)
		steps |= SMFIP_NODATA;
	if (!plan->wants_unknown)
		steps |= SMFIP_NOUNKNOWN;
	if (plan->wants_refused)
		steps |= SMFIP_RCPT_REJ;
	return steps | body_steps(plan);
}

void steps_ask_macros(SMFICTX *ctx, const struct plan *plan)
{
	static const int stages[PHASE_COUNT] = {
		SMFIM_CONNECT, SMFIM_HELO, SMFIM_ENVFROM,
		SMFIM_ENVRCPT, SMFIM_DATA, SMFIM_EOM,
	};

	/* libmilter takes no empty list; "i" is not defined where nothing is
	 * asked for, so that nothing is sent. */
	for (int p = 0; p < PHASE_COUNT; p++) {
		const char *list = plan->macros[p];

		smfi_setsymlist(ctx, stages[p],
				(char *)(uintptr_t)(list[0] != '\0' ? list
								    : "i"));
	}
}
