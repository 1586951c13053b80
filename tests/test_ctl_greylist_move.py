"""steelyardctl greylist import --from, and advise: coming from elsewhere, and
what other terms would have meant."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time
from typing import Iterator

import pytest

from lib.steelyard import program

NOW = int(time.time())
RULES = """\
set greylist_known_after 5
greylist at 0 wait 5m window 2d keep 36d
"""


class Site:
    """A configuration whose filter does not run, and its memory."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.config = folder / "s.conf"
        (folder / "state").mkdir(0o700)
        self.configure(RULES)

    def configure(self, rules: str) -> None:
        self.config.write_text(
            f'set control_socket "unix:{self.folder}/control.sock"\n'
            f'set state_dir "{self.folder}/state"\n' + rules)

    def file(self, name: str, text: str | bytes) -> pathlib.Path:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def ctl(self, *words: object, code: int = 0, stdin: str = ""
            ) -> tuple[str, str]:
        """What it printed, and what it complained of."""
        done = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "-c", self.config,
             "greylist", *map(str, words)], input=stdin, text=True,
            capture_output=True, timeout=120, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout, done.stderr

    def records(self) -> dict[str, str]:
        """All that is remembered: values by keys."""
        lines = self.ctl("export")[0].splitlines()
        rows = [json.loads(line) for line in lines]
        return {row["key"]: row["value"] for row in rows if "key" in row}

    def remember(self, rows: list[tuple[str, str, str]]) -> None:
        """Kind, key and value of records of our own."""
        text = "".join(json.dumps({
            "kind": kind, "key": key, "value": value,
            "expires": NOW + 1000000}) + "\n" for kind, key, value in rows)
        self.ctl("import", "-", stdin=text)


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="sy-move-") as name:
        yield Site(pathlib.Path(name))


def postgrey(*pairs: str) -> str:
    """As `db_dump -p` writes it."""
    return ("VERSION=3\nformat=print\ntype=btree\ndb_pagesize=4096\n"
            "HEADER=END\n" + "".join(f" {text}\n" for text in pairs)
            + "DATA=END\n")


PASSED = (f"192.0.2.0/joe@example.org/bob@our.test",
          f"{NOW - 9000},{NOW - 100}")
CLIENT = ("198.51.100.7", f"12,{NOW - 50}")


# --- import -------------------------------------------------------------------

def test_postgrey(site: Site) -> None:
    """Who passed there passes here, by network or by his domain's proof."""
    dump = site.file("postgrey.dump", postgrey(*PASSED, *CLIENT))
    out, complaints = site.ctl("import", "--from", "postgrey", dump)
    assert "3 records read, 3 taken" in out
    assert "2 found there" in complaints
    records = site.records()
    assert set(records) == {
        "net:192.0.2.0/24 joe@example.org bob@our.test",
        "spf:example.org joe@example.org bob@our.test",
        "net:198.51.100.0/24"}
    assert records["net:198.51.100.0/24"].startswith("1 identity passes=12 ")
    # again, or out of order, it does no harm
    out, _ = site.ctl("import", "--from", "postgrey", dump)
    assert site.records() == records


def test_two_dumps_by_pipe(site: Site) -> None:
    both = postgrey(*PASSED) + postgrey(*CLIENT)
    site.ctl("import", "--from", "postgrey", stdin=both)
    assert len(site.records()) == 3


def test_bad_lines_are_told(site: Site) -> None:
    dump = site.file("d", postgrey(*PASSED, "what", "is this", *CLIENT))
    _, complaints = site.ctl("import", "--from", "postgrey", dump, code=1)
    assert f"{dump}:9: a value is not two numbers" in complaints
    assert "1 cannot be read" in complaints
    assert len(site.records()) == 3  # the rest is there


def test_few_complaints_are_shown(site: Site) -> None:
    dump = site.file("d", postgrey(*(["what", "is this"] * 1000)))
    _, complaints = site.ctl("import", "--from", "postgrey", dump, code=1)
    assert len(complaints.splitlines()) < 30
    assert "980 more complaints are not shown" in complaints


def test_counts_as_json(site: Site) -> None:
    dump = site.file("d", postgrey(
        *PASSED, "192.0.2.1", "9,1000", "b" * 40, f"{NOW},{NOW}", "x", "y"))
    out, _ = site.ctl("--json", "import", "--from", "postgrey", dump, code=1)
    counts, end = map(json.loads, out.splitlines())
    assert counts == {"lines": 14, "found": 4, "good": 1, "lapsed": 1,
                      "hashed": 1, "other": 0, "bad": 1, "entries": 2}
    assert end == {"ok": True, "given": 2, "taken": 2}


def test_milter_greylist(site: Site) -> None:
    dump = site.file("greylist.db", (
        "# milter-greylist databases, dumped by milter-greylist-4.6.2\n"
        f"192.0.2.7\t<joe@example.org>\t<bob@our.test>\t{NOW + 200} # 2026\n"
        f"192.0.3.7\t<>\t<bob@our.test>\t{NOW + 9000} AUTO # 2026\n"
        "# Summary: 2 records, 1 greylisted, 1 whitelisted\n"))
    site.ctl("import", "--from", "milter-greylist", dump)
    records = site.records()
    waits = records["net:192.0.2.0/24 joe@example.org bob@our.test"]
    assert waits.startswith(f"1 waiting first={NOW - 100} ")
    assert records["net:192.0.3.0/24 <> bob@our.test"].startswith("1 passed ")


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs sqlite3")
def test_sqlgrey(site: Site) -> None:
    """What sqlite3 itself writes out."""
    path = site.folder / "sqlgrey.db"
    base = sqlite3.connect(path)
    base.executescript(
        "CREATE TABLE connect (sender_name varchar(64) NOT NULL, sender_domain "
        "varchar(255) NOT NULL, src varchar(39) NOT NULL, rcpt varchar(255) "
        "NOT NULL, first_seen timestamp NOT NULL);"
        "CREATE TABLE from_awl (sender_name varchar(64) NOT NULL, "
        "sender_domain varchar(255) NOT NULL, src varchar(39) NOT NULL, "
        "first_seen timestamp NOT NULL, last_seen timestamp NOT NULL);"
        "CREATE TABLE config (parameter varchar(255), value varchar(255));"
        "INSERT INTO config VALUES ('version', '3');")
    base.execute("INSERT INTO connect VALUES (?, ?, ?, ?, ?)",
                 ("o'brien", "example.org", "192.0.2", "bob@our.test", NOW))
    base.execute("INSERT INTO from_awl VALUES (?, ?, ?, ?, ?)",
                 ("ann", "example.net", "198.51.100.7", NOW - 900, NOW - 5))
    base.commit()
    base.close()
    _, complaints = site.ctl("import", "--from", "sqlgrey", path, code=1)
    assert "`sqlite3 FILE .dump`" in complaints
    dump = subprocess.run(["sqlite3", path, ".dump"], text=True, check=True,
                          capture_output=True).stdout
    out, complaints = site.ctl("import", "--from", "sqlgrey", stdin=dump)
    assert "1 mean nothing here" in complaints
    records = site.records()
    assert set(records) == {
        "net:192.0.2.0/24 o'brien@example.org bob@our.test",
        "spf:example.org o'brien@example.org bob@our.test",
        "net:198.51.100.0/24", "spf:example.net"}
    assert records["spf:example.net"].startswith("1 identity passes=5 ")


def test_our_masks(site: Site) -> None:
    site.configure(RULES + "set greylist_ipv4_bits 32\n")
    site.ctl("import", "--from", "postgrey", stdin=postgrey(*CLIENT))
    assert list(site.records()) == ["net:198.51.100.7"]


def test_wrong_use(site: Site) -> None:
    _, told = site.ctl("import", "--from", "spamd", code=2)
    assert told.count("\n") == 1 and "milter-greylist" in told
    _, told = site.ctl("import", "--from", "postgrey", "/nowhere", code=1)
    assert told.count("\n") == 1 and "/nowhere: No such file" in told
    _, told = site.ctl("import", "--from", "postgrey", site.folder, code=1)
    assert "Is a directory" in told
    _, told = site.ctl("import", "--from", "sqlgrey", os.devnull, code=1)
    assert "there is nothing in it" in told
    btree = b"\0" * 12 + b"\x62\x31\x05\x00" + b"\0" * 500
    _, told = site.ctl("import", "--from", "postgrey",
                       site.file("postgrey.db", btree), code=1)
    assert "it is a Berkeley DB: write it out with `db_dump -p FILE`" in told


# --- advise -------------------------------------------------------------------

def passed(number: int, waited: int, network: str = "192.0.2.0/24",
           recipient: str = "bob@our.test") -> tuple[str, str, str]:
    return ("triplet", f"net:{network} s{number}@example.org {recipient}",
            f"1 passed last={NOW} first={NOW - 9000} waited={waited} uses=1")


def waiting(number: int, tried_for: int, tries: int,
            network: str = "192.0.2.0/24") -> tuple[str, str, str]:
    return ("triplet", f"net:{network} w{number}@example.org bob@our.test",
            f"1 waiting first={NOW - 9000} tried={NOW - 9000 + tried_for} "
            f"tries={tries} round=0")


def advise(site: Site) -> dict:
    return json.loads(site.ctl("--json", "advise")[0])


def test_nothing_to_judge_by(site: Site) -> None:
    site.remember([("identity", "net:192.0.2.0/24",
                    f"1 identity passes=1 round=0 counted={NOW} last={NOW}")])
    found = advise(site)
    assert found["enough"] is False and found["passed"] == 0
    out, _ = site.ctl("advise")
    assert "too few to judge by" in out


def test_waits(site: Site) -> None:
    rows = [passed(n, 400) for n in range(60)]
    rows += [passed(100 + n, 1000) for n in range(30)]
    rows += [passed(200 + n, 50000) for n in range(10)]
    rows += [passed(300, 0)]  # brought from elsewhere
    rows += [waiting(n, 0, 1) for n in range(7)]
    rows += [waiting(100 + n, 130, 3) for n in range(5)]
    site.remember(rows)
    found = advise(site)
    assert found["enough"] is True
    assert (found["passed"], found["measured"]) == (101, 100)
    assert (found["waiting"], found["tried_again"], found["overdue"]) == (12, 5, 7)
    waits = {row["wait"]: row for row in found["waits"]}
    assert list(waits) == [60, 120, 300, 600, 900, 1800, 3600]
    assert [waits[s]["pass"] for s in (60, 300, 600, 1800)] == [100, 100, 40, 10]
    assert [waits[s]["again"] for s in (60, 300, 600, 1800)] == [0, 0, 60, 90]
    assert [waits[s]["through"] for s in (60, 120, 300, 600)] == [5, 5, 0, 0]
    windows = {row["window"]: row["late"] for row in found["windows"]}
    assert windows == {7200: 10, 14400: 10, 43200: 10, 86400: 0, 172800: 0}
    steps = {row["up_to"]: row["count"] for row in found["came_back"]}
    assert (steps[600], steps[1800], steps[86400], steps[None]) == (60, 30, 10, 0)


def test_identities(site: Site) -> None:
    site.remember([
        ("identity", f"spf:d{n}.example.org",
         f"1 identity passes={n} round=0 counted={NOW} last={NOW}")
        for n in (1, 2, 3, 5, 12)])
    found = advise(site)
    assert (found["identities"], found["known"]) == (5, 2)
    assert [row["identities"] for row in found["known_after"]] == [5, 4, 3, 2, 1]


def test_masks(site: Site) -> None:
    """Networks that a wider mask makes one, and mails they share."""
    rows = [passed(1, 400, f"192.0.{n}.0/24") for n in (16, 17, 40)]
    rows += [passed(2, 400, "10.0.0.0/24"), passed(3, 400, "2001:db8:1:1::/64"),
             passed(3, 400, "2001:db8:1:2::/64")]
    site.remember(rows)
    found = advise(site)
    masks = {row["bits"]: (row["networks"], row["mails"])
             for row in found["masks4"]}
    assert masks == {24: (4, 0), 20: (3, 1), 16: (2, 2)}
    six = {row["bits"]: (row["networks"], row["mails"])
           for row in found["masks6"]}
    assert six == {64: (2, 0), 56: (1, 1), 48: (1, 1), 32: (1, 1)}
    assert found["several_networks"] == 3


def test_for_people(site: Site) -> None:
    """No line is too wide, the plot has marks, and nothing is left empty."""
    site.remember([passed(n, 400 + n * 50) for n in range(200)])
    out, _ = site.ctl("advise")
    assert max(map(len, out.splitlines())) <= 80, out
    assert "####" in out and "5m *" in out and "2d *" in out
    assert "too few" not in out
    assert site.ctl("advise", "more", code=2)[1].count("\n") == 1
