"""A forger, the domain he would like to be, and what is said of his mail.

The forger owns attack.test: his machine may send for it (SPF) and he signs for
it (DKIM), so what he lacks is only that both speak for legit.test, whose mail is
to be refused unless it is proven (DMARC).
"""

from __future__ import annotations

import dataclasses
import re

from lib import message, mta
from lib.dkimsign import Key
from lib.dnsserver import DnsServer

from .running import symbols

FORGER = ("203.0.113.66", 0)
OWNER = ("192.0.2.10", 0)  # of legit.test
KEY = Key("sel")
OWNERS_KEY = Key("own")
SIGNED = ["from", "to", "subject", "date"]

# What is judged is told apart; refused is nothing, so that all of it is seen.
RULES = """
set authserv_id "mx.example.org"
rule PASS       1.0 if dmarc is pass
rule FAIL       1.0 if dmarc is fail
rule REJECT     1.0 if dmarc is fail and dmarc.policy is reject
rule NONE       1.0 if dmarc is none
rule PERMERROR  1.0 if dmarc is permerror
rule TEMPERROR  1.0 if dmarc is temperror
rule SPF_PASS   1.0 if spf is pass
rule DKIM_PASS  1.0 if dkim is pass
rule LEGIT      1.0 if dmarc.domain is "legit.test"
verdict reject at 90.0
"""


def world(server: DnsServer) -> None:
    """Both of them, and what the forger can add to names of his own."""
    zone = server.zone("test")
    zone.add("legit", "TXT", f'"v=spf1 ip4:{OWNER[0]} -all"')
    zone.add("_dmarc.legit", "TXT", '"v=DMARC1; p=reject"')
    zone.add("own._domainkey.legit", "TXT", OWNERS_KEY.text())
    spf = f'"v=spf1 ip4:{FORGER[0]} -all"'
    zone.add("attack", "TXT", spf)
    zone.add("*.attack", "TXT", spf, KEY.text())
    zone.add("_dmarc.attack", "TXT", '"v=DMARC1; p=none"')


@dataclasses.dataclass
class Forgery:
    """A message; what is not said is the forger's own."""

    head: bytes  # the lines that From is made of, CRLF and all
    sender: bytes = b"<any@attack.test>"
    domain: str = "attack.test"  # the signature's d=
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    more: bytes = b""  # fields on top of all
    options: bytes = b""  # of MAIL

    def text(self) -> bytes:
        data = (self.head + b"To: <victim@dest.example>\r\nSubject: hello\r\n"
                b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
                b"Message-ID: <1@attack.test>\r\n\r\nHello.\r\n")
        return self.more + KEY.sign(data, self.domain, h=SIGNED, **self.tags)


@dataclasses.dataclass
class Said:
    """What became of a message; `data` is as the next host gets it."""

    symbols: set[str]
    data: bytes
    reply: list[str]
    methods: dict[str, list[str]]  # of our Authentication-Results

    @property
    def refused(self) -> bool:
        return not self.data

    @property
    def passes(self) -> bool:
        """Whether any of it says so."""
        return "PASS" in self.symbols or "pass" in self.methods["dmarc"]


def send(server: mta.Mta, data: bytes, *, client: tuple[str, int] = FORGER,
         helo: bytes = b"h.attack.test", sender: bytes = b"<any@attack.test>",
         options: bytes = b"") -> list[str]:
    """Say it; the last reply, or the first that is a refusal."""
    dialogue = server.session(client, None)
    try:
        dialogue.reply()
        for line in (b"EHLO " + helo, b"MAIL FROM:" + sender + options,
                     b"RCPT TO:<victim@dest.example>", b"DATA"):
            dialogue.send(line + b"\r\n")
            reply = dialogue.reply()
            if reply[0][:1] not in "23":
                return reply
        # a line alone ends the text, however odd its last byte
        dialogue.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
        return dialogue.reply()
    finally:
        dialogue.close()


def said(server: mta.Mta, reply: list[str]) -> Said:
    """What was said of a message that was answered so."""
    if not reply[0].startswith("250"):
        return Said(set(), b"", reply, methods(b""))
    data = server.outcome(server.queue_id(reply)).data
    return Said(symbols(message.parse(data)), data, reply, methods(data))


def deliver(server: mta.Mta, forgery: Forgery) -> list[str]:
    return send(server, forgery.text(), sender=forgery.sender,
                options=forgery.options)


def through(server: mta.Mta, forgery: Forgery) -> Said:
    return said(server, deliver(server, forgery))


def methods(data: bytes) -> dict[str, list[str]]:
    """The words of each method in the field on top, which must be ours.

    Read as a reader would who knows quoted strings and comments, nothing else.
    """
    found: dict[str, list[str]] = {"spf": [], "dkim": [], "dmarc": []}
    if not data:
        return found
    rest = re.sub(rb"\r?\n[ \t]+", b" ", data)
    field = re.match(rb"Authentication-Results: mx\.example\.org(;.*?)\r?\n",
                     rest)
    assert field, data[:300]
    text = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", field[1])
    text = re.sub(rb"\([^()]*\)", b"", text).decode("ascii")
    for one in text.split(";"):
        method, _, word = one.strip().partition("=")
        if method in found:
            found[method].append(word.split()[0])
    return found


def shows_other(data: bytes) -> bool:
    """Whether a reader, also one who ends lines at odd bytes, could take a
    message that was queued for one of legit.test's.  Without a From that all
    readers see, some go by Sender."""
    header = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    lines = re.split(rb"[\r\n\0\x0b\x0c]+",
                     re.sub(rb"\r?\n[ \t]+", b" ", header))
    names = rb"from"
    if not any(line.lower().startswith(b"from:") for line in lines):
        names = rb"(?:from|sender|resent-from)"
    return any(re.match(rb"(?i)[^a-z]*" + names + rb"[^a-z]*:", line)
               and re.search(rb"@[^ <>,;]*legit\.test", line)
               for line in lines)
