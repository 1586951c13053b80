"""steelyardctl greylist list by pages, and stats over restarts."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
from typing import Iterator

import pytest

from faults.remembering import Greylister, Redis, key, once
from lib import wait
from lib.greylistsite import (NET, RULES, Site, alone, known, now, passed,
                              remembering, rows, triplet)

MANY = 1000
WAYS = ["filter", "files", "filter with redis", "redis"]


@pytest.fixture(params=WAYS)
def site(request: pytest.FixtureRequest, tmp_path: pathlib.Path
         ) -> Iterator[Site]:
    """An empty one, by each of the ways that lead to what is remembered."""
    with contextlib.ExitStack() as stack:
        settings = ""
        if "redis" in request.param:
            if shutil.which("redis-server") is None:
                pytest.skip("needs redis-server")
            server = stack.enter_context(Redis())
            settings = f'set redis_servers "127.0.0.1:{server.port}"\n'
        if "filter" in request.param:
            running = stack.enter_context(remembering(settings))
            yield Site(running.config, True)
        else:
            yield alone(tmp_path, settings + RULES)


def walk(site: Site, limit: int, *words: object) -> list[str]:
    """The keys of all pages, one after the other."""
    keys: list[str] = []
    after: list[str] = []
    while True:
        page = site.json("list", "--limit", limit, *after, *words)
        assert len(page["entries"]) <= limit
        keys += [row["key"] for row in page["entries"]]
        if not page["more"]:
            assert "after" not in page
            return keys
        assert len(page["entries"]) == limit
        after = ["--after", page["after"]]


def test_pages_have_each_row_once(site: Site) -> None:
    records = [triplet(f"net:10.0.{i % 250}.0/24", f"u{i}@x.org")
               for i in range(MANY - 300)]
    records += [passed("spf:example.org", f"o'u{i}@x.org")
                for i in range(200)]
    records += [known(f"spf:d{i}.example.org") for i in range(100)]
    site.bring(records)
    brought = sorted(record["key"] for record in records)
    assert len(brought) == MANY
    assert sorted(walk(site, 7)) == brought
    states = sorted(walk(site, 50, "--state", "passed"))
    assert states == [name for name in brought if "'" in name]
    kinds = walk(site, 30, "--kind", "identity")
    assert sorted(kinds) == [name for name in brought if " " not in name]
    # larger than what the filter gives at a time, and than all
    assert sorted(walk(site, 999)) == sorted(walk(site, 5000)) == brought


def test_what_is_printed_goes_on(site: Site) -> None:
    """As it stands there, behind the rows, it is the shell's."""
    site.bring(triplet(NET, f"o'u{i}@x.org") for i in range(40))
    keys, hint = [], ""
    for _ in range(50):
        done = site.run("list", "--limit", 9, *shlex.split(hint))
        assert done.returncode == 0, done.stderr
        keys += [line.split(maxsplit=6)[-1]
                 for line in done.stdout.splitlines()[1:]]
        told = re.findall("there may be more; go on with (--after .*)",
                          done.stderr)
        if not told:
            break
        hint = told[0]
    senders = [re.findall(r"o'u(\d+)@", line)[0] for line in keys]
    assert sorted(map(int, senders)) == list(range(40))


def test_no_limit_no_more(site: Site) -> None:
    site.bring(rows())
    assert site.json("list")["more"] is False
    assert site.json("list", "--limit", 6)["more"] is False
    assert "--after" not in site.run("list").stderr


@pytest.mark.parametrize("place", ["x", "12/x", "t" * 2000, "q 1", "\xff"])
def test_no_place(site: Site, place: str) -> None:
    site.bring([triplet(NET)])  # else there is no file to look into
    done = site.run("list", "--after", place)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--after" in done.stderr or "cursor" in done.stderr


# --- stats -------------------------------------------------------------------


def waiting(sender: str, ago: int, tries: int = 1) -> dict:
    record = triplet(NET, sender, ago)
    record["value"] = re.sub("tries=1", f"tries={tries}", record["value"])
    return record


def over(site: Site) -> tuple[int, int, float]:
    stats = site.json("stats", "--quick")
    assert now() - 600 < stats["back_since"] <= now()
    return (stats["never_back"], stats["came_back"],
            stats["never_back_share"])


def test_share_over_restarts() -> None:
    """Who came back is counted over a stop, a kill -9, and in the files."""
    with Greylister() as filt:
        site = Site(filt.config, True)
        early = waiting("gone@s.example", 172800 - 3)
        site.bring([waiting(f"{c}@s.example", 400) for c in "abc"] + [early])
        assert once(filt, "a@s.example") == "pass"
        wait.until("its end", 30, lambda: over(site) == (1, 1, 0.5))
        assert filt.stop() == 0
        site.runs = False
        assert over(site) == (1, 1, 0.5)
        told = site.ctl("stats")
        assert re.search(r"^never back  1 of 2 whose wait is over \(50%\), in",
                         told, re.MULTILINE)
        site.runs = True
        filt.start()
        assert once(filt, "b@s.example") == "pass"
        assert over(site) == (1, 2, pytest.approx(1 / 3))
        assert filt.stop() == 0
        filt.start()
        assert once(filt, "c@s.example") == "pass"
        assert over(site) == (1, 3, 0.25)
        os.kill(filt.pid, signal.SIGKILL)
        # what was counted since the start may be lost, and no more
        wait.until("the next one", 30, lambda: over(site)[:2] in
                   ((1, 2), (1, 3)))
        assert key("c@s.example") in filt.records()


def test_json_tells_its_classes(site: Site) -> None:
    site.bring([passed("spf:example.org")])
    stats = site.json("stats")
    limits = stats["waits_up_to"]
    assert len(limits) == len(stats["waits"]) == len(stats["count"]["waits"])
    assert limits[:3] == [1, 2, 4] and limits[-2:] == [2**22, None]
    assert stats["count"]["waits"][limits.index(512)] == 1  # 400 s


def test_a_shared_store_knows_no_share(site: Site) -> None:
    site.bring([triplet(NET)])
    stats = site.json("stats", "--quick")
    shared = stats["engine"] != "lmdb"
    assert (stats["never_back"] is None) is shared
    assert (stats["back_since"] is None) is shared
    assert stats["never_back_share"] is None and stats["came_back"] == 0
    assert ("never back  not known" in site.ctl("stats")) is shared
