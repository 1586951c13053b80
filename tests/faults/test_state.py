"""P10, P11: nothing of one message is known of the next.

A link is driven through random messages with commands and macros left out,
repeated or broken off; what each message's mark must list follows from that
message and the newest HELO alone.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Iterator

import pytest

from lib import message
from lib.fakemta import FakeMta
from lib.milter import Step, frame, strings

from .figures import SOAK, figure, rounds
from .running import (Filter, await_line, deliver, greet, letter, log_words,
                      symbols)

RULES = """\
rule HELO_A   1.0 if helo.name is "a.example"
rule HELO_B   1.0 if helo.name is "b.example"
rule SENDER_A 1.0 if sender.local is "a"
rule SENDER_B 1.0 if sender.local is "b"
rule SIZED    1.0 if sender.size > 0
rule LOGIN    1.0 if client.auth
rule TO_A     1.0 if rcpt.local is "a"
rule TWO      1.0 if rcpt.count > 1
rule SUBJ_A   1.0 if subject is "a"
rule SUBJ_B   1.0 if subject is "b"
rule TWICE    1.0 if header("X-Twice") is "yes"
rule BIG      1.0 if body.size > 100
rule BODILESS 1.0 if body.size < 1
verdict reject at 50.0
set split_classes off
"""


@pytest.fixture(scope="module")
def filt() -> Iterator[Filter]:
    with Filter(RULES) as running:
        yield running


@dataclasses.dataclass
class Letter:
    """One random message, and how far the MTA gets with it."""

    helo: bytes | None
    sender: bytes
    sized: bool
    login: bool
    recipients: list[bytes]
    subject: bytes | None
    twice: bool
    big: bool
    steps: int  # of MAIL, RCPT, DATA, header, body; 6: also the end
    leave: str  # how an unfinished one ends: abort, mail (a new one), helo

    def expected(self, helo: bytes) -> set[str]:
        marks = {"a.example": "HELO_A", "b.example": "HELO_B"}
        found = {marks.get(helo.decode(), "")}
        found.add({b"a": "SENDER_A", b"b": "SENDER_B"}.get(self.sender, ""))
        found |= {"SIZED"} if self.sized else set()
        found |= {"LOGIN"} if self.login else set()
        # With split_classes off one recipient's verdict speaks for all: the
        # mildest, and the first of equals.
        found |= {"TO_A"} if self.recipients[0] == b"a" else set()
        found |= {"TWO"} if len(self.recipients) > 1 else set()
        found |= {"SUBJ_" + self.subject.decode().upper()} \
            if self.subject else set()
        found |= {"TWICE"} if self.twice else set()
        found |= {"BIG" if self.big else "BODILESS"}
        return found - {""}


def random_letter(generator: random.Random) -> Letter:
    def maybe(*choices):
        return generator.choice(choices)

    return Letter(
        helo=maybe(None, None, b"a.example", b"b.example", b"c.example"),
        sender=maybe(b"a", b"b", b"c"), sized=maybe(True, False),
        login=maybe(True, False),
        recipients=[maybe(b"a", b"b", b"c")
                    for _ in range(generator.randint(1, 3))],
        subject=maybe(None, b"a", b"b"), twice=maybe(True, False),
        big=maybe(True, False), steps=maybe(1, 2, 3, 4, 5, 6, 6, 6, 6),
        leave=maybe("abort", "mail", "helo"))


def say(mta: FakeMta, what: Letter, generator: random.Random
        ) -> message.Message | None:
    """Send as much of it as it has steps; the message if it got to its end."""
    if what.helo:
        mta.helo(what.helo)
    mta.macros.update({"i": f"Q{generator.randrange(10**9)}"})
    if generator.random() < 0.2:
        mta.macros.pop("i")
    for name in ("{auth_type}", "{auth_authen}"):
        mta.macros.pop(name, None)
        if what.login:
            mta.macros[name] = "PLAIN"
    words = [b"SIZE=1000"] if what.sized else []
    mta.mail(b"<" + what.sender + b"@example.net>", *words)
    if what.steps == 1:
        return None
    for recipient in what.recipients:
        mta.rcpt(b"<" + recipient + b"@dest.example>")
    if what.steps == 2:
        return None
    mta.data()
    fields = [b"Subject: " + what.subject] if what.subject else []
    fields += [b"X-Twice: yes"] if what.twice else []
    msg = letter(*fields, body=b"x" * 200 if what.big else b"")
    if what.steps == 3:
        return None
    if what.steps < 6:
        for name, value in msg.fields:
            mta.header(name, value)
        if what.steps == 5 and msg.body:
            mta.link.send(b"B", msg.body)
            mta.link.receive()
        return None
    reply = mta.content(msg)
    assert reply.kind == "continue", reply
    return msg


def test_random_sessions(filt: Filter) -> None:
    """P10: many messages a link, some broken off; each judged by itself."""
    links = 2000 if SOAK else 60
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    judged = wrong = 0
    for _ in range(links):
        mta = filt.session()
        helo = b"c.example"
        greet(mta, helo)
        for _ in range(generator.randint(2, 12)):
            what = random_letter(generator)
            helo = what.helo or helo
            msg = say(mta, what, generator)
            if msg:
                judged += 1
                if symbols(msg) != what.expected(helo):
                    wrong += 1
                    print(what, helo, symbols(msg))
            elif what.leave == "abort":
                mta.abort()
            elif what.leave == "helo":
                mta.abort()
                helo = b"c.example"
                mta.helo(helo)
            # "mail": nothing says that it is over but the next MAIL
        mta.link.close()
    figure("P10", links=links, messages=judged, wrong=wrong, seed=seed)
    assert wrong == 0, f"seed {seed}"


def test_no_macros_at_all(filt: Filter) -> None:
    """P10: an MTA that sends no macros; the log has no queue id then."""
    mta = filt.session(macros={stage: [] for stage in (
        "connect", "helo", "mail", "rcpt", "data", "eoh", "eom")})
    mta.macros.clear()
    greet(mta)
    before = len(filt.lines("mail"))
    for _ in range(3):
        reply, msg = deliver(mta)
        assert reply.kind == "continue"
        assert "LOGIN" not in symbols(msg)
    mta.quit()
    for line in await_line(filt, "mail", before + 3)[before:]:
        assert dict(log_words(line))["qid"] == "-"


def test_queue_id_is_the_message_s_own(filt: Filter) -> None:
    """P10: the log names each message by its own id, never the last one's."""
    before = len(filt.lines("mail"))
    mta = filt.session()
    greet(mta)
    ids = ["FIRST", None, "THIRD", None]
    for name in ids:
        mta.macros.pop("i", None)
        if name:
            mta.macros["i"] = name
        assert deliver(mta)[0].kind == "continue"
    mta.quit()
    lines = await_line(filt, "mail", before + 4)[before:]
    assert [dict(log_words(line))["qid"] for line in lines] == [
        "FIRST", "-", "THIRD", "-"]


EXEMPT = """\
exempt if client.auth or sender.domain is "friend.example" or rcpt.local is "friend"
rule BAD 20.0 if subject is "bad"
rule SENDER 20.0 if sender.local is "bad"
verdict reject at 10.0
set split_classes off
"""


def test_accepted_early_then_judged() -> None:
    """P11: what exempted one message does not exempt the next."""
    wrong = 0
    with Filter(EXEMPT) as filt:
        mta = filt.session()
        greet(mta)
        cases = [
            (b"<a@friend.example>", b"<b@dest.example>", False),
            (b"<a@example.net>", b"<b@dest.example>", True),
            (b"<a@friend.example>", b"<b@dest.example>", False),
            (b"<a@example.net>", b"<friend@dest.example>", False),
            (b"<a@example.net>", b"<b@dest.example>", True),
            (b"<bad@example.net>", b"<friend@dest.example>", False),
            (b"<bad@example.net>", b"<b@dest.example>", True),
            (b"<a@example.net>", b"<b@dest.example>", True),
        ]
        for sender, recipient, refused in cases * 3:
            reply, _ = deliver(mta, letter(b"Subject: bad"), sender=sender,
                               recipients=(recipient,))
            if reply.refuses != refused:
                wrong += 1
                print(sender, recipient, reply)
            if reply.refuses:
                mta.abort()
        mta.quit()
    figure("P11", messages=len(cases) * 3, wrong=wrong)
    assert wrong == 0


# What a confused MTA sends before a message that must be judged as ever.
CONFUSED = {
    "DATA without MAIL": [(b"T", b"")],
    "RCPT without MAIL": [(b"R", strings(b"<a@dest.example>"))],
    "header without MAIL": [(b"L", strings(b"Subject", b" a"))],
    "body without MAIL": [(b"B", b"x" * 200)],
    "end without MAIL": [(b"E", b"")],
    "abort without MAIL": [(b"A", b"")],
    "MAIL and DATA without RCPT": [(b"M", strings(b"<b@example.net>")),
                                   (b"T", b"")],
    "MAIL and end without anything": [(b"M", strings(b"<b@example.net>")),
                                      (b"E", b"")],
    "MAIL twice": [(b"M", strings(b"<b@example.net>")),
                   (b"M", strings(b"<b@example.net>", b"SIZE=1"))],
    "HELO within a message": [(b"M", strings(b"<b@example.net>")),
                              (b"H", strings(b"c.example"))],
}


@pytest.mark.parametrize("name", CONFUSED)
def test_commands_out_of_order(filt: Filter, name: str) -> None:
    """P11: a verdict afterwards is that of the message alone."""
    mta = filt.session(timeout=5)
    greet(mta, b"c.example")
    for letter_, data in CONFUSED[name]:
        mta.link.send(letter_, data)
    # Unanswered steps stay unanswered; a link that was closed is an answer.
    mta.link.send(b"A")
    mta.link.send_raw(frame(b"D", b"M"))
    fresh = False
    try:
        mta.link.sock.settimeout(0.1)
        try:
            while mta.link.sock.recv(65536):
                pass
            fresh = True
        except TimeoutError:
            pass
    except ConnectionError:
        fresh = True
    mta.link.sock.settimeout(5)
    if fresh:
        mta = filt.session(timeout=5)
        greet(mta, b"c.example")
    for _ in range(2):
        reply, msg = deliver(mta, letter(b"Subject: a", body=b""),
                             sender=b"<a@example.net>",
                             recipients=(b"<c@dest.example>",))
        assert reply.kind == "continue"
        assert symbols(msg) == {"SENDER_A", "SUBJ_A", "BODILESS"}
    mta.quit()


def test_nothing_is_negotiated_that_mixes_answers(filt: Filter) -> None:
    """P10: steps without a reply stay so, whatever was refused before."""
    mta = filt.session()
    assert mta.negotiated.steps & Step.NR_HELO
    greet(mta)
    for _ in range(rounds(1000)):
        assert deliver(mta)[0].kind == "continue"
    # Nothing more has come than was waited for.
    mta.link.sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        mta.link.sock.recv(1)
    mta.link.sock.setblocking(True)
    mta.quit()


