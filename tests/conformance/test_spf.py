"""SPF: the RFC suites and others in their form (spf/*.yml).

Each case is a message that comes from its client.  A client on this machine is
not asked about by the filter; for it the evaluator alone must be right.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import subprocess
import tempfile
from typing import Any, Iterator

import pytest
import yaml

from lib.steelyard import program

from . import suites, visits, zone

NO_EXPLANATION = "DEFAULT"
# Where two suites have a case, the first of these counts.
NEWER = {"rfc4408-tests": "rfc7208-tests"}
QUESTIONS_MAX = 10 * 10 + 12  # to DNS, about one identity


@dataclasses.dataclass
class Case:
    """One, with what it accepts."""

    name: str
    visit: visits.Visit
    results: list[str]
    explanation: str | None

    def accepts(self, result: str, explanation: str | None) -> bool:
        if result not in self.results:
            return False
        if result != "fail" or self.explanation is None:
            return True
        if self.explanation == NO_EXPLANATION:
            return explanation is None
        return explanation == self.explanation

    @property
    def is_local(self) -> bool:
        address = ipaddress.ip_address(self.visit.client or "")
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback

    @property
    def wanted(self) -> str:
        said = f" ({self.explanation})" if self.explanation else ""
        return "|".join(self.results) + said


class Scenario:
    """Cases that share a zone."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.world = zone.of_zonedata(document.get("zonedata"))
        self.cases = [_case(name, test)
                      for name, test in (document.get("tests") or {}).items()]

    @functools.cached_property
    def found(self) -> dict[str, visits.Facts]:
        """By the filter."""
        facts = visits.facts_of([case.visit for case in self.cases],
                                self.world)
        return {case.name: one for case, one in zip(self.cases, facts)}

    @functools.cached_property
    def evaluated(self) -> dict[str, list[str]]:
        """By tests/conformance/spf_case.c, whose columns these are."""
        path = program("STEELYARD", "steelyard").parent
        with tempfile.NamedTemporaryFile("w", suffix=".zone") as world:
            world.write(self.world)
            world.flush()
            done = subprocess.run(
                [path / "tests/conformance/spf_case", world.name],
                input="".join(map(_line, self.cases)), text=True,
                stdout=subprocess.PIPE, timeout=60, check=True)
        return {case.name: line.split("\t") for case, line in
                zip(self.cases, done.stdout.splitlines(), strict=True)}


def _line(case: Case) -> str:
    """A case for the evaluator; %XX is a byte."""
    def field(text: str | None) -> str:
        return "".join(chr(byte) if 0x20 < byte < 0x7f and byte != 0x25
                       else f"%{byte:02X}"
                       for byte in zone.encoded(text or ""))

    visit = case.visit
    return "\t".join((field(visit.helo) or "%20", visit.client or "",
                      field(visit.sender))) + "\n"


def _case(name: str, test: dict[str, Any]) -> Case:
    results = test["result"]
    explanation = test.get("explanation")
    return Case(
        name=str(name),
        visit=visits.Visit(client=str(test["host"]),
                           helo=str(test.get("helo") or ""),
                           sender=str(test.get("mailfrom") or "")
                           .removeprefix("<").removesuffix(">")),
        results=[results] if isinstance(results, str) else list(results),
        explanation=None if explanation is None else str(explanation))


@functools.cache
def _scenarios(path: Any) -> list[Scenario]:
    with open(path, encoding="utf-8") as file:
        return [Scenario(document) for document in yaml.safe_load_all(file)
                if document]


def _all(config: pytest.Config) -> Iterator[Any]:
    for suite, path in suites.files(config, "spf/*.yml"):
        newer = NEWER.get(path.stem)
        counts = path.with_name(f"{newer}.yml") if newer else None
        instead = {case.name: case
                   for scenario in (_scenarios(counts) if counts
                                    and counts.exists() else [])
                   for case in scenario.cases}
        for scenario in _scenarios(path):
            for case in scenario.cases:
                yield pytest.param(suite, scenario, case,
                                   instead.get(case.name),
                                   id=f"{suite}:{case.name}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("suite, scenario, case, newer",
                         list(_all(metafunc.config)))


def test_spf(suite: str, scenario: Scenario, case: Case,
             newer: Case | None) -> None:
    """The null sender stands for HELO, and so does its result."""
    evaluated = scenario.evaluated[case.name]
    questions = int(evaluated[6])
    if case.is_local:
        assert scenario.found[case.name]["spf"] == "not asked"
        result, explanation = evaluated[0], evaluated[2]
        if explanation == "-":
            explanation = None
        suite += " (evaluator)"
    else:
        facts = scenario.found[case.name]
        result, explanation = facts["spf"] or "none", facts["spf.explanation"]
    right = case.accepts(result, explanation) and questions <= QUESTIONS_MAX
    got = result + (f" ({explanation})" if explanation is not None else "")
    if questions > QUESTIONS_MAX:
        got += f" after {questions} questions"
    contradicted = ""
    if (newer is not None and newer.wanted != case.wanted
            and newer.accepts(result, explanation)):
        contradicted = f"RFC 7208's suite wants {newer.wanted}"
    suites.settle(suite, case.name, got, case.wanted, right, contradicted)


def test_running(suite: str, scenario: Scenario, case: Case,
                 newer: Case | None, running: visits.Filter) -> None:
    """The same on the milter socket; explanations do not show there."""
    if case.is_local:
        return
    running.live_in(scenario.world)
    result = running.results_of(case.visit).word("spf") or "nothing"
    results = case.results + (newer.results if newer else [])
    suites.settle(f"{suite} (milter)", case.name, result, case.wanted,
                  result in results)
