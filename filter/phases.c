/*
 * phases.c - which checks run when; what the MTA need not tell or await.
 */
#include "filter/phases.h"

#include <stdio.h>
#include <string.h>

#include "filter/checks/checks.h"
#include "filter/checks/dnsbl.h"
#include "filter/generation.h"
#include "filter/greylist.h"
#include "filter/lookups.h"
#include "filter/session.h"

static const struct {
	enum phase phase;
	void (*check)(const struct envelope *, struct facts *);
} checks[] = {
	{ PHASE_CONNECT, check_client }, { PHASE_HELO, check_helo },
	{ PHASE_MAIL, check_login },	 { PHASE_MAIL, check_sender },
	{ PHASE_MAIL, check_manners },	 { PHASE_RCPT, check_rcpt },
};

void phases_check(enum phase phase, const struct envelope *envelope,
		  struct facts *facts)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i].phase == phase)
			checks[i].check(envelope, facts);
}

/*
 * Macros that are asked for at a stage: `always`, or for a fact.  Login is
 * always asked, as it is logged; so is the queue id.  "j" always has a value:
 * where MAIL brings no macro at all, libmilter keeps those of the message
 * before, and at RCPT those of the recipient before, who may have been refused.
 *
 * Either MTA sends what it has of those asked for at CONNECT and is silent
 * about the rest.  Postfix has no {if_name} and {if_addr} but, from 3.2 on,
 * {daemon_addr}, the address that the client came to; Sendmail's is that which
 * the daemon was told to listen on, often 0.0.0.0.
 */
static const struct {
	enum phase phase;
	const char *macro;
	bool always;
	enum fact_id fact;
} macros[] = {
	{ PHASE_CONNECT, "{daemon_name}", false, FACT_MTA_DAEMON },
	{ PHASE_CONNECT, "{client_ptr}", false, FACT_CLIENT_MTA_PTR },
	{ PHASE_CONNECT, "{client_ptr}", false, FACT_CLIENT_MTA_NAME },
	{ PHASE_CONNECT, "{client_resolve}", false, FACT_CLIENT_MTA_RESOLVE },
	{ PHASE_CONNECT, "{client_resolve}", false, FACT_CLIENT_MTA_PTR },
	{ PHASE_CONNECT, "{client_resolve}", false, FACT_CLIENT_MTA_NAME },
	{ PHASE_CONNECT, "j", true, 0 },
	{ PHASE_CONNECT, "{if_name}", false, FACT_HELO_IS_OURS },
	{ PHASE_CONNECT, "{if_addr}", false, FACT_HELO_IS_OURS },
	{ PHASE_CONNECT, "{daemon_addr}", false, FACT_HELO_IS_OURS },
	{ PHASE_MAIL, "j", true, 0 },
	{ PHASE_MAIL, "i", true, 0 },
	{ PHASE_MAIL, "{auth_type}", true, 0 },
	{ PHASE_MAIL, "{auth_authen}", true, 0 },
	{ PHASE_MAIL, "{tls_version}", false, FACT_CLIENT_TLS },
	{ PHASE_MAIL, "{cipher}", false, FACT_CLIENT_TLS_CIPHER },
	{ PHASE_MAIL, "{cert_subject}", false, FACT_CLIENT_CERT_SUBJECT },
	{ PHASE_MAIL, "{cert_issuer}", false, FACT_CLIENT_CERT_ISSUER },
	{ PHASE_MAIL, "{verify}", false, FACT_CLIENT_CERT_VERIFIED },
	{ PHASE_RCPT, "j", false, FACT_CLIENT_REFUSED_RCPTS },
	{ PHASE_RCPT, "{rcpt_mailer}", false, FACT_CLIENT_REFUSED_RCPTS },
	{ PHASE_EOM, "i", true, 0 },
};

/* Two facts that need the same macro stand in rows that follow each other. */
static bool is_listed(const char *list, const char *macro)
{
	const char *last = strrchr(list, ' ');

	return strcmp(last != NULL ? last + 1 : list, macro) == 0;
}

/* A fact may be there for no rule's sake. */
static bool is_needed(const struct ruleset *rules, const struct plan *plan,
		      enum fact_id fact)
{
	return ruleset_reads(rules, fact) ||
	       (fact == FACT_CLIENT_REFUSED_RCPTS && plan->has_traps);
}

static void plan_macros(const struct ruleset *rules, struct plan *plan)
{
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		char *list = plan->macros[macros[i].phase];
		size_t used = strlen(list);

		if (!macros[i].always &&
		    !is_needed(rules, plan, macros[i].fact))
			continue;
		if (is_listed(list, macros[i].macro))
			continue;
		snprintf(list + used, sizeof(plan->macros[0]) - used, "%s%s",
			 used == 0 ? "" : " ", macros[i].macro);
	}
}

/*
 * From the last RCPT to DATA nothing is learned but how many there are.  So
 * whoever was not refused at RCPT is not at DATA, unless a rule asks for that.
 */
static bool data_says_nothing(const struct ruleset *rules,
			      const struct session_settings *set)
{
	return set->earliest_refusal <= PHASE_RCPT &&
	       ruleset_may_refuse(rules, PHASE_RCPT) &&
	       !ruleset_reads(rules, FACT_RCPT_COUNT);
}

/* Where greylisting has something to say, null senders included. */
static void plan_greylisting(const struct generation *generation,
			     struct plan *plan)
{
	bool enforce = generation->settings.session.mode == MODE_ENFORCE;

	plan->greylists = ruleset_greylists(generation->rules);
	plan->has_traps = greylist_traps(generation) != NULL;
	if (!plan->greylists || !enforce)
		return;
	if (greylist_phase(generation, false) == PHASE_RCPT)
		plan->answers[PHASE_RCPT] = true;
	if (greylist_phase(generation, true) == PHASE_DATA)
		plan->answers[PHASE_DATA] = true;
}

void phases_plan(const struct generation *generation, struct plan *ret_plan)
{
	const struct ruleset *rules = generation->rules;
	const struct session_settings *set = &generation->settings.session;

	memset(ret_plan, 0, sizeof(*ret_plan));
	ret_plan->answers[PHASE_EOM] = true;
	if (set->mode == MODE_ENFORCE) {
		for (int p = (int)set->earliest_refusal; p < PHASE_EOM; p++)
			ret_plan->answers[p] =
				ruleset_may_refuse(rules, (enum phase)p);
		/* To split them, and not to take more than can be judged. */
		if (ruleset_tells_recipients_apart(rules))
			ret_plan->answers[PHASE_RCPT] = true;
		if (data_says_nothing(rules, set))
			ret_plan->answers[PHASE_DATA] = false;
	}
	plan_greylisting(generation, ret_plan);
	ret_plan->reads_body = ruleset_reads_any(rules, FACT_BODY_SIZE,
						 FACT_BODY_LONGEST_LINE) ||
			       ruleset_reads(rules, FACT_BODY_URLS);
	ret_plan->reads_spf = dnsbl_reads(generation, FACT_SPF_DOMAIN);
	for (enum fact_id id = FACT_SPF; id <= FACT_SPF_ERROR; id++)
		ret_plan->reads_spf |= ruleset_reads(rules, id);
	/* Signatures are about it, and any message may bear one. */
	ret_plan->wants_body =
		ret_plan->reads_body || generation->settings.authentication.on;
	ret_plan->wants_unknown =
		ruleset_reads(rules, FACT_CLIENT_UNKNOWN_COMMANDS);
	ret_plan->wants_refused =
		is_needed(rules, ret_plan, FACT_CLIENT_REFUSED_RCPTS);
	ret_plan->looks_up = lookups_want_any(generation);
	ret_plan->asks_client = lookups_want_client(generation);
	plan_macros(rules, ret_plan);
}
