"""Messages that kill who reads them (P2, P3), through a whole filter.

The header field X-Test-Fault says how the reader dies (poisoned.py).
"""

from __future__ import annotations

import time
from typing import Iterator

import pytest

from lib import wait
from lib.fakemta import FakeMta

from . import watch
from .figures import figure
from .poisoned import deaths, faulty_filter
from .running import Filter, deliver, greet, letter

RULES = """\
set inspect_timeout 1s
rule FROM_KNOWN   1.0 if from.domain is "example.net"
rule FROM_UNKNOWN 1.0 if from.domain is unknown
rule SUBJECT      1.0 if header("Subject") is "hello"
verdict reject at 50.0
"""

# what the reader does -> whether our own deadline ends it
FAULTS = {"crash": False, "abort": False, "exit": False, "escape": False,
          "garbage": False, "hang": True}


@pytest.fixture(name="filt")
def fixture_filt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Filter]:
    with faulty_filter(monkeypatch, RULES) as running:
        yield running


def symbols(mta: FakeMta, *fields: bytes) -> str:
    """What was found on one message; a fault never refuses it."""
    reply, msg = deliver(mta, letter(b"Subject: hello", *fields))
    assert reply.kind in ("accept", "continue"), reply
    marks = msg.values("X-Steelyard")
    assert len(marks) == 1, marks
    return str(marks[0])


@pytest.mark.parametrize("fault", FAULTS)
def test_poison(filt: Filter, fault: str) -> None:
    """Three deaths, then it is no longer read; the session never notices."""
    mta = filt.session()
    greet(mta)
    slowest = 0.0
    for number in range(5):
        began = time.monotonic()
        found = symbols(mta, b"X-Test-Fault: " + fault.encode())
        slowest = max(slowest, time.monotonic() - began)
        assert "FROM_UNKNOWN" in found, (number, found)
        assert "SUBJECT" not in found
        # The next one on the same link is read, by another inspector.
        wait.until("a new inspector", 10,
                   lambda: watch.inspectors_of(filt.supervisor))
        found = symbols(mta, b"X-Number: %d" % number)
        assert "FROM_KNOWN" in found and "SUBJECT" in found, (number, found)
    mta.quit()
    died = deaths(filt, FAULTS[fault] or fault == "garbage")
    figure("P3" if FAULTS[fault] else "P2", poison=fault, deaths=died,
           sessions_poisoned=0, max_answer_ms=slowest * 1000)
    assert died == 3
    assert slowest < 8
