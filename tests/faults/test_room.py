"""What a stranger sends cannot take the room that judging him needs."""

from __future__ import annotations

import re

import pytest

from lib import message

from .running import (Filter, await_line, deliver, envelope, greet, letter,
                      log_words, symbols)

ABSENT = """
rule NO_ID   20.0 if message_id is none
rule NO_DATE 20.0 if header("Date") is none
rule NO_FROM 20.0 if from.count is 0
rule SPAM    20.0 if subject is "spam"
verdict reject at 10.0
"""
GOOD = (b"From: a@x.example", b"Date: Mon, 1 Jan 2024 00:00:00 +0000",
        b"Message-ID: <1@x.example>")


def crowd(count: int, length: int) -> tuple[bytes, ...]:
    """As many recipients, with local parts of that length."""
    return tuple(b"<%d%s@dest.example>" % (n, b"x" * length)
                 for n in range(count))


def many(filt: Filter, recipients: tuple[bytes, ...], subject: bytes):
    """The last reply to a message for many, and the message."""
    mta = filt.session(timeout=20)
    greet(mta)
    assert not envelope(mta, recipients=recipients).refuses
    fields = b"\r\n".join((*GOOD, b"Subject: " + subject))
    msg = message.parse(fields + b"\r\n\r\nText.\r\n")
    reply = mta.content(msg)
    mta.quit()
    return reply, msg


@pytest.mark.parametrize("count, length", [(1, 4), (900, 1900), (3000, 1900)])
def test_recipients_do_not_hide_the_header(count: int, length: int) -> None:
    """M1: neither is spam let through, nor a good message refused."""
    with Filter(ABSENT) as filt:
        recipients = crowd(count, length)
        reply, _ = many(filt, recipients, b"spam")
        assert reply.kind == "text" and reply.text[0].startswith("550"), reply
        reply, msg = many(filt, recipients, b"ok")
        assert not reply.refuses, reply
        assert not symbols(msg) and len(msg.values("X-Steelyard")) == 1


def test_refused_recipients_leave_nothing_behind() -> None:
    """The last of thousands is still told from the others."""
    with Filter('rule BAD 20.0 if rcpt.local is "bad"\n'
                "verdict reject at 10.0\n") as filt:
        mta = filt.session(timeout=20)
        greet(mta)
        mta.mail(b"<a@example.net>")
        for _ in range(3000):
            assert mta.rcpt(b'<bad@%s.example>' % (b"d" * 60)).refuses
        assert not mta.rcpt(b"<good@dest.example>").refuses
        assert mta.rcpt(b"<bad@dest.example>").refuses
        mta.abort()
        mta.quit()


def test_many_rules_for_many_recipients() -> None:
    """Judging a thousand takes no more room than judging one."""
    rules = "".join(f'rule R{n} 0.1 if helo.name is "h{n}"\n'
                    for n in range(3000))
    with Filter("set split_classes off\n" + rules
                + 'class open if rcpt.local is "postmaster" '
                  "{ verdict reject never }\nverdict reject at 10.0\n") as filt:
        reply, msg = many(filt, crowd(1000, 4), b"ok")
        assert not reply.refuses and msg.values("X-Steelyard")


@pytest.mark.parametrize("order", [(b"<strict@d.example>", b"<b@d.example>"),
                                   (b"<b@d.example>", b"<strict@d.example>")])
def test_data_speaks_for_everybody(order: tuple[bytes, ...]) -> None:
    """What may yet save one recipient keeps DATA from being refused."""
    with Filter("""
set split_classes off
set earliest_refusal data
rule BAD 9.0 if helo.name is "bad.example"
rule GOOD -5.0 if header("X-Good") ~ /yes/
verdict reject at 8.0
class strict if rcpt.local is "strict" { verdict reject at 3.0 }
""") as filt:
        mta = filt.session()
        greet(mta, helo=b"bad.example")
        assert not envelope(mta, recipients=order).refuses
        reply = mta.content(letter(b"X-Good: yes"))
        assert not reply.refuses, reply
        mta.quit()


def told(filt: Filter, event: str, ref: str) -> dict[str, str]:
    """The words of the event's line that has this reference."""
    await_line(filt, event, 1)
    for line in filt.lines(event):
        words = dict(log_words(line))
        if words["ref"] == ref:
            return words
    raise AssertionError(f"{ref} is not in the log")


def reference(text: str) -> str:
    found = re.search(r"\(ref (....-....)\)$", text)
    assert found, text
    return found.group(1)


def test_each_reference_leads_to_its_reason() -> None:
    """Also that of a recipient whose neighbour was taken."""
    with Filter('rule BAD 20.0 if rcpt.local is "bad"\n'
                'rule ILL 30.0 if rcpt.local is "ill"\n'
                "verdict reject at 10.0\n") as filt:
        mta = filt.session()
        greet(mta)
        mta.mail(b"<a@example.net>")
        refs = {}
        for name in (b"bad", b"ill", b"good", b"bad"):
            reply = mta.rcpt(b"<%s@dest.example>" % name)
            if name != b"good":
                refs[reference(reply.text[0])] = name.decode()
        assert len(refs) == 3
        mta.data()
        msg = letter()
        mta.content(msg)
        mta.quit()
        for ref, name in refs.items():
            words = told(filt, "rcpt", ref)
            assert words["verdict"] == "reject"
            assert words["symbols"] == name.upper()
            assert words["rcpt"] == f"{name}@dest.example"
        mark = re.search(r"ref=(\S+)", msg.values("X-Steelyard")[0])
        assert mark and mark.group(1) not in refs
        assert told(filt, "mail", mark.group(1))["verdict"] == "accept"


def test_a_busy_filter_says_so_in_the_log() -> None:
    with Filter("set max_sessions 1\nverdict reject at 10.0\n") as filt:
        first, second = filt.session(), filt.session()
        greet(first)
        reply = second.connect("relay.example.net", "192.0.2.10", 1)
        assert reply.text[0].startswith("421 4.3.2")
        words = told(filt, "busy", reference(reply.text[0]))
        assert words["reply"] == "421"
        first.quit()
        second.quit()


def test_a_flood_of_forged_marks_is_refused() -> None:
    """Removing them would cost the MTA the square of their number."""
    with Filter("verdict reject at 10.0\n") as filt:
        for count, refused in ((200, False), (201, True), (5000, True)):
            mta = filt.session(timeout=20)
            greet(mta)
            envelope(mta)
            msg = letter(*[b"X-Steelyard: forged"] * count)
            reply = mta.content(msg)
            assert reply.refuses == refused, count
            if refused:
                assert reply.text[0].startswith("552 5.3.4")
            else:
                assert len(msg.values("X-Steelyard")) == 1
            mta.quit()
