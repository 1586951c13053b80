"""C3, C6: what strangers write never becomes words of ours."""

from __future__ import annotations

import itertools
import random
import re

from lib import message
from lib.fakemta import FakeMta
from lib.milter import strings

from .figures import SOAK, figure
from .running import (LOG_LINE, Filter, await_line, deliver, envelope, greet,
                      letter, log_words, symbols, unescape)

# --- C3: lines of the log --------------------------------------------------

EVIL = [
    b"\r\nsteelyard: event=forged level=info",
    b"\nsteelyard: event=mail level=info ref=AAAA-AAAA",
    b"\rsteelyard: event=forged",
    b" verdict=accept forged=1", b"\tforged=1", b'" forged="1', b"=", b"\\x41",
    b"\\", b"%s%n%x%1$s%%", b"\x1b[2J\x1b]0;pwned\x07", b"\x7f\x08\x08\x08",
    b"\xc2\x85event=forged", b"\xe2\x80\xaeforged", b"\xe2\x80\xa8event=forged",
    b"\xff\xfe", b"\xc0\x80", b"\x9b2J", b"x" * 5000, b"\x01" * 300, b"",
]

RULES = """\
rule HEADER 1.0 if header("X-Evil") ~ /./
rule REFUSED 20.0 if rcpt.local is "refused"
verdict reject at 10.0 reply "550 5.7.1 No: %{hits} %{client.ip}"
"""


def say_evil(mta: FakeMta, evil: bytes) -> None:
    """One message with `evil` wherever a stranger may write."""
    mta.macros.update({"i": evil.decode("latin-1").replace("\0", ""),
                       "{auth_authen}": "x" + evil.decode("latin-1"),
                       "{auth_type}": "PLAIN"})
    mta.link.send(b"C", strings(b"name" + evil) + b"4\0\x19"
                  + strings(b"192.0.2.10"))
    mta.helo(b"helo" + evil)
    mta.mail(b"<a" + evil + b"@example.net>", b"SIZE=" + evil, evil)
    mta.rcpt(b"<refused@dest.example>")
    mta.rcpt(b"<b" + evil + b"@dest.example>", evil)
    mta.data()
    for name, value in letter().fields:
        if name not in (b"From", b"Message-ID"):
            mta.header(name, value)
    mta.link.send(b"L", strings(b"From", b' "x' + evil + b'" <a@example.net>'))
    mta.link.send(b"L", strings(b"Message-ID", b" <" + evil + b"@x>"))
    mta.link.send(b"L", strings(b"Subject", b" " + evil))
    mta.link.send(b"L", strings(b"X-Evil" + evil.replace(b"\0", b""), b" y"))
    mta.link.send(b"L", strings(b"X-Evil", b" " + evil))
    mta.eom(message.parse(b"\r\n"))
    mta.quit()


def test_log_lines_cannot_be_forged() -> None:
    """C3: one event is one line, its values escaped and cut."""
    evils = EVIL + ([bytes([byte]) for byte in range(1, 256)] if SOAK else
                    [bytes([byte]) for byte in range(1, 256, 5)])
    forged = 0
    with Filter(RULES) as filt:
        for evil in evils:
            say_evil(filt.session(), evil)
        await_line(filt, "mail", len(evils))
        log = (filt.work / "log").read_bytes()
    lines = log.decode("ascii").splitlines()  # nothing else is in it
    assert re.fullmatch(rb"[\n -~]*", log)
    mails = 0
    for line in lines:
        assert LOG_LINE.fullmatch(line), line
        forged += " event=forged" in line or line.startswith(
            "steelyard: event=forged")
        if " event=mail " not in line:
            continue
        words = list(log_words(line))
        names = [name for name, _ in words]
        forged += "forged" in names or len(names) != len(set(names))
        assert all(len(unescape(value)) <= 100 + len("...")
                   for _, value in words)
        told = dict(words)
        assert told["helo"].startswith("helo"), line
        evil = evils[mails]
        assert told["helo"] == "helo" + escaped(evil, 96)
        assert told["name"] == "name" + escaped(evil, 96)
        mails += 1
    figure("C3", messages=len(evils), lines=len(lines), forged_lines=forged)
    assert mails == len(evils)
    assert forged == 0


def escaped(text: bytes, room: int) -> str:
    """What the log makes of a stranger's text, of which `room` is shown."""
    shown = "".join(chr(byte) if 0x21 <= byte <= 0x7e and chr(byte) not in
                    '"\\=' else f"\\x{byte:02x}" for byte in text[:room])
    return shown + ("..." if len(text) > room else "")


# --- C6: replies -----------------------------------------------------------


def refusals(mta: FakeMta) -> list[str]:
    """The lines of a refusal; FakeMta has checked their form."""
    reply = envelope(mta)
    assert reply.kind == "text", reply
    mta.abort()
    return reply.text


def refusing(reply: str, *rules: str) -> str:
    return "\n".join([*rules, f'verdict reject at 10.0 reply "{reply}"', ""])


ALWAYS = 'rule ALWAYS 20.0 if sender.domain is "example.net"'
TEXTS = {
    "plain": "550 5.7.1 Refused",
    "per cent": "550 5.7.1 %% 100% %s %n %d %1$s %{hits} 50%",
    "all there is": "550 5.7.1 %{hits} %{score} %{client.ip} %{ref}",
    "long": "550 5.7.1 " + "x" * 2000,
    "long with per cents": "550 5.7.1 " + "%" * 1500,
    "long words": "550 5.7.1 " + ("word " * 400),
    "two lines": "550 5.7.1 one\\ntwo",
    "empty": "550 5.7.1",
    "4xx": "451 4.7.1 Later",
}
REFERENCE = re.compile(r".*\(ref [0-9A-Z]{4}-[0-9A-Z]{4}\)")


def test_reply_texts() -> None:
    """C6: short, printable, with the reference at the end; `%` arrives as one."""
    seen = 0
    for name, text in TEXTS.items():
        rules = refusing(text, ALWAYS)
        try:
            filt = Filter(rules)
        except Exception as exc:  # a load error names the place, and is fine
            notes = "".join(getattr(exc, "__notes__", []))
            assert re.search(r"steelyard\.conf:\d+:\d+: ", notes), (name, notes)
            assert name != "plain"
            continue
        with filt:
            mta = filt.session()
            greet(mta)
            lines = refusals(mta)
            assert all(len(line) <= 510 for line in lines)
            assert REFERENCE.fullmatch(lines[-1]), lines
            print(name, lines)
            if name == "per cent":
                assert "100% %s %n %d %1$s ALWAYS 50%" in lines[0]
            seen += 1
            mta.quit()
    figure("C6", texts=len(TEXTS), accepted=seen, malformed_replies=0)


def test_many_symbols_in_a_reply() -> None:
    """C6: more names than a line holds are cut; the reference stays."""
    rules = [f"rule A_RULE_OF_A_RATHER_LONG_NAME_{number:03} 1.0 if "
             'sender.domain is "example.net"' for number in range(300)]
    with Filter(refusing("550 5.7.1 Refused: %{hits} and no more",
                         *rules)) as filt:
        mta = filt.session()
        greet(mta)
        lines = refusals(mta)
        assert len(lines[0]) <= 510 and REFERENCE.fullmatch(lines[-1])
        mta.quit()


def test_strangers_text_stays_out_of_replies() -> None:
    """C6: nothing that a client sent is in what it hears."""
    generator = random.Random(6)
    canaries = 0
    rules = refusing("550 5.7.1 %{hits} %{score} %{client.ip}",
                     "rule ALWAYS 20.0 if not sender.is_null")
    with Filter(rules) as filt:
        for evil in itertools.chain(EVIL, (bytes(generator.randrange(
                1, 256) for _ in range(30)) for _ in range(50))):
            mta = filt.session()
            evil = b"CANARY" + evil
            mta.link.send(b"C", strings(evil) + b"4\0\x19" + strings(b"192.0.2.10"))
            mta.helo(evil)
            mta.mail(b"<" + evil + b">")
            reply = mta.rcpt(b"<" + evil + b">")
            assert reply.kind == "text", (evil, reply)
            assert reply.text[0].startswith("550 5.7.1 ALWAYS 20.00 192.0.2.10")
            canaries += "CANARY" in "".join(reply.text)
            mta.abort()
            mta.quit()
    figure("C6", sessions=len(EVIL) + 50, strangers_text=canaries)
    assert canaries == 0


def test_strangers_text_stays_out_of_headers() -> None:
    """C6: nor in the mark, nor in the reason of a quarantine."""
    rules = """
rule EVIL 8.0 if header("X-Evil") ~ /./
verdict quarantine at 7.0
"""
    with Filter(rules) as filt:
        mta = filt.session()
        greet(mta, b"CANARY.example")
        for evil in EVIL[:-1]:
            if b"\n" in evil or b"\r" in evil:
                continue
            _, msg = deliver(mta, letter(b"X-Evil: CANARY" + evil))
            assert symbols(msg) == {"EVIL"}
            assert mta.quarantined and "CANARY" not in mta.quarantined
            assert "CANARY" not in msg.values("X-Steelyard")[0]
        mta.quit()


def test_tag_of_a_hostile_subject() -> None:
    """C6: a subject that is put behind our prefix makes no new field."""
    rules = """
rule EVIL 8.0 if subject ~ /./
verdict tag at 7.0 subject "[spam] "
"""
    with Filter(rules) as filt:
        mta = filt.session()
        greet(mta)
        for evil in (b"a\r\n b\r\n\tX-Forged: 1", b"=?utf-8?q?=0aX-Forged:_1?=",
                     b"%s%n", b"x" * 50000, b"\xff\xfe"):
            _, msg = deliver(mta, letter(b"Subject: " + evil))
            subjects = [value for name, value in msg.fields
                        if name == b"Subject"]
            assert len(subjects) == 1
            assert subjects[0].strip().startswith(b"[spam] " + evil[:3])
            assert msg.values("X-Forged") == []
        mta.quit()
