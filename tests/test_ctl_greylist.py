"""steelyardctl greylist, with a filter that remembers and without one."""

from __future__ import annotations

import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
from typing import Iterator

import pytest

from lib import wait
from lib.greylistsite import NET, Site, alone, remembering, rows, triplet
from lib.steelyard import Steelyard, program

TOP = pathlib.Path(__file__).resolve().parents[1]
KEY = f"{NET} a@example.org b@dest.example"
USE = "steelyardctl greylist: "
ROWS = 5  # of rows()


@pytest.fixture(scope="module", name="filt")
def fixture_filt() -> Iterator[Steelyard]:
    with remembering() as running:
        yield running


@pytest.fixture
def empty(tmp_path: pathlib.Path) -> Site:
    """Nothing runs, nothing is remembered."""
    return alone(tmp_path)


@pytest.fixture(params=["filter", "files"])
def site(request: pytest.FixtureRequest, tmp_path: pathlib.Path
         ) -> Iterator[Site]:
    """A site with rows(), through a filter and without one."""
    if request.param == "files":
        site = alone(tmp_path)
    else:
        site = Site(request.getfixturevalue("filt").config, True)
        site.clear()
    site.bring(rows())
    yield site


# --- wrong use is one line --------------------------------------------------

WRONG = {
    "": "which action? list, show, stats, allow, block, unmark, forget, "
        "export, import, advise",
    "lst": 'unknown action "lst", did you mean "list"?',
    "list x": "usage: steelyardctl greylist list",
    "list --for 3d": "list takes no --for",
    "list --stat waiting": 'unknown option "stat"',
    "list --state waiting --state passed": "--state is given twice",
    "list --known --known": "--known is given twice",
    "allow spf:example.org --for 1d --for 2d": "--for is given twice",
    "list --sender [ab": 'sender: in the pattern "[ab" a [ has no ]',
    "list --recipient a[[:alpha:]": "a [ has no ]",
    "list --sender [!]": "a [ has no ]",
    "list --identity net:\\": "a backslash has nothing behind it",
    "forget spf:[ab --dry-run": 'identity: in the pattern "spf:[ab"',
    "list --after x": "is no place where a listing of this store has ended",
    "list --state new": '--state is waiting or passed, not "new"',
    "list --kind all": "--kind is triplet, identity or outbound",
    "list --older yesterday": "--older wants a time such as 90s",
    "list --newer 1h30": "--newer wants a time",
    "list --limit many": "--limit wants a number",
    "list --limit 0": "--limit wants a number",
    "list --allowed --blocked": "not both",
    "list --identity 192.0.2.7": "its network is net:192.0.2.0/24",
    "list --identity example.org": "is spf:example.org or ptr:example.org",
    "show": "show whom?",
    "show a b": "show whom?",
    "show --client 192.0.2.7 x": "show whom?",
    "show --ptr x spf:example.org": "go with --client",
    "show --client example.org": "example.org is no IP address",
    "show --client 192.0.2.7 --sender a@b": "go together",
    "show 192.0.2.7": "its network is net:192.0.2.0/24",
    "allow": "usage: steelyardctl greylist allow",
    "allow 192.0.2.7": "192.0.2.7 is no identity; its network is "
                       "net:192.0.2.0/24",
    "allow 2001:db8::1": "net:2001:db8::/64",
    "allow example.org": "is spf:example.org or ptr:example.org meant?",
    "allow anna@example.org": "is spf:example.org or ptr:example.org meant?",
    "allow nonsense": "an identity looks like spf:example.org",
    "allow spf:example.org --for ever": "--for wants a time",
    "allow spf:example.org --for 0": "--for wants a time",
    "unmark spf:example.org --for 3d": "unmark takes no --for",
    "forget": "forget what?",
    "forget --yes": "forget what?",
    "forget 192.0.2.7 --yes": "its network is net:192.0.2.0/24",
    "forget spf:* --identity ptr:*": "two patterns for the identity",
    "forget spf:*": "--yes forgets, --dry-run counts",
    "export a b": "usage: steelyardctl greylist export",
    "import a b": "usage: steelyardctl greylist import",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_use_is_one_clear_line(site: Site, words: str) -> None:
    done = site.run(*words.split())
    assert done.returncode == 2 and done.stdout == ""
    assert WRONG[words] in done.stderr
    assert done.stderr.count("\n") == 1


def test_wrong_use_makes_no_file(empty: Site) -> None:
    for words in ("allow nonsense", "forget [ --yes", "list --sender [",
                  "block 192.0.2.7 --for 1d"):
        done = empty.run(*words.split())
        assert done.returncode == 2 and done.stderr.count("\n") == 1, words
    assert list((empty.config.parent / "state").iterdir()) == []


def test_help_has_every_action(empty: Site) -> None:
    told = empty.run("list", "--help").stdout
    for action in ("list", "show", "stats", "allow", "block", "unmark",
                   "forget", "export", "import", "advise"):
        assert f"steelyardctl greylist {action}" in told, action


def test_manual_and_completion_know_all(empty: Site) -> None:
    told = empty.run("--help").stdout
    options = set(re.findall(r"^  --(\S+)", told.partition("\nFor every")[0],
                             re.MULTILINE))
    assert {"kind", "for", "dry-run", "quick", "from"} <= options
    page = (TOP / "doc/steelyardctl.8").read_text()
    page = page.partition(".It Ic greylist")[2].partition(".It Ic list")[0]
    assert options <= set(re.findall(r"Fl -(\S+)", page))
    script = (TOP / "dist/completions/steelyardctl").read_text()
    for option in options:
        assert f"--{option}" in script, option
    for action in re.findall(r"action\? (.*)", empty.run().stderr)[0] \
            .split(", "):
        assert re.search(rf"^\.It Cm {action}\b", page, re.MULTILINE), action
        assert re.search(rf"\b{action}\b", script.partition("greylist:1)")[2]
                         .partition(";;")[0]), action


COMPLETED = {
    "greylist": "list show stats allow block unmark forget export import "
                "advise",
    "greylist --json": "list show stats allow block unmark forget export "
                       "import advise",
    "-c x --json greylist --state waiting --json": "list show stats allow "
        "block unmark forget export import advise",
    "greylist --limit = 3": "list show stats allow block unmark forget "
                            "export import advise",
    "greylist list": "",
    "greylist --json import --from": "postgrey milter-greylist sqlgrey",
    "greylist list --after": "",
    "list --json our_nets": "show test add remove",
    "dns --json": "query stats flush",
    "dns --dns zone query a.example": "A AAAA PTR MX TXT NS SOA CNAME",
    "dnsbl --json": "health",
    "spf --client 192.0.2.7": "check",
}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("words", COMPLETED)
def test_completion_wherever_options_stand(words: str) -> None:
    done = subprocess.run(
        ["bash", "-c", 'source "$1"; shift; COMP_WORDS=("$@" "")\n'
         "COMP_CWORD=$#; _steelyardctl; echo ${COMPREPLY[*]}", "bash",
         TOP / "dist/completions/steelyardctl", "steelyardctl",
         *words.split()], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (COMPLETED[words] + "\n", "")


# --- looking ----------------------------------------------------------------

LISTS = {
    "--state waiting": [KEY],
    "--state passed": ["spf:example.org c@example.org b@dest.example"],
    "--known": ["spf:example.org"],
    "--trapped": ["net:198.51.100.0/24"],
    "--allowed": [],
    "--kind outbound": ["d@example.com"],
    "--kind identity": ["net:198.51.100.0/24", "spf:example.org"],
    "--identity SPF:*": ["spf:example.org c@example.org b@dest.example",
                         "spf:example.org"],
    "--sender a@*": [KEY],
    "--recipient *@elsewhere": [],
    "--kind triplet --older 1h": ["spf:example.org c@example.org "
                                  "b@dest.example"],
    "--kind triplet --newer 1h": [KEY],
    "--older 5w": [],
    "--sender [!b-z]*": [KEY],
    "--sender [[:alpha:]]@*": [
        KEY, "spf:example.org c@example.org b@dest.example"],
    "--sender \\[*": [],
}


@pytest.mark.parametrize("words", LISTS)
def test_list(site: Site, words: str) -> None:
    assert sorted(site.keys(*words.split())) == sorted(LISTS[words])


def test_list_for_people(site: Site) -> None:
    lines = site.ctl("list").splitlines()
    row = {line.split(maxsplit=1)[0]: line for line in lines}
    assert list(row)[0] == "STATE"
    assert len(lines) == 1 + ROWS
    assert re.search(r"1m ago +in 4m +1 +" + re.escape(KEY), row["waiting"])
    assert re.search(r"2h ago +for 36d +3 +spf:", row["passed"])
    assert re.search(r"2h ago +for 36d +9 +spf:example.org$", row["known"])
    assert re.search(r"1m ago +for 24h +0 +net:198", row["trapped"])
    assert re.search(r"1m ago +for 30d +- +d@example.com", row["written"])


def test_limit(site: Site) -> None:
    assert len(site.keys("--limit", 2)) == 2
    assert len(site.keys("--limit", 1000000)) == ROWS


SHOWS = {
    f"{NET} a@example.org b@dest.example": ("wait", "early", 0),
    f"{NET} A+tag@Example.ORG b@dest.example": ("wait", "early", 0),
    f"{NET} x@example.org b@dest.example": ("wait", "new", 1),
    "spf:example.org": ("pass", "known", 0),
    "net:198.51.100.0/24": ("refused", "trapped", 0),
    "net:203.0.113.0/24": ("wait", "new", 1),
    "--client 192.0.2.7 --sender a@example.org --recipient b@dest.example":
        ("wait", "early", 0),
    "--client 192.0.2.7 --spf example.org": ("pass", "known", 0),
    "--client 203.0.113.7 --ptr mx.example.com --sender d@example.com "
    "--recipient b@dest.example": ("pass", "outbound", 1),
}


@pytest.mark.parametrize("words", SHOWS)
def test_show(site: Site, words: str) -> None:
    answer, why, code = SHOWS[words]
    shown = site.json("show", *words.split(), code=code)
    assert (shown["next"]["answer"], shown["next"]["why"]) == (answer, why)
    assert shown["there"] is (code == 0)


def test_show_takes_a_key_as_one_word(site: Site) -> None:
    told = site.ctl("show", KEY)
    assert "triplet   waiting" in told
    assert re.search(r"waits +for another 3m", told)
    assert re.search(r"A visit now would have to wait for 3m\d+s: early", told)
    assert "one of ours wrote to it" in site.ctl("show", "d@example.com")


def test_stats(site: Site) -> None:
    stats = site.json("stats")
    assert stats["engine"] == "lmdb" and stats["health"] == "well"
    assert (stats["triplets"], stats["identities"], stats["outbound"]) \
        == (2, 2, 1)
    assert stats["count"]["waiting"] == stats["count"]["passed"] == 1
    assert stats["count"]["waits"][9] == 1  # 400 s
    assert "count" not in site.json("stats", "--quick")
    told = site.ctl("stats")
    assert "triplets    2: 1 wait (1 tried once), 1 have passed" in told
    assert re.search(r"up to 8m32s +1  #+", told)


# --- an admin's word ---------------------------------------------------------


def test_marks(site: Site) -> None:
    assert site.ctl("allow", NET, "--for", "30d") == \
        f"{NET} is allowed for 30d\n"
    assert site.json("show", KEY)["next"]["why"] == "allowed"
    assert site.keys("--allowed") == [NET]
    assert site.ctl("block", NET) == \
        f"{NET} is blocked until that is taken back\n"
    assert site.json("show", KEY)["next"]["why"] == "blocked"
    assert site.keys("--blocked") == [NET]
    assert site.ctl("unmark", NET) == f"{NET} is no longer blocked\n"
    assert site.ctl("unmark", NET) == f"{NET} was not marked\n"
    assert site.json("show", KEY)["next"]["why"] == "early"


def test_forget(site: Site) -> None:
    assert site.ctl("forget", "spf:*", "--dry-run") == \
        "2 records would be forgotten\n"
    assert len(site.keys()) == ROWS
    assert site.ctl("forget", "spf:*", "--yes") == \
        "2 records are forgotten\n"
    assert site.json("forget", "spf:*", "--yes")["count"] == 0
    assert site.ctl("forget", KEY, "--yes") == "1 record is forgotten\n"
    assert sorted(site.keys()) == ["d@example.com", "net:198.51.100.0/24"]


def test_a_key_is_no_pattern(site: Site) -> None:
    """What senders look like may be patterns."""
    site.bring([triplet(NET, "list-#-*@x.org"), triplet(NET, "list-#-a@x.org")])
    site.ctl("forget", f"{NET} list-#-*@x.org b@dest.example", "--yes")
    assert site.keys("--sender", "list-*") == \
        [f"{NET} list-#-a@x.org b@dest.example"]


@pytest.mark.parametrize("answer, left", [("y", 0), ("n", 1), ("", 1)])
def test_forget_asks_on_a_terminal(empty: Site, answer: str, left: int
                                   ) -> None:
    empty.bring([triplet(NET)])
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [program("STEELYARDCTL", "steelyardctl"), "-c", empty.config,
             "greylist", "forget", "*"], stdin=theirs, stdout=theirs,
            stderr=theirs)
        os.close(theirs)
        text = b""
        while b"[y/N]" not in text:
            assert select.select([ours], [], [], 20)[0], text
            text += os.read(ours, 4096)
        assert b"Forget 1 record?" in text
        os.write(ours, answer.encode() + b"\n")
        assert process.wait(20) == left
    finally:
        os.close(ours)
    assert len(empty.keys()) == left


# --- out and in --------------------------------------------------------------


def test_export_and_import_are_one_another(site: Site,
                                           tmp_path: pathlib.Path) -> None:
    site.ctl("allow", "spf:example.net")
    file = tmp_path / "all.jsonl"
    assert site.ctl("export", file) == f"{ROWS + 1} records in {file}\n"
    assert file.read_text() == site.ctl("export")
    assert file.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").mkdir()
    other = alone(tmp_path / "other")
    assert other.ctl("import", file) == \
        f"{ROWS + 1} records read, {ROWS + 1} taken\n"
    assert other.ctl("export") == file.read_text()
    assert " 0 taken" in other.ctl("import", file)
    assert len(site.ctl("export", "--known").splitlines()) == 1


GOOD = json.dumps(triplet(NET))
BAD = {
    "cut off": (GOOD[:50], "not JSON"),
    "text": ("hello", "not JSON"),
    "another JSON": ('["a"]', "not an object"),
    "another's records": ('{"ip":"192.0.2.7","first":5}', "kind is none"),
    "a kind that is none": (GOOD.replace('"triplet"', '"triple"'),
                            "kind is none"),
    "a key of another kind": (GOOD.replace('"triplet"', '"identity"'),
                              "key is none of that kind"),
    "a key that is none": (GOOD.replace("net:192.0.2.0/24", "192.0.2.7"),
                           "key is none of that kind"),
    "a value that is none": (GOOD.replace("tries=1", "tries=-1"),
                             "value is none of that kind"),
    "a newer value": (GOOD.replace('"1 waiting', '"2 waiting'),
                      "value is of a newer version"),
    "no expiry": (GOOD.replace('"expires"', '"expired"'),
                  "expires is neither"),
    "an expiry as text": (re.sub(r'"expires": (\d+)', r'"expires": "\1"',
                                 GOOD), "expires is neither"),
    "a member twice": (GOOD[:-1] + ',"kind":"triplet"}', "not JSON"),
    "a line without end": ("x" * 10000, "no record is so long"),
    "a NUL": ("\0" + GOOD, "NUL"),
}


@pytest.mark.parametrize("claim", BAD)
def test_a_foreign_file_is_refused_at_its_line(
        empty: Site, tmp_path: pathlib.Path, claim: str) -> None:
    line, why = BAD[claim]
    file = tmp_path / "bad.jsonl"
    # good ones before it, by the thousand, are not taken either
    good = "".join(json.dumps(triplet(NET, f"s{i}@example.org")) + "\n"
                   for i in range(2000))
    file.write_text(good + line + "\n" + GOOD + "\n")
    for words, name, stdin in (([file], file, ""),
                               ([], "-", file.read_text())):
        told = empty.ctl("import", *words, code=1, stdin=stdin)
        assert f"{name}:2001: " in told and why in told
        assert told.count("\n") == 1
    assert not (empty.config.parent / "state" / "greylist.mdb").exists()


def test_a_file_that_is_cut_off_is_refused(site: Site,
                                           tmp_path: pathlib.Path) -> None:
    text = site.ctl("export")
    site.ctl("forget", "*", "--yes")
    file = tmp_path / "half"
    file.write_text(text[:-20])
    told = site.ctl("import", file, code=1)
    assert f"{file}:{ROWS}: not JSON" in told
    assert site.keys() == ["d@example.com"]


def test_files_that_cannot_be(empty: Site, tmp_path: pathlib.Path) -> None:
    assert "No such file" in empty.ctl("import", tmp_path / "x", code=1)
    assert "directory" in empty.ctl("import", tmp_path, code=1)
    empty.bring(rows())
    assert "No such file" in empty.ctl("export", tmp_path / "x/y", code=1)
    told = empty.ctl("export", "/dev/full", code=1)
    assert "No space left" in told and told.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.conf", "state"]


# --- without a store ---------------------------------------------------------


def test_nothing_is_remembered_yet(empty: Site) -> None:
    told = empty.ctl("list", code=1)
    assert "greylist.mdb" in told and told.count("\n") == 1
    assert list((empty.config.parent / "state").iterdir()) == []


def test_a_filter_that_greylists_nobody() -> None:
    with tempfile.TemporaryDirectory(prefix="sy-grey-") as name:
        running = Steelyard("", pathlib.Path(name) / "milter.sock")
        try:
            site = Site(running.config, True)
            told = wait.until("an answer", 10, lambda: [
                text for text in [site.run("list").stderr] if "rules" in text])
            assert told == [USE + "the rules greylist nobody, so nothing is "
                                  "remembered\n"]
        finally:
            running.close()


def test_what_root_changes_is_the_filters() -> None:
    """Without a filter its file is opened as whoever owns the folder."""
    if os.geteuid() != 0:
        pytest.skip("not root")
    with tempfile.TemporaryDirectory(prefix="sy-grey-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        site = alone(folder)
        os.chown(folder / "state", 65534, 65534)
        site.ctl("allow", NET)
        assert {path.stat().st_uid for path in (folder / "state").iterdir()} \
            == {65534}
        assert site.keys("--allowed") == [NET]
        assert site.ctl("export", folder / "out")
        assert (folder / "out").stat().st_uid == 0
