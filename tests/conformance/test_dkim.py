"""DKIM: signed messages of others (dkim/cases.tsv)."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import subprocess
import tempfile
import time
from typing import Any, Iterator

import pytest

from lib.steelyard import program

from . import suites, visits, zone

# Best first, where one result stands for all signatures.
ORDER = ["pass", "policy", "temperror", "fail", "permerror", "neutral", "none"]
# What one may say of a signature that RFC 8301 forbids, whatever it proves.
REFUSALS = {"policy", "permerror", "fail", "neutral"}
# Signatures that are verified, and so keys that are looked up.
VERIFIED_MAX = 8
NOW = int(time.time())  # one for all, as ages are compared


@dataclasses.dataclass
class Case:
    """A row of the table."""

    name: str
    message: pathlib.Path
    dns: pathlib.Path
    time: int | None
    expect: str
    weak: list[bool]  # of the first signatures

    def is_weak(self, number: int) -> bool:
        return number < len(self.weak) and self.weak[number]

    def accepts(self, results: list[str]) -> bool:
        if any(result == "pass" and self.is_weak(number)
               for number, result in enumerate(results)):
            return False
        if sum(result != "neutral" for result in results) > VERIFIED_MAX:
            return False
        if self.expect == "*":
            return True
        if self.expect == "pass*":
            return "pass" in results or (
                any(self.weak) and bool(REFUSALS & set(results)))
        if "," in self.expect:
            wanted = self.expect.split(",")
            return len(wanted) == len(results) and all(
                self._is(result, word, self.is_weak(number))
                for number, (result, word) in enumerate(zip(results, wanted)))
        best = min(results or ["none"], key=_rank)
        return self._is(best, self.expect, any(self.weak))

    def _is(self, result: str, wanted: str, weak: bool) -> bool:
        return result in wanted.split("|") or (weak and result in REFUSALS)

    @property
    def wanted(self) -> str:
        return self.expect + (" (weak)" if any(self.weak) else "")


def _rank(result: str) -> int:
    return ORDER.index(result) if result in ORDER else -1


@functools.cache
def _cases(path: pathlib.Path) -> list[Case]:
    return [
        Case(name=name, message=path.parent / "messages" / message,
             dns=path.parent / "dns" / f"{dns}.tsv",
             time=None if when in ("-", "") else int(when), expect=expect,
             weak=[word not in ("-", "") for word in weak.split(",")])
        for name, message, dns, when, expect, weak, _ in suites.rows(path, 7)]


def as_sent(message: bytes) -> bytes:
    """With CRLF at the end of each line, the last one included.

    A mailbox's line before the header is no part of the message.
    """
    if message.startswith(b"From "):
        message = message.partition(b"\n")[2]
    message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def _visit(case: Case) -> visits.Visit:
    return visits.Visit(message=as_sent(case.message.read_bytes()),
                        time=case.time)


@functools.cache
def _world(dns: pathlib.Path) -> str:
    return zone.of_rows((name, "TXT", text)
                        for name, text in suites.rows(dns, 2))


@functools.cache
def _found(path: pathlib.Path, dns: pathlib.Path) -> dict[str, visits.Facts]:
    """Of all cases that ask the same DNS."""
    cases = [case for case in _cases(path) if case.dns == dns]
    facts = visits.facts_of([_visit(case) for case in cases], _world(dns))
    return {case.name: one for case, one in zip(cases, facts)}


def _all(config: pytest.Config) -> Iterator[Any]:
    for suite, path in suites.files(config, "dkim/cases.tsv"):
        for case in _cases(path):
            # each source is a suite of its own
            source = case.name.split("/")[0]
            name = suite.removesuffix("cases") + source
            yield pytest.param(name, path, case, id=f"{name}:{case.name}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("suite, path, case", list(_all(metafunc.config)))


def test_dkim(suite: str, path: pathlib.Path, case: Case) -> None:
    facts = _found(path, case.dns)[case.name]
    results = facts["dkim.results"] or []
    if isinstance(results, str):
        results = [results]
    suites.settle(suite, case.name, ",".join(results) or "none", case.wanted,
                  case.accepts(results))


def test_running(suite: str, path: pathlib.Path, case: Case,
                 running: visits.Filter) -> None:
    """The same on the milter socket, where the time is now.

    Of many signatures the field names but some, in an order of its own.
    """
    facts = _found(path, case.dns)[case.name]
    if case.time is not None or len(facts["dkim.results"] or []) > VERIFIED_MAX:
        return
    running.live_in(_world(case.dns))
    results = running.results_of(_visit(case)).words("dkim")
    results = [] if results == ["none"] else results
    suites.settle(f"{suite} (milter)", case.name,
                  ",".join(results) or "none", case.wanted,
                  case.accepts(results))


def _verified(case: Case, piece: int) -> tuple[list[str], int]:
    """By tests/conformance/dkim_case.c: signatures' lines, questions asked."""
    path = program("STEELYARD", "steelyard").parent
    with tempfile.TemporaryDirectory(prefix="sy-suite-") as name:
        folder = pathlib.Path(name)
        (folder / "world.zone").write_text(_world(case.dns))
        (folder / "message").write_bytes(as_sent(case.message.read_bytes()))
        done = subprocess.run(
            [path / "tests/conformance/dkim_case", folder / "world.zone",
             str(case.time or NOW), folder / "message", str(piece)],
            text=True, stdout=subprocess.PIPE, timeout=60, check=True)
    *lines, last = done.stdout.splitlines()
    return lines, int(last.split()[0])


def test_verifier(suite: str, path: pathlib.Path, case: Case) -> None:
    """Few keys are looked up, and bytes that come one by one are the same."""
    found, questions = _verified(case, 1 << 20)
    assert questions <= VERIFIED_MAX
    assert _verified(case, 1)[0] == found
