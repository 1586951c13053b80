"""steelyardctl, as people and scripts use it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
from typing import Iterator

import pytest

from lib import wait
from lib.clock import Clock
from lib.steelyard import Steelyard, program

TOP = pathlib.Path(__file__).resolve().parents[1]
MESSAGES = TOP / "tests" / "messages"
SAMPLES = sorted(MESSAGES.glob("*.eml"))

RULES = """\
set mode enforce
list nets    ip      { 192.0.2.0/24 }
list friends domain  from "friends.list"
list words   regex   from "words.list"
rule NO_ID   2.5 if message_id is none         "no Message-ID"
rule BARE    6.0 if helo.is_ip
rule FRIEND -1.0 if helo.name in friends
rule WORD    1.0 if helo.name in words
rule NET     0.5 if client.ip in nets
rule LOGIN   0.5 if client.auth
rule BIG     0.5 if body.size > 100000
shadow rule TRY_ME 2.0 if helo.name is not none
verdict reject at 6.0 reply "550 5.7.1 Refused: %{hits}"
verdict tag at 2.0
"""
FILES = {"friends.list": "# who\nexample.org\n",
         "words.list": "/spam[0-9]+/i\n"}
LETTER = """\
From: Anna <anna@example.net>
To: bea@example.org
Subject: Hello
Date: Sun, 1 Mar 2026 10:00:00 +0000

Text.
"""


def ctl(*arguments: object, code: int | None = 0, stdin: str = "",
        env: dict[str, str] | None = None) -> str:
    """Run it; its output.  `code` is what it must end with."""
    done = subprocess.run(
        [program("STEELYARDCTL", "steelyardctl"), *map(str, arguments)],
        input=stdin, capture_output=True, text=True, timeout=60,
        env={**os.environ, **(env or {})})
    if code is not None:
        assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    """A folder with a configuration whose filter does not run."""
    with tempfile.TemporaryDirectory(prefix="sy-ctl-") as name:
        folder = pathlib.Path(name)
        for path, text in FILES.items():
            (folder / path).write_text(text)
        (folder / "s.conf").write_text(
            f'set control_socket "unix:{folder}/control.sock"\n' + RULES)
        (folder / "letter.eml").write_text(LETTER)
        yield folder


@pytest.fixture
def filt() -> Iterator[Steelyard]:
    """A filter that runs."""
    with tempfile.TemporaryDirectory(prefix="sy-ctl-") as name:
        running = Steelyard(RULES, pathlib.Path(name) / "milter.sock",
                            files={**FILES, "letter.eml": LETTER})
        try:
            # the sockets are there before the filter has read its files
            wait.until("an answer", 10, lambda: '"ok"' in ctl(
                "-c", running.config, "--json", "status", code=None))
            yield running
        finally:
            running.close()


# --- the command line --------------------------------------------------------

VERBS = ["status", "reload", "check", "facts", "settings", "list", "dns",
         "dnsbl", "test"]


def test_help_names_every_verb() -> None:
    text = ctl("--help")
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", text, re.M), verb


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_examples(verb: str) -> None:
    for way in [(verb, "--help"), ("help", verb), ("-h", verb)]:
        text = ctl(*way)
        assert text.startswith(f"usage: steelyardctl {verb}")
        examples = text.split("Examples:\n")[1]
        assert f"steelyardctl {verb}" in examples or verb in examples


WRONG_USE = {
    "statu": 'unknown verb "statu", did you mean "status"?',
    "xyzzy": 'unknown verb "xyzzy"; try steelyardctl --help',
    "": "what shall I do?",
    "status --jsn": 'unknown option "jsn", did you mean "json"?',
    "--force status": 'unknown option "force"',
    "--dns x": "what shall I do?",
    "reload --forse": 'unknown option "forse", did you mean "force"?',
    "status extra": "usage: steelyardctl status",
    "test": "usage: steelyardctl test [OPTION ...] FILE.eml ...",
    "list a b c d": "usage: steelyardctl list",
    "-c": "--config wants a value",
    "status --json=yes": "--json takes no value",
    "-x status": "unknown option -x",
    "test --client 1.2.3 x.eml": "--client 1.2.3: expected an IP address",
    "test --time yesterday x.eml": "--time yesterday: expected seconds",
    "test --macro x x.eml": "--macro x: expected NAME=VALUE",
    "test --port 99999 x.eml": "--port 99999: expected a number",
    "dns": "usage: steelyardctl dns query NAME [TYPE] | stats | flush",
    "dns ask": "ask is none of query, stats, flush",
    "dns query": "query wants a NAME",
    "dns stats now": "stats takes nothing more",
    "dnsbl": "usage: steelyardctl dnsbl health | IP | DOMAIN",
    "dnsbl a.example b.example": "usage: steelyardctl dnsbl",
    "test --via x.sock --dns x x.eml": "--dns is for tests without --via",
}


@pytest.mark.parametrize("words", WRONG_USE)
def test_wrong_use_is_one_clear_line(words: str) -> None:
    text = ctl(*words.split(), code=2)
    assert WRONG_USE[words] in text
    assert text.count("\n") == 1


def test_options_stand_anywhere(work: pathlib.Path) -> None:
    conf = work / "s.conf"
    for way in [["-c", conf, "--json", "settings"],
                ["settings", "--json", f"--config={conf}"],
                ["settings", f"-c{conf}", "--json"]]:
        assert json.loads(ctl(*way))
    (work / "a.zone").write_text("a.test A 192.0.2.1\n")
    for way in [["--dns", work / "a.zone", "-c", conf, "dns", "query",
                 "a.test"],
                ["dns", "query", f"--dns={work}/a.zone", "a.test", "-c", conf]]:
        assert "192.0.2.1" in ctl(*way)


def test_output_that_cannot_be_written_is_a_failure(work: pathlib.Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "facts"], stdout=full,
            stderr=subprocess.PIPE)
    assert done.returncode == 1


# --- check -------------------------------------------------------------------

TEN = [(3, 5), (4, 18), (5, 16), (6, 15), (7, 28), (8, 35), (9, 6), (10, 28),
       (11, 22), (12, 30)]


def test_ten_mistakes_are_all_named() -> None:
    text = ctl("check", MESSAGES / "ten-mistakes.rules", code=1)
    found = re.findall(r"^\S+ten-mistakes\.rules:(\d+):(\d+): error: ", text,
                       re.M)
    assert [(int(line), int(column)) for line, column in found] == TEN
    assert text.count("^") >= 10, "each has a caret"
    for hint in ["earliest_refusal", "helo.name", "nets"]:
        assert f'did you mean "{hint}"?' in text
    assert text.splitlines()[-1].endswith("10 errors, 0 warnings")


def test_check_in_json() -> None:
    answer = json.loads(ctl("--json", "check", MESSAGES / "ten-mistakes.rules",
                            code=1))
    assert answer["ok"] is False and answer["errors"] == 10
    assert "ten-mistakes.rules:3:5: error" in answer["report"]


def test_check_runs_lint(work: pathlib.Path) -> None:
    text = ctl("check", work / "s.conf")
    assert "warning: BARE refuses by itself" in text
    assert "0 errors" in text


def test_check_needs_no_filter_and_no_argument(work: pathlib.Path) -> None:
    assert "0 errors" in ctl("-c", work / "s.conf", "check")


def test_check_of_a_folder_takes_its_rules_together(
        work: pathlib.Path) -> None:
    folder = work / 'a "folder" [x]* \\ y'
    folder.mkdir()
    (folder / "10.rules").write_text("rule A 1.0 if B\n")
    (folder / "20.rules").write_text("rule B 1.0 if helo.is_ip\n")
    (folder / "30.other").write_text("nonsense\n")
    assert "0 errors" in ctl("check", folder)
    (folder / "20.rules").write_text("rule BB 1.0 if helo.is_ip\n")
    text = ctl("check", folder, code=1)
    assert '10.rules:1:15: error: unknown fact or symbol "B"' in text
    assert not list(pathlib.Path("/tmp").glob("steelyardctl-*"))


def test_check_of_a_folder_with_a_configuration_takes_that(
        work: pathlib.Path) -> None:
    (work / "s.conf").rename(work / "steelyard.conf")
    (work / "x.rules").write_text("nonsense\n")
    assert "0 errors" in ctl("check", work)


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder", "writable",
                                  "missing", "device"])
def test_files_that_are_none_are_refused(work: pathlib.Path,
                                         kind: str) -> None:
    path = work / "bad.rules"
    if kind == "symlink":
        path.symlink_to(work / "s.conf")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        (work / "d").mkdir()
        (work / "main.conf").write_text('include "d"\n')
        path = work / "main.conf"
    elif kind == "writable":
        path.write_text("rule A 1.0 if helo.is_ip\n")
        path.chmod(0o666)
    elif kind == "device":
        path = pathlib.Path("/dev/zero")
    assert "error" in ctl("check", path, code=1)


# --- facts and settings ------------------------------------------------------

def test_facts() -> None:
    assert re.search(r"^helo\.name +string +helo +argument", ctl("facts"), re.M)
    rows = json.loads(ctl("facts", "--json"))
    assert {"client.ip", "spf", "header"} <= {row["name"] for row in rows}
    assert "known    when helo ends" in ctl("facts", "helo.name")
    assert 'did you mean "helo.name"?' in ctl("facts", "helo.nmae", code=1)


def test_settings_offline(work: pathlib.Path) -> None:
    conf = work / "s.conf"
    text = ctl("-c", conf, "settings")
    assert re.search(r"^mode +enforce +\S+s\.conf:2 +enforce", text, re.M)
    assert re.search(r'^user +"" +default .*needs a restart$', text, re.M)
    row = json.loads(ctl("-c", conf, "--json", "settings", "mode"))
    assert row["value"] == "enforce" and row["source"].endswith("s.conf:2")
    ctl("-c", conf, "settings", "--live", code=1)
    ctl("-c", work / "nothing.conf", "settings", code=1)


# --- without a filter --------------------------------------------------------

def test_nobody_answers(work: pathlib.Path) -> None:
    conf = work / "s.conf"
    for verb in ["status", "reload"]:
        text = ctl("-c", conf, verb, code=1)
        assert "the filter does not run" in text and "control.sock" in text
    # what a killed one left behind
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(work / "control.sock"))
    left.close()
    assert "does not run" in ctl("-c", conf, "status", code=1)


def test_lists_offline(work: pathlib.Path) -> None:
    conf = work / "s.conf"
    assert "from its files" in ctl("-c", conf, "list")
    assert "example.org" in ctl("-c", conf, "list", "friends")
    ctl("-c", conf, "list", "friends", "test", "a.example.org")
    ctl("-c", conf, "list", "friends", "test", "example.com", code=1)
    assert "no filter has read it yet" in ctl("-c", conf, "list", "friends",
                                              "add", "new.test")
    ctl("-c", conf, "list", "friends", "test", "new.test")
    ctl("-c", conf, "list", "friends", "remove", "new.test")
    assert (work / "friends.list").read_text() == FILES["friends.list"]


def test_broken_configuration_offline(work: pathlib.Path) -> None:
    conf = work / "s.conf"
    conf.write_text(conf.read_text() + "nonsense\n")
    for words in [["list"], ["settings"], ["test", work / "letter.eml"]]:
        assert re.search(r"s\.conf:\d+:1: error", ctl("-c", conf, *words,
                                                      code=1))


# --- with a filter -----------------------------------------------------------

def test_status(filt: Steelyard) -> None:
    # The filter answers before it has been told of its inspector.
    text = wait.until("the inspector", 10, lambda: next(
        (said for said in [ctl("-c", filt.config, "status")]
         if "inspectors     1 alive" in said), None))
    assert "mode enforce" in text
    status = json.loads(ctl("-c", filt.config, "--json", "status"))
    assert status["ok"] and status["configuration"]["rules"] == 8
    assert filt.process and status["supervisor"] == filt.process.pid
    by_path = json.loads(ctl("--socket", filt.control_socket, "--json",
                             "status"))
    assert by_path["filter"] == status["filter"]


def test_reload(filt: Steelyard) -> None:
    good = filt.config.read_text()
    assert "reloaded" in ctl("-c", filt.config, "reload")
    filt.config.write_text(good + "rule X 1.0 if helo.nmae is none\n")
    text = ctl("-c", filt.config, "reload", code=1)
    assert re.search(r"steelyard\.conf:\d+:15: error: unknown fact", text)
    assert 'did you mean "helo.name"?' in text
    answer = json.loads(ctl("-c", filt.config, "--json", "reload",
                            code=1).split("\n")[0])
    assert answer["ok"] is False and "steelyard.conf:" in answer["report"]
    filt.config.write_text(good.replace("set inspectors 1",
                                        "set inspectors 2"))
    assert "inspectors" in ctl("-c", filt.config, "reload")
    status = json.loads(ctl("-c", filt.config, "--json", "status"))
    assert (status["reloads"], status["refused_reloads"]) == (2, 2)


def test_settings_live_are_those_that_run(filt: Steelyard) -> None:
    text = filt.config.read_text()
    filt.config.write_text(text.replace("enforce", "observe"))
    live = json.loads(ctl("-c", filt.config, "--json", "settings", "--live",
                          "mode"))
    files = json.loads(ctl("-c", filt.config, "--json", "settings", "mode"))
    assert (live["value"], files["value"]) == ("enforce", "observe")


def test_lists_live(filt: Steelyard) -> None:
    conf = filt.config
    ctl("-c", conf, "list", "friends", "test", "new.test", code=1)
    assert "is now in friends" in ctl("-c", conf, "list", "friends", "add",
                                      "New.test")
    ctl("-c", conf, "list", "friends", "test", "a.new.test")
    assert "already" in ctl("-c", conf, "list", "friends", "add", "new.test")
    ctl("-c", conf, "list", "friends", "remove", "new.test")
    ctl("-c", conf, "list", "friends", "remove", "example.org")
    assert ctl("-c", conf, "list", "friends") == ""
    assert (filt.work / "friends.list").read_text() == "# who\n"
    assert "was not in friends" in ctl("-c", conf, "list", "friends", "remove",
                                       "example.org")
    text = ctl("-c", conf, "list", "nets", "add", "198.51.100.1", code=2)
    assert "written between braces" in text
    text = ctl("-c", conf, "list", "friends", "add", "a b", code=2)
    assert text.count("\n") == 1
    text = ctl("-c", conf, "list", "words", "test", "SPAM7")
    assert "spam[0-9]+" in text
    rows = json.loads(ctl("-c", conf, "list", "--json"))
    assert [row["name"] for row in rows] == ["nets", "friends", "words"]
    text = ctl("-c", conf, "list", "nobody", code=2)
    assert "no list is called nobody" in text


def test_a_long_list_comes_whole(filt: Steelyard) -> None:
    names = [f"d{n}.example" for n in range(30_000)]
    (filt.work / "friends.list").write_text("\n".join(names) + "\n")
    ctl("-c", filt.config, "reload")
    assert ctl("-c", filt.config, "list", "friends").split() == names
    shown = json.loads(ctl("-c", filt.config, "--json", "list", "friends"))
    assert shown["entries"] == names


def test_the_filter_is_found_although_its_configuration_broke(
        filt: Steelyard) -> None:
    filt.config.write_text(filt.config.read_text() + "nonsense\n")
    assert "mode enforce" in ctl("-c", filt.config, "status")


# --- dns and dnsbl -----------------------------------------------------------

WORLD = """\
$ORIGIN example.org.
@        SOA  ns admin ( 7 1h 15m 1w 60 )
         MX   10 mail
         TXT  "v=spf1 -all" "a\\"b\\\\\\027\\155"
mail     A    192.0.2.1
www      CNAME mail
broken   SERVFAIL
slow     A 192.0.2.3
slow     DELAY 150ms
$ORIGIN .
99.2.0.192.in-addr.arpa PTR bot.dyn.example.net.
2.0.0.127.well.test   A   127.0.0.2
99.2.0.192.well.test  A   127.0.0.4
99.2.0.192.well.test  A   127.0.0.9
99.2.0.192.well.test  TXT "see https://well.test/\\027[2J"
*.world.test          A   127.0.0.2
*.refuses.test        A   127.255.255.254
*.silent.test         TIMEOUT 20ms
test.names.test       A   127.0.1.2
spam.example.names.test A 127.0.1.2
"""
LISTS = """\
dnsbl "well.test"    { BOT 8.0 on 127.0.0.4 "a bot"  TESTED 1.0 on 127.0.0.2 }
dnsbl "world.test"   { WORLD 3.0 on 127.0.0.2 }
dnsbl "refuses.test" { REFUSES 3.0 on 127.0.0.2 }
dnsbl "silent.test" test none { SILENT 3.0 on 127.0.0.2 }
dnsbl "names.test" of helo.name, sender.domain ask both { NAMES 3.0 on 127.0.1.2 }
rule NO_PTR 1.0 if client.ptr is none
rule PROVEN -0.5 if client.name is "mx.example.net"
verdict reject at 8.0
"""


@pytest.fixture
def world(work: pathlib.Path) -> list[str]:
    """Options that ask a zone file with these lists."""
    (work / "world.zone").write_text(WORLD)
    conf = work / "lists.conf"
    conf.write_text(f'set control_socket "unix:{work}/control.sock"\n'
                    f'set milter_socket "unix:{work}/milter.sock"\n'
                    f'set state_dir "{work}/state"\n' + LISTS)
    return ["-c", str(conf), "--dns", str(work / "world.zone")]


def asked(world: list[str], *words: object) -> list[object]:
    """A command line: --dns belongs to the verb, so it stands behind it."""
    return [*world[:2], *words, *world[2:]]


QUERIES = {
    "example.org MX": (0, "record     10 mail.example.org"),
    "EXAMPLE.org. mx": (0, "record     10 mail.example.org"),
    "example.org SOA":
        (0, "ns.example.org admin.example.org serial 7 minimum 60"),
    "example.org TXT": (0, r'"v=spf1 -all" "a\"b\\\x1B\x9B"'),
    "www.example.org": (0, "stands for mail.example.org"),
    "192.0.2.99": (0, "record     bot.dyn.example.net"),
    "192.0.2.99 ptr": (0, "question   99.2.0.192.in-addr.arpa PTR"),
    "mail.example.org AAAA": (1, "status     nodata, "),
    "nobody.example.org": (1, "status     nxdomain, "),
    "broken.example.org": (1, "servfail, so nothing is known"),
    "192.0.2.99 A": (2, "an address has PTR records alone"),
    "2001:db8::1 MX": (2, "an address has PTR records alone"),
    "a..b": (2, "a..b is no domain name"),
    "a\x1b.test": (2, "a\\x1B.test is no domain name"),
    "m\u00fcller.example": (2, "write what is not ASCII as xn--"),
    "a.test SPF": (2, "SPF is no type of record: A, AAAA, PTR, MX, TXT"),
}


@pytest.mark.parametrize("words", QUERIES)
def test_dns_query(world: list[str], words: str) -> None:
    code, part = QUERIES[words]
    text = ctl(*asked(world, "dns", "query", *words.split(" ")), code=code)
    assert part in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_dns_query_in_json(world: list[str]) -> None:
    found = trial(*asked(world, "dns", "query", "slow.example.org"))
    assert found["status"] == "found" and found["ms"] >= 150
    assert found["records"][0]["address"] == "192.0.2.3"
    found = json.loads(ctl("--json", *asked(
        world, "dns", "query", "broken.example.org"), code=1))
    assert (found["ok"], found["known"]) == (True, False)
    found = trial(*asked(world, "dns", "query", "example.org", "TXT"))
    assert found["records"][0]["strings"] == ["v=spf1 -all",
                                              'a"b\\\x1b\\x9B']


def test_stats_and_flush_need_a_filter(world: list[str]) -> None:
    for action in ["stats", "flush"]:
        text = ctl(*world[:2], "dns", action, code=1)
        assert "the filter does not run" in text and text.count("\n") == 1
    assert "zone file" in ctl(*asked(world, "dns", "stats"))


def test_a_zone_file_with_a_mistake_says_where(
        world: list[str], work: pathlib.Path) -> None:
    zone = work / "bad.zone"
    zone.write_text("a A 192.0.2.1\nb AAA x\n")
    for words in [("dns", "query", "a"), ("dnsbl", "health"),
                  ("dnsbl", "192.0.2.1"), ("test", work / "letter.eml")]:
        text = ctl(*world[:2], *words, "--dns", zone, code=1)
        assert "bad.zone:2:3: " in text and text.count("\n") == 1
    done = subprocess.run(
        [program("STEELYARD", "steelyard"), "-f", *world[:2], "--dns", zone],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "bad.zone:2:3: " in done.stderr


def test_dnsbl_health(world: list[str]) -> None:
    text = ctl(*asked(world, "dnsbl", "health"), code=1)
    assert re.search(r"^well\.test +well ", text, re.M)
    assert re.search(r"^world\.test +lists all, muted ", text, re.M)
    assert re.search(r"^refuses\.test +refusing, muted ", text, re.M)
    answer = json.loads(ctl("--json", *asked(world, "dnsbl", "health"),
                            code=1))
    lists = {row["zone"]: row for row in answer["lists"]}
    assert len(lists) == 5 and not lists["well.test"]["muted"]
    assert lists["silent.test"]["tested"] is None
    assert "127.255.255.254" in lists["refuses.test"]["why"]


def test_dnsbl_health_tests_any_number_of_lists(work: pathlib.Path) -> None:
    zones = [f"list{n}.test" for n in range(40)]
    (work / "many.zone").write_text(
        "".join(f"2.0.0.127.{zone}. A 127.0.0.2\n"
                "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0"
                f".0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.{zone}. A 127.0.0.2\n"
                for zone in zones))
    (work / "many.conf").write_text(
        f'set control_socket "unix:{work}/control.sock"\n' +
        "".join(f'dnsbl "{zone}" {{ L{n} 1.0 on 127.0.0.4 }}\n'
                for n, zone in enumerate(zones)))
    answer = trial("-c", work / "many.conf", "dnsbl", "health",
                   "--dns", work / "many.zone")
    assert {row["zone"]: row["state"] for row in answer["lists"]} == \
        {zone: "well" for zone in zones}


def test_dnsbl_asks_all_lists(world: list[str]) -> None:
    text = ctl(*asked(world, "dnsbl", "192.0.2.99"))
    assert re.search(r"^well\.test +listed +\d+ +99\.2\.0\.192\.well\.test$",
                     text, re.M)
    assert "127.0.0.4 BOT 8.00  a bot" in text
    assert "127.0.0.9 means nothing to our rules" in text
    assert '"see https://well.test/\\x1B[2J"' in text
    assert re.search(r"^world\.test +lists all ", text, re.M)
    assert "127.255.255.254: asked through a public resolver" in text
    assert re.search(r"^silent\.test +no answer ", text, re.M)
    assert "names.test" not in text, "is not asked about addresses"


def test_dnsbl_only_what_counts_is_a_listing(world: list[str]) -> None:
    answer = json.loads(ctl("--json", *asked(world, "dnsbl", "192.0.2.98"),
                            code=1))
    words = {row["zone"]: row["questions"][0]["answer"]
             for row in answer["lists"]}
    assert words == {"well.test": "not listed", "world.test": "lists all",
                     "refuses.test": "fault", "silent.test": "no answer"}
    assert answer["listed"] is False


def test_dnsbl_of_a_domain_asks_as_the_rules_do(world: list[str]) -> None:
    answer = trial(*asked(world, "dnsbl", "Mail.Spam.Example."))
    (row,) = answer["lists"]
    assert [(q["question"], q["answer"]) for q in row["questions"]] == [
        ("mail.spam.example.names.test", "not listed"),
        ("spam.example.names.test", "listed")]
    assert row["questions"][1]["symbols"][0]["name"] == "NAMES"
    for wrong in ["localhost", "1.2.3", "a b.example", "[192.0.2.1]"]:
        text = ctl(*asked(world, "dnsbl", wrong), code=2)
        assert "neither an IP address nor a domain name" in text


def test_test_asks_the_zone(world: list[str], work: pathlib.Path) -> None:
    found = trial(*asked(world, "test", "--client", "192.0.2.99",
                         work / "letter.eml"))
    assert (found["verdict"], found["symbols"]) == ("reject", ["BOT"])
    facts = {row["fact"]: row["value"] for row in found["facts"]}
    assert facts["client.ptr"] == ["bot.dyn.example.net"]
    assert {"fact": 'dnsbl("silent.test")', "cause": "timeout",
            "partial": False} in found["unknown"]
    text = ctl(*asked(world, "test", "--client", "192.0.2.99", "--auth",
                      "anna", work / "letter.eml"))
    assert re.search(r"^not asked +client\.ptr$", text, re.M)


PTRS = {"mx.example.net": (["mx.example.net"], "PROVEN"),
        "unknown": (None, "NO_PTR"), "[192.0.2.99]": (None, "NO_PTR")}


@pytest.mark.parametrize("ptr", PTRS)
@pytest.mark.parametrize("client", ["192.0.2.99", "2001:db8::99"])
def test_ptr_is_believed(world: list[str], work: pathlib.Path, ptr: str,
                         client: str) -> None:
    value, symbol = PTRS[ptr]
    found = trial(*asked(world, "test", "--client", client, "--ptr", ptr,
                         work / "letter.eml"))
    facts = {row["fact"]: row["value"] for row in found["facts"]}
    assert facts["client.ptr"] == value and facts["client.name"] == value
    assert symbol in found["symbols"]


def test_ptr_is_believed_of_each_message(world: list[str],
                                         work: pathlib.Path) -> None:
    for name, ptr in [("a", "mx.example.net"), ("b", "unknown"),
                      ("c", "mx.example.net")]:
        (work / f"{name}.eml").write_text(LETTER)
        (work / f"{name}.envelope").write_text(f"ptr {ptr}\n")
    (work / "d.eml").write_text(LETTER)
    found = trial(*asked(world, "test", "--client", "192.0.2.1",
                         *[work / f"{name}.eml" for name in "abcd"]))
    assert [set(one["symbols"]) & {"PROVEN", "NO_PTR"} for one in found] == [
        {"PROVEN"}, {"NO_PTR"}, {"PROVEN"}, {"NO_PTR"}]


def test_dns_of_a_filter(work: pathlib.Path) -> None:
    zone = work / "world.zone"
    zone.write_text(WORLD)
    filt = Steelyard(LISTS, work / "milter.sock", options=["--dns", zone])
    try:
        conf = filt.config
        wait.until("an answer", 10, lambda: '"ok"' in ctl(
            "-c", conf, "--json", "status", code=None))
        assert "192.0.2.1" in ctl("-c", conf, "dns", "query",
                                  "www.example.org")
        stats = trial("-c", conf, "dns", "stats")
        assert stats["questions"]["asked"] > 0
        assert stats["zone_file"] == str(zone)
        ctl("-c", conf, "dns", "flush")
        wait.until("a line in the log", 10,
                   lambda: "verb=dns" in filt.log())
        ctl("-c", conf, "dnsbl", "192.0.2.99")
        wait.until("a list that lists all is muted", 20,
                   lambda: "lists all, muted" in ctl(
                       "-c", conf, "dnsbl", "health", code=None))
        wait.until("its line in the log", 10, lambda: re.search(
            r'event=dnsbl level=warning zone=world\.test '
            r'state="lists all" was="untested"', filt.log()))
        assert re.search(r"^DNS +well; 5 lists, \d of them muted: .*world\.test",
                         ctl("-c", conf, "status"), re.M)
        assert trial("-c", conf, "status")["dns"]["muted"].count("world.test") == 1
        # a reload reads the file again
        zone.write_text(WORLD + "new.test A 192.0.2.7\n")
        ctl("-c", conf, "reload")
        assert "192.0.2.7" in ctl("-c", conf, "dns", "query", "new.test")
        # refuses one with a mistake, and says where; the one before stays
        zone.write_text("new.test A 192.0.2\n")
        assert f"{zone}:1:12: " in ctl("-c", conf, "reload", code=1)
        assert "192.0.2.7" in ctl("-c", conf, "dns", "query", "new.test")
    finally:
        filt.close()


# --- test: messages ----------------------------------------------------------

def trial(*arguments: object, stdin: str = "") -> dict:
    return json.loads(ctl("--json", *arguments, stdin=stdin))


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
                  "dkim.algorithms": ["rsa-sha256", "ed25519-sha256"]},
    "22-passed-on": {"spf": "fail", "dkim": "pass", "dmarc": "pass",
                     "dmarc.aligned.dkim": True, "dmarc.aligned.spf": False},
    "23-forged-author": {"spf": "fail", "dkim": None, "dmarc": "fail",
                         "dmarc.policy": "reject"},
    "24-text-appended": {"dkim": "policy", "dkim.covered": False,
                         "dmarc": "fail"},
    "25-not-signed": {"spf": None, "dkim": None, "dmarc": "fail"},
    "26-bounce-of-the-bank": {"spf": "pass", "spf.domain": "mx.bank.example",
                              "dmarc": "pass", "dmarc.aligned.spf": True},
    "27-mailing-list": {"dkim": "pass", "dkim.domain": "lists.example.com",
                        "dkim.results": ["pass", "fail"], "dmarc": "fail"},
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
