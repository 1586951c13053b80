/* spf_claims.c - a small world of SPF records, and what is said of it. */
#include "tests/unit/spf_claims.h"

/* Names are below the root, so each ends in a dot. */
const char spf_world[] =
	/* hosts */
	"mail.test. A 192.0.2.1\n"
	"mail.test. AAAA 2001:db8::1\n"
	"near.test. A 192.0.2.130\n"
	"four.test. A 192.0.2.4\n"
	"six.test. AAAA 2001:db8::6\n"
	"text.test. TXT nothing\n"
	"broken.test. SERVFAIL\n"
	"refused.test. REFUSED\n"
	"formerr.test. FORMERR\n"
	"silent.test. TIMEOUT\n"
	"garbled.test. GARBLED\n"
	"alias.test. CNAME mail.test.\n"
	/* plain records */
	"all.test. TXT \"v=spf1 -all\"\n"
	"soft.test. TXT \"v=spf1 ~all\"\n"
	"may.test. TXT \"v=spf1 ?all\"\n"
	"open.test. TXT \"v=spf1 +all\"\n"
	"empty.test. TXT \"v=spf1\"\n"
	"two.test. TXT \"v=spf1 -all\"\n"
	"two.test. TXT \"v=spf1 +all\"\n"
	"other.test. TXT \"v=spf2.0/pra -all\"\n"
	"other.test. TXT \"v=spf10 -all\"\n"
	"case.test. TXT \"V=SpF1 -ALL\"\n"
	"split.test. TXT \"v=spf1 ip4:192.0\" \".2.1 -all\"\n"
	"wrong.test. TXT \"v=spf1 ip4:192.0.2.1 -al\"\n"
	"late.test. TXT \"v=spf1 +all ip4:nonsense\"\n"
	"alias-record.test. CNAME all.test.\n"
	/* networks */
	"ip4.test. TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
	"ip6.test. TXT \"v=spf1 ip6:2001:db8::/32 -all\"\n"
	"mapped.test. TXT \"v=spf1 ip6:::ffff:192.0.2.1 -all\"\n"
	"zero4.test. TXT \"v=spf1 ip4:0.0.0.0/0 -all\"\n"
	"zero6.test. TXT \"v=spf1 ip6:::/0 -all\"\n"
	"nobody.test. TXT \"v=spf1 -ip4:0.0.0.0/0 -ip6:::/0\"\n"
	/* a */
	"a.test. TXT \"v=spf1 a -all\"\n"
	"a.test. A 192.0.2.1\n"
	"a24.test. TXT \"v=spf1 a:near.test/24 -all\"\n"
	"a25.test. TXT \"v=spf1 a:near.test/25 -all\"\n"
	"halves.test. TXT \"v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all\"\n"
	"halves6.test. TXT \"v=spf1 ip6:2000::/15 -all\"\n"
	"largest.test. TXT \"v=spf1 ip4:11.0.0.0/8 ip6:2600::/16 -all\"\n"
	"a1.test. TXT \"v=spf1 a:near.test/7 -all\"\n"
	"a0.test. TXT \"v=spf1 a:near.test/0 -all\"\n"
	"a0none.test. TXT \"v=spf1 a:six.test/0 -all\"\n"
	"a64.test. TXT \"v=spf1 a:six.test//64 -all\"\n"
	"a33-64.test. TXT \"v=spf1 a:six.test/32//127 -all\"\n"
	"acname.test. TXT \"v=spf1 a:alias.test -all\"\n"
	"abroken.test. TXT \"v=spf1 a:broken.test -all\"\n"
	"arefused.test. TXT \"v=spf1 a:refused.test -all\"\n"
	"aformerr.test. TXT \"v=spf1 a:formerr.test -all\"\n"
	"asilent.test. TXT \"v=spf1 a:silent.test -all\"\n"
	"agarbled.test. TXT \"v=spf1 a:garbled.test -all\"\n"
	"bad-name.test. TXT \"v=spf1 a:x..test -all\"\n"
	/* mx */
	"mx.test. TXT \"v=spf1 mx -all\"\n"
	"mx.test. MX 10 four.test.\n"
	"mx.test. MX 20 mail.test.\n"
	"mxcidr.test. TXT \"v=spf1 mx:mx.test/30//64 -all\"\n"
	"nullmx.test. TXT \"v=spf1 mx -all\"\n"
	"nullmx.test. MX 0 .\n"
	"mx-none.test. TXT \"v=spf1 mx:four.test -all\"\n"
	"mx-broken.test. TXT \"v=spf1 mx -all\"\n"
	"mx-broken.test. MX 10 broken.test.\n"
	"mx-broken.test. MX 20 mail.test.\n"
	/* exists */
	"exists.test. TXT \"v=spf1 exists:%{ir}.%{v}.l.test -all\"\n"
	"1.2.0.192.in-addr.l.test. A 127.0.0.2\n"
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
	".ip6.l.test. A 127.0.0.2\n"
	"exists6.test. TXT \"v=spf1 exists:six.test -all\"\n"
	"local.test. TXT \"v=spf1 exists:%{l}.u.test -all\"\n"
	"joe.u.test. A 127.0.0.2\n"
	"postmaster.u.test. A 127.0.0.2\n"
	"helo.test. TXT \"v=spf1 exists:%{h}.h.test -all\"\n"
	"mail.test.h.test. A 127.0.0.2\n"
	/* ptr */
	"1.2.0.192.in-addr.arpa. PTR liar.test.\n"
	"1.2.0.192.in-addr.arpa. PTR broken.test.\n"
	"1.2.0.192.in-addr.arpa. PTR mail.test.\n"
	"1.2.0.192.in-addr.arpa. PTR odd\\032name.test.\n"
	"liar.test. A 192.0.2.9\n"
	"9.2.0.192.in-addr.arpa. SERVFAIL\n"
	"ptr.test. TXT \"v=spf1 ptr:mail.test -all\"\n"
	"ptrtld.test. TXT \"v=spf1 ptr:test -all\"\n"
	"5.2.0.192.in-addr.arpa. PTR host.mail.test.\n"
	"host.mail.test. A 192.0.2.5\n"
	"ptrtop.test. TXT \"v=spf1 ptr:x.test -all\"\n"
	"ptrbelow2.test. TXT \"v=spf1 ptr:il.test -all\"\n"
	"ptrliar.test. TXT \"v=spf1 ptr:liar.test -all\"\n"
	"ptrbroken.test. TXT \"v=spf1 ptr:broken.test -all\"\n"
	"p.test. TXT \"v=spf1 exists:%{p}.p.test -all\"\n"
	"mail.test.p.test. A 127.0.0.2\n"
	"unknown.p.test. A 127.0.0.2\n"
	/* include */
	"inc.test. TXT \"v=spf1 include:ip4.test ?all\"\n"
	"incminus.test. TXT \"v=spf1 -include:ip4.test ?all\"\n"
	"incnone.test. TXT \"v=spf1 include:text.test ?all\"\n"
	"incnx.test. TXT \"v=spf1 include:nowhere.test ?all\"\n"
	"incwrong.test. TXT \"v=spf1 include:wrong.test ?all\"\n"
	"incbroken.test. TXT \"v=spf1 include:broken.test ?all\"\n"
	"incsoft.test. TXT \"v=spf1 include:soft.test include:may.test "
	"include:empty.test ~all\"\n"
	"incdeep.test. TXT \"v=spf1 include:inc.test -all\"\n"
	"incloop.test. TXT \"v=spf1 include:incloop.test -all\"\n"
	"incopen.test. TXT \"v=spf1 include:open.test -all\"\n"
	"incopenminus.test. TXT \"v=spf1 -include:open.test ~all\"\n"
	"incredirect.test. TXT \"v=spf1 include:redir.test ~all\"\n"
	/* redirect */
	"redir.test. TXT \"v=spf1 redirect=ip4.test\"\n"
	"redirall.test. TXT \"v=spf1 redirect=broken.test ~all\"\n"
	"redirfirst.test. TXT \"v=spf1 redirect=open.test ip4:192.0.2.1\"\n"
	"redirnone.test. TXT \"v=spf1 redirect=text.test\"\n"
	"redirbroken.test. TXT \"v=spf1 redirect=broken.test\"\n"
	"redirloop.test. TXT \"v=spf1 redirect=redirloop.test\"\n"
	/* exp */
	"exp.test. TXT \"v=spf1 exp=why.test -all\"\n"
	"why.test. TXT \"%{s} may not send for %{d} from %{c}, says %{h}\"\n"
	"expmany.test. TXT \"v=spf1 exp=two.test -all\"\n"
	"expbroken.test. TXT \"v=spf1 exp=broken.test -all\"\n"
	"expsyntax.test. TXT \"v=spf1 exp=syntax.test -all\"\n"
	"syntax.test. TXT \"%{x}\"\n"
	"expbytes.test. TXT \"v=spf1 exp=bytes.test -all\"\n"
	"bytes.test. TXT \"a\\007b\"\n"
	"expinc.test. TXT \"v=spf1 include:exp.test -all\"\n"
	"expredir.test. TXT \"v=spf1 exp=redirect-exp.test redirect=exp.test\"\n"
	"redirect-exp.test. TXT \"never shown\"\n"
	"expredir2.test. TXT \"v=spf1 exp=why.test redirect=all.test\"\n"
	"expsoft.test. TXT \"v=spf1 exp=why.test ~all\"\n"
	"expp.test. TXT \"v=spf1 exp=whyp.test -all\"\n"
	"whyp.test. TXT \"you are %{p}\"\n"
	/* limits */
	"voids2.test. TXT \"v=spf1 a:n1.test a:n2.test ip4:192.0.2.1 -all\"\n"
	"voids3.test. TXT \"v=spf1 a:n1.test mx:four.test exists:n3.test "
	"ip4:192.0.2.1 -all\"\n"
	"terms10.test. TXT \"v=spf1 a:four.test a:four.test a:four.test "
	"a:four.test a:four.test a:four.test a:four.test a:four.test "
	"a:four.test a:four.test ip4:192.0.2.1 -all\"\n"
	"terms11.test. TXT \"v=spf1 a:four.test a:four.test a:four.test "
	"a:four.test a:four.test a:four.test a:four.test a:four.test "
	"a:four.test include:terms2.test +all\"\n"
	"terms2.test. TXT \"v=spf1 a:four.test -all\"\n"
	"early.test. TXT \"v=spf1 ip4:192.0.2.1 a:four.test a:four.test "
	"a:four.test a:four.test a:four.test a:four.test a:four.test "
	"a:four.test a:four.test a:four.test a:four.test -all\"\n"
	"mod.test. TXT \"v=spf1 what=ever%{p} ip4:192.0.2.1 -all\"\n"
	/* domains beyond ASCII */
	"xn--bcher-kva.test. TXT \"v=spf1 exists:%{l}._u.%{d} -all\"\n"
	"joe._u.xn--bcher-kva.test. A 127.0.0.2\n";

const struct spf_claim spf_claims[] = {
	/* section 2.4, 4.3: about whom it is */
	{ "the sender's domain counts", C4, H, "joe@all.test", FAIL, "-all" },
	{ "the null sender is HELO's postmaster", C4, "local.test", "", PASS,
	  NULL },
	{ "no local part is postmaster", C4, H, "@local.test", PASS, NULL },
	{ "a domain alone is taken", C4, H, "local.test", PASS, NULL },
	{ "the last @ counts", C4, H, "\"a@soft.test\"@all.test", FAIL, NULL },
	{ "a route is left out", C4, H, "@a.test,@b.test:joe@local.test", PASS,
	  NULL },
	{ "no HELO, no sender, no result", C4, NULL, "", NONE, NULL },
	{ "no HELO is no harm", C4, NULL, "joe@all.test", FAIL, NULL },
	{ "one label is none", C4, "localhost", "", NONE, NULL },
	{ "a literal is none", C4, "[192.0.2.1]", "", NONE, NULL },
	{ "an address is none", C4, "192.0.2.1", "", NONE, NULL },
	{ "an empty label is none", C4, H, "joe@a..test", NONE, NULL },
	{ "a dot at the end is fine", C4, H, "joe@all.test.", FAIL, NULL },
	{ "two are not", C4, H, "joe@all.test..", NONE, NULL },
	{ "a long label is none", C4, H,
	  "joe@A123456789012345678901234567890123456789012345678901234567890123"
	  ".test",
	  NONE, NULL },
	{ "a control character is none", C4, H, "joe@all\001.test", NONE,
	  NULL },
	{ "case does not matter", C4, H, "joe@ALL.Test", FAIL, NULL },
	{ "U-labels become A-labels", C4, H,
	  "joe@b\xc3\xbc"
	  "cher.test",
	  PASS, NULL },
	{ "a local part beyond ASCII never matches", C4, H,
	  "j\xc3\xb6@local.test", FAIL, "-all" },
	{ "bytes that are no UTF-8 are no domain", C4, H, "joe@\xff\xfe.test",
	  NONE, NULL },

	/* 4.4, 4.5: the record */
	{ "no such name", C4, H, "joe@nowhere.test", NONE, NULL },
	{ "no TXT", C4, H, "joe@four.test", NONE, NULL },
	{ "no SPF among the TXT", C4, H, "joe@text.test", NONE, NULL },
	{ "other versions are no SPF", C4, H, "joe@other.test", NONE, NULL },
	{ "two records are an error", C4, H, "joe@two.test", PERM, NULL },
	{ "the version in any case", C4, H, "joe@case.test", FAIL, NULL },
	{ "strings are joined without a blank", C4, H, "joe@split.test", PASS,
	  "ip4:192.0.2.1" },
	{ "a CNAME leads to a record", C4, H, "joe@alias-record.test", FAIL,
	  NULL },
	{ "SERVFAIL is temperror", C4, H, "joe@broken.test", TEMP, NULL },
	{ "REFUSED is temperror", C4, H, "joe@refused.test", TEMP, NULL },
	{ "FORMERR is temperror", C4, H, "joe@formerr.test", TEMP, NULL },
	{ "silence is temperror", C4, H, "joe@silent.test", TEMP, NULL },
	{ "nonsense is temperror", C4, H, "joe@garbled.test", TEMP, NULL },
	{ "an error behind a match counts", C4, H, "joe@wrong.test", PERM,
	  NULL },
	{ "an error behind all counts", C4, H, "joe@late.test", PERM, NULL },
	{ "nothing said is neutral", C4, H, "joe@empty.test", NEUTRAL, NULL },
	{ "?all is neutral", C4, H, "joe@may.test", NEUTRAL, "?all" },
	{ "an unknown modifier is passed over", C4, H, "joe@mod.test", PASS,
	  NULL },

	/* 5.6 */
	{ "inside ip4", C4, H, "joe@ip4.test", PASS, "ip4:192.0.2.0/24" },
	{ "outside ip4", "192.0.3.1", H, "joe@ip4.test", FAIL, NULL },
	{ "ip4 is not for IPv6", C6, H, "joe@ip4.test", FAIL, NULL },
	{ "a mapped client is IPv4", "::ffff:192.0.2.1", H, "joe@ip4.test",
	  PASS, NULL },
	{ "inside ip6", C6, H, "joe@ip6.test", PASS, NULL },
	{ "ip6 is not for IPv4", C4, H, "joe@ip6.test", FAIL, NULL },
	{ "a mapped ip6 has no client", C4, H, "joe@mapped.test", FAIL, NULL },
	{ "ip4 /0 is all of IPv4", C4, H, "joe@zero4.test", PASS, NULL },
	{ "and nothing of IPv6", C6, H, "joe@zero4.test", FAIL, NULL },
	{ "ip6 /0 is all of IPv6", C6, H, "joe@zero6.test", PASS, NULL },
	{ "and nothing of IPv4", C4, H, "joe@zero6.test", FAIL, NULL },

	/* 5.3 */
	{ "a of the domain itself", C4, H, "joe@a.test", PASS, "a" },
	{ "a with a network", C4, H, "joe@a24.test", PASS, NULL },
	{ "a with a smaller one", C4, H, "joe@a25.test", FAIL, NULL },
	{ "a with /0 needs an address", C4, H, "joe@a0.test", PASS, NULL },
	{ "of the client's family", C4, H, "joe@a0none.test", FAIL, NULL },
	{ "a with a network of IPv6", C6, H, "joe@a64.test", PASS, NULL },
	{ "a with both, of which one counts", C6, H, "joe@a33-64.test", FAIL,
	  NULL },
	{ "a follows a CNAME", C4, H, "joe@acname.test", PASS, NULL },
	{ "a: SERVFAIL", C4, H, "joe@abroken.test", TEMP, NULL },
	{ "a: REFUSED", C4, H, "joe@arefused.test", TEMP, NULL },
	{ "a: FORMERR", C4, H, "joe@aformerr.test", TEMP, NULL },
	{ "a: silence", C4, H, "joe@asilent.test", TEMP, NULL },
	{ "a: nonsense", C4, H, "joe@agarbled.test", TEMP, NULL },
	{ "a name that cannot be does not match", C4, H, "joe@bad-name.test",
	  FAIL, NULL },

	/* 5.4 */
	{ "mx, the second host", C4, H, "joe@mx.test", PASS, "mx" },
	{ "mx of IPv6", C6, H, "joe@mx.test", PASS, "mx" },
	{ "mx, no host", "192.0.2.99", H, "joe@mx.test", FAIL, NULL },
	{ "mx with a network", "192.0.2.6", H, "joe@mxcidr.test", PASS, NULL },
	{ "mx with that of IPv6", "2001:db8::99", H, "joe@mxcidr.test", PASS,
	  NULL },
	{ "a null MX has no host", C4, H, "joe@nullmx.test", FAIL, NULL },
	{ "no MX is no implicit one", "192.0.2.4", H, "joe@mx-none.test", FAIL,
	  NULL },
	{ "a host that matches is enough", C4, H, "joe@mx-broken.test", PASS,
	  NULL },
	{ "without one, what failed counts", "192.0.2.99", H,
	  "joe@mx-broken.test", TEMP, NULL },

	/* 5.7 */
	{ "exists with the client's address", C4, H, "joe@exists.test", PASS,
	  NULL },
	{ "exists with one of IPv6", C6, H, "joe@exists.test", PASS, NULL },
	{ "exists not", "192.0.2.2", H, "joe@exists.test", FAIL, NULL },
	{ "exists never asks for AAAA", C6, H, "joe@exists6.test", FAIL, NULL },
	{ "exists with a local part", C4, H, "joe@local.test", PASS, NULL },
	{ "exists with HELO", C4, H, "joe@helo.test", PASS, NULL },
	{ "with another HELO", C4, "x.test", "joe@helo.test", FAIL, NULL },

	/* 5.5 */
	{ "ptr, a name that holds", C4, H, "joe@ptr.test", PASS, NULL },
	{ "ptr, a name below holds", "192.0.2.5", H, "joe@ptr.test", PASS,
	  NULL },
	{ "ptr of a whole top level is an error", C4, H, "joe@ptrtld.test",
	  PERM, NULL },
	{ "ptr, a name above does not", C4, H, "joe@ptrtop.test", FAIL, NULL },
	{ "ptr, a part of a label does not", C4, H, "joe@ptrbelow2.test", FAIL,
	  NULL },
	{ "ptr, a name that lies", C4, H, "joe@ptrliar.test", FAIL, NULL },
	{ "ptr, what fails is passed over", C4, H, "joe@ptrbroken.test", FAIL,
	  NULL },
	{ "ptr, no reverse zone to ask", "192.0.2.9", H, "joe@ptr.test", FAIL,
	  NULL },
	{ "%{p} is a name that holds", C4, H, "joe@p.test", PASS, NULL },
	{ "or unknown", "192.0.2.9", H, "joe@p.test", PASS, NULL },

	/* 5.2 */
	{ "include: pass", C4, H, "joe@inc.test", PASS, "include:ip4.test" },
	{ "include: fail is no match", "192.0.3.1", H, "joe@inc.test", NEUTRAL,
	  "?all" },
	{ "-include: pass is a fail", C4, H, "joe@incminus.test", FAIL,
	  "-include:ip4.test" },
	{ "include: nothing else matches", C4, H, "joe@incsoft.test", SOFT,
	  "~all" },
	{ "include: no record", C4, H, "joe@incnone.test", PERM, NULL },
	{ "include: no name", C4, H, "joe@incnx.test", PERM, NULL },
	{ "include: an error", C4, H, "joe@incwrong.test", PERM, NULL },
	{ "include: no answer", C4, H, "joe@incbroken.test", TEMP, NULL },
	{ "include in include", C4, H, "joe@incdeep.test", PASS,
	  "include:inc.test" },
	{ "include of itself", C4, H, "joe@incloop.test", PERM, NULL },
	{ "include with redirect", C4, H, "joe@incredirect.test", PASS,
	  "include:redir.test" },
	{ "and its fail", "192.0.3.1", H, "joe@incredirect.test", SOFT,
	  "~all" },

	/* 6.1 */
	{ "redirect: pass", C4, H, "joe@redir.test", PASS, "ip4:192.0.2.0/24" },
	{ "redirect: fail", "192.0.3.1", H, "joe@redir.test", FAIL, "-all" },
	{ "all before redirect", C4, H, "joe@redirall.test", SOFT, NULL },
	{ "redirect comes last", C4, H, "joe@redirfirst.test", PASS,
	  "ip4:192.0.2.1" },
	{ "redirect: no record", C4, H, "joe@redirnone.test", PERM, NULL },
	{ "redirect: no answer", C4, H, "joe@redirbroken.test", TEMP, NULL },
	{ "redirect to itself", C4, H, "joe@redirloop.test", PERM, NULL },

	/* 4.6.4 */
	{ "two voids are fine", C4, H, "joe@voids2.test", PASS, NULL },
	{ "three are not", C4, H, "joe@voids3.test", PERM, NULL },
	{ "ten terms are fine", C4, H, "joe@terms10.test", PASS, NULL },
	{ "eleven, one of them included, are not", C4, H, "joe@terms11.test",
	  PERM, NULL },
	{ "what is not come to does not count", C4, H, "joe@early.test", PASS,
	  NULL },
};

const size_t spf_claim_count = sizeof(spf_claims) / sizeof(spf_claims[0]);
