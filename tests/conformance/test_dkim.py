"""DKIM: signed messages of others (dkim/cases.tsv)."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any, Iterator

import pytest

from . import suites, visits, zone

# Best first, where one result stands for all signatures.
ORDER = ["pass", "policy", "temperror", "fail", "permerror", "neutral", "none"]
# What one may say of a signature that RFC 8301 forbids, whatever it proves.
REFUSALS = {"policy", "permerror", "fail", "neutral"}
# Signatures that are verified, and so keys that are looked up.
VERIFIED_MAX = 8


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
             time=None if time in ("-", "") else int(time), expect=expect,
             weak=[word not in ("-", "") for word in weak.split(",")])
        for name, message, dns, time, expect, weak, _ in suites.rows(path, 7)]


def as_sent(message: bytes) -> bytes:
    """With CRLF at the end of each line, the last one included."""
    message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return message if message.endswith(b"\r\n") else message + b"\r\n"


@functools.cache
def _found(path: pathlib.Path, dns: pathlib.Path) -> dict[str, visits.Facts]:
    """Of all cases that ask the same DNS."""
    cases = [case for case in _cases(path) if case.dns == dns]
    world = zone.of_rows((name, "TXT", text)
                         for name, text in suites.rows(dns, 2))
    facts = visits.facts_of(
        [visits.Visit(message=as_sent(case.message.read_bytes()),
                      time=case.time) for case in cases], world)
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
