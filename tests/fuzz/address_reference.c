/*
 * address_reference.c - see address_reference.h.
 *
 * abnf.c finds all derivations; here is noted where domains stand in them.
 */
#include "tests/fuzz/address_reference.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/abnf.h"

/*
 * RFC 5322 sections 3.2, 3.4 and 4, with RFC 6532 section 3.2.  Changes of
 * form: "domain" names its two kinds, so that the blanks around are not part of
 * them; domains of a route have a rule of their own; LF folds like CRLF;
 * obs-FWS is as in erratum 1908; address-list where From has mailbox-list (RFC
 * 6854).
 */
static const char *const rules[] = {
	"address-list = address *(\",\" address) / obs-addr-list",
	"address = mailbox / group",
	"mailbox = name-addr / addr-spec",
	"name-addr = [display-name] angle-addr",
	"angle-addr = [CFWS] \"<\" addr-spec \">\" [CFWS] / obs-angle-addr",
	"group = display-name \":\" [group-list] \";\" [CFWS]",
	"display-name = phrase",
	"mailbox-list = mailbox *(\",\" mailbox) / obs-mbox-list",
	"group-list = mailbox-list / CFWS / obs-group-list",
	"addr-spec = local-part \"@\" domain",
	"local-part = dot-atom / quoted-string / obs-local-part",
	"domain = [CFWS] domain-name [CFWS] / [CFWS] domain-literal [CFWS]"
	" / obs-domain",
	"domain-name = 1*atext *(\".\" 1*atext)",
	"domain-literal = \"[\" *([FWS] dtext) [FWS] \"]\"",
	"dtext = %d33-90 / %d94-126 / UTF8-non-ascii / obs-dtext",
	"word = atom / quoted-string",
	"phrase = 1*word / obs-phrase",
	"atext = %d65-90 / %d97-122 / %d48-57 / \"!\" / \"#\" / \"$\" / \"%\""
	" / \"&\" / \"'\" / \"*\" / \"+\" / \"-\" / \"/\" / \"=\" / \"?\""
	" / \"^\" / \"_\" / \"`\" / \"{\" / \"|\" / \"}\" / \"~\""
	" / UTF8-non-ascii",
	"atom = [CFWS] 1*atext [CFWS]",
	"dot-atom = [CFWS] 1*atext *(\".\" 1*atext) [CFWS]",
	"qtext = %d33 / %d35-91 / %d93-126 / UTF8-non-ascii / obs-qtext",
	"qcontent = qtext / quoted-pair",
	"quoted-string = [CFWS] %d34 *([FWS] qcontent) [FWS] %d34 [CFWS]",
	"quoted-pair = \"\\\" VCHAR / \"\\\" WSP / obs-qp",
	"FWS = [*WSP CRLF] 1*WSP / obs-FWS",
	"ctext = %d33-39 / %d42-91 / %d93-126 / UTF8-non-ascii / obs-ctext",
	"ccontent = ctext / quoted-pair / comment",
	"comment = \"(\" *([FWS] ccontent) [FWS] \")\"",
	"CFWS = 1*([FWS] comment) [FWS] / FWS",
	"VCHAR = %d33-126 / UTF8-non-ascii",
	"WSP = %d32 / %d9",
	"CRLF = %d13 %d10 / %d10",
	/* section 4 */
	"obs-NO-WS-CTL = %d1-8 / %d11 / %d12 / %d14-31 / %d127",
	"obs-ctext = obs-NO-WS-CTL",
	"obs-qtext = obs-NO-WS-CTL",
	"obs-qp = \"\\\" %d0 / \"\\\" obs-NO-WS-CTL / \"\\\" %d10"
	" / \"\\\" %d13",
	"obs-FWS = 1*([CRLF] WSP)",
	"obs-phrase = word *(word / \".\" / CFWS)",
	"obs-angle-addr = [CFWS] \"<\" obs-route addr-spec \">\" [CFWS]",
	"obs-route = obs-domain-list \":\"",
	"obs-domain-list = *(CFWS / \",\") \"@\" route-domain"
	" *(\",\" [CFWS] [\"@\" route-domain])",
	"route-domain = dot-atom / [CFWS] domain-literal-2 [CFWS]"
	" / atom *(\".\" atom)",
	"domain-literal-2 = \"[\" *([FWS] dtext) [FWS] \"]\"",
	"obs-mbox-list = *([CFWS] \",\") mailbox"
	" *(\",\" [mailbox / CFWS])",
	"obs-addr-list = *([CFWS] \",\") address"
	" *(\",\" [address / CFWS])",
	"obs-group-list = 1*([CFWS] \",\") [CFWS]",
	"obs-local-part = word *(\".\" word)",
	"obs-domain = atom *(\".\" atom)",
	"obs-dtext = obs-NO-WS-CTL / quoted-pair",
	/* RFC 3629 section 4 */
	"UTF8-non-ascii = UTF8-2 / UTF8-3 / UTF8-4",
	"UTF8-2 = %d194-223 tail",
	"UTF8-3 = %d224 %d160-191 tail / %d225-236 tail tail"
	" / %d237 %d128-159 tail / %d238-239 tail tail",
	"UTF8-4 = %d240 %d144-191 tail tail / %d241-243 tail tail tail"
	" / %d244 %d128-143 tail tail",
	"tail = %d128-191",
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/* Notes a domain without its blanks and comments, each only once. */
static void note(const char *input, size_t i, size_t j, struct reference *ref)
{
	char out[REFERENCE_MAX + 1];
	size_t used = 0, start = j, at, depth = 0;

	for (size_t k = i; k < j; k++) {
		char c = input[k];

		if (c == '\\' && depth > 0)
			k++;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		else if (depth == 0 && !strchr(" \t\r\n", c)) {
			if (used == 0)
				start = k;
			out[used++] = c;
		}
	}
	out[used] = '\0';
	for (size_t k = 0; k < ref->count; k++)
		if (ref->domains[k].start == start &&
		    strcmp(ref->domains[k].text, out) == 0)
			return;
	for (at = ref->count; at > 0 && ref->domains[at - 1].start > start;
	     at--)
		ref->domains[at] = ref->domains[at - 1];
	if (++ref->count > REFERENCE_MAX)
		abort();
	ref->domains[at].start = start;
	memcpy(ref->domains[at].text, out, used + 1);
}

static void note_all(struct abnf *abnf, const char *rule, const char *text,
		     size_t len, struct reference *ref)
{
	for (size_t i = 0; i <= len; i++)
		for (size_t j = i; j <= len; j++)
			if (abnf_found(abnf, rule, i) & (UINT64_C(1) << j))
				note(text, i, j, ref);
}

void reference_read(const char *text, size_t len, bool obsolete,
		    struct reference *ret_reference)
{
	static struct abnf *abnf;

	if (!abnf)
		abnf = abnf_compile(rules, RULES);
	*ret_reference = (struct reference){ .matches = false };
	abnf_without(abnf, obsolete ? NULL : "obs-");
	if (!abnf_matches(abnf, "address-list", text, len))
		return;
	ret_reference->matches = true;
	note_all(abnf, "domain-name", text, len, ret_reference);
	note_all(abnf, "domain-literal", text, len, ret_reference);
	note_all(abnf, "obs-domain", text, len, ret_reference);
}
