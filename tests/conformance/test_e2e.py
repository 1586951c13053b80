"""Whole messages, by a filter that runs (dmarc/e2e/cases.tsv).

What `steelyardctl test` says of a message, and the Authentication-Results that
the running filter gives it on its milter socket, must both be right.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any, Iterator

import pytest

from . import suites, visits, zone
from .test_dkim import as_sent
from .test_dmarc import BOTH, LIST, compare

NOBODY = "192.0.2.1"  # a client, where the case has none
HELO = "mail.nowhere.invalid"
# A suite that knows the list alone counts for the list, and for the default.
# By the walk alone a domain without a record of its own may belong to nobody
# (RFC 9989 section 4.10.2).
WAYS = {"both": [BOTH, LIST], "rfc7489": [LIST], "rfc9989": [BOTH]}


@dataclasses.dataclass
class Case:
    """A row of the table."""

    name: str
    message: pathlib.Path
    client: str
    sender: str
    result: str
    policy: str
    way: str

    def visit(self) -> visits.Visit:
        return visits.Visit(
            message=as_sent(self.message.read_bytes()),
            client=NOBODY if self.client == "-" else self.client,
            helo=HELO,
            sender="" if self.sender == "-" else self.sender)


@functools.cache
def _cases(path: pathlib.Path) -> list[Case]:
    return [Case(name, path.parent / "messages" / message, client, sender,
                 result, policy, way)
            for name, message, client, sender, result, policy, spec
            in suites.rows(path, 7) for way in WAYS[spec.strip() or "both"]]


def _world(path: pathlib.Path) -> str:
    return zone.of_rows((name, kind, text) for name, kind, text
                        in suites.rows(path.parent / "dns.tsv", 3))


@functools.cache
def _found(path: pathlib.Path, way: str) -> dict[str, visits.Facts]:
    cases = [case for case in _cases(path) if case.way == way]
    facts = visits.facts_of([case.visit() for case in cases], _world(path),
                            f"set dmarc_discovery {way}\n")
    return {case.name: one for case, one in zip(cases, facts)}


def _all(config: pytest.Config) -> Iterator[Any]:
    for suite, path in suites.files(config, "dmarc/e2e/cases.tsv"):
        name = suite.removesuffix("/cases")
        for case in _cases(path):
            yield pytest.param(name, path, case,
                               id=f"{name}:{case.name}:{case.way}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("suite, path, case", list(_all(metafunc.config)))


def _expect(case: Case) -> dict[str, str]:
    expect = {"result": case.result}
    if case.policy not in ("-", ""):
        expect["policy"] = case.policy
    return expect


def test_facts(suite: str, path: pathlib.Path, case: Case) -> None:
    facts = _found(path, case.way)[case.name]
    compare(f"{suite} ({case.way})", case.name, _expect(case),
            {"result": facts["dmarc"], "policy": facts["dmarc.policy"]})


def test_running(suite: str, path: pathlib.Path, case: Case,
                 running: visits.Filter) -> None:
    running.live_in(_world(path), f"set dmarc_discovery {case.way}\n")
    results = running.results_of(case.visit())
    compare(f"{suite} ({case.way}, milter)", case.name, _expect(case),
            {"result": results.word("dmarc"),
             "policy": results.word("policy.dmarc")})
