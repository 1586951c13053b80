/*
 * session.h - the life of a connection and of each message on it.
 *
 * A session is told what the MTA tells, in the order in which the MTA tells it,
 * and answers what is to be said.  It knows nothing of libmilter: milter.c
 * tells it of real mail, `steelyardctl test` of a file.  What a session wants
 * done to the message it asks of a struct mta.
 *
 * A session keeps the generation of the configuration that it began with.  It
 * belongs to one thread at a time, not always the same one.
 *
 * Nothing here fails: a fault of ours costs evidence, or this one message gets
 * a 451 4.3.0 (or passes unchecked, see `set on_fault`).
 */
#ifndef STEELYARD_FILTER_SESSION_H
#define STEELYARD_FILTER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/greylist.h"
#include "rules/facts.h"
#include "rules/verdict.h"

struct generation;
struct inspector_pool;
struct plan;
struct session;
struct sockaddr;
struct store;

/* What is to be said to the MTA now. */
enum answer {
	ANSWER_CONTINUE,
	ANSWER_SKIP, /* no more of this body, please */
	ANSWER_REFUSE, /* with the reply given to mta->reply() */
	ANSWER_DISCARD,
	ANSWER_ACCEPT, /* eom: deliver it; header changes were made */
};

/*
 * What a session asks of the MTA.  `change_header` replaces the index-th field
 * (from 1) of that name, or deletes it where value is NULL.  `reply` and
 * `quarantine` return false where the MTA would not, the changes to the header
 * where there is no memory: what an MTA has not offered, or cannot hear any
 * more, is no fault of ours.
 */
struct mta {
	void *context;
	const char *(*macro)(void *context, const char *name);
	bool (*reply)(void *context, const struct reply *reply);
	bool (*insert_header)(void *context, int index, const char *name,
			      const char *value);
	bool (*change_header)(void *context, const char *name, int index,
			      const char *value);
	bool (*quarantine)(void *context, const char *reason);
	bool (*progress)(void *context);
};

/* All of this is borrowed, but the generation, of which a reference is kept. */
struct session_start {
	struct generation *generation;
	struct inspector_pool *pool;
	const struct mta *mta;
	bool refused; /* overload or drain: a 421 at the first chance */
	bool keep_outcome; /* session_outcome() will be asked */
	int64_t (*now)(void); /* wall clock, seconds since 1970 */
	/*
	 * What greylisting remembers, asked for anew each time; it returns NULL
	 * where there is none just now.  May itself be NULL: nobody is asked.
	 */
	struct store *(*store)(void);
};

/* NULL without memory. */
struct session *session_new(const struct session_start *start);
void session_free(struct session *session); /* logs what was unfinished */

/* What this session's rules need of the MTA. */
const struct plan *session_plan(const struct session *session);
bool session_is_refused(const struct session *session);
/* 4 or 5: the class of the reply that went with the last ANSWER_REFUSE. */
int session_refusal_class(const struct session *session);

/* `address` NULL: a local socket.  `name` as the MTA gives it. */
enum answer session_connect(struct session *session, const char *name,
			    const struct sockaddr *address);
enum answer session_helo(struct session *session, const char *name);
/* A command that the MTA does not know. */
void session_unknown(struct session *session);
/* args[0] is the path, the others are ESMTP parameters; NULL ends them. */
enum answer session_mail(struct session *session, char **args);
enum answer session_rcpt(struct session *session, char **args);
enum answer session_data(struct session *session);
/* The value begins right behind the colon. */
enum answer session_header(struct session *session, const char *name,
			   const char *value);
enum answer session_eoh(struct session *session);
enum answer session_body(struct session *session, const unsigned char *bytes,
			 size_t len);
enum answer session_eom(struct session *session);
/* The message ended without EOM; the connection stays. */
void session_abort(struct session *session);

/* True from MAIL until the message ended, for whoever wants to stop. */
bool session_in_message(const struct session *session);

/*
 * What became of the newest message, for `steelyardctl test`; valid until the
 * next HELO or MAIL.  NULL before the first verdict.
 */
struct outcome {
	struct verdict verdict; /* the spoken one (mildest recipient's) */
	const struct reply *reply; /* of a refusal, else NULL */
	const char *symbols; /* "A,B" or "" */
	const char *ref; /* XXXX-XXXX */
	const struct facts *facts;
	const struct hits *hits;
	enum phase phase; /* at which it was spoken */
	bool unchecked; /* passed because of a fault */
	/*
	 * The worst that greylisting said of a recipient; and whether the
	 * message, or at PHASE_RCPT the recipient, was deferred for that alone.
	 */
	struct greylist_said greylist;
	bool greylisted;
	const char *identity; /* that it was asked about, or "" */
	const struct fact *trap; /* a recipient who is one, or NULL */
};
const struct outcome *session_outcome(const struct session *session);

#endif
