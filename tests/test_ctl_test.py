"""steelyardctl test: what would become of a message."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import socket
import tempfile
from typing import Iterator

import pytest

from lib.clock import Clock
from lib.steelyard import Steelyard
from lib.steelyardctl import LETTER, ctl, site, trial

TOP = pathlib.Path(__file__).resolve().parents[1]
MESSAGES = TOP / "tests" / "messages"
SAMPLES = sorted(MESSAGES.glob("*.eml"))


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with site() as folder:
        yield folder


def test_offline_says_what_and_why(work: pathlib.Path) -> None:
    conf, letter = work / "s.conf", work / "letter.eml"
    text = ctl("-c", conf, "test", letter)
    assert "verdict    tag at eom, score 3.00 of 2.00" in text
    assert re.search(r"^ +2\.50  NO_ID +no Message-ID$", text, re.M)
    assert re.search(r"^ +shadow  TRY_ME", text, re.M)
    assert "insert     X-Steelyard: score=3.00 verdict=tag" in text
    assert "helo.name" not in text
    assert re.search(r"^  helo\.name +mail\.example\.net$",
                     ctl("-c", conf, "test", "--facts", letter), re.M)


def test_offline_early_refusal(work: pathlib.Path) -> None:
    found = trial("-c", work / "s.conf", "test", "--helo", "192.0.2.7",
                  "--client", "198.51.100.1", work / "letter.eml")
    assert (found["verdict"], found["stage"]) == ("reject", "rcpt")
    assert re.fullmatch(r"550 5\.7\.1 Refused: BARE \(ref \S{9}\)",
                        found["reply"])
    assert found["changes"] == []


def test_a_pattern_that_gives_up_is_unknown(work: pathlib.Path) -> None:
    conf, letter = work / "s.conf", work / "letter.eml"
    conf.write_text(conf.read_text() + 'rule SLOW -5.0 if header("X-Long") ~ '
                    '/^(a|aa|aaa)+[bc]$/\n')
    gives_up = {"fact": "regex", "cause": "limit", "partial": False}
    assert gives_up not in trial("-c", conf, "test", letter)["unknown"]
    letter.write_bytes(b"X-Long: " + b"a" * 600 + b"\r\n"
                       + letter.read_bytes())
    assert gives_up in trial("-c", conf, "test", letter)["unknown"]


def test_a_spamtrap_is_named(work: pathlib.Path) -> None:
    conf = work / "s.conf"
    conf.write_text(conf.read_text() + 'list traps address { old@example.org }'
                    '\nset spamtraps "traps"\n')
    rcpts = ["--rcpt", "a@example.org", "--rcpt", "Old@example.org"]
    found = trial("-c", conf, "test", *rcpts, work / "letter.eml")
    assert found["trap"] == "Old@example.org"
    text = ctl("-c", conf, "test", *rcpts, work / "letter.eml")
    assert re.search(r"^spamtrap +Old@example\.org is one", text, re.M)
    found = trial("-c", conf, "test", *rcpts[:2], work / "letter.eml")
    assert found["trap"] is None


def test_options_of_the_bringer(work: pathlib.Path) -> None:
    found = trial("-c", work / "s.conf", "test", "--client", "2001:db8::1",
                  "--ptr", "mx.example.com", "--port", "4711", "--helo",
                  "a.example.org", "--from", "<x@example.com> SIZE=77",
                  "--rcpt", "a@example.org", "--rcpt", "b@example.org",
                  "--auth", "anna", "--macro", "tls_version=TLSv1.3",
                  "--time", "2026-03-01T11:00:00Z", work / "letter.eml")
    facts = {row["fact"]: row["value"] for row in found["facts"]}
    assert {"FRIEND", "LOGIN"} <= set(found["symbols"])
    for fact, value in {
            "client.ip": "2001:db8::1", "client.mta_name": "mx.example.com",
            "client.port": 4711, "sender": "x@example.com",
            "sender.size": 77, "rcpt.count": 2, "client.auth.name": "anna",
            "client.tls": "TLSv1.3", "date.age": 3600}.items():
        assert facts[fact] == value, fact


@pytest.mark.parametrize("given, sender", [
    ("a@example.com SIZE=77", "a@example.com"),
    ("<Mac Error@example.com> SIZE=77", "<Mac Error@example.com>"),
    ('"a b"@example.com SIZE=77', '"a b"@example.com'),
    ('<"a> b"@example.com> SIZE=77', '"a> b"@example.com'),
    ("<a@example.com SIZE=77", "<a@example.com"),
])
def test_where_a_sender_ends(work: pathlib.Path, given: str,
                             sender: str) -> None:
    found = trial("-c", work / "s.conf", "test", "--from", given,
                  work / "letter.eml")
    facts = {row["fact"]: row["value"] for row in found["facts"]}
    assert (facts["sender"], facts["sender.size"]) == (sender, 77)


def test_a_client_without_helo(work: pathlib.Path) -> None:
    found = trial("-c", work / "s.conf", "test", "--helo", "",
                  work / "letter.eml")
    facts = {row["fact"]: row for row in found["facts"]}
    assert facts["helo.name"]["state"] == "none"


def test_a_local_client(work: pathlib.Path) -> None:
    found = trial("-c", work / "s.conf", "test", "--client", "local",
                  work / "letter.eml")
    facts = {row["fact"]: row for row in found["facts"]}
    assert facts["client.is_local"]["value"] is True
    assert facts["client.ip"]["state"] == "none"


def test_an_envelope_beside_the_message(work: pathlib.Path) -> None:
    (work / "letter.envelope").write_text(
        "# who\nclient 192.0.2.9\nhelo a.example.org\nrcpt x@example.org\n")
    found = trial("-c", work / "s.conf", "test", work / "letter.eml")
    assert found["client"] == "192.0.2.9" and "FRIEND" in found["symbols"]
    found = trial("-c", work / "s.conf", "test", "--client", "192.0.2.8",
                  "--rcpt", "y@example.org", work / "letter.eml")
    assert found["client"] == "192.0.2.8"
    assert found["recipients"] == ["y@example.org"]
    (work / "letter.envelope").write_text("client 192.0.2.9\nhello x\n")
    text = ctl("-c", work / "s.conf", "test", work / "letter.eml", code=2)
    assert "letter.envelope:2: expected one of client, ptr," in text


def test_line_ends_and_stdin_do_not_matter(work: pathlib.Path) -> None:
    (work / "crlf.eml").write_bytes(LETTER.replace("\n", "\r\n").encode())
    (work / "mbox.eml").write_text("From anna Sun Mar  1 2026\n" + LETTER)
    found = [trial("-c", work / "s.conf", "test", work / name)
             for name in ["letter.eml", "crlf.eml", "mbox.eml"]]
    found.append(trial("-c", work / "s.conf", "test", "-", stdin=LETTER))
    facts = [{row["fact"]: row["value"] for row in one["facts"]
              if not row["fact"].startswith("date.age")} for one in found]
    assert facts[0] == facts[1] == facts[2] == facts[3]
    assert facts[0]["body.size"] == len("Text.\r\n")


@pytest.mark.parametrize("raw", [
    b"", b"\n", b"no header at all", b"A:", b"A: b\n c\n\td", b": x\n\n",
    b"A: b\r\n\r\n\r\n", b"\0\0\0\n", b"A" * 200_000 + b": b\n\nc",
    b"A: " + b"x" * 100_000 + b"\n\n", b"X: 1\n" * 3000 + b"\n",
    b"A: b\n\n" + b"y" * 300_000, bytes(range(256)) * 8,
], ids=range(13))
def test_odd_messages_are_judged_too(work: pathlib.Path, raw: bytes) -> None:
    (work / "odd.eml").write_bytes(raw)
    found = trial("-c", work / "s.conf", "test", work / "odd.eml")
    assert found["verdict"] in {"tag", "accept"}


def test_what_strangers_wrote_is_harmless_to_a_terminal(
        work: pathlib.Path) -> None:
    evil = "\x1b]0;pwned\x07\x1b[2J\u202egnp.exe\u0085\x9b\r"
    (work / "evil.eml").write_text(
        LETTER.replace("Anna", evil.replace("\r", "")), newline="")
    text = ctl("-c", work / "s.conf", "test", "--facts", "--helo", evil,
               "--from", f"<{evil}@example.net>", work / "evil.eml")
    assert "\\x1B]0;pwned\\x07\\x1B[2J" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    text = ctl("-c", work / "s.conf", "--json", "test", "--helo", evil,
               work / "evil.eml")
    assert text.isascii()


def test_missing_message_is_a_failure(work: pathlib.Path) -> None:
    text = ctl("-c", work / "s.conf", "test", work / "none.eml", code=1)
    assert "none.eml: No such file or directory" in text


VERDICTS = {
    "01-letter": "accept", "02-newsletter": "accept", "03-invoice": "accept",
    "04-two-authors": "tag", "05-bare-address": "reject",
    "06-claims-our-name": "reject", "07-logged-in": "exempt",
    "08-to-postmaster": "tag", "09-forged-mark": "accept",
    "10-raw-letters": "accept", "11-denied-network": "reject",
    "12-own-network": "exempt", "13-bounce": "accept",
    "14-bounce-to-many": "reject", "15-listed-bot": "reject",
    "16-no-name": "tag", "17-sender-nowhere": "tag",
    "18-silent-dns": "accept", "19-listed-domain": "defer",
    "20-listed-partner": "accept", "21-signed": "accept",
    "22-passed-on": "accept", "23-forged-author": "reject",
    "24-text-appended": "reject", "25-not-signed": "defer",
    "26-bounce-of-the-bank": "accept", "27-mailing-list": "accept",
    "28-broken-record": "accept", "29-stranger": "accept",
}
# What their facts and symbols have to say, beside others.
VOUCHERS = {
    "18-silent-dns": {"spf": "temperror", "dmarc": "temperror"},
    "21-signed": {"spf": "pass", "dkim": "pass", "dmarc": "pass",
                  "dkim.results": ["pass", "pass"],
                  "dkim.algorithms": ["rsa-sha256", "ed25519-sha256"],
                  "dkim.key_sizes": ["2048", "256"],
                  "dkim.coverages": ["yes", "yes"],
                  "dkim.alignments": ["yes", "yes"]},
    "22-passed-on": {"spf": "fail", "dkim": "pass", "dmarc": "pass",
                     "dmarc.aligned.dkim": True, "dmarc.aligned.spf": False},
    "23-forged-author": {"spf": "fail", "dkim": None, "dmarc": "fail",
                         "dmarc.policy": "reject"},
    "24-text-appended": {"dkim": "policy", "dkim.covered": False,
                         "dkim.coverages": ["no"],
                         "dmarc": "fail"},
    "25-not-signed": {"spf": None, "dkim": None, "dmarc": "fail"},
    "26-bounce-of-the-bank": {"spf": "pass", "spf.domain": "mx.bank.example",
                              "dmarc": "pass", "dmarc.aligned.spf": True},
    "27-mailing-list": {"dkim": "pass", "dkim.domain": "lists.example.com",
                        "dkim.results": ["pass", "fail"],
                        "dkim.alignments": ["no", "yes"], "dmarc": "fail"},
    "28-broken-record": {"spf": "permerror", "dmarc": None},
}
DNS = ["--dns", MESSAGES / "sample.zone"]
SITE = (f'include "{TOP}/rules/default/*.rules"\n'
        f'include "{MESSAGES}/site.rules"\n')


def test_sample_messages(work: pathlib.Path) -> None:
    conf = work / "site.conf"
    conf.write_text(SITE)
    found = trial("-c", conf, "test", *DNS, *SAMPLES)
    assert {pathlib.Path(one["file"]).stem: one["verdict"]
            for one in found} == VERDICTS
    for one in found:
        facts = {row["fact"]: row.get("value") for row in one["facts"]}
        for fact, value in VOUCHERS.get(
                pathlib.Path(one["file"]).stem, {}).items():
            assert facts.get(fact) == value, (one["file"], fact)
    table = ctl("-c", conf, "test", *DNS, *SAMPLES).splitlines()
    assert len(table) == 1 + len(VERDICTS)
    assert table[0].split() == ["MESSAGE", "CLIENT", "HELO", "SENDER", "SCORE",
                                "VERDICT", "REPLY", "SYMBOLS"]


def test_sample_messages_through_a_filter() -> None:
    """The same verdicts, scores and changes as offline, after a wait."""
    with tempfile.TemporaryDirectory(prefix="sy-ctl-") as name, \
            contextlib.closing(Clock()) as clock:
        filt = Steelyard(SITE, pathlib.Path(name) / "m.sock", options=DNS,
                         environment=clock.environment)
        try:
            first = trial("test", "--via", f"unix:{filt.milter_socket}",
                          *SAMPLES)
            clock.later(301)
            via = trial("test", "--via", f"unix:{filt.milter_socket}",
                        *SAMPLES)
            both = trial("-c", filt.config, "test", *DNS, "--via",
                         filt.milter_socket, *SAMPLES)
            offline = trial("-c", filt.config, "test", *DNS, *SAMPLES)
        finally:
            filt.close()

    def essence(one: dict, keys: list[str]) -> list[object]:
        text = json.dumps([one.get(key) for key in keys])
        return json.loads(re.sub(r"[0-9A-Z]{4}-[0-9A-Z]{4}", "REF", text))

    strangers = [c["file"] for c in offline if c["greylist"]]
    assert strangers == [a["file"] for a in first
                         if "451 4.7.1 Greylisted" in (a["reply"] or "")]
    assert "29-stranger" in str(strangers) and len(strangers) > 3
    for a, b, c in zip(via, both, offline):
        keys = ["file", "verdict", "stage", "reply", "changes", "replies"]
        assert essence(a, keys) == essence(c, keys)
        keys = ["score", "symbols"]
        assert essence(b, keys) == essence(c, keys)


def test_via_nobody(work: pathlib.Path) -> None:
    text = ctl("test", "--via", work / "none.sock", work / "letter.eml",
               code=1)
    assert "none.sock: No such file or directory" in text
    text = ctl("test", "--via", "inet:1@127.0.0.1", work / "letter.eml",
               code=1)
    assert "Connection refused" in text
    ctl("test", "--via", "inet:nonsense", work / "letter.eml", code=1)


@pytest.mark.parametrize("answer", [
    b"", b"\0\0\0\0", b"\xff\xff\xff\xffO", b"HTTP/1.1 400 no\r\n\r\n",
    b"\0\0\0\1O", b"\0\0\0\r" b"O\0\0\0\6\0\0\0\0\0\0\0\0",
], ids=range(6))
def test_via_something_else(work: pathlib.Path, answer: bytes) -> None:
    """What does not speak the protocol is told apart from a verdict."""
    path = work / "odd.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        child = os.fork()
        if child == 0:
            peer, _ = server.accept()
            peer.recv(100)
            peer.sendall(answer)
            peer.close()
            os._exit(0)
        text = ctl("test", "--via", path, work / "letter.eml", code=1)
        os.waitpid(child, 0)
    assert text.startswith("steelyardctl test: ") and text.count("\n") == 1
