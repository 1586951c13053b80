"""Shared by all Python tests: where things are, and one MTA of each kind.

The environment says what to test; tests/run-pytest sets it:
    STEELYARD, STEELYARDCTL   the built programs
    STEELYARD_NOOP            the filter that does nothing (tests/bench/noop)
    STEELYARD_MTA             the folder that tests/mta/unpack filled
    STEELYARD_MTAS            which MTAs to use; all of "fake postfix sendmail"
    STEELYARD_DNS             the folder that tests/dns/unpack fills; unset,
                              there are no real name servers
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any, Callable, Generator, Iterator

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib import fakesmtp, mta, postfix, room, sendmail  # noqa: E402
from lib.dnsserver import DnsServer  # noqa: E402
from lib.talk import MTAS  # noqa: E402


collect_ignore = []
if "STEELYARD_DNS" not in os.environ:
    collect_ignore.append("dns/test_dnsreal.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", metavar="DIR",
        default=os.environ.get("CONFORMANCE") or None,
        help="cases of others, for tests/conformance; default is "
             "../shared/conformance beside the checkout")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "alone: measures how quick something is, or brings a load "
        "of its own; tests/run-pytest runs all others side by side")
    given = config.getoption("conformance")
    if given and not pathlib.Path(given).is_dir():
        raise pytest.UsageError(f"--conformance {given}: no such folder")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    """What cannot run has failed, where CI is to find that out.

    Reasons of what nobody wanted to run begin with "left out".
    """
    report = (yield).get_result()
    if report.skipped and "CI" in os.environ:
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith("left out"):
            report.outcome = "failed"
            report.longrepr = f"cannot run here: {reason}"


def chosen_mtas() -> list[str]:
    """The MTAs this run uses."""
    return os.environ.get("STEELYARD_MTAS", " ".join(MTAS)).split()


def unpacked() -> pathlib.Path:
    """The folder with the unpacked MTAs."""
    folder = pathlib.Path(os.environ.get("STEELYARD_MTA", "mta")).resolve()
    if not (folder / ".unpacked").exists():
        raise room.Unavailable(f"{folder}: nothing unpacked; see tests/mta/unpack")
    return folder


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    """A fake DNS server that knows nothing yet."""
    with DnsServer() as server:
        yield server


MtaFactory = Callable[[str], mta.Mta]


@pytest.fixture(scope="session")
def mta_named() -> Iterator[MtaFactory]:
    """Gives the MTA of a name, started when first asked for."""
    running: dict[str, mta.Mta] = {}
    failed: set[str] = set()

    def get(name: str) -> mta.Mta:
        if name in failed:
            # Said once, by the test that failed for it.
            pytest.skip(f"no {name} here, see the first failure")
        if name not in running:
            why = try_start(name, running)
            if why:
                failed.add(name)
                pytest.fail(f"{name}: {why}", pytrace=False)
        return running[name]

    yield get
    for server in running.values():
        server.close()


def try_start(name: str, running: dict[str, mta.Mta]) -> str | None:
    """Start an MTA into `running`; returns why it cannot be."""
    kinds = {"postfix": postfix.Postfix, "sendmail": sendmail.Sendmail}
    if name == "fake":
        running[name] = fakesmtp.FakeSmtp()
        return None
    why = room.why_not()
    if why:
        return why
    try:
        running[name] = kinds[name](unpacked())
    except room.Unavailable as exc:
        return str(exc)
    return None
