/*
 * reply_text.h - texts of SMTP replies: checked at load, filled in at the end.
 *
 * A template is "CODE [ENHANCED] TEXT".  The text may hold %{hits} %{score}
 * %{client.ip} %{wait} %{ref}; a newline in it begins another line of the
 * reply.  Any other '%' is a '%'.  See verdict.h for what becomes of it.
 */
#ifndef STEELYARD_RULES_REPLY_TEXT_H
#define STEELYARD_RULES_REPLY_TEXT_H

#include <stddef.h>

struct arena;
struct reply_template;

/*
 * NULL with the reason in `why`; the template and its text are the arena's.
 */
struct reply_template *reply_template_new(struct arena *arena, const char *text,
					  size_t len, char *why,
					  size_t why_size);

/* As it was written, for a digest or a listing. */
const char *reply_template_text(const struct reply_template *template);

#endif
