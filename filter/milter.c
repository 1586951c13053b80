/*
 * milter.c - when something happens: libmilter's callbacks, each a sentence.
 *
 * A step whose answer cannot matter is negotiated away (milter_steps.h): the
 * MTA then does not wait, and the callback returns SMFIS_NOREPLY.
 *
 * An MTA that lacks some of this is served all the same: libmilter replies in
 * our stead where the MTA insists (see st_optionneg() in its engine.c).
 */
#include "filter/milter.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "filter/admission.h"
#include "filter/clock.h"
#include "filter/counters.h"
#include "filter/generation.h"
#include "filter/listener.h"
#include "filter/log.h"
#include "filter/milter_steps.h"
#include "filter/session.h"

enum {
	/* One timeout serves half frames and idle conversations alike; a
	 * shorter one would cut off slow uploads. */
	LINK_TIMEOUT = 7210,
	BACKLOG = 512,
};

/* What the door remembers of a connection beside its session. */
struct link {
	struct session *session;
	struct mta mta;
	unsigned long steps; /* as negotiated */
	unsigned long actions;
	bool in_message;
};

/*
 * Callbacks hold the gate for reading.  At the end of a drain it is taken for
 * writing and never given back: what the MTA says then waits until the process
 * has gone, and finds nothing half torn down.
 */
static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;
static struct milter_start started;
static atomic_uint messages_open, drain_seconds;
static atomic_bool draining, at_rest;

/* --- what a session asks of the MTA ------------------------------------- */

static const char *mta_macro(void *context, const char *name)
{
	/* libmilter wants a char *, and changes nothing. */
	return smfi_getsymval(context, (char *)(uintptr_t)name);
}

/* libmilter formats the text once more: "%" must be doubled. */
static char *doubled(const char *line, char *out, size_t size)
{
	size_t used = 0;

	for (; *line != '\0' && used + 3 < size; line++) {
		if (*line == '%')
			out[used++] = '%';
		out[used++] = *line;
	}
	out[used] = '\0';
	return out;
}

/* smfi_setmlreply() takes up to 32 lines as arguments, NULL behind the last. */
#define L8(l, i)                                                          \
	l[i], l[i + 1], l[i + 2], l[i + 3], l[i + 4], l[i + 5], l[i + 6], \
		l[i + 7]

static bool mta_reply(void *context, const struct reply *reply)
{
	static const size_t size = 1024;
	char *lines[REPLY_LINES_MAX] = { NULL };
	char *text = malloc(reply->line_count * size);
	char code[4], enhanced[12];
	int result = MI_FAILURE;

	if (text == NULL)
		return false;
	snprintf(code, sizeof(code), "%s", reply->code);
	snprintf(enhanced, sizeof(enhanced), "%s", reply->enhanced);
	for (unsigned i = 0; i < reply->line_count; i++)
		lines[i] = doubled(reply->lines[i], text + i * size, size);
	if (reply->line_count == 1)
		result = smfi_setreply(context, code, enhanced, lines[0]);
	else
		result = smfi_setmlreply(context, code, enhanced, L8(lines, 0),
					 L8(lines, 8), L8(lines, 16),
					 L8(lines, 24), (char *)NULL);
	free(text);
	return result == MI_SUCCESS;
}

/*
 * A field's value as the MTA is told it, for the caller to free; NULL without
 * memory.  With HDR_LEADSPC it is written as it stands.
 */
static char *with_blank(const struct link *link, const char *value)
{
	bool blank = (link->steps & SMFIP_HDR_LEADSPC) != 0;
	size_t size = strlen(value) + 1;
	char *text = malloc(blank + size);

	if (text == NULL)
		return NULL;
	text[0] = ' ';
	memcpy(text + blank, value, size);
	return text;
}

/*
 * libmilter tells a link that is broken, which it notices by itself, in the
 * same word as that it has no memory.  errno was 0 before it was asked.
 */
static bool had_memory(int result)
{
	return result == MI_SUCCESS || errno != ENOMEM;
}

static bool mta_insert_header(void *context, int index, const char *name,
			      const char *value)
{
	const struct link *link = smfi_getpriv(context);
	char *n = (char *)(uintptr_t)name, *v;
	bool done;

	if ((link->actions & SMFIF_ADDHDRS) == 0)
		return true;
	v = with_blank(link, value);
	if (v == NULL)
		return false;
	errno = 0;
	done = had_memory(smfi_insheader(context, index, n, v));
	free(v);
	return done;
}

static bool mta_change_header(void *context, const char *name, int index,
			      const char *value)
{
	const struct link *link = smfi_getpriv(context);
	char *n = (char *)(uintptr_t)name, *v = NULL;
	bool done;

	if ((link->actions & SMFIF_CHGHDRS) == 0)
		return true;
	if (value != NULL && (v = with_blank(link, value)) == NULL)
		return false;
	errno = 0;
	done = had_memory(smfi_chgheader(context, n, index, v));
	free(v);
	return done;
}

static bool mta_quarantine(void *context, const char *reason)
{
	const struct link *link = smfi_getpriv(context);

	return (link->actions & SMFIF_QUARANTINE) != 0 &&
	       smfi_quarantine(context, (char *)(uintptr_t)reason) ==
		       MI_SUCCESS;
}

static bool mta_progress(void *context)
{
	return smfi_progress(context) == MI_SUCCESS;
}

/* --- answers ------------------------------------------------------------ */

static void track_message(struct link *link)
{
	bool in_message = session_in_message(link->session);

	if (in_message && !link->in_message)
		atomic_fetch_add(&messages_open, 1);
	if (!in_message && link->in_message)
		atomic_fetch_sub(&messages_open, 1);
	link->in_message = in_message;
}

static sfsistat refusal(const struct link *link)
{
	/* The code of the reply decides; 4xx and REJECT do not go together. */
	return session_refusal_class(link->session) == 5 ? SMFIS_REJECT
							 : SMFIS_TEMPFAIL;
}

/* Every callback begins here; NULL from a peer that has negotiated nothing. */
static struct link *enter(SMFICTX *ctx)
{
	pthread_rwlock_rdlock(&gate);
	return smfi_getpriv(ctx);
}

static sfsistat leave(sfsistat answer)
{
	pthread_rwlock_unlock(&gate);
	return answer;
}

static sfsistat word_for(const struct link *link, enum answer answer)
{
	switch (answer) {
	case ANSWER_CONTINUE: return SMFIS_CONTINUE;
	case ANSWER_SKIP:
		return (link->steps & SMFIP_SKIP) != 0 ? SMFIS_SKIP
						       : SMFIS_CONTINUE;
	case ANSWER_REFUSE: return refusal(link);
	case ANSWER_DISCARD: return SMFIS_DISCARD;
	case ANSWER_ACCEPT: break;
	}
	/* At EOM, CONTINUE leaves other filters their say. */
	return SMFIS_CONTINUE;
}

/* ... and ends here.  `silent` is the step's SMFIP_NR_ flag. */
static sfsistat answer_of(struct link *link, enum answer answer,
			  unsigned long silent)
{
	track_message(link);
	if ((link->steps & silent) != 0)
		return leave(SMFIS_NOREPLY);
	return leave(word_for(link, answer));
}

/* --- callbacks ---------------------------------------------------------- */

static int64_t wall_clock(void)
{
	return (int64_t)time(NULL);
}

static void link_free(struct link *link)
{
	if (link == NULL)
		return;
	session_free(link->session);
	if (link->in_message)
		atomic_fetch_sub(&messages_open, 1);
	admission_leave();
	free(link);
}

static struct link *link_new(SMFICTX *ctx)
{
	struct link *link = calloc(1, sizeof(*link));
	struct session_start start = {
		.pool = started.pool,
		.now = wall_clock,
		.store = started.store,
	};

	if (link == NULL)
		return NULL;
	link->mta = (struct mta){
		.context = ctx,
		.macro = mta_macro,
		.reply = mta_reply,
		.insert_header = mta_insert_header,
		.change_header = mta_change_header,
		.quarantine = mta_quarantine,
		.progress = mta_progress,
	};
	start.generation = started.current();
	start.mta = &link->mta;
	start.refused =
		!admission_enter(
			start.generation->settings.session.max_sessions) ||
		atomic_load(&draining);
	if (start.refused)
		count(COUNT_REFUSED_SESSIONS);
	link->session = session_new(&start);
	generation_unref(start.generation);
	if (link->session == NULL) {
		admission_leave();
		free(link);
		return NULL;
	}
	return link;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions,
			     unsigned long steps, unsigned long f2,
			     unsigned long f3, unsigned long *ret_actions,
			     unsigned long *ret_steps, unsigned long *ret_f2,
			     unsigned long *ret_f3)
{
	const struct plan *plan;
	struct link *link;

	(void)f2;
	(void)f3;
	link_free(enter(ctx)); /* of an earlier one: normally none */
	smfi_setpriv(ctx, NULL);
	link = link_new(ctx);
	if (link == NULL || smfi_setpriv(ctx, link) != MI_SUCCESS) {
		link_free(link);
		log_event(LOG_ERR, "X2", "reason=nomem at=negotiate");
		return leave(SMFIS_REJECT); /* closes this link alone */
	}
	plan = session_plan(link->session);
	link->actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS |
				   SMFIF_QUARANTINE | SMFIF_SETSYMLIST);
	link->steps =
		steps & steps_wanted(plan, session_is_refused(link->session));
	if ((link->actions & SMFIF_SETSYMLIST) != 0)
		steps_ask_macros(ctx, plan);
	*ret_actions = link->actions;
	*ret_steps = link->steps;
	*ret_f2 = 0;
	*ret_f3 = 0;
	return leave(SMFIS_CONTINUE);
}

/* libmilter takes commands from a peer that has negotiated nothing. */
static sfsistat stranger(void)
{
	return leave(SMFIS_TEMPFAIL);
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct link *link = enter(ctx);
	const void *sockaddr = address;

	if (link == NULL)
		return stranger();
	return answer_of(link, session_connect(link->session, name, sockaddr),
			 SMFIP_NR_CONN);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_helo(link->session, name),
			 SMFIP_NR_HELO);
}

static sfsistat on_mail(SMFICTX *ctx, char **args)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_mail(link->session, args),
			 SMFIP_NR_MAIL);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **args)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_rcpt(link->session, args),
			 SMFIP_NR_RCPT);
}

static sfsistat on_data(SMFICTX *ctx)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_data(link->session), SMFIP_NR_DATA);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct link *link = enter(ctx);
	enum answer answer;
	char *spaced = NULL;

	if (link == NULL)
		return stranger();
	/* The session wants what stood behind the colon; an MTA without
	 * HDR_LEADSPC has taken one blank away. */
	if ((link->steps & SMFIP_HDR_LEADSPC) == 0 &&
	    asprintf(&spaced, " %s", value) < 0)
		spaced = NULL;
	answer = session_header(link->session, name,
				spaced != NULL ? spaced : value);
	free(spaced);
	return answer_of(link, answer, SMFIP_NR_HDR);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_eoh(link->session), SMFIP_NR_EOH);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *bytes, size_t len)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_body(link->session, bytes, len),
			 SMFIP_NR_BODY);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	return answer_of(link, session_eom(link->session), 0);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command)
{
	struct link *link = enter(ctx);

	if (link == NULL)
		return stranger();
	(void)command; /* counted alone */
	session_unknown(link->session);
	return answer_of(link, ANSWER_CONTINUE, SMFIP_NR_UNKN);
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct link *link = enter(ctx);

	if (link != NULL) {
		session_abort(link->session);
		track_message(link);
	}
	return leave(SMFIS_CONTINUE);
}

static sfsistat on_close(SMFICTX *ctx)
{
	link_free(enter(ctx)); /* NULL before a negotiation */
	smfi_setpriv(ctx, NULL);
	return leave(SMFIS_CONTINUE);
}

/* --- serving ------------------------------------------------------------ */

static int serve_failed(const char *what)
{
	log_event(LOG_ERR, "start", "reason=%s failed=libmilter", what);
	return -1;
}

int milter_serve(const struct milter_start *start)
{
	static char name[] = "steelyard";
	struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_unknown = on_unknown,
		.xxfi_data = on_data,
		.xxfi_negotiate = on_negotiate,
	};
	char socket[160];

	started = *start;
	snprintf(socket, sizeof(socket), "%s", start->socket);
	if (start->listen_fd >= 0) {
		snprintf(socket, sizeof(socket), "fd:%d", start->listen_fd);
		if (listener_open(start->listen_fd) < 0)
			return serve_failed("listener");
	}
	if (smfi_register(description) != MI_SUCCESS)
		return serve_failed("register");
	if (smfi_setconn(socket) != MI_SUCCESS)
		return serve_failed("setconn");
	smfi_settimeout(LINK_TIMEOUT);
	smfi_setbacklog(BACKLOG);
	if (smfi_opensocket(start->listen_fd < 0) != MI_SUCCESS)
		return serve_failed("opensocket");
	admission_watch();
	listener_serve_here();
	start->ready();
	smfi_main();
	return serve_failed("main"); /* nobody has asked it to stop */
}

/*
 * Waits until nobody is in the middle of a message, and closes the gate.  A
 * MAIL that needs no reply may be on its way, so it has to stay quiet for a
 * moment.  smfi_stop() is not called: it waits for up to five seconds, and
 * frees a lock that it holds.  The process ends, and libmilter with it.
 */
static void *drain(void *unused)
{
	static const struct timespec tick = { .tv_nsec = 20 * 1000 * 1000 };
	enum { QUIET_TICKS = 10 };
	int64_t until = monotonic_ms() + 1000 * (int64_t)drain_seconds;
	unsigned quiet = 0;

	(void)unused;
	while (monotonic_ms() < until) {
		quiet = atomic_load(&messages_open) == 0 ? quiet + 1 : 0;
		if (quiet > QUIET_TICKS &&
		    pthread_rwlock_trywrlock(&gate) == 0) {
			atomic_store(&at_rest,
				     atomic_load(&messages_open) == 0);
			if (atomic_load(&at_rest))
				break;
			pthread_rwlock_unlock(&gate);
		}
		nanosleep(&tick, NULL);
	}
	started.drained();
	return NULL;
}

void milter_drain(unsigned seconds)
{
	pthread_t thread;

	if (atomic_exchange(&draining, true))
		return;
	atomic_store(&drain_seconds, seconds);
	listener_shut();
	if (pthread_create(&thread, NULL, drain, NULL) == 0)
		pthread_detach(thread);
	else
		drain(NULL);
}

struct milter_stats milter_stats(void)
{
	return (struct milter_stats){
		.sessions = admission_sessions(),
		.messages = atomic_load(&messages_open),
		.session_limit = admission_limit(),
		.draining = atomic_load(&draining),
		.at_rest = atomic_load(&at_rest),
	};
}
