"""steelyardctl test: who vouches for a message, in a world of a zone file.

What is signed here is signed by another library than the one that verifies.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
from typing import Any, Iterator

import pytest

from lib.dkimsign import Key
from lib.steelyard import program

KEYS = {key.selector: key for key in (
    Key("ed"), Key("rsa", "rsa", 2048), Key("old", "rsa", 1024),
    Key("short", "rsa", 512))}
DOMAINS = ["example.org", "mail.example.org", "other.example"]
RULES = """\
rule SPF_PASS     0.01 if spf is pass
rule DKIM_PASS    0.10 if dkim is pass
rule DMARC_PASS   1.00 if dmarc is pass
rule DMARC_FAIL  10.00 if dmarc is fail and dmarc.policy is reject
verdict reject at 10.0
"""
LETTER = b"""\
From: Anna <anna@example.org>
To: bea@dest.example
Subject: Hello
  there
Date: Sun, 1 Mar 2026 10:00:00 +0000
Message-ID: <1@example.org>

The first  line.

The last one.\t
""".replace(b"\n", b"\r\n")
TIME = 1772359200  # that Date
SIGNED = ["from", "to", "subject", "date", "message-id"]


def world() -> str:
    """A zone: SPF, DMARC, and every key under every domain."""
    lines = ['example.org. TXT "v=spf1 ip4:192.0.2.1 -all"',
             'other.example. TXT "v=spf1 ip4:192.0.2.9 -all"',
             '_dmarc.example.org. TXT "v=DMARC1; p=reject"',
             "moved._domainkey.example.org. CNAME ed._domainkey.other.example."]
    lines += [f"{key.name(domain)}. TXT {key.text()}" for domain in DOMAINS
              for key in KEYS.values()]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def work() -> Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="sy-auth-") as name:
        folder = pathlib.Path(name)
        (folder / "world.zone").write_text(world())
        (folder / "s.conf").write_text(RULES)
        yield folder


def trial(work: pathlib.Path, message: bytes, *options: str) -> str:
    """What it prints."""
    (work / "letter.eml").write_bytes(message)
    done = subprocess.run(
        [program("STEELYARDCTL", "steelyardctl"), "-c", work / "s.conf",
         *(["--json"] if "--json" in options else []),
         "test", "--dns", work / "world.zone", "--time", str(TIME),
         "--from", "anna@example.org",
         *(option for option in options if option != "--json"),
         work / "letter.eml"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def facts(work: pathlib.Path, message: bytes, *options: str) -> dict[str, Any]:
    found = json.loads(trial(work, message, "--json", *options))
    return {"verdict": found["verdict"], "symbols": found["symbols"],
            **{row["fact"]: row["value"] for row in found["facts"]}}


def sign(selector: str, domain: str = "example.org", message: bytes = LETTER,
         **tags: Any) -> bytes:
    return KEYS[selector].sign(message, domain, **{"h": SIGNED, **tags})


def test_a_signed_sample_as_people_see_it(work: pathlib.Path) -> None:
    text = trial(work, sign("rsa", t=str(TIME - 60)), "--facts")
    assert "verdict    accept" in text and "SPF_PASS" in text
    for fact, value in {"spf": "pass", "spf.domain": "example.org",
                        "dkim": "pass", "dkim.domain": "example.org",
                        "dkim.selector": "rsa", "dkim.bits": "2048",
                        "dkim.algorithm": "rsa-sha256", "dkim.age": "60",
                        "dkim.covered": "yes", "dmarc": "pass",
                        "dmarc.policy": "reject",
                        "dmarc.aligned.dkim": "yes"}.items():
        assert [fact, value] in [line.split() for line in text.splitlines()]
    assert "Authentication-Results" in text


def test_a_forged_sample_as_people_see_it(work: pathlib.Path) -> None:
    text = trial(work, LETTER, "--client", "192.0.2.66")
    assert "verdict    reject" in text and "DMARC_FAIL" in text


@pytest.mark.parametrize("selector", ["ed", "rsa", "old"])
@pytest.mark.parametrize("how", ["relaxed/relaxed", "relaxed/simple",
                                 "simple/relaxed", "simple/simple"])
def test_what_is_signed_passes(work: pathlib.Path, selector: str,
                               how: str) -> None:
    found = facts(work, sign(selector, c=how), "--client", "192.0.2.66")
    assert (found["spf"], found["dkim"], found["dmarc"]) == (
        "fail", "pass", "pass")


@pytest.mark.parametrize("selector", ["ed", "rsa"])
@pytest.mark.parametrize("old, new", [
    (b"first", b"First"), (b"From: Anna", b"From: Bella"),
    (b"anna@example.org>", b"boss@example.org>"), (b"Hello", b"Hallo"),
    (b"line.", b"line.\r\nMore.")])
def test_what_was_changed_fails(work: pathlib.Path, selector: str, old: bytes,
                                new: bytes) -> None:
    found = facts(work, sign(selector).replace(old, new), "--client",
                  "192.0.2.66")
    assert (found["dkim"], found["dmarc"], found["verdict"]) == (
        "fail", "fail", "reject")


@pytest.mark.parametrize("message, results", [
    pytest.param(sign("short"), ["policy", "permerror"], id="a short key"),
    pytest.param(sign("ed", h=["to", "subject"]), ["policy", "permerror"],
                 id="From is not signed"),
    pytest.param(sign("ed", l="17") + b"More.\r\n", ["policy"],
                 id="text was added behind what is signed"),
    pytest.param(sign("ed", bh=None), ["permerror"], id="no bh="),
    pytest.param(sign("ed", x=str(TIME - 1), t=str(TIME - 99)),
                 ["policy", "permerror", "fail"], id="expired"),
    pytest.param(sign("ed", v="2"), ["permerror"], id="another version"),
    pytest.param(sign("ed", a="ed25519-sha1"), ["permerror"],
                 id="no such algorithm"),
    pytest.param(sign("ed", a="rsa-sha256"), ["permerror", "fail"],
                 id="a key of another kind"),
    pytest.param(sign("ed", i="@example.net"), ["permerror"],
                 id="i= is not below d="),
    pytest.param(sign("ed", s="gone"), ["permerror"], id="no such key"),
    pytest.param(sign("ed", "example.org\0.other.example"), ["permerror"],
                 id="a NUL in d="),
    pytest.param(sign("ed", c="nofws"), ["permerror"],
                 id="no such canonicalization"),
    pytest.param(sign("ed").replace(b"DKIM-S", b"From: b@bank.example\r\nDKIM-S",
                                    1), ["pass", "policy", "permerror"],
                 id="two authors"),
])
def test_what_is_no_pass(work: pathlib.Path, message: bytes,
                         results: list[str]) -> None:
    found = facts(work, message, "--client", "192.0.2.66")
    assert found["dkim"] in results
    assert found["dmarc"] in ("fail", "permerror")
    assert "DMARC_PASS" not in found["symbols"]


@pytest.mark.parametrize("domain, aligned, dmarc", [
    ("example.org", True, "pass"), ("mail.example.org", True, "pass"),
    ("other.example", False, "fail")])
def test_who_may_sign_for_the_author(work: pathlib.Path, domain: str,
                                     aligned: bool, dmarc: str) -> None:
    found = facts(work, sign("ed", domain), "--client", "192.0.2.66")
    assert (found["dkim"], found["dkim.domain"], found["dkim.aligned"],
            found["dmarc"]) == ("pass", domain, aligned, dmarc)


def test_a_key_may_be_elsewhere(work: pathlib.Path) -> None:
    found = facts(work, sign("ed", s="moved"), "--client", "192.0.2.66")
    assert (found["dkim"], found["dmarc"]) == ("pass", "pass")


def test_the_author_s_signature_is_among_those_looked_at(
        work: pathlib.Path) -> None:
    message = sign("ed")
    for _ in range(20):
        message = sign("ed", "other.example", message)
    found = facts(work, message, "--client", "192.0.2.66")
    assert found["dkim.count"] == 21
    assert found["dkim.results"].count("pass") == 8
    assert found["dkim.results"][20] == "pass" and found["dmarc"] == "pass"


def test_a_bounce_has_the_name_of_helo(work: pathlib.Path) -> None:
    found = facts(work, LETTER, "--from", "<>", "--helo", "example.org")
    assert (found["spf"], found["spf.domain"], found["dmarc"]) == (
        "pass", "example.org", "pass")


def test_a_client_that_logged_in_is_not_asked_about(
        work: pathlib.Path) -> None:
    found = facts(work, LETTER, "--client", "192.0.2.66", "--auth", "anna")
    assert found.get("spf") is None


def test_a_slow_key_is_no_cloak(work: pathlib.Path) -> None:
    """A forger adds a signature whose key never comes, and names a list."""
    rules = work / "lists.conf"
    rules.write_text("""\
list friends domain { "lists.example" }
rule DKIM_FRIEND 0.0 if dkim.possible in friends and dkim.passed in friends
rule FORGED     10.0 if dmarc is fail and not DKIM_FRIEND
verdict reject at 10.0
""")
    signature = (b"DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=a; h=from;"
                 b" bh=" + b"A" * 43 + b"=; b=AAAA\r\n")
    (work / "slow.zone").write_text(
        world() + "a._domainkey.slow.example. TIMEOUT\n")
    for domains, verdict in (((b"slow.example", b"lists.example"), "reject"),
                             ((b"slow.example",), "reject"),
                             ((b"lists.example",), "reject")):
        (work / "forged.eml").write_bytes(
            b"".join(signature % domain for domain in domains) + LETTER)
        done = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "-c", rules, "--json",
             "test", "--dns", work / "slow.zone", "--time", str(TIME),
             "--client", "192.0.2.66", "--from", "anna@example.org",
             work / "forged.eml"], capture_output=True, text=True, timeout=60)
        assert json.loads(done.stdout)["verdict"] == verdict, done.stderr
