"""A2, M2, M4: mail in the name of a domain that wants such mail refused.

The forger's own SPF and signature pass in all of it.  A1 to A19 are the cases of
Chen, Paxson, Jiang, "Composition Kills" (USENIX Security 2020) and of their tool;
the others are our own.  test_vouch.c has them as the reader sees them; here real
MTAs have their say in between, and what counts is what they hand on.
"""

from __future__ import annotations

import os
import random
from typing import Iterator

import pytest

from conftest import MtaFactory, chosen_mtas
from lib import mta
from lib.dnsserver import DnsServer

from .figures import figure, rounds
from .forging import (OWNER, OWNERS_KEY, RULES, Forgery, deliver, said, send,
                      shows_other, through, world)
from .running import Filter, log_words

MTAS = [name for name in ("fake", "postfix", "sendmail")
        if name in chosen_mtas()]
REAL = [name for name in MTAS if name != "fake"]
LEGIT = b"From: <admin@legit.test>\r\n"
OWN = b"From: <any@attack.test>\r\n"

ATTACKS = {
    "A1: a sender below it that does not exist": Forgery(
        LEGIT, sender=b"<any@mailfrom.notexist.legit.test>"),
    "A2: a sender that some take for none": Forgery(
        LEGIT, sender=b"<(any@legit.test>"),
    "A3: NUL in the selector": Forgery(
        LEGIT, domain="legit.test", tags={"s": "sel._domainkey.attack.test.\0"}),
    "A3: and in d=": Forgery(LEGIT, domain="attack.test\0.legit.test"),
    "A4: a quote in d=": Forgery(LEGIT, domain="legit.test'a.attack.test"),
    "A4: a quote of the other kind": Forgery(
        LEGIT, domain="legit.test\"a.attack.test"),
    "A4: a semicolon in d=": Forgery(
        LEGIT, domain="legit.test; dmarc=pass; d=attack.test"),
    "A4: a parenthesis in d=": Forgery(
        LEGIT, domain="legit.test(a.attack.test"),
    "A5: a parenthesis in the sender's domain": Forgery(
        LEGIT, sender=b"<any@legit.test(.attack.test>"),
    "A6: a quote in the sender": Forgery(
        LEGIT, sender=b"<any@legit.test'@any.attack.test>"),
    "A6: results in the sender": Forgery(
        LEGIT, sender=b'<"a; dmarc=pass header.from=legit.test"@attack.test>'),
    "A7: a route in the sender": Forgery(
        LEGIT, sender=b"<@legit.test,@any.test:'any@attack.test>"),
    "A8: two fields": Forgery(OWN + LEGIT),
    "A8: the other way round": Forgery(LEGIT + OWN),
    "A9: a blank before the first": Forgery(b" " + OWN + LEGIT),
    "A10: a blank behind the second": Forgery(
        OWN + b"From : <admin@legit.test>\r\n"),
    "A10: behind the first": Forgery(b"From : <any@attack.test>\r\n" + LEGIT),
    "A11: a fold in the first": Forgery(
        b"From\r\n : <any@attack.test>\r\n" + LEGIT),
    "A12: a fold, and a Sender": Forgery(
        b"From\r\n : <any@attack.test>\r\nnTo: <v@victim.test>\r\n"
        b"Sender: <admin@legit.test>\r\n"),
    "A13: a fold, and a Resent-From": Forgery(
        b"From\r\n : <any@attack.test>\r\nnTo: <v@victim.test>\r\n"
        b"Resent-From: <admin@legit.test>\r\n"),
    "A14: two addresses": Forgery(
        b"From: <any@attack.test>, <admin@legit.test>\r\n"
        b"Sender: <s@sender.legit.test>\r\n"),
    "A15: the first in an encoded word": Forgery(
        b"From: =?utf-8?B?PGFkbWluQGxlZ2l0LnRlc3Q+?=,<any@attack.test>\r\n"),
    "A16: a route": Forgery(
        b"From: <@attack.test,@any.test:admin@legit.test>\r\n"),
    "A17: a quoted comma": Forgery(
        b"From: <admin@legit.test>\\,<any@attack.test>\r\n"),
    "A18: bare and in angles": Forgery(
        b"From: admin@legit.test,<any@attack.test>\r\n"),
    "A19: an address behind the angle": Forgery(
        b"From: <any@attack.test>admin@legit.test\r\n"),

    "his own results, in our name": Forgery(
        LEGIT, more=b"Authentication-Results: mx.example.org; dmarc=pass "
                    b"header.from=legit.test\r\n"),
    "no From, but a Sender": Forgery(b"Sender: <admin@legit.test>\r\n"),
    "nobody": Forgery(b""),
    "his signature, signed for the other": Forgery(LEGIT, domain="legit.test"),
    "i= of the other": Forgery(LEGIT, tags={"i": "admin@legit.test"}),
    "a domain above him": Forgery(LEGIT, domain="test"),
    "tab before the colon": Forgery(b"From\t: <any@attack.test>\r\n" + LEGIT),
    "a blank before the only one": Forgery(b" " + LEGIT),
    "a blank behind the only one, and a Sender": Forgery(
        b"From : <any@attack.test>\r\nSender: <admin@legit.test>\r\n"),
    "a tab behind it": Forgery(
        b"From\t: <any@attack.test>\r\nSender: <admin@legit.test>\r\n"),
    "below the end of the header": Forgery(
        OWN + b"no field at all\r\n" + LEGIT),
    "a name with no end above it": Forgery(
        b"X\r\n" + LEGIT + OWN),
    "nothing before the colon": Forgery(
        b": x\r\n" + LEGIT + b"From: <any@attack.test>\r\n"),
    "bytes that vanish in the name": Forgery(
        b"Fr\xc2\xadom: <admin@legit.test>\r\n" + OWN),
    "folded to nothing first": Forgery(
        b"From:\r\n \r\n <any@attack.test>\r\n" + LEGIT),
    "a group": Forgery(b"From: legit.test: any@attack.test;\r\n"),
    "a group of the other": Forgery(
        b"From: any@attack.test: admin@legit.test;\r\n"),
    "an empty group": Forgery(b"From: admin@legit.test:;\r\n"),
    "several angles": Forgery(
        b"From: <any@attack.test><admin@legit.test>\r\n"),
    "angles in angles": Forgery(
        b"From: <<admin@legit.test>any@attack.test>\r\n"),
    "a name that is an address": Forgery(
        b"From: admin@legit.test <any@attack.test>\r\n"),
    "an unclosed quoted string": Forgery(
        b"From: \"admin@legit.test <any@attack.test>\r\n"),
    "an unclosed comment": Forgery(
        b"From: any@attack.test (admin@legit.test\r\n"),
    "a backslash before the @": Forgery(
        b"From: admin\\@legit.test@attack.test\r\n"),
    "two @": Forgery(b"From: <admin@legit.test@attack.test>\r\n"),
    "a percent hack": Forgery(
        b"From: <admin%legit.test@attack.test>, <admin@legit.test>\r\n"),
    "a domain in a comment": Forgery(
        b"From: <admin@legit.test(.attack.test)>\r\n"),
    "300 addresses": Forgery(
        b"From: " + b"<any@attack.test>,\r\n " * 300
        + b"<admin@legit.test>\r\n"),
}
# The letter of RFC 5322 leaves no doubt about these: the mail is the forger's.
CLEAR = {
    "the other in a comment": b"From: (admin@legit.test) any@attack.test\r\n",
    "the other in quotes":
        b"From: \"admin@legit.test\" <any@attack.test>\r\n",
    "the other in an encoded word":
        b"From: =?utf-8?B?YWRtaW5AbGVnaXQudGVzdA==?= <any@attack.test>\r\n",
    "a quoted local part": b"From: \"admin@legit.test\"@attack.test\r\n",
    "folds between": b"From:\r\n any\r\n <any@attack.test>\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with DnsServer() as dns:
        world(dns)
        zone = dns.zone("xn--bcher-kva.test")
        zone.add("@", "TXT", '"v=spf1 +all"')
        zone.add("_dmarc", "TXT", '"v=DMARC1; p=reject"')
        yield dns


def rules(server: DnsServer) -> str:
    return f'set dns_servers "{server.servers}"\n' + RULES


def owners_own(server: mta.Mta, signed: bool = True) -> str:
    """What is said of mail that legit.test has really sent."""
    data = LEGIT + b"Message-ID: <1@legit.test>\r\n\r\nHello.\r\n"
    if signed:
        data = OWNERS_KEY.sign(data, "legit.test")
        return verdict(server, data, sender=b"<bounce@other.test>")
    return verdict(server, data, client=OWNER, sender=b"<admin@legit.test>",
                   helo=b"mx.legit.test")


def verdict(server: mta.Mta, data: bytes, **how) -> str:
    found = said(server, send(server, data, **how))
    assert not found.refused, found.reply
    return found.methods["dmarc"][0]


# --- A2 -----------------------------------------------------------------------


def bypasses(server: mta.Mta, attacks: dict[str, Forgery],
             fault: str, **more: int) -> list[str]:
    """Those that pass and still show the other's address; who passes without
    is the forger as himself, or an MTA has mended it."""
    counts = {"refused_by_mta": 0, "permerror": 0, "fail": 0, "other": 0,
              "harmless": 0}
    passed = []
    replies = [deliver(server, attack) for attack in attacks.values()]
    for name, reply in zip(attacks, replies):
        found = said(server, reply)
        if found.refused:
            assert found.reply[0][:1] in "45", (name, found.reply)
            counts["refused_by_mta"] += 1
        elif not found.passes:
            word = found.methods["dmarc"][0]
            counts[word if word in counts else "other"] += 1
        elif shows_other(found.data):
            passed.append(f"{name}: {found.data!r}")
        else:
            counts["harmless"] += 1
    figure(fault, mta=server.name, attacks=len(attacks), **counts,
           bypasses=len(passed), **more)
    return passed


@pytest.mark.parametrize("name", MTAS)
def test_attacks(name: str, mta_named: MtaFactory, server: DnsServer) -> None:
    """A2: none of them passes as the other's; what is honest does."""
    with Filter(rules(server), socket_path=mta_named(name).milter_socket):
        passed = bypasses(mta_named(name), ATTACKS, "A2")
        assert passed == []
        for case, head in CLEAR.items():
            found = through(mta_named(name), Forgery(head))
            assert "PASS" in found.symbols, (case, found.data)
            assert "LEGIT" not in found.symbols
            assert b"header.from=attack.test" in found.data
        assert owners_own(mta_named(name)) == "pass"
        assert owners_own(mta_named(name), signed=False) == "pass"


def test_attacks_refused(mta_named: MtaFactory, server: DnsServer) -> None:
    """A2: a site that wants no such mail refuses all of it."""
    more = ("rule NO 99.0 if dmarc is permerror or"
            " (dmarc is fail and dmarc.policy is reject)\n")
    fake = mta_named("fake")
    taken = []
    with Filter(rules(server) + more, socket_path=fake.milter_socket):
        for case, attack in ATTACKS.items():
            found = through(fake, attack)
            if not found.refused and shows_other(found.data):
                taken.append(case)
            assert not found.refused or found.reply[0].startswith("550 5.7.1")
        assert owners_own(fake) == "pass"
    figure("A2", mta="fake", attacks=len(ATTACKS), not_refused=len(taken))
    assert taken == []


# What From may be put together of.  There are no quotes and comments among it:
# without them who passes for one domain names no other.
NAMES = [b"From"] * 12 + [b"from ", b"FROM\t", b"From\r\n ", b" From", b"From:",
                          b"Fr\xc2\xadom", b"X"]
WHOLE = [b"<any@attack.test>", b"any@attack.test", b"<admin@legit.test>",
         b"admin@legit.test"]
PIECES = [b" ", b"\r\n ", b"\r\n\t"] * 3 + WHOLE + [
    b"legit.test", b"@attack.test", b"@", b"<", b">", b",", b";", b":", b".",
    b"\\", b"\t", b"Name", b"\xc3\xbc", b"\xff", b"%", b"!", b"'",
    b"From:", b"[192.0.2.1]", b"=?utf-8?q?admin=40legit.test?="]


def mixed(generator: random.Random) -> Forgery:
    """A header that is made up, the forger's own From often in it."""
    lines = [OWN] if generator.random() < 0.5 else []
    for _ in range(generator.randint(1, 2)):
        value = generator.choices(PIECES, k=generator.randint(0, 4))
        value.insert(generator.randint(0, len(value)), generator.choice(WHOLE))
        lines.append(generator.choice(NAMES) + b":" + b"".join(value) + b"\r\n")
    generator.shuffle(lines)
    return Forgery(b"".join(lines))


@pytest.mark.parametrize("name", MTAS)
def test_mixed(name: str, mta_named: MtaFactory, server: DnsServer) -> None:
    """A2: nor does what is put together at random."""
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    generator = random.Random(seed)
    count = rounds(10000 if name == "fake" else 2000)
    forgeries = {f"{number}": mixed(generator) for number in range(count)}
    with Filter(rules(server), socket_path=mta_named(name).milter_socket):
        passed = bypasses(mta_named(name), forgeries, "A2", seed=seed)
    assert passed == []


# --- M2: bytes that end a string, or a line, elsewhere -----------------------

BYTES = {
    "NUL behind the address": Forgery(
        b"From: <any@attack.test>\0<admin@legit.test>\r\n"),
    "NUL before it": Forgery(b"From: \0<admin@legit.test>\r\n"),
    "NUL in the domain": Forgery(b"From: <any@attack.test\0.legit.test>\r\n"),
    "NUL in the name": Forgery(b"From\0: <admin@legit.test>\r\n" + OWN),
    "NUL behind the other": Forgery(
        b"From: <admin@legit.test>\0, <any@attack.test>\r\n"),
    "NUL before another From": Forgery(b"X: y\0\r\n" + LEGIT + OWN),
    "NUL and a fold": Forgery(
        b"From: <any@attack.test>\0\r\n <admin@legit.test>\r\n"),
    "a line of NUL": Forgery(OWN + b"\0\r\n" + LEGIT),
    "CR in From": Forgery(
        b"From: <any@attack.test>\rFrom: <admin@legit.test>\r\n"),
    "CR in another field": Forgery(
        b"X: y\rFrom: <admin@legit.test>\r\n" + OWN),
    "CR in the domain": Forgery(b"From: <any@attack.test\r.legit.test>\r\n"),
    "CR CR LF": Forgery(OWN[:-2] + b"\r\r\n" + LEGIT),
    "CR before a fold": Forgery(
        b"From: <any@attack.test>\r\r\n <admin@legit.test>\r\n"),
    "CR before the colon": Forgery(b"From\r: <admin@legit.test>\r\n" + OWN),
    "LF in From": Forgery(
        b"From: <any@attack.test>\nFrom: <admin@legit.test>\r\n"),
    "LF in another field": Forgery(
        b"X: y\nFrom: <admin@legit.test>\r\n" + OWN),
    "LF and a blank": Forgery(
        b"From: <any@attack.test>\n <admin@legit.test>\r\n"),
    "two LF": Forgery(OWN + b"X: y\n\n" + LEGIT),
    "LF CR": Forgery(OWN[:-2] + b"\n\r" + LEGIT),
    "VT and FF": Forgery(
        b"From: <any@attack.test>\x0b\x0cFrom: <admin@legit.test>\r\n"),
    "NUL in d=": Forgery(LEGIT, domain="legit.test\0.attack.test"),
    "CR in d=": Forgery(LEGIT, domain="legit.test\r.attack.test"),
    "LF in d=": Forgery(LEGIT, domain="legit.test\n.attack.test"),
    "NUL in s=": Forgery(LEGIT, domain="legit.test",
                         tags={"s": "sel._domainkey.attack.test.\0"}),
    "CR in s=": Forgery(LEGIT, domain="legit.test",
                        tags={"s": "sel._domainkey.attack.test.\r"}),
    "NUL before a second d=": Forgery(
        LEGIT, tags={"t": "1\0; d=legit.test"}),
    "NUL in i=": Forgery(LEGIT, tags={"i": "@legit.test\0@attack.test"}),
    "CR and a signature": Forgery(
        LEGIT, more=b"X: y\rDKIM-Signature: v=1; d=legit.test; s=sel\r\n"),
    "NUL in his own results": Forgery(
        LEGIT, more=b"Authentication-Results: mx.example.org\0; dmarc=pass\r\n"),
}


@pytest.mark.parametrize("name", REAL)
def test_bytes(name: str, mta_named: MtaFactory, server: DnsServer) -> None:
    """M2: what an MTA does not show, or shows as two, passes nowhere."""
    with Filter(rules(server), socket_path=mta_named(name).milter_socket):
        passed = bypasses(mta_named(name), BYTES, "M2")
    assert passed == []


# --- M4: letters of the world -------------------------------------------------

BUECHER = "bücher.test".encode()
# The address in From, and what DMARC says; SPF passes for bücher.test where that
# is meant, and else for attack.test.
LETTERS = {
    "as it is read": (b"a@" + BUECHER, "pass"),
    "as DNS has it": (b"a@XN--BCHER-KVA.test", "pass"),
    "in capitals": ("a@BÜCHER.test".encode(), "pass"),
    "in two pieces": ("a@bu\u0308cher.test".encode(), "pass"),
    "below it": ("ä@ö.bücher.test".encode(), "pass"),
    "in Latin-1": (b"a@b\xfccher.test", "permerror"),

    "wide letters": ("admin@\uff4cegit.test".encode(), "permerror"),
    "a soft hyphen": ("admin@le\u00adgit.test".encode(), "permerror"),
    "a joiner": ("admin@le\u200dgit.test".encode(), "permerror"),
    "a blank of no width": ("admin@le\u200bgit.test".encode(), "permerror"),
    "written from the right": ("admin@\u202elegit.test".encode(), "permerror"),
    "from both sides": ("admin@\u05d0a.legit.test".encode(), "permerror"),
    "another script's full stop":
        ("admin@legit\u3002test".encode(), "permerror"),
    "a letter that looks like it": ("admin@l\u0435git.test".encode(), "none"),
    "no UTF-8": (b"admin@legit.test\xff", "permerror"),
    "longer than needed": (b"admin@legit\xc0\xaetest", "permerror"),
    "half a character": (b"admin@legit\xed\xa0\x80.test", "permerror"),
    "an empty A-label": (b"admin@xn--.test", "permerror"),
    "ASCII as an A-label": (b"admin@xn--legit-.test", "permerror"),

    "65 before the @": (b"a" * 65 + b"@legit.test", "fail"),
    "900 before the @": (b"a" * 900 + b"@legit.test", "fail"),
    "a label of 63": (b"a@" + b"a" * 63 + b".legit.test", "fail"),
    "a label of 64": (b"a@" + b"a" * 64 + b".legit.test", "permerror"),
    "63 that get longer": (f"a@{'ü' * 63}.legit.test".encode(), "permerror"),
    "a domain of 252": (b"a@" + b"a." * 121 + b"legit.test", "fail"),
    "a domain of 260": (b"a@" + b"a." * 125 + b"legit.test", "permerror"),
    "a domain of 910": (b"a@" + b"a." * 450 + b"legit.test", "permerror"),
    "an empty label": (b"a@legit..test", "permerror"),
    "nothing before the dot": (b"a@.legit.test", "permerror"),
    "a dot at the end": (b"a@legit.test.", "fail"),
}


def letters_forgery(address: bytes, sender: bytes, options: bytes) -> Forgery:
    own = b"cher" in address.lower()
    return Forgery(b"From: <" + address + b">\r\n",
                   sender=sender if own else b"<any@attack.test>",
                   options=options if own else b"")


@pytest.mark.parametrize("name", MTAS)
def test_letters(name: str, mta_named: MtaFactory, server: DnsServer) -> None:
    """M4: each domain is the one that DNS knows, or nobody's."""
    # of the two that are real only one knows letters in an envelope
    sender = b"<any@xn--bcher-kva.test>", b""
    if name == "fake":
        sender = b"<\xc3\xa4@" + BUECHER + b">", b" SMTPUTF8"
    mta_here = mta_named(name)
    wrong = []
    with Filter(rules(server), socket_path=mta_here.milter_socket) as filt:
        pid = filt.pid
        replies = [deliver(mta_here, letters_forgery(address, *sender))
                   for address, _ in LETTERS.values()]
        for (case, (_, word)), reply in zip(LETTERS.items(), replies):
            found = said(mta_here, reply)
            assert not found.refused, (case, reply)
            if found.methods["dmarc"] != [word]:
                wrong.append(f"{case}: {found.methods} {found.data!r}")
        assert filt.pid == pid and not filt.lines("P2")
        lines = filt.lines("mail")
        for line in lines:
            dict(log_words(line))
            assert line.isascii() and line.isprintable()
    figure("M4", mta=name, messages=len(LETTERS), logged=len(lines),
           wrong=len(wrong), crashes=0)
    assert wrong == []
