"""steelyardctl greylist while mail flows, and where very much is remembered."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Iterator

import pytest

from lib.fakemta import FakeMta
from lib.greylistsite import NET, Site, remembering, triplet
from lib.steelyard import Steelyard, program

SOAK = os.environ.get("SOAK") == "1"
MANY = 1000000 if SOAK else 100000


@pytest.fixture(scope="module", name="filt")
def fixture_filt() -> Iterator[Steelyard]:
    with remembering() as running:
        yield running


# --- with a filter -----------------------------------------------------------


def test_what_mail_does_is_seen(filt: Steelyard) -> None:
    site = Site(filt.config, True)
    site.clear()
    key = "net:203.0.113.0/24 new@example.org b@dest.example"

    def visit() -> list[str]:
        link = FakeMta(f"unix:{filt.milter_socket}")
        link.connect("unknown", "203.0.113.9", 40000)
        link.helo(b"mx.example.org")
        link.mail(b"<new@example.org>")
        reply = link.rcpt(b"<b@dest.example>")
        link.abort()
        link.quit()
        return reply.smtp() if reply.refuses else []

    assert visit()[0].startswith("451 4.7.1 Greylisted")
    assert site.keys("--state", "waiting") == [key]
    assert site.json("show", key)["next"]["why"] == "early"
    site.ctl("allow", "net:203.0.113.0/24")
    assert visit() == []
    site.ctl("unmark", "net:203.0.113.0/24")
    assert visit()[0].startswith("451 4.7.1 Greylisted")
    answers = site.json("stats", "--quick")["answers"]
    assert answers["new"] == 1 and answers["early"] == 1
    assert answers["allowed"] == 1


def test_what_is_changed_is_logged(filt: Steelyard) -> None:
    site = Site(filt.config, True)
    before = filt.log().count(" verb=greylist")
    site.ctl("block", NET, "--for", "1d")
    site.ctl("list")
    site.ctl("forget", "*", "--dry-run")
    site.ctl("forget", "*", "--yes")
    site.bring([triplet(NET, f"s{i}@example.org") for i in range(900)])
    lines = [line for line in filt.log().splitlines()
             if " verb=greylist" in line][before:]
    assert [re.findall(r"verb=(\S+)", line)[0] for line in lines] == \
        ["greylist-block", "greylist-forget", "greylist-import"]
    assert f"did=greylist-block identity={NET} for=86400 end=done" \
        in filt.log()


def test_writers_meet_nothing_odd_while_others_look(filt: Steelyard) -> None:
    site = Site(filt.config, True)
    site.clear()
    site.bring(triplet(f"net:10.0.{i % 256}.0/24", f"u{i}@x.org")
               for i in range(3000))
    command = [program("STEELYARDCTL", "steelyardctl"), "-c", filt.config,
               "greylist", "list", "--json"]
    # more of them than the socket serves at a time
    lists = [subprocess.Popen(command, stdout=subprocess.PIPE)
             for _ in range(12)]
    site.ctl("forget", "net:10.0.7.0/24", "--yes")
    for process in lists:
        listed = json.loads(process.communicate(timeout=60)[0])["entries"]
        assert process.returncode == 0
        keys = [row["key"] for row in listed]
        assert len(set(keys)) == len(keys)
        assert 3000 - 12 <= len(keys) <= 3000


# --- very many ---------------------------------------------------------------


# A process begins with the peak of who forked it, and pytest is large.
MEASURE = """\
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(site: Site, out: pathlib.Path, *words: object) -> int:
    """KiB that the tool had at most, its output in `out`."""
    with open(out, "wb") as file:
        done = subprocess.run(
            [sys.executable, "-S", "-E", "-c", MEASURE,
             program("STEELYARDCTL", "steelyardctl"), "-c", site.config,
             "greylist", *map(str, words)],
            stdout=file, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr)


def test_very_many_need_no_more_memory(filt: Steelyard,
                                       tmp_path: pathlib.Path) -> None:
    site = Site(filt.config, True)
    site.clear()
    file, out = tmp_path / "many", tmp_path / "out"
    with open(file, "w") as lines:
        for i in range(MANY):
            row = triplet(f"net:10.{i >> 8 & 255}.{i & 255}.0/24",
                          f"s{i}@example.org")
            lines.write(json.dumps(row) + "\n")
    few = peak(site, out, "list", "--limit", 2000, "--json")
    assert peak(site, out, "import", file) < few + 4096
    assert f"{MANY} taken" in out.read_text()
    assert peak(site, out, "list", "--json") < few + 4096
    keys = [row["key"] for row in json.loads(out.read_bytes())["entries"]]
    assert len(set(keys)) == len(keys) == MANY
    assert peak(site, out, "list") < few + 4096
    assert len(out.read_bytes().splitlines()) == MANY + 1
    assert peak(site, out, "export") < few + 4096
    assert len(out.read_bytes().splitlines()) == MANY
    assert site.json("stats")["count"]["waiting"] == MANY
    assert site.json("forget", "net:10.*", "--yes")["count"] == MANY
    assert site.keys("--identity", "net:10.*") == []
