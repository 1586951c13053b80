"""A signature is about all of the body; others have it fetched up to a limit."""

from __future__ import annotations

import re
from typing import Iterator

import pytest

from lib import message
from lib.dkimsign import Key
from lib.dnsserver import DnsServer
from lib.fakemta import CHUNK, FakeMta

from .running import Filter, deliver, greet, letter, symbols

NOTHING_OF_THE_BODY = """
rule PASS  1.0 if dkim is pass
rule WHOLE 1.0 if dkim.covered
rule FAIL  1.0 if dkim is fail
rule NONE  1.0 if dkim is none
rule REFUSED 1.0 if dkim.error is "libopendkim refuses the message"
verdict reject at 90.0
"""
SOME_OF_IT = NOTHING_OF_THE_BODY + """
set body_limit 128KiB
rule SHORT 1.0 if body.size < 128KiB
rule LIMIT 1.0 if body.size is 128KiB
"""
OF_EACH = """
rule SIZES   1.0 if dkim.key_sizes is "256" and dkim.key_sizes is "2048"
rule SHORT   1.0 if dkim.key_sizes is "1024"
rule PART    1.0 if dkim.coverages is "no" and dkim.coverages is "yes"
rule AGES    1.0 if dkim.ages ~ /^[0-9]{9,}$/ and dkim.ages is ""
rule RELATED 1.0 if dkim.alignments is "yes"
rule FOREIGN 1.0 if dkim.alignments is "no"
verdict reject at 90.0
"""
KEY = Key("sel")
LONG = Key("long", "rsa", 2048)
LINE = b"A line of the body, of some length, to be read by whoever wants.\r\n"
BODY = LINE * (3 * 1024 * 1024 // len(LINE))
PIECES = -(-len(BODY) // CHUNK)


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with DnsServer() as dns:
        dns.zone("example.net").add("sel._domainkey", "TXT", KEY.text())
        dns.zone("example.com").add("long._domainkey", "TXT", LONG.text())
        yield dns


@pytest.fixture(scope="module")
def nothing(server: DnsServer) -> Iterator[Filter]:
    with Filter(f'set dns_servers "{server.servers}"\n'
                + NOTHING_OF_THE_BODY) as filt:
        yield filt


@pytest.fixture(scope="module")
def some(server: DnsServer) -> Iterator[Filter]:
    with Filter(f'set dns_servers "{server.servers}"\n' + SOME_OF_IT) as filt:
        yield filt


def told(filt: Filter, msg: message.Message) -> tuple[set[str], int]:
    """The symbols, and how many pieces of the body crossed the socket."""
    mta = FakeMta(filt.address)
    greet(mta)
    reply, msg = deliver(mta, msg)
    assert reply.kind == "continue"
    mta.quit()
    return symbols(msg), mta.sent.get("B", 0)


def signed(**tags: str) -> message.Message:
    return message.parse(KEY.sign(letter(body=BODY).to_bytes(), "example.net",
                                  **tags))


def test_nobody_reads_it(nothing: Filter) -> None:
    """It crosses in vain, as nobody could say that it need not: but no MTA has
    to wait for each piece of those that are read."""
    assert told(nothing, letter(body=BODY)) == ({"NONE"}, PIECES)


def test_rules_read_some(some: Filter) -> None:
    assert told(some, letter(body=BODY)) == (
        {"NONE", "LIMIT"}, -(-128 * 1024 // CHUNK))


@pytest.mark.parametrize("rules", ["nothing", "some"])
def test_a_signature_reads_all(rules: str,
                               request: pytest.FixtureRequest) -> None:
    filt = request.getfixturevalue(rules)
    more = {"LIMIT"} if rules == "some" else set()
    assert told(filt, signed()) == ({"PASS", "WHOLE"} | more, PIECES)


@pytest.mark.parametrize("rules", ["nothing", "some"])
def test_its_last_byte_counts(rules: str,
                              request: pytest.FixtureRequest) -> None:
    filt = request.getfixturevalue(rules)
    msg = signed()
    msg.body = msg.body[:-3] + b"!\r\n"
    names, pieces = told(filt, msg)
    assert "FAIL" in names and "PASS" not in names and pieces == PIECES


def test_a_name_with_a_blank_is_no_way_around(some: Filter) -> None:
    """Whoever takes "DKIM-Signature :" for a signature has all of the body."""
    msg = signed()
    msg.fields[0] = (b"dkim-signature ", msg.fields[0][1])
    names, pieces = told(some, msg)
    assert pieces == PIECES or names == {"NONE", "LIMIT"}


@pytest.mark.parametrize("name", [b"X-Foo\t", b"X-Bar\t", b"Date\t"])
def test_a_tab_before_a_colon(nothing: Filter, name: bytes) -> None:
    """The library refuses all of a message for one, so it sees none but those
    that somebody signed."""
    msg = signed()
    msg.fields.append((name, b" x"))
    names, _ = told(nothing, msg)
    assert ("PASS" in names) == (name != b"Date\t")
    assert ("REFUSED" in names) == (name == b"Date\t")


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_library_refuses_is_told_of_each(nothing: Filter,
                                                  count: int) -> None:
    """A message that it refuses whole is permerror, and not silence."""
    text = letter(body=BODY).to_bytes()
    for _ in range(count):
        text = KEY.sign(text, "example.net")
    msg = message.parse(text)
    msg.fields.append((b"Date\t", b" x"))
    mta = FakeMta(nothing.address)
    greet(mta)
    reply, msg = deliver(mta, msg)
    mta.quit()
    assert reply.kind == "continue"
    assert "REFUSED" in symbols(msg)
    results, = msg.values("Authentication-Results")
    assert re.findall(r"dkim=(\w+)", results) == ["permerror"] * count
    assert 'reason="libopendkim refuses the message"' in results


def test_each_signature_is_told_of(server: DnsServer) -> None:
    """Rules can ask for what the best signature does not say."""
    text = KEY.sign(letter().to_bytes(), "example.net")
    both = LONG.sign(text, "example.com", l="0", t="1000000000")
    each = {"SIZES", "PART", "AGES", "RELATED", "FOREIGN"}
    with Filter(f'set dns_servers "{server.servers}"\n' + OF_EACH) as filt:
        assert told(filt, message.parse(both))[0] == each
        assert told(filt, message.parse(text))[0] == {"RELATED"}
        assert told(filt, letter())[0] == set()


def test_an_empty_body(nothing: Filter) -> None:
    msg = message.parse(KEY.sign(letter(body=b"").to_bytes(), "example.net"))
    assert told(nothing, msg) == ({"PASS", "WHOLE"}, 0)


def test_one_after_the_other(some: Filter) -> None:
    """What one message needed is forgotten with it."""
    mta = FakeMta(some.address)
    greet(mta)
    for msg, names in [(signed(), {"PASS", "WHOLE", "LIMIT"}),
                       (letter(), {"NONE", "SHORT"}),
                       (signed(), {"PASS", "WHOLE", "LIMIT"})]:
        reply, msg = deliver(mta, msg)
        assert reply.kind == "continue" and symbols(msg) == names
    mta.quit()
