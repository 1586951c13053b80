"""steelyardctl, as people and scripts use it."""

from __future__ import annotations

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
from lib.steelyard import Steelyard, program
from lib.steelyardctl import FILES, LETTER, RULES, ctl, site

TOP = pathlib.Path(__file__).resolve().parents[1]
MESSAGES = TOP / "tests" / "messages"


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with site() as folder:
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
         "dnsbl", "spf", "greylist", "test"]


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


def test_check_of_a_folder_names_what_is_there(work: pathlib.Path) -> None:
    """That a file comes twice is told with names that somebody knows."""
    folder = work / "rules.d"
    folder.mkdir()
    (folder / "a.rules").write_text("rule A 1.0 if helo.is_ip\n")
    (folder / "b.rules").write_text('include "a.rules"\n')
    text = ctl("check", folder, code=1)
    assert f'{folder}/b.rules:1:9: error: "{folder}/a.rules"' in text
    assert f"the first time at {folder}/*.rules:1\n" in text
    (folder / "0.rules").write_text('include "a.rules"\n')
    (folder / "b.rules").unlink()
    text = ctl("check", folder, code=1)
    assert f'{folder}/*.rules:1:9: error: "{folder}/a.rules"' in text
    assert f"the first time at {folder}/0.rules:1\n" in text


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


@pytest.mark.parametrize("tool", ["check", "-t"])
def test_mistakes_in_lists_are_told_beside_all_others(
        work: pathlib.Path, tool: str) -> None:
    (work / "friends.list").write_text("good.test\n\n  *.bad\x1b[2J.test\n")
    (work / "words.list").write_text("/(/\n/good/\n/[/i # x\n")
    conf = work / "s.conf"
    conf.write_text(conf.read_text() + "rule X 1.0 if foo\n"
                    'list gone ip from "gone.list"\n')
    text = (ctl("check", conf, code=1) if tool == "check" else
            checked(conf, code=1))
    found = re.findall(r"^\S+/([^/]+:\d+:\d+): error: ", text, re.M)
    assert found == ["s.conf:16:15", "s.conf:17:6", "friends.list:3:3",
                     "words.list:1:3", "words.list:3:3"]
    for shown in ["*.bad?[2J.test\n        ^\n", "/(/\n          ^\n",
                  "/[/i # x\n          ^\n", "gone.list: No such file"]:
        assert shown in text
    assert text.count("is declared at") == 2


# --- steelyard -t ------------------------------------------------------------

def checked(conf: pathlib.Path, code: int = 0) -> str:
    done = subprocess.run(
        [program("STEELYARD", "steelyard"), "-t", "-c", conf],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_who_does_not_exist_is_told_before_the_start(
        work: pathlib.Path) -> None:
    conf = work / "s.conf"
    good = conf.read_text()
    assert checked(conf).endswith(": ok\n")
    # no user and no group is called so: the colon ends a name in its file
    conf.write_text('set user "no:such"\nset milter_socket_group "no:such"\n'
                    + good + "rule X 1.0 if foo\n")
    text = checked(conf, code=1)
    assert re.search(r"s\.conf:1:5: error: set user: there is no user "
                     r'"no:such"', text)
    assert re.search(r"s\.conf:2:5: error: set milter_socket_group: there is "
                     r'no group "no:such"', text)
    assert "unknown fact or symbol" in text
    assert text.count("error: ") == 3
    conf.write_text('set user "root"\nset milter_socket_group "root"\n' + good)
    assert checked(conf).endswith(": ok\n")
    # who only looks at rules, perhaps elsewhere, need not have the user
    conf.write_text('set user "no:such"\n' + good)
    assert "0 errors" in ctl("check", conf)


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
