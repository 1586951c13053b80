"""A site that greylists, its filter running or not, and steelyardctl for it."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import tempfile
import time
from typing import Iterable, Iterator

from . import wait
from .dnsserver import DnsServer
from .steelyard import Steelyard, program

RULES = """\
set greylist_known_after 5
greylist at 0 wait 5m window 2d keep 36d
"""
NET = "net:192.0.2.0/24"


class Site:
    """A configuration, whose filter runs or not, and the tool for it."""

    def __init__(self, config: pathlib.Path, runs: bool) -> None:
        self.config, self.runs = config, runs

    def run(self, *words: object, stdin: str = "",
            ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "-c", self.config,
             "greylist", *map(str, words)], input=stdin, text=True,
            capture_output=True, timeout=600, check=False)

    def ctl(self, *words: object, code: int = 0, stdin: str = "") -> str:
        """What it prints, be it an error."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == code, (done.stdout, done.stderr)
        told = done.stderr.splitlines(keepends=True)
        # that no filter runs is told first, where none does
        if told and told[0].endswith("this is from its files\n"):
            assert not self.runs
            told = told[1:]
        return done.stdout + "".join(told)

    def json(self, *words: object, code: int = 0) -> dict:
        return json.loads(self.ctl("--json", *words, code=code))

    def keys(self, *words: object) -> list[str]:
        return [row["key"] for row in self.json("list", *words)["entries"]]

    def clear(self) -> None:
        """What other tests left behind, in a filter that has a store."""
        self.ctl("forget", "*", "--yes")
        self.ctl("forget", "--kind", "outbound", "--yes")

    def bring(self, records: Iterable[dict]) -> None:
        text = "".join(json.dumps(record) + "\n" for record in records)
        self.ctl("import", stdin=text)


def now() -> int:
    return int(time.time())


def triplet(identity: str, sender: str = "a@example.org",
            ago: int = 90) -> dict:
    return {"kind": "triplet", "key": f"{identity} {sender} b@dest.example",
            "value": f"1 waiting first={now() - ago} tried={now() - ago} "
                     "tries=1 round=0", "expires": now() + 172800 - ago}


def passed(identity: str, sender: str = "c@example.org") -> dict:
    return {"kind": "triplet", "key": f"{identity} {sender} b@dest.example",
            "value": f"1 passed last={now() - 7300} first={now() - 7700} "
                     "waited=400 uses=3", "expires": now() + 3000000}


def known(identity: str) -> dict:
    return {"kind": "identity", "key": identity,
            "value": f"1 identity passes=9 round=0 counted={now() - 7300} "
                     f"last={now() - 7300}", "expires": now() + 3000000}


def trapped(identity: str) -> dict:
    return {"kind": "identity", "key": identity,
            "value": f"1 identity passes=0 round={now() - 90} "
                     f"trapped={now() - 90} for=86400",
            "expires": now() + 90000}


def written(address: str) -> dict:
    return {"kind": "outbound", "key": address,
            "value": f"1 outbound last={now() - 90}",
            "expires": now() + 2000000}


def rows() -> list[dict]:
    """One who waits, one who has passed and is known, and so on."""
    return [triplet(NET), passed("spf:example.org"), known("spf:example.org"),
            trapped("net:198.51.100.0/24"), written("d@example.com")]


def alone(folder: pathlib.Path, rules: str = RULES) -> Site:
    """A configuration whose filter does not run."""
    (folder / "state").mkdir(0o700, exist_ok=True)
    config = folder / "s.conf"
    config.write_text(f'set control_socket "unix:{folder}/control.sock"\n'
                      f'set state_dir "{folder}/state"\n' + rules)
    return Site(config, False)


@contextlib.contextmanager
def remembering(settings: str = "") -> Iterator[Steelyard]:
    """A filter that runs and greylists everybody; its DNS knows nothing."""
    with DnsServer() as dns, \
            tempfile.TemporaryDirectory(prefix="sy-grey-") as name:
        running = Steelyard(
            f'set dns_servers "{dns.servers}"\n' + settings + RULES,
            pathlib.Path(name) / "milter.sock")
        try:
            site = Site(running.config, True)
            wait.until("its memory", 10, lambda: site.run(
                "stats", "--quick").returncode == 0)
            yield running
        finally:
            running.close()
