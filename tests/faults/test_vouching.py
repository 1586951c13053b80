"""A3, A7, A8, D9, D10: who may speak for whom, and when nobody knows.

Through a filter whose DNS is ours: what SPF and DKIM prove is true each time,
and what DMARC makes of it is asked.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from typing import Iterator

import pytest

from conftest import MtaFactory, chosen_mtas
from lib.dkimsign import Key
from lib.dnsfault import Drop, Fault, Rcode
from lib.dnsserver import DnsServer

from .figures import SOAK, figure
from .forging import FORGER, OWNER, RULES, Said, said, send, world
from .running import Filter

MTAS = [name for name in ("fake", "postfix", "sendmail")
        if name in chosen_mtas()]
KEY = Key("sel")
SPF_PASS = f'"v=spf1 ip4:{OWNER[0]} -all"'
SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "rules/default"
TREE_WALK, LIST = "tree-walk", "suffix-list"
DISCOVERIES = ["tree-walk-and-list", TREE_WALK, LIST]


def rules(server: DnsServer, *more: str) -> str:
    return f'set dns_servers "{server.servers}"\n' + RULES + "\n".join(more)


def letter(author: str, domain: str = "", *, broken: bool = False) -> bytes:
    """Somebody's mail, signed if there is a domain."""
    data = (f"From: <a@{author}>\r\nTo: <b@dest.example>\r\nSubject: x\r\n"
            f"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
            f"Message-ID: <1@{author}>\r\n\r\nText.\r\n").encode()
    if domain:
        data = KEY.sign(data, domain, h=["from", "subject"])
    return data + b"More.\r\n" * broken


def ask(fake, author: str, *, sender: str = "", domain: str = "",
        broken: bool = False) -> Said:
    """What is said of mail from where all SPF records of this file pass."""
    path = f"<a@{sender}>" if sender else "<>"
    return said(fake, send(fake, letter(author, domain, broken=broken),
                           client=OWNER, helo=b"mx.nobody.test",
                           sender=path.encode()))


# --- A3: alignment ------------------------------------------------------------


@dataclasses.dataclass
class Alignment:
    """SPF passes for `sender`, a signature for `domain`."""

    claim: str
    author: str
    sender: str = ""
    domain: str = ""
    result: str = "fail"
    others: dict[str, str] = dataclasses.field(default_factory=dict)
    # discovery -> another result

    def wanted(self, discovery: str) -> str:
        return self.others.get(discovery, self.result)


ALIGNMENTS = [
    Alignment("the same", "relaxed.test", "relaxed.test", result="pass"),
    Alignment("below it", "relaxed.test", "m.relaxed.test", result="pass"),
    Alignment("above it", "m.relaxed.test", "relaxed.test", result="pass"),
    Alignment("beside it", "m.relaxed.test", "n.relaxed.test", result="pass"),
    Alignment("a signature below it", "relaxed.test", domain="m.relaxed.test",
              result="pass"),
    Alignment("in capitals", "RELAXED.test", domain="M.Relaxed.TEST",
              result="pass"),
    Alignment("the end of a name", "relaxed.test", "unrelaxed.test"),
    Alignment("its beginning", "relaxed.test", "relaxed.test.attack.test"),
    Alignment("with a hyphen", "relaxed.test", domain="m-relaxed.test"),

    Alignment("strict: the same", "strict.test", "strict.test", result="pass"),
    Alignment("strict: signed by the same", "strict.test",
              domain="strict.test", result="pass"),
    Alignment("strict: below it", "strict.test", "m.strict.test"),
    Alignment("strict: signed below it", "strict.test",
              domain="m.strict.test"),
    Alignment("strict: above it", "m.strict.test", "strict.test"),
    Alignment("strict: signed above it", "m.strict.test",
              domain="strict.test"),
    Alignment("strict: beside it", "m.strict.test", "n.strict.test"),
    Alignment("strict: below, in capitals", "STRICT.test", "M.STRICT.test"),
    Alignment("strict about SPF alone", "aspf.test", "m.aspf.test"),
    Alignment("then a signature may be below", "aspf.test",
              domain="m.aspf.test", result="pass"),
    Alignment("strict about signatures alone", "adkim.test",
              domain="m.adkim.test"),
    Alignment("then a sender may be below", "adkim.test", "m.adkim.test",
              result="pass"),
    Alignment("strict, by a word in capitals", "capitals.test",
              "m.capitals.test"),

    Alignment("two below a suffix", "one.co.uk", "two.co.uk"),
    Alignment("a signature of the suffix", "one.co.uk", domain="co.uk"),
    Alignment("one below each other", "m.one.co.uk", "one.co.uk",
              result="pass"),
    Alignment("a suffix as the author", "co.uk", "two.co.uk", result="none"),
    Alignment("a suffix that is private", "one.github.io", "two.github.io"),
    Alignment("a wildcard's suffix", "a.x.kawasaki.jp", "b.x.kawasaki.jp"),
    Alignment("below what a wildcard covers", "a.x.kawasaki.jp",
              "m.a.x.kawasaki.jp", result="pass"),
    Alignment("its exception", "m.city.kawasaki.jp", "n.city.kawasaki.jp",
              result="pass"),
    Alignment("beside its exception", "city.kawasaki.jp", "x.kawasaki.jp"),
    Alignment("a suffix of no list, that says so (psd=y)", "a.psd.test",
              "b.psd.test", others={LIST: "pass"}),
    Alignment("an organisation that says so (psd=n)", "m.a.no.test",
              "m.b.no.test", others={LIST: "pass"}),
    Alignment("a name without a dot", "localhost", result="none"),
    Alignment("twelve labels", "a.b.c.d.e.f.g.h.i.j.relaxed.test",
              "relaxed.test", result="pass"),
]

ALIGNED_WORLD = {
    "relaxed.test": "p=reject", "strict.test": "p=reject; aspf=s; adkim=s",
    "aspf.test": "p=reject; aspf=s", "adkim.test": "p=reject; adkim=s",
    "capitals.test": "p=reject; ASPF=S; adkim=S",
    "one.co.uk": "p=reject", "two.co.uk": "p=none",
    "one.github.io": "p=reject", "a.x.kawasaki.jp": "p=reject",
    "city.kawasaki.jp": "p=reject", "psd.test": "p=reject; psd=y",
    "a.no.test": "p=reject; psd=n", "no.test": "p=reject",
}


@pytest.fixture(scope="module")
def aligned() -> Iterator[DnsServer]:
    with DnsServer() as dns:
        for name, record in ALIGNED_WORLD.items():
            dns.zone(name).add("_dmarc", "TXT", f'"v=DMARC1; {record}"')
        names = {name.lower() for one in ALIGNMENTS
                 for name in (one.sender, one.domain) if name}
        for name in names:
            dns.zone(name).add("@", "TXT", SPF_PASS)
            dns.zone(name).add("sel._domainkey", "TXT", KEY.text())
        yield dns


@pytest.mark.parametrize("discovery", DISCOVERIES)
def test_alignment(discovery: str, mta_named: MtaFactory,
                   aligned: DnsServer) -> None:
    """A3: who passes is the author's, and who fails is not."""
    fake = mta_named("fake")
    wrong = []
    with Filter(rules(aligned, f"set dmarc_discovery {discovery}\n"),
                socket_path=fake.milter_socket):
        for one in ALIGNMENTS:
            found = ask(fake, one.author, sender=one.sender, domain=one.domain)
            assert not one.sender or "SPF_PASS" in found.symbols, one
            assert not one.domain or "DKIM_PASS" in found.symbols, one
            if found.methods["dmarc"] != [one.wanted(discovery)]:
                wrong.append((one.claim, found.methods, found.data))
    figure("A3", discovery=discovery, cases=len(ALIGNMENTS), wrong=len(wrong))
    assert wrong == []


# --- A7: HELO and MAIL FROM ----------------------------------------------------

SENDERS = {
    "another's": b"<a@attack.test>", "nobody's": b"<a@nobody.test>",
    "softly not": b"<a@soft.test>", "neither": b"<a@neutral.test>",
    "broken": b"<a@broken.test>", "in the dark": b"<a@dark.test>",
    "of no domain": b"<postmaster>", "of an address": b"<a@[192.0.2.10]>",
    "below it, of which nothing is known": b"<a@n.legit.test>",
    "HELO's name before the @": b"<legit.test@attack.test>",
    "a quoted one": b"<\"a@legit.test\"@attack.test>",
    "with a route": b"<@legit.test:a@attack.test>",
}


@pytest.mark.parametrize("name", MTAS)
def test_helo_is_not_mail_from(name: str, mta_named: MtaFactory) -> None:
    """A7: that HELO passes proves nothing about who sends."""
    server = mta_named(name)
    passed = taken = 0
    with DnsServer() as dns:
        world(dns)
        for domain, record in {"soft": "~all", "neutral": "?all",
                               "broken": "ip4:300.0.0.1 -all"}.items():
            dns.zone(f"{domain}.test").add("@", "TXT", f'"v=spf1 {record}"')
        dns.behave("dark.test", Rcode("SERVFAIL"))
        more = "rule HELO 1.0 if spf.helo is pass\n"
        with Filter(rules(dns, more), socket_path=server.milter_socket):
            how = {"client": OWNER, "helo": b"legit.test"}
            for case, sender in SENDERS.items():
                found = said(server, send(server, letter("legit.test"),
                                          sender=sender, **how))
                if found.refused:
                    continue
                taken += 1
                passed += found.passes
                assert "HELO" in found.symbols and not found.passes, case
                assert found.methods["dmarc"] == ["fail"], (case, found.data)
            for sender in (b"<a@legit.test>", b"<>"):
                found = said(server, send(server, letter("legit.test"),
                                          sender=sender, **how))
                assert found.passes, found.data
            # and the other way round: HELO's failure is not the sender's
            found = said(server, send(
                server, letter("legit.test"), client=OWNER,
                helo=b"attack.test", sender=b"<a@legit.test>"))
            assert found.passes and "HELO" not in found.symbols
            found = said(server, send(server, letter("legit.test"),
                                      client=FORGER, helo=b"legit.test",
                                      sender=b"<>"))
            assert found.methods["dmarc"] == ["fail"]
    figure("A7", mta=name, senders=len(SENDERS), taken=taken, passed=passed)
    assert passed == 0


# --- A8: one temperror among results -------------------------------------------

# Each might have vouched, had DNS said what it is.
SPF = {"fails": '"v=spf1 -all"', "is open": None}
DKIM = ["is missing", "fails", "is open"]
RECORD = ["rejects", "is open"]
DARK: dict[str, Fault] = {"SERVFAIL": Rcode("SERVFAIL"), "silence": Drop()}


def open_cases() -> list[tuple[str, str, str]]:
    return [case for case in itertools.product(SPF, DKIM, RECORD)
            if "is open" in case]


def is_short(case: tuple[str, str, str]) -> bool:
    """One of the three that differ: each of them takes a second or two."""
    return case.count("is open") == 1 and "is missing" not in case


def dark_world(dns: DnsServer, fault: Fault) -> dict[str, tuple[str, str, str]]:
    """A domain for each case -> the case."""
    domains = {}
    for number, (spf, dkim, record) in enumerate(open_cases()):
        name = f"c{number}.test"
        zone = dns.zone(name)
        zone.add("@", "MX", f"10 mx.{name}.")
        zone.add("mx", "A", OWNER[0])
        zone.add("sel._domainkey", "TXT", KEY.text())
        zone.add("_dmarc", "TXT", '"v=DMARC1; p=reject"')
        zone.add("@", "TXT", SPF[spf] or SPF_PASS)
        for what, where in ((spf, name), (dkim, f"sel._domainkey.{name}"),
                            (record, f"_dmarc.{name}")):
            if what == "is open":
                dns.behave(where, fault, qtype="TXT")
        domains[name] = (spf, dkim, record)
    return domains


def ask_in_the_dark(fake, name: str, case: tuple[str, str, str]) -> Said:
    return ask(fake, name, sender=name, broken=case[1] == "fails",
               domain="" if case[1] == "is missing" else name)


# Whoever refuses what DMARC does not pass.
SEVERE = """
rule FAILS  99.0 if dmarc is fail
rule NOT    99.0 if dmarc is not pass
rule ALONE  99.0 if dmarc is fail and dmarc.policy is reject
"""


@pytest.mark.parametrize("how", DARK)
def test_temperror_among_results(how: str, mta_named: MtaFactory) -> None:
    """A8: what might have passed is not refused, whatever else fails."""
    fake = mta_named("fake")
    refused, mails = [], 0
    with DnsServer() as dns:
        domains = dark_world(dns, DARK[how])
        settings = "set dns_timeout 1s\n"
        with Filter(settings + rules(dns, SEVERE),
                    socket_path=fake.milter_socket):
            for name, case in domains.items():
                if how == "silence" and not SOAK and not is_short(case):
                    continue
                mails += 1
                found = ask_in_the_dark(fake, name, case)
                if found.refused:
                    refused.append((case, found.reply))
                    continue
                assert found.methods["dmarc"] == ["temperror"], (case, found)
                assert "TEMPERROR" in found.symbols
    figure("A8", dns=how, mails=mails, refused=len(refused))
    assert refused == []


def test_temperror_and_one_that_passes(mta_named: MtaFactory) -> None:
    """A8: one good word is enough, and what is not aligned does not matter."""
    fake = mta_named("fake")
    with DnsServer() as dns:
        for name in ("author.test", "other.test"):
            dns.zone(name).add("sel._domainkey", "TXT", KEY.text())
            dns.zone(name).add("_dmarc", "TXT", '"v=DMARC1; p=reject"')
        dns.behave("author.test", Rcode("SERVFAIL"), qtype="TXT")
        dns.behave("other.test", Rcode("SERVFAIL"), qtype="TXT")
        with Filter(rules(dns), socket_path=fake.milter_socket):
            found = ask(fake, "author.test", sender="author.test",
                        domain="author.test")
            assert found.methods["spf"] == ["temperror"] and found.passes
            # a stranger's temperror is no excuse
            found = ask(fake, "author.test", sender="other.test")
            assert found.methods["spf"] == ["temperror"]
            assert found.methods["dmarc"] == ["fail"]


def test_temperror_with_the_shipped_rules(mta_named: MtaFactory) -> None:
    """A8: they refuse nobody for it; and a site may have it come again."""
    fake = mta_named("fake")
    refused = deferred = 0
    shipped = f'include "{SHIPPED}/*.rules"\n'
    with DnsServer() as dns:
        domains = dark_world(dns, Rcode("SERVFAIL"))
        dns.zone("10.2.0.192.in-addr.arpa").add("@", "PTR", "mx.nobody.test.")
        dns.zone("nobody.test").add("mx", "A", OWNER[0])
        setting = f'set dns_servers "{dns.servers}"\n'
        with Filter(setting + shipped, socket_path=fake.milter_socket):
            for name, case in domains.items():
                reply = send(fake, letter_of(name, case), client=OWNER,
                             helo=b"mx.nobody.test",
                             sender=f"<a@{name}>".encode())
                refused += reply[0].startswith("5")
        again = ("rule AGAIN 50.0 if dmarc is temperror\n"
                 'verdict defer at 50.0 reply "451 4.7.5 Cannot tell, yet"\n')
        with Filter(rules(dns, again), socket_path=fake.milter_socket):
            for name, case in domains.items():
                found = ask_in_the_dark(fake, name, case)
                deferred += found.reply[0].startswith("451 4.7.5 Cannot tell")
    figure("A8", rules="shipped", mails=len(domains), refused=refused,
           deferred_on_demand=deferred)
    assert refused == 0 and deferred == len(domains)


def letter_of(name: str, case: tuple[str, str, str]) -> bytes:
    return letter(name, "" if case[1] == "is missing" else name,
                  broken=case[1] == "fails")


# --- D10: DMARC records that are written badly ----------------------------------

MILE = "; ".join(f"x{number}={'y' * 90}" for number in range(3))  # 300 bytes
# Strings of a zone file, and what is said of mail that nobody vouches for.
RECORDS = [
    ("one", ['"v=DMARC1; p=reject"'], "REJECT"),
    ("two", ['"v=DMARC1; p=reject"', '"v=DMARC1; p=none"'], "NONE"),
    ("two of a kind", ['"v=DMARC1; p=reject"', '"v=DMARC1;p=reject"'], "NONE"),
    ("cut anywhere", ['"v=DM" "ARC1; p=re" "" "ject"'], "REJECT"),
    ("cut between, a blank too few", ['"v=DMARC1;" "p=reject"'], "REJECT"),
    ("cut, and no semicolon", ['"v=DMARC1" "p=reject"'], "NONE"),
    ("300 bytes in two strings",
     [f'"v=DMARC1; {MILE[:200]}" "{MILE[200:]}; p=reject"'], "REJECT"),
    ("300 bytes behind", [f'"v=DMARC1; p=reject; {MILE[:200]}" "{MILE[200:]}"'],
     "REJECT"),
    ("4 KiB", ['"v=DMARC1; p=reject" '
               + " ".join(f'"; z{number}={"y" * 240}"' for number in range(16))],
     "REJECT"),
    ("among others", ['"v=spf1 -all"', '"verification=1"',
                      '"v=DMARC1; p=reject"'], "REJECT"),
    ("an SPF record alone", ['"v=spf1 -all"'], "NONE"),
    ("another version", ['"v=DMARC2; p=reject"'], "NONE"),
    ("a word that is no policy", ['"v=DMARC1; p=rej"'], "NONE"),
    ("8 bits", ['"v=DMARC1; p=reject; x=\\195\\182"'], "REJECT"),
    ("NUL", ['"v=DMARC1; p=none\\000; p=reject"'], "NONE"),
    ("nothing", ['""'], "NONE"),
]


def test_badly_written_records(mta_named: MtaFactory) -> None:
    """D10: two, split ones, long ones: as the RFC says, by the milder reading."""
    fake = mta_named("fake")
    wrong = []
    with DnsServer() as dns:
        for number, (_, texts, _) in enumerate(RECORDS):
            dns.zone(f"r{number}.test").add("_dmarc", "TXT", *texts)
        with Filter(rules(dns), socket_path=fake.milter_socket):
            for number, (claim, _, symbol) in enumerate(RECORDS):
                found = ask(fake, f"r{number}.test")
                if symbol not in found.symbols:
                    wrong.append((claim, found.symbols, found.data))
    figure("D10", dmarc_records=len(RECORDS), wrong=len(wrong))
    assert wrong == []
