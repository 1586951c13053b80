/*
 * test_grey.c - who is asked about at RCPT, and what is said.
 */
#include "tests/unit/grey_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "filter/counters.h"

/* --- at RCPT ------------------------------------------------------------- */

static void test_a_stranger_waits(void **state)
{
	const struct outcome *outcome;

	(void)state;
	connects(GREY);
	HEARS("ok", mail("a@odd.example"));
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ",
	      rcpt("b@dest.example"));
	assert_string_equal(memory.last,
			    "net:192.0.2.0/24 a@odd.example b@dest.example");
	assert_in_range(memory.least_ms, 1, 1000);
	outcome = session_outcome(talk.session);
	assert_non_null(outcome);
	assert_true(outcome->greylisted);
	assert_int_equal(outcome->greylist.why, GREYLIST_NEW);
	assert_string_equal(outcome->identity, "net:192.0.2.0/24");
	memory.now = 2;
	HEARS("451 4.7.1 Greylisted, try again in 4m58s (ref ",
	      rcpt("b@dest.example"));
	memory.now = 300;
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 3);
	outcome = session_outcome(talk.session);
	assert_false(outcome->greylisted);
	assert_int_equal(outcome->greylist.why, GREYLIST_WAITED);
}

static void test_who_is_clean_is_not_asked(void **state)
{
	(void)state;
	connects(GREY);
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 0);
}

static void test_a_certain_refusal_goes_first(void **state)
{
	(void)state;
	connects(GREY);
	HEARS("ok", mail("a@bad.example"));
	HEARS("550", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 0);
}

/* Spoken at DATA, but certain at RCPT. */
static void test_also_where_it_is_spoken_later(void **state)
{
	(void)state;
	connects(GREY "set earliest_refusal data\n");
	HEARS("ok", mail("a@bad.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("550", data());
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 0);
	HEARS("451 4.7.1 Greylisted", data());
}

static void test_classes_have_terms_of_their_own(void **state)
{
	(void)state;
	connects(GREY "set split_classes off\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("postmaster@dest.example"));
	assert_int_equal(memory.visits, 0);
	HEARS("451 4.7.1 Greylisted, try again in 10m (ref ",
	      rcpt("sales@dest.example"));
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ",
	      rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 2);
}

/* Who waits has not been taken, so he binds no other to his class. */
static void test_a_deferred_recipient_splits_nothing(void **state)
{
	(void)state;
	connects(GREY "class strict if rcpt.local is \"c\" "
		      "{ verdict reject at 9.0 }\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("451", rcpt("c@dest.example"));
	HEARS("ok", rcpt("postmaster@dest.example"));
	assert_int_equal(memory.visits, 1);
}

/* Else he would begin to wait when he comes alone. */
static void test_who_is_to_come_alone_waits_meanwhile(void **state)
{
	(void)state;
	connects(GREY);
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("postmaster@dest.example"));
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ",
	      rcpt("b@dest.example"));
	HEARS("451 4.7.1 Greylisted, try again in 10m (ref ",
	      rcpt("sales@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	memory.now = 300;
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("postmaster@dest.example"));
	HEARS("452 4.5.3", rcpt("b@dest.example"));
	HEARS("451 4.7.1 Greylisted, try again in 5m (ref ",
	      rcpt("sales@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 5);
}

/* Who need not wait is not asked about. */
static void test_who_may_not_wait_is_split_at_once(void **state)
{
	(void)state;
	connects(GREY "exempt if rcpt.local is \"abuse\"\n");
	HEARS("ok", mail("a@good.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("452 4.5.3", rcpt("postmaster@dest.example"));
	HEARS("452 4.5.3", rcpt("sales@dest.example"));
	HEARS("452 4.5.3", rcpt("abuse@dest.example"));
	session_abort(talk.session);
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("abuse@dest.example"));
	HEARS("452 4.5.3", rcpt("postmaster@dest.example"));
	assert_int_equal(memory.visits, 0);
	memory.end = STORE_LATE;
	HEARS("452 4.5.3", rcpt("b@dest.example"));
}

static void test_ours_are_not_asked(void **state)
{
	(void)state;
	connects(GREY);
	talk.login = "joe";
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 0);
}

static void test_local_clients_are_not_asked(void **state)
{
	(void)state;
	connects_from(GREY, "127.0.0.1", the_store);
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 0);
}

static void test_who_is_exempt_is_not_asked(void **state)
{
	(void)state;
	connects(GREY "exempt if client.ip in { 192.0.2.0/24 }\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	assert_int_equal(memory.visits, 0);
}

static void test_exempt_for_one_recipient(void **state)
{
	(void)state;
	connects(GREY "exempt if rcpt.local is \"abuse\"\n");
	HEARS("ok", mail("a@odd.example"));
	HEARS("451", rcpt("b@dest.example"));
	HEARS("ok", rcpt("abuse@dest.example"));
	assert_int_equal(memory.visits, 1);
}

static void test_a_memory_that_fails_delays_nobody(void **state)
{
	uint64_t unknown = counted(COUNT_GREYLIST_UNKNOWN);

	(void)state;
	connects(GREY);
	memory.end = STORE_LATE;
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(counted(COUNT_GREYLIST_UNKNOWN), unknown + 1);
	assert_int_equal(session_outcome(talk.session)->greylist.end,
			 STORE_LATE);
}

static void test_without_memory_it_is_told_who_would_wait(void **state)
{
	char word[GREYLIST_WORD_SIZE];
	const struct greylist_said *said;

	(void)state;
	connects_from(GREY, "192.0.2.10", no_store);
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("sales@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	said = &session_outcome(talk.session)->greylist;
	assert_true(said->due);
	assert_false(said->asked);
	assert_int_equal(said->left, 600);
	assert_string_equal(greylist_word(said, word), "closed");
}

static void test_all_was_lost_and_nobody_waits(void **state)
{
	(void)state;
	connects(GREY);
	greylist_was_lost();
	assert_true(greylist_is_suspended(300));
	assert_false(greylist_is_suspended(0));
	HEARS("ok", mail("a@odd.example"));
	HEARS("ok", rcpt("b@dest.example"));
	HEARS("ok", data());
	HEARS("ok", eom());
	assert_int_equal(memory.visits, 1);
	assert_true(session_outcome(talk.session)->greylist.suspended);
}

int main(void)
{
#define ROW(test) \
	cmocka_unit_test_setup_teardown(test, grey_setup, grey_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_a_stranger_waits),
		ROW(test_who_is_clean_is_not_asked),
		ROW(test_a_certain_refusal_goes_first),
		ROW(test_also_where_it_is_spoken_later),
		ROW(test_classes_have_terms_of_their_own),
		ROW(test_a_deferred_recipient_splits_nothing),
		ROW(test_who_is_to_come_alone_waits_meanwhile),
		ROW(test_who_may_not_wait_is_split_at_once),
		ROW(test_ours_are_not_asked),
		ROW(test_local_clients_are_not_asked),
		ROW(test_who_is_exempt_is_not_asked),
		ROW(test_exempt_for_one_recipient),
		ROW(test_a_memory_that_fails_delays_nobody),
		ROW(test_without_memory_it_is_told_who_would_wait),
		ROW(test_all_was_lost_and_nobody_waits),
	};

	return cmocka_run_group_tests_name("grey", tests, NULL, NULL);
}
