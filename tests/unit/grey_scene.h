/*
 * grey_scene.h - a session, and a greylist's memory that is an array.
 *
 * The talk is one client's; what it says returns what the session answers, and
 * HEARS() compares that with the start of what it should be.
 */
#ifndef STEELYARD_TESTS_GREY_SCENE_H
#define STEELYARD_TESTS_GREY_SCENE_H

#include "filter/session.h"

struct generation;

enum { RECORDS = 64 };

extern struct grey_memory {
	struct store store;
	struct {
		char key[TRIPLET_KEY_SIZE];
		struct greylist_records at;
	} records[RECORDS];
	size_t visits, writes;
	struct greylist_time began;
	int64_t now; /* seconds since then */
	unsigned least_ms; /* of a visit's patience */
	int64_t longest_window; /* of the terms of a change */
	enum store_end end; /* of all that is asked from now on */
	char last[TRIPLET_KEY_SIZE], written[TRIPLET_KEY_SIZE];
} memory;

extern struct grey_talk {
	struct generation *gen;
	struct session *session;
	const char *login; /* {auth_type} and {auth_authen} */
	const char *mailer; /* {rcpt_mailer} */
	char reply[512];
} talk;

struct store *the_store(void);
struct store *no_store(void);

/* A rule file, and one client on it; connects(): 192.0.2.10, the_store. */
void connects_from(const char *rules, const char *client,
		   struct store *(*store)(void));
void connects(const char *rules);

enum answer mail(const char *from);
enum answer rcpt(const char *to);
enum answer data(void);
enum answer eom(void);

/* What is said to this is the start of `want`, "ok" being nothing. */
#define HEARS(want, call) hears(want, call, __LINE__)

void hears(const char *want, enum answer answer, int line);

int grey_setup(void **state);
int grey_teardown(void **state);

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

#endif
