/*
 * fuzz_milter.c - an MTA that says anything, and what a session may answer.
 *
 * The input is what an MTA sends to a milter, frame after frame; seeds are
 * recorded sessions of real ones.  Frames are taken apart as libmilter does and
 * told to a session, in whatever order they come.  Some of it libmilter would
 * never pass on; the session has to bear it all the same.
 *
 * Which configuration holds depends on the input's size.  Then these are
 * checked: answers come only where the plan says; a refusal's text is short,
 * printable and ends in the reference; the header is changed at the end alone,
 * once, with the strangers' copies of our mark deleted from the last to the
 * first; a session is in a message from MAIL to its end; counters add up.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#include "filter/counters.h"
#include "filter/generation.h"
#include "filter/log.h"
#include "filter/session.h"
#include "filter/texts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/instant_inspector.h"

enum {
	ARGS_MAX = 16, /* of MAIL and RCPT */
	MACROS_MAX = 16,
	FRAME_MAX = 65536, /* libmilter closes the link at longer ones */
	FRAMES_MAX = 4000,
};

/* --- configurations ------------------------------------------------------ */

#define FACTS                                                           \
	"rule HELO 2.0 if helo.name is \"relay.example.net\"\n"         \
	"rule LITERAL 1.0 if helo.is_literal or helo.is_ip\n"           \
	"rule SENDER 3.0 if sender.domain is \"example.net\"\n"         \
	"rule UTF8 1.0 if sender.smtputf8 or sender.size > 100\n"       \
	"rule RCPT 2.0 if rcpt.local is \"b\"\n"                        \
	"rule MANY 1.0 if rcpt.count > 2\n"                             \
	"rule SUBJECT 3.0 if header(\"Subject\") ~ /caf|x/i\n"          \
	"rule RAW -2.0 if header.raw(\"Received\") ~ /from/\n"          \
	"rule NO_FROM 4.0 if from.count is 0 or not from.is_valid\n"    \
	"rule ODD 1.0 if header.bare_cr or header.nul or header.8bit\n" \
	"rule TRUNC 1.0 if header.truncated\n"                          \
	"rule UNKNOWN 1.0 if subject is unknown\n"                      \
	"rule BOTH 1.0 if HELO and SENDER\n"                            \
	"group g max 5.0 { HELO, SENDER, RCPT }\n"

#define BODY                                 \
	"rule BIG 2.0 if body.size > 1000\n" \
	"rule NUL 2.0 if body.nul or body.bare_cr\n"

static const char *const configurations[] = {
	/* everything can be said at once */
	"set earliest_refusal connect\n" FACTS BODY
	"rule PORT 9.0 if client.port is 1\n"
	"exempt if client.auth.name is \"joe\"\n"
	"class strict if rcpt.local is \"c\" { verdict reject at 3.0 }\n"
	"class open if rcpt.local is \"postmaster\" { verdict reject never }\n"
	"verdict reject at 8.0 reply \"550 5.7.1 No: %{hits} %{score} "
	"%{client.ip}\\nand 100%\"\n"
	"verdict defer at 6.0\n",
	/* nothing may be refused */
	"set mode observe\n" FACTS BODY
	"verdict reject at 4.0\nverdict tag at 2.0 subject \"[spam] \"\n",
	/* all that is not a refusal, without a body */
	FACTS "verdict discard at 9.0\nverdict quarantine at 6.0\n"
	      "verdict tag at 3.0 subject \"[spam] \"\n",
	/* the mildest judges all; unknown defers */
	"set split_classes off\nset on_unknown defer\n"
	"set body_limit 1KiB\nset message_memory 1MiB\n" FACTS BODY
	"class strict if rcpt.local is \"c\" { verdict reject at 3.0 }\n"
	"verdict reject at 6.0\nverdict tag at 2.0 subject \"[spam] \"\n",
};
enum { CONFIGURATIONS = sizeof(configurations) / sizeof(configurations[0]) };

static struct generation *generations[CONFIGURATIONS];

static void fail(const char *what)
{
	fprintf(stderr, "fuzz_milter: %s\n", what);
	abort();
}

static void must(bool holds, const char *what)
{
	if (!holds)
		fail(what);
}

static struct generation *load(const char *text)
{
	struct texts_writer *writer = texts_writer_new();
	struct generation_result result;
	int fd;

	must(writer != NULL && texts_add(writer, TEXTS_RULES, "fuzz.conf", text,
					 strlen(text)) == 0,
	     "no room for a configuration");
	fd = texts_seal(writer);
	result = generation_load_snapshot(fd);
	close(fd);
	if (result.generation == NULL)
		fail(result.report);
	generation_result_done(&result);
	return result.generation;
}

static void load_all(void)
{
	if (generations[0] != NULL)
		return;
	for (int i = 0; i < CONFIGURATIONS; i++)
		generations[i] = load(configurations[i]);
	log_level(LOG_EMERG); /* lines are made all the same */
}

/* --- the MTA -------------------------------------------------------------- */

struct macro {
	const char *name, *value;
};

/* A session's other side, and what it has seen since the last command. */
struct fake {
	struct session *session;
	const struct plan *plan;
	bool refused, observes;
	struct macro macros[128][MACROS_MAX]; /* by the command's letter */
	unsigned own_headers, subjects, authres; /* shown since MAIL */
	bool in_eom;
	unsigned replies, inserted_marks, inserted_subjects, quarantines;
	unsigned deleted_marks, inserted_authres;
	unsigned deleted_authres; /* the last one that was; 0: none */
	unsigned changed_subject; /* the last one that was; from 1 */
	char reply_class;
};

static const char *fake_macro(void *context, const char *name)
{
	const struct fake *fake = context;

	for (int letter = 127; letter >= 0; letter--)
		for (int i = 0; i < MACROS_MAX; i++)
			if (fake->macros[letter][i].name != NULL &&
			    strcmp(fake->macros[letter][i].name, name) == 0)
				return fake->macros[letter][i].value;
	return NULL;
}

static void printable(const char *text)
{
	for (; *text != '\0'; text++)
		must(*text >= ' ' && *text <= '~', "a reply is not printable");
}

static bool fake_reply(void *context, const struct reply *reply)
{
	struct fake *fake = context;
	const char *last;
	size_t len;

	must(reply->line_count >= 1 && reply->line_count <= REPLY_LINES_MAX,
	     "a reply has a number of lines");
	must(strlen(reply->code) == 3 &&
		     (reply->code[0] == '4' || reply->code[0] == '5') &&
		     reply->enhanced[0] == reply->code[0],
	     "a refusal's codes agree");
	for (unsigned i = 0; i < reply->line_count; i++) {
		printable(reply->lines[i]);
		must(strlen(reply->lines[i]) + strlen(reply->enhanced) + 5 <=
			     510,
		     "a reply's line is short");
	}
	last = reply->lines[reply->line_count - 1];
	len = strlen(last);
	must(len >= 15 && strncmp(last + len - 15, "(ref ", 5) == 0 &&
		     last[len - 6] == '-' && last[len - 1] == ')',
	     "a refusal ends in its reference");
	fake->replies++;
	fake->reply_class = reply->code[0];
	return true;
}

/* What goes into a header makes no second field. */
static void one_field(const char *value)
{
	for (const char *c = value; *c != '\0'; c++)
		must(*c != '\n' || c[1] == ' ' || c[1] == '\t',
		     "a value is one field");
}

static bool fake_insert(void *context, int index, const char *name,
			const char *value)
{
	struct fake *fake = context;

	must(fake->in_eom, "headers change at the end alone");
	one_field(value);
	if (strcmp(name, "X-Steelyard") == 0) {
		must(index == 0, "our mark is on top");
		must(strlen(value) < 998, "our mark is one line");
		printable(value);
		fake->inserted_marks++;
	} else if (strcmp(name, "Authentication-Results") == 0) {
		must(index == 0 && fake->inserted_marks == 1,
		     "our results are on top, above our mark");
		fake->inserted_authres++;
	} else {
		must(strcmp(name, "Subject") == 0 && fake->subjects == 0,
		     "a subject is added where there is none");
		fake->inserted_subjects++;
	}
	return true;
}

static bool fake_change(void *context, const char *name, int index,
			const char *value)
{
	struct fake *fake = context;

	must(fake->in_eom, "headers change at the end alone");
	if (strcmp(name, "X-Steelyard") == 0) {
		must(value == NULL, "strangers' marks are deleted");
		must(index == (int)(fake->own_headers - fake->deleted_marks),
		     "from the last to the first");
		must(fake->inserted_marks == 0, "before ours is added");
		fake->deleted_marks++;
		return true;
	}
	if (strcmp(name, "Authentication-Results") == 0) {
		must(value == NULL, "strangers' results are deleted");
		must(index > 0 && index <= (int)fake->authres &&
			     (fake->deleted_authres == 0 ||
			      index < (int)fake->deleted_authres),
		     "they too from the last to the first");
		must(fake->inserted_authres == 0, "before ours are added");
		fake->deleted_authres = (unsigned)index;
		return true;
	}
	must(strcmp(name, "Subject") == 0 && value != NULL,
	     "of all others, subjects change");
	must(index > (int)fake->changed_subject && index <= (int)fake->subjects,
	     "each once, from the first to the last");
	one_field(value);
	fake->changed_subject = (unsigned)index;
	return true;
}

static bool fake_quarantine(void *context, const char *reason)
{
	struct fake *fake = context;

	must(fake->in_eom, "quarantined at the end");
	printable(reason);
	fake->quarantines++;
	return true;
}

static bool fake_progress(void *context)
{
	const struct fake *fake = context;

	must(fake->in_eom, "progress at the end");
	return true;
}

static int64_t fake_now(void)
{
	return 1704067200;
}

/* --- what an answer must be ---------------------------------------------- */

/* `speaks`: an answer is due at this step. */
static void check_answer(struct fake *fake, enum answer answer, bool speaks)
{
	if (answer == ANSWER_REFUSE) {
		must(fake->replies == 1, "a refusal has one reply");
		must(session_refusal_class(fake->session) + '0' ==
			     fake->reply_class,
		     "the class is that of the reply");
		must(!fake->observes || fake->refused,
		     "observing, nothing is refused");
	} else {
		must(fake->replies == 0, "no refusal, no reply");
	}
	must(speaks || answer == ANSWER_CONTINUE,
	     "no answer where none is due");
	must(fake->in_eom ||
		     (answer != ANSWER_DISCARD && answer != ANSWER_ACCEPT),
	     "the last word is spoken at the end");
	fake->replies = 0;
}

static void check_end(struct fake *fake, enum answer answer, bool in_message)
{
	must(!fake->observes || answer == ANSWER_ACCEPT || fake->refused,
	     "observing, all passes");
	must(!session_in_message(fake->session), "the end ends a message");
	if (answer == ANSWER_ACCEPT && in_message) {
		must(fake->inserted_marks == 1, "one mark of ours");
		must(fake->deleted_marks == fake->own_headers,
		     "no mark of a stranger's");
		must(fake->inserted_authres <= 1, "one field of results");
		must(fake->inserted_subjects <= (fake->subjects == 0),
		     "one subject at most is added");
	} else {
		must(fake->inserted_marks + fake->deleted_marks +
					     fake->inserted_authres +
					     fake->deleted_authres +
					     fake->quarantines ==
				     0 ||
			     !in_message,
		     "what does not pass is not changed");
	}
	fake->inserted_marks = fake->deleted_marks = fake->quarantines = 0;
	fake->inserted_subjects = fake->changed_subject = 0;
	fake->inserted_authres = fake->deleted_authres = 0;
}

/* --- frames --------------------------------------------------------------- */

/* The strings of a frame, as libmilter's dec_argv() has them. */
static size_t strings(char *data, size_t len, char **ret, size_t most)
{
	size_t count = 0;

	for (size_t at = 0; at < len && count < most; count++) {
		size_t left = strnlen(data + at, len - at);

		if (at + left == len)
			break; /* no NUL */
		ret[count] = data + at;
		at += left + 1;
	}
	ret[count] = NULL;
	return count;
}

static void told_macros(struct fake *fake, char *data, size_t len)
{
	char *texts[2 * MACROS_MAX + 1];
	unsigned char letter = len > 0 ? (unsigned char)data[0] : 0;
	size_t count;

	if (len == 0 || letter >= 128)
		return;
	count = strings(data + 1, len - 1, texts, 2 * (size_t)MACROS_MAX);
	if (count == 0)
		return; /* libmilter keeps the old ones */
	memset(fake->macros[letter], 0, sizeof(fake->macros[letter]));
	for (size_t i = 0; i + 1 < count; i += 2)
		fake->macros[letter][i / 2] =
			(struct macro){ .name = texts[i],
					.value = texts[i + 1] };
}

static void told_connect(struct fake *fake, char *data, size_t len)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { 0 };
	size_t name = strnlen(data, len), at = name + 1;
	uint16_t port;
	bool known = false;

	if (at >= len)
		return;
	if (len - at > 4 && data[len - 1] == '\0') {
		const char *text = data + at + 3;

		memcpy(&port, data + at + 1, sizeof(port));
		if (data[at] == '4') {
			address.v4.sin_family = AF_INET;
			address.v4.sin_port = port;
			known = inet_pton(AF_INET, text,
					  &address.v4.sin_addr) == 1;
		} else if (data[at] == '6') {
			if (strncasecmp(text, "IPv6:", 5) == 0)
				text += 5;
			address.v6.sin6_family = AF_INET6;
			address.v6.sin6_port = port;
			known = inet_pton(AF_INET6, text,
					  &address.v6.sin6_addr) == 1;
		}
	}
	check_answer(fake,
		     session_connect(fake->session, data,
				     known ? &address.any : NULL),
		     fake->plan->answers[PHASE_CONNECT] || fake->refused);
}

static void told_mail(struct fake *fake, char *data, size_t len)
{
	uint64_t messages = counted(COUNT_MESSAGES);
	char *args[ARGS_MAX + 1];
	enum answer answer;

	if (strings(data, len, args, ARGS_MAX) == 0)
		return;
	fake->own_headers = fake->subjects = fake->authres = 0;
	answer = session_mail(fake->session, args);
	check_answer(fake, answer,
		     fake->plan->answers[PHASE_MAIL] || fake->refused);
	must(session_in_message(fake->session) == (answer == ANSWER_CONTINUE),
	     "MAIL begins a message unless it is refused");
	must(counted(COUNT_MESSAGES) == messages + !fake->refused,
	     "each MAIL is counted");
}

static void told_rcpt(struct fake *fake, char *data, size_t len)
{
	char *args[ARGS_MAX + 1];

	if (strings(data, len, args, ARGS_MAX) == 0)
		return;
	check_answer(fake, session_rcpt(fake->session, args),
		     fake->plan->answers[PHASE_RCPT] || fake->refused);
}

static void told_header(struct fake *fake, char *data, size_t len)
{
	char *texts[3];

	if (strings(data, len, texts, 2) != 2 || texts[0][0] == '\0')
		return;
	if (session_in_message(fake->session)) {
		fake->own_headers += strcasecmp(texts[0], "X-Steelyard") == 0;
		fake->subjects += strcasecmp(texts[0], "Subject") == 0;
		fake->authres +=
			strcasecmp(texts[0], "Authentication-Results") == 0;
	}
	check_answer(fake, session_header(fake->session, texts[0], texts[1]),
		     false);
}

static void told_body(struct fake *fake, const char *data, size_t len)
{
	enum answer answer =
		session_body(fake->session, (const unsigned char *)data, len);

	must(answer == ANSWER_CONTINUE || answer == ANSWER_SKIP,
	     "a body is taken or skipped");
	must(fake->replies == 0, "a body has no reply");
}

static void told_end(struct fake *fake, const char *data, size_t len)
{
	bool in_message = session_in_message(fake->session);
	enum answer answer;

	if (len > 0)
		told_body(fake, data, len);
	fake->in_eom = true;
	answer = session_eom(fake->session);
	check_answer(fake, answer, true);
	check_end(fake, answer, in_message);
	fake->in_eom = false;
}

static void told(struct fake *fake, char letter, char *data, size_t len)
{
	switch (letter) {
	case 'D': told_macros(fake, data, len); break;
	case 'C': told_connect(fake, data, len); break;
	case 'H':
		if (len > 0 && data[len - 1] == '\0')
			check_answer(fake, session_helo(fake->session, data),
				     fake->plan->answers[PHASE_HELO] ||
					     fake->refused);
		break;
	case 'M': told_mail(fake, data, len); break;
	case 'R': told_rcpt(fake, data, len); break;
	case 'T':
		check_answer(fake, session_data(fake->session),
			     fake->plan->answers[PHASE_DATA] || fake->refused);
		break;
	case 'L': told_header(fake, data, len); break;
	case 'N': check_answer(fake, session_eoh(fake->session), false); break;
	case 'B': told_body(fake, data, len); break;
	case 'E': told_end(fake, data, len); break;
	case 'U': break; /* a command that nobody knows: negotiated away */
	case 'A':
		session_abort(fake->session);
		must(!session_in_message(fake->session),
		     "abort ends a message");
		break;
	default: break; /* O: negotiated already */
	}
}

static void tell_all(struct fake *fake, char *data, size_t size)
{
	for (int i = 0; i < FRAMES_MAX && size >= 5; i++) {
		const unsigned char *head = (const unsigned char *)data;
		size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
			     (size_t)head[2] << 8 | head[3];

		if (len == 0 || len > FRAME_MAX || len > size - 4 ||
		    data[4] == 'Q')
			return; /* the link is closed */
		told(fake, data[4], data + 5, len - 1);
		data += 4 + len;
		size -= 4 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mta calls = {
		.macro = fake_macro,
		.reply = fake_reply,
		.insert_header = fake_insert,
		.change_header = fake_change,
		.quarantine = fake_quarantine,
		.progress = fake_progress,
	};
	static struct fake fake;
	struct mta mta = calls;
	struct session_start start = { .mta = &mta, .now = fake_now };
	char *copy = malloc(size + 1);

	load_all();
	must(copy != NULL, "no memory");
	memcpy(copy, data, size); /* frames are writable to libmilter */
	memset(&fake, 0, sizeof(fake));
	instant_inspector_reset();
	start.generation = generations[size % CONFIGURATIONS];
	start.refused = size % 31 == 30;
	mta.context = &fake;
	fake.session = session_new(&start);
	must(fake.session != NULL, "no memory");
	fake.plan = session_plan(fake.session);
	fake.refused = start.refused;
	fake.observes = start.generation->settings.session.mode == MODE_OBSERVE;
	tell_all(&fake, copy, size);
	session_free(fake.session);
	must(instant_inspector_open() == 0, "every inspection was ended");
	free(copy);
	return 0;
}
