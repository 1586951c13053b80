/*
 * suffix.c - which domain is the organisation's.
 */
#include "lists/suffix.h"

#include "lists/ip.h"

#include <libpsl.h>
#include <pthread.h>
#include <string.h>

#define NAME_MAX_BYTES 253 /* of a host name in ASCII, without a final dot */
#define LABEL_MAX_BYTES 63

static const psl_ctx_t *list;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	list = psl_latest(NULL);
	if (!list)
		list = psl_builtin();
}

bool suffix_load(void)
{
	pthread_once(&once, load);
	return list != NULL;
}

/*
 * Small ASCII letters into buf.  -1 where an ASCII label could not be part of
 * a host name: what has blanks, brackets or control characters is none.
 */
static int lower_name(const char *name, size_t len, char *buf, bool *ret_ascii)
{
	size_t label = 0;

	*ret_ascii = true;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '.') {
			if (label == 0)
				return -1;
			label = 0;
		} else {
			if (c <= ' ' || c == 0x7f || strchr("[]\\\"@:/", c) ||
			    ++label > LABEL_MAX_BYTES)
				return -1;
		}
		if (c >= 0x80)
			*ret_ascii = false;
		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + ('a' - 'A'));
		buf[i] = (char)c;
	}
	buf[len] = '\0';
	return label > 0 ? 0 : -1;
}

static size_t labels_of(const char *name)
{
	size_t labels = 1;

	for (; *name != '\0'; name++)
		labels += *name == '.';
	return labels;
}

/* How many labels the organisational domain of a name in order has, or 0. */
static size_t organisation_labels(const char *lower, bool ascii)
{
	size_t before = labels_of(lower), labels = 0;
	const char *domain;
	char *utf8 = NULL;

	if (!ascii) {
		if (psl_str_to_utf8lower(lower, "utf-8", NULL, &utf8) !=
		    PSL_SUCCESS)
			return 0;
		/* some characters are mapped to dots: read so by few */
		if (labels_of(utf8) != before)
			goto done;
		lower = utf8;
	}
	domain = psl_registrable_domain(list, lower);
	if (domain)
		labels = labels_of(domain);
done:
	psl_free_string(utf8);
	return labels;
}

const char *suffix_organisation(const char *name, size_t len, size_t *ret_len)
{
	char lower[NAME_MAX_BYTES + 1];
	struct ip ip;
	size_t labels, at;
	bool ascii;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > NAME_MAX_BYTES ||
	    lower_name(name, len, lower, &ascii) < 0 ||
	    ip_parse(name, len, &ip) == 0)
		return NULL;
	if (!suffix_load())
		return NULL;
	labels = organisation_labels(lower, ascii);
	if (labels == 0)
		return NULL;
	for (at = len; at > 0; at--)
		if (name[at - 1] == '.' && --labels == 0)
			break;
	*ret_len = len - at;
	return name + at;
}
