"""Shows the figures, of all processes that tests ran in."""

from __future__ import annotations

import pytest

from . import figures


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
