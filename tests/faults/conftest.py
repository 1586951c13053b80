"""Starts filters; shows the figures, of all processes that tests ran in."""

from __future__ import annotations

import pathlib
from typing import Iterator

import pytest

from . import figures
from .family import Family, Start


@pytest.fixture(name="start")
def fixture_start(tmp_path: pathlib.Path) -> Iterator[Start]:
    """Starts a filter; what is started is stopped at the end."""
    started: list[Family] = []

    def start(folder: pathlib.Path = tmp_path, **options: object) -> Family:
        family = Family(folder, **options)  # type: ignore[arg-type]
        started.append(family)
        family.await_complete()
        return family

    yield start
    for family in started:
        print(f"--- the filter's log\n{family.log()[-20000:]}")
        family.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker process (pytest -n) hands over what it has noted ..."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = figures.all_lines()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """... to the one that shows it."""
    figures.take(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = figures.all_lines()
    if lines:
        terminalreporter.section("fault figures")
        for line in lines:
            terminalreporter.write_line(line)
