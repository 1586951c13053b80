"""A1, M6: results that strangers wrote in our name, and those of others.

Each field bears a mark of its own, so what an MTA has really queued tells which
of them are left.
"""

from __future__ import annotations

import random
import re
import time
from typing import Iterator

import pytest

from conftest import MtaFactory, chosen_mtas
from lib import message
from lib.mta import HOST

from .figures import SOAK, figure
from .running import Filter, deliver, greet, letter, serves

RULES = "rule SUBJECT 1.0 if subject is \"x\"\nverdict reject at 50.0\n"
REAL = [name for name in ("postfix", "sendmail") if name in chosen_mtas()]
NAME = b"Authentication-Results"
PER_MESSAGE = 25
# Fields that may be forged before a message is refused; and that go where it
# is not.
LIMIT = 1000
OBSERVED_LIMIT = 4000


@pytest.fixture(scope="module")
def filt() -> Iterator[Filter]:
    with Filter(RULES) as running:
        yield running


# --- A1: the variants ------------------------------------------------------

# What stands before our name, how it is written, and what stands behind it:
# any of the first with any of the second and any of the third is ours.
BEFORE = [
    b"", b" ", b"\t", b"\r\n ", b"\r\n\t", b" \r\n  \r\n ", b" (comment) ",
    b"(a)(b) ", b" (nested (twice (thrice))) ", b" (a \\) b) ",
    b" (other.example) ", b" (\r\n folded) ", b" (unended ", b" ((half) ",
    b" ;", b" @", b" <", b" \"\" ", b" \xc2\xa0", b" \xef\xbb\xbf", b" .",
    b" (" + b"x" * 500 + b") ", b" =?utf-8?q?=20?= ",
]
NAMES = [
    HOST.encode(), HOST.upper().encode(), b"Mx.eXample.Org", b"mx.example.org.",
    b"\"mx.example.org\"", b"\"m\\x.example.org\"", b"\"mx.example.org",
    b"mx.(c)example.org", b"mx . example . org", b"mx.exam\r\n ple.org",
    b"mx.example.org(c)", b"m\\x.example.org", b"\"mx\".\"example\".\"org\"",
    b"mx.exam\xc2\xadple.org", b"\xef\xbd\x8dx.example.org",
    b"=?utf-8?q?mx.example.org?=", b"=?utf-8?b?bXguZXhhbXBsZS5vcmc=?=",
    b"=?us-ascii?q?mx.exa?= =?us-ascii?q?mple.org?=", b"mx.ex\xffample.org",
]
BEHIND = [
    b"; ", b";", b" ; ", b" 1; ", b"\r\n ; ", b" (c) 1 (d); ", b" ", b" 1 ",
    b"\r\n\t", b", ", b" other.example; ", b"/1; ", b":25; ", b" (unended ",
    b"; none; ", b"=x; ",
]

# Our name in pieces, each written in any of these ways.
PIECES = [
    [b"m", b"M", b"\"m\"", b"\\m", b"(c)m", b"\xef\xbd\x8d", b"m\xff",
     b"=?x?q?m?="],
    [b"x", b"X", b"x(c)", b"\"x\"", b"x\x01", b"x "],
    [b".", b"\\.", b". ", b"\r\n .", b".(c)"],
    [b"example", b"exa\r\n mple", b"EXAMPLE", b"exam\xc2\xadple",
     b"\"example\"", b"ex\xefample", b"=?x?q?example?=", b"e(x)xample"],
    [b".", b"(c).", b"\".\""],
    [b"org", b"ORG", b"org.", b"or\x7fg", b"o\\rg", b"org(c)"],
]

# Those of others, which must stay.
FOREIGN = [
    b" other.example; ", b" a.mx.example.org; ", b" example.org; ",
    b" mx.example.org.evil.example; ", b" mx.example.organic; ",
    b" mx.example.org-2; ", b" mx-example.org; ", b" my.example.org 1; ",
    b" (mx.example.org) other.example; ", b" other.example (mx.example.org); ",
    b" other.example; smtp.helo=mx.example.org; ", b" \"other.example\"; ",
    b" other.example 1; spf=pass reason=\"mx.example.org; x\"; ",
    b"\r\n other.example;\r\n\tspf=pass smtp.helo=mx.example.org;\r\n\t",
    b" mx.b\xc3\xbccher.example; ", b" other.example; mx.example.org; ",
    b" i=1; mx.example.org; ", b" mx.exampl.org; ", b" mx; ", b" xmx.example.org; ",
]

# Other names of fields: not ours to touch, whatever they say.
OTHER_NAMES = [b"ARC-Authentication-Results", b"X-Authentication-Results",
               b"Authentication-Results-Original",
               b"Original-Authentication-Results", b"Authentication-Result"]


def mark(number: int) -> bytes:
    """What tells one field from all others, and survives an MTA."""
    return b"dkim=pass header.d=v%d.mark" % number


def spelled(generator: random.Random) -> bytes:
    """The field's name, in any case; a blank before the colon is obsolete."""
    name = "".join(generator.choice([c.lower(), c.upper()])
                   for c in NAME.decode()).encode()
    return name + generator.choice([b""] * 9 + [b" "])


def variants(generator: random.Random, count: int) -> list[bytes]:
    """Values that are ours, each another; each part is used in some."""
    made = [(before, b"mx.example.org", b"; ") for before in BEFORE]
    made += [(b" ", name, b"; ") for name in NAMES]
    made += [(b" ", b"mx.example.org", behind) for behind in BEHIND]
    seen = set(made)
    while len(made) < count:
        name = (b"".join(map(generator.choice, PIECES))
                if generator.random() < 0.5 else generator.choice(NAMES))
        parts = (generator.choice(BEFORE), name, generator.choice(BEHIND))
        if parts not in seen:
            seen.add(parts)
            made.append(parts)
    return [b"".join(parts) for parts in made[:count]]


class Fields:
    """Fields of both kinds, in messages, by the numbers in their marks."""

    def __init__(self, seed: int, count: int) -> None:
        generator = random.Random(seed)
        self.forged: set[int] = set()
        self.foreign: set[int] = set()
        self.messages: list[list[bytes]] = []
        values = variants(generator, count)
        generator.shuffle(values)
        number = 0
        for start in range(0, len(values), PER_MESSAGE):
            lines = []
            for value in values[start:start + PER_MESSAGE]:
                number += 1
                self.forged.add(number)
                lines.append(spelled(generator) + b":" + value + mark(number))
            for value in FOREIGN:
                number += 1
                self.foreign.add(number)
                lines.append(spelled(generator) + b":" + value + mark(number))
            for name in OTHER_NAMES:
                number += 1
                self.foreign.add(number)
                lines.append(name + b": mx.example.org; " + mark(number))
            generator.shuffle(lines)
            self.messages.append(lines)


def marks(data: bytes) -> set[int]:
    """The numbers of the fields that are left in a message's header."""
    header = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0]
    return {int(found) for found in re.findall(rb"d=v(\d+)\.mark", header)}


def first_field(data: bytes) -> bytes:
    """The topmost field, unfolded."""
    field = re.match(rb"(?s).*?\r?\n(?![ \t])", data)
    assert field
    return re.sub(rb"\s+", b" ", field.group(0)).strip()


def is_our_own(data: bytes) -> bool:
    """On top stands one field of ours, and then our mark."""
    rest = re.sub(rb"\r?\n[ \t]+", b" ", data)
    return re.match(rb"Authentication-Results: mx\.example\.org;.*\r?\n"
                    rb"X-Steelyard: ", rest) is not None


def smtp(dialogue, data: bytes) -> list[str]:
    """Send one message; the last reply."""
    for line in (b"EHLO relay.example.net", b"MAIL FROM:<a@example.net>",
                 b"RCPT TO:<b@dest.example>", b"DATA"):
        dialogue.send(line + b"\r\n")
        reply = dialogue.reply()
        assert reply[0][:1] in "23", reply
    dialogue.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
    return dialogue.reply()


def text_of(lines: list[bytes]) -> bytes:
    """A message with these fields among its own, as they are."""
    return b"".join(line + b"\r\n" for line in (
        b"From: a@example.net", *lines, b"Message-ID: <1@example.net>",
        b"Date: Mon, 1 Jan 2024 00:00:00 +0000", b"", b"Text."))


def through(server, lines: list[bytes]) -> bytes | None:
    """What the MTA hands on; None if it takes no such thing by itself."""
    dialogue = server.session(("192.0.2.10", 0), None)
    dialogue.reply()
    reply = smtp(dialogue, text_of(lines))
    if reply[0].startswith("250"):
        data = server.outcome(server.queue_id(reply)).data
        dialogue.close()
        return data
    dialogue.close()
    assert "Bare" in reply[0] or "Headers too large" in reply[0], reply
    return None


def test_forged_results(filt: Filter) -> None:
    """A1: 200 variants among foreign ones, at the fake MTA."""
    fields = Fields(1, 2000 if SOAK else 200)
    left: set[int] = set()
    mta = filt.session()
    greet(mta)
    for lines in fields.messages:
        reply, msg = deliver(mta, message.parse(text_of(lines)))
        assert reply.kind == "continue"
        left |= marks(msg.to_bytes())
        assert is_our_own(msg.to_bytes())
    mta.quit()
    figure("A1", mta="fake", variants=len(fields.forged),
           foreign=len(fields.foreign), survivors=len(left & fields.forged),
           wrongly_removed=len(fields.foreign - left))
    assert not left & fields.forged
    assert left == fields.foreign


@pytest.mark.parametrize("name", REAL)
def test_forged_results_through(name: str, mta_named: MtaFactory) -> None:
    """A1: the same, in what a real MTA has queued."""
    server = mta_named(name)
    fields = Fields(2, 1000 if SOAK else 200)
    left: set[int] = set()
    with Filter(RULES, socket_path=server.milter_socket):
        for lines in fields.messages:
            data = through(server, lines)
            assert data is not None
            left |= marks(data)
            assert is_our_own(data), data[:400]
    figure("A1", mta=name, variants=len(fields.forged),
           foreign=len(fields.foreign), survivors=len(left & fields.forged),
           wrongly_removed=len(fields.foreign - left))
    assert not left & fields.forged
    assert left == fields.foreign


# Each alone in its message, with a foreign one on either side: an MTA may show
# something else than it keeps, or take no such message.
ALONE = {
    "6 KiB of comment": b" (" + b"x" * 6000 + b") mx.example.org; ",
    "20 KiB of folds": b"\r\n " * 6000 + b"mx.example.org; ",
    "20 KiB behind": b" mx.example.org; " + b"spf=fail;\r\n " * 1600,
    "20 KiB of a value": b" mx.example.org; x=\"" + b"y" * 20000 + b"\"; ",
    "40 results": b" mx.example.org" + b"; spf=pass smtp.helo=x" * 40 + b"; ",
    "1,000 comments": b" " + b"(x)" * 1000 + b"mx.example.org; ",
    "1,000 levels": b" " + b"(" * 1000 + b")" * 1000 + b"mx.example.org; ",
    "a NUL before": b" \0mx.example.org; ",
    "a NUL within": b" mx.\0example.org; ",
    "a NUL behind": b" mx.example.org\0; ",
    "a bare CR before": b" \rmx.example.org; ",
    "a bare CR within": b" mx.exa\rmple.org; ",
    "a control character": b" mx.exa\x01mple.org; ",
    "DEL": b" \x7fmx.example.org; ",
    "a bare LF before": b"\n mx.example.org; ",
    "70 KiB of comment": b" (" + b"x\r\n " * 17000 + b") mx.example.org; ",
}


@pytest.mark.parametrize("name", REAL)
def test_awkward_results_through(name: str, mta_named: MtaFactory) -> None:
    """A1: nor do those survive that an MTA shows otherwise than it keeps."""
    server = mta_named(name)
    survivors, refused, removed = [], [], []
    with Filter(RULES, socket_path=server.milter_socket):
        for case, value in ALONE.items():
            data = through(server, [
                NAME + b": other.example; " + mark(1),
                NAME + b":" + value + mark(2),
                NAME + b": other.example; " + mark(3)])
            if data is None:
                refused.append(case)
                continue
            left = marks(data)
            survivors += [case] if 2 in left else []
            removed += [case] if not {1, 3} <= left else []
    figure("A1", mta=name, awkward=len(ALONE), refused_by_mta=len(refused),
           survivors=len(survivors), wrongly_removed=len(removed))
    assert not survivors
    assert not removed


# --- A1: Received-SPF -----------------------------------------------------------

SPF_NAME = b"Received-SPF"
SPF_RULES = "set received_spf on\n" + RULES


def spf_fields() -> tuple[list[bytes], set[int]]:
    """Such fields, each with a mark, and the numbers of those that are ours."""
    ours = [b" pass receiver=" + before + b"mx.example.org; "
            for before in BEFORE]
    ours += [b" pass receiver=" + name + b"; " for name in NAMES]
    ours += [b" pass (mx.example.org: x) ", b" pass\r\n (Mx.Example.Org ) ",
             b"fail(mx.example.org: x)receiver=other.example; ",
             b" pass RECEIVER\r\n\t=\r\n mx.example.org; ",
             b" pass x=\"y; receiver (z) =mx.example.org; "]
    foreign = [b" pass (other.example: domain of mx.example.org) ",
               b" pass client-ip=192.0.2.1; helo=mx.example.org; ",
               b" pass receiver=other.example; ", b" pass ",
               b" pass receiver=mx.example.org.other.example; ",
               b" pass receiver=a.mx.example.org; helo=mx.example.org; ",
               b" pass (domain of a@mx.example.org) receiver=x.example; "]
    lines = [SPF_NAME + b":" + value + mark(number)
             for number, value in enumerate(ours + foreign)]
    random.Random(7).shuffle(lines)
    return lines, set(range(len(ours)))


def names_on_top(data: bytes, count: int) -> list[bytes]:
    """Of the topmost fields."""
    return re.findall(rb"(?m)^([A-Za-z-]+):", data)[:count]


@pytest.mark.parametrize("name", REAL)
def test_received_spf_through(name: str, mta_named: MtaFactory) -> None:
    """A1: it stands below Authentication-Results, and none says it is ours."""
    server = mta_named(name)
    lines, forged = spf_fields()
    with Filter(SPF_RULES, socket_path=server.milter_socket):
        data = through(server, lines)
        assert data is not None
        left = marks(data)
        figure("A1", mta=name, received_spf=len(forged),
               foreign=len(lines) - len(forged), survivors=len(left & forged),
               wrongly_removed=len(lines) - len(forged | left))
        assert left == set(range(len(lines))) - forged
        assert names_on_top(data, 4) == [NAME, SPF_NAME, SPF_NAME,
                                         b"X-Steelyard"]
        rest = re.sub(rb"\r?\n[ \t]+", b" ", data)
        assert re.findall(rb"receiver=mx\.example\.org; identity=(\w+)",
                          rest) == [b"mailfrom", b"helo"]


def test_received_spf_too_many() -> None:
    """M6: more than can be removed are refused."""
    with Filter(SPF_RULES) as filt:
        mta = filt.session()
        greet(mta)
        fields = [SPF_NAME + b": pass receiver=mx.example.org; " + mark(n)
                  for n in range(LIMIT + 1)]
        reply, msg = deliver(mta, letter(*fields[1:]))
        assert reply.kind == "continue"
        assert not marks(msg.to_bytes())
        reply, _ = deliver(mta, letter(*fields))
        assert reply.kind == "text"
        assert reply.text[0].startswith("552 5.3.4 Too many Received-SPF")
        mta.quit()


# --- M6: many ----------------------------------------------------------------


def crowd(count: int) -> list[bytes]:
    """So many forged fields, and a foreign one after each ten."""
    lines = []
    for number in range(count):
        lines.append(NAME + b": mx.example.org; " + mark(number + 1))
        if number % 10 == 9:
            lines.append(NAME + b": other.example; " + mark(count + number))
    return lines


def numbered(left: set[int], count: int) -> tuple[int, int]:
    """How many forged and how many foreign ones of a crowd are left."""
    forged = {n for n in left if n <= count}
    return len(forged), len(left - forged)


@pytest.mark.parametrize("name", REAL)
def test_crowd_through(name: str, mta_named: MtaFactory) -> None:
    """M6: a thousand are removed, in a time that no client minds."""
    server = mta_named(name)
    # Sendmail takes 32 KiB of header.
    count = LIMIT if name == "postfix" else 400
    with Filter(RULES, socket_path=server.milter_socket):
        began = time.monotonic()
        data = through(server, crowd(count))
        took = time.monotonic() - began
    assert data is not None
    survivors, kept = numbered(marks(data), count)
    figure("M6", mta=name, forged=count, survivors=survivors,
           wrongly_removed=count // 10 - kept, seconds=took)
    assert (survivors, kept) == (0, count // 10)
    assert is_our_own(data)
    assert took < 20


def test_too_many(filt: Filter) -> None:
    """M6: more than can be removed are refused, and the next one passes."""
    mta = filt.session()
    greet(mta)
    reply, _ = deliver(mta, letter(*crowd(LIMIT + 1)))
    assert reply.kind == "text"
    assert reply.text[0].startswith("552 5.3.4 Too many")
    began = time.monotonic()
    reply, msg = deliver(mta, letter(*crowd(LIMIT)))
    took = time.monotonic() - began
    assert reply.kind == "continue"
    assert numbered(marks(msg.to_bytes()), LIMIT) == (0, LIMIT // 10)
    figure("M6", mta="fake", forged=LIMIT, seconds=took)
    mta.quit()


@pytest.mark.parametrize("extra", [0, 5])
def test_too_many_observed(extra: int) -> None:
    """M6: observing, nothing is refused; of very many the topmost go."""
    count = OBSERVED_LIMIT + extra
    with Filter("set mode observe\n" + RULES) as filt:
        mta = filt.session()
        greet(mta)
        fields = [NAME + b": mx.example.org; " + mark(n + 1)
                  for n in range(count)]
        reply, msg = deliver(mta, letter(*fields))
        assert reply.kind == "continue"
        assert marks(msg.to_bytes()) == set(range(OBSERVED_LIMIT + 1,
                                                  count + 1))
        assert is_our_own(msg.to_bytes())
        mta.quit()
        serves(filt)


# --- whose name is ours ----------------------------------------------------------


def delivered(filt: Filter, *fields: bytes, macros: dict[str, str] | None = None,
              ) -> message.Message:
    """One message, from an MTA that calls itself `j`."""
    mta = filt.session()
    mta.macros.update(macros or {})
    greet(mta)
    reply, msg = deliver(mta, letter(*fields))
    assert reply.kind == "continue"
    mta.quit()
    return msg


def test_the_name_that_is_set() -> None:
    """A1: it is that of the setting, and not also the MTA's."""
    with Filter("set authserv_id \"Auth.Example.COM\"\n" + RULES) as filt:
        msg = delivered(filt, NAME + b": auth.example.com; " + mark(1),
                        NAME + b": mx.example.org; " + mark(2))
        assert marks(msg.to_bytes()) == {2}
        assert msg.values(NAME.decode())[0].startswith("auth.example.com;")


def test_the_name_of_the_mta(filt: Filter) -> None:
    """A1: each connection has the name that its MTA gives itself."""
    for host in ("a.example", "b.example"):
        msg = delivered(filt, NAME + b": a.example; " + mark(1),
                        NAME + b": b.example; " + mark(2),
                        macros={"j": host})
        assert msg.values(NAME.decode())[0].startswith(f"{host};")
        assert marks(msg.to_bytes()) == {2 if host == "a.example" else 1}


def test_without_a_name(filt: Filter) -> None:
    """A1: without any the machine's own serves."""
    import socket

    msg = delivered(filt, macros={"j": ""})
    host = socket.gethostname().lower()
    assert msg.values(NAME.decode())[0].split(";")[0] in (host, "localhost")


def test_exempt_messages() -> None:
    """A1: of those nothing is told, but what is forged goes all the same."""
    with Filter("exempt if client.ip is 192.0.2.10\n" + RULES) as filt:
        msg = delivered(filt, NAME + b": mx.example.org; " + mark(1),
                        NAME + b": other.example; " + mark(2))
        assert marks(msg.to_bytes()) == {2}
        assert len(msg.values(NAME.decode())) == 1
        assert "verdict=exempt" in msg.values("X-Steelyard")[0]


def test_messages_do_not_mix(filt: Filter) -> None:
    """A1: what one message bore is not removed from the next."""
    mta = filt.session()
    greet(mta)
    for count in (3, 0, 1, 2):
        fields = [NAME + b": other.example; " + mark(99)]
        fields += [NAME + b": mx.example.org; " + mark(n) for n in range(count)]
        reply, msg = deliver(mta, letter(*fields))
        assert reply.kind == "continue"
        assert marks(msg.to_bytes()) == {99}
    mta.quit()
