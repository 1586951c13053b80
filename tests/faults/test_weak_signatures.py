"""A4, A6: signatures that prove nothing, or less than they seem to; and many.

test_dkim.c has more of them; here they are asked of the whole filter, and what
counts is whether DMARC takes any for a proof.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Callable, Iterator

import pytest

from conftest import MtaFactory, chosen_mtas
from lib.dkimsign import Key, canonical_body
from lib.dnsfault import Delay, Drop, Rcode
from lib.dnsserver import DnsServer

from .figures import figure
from .forging import RULES, Said, said, send
from .running import Filter, sanitized

NOW = int(time.time())
DAY = 86400
ED = Key("ed")
RSA = {bits: Key(f"rsa{bits}", "rsa", bits) for bits in (512, 1024, 2048)}
BODY = b"Hello Bob,\r\n\r\nthis is it.\r\n"
HEAD = (b"From: Ann <ann@legit.test>\r\nTo: bob@dest.example\r\n"
        b"Subject: a letter\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        b"Message-ID: <1@legit.test>\r\n")
NAMES = ["from", "to", "subject", "date"]


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with DnsServer() as dns:
        zone = dns.zone("legit.test")
        zone.add("_dmarc", "TXT", '"v=DMARC1; p=reject"')
        for key in (ED, *RSA.values()):
            zone.add(f"{key.selector}._domainkey", "TXT", key.text())
        for selector, text in {
                "revoked": ['"v=DKIM1; k=ed25519; p="'],
                "reports": [ED.text().replace("v=DKIM1;", "v=DKIM1; s=tlsrpt;")],
                "sha1": [ED.text().replace("v=DKIM1;", "v=DKIM1; h=sha1;")],
                "whole": [ED.text().replace("v=DKIM1;", "v=DKIM1; t=s;")],
                "two": [ED.text(), Key("other").text()],
                "twice": [ED.text().replace('"v=DKIM1;',
                                            '"v=DKIM1; p=; v=DKIM1;')],
        }.items():
            zone.add(f"{selector}._domainkey", "TXT", *text)
        dns.behave("silent._domainkey.legit.test", Rcode("SERVFAIL"))
        zone = dns.zone("attack.test")
        zone.add("ed._domainkey", "TXT", ED.text())
        zone.add("_dmarc", "TXT", '"v=DMARC1; p=none"')
        yield dns


def rules(server: DnsServer) -> str:
    return f'set dns_servers "{server.servers}"\n' + RULES


# --- A4 -----------------------------------------------------------------------

Change = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    return data


def swap(old: bytes, new: bytes) -> Change:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)
    return change


def more(data: bytes) -> bytes:
    return data + b"Buy this!\r\n"


def on_top(line: bytes) -> Change:
    return lambda data: line + data


def part(length: int) -> dict[str, str]:
    """l= and the digest of so much of the body."""
    body = canonical_body(BODY, "relaxed")[:length]
    digest = hashlib.sha256(body).digest()
    return {"l": str(length), "bh": base64.b64encode(digest).decode()}


WHOLE = len(canonical_body(BODY, "relaxed"))

# What is signed how, what happens to it then, and what is said of it.  What is
# no pass must not be one for DMARC either.
CASES: dict[str, tuple[Key, dict, Change, str]] = {
    "a signature": (ED, {}, same, "pass"),
    "RSA of 2048 bits": (RSA[2048], {}, same, "pass"),
    "RSA of 1024 bits": (RSA[1024], {}, same, "pass"),
    "all of the body, and l= says so": (ED, part(WHOLE), same, "pass"),
    "expires tomorrow": (ED, {"x": str(NOW + DAY)}, same, "pass"),
    "the Subject is not signed": (
        ED, {"h": ["from", "to"]}, swap(b"letter", b"bill"), "pass"),

    "l=, and more behind it": (ED, part(WHOLE), more, "policy"),
    "l= of the first line": (ED, part(12), same, "policy"),
    "l=0": (ED, part(0), same, "policy"),
    "l=0, and all of it new": (
        ED, part(0), swap(BODY, b"Buy this!\r\n"), "policy"),
    "l= beyond the end": (ED, {"l": str(WHOLE + 1)}, same, "fail"),
    "l= is no number": (ED, {"l": "-1"}, same, "permerror"),
    "From is not signed": (ED, {"h": ["to", "subject"]}, same, "permerror"),
    "nor is a second one": (
        ED, {}, on_top(b"From: <boss@legit.test>\r\n"), "policy"),
    "512 bits": (RSA[512], {}, same, "policy"),
    "expired": (ED, {"t": str(NOW - 9 * DAY), "x": str(NOW - DAY)}, same,
                "policy"),
    "expired, and changed": (
        ED, {"x": str(NOW - DAY)}, swap(b"letter", b"bill"), "fail"),
    "from the future": (ED, {"t": str(NOW + 9 * DAY)}, same, "policy"),
    "from the far future": (ED, {"t": "99999999999"}, same, "permerror"),
    "x= before t=": (ED, {"t": str(NOW), "x": str(NOW - 9)}, same, "permerror"),

    "the body is another": (ED, {}, swap(b"this", b"that"), "fail"),
    "the Subject is another": (ED, {}, swap(b"letter", b"bill"), "fail"),
    "From is another": (ED, {}, swap(b"<ann@", b"<boss@"), "fail"),
    "another's key": (Key("ed2"), {"s": "ed"}, same, "fail"),
    "the key was revoked": (ED, {"s": "revoked"}, same, "permerror"),
    "there is no key": (ED, {"s": "nothing"}, same, "permerror"),
    "there are two": (ED, {"s": "two"}, same, "permerror"),
    "the key has a tag twice": (ED, {"s": "twice"}, same, "permerror"),
    "a key for reports": (ED, {"s": "reports"}, same, "permerror"),
    "a key for SHA-1": (ED, {"s": "sha1"}, same, "permerror"),
    "a key for the domain alone": (
        ED, {"s": "whole", "i": "a@m.legit.test"}, same, "permerror"),
    "nobody knows the key": (ED, {"s": "silent"}, same, "temperror"),

    "d= twice": (ED, {"d": "legit.test; d=attack.test"}, same, "permerror"),
    "d= twice, the other first": (
        ED, {"d": "attack.test; d=legit.test"}, same, "permerror"),
    "no d=": (ED, {"d": None}, same, "permerror"),
    "s= twice": (ED, {"s": "nothing; s=ed"}, same, "permerror"),
    "h= twice": (ED, {"t": "1; h=to"}, same, "permerror"),
    "b= twice": (ED, {"t": "1; b=x"}, same, "permerror"),
    "i= of another": (ED, {"i": "ann@attack.test"}, same, "permerror"),
    "i= above it": (ED, {"i": "ann@test"}, same, "permerror"),
    "another version": (ED, {"v": "2"}, same, "permerror"),
    "no algorithm that we know": (ED, {"a": "gost-sha256"}, same, "permerror"),
    "the other algorithm": (ED, {"a": "rsa-sha256"}, same, "permerror"),
    "another way to ask for the key": (ED, {"q": "http"}, same, "permerror"),
    "d= is a suffix": (ED, {"d": "test"}, same, "permerror"),
}


def test_weak_signatures(mta_named: MtaFactory, server: DnsServer) -> None:
    """A4: a pass is about From, all of the body, with a key that is good."""
    fake = mta_named("fake")
    wrong, passed, honest = [], [], 0
    with Filter(rules(server), socket_path=fake.milter_socket):
        for case, (key, tags, change, word) in CASES.items():
            tags = {"d": "legit.test", **tags}
            h = tags.pop("h", NAMES)
            data = change(key.sign(HEAD + b"\r\n" + BODY, "", h=h, **tags))
            found = said(fake, send(fake, data, sender=b"<>"))
            if found.methods["dkim"] != [word]:
                wrong.append((case, found.methods, found.data))
            honest += word == "pass"
            if found.passes and word != "pass":
                passed.append(case)
            assert found.passes or word != "pass", (case, found.data)
    figure("A4", signatures=len(CASES), honest=honest, wrong=len(wrong),
           taken_for_a_proof=len(passed))
    assert wrong == [] and passed == []


# --- A6 -----------------------------------------------------------------------

MANY = 200
KEYS_MAX = 8
# The author's stands neither on top nor at the end.
SIGNERS = [f"d{number}.test" for number in range(MANY)]
SIGNERS[50] = "author.test"


def publish(server: DnsServer, key: Key) -> None:
    """Each of them has a key, and it is good."""
    for name in SIGNERS:
        server.zone(name).add(f"{key.selector}._domainkey", "TXT", key.text())
    server.zone("author.test").add("_dmarc", "TXT", '"v=DMARC1; p=reject"')


def crowd(key: Key, signers: list[str]) -> bytes:
    """Signed by all of these."""
    data = HEAD.replace(b"legit.test", b"author.test") + b"\r\n" + BODY
    for name in signers:
        data = key.sign(data, name, h=NAMES)
    return data


def timed(fake, data: bytes) -> tuple[Said, float]:
    """What is said, and how many milliseconds it took."""
    began = time.monotonic()
    reply = send(fake, data, sender=b"<>")
    return said(fake, reply), 1000 * (time.monotonic() - began)


def asked(server: DnsServer) -> int:
    """For how many keys."""
    return len({query.name.lower() for query in server.queries()
                if "_domainkey" in query.name})


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_crowd(kind: str, mta_named: MtaFactory) -> None:
    """A6: of many signatures a few are verified, the author's among them."""
    key = ED if kind == "ed25519" else RSA[2048]
    fake = mta_named("fake")
    with DnsServer() as server:
        publish(server, key)
        one, many = crowd(key, ["author.test"]), crowd(key, SIGNERS)
        with Filter(rules(server), socket_path=fake.milter_socket):
            single = min(timed(fake, one)[1] for _ in range(5))
            server.forget()  # the author's key is known now
            found, first = timed(fake, many)
            keys = asked(server)
            again = min(timed(fake, many)[1] for _ in range(5))
        figure("A6", signatures=MANY, of=kind, kib=len(many) // 1024,
               keys_asked=keys, passed=found.methods["dkim"].count("pass"),
               ms=first, then_ms=again, one_signature_ms=single)
        assert keys < KEYS_MAX
        assert found.methods["dkim"].count("pass") == KEYS_MAX
        assert found.passes and b"header.d=author.test" in found.data
        assert again - single <= 20 * KEYS_MAX or sanitized()


@pytest.mark.parametrize("how", ["silent", "slow"])
def test_crowd_of_strangers(how: str, mta_named: MtaFactory) -> None:
    """A6: strangers whose DNS does not answer cost one wait, not eight."""
    fake = mta_named("fake")
    with DnsServer() as server:
        publish(server, ED)
        data = crowd(ED, SIGNERS)
        for name in SIGNERS:
            if name != "author.test":
                server.behave(f".{name}", Drop() if how == "silent"
                              else Delay(0.4))
        settings = "set dns_timeout 1s\n"
        with Filter(settings + rules(server), socket_path=fake.milter_socket):
            found, took = timed(fake, data)
        figure("A6", signatures=MANY, dns=how, keys_asked=asked(server),
               passed=found.methods["dkim"].count("pass"), ms=took)
        assert asked(server) <= KEYS_MAX
        assert found.passes
        assert took <= 4000


def test_crowd_beyond(mta_named: MtaFactory) -> None:
    """A6: a header that is too much to read proves nothing, and costs little."""
    fake = mta_named("fake")
    with DnsServer() as server:
        publish(server, ED)
        head, _, rest = crowd(ED, SIGNERS).partition(b"From:")
        data = head * 10 + b"From:" + rest
        with Filter(rules(server), socket_path=fake.milter_socket):
            found, took = timed(fake, data)
        figure("A6", signatures=10 * MANY, kib=len(data) // 1024,
               keys_asked=asked(server), passed=0, ms=took)
        assert asked(server) == 0
        assert set(found.methods["dkim"]) <= {"temperror", "neutral"}
        assert found.methods["dmarc"] == ["temperror"]


@pytest.mark.skipif("postfix" not in chosen_mtas(), reason="left out: a real Postfix")
def test_crowd_through_postfix(mta_named: MtaFactory) -> None:
    """A6: also where a real MTA waits for it."""
    postfix = mta_named("postfix")
    with DnsServer() as server:
        publish(server, ED)
        data = crowd(ED, SIGNERS)
        with Filter(rules(server), socket_path=postfix.milter_socket):
            found, took = timed(postfix, data)
        figure("A6", mta="postfix", signatures=MANY, keys_asked=asked(server),
               passed=found.methods["dkim"].count("pass"), delivered_ms=took)
        assert asked(server) <= KEYS_MAX
        assert found.passes
