/* vouch_claims.c - what follows from whom a message names, and who vouches. */
#include "tests/unit/vouch_claims.h"

#define TEXT(s) (s), sizeof(s) - 1

const char vouch_world[] =
	"_dmarc.none.test     TXT \"v=DMARC1; p=none\"\n"
	"_dmarc.quar.test     TXT \"v=DMARC1; p=quarantine\"\n"
	"_dmarc.reject.test   TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.legit.test    TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.attack.test   TXT \"v=DMARC1; p=none\"\n"
	"_dmarc.trial.test    TXT \"v=DMARC1; p=reject; t=y\"\n"
	"_dmarc.trial2.test   TXT \"v=DMARC1; p=quarantine; t=y\"\n"
	"_dmarc.strict.test   TXT \"v=DMARC1; p=reject; aspf=s; adkim=s\"\n"
	"_dmarc.two.test      TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.two.test      TXT \"v=DMARC1; p=none\"\n"
	"_dmarc.typo.test     TXT \"v=DMARC1; p=rej\"\n"
	"_dmarc.foreign.test  TXT \"v=spf1 -all\"\n"
	"_dmarc.mixed.test    TXT \"v=spf1 -all\"\n"
	"_dmarc.mixed.test    TXT \"v=DMARC1; p=quarantine\"\n"
	"_dmarc.servfail.test SERVFAIL\n"
	"_dmarc.silent.test   TIMEOUT\n"
	"_dmarc.alias.test    CNAME _dmarc.reject.test.\n"
	"_dmarc.dangle.test   CNAME nothing.elsewhere.test.\n"
	"_dmarc.np.test       TXT \"v=DMARC1; p=reject; sp=none; np=reject\"\n"
	"cname.np.test        CNAME nothing.elsewhere.test.\n"
	"host.np.test         A 192.0.2.1\n"
	"silent.np.test       TIMEOUT\n"
	"_dmarc.psd.test      TXT \"v=DMARC1; p=none; psd=n\"\n"
	"_dmarc.child.reject.test TXT \"v=DMARC1; p=none\"\n"
	"_dmarc.xn--bcher-kva.test TXT \"v=DMARC1; p=quarantine\"\n"
	"_dmarc.co.uk         NODATA\n"
	"_dmarc.split.test    TXT \"v=DMARC1; p=rej\" \"ect\"\n"
	"_dmarc.half.test     TXT \"v=DMARC1; p=reject\"\n"
	"_dmarc.mail.half.test SERVFAIL\n"
	"_dmarc.other.half.test SERVFAIL\n";

const struct vouch_row vouch_rows[] = {
	/* the result */
	{ "SPF vouches", "From: a@reject.test", "pass reject.test",
	  "dmarc pass; .policy reject; .domain reject.test; "
	  ".org_domain reject.test; .aligned.spf yes; .aligned.dkim no; "
	  ".testing no; .record_error none; dkim.aligned none; "
	  "dkim.alignments none" },
	{ "a signature vouches",
	  "From: a@reject.test\nDKIM-Signature: pass d=reject.test",
	  "fail other.test",
	  "dmarc pass; .aligned.spf no; .aligned.dkim yes; dkim.aligned yes" },
	{ "each signature has its own alignment",
	  "From: a@reject.test\nDKIM-Signature: fail d=other.test\n"
	  "DKIM-Signature: pass d=m.reject.test\n"
	  "DKIM-Signature: neutral d=reject.test\n"
	  "DKIM-Signature: permerror",
	  NULL, "dkim.alignments no,yes,yes,no; dkim.aligned yes" },
	{ "nobody does", "From: a@reject.test", NULL,
	  "dmarc fail; .policy reject; .aligned.spf no; .aligned.dkim no" },
	{ "strangers do",
	  "From: a@reject.test\nDKIM-Signature: pass d=other.test",
	  "pass other.test",
	  "dmarc fail; .aligned.spf no; .aligned.dkim no; "
	  "dkim.aligned no" },
	{ "a signature that fails",
	  "From: a@reject.test\nDKIM-Signature: fail d=reject.test", NULL,
	  "dmarc fail; .aligned.dkim no; dkim.aligned yes" },
	{ "one that we do not accept",
	  "From: a@reject.test\nDKIM-Signature: policy d=reject.test", NULL,
	  "dmarc fail; .aligned.dkim no; dkim.aligned yes" },
	{ "the second of two",
	  "From: a@reject.test\nDKIM-Signature: fail d=reject.test\n"
	  "DKIM-Signature: pass d=mail.reject.test",
	  NULL, "dmarc pass; .aligned.dkim yes; dkim.aligned yes" },
	{ "SPF fails for the author's domain", "From: a@reject.test",
	  "fail reject.test", "dmarc fail; .aligned.spf no" },
	{ "SPF cannot be read for it", "From: a@reject.test",
	  "permerror reject.test", "dmarc fail; .aligned.spf no" },
	{ "case and final dots do not matter", "From: a@REJECT.test",
	  "pass Reject.TEST.", "dmarc pass; .domain reject.test" },

	/* the record */
	{ "asks for nothing", "From: a@none.test", NULL,
	  "dmarc fail; .policy none; .domain none.test" },
	{ "asks for quarantine", "From: a@quar.test", NULL,
	  "dmarc fail; .policy quarantine" },
	{ "is tried out, one less", "From: a@trial.test", NULL,
	  "dmarc fail; .policy quarantine; .testing yes" },
	{ "is tried out, two less than nothing", "From: a@trial2.test", NULL,
	  "dmarc fail; .policy none; .testing yes" },
	{ "there is none", "From: a@nowhere.test", NULL,
	  "dmarc none; .policy none; .domain none; .testing none; "
	  ".org_domain nowhere.test; .record_error none; .aligned.spf no" },
	{ "there is a foreign one", "From: a@foreign.test", NULL,
	  "dmarc none; .record_error none" },
	{ "foreign ones aside", "From: a@mixed.test", NULL,
	  "dmarc fail; .policy quarantine" },
	{ "there are two", "From: a@two.test", NULL,
	  "dmarc none; .policy none; .domain none; .org_domain two.test; "
	  ".record_error there are several DMARC records, where only one may "
	  "be" },
	{ "strings are joined", "From: a@split.test", NULL,
	  "dmarc fail; .policy reject" },
	{ "by another name", "From: a@alias.test", NULL,
	  "dmarc fail; .domain alias.test; .policy reject" },
	{ "by a name that leads nowhere", "From: a@dangle.test", NULL,
	  "dmarc none; .record_error none" },
	{ "is the organisation's", "From: a@mail.quar.test", NULL,
	  "dmarc fail; .domain quar.test; .policy quarantine; "
	  ".org_domain quar.test" },

	/* names that do not exist */
	{ "np= for one that does not", "From: a@absent.np.test", NULL,
	  "dmarc fail; .policy reject" },
	{ "sp= for one that does", "From: a@host.np.test", NULL,
	  "dmarc fail; .policy none" },
	{ "one behind which a CNAME dangles exists", "From: a@cname.np.test",
	  NULL, "dmarc fail; .policy none" },
	{ "one of which nobody knows", "From: a@silent.np.test", NULL,
	  "dmarc temperror; .policy none" },

	/* alignment */
	{ "a subdomain of the author's", "From: a@reject.test",
	  "pass bounce.reject.test", "dmarc pass; .aligned.spf yes" },
	{ "the other way round", "From: a@mail.reject.test", "pass reject.test",
	  "dmarc pass; .aligned.spf yes; .org_domain reject.test" },
	{ "but not when it is to be strict",
	  "From: a@strict.test\nDKIM-Signature: pass d=mail.strict.test",
	  "pass mail.strict.test",
	  "dmarc fail; .aligned.spf no; "
	  ".aligned.dkim no; dkim.aligned yes" },
	{ "then it must be the same", "From: a@strict.test", "pass strict.test",
	  "dmarc pass; .aligned.spf yes" },
	{ "an end of the name is no parent", "From: a@reject.test",
	  "pass xreject.test", "dmarc fail; .aligned.spf no" },
	{ "suffixes are shared by strangers", "From: a@one.co.uk",
	  "pass two.co.uk",
	  "dmarc none; .aligned.spf no; "
	  ".org_domain one.co.uk" },
	{ "there is alignment without a record",
	  "From: a@nowhere.test\nDKIM-Signature: pass d=x.nowhere.test",
	  "pass nowhere.test",
	  "dmarc none; .aligned.spf yes; .aligned.dkim yes; "
	  "dkim.aligned yes" },
	{ "and none with strangers",
	  "From: a@nowhere.test\nDKIM-Signature: pass d=x.other.test",
	  "pass other.test",
	  "dmarc none; .aligned.spf no; .aligned.dkim no; "
	  "dkim.aligned no" },
	{ "with bücher by any spelling",
	  "From: a@b\xc3\xbc"
	  "cher.test",
	  "pass xn--bcher-kva.test",
	  "dmarc pass; .domain xn--bcher-kva.test; .policy quarantine" },
	{ "SPF's U-label too", "From: a@xn--bcher-kva.test",
	  "pass b\xc3\xbc"
	  "cher.test",
	  "dmarc pass" },
	{ "an address literal proves nothing", "From: a@reject.test",
	  "pass [192.0.2.1]", "dmarc fail" },

	{ "a suffix shares nothing with what is below it", "From: a@co.uk",
	  "pass two.co.uk", "dmarc none; .aligned.spf no; .org_domain co.uk" },
	{ "an odd hyphen proves what it proves", "From: a@reject.test",
	  "pass b-.reject.test", "dmarc pass" },
	{ "signed twice",
	  "From: a@reject.test\nDKIM-Signature: pass d=other.test\n"
	  "DKIM-Signature: pass d=other.test",
	  NULL, "dmarc fail; dkim.aligned no" },

	/* DNS does not answer */
	{ "whether there is a record", "From: a@servfail.test", NULL,
	  "dmarc temperror; .policy unknown(failed); .domain unknown(failed); "
	  ".testing unknown(failed); .record_error unknown(failed); "
	  ".org_domain unknown(failed); .aligned.spf no; .aligned.dkim no" },
	{ "in time", "From: a@silent.test", NULL,
	  "dmarc temperror; .policy unknown(timeout)" },
	{ "the author's own domain is aligned nevertheless",
	  "From: a@servfail.test", "pass servfail.test",
	  "dmarc temperror; .aligned.spf yes" },
	{ "others may belong to it, or not", "From: a@servfail.test",
	  "pass m.servfail.test",
	  "dmarc temperror; .aligned.spf unknown(failed)" },
	{ "so may signatures",
	  "From: a@servfail.test\nDKIM-Signature: pass d=other.example\n"
	  "DKIM-Signature: pass d=m.servfail.test\n"
	  "DKIM-Signature: pass d=servfail.test",
	  NULL, "dkim.alignments no,,yes*; dkim.aligned no" },
	{ "unless they share nothing", "From: a@servfail.test",
	  "pass other.example", "dmarc temperror; .aligned.spf no" },
	{ "SPF, for one that would have vouched", "From: a@reject.test",
	  "temperror reject.test",
	  "dmarc temperror; .policy reject; .aligned.spf unknown(failed); "
	  ".aligned.dkim no" },
	{ "SPF, for another", "From: a@reject.test", "temperror other.test",
	  "dmarc fail; .aligned.spf no" },
	{ "SPF was not looked at", "From: a@reject.test", "unknown",
	  "dmarc temperror; .aligned.spf unknown(failed)" },
	{ "SPF was not looked at, for another", "From: a@reject.test",
	  "unknown other.test", "dmarc fail; .aligned.spf no" },
	{ "SPF, but a signature vouches",
	  "From: a@reject.test\nDKIM-Signature: pass d=reject.test",
	  "temperror reject.test",
	  "dmarc pass; .aligned.spf unknown(failed); .aligned.dkim yes" },
	{ "SPF, where there is no record", "From: a@nowhere.test",
	  "temperror nowhere.test",
	  "dmarc none; .aligned.spf unknown(failed); .policy none" },
	{ "a key that would have vouched",
	  "From: a@reject.test\nDKIM-Signature: temperror d=m.reject.test",
	  NULL,
	  "dmarc temperror; .aligned.dkim unknown(failed); "
	  "dkim.aligned yes" },
	{ "a key of others",
	  "From: a@reject.test\nDKIM-Signature: temperror d=other.test", NULL,
	  "dmarc fail; .aligned.dkim no; dkim.aligned no" },
	{ "a key that strictness would not have taken",
	  "From: a@strict.test\nDKIM-Signature: temperror d=m.strict.test",
	  NULL, "dmarc fail; .aligned.dkim no" },
	{ "on the way to what may be aligned", "From: a@half.test",
	  "pass mail.half.test",
	  "dmarc temperror; .aligned.spf unknown(failed); .policy reject" },

	/* the author */
	{ "is nobody", "To: a@reject.test", "pass reject.test",
	  "dmarc permerror; .record_error no From field; .policy none; "
	  ".domain none; .org_domain none; .aligned.spf none; .testing none" },
	{ "is two fields", "From: a@none.test\nFrom: a@none.test",
	  "pass none.test",
	  "dmarc permerror; .record_error several From fields" },
	{ "is of two domains", "From: a@none.test, b@quar.test",
	  "pass none.test",
	  "dmarc permerror; .record_error a From field without one clear "
	  "domain: several domains" },
	{ "is two of one domain", "From: a@quar.test, b@quar.test",
	  "pass quar.test", "dmarc pass" },
	{ "is at an address", "From: a@[192.0.2.1]", NULL, "dmarc permerror" },
	{ "has a signature, aligned with none",
	  "From: a@x.test, b@y.test\nDKIM-Signature: pass d=x.test", NULL,
	  "dmarc permerror; dkim pass; dkim.aligned none; "
	  "dkim.alignments none; .aligned.dkim none" },
};
const size_t vouch_row_count = sizeof(vouch_rows) / sizeof(vouch_rows[0]);

/*
 * A1 to A19 are the cases of Chen, Paxson, Jiang, "Composition Kills" (USENIX
 * Security 2020) and of their tool, as a message shows them; what they do to
 * envelope and key look-ups is in what SPF and the signatures say here.  The
 * forger owns attack.test and would like to be read as legit.test.
 */
const struct vouch_attack vouch_attacks[] = {
	{ "A1: a sender below that does not exist",
	  TEXT("From: <admin@legit.test>\r\n"), NULL, "dmarc fail" },
	{ "A2: a sender that some take for none",
	  TEXT("From: <admin@legit.test>\r\n"), "pass attack.test",
	  "dmarc fail" },
	{ "A3: NUL in the selector",
	  TEXT("From: <admin@legit.test>\r\n"
	       "DKIM-Signature: permerror d=legit.test\r\n"),
	  "pass attack.test", "dmarc fail; .aligned.dkim no" },
	{ "A4: a quote in d=",
	  TEXT("From: <admin@legit.test>\r\n"
	       "DKIM-Signature: pass d=legit.test'a.attack.test\r\n"),
	  "pass attack.test", "dmarc fail; .aligned.dkim no" },
	{ "A5: a parenthesis in the sender's domain",
	  TEXT("From: <admin@legit.test>\r\n"), "pass legit.test(a.attack.test",
	  "dmarc fail; .aligned.spf no" },
	{ "A6: a quote in the sender's local part",
	  TEXT("From: <admin@legit.test>\r\n"), "pass any.attack.test",
	  "dmarc fail" },
	{ "A7: a route in the sender", TEXT("From: <admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc fail" },
	{ "A8: two fields",
	  TEXT("From: <first@attack.test>\r\nFrom: <admin@legit.test>\r\n"),
	  "pass attack.test",
	  "dmarc permerror; .record_error several From fields" },
	{ "A9: a blank before the first",
	  TEXT(" From: <first@attack.test>\r\nFrom: <admin@legit.test>\r\n"),
	  "pass attack.test",
	  "dmarc permerror; .record_error several From fields" },
	{ "A10: a blank behind the second",
	  TEXT("From: <first@attack.test>\r\nFrom : <admin@legit.test>\r\n"),
	  "pass attack.test",
	  "dmarc permerror; .record_error several From fields" },
	{ "A11: a fold in the first",
	  TEXT("From\r\n : <first@attack.test>\r\nFrom: <admin@legit.test>\r\n"),
	  "pass attack.test",
	  "dmarc permerror; .record_error several From fields" },
	{ "A12: a fold, and a Sender",
	  TEXT("From\r\n : <first@attack.test>\r\nnTo: <v@victim.test>\r\n"
	       "Sender: <admin@legit.test>\r\n"),
	  "pass attack.test",
	  "dmarc permerror; .record_error a From field that only some readers "
	  "see" },
	{ "A13: a fold, and a Resent-From",
	  TEXT("From\r\n : <first@attack.test>\r\nnTo: <v@victim.test>\r\n"
	       "Resent-From: <admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "A14: two addresses",
	  TEXT("From: <first@attack.test>, <admin@legit.test>\r\n"
	       "Sender: <s@sender.legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "A15: the first in an encoded word",
	  TEXT("From:=?utf-8?B?PGFkbWluQGxlZ2l0LnRlc3Q+?=,"
	       "<second@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "A16: a route",
	  TEXT("From: <@attack.test,@any.test:admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "A17: a quoted comma",
	  TEXT("From: <admin@legit.test>\\,<second@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "A18: bare and in angles",
	  TEXT("From: admin@legit.test,<second@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "A19: an address behind the angle",
	  TEXT("From: <any@attack.test>admin@legit.test\r\n"),
	  "pass attack.test", "dmarc permerror" },

	/* our own; faults.md M2, M4 among them */
	{ "the fields the other way round",
	  TEXT("From: <admin@legit.test>\r\nFrom: <first@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a tab before the colon", TEXT("From\t: <first@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a blank before the only one", TEXT(" From: <a@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "NUL in the name",
	  TEXT("From\0: <admin@legit.test>\r\nFrom: <a@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "NUL behind the address",
	  TEXT("From: <a@attack.test>\0<admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "NUL in the domain", TEXT("From: <a@attack.test\0.legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a bare CR, and another From",
	  TEXT("From: <a@attack.test>\r\nX: y\rFrom: <admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a bare CR in the From",
	  TEXT("From: <a@attack.test>\rFrom: <admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "bytes that vanish in the name",
	  TEXT("Fr\xc2\xadom: <admin@legit.test>\r\n"
	       "From: <a@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a group", TEXT("From: legit.test: any@attack.test;\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "an empty group", TEXT("From: admin@legit.test:;\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "nothing in it", TEXT("From:\r\n"), "pass attack.test",
	  "dmarc permerror" },
	{ "no address in it", TEXT("From: undisclosed\r\n"), "pass attack.test",
	  "dmarc permerror" },
	{ "several angles", TEXT("From: <a@attack.test><admin@legit.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "angles in angles",
	  TEXT("From: <<admin@legit.test>a@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a name that is an address",
	  TEXT("From: admin@legit.test <a@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "an unclosed quoted string",
	  TEXT("From: \"admin@legit.test <a@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "an unclosed comment",
	  TEXT("From: a@attack.test (admin@legit.test\r\n"), "pass attack.test",
	  "dmarc permerror" },
	{ "a backslash before the @",
	  TEXT("From: admin\\@legit.test@attack.test\r\n"), "pass attack.test",
	  "dmarc permerror" },
	{ "two @", TEXT("From: <admin@legit.test@attack.test>\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a domain that is no UTF-8", TEXT("From: a@attack.test\xff\r\n"),
	  "pass attack.test", "dmarc permerror" },
	{ "a full stop of another script",
	  TEXT("From: a@attack\xe3\x80\x82test\r\n"), "pass attack.test",
	  "dmarc permerror" },
	{ "letters that only look like it",
	  TEXT("From: a@l\xd0\xb5git.test\r\n"), "pass attack.test",
	  "dmarc none; .org_domain xn--lgit-v4d.test; .aligned.spf no" },

	/* what every reader reads alike is read */
	{ "the real one in a comment",
	  TEXT("From: (admin@legit.test) any@attack.test\r\n"),
	  "pass attack.test", "dmarc pass; .domain attack.test" },
	{ "a domain in a comment",
	  TEXT("From: <admin@legit.test(.attack.test)>\r\n"),
	  "pass attack.test", "dmarc fail; .domain legit.test" },
	{ "an angle in a quoted string",
	  TEXT("From: \"admin@legit.test>\" <any@attack.test>\r\n"),
	  "pass attack.test", "dmarc pass; .domain attack.test" },
	{ "an encoded word, then an address",
	  TEXT("From: =?utf-8?B?YWRtaW5AbGVnaXQudGVzdA==?= "
	       "<any@attack.test>\r\n"),
	  "pass attack.test", "dmarc pass; .domain attack.test" },
	{ "a quoted pair in a quoted local part",
	  TEXT("From: \"a\\@legit.test\"@attack.test\r\n"), "pass attack.test",
	  "dmarc pass; .domain attack.test" },
	{ "folds between", TEXT("From:\r\n any\r\n <any@attack.test>\r\n"),
	  "pass attack.test", "dmarc pass; .domain attack.test" },
};
const size_t vouch_attack_count =
	sizeof(vouch_attacks) / sizeof(vouch_attacks[0]);
