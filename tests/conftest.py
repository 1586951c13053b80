"""Shared by all Python tests: where things are, and one MTA of each kind.

The environment says what to test; tests/run-pytest sets it:
    STEELYARD, STEELYARDCTL   the built programs
    STEELYARD_NOOP            the filter that does nothing (tests/bench/noop)
    STEELYARD_MTA             the folder that tests/mta/unpack filled
    STEELYARD_MTAS            which MTAs to use; all of "fake postfix sendmail"
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Callable, Iterator

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lib import fakesmtp, mta, postfix, room, sendmail  # noqa: E402
from lib.talk import MTAS  # noqa: E402


def chosen_mtas() -> list[str]:
    """The MTAs this run uses."""
    return os.environ.get("STEELYARD_MTAS", " ".join(MTAS)).split()


def unpacked() -> pathlib.Path:
    """The folder with the unpacked MTAs."""
    folder = pathlib.Path(os.environ.get("STEELYARD_MTA", "mta")).resolve()
    if not (folder / ".unpacked").exists():
        raise room.Unavailable(f"{folder}: nothing unpacked; see tests/mta/unpack")
    return folder


MtaFactory = Callable[[str], mta.Mta]


@pytest.fixture(scope="session")
def mta_named() -> Iterator[MtaFactory]:
    """Gives the MTA of a name, started when first asked for."""
    running: dict[str, mta.Mta] = {}
    failed: dict[str, str] = {}

    def get(name: str) -> mta.Mta:
        if name in failed:
            pytest.fail(failed[name], pytrace=False)
        if name not in running:
            try:
                running[name] = start(name)
            except room.Unavailable as exc:
                # Said once in full; the tests after it fail for that cause.
                failed[name] = f"{name}: {exc}"
                pytest.fail(failed[name], pytrace=False)
        return running[name]

    yield get
    for server in running.values():
        server.close()


def start(name: str) -> mta.Mta:
    """Start an MTA, or raise room.Unavailable."""
    if name == "fake":
        return fakesmtp.FakeSmtp()
    why = room.why_not()
    if why:
        raise room.Unavailable(why)
    kind = {"postfix": postfix.Postfix, "sendmail": sendmail.Sendmail}[name]
    return kind(unpacked())
