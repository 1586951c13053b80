"""SPF: the RFC suites and others in their form (spf/*.yml)."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Iterator

import pytest
import yaml

from . import suites, visits, zone

NO_EXPLANATION = "DEFAULT"
# Where two suites have a case, the first of these counts.
NEWER = {"rfc4408-tests": "rfc7208-tests"}


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
    def wanted(self) -> str:
        said = f" ({self.explanation})" if self.explanation else ""
        return "|".join(self.results) + said


class Scenario:
    """Cases that share a zone."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.zonedata = document.get("zonedata")
        self.cases = [_case(name, test)
                      for name, test in (document.get("tests") or {}).items()]

    @functools.cached_property
    def found(self) -> dict[str, visits.Facts]:
        facts = visits.facts_of([case.visit for case in self.cases],
                                zone.of_zonedata(self.zonedata))
        return {case.name: one for case, one in zip(self.cases, facts)}


def _case(name: str, test: dict[str, Any]) -> Case:
    results = test["result"]
    explanation = test.get("explanation")
    return Case(
        name=str(name),
        visit=visits.Visit(client=str(test["host"]),
                           helo=str(test.get("helo") or ""),
                           sender=str(test.get("mailfrom") or "")),
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
    facts = scenario.found[case.name]
    result = facts["spf"] or "none"
    explanation = facts["spf.explanation"]
    got = result + (f" ({explanation})" if explanation is not None else "")
    contradicted = ""
    if newer is not None and newer.wanted != case.wanted:
        if newer.accepts(result, explanation):
            contradicted = f"RFC 7208's suite wants {newer.wanted}"
    suites.settle(suite, case.name, got, case.wanted,
                  case.accepts(result, explanation), contradicted)
