/*
 * test_milter_steps.c - the MTA is asked for what the rules read, and no more.
 */
#include "filter/milter_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/generation.h"
#include "rules/facts.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum {
	/* whatever the rules */
	ALWAYS = SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NOEOH | SMFIP_NR_EOH |
		 SMFIP_HDR_LEADSPC,
	/* where all is decided at the end */
	TO_RCPT = SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT,
	NO_DATA = SMFIP_NR_DATA | SMFIP_NODATA,
	QUIET = ALWAYS | TO_RCPT | NO_DATA | SMFIP_NOUNKNOWN,
};

static char path[] = "/tmp/test_milter_steps.XXXXXX";

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(strrchr(path, '.'), ".XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

/* What these settings and rules need of the MTA. */
static struct plan plan_of(const char *rules)
{
	struct generation_result result;
	FILE *file = fopen(path, "w");
	struct plan plan;

	assert_non_null(file);
	assert_true(fputs(rules, file) >= 0);
	assert_int_equal(fclose(file), 0);
	result = generation_load(path, NULL, false);
	if (result.generation == NULL)
		fail_msg("%s", result.report);
	plan = result.generation->plan;
	generation_unref(result.generation);
	generation_result_done(&result);
	return plan;
}

#define OFF "set authenticate off\n"
#define REJECT "verdict reject at 10.0\n"

static const struct {
	const char *claim, *rules;
	unsigned long steps;
} steps[] = {
	{ "nobody waits for a body that only a signature can be about", "",
	  QUIET | SMFIP_NR_BODY },
	{ "where nobody asks who signed it, none is sent", OFF,
	  QUIET | SMFIP_NOBODY },
	{ "a rule about the header does not change that",
	  OFF "rule R 12.0 if subject is \"x\"\n" REJECT,
	  QUIET | SMFIP_NOBODY },
	{ "a rule about the body has it sent, up to a limit",
	  OFF "rule R 12.0 if body.size > 9\n" REJECT, QUIET | SMFIP_SKIP },
	{ "and so it is where signatures are read too",
	  "rule R 12.0 if body.size > 9\n" REJECT, QUIET | SMFIP_SKIP },
	{ "what can refuse at RCPT is waited for there, and not at DATA",
	  OFF "rule R 12.0 if helo.name is \"x\"\n" REJECT,
	  (QUIET & ~SMFIP_NR_RCPT) | SMFIP_NOBODY },
	{ "observing, for nothing before the end",
	  OFF "set mode observe\nrule R 12.0 if helo.name is \"x\"\n" REJECT,
	  QUIET | SMFIP_NOBODY },
	{ "what weighs too little for a refusal is not waited for",
	  OFF "rule R 9.0 if helo.name is \"x\"\n" REJECT,
	  QUIET | SMFIP_NOBODY },
	{ "who may be refused at connect is waited for from there on",
	  OFF "set earliest_refusal connect\n"
	      "rule R 12.0 if client.ip is 192.0.2.1\n" REJECT,
	  (QUIET & ~TO_RCPT) | SMFIP_NOBODY },
	{ "how many recipients there are is known at DATA",
	  OFF "rule R 12.0 if rcpt.count > 9\n" REJECT,
	  (QUIET & ~NO_DATA) | SMFIP_NOBODY },
	{ "at RCPT recipients of several classes are told apart",
	  OFF "class c if rcpt.local is \"x\" { verdict reject never }\n"
	      "rule R 12.0 if subject is \"x\"\n" REJECT,
	  (QUIET & ~SMFIP_NR_RCPT) | SMFIP_NOBODY },
	{ "who greylists looks clients up, answers at RCPT, null senders at DATA",
	  OFF "greylist at 0.0 wait 5m\n",
	  (QUIET & ~(SMFIP_NR_CONN | SMFIP_NR_RCPT | NO_DATA)) | SMFIP_NOBODY },
	{ "who asks DNS about clients has to hear of them at once",
	  OFF "dnsbl \"zen.test\" { L 1.0 on 127.0.0.2 }\n",
	  (QUIET & ~SMFIP_NR_CONN) | SMFIP_NOBODY },
	{ "unknown commands are shown to whom counts them",
	  OFF "rule R 1.0 if client.unknown_commands > 3\n",
	  (QUIET & ~SMFIP_NOUNKNOWN) | SMFIP_NOBODY },
	{ "recipients that the MTA refused, too",
	  OFF "rule R 1.0 if client.refused_rcpts > 3\n",
	  QUIET | SMFIP_RCPT_REJ | SMFIP_NOBODY },
};

static void test_steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct plan plan = plan_of(steps[i].rules);
		unsigned long wanted = steps_wanted(&plan, false);

		if (wanted != steps[i].steps)
			fail_msg("%s: too many 0x%lx, missing 0x%lx",
				 steps[i].claim, wanted & ~steps[i].steps,
				 steps[i].steps & ~wanted);
	}
}

/* Whatever a rule asks about the body, it has to be there. */
static void test_each_fact_of_the_body(void **state)
{
	(void)state;
	for (enum fact_id id = FACT_BODY_SIZE; id <= FACT_BODY_LONGEST_LINE;
	     id++) {
		const struct fact_row *row = fact_row(id);
		char rules[128];
		struct plan plan;

		snprintf(rules, sizeof(rules), OFF "rule R 1.0 if %s%s\n",
			 row->name, row->type == FACT_TYPE_BOOL ? "" : " > 1");
		plan = plan_of(rules);
		if (steps_wanted(&plan, false) != (QUIET | SMFIP_SKIP))
			fail_msg("%s: no body comes", row->name);
	}
}

/* Whose connection is one too many hears so at once, and at every step. */
static void test_refused(void **state)
{
	struct plan plan = plan_of(OFF);

	(void)state;
	assert_int_equal(steps_wanted(&plan, true),
			 ALWAYS | SMFIP_NOUNKNOWN | SMFIP_NOBODY);
}

/* --- macros --- */

static char asked[PHASE_COUNT][200];

/* In place of libmilter's. */
int smfi_setsymlist(SMFICTX *ctx, int stage, char *list)
{
	static const enum phase phases[] = {
		[SMFIM_CONNECT] = PHASE_CONNECT, [SMFIM_HELO] = PHASE_HELO,
		[SMFIM_ENVFROM] = PHASE_MAIL,	 [SMFIM_ENVRCPT] = PHASE_RCPT,
		[SMFIM_DATA] = PHASE_DATA,	 [SMFIM_EOM] = PHASE_EOM,
	};

	assert_null(ctx);
	assert_in_range(stage, 0, COUNT(phases) - 1);
	assert_string_equal(asked[phases[stage]], "");
	snprintf(asked[phases[stage]], sizeof(asked[0]), "%s", list);
	return MI_SUCCESS;
}

/* libmilter takes no empty list; where nothing is needed "i" stands. */
#define LOGGED "j i {auth_type} {auth_authen}"

/* Whatever the rules. */
static const char *const logged[PHASE_COUNT] = {
	"j", "i", LOGGED, "i", "i", "i"
};

static const struct {
	const char *claim, *rules;
	const char *macros[PHASE_COUNT]; /* NULL: what is logged, no more */
} macros[] = {
	{ .claim = "without rules, what is logged", .rules = "" },
	{ .claim = "what the client says itself is no macro",
	  .rules = "rule R 1.0 if helo.name is \"x\" or sender.is_null\n" },
	{ .claim = "the MTA's own name for the client",
	  .rules = "rule R 1.0 if client.mta_name is none\n",
	  .macros[PHASE_CONNECT] = "{client_ptr} {client_resolve} j" },
	{ .claim = "whether that leads back",
	  .rules = "rule R 1.0 if client.mta_resolve is forged\n",
	  .macros[PHASE_CONNECT] = "{client_resolve} j" },
	{ .claim = "who took the connection",
	  .rules = "rule R 1.0 if mta.daemon is \"x\"\n",
	  .macros[PHASE_CONNECT] = "{daemon_name} j" },
	{ .claim = "what we are called",
	  .rules = "rule R 1.0 if helo.is_ours\n",
	  .macros[PHASE_CONNECT] = "j {if_name} {if_addr} {daemon_addr}" },
	{ .claim = "TLS",
	  .rules = "rule R 1.0 if client.tls is none\n",
	  .macros[PHASE_MAIL] = LOGGED " {tls_version}" },
	{ .claim = "a certificate",
	  .rules = "rule R 1.0 if client.cert.verified\n"
		   "rule S 1.0 if client.cert.issuer is \"x\"\n",
	  .macros[PHASE_MAIL] = LOGGED " {cert_issuer} {verify}" },
	{ .claim = "whom the MTA refused",
	  .rules = "rule R 1.0 if client.refused_rcpts > 3\n",
	  .macros[PHASE_RCPT] = "j {rcpt_mailer}" },
};

static void test_macros(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(macros); i++) {
		struct plan plan = plan_of(macros[i].rules);

		memset(asked, 0, sizeof(asked));
		steps_ask_macros(NULL, &plan);
		for (int p = 0; p < PHASE_COUNT; p++) {
			const char *wanted = macros[i].macros[p];

			if (wanted == NULL)
				wanted = logged[p];
			if (strcmp(asked[p], wanted) != 0)
				fail_msg("%s: asks \"%s\" in phase %d",
					 macros[i].claim, asked[p], p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_steps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_fact_of_the_body,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_macros, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
