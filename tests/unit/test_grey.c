/*
 * test_grey.c - sessions, and a greylist's memory that is an array: who is
 * asked about, when, and what is said.
 */
#include "filter/session.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/counters.h"
#include "filter/generation.h"
#include "filter/log.h"
#include "lists/greylist_clock.h"

/* --- a memory ------------------------------------------------------------ */

enum { RECORDS = 64 };

static struct {
	struct store store;
	struct {
		char key[TRIPLET_KEY_SIZE];
		struct greylist_records at;
	} records[RECORDS];
	size_t visits, writes;
	struct greylist_time began;
	int64_t now; /* seconds since then */
	unsigned least_ms; /* of a visit's patience */
	enum store_end end; /* of all that is asked from now on */
	char last[TRIPLET_KEY_SIZE], written[TRIPLET_KEY_SIZE];
} memory;

static struct greylist_records *record(const char *key)
{
	size_t i = 0;

	while (memory.records[i].key[0] != '\0' &&
	       strcmp(memory.records[i].key, key) != 0)
		i++;
	assert_true(i < RECORDS - 1);
	snprintf(memory.records[i].key, TRIPLET_KEY_SIZE, "%s", key);
	return &memory.records[i].at;
}

static struct greylist_time now(void)
{
	return (struct greylist_time){ memory.began.wall + memory.now,
				       memory.began.up + memory.now,
				       memory.began.run };
}

static enum store_end fake_visit(struct store *store,
				 const struct store_visit *visit,
				 struct greylist_result *ret_result)
{
	struct greylist_records *triplet = record(visit->triplet);
	struct greylist_records *identity = record(visit->identity);
	const struct greylist_time when = now();
	struct greylist_records all = {
		.triplet = triplet->triplet,
		.identity = identity->identity,
		.outbound = record(visit->sender)->outbound,
	};

	(void)store;
	memory.visits++;
	memory.least_ms = visit->max_ms;
	snprintf(memory.last, sizeof(memory.last), "%s", visit->triplet);
	if (memory.end != STORE_DONE)
		return memory.end;
	greylist_visit(&visit->terms, &when, &all, ret_result);
	triplet->triplet = all.triplet;
	identity->identity = all.identity;
	return STORE_DONE;
}

static enum store_end fake_change(struct store *store, const char *identity,
				  store_change *change, void *context,
				  const struct greylist_terms *terms,
				  const struct greylist_time *when,
				  unsigned max_ms, bool *ret_done)
{
	(void)store;
	(void)terms;
	(void)when;
	(void)max_ms;
	*ret_done = change(context, &record(identity)->identity);
	return memory.end;
}

static enum store_end fake_write_to(struct store *store, const char *address,
				    const struct greylist_terms *terms,
				    const struct greylist_time *when,
				    unsigned max_ms)
{
	const struct greylist_time then = now();

	(void)store;
	(void)terms;
	(void)when;
	(void)max_ms;
	memory.writes++;
	snprintf(memory.written, sizeof(memory.written), "%s", address);
	greylist_write_to(&record(address)->outbound, &then);
	return memory.end;
}

static const struct store_engine engine = {
	.name = "fake",
	.visit = fake_visit,
	.change = fake_change,
	.write_to = fake_write_to,
};

static struct store *the_store(void)
{
	return &memory.store;
}

static struct store *no_store(void)
{
	return NULL;
}

/* --- a conversation ------------------------------------------------------ */

static struct {
	struct generation *gen;
	struct session *session;
	const char *login; /* {auth_type} and {auth_authen} */
	const char *mailer; /* {rcpt_mailer} */
	char reply[512];
} talk;

static const char *macro(void *context, const char *name)
{
	(void)context;
	if (strncmp(name, "{auth_", 6) == 0)
		return talk.login;
	return strcmp(name, "{rcpt_mailer}") == 0 ? talk.mailer : NULL;
}

static bool reply(void *context, const struct reply *said)
{
	(void)context;
	snprintf(talk.reply, sizeof(talk.reply), "%s %s %s", said->code,
		 said->enhanced, said->lines[0]);
	return true;
}

static bool insert_header(void *context, int index, const char *name,
			  const char *value)
{
	(void)context;
	(void)index;
	(void)name;
	(void)value;
	return true;
}

static bool change_header(void *context, const char *name, int index,
			  const char *value)
{
	(void)context;
	(void)index;
	(void)name;
	(void)value;
	return true;
}

static bool quarantine(void *context, const char *reason)
{
	(void)context;
	(void)reason;
	return true;
}

static bool progress(void *context)
{
	(void)context;
	return true;
}

static int64_t wall_clock(void)
{
	return 1700000000;
}

static const struct mta mta = {
	.macro = macro,
	.reply = reply,
	.insert_header = insert_header,
	.change_header = change_header,
	.quarantine = quarantine,
	.progress = progress,
};

/* What is said to this is the start of `want`, "ok" being nothing. */
#define HEARS(want, call) hears(want, call, __LINE__)

static void hears(const char *want, enum answer answer, int line)
{
	const char *got = "ok";

	if (answer == ANSWER_REFUSE)
		got = talk.reply;
	else if (answer != ANSWER_CONTINUE && answer != ANSWER_ACCEPT)
		got = "?";
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("line %d: \"%s\", not \"%s\"", line, got, want);
}

static enum answer mail(const char *from)
{
	char path[256], *args[] = { path, NULL };

	snprintf(path, sizeof(path), "<%s>", from);
	return session_mail(talk.session, args);
}

static enum answer rcpt(const char *to)
{
	char path[256], *args[] = { path, NULL };

	snprintf(path, sizeof(path), "<%s>", to);
	return session_rcpt(talk.session, args);
}

static enum answer data(void)
{
	return session_data(talk.session);
}

static enum answer eom(void)
{
	session_header(talk.session, "Subject", " offer");
	session_eoh(talk.session);
	return session_eom(talk.session);
}

/* A rule file, and one client on it. */
static void connects_from(const char *rules, const char *client,
			  struct store *(*store)(void))
{
	char path[] = "/tmp/test_grey.XXXXXX";
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct session_start start = { .mta = &mta,
				       .keep_outcome = true,
				       .now = wall_clock,
				       .store = store };
	struct generation_result loaded;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, rules, strlen(rules)), strlen(rules));
	close(fd);
	loaded = generation_load(path, NULL, false);
	unlink(path);
	if (loaded.generation == NULL)
		fail_msg("%s", loaded.report);
	generation_result_done(&loaded);
	talk.gen = loaded.generation;
	start.generation = talk.gen;
	talk.session = session_new(&start);
	assert_non_null(talk.session);
	inet_pton(AF_INET, client, &address.sin_addr);
	HEARS("ok", session_connect(talk.session, "x",
				    (const struct sockaddr *)&address));
	HEARS("ok", session_helo(talk.session, "mail.example.net"));
}

static void connects(const char *rules)
{
	connects_from(rules, "192.0.2.10", the_store);
}

static int setup(void **state)
{
	(void)state;
	log_level(LOG_EMERG - 1);
	memset(&memory, 0, sizeof(memory));
	memset(&talk, 0, sizeof(talk));
	store_init(&memory.store, &engine);
	memory.began = greylist_now();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	session_free(talk.session);
	generation_unref(talk.gen);
	return 0;
}

#define ODD                                                   \
	"set authenticate off\n"                              \
	"rule ODD 3.0 if sender.domain is \"odd.example\"\n"  \
	"rule BAD 20.0 if sender.domain is \"bad.example\"\n" \
	"rule NIL 3.0 if sender.is_null\n"                    \
	"verdict reject at 10.0\n"                            \
	"class open if rcpt.local is \"postmaster\" "         \
	"{ greylist never }\n"                                \
	"class slow if rcpt.local is \"sales\" "              \
	"{ greylist wait 10m }\n"
#define GREY ODD "greylist at 2.0 wait 5m\n"

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
	HEARS("452 4.5.3", rcpt("c@dest.example"));
	assert_int_equal(memory.visits, 1);
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
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_a_stranger_waits),
		ROW(test_who_is_clean_is_not_asked),
		ROW(test_a_certain_refusal_goes_first),
		ROW(test_also_where_it_is_spoken_later),
		ROW(test_classes_have_terms_of_their_own),
		ROW(test_a_deferred_recipient_splits_nothing),
		ROW(test_ours_are_not_asked),
		ROW(test_local_clients_are_not_asked),
		ROW(test_who_is_exempt_is_not_asked),
		ROW(test_exempt_for_one_recipient),
		ROW(test_a_memory_that_fails_delays_nobody),
		ROW(test_without_memory_it_is_told_who_would_wait),
		ROW(test_a_callout_does_not_wait),
		ROW(test_at_data_all_wait_for_one),
		ROW(test_at_eom_the_content_counts),
		ROW(test_where_data_is_not_told_it_is_eom),
		ROW(test_observe_asks_and_says_nothing),
		ROW(test_a_trap_convicts),
		ROW(test_a_trap_behind_others),
		ROW(test_for_the_trap_alone),
		ROW(test_a_trap_that_the_mta_refuses),
		ROW(test_ours_may_write_to_a_trap),
		ROW(test_a_trap_in_observe),
		ROW(test_who_was_written_to_does_not_wait),
		ROW(test_programs_write_to_nobody),
		/* last: what it does stays for a while */
		ROW(test_all_was_lost_and_nobody_waits),
	};

	return cmocka_run_group_tests_name("grey", tests, NULL, NULL);
}
