/*
 * test_grey_later.c - what is asked at DATA and EOM; traps, and mail of ours.
 */
#include "tests/unit/grey_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "filter/counters.h"
#include "filter/phases.h"

/* --- later --------------------------------------------------------------- */

static void test_a_callout_does_not_wait(void **state)
{
	(void)state;
	connects(GREY);
	HEARS("ok", mail(""));
	HEARS("ok", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 0);
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ", data());
	assert_string_equal(memory.last, "net:192.0.2.0/24 <> b@dest.example");
	memory.now = 301;
	HEARS("ok", mail(""));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 2);
}

/* Nobody is asked about before DATA, which is not reached by who is split off.
 */
static void split_off_unasked(const char *from)
{
	HEARS("ok", mail(from));
	HEARS("ok", rcpt("postmaster@dest.example"));
	HEARS("452 4.5.3", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 0);
	HEARS("ok", mail(from));
	HEARS("ok", rcpt("b@dest.example"));
}

static void test_what_is_split_off_waits_by_itself(void **state)
{
	(void)state;
	connects(GREY "set greylist_stage data\n");
	split_off_unasked("a@odd.example");
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ", data());
}

static void test_so_does_a_bounce(void **state)
{
	(void)state;
	connects(GREY);
	split_off_unasked("");
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ", data());
}

static void test_at_data_all_wait_for_one(void **state)
{
	(void)state;
	connects(GREY "set greylist_stage data\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("451", data());
	memory.now = 301;
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", rcpt("c@dest.example"));
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ", data());
	assert_int_equal(memory.visits, 3);
	memory.now = 602;
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", rcpt("c@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
}

static void test_at_eom_the_content_counts(void **state)
{
	(void)state;
	connects("set authenticate off\nset greylist_stage eom\n"
		 "rule ODD 1.0 if sender.domain is \"odd.example\"\n"
		 "rule HEAVY 1.5 if rcpt.count > 0\n"
		 "greylist at 2.0\nverdict reject at 10.0\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	assert_int_equal(memory.visits, 0);
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ", eom());
	assert_true(session_outcome(talk.session)->greylisted);
}

/* An MTA that does not tell of DATA. */
static void test_where_data_is_not_told_it_is_eom(void **state)
{
	(void)state;
	connects(GREY);
	HEARS("ok", mail(""));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("451", eom());
}

static void test_observe_asks_and_says_nothing(void **state)
{
	(void)state;
	connects(GREY "set mode observe\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	assert_int_equal(memory.visits, 0);
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 1);
	assert_false(session_outcome(talk.session)->greylisted);
	assert_int_equal(session_outcome(talk.session)->greylist.why,
			 GREYLIST_NEW);
}

/* --- traps --------------------------------------------------------------- */

#define TRAPS                                             \
	GREY "list traps address { trap@dest.example }\n" \
	     "set spamtraps traps\n"

static void test_a_trap_convicts(void **state)
{
	uint64_t convicted = counted(COUNT_CONVICTED);

	(void)state;
	connects(TRAPS);
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("trap@dest.example"));
	assert_int_equal(counted(COUNT_CONVICTED), convicted + 1);
	/* this message is asked about, whatever its score */
	HEARS("451 4.7.1 Greylisted, try again in 1d (ref ",
	      rcpt("b@dest.example"));
	session_abort(talk.session);
	/* the next one as ever */
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", mail("a@odd.example"));
	HEARS("451 4.7.1 Greylisted, try again in 1d (ref ",
	      rcpt("b@dest.example"));
	assert_int_equal(counted(COUNT_CONVICTED), convicted + 1);
}

/* So long, whatever class the recipients are of. */
static void test_a_conviction_is_kept_for_the_longest_window(void **state)
{
	(void)state;
	connects(TRAPS "class late if rcpt.local is \"late\" "
		       "{ greylist window 7d }\n");
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("trap@dest.example"));
	assert_int_equal(memory.longest_window, 7 * 86400);
}

/* Who was taken before the trap waits with the message. */
static void test_a_trap_behind_others(void **state)
{
	(void)state;
	connects(TRAPS);
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", rcpt("trap@dest.example"));
	HEARS("451 4.7.1 Greylisted, try again in 1d (ref ", data());
}

/* What is for the trap alone is kept: somebody wants to see it. */
static void test_for_the_trap_alone(void **state)
{
	(void)state;
	connects(TRAPS);
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("trap@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 0);
}

static void test_a_trap_that_the_mta_refuses(void **state)
{
	(void)state;
	connects(TRAPS);
	assert_true(session_plan(talk.session)->wants_refused);
	HEARS("ok", mail("a@odd.example"));
	talk.mailer = "error";
	HEARS("ok", rcpt("TRAP@dest.example"));
	talk.mailer = NULL;
	HEARS("451 4.7.1 Greylisted, try again in 1d (ref ",
	      rcpt("b@dest.example"));
}

static void test_ours_may_write_to_a_trap(void **state)
{
	uint64_t convicted = counted(COUNT_CONVICTED);

	(void)state;
	connects(TRAPS);
	talk.login = "joe";
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("trap@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(counted(COUNT_CONVICTED), convicted);
}

/* It goes to whatever sender was forged, and a callout does. */
static void test_a_bounce_convicts_nobody(void **state)
{
	uint64_t convicted = counted(COUNT_CONVICTED);

	(void)state;
	connects(TRAPS);
	HEARS("ok", mail(""));
	talk.mailer = "error";
	HEARS("ok", rcpt("trap@dest.example"));
	talk.mailer = NULL;
	HEARS("ok", rcpt("trap@dest.example"));
	HEARS("ok", rcpt("b@dest.example"));
	/* as a stranger's would */
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ", data());
	assert_int_equal(counted(COUNT_CONVICTED), convicted);
}

/* In observe mode nobody waits at RCPT, and it is told at the end. */
static void test_a_trap_in_observe(void **state)
{
	uint64_t convicted = counted(COUNT_CONVICTED);

	(void)state;
	connects(TRAPS "set mode observe\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("trap@dest.example"));
	assert_int_equal(counted(COUNT_CONVICTED), convicted);
	session_abort(talk.session);
	assert_int_equal(counted(COUNT_CONVICTED), convicted + 1);
}

/* --- ours who write ------------------------------------------------------ */

static void test_who_was_written_to_does_not_wait(void **state)
{
	(void)state;
	connects(GREY);
	talk.login = "joe";
	HEARS("ok", mail("joe@dest.example"));
	HEARS("ok", rcpt("A+news@odd.example"));
	HEARS("ok", data());
	assert_int_equal(memory.writes, 0);
	HEARS("ok", eom());
	assert_int_equal(memory.writes, 1);
	assert_string_equal(memory.written, "a@odd.example");
	talk.login = NULL;
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 1);
}

static void test_programs_write_to_nobody(void **state)
{
	(void)state;
	connects(GREY);
	talk.login = "joe";
	HEARS("ok", mail(""));
	HEARS("ok", rcpt("a@odd.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.writes, 0);
}

int main(void)
{
#define ROW(test) \
	cmocka_unit_test_setup_teardown(test, grey_setup, grey_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_a_callout_does_not_wait),
		ROW(test_what_is_split_off_waits_by_itself),
		ROW(test_so_does_a_bounce),
		ROW(test_at_data_all_wait_for_one),
		ROW(test_at_eom_the_content_counts),
		ROW(test_where_data_is_not_told_it_is_eom),
		ROW(test_observe_asks_and_says_nothing),
		ROW(test_a_trap_convicts),
		ROW(test_a_conviction_is_kept_for_the_longest_window),
		ROW(test_a_trap_behind_others),
		ROW(test_for_the_trap_alone),
		ROW(test_a_trap_that_the_mta_refuses),
		ROW(test_ours_may_write_to_a_trap),
		ROW(test_a_bounce_convicts_nobody),
		ROW(test_a_trap_in_observe),
		ROW(test_who_was_written_to_does_not_wait),
		ROW(test_programs_write_to_nobody),
	};

	return cmocka_run_group_tests_name("grey later", tests, NULL, NULL);
}
