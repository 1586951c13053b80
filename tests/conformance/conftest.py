"""One filter for all, and the suites' table at the end."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Iterator

import pytest

from . import suites, visits


@pytest.fixture(scope="session")
def running() -> Iterator[visits.Filter]:
    """A filter that lives in one world after the other."""
    with tempfile.TemporaryDirectory(prefix="sy-suite-") as name:
        one = visits.Filter(pathlib.Path(name))
        yield one
        one.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker process (pytest -n) hands over what it has counted ..."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["suites"] = suites.give()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """... to the one that shows it."""
    suites.take(getattr(node, "workeroutput", {}).get("suites", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter,
                            config: pytest.Config) -> None:
    """Cases, right, listed, wrong of each suite; then what is listed."""
    if not suites.counts:
        return
    put = terminalreporter.write_line
    put("")
    put(f"{'conformance':30} {'cases':>6} {'right':>6} {'listed':>7} "
        f"{'wrong':>6}")
    for suite, count in sorted(suites.counts.items()):
        numbers = count.right, len(count.listed), len(count.wrong)
        put(f"{suite:30} {sum(numbers):6} {numbers[0]:6} {numbers[1]:7} "
            f"{numbers[2]:6}")
    for suite, count in sorted(suites.counts.items()):
        for line in count.listed:
            put(f"listed: {suite} {line}")
    place = suites.others(config)
    if place is None:
        put(f"conformance: no {suites.BESIDE.relative_to(suites.TOP.parent)} "
            "beside the checkout and no --conformance DIR: only the RFCs' own "
            "examples were run")
    elif all(suite.startswith("rfc/") for suite in suites.counts):
        put(f"conformance: of {place} no case was run")
