"""steelyardctl spf check, in a world of a zone file."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
from typing import Iterator

import pytest

from lib.steelyard import program

ZONE = """\
$ORIGIN test.
good    TXT "v=spf1 ip4:192.0.2.0/24 include:inc.test mx exp=why.test -all"
good    MX 10 m
m       A 192.0.2.9
inc     TXT "v=spf1 a:m.test ?all"
why     TXT "%{i} is not ours"
redir   TXT "v=spf1 redirect=good.test"
two     TXT "v=spf1 -all"
two     TXT "v=spf1 +all"
loop    TXT "v=spf1 include:loop2.test -all"
loop2   TXT "v=spf1 include:loop.test -all"
err     SERVFAIL
many    TXT "v=spf1 include:m1.test include:m1.test include:m1.test -all"
m1      TXT "v=spf1 a:m.test a:m.test a:m.test -all"
xn--bcher-kva TXT "v=spf1 ip4:192.0.2.1 -all"
"""


@pytest.fixture(scope="module")
def world() -> Iterator[list[str]]:
    """Options that make it ask the zone."""
    with tempfile.TemporaryDirectory(prefix="sy-spf-") as name:
        folder = pathlib.Path(name)
        (folder / "world.zone").write_text(ZONE)
        (folder / "s.conf").write_text("verdict reject at 10.0\n")
        yield ["-c", str(folder / "s.conf"), "--dns",
               str(folder / "world.zone")]


def ctl(world: list[str], *arguments: str, code: int) -> str:
    done = subprocess.run(
        [program("STEELYARDCTL", "steelyardctl"), *world, "spf", *arguments],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_a_good_record_is_listed_with_what_it_costs(world):
    text = ctl(world, "check", "good.test", code=0)
    lines = [line.split() for line in text.splitlines()]
    assert ["-", "good.test", "ip4:192.0.2.0/24"] in lines
    assert ["1", "good.test", "include:inc.test"] in lines
    assert ["1", "inc.test", "a:m.test"] in lines
    assert "look-ups: 3 of 10" in text


def test_a_redirect_is_followed(world):
    assert "look-ups: 4 of 10" in ctl(world, "check", "redir.test", code=0)


def test_u_labels_are_taken(world):
    ctl(world, "check", "b\u00fccher.test", code=0)


@pytest.mark.parametrize("what, problem", [
    ("two.test", "there are several SPF records"),
    ("m.test", "there is no SPF record"),
    ("gone.test", "there is no such domain"),
    ("err.test", "DNS does not say what err.test has as TXT: servfail"),
    ("loop.test", "loop2.test:8: this leads round in a circle"),
    ("many.test", "the 11th look-up, which is an error"),
    ("v=spf1 +all", ":8: everybody may send by this"),
    ("v=spf1 ip4:0.0.0.0/0 -all", ":8: everybody may send by this"),
    ("v=spf1 ptr -all", ":8: ptr is slow"),
    ("v=spf1 mx", "neither \"all\" nor redirect stands here"),
    ("v=spf1 -all mx", ":13: behind \"all\" nothing is reached"),
    ("v=spf1 -all redirect=good.test", "there is an \"all\""),
    ("v=spf1 foo=bar -all", ":8: there is no such modifier"),
    ("v=spf1 a:gone.test -all", "a void look-up"),
    ("v=spf1 a:g.test a:h.test mx:m.test -all",
     "more than 2 void look-ups are an error"),
    ("v=spf1 include:m.test -all", "that domain has no SPF record"),
    ("v=spf1 exists:a..test -all", "this can be no name in DNS"),
])
def test_problems_are_named(world, what, problem):
    assert problem in ctl(world, "check", what, code=1)


def test_a_caret_stands_below_the_fault(world):
    lines = ctl(world, "check", "v=spf1 ip4:192.0.2.0/33 -all",
                code=1).splitlines()
    at = lines.index("    v=spf1 ip4:192.0.2.0/33 -all")
    assert lines[at - 1].startswith("record.invalid:22: an IPv4 prefix")
    assert lines[at + 1] == " " * (4 + 21) + "^"


def test_a_caret_finds_its_place_in_a_long_record(world):
    record = "v=spf1 " + " ".join(f"ip4:192.0.2.{i}" for i in range(100)) \
        + " +all"
    lines = ctl(world, "check", record, code=1).splitlines()
    shown, carets = lines[-2:]
    assert len(shown) <= 80
    assert shown[carets.index("^"):].startswith("+all")


def test_a_client_is_judged(world):
    text = ctl(world, "check", "--client", "192.0.2.77", "good.test", code=0)
    assert "192.0.2.77: pass, by ip4:192.0.2.0/24" in text
    text = ctl(world, "check", "--client", "2001:db8::1", "--from",
               "joe@good.test", "--helo", "h.test", "good.test", code=0)
    assert "2001:db8::1: fail, by -all" in text
    assert "is not ours" in text


def test_a_record_needs_neither_dns_nor_configuration():
    text = ctl(["-c", "/nonexistent"], "check", "--client", "192.0.2.1",
               "v=spf1 ip4:192.0.2.1 -all", code=0)
    assert "192.0.2.1: pass" in text


def test_what_strangers_publish_is_escaped(world):
    text = ctl(world, "check", "v=spf1 \x1b[31m -all", code=1)
    assert "\x1b" not in text and "a control character" in text


def test_json(world):
    told = json.loads(ctl(world, "check", "--json", "--client", "10.0.0.1",
                          "good.test", code=0))
    assert told["domain"] == "good.test"
    assert told["lookups"] == 3 and told["problems"] == []
    assert told["terms"][2] == {"domain": "inc.test", "term": "a:m.test",
                                "depth": 1, "lookups": 1, "reached": True}
    assert told["check"]["result"] == "fail"
    assert told["check"]["explanation"] == "10.0.0.1 is not ours"
    told = json.loads(ctl(world, "check", "--json", "v=spf1 +all", code=1))
    assert told["problems"] == [{"domain": "record.invalid", "column": 8,
                                 "text": "everybody may send by this"}]


@pytest.mark.parametrize("arguments", [
    ["check"], ["test", "good.test"], ["check", "localhost"],
    ["check", "[192.0.2.1]"], ["check", "good.test", "more"],
    ["check", "--client", "192.0.2.300", "good.test"],
    ["check", "--helo", "h.test", "good.test"],
    ["check", "--from", "joe@other.test", "good.test"],
    ["check", "--from", "joe", "good.test"],
])
def test_wrong_use(world, arguments):
    ctl(world, *arguments, code=2)
