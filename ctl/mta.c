/*
 * mta.c - the MTA's side of the milter protocol, version 6.
 *
 * Told as Postfix tells it: macros come before each event; where the filter
 * has said that a step needs no reply none is awaited, and what it declined
 * is not sent; after EOM come the changes, then the verdict.
 */
#include "ctl/mta.h"

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/finding.h"
#include "ctl/frames.h"
#include "ctl/letter.h"
#include "ctl/visit.h"

struct dialogue {
	struct frames frames;
	uint32_t steps; /* SMFIP_ flags that were agreed on */
	const struct visit *visit;
	json_t *finding;
	bool refused; /* the newest step */
};

/* --- frames of their kind ----------------------------------------------- */

static void macro(struct dialogue *d, const char *name, const char *value)
{
	frames_text(&d->frames, name);
	frames_text(&d->frames, value);
}

/* The queue id is not known before the first recipient (Postfix). */
static void send_macros(struct dialogue *d, char step)
{
	frames_begin(&d->frames, SMFIC_MACRO);
	frames_bytes(&d->frames, &step, 1);
	if (step == SMFIC_CONNECT) {
		macro(d, "j", "localhost");
		macro(d, "{daemon_name}", "steelyardctl");
		macro(d, "v", "steelyardctl");
	}
	if (step == SMFIC_DATA || step == SMFIC_BODYEOB)
		macro(d, "i", "test");
	for (size_t i = 0; i < d->visit->macro_count; i++) {
		const char *given = d->visit->macros[i];
		int len = (int)strcspn(given, "=");
		bool bare = len > 1 && given[0] != '{';
		char name[128];

		snprintf(name, sizeof(name), "%s%.*s%s", bare ? "{" : "", len,
			 given, bare ? "}" : "");
		macro(d, name, given + len + 1);
	}
	frames_send(&d->frames);
}

static bool negotiate(struct dialogue *d)
{
	uint32_t version = 0, actions;
	size_t at = 0;

	frames_begin(&d->frames, SMFIC_OPTNEG);
	frames_number(&d->frames, SMFI_PROT_VERSION);
	frames_number(&d->frames, SMFI_CURR_ACTS);
	frames_number(&d->frames, SMFI_CURR_PROT);
	if (!frames_send(&d->frames) ||
	    frames_read(&d->frames) != SMFIC_OPTNEG ||
	    !frames_take_number(&d->frames, &at, &version) ||
	    !frames_take_number(&d->frames, &at, &actions) ||
	    !frames_take_number(&d->frames, &at, &d->steps) || version < 2)
		return frames_fail(&d->frames, "the negotiation failed");
	return true;
}

/* --- replies ------------------------------------------------------------ */

/* What the filter asks for before it has decided. */
static bool take_change(struct dialogue *d, char reply)
{
	struct frames *f = &d->frames;
	const char *name, *value;
	uint32_t index;
	size_t at = 0;

	switch (reply) {
	case SMFIR_PROGRESS: return true;
	case SMFIR_INSHEADER:
	case SMFIR_CHGHEADER:
		if (!frames_take_number(f, &at, &index))
			break;
		/* fall through */
	case SMFIR_ADDHEADER:
		name = frames_take_text(f, &at);
		value = frames_take_text(f, &at);
		if (name == NULL)
			break;
		value = value != NULL ? value + (value[0] == ' ') : "";
		finding_change(d->finding,
			       reply != SMFIR_CHGHEADER ? "insert"
			       : value[0] == '\0'	? "delete"
							: "change",
			       name, value[0] != '\0' ? value : NULL);
		if (reply == SMFIR_INSHEADER &&
		    strcasecmp(name, "X-Steelyard") == 0)
			finding_header(d->finding, value);
		return true;
	case SMFIR_QUARANTINE:
		value = frames_take_text(f, &at);
		finding_change(d->finding, "quarantine", NULL,
			       value != NULL ? value : "");
		return true;
	default: break;
	}
	return frames_fail(f, "an unknown reply, 0x%02x", (unsigned char)reply);
}

static void refuse(struct dialogue *d, const char *stage, const char *verdict,
		   const char *text)
{
	finding_set(d->finding, "verdict", verdict);
	finding_reply(d->finding, stage, text);
	d->refused = true;
}

/* libmilter parts the lines of a reply by CRLF. */
static void take_text(struct dialogue *d, const char *stage)
{
	size_t at = 0;
	const char *given = frames_take_text(&d->frames, &at);
	char *text = strdup(given != NULL ? given : ""), *out = text;

	if (text == NULL)
		return;
	for (char *c = text; *c != '\0'; c++)
		if (*c != '\r')
			*out++ = *c;
	*out = '\0';
	refuse(d, stage, text[0] == '4' ? "defer" : "reject", text);
	free(text);
}

/*
 * Reads what decides the step.  True: the conversation goes on (`refused` may
 * be set, for a recipient); false: it is over, or broken.
 */
static bool await(struct dialogue *d, const char *stage, bool *ret_skip)
{
	char reply;

	d->refused = false;
	for (;;) {
		reply = frames_read(&d->frames);
		switch (reply) {
		case 0: return false;
		case SMFIR_CONTINUE: return true;
		case SMFIR_SKIP:
			if (ret_skip != NULL)
				*ret_skip = true;
			return true;
		case SMFIR_ACCEPT:
			if (json_object_get(d->finding, "ref") == NULL)
				finding_set(d->finding, "verdict", "accept");
			finding_set(d->finding, "stage", stage);
			return false;
		case SMFIR_DISCARD:
			finding_set(d->finding, "verdict", "discard");
			finding_set(d->finding, "stage", stage);
			return false;
		case SMFIR_REPLYCODE: take_text(d, stage); return true;
		case SMFIR_REJECT:
			refuse(d, stage, "reject",
			       "550 5.7.1 Command rejected");
			return true;
		case SMFIR_TEMPFAIL:
		case SMFIR_SHUTDOWN:
		case SMFIR_CONN_FAIL:
			refuse(d, stage, "defer",
			       "451 4.7.1 Service unavailable");
			return true;
		default:
			if (!take_change(d, reply))
				return false;
		}
	}
}

/* Sends the frame; true if the conversation goes on. */
static bool step(struct dialogue *d, const char *stage, uint32_t no_reply,
		 bool *ret_skip)
{
	d->refused = false;
	if (!frames_send(&d->frames))
		return false;
	if ((d->steps & no_reply) != 0)
		return true;
	return await(d, stage, ret_skip);
}

/* --- the conversation --------------------------------------------------- */

static void put_connect(struct dialogue *d)
{
	struct sockaddr_storage address;
	bool remote = visit_address(d->visit, &address);
	char family = !remote			      ? SMFIA_UNIX
		      : address.ss_family == AF_INET6 ? SMFIA_INET6
						      : SMFIA_INET;
	unsigned char port[2] = { (unsigned char)(d->visit->port >> 8),
				  (unsigned char)d->visit->port };

	frames_begin(&d->frames, SMFIC_CONNECT);
	frames_text(&d->frames, remote ? d->visit->ptr : "localhost");
	frames_bytes(&d->frames, &family, 1);
	frames_bytes(&d->frames, port, 2);
	frames_text(&d->frames, remote ? d->visit->client : "/dev/stdin");
}

static bool say_connect(struct dialogue *d)
{
	if ((d->steps & SMFIP_NOCONNECT) != 0)
		return true;
	send_macros(d, SMFIC_CONNECT);
	put_connect(d);
	return step(d, "connect", SMFIP_NR_CONN, NULL) && !d->refused;
}

static bool say_helo(struct dialogue *d)
{
	if ((d->steps & SMFIP_NOHELO) != 0 || d->visit->helo[0] == '\0')
		return true;
	send_macros(d, SMFIC_HELO);
	frames_begin(&d->frames, SMFIC_HELO);
	frames_text(&d->frames, d->visit->helo);
	return step(d, "helo", SMFIP_NR_HELO, NULL) && !d->refused;
}

/* MAIL or RCPT with its path and parameters. */
static bool say_path(struct dialogue *d, char command, const char *stage,
		     const char *address, uint32_t no_reply)
{
	char **args = visit_arguments(address);

	if (args == NULL)
		return frames_fail(&d->frames, "out of memory");
	send_macros(d, command);
	frames_begin(&d->frames, command);
	for (char **a = args; *a != NULL; a++)
		frames_text(&d->frames, *a);
	free(args);
	return step(d, stage, no_reply, NULL);
}

static bool say_mail(struct dialogue *d)
{
	if ((d->steps & SMFIP_NOMAIL) != 0)
		return true;
	return say_path(d, SMFIC_MAIL, "mail", d->visit->from, SMFIP_NR_MAIL) &&
	       !d->refused;
}

static bool say_rcpts(struct dialogue *d)
{
	size_t accepted = 0;

	if ((d->steps & SMFIP_NORCPT) != 0)
		return true;
	for (size_t i = 0; i < d->visit->rcpt_count; i++) {
		if (!say_path(d, SMFIC_RCPT, "rcpt", d->visit->rcpts[i],
			      SMFIP_NR_RCPT))
			return false;
		accepted += !d->refused;
	}
	return accepted > 0;
}

static bool say_data(struct dialogue *d)
{
	if ((d->steps & SMFIP_NODATA) != 0)
		return true;
	send_macros(d, SMFIC_DATA);
	frames_begin(&d->frames, SMFIC_DATA);
	return step(d, "data", SMFIP_NR_DATA, NULL) && !d->refused;
}

static bool say_header(struct dialogue *d, const struct letter *letter)
{
	bool spaces = (d->steps & SMFIP_HDR_LEADSPC) != 0;

	for (size_t i = 0; i < letter->field_count; i++) {
		const char *value = letter->fields[i].value;

		if ((d->steps & SMFIP_NOHDRS) != 0)
			break;
		frames_begin(&d->frames, SMFIC_HEADER);
		frames_text(&d->frames, letter->fields[i].name);
		frames_text(&d->frames, value + (!spaces && value[0] == ' '));
		if (!step(d, "header", SMFIP_NR_HDR, NULL) || d->refused)
			return false;
	}
	if ((d->steps & SMFIP_NOEOH) != 0)
		return true;
	frames_begin(&d->frames, SMFIC_EOH);
	return step(d, "header", SMFIP_NR_EOH, NULL) && !d->refused;
}

static bool say_body(struct dialogue *d, const struct letter *letter)
{
	bool skip = (d->steps & SMFIP_NOBODY) != 0;
	size_t at = 0;

	while (!skip && at < letter->body_len) {
		size_t len = letter->body_len - at;

		if (len > MILTER_CHUNK_SIZE)
			len = MILTER_CHUNK_SIZE;
		frames_begin(&d->frames, SMFIC_BODY);
		frames_bytes(&d->frames, letter->body + at, len);
		if (!step(d, "body", SMFIP_NR_BODY, &skip) || d->refused)
			return false;
		at += len;
	}
	return true;
}

static void say_eom(struct dialogue *d)
{
	send_macros(d, SMFIC_BODYEOB);
	frames_begin(&d->frames, SMFIC_BODYEOB);
	if (!step(d, "eom", 0, NULL) || d->refused)
		return;
	/* a recipient's refusal is not the message's */
	finding_set(d->finding, "reply", NULL);
	finding_set(d->finding, "stage", "eom");
	if (json_is_null(json_object_get(d->finding, "verdict")) ||
	    json_object_get(d->finding, "ref") == NULL)
		finding_set(d->finding, "verdict", "accept");
}

bool mta_run(const char *socket, const struct visit *visit,
	     const struct letter *letter, json_t *finding, char why[MTA_WHY])
{
	struct dialogue d = { .visit = visit, .finding = finding };
	bool good;

	if (frames_open(&d.frames, socket) && negotiate(&d) &&
	    say_connect(&d) && say_helo(&d) && say_mail(&d) && say_rcpts(&d) &&
	    say_data(&d) && say_header(&d, letter) && say_body(&d, letter))
		say_eom(&d);
	good = !d.frames.failed;
	snprintf(why, MTA_WHY, "%s", d.frames.why);
	if (good) {
		frames_begin(&d.frames, SMFIC_QUIT);
		frames_send(&d.frames);
	}
	frames_close(&d.frames);
	return good;
}
