"""M1, M2, M6: content that is too much, or not what it seems."""

from __future__ import annotations

import random
import re
from typing import Iterator

import pytest

from conftest import MtaFactory, chosen_mtas
from lib import message
from lib.fakemta import FakeMta
from lib.milter import frame, strings

from . import watch
from .figures import SOAK, figure
from .running import (Filter, deliver, greet, letter, sanitized, serves,
                      symbols)

RULES = """\
set body_limit 1MiB
rule TRUNCATED 1.0 if header.truncated
rule SUBJECT   1.0 if subject is "x"
rule LAST      1.0 if header("X-Last") is "seen"
rule CROWD     1.0 if rcpt.count > 5000
rule BARE_CR   1.0 if header.bare_cr
rule BODY_NUL  1.0 if body.nul
rule BODY_CR   1.0 if body.bare_cr
rule BODY_LF   1.0 if body.bare_lf
rule BAD_FROM  1.0 if not from.is_valid
rule VICTIM    1.0 if from.domain is "victim.example"
verdict reject at 50.0
"""
# faults.md: what one session may take
SESSION_KIB = 4 * 1024 + 1024


@pytest.fixture(scope="module")
def filt() -> Iterator[Filter]:
    with Filter(RULES) as running:
        yield running


def fields(count: int, size: int) -> list[bytes]:
    return [b"X-%d: %s" % (number, b"x" * size) for number in range(count)]


# --- M1: too much ----------------------------------------------------------

# name -> fields before X-Last, recipients, and what must be told
MUCH = {
    "usual": (fields(20, 60), 1, {"LAST"}),
    "1 MiB in 18 fields": (fields(18, 59900), 1, {"TRUNCATED"}),
    "10,000 fields": (fields(10000, 20), 1, {"TRUNCATED"}),
    "10,000 empty fields": ([b"X:"] * 10000, 1, {"TRUNCATED"}),
    "one line of 59,900": (fields(1, 59900), 1, {"LAST"}),
    "a name of 59,900": ([b"X" * 59900 + b": x"], 1, {"LAST"}),
    "10,000 folds": ([b"X: a" + b"\r\n a" * 10000], 1, {"LAST"}),
    "10,000 recipients": ([], 10000, {"LAST", "CROWD"}),
}


@pytest.mark.parametrize("name", MUCH)
def test_much(filt: Filter, name: str) -> None:
    """M1: it is judged, and the facts say where reading has ended."""
    more, recipients, expected = MUCH[name]
    mta = filt.session()
    greet(mta)
    for _ in range(2):  # the second finds nothing of the first
        reply, msg = deliver(mta, letter(b"Subject: x", *more, b"X-Last: seen"),
                             recipients=(b"<b@dest.example>",) * recipients)
        assert reply.kind == "continue"
        assert symbols(msg) == {"SUBJECT"} | expected
    reply, msg = deliver(mta, letter(b"X-Last: seen"))
    assert symbols(msg) == {"LAST"}
    mta.quit()


def test_memory_of_a_session(filt: Filter) -> None:
    """M1: many such messages at a time take a bounded room, and give it back."""
    sessions = 100 if SOAK else 20
    pid = filt.pid
    inspector = watch.inspectors_of(filt.supervisor)[0]
    serves(filt)
    before = watch.resident_kib(pid) + watch.resident_kib(inspector)
    links: list[FakeMta] = []
    big = letter(b"Subject: x", *fields(3000, 100))
    for _ in range(sessions):
        mta = filt.session()
        greet(mta)
        mta.mail(b"<a@example.net>")
        for number in range(1000):
            mta.rcpt(b"<b%d@dest.example>" % number)
        for name, value in big.fields:
            mta.header(name, value)
        mta.link.send(b"B", b"y" * 65535)
        links.append(mta)
    for mta in links:
        mta.link.receive()  # the answer to the body: all was read
    held = (watch.resident_kib(pid) + watch.resident_kib(inspector)
            - before) / sessions
    for mta in links:
        reply = mta.eom(letter())
        assert reply.kind == "continue"
        mta.quit()
    figure("M1", sessions=sessions, kib_per_session=held)
    assert sanitized() or held <= SESSION_KIB
    serves(filt)


def test_too_long_for_a_frame(filt: Filter) -> None:
    """M1: a field beyond the protocol's frames costs its link alone."""
    pid = filt.pid
    mta = filt.session(timeout=5)
    greet(mta)
    mta.mail(b"<a@example.net>")
    try:
        mta.link.send(b"L", strings(b"X", b"x" * 200000))
    except ConnectionError:
        pass
    assert mta.link.closed_by_filter()
    assert filt.pid == pid
    serves(filt)


# --- M2: bytes that end a string elsewhere ---------------------------------


def raw_message(filt: Filter, *frames: bytes) -> set[str]:
    """Symbols of a message whose header and body frames are these."""
    mta = filt.session(timeout=10)
    greet(mta)
    mta.mail(b"<a@example.net>")
    mta.rcpt(b"<b@dest.example>")
    msg = letter()
    for data in frames:
        mta.link.send_raw(data)
        if data[4:5] == b"B":
            mta.link.receive()
    reply = mta.eom(msg)
    assert reply.kind == "continue", reply
    mta.quit()
    return symbols(msg)


def field(name: bytes, value: bytes) -> bytes:
    return frame(b"L", strings(name, value))


FROM = field(b"From", b" a@example.net")
ODD = {
    "nothing odd": ([FROM], set()),
    "bare CR in From": ([field(b"From", b" a@example.net\r x")],
                        {"BARE_CR", "BAD_FROM"}),
    "bare CR that hides a domain":
        ([field(b"From", b" <a@victim.example\r@example.net>")],
         {"BARE_CR", "BAD_FROM"}),
    "bare CR in Subject": ([FROM, field(b"Subject", b" x\rBcc: y")],
                           {"BARE_CR"}),
    "bare LF in a value": ([FROM, field(b"X-Last", b" s\nX-Last: seen")],
                           set()),
    "NUL in From": ([frame(b"L", b"From\0 a@example.net\0@victim.example\0")],
                    set()),
    "NUL in a name": ([FROM, frame(b"L", b"X-La\0st\0 seen\0")], set()),
    "NUL in the body": ([FROM, frame(b"B", b"a\0b\r\n")], {"BODY_NUL"}),
    "NUL first in the body": ([FROM, frame(b"B", b"\0\r\n")], {"BODY_NUL"}),
    "bare CR in the body": ([FROM, frame(b"B", b"a\rb\r\n")], {"BODY_CR"}),
    "bare LF in the body": ([FROM, frame(b"B", b"a\nb\r\n")], {"BODY_LF"}),
    "CR and LF in two frames": ([FROM, frame(b"B", b"a\r"),
                                 frame(b"B", b"\nb\r\n")], set()),
    "bare CR at the end": ([FROM, frame(b"B", b"a\r")], {"BODY_CR"}),
    "NUL after a CR": ([FROM, frame(b"B", b"a\r\0\n")],
                       {"BODY_CR", "BODY_NUL", "BODY_LF"}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_bytes(filt: Filter, name: str) -> None:
    """M2: what is said of the content is what the content is."""
    frames, expected = ODD[name]
    assert raw_message(filt, *frames) == expected


# --- M6: marks that strangers wrote ----------------------------------------


def forged(generator: random.Random, count: int) -> list[bytes]:
    """Fields that bear our mark's name, in odd case and folded."""
    made = []
    for number in range(count):
        name = "".join(generator.choice([c.lower(), c.upper()])
                       for c in "x-steelyard").encode()
        value = generator.choice([
            b" score=-%d.00 verdict=accept symbols=FORGED ref=AAAA-AAAA",
            b"score=-%d.00", b"\r\n score=-%d.00\r\n\tverdict=accept", b"",
            b" ", b" \r\n ", b"\t%d"])
        made.append(name + b":"
                    + (value % number if b"%d" in value else value))
    return made


def mixed(generator: random.Random) -> message.Message:
    """Forged marks among fields of similar names, which must stay."""
    others = [b"X-Steelyard-Other: kept", b"X-Steelyar: kept",
              b"XX-Steelyard: kept", b"X-Steelyard.: kept"]
    lines = forged(generator, 50) + others
    generator.shuffle(lines)
    return letter(*lines)


def kept(msg: message.Message) -> int:
    return sum(len(msg.values(name)) for name in (
        "X-Steelyard-Other", "X-Steelyar", "XX-Steelyard", "X-Steelyard."))


def test_forged_marks(filt: Filter) -> None:
    """M6: fifty copies, anywhere, however written; one is left, ours."""
    generator = random.Random(6)
    rounds = 200 if SOAK else 20
    survivors = 0
    mta = filt.session()
    greet(mta)
    for _ in range(rounds):
        reply, msg = deliver(mta, mixed(generator))
        assert reply.kind == "continue"
        survivors += len(msg.values("X-Steelyard")) - 1
        assert kept(msg) == 4
        assert re.match(r"score=0.00 verdict=accept symbols= ref=\w{4}-\w{4}$",
                        msg.values("X-Steelyard")[0])
    mta.quit()
    figure("M6", mta="fake", messages=rounds, copies=50, survivors=survivors)
    assert survivors == 0


def smtp(dialogue, msg: bytes) -> list[str]:
    """Send one message; the last reply."""
    for line in (b"EHLO relay.example.net", b"MAIL FROM:<a@example.net>",
                 b"RCPT TO:<b@dest.example>", b"DATA"):
        dialogue.send(line + b"\r\n")
        reply = dialogue.reply()
        assert reply[0][:1] in "23", reply
    dialogue.send(msg.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
    return dialogue.reply()


REAL = [name for name in ("postfix", "sendmail") if name in chosen_mtas()]


@pytest.mark.parametrize("name", REAL)
def test_forged_marks_through(name: str, mta_named: MtaFactory) -> None:
    """M6: the same where a real MTA keeps the header and counts the copies."""
    server = mta_named(name)
    generator = random.Random(60)
    survivors = 0
    messages = 20
    with Filter(RULES, socket_path=server.milter_socket):
        for _ in range(messages):
            dialogue = server.session(("192.0.2.10", 0), None)
            dialogue.reply()
            msg = mixed(generator)
            # A blank before the colon: obsolete, and still a field.
            msg.fields.insert(3, (b"X-Steelyard ", b" score=-9.00"))
            reply = smtp(dialogue, msg.to_bytes())
            assert reply[0].startswith("250"), reply
            outcome = server.outcome(server.queue_id(reply))
            dialogue.close()
            header = outcome.data.partition(b"\r\n\r\n")[0]
            marks = re.findall(rb"(?im)^x-steelyard[ \t]*:", header)
            survivors += len(marks) - 1
            assert kept(message.parse(outcome.data)) == 4
    figure("M6", mta=name, messages=messages, copies=51, survivors=survivors)
    assert survivors == 0


@pytest.mark.parametrize("name", REAL)
def test_odd_bytes_through(name: str, mta_named: MtaFactory) -> None:
    """M2: the mark goes to the top of what the MTA keeps, once, in one line."""
    server = mta_named(name)
    odd = [b"Subject: a\0b", b"Subject: a\rb", b"Subject: a\nb: c",
           b"Subject: a\r\r\n b", b"X-\xff: \xff\xfe", b"X: " + b"x" * 30000,
           b"Subject: =?utf-8?q?=0d=0aX-Steelyard:_forged?="]
    refused = 0
    with Filter(RULES, socket_path=server.milter_socket):
        for line in odd:
            dialogue = server.session(("192.0.2.10", 0), None)
            dialogue.reply()
            reply = smtp(dialogue, letter(line, body=b"a\0b\r\n").to_bytes())
            if "Bare" in reply[0]:  # Sendmail 8.17 and later, by itself
                refused += 1
                dialogue.close()
                continue
            assert reply[0].startswith("250"), (line, reply)
            outcome = server.outcome(server.queue_id(reply))
            dialogue.close()
            assert outcome.kind == "delivered"
            marks = re.findall(rb"(?im)^x-steelyard:.*$", outcome.data)
            assert len(marks) == 1, (line, marks)
    figure("M2", mta=name, messages=len(odd), refused_by_mta=refused,
           marks_wrong=0)


